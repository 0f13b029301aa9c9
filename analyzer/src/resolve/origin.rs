//! Where a value is from that neither its file nor a rule says more of: the first steps of a way
//! that another file may know the rest of.
//!
//! `from helper import client` and `client.session().get` make the way `helper` → `client` →
//! `session` → what calling that gives → `get`. It is written down step by step, each step once,
//! so that a value carries one number. [`crate::link`] walks it through the other files.

use std::borrow::Cow;
use std::cell::RefCell;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::ways::Ways;

/// A way, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin(u32);

/// One step of a way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step<'a> {
    /// A top-level module, or the package so many levels up (PEP 328); what follows may be a
    /// submodule or a name of it.
    Module {
        /// How many dots stand in front of it.
        level: u32,
        /// Its name; empty where there are only dots.
        name: Cow<'a, str>,
    },
    /// An attribute, or a submodule.
    Attribute(Cow<'a, str>),
    /// What calling it gives.
    Called,
    /// An object of it, of which the class may be a subclass: an annotation says so.
    Instance,
    /// The item at a literal key.
    Item(Cow<'a, str>),
    /// Some item.
    AnyItem,
    /// A name that a star import of it may bind; if it does not, it is a builtin.
    Starred(Cow<'a, str>),
}

impl Origin {
    /// A part of the standard library that no rule speaks of, or what it gives.
    pub const STANDARD: Self = Self(0);
    /// Numbers from here on are two ways at once.
    const JOINED: u32 = 1 << 31;
    /// A container of the language or its library: what is in it, anybody may have put there.
    pub const CONTAINER: Self = Self(Self::JOINED - 1);
    /// What gives such a container: `list`, `collections.deque`, `{}.values`.
    const MAKER: Self = Self(Self::JOINED - 2);
    /// What gives something that is in one: `next`, `{}.get`, `[].pop`.
    const GETTER: Self = Self(Self::JOINED - 3);
    /// What annotations are made of: `typing.Any`, a type variable. What is annotated so may be
    /// anything.
    const TYPING: Self = Self(Self::JOINED - 4);
    /// Beside a way: it may as well be something nobody knows.
    pub const UNKNOWN: Self = Self(Self::JOINED - 5);

    /// Whether it is of the language or its library, where no rule speaks of it.
    pub const fn is_standard(self) -> bool {
        self.0 == 0 || self.0 < Self::JOINED && self.0 >= Self::TYPING.0
    }

    /// A builtin no rule speaks of.
    pub fn builtin(name: &str) -> Self {
        match name {
            "list" | "dict" | "set" | "tuple" | "frozenset" | "sorted" | "reversed" | "iter"
            | "zip" | "enumerate" | "filter" | "map" => Self::MAKER,
            "next" | "min" | "max" | "anext" => Self::GETTER,
            "object" | "type" => Self::TYPING,
            _ => Self::STANDARD,
        }
    }

    fn standard_module(name: &str) -> Self {
        match name {
            "collections" | "itertools" | "queue" | "weakref" | "contextvars" => Self::MAKER,
            "copy" => Self::GETTER,
            "typing" => Self::TYPING,
            _ => Self::STANDARD,
        }
    }

    /// One step further from something of the language or its library.
    fn standard_step(self, step: &Step<'_>) -> Option<Self> {
        match (self, step) {
            (Self::MAKER, Step::Called | Step::Instance) => Some(Self::CONTAINER),
            (Self::MAKER | Self::GETTER | Self::TYPING, Step::Attribute(_)) => Some(self),
            (Self::TYPING, Step::Instance) => None,
            (Self::CONTAINER, Step::Attribute(name)) => Some(match &**name {
                "get" | "pop" | "popitem" | "popleft" | "setdefault" | "get_nowait"
                | "__getitem__" | "__next__" => Self::GETTER,
                "items" | "values" | "copy" | "union" | "intersection" | "difference"
                | "__iter__" => Self::MAKER,
                _ => Self::STANDARD,
            }),
            (Self::GETTER | Self::CONTAINER, _) => None,
            _ => Some(self),
        }
    }
}

/// Ways longer than this lead nowhere.
const LONGEST: u8 = 24;

/// Ways of one file, and joins of two.
const MOST: usize = 1 << 20;

#[derive(Clone, Debug)]
struct Node<'a> {
    parent: Option<Origin>,
    step: Step<'a>,
    length: u8,
}

/// All ways of one file.
#[derive(Debug, Default)]
pub struct Origins<'a> {
    nodes: Vec<Node<'a>>,
    numbers: FxHashMap<(Option<Origin>, Step<'a>), Origin>,
}

thread_local! {
    /// Ways that are one of two. Values are joined where nobody knows of files.
    static JOINS: RefCell<Joins> = RefCell::default();
}

#[derive(Default)]
struct Joins {
    pairs: Vec<(Origin, Origin)>,
    numbers: FxHashMap<(Origin, Origin), Origin>,
}

/// Begin a file.
pub(crate) fn begin() {
    JOINS.with_borrow_mut(|joins| {
        joins.pairs.clear();
        joins.numbers.clear();
    });
}

/// One way or the other.
pub(crate) fn join(a: Origin, b: Origin) -> Origin {
    // Of a part of the standard library nothing is told; one way or the other is.
    if a == b || b == Origin::STANDARD || b.is_standard() && a != Origin::STANDARD {
        return a;
    }
    if a.is_standard() {
        return b;
    }
    let pair = if a < b { (a, b) } else { (b, a) };
    JOINS.with_borrow_mut(|joins| {
        if let Some(known) = joins.numbers.get(&pair) {
            return *known;
        }
        // A value that is joined again and again would make a longer chain each time.
        if joins.pairs.len() >= 4096 || depth(&joins.pairs, a) + depth(&joins.pairs, b) > 8 {
            return a;
        }
        let number = u32::try_from(joins.pairs.len()).unwrap_or(0) | Origin::JOINED;
        joins.pairs.push(pair);
        joins.numbers.insert(pair, Origin(number));
        Origin(number)
    })
}

/// How many ways a join is made of.
fn depth(pairs: &[(Origin, Origin)], of: Origin) -> usize {
    match pairs.get((of.0 & !Origin::JOINED) as usize).filter(|_| of.0 >= Origin::JOINED) {
        Some((a, b)) => depth(pairs, *a) + depth(pairs, *b),
        None => 1,
    }
}

impl Origin {
    /// Each of the ways it may be.
    pub(crate) fn each(self) -> smallvec::SmallVec<[Self; 2]> {
        if self.0 < Self::JOINED {
            return smallvec::smallvec![self];
        }
        let pair = JOINS.with_borrow(|j| j.pairs.get((self.0 & !Self::JOINED) as usize).copied());
        let Some((a, b)) = pair else { return smallvec::SmallVec::new() };
        let mut all = a.each();
        all.extend(b.each());
        all
    }

    /// The way of that number.
    pub(crate) fn at(index: usize) -> Option<Self> {
        u32::try_from(index + 1).ok().filter(|number| *number < Self::JOINED).map(Self)
    }

    /// The way of a file with that number.
    pub(crate) fn of_index(number: usize) -> Option<Self> {
        let origin = u32::try_from(number).ok()?.checked_add(1)?;
        (origin < Self::MAKER.0).then_some(Self(origin))
    }

    /// Its number among the ways of its file; none for what is a join, or of the standard library.
    pub(crate) fn index(self) -> Option<usize> {
        (self.0 > 0 && self.0 < Self::JOINED).then(|| self.0 as usize - 1)
    }
}

impl<'a> Origins<'a> {
    /// Ways of the same file as it was looked at before: they keep their numbers.
    pub fn again(ways: &'a Ways) -> Self {
        let mut origins = Self::default();
        for (parent, step) in ways.iter() {
            let length = parent.and_then(Origin::index).and_then(|at| origins.nodes.get(at));
            let length = length.map_or(1, |parent| parent.length + 1);
            origins.add(parent, step, length);
        }
        origins
    }

    /// A way that begins at a module.
    pub fn module(&mut self, level: u32, name: Cow<'a, str>) -> Origin {
        if level == 0 && hermetic_policy::modules::is_stdlib(&name) {
            return Origin::standard_module(&name);
        }
        self.add(None, Step::Module { level, name }, 1).unwrap_or(Origin::STANDARD)
    }

    /// One step further, if that has been gone before.
    pub fn known(&self, from: Origin, step: &Step<'a>) -> Option<Origin> {
        self.numbers.get(&(Some(from), step.clone())).copied()
    }

    /// One step further; `None` where that is too far.
    pub fn step(&mut self, from: Origin, step: &Step<'a>) -> Option<Origin> {
        if from.is_standard() {
            return from.standard_step(step);
        }
        if from.0 >= Origin::JOINED {
            let all = from.each();
            let mut ways = all.into_iter().filter_map(|one| self.step(one, step));
            let first = ways.next()?;
            return Some(ways.fold(first, join));
        }
        let length = self.nodes.get(from.index()?)?.length + 1;
        if length > LONGEST {
            return None;
        }
        self.add(Some(from), step.clone(), length)
    }

    fn add(&mut self, parent: Option<Origin>, step: Step<'a>, length: u8) -> Option<Origin> {
        let key = (parent, step);
        if let Some(known) = self.numbers.get(&key) {
            return Some(*known);
        }
        if self.nodes.len() >= MOST {
            return None;
        }
        let origin = Origin(u32::try_from(self.nodes.len() + 1).ok()?);
        self.nodes.push(Node { parent, step: key.1.clone(), length });
        self.numbers.insert(key, origin);
        Some(origin)
    }

    /// Whether it ends with what a call gives, or an object.
    pub fn is_result(&self, origin: Origin) -> bool {
        let node = origin.index().and_then(|at| self.nodes.get(at));
        node.is_some_and(|node| matches!(node.step, Step::Called | Step::Instance))
    }

    /// Every way: what it goes on from, and its last step.
    pub fn all(&self) -> impl Iterator<Item = (Option<Origin>, &Step<'a>)> {
        self.nodes.iter().map(|node| (node.parent, &node.step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_written_once() {
        begin();
        let mut origins = Origins::default();
        let helper = origins.module(0, "helper".into());
        let step = Step::Attribute("go".into());
        let go = origins.step(helper, &step).expect("short");
        assert_eq!(origins.step(helper, &step), Some(go));
        assert_ne!(origins.module(1, "helper".into()), helper);
        assert_eq!(origins.module(0, "json".into()), Origin::STANDARD);
        assert_eq!(origins.step(Origin::STANDARD, &step), Some(Origin::STANDARD));
    }

    #[test]
    fn a_join_goes_both_ways() {
        begin();
        let mut origins = Origins::default();
        let (a, b) = (origins.module(0, "a".into()), origins.module(0, "b".into()));
        let both = join(a, b);
        assert_eq!(join(b, a), both);
        let called = origins.step(both, &Step::Called).expect("short");
        assert_eq!(called.each().len(), 2);
        assert_eq!(join(both, Origin::STANDARD), both);
    }

    #[test]
    fn what_a_container_holds_nobody_knows() {
        let mut origins = Origins::default();
        let get = Step::Attribute("get".into());
        let got = origins.step(Origin::CONTAINER, &get).expect("a method");
        assert!(got.is_standard());
        assert_eq!(origins.step(got, &Step::Called), None);
        assert_eq!(origins.step(Origin::CONTAINER, &Step::AnyItem), None);
        let append = Step::Attribute("append".into());
        assert_eq!(origins.step(Origin::CONTAINER, &append), Some(Origin::STANDARD));
        let made = origins.step(Origin::builtin("list"), &Step::Called);
        assert_eq!(made, Some(Origin::CONTAINER));
        assert_eq!(join(Origin::STANDARD, Origin::CONTAINER), Origin::CONTAINER);
    }

    #[test]
    fn a_way_ends_somewhere() {
        begin();
        let mut origins = Origins::default();
        let mut at = Some(origins.module(0, "a".into()));
        let mut steps = 0;
        while let Some(origin) = at {
            at = origins.step(origin, &Step::Called);
            steps += 1;
        }
        assert_eq!(steps, usize::from(LONGEST));
    }
}
