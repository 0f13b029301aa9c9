//! The pipeline the command line and the language server share: bytes of one file to its
//! findings, and a set of roots to a report.
//!
//! Files are independent of each other, so they are analysed in parallel, and what goes wrong in
//! one of them becomes a finding about that file. The report does not depend on how many threads
//! there were or which of them was first.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hermetic_policy::rule::Construct;
use hermetic_policy::{Capability, Level, message};
use rustc_hash::FxHashSet;

use crate::detect::summarise;
use crate::diagnostic::{Diagnostic, FixState, RuleRef, Ruling, Span};
use crate::discover::{self, DiscoverError, DiscoverOptions, Discovered, File};
use crate::fingerprint;
use crate::judge::Judgement;
use crate::report::{FileReport, NotAnalysed, Report, Summary};
use crate::resolve::names::NAMES;
use crate::source::{FileKind, MagicBody, Reason, Source, Unanalysed, decode};
use crate::summary::Range;
use crate::suppress::{self, Addition};
use crate::syntax::{self, STACK_BYTES};

pub mod fixes;
mod per_file;

pub use self::per_file::{Applies, PerFile};

/// Files of more bytes than this are analysed one at a time: the tree of a text takes up to a
/// hundred times its memory.
const LARGE: usize = 2 << 20;

static LARGE_FILE: Mutex<()> = Mutex::new(());

/// What to analyse, and how to judge it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Which files.
    pub discover: DiscoverOptions,
    /// The folder that paths are shown relative to where they are below it.
    pub base: PathBuf,
    /// What is denied, and how loudly it is told.
    pub judgement: Judgement,
    /// What applies to files that differ.
    pub per_file: Option<Arc<dyn PerFile>>,
    /// Worker threads; `None` for one a processor.
    pub threads: Option<usize>,
}

/// One file's part of a report.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What there is to say.
    pub report: FileReport,
    /// Lines of it; none where it could not be decoded.
    pub lines: u64,
    /// Capabilities used, whatever the policy.
    pub used: FxHashSet<Capability>,
    /// Acts the policy could not decide.
    pub undecided: u64,
    /// Left out by its own configuration, and not looked at.
    pub excluded: bool,
}

/// Why a run could not begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProjectError {
    /// The files could not be found.
    Discover(DiscoverError),
    /// The worker threads could not be started.
    Threads(rayon::ThreadPoolBuildError),
}

impl std::fmt::Display for ProjectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Discover(error) => error.fmt(f),
            Self::Threads(error) => write!(f, "cannot start worker threads: {error}"),
        }
    }
}

impl std::error::Error for ProjectError {}

/// Find and analyse everything below the roots. `done` is raised by one for every finished file.
///
/// # Errors
/// [`ProjectError`] where a root or pattern is none, or threads cannot be had; never for what is
/// in a file.
pub fn check(settings: &Settings, done: &AtomicUsize) -> Result<Report, ProjectError> {
    let start = Instant::now();
    let run = Run { settings, done, outcomes: Mutex::default(), waiting: Mutex::default() };
    let found = on_workers(settings.threads, || run.all())??;
    let mut report = join(run.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner));
    unanalysable(&mut report, &found, settings);
    report.summary.ignored = found.ignored.len() as u64;
    report.summary.excluded += found.excluded.len() as u64;
    report.summary.stubs = found.stubs.len() as u64;
    report.summary.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}

impl Settings {
    fn applies(&self, path: &Path) -> Applies {
        self.per_file.as_ref().map_or_else(Applies::default, |per_file| per_file.of(path))
    }
}

/// A run over files, while it lasts.
struct Run<'s> {
    settings: &'s Settings,
    done: &'s AtomicUsize,
    outcomes: Mutex<Vec<Outcome>>,
    /// Files that cannot be judged until all are found.
    waiting: Mutex<Vec<(File, Applies)>>,
}

