//! Ways, walked.

use std::cell::{Cell, RefCell};

use smallvec::{SmallVec, smallvec};

use crate::resolve::names::{NameId, NameTable};
use crate::resolve::origin::{Origin, Step};
use crate::summary::links::{Export, Place, Thing};

use super::modules::{FileId, Module};
use super::{Program, classes};

/// A class of the program: its file and number.
pub(crate) type ClassRef = (FileId, u32);

/// A function of the program: its file and number.
pub(crate) type FunctionRef = (FileId, u32);

/// Steps that one question may take: re-exports of re-exports of one of several.
const MOST_STEPS: u32 = 2048;

/// One question on its way through the files.
#[derive(Debug)]
pub(crate) struct Walk {
    left: Cell<u32>,
    /// The ways that are being followed: who comes back to one goes in a circle.
    open: RefCell<Vec<(FileId, Origin)>>,
    /// The names of modules that it went through, where that is asked for.
    trail: Option<RefCell<Vec<(FileId, Place)>>>,
}

impl Walk {
    pub(crate) fn new() -> Self {
        Self { left: Cell::new(MOST_STEPS), open: RefCell::default(), trail: None }
    }

    /// One that notes which names of modules it goes through.
    fn noting() -> Self {
        Self { trail: Some(RefCell::default()), ..Self::new() }
    }

