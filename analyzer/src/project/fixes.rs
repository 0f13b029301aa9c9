//! Fixes for the findings of a report: worked out for the files that have some, with a look at
//! the program around them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::file::kind_is_notebook;
use super::{Outcome, ProjectError, Settings, analyse_source, by_rule, on_workers};
use crate::detect::{Linking, summarise};
use crate::diagnostic::{Diagnostic, Fix, FixState};
use crate::discover::{self, DiscoverOptions};
use crate::fix::{Around, Fixer, Mentions, Proposal, Safety, Wanted, module_of};
use crate::judge::Judgement;
use crate::report::{FileReport, Report};
use crate::rewrite::{edited, edited_bytes};
use crate::source::{FileKind, Source, decode};
use crate::summary::Range;
use crate::syntax;

/// A file with fixes made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Its text as it was.
    pub before: String,
    /// Its text as it is now.
    pub after: String,
    /// How many findings are gone.
    pub findings: u64,
}

/// Give every finding of a report that may have a fix the fix, or why there is none.
///
/// # Errors
/// [`ProjectError`] where the program around it cannot be searched.
pub fn propose(settings: &Settings, report: &mut Report) -> Result<(), ProjectError> {
    let fixable: Vec<&mut FileReport> =
        report.files.iter_mut().filter(|file| file.diagnostics.iter().any(may_be_fixed)).collect();
    if fixable.is_empty() {
        return Ok(());
    }
    on_workers(settings.threads, || {
        let mut wanted = Wanted::default();
        for file in &fixable {
            let Some((path, bytes)) = bytes_of(file) else { continue };
            let judgement = settings.applies(&path);
            let judgement = judgement.judgement(&settings.judgement);
            with_fixer(judgement, &path, bytes, |_, fixer| fixer.want(&mut wanted));
        }
        let program = Program::search(settings, &wanted)?;
        for file in fixable {
            let Some((path, bytes)) = bytes_of(file) else { continue };
            let applies = settings.applies(&path);
            let judgement = applies.judgement(&settings.judgement);
            program.around(&path, |around| {
                propose_for(judgement, &path, bytes, around, file);
            });
        }
        Ok(())
    })?
}

/// As [`propose`], for one text that is no file on the disk.
///
/// # Errors
/// [`ProjectError::Threads`] where no thread with stack enough can be had.
pub fn propose_in(
    judgement: &Judgement,
    path: &Path,
    bytes: &[u8],
    report: &mut Report,
) -> Result<(), ProjectError> {
    on_workers(Some(1), || {
        for file in &mut report.files {
            let around = Around::Unknown("standard input is no file of a program");
            propose_for(judgement, path, bytes.to_vec(), around, file);
        }
    })
}

/// Make the fixes that a file's findings have: the safe ones, or all. `None` where there are
/// none.
///
/// # Errors
/// [`ProjectError::Threads`] where no thread with stack enough can be had.
pub fn fix(
    judgement: &Judgement,
    path: &Path,
    bytes: &[u8],
    report: &FileReport,
    unsafe_too: bool,
) -> Result<Option<Result<Fixed, &'static str>>, ProjectError> {
    let offsets: Vec<u32> = report
        .diagnostics
        .iter()
        .filter(|finding| match &finding.fix {
            FixState::Ready(fix) => unsafe_too || fix.safety == Safety::Safe,
            FixState::None | FixState::Perhaps | FixState::Refused(_) => false,
        })
        .map(|finding| finding.span.offset)
        .collect();
    if offsets.is_empty() {
        return Ok(None);
    }
    on_workers(Some(1), || {
        let made = with_fixer(judgement, path, bytes.to_vec(), |source, fixer| {
            let proposals = fixer.proposals(Around::Unknown(""));
            let ranges: Vec<Range> = proposals
                .iter()
                .map(|proposal| proposal.range)
                .filter(|range| offsets.contains(&range.start))
                .collect();
            let edits = fixer.together(&ranges);
            if edits.is_empty() {
                return Err("the file is not as it was when it was analysed");
            }
            let bytes = edited_bytes(source, bytes, &edits)
                .ok_or("its encoding does not tell where the edits are to be made")?;
            let after = edited(source.text(), &edits).unwrap_or_default();
            let before = source.text().to_owned();
            Ok(Fixed { bytes, before, after, findings: 0 })
        });
        let made = made.unwrap_or(Err("it cannot be read any more"));
        Some(made.and_then(|fixed| seen_to_work(judgement, path, bytes, fixed)))
    })
}

