//! How deep a tree can become, bounded from the text before there is one, and from its tokens.
//!
//! Brackets nest; between commas, operators, attributes, calls and keywords may each add a level.
//! The bound is generous (most words add none), so a limit must be far above what people write.
//! Neither reading of a hostile text is trusted alone: the bytes are read here, the tokens by the
//! parser's own lexer, and where a text is broken the two may differ.

use memchr::{memchr, memchr2, memchr3};
use ruff_python_ast::token::TokenKind;

/// Formatted strings in formatted strings: CPython takes 150 (`MAXFSTRINGLEVEL` in
/// `Parser/lexer/state.h`), and looking ahead costs the parser as much as there are open.
pub const MOST_STRINGS: usize = 1_000;

/// Blocks in blocks: CPython takes 100 (`MAXINDENT` in `Parser/lexer/state.h`).
pub const MOST_BLOCKS: usize = 1_000;

/// The most levels any reading of a text could find in it: its words and signs, in code or not.
///
/// Most large files have fewer than the limit. The loop is one that compilers turn into vectors.
pub(super) fn most(text: &[u8]) -> usize {
    /// Bytes of which one byte can hold the count.
    const RUN: usize = 128;
    let word = |byte: u8| {
        u8::from((byte | 0x20).wrapping_sub(b'a') < 26)
            | u8::from(byte.wrapping_sub(b'0') < 10)
            | u8::from(byte == b'_')
            | u8::from(byte >= 0x80)
    };
    let blank = |byte: u8| u8::from(byte <= b' ');
    let next = text.get(1..).unwrap_or_default();
    let runs = text.chunks(RUN).zip(next.chunks(RUN));
    let counted = runs.map(|(run, next)| {
        let mut count = 0_u8;
        for (byte, next) in run.iter().zip(next) {
            let word_ends = word(*byte) & (word(*next) ^ 1);
            let sign = (word(*byte) | blank(*byte)) ^ 1;
            count = count.wrapping_add(word_ends + sign);
        }
        usize::from(count)
    });
    counted.sum::<usize>() + 2
}

/// The offset at which nesting may exceed the limit, as far as the bytes of a text say.
pub(super) fn in_text(text: &[u8], limit: usize) -> Option<usize> {
    let mut nesting = Nesting::default();
    let mut at = 0;
    while at < text.len() {
        let step = match nesting.text_string() {
            Some(string) => step_in_string(&mut nesting, text, at, string),
            None => step_in_code(&mut nesting, text, at),
        };
        if nesting.exceeds(limit) {
            return Some(at);
        }
        at += step;
    }
    None
}

/// Whether nesting may exceed the limit, as far as tokens say.
pub(super) fn in_tokens(kinds: impl IntoIterator<Item = TokenKind>, limit: usize) -> bool {
    let mut nesting = Nesting::default();
    let mut blocks = 0_usize;
    for kind in kinds {
        match kind {
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => nesting.open(Kind::Bracket),
            TokenKind::FStringStart | TokenKind::TStringStart => {
                nesting.open(Kind::Text(PlainString::default()));
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => nesting.close(),
            TokenKind::FStringEnd | TokenKind::TStringEnd => nesting.end_string(),
            TokenKind::Lambda => nesting.open(Kind::Lambda),
            TokenKind::Colon => nesting.colon(),
            TokenKind::Comma => nesting.chain = 0,
            TokenKind::Semi if nesting.levels.is_empty() => nesting.chain = 0,
            // The lexer gives one only where a logical line ends.
            TokenKind::Newline => nesting.clear(),
            TokenKind::Indent => blocks += 1,
            TokenKind::Dedent => blocks = blocks.saturating_sub(1),
            TokenKind::Name
            | TokenKind::Int
            | TokenKind::Float
            | TokenKind::Complex
            | TokenKind::String
            | TokenKind::FStringMiddle
            | TokenKind::TStringMiddle
            | TokenKind::Comment
            | TokenKind::NonLogicalNewline => {}
            _ => nesting.chain += 1,
        }
        if nesting.exceeds(limit) || blocks > MOST_BLOCKS {
            return true;
        }
    }
    false
}

/// How a string is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PlainString {
    quote: u8,
    triple: bool,
    raw: bool,
}

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bracket,
    /// The parameters of a lambda, whose commas and defaults are its own.
    Lambda,
    /// A formatted string.
    Text(PlainString),
    /// A replacement field of one.
    Field(PlainString),
    /// What stands behind the colon of a replacement field.
    Spec(PlainString),
}

