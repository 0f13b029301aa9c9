//! Logical lines: the stretches between two ends of a statement, whatever rows they take.
//!
//! A parenthesised import, a call over five rows, a decorator and the head of a function are each
//! one. They are read from the tokens, so that a string that looks like code or like a comment is
//! still a string.

use serde::{Deserialize, Serialize};

use crate::summary::Range;
use crate::syntax::{Parsed, TokenKind};

/// One logical line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogicalLine {
    /// From its first token to where the row of its last one ends, comments included.
    pub(crate) range: Range,
    /// The function or class whose body it is in: an index into [`LogicalLines::scopes`].
    pub(crate) scope: usize,
}

/// A comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Comment {
    /// Where.
    pub(crate) range: Range,
    /// Nothing else is on its row.
    pub(crate) alone: bool,
}

/// A place behind which a comment can be put: the end of a row, outside strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowEnd {
    /// Where the last token of the row ends, that may be a comment.
    pub(crate) content: u32,
    /// Where the line end begins.
    pub(crate) end: u32,
}

/// The logical lines of a file, and what stands between them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LogicalLines {
    /// In order.
    pub(crate) lines: Vec<LogicalLine>,
    /// In order.
    pub(crate) comments: Vec<Comment>,
    /// In order.
    pub(crate) row_ends: Vec<RowEnd>,
    /// Qualified names of functions and classes; the first is the module, without a name.
    pub(crate) scopes: Vec<String>,
}

impl LogicalLines {
    /// Read them from the tokens of a file.
    pub(crate) fn new(parsed: &Parsed, text: &str) -> Self {
        let mut reader = Reader {
            text,
            found: Self { scopes: vec![String::new()], ..Self::default() },
            start: None,
            content: 0,
            row_start: true,
            strings: 0,
            words: 0,
            names_next: false,
            opened: None,
            blocks: vec![0],
        };
        for (kind, range) in parsed.tokens() {
            reader.token(kind, range.start().to_u32(), range.end().to_u32());
        }
        reader.found
    }

    /// The logical line that holds the byte at `offset`.
    pub(crate) fn at(&self, offset: u32) -> Option<&LogicalLine> {
        self.lines.get(self.index_at(offset)?)
    }

    /// Which one of [`lines`](Self::lines) it is.
    pub(crate) fn index_at(&self, offset: u32) -> Option<usize> {
        let after = self.lines.partition_point(|line| line.range.start <= offset);
        let index = after.checked_sub(1)?;
        (offset <= self.lines.get(index)?.range.end).then_some(index)
    }
}

struct Reader<'t> {
    text: &'t str,
    found: LogicalLines,
    /// Where the logical line begins that is being read.
    start: Option<u32>,
    /// Where the last token that is no line end ends.
    content: u32,
    /// No token of the row has been seen.
    row_start: bool,
    /// Formatted strings open here.
    strings: usize,
    /// Words of the logical line seen.
    words: usize,
    /// The last word was `def` or `class`, and began the line.
    names_next: bool,
    /// The scope that the line opens, should a block follow.
    opened: Option<usize>,
    /// The scopes of the open blocks.
    blocks: Vec<usize>,
}

impl Reader<'_> {
    fn token(&mut self, kind: TokenKind, start: u32, end: u32) {
        let scope = self.blocks.last().copied().unwrap_or_default();
        match kind {
            TokenKind::Comment => {
                let range = Range { start, end };
                self.found.comments.push(Comment { range, alone: self.row_start });
                self.content = end;
            }
            TokenKind::NonLogicalNewline => self.row(start),
            TokenKind::Newline => {
                self.row(start);
                if let Some(first) = self.start.take() {
                    let range = Range { start: first, end: start };
                    self.found.lines.push(LogicalLine { range, scope });
                }
                self.words = 0;
                self.names_next = false;
            }
            TokenKind::Indent => self.blocks.push(self.opened.take().unwrap_or(scope)),
            TokenKind::Dedent => {
                if self.blocks.len() > 1 {
                    self.blocks.pop();
                }
            }
            TokenKind::EndOfFile => {}
            _ => {
                self.word(kind, start, end, scope);
                self.start.get_or_insert(start);
                self.content = end;
                self.row_start = false;
            }
        }
    }

    fn row(&mut self, end: u32) {
        if self.strings == 0 && !self.row_start {
            self.found.row_ends.push(RowEnd { content: self.content.min(end), end });
        }
        self.row_start = true;
    }

    fn word(&mut self, kind: TokenKind, start: u32, end: u32, scope: usize) {
        match kind {
            TokenKind::FStringStart | TokenKind::TStringStart => self.strings += 1,
            TokenKind::FStringEnd | TokenKind::TStringEnd => {
                self.strings = self.strings.saturating_sub(1);
            }
            TokenKind::Name if self.names_next => {
                let name = self.text.get(start as usize..end as usize).unwrap_or_default();
                let outer = self.found.scopes.get(scope).map_or("", String::as_str);
                let name =
                    if outer.is_empty() { name.to_owned() } else { format!("{outer}.{name}") };
                self.opened = Some(self.found.scopes.len());
                self.found.scopes.push(name);
            }
            _ => {}
        }
        if self.words == 0 {
            self.opened = None;
        }
        self.names_next = match kind {
            TokenKind::Def | TokenKind::Class => self.words <= 1,
            _ => false,
        };
        self.words += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse_module;

    fn read(text: &str) -> (LogicalLines, Vec<String>) {
        let parsed = parse_module(text).expect("shallow");
        let lines = LogicalLines::new(&parsed, text);
        let slice = |range: Range| text[range.start as usize..range.end as usize].to_owned();
        let texts = lines.lines.iter().map(|line| slice(line.range)).collect();
        (lines, texts)
    }

    #[test]
    fn a_line_is_a_statement_or_a_head_of_one() {
        let (_, texts) = read(
            "# c\n@dec(\n  1,\n)  # d\ndef f(x,\n      y): # e\n  a = '''\nx\n''' + \\\n  b\n  c; d",
        );
        assert_eq!(
            texts,
            ["@dec(\n  1,\n)  # d", "def f(x,\n      y): # e", "a = '''\nx\n''' + \\\n  b", "c; d"]
        );
    }

    #[test]
    fn scopes_have_qualified_names() {
        let (lines, texts) = read(
            "a\nclass C:\n  b\n  async def f(self): c\n  def g(self):\n    if x:\n      d\n  e\nh",
        );
        let scope = |text: &str| {
            let at = texts.iter().position(|found| found == text).expect("there");
            &*lines.scopes[lines.lines[at].scope]
        };
        for (text, name) in [("a", ""), ("b", "C"), ("d", "C.g"), ("e", "C"), ("h", "")] {
            assert_eq!(scope(text), name, "{text}");
        }
    }

    #[test]
    fn no_row_ends_inside_a_string_or_at_a_backslash() {
        let text = "a = '''\n'''\nb = \\\n c # d\ne = (1,  \n 2)\nf'''{\n1}'''\n\n";
        let (lines, _) = read(text);
        let rows: Vec<&str> = lines
            .row_ends
            .iter()
            .map(|row| text[..row.content as usize].rsplit('\n').next().unwrap_or_default())
            .collect();
        assert_eq!(rows, ["'''", " c # d", "e = (1,", " 2)", "1}'''"]);
    }
}
