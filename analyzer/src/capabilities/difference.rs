//! What one program, or one version of it, can reach and another cannot.
//!
//! Entries are compared by whose they are, the scope's name, the capability and when it is
//! reached. Paths and rows are not compared, so that a file that moves is no gain; nor is a
//! module that does what it did and only has another name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::{Capabilities, Entry, Extension, Reach, Scope, When};
use crate::discover::normal_name;
use crate::render::capabilities::Granularity;
use crate::report::NotAnalysed;

/// What is different.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// What only the new one reaches, with its way there.
    pub gained: Vec<Entry>,
    /// What only the old one reached.
    pub lost: Vec<Entry>,
    /// Modules that have another name and do the same: the old name and the new one.
    pub renamed: Vec<(Arc<str>, Arc<str>)>,
    /// Modules of machine code that only the new one has.
    pub new_extensions: Vec<Extension>,
    /// What of the new one was not analysed, unless the same was told of the old one.
    pub not_analysed: Vec<(String, NotAnalysed)>,
    /// Calls that could not be followed, before and now.
    pub unresolved: (u64, u64),
}

impl Difference {
    /// Whether the new one can do something that the old one could not.
    pub const fn is_gain(&self) -> bool {
        !self.gained.is_empty() || !self.new_extensions.is_empty()
    }
}

/// Whose an entry is: the distribution's name, else the top-level package's.
type Whose = String;

type Key<'e> = (Whose, Scope, &'e str, Reach, When);

type Keyed<'e> = BTreeMap<Key<'e>, &'e Entry>;

/// A module, and whose it is.
type Module<'e> = (Whose, &'e str);

/// What a module reaches and by which API: what stays when only its name changes.
type Does<'e> = BTreeSet<(Reach, When, &'e str)>;

struct Comparison {
    finest: Granularity,
    /// Whether both sides know of distributions.
    by_distribution: bool,
}

/// Compare, as finely as `finest` and no finer.
pub fn difference(old: &Capabilities, new: &Capabilities, finest: Granularity) -> Difference {
    let knows = |of: &Capabilities| {
        of.entries.is_empty() || of.entries.iter().any(|entry| entry.distribution.is_some())
    };
    let comparison = Comparison { finest, by_distribution: knows(old) && knows(new) };
    let (before, after) = (comparison.keyed(old), comparison.keyed(new));
    let renamed = renamed(&modules(&before), &modules(&after));
    let is_in = |name: &str, module: &str| {
        name.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let only = |here: &Keyed<'_>, there: &Keyed<'_>, module: fn(&Renamed) -> &str| {
        let same_name = |(whose, scope, name, ..): &Key<'_>| {
            *scope == Scope::Package
                || !renamed.iter().any(|of| of.whose == *whose && is_in(name, module(of)))
        };
        let only = here.iter().filter(|(key, _)| !there.contains_key(*key) && same_name(key));
        only.map(|(_, entry)| (*entry).clone()).collect::<Vec<_>>()
    };
    Difference {
        gained: only(&after, &before, |of| &of.now),
        lost: only(&before, &after, |of| &of.then),
        new_extensions: new_extensions(old, new, &renamed),
        renamed: renamed
            .iter()
            .map(|of| (of.then.as_str().into(), of.now.as_str().into()))
            .collect(),
        not_analysed: newly_not_analysed(old, new),
        unresolved: (old.unresolved, new.unresolved),
    }
}

impl Comparison {
    fn keyed<'e>(&self, of: &'e Capabilities) -> Keyed<'e> {
        let mut keyed = Keyed::new();
        for entry in of.entries.iter().filter(|entry| entry.reach != Reach::Unresolved) {
            let whose = self.whose(entry);
            let is_package = entry.scope == Scope::Package;
            // Where only one side knows of distributions, packages are summed up again by name.
            if (self.by_distribution || !is_package) && self.finest.lists(entry.scope, true) {
                // Whose it is says it already, however it is spelled.
                let name = if is_package { "" } else { &*entry.name };
                let key = (whose.clone(), entry.scope, name, entry.reach, entry.when);
                keyed.entry(key).or_insert(entry);
            }
            if !self.by_distribution && matches!(entry.scope, Scope::Module | Scope::Package) {
                let key = (whose, Scope::Package, "", entry.reach, entry.when);
                keyed.entry(key).or_insert(entry);
            }
        }
        keyed
    }

    fn whose(&self, entry: &Entry) -> Whose {
        match &entry.distribution {
            Some(of) if self.by_distribution => of.normal_name(),
            _ => normal_name(entry.name.split('.').next().unwrap_or_default()),
        }
    }
}

struct Renamed {
    whose: Whose,
    then: String,
    now: String,
}

/// Modules that are only in one side and do the same there.
fn renamed(
    before: &BTreeMap<Module<'_>, Does<'_>>,
    after: &BTreeMap<Module<'_>, Does<'_>>,
) -> Vec<Renamed> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let mut gone: Vec<(&Module<'_>, &Does<'_>)> =
        before.iter().filter(|(module, _)| !after.contains_key(*module)).collect();
    let mut pairs = Vec::new();
    for (module, does) in after.iter().filter(|(module, _)| !before.contains_key(*module)) {
        let (whose, now) = module;
        let same = |of: &(&Module<'_>, &Does<'_>)| of.0.0 == *whose && of.1 == does;
        let moved = gone.iter().position(|of| same(of) && last(of.0.1) == last(now));
        if let Some(at) = moved.or_else(|| gone.iter().position(same)) {
            let ((_, then), _) = gone.remove(at);
            let (then, now) = ((*then).to_owned(), (*now).to_owned());
            pairs.push(Renamed { whose: whose.clone(), then, now });
        }
    }
    pairs
}

