//! Finding and reading the configuration file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hermetic_policy::{Level, PolicyOptions};

use crate::failure::Failure;
use crate::settings::Glob;

/// What a configuration file says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configuration {
    /// The policy; its root absolute.
    pub(crate) policy: PolicyOptions,
    /// Levels by rule.
    pub(crate) levels: BTreeMap<&'static str, Level>,
    /// The level of what the policy cannot decide.
    pub(crate) undecided: Option<Level>,
    /// What to leave out instead of the default excludes.
    pub(crate) exclude: Option<Vec<Glob>>,
    /// What else to leave out.
    pub(crate) extend_exclude: Vec<Glob>,
    /// Whether `.gitignore` and kin count.
    pub(crate) respect_ignore: Option<bool>,
}

pub(crate) fn read(_file: &Path, _folder: &Path) -> Result<Configuration, Failure> {
    Ok(Configuration::default())
}
pub(crate) fn search(_folder: &Path) -> Result<Option<Configuration>, Failure> {
    let _ = fs::metadata(_folder);
    Ok(None)
}
