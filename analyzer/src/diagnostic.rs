//! One finding, as plain data.

use hermetic_policy::{Level, Rule};
use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;
use crate::fix::Safety;

/// A place in a file, counted in characters (Unicode scalar values) from 1. In a notebook, rows
/// count within the cell.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position {
    /// Line, from 1.
    pub row: u32,
    /// Character within the line, from 1.
    pub column: u32,
}

/// A stretch of one file; `end` is exclusive.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Span {
    /// The code cell of a notebook, from 1 counting all cells; `None` in other files.
    pub cell: Option<u32>,
    /// Byte offset into the decoded text: the sort key within a file.
    pub offset: u32,
    /// First character.
    pub start: Position,
    /// First character after it.
    pub end: Position,
}

impl Span {
    /// The very first place: what is said of a file as a whole stands there.
    pub const FIRST: Self = {
        let first = Position { row: 1, column: 1 };
        Self { cell: None, offset: 0, start: first, end: first }
    };
}

/// How the policy ruled on what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ruling {
    /// Told whatever the policy: a way around a guard, native code, an unanalysed file.
    Advise,
    /// The policy denies it.
    Deny,
    /// It hangs on something not known before the program runs.
    Undecided,
}

impl Ruling {
    /// The name used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advise => "advise",
            Self::Deny => "deny",
            Self::Undecided => "undecided",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule; its name is the finding's identity.
    pub rule: RuleRef,
    /// How loudly it is told, after policy and configuration.
    pub level: Level,
    /// How the policy ruled.
    pub ruling: Ruling,
    /// Where.
    pub span: Span,
    /// What was found: lower case, no full stop.
    pub message: String,
    /// Why it matters or which part of the policy spoke; empty where the message says all.
    pub why: String,
    /// Which flag, configuration line or change of code allows it.
    pub remedy: String,
    /// The fully qualified API, module or literal.
    pub target: String,
    /// Other places that belong to it.
    pub related: Vec<Related>,
    /// What it is recognised by in a changed file, where that was asked for.
    pub fingerprint: Option<Fingerprint>,
    /// Whether it can be made to go away.
    pub fix: FixState,
}

/// What is known of a finding's fix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FixState {
    /// Its rule has none.
    #[default]
    None,
    /// There may be one; nobody has looked.
    Perhaps,
    /// There is one.
    Ready(Fix),
    /// There is none, for this reason.
    Refused(String),
}

/// Edits of a finding's file that make it go away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What is put where, in order.
    pub edits: Vec<(Span, String)>,
    /// Whether somebody should look at it.
    pub safety: Safety,
}

/// A rule by reference, compared by name.
#[derive(Clone, Copy, Debug)]
pub struct RuleRef(pub &'static Rule);

impl PartialEq for RuleRef {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}
impl Eq for RuleRef {}

/// Another place that belongs to a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// The file, if it is another.
    pub path: Option<String>,
    /// Where.
    pub span: Span,
    /// What is there.
    pub message: String,
}
