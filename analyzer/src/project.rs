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

use crate::cache::{Cache, Kept, Seen};
use crate::detect::{Linking, summarise};
use crate::diagnostic::{Diagnostic, RuleRef, Ruling, Span};
use crate::discover::{self, DiscoverError, DiscoverOptions, Discovered, File, Member};
use crate::fingerprint;
use crate::judge::Judgement;
use crate::logical::LogicalLines;
use crate::report::{FileReport, NotAnalysed, Report, Summary};
use crate::resolve::names::{NAMES, NameTable};
use crate::source::{FileKind, MagicBody, Reason, Source, Unanalysed, decode};
use crate::summary::{Facts, Range};
use crate::suppress::{self, Addition};
use crate::syntax::{self, STACK_BYTES};

mod dependencies;
mod first_party;
mod kept;
mod per_file;
pub mod program;

pub use self::per_file::{Applies, PerFile};

use self::first_party::first_party;
use self::kept::judge_kept;

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
    /// Facts of earlier runs, where they are wanted.
    pub cache: Option<Arc<Cache>>,
    /// For a whole program: folders and archives whose modules belong to it as far as they are
    /// imported, in the order in which they are searched.
    pub dependencies: Option<Vec<PathBuf>>,
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
    let found = on_workers(settings.threads, || {
        let found = run.all()?;
        if let Some(cache) = &settings.cache {
            cache.finish();
        }
        Ok::<_, ProjectError>(found)
    })??;
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
        let applies = self.settings.applies(file.on_disk());
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
        let outcome = check_file(judgement, &applies.ignored, file, self.settings);
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
    let mut outcome = on_workers(Some(1), || analyse(judgement, path, || bytes, kind, None))?;
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
            let parsed = catch_unwind(AssertUnwindSafe(run)).ok()?.1?;
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
        catch_unwind(AssertUnwindSafe(run)).ok()?.1?;
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

