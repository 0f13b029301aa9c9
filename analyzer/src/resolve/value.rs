//! What an expression may be, as far as one file tells.

use std::borrow::Cow;
use std::rc::Rc;

use super::names::NameId;
use crate::summary::FoundOperand;

/// An abstract value. Most expressions are [`Value::Unknown`], which costs nothing.
#[derive(Clone, Debug, Default)]
pub enum Value<'a> {
    /// Anything.
    #[default]
    Unknown,
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
    /// A list, tuple or set display with something of interest in it.
    Sequence(Rc<[Value<'a>]>),
    /// Flags of `os.open`, joined by `|`.
    Flags(Rc<[Value<'a>]>),
    /// A dict display with something of interest in it.
    Mapping(Rc<[(Value<'a>, Value<'a>)]>),
    /// The namespace of a module: `vars(os)`, `os.__dict__`.
    Namespace(NameId),
    /// The namespace of this module: `globals()`.
    Globals,
    /// `operator.attrgetter(...)`, `methodcaller` and `itemgetter` applied to what comes later.
    Getter(Getter, Text<'a>),
    /// `functools.partial` of it: some arguments are given already.
    Partial(Rc<Value<'a>>),
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

/// An object of a known class, and what it was made with.
#[derive(Clone, Debug)]
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

impl<'a> Text<'a> {
    /// A string known in full.
    pub fn complete(known: impl Into<Cow<'a, str>>) -> Self {
        Self { known: known.into(), complete: true }
    }

    /// The text, if it is known in full.
    pub fn exact(&self) -> Option<&str> {
        self.complete.then_some(&*self.known)
    }

    /// This text with another behind it.
    pub fn join(self, rest: &Self) -> Self {
        /// Folding `s += s` must not grow without bound.
        const LONGEST: usize = 4096;
        if !self.complete || self.known.len() + rest.known.len() > LONGEST {
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

    /// Whether nothing is known.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Whether it stays true after the variable that holds it may have been assigned again by
    /// code not yet seen: a class or function yes, a constant no.
    pub fn is_reference(&self) -> bool {
        match self {
            Self::Name(_)
            | Self::Part(..)
            | Self::Instance(_)
            | Self::Method(..)
            | Self::Namespace(_)
            | Self::Globals
            | Self::Getter(..)
            | Self::Partial(_)
            | Self::Class(_)
            | Self::Own(_)
            | Self::Function(_)
            | Self::Flags(_) => true,
            Self::Either(values) => values.iter().any(Self::is_reference),
            Self::Unknown
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Int(_)
            | Self::Bool(_)
            | Self::None
            | Self::Sequence(_)
            | Self::Mapping(_) => false,
        }
    }

    /// The string, if it is one known in full.
    pub fn exact_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.exact(),
            _ => None,
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

    /// One of several: the references among them, at most eight, and whether there is more.
    ///
    /// A reference or `None` is the reference: where it is `None`, whatever is done to it fails.
    pub fn either(values: impl IntoIterator<Item = Self>) -> Self {
        let mut kept: Vec<Self> = Vec::new();
        let mut constant = true;
        let mut all_equal = true;
        for value in values {
            for one in value.each() {
                let known = kept.iter().any(|k| k.same(one));
                if known {
                    continue;
                }
                all_equal &= kept.is_empty();
                constant &= !one.is_reference();
                if kept.len() < 8 {
                    kept.push(one.clone());
                }
            }
        }
        if all_equal {
            return kept.pop().unwrap_or_default();
        }
        // Two different constants are as good as unknown: no operand can be exact.
        if constant {
            return Self::Unknown;
        }
        let more = kept.iter().any(|one| !one.is_reference() && !matches!(one, Self::None));
        kept.retain(Self::is_reference);
        if more {
            kept.push(Self::Unknown);
        } else if kept.len() == 1 {
            return kept.pop().unwrap_or_default();
        }
        Self::Either(kept.into())
    }

    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown, Self::Unknown)
            | (Self::None, Self::None)
            | (Self::Globals, Self::Globals) => true,
            (Self::Function(a), Self::Function(b)) => a == b,
            (Self::Name(a), Self::Name(b)) | (Self::Namespace(a), Self::Namespace(b)) => a == b,
            (Self::Part(a, x), Self::Part(b, y)) => a == b && x == y,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Class(a), Self::Class(b)) | (Self::Own(a), Self::Own(b)) => a == b,
            (Self::Instance(a), Self::Instance(b)) => Rc::ptr_eq(a, b),
            (Self::Method(a, x), Self::Method(b, y)) => a == b && Rc::ptr_eq(x, y),
            _ => false,
        }
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
    fn a_beginning_takes_nothing_behind_it() {
        let open = Text { known: "https://".into(), complete: false };
        assert_eq!(open.clone().join(&Text::complete("x")), open);
    }
}
