//! One open document: its text, and what was found in it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Name;
use super::joined::{Joined, Taking};
use super::obeyed::Obeyed;
use crate::detect::{Environment, Linking};
use crate::diagnostic::Span;
use crate::fingerprint;
use crate::judge::Judgement;
use crate::logical::LogicalLines;
use crate::project::Outcome;
use crate::project::file::{accept, facts_of, judge_facts, tree};
use crate::report::FileReport;
use crate::source::{FileKind, Reason, Source, Unanalysed, from_text};
use crate::summary::FileSummary;
use crate::summary::links::Links;
use crate::suppress;

/// How a document is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// How it is judged.
    pub(super) judgement: Arc<Judgement>,
    /// Rules whose findings are suppressed in it.
    pub(super) ignored: Vec<&'static str>,
    /// It is left out.
    pub(super) excluded: bool,
    /// It is part of its folder's program.
    pub(super) joins: bool,
    /// What its findings show it as.
    pub(super) shown: String,
    /// The configuration file it obeys.
    pub(super) configuration: Option<PathBuf>,
    /// Whose settings they are.
    pub(super) obeyed: Option<Arc<Obeyed>>,
}

impl Settings {
    /// Whether nothing would be found that was not.
    pub(super) fn same(&self, other: &Self) -> bool {
        let obeyed = match (&self.obeyed, &other.obeyed) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        obeyed
            && Arc::ptr_eq(&self.judgement, &other.judgement)
            && self.ignored == other.ignored
            && (self.excluded, self.joins) == (other.excluded, other.joins)
    }
}

/// A document as it is at one moment.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) name: Name,
    pub(super) kind: FileKind,
    pub(super) text: Arc<str>,
    pub(super) settings: Settings,
    first: OnceLock<Arc<First>>,
    second: Mutex<Option<(Arc<Taking>, Arc<Second>)>>,
    /// Its links when they were last known.
    before: Option<Arc<Links>>,
}

/// What is found in a document by itself.
#[derive(Debug)]
pub(super) struct First {
    /// None where it could not be decoded.
    pub(super) source: Option<Source>,
    pub(super) report: FileReport,
    pub(super) links: Option<Arc<Links>>,
    pub(super) summary: FileSummary,
}

/// What is found in it with the program around it known.
#[derive(Debug)]
pub(super) struct Second {
    report: FileReport,
    pub(super) summary: FileSummary,
}

impl Document {
    pub(super) fn new(
        name: Name,
        kind: FileKind,
        text: Arc<str>,
        settings: Settings,
        before: Option<Arc<Links>>,
    ) -> Self {
        let (first, second) = (OnceLock::new(), Mutex::new(None));
        Self { name, kind, text, settings, first, second, before }
    }

    /// The same with another text.
    pub(super) fn edited(&self, kind: FileKind, text: Arc<str>) -> Self {
        Self::new(self.name.clone(), kind, text, self.settings.clone(), self.last_links())
    }

    /// The same with other settings.
    pub(super) fn with(&self, settings: Settings) -> Self {
        let text = Arc::clone(&self.text);
        Self::new(self.name.clone(), self.kind, text, settings, self.last_links())
    }

    fn last_links(&self) -> Option<Arc<Links>> {
        let now = self.first.get().and_then(|first| first.links.clone());
        now.or_else(|| self.before.clone())
    }

    /// What is found in it by itself.
    pub(super) fn first(&self) -> &Arc<First> {
        self.first.get_or_init(|| Arc::new(self.look()))
    }

    fn look(&self) -> First {
        let linking =
            if self.settings.joins { Linking::Facts { graph: false } } else { Linking::Off };
        let source = match from_text(self.text.to_string(), self.kind) {
            Ok(source) => source,
            Err(unanalysed) => {
                let mut outcome = Outcome::of(&self.settings.shown);
                outcome.report.add(&self.settings.judgement, unanalysed, Span::FIRST);
                let report = self.finished(outcome);
                return First {
                    source: None,
                    report,
                    links: None,
                    summary: FileSummary::default(),
                };
            }
        };
        let (outcome, mut summary) = self.look_at(&source, linking);
        let links = summary.links.take().map(|links| match &self.before {
            // Who has the same can tell without comparing.
            Some(before) if **before == *links => Arc::clone(before),
            _ => Arc::from(links),
        });
        First { source: Some(source), report: self.finished(outcome), links, summary }
    }

