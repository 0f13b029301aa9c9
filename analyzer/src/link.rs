//! All files together: what a name that one file takes from another is.
//!
//! A file's [`Links`] say what it offers under which names, and which ways it goes through other
//! modules. [`Program`] holds those of all files and walks the ways: through re-exports and
//! façades, star imports, classes and what they inherit, objects, what functions give back.
//!
//! Where a way ends at something a rule knows, the file that goes it is looked at once more with
//! that known (`environment`), so that a call through five files is judged as one in the same file
//! is. Where it ends at a function or class of the program, it is a step of the call graph
//! ([`graph`]), from which [`crate::capabilities`] tells who can reach what.
//!
//! Nothing is linked by the last name alone, and what cannot be followed is told as unresolved.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::detect::ClassMeaning;
use crate::resolve::names::NameTable;
use crate::summary::links::{Export, Links};

mod classes;
pub(crate) mod environment;
pub mod graph;
mod installs;
pub mod modules;
mod walk;

pub use self::modules::FileId;

use self::classes::Line;
use self::modules::{Modules, Roots};

/// What every file of a program offers and takes.
pub struct Program<'l> {
    modules: Modules,
    files: Vec<&'l Links>,
    names: &'l NameTable,
    /// Each file's names, by what they are called.
    exports: Vec<FxHashMap<&'l str, &'l Export>>,
    /// The modules each file imports all names of.
    stars: Vec<Vec<FileId>>,
    /// Each class's own classes and bases in the order they are searched.
    lines: Vec<Vec<Line>>,
    /// What rules know of each class.
    class_meanings: Vec<Vec<Option<Arc<ClassMeaning>>>>,
}

impl<'l> Program<'l> {
    /// Join files: each with its path, in an order of their own. Runs on the threads of the pool it is called from.
    pub fn of(
        files: impl Iterator<Item = (&'l Path, &'l Links)> + Clone,
        roots: &Roots,
        names: &'l NameTable,
    ) -> Self {
        let modules = Modules::of(files.clone().map(|(path, _)| path), roots);
        let files: Vec<&Links> = files.map(|(_, links)| links).collect();
        let by_name = |links: &&'l Links| {
            links.exports.iter().map(|export| (&*export.name, export)).collect()
        };
        let exports = files.par_iter().map(by_name).collect();
        let mut program = Self {
            modules,
            files,
            names,
            exports,
            stars: Vec::new(),
            lines: Vec::new(),
            class_meanings: Vec::new(),
        };
        let all = 0..u32::try_from(program.files.len()).unwrap_or(u32::MAX);
        program.stars = all.into_par_iter().map(|file| program.find_stars(FileId(file))).collect();
        program.lines = program.find_lines();
        program.class_meanings = program.find_class_meanings();
        program
    }

    /// Which file is which module.
    pub fn modules(&self) -> &Modules {
        &self.modules
    }

    /// What a file offers and takes.
    pub fn links(&self, file: FileId) -> Option<&'l Links> {
        self.files.get(file.0 as usize).copied()
    }
}
