//! The only file that names the parser crate.
//!
//! The rest of the analyzer sees `ast`, [`TextRange`] and [`parse`]. The parser grows its own
//! stack; what walks or drops the tree does not, so nesting is bounded here before parsing and
//! the threads that analyse have stacks to match (see [`STACK_BYTES`]).

mod depth;

pub use self::depth::{MOST_BLOCKS, MOST_STRINGS};

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use ruff_python_ast as ast;
pub use ruff_python_ast::token::TokenKind;
pub use ruff_python_ast::visitor;
use ruff_python_parser::{Mode, ParseOptions, lexer};
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
    let mode = if notebook { Mode::Ipython } else { Mode::Module };
    let mut parsed = Parsed { parts: Vec::new(), failed: Vec::new() };
    for part in parts {
        let range = TextRange::new(part.start.into(), part.end.into());
        let Some(code) = text.get(range.start().to_usize()..range.end().to_usize()) else {
            continue;
        };
        // Each level takes a byte, and a word or a sign.
        let can_be_deep = code.len() > DEEPEST && depth::most(code.as_bytes()) > DEEPEST;
        if can_be_deep {
            if let Some(at) = depth::in_text(code.as_bytes(), DEEPEST) {
                let at = u32::try_from(at).unwrap_or(u32::MAX);
                return Err(TooDeep { offset: part.start.saturating_add(at) });
            }
            let mut lexer = lexer::lex(code, mode);
            let next = || Some(lexer.next_token()).filter(|kind| *kind != TokenKind::EndOfFile);
            if depth::in_tokens(std::iter::from_fn(next), DEEPEST) {
                return Err(TooDeep { offset: part.start });
            }
        }
        // The parser takes some broken notebook lines for impossible and panics; the other cells
        // are not to blame.
        let options = ParseOptions::from(mode);
        let parse = || ruff_python_parser::parse_cells_unchecked(text, [range], &options);
        let Ok(tree) = catch_unwind(AssertUnwindSafe(parse)) else {
            let message = "the parser failed on this part".to_owned();
            parsed.failed.push(SyntaxError { message, range });
            continue;
        };
        // The parser lexes anew where a text is broken, and may have read it differently.
        let kinds = tree.tokens().iter().map(ruff_python_ast::token::Token::kind);
        if can_be_deep && depth::in_tokens(kinds, DEEPEST) {
            // Dropping it could exhaust the stack as well as walking it.
            std::mem::forget(tree);
            return Err(TooDeep { offset: part.start });
        }
        parsed.parts.push(tree);
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

/// Annotations in strings longer than this are none that anybody wrote.
const LONGEST_ANNOTATION: u32 = 1000;

/// The names in a string that is an annotation, with their places in `text`; `None` where it is
/// none, or is written with escapes or in parts.
pub(crate) fn names_in_annotation<'t>(
    text: &'t str,
    string: &ast::ExprStringLiteral,
) -> Option<Vec<(&'t str, TextRange)>> {
    struct Names<'t> {
        text: &'t str,
        found: Vec<(&'t str, TextRange)>,
        plain: bool,
    }
    impl<'e> visitor::Visitor<'e> for Names<'_> {
        fn visit_expr(&mut self, expression: &'e ast::Expr) {
            match expression {
                ast::Expr::Name(name) => {
                    let range = name.range.start().to_usize()..name.range.end().to_usize();
                    match self.text.get(range) {
                        Some(text) if text == name.id.as_str() => {
                            self.found.push((text, name.range));
                        }
                        _ => self.plain = false,
                    }
                }
                // They have names of their own, or a string in a string.
                ast::Expr::Lambda(_)
                | ast::Expr::Named(_)
                | ast::Expr::ListComp(_)
                | ast::Expr::SetComp(_)
                | ast::Expr::DictComp(_)
                | ast::Expr::Generator(_)
                | ast::Expr::StringLiteral(_)
                | ast::Expr::FString(_)
                | ast::Expr::TString(_) => self.plain = false,
                other => visitor::walk_expr(self, other),
            }
        }
    }
    let literal = string.as_single_part_string()?;
    let short = literal.range.len().to_u32() < LONGEST_ANNOTATION;
    let range = literal.range.start().to_usize()..literal.range.end().to_usize();
    if !short || text.get(range)?.contains('\\') {
        return None;
    }
    let parsed = ruff_python_parser::parse_string_annotation(text, literal).ok()?;
    let mut names = Names { text, found: Vec::new(), plain: true };
    visitor::Visitor::visit_expr(&mut names, parsed.expr());
    names.plain.then_some(names.found)
}

impl Parsed {
    /// The statements of each part of the file.
    pub fn bodies(&self) -> impl Iterator<Item = &[ast::Stmt]> {
        self.parts.iter().map(|part| &*part.syntax().body)
    }

    /// The tokens of each part of the file, comments and line ends among them.
    pub fn tokens(&self) -> impl Iterator<Item = (TokenKind, TextRange)> {
        let tokens = self.parts.iter().flat_map(|part| part.tokens().iter());
        tokens.map(ruff_python_ast::token::Token::as_tuple)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_deep_is_not_parsed() {
        let text = format!("x = 1\ny = {}1\n", "-".repeat(DEEPEST));
        let deep = parse_module(&text).expect_err("is refused");
        assert!(deep.offset > 6, "{deep:?}");
        assert!(parse_module(&format!("x = '{}'\n", "-".repeat(DEEPEST))).is_ok());
    }

    #[test]
    fn a_tree_stands_beside_its_errors() {
        let parsed = parse_module("import os\nx = (\n").expect("shallow");
        assert_eq!(parsed.errors().count(), 1);
        let first = parsed.bodies().flatten().next();
        assert!(matches!(first, Some(ast::Stmt::Import(_))));
    }
}