/// Read and decode a file again, or what an archive has for it, for excerpts; `None` where it has gone or changed beyond reading.
pub fn source_of(path: &Path, member: Option<&Member>) -> Option<Source> {
    let bytes = match member {
        Some(member) => member.bytes.to_vec(),
        None => discover::read(path).ok()?,
    };
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

fn check_file(
    judgement: &Judgement,
    ignored: &[&str],
    file: &File,
    settings: &Settings,
) -> Outcome {
    let shown = discover::display(&file.path, Some(&settings.base));
    let cache = settings.cache.as_ref();
    let cache = cache.filter(|_| file.member.is_none());
    let seen = cache.and_then(|cache| cache.see(&file.path, file.kind, judgement));
    let kept = seen.as_ref().and_then(Seen::unchanged);
    let known = kept.and_then(|kept| judge_kept(judgement, &shown, &kept, None));
    let read = || file.read();
    let mut outcome =
        known.unwrap_or_else(|| analyse(judgement, &shown, read, file.kind, seen.as_ref()));
    let accepted = suppress::ignore(&mut outcome.report, ignored);
    outcome.undecided = outcome.undecided.saturating_sub(accepted);
    outcome.report.source = Some(file.path.clone());
    outcome.report.member.clone_from(&file.member);
    outcome
}

impl Outcome {
    fn of(path: &str) -> Self {
        let report = FileReport { path: path.to_owned(), ..FileReport::default() };
        Self { report, ..Self::default() }
    }

    fn sort(&mut self) {
        for findings in [&mut self.report.diagnostics, &mut self.report.suppressed] {
            findings.sort_by(|a, b| {
                let key = |d: &Diagnostic| (d.span.offset, d.rule.0.name, d.span.end);
                key(a).cmp(&key(b))
            });
        }
    }
}

/// One file from its bytes to its findings; what comes between is kept where it is `seen`.
fn analyse(
    judgement: &Judgement,
    path: &str,
    read: impl FnOnce() -> Result<Vec<u8>, Unanalysed>,
    kind: FileKind,
    seen: Option<&Seen>,
) -> Outcome {
    let mut outcome = Outcome::of(path);
    let read = read();
    let seen = seen.zip(read.as_ref().ok().filter(|_| seen.is_some()).map(|it| blake3::hash(it)));
    let kept = seen.and_then(|(seen, content)| seen.same(content));
    let (kept, with_text) = match kept {
        Some(kept) if judgement.suppressions && kept.lines.is_some() => (None, Some(kept)),
        kept => (kept, None),
    };
    if let Some(known) = kept.and_then(|kept| judge_kept(judgement, path, &kept, None)) {
        return known;
    }
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
    let known = with_text.and_then(|kept| judge_kept(judgement, path, &kept, Some(&source)));
    if let Some(known) = known {
        return known;
    }
    outcome.lines = source.lines();
    // A defect of ours must cost no more than the file that shows it.
    let result = catch_unwind(AssertUnwindSafe(|| {
        let (facts, parsed) = analyse_source(judgement, &source, &mut outcome);
        if let Some((seen, content)) = seen {
            let marked = judgement.fingerprints;
            seen.keep(content, &Kept::new(facts, &source, parsed.as_ref(), marked));
        }
    }));
    if result.is_err() {
        let detail = "hermetic-check failed inside on this file; please report it".to_owned();
        outcome.report.add(judgement, Unanalysed::new(Reason::InternalError, detail), Span::FIRST);
    }
    outcome.sort();
    outcome
}

/// The findings of a text; gives its facts and its tree.
fn analyse_source(
    judgement: &Judgement,
    source: &Source,
    outcome: &mut Outcome,
) -> (Facts, Option<syntax::Parsed>) {
    let (facts, parsed) = examine(judgement.names, source);
    judge_facts(judgement, &facts, outcome, &|range| source.span(range.start..range.end));
    let Some(parsed) = parsed else { return (facts, None) };
    let lines = || LogicalLines::new(&parsed, source.text());
    accept(judgement, source, &facts, &lines, outcome);
    if judgement.fingerprints {
        fingerprint::mark(source, &parsed, &mut outcome.report.diagnostics);
    }
    (facts, Some(parsed))
}

/// The findings that a file's facts come to before any comment is read.
fn judge_facts(
    judgement: &Judgement,
    facts: &Facts,
    outcome: &mut Outcome,
    span_of: &dyn Fn(Range) -> Span,
) {
    let judged = judgement.judge(&facts.summary, span_of);
    outcome.lines = facts.lines;
    outcome.report.diagnostics = judged.diagnostics;
    outcome.used = judged.used;
    outcome.undecided = judged.undecided;
    for (unanalysed, range) in &facts.unanalysed {
        outcome.report.add(judgement, unanalysed.clone(), range.map_or(Span::FIRST, span_of));
    }
}

/// Take out what comments accept.
fn accept(
    judgement: &Judgement,
    source: &Source,
    facts: &Facts,
    lines: &dyn Fn() -> LogicalLines,
    outcome: &mut Outcome,
) {
    let summary = &facts.summary;
    let broken = facts.unanalysed.iter().any(|(part, _)| part.reason == Reason::SyntaxError);
    let whole = !summary.exhausted && !broken;
    let analysed = suppress::Analysed { judgement, source, lines, summary, whole };
    let accepted = suppress::suppress(analysed, &mut outcome.report);
    outcome.undecided = outcome.undecided.saturating_sub(accepted);
}

/// What a text does, and what of it could not be analysed; its tree, if it could be made.
fn examine(names: &'static NameTable, source: &Source) -> (Facts, Option<syntax::Parsed>) {
    let mut facts = Facts { lines: source.lines(), ..Facts::default() };
    let parts = source.parts().iter().map(|part| part.start..part.end);
    let notebook = kind_is_notebook(source.kind());
    let parsed = match syntax::parse(source.text(), parts, notebook) {
        Ok(parsed) => parsed,
        Err(deep) => {
            let range = Range { start: deep.offset, end: deep.offset.saturating_add(1) };
            facts.unanalysed.push((too_deep(), Some(range)));
            return (facts, None);
        }
    };
    facts.summary = summarise(&parsed, source, names, Linking::Off);
    if facts.summary.exhausted {
        facts.unanalysed.push((too_complex(), None));
    }
    if let Some((detail, range)) = first_error(&parsed) {
        facts.unanalysed.push((Unanalysed::new(Reason::SyntaxError, detail), Some(range)));
    }
    for magic in source.cell_magics() {
        if magic.body == MagicBody::Unknown {
            let detail = format!("the cell is handed to `%%{}`", magic.name);
            let range = Range { start: magic.offset, end: magic.offset.saturating_add(2) };
            facts.unanalysed.push((Unanalysed::new(Reason::CellMagic, detail), Some(range)));
        }
    }
    (facts, Some(parsed))
}

fn too_deep() -> Unanalysed {
    let detail = format!(
        "nested more deeply than the limit of {} expressions, {} blocks and {} formatted strings",
        syntax::DEEPEST,
        syntax::MOST_BLOCKS,
        syntax::MOST_STRINGS
    );
    Unanalysed::new(Reason::TooDeep, detail)
}

fn too_complex() -> Unanalysed {
    let detail = "it takes more steps than any ordinary file; the rest was left out";
    Unanalysed::new(Reason::TooComplex, detail)
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

#[cfg(test)]
mod tests;
