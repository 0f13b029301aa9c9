//! What an expression may be, as far as one file tells.

use std::borrow::Cow;
use std::rc::Rc;

use smallvec::SmallVec;

use super::budget;
use super::names::NameId;
use super::origin::{self, Origin};
use crate::summary::FoundOperand;

/// An abstract value. Most expressions are [`Value::Unknown`], which costs nothing.
#[derive(Clone, Debug, Default)]
pub enum Value<'a> {
    /// Anything.
    #[default]
    Unknown,
    /// Anything, as far as this file and the rules tell, but it is known where it is from.
    Foreign(Origin),
    /// A module, function, class or attribute some rule knows.
    Name(NameId),
    /// An attribute no rule knows of a name some rule knows: `os.environ.get`.
    Part(NameId, &'a str),
    /// An object of a class some rule knows.
    Instance(Rc<Instance<'a>>),
    /// A method (or property) of such an object.
    Method(NameId, Rc<Instance<'a>>),
    /// A string, or the beginning of one.
    Text(Text<'a>),
    /// A byte string that is ASCII.
    Bytes(&'a str),
    /// An integer constant.
    Int(i64),
    /// `True` or `False`.
    Bool(bool),
    /// `None`.
    None,
    /// A tuple, or a list nobody else can change, with something of interest in it.
    Sequence(Rc<[Value<'a>]>),
    /// A list or set that somebody keeps: other items may be in it by now.
    List(Rc<[Value<'a>]>),
    /// Flags of `os.open`, joined by `|`.
    Flags(Rc<[Value<'a>]>),
    /// A dict display with something of interest in it. Where somebody keeps it, its values are
    /// references only: other constants may be in it by now.
    Mapping(Rc<[(Value<'a>, Value<'a>)]>),
    /// The namespace of a module: `vars(os)`, `os.__dict__`.
    Namespace(NameId),
    /// The namespace of this module: `globals()`.
    Globals,
    /// `operator.attrgetter(...)`, `methodcaller` and `itemgetter` applied to what comes later.
    Getter(Getter, Text<'a>),
    /// A method of a string, list or dict, or of a namespace: `"{}".format`, `vars(os).get`.
    Plain(Rc<Value<'a>>, &'a str),
    /// A member of a guarded module whose name is computed: `getattr(os, name)`.
    AnyMember(NameId),
    /// `functools.partial` of it: some arguments are given already.
    Partial(Rc<Partial<'a>>),
    /// A class of this file.
    Class(ClassId),
    /// An object of a class of this file.
    Own(ClassId),
    /// A function of this file; a lambda has no index.
    Function(Option<FunctionId>),
    /// One of these; [`Value::Unknown`] among them stands for everything else it may be.
    Either(Rc<[Value<'a>]>),
}

/// A class defined in this file, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassId(pub u32);

/// A function defined in this file, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionId(pub u32);

/// Which of `operator`'s deferred look-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Getter {
    /// `attrgetter`.
    Attribute,
    /// `methodcaller`.
    Method,
    /// `itemgetter`.
    Item,
}

/// A callable with some of its arguments.
#[derive(Clone, Debug)]
pub struct Partial<'a> {
    /// What is called in the end.
    pub function: Value<'a>,
    /// The first positional arguments.
    pub positional: Vec<Value<'a>>,
    /// Keyword arguments, which the call may replace.
    pub keywords: Vec<(&'a str, Value<'a>)>,
    /// Whether there are more that are not known.
    pub more: bool,
}

/// An object of a known class, and what it was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance<'a> {
    /// Its class.
    pub class: NameId,
    /// The endpoint or path it was made with.
    pub origin: FoundOperand,
    /// The text of a path object.
    pub text: Option<Text<'a>>,
}

/// A known string, or the known beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// What is known of it.
    pub known: Cow<'a, str>,
    /// Whether that is all.
    pub complete: bool,
}

impl Instance<'_> {
    /// An object nothing more is known of.
    pub const fn bare(class: NameId) -> Self {
        Self { class, origin: FoundOperand::Unknown, text: None }
    }

    /// It, without what it was made with.
    fn bared(self: &Rc<Self>) -> Rc<Self> {
        if self.origin == FoundOperand::Unknown && self.text.is_none() {
            Rc::clone(self)
        } else {
            Rc::new(Self::bare(self.class))
        }
    }
}

impl<'a> Text<'a> {
    /// Folding `s += s` must not grow without bound: bytes.
    pub const LONGEST: usize = 4096;

    /// A string known in full.
    pub fn complete(known: impl Into<Cow<'a, str>>) -> Self {
        Self { known: known.into(), complete: true }
    }

    /// A string literal; of a long one the beginning, which is more than any name, path or URL
    /// has.
    pub fn of_literal(text: &'a str) -> Self {
        if text.len() <= Self::LONGEST {
            return Self::complete(text);
        }
        let known = text.get(..text.floor_char_boundary(Self::LONGEST)).unwrap_or_default();
        Self { known: known.into(), complete: false }
    }

    /// The text, if it is known in full.
    pub fn exact(&self) -> Option<&str> {
        self.complete.then_some(&*self.known)
    }

    /// This text with another behind it.
    pub fn join(self, rest: &Self) -> Self {
        budget::spend(1 + rest.known.len() / 64);
        if !self.complete || self.known.len() + rest.known.len() > Self::LONGEST {
            return Self { complete: false, ..self };
        }
        let mut known = self.known.into_owned();
        known.push_str(&rest.known);
        Self { known: known.into(), complete: rest.complete }
    }
}

impl<'a> Value<'a> {
    /// A string known in full.
    pub fn text(known: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(Text::complete(known))
    }

    /// Whether nothing is known, but perhaps where it is from.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown | Self::Foreign(_))
    }

    /// Whether nothing is known, nor may be by another file.
    fn is_nowhere(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::Foreign(origin) => origin.is_standard(),
            _ => false,
        }
    }

    /// Where it is from, if that is all there is to say of it.
    pub fn origin(&self) -> Option<Origin> {
        match self {
            Self::Foreign(origin) => Some(*origin),
            Self::Either(options) => options.iter().find_map(Self::origin),
            _ => None,
        }
    }

    /// Whether it is a module, class, function or object rather than a constant.
    pub fn is_reference(&self) -> bool {
        match self {
            Self::Name(_)
            | Self::Part(..)
            | Self::Instance(_)
            | Self::Method(..)
            | Self::Namespace(_)
            | Self::Globals
            | Self::Getter(..)
            | Self::Plain(..)
            | Self::AnyMember(_)
            | Self::Partial(_)
            | Self::Class(_)
            | Self::Own(_)
            | Self::Function(_)
            | Self::Flags(_) => true,
            Self::Either(values) => values.iter().any(Self::is_reference),
            Self::Unknown
            | Self::Foreign(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Int(_)
            | Self::Bool(_)
            | Self::None
            | Self::Sequence(_)
            | Self::List(_)
            | Self::Mapping(_) => false,
        }
    }

    /// What stays true of it when it is one of several ways, or when code not seen here may have
    /// put another in its place: the references in it, and objects of which only the class is
    /// known. No constant is.
    pub fn references(&self) -> Self {
        if self.is_compound() && budget::spend(4) {
            return Self::Unknown;
        }
        match self {
            Self::Name(_)
            | Self::Foreign(_)
            | Self::Part(..)
            | Self::Namespace(_)
            | Self::Globals
            | Self::Getter(..)
            | Self::AnyMember(_)
            | Self::Class(_)
            | Self::Own(_)
            | Self::Function(_)
            | Self::Flags(_) => self.clone(),
            Self::Unknown
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Int(_)
            | Self::Bool(_)
            | Self::None => Self::Unknown,
            Self::Instance(instance) => Self::Instance(instance.bared()),
            Self::Method(id, instance) => Self::Method(*id, instance.bared()),
            Self::Plain(base, method) => match base.references() {
                Self::Unknown | Self::Foreign(_) => Self::Unknown,
                base => Self::Plain(Rc::new(base), method),
            },
            Self::Partial(partial) => Self::Partial(Rc::new(Partial {
                function: partial.function.references(),
                positional: Vec::new(),
                keywords: Vec::new(),
                more: true,
            })),
            Self::Sequence(items) => Self::items_of(items).map_or(Self::Unknown, Self::Sequence),
            Self::List(items) => Self::items_of(items).map_or(Self::Unknown, Self::List),
            Self::Mapping(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|(key, value)| (key.clone(), value.references()))
                    .filter(|(_, value)| !value.is_nowhere())
                    .collect();
                if items.is_empty() { Self::Unknown } else { Self::Mapping(items.into()) }
            }
            Self::Either(values) => Self::either(values.iter().map(Self::references)),
        }
    }

    fn items_of(items: &[Self]) -> Option<Rc<[Self]>> {
        let items: Vec<_> = items.iter().map(Self::references).collect();
        (!items.iter().all(Self::is_nowhere)).then(|| items.into())
    }

    /// The string, if it is one known in full.
    pub fn exact_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.exact(),
            _ => None,
        }
    }

    /// Whether there are values in it.
    const fn is_compound(&self) -> bool {
        match self {
            Self::Sequence(_)
            | Self::List(_)
            | Self::Mapping(_)
            | Self::Flags(_)
            | Self::Either(_)
            | Self::Partial(_)
            | Self::Plain(..) => true,
            Self::Unknown
            | Self::Foreign(_)
            | Self::Name(_)
            | Self::Part(..)
            | Self::Instance(_)
            | Self::Method(..)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Int(_)
            | Self::Bool(_)
            | Self::None
            | Self::Namespace(_)
            | Self::Globals
            | Self::Getter(..)
            | Self::AnyMember(_)
            | Self::Class(_)
            | Self::Own(_)
            | Self::Function(_) => false,
        }
    }

    /// It, or unknown where too much is in it: what is built of itself again and again must not
    /// grow without bound, neither in what it costs to copy nor in depth.
    pub fn bounded(self) -> Self {
        /// Values in a value: a table of sixty-four pairs of two, and room.
        const MOST: usize = 512;
        let mut left = MOST;
        if self.takes(&mut left) { self } else { Self::Unknown }
    }

    /// Take one off for each value in it; whether there were as many.
    fn takes(&self, left: &mut usize) -> bool {
        if *left == 0 {
            return false;
        }
        *left -= 1;
        match self {
            Self::Sequence(items)
            | Self::List(items)
            | Self::Flags(items)
            | Self::Either(items) => items.iter().all(|item| item.takes(left)),
            Self::Mapping(items) => items.iter().all(|(k, v)| k.takes(left) && v.takes(left)),
            Self::Partial(partial) => {
                partial.function.takes(left)
                    && partial.positional.iter().all(|value| value.takes(left))
                    && partial.keywords.iter().all(|(_, value)| value.takes(left))
            }
            Self::Plain(base, _) => base.takes(left),
            _ => true,
        }
    }

    /// Each thing it may be.
    pub fn each(&self) -> &[Self] {
        match self {
            Self::Either(values) => values,
            one => std::slice::from_ref(one),
        }
    }

    /// One of two, as of `"a" if append else "w"`: unlike at a join, both constants are kept.
    pub fn choice(one: Self, other: Self) -> Self {
        match (&one, &other) {
            (Self::Text(a), Self::Text(b)) if a.complete && b.complete && a != b => {
                Self::Either([one, other].into())
            }
            _ => Self::either([one, other]),
        }
    }

    /// The one thing known of what it may be, if it is one.
    pub fn only(&self) -> &Self {
        let mut known = self.each().iter().filter(|one| !one.is_unknown());
        match (known.next(), known.next()) {
            (Some(one), None) => one,
            _ => self,
        }
    }

    /// One of several: the references among them, at most eight, and whether there is more. Where
    /// they differ no constant is certain, nor what an object was made with.
    ///
    /// A reference or `None` is the reference: where it is `None`, whatever is done to it fails.
    pub fn either(values: impl IntoIterator<Item = Self>) -> Self {
        let mut kept: SmallVec<[Self; 4]> = SmallVec::new();
        for value in values {
            match value {
                Self::Either(options) => {
                    for one in options.iter() {
                        keep(&mut kept, Cow::Borrowed(one));
                    }
                }
                one => keep(&mut kept, Cow::Owned(one)),
            }
            if budget::spend(1) {
                return Self::Unknown;
            }
        }
        if kept.len() < 2 {
            return kept.pop().unwrap_or_default();
        }
        let mut joined: SmallVec<[Self; 4]> = SmallVec::new();
        let mut more = None;
        for one in kept.iter().filter(|one| !matches!(one, Self::None)) {
            let one = one.references();
            if one.is_unknown() {
                more = Some(match (more, one) {
                    (Some(Self::Foreign(a)), Self::Foreign(b)) => Self::Foreign(origin::join(a, b)),
                    (Some(Self::Foreign(way)), _) | (Some(_), Self::Foreign(way)) => {
                        if way.is_standard() {
                            Self::Unknown
                        } else {
                            Self::Foreign(origin::join(way, Origin::UNKNOWN))
                        }
                    }
                    (_, one) => one,
                });
            } else if let Some(slot) = joined.iter_mut().find(|j| j.is_like(&one)) {
                *slot = slot.joined_with(&one);
            } else {
                joined.push(one);
            }
        }
        match (joined.len(), more) {
            (0, more) => more.unwrap_or_default(),
            (1, None) => joined.pop().unwrap_or_default(),
            (_, more) => {
                joined.extend(more);
                Self::Either(joined.into_iter().collect())
            }
        }
    }

    /// Whether there is a constant in it, or an object of which is known what it was made with.
    pub fn is_exact(&self) -> bool {
        match self {
            Self::Unknown | Self::Foreign(_) => false,
            Self::Function(_) | Self::Class(_) | Self::Own(_) => false,
            Self::Name(_) | Self::Part(..) => false,
            Self::Text(_) | Self::Bytes(_) | Self::Int(_) | Self::Bool(_) | Self::None => true,
            other => !other.references().same_options(other),
        }
    }

    /// Whether each thing one may be, the other may be too.
    pub fn same_options(&self, other: &Self) -> bool {
        let (one, other) = (self.each(), other.each());
        one.len() == other.len() && one.iter().all(|a| other.iter().any(|b| a.same(b)))
    }

    /// Whether it is the same, or a display of equal length.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sequence(a), Self::Sequence(b)) | (Self::List(a), Self::List(b)) => {
                a.len() == b.len()
            }
            _ => self.same(other),
        }
    }

    /// It and another like it, displays item by item.
    fn joined_with(&self, other: &Self) -> Self {
        let join = |a: &[Self], b: &[Self]| -> Rc<[Self]> {
            a.iter().zip(b).map(|(a, b)| Self::either([a.clone(), b.clone()])).collect()
        };
        match (self, other) {
            (Self::Sequence(a), Self::Sequence(b)) => Self::Sequence(join(a, b)),
            (Self::List(a), Self::List(b)) => Self::List(join(a, b)),
            _ => self.clone(),
        }
    }

    /// Whether both say the same.
    pub fn same(&self, other: &Self) -> bool {
        if self.is_compound() && budget::spend(1) {
            return false;
        }
        match (self, other) {
            (Self::Unknown, Self::Unknown)
            | (Self::None, Self::None)
            | (Self::Globals, Self::Globals) => true,
            (Self::Function(a), Self::Function(b)) => a == b,
            (Self::Foreign(a), Self::Foreign(b)) => a == b,
            (Self::Name(a), Self::Name(b)) | (Self::Namespace(a), Self::Namespace(b)) => a == b,
            (Self::Part(a, x), Self::Part(b, y)) => a == b && x == y,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Class(a), Self::Class(b)) | (Self::Own(a), Self::Own(b)) => a == b,
            (Self::Instance(a), Self::Instance(b)) => a == b,
            (Self::Method(a, x), Self::Method(b, y)) => a == b && x == y,
            (Self::AnyMember(a), Self::AnyMember(b)) => a == b,
            (Self::Sequence(a), Self::Sequence(b)) | (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(b))
            }
            _ => false,
        }
    }
}

