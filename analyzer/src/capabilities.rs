//! Who can reach what, and how: for every module, class and function of a program the
//! capabilities it can reach, each with one shortest way to the API.
//!
//! It is about what the code can do, not about a policy. A capability is reached when the module is
//! imported, or when the module's code is called. Calls that could not be followed are a
//! capability of their own, `unresolved`, for each function that makes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use hermetic_policy::{Capability, Verb, modules};
use rayon::prelude::*;

use crate::discover::Distribution;
use crate::link::FileId;
use crate::link::graph::Node;
use crate::project::program::{Looked, Missing, ProgramFile};
use crate::report::NotAnalysed;
use crate::resolve::names::NAMES;
use crate::summary::FoundOperand;
use crate::summary::links::{Owner, Place};

pub mod difference;
pub mod saved;
mod ways;

use self::ways::{Next, Ways, find_ways, leads_to, state};

/// What a program can reach.
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    /// One for each scope, capability and time; sorted by name, scope, capability and time.
    pub entries: Vec<Entry>,
    /// Every scope, with capabilities or without, by name.
    pub scopes: u64,
    /// Files looked at.
    pub files: u64,
    /// Calls that could not be followed.
    pub unresolved: u64,
    /// What to know of names: modules that share one.
    pub notes: Vec<String>,
    /// Modules of machine code, by distribution and name.
    pub extensions: Vec<Extension>,
    /// With dependencies, what is imported and is nowhere.
    pub missing: Vec<Missing>,
    /// Files that were not analysed in whole.
    pub not_analysed: Vec<(String, NotAnalysed)>,
}

/// A module of machine code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Extension {
    /// Whose it is, where it is installed or in an archive.
    pub distribution: Option<Arc<Distribution>>,
    /// Its full name.
    pub name: Arc<str>,
    /// Its file.
    pub path: Arc<str>,
}

/// What can be reached, in the words of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// A capability.
    Capability(Capability),
    /// Whatever a call that could not be followed reaches.
    Unresolved,
}

impl Reach {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capability(capability) => capability.name(),
            Self::Unresolved => "unresolved",
        }
    }
}

/// What kind of code it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// A top-level package, or a module that is in none.
    Package,
    /// A module: its own code when it is imported, all that is in it when it is called.
    Module,
    /// A class: its methods.
    Class,
    /// A function, method or lambda.
    Function,
}

impl Scope {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Module => "module",
            Self::Class => "class",
            Self::Function => "function",
        }
    }
}

/// When it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// When the module is imported.
    Import,
    /// When its code is called.
    Call,
}

impl When {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Call => "call",
        }
    }
}

/// One capability of one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What kind of code it is.
    pub scope: Scope,
    /// Its full name: `package.module.Class.method`; of a package that is installed or in an
    /// archive, the distribution's.
    pub name: Arc<str>,
    /// Whose it is, where it is installed or in an archive.
    pub distribution: Option<Arc<Distribution>>,
    /// Whether it is only there because something imports it.
    pub dependency: bool,
    /// The file it is in.
    pub path: Arc<str>,
    /// The row it is defined in, from 1; in a notebook from the start of the cell.
    pub row: u32,
    /// The notebook's cell it is defined in, from 1.
    pub cell: Option<u32>,
    /// What is reached.
    pub reach: Reach,
    /// When.
    pub when: When,
    /// Whether its own code does it.
    pub direct: bool,
    /// The way there; the last step is the API.
    pub via: Vec<Step>,
    /// For `unresolved`, how many calls.
    pub count: u32,
}

/// One step of a way: what is called, and where the call stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is called: code of the program, or the API.
    pub name: Arc<str>,
    /// The file the call stands in.
    pub path: Arc<str>,
    /// The row of the call, from 1; in a notebook from the start of the cell.
    pub row: u32,
    /// The notebook's cell, from 1.
    pub cell: Option<u32>,
}

/// One act, as it counts here.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) owner: Owner,
    pub(crate) capability: Capability,
    pub(crate) target: Arc<str>,
    pub(crate) place: Place,
}

