//! What an act is done to, as far as a face knows it.
//!
//! The runtime guard always knows the operand; the analyzer often does not. [`Operand`] keeps the
//! difference, and [`crate::Policy::decide`] keeps the law: what is decided for an unknown operand
//! holds for every exact one, and an exact operand is never undecided.
//!
//! [`Host`] and [`ResolvedPath`] are tokens: they can be made only by their normalising
//! constructors, so that both faces compare the same spelling.

use alloc::borrow::Cow;

pub use crate::pattern::host::Host;

/// Known in full, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand<T> {
    /// The face knows it in full.
    Exact(T),
    /// The face does not know it. There is no "prefix" in between: `"/tmp/" + x` may go on
    /// with `../`.
    Unknown,
}

/// The far (or, for listening, the near) end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// A host and, where known, a port. The guard always knows it when a program connects. `None`
    /// is undecided only where the host is allowed at certain ports and no others; look-ups and
    /// listening pay no heed to it.
    Inet {
        /// The normalised host.
        host: Host,
        /// The port.
        port: Option<u16>,
    },
    /// A Unix socket by its path; abstract ones start with NUL.
    Unix(Cow<'a, str>),
}

/// A path as a face resolved it, beside the spelling the program used.
///
/// The guard resolves symlinks first; the analyzer can only take an absolute literal in lexical
/// normal form, and calls every other path unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedPath<'a> {
    normal: Cow<'a, str>,
}

impl<'a> ResolvedPath<'a> {
    /// An absolute path in lexical normal form; `None` for a relative one.
    ///
    /// `.` and empty components go, `..` takes the component before it. Both POSIX paths and
    /// Windows drive paths (`C:\x`, compared with `/` and a lower-case drive) are taken.
    pub fn lexical(path: &'a str) -> Option<Self> {
        crate::pattern::path::normalise(path).map(|normal| Self { normal })
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.normal
    }
}
