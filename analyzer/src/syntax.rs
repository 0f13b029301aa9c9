//! The only file that names the parser crate.
//!
//! The rest of the analyzer sees `ast`, [`TextRange`] and [`parse`]. The parser grows its own
//! stack; what walks or drops the tree does not, so nesting is bounded here before parsing and
//! the threads that analyse have stacks to match (see [`STACK_BYTES`]).

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use ruff_python_ast as ast;
use ruff_python_parser::{Mode, ParseOptions};
pub use ruff_text_size::{Ranged, TextRange, TextSize};

/// The deepest nesting analysed. CPython 3.14's own compiler gives up far earlier (its parser
/// stops at 6,000 levels, `MAXSTACK` in `Parser/parser.c`).
pub const DEEPEST: usize = 131_072;

/// The stack an analysing thread needs: [`DEEPEST`] levels of the heaviest visitor in an
/// unoptimised build. Reserved, not touched, by ordinary files.
pub const STACK_BYTES: usize = 512 << 20;

/// A parsed file: trees that are always there, and what the parser objected to.
#[derive(Debug)]
pub struct Parsed {
    parts: Vec<ruff_python_parser::Parsed<ast::ModModule>>,
    failed: Vec<SyntaxError>,
}

/// One syntax error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// What the parser expected or found.
    pub message: String,
    /// Byte range in the text.
    pub range: TextRange,
}

/// Nested more deeply than [`DEEPEST`] allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooDeep {
    /// Byte offset of the statement.
    pub offset: u32,
}

/// Parse a file part by part: what Python compiles on its own is parsed on its own. With
/// `notebook`, lines of IPython's own syntax are taken too.
///
/// # Errors
/// [`TooDeep`] where walking the tree could exhaust the stack.
pub fn parse(
    text: &str,
    parts: impl IntoIterator<Item = std::ops::Range<u32>>,
    notebook: bool,
) -> Result<Parsed, TooDeep> {
    // A shorter text cannot nest deeper: each level takes a byte.
    if text.len() > DEEPEST
        && let Some(offset) = depth::deeper_than(text.as_bytes(), DEEPEST)
    {
        return Err(TooDeep { offset: u32::try_from(offset).unwrap_or(u32::MAX) });
    }
    let options = ParseOptions::from(if notebook { Mode::Ipython } else { Mode::Module });
    let mut parsed = Parsed { parts: Vec::new(), failed: Vec::new() };
    for part in parts {
        let range = TextRange::new(part.start.into(), part.end.into());
        // The parser takes some broken notebook lines for impossible and panics; the other cells
        // are not to blame.
        let parse = || ruff_python_parser::parse_cells_unchecked(text, [range], &options);
        if let Ok(part) = catch_unwind(AssertUnwindSafe(parse)) {
            parsed.parts.push(part);
        } else {
            let message = "the parser failed on this part".to_owned();
            parsed.failed.push(SyntaxError { message, range });
        }
    }
    Ok(parsed)
}

/// Parse a text that is one part.
///
/// # Errors
/// As [`parse`].
pub fn parse_module(text: &str) -> Result<Parsed, TooDeep> {
    let whole = 0..u32::try_from(text.len()).unwrap_or(u32::MAX);
    parse(text, std::iter::once(whole), false)
}

impl Parsed {
    /// The statements of each part of the file.
    pub fn bodies(&self) -> impl Iterator<Item = &[ast::Stmt]> {
        self.parts.iter().map(|part| &*part.syntax().body)
    }

    /// What the parser objected to, in order; last, the parts it failed on.
    pub fn errors(&self) -> impl Iterator<Item = SyntaxError> {
        self.parts
            .iter()
            .flat_map(ruff_python_parser::Parsed::errors)
            .map(|error| SyntaxError { message: error.error.to_string(), range: error.location })
            .chain(self.failed.iter().cloned())
    }
}

mod depth {
    //! An upper bound of nesting, from the bytes alone.

    /// What a byte is to the bound.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Class {
        Space,
        Word,
        Open,
        Close,
        Comma,
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

