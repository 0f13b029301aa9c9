//! Findings and reports made by hand, for the renderers' tests.

use std::io;

use hermetic_policy::{Level, rules};

use crate::diagnostic::{Diagnostic, Fix, FixState, Position, Related, RuleRef, Ruling, Span};
use crate::fix::Safety;
use crate::report::{FileReport, NotAnalysed, Report, Summary};

/// An error of `network-connect`.
pub(super) fn finding(message: &str) -> Diagnostic {
    Diagnostic {
        rule: RuleRef(rules::find("network-connect").expect("a rule of this name")),
        level: Level::Error,
        ruling: Ruling::Deny,
        span: Span::default(),
        message: message.into(),
        why: String::new(),
        remedy: String::new(),
        target: "socket.create_connection".into(),
        related: Vec::new(),
        fingerprint: None,
        fix: FixState::None,
    }
}

impl Diagnostic {
    pub(super) fn at(mut self, row: u32, column: u32) -> Self {
        self.span.start = Position { row, column };
        self.span.end = self.span.start;
        self
    }
    pub(super) fn offset(mut self, offset: usize) -> Self {
        self.span.offset = u32::try_from(offset).expect("small");
        self
    }
    pub(super) fn width(mut self, columns: u32) -> Self {
        self.span.end.column = self.span.start.column + columns;
        self
    }
    pub(super) fn until(mut self, row: u32, column: u32) -> Self {
        self.span.end = Position { row, column };
        self
    }
    pub(super) fn cell(mut self, cell: u32) -> Self {
        self.span.cell = Some(cell);
        self
    }
    pub(super) fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }
    pub(super) fn undecided(mut self) -> Self {
        self.ruling = Ruling::Undecided;
        self
    }
    pub(super) fn why(mut self, why: &str) -> Self {
        self.why = why.into();
        self
    }
    pub(super) fn remedy(mut self, remedy: &str) -> Self {
        self.remedy = remedy.into();
        self
    }
    /// With a fix that puts `os` in place of the first character; unsafe for a reason.
    pub(super) fn fixable(mut self, risk: Option<&str>) -> Self {
        let end = Position { row: 1, column: 2 };
        let span = Span { end, ..Span::FIRST };
        let safety = risk.map_or(Safety::Safe, |why| Safety::Unsafe(why.into()));
        self.fix = FixState::Ready(Fix { edits: vec![(span, "os".into())], safety });
        self
    }
    pub(super) fn related(
        mut self,
        row: u32,
        column: u32,
        offset: u32,
        width: u32,
        message: &str,
    ) -> Self {
        let start = Position { row, column };
        let end = Position { row, column: column + width };
        let span = Span { cell: self.span.cell, offset, start, end };
        self.related.push(Related { path: None, span, message: message.into() });
        self
    }
}

/// A report of one file, with its findings counted.
pub(super) fn report(path: &str, diagnostics: Vec<Diagnostic>) -> Report {
    let mut summary = Summary { files: 1, lines: 10, seconds: 0.25, ..Summary::default() };
    for finding in &diagnostics {
        *summary.by_rule.entry(finding.rule.0.name).or_default() += 1;
        *summary.by_capability.entry(finding.rule.0.capability.name()).or_default() += 1;
        summary.undecided += u64::from(finding.ruling == Ruling::Undecided);
    }
    let file = FileReport { path: path.into(), diagnostics, ..FileReport::default() };
    Report { files: vec![file], summary, ..Report::default() }
}

/// Note of the report's files that they were not analysed.
pub(super) fn not_analysed(
    report: &mut Report,
    reason: &'static str,
    detail: &str,
    accepted: bool,
) {
    for file in &mut report.files {
        file.not_analysed.push(NotAnalysed { reason, detail: detail.into(), accepted });
    }
}

/// What a renderer wrote.
pub(super) fn text(render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    render(&mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("UTF-8")
}

/// Text made to break out of where it is put: markup, workflow commands, links, placeholders,
/// hidden and any other characters.
pub(super) fn hostile() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let pieces = prop_oneof![
        any::<char>().prop_map(String::from),
        "[a-z/:,=%\\[\\]()\\\\{}\"'<>&# ]{1,3}",
        proptest::sample::select(vec![
            "\n::error file=x::y",
            "::set-env name=a::b",
            "##[add-mask]x",
            "%0A",
            "%25",
            "%3A",
            "</failure><error/>",
            "]]>",
            "<!--",
            "&amp;",
            "[x](https://example.invalid)",
            "\\](1)",
            "{0}",
            "\u{202e}",
            "\u{1b}[31m",
            "\r\n",
            "\u{fffe}",
            "\u{ffff}",
        ])
        .prop_map(String::from),
    ];
    proptest::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat())
}