/// Keep one of several, unless it is there; at most eight.
fn keep<'a>(kept: &mut SmallVec<[Value<'a>; 4]>, one: Cow<'_, Value<'a>>) {
    if kept.len() < 8 && !kept.iter().any(|k| k.same(&one)) {
        kept.push(one.into_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_constants_are_unknown_and_references_survive() {
        let joined = Value::either([Value::text("r"), Value::text("w")]);
        assert!(joined.is_unknown());
        let joined = Value::either([Value::None, Value::Function(None)]);
        assert!(matches!(joined, Value::Function(_)));
        let joined = Value::either([Value::text("r"), Value::text("r")]);
        assert_eq!(joined.exact_text(), Some("r"));
        let joined = Value::either([Value::text("r"), Value::Unknown]);
        assert!(joined.is_unknown());
        let joined = Value::either([Value::Function(None), Value::Unknown]);
        assert!(matches!(joined.each(), [Value::Function(_), Value::Unknown]));
    }

    #[test]
    fn an_object_that_is_only_one_way_is_not_known_in_full() {
        let id = crate::resolve::names::NAMES.find("pathlib.Path").expect("known");
        let origin = FoundOperand::Path("/a".into());
        let path = Value::Instance(Rc::new(Instance { class: id, origin, text: None }));
        let joined = Value::either([path.clone(), path.clone()]);
        assert!(joined.same(&path));
        for other in [Value::Unknown, Value::text("/b")] {
            let joined = Value::either([path.clone(), other]);
            let Value::Instance(joined) = joined.only() else { panic!("an object") };
            assert_eq!(**joined, Instance::bare(id));
        }
    }

    #[test]
    fn a_beginning_takes_nothing_behind_it() {
        let open = Text { known: "https://".into(), complete: false };
        assert_eq!(open.clone().join(&Text::complete("x")), open);
    }
}
