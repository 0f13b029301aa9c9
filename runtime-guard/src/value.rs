//! Arguments of an event or a C call, as far as reading an act from them needs.
//!
//! The readers in [`crate::events`] and [`crate::slots`] see arguments only through [`Args`], so
//! they are tested without an interpreter. Nothing here runs Python code: an object that is none
//! of the built-in types is [`Value::Other`], never asked for its `__fspath__` or `__str__`.

use std::borrow::Cow;

/// Where an argument stands: its place and, for calls that take keywords, its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// From 0; a method's `self` is not counted in calls, but is an argument of its event.
    pub position: usize,
    /// Empty where the function takes none.
    pub keyword: &'static str,
}

/// The argument at that place.
pub const fn at(position: usize) -> At {
    At { position, keyword: "" }
}

/// The argument at that place or of that keyword.
pub const fn named(position: usize, keyword: &'static str) -> At {
    At { position, keyword }
}

/// An argument of a built-in type, or [`Value::Other`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Not given.
    Absent,
    /// `None`.
    None,
    /// An `int` or `bool`; those beyond 64 bits are [`Value::Other`].
    Int(i64),
    /// A `str`; undecodable bytes of a path are replaced.
    Text(Cow<'a, str>),
    /// A `bytes`.
    Bytes(Cow<'a, [u8]>),
    /// A tuple or list.
    Sequence(Vec<Value<'a>>),
    /// Anything else.
    Other,
}

impl<'a> Value<'a> {
    /// Text, or bytes as the file system encoding (UTF-8) has them.
    pub fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(Cow::Borrowed(bytes)) => Some(String::from_utf8_lossy(bytes)),
            Self::Bytes(Cow::Owned(bytes)) => {
                Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
            }
            Self::Absent | Self::None | Self::Int(_) | Self::Sequence(_) | Self::Other => None,
        }
    }

    /// Whether it is not given, or `None`.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Absent | Self::None)
    }
}

/// Arguments by place or name.
pub trait Args {
    /// The argument; [`Value::Absent`] where it is not given.
    fn value(&self, at: At) -> Value<'_>;
}

#[cfg(test)]
pub mod fixture {
    //! Arguments for tests.
    use super::{Args, At, Value};

    /// Arguments by place.
    pub struct Given(pub Vec<Value<'static>>);

    impl Args for Given {
        fn value(&self, at: At) -> Value<'_> {
            self.0.get(at.position).cloned().unwrap_or(Value::Absent)
        }
    }

    /// A `str`.
    pub fn text(text: &'static str) -> Value<'static> {
        Value::Text(text.into())
    }
}