impl Run<'_> {
    /// Analyse files on all workers, while one of them is still finding more.
    fn all(&self) -> Result<Discovered, ProjectError> {
        let found = rayon::scope(|scope| {
            discover::discover_each(&self.settings.discover, &mut |file: &File| {
                let file = file.clone();
                scope.spawn(move |_| self.one(file));
            })
        });
        let found = found.map_err(ProjectError::Discover)?;
        let waiting = self.waiting.lock().map(|mut waiting| std::mem::take(&mut *waiting));
        let waiting = waiting.unwrap_or_default();
        if waiting.is_empty() {
            return Ok(found);
        }
        let first_party = first_party(&found.files);
        let mut judgements: Vec<(*const Judgement, Judgement)> = Vec::new();
        for (_, applies) in &waiting {
            let judgement = applies.judgement(&self.settings.judgement);
            if !judgements.iter().any(|(of, _)| std::ptr::eq(*of, judgement)) {
                let first_party = first_party.clone();
                judgements.push((judgement, Judgement { first_party, ..judgement.clone() }));
            }
        }
        let judgements: Vec<&Judgement> = waiting
            .iter()
            .filter_map(|(_, applies)| {
                let judgement = applies.judgement(&self.settings.judgement);
                let known = judgements.iter().find(|(of, _)| std::ptr::eq(*of, judgement));
                known.map(|(_, with)| with)
            })
            .collect();
        rayon::scope(|scope| {
            for ((file, applies), judgement) in waiting.iter().zip(judgements) {
                scope.spawn(move |_| self.check(file, applies, judgement));
            }
        });
        Ok(found)
    }

    fn one(&self, file: File) {
        let applies = self.settings.applies(&file.path);
        if applies.excluded {
            self.push(Outcome { excluded: true, ..Outcome::default() });
            return;
        }
        let judgement = applies.judgement(&self.settings.judgement);
        // Whether an import is a third party's hangs on what all the files are.
        if judgement.policy.guards(Capability::Native) {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((file, applies));
        } else {
            self.check(&file, &applies, judgement);
        }
    }

    fn check(&self, file: &File, applies: &Applies, judgement: &Judgement) {
        let outcome = check_file(judgement, &applies.ignored, file, &self.settings.base);
        self.done.fetch_add(1, Ordering::Relaxed);
        self.push(outcome);
    }

    fn push(&self, outcome: Outcome) {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }
}

/// Analyse one text that is no file on the disk, as far as it could be had: standard input, or an
/// editor's buffer. Findings of the rules in `ignored` are suppressed.
///
/// # Errors
/// [`ProjectError::Threads`] where no thread with stack enough can be had.
pub fn check_bytes(
    judgement: &Judgement,
    ignored: &[&str],
    path: &str,
    bytes: Result<Vec<u8>, Unanalysed>,
    kind: FileKind,
) -> Result<Report, ProjectError> {
    let start = Instant::now();
    let mut outcome = on_workers(Some(1), || analyse(judgement, path.to_owned(), || bytes, kind))?;
    let accepted = suppress::ignore(&mut outcome.report, ignored);
    outcome.undecided = outcome.undecided.saturating_sub(accepted);
    let mut report = join([outcome]);
    report.summary.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}

