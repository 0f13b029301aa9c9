//! A whole program: every file looked at for what it offers and takes, joined, and those looked
//! at once more that take something a rule knows.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::dependencies::reach;
use super::{Applies, ProjectError, Settings, on_workers, shards};
use crate::detect::{Environment, Linking};
use crate::discover::importable::{self, Importable};
use crate::discover::{self, Discovered, Distribution, File, Member};
use crate::link::graph::CallGraph;
use crate::link::modules::{Modules, Roots};
use crate::link::{FileId, Program};
use crate::report::NotAnalysed;
use crate::source::{Reason, Unanalysed, decode, from_text};
use crate::summary::FileSummary;
use crate::summary::links::Links;

/// One file of a program.
#[derive(Debug, Default)]
pub struct ProgramFile {
    /// The path as the system has it.
    pub source: PathBuf,
    /// The path as it is shown.
    pub path: String,
    /// Its content, where it is in an archive.
    pub member: Option<Member>,
    /// What it does.
    pub summary: FileSummary,
    /// Why it was not analysed in whole, if so.
    pub not_analysed: Vec<NotAnalysed>,
    /// Whether it is machine code.
    pub is_extension: bool,
    /// Whether it is only there because something imports it.
    pub is_dependency: bool,
    /// Whose it is, where it is installed or in an archive.
    pub distribution: Option<Arc<Distribution>>,
}

impl ProgramFile {
    /// Machine code.
    pub(super) fn extension(path: &Path) -> Self {
        Self { source: path.to_owned(), is_extension: true, ..Self::default() }
    }
}

/// A module that is imported and is nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its top-level name.
    pub module: String,
    /// The file that imports it.
    pub path: String,
    /// The row of the import, from 1.
    pub row: u32,
}

/// All files of a program, and who calls whom in it.
#[derive(Debug, Default)]
pub struct Looked {
    /// The files, by path.
    pub files: Vec<ProgramFile>,
    /// Each file's module name, in the same order.
    pub modules: Vec<String>,
    /// Who calls whom; files by their index.
    pub graph: CallGraph,
    /// What to know of names: modules that share one.
    pub notes: Vec<String>,
    /// What was found and is nothing to analyse, and why.
    pub unanalysed: Vec<(String, NotAnalysed)>,
    /// With dependencies, what is imported and neither the program's nor the environment's.
    pub missing: Vec<Missing>,
}