/// Compare the findings before and after.
fn seen_to_work(
    judgement: &Judgement,
    path: &Path,
    before: &[u8],
    fixed: Fixed,
) -> Result<Fixed, &'static str> {
    let findings = |bytes: &[u8]| {
        let source = decode(bytes.to_vec(), kind_of(path)).ok()?;
        let mut outcome = Outcome::default();
        let run = || analyse_source(judgement, &source, &mut outcome, Linking::Off).1.map(drop);
        catch_unwind(AssertUnwindSafe(run)).ok()??;
        Some(outcome.report.diagnostics)
    };
    let (before, after) =
        findings(before).zip(findings(&fixed.bytes)).ok_or("it fails analysis")?;
    let count = |findings: &[Diagnostic]| by_rule(&findings.iter().collect::<Vec<_>>());
    let after = count(&after);
    let mut gone = 0;
    for (rule, count) in count(&before) {
        let left = after.get(rule).copied().unwrap_or_default();
        gone += count.saturating_sub(left);
        if left > count {
            return Err("it would bring new findings");
        }
    }
    match gone {
        0 => Err("its findings would stay"),
        findings => Ok(Fixed { findings, ..fixed }),
    }
}

fn may_be_fixed(finding: &Diagnostic) -> bool {
    finding.fix == FixState::Perhaps
}

fn bytes_of(file: &FileReport) -> Option<(PathBuf, Vec<u8>)> {
    let path = file.source.clone()?;
    let bytes = discover::read(&path).ok()?;
    Some((path, bytes))
}

fn kind_of(path: &Path) -> FileKind {
    discover::kind_of(path).unwrap_or(FileKind::Script)
}

