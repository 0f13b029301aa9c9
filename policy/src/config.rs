//! Configuration from TOML text: `[tool.hermetic]` of `pyproject.toml`, or the same tables at the
//! top level of `hermetic.toml`.
//!
//! Text in, never a file: who finds and reads it is each face's business. The whole schema is
//! here, so that every face tells a typo in any table. Keys are the flags' names:
//!
//! ```toml
//! [tool.hermetic]
//! no-network = true
//! allow-domain = ["api.example.com"]
//!
//! [tool.hermetic.check]
//! undecided = "warn"
//! extend-exclude = ["vendored"]
//!
//! [tool.hermetic.check.levels]
//! captured-reference = "off"
//! ```

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::Level;
use crate::options::PolicyOptions;

use self::reader::{Reader, find};

/// Everything a configuration text says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `extend`: another file that this one adds to, relative to its folder.
    pub extend: Option<Extend>,
    /// The policy: the keys of the outer table. A relative `fs_root` is relative to the file.
    pub policy: PolicyOptions,
    /// `[check]`: what only the analyzer needs.
    pub check: CheckConfig,
    /// `[pytest]`: what only the plugin for pytest needs.
    pub pytest: PytestConfig,
}

/// `[tool.hermetic.pytest]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PytestConfig {
    /// What tests have beside the policy of the outer table, under the same keys.
    pub policy: PolicyOptions,
    /// `swallowed`
    pub swallowed: Option<Swallowed>,
}

/// What becomes of a test that was denied something and went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swallowed {
    /// It fails.
    Fail,
    /// It warns.
    Warn,
    /// Nothing; the summary tells.
    Ignore,
}

impl Swallowed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fail, Self::Warn, Self::Ignore];
    const EXPECTED: &'static str = "\"fail\", \"warn\" or \"ignore\"";

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Ignore => "ignore",
        }
    }
}

/// The file a configuration adds to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extend {
    /// As written.
    pub path: String,
    /// Where.
    pub place: Place,
}

/// `[tool.hermetic.check]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckConfig {
    /// `undecided`: the level of what cannot be decided before the program runs.
    pub undecided: Option<Level>,
    /// `exclude`: replaces the default excludes.
    pub exclude: Option<Vec<String>>,
    /// `extend-exclude`: adds to them.
    pub extend_exclude: Vec<String>,
    /// `baseline`: the file that lists the findings that were there before; not empty.
    pub baseline: Option<String>,
    /// `[levels]`: rule names with the level each is told at, in the order of the text.
    pub levels: Vec<(&'static str, Level)>,
    /// `[per-file-ignores]`: patterns with the rules that are suppressed in what matches, in the
    /// order of the text.
    pub per_file_ignores: Vec<(String, Vec<&'static str>)>,
    /// `[[api]]`: names that no rule knows, with what they reach.
    pub api: Vec<DeclaredApi>,
}

/// A place in a configuration text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub row: u32,
    /// Character (Unicode scalar value) within the line, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.row, self.column)
    }
}

/// What is wrong with a configuration text. The message does not repeat the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: ConfigErrorKind,
}

/// The kinds of [`ConfigError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigErrorKind {
    /// Not TOML.
    #[error("{0}")]
    Syntax(String),
    /// A key the table does not have.
    #[error("unknown key `{key}` in {table}; {advice}")]
    UnknownKey {
        /// What was written.
        key: String,
        /// The table as a reader would write it.
        table: String,
        /// The key that was perhaps meant, or those there are.
        advice: String,
    },
    /// A value of another type.
    #[error("`{key}` takes {expected}, not {found}")]
    Type {
        /// The key.
        key: String,
        /// What it takes.
        expected: &'static str,
        /// What was written.
        found: &'static str,
    },
    /// A value of the right type that means nothing.
    #[error("`{key}`: {problem}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A name under `[levels]` that is no rule.
    #[error("unknown rule `{name}`{}", match .suggestion {
        Some(rule) => format!("; did you mean `{rule}`"),
        None => String::new(),
    })]
    UnknownRule {
        /// What was written.
        name: String,
        /// The rule that was perhaps meant.
        suggestion: Option<&'static str>,
    },
}

impl Config {
    /// Read `pyproject.toml`; `None` where it has no `[tool.hermetic]`.
    pub fn from_pyproject(text: &str) -> Result<Option<Self>, ConfigError> {
        Self::check_pyproject(text).map_err(first)
    }

    /// Read `hermetic.toml`.
    pub fn from_hermetic_toml(text: &str) -> Result<Self, ConfigError> {
        Self::check_hermetic_toml(text).map_err(first)
    }

    /// The same as [`Self::from_pyproject`], with everything that is wrong, in the order of the
    /// text: what an editor shows.
    pub fn check_pyproject(text: &str) -> Result<Option<Self>, Vec<ConfigError>> {
        let reader = Reader::new(text, "tool.hermetic");
        let document = reader.document().map_err(|error| vec![error])?;
        let Some((_, tool)) = find(document.get_ref(), "tool") else { return Ok(None) };
        // A `tool` that is no table is another tool's complaint.
        let Some((_, own)) = tool.get_ref().as_table().and_then(|tool| find(tool, "hermetic"))
        else {
            return Ok(None);
        };
        let own = reader.table("tool.hermetic", own).map_err(|error| vec![error])?;
        reader.read(own).map(Some)
    }

    /// The same as [`Self::from_hermetic_toml`], with everything that is wrong, in the order of
    /// the text.
    pub fn check_hermetic_toml(text: &str) -> Result<Self, Vec<ConfigError>> {
        let reader = Reader::new(text, "");
        let document = reader.document().map_err(|error| vec![error])?;
        reader.read(document.get_ref())
    }
}

/// There is one: nothing fails without saying why.
fn first(errors: Vec<ConfigError>) -> ConfigError {
    let nothing = || ConfigErrorKind::Syntax(String::from("not valid"));
    let none = || ConfigError { place: Place { row: 1, column: 1 }, kind: nothing() };
    errors.into_iter().next().unwrap_or_else(none)
}

mod api;
mod reader;
pub mod schema;

pub use self::api::{DeclaredApi, DeclaredCondition};

#[cfg(test)]
mod tests;