/// The acts of a file that reach something.
pub(crate) fn deeds(file: &ProgramFile) -> Vec<Deed> {
    if file.is_extension {
        let place = Place { row: 1, column: 1, cell: 0 };
        let target = "import of an extension module".into();
        return vec![Deed { owner: Owner::MODULE, capability: Capability::Native, target, place }];
    }
    let Some(links) = &file.summary.links else { return Vec::new() };
    let acts = file.summary.acts.iter().zip(&links.act_places);
    let acts = acts.filter(|(act, _)| act.verb != Verb::Prepare).map(|(act, place)| Deed {
        owner: act.owner,
        capability: act.rule.capability,
        target: match &act.operand {
            FoundOperand::Name(name) if *name == act.target => format!("import {name}").into(),
            _ => Arc::from(&*act.target),
        },
        place: *place,
    });
    let imports = file.summary.imports.iter().zip(&links.import_places);
    let native = imports.filter_map(|(import, place)| {
        let native = matches!(modules::purity(&import.module), modules::Purity::Native(_));
        let told = NAMES
            .import_rules(&import.module)
            .iter()
            .any(|(rule, _)| rule.capability == Capability::Native);
        (native && !told).then(|| Deed {
            owner: import.owner,
            capability: Capability::Native,
            target: format!("import {}", import.module).into(),
            place: *place,
        })
    });
    acts.chain(native).collect()
}

/// What a program can reach, told of scopes as fine as `finest`.
pub fn capabilities(looked: &Looked, finest: Scope) -> Capabilities {
    let deeds: Vec<Vec<Deed>> = looked.files.par_iter().map(deeds).collect();
    let ways: Vec<Ways> = Capability::ALL
        .into_par_iter()
        .map(|capability| find_ways(&looked.graph, &deeds, capability))
        .collect();
    let paths: Vec<Arc<str>> = looked.files.iter().map(|file| Arc::from(&*file.path)).collect();
    let names = (0..looked.files.len())
        .map(|file| {
            let module = looked.modules.get(file).map_or("", String::as_str);
            let links = looked.files.get(file).and_then(|file| file.summary.links.as_ref());
            let functions = links.map_or(&[] as &[_], |links| &links.functions);
            let functions =
                functions.iter().map(|of| Arc::from(format!("{module}.{}", of.called().name)));
            std::iter::once(Arc::from(module)).chain(functions).collect()
        })
        .collect();
    let teller = Teller { looked, deeds: &deeds, ways: &ways, paths, names, finest };
    teller.tell()
}

struct Teller<'t> {
    looked: &'t Looked,
    deeds: &'t [Vec<Deed>],
    ways: &'t [Ways],
    /// Each file's path.
    paths: Vec<Arc<str>>,
    /// By file, the names of its module and its functions.
    names: Vec<Vec<Arc<str>>>,
    finest: Scope,
}

/// Whether it runs as the module is imported, or as a script.
const fn runs_as_script(node: Node) -> bool {
    matches!(node, Node::Import(_) | Node::Main(_))
}

/// A node that a scope consists of, and its number.
type Member = (u32, Node);

