//! `exclude`, and the ignore files of git and its kin.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, gitconfig_excludes_path};

use super::read::read;
use super::{DEFAULT_EXCLUDE, DiscoverError, Pattern};

/// The configured patterns, in the order in which they were given: the last that says anything
/// about a path counts.
#[derive(Debug)]
pub(super) struct Excludes {
    /// [`DEFAULT_EXCLUDE`], unless it is replaced. They are names, without a folder.
    default: Gitignore,
    /// The user's own, which bind roots too.
    own: Vec<Group>,
}

/// Patterns one after the other that were written for the same folder.
#[derive(Debug)]
struct Group {
    /// Canonical.
    base: PathBuf,
    patterns: Gitignore,
}

impl Excludes {
    pub(super) fn new(
        exclude: Option<&[Pattern]>,
        extend: &[Pattern],
    ) -> Result<Self, DiscoverError> {
        let default = if exclude.is_none() { DEFAULT_EXCLUDE.as_slice() } else { &[] };
        let own: Vec<&Pattern> = exclude.unwrap_or_default().iter().chain(extend).collect();
        let groups = own.chunk_by(|one, next| one.base == next.base).map(Group::new);
        Ok(Self {
            default: patterns(Path::new(""), default.iter().copied())?,
            own: groups.collect::<Result<_, _>>()?,
        })
    }

    /// Whether an entry below a root is excluded; its folders are known not to be.
    pub(super) fn entry(&self, path: &Path, folder: bool) -> bool {
        self.own(|group| group.says(path, folder)).unwrap_or_else(|| {
            path.file_name().is_some_and(|name| self.default.matched(name, folder).is_ignore())
        })
    }

    /// Whether a root is excluded by the user's patterns, itself or with a folder above it. Above
    /// its base no pattern is asked.
    pub(super) fn root(&self, path: &Path, folder: bool) -> bool {
        let mut prefixes: Vec<&Path> = path.ancestors().collect();
        prefixes.reverse();
        prefixes.into_iter().any(|prefix| {
            let whole = prefix == path;
            let asked = |group: &Group| prefix != group.base && (whole || group.holds(prefix));
            let said =
                self.own(
                    |group| {
                        if asked(group) { group.says(prefix, folder || !whole) } else { None }
                    },
                );
            said == Some(true)
        })
    }

    fn own(&self, says: impl Fn(&Group) -> Option<bool>) -> Option<bool> {
        self.own.iter().rev().find_map(says)
    }
}

impl Group {
    fn new(of: &[&Pattern]) -> Result<Self, DiscoverError> {
        let base = of.first().map_or(Path::new(""), |pattern| pattern.base.as_path());
        let base = base.canonicalize().unwrap_or_else(|_| base.to_owned());
        let patterns = patterns(&base, of.iter().map(|pattern| pattern.glob.as_str()))?;
        Ok(Self { base, patterns })
    }

    fn holds(&self, path: &Path) -> bool {
        path != self.base && path.starts_with(&self.base)
    }

    fn says(&self, path: &Path, folder: bool) -> Option<bool> {
        let relative = if self.holds(path) { path.strip_prefix(&self.base).ok() } else { None };
        // Outside the base, and for the base itself, only a pattern that is a bare name can
        // match: none with a folder reaches there.
        let outside = || path.file_name().map(|name| Path::new("../..").join(name));
        let asked = relative.map(Path::to_owned).or_else(outside)?;
        says(Some(&self.patterns), &asked, folder)
    }
}

fn patterns<'p>(
    base: &Path,
    patterns: impl Iterator<Item = &'p str>,
) -> Result<Gitignore, DiscoverError> {
    let mut builder = GitignoreBuilder::new(base);
    builder.allow_unclosed_class(false);
    for pattern in patterns {
        let refused = |error: ignore::Error| DiscoverError::Pattern {
            pattern: pattern.to_owned(),
            detail: error.to_string(),
        };
        let anchored = pattern.strip_prefix("./").map(|rest| format!("/{rest}"));
        builder.add_line(None, anchored.as_deref().unwrap_or(pattern)).map_err(refused)?;
    }
    builder.build().map_err(|error| DiscoverError::Pattern {
        pattern: format!("all of {}", base.display()),
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