#[derive(Debug, Default)]
struct Nesting {
    /// What is open, and the levels before it since the last comma.
    levels: Vec<(Kind, usize)>,
    /// Levels since the last comma or opening.
    chain: usize,
    /// The sum over `levels`.
    total: usize,
    /// Formatted strings among `levels`.
    strings: usize,
}

impl Nesting {
    fn exceeds(&self, limit: usize) -> bool {
        self.total + self.chain > limit || self.strings > MOST_STRINGS
    }

    /// The formatted string whose text, not code, is being read.
    fn text_string(&self) -> Option<PlainString> {
        match self.levels.last()?.0 {
            Kind::Text(string) | Kind::Spec(string) => Some(string),
            Kind::Bracket | Kind::Lambda | Kind::Field(_) => None,
        }
    }

    /// Whether code is read that stands in a formatted string.
    fn in_string(&self) -> bool {
        self.strings > 0
    }

    fn open(&mut self, kind: Kind) {
        self.chain += 1;
        self.levels.push((kind, self.chain));
        self.total += self.chain;
        self.chain = 0;
        self.strings += usize::from(matches!(kind, Kind::Text(_)));
    }

    fn pop(&mut self) -> Option<Kind> {
        let (kind, chain) = self.levels.pop()?;
        self.total = self.total.saturating_sub(chain);
        self.chain = chain;
        self.strings -= usize::from(matches!(kind, Kind::Text(_)));
        Some(kind)
    }

    /// A closing bracket of any kind, as the lexer counts them.
    fn close(&mut self) {
        while let Some((Kind::Lambda, _)) = self.levels.last() {
            self.pop();
        }
        if let Some((Kind::Bracket | Kind::Field(_), _)) = self.levels.last() {
            self.pop();
        }
        // Fields of one string stand side by side.
        if self.text_string().is_some() {
            self.chain = 0;
        }
    }

    /// The end of the innermost formatted string, whatever is open in it.
    fn end_string(&mut self) {
        if self.in_string() {
            while !matches!(self.pop(), Some(Kind::Text(_)) | None) {}
        }
    }