/// Read a file and look at its fixes; `None` where it cannot be analysed.
fn with_fixer<T>(
    judgement: &Judgement,
    path: &Path,
    bytes: Vec<u8>,
    run: impl FnOnce(&Source, &Fixer<'_>) -> T,
) -> Option<T> {
    with_fixer_of(judgement, &decode(bytes, kind_of(path)).ok()?, run)
}

/// Look at the fixes of a text; `None` where it cannot be analysed.
pub(crate) fn with_fixer_of<T>(
    judgement: &Judgement,
    source: &Source,
    run: impl FnOnce(&Source, &Fixer<'_>) -> T,
) -> Option<T> {
    let parts = source.parts().iter().map(|part| part.start..part.end);
    let parsed = syntax::parse(source.text(), parts, kind_is_notebook(source.kind())).ok()?;
    // A defect of ours costs this file's fixes.
    catch_unwind(AssertUnwindSafe(|| {
        let summary = summarise(&parsed, source, &judgement.names, Linking::Off);
        let fixer = Fixer::new(source, &parsed, &summary, &judgement.names);
        run(source, &fixer)
    }))
    .ok()
}

fn propose_for(
    judgement: &Judgement,
    path: &Path,
    bytes: Vec<u8>,
    around: Around<'_>,
    file: &mut FileReport,
) {
    let found = with_fixer(judgement, path, bytes, |source, fixer| {
        let spanned = |Proposal { range, fix }: Proposal| {
            let fix = fix.map(|fix| Fix {
                edits: fix
                    .edits
                    .into_iter()
                    .map(|edit| (source.span(edit.range.start..edit.range.end), edit.text))
                    .collect(),
                safety: fix.safety,
            });
            (source.span(range.start..range.end), fix)
        };
        fixer.proposals(around).into_iter().map(spanned).collect::<Vec<_>>()
    });
    let proposals = found.unwrap_or_default();
    for finding in file.diagnostics.iter_mut().filter(|finding| may_be_fixed(finding)) {
        let proposal = proposals.iter().find(|(span, _)| *span == finding.span);
        finding.fix = match proposal {
            Some((_, Ok(fix))) => FixState::Ready(fix.clone()),
            Some((_, Err(why))) => FixState::Refused(why.clone()),
            // A closure over something that no import bound.
            None => FixState::None,
        };
    }
}

/// What is known of all the files.
pub(crate) struct Program {
    /// The given folders, with all links followed.
    roots: Vec<PathBuf>,
    base: PathBuf,
    /// A file that was not searched.
    unread: Option<String>,
    mentions: Mentions,
}

impl Program {
    /// Search the given folders for names, in the files left out by configuration too.
    fn search(settings: &Settings, wanted: &Wanted) -> Result<Self, ProjectError> {
        let read = |path: &Path| discover::read(path).ok();
        Self::search_in(&settings.discover, &settings.base, wanted, &read)
    }

    /// The same, with files as `read` has them. Runs on the threads of the pool it is called from.
    pub(crate) fn search_in(
        options: &DiscoverOptions,
        base: &Path,
        wanted: &Wanted,
        read: &(dyn Fn(&Path) -> Option<Vec<u8>> + Sync),
    ) -> Result<Self, ProjectError> {
        let canonical = |path: &PathBuf| path.canonicalize().ok().filter(|path| path.is_dir());
        let roots = options.roots.iter().filter_map(canonical).collect();
        let mut program =
            Self { roots, base: base.to_owned(), unread: None, mentions: Mentions::default() };
        if wanted.is_empty() || program.roots.is_empty() {
            return Ok(program);
        }
        let options =
            DiscoverOptions { exclude: None, extend_exclude: Vec::new(), ..options.clone() };
        let found = discover::discover(&options).map_err(ProjectError::Discover)?;
        let unread = Mutex::new(None::<String>);
        program.mentions = found
            .files
            .par_iter()
            .map(|file| {
                let mut mentions = Mentions::default();
                let shown = discover::display(&file.path, Some(base));
                if !search_file(&mut mentions, wanted, file, &shown, read) {
                    let mut unread = unread.lock().unwrap_or_else(PoisonError::into_inner);
                    if unread.as_ref().is_none_or(|first| *first > shown) {
                        *unread = Some(shown);
                    }
                }
                mentions
            })
            .reduce(Mentions::default, |mut one, other| {
                one.join(other);
                one
            });
        program.unread = unread.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(program)
    }

    /// Tell a file's fixes what is around it.
    pub(crate) fn around<T>(&self, path: &Path, tell: impl FnOnce(Around<'_>) -> T) -> T {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let project = discover::project_root(&real);
        let module = module_of(&real).unwrap_or_default();
        let whole = self.roots.iter().any(|root| project.starts_with(root));
        if !whole {
            let project = discover::display(&project, Some(&self.base));
            let project = if project.is_empty() { "." } else { &project };
            let why = format!("not all of the project was searched: name its folder, {project}");
            return tell(Around::Unknown(&why));
        }
        if let Some(unread) = &self.unread {
            return tell(Around::Unknown(&format!("{unread} could not be searched for its name")));
        }
        if path.file_stem().is_some_and(|stem| stem == "__init__") {
            return tell(Around::Unknown("an `__init__.py` is what its package exports"));
        }
        tell(Around::Whole { mentions: &self.mentions, module: &module })
    }
}

/// Search one file for names; whether that could be done.
fn search_file(
    mentions: &mut Mentions,
    wanted: &Wanted,
    file: &discover::File,
    shown: &str,
    read: &(dyn Fn(&Path) -> Option<Vec<u8>> + Sync),
) -> bool {
    let Some(bytes) = read(&file.path) else { return false };
    let raw = wanted.may_be_in(&String::from_utf8_lossy(&bytes));
    let Ok(source) = decode(bytes, file.kind) else { return !raw };
    if !wanted.may_be_in(source.text()) {
        return true;
    }
    let parts = source.parts().iter().map(|part| part.start..part.end);
    let Ok(parsed) = syntax::parse(source.text(), parts, kind_is_notebook(file.kind)) else {
        return false;
    };
    let canonical = file.path.canonicalize();
    let path = canonical.as_deref().unwrap_or(&file.path);
    mentions.search(&parsed, wanted, path, shown);
    parsed.errors().next().is_none()
}
