//! What a program imports of an environment, and what that imports in turn.
//!
//! Only what an import statement, or a dynamic import of a known name, leads to is looked at. The
//! standard library is not entered.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use hermetic_policy::modules::is_stdlib;
use rayon::prelude::*;

use super::program::{Missing, ProgramFile};
use crate::discover::File;
use crate::discover::importable::{Found, Importable, Module};
use crate::link::FileId;
use crate::link::modules::{self, Modules};
use crate::resolve::origin::{Origin, Step};
use crate::summary::links::Links;

/// What was reached.
#[derive(Default)]
pub(super) struct Reached {
    /// Each once, with its look.
    pub(super) files: Vec<(ProgramFile, Option<File>)>,
    /// Top-level modules that are nowhere, with the first import of each.
    pub(super) missing: Vec<Missing>,
    /// Modules that cannot be analysed.
    pub(super) unanalysed: Vec<Found>,
}

/// A file of the environment: its module's name, and whether it is a package.
type Named = (String, bool);

struct Reach<'r> {
    importable: &'r mut Importable,
    own: &'r Modules,
    /// Names that were asked for.
    asked: HashSet<String>,
    /// Modules that were found, by name and path.
    known: HashSet<(String, std::path::PathBuf)>,
    /// Modules all names of which are imported, and what `__all__` lists.
    starred: HashSet<String>,
    listed: HashMap<String, Vec<Box<str>>>,
    open: Vec<Found>,
    missing: BTreeMap<String, Missing>,
}

/// Follow the imports of the program's files, which are numbered as in `own`.
pub(super) fn reach(
    importable: &mut Importable,
    own: &Modules,
    program: &[ProgramFile],
    look: &(dyn Fn(&File) -> ProgramFile + Sync),
) -> Reached {
    let open = importable.at_start();
    let mut reach = Reach {
        importable,
        own,
        asked: HashSet::new(),
        known: HashSet::new(),
        starred: HashSet::new(),
        listed: HashMap::new(),
        open: Vec::new(),
        missing: BTreeMap::new(),
    };
    reach.open(open);
    for (file, number) in program.iter().zip(0..) {
        reach.imports(file, Some(FileId(number)), None);
    }
    let mut reached = Reached::default();
    while !reach.open.is_empty() {
        let found = std::mem::take(&mut reach.open);
        let looked: Vec<(Named, ProgramFile, Option<File>)> = found
            .par_iter()
            .filter_map(|one| {
                let (mut looked, file) = match &one.module {
                    Module::Source(file) => (look(file), Some(file.clone())),
                    Module::Extension(path) => (ProgramFile::extension(path), None),
                    Module::Unanalysed(..) => return None,
                };
                looked.distribution.clone_from(&one.distribution);
                looked.is_dependency = true;
                Some(((one.name.clone(), one.is_package), looked, file))
            })
            .collect();
        let unanalysed = found.into_iter().filter(|it| matches!(it.module, Module::Unanalysed(..)));
        reached.unanalysed.extend(unanalysed);
        for (named, looked, file) in looked {
            reach.imports(&looked, None, Some(&named));
            reached.files.push((looked, file));
        }
    }
    reached.missing = reach.missing.into_values().collect();
    reached
}