    /// The offset at which nesting may exceed `limit`, or `None`.
    ///
    /// Brackets nest; between commas, operators, attributes, calls and words may each add a
    /// level. Strings and comments are passed over. The bound is generous (most words add none),
    /// so the limit must be far above what people write.
    pub(super) fn deeper_than(text: &[u8], limit: usize) -> Option<usize> {
        let class = |at: usize| text.get(at).map(|byte| CLASSES[usize::from(*byte)]);
        let mut open: Vec<usize> = Vec::new();
        let mut chain = 0_usize;
        let mut total = 0_usize;
        let mut at = 0;
        while let Some(found) = class(at) {
            let mut step = 1;
            match found {
                Class::Word => {
                    chain += 1;
                    while class(at + step) == Some(Class::Word) {
                        step += 1;
                    }
                }
                Class::Space => {}
                Class::Operator => chain += 1,
                Class::Comma => chain = 0,
                Class::Quote => step = string_length(text, at),
                Class::Hash => step = line_length(text, at),
                Class::LineEnd => {
                    let joined = at > 0 && text.get(at - 1) == Some(&b'\\');
                    if open.is_empty() && !joined {
                        chain = 0;
                    }
                }
                Class::Semicolon => {
                    if open.is_empty() {
                        chain = 0;
                    }
                }
                Class::Open => {
                    chain += 1;
                    open.push(chain);
                    total += chain;
                    chain = 0;
                }
                Class::Close => {
                    chain = open.pop().unwrap_or(0);
                    total -= chain.min(total);
                }
            }
            if total + chain > limit {
                return Some(at);
            }
            at += step;
        }
        None
    }

    fn line_length(text: &[u8], at: usize) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len())
    }

    fn string_length(text: &[u8], at: usize) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        let Some(&quote) = rest.first() else { return 1 };
        let triple = rest.starts_with(&[quote; 3]);
        let mut end = if triple { 3 } else { 1 };
        loop {
            let rest = rest.get(end..).unwrap_or_default();
            // A single-quoted string that is not closed ends with its line.
            let found = if triple {
                memchr::memchr2(quote, b'\\', rest)
            } else {
                memchr::memchr3(quote, b'\\', b'\n', rest)
            };
            let Some(found) = found else { return end + rest.len() };
            end += found;
            match rest.get(found) {
                Some(b'\\') => end += 2,
                Some(&byte) if byte == quote && !triple => return end + 1,
                Some(&byte) if byte == quote => {
                    if rest.get(found..).is_some_and(|r| r.starts_with(&[quote; 3])) {
                        return end + 3;
                    }
                    end += 1;
                }
                _ => return end,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_depth_is_seen_before_parsing() {
        let n = DEEPEST + 1000;
        let texts = [
            format!("x = {}1", "-".repeat(n)),
            format!("x = {}1{}", "(".repeat(n), ")".repeat(n)),
            format!("x = f{}", "()".repeat(n)),
            format!("x = a{}", ".b".repeat(n)),
            format!("x = 1{}", " + 1".repeat(n)),
            format!("x = {}1", "not ".repeat(n)),
            format!("x = {}1", "lambda: ".repeat(n)),
            format!("x = {}1", "1 if 1 else ".repeat(n)),
            format!("x = (\n{}1\n)", "-\n".repeat(n)),
            format!("x = \\\n{}1", "-\\\n".repeat(n)),
        ];
        for text in &texts {
            assert!(parse_module(text).is_err(), "{}", &text[..40]);
        }
    }

    #[test]
    fn wide_is_not_deep() {
        let n = DEEPEST + 1000;
        let texts = [
            format!("x = [{}]", "1, ".repeat(n)),
            "x = f(1)[2].y\n".repeat(n),
            format!("x = '{}'", "(".repeat(n)),
            format!("x = '''\n{}\n'''", "(\n".repeat(n)),
            format!("# {}", "(".repeat(n)),
            format!("x = {{{}}}", "'a': [1, 2], ".repeat(n)),
        ];
        for text in &texts {
            assert!(parse_module(text).is_ok(), "{}", &text[..40]);
        }
    }

    #[test]
    fn a_tree_stands_beside_its_errors() {
        let parsed = parse_module("import os\nx = (\n").expect("shallow");
        assert_eq!(parsed.errors().count(), 1);
        let first = parsed.bodies().flatten().next();
        assert!(matches!(first, Some(ast::Stmt::Import(_))));
    }
}
