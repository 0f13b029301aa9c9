//! What one file does, as facts: a pure function of its text.
//!
//! A summary knows no policy. [`crate::judge`] decides each act against one; a cache or another
//! machine can hold a summary as it is.

use hermetic_policy::{Rule, Verb};
use serde::{Deserialize, Serialize};

use crate::source::Unanalysed;

mod stored;

pub mod links;

use links::{Links, Owner};

/// A stretch of the decoded text, in bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Range {
    /// First byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

/// Everything found in one file, in order of appearance.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct FileSummary {
    /// Acts, whether or not any policy objects to them.
    pub acts: Vec<FoundAct>,
    /// References kept past a patch.
    pub captures: Vec<Capture>,
    /// Absolute imports, dynamic ones with a known name among them.
    pub imports: Vec<FoundImport>,
    /// What is done above the install of a guard.
    pub late: Vec<LateInstall>,
    /// What it offers to other files and takes from them, where that was asked for. Kept by itself:
    /// not every run wants it.
    #[serde(skip)]
    pub links: Option<Box<Links>>,
    /// Whether there would have been more, had the file not taken more steps than any ordinary
    /// one.
    pub exhausted: bool,
}

/// Everything one file gives a run before any policy is asked.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Lines of it.
    pub lines: u64,
    /// What it does.
    pub summary: FileSummary,
    /// What of it was not analysed, and where; `None` for the file as a whole.
    pub unanalysed: Vec<(Unanalysed, Option<Range>)>,
}

impl Facts {
    /// Whether nothing of the text could be looked at.
    pub(crate) fn has_no_tree(&self) -> bool {
        self.unanalysed.iter().any(|(part, _)| part.reason == crate::source::Reason::TooDeep)
    }

    /// Every stretch that something is said of, in no order.
    pub(crate) fn ranges(&self) -> Vec<Range> {
        // Taken apart in full, so that a new field cannot be forgotten here.
        let FileSummary { acts, captures, imports, late, links: _, exhausted: _ } = &self.summary;
        let mut ranges: Vec<_> = acts.iter().map(|act| act.range).collect();
        ranges.extend(captures.iter().map(|capture| capture.range));
        ranges.extend(late.iter().map(|late| late.range));
        for import in imports {
            ranges.push(import.range);
            ranges.extend(import.members.iter().map(|&(_, range)| range));
        }
        ranges.extend(self.unanalysed.iter().filter_map(|&(_, range)| range));
        ranges
    }
}

impl FileSummary {
    /// Bring what was found in the order in which it stands in the text.
    pub(crate) fn sort(&mut self) {
        self.acts.sort_by_key(|act| act.range);
        self.captures.sort_by_key(|capture| capture.range);
        self.imports.sort_by_key(|import| import.range);
    }
}

/// One act.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FoundAct {
    /// The rule it falls under.
    #[serde(with = "stored::rule")]
    pub rule: &'static Rule,
    /// What is done.
    #[serde(with = "stored::verb")]
    pub verb: Verb,
    /// The fully qualified API, or the literal.
    pub target: Box<str>,
    /// What it is done to.
    pub operand: FoundOperand,
    /// Whether it happens for certain when the line runs; if not, a denied act is undecided.
    pub certain: bool,
    /// Done to a guarded module or to hermetic itself: ordinary introspection no longer.
    pub aimed_at_guard: bool,
    /// Who does it.
    pub owner: Owner,
    /// Where.
    pub range: Range,
}

/// What an act is done to, as far as the text tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FoundOperand {
    /// Not known.
    #[default]
    Unknown,
    /// Nothing that any act reaches: a URL without a host, `sqlite:///data.db`.
    Nothing,
    /// A host, as written, and a port.
    Inet {
        /// The host as written.
        host: Box<str>,
        /// The port, where it is given.
        port: Option<u16>,
    },
    /// A Unix socket.
    Unix(Box<str>),
    /// A path, as written.
    Path(Box<str>),
    /// A program, variable, module or piece of interpreter state.
    Name(Box<str>),
    /// A command line that a shell reads, or may read: its first word.
    CommandLine(Box<str>),
}

impl FoundOperand {
    /// Bytes of text in it.
    pub(crate) const fn text_length(&self) -> usize {
        match self {
            Self::Unknown | Self::Nothing => 0,
            Self::Inet { host: text, .. }
            | Self::Unix(text)
            | Self::Path(text)
            | Self::Name(text)
            | Self::CommandLine(text) => text.len(),
        }
    }
}

/// A reference to a patch point, taken and kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Capture {
    /// The patch point's fully qualified name.
    pub target: Box<str>,
    /// The rule that guards the patch point.
    #[serde(with = "stored::rule")]
    pub of: &'static Rule,
    /// Whether the runtime guard enforces it all the same.
    pub enforced: bool,
    /// How it is kept.
    pub form: Keep,
    /// Where.
    pub range: Range,
}

/// Something a guard would have stopped, done above its install.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateInstall {
    /// What is imported, if another module does it.
    pub imported: Box<str>,
    /// The module that does it, its file, and where; `None` for this file itself.
    pub by: Option<(Box<str>, Box<str>, links::Place)>,
    /// The API, or the library.
    pub what: Box<str>,
    /// What is done with it.
    pub done: links::Done,
    /// Whether the guard is one that patches.
    pub patching: bool,
    /// The import, or where it is done.
    pub range: Range,
}

/// How a reference is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Keep {
    /// `from socket import socket`.
    FromImport,
    /// `from socket import *`.
    StarImport,
    /// `S = socket.socket`, also by walrus or as a `for` or `with` target.
    Assignment,
    /// In a class body.
    ClassAttribute,
    /// `class S(socket.socket)`.
    BaseClass,
    /// `def f(run=subprocess.run)`.
    Default,
    /// In a list, tuple, set or dict that is kept.
    Container,
    /// As, or in, a decorator.
    Decorator,
    /// On an object: `self.run = subprocess.run`.
    Attribute,
    /// By a function that outlives the one that took it.
    Closure,
}

/// An import of an absolute module name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FoundImport {
    /// The dotted name: the deepest module the statement names for certain.
    pub module: Box<str>,
    /// Where the module is named.
    pub range: Range,
    /// The names of `from module import name`: may be submodules.
    pub members: Box<[(Box<str>, Range)]>,
    /// Who imports it.
    pub owner: Owner,
}
