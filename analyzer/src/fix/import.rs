//! One import statement without some of its names.

use super::Fixer;
use super::symbols::Import;
use crate::rewrite::Edit;
use crate::summary::Range;
use crate::syntax::{Ranged as _, TextRange, TokenKind, ast};

/// What is to become of a statement.
pub(super) struct Statement<'s, 'a> {
    pub(super) fixer: &'s Fixer<'a>,
    pub(super) import: &'s Import<'a>,
    /// The names that go.
    pub(super) removed: &'s [&'s ast::Alias],
    /// The import that is wanted instead.
    pub(super) new: Option<&'s str>,
    /// Whether its block has others.
    pub(super) deletable: bool,
}

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    /// In order.
    pub(super) edits: Vec<Edit>,
    /// Nothing is left of it.
    pub(super) deleted: bool,
}

/// Take the names off, and put the new import there.
pub(super) fn rewrite(statement: &Statement<'_, '_>) -> Result<Rewritten, String> {
    let going = |alias: &ast::Alias| statement.removed.iter().any(|r| r.range == alias.range);
    let names = statement.import.names;
    if names.iter().all(going) {
        return statement.replace();
    }
    let mut edits = statement.insert();
    statement.take_off(names, &going, &mut edits);
    Ok(Rewritten { edits, deleted: false })
}

impl Statement<'_, '_> {
    fn text(&self) -> &str {
        self.fixer.source.text()
    }

    fn range(&self) -> Range {
        range_of(self.import.range)
    }

    /// The tokens of the statement.
    fn tokens(&self) -> impl Iterator<Item = (TokenKind, Range)> {
        let range = self.range();
        self.fixer
            .parsed
            .tokens()
            .map(|(kind, at)| (kind, range_of(at)))
            .skip_while(move |(_, at)| at.start < range.start)
            .take_while(move |(_, at)| at.end <= range.end)
    }

    /// All of the statement goes.
    fn replace(&self) -> Result<Rewritten, String> {
        let range = self.range();
        let comment = self.tokens().find(|(kind, _)| *kind == TokenKind::Comment);
        if let Some((_, at)) = comment {
            let row = self.fixer.row(at.start);
            return Err(format!("the comment in row {row} is inside the import"));
        }
        let edit = |text: &str| vec![Edit { range, text: text.to_owned() }];
        if let Some(new) = self.new {
            return Ok(Rewritten { edits: edit(new), deleted: false });
        }
        let text = self.text();
        let start = line_start(text, range.start);
        let end = line_end(text, range.end);
        let after = slice(text, range.end, end);
        if self.deletable && self.begins_line() && is_blank(after) {
            let range = Range { start, end: after_line_end(text, end) };
            let edits = vec![Edit { range, text: String::new() }];
            return Ok(Rewritten { edits, deleted: true });
        }
        Ok(Rewritten { edits: edit("pass"), deleted: false })
    }

    /// The new import, before what is left.
    fn insert(&self) -> Vec<Edit> {
        let Some(new) = self.new else { return Vec::new() };
        let (text, at) = (self.text(), self.range().start);
        let put = if self.begins_line() {
            let indent = slice(text, line_start(text, at), at);
            format!("{new}{}{indent}", line_end_of(text, at))
        } else {
            format!("{new}; ")
        };
        vec![Edit::insert(at, put)]
    }

    /// Whether nothing but blanks is before it on its line, nor a backslash before those.
    fn begins_line(&self) -> bool {
        let (text, at) = (self.text(), self.range().start);
        let start = line_start(text, at);
        let before = slice(text, 0, start).trim_end_matches(['\n', '\r']);
        is_blank(slice(text, start, at)) && !before.ends_with('\\')
    }

