//! Writing the comments: `--add-ignores`.
//!
//! The place is the end of the finding's own row, or, where that lies inside a string or before a
//! backslash, the end of the statement. Nothing else of the file changes, byte for byte.

use std::collections::BTreeMap;

use super::directive::{Kind, directives};
use crate::diagnostic::Diagnostic;
use crate::logical::{LogicalLines, RowEnd};
use crate::rewrite::{Edit, edited_bytes, is_editable};
use crate::source::Source;
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

    /// It, as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
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

/// The bytes of a file with comments for these findings; `None` where they cannot be put in.
pub(crate) fn plan(
    source: &Source,
    parsed: &Parsed,
    bytes: &[u8],
    findings: &[&Diagnostic],
    reason: &Reason,
) -> Option<Vec<u8>> {
    // What is no program yet may be another one with them.
    if !is_editable(source.kind()) || parsed.errors().next().is_some() {
        return None;
    }
    edited_bytes(source, bytes, &insertions(source, parsed, findings, reason))
}

/// What to put where, in order.
pub(crate) fn insertions(
    source: &Source,
    parsed: &Parsed,
    findings: &[&Diagnostic],
    reason: &Reason,
) -> Vec<Edit> {
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
        // What follows a string without an end would be in it.
        let is_open = |end: &&RowEnd| {
            let at = end.content;
            !parsed
                .errors()
                .any(|error| error.range.start().to_u32() < at && at <= error.range.end().to_u32())
        };
        let Some(end) = on_row.or_else(at_end).filter(is_open) else { continue };
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
            insertions.push(Edit::insert(last, text));
            continue;
        }
        let before = text.get(..content as usize).unwrap_or_default();
        let at = content - narrow(before.len() - before.trim_end_matches([' ', '\t']).len());
        let gap = if reason.0.is_empty() { "" } else { " " };
        let text = format!("  # hermetic: ignore[{}]{gap}{}", rules.join(", "), reason.0);
        insertions.push(Edit::insert(at, text));
    }
    insertions.sort_by_key(|insertion| insertion.range.start);
    insertions
}

fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