impl Teller<'_> {
    fn tell(&self) -> Capabilities {
        let mut of_file: Vec<Vec<Member>> = vec![Vec::new(); self.looked.files.len()];
        for (number, node) in self.looked.graph.nodes.iter().enumerate() {
            // What a method does on objects of one class is part of what calls it so.
            if !matches!(node, Node::Method(..))
                && let Some(nodes) = of_file.get_mut(node.file().0 as usize)
            {
                nodes.push((u32::try_from(number).unwrap_or(u32::MAX), *node));
            }
        }
        let told: Vec<(Vec<Entry>, u64)> =
            of_file.par_iter().enumerate().map(|(file, nodes)| self.file(file, nodes)).collect();
        let mut all = Capabilities {
            files: self.looked.files.len() as u64,
            notes: self.looked.notes.clone(),
            ..Capabilities::default()
        };
        for ((mut entries, scopes), file) in told.into_iter().zip(&self.looked.files) {
            for entry in &mut entries {
                entry.distribution.clone_from(&file.distribution);
                entry.dependency = file.is_dependency;
            }
            all.entries.extend(entries);
            all.scopes += scopes;
        }
        all.extensions = self.extensions();
        all.missing.clone_from(&self.looked.missing);
        let packages = packages(&all.entries);
        all.entries.extend(packages);
        all.entries.sort_by(|a, b| {
            let key = |e: &Entry| (e.scope, e.reach, e.when, e.row);
            (&a.name, &a.path, key(a)).cmp(&(&b.name, &b.path, key(b)))
        });
        let unresolved = self.looked.graph.unresolved.iter();
        all.unresolved = unresolved
            .filter(|(node, _)| !matches!(node, Node::Method(..)))
            .map(|(_, (count, _))| u64::from(*count))
            .sum();
        for file in &self.looked.files {
            let reasons = file.not_analysed.iter().cloned();
            all.not_analysed.extend(reasons.map(|reason| (file.path.clone(), reason)));
        }
        all.not_analysed.extend(self.looked.unanalysed.iter().cloned());
        all
    }

    fn file(&self, file: usize, nodes: &[Member]) -> (Vec<Entry>, u64) {
        let mut entries = Vec::new();
        let Some(of) = self.looked.files.get(file) else { return (entries, 0) };
        let module = self.looked.modules.get(file).map_or("", String::as_str);
        let import: Vec<Member> =
            nodes.iter().filter(|(_, n)| runs_as_script(*n)).copied().collect();
        let called: Vec<Member> =
            nodes.iter().filter(|(_, n)| !runs_as_script(*n)).copied().collect();
        let path = self.paths.get(file).cloned().unwrap_or_default();
        let as_module = (Scope::Module, Arc::from(module), Place { row: 1, column: 1, cell: 0 });
        let of_file = &path;
        self.scope(of_file, &as_module, &import, When::Import, &mut entries);
        self.scope(of_file, &as_module, &called, When::Call, &mut entries);
        let mut scopes = 1;
        let in_full = self.finest >= Scope::Class;
        let Some(links) = &of.summary.links else { return (entries, scopes) };
        for (number, class) in links.classes.iter().enumerate() {
            if class.name.is_empty() {
                continue;
            }
            scopes += 1;
            if !in_full {
                continue;
            }
            let methods: Vec<Member> = called
                .iter()
                .filter(|(_, node)| {
                    let number_of = node.owner().and_then(Owner::as_function);
                    let function = number_of.and_then(|at| links.functions.get(at as usize));
                    function.and_then(|f| f.called().class).is_some_and(|of| of as usize == number)
                })
                .copied()
                .collect();
            let name = Arc::from(format!("{module}.{}", class.name));
            let of_class = (Scope::Class, name, class.place);
            self.scope(of_file, &of_class, &methods, When::Call, &mut entries);
        }
        for member in &called {
            let Node::Function(_, number) = member.1 else { continue };
            let Some(function) = links.functions.get(number as usize) else { continue };
            scopes += 1;
            if !in_full {
                continue;
            }
            let name = self.name(member.1);
            let of_function = (Scope::Function, name, function.called().place);
            self.scope(of_file, &of_function, &[*member], When::Call, &mut entries);
        }
        (entries, scopes)
    }

    /// What a scope of these nodes reaches.
    fn scope(
        &self,
        path: &Arc<str>,
        (scope, name, place): &(Scope, Arc<str>, Place),
        nodes: &[Member],
        when: When,
        entries: &mut Vec<Entry>,
    ) {
        let entry = |reach, direct, via, count| Entry {
            scope: *scope,
            name: name.clone(),
            distribution: None,
            dependency: false,
            path: Arc::clone(path),
            row: place.row,
            cell: cell(*place),
            reach,
            when,
            direct,
            via,
            count,
        };
        for ways in self.ways {
            let number =
                |member: &Member| state(&self.looked.graph, member.0, when == When::Import);
            let steps = |member: &Member| Some(ways.next.get(number(member)).copied()??.0);
            let nearest = nodes
                .iter()
                .filter_map(|member| Some((steps(member)?, member)))
                .min_by_key(|(steps, member)| (*steps, member.0));
            let Some((steps, member)) = nearest else { continue };
            let mut via = self.via(ways, number(member));
            // A module or class is reached through what is in it.
            if let (Scope::Module | Scope::Class, Node::Function(..)) = (*scope, member.1) {
                via.insert(0, self.definition(member.1));
            }
            entries.push(entry(Reach::Capability(ways.capability), steps == 0, via, 0));
        }
        let unresolved = nodes
            .iter()
            .filter_map(|(_, node)| Some((*node, *self.looked.graph.unresolved.get(node)?)));
        let (mut count, mut first) = (0, None);
        for (node, (calls, place)) in unresolved {
            count += calls;
            first = first.or(Some((node, place)));
        }
        if let Some((_, place)) = first {
            let step = Step {
                name: "unresolved".into(),
                path: Arc::clone(path),
                row: place.row,
                cell: cell(place),
            };
            entries.push(entry(Reach::Unresolved, true, vec![step], count));
        }
    }

    fn extensions(&self) -> Vec<Extension> {
        let files = self.looked.files.iter().zip(&self.names).zip(&self.paths);
        let mut all: Vec<Extension> = files
            .filter(|((file, _), _)| file.is_extension)
            .map(|((file, names), path)| Extension {
                distribution: file.distribution.clone(),
                name: names.first().cloned().unwrap_or_default(),
                path: Arc::clone(path),
            })
            .collect();
        all.sort();
        all
    }

    fn definition(&self, node: Node) -> Step {
        let file = self.looked.files.get(node.file().0 as usize);
        let links = file.and_then(|file| file.summary.links.as_ref());
        let number = node.owner().and_then(Owner::as_function);
        let function = links.zip(number).and_then(|(links, at)| links.functions.get(at as usize));
        Step {
            name: self.name(node),
            path: self.path(node.file()),
            row: function.map_or(1, |function| function.called().place.row),
            cell: function.and_then(|function| cell(function.called().place)),
        }
    }

    fn name(&self, node: Node) -> Arc<str> {
        let number = node.owner().and_then(Owner::as_function).map_or(0, |n| n as usize + 1);
        let names = self.names.get(node.file().0 as usize);
        names.and_then(|names| names.get(number)).cloned().unwrap_or_default()
    }

    fn path(&self, file: FileId) -> Arc<str> {
        self.paths.get(file.0 as usize).cloned().unwrap_or_default()
    }

    /// The way from a node to the API.
    fn via(&self, ways: &Ways, from: usize) -> Vec<Step> {
        let graph = &self.looked.graph;
        let mut via = Vec::new();
        let mut at = from;
        while let Some(Some((_, next))) = ways.next.get(at) {
            let Some(node) = graph.nodes.get(at % graph.nodes.len()) else { break };
            match next {
                Next::Deed(number) => {
                    let deeds = self.deeds.get(node.file().0 as usize);
                    let deed = deeds.and_then(|deeds| deeds.get(*number as usize));
                    via.extend(deed.map(|deed| Step {
                        name: deed.target.clone(),
                        path: self.path(node.file()),
                        row: deed.place.row,
                        cell: cell(deed.place),
                    }));
                    break;
                }
                Next::Arc(number) => {
                    let Some(arc) = graph.arcs.get(*number as usize) else { break };
                    if let Some(to) = graph.nodes.get(arc.to as usize) {
                        via.push(Step {
                            name: self.name(*to),
                            path: self.path(node.file()),
                            row: arc.place.row,
                            cell: cell(arc.place),
                        });
                    }
                    let Some(to) = leads_to(graph, arc, at < graph.nodes.len()) else { break };
                    at = to;
                }
            }
        }
        via
    }
}