/// A file with comments put in that accept its findings of level warn or error; `None` where
/// there are none, or none that a comment can accept. `path` decides what kind of file it is,
/// `report` which findings: others than it has hang on files beside this one.
///
/// # Errors
/// [`ProjectError::Threads`] where no thread with stack enough can be had.
pub fn add_ignores(
    judgement: &Judgement,
    path: &Path,
    bytes: &[u8],
    report: &FileReport,
    reason: &suppress::Reason,
) -> Result<Option<Addition>, ProjectError> {
    let known: BTreeSet<_> =
        report.diagnostics.iter().map(|known| (known.span, known.rule.0.name)).collect();
    on_workers(Some(1), || {
        let kind = discover::kind_of(path)?;
        let (before, written) = {
            let source = decode(bytes.to_vec(), kind).ok()?;
            let mut outcome = Outcome::default();
            let run = || analyse_source(judgement, &source, &mut outcome);
            let parsed = catch_unwind(AssertUnwindSafe(run)).ok()??;
            let findings: Vec<&Diagnostic> = outcome
                .report
                .diagnostics
                .iter()
                .filter(|d| suppress::is_acceptable(d) && known.contains(&(d.span, d.rule.0.name)))
                .collect();
            if findings.is_empty() {
                return None;
            }
            let written = suppress::plan(&source, &parsed, bytes, &findings, reason)?;
            let all: Vec<&Diagnostic> =
                outcome.report.diagnostics.iter().filter(|d| suppress::is_acceptable(d)).collect();
            (by_rule(&all), written)
        };
        // Only what is seen to work is written.
        let mut outcome = Outcome::default();
        let source = decode(written.clone(), kind).ok()?;
        let run = || analyse_source(judgement, &source, &mut outcome);
        catch_unwind(AssertUnwindSafe(run)).ok()??;
        let findings: Vec<&Diagnostic> =
            outcome.report.diagnostics.iter().filter(|d| suppress::is_acceptable(d)).collect();
        let after = by_rule(&findings);
        let gone = |(rule, count): (&'static str, u64)| {
            let gone = count.saturating_sub(after.get(rule).copied().unwrap_or_default());
            (gone > 0).then_some((rule, gone))
        };
        let rules: BTreeMap<_, _> = before.into_iter().filter_map(gone).collect();
        Some(Addition { bytes: written, rules }).filter(|addition| !addition.rules.is_empty())
    })
}

fn by_rule(findings: &[&Diagnostic]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.rule.0.name).or_default() += 1;
    }
    counts
}

/// Read and decode a file again, for excerpts; `None` where it has gone or changed beyond reading.
pub fn source_of(path: &Path) -> Option<Source> {
    let bytes = discover::read(path).ok()?;
    decode(bytes, discover::kind_of(path)?).ok()
}

/// Each thread has a large stack: what asks for more of them than this wants "all there are".
const MOST_THREADS: usize = 256;

/// Run on threads whose stacks hold the deepest nesting analysed.
fn on_workers<T: Send>(
    threads: Option<usize>,
    run: impl FnOnce() -> T + Send,
) -> Result<T, ProjectError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0).min(MOST_THREADS))
        .stack_size(STACK_BYTES)
        .build()
        .map_err(ProjectError::Threads)?;
    Ok(pool.install(run))
}

fn check_file(judgement: &Judgement, ignored: &[&str], file: &File, base: &Path) -> Outcome {
    let shown = discover::display(&file.path, Some(base));
    let mut outcome = analyse(judgement, shown, || discover::read(&file.path), file.kind);
    let accepted = suppress::ignore(&mut outcome.report, ignored);
    outcome.undecided = outcome.undecided.saturating_sub(accepted);
    outcome.report.source = Some(file.path.clone());
    outcome
}

/// One file from its bytes to its findings.
fn analyse(
    judgement: &Judgement,
    path: String,
    read: impl FnOnce() -> Result<Vec<u8>, Unanalysed>,
    kind: FileKind,
) -> Outcome {
    let mut outcome =
        Outcome { report: FileReport { path, ..FileReport::default() }, ..Outcome::default() };
    let read = read();
    // Their trees are many times as large, and one at a time is enough to hold.
    let large = read.as_ref().is_ok_and(|bytes| bytes.len() > LARGE);
    let _one = large.then(|| LARGE_FILE.lock().unwrap_or_else(PoisonError::into_inner));
    let source = match read.and_then(|bytes| decode(bytes, kind)) {
        Ok(source) => source,
        Err(unanalysed) => {
            outcome.report.add(judgement, unanalysed, Span::FIRST);
            return outcome;
        }
    };
    outcome.lines = source.lines();
    // A defect of ours must cost no more than the file that shows it.
    let result =
        catch_unwind(AssertUnwindSafe(|| drop(analyse_source(judgement, &source, &mut outcome))));
    if result.is_err() {
        let detail = "hermetic-check failed inside on this file; please report it".to_owned();
        outcome.report.add(judgement, Unanalysed::new(Reason::InternalError, detail), Span::FIRST);
    }
    for findings in [&mut outcome.report.diagnostics, &mut outcome.report.suppressed] {
        findings.sort_by(|a, b| {
            let key = |d: &Diagnostic| (d.span.offset, d.rule.0.name, d.span.end);
            key(a).cmp(&key(b))
        });
    }
    outcome
}