/// Find all files below the roots, and join them. `done` is raised by one for every file.
///
/// # Errors
/// [`ProjectError`] where a root or pattern is none, or threads cannot be had.
pub fn look(settings: &Settings, done: &AtomicUsize) -> Result<Looked, ProjectError> {
    on_workers(settings.threads, || {
        let found = discover::discover(&settings.discover).map_err(ProjectError::Discover)?;
        let first = |settings: &Settings, file: &File, applies: &Applies| {
            let one = look_at(settings, file, applies, Linking::Facts { graph: true });
            done.fetch_add(1, Ordering::Relaxed);
            one
        };
        let mut roots = roots(&settings.discover.roots, &found);
        let mut missing = Vec::new();
        let mut unanalysed = Vec::new();
        let mut looked: Vec<(ProgramFile, Option<File>)> = found
            .files
            .par_iter()
            .filter_map(|file| {
                let applies = settings.applies(file.on_disk());
                if applies.excluded {
                    return None;
                }
                let mut one = first(settings, file, &applies);
                one.distribution = file.member.as_ref().and_then(|m| whose(&found, &m.archive));
                Some((one, Some(file.clone())))
            })
            .collect();
        shards::finish(settings)?;
        for (path, reason) in found.unanalysed.iter().cloned() {
            let archive = found.archives.iter().find(|archive| archive.has(&path));
            let on_disk = archive.map_or(&path, |archive| &archive.path);
            if settings.applies(on_disk).excluded {
                continue;
            }
            if reason.reason == Reason::ExtensionModule {
                let mut one = ProgramFile::extension(&path);
                one.distribution = archive.and_then(|archive| whose(&found, &archive.path));
                looked.push((one, None));
            } else {
                unanalysed.push((path, reason));
            }
        }
        looked.sort_by(|(a, _), (b, _)| a.source.cmp(&b.source));
        if let Some(places) = &settings.dependencies {
            let mut importable = Importable::new(places);
            let program: Vec<ProgramFile> =
                looked.iter_mut().map(|(one, _)| std::mem::take(one)).collect();
            let own = Modules::of(program.iter().map(|file| file.source.as_path()), &roots);
            // No shard has them: they are found when all that import them are known.
            let here = Settings { shards: None, ..settings.clone() };
            let of_dependency = |file: &File| first(&here, file, &Applies::default());
            let reached = reach(&mut importable, &own, &program, &of_dependency);
            for ((slot, _), one) in looked.iter_mut().zip(program) {
                *slot = one;
            }
            let known: HashSet<PathBuf> =
                looked.iter().map(|(one, _)| one.source.clone()).collect();
            let new = reached.files.into_iter().filter(|(one, _)| !known.contains(&one.source));
            looked.extend(new);
            looked.sort_by(|(a, _), (b, _)| a.source.cmp(&b.source));
            looked.dedup_by(|(a, _), (b, _)| a.source == b.source);
            roots.searched.extend(importable.roots().map(Path::to_owned));
            missing = reached.missing;
            unanalysed.extend(importable.unanalysed().cloned());
            unanalysed.extend(reached.unanalysed.into_iter().filter_map(|one| match one.module {
                importable::Module::Unanalysed(path, reason) => Some((path, reason)),
                _ => None,
            }));
        }
        for (one, _) in &mut looked {
            if one.is_extension {
                one.path = discover::display(&one.source, Some(&settings.base));
            }
        }
        let (mut looked, files): (Vec<ProgramFile>, Vec<Option<File>>) = looked.into_iter().unzip();
        // What others offer may be what they take from others, and so on; but all of that was
        // written down at the first look, so that a second is enough.
        let environments: Vec<Option<Environment>> = {
            let program = program_of(settings, &looked, &roots);
            (0..u32::try_from(looked.len()).unwrap_or(u32::MAX))
                .into_par_iter()
                .map(|file| {
                    program.environment(FileId(file), &|_| String::new()).map(|(known, _)| known)
                })
                .collect()
        };
        looked.par_iter_mut().zip(&environments).zip(&files).for_each(
            |((one, environment), file)| {
                if let (Some(environment), Some(file)) = (environment, file) {
                    let applies = if one.is_dependency {
                        Applies::default()
                    } else {
                        settings.applies(file.on_disk())
                    };
                    let with = Linking::With { graph: true, environment };
                    let before = std::mem::take(one);
                    *one = ProgramFile {
                        is_dependency: before.is_dependency,
                        distribution: before.distribution,
                        ..look_at(settings, file, &applies, with)
                    };
                }
            },
        );
        let (graph, modules, notes) = {
            let program = program_of(settings, &looked, &roots);
            let files = 0..u32::try_from(looked.len()).unwrap_or(u32::MAX);
            let names = files.map(|file| program.modules().name(FileId(file)).to_owned());
            (program.call_graph(), names.collect(), notes(&program, &looked))
        };
        unanalysed.sort();
        unanalysed.dedup();
        let unanalysed = unanalysed
            .into_iter()
            .map(|(path, unanalysed)| {
                let shown = discover::display(&path, Some(&settings.base));
                (shown, NotAnalysed::from(unanalysed))
            })
            .collect();
        Ok(Looked { files: looked, modules, graph, notes, unanalysed, missing })
    })?
}

/// The folders that modules are named from: those that were given, and those in archives.
pub(super) fn roots(given: &[PathBuf], found: &Discovered) -> Roots {
    // As the walk shows what is in them: without a leading `./`.
    let plain = |path: &PathBuf| path.strip_prefix(".").unwrap_or(path).to_owned();
    let is_archive = |path: &PathBuf| found.archives.iter().any(|it| it.path == *path);
    Roots {
        given: given.iter().map(plain).filter(|path| !is_archive(path)).collect(),
        searched: found.archives.iter().flat_map(|archive| archive.roots.clone()).collect(),
    }
}

