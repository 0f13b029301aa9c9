//! The pipeline the command line and the language server share: bytes of one file to its
//! findings, and a set of roots to a report.
//!
//! Files are first looked at each by itself, in parallel, and what goes wrong in one of them becomes
//! a finding about that file. Then they are joined. The report does not depend on how many threads
//! there were or which of them was first.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hermetic_policy::Capability;
use rustc_hash::FxHashSet;

use crate::cache::{Cache, Seen};
use crate::detect::Linking;
use crate::diagnostic::{Diagnostic, Span};
use crate::discover::{self, DiscoverError, DiscoverOptions, Discovered, File, Member};
use crate::judge::Judgement;
use crate::report::{FileReport, Report, Summary};
use crate::shard::{FilesDiffer, Shards};
use crate::source::{FileKind, Source, Unanalysed, decode};
use crate::suppress::{self, Addition};
use crate::syntax::STACK_BYTES;

mod dependencies;
pub(crate) mod file;
pub(crate) mod first_party;
pub mod fixes;
mod kept;
pub(crate) mod linked;
mod per_file;
pub mod program;
pub mod shards;

pub use self::per_file::{Applies, PerFile};

use self::file::analyse_source;
use self::first_party::first_party;
use self::kept::judge_kept;
use self::linked::{Linked, Looked};
use self::per_file::Judgements;

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
    /// For a whole program: texts that stand over those of their files, as an editor has them.
    pub open: BTreeMap<PathBuf, Arc<str>>,
    /// Facts of earlier runs, where they are wanted.
    pub cache: Option<Arc<Cache>>,
    /// What others found at the first look, where that is not to be taken here.
    pub shards: Option<Arc<Shards>>,
    /// For a whole program: folders and archives whose modules belong to it as far as they are
    /// imported, in the order in which they are searched.
    pub dependencies: Option<Vec<PathBuf>>,
    /// Whether files will be looked at [again](add_ignores), with what others have.
    pub looks_again: bool,
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
    /// The files are not those of the shards.
    Shards(FilesDiffer),
}

impl std::fmt::Display for ProjectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Discover(error) => error.fmt(f),
            Self::Threads(error) => write!(f, "cannot start worker threads: {error}"),
            Self::Shards(error) => error.fmt(f),
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
    // A single file has nobody to take from.
    let alone = match settings.discover.roots.as_slice() {
        [one] => one.is_file() && !discover::is_archive(one),
        _ => false,
    };
    let linking = if alone { Linking::Off } else { Linking::Facts { graph: false } };
    let run =
        Run { settings, done, outcomes: Mutex::default(), linking, waiting: Mutex::default() };
    let (found, outcomes) = on_workers(settings.threads, || {
        let found = run.all()?;
        if let Some(cache) = &settings.cache {
            cache.write();
        }
        Ok::<_, ProjectError>(found)
    })??;
    let mut report = join(outcomes);
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
    outcomes: Mutex<Vec<Linked>>,
    /// Whether files are joined.
    linking: Linking<'static>,
    /// Files that cannot be judged until all are found.
    waiting: Mutex<Vec<(File, Applies)>>,
}