/// The notebook's cell of a place, if it is in one.
fn cell(place: Place) -> Option<u32> {
    (place.cell > 0).then_some(place.cell)
}

/// What each distribution, and each top-level package that is of none, reaches: the shortest of
/// what its modules do.
fn packages(entries: &[Entry]) -> Vec<Entry> {
    let mut nearest: BTreeMap<(Package<'_>, Reach, When), &Entry> = BTreeMap::new();
    let mut counts: BTreeMap<(Package<'_>, When), u32> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.scope == Scope::Module) {
        let of = Package::of(entry);
        *counts.entry((of, entry.when)).or_default() += entry.count;
        let slot = nearest.entry((of, entry.reach, entry.when)).or_insert(entry);
        if entry.via.len() < slot.via.len() {
            *slot = entry;
        }
    }
    nearest
        .into_iter()
        .map(|((of, reach, when), entry)| Entry {
            scope: Scope::Package,
            name: of.name().into(),
            count: match reach {
                Reach::Unresolved => counts.get(&(of, when)).copied().unwrap_or_default(),
                Reach::Capability(_) => 0,
            },
            ..entry.clone()
        })
        .collect()
}

/// What modules belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Package<'e> {
    /// A top-level package.
    Top(&'e str),
    /// A distribution.
    Distribution(&'e Distribution),
}

impl<'e> Package<'e> {
    fn of(entry: &'e Entry) -> Self {
        match &entry.distribution {
            Some(distribution) => Self::Distribution(distribution),
            None => Self::Top(entry.name.split('.').next().unwrap_or_default()),
        }
    }

    fn name(self) -> &'e str {
        match self {
            Self::Top(name) => name,
            Self::Distribution(distribution) => &distribution.name,
        }
    }
}
