//! Writing the comments: `--add-ignores`.
//!
//! The place is the end of the finding's own row, or, where that lies inside a string or before a
//! backslash, the end of the statement. Nothing else of the file changes, byte for byte: the
//! comments are ASCII (or the reason's own words), and are put into the bytes as they are encoded.
//! What comes out is decoded and compared with what was meant before anybody writes it.

use std::collections::BTreeMap;

use super::directive::{Kind, directives};
use crate::diagnostic::Diagnostic;
use crate::logical::LogicalLines;
use crate::source::{FileKind, Source, decode};
use crate::syntax::Parsed;

/// Why findings are accepted, for `# hermetic: ignore[rule] reason`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason(String);

/// A text that cannot be a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadReason;

impl std::fmt::Display for BadReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a reason is one line of text without control characters or `#`")
    }
}

impl std::error::Error for BadReason {}

impl Reason {
    /// A reason that can stand behind a comment's bracket.
    ///
    /// # Errors
    /// [`BadReason`] for what would end the comment or hide text in it.
    pub fn new(text: &str) -> Result<Self, BadReason> {
        let text = text.trim();
        let hidden = |c: char| {
            c.is_control()
                || c == '#'
                || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        if text.contains(hidden) { Err(BadReason) } else { Ok(Self(text.to_owned())) }
    }
}

/// A file with comments added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addition {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// How many findings of which rule are accepted now.
    pub rules: BTreeMap<&'static str, u64>,
}

/// A text put in at a byte offset of the decoded text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Insertion {
    at: u32,
    text: String,
}

/// The bytes of a file with comments for these findings; `None` where they cannot be put in.
pub(crate) fn plan(
    source: &Source,
    parsed: &Parsed,
    bytes: &[u8],
    findings: &[&Diagnostic],
    reason: &Reason,
) -> Option<Vec<u8>> {
    // The text of the others is no stretch of their bytes.
    if !matches!(source.kind(), FileKind::Module | FileKind::StartupModule | FileKind::Script) {
        return None;
    }
    let insertions = insertions(source, parsed, findings, reason);
    let meant = insert(source.text(), &insertions);
    let mut written = bytes.to_vec();
    let text = source.text();
    let mark = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let same = bytes.get(mark..) == Some(text.as_bytes());
    let ends = if same { Vec::new() } else { line_ends(bytes) };
    for insertion in insertions.iter().rev() {
        let at = insertion.at as usize;
        let byte = if same { at + mark } else { byte_offset(text, at, &ends)? };
        if byte > written.len() {
            return None;
        }
        written.splice(byte..byte, insertion.text.bytes());
    }
    let read = decode(written.clone(), source.kind()).ok()?;
    (read.text() == meant).then_some(written)
}

/// What to put where, in order.
fn insertions(
    source: &Source,
    parsed: &Parsed,
    findings: &[&Diagnostic],
    reason: &Reason,
) -> Vec<Insertion> {
    let text = source.text();
    let lines = LogicalLines::new(parsed, text);
    let mut by_place: BTreeMap<u32, (u32, Vec<&'static str>)> = BTreeMap::new();
    for finding in findings {
        let offset = finding.span.offset;
        let row = source.position(offset).1.row;
        let on_row = lines
            .row_ends
            .get(lines.row_ends.partition_point(|end| end.end < offset))
            .filter(|end| source.position(end.end).1.row == row);
        let line = lines.at(offset).map(|line| line.range.end);
        let at_end = || {
            let found = lines.row_ends.binary_search_by_key(&line?, |end| end.end).ok()?;
            lines.row_ends.get(found)
        };
        let Some(end) = on_row.or_else(at_end) else { continue };
        let (_, rules) = by_place.entry(end.end).or_insert((end.content, Vec::new()));
        if !rules.contains(&finding.rule.0.name) {
            rules.push(finding.rule.0.name);
        }
    }
    let mut insertions = Vec::new();
    for (end, (content, mut rules)) in by_place {
        rules.sort_unstable();
        // A comment there takes them in.
        let comment = lines.comments.binary_search_by_key(&end, |comment| comment.range.end).ok();
        let comment = comment.and_then(|at| lines.comments.get(at)).map(|comment| comment.range);
        let there = comment.and_then(|range| {
            let text = text.get(range.start as usize..range.end as usize)?;
            directives(text, range.start).into_iter().find(|found| found.kind == Kind::Line)
        });
        if let Some(directive) = there {
            let last = directive.names.last().map_or(directive.close, |name| name.range.end);
            let text = format!(", {}", rules.join(", "));
            insertions.push(Insertion { at: last, text });
            continue;
        }
        let before = text.get(..content as usize).unwrap_or_default();
        let at = content - narrow(before.len() - before.trim_end_matches([' ', '\t']).len());
        let gap = if reason.0.is_empty() { "" } else { " " };
        let text = format!("  # hermetic: ignore[{}]{gap}{}", rules.join(", "), reason.0);
        insertions.push(Insertion { at, text });
    }
    insertions.sort_by_key(|insertion| insertion.at);
    insertions
}

fn insert(text: &str, insertions: &[Insertion]) -> String {
    let mut out = String::with_capacity(text.len() + 64 * insertions.len());
    let mut last = 0;
    for insertion in insertions {
        let at = insertion.at as usize;
        out.push_str(text.get(last..at).unwrap_or_default());
        out.push_str(&insertion.text);
        last = at;
    }
    out.push_str(text.get(last..).unwrap_or_default());
    out
}

/// Where a byte of the text is in bytes of another encoding, counted from the end of its row: what
/// follows on the row has to be ASCII, one byte a character.
fn byte_offset(text: &str, at: usize, ends: &[usize]) -> Option<usize> {
    let row = line_ends(text.get(..at)?.as_bytes()).len() - 1;
    let rest = text.get(at..)?.split(['\n', '\r']).next()?;
    // Without a line end, the file's end is the row's.
    ends.get(row)?.checked_sub(rest.is_ascii().then_some(rest.len())?)
}

/// Where the line ends begin, and the end of all.
fn line_ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends: Vec<usize> = memchr::memchr2_iter(b'\n', b'\r', bytes)
        .filter(|&at| {
            !(at > 0 && bytes.get(at) == Some(&b'\n') && bytes.get(at - 1) == Some(&b'\r'))
        })
        .collect();
    ends.push(bytes.len());
    ends
}

fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
