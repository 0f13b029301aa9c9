//! The files of a folder joined: what each takes from others, and who uses what.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::root::Files;
use crate::cache::Taken;
use crate::detect::Environment;
use crate::discover;
use crate::link::modules::Roots;
use crate::link::{FileId, Program};
use crate::project::Outcome;
use crate::project::linked::{Uses, name_sources};
use crate::report::FileReport;
use crate::resolve::names::NameTable;
use crate::summary::links::Links;

/// What open documents offer and take, by path.
type Over = Vec<(Arc<Path>, Option<Arc<Links>>)>;

/// A program, joined.
#[derive(Debug)]
pub(super) struct Joined {
    folder: PathBuf,
    /// What it was made from.
    files: Arc<Files>,
    over: Over,
    /// Who is part of it, sorted by path.
    members: Vec<(Arc<Path>, Arc<Links>)>,
    takings: Vec<Option<Arc<Taking>>>,
    /// Uses of what a member takes, by that member and the place.
    users: Uses,
}

/// What one file takes from others.
#[derive(Debug)]
pub(super) struct Taking {
    pub(super) environment: Environment,
    taken: Vec<Taken>,
}

impl Joined {
    /// Join files, open documents over those on the disk. Runs on the threads of the pool it is
    /// called from.
    pub(super) fn new(folder: &Path, names: &NameTable, files: Arc<Files>, over: Over) -> Self {
        let members = members(&files, &over);
        let roots = Roots { given: vec![folder.to_owned()], searched: Vec::new() };
        let each = members.iter().map(|(path, links)| (&**path, &**links));
        let program = Program::of(each, &roots, names);
        let shown = |number: usize| {
            members
                .get(number)
                .map_or_else(String::new, |(path, _)| discover::display(path, Some(folder)))
        };
        let takings: Vec<Option<Arc<Taking>>> = (0..members.len())
            .into_par_iter()
            .map(|number| {
                let file = FileId(u32::try_from(number).unwrap_or(u32::MAX));
                let path = |file: FileId| shown(file.0 as usize);
                let (environment, taken) = program.environment(file, &path)?;
                let (_, links) = members.get(number)?;
                let taken = taken.into_iter().map(|taken| Taken {
                    import: links.import_of(taken.way),
                    name: taken.name.into(),
                    from: taken.file.0,
                    place: taken.place,
                    through: taken.through.into_iter().map(|(file, at)| (file.0, at)).collect(),
                });
                Some(Arc::new(Taking { environment, taken: taken.collect() }))
            })
            .collect();
        drop(program);
        let mut users = Uses::default();
        for (number, taking) in takings.iter().enumerate() {
            for taken in taking.iter().flat_map(|taking| &taking.taken) {
                users.note(taken, || shown(number));
            }
        }
        Self { folder: folder.to_owned(), files, over, members, takings, users }
    }

    /// Whether it was made from these.
    pub(super) fn is_of(&self, files: &Arc<Files>, over: &Over) -> bool {
        let same = |a: &Option<Arc<Links>>, b: &Option<Arc<Links>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        Arc::ptr_eq(&self.files, files)
            && self.over.len() == over.len()
            && self.over.iter().zip(over).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1))
    }

    /// Which member a file is.
    pub(super) fn place_of(&self, path: &Path) -> Option<usize> {
        self.members.binary_search_by(|(member, _)| (**member).cmp(path)).ok()
    }

    /// What a member takes from others, where that makes a difference.
    pub(super) fn taking(&self, member: usize) -> Option<&Arc<Taking>> {
        self.takings.get(member)?.as_ref()
    }

    /// Say of each finding that only the second look gave where the API was taken.
    pub(super) fn name_sources(
        &self,
        report: &mut FileReport,
        first: &FileReport,
        taking: &Taking,
    ) {
        let path = |file: u32| {
            let (path, _) = self.members.get(file as usize)?;
            Some(discover::display(path, Some(&self.folder)))
        };
        let before = Outcome { report: first.clone(), ..Outcome::default() };
        let mut outcome = Outcome { report: std::mem::take(report), ..Outcome::default() };
        name_sources(&mut outcome, &before, &taking.taken, &path);
        *report = outcome.report;
    }

    /// Say of each captured reference who takes it from there.
    pub(super) fn name_users(&self, report: &mut FileReport, member: usize) {
        self.users.tell(report, member);
    }
}

/// All files that something is known of, sorted by path.
fn members(files: &Files, over: &Over) -> Vec<(Arc<Path>, Arc<Links>)> {
    let mut open = over.iter().peekable();
    let mut members = Vec::with_capacity(files.found.len() + over.len());
    let mut add = |path: &Arc<Path>, links: Option<&Arc<Links>>| {
        if let Some(links) = links {
            members.push((Arc::clone(path), Arc::clone(links)));
        }
    };
    for (path, file) in &files.found {
        while let Some((new, links)) = open.next_if(|(new, _)| new < path) {
            add(new, links.as_ref());
        }
        match open.next_if(|(same, _)| same == path) {
            Some((_, links)) => add(path, links.as_ref()),
            None => add(path, file.links.as_ref()),
        }
    }
    open.for_each(|(path, links)| add(path, links.as_ref()));
    members
}
