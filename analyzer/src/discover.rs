//! The only place that walks and reads the disk, the cache's own folder aside.
//!
//! Everything below the roots that could be Python is either found, told as not analysable, or
//! counted as passed over. The result is sorted and does not hang on the order in which the
//! system lists a folder.

pub mod archive;
mod display;
mod distribution;
mod ignored;
pub mod importable;
mod kind;
mod read;
mod root;
mod shebang;
mod stamp;
mod texts;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::archive::{Archive, is_archive};
pub use self::display::display;
pub use self::distribution::{Distribution, normal_name};
pub use self::kind::kind_of;
pub(crate) use self::read::read_up_to;
pub use self::read::{read, read_stream};
pub use self::root::project_root;
pub(crate) use self::stamp::{Stamp, stamp};
pub use self::texts::{Disk, Texts};

use self::ignored::Excludes;
use self::walk::Walker;
use crate::source::{FileKind, Unanalysed};

/// Names passed over below a root unless `exclude` is configured: version control, virtual
/// environments, caches and build results. A root inside such a folder is walked.
pub const DEFAULT_EXCLUDE: [&str; 25] = [
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pypackages__",
    "_build",
    "buck-out",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
];

/// What to walk.
#[derive(Clone, Debug, Default)]
pub struct DiscoverOptions {
    /// Files and folders; shown as given.
    pub roots: Vec<PathBuf>,
    /// Whether `.gitignore`, `.ignore`, `.git/info/exclude` and git's global excludes count.
    /// They never bind a root, and those of git count inside a repository only.
    pub ignore_files: bool,
    /// Patterns instead of [`DEFAULT_EXCLUDE`]. They bind roots.
    pub exclude: Option<Vec<Pattern>>,
    /// Further patterns, which bind roots too and go before those of `exclude`.
    pub extend_exclude: Vec<Pattern>,
    /// Whether to enter excluded folders, to list the files passed over there and not only the
    /// folder.
    pub list_excluded: bool,
}

/// A pattern of `exclude`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The folder it was written for: a `/` in the pattern counts from here.
    pub base: PathBuf,
    /// In the syntax of `.gitignore`; a leading `./` stands for the base.
    pub glob: String,
}

/// A file to analyse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct File {
    /// The root as given, and the way from there.
    pub path: PathBuf,
    /// What it is to Python.
    pub kind: FileKind,
    /// Its content, where it is in an archive.
    pub member: Option<Member>,
}

/// What an archive has for a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The archive, as shown.
    pub archive: Arc<Path>,
    /// The content.
    pub bytes: Arc<[u8]>,
}

impl File {
    /// Its bytes.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, Unanalysed> {
        match &self.member {
            Some(member) => Ok(member.bytes.to_vec()),
            None => read(&self.path),
        }
    }

    /// What there is on the disk: it, or the archive it is in.
    pub fn on_disk(&self) -> &Path {
        self.member.as_ref().map_or(&self.path, |member| &member.archive)
    }
}

/// What was found, each list sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// To be read and analysed; each real file once.
    pub files: Vec<File>,
    /// What cannot be analysed, and why.
    pub unanalysed: Vec<(PathBuf, Unanalysed)>,
    /// Files passed over because of ignore files: Python by name, never opened.
    pub ignored: Vec<PathBuf>,
    /// What was passed over because of `exclude`, the folders of version control systems aside: files that are Python by name, and folders,
    /// which are entered only with [`DiscoverOptions::list_excluded`].
    pub excluded: Vec<PathBuf>,
    /// Stub files (`.pyi`): never executed, not analysed.
    pub stubs: Vec<PathBuf>,
    /// The archives among the roots, and whose they are. What is in them is in the other lists.
    pub archives: Vec<Archive>,
}

/// The options ask for what cannot be.
#[derive(Debug)]
pub enum DiscoverError {
    /// A root that is not there.
    Root {
        /// As given.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A pattern of `exclude` that is none.
    Pattern {
        /// As given.
        pattern: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl core::fmt::Display for DiscoverError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Root { path, error } => {
                write!(f, "cannot find {}: {error}", display(path, None))
            }
            Self::Pattern { pattern, detail } => {
                write!(f, "`{pattern}` is no pattern for exclude: {detail}")
            }
        }
    }
}

impl core::error::Error for DiscoverError {}

/// Patterns, to ask of single paths.
#[derive(Debug)]
pub struct Globs(Excludes);

impl Globs {
    /// # Errors
    /// [`DiscoverError::Pattern`] for the first that is none.
    pub fn new(patterns: &[Pattern]) -> Result<Self, DiscoverError> {
        Excludes::new(Some(&[]), patterns).map(Self)
    }

    /// Whether a file matches, itself or by a folder it is in, which is below the patterns' base.
    pub fn matches(&self, file: &Path) -> bool {
        // The folders that lead to it may be links; what it is called is its own name.
        let real = file.parent().and_then(|folder| folder.canonicalize().ok());
        let real = real.zip(file.file_name()).map(|(folder, name)| folder.join(name));
        self.0.root(real.as_deref().unwrap_or(file), false)
    }
}

/// Whether patterns are ones.
///
/// # Errors
/// [`DiscoverError::Pattern`] for the first that is none.
pub fn check_patterns(patterns: &[Pattern]) -> Result<(), DiscoverError> {
    Excludes::new(Some(&[]), patterns).map(|_| ())
}

/// Finds everything below the roots.
///
/// # Errors
/// [`DiscoverError`] where a root is not there or a pattern is none.
pub fn discover(options: &DiscoverOptions) -> Result<Discovered, DiscoverError> {
    discover_each(options, &mut |_| {})
}

/// As [`discover`], with the folders whose files count, by their real paths: where a change may be
/// one of what is found.
///
/// # Errors
/// As [`discover`].
pub fn discover_with_folders(
    options: &DiscoverOptions,
) -> Result<(Discovered, BTreeSet<PathBuf>), DiscoverError> {
    let excludes = Excludes::new(options.exclude.as_deref(), &options.extend_exclude)?;
    Walker::new(options, excludes, &mut |_| {}).run_with_folders()
}

/// Whether a file of this name may change what is found below a folder: it is Python of some kind
/// by its name or may be without one, or says what is passed over.
pub fn matters(path: &Path) -> bool {
    let says = path.file_name().is_some_and(|name| name == ".gitignore" || name == ".ignore");
    says || kind::named(path) != kind::Named::Other
}

/// As [`discover`], and hands each file on as soon as it is found, in no order to rely on.
///
/// # Errors
/// As [`discover`].
pub fn discover_each(
    options: &DiscoverOptions,
    on_file: &mut dyn FnMut(&File),
) -> Result<Discovered, DiscoverError> {
    let excludes = Excludes::new(options.exclude.as_deref(), &options.extend_exclude)?;
    Walker::new(options, excludes, on_file).run()
}