    fn look_at(&self, source: &Source, linking: Linking<'_>) -> (Outcome, FileSummary) {
        look_at(&self.settings.judgement, &self.settings.shown, source, linking)
    }

    fn finished(&self, mut outcome: Outcome) -> FileReport {
        suppress::ignore(&mut outcome.report, &self.settings.ignored);
        outcome.report.source = self.name.path().map(ToOwned::to_owned);
        outcome.report
    }

    /// Whether it offers or takes something else than when that was last asked of it.
    pub(super) fn has_new_links(&self) -> bool {
        match (&self.first().links, &self.before) {
            (Some(links), Some(before)) => !Arc::ptr_eq(links, before),
            (None, None) => false,
            _ => true,
        }
    }

    /// What is found in it with the program known.
    pub(super) fn second(&self, joined: &Joined) -> FileReport {
        let first = self.first();
        let Some(place) = self.name.path().and_then(|path| joined.place_of(path)) else {
            return first.report.clone();
        };
        let mut report = match joined.taking(place) {
            None => first.report.clone(),
            Some(taking) => {
                let mut report = match self.looked_again(taking) {
                    Some(second) => second.report.clone(),
                    None => return first.report.clone(),
                };
                joined.name_sources(&mut report, &first.report, taking);
                report
            }
        };
        joined.name_users(&mut report, place);
        report
    }

    /// The second look, which is kept as long as what is known of others stays the same.
    pub(super) fn looked_again(&self, taking: &Arc<Taking>) -> Option<Arc<Second>> {
        let known = self.second.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((of, second)) = known
            && (Arc::ptr_eq(&of, taking) || of.environment == taking.environment)
        {
            return Some(second);
        }
        let source = self.first().source.as_ref()?;
        let environment: &Environment = &taking.environment;
        let (outcome, mut summary) =
            self.look_at(source, Linking::With { graph: false, environment });
        summary.links = None;
        let second = Arc::new(Second { report: self.finished(outcome), summary });
        let kept = Some((Arc::clone(taking), Arc::clone(&second)));
        *self.second.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Some(second)
    }
}

/// The findings of a text, and its facts.
pub(super) fn look_at(
    judgement: &Judgement,
    shown: &str,
    source: &Source,
    linking: Linking<'_>,
) -> (Outcome, FileSummary) {
    let looked = catch_unwind(AssertUnwindSafe(|| {
        let mut outcome = Outcome::of(shown);
        let parsed = match tree(source) {
            Ok(parsed) => parsed,
            Err(facts) => {
                let span_of = |range: crate::summary::Range| source.span(range.start..range.end);
                judge_facts(judgement, &facts, &mut outcome, &span_of);
                return (outcome, facts.summary);
            }
        };
        let facts = facts_of(&judgement.names, source, &parsed, linking);
        judge_facts(judgement, &facts, &mut outcome, &|range| source.span(range.start..range.end));
        let lines = || LogicalLines::new(&parsed, source.text());
        accept(judgement, source, &facts, &lines, &mut outcome);
        if judgement.fingerprints {
            fingerprint::mark(source, &parsed, &mut outcome.report.diagnostics);
        }
        (outcome, facts.summary)
    }));
    let (mut outcome, summary) = looked.unwrap_or_else(|_| {
        let detail = "hermetic-check failed inside on this file; please report it".to_owned();
        let internal = Unanalysed::new(Reason::InternalError, detail);
        let mut outcome = Outcome::of(shown);
        outcome.report.add(judgement, internal, Span::FIRST);
        (outcome, FileSummary::default())
    });
    outcome.sort();
    (outcome, summary)
}
