//! The objects of the machine formats, borrowed from the report, and how they are spelled.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::ser::{CharEscape, Formatter};

use super::escape::find_hidden;
use crate::diagnostic::{Diagnostic, FixState, Related, Span};
use crate::fix::Safety;
use crate::report::{FileReport, NotAnalysed, Stale, Summary};

/// One finding.
#[derive(Serialize)]
pub(super) struct Finding<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    rule: &'static str,
    capability: &'static str,
    level: &'static str,
    decision: &'static str,
    path: &'a str,
    row: u32,
    column: u32,
    end_row: u32,
    end_column: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<u32>,
    message: &'a str,
    why: &'a str,
    remedy: &'a str,
    target: &'a str,
    related: Places<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<FixRecord<'a>>,
}

/// What can be done about a finding, where that was worked out.
#[derive(Serialize)]
struct FixRecord<'a> {
    applicability: &'static str,
    why: &'a str,
    edits: Vec<EditRecord<'a>>,
}

#[derive(Serialize)]
struct EditRecord<'a> {
    row: u32,
    column: u32,
    end_row: u32,
    end_column: u32,
    text: &'a str,
}

impl<'a> FixRecord<'a> {
    fn new(state: &'a FixState) -> Option<Self> {
        let (applicability, why, edits): (_, &str, &[_]) = match state {
            FixState::None | FixState::Perhaps => return None,
            FixState::Refused(why) => ("none", why, &[]),
            FixState::Ready(fix) => match &fix.safety {
                Safety::Safe => ("safe", "", &fix.edits),
                Safety::Unsafe(why) => ("unsafe", why, &fix.edits),
            },
        };
        let edit = |(span, text): &'a (Span, String)| EditRecord {
            row: span.start.row,
            column: span.start.column,
            end_row: span.end.row,
            end_column: span.end.column,
            text,
        };
        Some(Self { applicability, why, edits: edits.iter().map(edit).collect() })
    }
}

impl<'a> Finding<'a> {
    pub(super) fn new(file: &'a FileReport, finding: &'a Diagnostic) -> Self {
        let (rule, span) = (finding.rule.0, &finding.span);
        Self {
            kind: None,
            rule: rule.name,
            capability: rule.capability.name(),
            level: finding.level.name(),
            decision: finding.ruling.name(),
            path: &file.path,
            row: span.start.row,
            column: span.start.column,
            end_row: span.end.row,
            end_column: span.end.column,
            cell: span.cell,
            message: &finding.message,
            why: &finding.why,
            remedy: &finding.remedy,
            target: &finding.target,
            related: Places { path: &file.path, places: &finding.related },
            fix: FixRecord::new(&finding.fix),
        }
    }

    pub(super) fn tagged(self) -> Self {
        Self { kind: Some("finding"), ..self }
    }
}

/// The related places of a finding, most of them in its file.
struct Places<'a> {
    path: &'a str,
    places: &'a [Related],
}

impl Serialize for Places<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.places.iter().map(|related| Place {
            path: related.path.as_deref().unwrap_or(self.path),
            row: related.span.start.row,
            column: related.span.start.column,
            end_row: related.span.end.row,
            end_column: related.span.end.column,
            cell: related.span.cell,
            message: &related.message,
        }))
    }
}

#[derive(Serialize)]
struct Place<'a> {
    path: &'a str,
    row: u32,
    column: u32,
    end_row: u32,
    end_column: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<u32>,
    message: &'a str,
}

/// A file, or a part of it, that was not analysed.
#[derive(Serialize)]
pub(super) struct Unanalysed<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    path: &'a str,
    reason: &'static str,
    detail: &'a str,
    accepted: bool,
}

impl<'a> Unanalysed<'a> {
    pub(super) fn new(file: &'a FileReport, part: &'a NotAnalysed) -> Self {
        Self {
            kind: None,
            path: &file.path,
            reason: part.reason,
            detail: &part.detail,
            accepted: part.accepted,
        }
    }

    pub(super) fn tagged(self) -> Self {
        Self { kind: Some("not_analysed"), ..self }
    }
}

/// An entry of the baseline that no finding matches.
#[derive(Serialize)]
pub(super) struct StaleEntry<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    path: &'a str,
    rule: &'a str,
    fingerprint: String,
    count: u64,
}

impl<'a> StaleEntry<'a> {
    pub(super) fn new(stale: &'a Stale) -> Self {
        Self {
            kind: None,
            path: &stale.path,
            rule: &stale.rule,
            fingerprint: stale.fingerprint.to_string(),
            count: stale.count,
        }
    }

    pub(super) fn tagged(self) -> Self {
        Self { kind: Some("stale"), ..self }
    }
}

/// The counts of a run.
#[derive(Serialize)]
pub(super) struct Counts<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    files: u64,
    lines: u64,
    by_rule: &'a BTreeMap<&'static str, u64>,
    by_capability: &'a BTreeMap<&'static str, u64>,
    undecided: u64,
    suppressed: u64,
    baselined: u64,
    stale: u64,
    ignored: u64,
    excluded: u64,
    stubs: u64,
    used: Vec<&'static str>,
    seconds: f64,
}