/// The findings of a text; gives its tree.
fn analyse_source(
    judgement: &Judgement,
    source: &Source,
    outcome: &mut Outcome,
) -> Option<syntax::Parsed> {
    let span_of = |range: Range| source.span(range.start..range.end);
    let parts = source.parts().iter().map(|part| part.start..part.end);
    let notebook = kind_is_notebook(source.kind());
    let parsed = match syntax::parse(source.text(), parts, notebook) {
        Ok(parsed) => parsed,
        Err(deep) => {
            let detail = format!(
                "nested more deeply than the limit of {} expressions, {} blocks and {} formatted \
                 strings",
                syntax::DEEPEST,
                syntax::MOST_BLOCKS,
                syntax::MOST_STRINGS
            );
            let span = source.span(deep.offset..deep.offset.saturating_add(1));
            outcome.report.add(judgement, Unanalysed::new(Reason::TooDeep, detail), span);
            return None;
        }
    };
    let summary = summarise(&parsed, source, judgement.names);
    let judged = judgement.judge(&summary, &span_of);
    outcome.report.diagnostics = judged.diagnostics;
    outcome.used = judged.used;
    outcome.undecided = judged.undecided;
    if summary.exhausted {
        let detail = "it takes more steps than any ordinary file; the rest was left out";
        let unanalysed = Unanalysed::new(Reason::TooComplex, detail);
        outcome.report.add(judgement, unanalysed, Span::FIRST);
    }

    if let Some((detail, range)) = first_error(&parsed) {
        let unanalysed = Unanalysed::new(Reason::SyntaxError, detail);
        outcome.report.add(judgement, unanalysed, span_of(range));
    }
    for magic in source.cell_magics() {
        if magic.body == MagicBody::Unknown {
            let detail = format!("the cell is handed to `%%{}`", magic.name);
            let end = magic.offset.saturating_add(2);
            let span = source.span(magic.offset..end);
            outcome.report.add(judgement, Unanalysed::new(Reason::CellMagic, detail), span);
        }
    }
    let whole = !summary.exhausted && parsed.errors().next().is_none();
    let analysed =
        suppress::Analysed { judgement, source, parsed: &parsed, summary: &summary, whole };
    let accepted = suppress::suppress(analysed, &mut outcome.report);
    outcome.undecided = outcome.undecided.saturating_sub(accepted);
    if judgement.fingerprints {
        fingerprint::mark(source, &parsed, &mut outcome.report.diagnostics);
    }
    Some(parsed)
}

/// The first thing the parser objected to, and how many more there are.
fn first_error(parsed: &syntax::Parsed) -> Option<(String, Range)> {
    let mut errors = parsed.errors();
    let first = errors.next()?;
    let more = match errors.count() {
        0 => String::new(),
        1 => " (and 1 more syntax error)".to_owned(),
        n => format!(" (and {n} more syntax errors)"),
    };
    let range = Range { start: first.range.start().to_u32(), end: first.range.end().to_u32() };
    Some((format!("{}{more}", lower_first(&first.message)), range))
}

