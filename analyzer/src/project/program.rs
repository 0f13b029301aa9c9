//! A whole program: every file looked at for what it offers and takes, joined, and those looked
//! at once more that take something a rule knows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::{ProjectError, Settings, on_workers};
use crate::detect::{Environment, Linking};
use crate::discover::{self, File};
use crate::link::graph::CallGraph;
use crate::link::{FileId, Program};
use crate::report::NotAnalysed;
use crate::source::{Unanalysed, decode};
use crate::summary::FileSummary;
use crate::summary::links::Links;

/// One file of a program.
#[derive(Debug, Default)]
pub struct ProgramFile {
    /// The path as the system has it.
    pub source: PathBuf,
    /// The path as it is shown.
    pub path: String,
    /// What it does.
    pub summary: FileSummary,
    /// Why it was not analysed in whole, if so.
    pub not_analysed: Vec<NotAnalysed>,
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
    /// What a reader of the result should know of names: modules that share one.
    pub notes: Vec<String>,
    /// What was found and is nothing to analyse, and why.
    pub unanalysed: Vec<(String, NotAnalysed)>,
}

/// Find all files below the roots, and join them. `done` is raised by one for every file.
///
/// # Errors
/// [`ProjectError`] where a root or pattern is none, or threads cannot be had.
pub fn look(settings: &Settings, done: &AtomicUsize) -> Result<Looked, ProjectError> {
    on_workers(settings.threads, || {
        let found = discover::discover(&settings.discover).map_err(ProjectError::Discover)?;
        let mut files: Vec<&File> =
            found.files.iter().filter(|file| !settings.applies(&file.path).excluded).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let first = Linking::Facts { graph: true };
        let mut looked: Vec<ProgramFile> = files
            .par_iter()
            .map(|file| {
                let one = look_at(settings, file, first);
                done.fetch_add(1, Ordering::Relaxed);
                one
            })
            .collect();
        // What others offer may be what they take from others, and so on; but all of that was
        // written down at the first look, so that a second is enough.
        let given = &settings.discover.roots;
        let environments: Vec<Option<Environment>> = {
            let program = program_of(settings, &looked, given);
            (0..u32::try_from(looked.len()).unwrap_or(u32::MAX))
                .into_par_iter()
                .map(|file| {
                    program.environment(FileId(file), &|_| String::new()).map(|(known, _)| known)
                })
                .collect()
        };
        looked.par_iter_mut().zip(&environments).zip(&files).for_each(
            |((one, environment), file)| {
                if let Some(environment) = environment {
                    *one = look_at(settings, file, Linking::With { graph: true, environment });
                }
            },
        );
        let (graph, modules, notes) = {
            let program = program_of(settings, &looked, given);
            let files = 0..u32::try_from(looked.len()).unwrap_or(u32::MAX);
            let names = files.map(|file| program.modules().name(FileId(file)).to_owned());
            (program.call_graph(), names.collect(), notes(&program, &looked))
        };
        let unanalysed = found
            .unanalysed
            .iter()
            .map(|(path, unanalysed)| {
                let shown = discover::display(path, Some(&settings.base));
                (shown, NotAnalysed::from(unanalysed.clone()))
            })
            .collect();
        Ok(Looked { files: looked, modules, graph, notes, unanalysed })
    })?
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

fn program_of<'l>(settings: &Settings, files: &'l [ProgramFile], given: &[PathBuf]) -> Program<'l> {
    let files = files.iter().map(|file| {
        let links = file.summary.links.as_deref().unwrap_or(Links::nothing());
        (file.source.as_path(), links)
    });
    Program::of(files, given, settings.judgement.names)
}

fn look_at(settings: &Settings, file: &File, linking: Linking<'_>) -> ProgramFile {
    let mut one = ProgramFile {
        source: file.path.clone(),
        path: discover::display(&file.path, Some(&settings.base)),
        ..ProgramFile::default()
    };
    let run = || summary_of(settings, file, linking);
    let (summary, unanalysed) = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let detail = "hermetic-check failed inside on this file; please report it".to_owned();
        let internal = Unanalysed::new(crate::source::Reason::InternalError, detail);
        (FileSummary::default(), vec![internal])
    });
    one.summary = summary;
    one.not_analysed = unanalysed.into_iter().map(NotAnalysed::from).collect();
    one
}

fn summary_of(
    settings: &Settings,
    file: &File,
    linking: Linking<'_>,
) -> (FileSummary, Vec<Unanalysed>) {
    let applies = settings.applies(&file.path);
    let names = applies.judgement(&settings.judgement).names;
    let source = match discover::read(&file.path).and_then(|bytes| decode(bytes, file.kind)) {
        Ok(source) => source,
        Err(unanalysed) => return (FileSummary::default(), vec![unanalysed]),
    };
    let (facts, _) = super::file::examine(names, &source, linking);
    let unanalysed = facts.unanalysed.into_iter().map(|(unanalysed, _)| unanalysed);
    (facts.summary, unanalysed.collect())
}
