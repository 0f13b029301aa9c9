//! Where the command line meets the analyzer: settings in, report out.

use std::borrow::Cow;
use std::sync::atomic::AtomicUsize;

use hermetic_check::diagnostic::{Position, Span};
use hermetic_check::judge::Judgement;
use hermetic_check::render::SourceProvider;
use hermetic_check::report::{FileReport, Report};

use crate::settings::{Input, Settings};

/// A list of files to show instead of analysing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Those that would be analysed.
    Files,
    /// Those passed over because of `.gitignore` and kin or excludes.
    Ignored,
}

pub(crate) fn run(settings: &Settings, _done: &AtomicUsize) -> Report {
    let judgement = Judgement {
        policy: settings.policy.clone(),
        levels: settings.levels.clone(),
        undecided: settings.undecided,
        ..Judgement::default()
    };
    let mut report = Report::default();
    let Input::Paths(paths) = &settings.input else { return report };
    for root in paths {
        for entry in ignore::WalkBuilder::new(root).sort_by_file_path(|a, b| a.cmp(b)).build().flatten() {
            if entry.path().extension().is_none_or(|e| e != "py") { continue }
            let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
            let Ok(parsed) = hermetic_check::syntax::parse(&text, false) else { continue };
            let summary = hermetic_check::summarise(&parsed, &text);
            let pos = |at: u32| {
                let before = &text[..at as usize];
                let row = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
                Position { row: row as u32, column: column as u32 }
            };
            let judged = judgement.judge(&summary, &|range| Span { cell: None, offset: range.start, start: pos(range.start), end: pos(range.end) });
            report.summary.files += 1;
            for d in &judged.diagnostics { *report.summary.by_rule.entry(d.rule.0.name).or_default() += 1; }
            if !judged.diagnostics.is_empty() {
                report.files.push(FileReport { path: entry.path().strip_prefix("./").unwrap_or(entry.path()).display().to_string(), source: Some(entry.path().to_owned()), diagnostics: judged.diagnostics, not_analysed: vec![] });
            }
        }
    }
    report
}

pub(crate) fn list(_settings: &Settings, _listing: Listing) -> Vec<String> {
    Vec::new()
}

pub(crate) struct Sources<'s> {
    pub(crate) settings: &'s Settings,
}

impl SourceProvider for Sources<'_> {
    fn text(&self, file: &FileReport) -> Option<Cow<'_, str>> {
        std::fs::read_to_string(file.source.as_ref()?).ok().map(Cow::Owned)
    }
}
