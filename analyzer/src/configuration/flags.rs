//! What is said of every file, beside its configuration.

use std::path::{self, Path, PathBuf};

use hermetic_policy::{Level, PolicyOptions};

use super::{Configuration, Failure};
use crate::discover::Pattern;
use crate::judge::Judgement;
use crate::resolve::names::NameTable;

/// What the command line, or an editor, says of every file.
#[derive(Clone, Debug)]
pub struct Flags {
    /// What is denied beside what the configuration denies.
    pub policy: PolicyOptions,
    /// Levels of rules, which go before the configuration's.
    pub levels: Vec<(&'static str, Level)>,
    /// The level of what the policy cannot decide, likewise.
    pub undecided: Option<Level>,
    /// Whether comments suppress findings.
    pub suppressions: bool,
    /// Whether the guard at run time is one that patches.
    pub patching_guard: bool,
    /// Whether findings carry fingerprints.
    pub fingerprints: bool,
    /// Which configuration files count.
    pub chosen: Chosen,
}

/// Which configuration files count, where they are searched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// One that somebody named; a relative path counts from the folder that is analysed.
    pub file: Option<PathBuf>,
    /// How it stands to those of the project.
    pub preference: Preference,
}

/// How a configuration file that somebody named stands to those of the project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    /// It counts where the project has none.
    #[default]
    Project,
    /// It counts for all files; without one, the project's do.
    Named,
    /// The project's never count.
    NamedOnly,
}

impl Chosen {
    /// Whether the project's own files count.
    pub(super) fn searches(&self) -> bool {
        match self.preference {
            Preference::Project => true,
            Preference::Named => self.file.is_none(),
            Preference::NamedOnly => false,
        }
    }
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            policy: PolicyOptions::default(),
            levels: Vec::new(),
            undecided: None,
            suppressions: true,
            patching_guard: false,
            fingerprints: false,
            chosen: Chosen::default(),
        }
    }
}

impl Flags {
    /// A configuration's policy with the flags' beside it.
    pub fn policy(&self, file: &Configuration) -> PolicyOptions {
        file.policy.clone().union(self.policy.clone())
    }

    /// How files of a configuration are judged.
    ///
    /// # Errors
    /// Where there is no such policy.
    pub fn judgement(&self, file: &Configuration) -> Result<Judgement, Failure> {
        let mut levels = file.levels.clone();
        levels.extend(self.levels.iter().copied());
        Ok(Judgement {
            policy: self.policy(file).build().map_err(Failure::new)?,
            levels,
            undecided: self.undecided.or(file.undecided).unwrap_or(Level::Info),
            suppressions: self.suppressions,
            patching_guard: self.patching_guard,
            fingerprints: self.fingerprints,
            names: NameTable::with(&file.api),
            ..Judgement::default()
        })
    }
}

/// Patterns that count from a folder.
pub fn patterns(base: &Path, globs: &[String]) -> Vec<Pattern> {
    let pattern = |glob: &String| Pattern { base: base.to_owned(), glob: glob.clone() };
    globs.iter().map(pattern).collect()
}

/// A read root, made absolute.
///
/// # Errors
/// Where it has no absolute form.
pub fn absolute_root(root: &str, folder: &Path) -> Result<String, Failure> {
    if root.is_empty() {
        return Err(Failure::new("--fs-readonly=ROOT: ROOT is empty; write --fs-readonly alone"));
    }
    absolute("--fs-readonly", root, folder)
}

/// The entries of `--allow-write`, made absolute.
///
/// # Errors
/// Where one is empty, or has no absolute form.
pub fn absolute_paths(paths: &[String], folder: &Path) -> Result<Vec<String>, Failure> {
    let absolute = |path: &String| match path.as_str() {
        "" => Err(Failure::new("--allow-write: names no file or folder")),
        path => absolute("--allow-write", path, folder),
    };
    paths.iter().map(absolute).collect()
}

fn absolute(flag: &str, text: &str, folder: &Path) -> Result<String, Failure> {
    path::absolute(folder.join(text))
        .ok()
        .and_then(|path| path.into_os_string().into_string().ok())
        .ok_or_else(|| Failure::new(format_args!("{flag}: `{text}` has no absolute form in UTF-8")))
}