impl Reach<'_> {
    fn open(&mut self, found: Vec<Found>) {
        for one in found {
            let path = match &one.module {
                Module::Source(file) => file.path.clone(),
                Module::Extension(path) | Module::Unanalysed(path, _) => path.clone(),
            };
            if self.known.insert((one.name.clone(), path)) {
                self.open.push(one);
            }
        }
    }

    /// Everything that a file imports; `own` is its number if it is one of the program's, `named`
    /// what it is called if it is of the environment.
    fn imports(&mut self, file: &ProgramFile, own: Option<FileId>, named: Option<&Named>) {
        let nothing = Links::default();
        let links = file.summary.links.as_deref().unwrap_or(&nothing);
        for (import, number) in file.summary.imports.iter().zip(0..) {
            let row = links.import_places.get(number).map_or(1, |place| place.row);
            self.ask(&import.module, own, Some((file, row)));
            for (member, _) in &import.members {
                self.ask(&format!("{}.{member}", import.module), own, None);
            }
        }
        // Ways begin at modules, relative ones too; what is an attribute there is none here.
        let mut ways: Vec<Option<String>> = Vec::with_capacity(links.ways.len());
        for (from, step) in links.ways.iter() {
            let before = from.and_then(Origin::index).and_then(|at| ways.get(at).cloned());
            let way = match (step, from.is_some(), before.flatten()) {
                (Step::Module { level: 0, name }, false, _) => Some(name.to_string()),
                (Step::Module { level, name }, false, _) => {
                    named.and_then(|named| relative(named, level, &name))
                }
                (Step::Attribute(name), true, Some(before)) => Some(format!("{before}.{name}")),
                _ => None,
            };
            if let Some(way) = &way {
                self.ask(way, own, None);
            }
            ways.push(way);
        }
        let stars: BTreeSet<&String> =
            links.stars.iter().filter_map(|star| ways.get(star.index()?)?.as_ref()).collect();
        for star in stars {
            if self.starred.insert(star.clone())
                && let Some(all) = self.listed.get(star).cloned()
            {
                self.all_of(star, &all);
            }
        }
        if let (Some((name, true)), Some(all)) = (named, &links.all) {
            self.listed.insert(name.clone(), all.clone());
            if self.starred.contains(name) {
                self.all_of(name, all);
            }
        }
    }

    /// `from package import *` imports the submodules that `__all__` lists.
    fn all_of(&mut self, package: &str, all: &[Box<str>]) {
        for name in all {
            self.ask(&format!("{package}.{name}"), None, None);
        }
    }

    fn ask(&mut self, dotted: &str, own: Option<FileId>, by: Option<(&ProgramFile, u32)>) {
        let top = dotted.split('.').next().unwrap_or(dotted);
        if top.is_empty() || top == "__main__" || is_stdlib(top) || self.is_own(dotted, own) {
            return;
        }
        if !self.asked.insert(dotted.to_owned()) {
            return;
        }
        let found = self.importable.find(dotted);
        if found.is_empty()
            && let Some((file, row)) = by
            && !self.missing.contains_key(top)
            && !self.importable.has_top(top)
            && self.own.top(FileId(0), top).is_empty()
        {
            let missing = Missing { module: top.to_owned(), path: file.path.clone(), row };
            self.missing.insert(top.to_owned(), missing);
        }
        self.open(found);
    }

    /// Whether the program has that module itself.
    fn is_own(&self, dotted: &str, from: Option<FileId>) -> bool {
        // What is installed imports what is installed; but for an editable one, nothing else is.
        let from = from.unwrap_or(FileId(u32::MAX));
        let mut parts = dotted.split('.');
        let tops = self.own.top(from, parts.next().unwrap_or_default());
        let mut at: Vec<modules::Module> = tops.into_vec();
        if at.is_empty() {
            return false;
        }
        if at.iter().any(|module| matches!(module, modules::Module::File(_))) {
            return true;
        }
        for part in parts {
            at = at.iter().filter_map(|module| self.own.member(module, part)).collect();
            if at.iter().any(|module| matches!(module, modules::Module::File(_))) {
                return true;
            }
        }
        false
    }
}

/// A relative import's absolute name.
fn relative((name, is_package): &Named, level: u32, module: &str) -> Option<String> {
    let mut package: &str = name;
    let up = level - u32::from(*is_package && level > 0);
    for _ in 0..up {
        package = package.rsplit_once('.').map_or("", |(package, _)| package);
    }
    match (package, module) {
        ("", _) => None,
        (package, "") => Some(package.to_owned()),
        (package, module) => Some(format!("{package}.{module}")),
    }
}