    fn colon(&mut self) {
        match self.levels.last() {
            Some((Kind::Lambda, _)) => {
                self.pop();
            }
            Some((Kind::Field(string), _)) => {
                let string = *string;
                self.open(Kind::Spec(string));
            }
            _ => self.chain += 1,
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What a byte of code is to the bound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Word,
    Open,
    Close,
    Comma,
    Colon,
    Semicolon,
    Quote,
    Hash,
    LineEnd,
    Operator,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Operator; 256];
    let mut byte = 0_u8;
    loop {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | 0x80..=0xff => Class::Word,
            b' ' | b'\t' | 0x0c | b'\\' => Class::Space,
            b'\n' | b'\r' => Class::LineEnd,
            b'(' | b'[' | b'{' => Class::Open,
            b')' | b']' | b'}' => Class::Close,
            b',' => Class::Comma,
            b':' => Class::Colon,
            b';' => Class::Semicolon,
            b'#' => Class::Hash,
            b'\'' | b'"' => Class::Quote,
            _ => Class::Operator,
        };
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    classes
};

fn class(text: &[u8], at: usize) -> Option<Class> {
    text.get(at).map(|byte| CLASSES[usize::from(*byte)])
}

/// Read code; how far.
fn step_in_code(nesting: &mut Nesting, text: &[u8], at: usize) -> usize {
    let mut step = 1;
    match class(text, at) {
        Some(Class::Word) => {
            while class(text, at + step) == Some(Class::Word) {
                step += 1;
            }
            let word = text.get(at..at + step).unwrap_or_default();
            if word == b"lambda" {
                nesting.open(Kind::Lambda);
            } else if class(text, at + step) == Some(Class::Quote)
                && let Some(raw) = formatted(word)
            {
                let (string, length) = opening(text, at + step, raw);
                nesting.open(Kind::Text(string));
                step += length;
            } else {
                nesting.chain += 1;
            }
        }
        Some(Class::Operator) => nesting.chain += 1,
        Some(Class::Comma) => nesting.chain = 0,
        Some(Class::Colon) => nesting.colon(),
        Some(Class::Quote) => step = plain_string(nesting, text, at),
        Some(Class::Hash) => {
            let rest = text.get(at..).unwrap_or_default();
            step = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        }
        Some(Class::LineEnd) => {
            if nesting.levels.is_empty() && !is_joined(text, at) {
                nesting.chain = 0;
            }
        }
        Some(Class::Semicolon) => {
            if nesting.levels.is_empty() {
                nesting.chain = 0;
            }
        }
        Some(Class::Open) => nesting.open(Kind::Bracket),
        Some(Class::Close) => nesting.close(),
        Some(Class::Space) | None => {}
    }
    step
}

/// Whether a line end stands behind a backslash.
fn is_joined(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    match (before.last(), text.get(at)) {
        // The line feed of CRLF says nothing that the carriage return has not said.
        (Some(b'\r'), Some(b'\n')) => true,
        (last, _) => last == Some(&b'\\'),
    }
}

/// Whether a string's prefix makes it a formatted or template string (PEP 498, PEP 750), and a raw
/// one.
fn formatted(prefix: &[u8]) -> Option<bool> {
    match prefix {
        [b'f' | b'F' | b't' | b'T'] => Some(false),
        [b'r' | b'R', b'f' | b'F' | b't' | b'T'] | [b'f' | b'F' | b't' | b'T', b'r' | b'R'] => {
            Some(true)
        }
        _ => None,
    }
}

/// How a string that opens here is written, and the length of its opening quotes.
fn opening(text: &[u8], at: usize, raw: bool) -> (PlainString, usize) {
    let quote = text.get(at).copied().unwrap_or_default();
    let triple = text.get(at..).is_some_and(|rest| rest.starts_with(&[quote; 3]));
    (PlainString { quote, triple, raw }, if triple { 3 } else { 1 })
}

/// Pass over a string without fields; how far.
fn plain_string(nesting: &mut Nesting, text: &[u8], at: usize) -> usize {
    let (string, open) = opening(text, at, false);
    let rest = text.get(at..).unwrap_or_default();
    let (length, closed) = string_length(rest, string, open);
    if closed {
        return length;
    }
    if nesting.in_string() {
        // The parser may take the quote for the end of the string around it, and what follows
        // for code.
        return open;
    }
    nesting.chain += length;
    length
}

/// The length of a string up to its end, and whether that is a quote.
fn string_length(text: &[u8], string: PlainString, open: usize) -> (usize, bool) {
    let quote = string.quote;
    let mut end = open;
    loop {
        let rest = text.get(end..).unwrap_or_default();
        let mut found = if string.triple {
            memchr2(quote, b'\\', rest)
        } else {
            memchr3(quote, b'\\', b'\n', rest)
        };
        if !string.triple {
            let until = rest.get(..found.unwrap_or(rest.len())).unwrap_or_default();
            found = memchr(b'\r', until).or(found);
        }
        let Some(found) = found else { return (text.len(), false) };
        end += found;
        let rest = rest.get(found..).unwrap_or_default();
        match rest.first() {
            Some(b'\\') if rest.starts_with(b"\\\r\n") => end += 3,
            Some(b'\\') => end += 2,
            Some(byte) if *byte == quote && !string.triple => return (end + 1, true),
            Some(byte) if *byte == quote => {
                if rest.starts_with(&[quote; 3]) {
                    return (end + 3, true);
                }
                end += 1;
            }
            _ => return (end, false),
        }
        if end >= text.len() {
            return (text.len(), false);
        }
    }
}

/// Read the text of a formatted string; how far.
fn step_in_string(nesting: &mut Nesting, text: &[u8], at: usize, string: PlainString) -> usize {
    let in_spec = matches!(nesting.levels.last(), Some((Kind::Spec(_), _)));
    let rest = text.get(at..).unwrap_or_default();
    match rest {
        [b'\\', b'N', b'{', ..] if !string.raw => 3,
        // A brace behind a backslash is a brace.
        [b'\\', b'{' | b'}', ..] => 1,
        [b'\\', b'\r', b'\n', ..] => 3,
        [b'\\', ..] => 2,
        [b'{', b'{', ..] if !in_spec => 2,
        [b'{', ..] => {
            nesting.open(Kind::Field(string));
            1
        }
        [b'}', ..] if in_spec => {
            nesting.pop();
            nesting.close();
            1
        }
        [b'\n' | b'\r', ..] if !string.triple => {
            nesting.end_string();
            0
        }
        [byte, ..] if *byte == string.quote => {
            let length = if string.triple { 3 } else { 1 };
            if string.triple && !rest.starts_with(&[string.quote; 3]) {
                return 1;
            }
            nesting.end_string();
            length
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1_000;

    fn deep(text: &str) -> bool {
        in_text(text.as_bytes(), LIMIT).is_some()
    }

    fn deep_in_tokens(text: &str) -> bool {
        let mut lexer = ruff_python_parser::lexer::lex(text, ruff_python_parser::Mode::Module);
        let next = || Some(lexer.next_token()).filter(|kind| *kind != TokenKind::EndOfFile);
        in_tokens(std::iter::from_fn(next), LIMIT)
    }

    #[test]
    fn depth_of_every_kind_is_seen() {
        let n = LIMIT + 1;
        let texts = [
            format!("x = {}1", "-".repeat(n)),
            format!("x = {}1{}", "(".repeat(n), ")".repeat(n)),
            format!("x = f{}", "()".repeat(n)),
            format!("x = a{}", ".b".repeat(n)),
            format!("x = 1{}", " + 1".repeat(n)),
            format!("x = {}1", "not ".repeat(n)),
            format!("x = {}1", "lambda: ".repeat(n)),
            format!("x = {}1", "lambda a, b=1: ".repeat(n)),
            format!("x = {}1{}", "lambda a, b=".repeat(n), ": a".repeat(n)),
            format!("x = {}1", "1 if 1 else ".repeat(n)),
            format!("x = (\n{}1\n)", "-\n".repeat(n)),
            format!("x = \\\n{}1", "-\\\n".repeat(n)),
            format!("x = {}1", "-\\\r\n".repeat(n)),
            format!("x = {}1", "-\\\r".repeat(n)),
            format!("x = f'{{{}1}}'", "-".repeat(n)),
            format!("x = rf'''{{{}1}}'''", "-".repeat(n)),
            format!("x = f'{{a:{{{}1}}}}'", "-".repeat(n)),
            format!("x = {}1{}", "f'{".repeat(n), "}'".repeat(n)),
            format!("x = {}1{}", "f'{1:{".repeat(n), "}}'".repeat(n)),
            format!("x = f'\\{{{}1}}'", "-".repeat(n)),
            format!("x = f'\\N{{DIGIT ONE}}{{{}1}}'", "-".repeat(n)),
        ];
        for text in &texts {
            assert!(deep(text), "{text:.60}");
            assert!(deep_in_tokens(text), "{text:.60}");
        }
    }

    #[test]
    fn wide_is_not_deep() {
        let n = LIMIT + 1;
        let texts = [
            format!("x = [{}]", "1, ".repeat(n)),
            "x = f(1)[2].y\n".repeat(n),
            format!("x = '{}'", "(".repeat(n)),
            format!("x = '''\n{}\n'''", "(\n".repeat(n)),
            format!("# {}", "(".repeat(n)),
            format!("x = {{{}}}", "'a': [1, 2], ".repeat(n)),
            format!("x = [{}]", "lambda a, b: a + b, ".repeat(n)),
            format!("x = f'{}'", "(".repeat(n)),
            format!("x = f'{}'", "{{".repeat(n)),
            format!("x = f'{}'", "{a:>8}, {b!r}, ".repeat(n)),
            format!("x = f'\\N{{DIGIT ONE}}{}'", "(".repeat(n)),
            "x = f\"it's ({a} {{ \"\n".repeat(n),
            "x = f'''\n(' {a}\n'''\n".repeat(n),
            "x = 'a\\\r\nb'\r\n".repeat(n),
            "x = 'a'\r".repeat(n),
        ];
        for text in &texts {
            assert!(!deep(text), "{text:.60}");
            assert!(!deep_in_tokens(text), "{text:.60}");
        }
    }

    #[test]
    fn what_an_open_quote_may_hide_is_counted() {
        let n = LIMIT + 1;
        // The parser takes the inner quotes for the end of the formatted string.
        assert!(deep(&format!("f\"\"\"{{\"\"\"\n{}1\n", "-".repeat(n))));
        assert!(deep(&format!("f'{{' #\n{}1\n", "(".repeat(n))));
        assert!(deep(&format!("x = '{}\n", "-".repeat(n))));
    }

    #[test]
    fn blocks_are_counted() {
        let nested =
            (0..=MOST_BLOCKS).fold(String::new(), |nested, i| nested + &" ".repeat(i) + "if x:\n");
        assert!(deep_in_tokens(&format!("{nested}{}pass\n", " ".repeat(MOST_BLOCKS + 1))));
        assert!(!deep_in_tokens(&"if x:\n pass\n".repeat(MOST_BLOCKS + 1)));
    }
}