impl<'a> Counts<'a> {
    pub(super) fn new(summary: &'a Summary) -> Self {
        Self {
            kind: None,
            files: summary.files,
            lines: summary.lines,
            by_rule: &summary.by_rule,
            by_capability: &summary.by_capability,
            undecided: summary.undecided,
            suppressed: summary.suppressed,
            baselined: summary.baselined,
            stale: summary.stale,
            ignored: summary.ignored,
            excluded: summary.excluded,
            stubs: summary.stubs,
            used: summary.used.iter().map(|capability| capability.name()).collect(),
            seconds: (summary.seconds * 1000.0).round() / 1000.0,
        }
    }

    pub(super) fn tagged(self) -> Self {
        Self { kind: Some("summary"), ..self }
    }
}

/// A list written item by item from an iterator, never held.
pub(super) struct Streamed<F>(pub(super) F);

impl<F, I> Serialize for Streamed<F>
where
    F: Fn() -> I,
    I: IntoIterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
}

/// Write a value and a line feed; each item of an outer list has a line of its own. Errors are
/// the writer's.
pub(super) fn write_document(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    write_with(out, value, Visible { item_lines: true, ..Visible::default() })
}

/// Write a value as a single line. Errors are the writer's.
pub(super) fn write_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    write_with(out, value, Visible::default())
}

fn write_with(out: &mut impl Write, value: &impl Serialize, format: Visible) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, format);
    value.serialize(&mut serializer).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// Compact JSON in which hidden characters are `\u` escapes.
#[derive(Default)]
struct Visible {
    item_lines: bool,
    lists: u32,
    objects: u32,
}

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // `##[name]` anywhere in a line is a command to the runner of GitHub Actions.
        let mut rest = fragment;
        while let Some(at) = rest.find("##[") {
            write_visible(out, &rest[..at])?;
            out.write_all(b"\\u0023")?;
            rest = &rest[at + 1..];
        }
        write_visible(out, rest)
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        match escape {
            CharEscape::Quote => out.write_all(b"\\\""),
            CharEscape::ReverseSolidus => out.write_all(b"\\\\"),
            CharEscape::Solidus => out.write_all(b"/"),
            CharEscape::Backspace => out.write_all(b"\\b"),
            CharEscape::FormFeed => out.write_all(b"\\f"),
            CharEscape::LineFeed => out.write_all(b"\\n"),
            CharEscape::CarriageReturn => out.write_all(b"\\r"),
            CharEscape::Tab => out.write_all(b"\\t"),
            CharEscape::AsciiControl(byte) => write!(out, "\\u{byte:04x}"),
        }
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.lists += 1;
        out.write_all(b"[")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        let outer = self.lists == 1 && self.objects <= 1;
        if self.item_lines && outer { out.write_all(b"\n") } else { Ok(()) }
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.lists = self.lists.saturating_sub(1);
        out.write_all(b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.objects += 1;
        out.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.objects = self.objects.saturating_sub(1);
        out.write_all(b"}")
    }
}

/// Write text that JSON itself need not escape, with hidden characters escaped.
fn write_visible<W: ?Sized + Write>(out: &mut W, mut rest: &str) -> io::Result<()> {
    // DEL is the one hidden character of ASCII that JSON itself does not escape.
    if rest.is_ascii() && !rest.as_bytes().contains(&0x7f) {
        return out.write_all(rest.as_bytes());
    }
    while let Some((at, hidden)) = find_hidden(rest) {
        out.write_all(&rest.as_bytes()[..at])?;
        for unit in hidden.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}")?;
        }
        rest = &rest[at + hidden.len_utf8()..];
    }
    out.write_all(rest.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(value: &impl Serialize) -> String {
        crate::render::fixture::text(|out| write_document(out, value))
    }

    #[test]
    fn hidden_characters_are_escaped_and_read_back() {
        let text = "a\u{202e}\u{9b}\u{7f}\u{1b}\t\"\\\u{e0100}é文🦀";
        let shown = document(&text);
        assert_eq!(shown, "\"a\\u202e\\u009b\\u007f\\u001b\\t\\\"\\\\\\udb40\\udd00é文🦀\"\n");
        assert_eq!(serde_json::from_str::<String>(&shown).expect("JSON"), text);
    }

    #[test]
    fn a_command_of_a_workflow_is_none_in_a_string() {
        let text = "###[error]##[x";
        let shown = document(&text);
        assert!(!shown.contains("##["), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).expect("JSON"), text);
    }

    #[test]
    fn a_list_has_a_line_for_each_item_but_not_inside_it() {
        let lists = vec![vec![1, 2], vec![]];
        assert_eq!(document(&lists), "[\n[1,2],\n[]]\n");
        let line = crate::render::fixture::text(|out| write_line(out, &lists));
        assert_eq!(line, "[[1,2],[]]\n");
    }
}
