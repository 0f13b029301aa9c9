//! Classes: in which order they and their bases are searched (C3, CPython
//! `Doc/howto/mro.rst`), and which inherit from which.

use std::borrow::Cow;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::resolve::names::NameId;

use super::Program;
use super::modules::FileId;
use super::walk::{ClassRef, Found, Walk};
use crate::summary::links::Class;

/// One class that is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// A class of the program.
    Own(ClassRef),
    /// A class a rule knows.
    Api(NameId),
    /// A class of the language or its library.
    Standard,
    /// A class nobody knows: what comes behind it may be hidden by it.
    Unknown,
}

/// The order of search.
pub(crate) type Line = Box<[Link]>;

/// Classes behind classes.
const LONGEST: usize = 64;

/// Bases of bases are followed this far.
const DEEPEST: usize = 64;

/// The bases of one class, each one of several.
type Bases = Vec<SmallVec<[Link; 1]>>;

impl Program<'_> {
    /// The order of search of every class.
    pub(super) fn find_lines(&self) -> Vec<Vec<Line>> {
        // First each class by itself, while members of a base cannot be told yet.
        let files = 0..u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        let bases: Vec<Vec<Bases>> = files
            .into_par_iter()
            .map(|file| {
                let file = FileId(file);
                let classes = self.links(file).map_or(&[] as &[_], |links| &links.classes);
                (0..).zip(classes).map(|(number, of)| self.bases((file, number), of)).collect()
            })
            .collect();
        let mut lines: Vec<Vec<Option<Line>>> =
            bases.iter().map(|classes| vec![None; classes.len()]).collect();
        for (file, classes) in bases.iter().enumerate() {
            for number in 0..classes.len() {
                let class = (file, number);
                order(&bases, &mut lines, class, &mut Vec::new());
            }
        }
        let known = |line: Option<Line>| line.unwrap_or_default();
        lines.into_iter().map(|classes| classes.into_iter().map(known).collect()).collect()
    }

    /// The order of search of one class; just itself while not all are known.
    pub(crate) fn line(&self, class: ClassRef) -> Cow<'_, [Link]> {
        if self.lines.is_empty() {
            return Cow::Owned(vec![Link::Own(class)]);
        }
        let lines = self.lines.get(class.0.0 as usize);
        lines
            .and_then(|lines| lines.get(class.1 as usize))
            .map_or_else(|| Cow::Borrowed(&[] as &[Link]), |line| Cow::Borrowed(&**line))
    }

    fn bases(&self, class: ClassRef, of: &Class) -> Bases {
        let links = |base| {
            let mut links: SmallVec<[Link; 1]> = SmallVec::new();
            for found in self.thing(class.0, base, &Walk::new()) {
                match found {
                    Found::Class(base) if base != class => links.push(Link::Own(base)),
                    Found::Api(id, _) => links.push(Link::Api(id)),
                    Found::Standard => links.push(Link::Standard),
                    _ => {}
                }
            }
            if links.is_empty() {
                links.push(Link::Unknown);
            }
            links
        };
        of.bases.iter().map(links).collect()
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

/// The order of search of one class, after those of its bases.
fn order(
    bases: &[Vec<Bases>],
    lines: &mut [Vec<Option<Line>>],
    (file, number): (usize, usize),
    open: &mut Vec<(usize, usize)>,
) {
    let known = lines.get(file).and_then(|classes| classes.get(number));
    if known.is_none_or(Option::is_some) {
        return;
    }
    let Some(of) = bases.get(file).and_then(|classes| classes.get(number)) else { return };
    open.push((file, number));
    let mut lists: Vec<Vec<Link>> = Vec::new();
    let mut direct = Vec::new();
    for link in of.iter().flatten() {
        match link {
            Link::Own((base, at)) => {
                let base = (base.0 as usize, *at as usize);
                // A class that inherits from itself, or too deep a chain.
                if open.contains(&base) || open.len() > DEEPEST {
                    continue;
                }
                order(bases, lines, base, open);
                let line = lines.get(base.0).and_then(|c| c.get(base.1)).cloned().flatten();
                lists.extend(line.map(Vec::from));
            }
            Link::Api(_) | Link::Standard | Link::Unknown => lists.push(vec![*link]),
        }
        direct.push(*link);
    }
    lists.push(direct);
    open.pop();
    let numbers = u32::try_from(file).ok().zip(u32::try_from(number).ok());
    let Some((of_file, of_class)) = numbers else { return };
    let mut line = vec![Link::Own((FileId(of_file), of_class))];
    merge(&mut line, lists);
    if let Some(slot) = lines.get_mut(file).and_then(|classes| classes.get_mut(number)) {
        *slot = Some(line.into());
    }
}

/// Whether another one like it need not be the same class.
fn is_anonymous(link: Link) -> bool {
    matches!(link, Link::Standard | Link::Unknown)
}

/// What every class has from `object` (CPython `Objects/typeobject.c`).
pub(super) fn is_of_object(name: &str) -> bool {
    matches!(
        name,
        "__class__"
            | "__delattr__"
            | "__dict__"
            | "__dir__"
            | "__doc__"
            | "__eq__"
            | "__format__"
            | "__getattribute__"
            | "__getstate__"
            | "__hash__"
            | "__init__"
            | "__init_subclass__"
            | "__module__"
            | "__ne__"
            | "__new__"
            | "__reduce__"
            | "__reduce_ex__"
            | "__repr__"
            | "__setattr__"
            | "__sizeof__"
            | "__str__"
            | "__subclasshook__"
    )
}

/// The bases' orders, each kept, so that a class comes before its own bases; where that cannot be,
/// the program fails, and any order will do.
fn merge(line: &mut Vec<Link>, mut lists: Vec<Vec<Link>>) {
    while line.len() < LONGEST {
        lists.retain(|list| !list.is_empty());
        let heads = || lists.iter().filter_map(|list| list.first()).copied();
        let in_tail = |link: Link| lists.iter().any(|list| list.iter().skip(1).any(|l| *l == link));
        let free = heads().find(|head| is_anonymous(*head) || !in_tail(*head));
        let Some(next) = free.or_else(|| heads().next()) else { return };
        line.push(next);
        for list in &mut lists {
            if is_anonymous(next) {
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