impl Run<'_> {
    /// Analyse files on all workers, while one of them is still finding more.
    fn all(&self) -> Result<(Discovered, Vec<Outcome>), ProjectError> {
        let found = rayon::scope(|scope| {
            discover::discover_each(&self.settings.discover, &mut |file: &File| {
                let file = file.clone();
                scope.spawn(move |_| self.one(file));
            })
        });
        let found = found.map_err(ProjectError::Discover)?;
        let waiting = self.waiting.lock().map(|mut waiting| std::mem::take(&mut *waiting));
        let waiting = waiting.unwrap_or_default();
        let mut judgements = Judgements::new(&self.settings.judgement);
        if !waiting.is_empty() {
            let first_party = first_party(&found.files);
            for (_, applies) in &waiting {
                judgements.add(applies, &first_party);
            }
        }
        let judgements = &judgements;
        rayon::scope(|scope| {
            for (file, applies) in &waiting {
                scope.spawn(move |_| self.check(file, applies, judgements.of(applies)));
            }
        });
        let linked = self.outcomes.lock().map(|mut all| std::mem::take(&mut *all));
        let linked = linked.unwrap_or_default();
        shards::finish(self.settings)?;
        // Before they are joined, which takes more memory than anything else.
        if let Some(cache) = &self.settings.cache {
            cache.write();
        }
        let roots = program::roots(&self.settings.discover.roots, &found);
        Ok((found, linked::link(self.settings, &roots, linked, judgements)))
    }

    fn one(&self, file: File) {
        let applies = self.settings.applies(file.on_disk());
        if applies.excluded {
            let outcome = Outcome { excluded: true, ..Outcome::default() };
            self.push(Linked { file, looked: Looked { outcome, links: None, identity: None } });
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
        let looked = check_file(judgement, &applies.ignored, file, self.settings, self.linking);
        self.done.fetch_add(1, Ordering::Relaxed);
        self.push(Linked { file: file.clone(), looked });
    }

    fn push(&self, outcome: Linked) {
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
    let mut outcome = on_workers(Some(1), || {
        file::analyse(judgement, path, || bytes, kind, None, Linking::Off).outcome
    })?;
    let accepted = suppress::ignore(&mut outcome.report, ignored);
    outcome.undecided = outcome.undecided.saturating_sub(accepted);
    let mut report = join([outcome]);
    report.summary.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}

/// A file with comments put in that accept its findings of level warn or error; `None` where
/// there are none, or none that a comment can accept. `path` decides what kind of file it is,
/// `report` which findings, and, of a run that [looks again](Settings::looks_again), what is known of
/// other files.
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
        let linking = || match &report.told {
            Some(told) => Linking::With { graph: false, environment: &told.0 },
            None => Linking::Off,
        };
        let (before, written) = {
            let source = decode(bytes.to_vec(), kind).ok()?;
            let mut outcome = Outcome::default();
            let run = || analyse_source(judgement, &source, &mut outcome, linking());
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
        let run = || analyse_source(judgement, &source, &mut outcome, linking());
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

/// One file's findings, and what it offers to others and takes from them.
fn check_file(
    judgement: &Judgement,
    ignored: &[&str],
    file: &File,
    settings: &Settings,
    linking: Linking<'_>,
) -> Looked {
    let shown = discover::display(&file.path, Some(&settings.base));
    if let Some(shards) = &settings.shards
        && !matches!(linking, Linking::With { .. })
    {
        let mut looked = shards::judge(shards, judgement, &shown, file, &settings.base, linking);
        finish_file(&mut looked.outcome, ignored, file);
        return looked;
    }
    let told = match linking {
        Linking::With { environment, .. } if settings.cache.is_some() => Some(environment.hash()),
        _ => None,
    };
    let seen = see(judgement, file, settings, told);
    let kept = seen.as_ref().and_then(Seen::unchanged);
    let known = kept.and_then(|kept| judge_kept(judgement, &shown, kept, None, linking));
    let read = || file.read();
    let mut looked = known.unwrap_or_else(|| {
        file::analyse(judgement, &shown, read, file.kind, seen.as_ref(), linking)
    });
    finish_file(&mut looked.outcome, ignored, file);
    looked
}

/// The findings of a file that an earlier run came to with that known of others.
fn check_kept(
    judgement: &Judgement,
    ignored: &[&str],
    file: &File,
    settings: &Settings,
    told: blake3::Hash,
) -> Option<Outcome> {
    let shown = discover::display(&file.path, Some(&settings.base));
    let seen = see(judgement, file, settings, Some(told))?;
    let mut outcome = file::analysed_before(judgement, &shown, file, &seen, Linking::Off)?;
    finish_file(&mut outcome, ignored, file);
    Some(outcome)
}

fn see(
    judgement: &Judgement,
    file: &File,
    settings: &Settings,
    told: Option<blake3::Hash>,
) -> Option<Seen> {
    let cache = settings.cache.as_ref().filter(|_| file.member.is_none())?;
    cache.see(&file.path, file.kind, judgement, told)
}

fn finish_file(outcome: &mut Outcome, ignored: &[&str], file: &File) {
    let accepted = suppress::ignore(&mut outcome.report, ignored);
    outcome.undecided = outcome.undecided.saturating_sub(accepted);
    outcome.report.source = Some(file.path.clone());
    outcome.report.member.clone_from(&file.member);
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
