//! What a file's ways lead to, where that is something a rule knows: what its second look is given.

use crate::detect::{Environment, Meaning};
use crate::summary::links::Place;

use super::Program;
use super::classes::Link;
use super::modules::FileId;
use super::walk::{All, ClassRef, Found};

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
}

impl Program<'_> {
    /// What the ways of a file lead to; `None` where no rule speaks of any of it.
    pub(crate) fn environment(&self, file: FileId) -> Option<(Environment, Vec<Taken>)> {
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
                    taken.push(Taken { name, way, file: *from, place: *place });
                }
            }
            meanings.push(self.meaning(all, 0));
        }
        if meanings.iter().all(Option::is_none) {
            return None;
        }
        Some((Environment { ways: links.ways.clone(), meanings }, taken))
    }

    fn meaning(&self, all: &All<'_>, depth: u8) -> Option<Meaning> {
        let mut options: Vec<Meaning> = Vec::new();
        let mut open = false;
        for found in all {
            match self.meaning_of(found, depth) {
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

    fn meaning_of(&self, found: &Found<'_>, depth: u8) -> Option<Meaning> {
        if depth > DEEPEST {
            return None;
        }
        match found {
            Found::Api(id, _) => self.names.has_acts(*id).then_some(Meaning::Api(*id)),
            Found::ApiObject(id, _) => self.names.has_acts(*id).then_some(Meaning::Object(*id)),
            Found::Class(class) => self.class_meaning(*class, depth),
            Found::Object { class, .. } => {
                self.class_meaning(*class, depth).map(|class| Meaning::ObjectOf(Box::new(class)))
            }
            Found::Items(file, items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| self.meaning(&self.thing(*file, item, depth), depth + 1))
                    .collect();
                items.iter().any(Option::is_some).then_some(Meaning::Items(items))
            }
            Found::Table(file, items) => {
                let items: Vec<_> = items
                    .iter()
                    .filter_map(|(key, item)| {
                        let meaning = self.meaning(&self.thing(*file, item, depth), depth + 1)?;
                        Some((key.clone(), meaning))
                    })
                    .collect();
                (!items.is_empty()).then_some(Meaning::Table(items))
            }
            Found::Module(_)
            | Found::Function(_)
            | Found::Method { .. }
            | Found::Standard
            | Found::External
            | Found::Unknown => None,
        }
    }

    /// A class that a rule knows a base of, or a member.
    fn class_meaning(&self, class: ClassRef, depth: u8) -> Option<Meaning> {
        let mut bases = Vec::new();
        let mut members: Vec<(Box<str>, Option<Meaning>)> = Vec::new();
        for link in self.line(class, 0).iter() {
            match link {
                Link::Api(id) if self.names.has_acts(*id) => bases.push(Meaning::Api(*id)),
                Link::Api(_) | Link::Unknown => {}
                Link::Own((file, number)) => {
                    let links = self.links(*file);
                    let Some(of) = links.and_then(|l| l.classes.get(*number as usize)) else {
                        continue;
                    };
                    for (name, thing) in &of.members {
                        if members.iter().any(|(known, _)| known == name) {
                            continue;
                        }
                        let meaning = self.meaning(&self.thing(*file, thing, depth), depth + 1);
                        members.push((name.clone(), meaning));
                    }
                }
            }
        }
        let any = !bases.is_empty() || members.iter().any(|(_, meaning)| meaning.is_some());
        any.then_some(Meaning::Class { bases, members })
    }
}
