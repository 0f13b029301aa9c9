//! A [`Report`] as bytes: for people ([`full`], [`concise`], with
//! [`closing`] lines) and for programs ([`json`], [`jsonl`]; [`sarif`], [`github`], [`gitlab`] and
//! [`junit`] are other people's formats).
//!
//! [`capabilities`] is another report, as text and as JSON; [`html`] and [`graph`] show it to people.
//!
//! Every renderer writes to an [`std::io::Write`], never prints, and lists findings in the order
//! of the report. Characters that a terminal would act on or not show are escaped in all of them
//! (see [`escape`]).

use std::borrow::Cow;

use hermetic_policy::Level;

use crate::diagnostic::{Diagnostic, Ruling};
use crate::report::{FileReport, NotAnalysed, Report};

pub mod capabilities;
pub mod closing;
pub mod concise;
pub mod escape;
mod excerpt;
pub mod full;
pub mod github;
pub mod gitlab;
pub mod graph;
pub mod html;
pub mod json;
pub mod jsonl;
pub mod junit;
mod record;
pub mod rules;
pub mod sarif;
pub mod statistics;
mod text;

/// A way to write a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Source excerpt with carets, what, why and remedy.
    #[default]
    Full,
    /// One line a finding.
    Concise,
    /// One object.
    Json,
    /// One object a line.
    JsonLines,
    /// A SARIF 2.1.0 log.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
    /// GitLab's code quality report.
    Gitlab,
    /// `JUnit`'s XML.
    Junit,
}

impl Format {
    /// Whether it is made for people, with a closing summary in sentences.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Full | Self::Concise)
    }

    /// Whether it can hold other lists than that of findings: counts, rules.
    pub const fn is_general(self) -> bool {
        matches!(self, Self::Full | Self::Concise | Self::Json | Self::JsonLines)
    }
}

/// How the text formats look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextOptions {
    /// With ANSI colours.
    pub color: bool,
    /// List what the policy could not decide even at level `info`, instead of only counting it.
    pub show_undecided: bool,
    /// A policy was chosen; without one the closing lines say what is used and how to choose.
    pub policy_chosen: bool,
}

impl TextOptions {
    /// Whether a text format lists this finding rather than only counting it.
    pub fn lists(self, finding: &Diagnostic) -> bool {
        match finding.level {
            Level::Off => false,
            Level::Info => self.show_undecided || finding.ruling != Ruling::Undecided,
            Level::Warn | Level::Error => true,
        }
    }
}

/// Where [`full`] takes the text of its excerpts from.
pub trait SourceProvider {
    /// The decoded text that the spans of this file's findings count in; `None` where it cannot
    /// be had (any more), and then the findings are told without an excerpt.
    fn text(&self, file: &FileReport) -> Option<Cow<'_, str>>;
}

/// Knows no text: every finding is told without an excerpt.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSources;

impl SourceProvider for NoSources {
    fn text(&self, _file: &FileReport) -> Option<Cow<'_, str>> {
        None
    }
}

/// The rule that tells of files not analysed in whole.
const NOT_ANALYSED: &str = "not-analysed";

/// What was not analysed and is told by no finding, because configuration turned the rule off or
/// the file's findings down: told all the same, so that nothing is skipped in silence.
fn accepted_without_finding(file: &FileReport) -> impl Iterator<Item = &NotAnalysed> {
    let told = file
        .diagnostics
        .iter()
        .any(|finding| finding.rule.0.name == NOT_ANALYSED && finding.level != Level::Off);
    file.not_analysed.iter().filter(move |_| !told)
}

/// Every finding above level `off`, with its file.
fn findings(report: &Report) -> impl Iterator<Item = (&FileReport, &Diagnostic)> {
    report.files.iter().flat_map(|file| {
        file.diagnostics
            .iter()
            .filter(|finding| finding.level != Level::Off)
            .map(move |finding| (file, finding))
    })
}

#[cfg(test)]
mod fixture;
