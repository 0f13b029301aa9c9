//! Import-time order: what the imports above the install of a guard do.

use std::collections::VecDeque;

use hermetic_policy::Capability;
use rustc_hash::FxHashSet;

use crate::resolve::origin::Origin;
use crate::summary::LateInstall;
use crate::summary::links::{Done, Import, Install, Kept, Owner};

use super::Program;
use super::modules::{FileId, Module};
use super::walk::{Found, Walk};

impl Program<'_> {
    /// What is done by the imports of a file that stand above the install of a guard: for each
    /// import the worst, and of that the nearest.
    pub(super) fn late_installs(
        &self,
        file: FileId,
        path: &dyn Fn(FileId) -> String,
    ) -> Vec<LateInstall> {
        let Some(links) = self.links(file) else { return Vec::new() };
        if links.installs.is_empty() {
            return Vec::new();
        }
        let mut late = Vec::new();
        for import in links.imports.iter().filter(|import| import.owner.is_script()) {
            let above = |install: &&Install| import.range.start < install.at;
            for install in links.installs.iter().filter(above) {
                if let Some((module, kept)) = self.first_kept(file, import, *install) {
                    late.push(LateInstall {
                        imported: self.imported_name(file, import).into(),
                        by: Some((
                            self.modules.name(module).into(),
                            path(module).into(),
                            kept.place,
                        )),
                        what: kept.what.clone(),
                        done: kept.done,
                        patching: install.patching,
                        range: import.range,
                    });
                    break;
                }
            }
        }
        late
    }

    /// Of all that an import runs, the first thing that a guard would have stopped, worst first.
    fn first_kept(
        &self,
        file: FileId,
        import: &Import,
        install: Install,
    ) -> Option<(FileId, &Kept)> {
        let mut seen = FxHashSet::default();
        let mut open: VecDeque<FileId> = VecDeque::new();
        seen.insert(file);
        open.extend(self.run_by(file, import));
        let mut worst: Option<(FileId, &Kept)> = None;
        while let Some(module) = open.pop_front() {
            if !seen.insert(module) {
                continue;
            }
            let Some(links) = self.links(module) else { continue };
            let guarded = |kept: &&Kept| {
                let of = Capability::ALL.get(usize::from(kept.capability));
                // To an open socket or loaded code it is the same who guards.
                let patched =
                    !install.patching || matches!(kept.done, Done::Kept | Done::KeptEnforced);
                patched && of.is_some_and(|of| install.guards(*of))
            };
            if let Some(kept) = links.kept.iter().filter(guarded).min_by_key(|kept| kept.done)
                && worst.is_none_or(|(_, before)| kept.done < before.done)
            {
                worst = Some((module, kept));
            }
            for import in links.imports.iter().filter(|import| import.owner == Owner::MODULE) {
                open.extend(self.run_by(module, import));
            }
        }
        worst
    }

    /// The modules an import statement runs.
    fn run_by(&self, file: FileId, import: &Import) -> Vec<FileId> {
        let mut found = Vec::new();
        let links = self.links(file);
        let mut at = Origin::at(import.way as usize);
        while let Some(origin) = at {
            for one in self.way(file, origin, &Walk::new()) {
                if let Found::Module(Module::File(module)) = one {
                    found.push(module);
                }
            }
            let way = links.zip(origin.index()).and_then(|(links, at)| links.ways.get(at));
            at = way.and_then(|(from, _)| from);
        }
        // Packages run before what is in them.
        found.reverse();
        found
    }

    /// What an import statement names, as one dotted name.
    fn imported_name(&self, file: FileId, import: &Import) -> String {
        use crate::resolve::origin::Step;
        let links = self.links(file);
        let mut parts: Vec<String> = Vec::new();
        let mut at = Origin::at(import.way as usize);
        while let Some(origin) = at {
            let way = links.zip(origin.index()).and_then(|(links, at)| links.ways.get(at));
            let Some((from, step)) = way else { break };
            match step {
                Step::Module { level, name } => {
                    let dots = ".".repeat(level as usize);
                    let joined = parts.iter().rev().cloned().collect::<Vec<_>>().join(".");
                    return match (name.is_empty(), joined.is_empty()) {
                        (_, true) => format!("{dots}{name}"),
                        (true, false) => format!("{dots}{joined}"),
                        (false, false) => format!("{dots}{name}.{joined}"),
                    };
                }
                Step::Attribute(name) => parts.push(name.to_string()),
                _ => {}
            }
            at = from;
        }
        parts.reverse();
        parts.join(".")
    }
}
