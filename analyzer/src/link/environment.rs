//! What a file's ways lead to, where that is something a rule knows: what its second look is given.

use std::sync::Arc;

use rayon::prelude::*;

use crate::detect::{ClassMeaning, Environment, Meaning};
use crate::resolve::origin::Origin;
use crate::summary::links::{Class, Place, Thing};

use super::Program;
use super::classes::Link;
use super::modules::FileId;
use super::walk::{All, ClassRef, Found, Walk};

/// Steps between two files that are told.
const MOST_STEPS: usize = 8;

/// Lists in tables in classes are followed this far.
const DEEPEST: u8 = 3;

/// Where something a rule knows was taken in another file.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    /// What the rule calls it.
    pub(crate) name: String,
    /// The way of this file that leads to it.
    pub(crate) way: usize,
    /// The file that takes it, and where.
    pub(crate) file: FileId,
    pub(crate) place: Option<Place>,
    /// The names of files between the two that it comes through, the nearest first.
    pub(crate) through: Vec<(FileId, Place)>,
}

impl Program<'_> {
    /// What the ways of a file lead to; `None` where no rule speaks of any of it.
    pub(crate) fn environment(
        &self,
        file: FileId,
        path: &dyn Fn(FileId) -> String,
    ) -> Option<(Environment, Vec<Taken>)> {
        let links = self.links(file)?;
        let mut taken = Vec::new();
        let mut meanings = Vec::with_capacity(links.ways.len());
        for (way, all) in self.ways(file).iter().enumerate() {
            for found in all {
                if let Found::Api(id, Some((from, place)))
                | Found::ApiObject(id, Some((from, place))) = found
                    && *from != file
                {
                    let name = self.names.name(self.names.canonical(*id)).to_owned();
                    let (file, place) = (*from, *place);
                    taken.push(Taken { name, way, file, place, through: Vec::new() });
                }
            }
            meanings.push(self.meaning(all));
        }
        let late = self.late_installs(file, path);
        let known = meanings.iter().flatten().any(|meaning| self.asks(meaning));
        if !known && late.is_empty() {
            return None;
        }
        for taken in &mut taken {
            taken.through = self.through(file, taken);
        }
        Some((Environment { ways: links.ways.clone(), meanings, late }, taken))
    }

    /// What it comes through; nothing where it is one of several, or the way is long.
    fn through(&self, file: FileId, taken: &Taken) -> Vec<(FileId, Place)> {
        let origin = Origin::of_index(taken.way);
        let mut trail = origin.map(|origin| self.trail(file, origin)).unwrap_or_default();
        let last = trail.pop();
        let whole = last.is_some_and(|(file, at)| file == taken.file && Some(at) == taken.place);
        let same = |one: &(FileId, Place)| one.0 == taken.file || one.0 == file;
        if !whole || trail.len() > MOST_STEPS || trail.iter().any(same) {
            return Vec::new();
        }
        trail
    }

    /// Whether knowing it makes a difference: what it has in turn, the file asks for by a way of
    /// its own, inherited or not.
    fn asks(&self, meaning: &Meaning) -> bool {
        match meaning {
            Meaning::Api(id) => self.names.acts_itself(*id),
            Meaning::Object(_) => false,
            // Making an object of a class below it makes one of it.
            Meaning::Class(class) | Meaning::ObjectOf(class) => {
                class.bases.iter().any(|base| self.names.acts_itself(*base))
            }
            Meaning::Items(items) => items.iter().flatten().any(|item| self.asks(item)),
            Meaning::Table(items) => items.iter().any(|(_, item)| self.asks(item)),
            Meaning::Either { options, .. } => options.iter().any(|option| self.asks(option)),
        }
    }

    fn meaning(&self, all: &All<'_>) -> Option<Meaning> {
        one_of(all.iter().map(|found| match found {
            Found::Class(class) => self.class_meaning(*class).map(Meaning::Class),
            Found::Object { class, .. } => self.class_meaning(*class).map(Meaning::ObjectOf),
            found => self.plain_meaning(found, 0),
        }))
    }

    /// What has no class of the program in it.
    fn plain_meaning(&self, found: &Found<'_>, depth: u8) -> Option<Meaning> {
        if depth > DEEPEST {
            return None;
        }
        let thing = |file: &FileId, item| {
            let all = self.thing(*file, item, &Walk::new());
            one_of(all.iter().map(|found| self.plain_meaning(found, depth + 1)))
        };
        match found {
            Found::Api(id, _) => self.names.has_acts(*id).then_some(Meaning::Api(*id)),
            Found::ApiObject(id, _) => self.names.has_acts(*id).then_some(Meaning::Object(*id)),
            Found::Items(file, items) => {
                let items: Vec<_> = items.iter().map(|item| thing(file, item)).collect();
                items.iter().any(Option::is_some).then_some(Meaning::Items(items))
            }
            Found::Table(file, items) => {
                let items = items.iter();
                let items: Vec<_> = items
                    .filter_map(|(key, item)| Some((key.clone(), thing(file, item)?)))
                    .collect();
                (!items.is_empty()).then_some(Meaning::Table(items))
            }
            Found::Class(_)
            | Found::Object { .. }
            | Found::Module(_)
            | Found::Function(_)
            | Found::Method { .. }
            | Found::Standard
            | Found::External
            | Found::Unknown => None,
        }
    }

    fn class_meaning(&self, (file, number): ClassRef) -> Option<Arc<ClassMeaning>> {
        let of_file = self.class_meanings.get(file.0 as usize)?;
        of_file.get(number as usize)?.clone()
    }

    /// What rules know of each class: a base, or a member.
    pub(super) fn find_class_meanings(&self) -> Vec<Vec<Option<Arc<ClassMeaning>>>> {
        let files = 0..u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        // What a class says itself, then what it inherits.
        let own: Vec<Vec<Members>> = files
            .clone()
            .into_par_iter()
            .map(|file| {
                let file = FileId(file);
                let classes = self.links(file).map_or(&[] as &[_], |links| &links.classes);
                let known = |(name, thing): &(Box<str>, Thing)| {
                    // Most members are methods, and no rule speaks of any.
                    if matches!(thing, Thing::Unknown | Thing::Function(_)) {
                        return None;
                    }
                    let all = self.thing(file, thing, &Walk::new());
                    let meaning = one_of(all.iter().map(|found| self.plain_meaning(found, 0)))?;
                    Some((name.clone(), meaning))
                };
                let members = |class: &Class| class.members.iter().filter_map(known).collect();
                classes.iter().map(members).collect()
            })
            .collect();
        let of = |(file, number): ClassRef| {
            own.get(file.0 as usize).and_then(|classes| classes.get(number as usize))
        };
        files
            .into_par_iter()
            .map(|file| {
                let file = FileId(file);
                let classes = self.lines.get(file.0 as usize).map_or(0, Vec::len);
                (0..u32::try_from(classes).unwrap_or(u32::MAX))
                    .map(|number| self.inherited_meaning((file, number), &of))
                    .collect()
            })
            .collect()
    }

    fn inherited_meaning<'o>(
        &self,
        class: ClassRef,
        of: &impl Fn(ClassRef) -> Option<&'o Members>,
    ) -> Option<Arc<ClassMeaning>> {
        let line = self.line(class);
        let known = |link: &Link| match link {
            Link::Api(id) => self.names.has_acts(*id),
            Link::Own(class) => of(*class).is_some_and(|members| !members.is_empty()),
            Link::Standard | Link::Unknown => false,
        };
        if !line.iter().any(known) {
            return None;
        }
        let mut meaning = ClassMeaning::default();
        for link in line.iter() {
            let Link::Own(own) = link else {
                if let Link::Api(id) = link
                    && self.names.has_acts(*id)
                {
                    meaning.bases.push(*id);
                }
                continue;
            };
            let links = self.links(own.0);
            let all = links.and_then(|links| links.classes.get(own.1 as usize));
            for (name, _) in all.map_or(&[] as &[_], |class| &class.members) {
                if meaning.members.iter().any(|(before, _)| before == name) {
                    continue;
                }
                let members = of(*own).map_or(&[] as &[_], Vec::as_slice);
                let found = members.iter().find(|(member, _)| member == name);
                meaning.members.push((name.clone(), found.map(|(_, meaning)| meaning.clone())));
            }
        }
        Some(Arc::new(meaning))
    }
}

/// Members of a class that rules know.
type Members = Vec<(Box<str>, Meaning)>;

fn one_of(all: impl Iterator<Item = Option<Meaning>>) -> Option<Meaning> {
    let mut options: Vec<Meaning> = Vec::new();
    let mut open = false;
    for one in all {
        match one {
            Some(meaning) if options.contains(&meaning) => {}
            Some(meaning) => options.push(meaning),
            None => open = true,
        }
    }
    if options.len() > 1 || open && !options.is_empty() {
        return Some(Meaning::Either { options, open });
    }
    options.pop()
}