fn whose(found: &Discovered, archive: &Path) -> Option<Arc<Distribution>> {
    let archive = found.archives.iter().find(|one| one.path == archive)?;
    archive.distribution.clone()
}

/// Names listed in one note.
const MOST_NAMED: usize = 5;

fn notes(program: &Program<'_>, files: &[ProgramFile]) -> Vec<String> {
    let path = |file: &FileId| files.get(file.0 as usize).map_or("", |file| &file.path);
    let mut notes = Vec::new();
    let shadowing = program.modules().shadowing();
    if !shadowing.is_empty() {
        let shown = shadowing.iter().take(MOST_NAMED);
        let shown: Vec<_> = shown.map(|(name, file)| format!("{name} ({})", path(file))).collect();
        notes.push(format!(
            "named as modules of the standard library, and an import of the name is taken for \
             that one: {}{}",
            shown.join(", "),
            more(shadowing.len())
        ));
    }
    let ambiguous = program.modules().ambiguous();
    if !ambiguous.is_empty() {
        let shown = ambiguous.iter().take(MOST_NAMED).map(|(name, files)| {
            let paths: Vec<_> = files.iter().take(MOST_NAMED).map(path).collect();
            format!("{name} ({}{})", paths.join(", "), more(files.len()))
        });
        notes.push(format!(
            "modules of the same name; an import takes the one beside the importing package, or \
             else all of them: {}{}",
            shown.collect::<Vec<_>>().join(", "),
            more(ambiguous.len())
        ));
    }
    notes
}

fn more(count: usize) -> String {
    match count.saturating_sub(MOST_NAMED) {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    }
}

fn program_of<'l>(settings: &'l Settings, files: &'l [ProgramFile], roots: &Roots) -> Program<'l> {
    let files = files.iter().map(|file| {
        let links = file.summary.links.as_deref().unwrap_or(Links::nothing());
        (file.source.as_path(), links)
    });
    Program::of(files, roots, &settings.judgement.names)
}

fn look_at(
    settings: &Settings,
    file: &File,
    applies: &Applies,
    linking: Linking<'_>,
) -> ProgramFile {
    let mut one = ProgramFile {
        source: file.path.clone(),
        member: file.member.clone(),
        path: discover::display(&file.path, Some(&settings.base)),
        ..ProgramFile::default()
    };
    let run = || summary_of(settings, file, applies, linking);
    let (summary, unanalysed) = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let detail = "hermetic-check failed inside on this file; please report it".to_owned();
        let internal = Unanalysed::new(Reason::InternalError, detail);
        (FileSummary::default(), vec![internal])
    });
    one.summary = summary;
    one.not_analysed = unanalysed.into_iter().map(NotAnalysed::from).collect();
    one
}

fn summary_of(
    settings: &Settings,
    file: &File,
    applies: &Applies,
    linking: Linking<'_>,
) -> (FileSummary, Vec<Unanalysed>) {
    let judgement = applies.judgement(&settings.judgement);
    let names = &*judgement.names;
    let first = matches!(linking, Linking::Facts { .. });
    let known = settings.shards.as_ref().filter(|_| first);
    let known = known.and_then(|shards| shards::facts_of(shards, names, file, &settings.base));
    if let Some(facts) = known {
        let unanalysed = facts.unanalysed.into_iter().map(|(unanalysed, _)| unanalysed);
        return (facts.summary, unanalysed.collect());
    }
    let source = match settings.open.get(&file.path) {
        Some(text) => from_text(text.to_string(), file.kind),
        None => file.read().and_then(|bytes| decode(bytes, file.kind)),
    };
    let source = match source {
        Ok(source) => source,
        Err(unanalysed) => return (FileSummary::default(), vec![unanalysed]),
    };
    let (facts, _) = super::file::examine(names, &source, linking);
    let unanalysed = facts.unanalysed.into_iter().map(|(unanalysed, _)| unanalysed);
    (facts.summary, unanalysed.collect())
}