    /// Look at a name of a module; it is on the trail unless nothing comes of it.
    fn through<'l>(
        &self,
        file: FileId,
        at: impl FnOnce() -> Option<Place>,
        look: impl FnOnce() -> All<'l>,
    ) -> All<'l> {
        let Some(trail) = &self.trail else { return look() };
        let before = trail.borrow().len();
        trail.borrow_mut().extend(at().map(|at| (file, at)));
        let found = look();
        if found.iter().all(|one| *one == Found::Unknown) {
            trail.borrow_mut().truncate(before);
        }
        found
    }

    /// Take a step; whether there was one left.
    fn goes_on(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

/// One thing may be so many.
const MOST: usize = 8;

/// What a way leads to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found<'l> {
    /// Something a rule knows, and the name of another file that it goes by.
    Api(NameId, Option<(FileId, Option<Place>)>),
    /// An object of a class a rule knows.
    ApiObject(NameId, Option<(FileId, Option<Place>)>),
    /// A module of the program.
    Module(Module),
    /// A function of the program.
    Function(FunctionRef),
    /// A class of the program.
    Class(ClassRef),
    /// An object of it; for certain of this class, or perhaps of a subclass.
    Object { class: ClassRef, exact: bool },
    /// A method, as taken from an object.
    Method { class: ClassRef, function: FunctionRef, exact: bool },
    /// A list or the like, and the file whose it is.
    Items(FileId, &'l [Thing]),
    /// A table.
    Table(FileId, &'l [(Box<str>, Thing)]),
    /// Part of the standard library, or a builtin.
    Standard,
    /// A module that was not analysed, or what is in it.
    External,
    /// Not known.
    Unknown,
}

/// What a way may lead to.
pub(crate) type All<'l> = SmallVec<[Found<'l>; 2]>;

impl<'l> Program<'l> {
    /// What each way of a file leads to, by its number.
    pub(crate) fn ways(&self, file: FileId) -> Vec<All<'l>> {
        let Some(links) = self.links(file) else { return Vec::new() };
        let mut all: Vec<All<'l>> = Vec::with_capacity(links.ways.len());
        for (from, step) in links.ways.iter() {
            let found = match from {
                None => self.begin(file, &step, &Walk::new()),
                Some(from) => {
                    let from = from.index().and_then(|at| all.get(at));
                    let from = from.map_or(&[] as &[_], SmallVec::as_slice);
                    self.steps(file, from, &step, &Walk::new())
                }
            };
            all.push(found);
        }
        all
    }

    /// The names of other modules that a way goes through, the nearest first.
    pub(crate) fn trail(&self, file: FileId, origin: Origin) -> Vec<(FileId, Place)> {
        let walk = Walk::noting();
        self.way(file, origin, &walk);
        walk.trail.map(RefCell::into_inner).unwrap_or_default()
    }

    /// What one way of a file leads to.
    pub(crate) fn way(&self, file: FileId, origin: Origin, walk: &Walk) -> All<'l> {
        if origin.is_standard() {
            return smallvec![Found::Standard];
        }
        let links = self.links(file);
        let way = links.zip(origin.index()).and_then(|(links, at)| links.ways.get(at));
        let Some((from, step)) = way else { return smallvec![Found::Unknown] };
        let key = (file, origin);
        if !walk.goes_on() || walk.open.borrow().contains(&key) {
            return smallvec![Found::Unknown];
        }
        walk.open.borrow_mut().push(key);
        let found = match from {
            None => self.begin(file, &step, walk),
            Some(from) => {
                let from = self.way(file, from, walk);
                self.steps(file, &from, &step, walk)
            }
        };
        walk.open.borrow_mut().pop();
        found
    }

    fn begin(&self, file: FileId, step: &Step<'_>, walk: &Walk) -> All<'l> {
        let Step::Module { level, name } = step else { return smallvec![Found::Unknown] };
        if *level == 0 {
            let found: All<'l> =
                self.modules.top(file, name).into_iter().map(Found::Module).collect();
            return if found.is_empty() { smallvec![Found::External] } else { found };
        }
        let package = self.modules.package(file, *level);
        let Some(package) = package else { return smallvec![Found::Unknown] };
        if name.is_empty() {
            return smallvec![Found::Module(package)];
        }
        // `from .name import x`: a module; where there is none, nothing else is meant.
        match self.modules.member(&package, name) {
            Some(module) => smallvec![Found::Module(module)],
            None => self.member_of_module(&package, name, walk),
        }
    }

    fn steps(&self, file: FileId, from: &[Found<'l>], step: &Step<'_>, walk: &Walk) -> All<'l> {
        // Nearly always it is one thing.
        if let [one] = from {
            let all = self.step(file, one, step, walk);
            return if all.is_empty() { smallvec![Found::Unknown] } else { all };
        }
        let mut all = All::new();
        for one in from {
            for found in self.step(file, one, step, walk) {
                add(&mut all, found);
            }
        }
        if all.is_empty() {
            all.push(Found::Unknown);
        }
        all
    }

    fn step(&self, file: FileId, from: &Found<'l>, step: &Step<'_>, walk: &Walk) -> All<'l> {
        if !walk.goes_on() {
            return smallvec![Found::Unknown];
        }
        match (from, step) {
            (Found::Standard, _) => smallvec![Found::Standard],
            (Found::External, _) => smallvec![Found::External],
            (Found::Module(module), Step::Attribute(name)) => {
                self.member_of_module(module, name, walk)
            }
            (Found::Module(module), Step::Starred(name)) => {
                let found = match module {
                    Module::File(of) if self.is_public(*of, name) => {
                        self.member_of_module(module, name, walk)
                    }
                    _ => All::new(),
                };
                // No name of it: a builtin.
                if found.iter().all(|one| *one == Found::Unknown) {
                    smallvec![Found::Standard]
                } else {
                    found
                }
            }
            (_, Step::Starred(_)) => smallvec![Found::Unknown],
            (Found::Api(id, place), Step::Attribute(name)) => self.api_member(*id, *place, name),
            (Found::Api(id, place), Step::Called) => match self.names.returns(*id) {
                Some(class) => smallvec![Found::ApiObject(class, *place)],
                None if self.names.is_class(*id) => smallvec![Found::ApiObject(*id, *place)],
                None => smallvec![external(self.names, *id)],
            },
            (Found::Api(id, place), Step::Instance) if self.names.is_class(*id) => {
                smallvec![Found::ApiObject(*id, *place)]
            }
            (Found::Api(id, place), Step::AnyItem | Step::Item(_)) if self.names.is_class(*id) => {
                smallvec![Found::Api(*id, *place)]
            }
            (Found::ApiObject(class, place), Step::Attribute(name)) => {
                match self.names.member(*class, name) {
                    Some(member) => smallvec![Found::Api(member, *place)],
                    None if name == "__enter__" => smallvec![Found::Api(*class, *place)],
                    None => smallvec![external(self.names, *class)],
                }
            }
            (Found::ApiObject(class, _) | Found::Api(class, _), _) => {
                smallvec![external(self.names, *class)]
            }
            (Found::Class(class), Step::Called) => {
                smallvec![Found::Object { class: *class, exact: true }]
            }
            (Found::Class(class), Step::Instance) => {
                smallvec![Found::Object { class: *class, exact: false }]
            }
            // `Class[int]` (PEP 560).
            (Found::Class(_), Step::Item(_) | Step::AnyItem) => smallvec![from.clone()],
            (Found::Class(class), Step::Attribute(name)) => {
                self.member_of_class(*class, name, walk)
            }
            (Found::Object { class, exact }, Step::Attribute(name)) => {
                self.member_of_object(*class, *exact, name, walk)
            }
            (Found::Object { class, exact }, Step::Called) => {
                let call = self.member_of_object(*class, *exact, "__call__", walk);
                self.steps(file, &call, &Step::Called, walk)
            }
            (Found::Function(function) | Found::Method { function, .. }, Step::Called) => {
                self.returned(*function, walk)
            }
            (Found::Items(of, items), Step::Item(_) | Step::AnyItem) => {
                let mut all = All::new();
                for item in *items {
                    self.thing(*of, item, walk).into_iter().for_each(|one| add(&mut all, one));
                }
                all
            }
            (Found::Table(of, items), Step::Item(_) | Step::AnyItem) => {
                let mut all = All::new();
                for (key, item) in *items {
                    let named = matches!(step, Step::Item(wanted) if **wanted != **key);
                    if !named || key.is_empty() {
                        let found = self.thing(*of, item, walk);
                        found.into_iter().for_each(|one| add(&mut all, one));
                    }
                }
                all
            }
            _ => smallvec![Found::Unknown],
        }
    }

    /// What a file says a thing of its own is.
    pub(crate) fn thing(&self, file: FileId, thing: &'l Thing, walk: &Walk) -> All<'l> {
        if !walk.goes_on() {
            return smallvec![Found::Unknown];
        }
        match thing {
            Thing::Unknown => smallvec![Found::Unknown],
            Thing::Api(id) if self.names.has(*id) => smallvec![Found::Api(*id, None)],
            Thing::ApiObject(id) if self.names.has(*id) => smallvec![Found::ApiObject(*id, None)],
            Thing::Api(_) | Thing::ApiObject(_) => smallvec![Found::Unknown],
            Thing::Function(number) => smallvec![Found::Function((file, *number))],
            Thing::Class(number) => smallvec![Found::Class((file, *number))],
            Thing::Object(number) => {
                smallvec![Found::Object { class: (file, *number), exact: false }]
            }
            Thing::Way(origin) => self.way(file, *origin, walk),
            Thing::Items(items) => smallvec![Found::Items(file, items)],
            Thing::Table(items) => smallvec![Found::Table(file, items)],
            Thing::Either(options) => {
                let mut all = All::new();
                for option in options {
                    for found in self.thing(file, option, walk) {
                        add(&mut all, found);
                    }
                }
                all
            }
        }
    }

    /// What a function gives back.
    fn returned(&self, (file, number): FunctionRef, walk: &Walk) -> All<'l> {
        let function = self.links(file).and_then(|links| links.functions.get(number as usize));
        let Some(function) = function else { return smallvec![Found::Unknown] };
        let found = self.thing(file, &function.returned, walk);
        found.into_iter().map(|one| placed(one, file, None)).collect()
    }

    /// Where a file binds a name: the place that is told of it, or the import it is from.
    fn bound_at(&self, file: FileId, export: &Export) -> Option<Place> {
        let imported = || match export.thing {
            Thing::Way(origin) => self.links(file)?.import_of(origin.index()?),
            _ => None,
        };
        export.place.or_else(imported)
    }

    fn export(&self, file: FileId, name: &str) -> Option<&'l Export> {
        self.exports.get(file.0 as usize)?.get(name).copied()
    }

    /// A name of a module: its own, a submodule, or one a star import binds.
    fn member_of_module(&self, module: &Module, name: &str, walk: &Walk) -> All<'l> {
        let Module::File(file) = module else {
            let member = self.modules.member(module, name);
            return smallvec![member.map_or(Found::Unknown, Found::Module)];
        };
        if !walk.goes_on() {
            return smallvec![Found::Unknown];
        }
        if let Some(export) = self.export(*file, name) {
            let thing = || self.thing(*file, &export.thing, walk);
            let found = walk.through(*file, || self.bound_at(*file, export), thing);
            // A cycle of imports, or a name that is bound to itself: the submodule is meant.
            if found.iter().any(|one| *one != Found::Unknown) {
                return found.into_iter().map(|one| placed(one, *file, export.place)).collect();
            }
        }
        if let Some(member) = self.modules.member(module, name) {
            return smallvec![Found::Module(member)];
        }
        if let Some(found) = self.starred(*file, name, walk) {
            return found;
        }
        let Some(links) = self.links(*file) else { return smallvec![Found::Unknown] };
        let getattr = links.getattr.as_ref();
        getattr.map_or_else(|| smallvec![Found::Unknown], |thing| self.thing(*file, thing, walk))
    }

    /// A name that a star import binds in a module, or one in what that imports so.
    fn starred(&self, file: FileId, name: &str, walk: &Walk) -> Option<All<'l>> {
        let mut seen = vec![file];
        let mut open: Vec<FileId> = self.stars_of(file).to_vec();
        while let Some(star) = open.pop() {
            if seen.contains(&star) || !walk.goes_on() {
                continue;
            }
            seen.push(star);
            if !self.is_public(star, name) {
                continue;
            }
            if let Some(export) = self.export(star, name) {
                let thing = || self.thing(star, &export.thing, walk);
                let found = walk.through(star, || self.bound_at(star, export), thing);
                if found.iter().any(|one| *one != Found::Unknown) {
                    let placed = found.into_iter().map(|one| placed(one, star, export.place));
                    return Some(placed.collect());
                }
            }
            open.extend(self.stars_of(star));
        }
        None
    }

    fn stars_of(&self, file: FileId) -> &[FileId] {
        self.stars.get(file.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// The modules a file imports all names of, the last one last.
    pub(super) fn find_stars(&self, file: FileId) -> Vec<FileId> {
        let Some(links) = self.links(file) else { return Vec::new() };
        let modules = links.stars.iter().flat_map(|star| self.module_at(file, *star));
        modules
            .filter_map(|module| match module {
                Module::File(star) if star != file => Some(star),
                _ => None,
            })
            .collect()
    }

    /// The modules a way of nothing but names leads to.
    fn module_at(&self, file: FileId, origin: Origin) -> SmallVec<[Module; 2]> {
        let links = self.links(file);
        match links.zip(origin.index()).and_then(|(links, at)| links.ways.get(at)) {
            Some((None, Step::Module { level: 0, name })) => self.modules.top(file, &name),
            Some((None, Step::Module { level, name })) => {
                let package = self.modules.package(file, level);
                let module = if name.is_empty() {
                    package
                } else {
                    package.and_then(|package| self.modules.member(&package, &name))
                };
                module.into_iter().collect()
            }
            Some((Some(from), Step::Attribute(name))) => {
                let from = self.module_at(file, from);
                from.iter().filter_map(|module| self.modules.member(module, &name)).collect()
            }
            _ => SmallVec::new(),
        }
    }

    /// Whether a star import of a module binds this name.
    fn is_public(&self, file: FileId, name: &str) -> bool {
        match self.links(file).and_then(|links| links.all.as_ref()) {
            Some(all) => all.iter().any(|listed| **listed == *name),
            None => !name.starts_with('_'),
        }
    }

    fn api_member(
        &self,
        id: NameId,
        place: Option<(FileId, Option<Place>)>,
        name: &str,
    ) -> All<'l> {
        if let Some(member) = self.names.member(id, name) {
            return smallvec![Found::Api(member, place)];
        }
        let member = self.names.returns(id).and_then(|class| self.names.member(class, name));
        smallvec![member.map_or_else(|| external(self.names, id), |id| Found::Api(id, place))]
    }

    /// What a class has under a name.
    pub(crate) fn member_of_class(&self, class: ClassRef, name: &str, walk: &Walk) -> All<'l> {
        if !walk.goes_on() {
            return smallvec![Found::Unknown];
        }
        let (mut unknown, mut standard) = (false, false);
        for link in self.line(class).iter() {
            match link {
                classes::Link::Own((file, number)) => {
                    let of = self.links(*file).and_then(|l| l.classes.get(*number as usize));
                    let Some(of) = of else { continue };
                    let at = of.members.binary_search_by(|(member, _)| (**member).cmp(name));
                    if let Some((_, thing)) = at.ok().and_then(|at| of.members.get(at)) {
                        let found = self.thing(*file, thing, walk);
                        let placed = found.into_iter().map(|one| placed(one, *file, None));
                        // A class nobody knows that comes before may hide it.
                        return placed.chain(unknown.then_some(Found::Unknown)).collect();
                    }
                }
                classes::Link::Api(id) => {
                    if let Some(member) = self.names.member(*id, name) {
                        return smallvec![Found::Api(member, None)];
                    }
                }
                classes::Link::Standard => standard = true,
                classes::Link::Unknown => unknown = true,
            }
        }
        let known = !unknown && (standard || classes::is_of_object(name));
        smallvec![if known { Found::Standard } else { Found::Unknown }]
    }

    /// What an object has under a name: a property is read.
    fn member_of_object(&self, class: ClassRef, exact: bool, name: &str, walk: &Walk) -> All<'l> {
        let found = self.member_of_class(class, name, walk);
        let mut all = All::new();
        for one in found {
            let Found::Function(function) = one else {
                add(&mut all, one);
                continue;
            };
            let of = self.links(function.0).and_then(|l| l.functions.get(function.1 as usize));
            if of.is_some_and(|of| of.property) {
                let read = self.returned(function, walk);
                read.into_iter().for_each(|one| add(&mut all, one));
            } else {
                add(&mut all, Found::Method { class, function, exact });
            }
        }
        all
    }
}

/// What is not told of something a rule knows.
fn external<'l>(names: &NameTable, id: NameId) -> Found<'l> {
    if hermetic_policy::modules::is_stdlib(names.name(id)) {
        Found::Standard
    } else {
        Found::External
    }
}

/// It, with the place where a file takes it, if no file nearer to the rule's name does.
fn placed(found: Found<'_>, file: FileId, place: Option<Place>) -> Found<'_> {
    match found {
        Found::Api(id, None) => Found::Api(id, Some((file, place))),
        Found::ApiObject(id, None) => Found::ApiObject(id, Some((file, place))),
        other => other,
    }
}

fn add<'l>(all: &mut All<'l>, one: Found<'l>) {
    if all.len() < MOST && !all.contains(&one) {
        all.push(one);
    }
}