    /// Names out of a list of which others stay.
    fn take_off(
        &self,
        names: &[ast::Alias],
        going: &impl Fn(&ast::Alias) -> bool,
        edits: &mut Vec<Edit>,
    ) {
        let text = self.text();
        let tokens: Vec<_> = self.tokens().collect();
        let ranges: Vec<Range> = names.iter().map(|alias| range_of(alias.range())).collect();
        let comma_after = |at: u32| {
            let next = tokens.iter().find(|(kind, range)| {
                range.start >= at
                    && !matches!(kind, TokenKind::Comment | TokenKind::NonLogicalNewline)
            });
            next.filter(|(kind, _)| *kind == TokenKind::Comma).map(|(_, range)| range.end)
        };
        let comment_in = |range: Range| {
            tokens.iter().any(|(kind, at)| {
                *kind == TokenKind::Comment && range.start <= at.start && at.end <= range.end
            })
        };
        // The last names go with the comma before them, where none follows.
        let kept = names.iter().rposition(|alias| !going(alias)).unwrap_or_default();
        let mut until = names.len();
        if let (Some(kept), Some(last)) = (ranges.get(kept), ranges.last()) {
            let tail = Range { start: kept.end, end: last.end };
            if tail.start < tail.end && comma_after(tail.end).is_none() && !comment_in(tail) {
                edits.push(Edit { range: tail, text: String::new() });
                until = names.iter().rposition(|alias| !going(alias)).unwrap_or_default();
            }
        }
        for (alias, range) in names.iter().zip(&ranges).take(until) {
            if !going(alias) {
                continue;
            }
            let end = comma_after(range.end).unwrap_or(range.end);
            edits.push(Edit {
                range: self.with_blanks(range.start, end, text),
                text: String::new(),
            });
        }
        edits.sort();
    }

    /// A stretch with the blanks that would be left over: behind it, before it at a line's end, or
    /// all of its line.
    fn with_blanks(&self, start: u32, end: u32, text: &str) -> Range {
        let end = end + blanks(slice(text, end, narrow(text.len())).chars());
        let at_end = matches!(text.as_bytes().get(end as usize), Some(b'\n' | b'\r'));
        if !at_end {
            let comment = text.as_bytes().get(end as usize) == Some(&b'#');
            // The blanks before a comment stay.
            let end = if comment {
                slice(text, 0, end).trim_end_matches([' ', '\t']).len()
            } else {
                end as usize
            };
            return Range { start, end: narrow(end) };
        }
        let first = line_start(text, start);
        if is_blank(slice(text, first, start)) && first > self.range().start {
            return Range { start: first, end: after_line_end(text, end) };
        }
        let before = slice(text, first, start);
        Range { start: start - blanks(before.chars().rev()), end }
    }
}

fn blanks(text: impl Iterator<Item = char>) -> u32 {
    narrow(text.take_while(|c| matches!(c, ' ' | '\t')).count())
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' ' | '\t' | '\u{c}'))
}

fn slice(text: &str, start: u32, end: u32) -> &str {
    text.get(start as usize..end as usize).unwrap_or_default()
}

/// Where the line of an offset begins.
fn line_start(text: &str, at: u32) -> u32 {
    let before = slice(text, 0, at);
    narrow(before.rfind(['\n', '\r']).map_or(0, |end| end + 1))
}

/// Where the line of an offset ends, its line end not included.
fn line_end(text: &str, at: u32) -> u32 {
    let rest = slice(text, at, narrow(text.len()));
    at + narrow(rest.find(['\n', '\r']).unwrap_or(rest.len()))
}

/// Behind the line end that begins there, if one does.
fn after_line_end(text: &str, at: u32) -> u32 {
    let rest = slice(text, at, narrow(text.len()));
    at + if rest.starts_with("\r\n") { 2 } else { u32::from(rest.starts_with(['\n', '\r'])) }
}

/// The line end that is used around there.
fn line_end_of(text: &str, at: u32) -> &str {
    let own = line_end(text, at);
    let end = if own as usize == text.len() {
        // The last line has none: as the one before it.
        let before = slice(text, 0, line_start(text, at));
        let content = before.strip_suffix("\r\n").or_else(|| before.strip_suffix(['\n', '\r']));
        narrow(content.map_or(0, str::len))
    } else {
        own
    };
    match slice(text, end, after_line_end(text, end)) {
        "" => "\n",
        found => found,
    }
}

fn range_of(range: TextRange) -> Range {
    Range { start: range.start().to_u32(), end: range.end().to_u32() }
}

fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
