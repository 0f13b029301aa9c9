//! `exclude`, and the ignore files of git and its kin.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, gitconfig_excludes_path};

use super::read::read;
use super::{DEFAULT_EXCLUDE, DiscoverError};

/// The configured patterns.
pub(super) struct Excludes {
    /// Canonical.
    base: PathBuf,
    /// All, for what is below a root.
    all: Gitignore,
    /// The user's own, which bind roots too.
    own: Gitignore,
}

impl Excludes {
    pub(super) fn new(
        base: PathBuf,
        exclude: Option<&[String]>,
        extend: &[String],
    ) -> Result<Self, DiscoverError> {
        let own: Vec<&str> =
            exclude.unwrap_or_default().iter().chain(extend).map(String::as_str).collect();
        let default = if exclude.is_none() { DEFAULT_EXCLUDE.as_slice() } else { &[] };
        let all: Vec<&str> = default.iter().chain(&own).copied().collect();
        Ok(Self { all: patterns(&base, &all)?, own: patterns(&base, &own)?, base })
    }

    /// Whether an entry below a root is excluded; its folders are known not to be.
    pub(super) fn entry(&self, path: &Path, folder: bool) -> bool {
        self.matches(&self.all, path, folder)
    }

    /// Whether a root is excluded by the user's patterns, itself or with a folder above it.
    pub(super) fn root(&self, path: &Path, folder: bool) -> bool {
        if path == self.base {
            return false;
        }
        let Ok(relative) = path.strip_prefix(&self.base) else {
            return self.matches(&self.own, path, folder);
        };
        let mut at = self.base.clone();
        let last = relative.components().count();
        relative.components().enumerate().any(|(number, component)| {
            at.push(component);
            self.matches(&self.own, &at, folder || number + 1 < last)
        })
    }

    fn matches(&self, patterns: &Gitignore, path: &Path, folder: bool) -> bool {
        // Outside the base, and for the base itself, only patterns without a folder can match.
        let relative = path.strip_prefix(&self.base).ok();
        let relative = relative.filter(|relative| !relative.as_os_str().is_empty());
        let relative = relative.or_else(|| path.file_name().map(Path::new));
        relative.is_some_and(|relative| patterns.matched(relative, folder).is_ignore())
    }
}

fn patterns(base: &Path, patterns: &[&str]) -> Result<Gitignore, DiscoverError> {
    let mut builder = GitignoreBuilder::new(base);
    builder.allow_unclosed_class(false);
    for pattern in patterns {
        let refused = |error: ignore::Error| DiscoverError::Pattern {
            pattern: (*pattern).to_owned(),
            detail: error.to_string(),
        };
        let anchored = pattern.strip_prefix("./").map(|rest| format!("/{rest}"));
        builder.add_line(None, anchored.as_deref().unwrap_or(pattern)).map_err(refused)?;
    }
    builder.build().map_err(|error| DiscoverError::Pattern {
        pattern: patterns.join(" "),
        detail: error.to_string(),
    })
}

/// The ignore files of one folder and, by the link, those of the folders above it.
pub(super) struct Level {
    above: Option<Arc<Self>>,
    /// `.ignore`.
    ignore: Option<Gitignore>,
    /// `.gitignore`.
    gitignore: Option<Gitignore>,
    /// The repository this folder is in.
    repository: Option<Arc<Repository>>,
    /// Whether it is the repository's top folder, above which `.gitignore` does not count.
    top: bool,
}

/// What counts in all of a repository.
struct Repository {
    /// `.git/info/exclude`.
    info: Option<Gitignore>,
    /// Git's `core.excludesFile`.
    global: Option<Gitignore>,
}

impl Level {
    /// The levels of the folders above a canonical one, itself not among them.
    pub(super) fn above(folder: &Path) -> Option<Arc<Self>> {
        let mut level = None;
        let mut folders: Vec<&Path> = folder.ancestors().skip(1).collect();
        folders.reverse();
        for folder in folders {
            let exists = |name: &str| folder.join(name).symlink_metadata().is_ok();
            level = Self::enter(level, folder, exists);
        }
        level
    }

    /// The level of a folder in which the names are as `exists` says.
    pub(super) fn enter(
        above: Option<Arc<Self>>,
        folder: &Path,
        exists: impl Fn(&str) -> bool,
    ) -> Option<Arc<Self>> {
        let (top, ignore, gitignore) = (exists(".git"), exists(".ignore"), exists(".gitignore"));
        if !top && !ignore && !gitignore {
            return above;
        }
        let file = |there: bool, name: &str| {
            if there { file_patterns(folder, &folder.join(name)) } else { None }
        };
        let repository = if top {
            let info = file_patterns(folder, &folder.join(".git/info/exclude"));
            let global = gitconfig_excludes_path().and_then(|path| file_patterns(folder, &path));
            Some(Arc::new(Repository { info, global }))
        } else {
            above.as_ref().and_then(|above| above.repository.clone())
        };
        Some(Arc::new(Self {
            ignore: file(ignore, ".ignore"),
            gitignore: file(gitignore, ".gitignore"),
            repository,
            top,
            above,
        }))
    }

    /// Whether an entry is ignored; its folders are known not to be. The deepest file that says
    /// anything counts, `.ignore` before those of git.
    pub(super) fn ignores(&self, path: &Path, folder: bool) -> bool {
        let mut levels = self.levels();
        let said = levels.find_map(|level| says(level.ignore.as_ref(), path, folder));
        let said = said.or_else(|| {
            let repository = self.repository.as_ref()?;
            let mut outside = false;
            self.levels()
                .take_while(|level| !core::mem::replace(&mut outside, level.top))
                .find_map(|level| says(level.gitignore.as_ref(), path, folder))
                .or_else(|| says(repository.info.as_ref(), path, folder))
                .or_else(|| says(repository.global.as_ref(), path, folder))
        });
        said.unwrap_or(false)
    }

    fn levels(&self) -> impl Iterator<Item = &Self> {
        core::iter::successors(Some(self), |level| level.above.as_deref())
    }
}

fn says(patterns: Option<&Gitignore>, path: &Path, folder: bool) -> Option<bool> {
    match patterns?.matched(path, folder) {
        Match::None => None,
        Match::Ignore(_) => Some(true),
        Match::Whitelist(_) => Some(false),
    }
}

/// `None` where there is nothing to read or no pattern in it. As with git, a line that is no
/// pattern is passed over.
fn file_patterns(folder: &Path, file: &Path) -> Option<Gitignore> {
    let bytes = read(file).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut builder = GitignoreBuilder::new(folder);
    for line in text.trim_start_matches('\u{feff}').lines() {
        let _ = builder.add_line(None, line);
    }
    builder.build().ok().filter(|patterns| !patterns.is_empty())
}