fn kind_is_notebook(kind: FileKind) -> bool {
    kind.mode() == crate::source::Mode::Ipython
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

impl FileReport {
    /// Note that the file, or a part of it, is not analysed, as a finding of its own.
    fn add(&mut self, judgement: &Judgement, unanalysed: Unanalysed, span: Span) {
        let mut noted = NotAnalysed::from(unanalysed);
        let Some(rule) = NAMES.construct_rule(Construct::Unanalysed) else {
            self.not_analysed.push(noted);
            return;
        };
        let otherwise = if noted.accepted { Level::Info } else { rule.level };
        let level = judgement.level(rule, otherwise);
        noted.accepted = level <= Level::Info;
        if level > Level::Off {
            let told = message::tell_unanalysed(noted.reason, &noted.detail);
            self.diagnostics.push(Diagnostic {
                rule: RuleRef(rule),
                level,
                ruling: Ruling::Advise,
                span,
                message: told.what,
                why: told.why,
                remedy: told.remedy,
                target: noted.reason.to_owned(),
                related: Vec::new(),
                fingerprint: None,
                fix: FixState::None,
            });
        }
        self.not_analysed.push(noted);
    }
}

/// Add what was found but is nothing to analyse.
fn unanalysable(report: &mut Report, found: &Discovered, settings: &Settings) {
    for (path, unanalysed) in &found.unanalysed {
        let applies = settings.applies(path);
        if applies.excluded {
            report.summary.excluded += 1;
            continue;
        }
        let path = discover::display(path, Some(&settings.base));
        let mut file = FileReport { path, ..FileReport::default() };
        let judgement = applies.judgement(&settings.judgement);
        file.add(judgement, unanalysed.clone(), Span::FIRST);
        suppress::ignore(&mut file, &applies.ignored);
        report.summary.count(&file.diagnostics);
        report.summary.suppressed += file.suppressed.len() as u64;
        report.files.push(file);
    }
    report.files.sort_by(|a, b| a.path.cmp(&b.path));
}

fn join(outcomes: impl IntoIterator<Item = Outcome>) -> Report {
    let mut report = Report::default();
    let mut used = FxHashSet::default();
    for outcome in outcomes {
        let summary = &mut report.summary;
        if outcome.excluded {
            summary.excluded += 1;
            continue;
        }
        summary.files += 1;
        summary.lines += outcome.lines;
        summary.undecided += outcome.undecided;
        summary.count(&outcome.report.diagnostics);
        summary.suppressed += outcome.report.suppressed.len() as u64;
        used.extend(outcome.used);
        let FileReport { diagnostics, suppressed, not_analysed, .. } = &outcome.report;
        if !(diagnostics.is_empty() && suppressed.is_empty() && not_analysed.is_empty()) {
            report.files.push(outcome.report);
        }
    }
    report.files.sort_by(|a, b| a.path.cmp(&b.path));
    report.summary.used = Capability::ALL.into_iter().filter(|c| used.contains(c)).collect();
    report
}

impl Summary {
    pub(crate) fn count(&mut self, diagnostics: &[Diagnostic]) {
        let add = |counts: &mut BTreeMap<&'static str, u64>, name| {
            *counts.entry(name).or_default() += 1;
        };
        for diagnostic in diagnostics {
            add(&mut self.by_rule, diagnostic.rule.0.name);
            add(&mut self.by_capability, diagnostic.rule.0.capability.name());
        }
    }
}

/// The top-level modules among the files: what `import` finds of the project itself.
fn first_party(files: &[File]) -> FxHashSet<String> {
    let packages: FxHashSet<&Path> = files
        .iter()
        .filter(|file| file.path.file_stem().is_some_and(|stem| stem == "__init__"))
        .filter_map(|file| file.path.parent())
        .collect();
    let top = |file: &File| {
        let mut top = file.path.as_path();
        while let Some(folder) = top.parent().filter(|folder| packages.contains(folder)) {
            top = folder;
        }
        // A folder without `__init__.py` is a namespace package (PEP 420).
        let folder = file.path.parent().and_then(Path::file_name);
        let names = [top.file_stem(), folder];
        names
            .into_iter()
            .flatten()
            .map(|name| name.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
    };
    files.iter().flat_map(top).collect()
}

#[cfg(test)]
mod tests;
