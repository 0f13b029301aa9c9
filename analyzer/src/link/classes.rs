//! Classes: in which order they and their bases are searched (C3, CPython
//! `Doc/howto/mro.rst`), and which inherit from which.

use std::borrow::Cow;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::resolve::names::NameId;

use super::Program;
use super::modules::FileId;
use super::walk::{ClassRef, Found};

/// One class that is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// A class of the program.
    Own(ClassRef),
    /// A class a rule knows.
    Api(NameId),
    /// A class nobody knows: what comes behind it may be hidden by it.
    Unknown,
}

/// The order of search.
pub(crate) type Line = Box<[Link]>;

/// Classes behind classes.
const LONGEST: usize = 64;

/// Bases of bases are followed this far.
const DEEPEST: u8 = 16;

impl Program<'_> {
    /// The order of search of every class.
    pub(super) fn find_lines(&self) -> Vec<Vec<Line>> {
        let files = 0..u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        files
            .into_par_iter()
            .map(|file| {
                let file = FileId(file);
                let classes = self.links(file).map_or(0, |links| links.classes.len());
                (0..u32::try_from(classes).unwrap_or(u32::MAX))
                    .map(|number| self.search((file, number), 0).into())
                    .collect()
            })
            .collect()
    }

    /// The order of search of one class; found anew while not all are known.
    pub(crate) fn line(&self, class: ClassRef, depth: u8) -> Cow<'_, [Link]> {
        if self.lines.is_empty() {
            return self.search(class, depth).into();
        }
        let lines = self.lines.get(class.0.0 as usize);
        lines.and_then(|lines| lines.get(class.1 as usize)).map_or_else(
            || Cow::Borrowed(&[] as &[Link]),
            |line| Cow::Borrowed(&**line),
        )
    }

    fn search(&self, class: ClassRef, depth: u8) -> Vec<Link> {
        let mut line = vec![Link::Own(class)];
        let links = self.links(class.0);
        let Some(of) = links.and_then(|links| links.classes.get(class.1 as usize)) else {
            return line;
        };
        if depth > DEEPEST {
            line.push(Link::Unknown);
            return line;
        }
        let mut lists: Vec<Vec<Link>> = Vec::new();
        let mut bases = Vec::new();
        for base in &of.bases {
            let mut known = false;
            for found in self.thing(class.0, base, depth + 8) {
                let list = match found {
                    Found::Class(base) if base != class => self.search(base, depth + 1),
                    Found::Api(id, _) => vec![Link::Api(id)],
                    Found::Standard => {
                        known = true;
                        continue;
                    }
                    _ => continue,
                };
                known = true;
                bases.extend(list.first().copied());
                lists.push(list);
            }
            if !known {
                lists.push(vec![Link::Unknown]);
            }
        }
        lists.push(bases);
        merge(&mut line, lists);
        line
    }

    /// For each class, the classes that name it as a base.
    pub(crate) fn subclasses(&self) -> FxHashMap<ClassRef, Vec<ClassRef>> {
        let mut found: FxHashMap<ClassRef, Vec<ClassRef>> = FxHashMap::default();
        for (file, lines) in self.lines.iter().enumerate() {
            for (number, line) in lines.iter().enumerate() {
                let (Ok(file), Ok(number)) = (u32::try_from(file), u32::try_from(number)) else {
                    continue;
                };
                for link in line.iter().skip(1) {
                    if let Link::Own(base) = link {
                        found.entry(*base).or_default().push((FileId(file), number));
                    }
                }
            }
        }
        found
    }
}

/// The bases' orders, each kept, so that a class comes before its own bases; where that cannot be,
/// the program fails, and any order will do.
fn merge(line: &mut Vec<Link>, mut lists: Vec<Vec<Link>>) {
    while line.len() < LONGEST {
        lists.retain(|list| !list.is_empty());
        let heads = || lists.iter().filter_map(|list| list.first()).copied();
        let in_tail = |link: Link| lists.iter().any(|list| list.iter().skip(1).any(|l| *l == link));
        let free = heads().find(|head| *head == Link::Unknown || !in_tail(*head));
        let Some(next) = free.or_else(|| heads().next()) else { return };
        line.push(next);
        for list in &mut lists {
            if next == Link::Unknown {
                if list.first() == Some(&next) {
                    list.remove(0);
                    break;
                }
            } else {
                list.retain(|link| *link != next);
            }
        }
    }
}