fn modules<'e>(keyed: &Keyed<'e>) -> BTreeMap<Module<'e>, Does<'e>> {
    let mut modules: BTreeMap<Module<'e>, Does<'e>> = BTreeMap::new();
    for ((whose, scope, name, reach, when), entry) in keyed {
        if *scope == Scope::Module {
            let api = entry.via.last().map_or("", |step| &*step.name);
            modules.entry((whose.clone(), name)).or_default().insert((*reach, *when, api));
        }
    }
    modules
}

fn new_extensions(old: &Capabilities, new: &Capabilities, renamed: &[Renamed]) -> Vec<Extension> {
    let is_new = |module: &&Extension| {
        !old.extensions.iter().any(|before| before.name == module.name)
            && !renamed.iter().any(|of| *of.now == *module.name)
    };
    new.extensions.iter().filter(is_new).cloned().collect()
}

/// What was told of the old one as well is not told again. Archives, and the folder in a source
/// distribution, have their versions in their names.
fn newly_not_analysed(old: &Capabilities, new: &Capabilities) -> Vec<(String, NotAnalysed)> {
    let inside = |path: &str| -> String {
        match path.split_once("!/") {
            Some((archive, inside)) if Path::new(archive).extension() == Some("whl".as_ref()) => {
                inside.to_owned()
            }
            Some((_, inside)) => inside.split_once('/').map_or(inside, |(_, it)| it).to_owned(),
            None => {
                let name = path.rsplit('/').next().unwrap_or_default();
                name.split('-').next().unwrap_or(name).to_owned()
            }
        }
    };
    let mut before: BTreeMap<(String, &str), u64> = BTreeMap::new();
    for (path, why) in &old.not_analysed {
        *before.entry((inside(path), why.reason)).or_default() += 1;
    }
    let is_new = |(path, why): &&(String, NotAnalysed)| {
        let known = before.get_mut(&(inside(path), why.reason)).filter(|count| **count > 0);
        let is_known = known.map(|count| *count -= 1).is_some();
        !why.accepted && !is_known
    };
    new.not_analysed.iter().filter(is_new).cloned().collect()
}

#[cfg(test)]
mod tests {
    use hermetic_policy::Capability;

    use super::*;
    use crate::capabilities::Step;

    fn entry(scope: Scope, name: &str, capability: Capability, when: When, row: u32) -> Entry {
        let step = Step { name: "os.system".into(), path: "a.py".into(), row, cell: None };
        Entry {
            scope,
            name: name.into(),
            distribution: None,
            dependency: false,
            path: "a.py".into(),
            row,
            cell: None,
            reach: Reach::Capability(capability),
            when,
            direct: true,
            via: vec![step],
            count: 0,
        }
    }

    fn of(entries: &[Entry]) -> Capabilities {
        Capabilities { entries: entries.to_vec(), ..Capabilities::default() }
    }

    #[test]
    fn what_moves_or_is_renamed_is_no_gain() {
        let package = |row| entry(Scope::Package, "p", Capability::Subprocess, When::Call, row);
        let module =
            |name, row| entry(Scope::Module, name, Capability::Subprocess, When::Call, row);
        let old = of(&[package(1), module("p.a", 1)]);
        let moved = of(&[package(9), module("p.a", 9)]);
        assert!(!difference(&old, &moved, Granularity::Module).is_gain());
        let renamed = of(&[package(1), module("p.b", 1)]);
        let told = difference(&old, &renamed, Granularity::Module);
        assert!(!told.is_gain() && told.lost.is_empty());
        assert_eq!(told.renamed, [("p.a".into(), "p.b".into())]);
    }

    #[test]
    fn what_is_reached_by_import_now_is_a_gain() {
        let at = |when| entry(Scope::Module, "p", Capability::Network, when, 1);
        let (old, new) = (of(&[at(When::Call)]), of(&[at(When::Call), at(When::Import)]));
        let told = difference(&old, &new, Granularity::Module);
        assert!(told.gained.iter().all(|entry| entry.when == When::Import) && told.is_gain());
        assert!(!difference(&new, &old, Granularity::Module).is_gain());
    }

    #[test]
    fn a_module_that_does_more_under_another_name_is_a_gain() {
        let at = |name, capability| entry(Scope::Module, name, capability, When::Call, 1);
        let old = of(&[at("p.a", Capability::Network)]);
        let new = of(&[at("p.b", Capability::Network), at("p.b", Capability::Subprocess)]);
        assert!(difference(&old, &new, Granularity::Module).is_gain());
    }

    #[test]
    fn a_distribution_and_a_folder_are_compared_by_the_package() {
        let mut new = entry(Scope::Module, "p.a", Capability::Network, When::Call, 1);
        let old = of(&[new.clone()]);
        new.distribution = Some(Arc::default());
        assert!(!difference(&old, &of(&[new]), Granularity::Module).is_gain());
    }
}
