//! Configuration files: found, read, and joined with what the command line or an editor says.
//!
//! Each file of a program obeys the configuration [nearest](Nearest) above it: a `hermetic.toml`,
//! or a `pyproject.toml` that has `[tool.hermetic]`. [`Flags`] add to what it says.

mod failure;
mod flags;
mod nearest;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hermetic_policy::config::{Config, ConfigError, DeclaredApi};
use hermetic_policy::{Level, PolicyOptions};

use crate::discover::{Pattern, Texts, check_patterns};

pub use self::failure::Failure;
pub use self::flags::{Chosen, Flags, Preference, absolute_paths, absolute_root, patterns};
pub use self::nearest::{Nearest, Resolved};

const OWN: &str = "hermetic.toml";
const SHARED: &str = "pyproject.toml";
const NO_TABLE: &str = "has no [tool.hermetic] table";

/// What a configuration file and those it extends say, with relative paths resolved.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// The policy; its root is absolute.
    pub policy: PolicyOptions,
    /// Levels by rule.
    pub levels: BTreeMap<&'static str, Level>,
    /// The level of what the policy cannot decide.
    pub undecided: Option<Level>,
    /// What to leave out instead of the default excludes.
    pub exclude: Option<Vec<Pattern>>,
    /// What else to leave out.
    pub extend_exclude: Vec<Pattern>,
    /// Rules that are suppressed in the files that match.
    pub ignores: Vec<(Pattern, Vec<&'static str>)>,
    /// Names that no rule knows, with what they reach.
    pub api: Vec<DeclaredApi>,
    /// The file that lists what was there before.
    pub baseline: Option<PathBuf>,
    /// The file.
    pub file: Option<PathBuf>,
}

/// The file named on the command line. Any name but `pyproject.toml` is read as `hermetic.toml`.
pub fn read(file: &Path, folder: &Path, texts: &dyn Texts) -> Result<Configuration, Failure> {
    parse(&folder.join(file), folder, texts, &mut Vec::new())?
        .ok_or_else(|| Failure::at(file.display(), NO_TABLE))
}

/// The nearest file, from the folder upward: `hermetic.toml`, or a `pyproject.toml` that has
/// `[tool.hermetic]`. Messages show it relative to `base`.
#[cfg(test)]
fn search(folder: &Path) -> Result<Option<Configuration>, Failure> {
    for above in folder.ancestors() {
        if let Some(configuration) = in_folder(above, folder, &crate::discover::Disk)? {
            return Ok(Some(configuration));
        }
    }
    Ok(None)
}

/// The file of this folder, if it has one. Messages show it relative to `base`.
pub(crate) fn in_folder(
    folder: &Path,
    base: &Path,
    texts: &dyn Texts,
) -> Result<Option<Configuration>, Failure> {
    for name in [OWN, SHARED] {
        let file = folder.join(name);
        // A folder above may be closed to us: what cannot be seen is not there. What is there and
        // cannot be read is told.
        if !texts.is_file(&file) {
            continue;
        }
        if let Some(configuration) = parse(&file, base, texts, &mut Vec::new())? {
            return Ok(Some(configuration));
        }
    }
    Ok(None)
}

/// Everything that is wrong with a configuration file.
pub fn check(file: &Path, base: &Path, texts: &dyn Texts) -> Vec<Failure> {
    let shown = file.strip_prefix(base).unwrap_or(file).to_owned();
    let text = texts.read(file).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(Err(errors)) = text.map(|text| config_of(file, &text)) {
        return errors.iter().map(|error| wrong(error, file, &shown)).collect();
    }
    // What only shows when it is put to use.
    let checked = parse(file, base, texts, &mut Vec::new()).and_then(|configuration| {
        let known = configuration.unwrap_or_default();
        Resolved::new(&Flags::default(), known).map(drop)
    });
    checked.err().map(|failure| failure.in_file(file, None)).into_iter().collect()
}

fn config_of(file: &Path, text: &str) -> Result<Option<Config>, Vec<ConfigError>> {
    if file.file_name().is_some_and(|name| name == SHARED) {
        Config::check_pyproject(text)
    } else {
        Config::check_hermetic_toml(text).map(Some)
    }
}

fn wrong(error: &ConfigError, file: &Path, shown: &Path) -> Failure {
    Failure::at(format_args!("{}:{}", shown.display(), error.place), error)
        .in_file(file, Some(error.place))
}

/// Read one file and what it extends; `None` for a `pyproject.toml` that is about other things.
/// `above` are the files that led here.
fn parse(
    file: &Path,
    base: &Path,
    texts: &dyn Texts,
    above: &mut Vec<PathBuf>,
) -> Result<Option<Configuration>, Failure> {
    let shown = file.strip_prefix(base).unwrap_or(file).to_owned();
    let whole = |failure: Failure| failure.in_file(file, None);
    let bytes = texts.read(file).map_err(|error| whole(Failure::at(shown.display(), error)))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| whole(Failure::at(shown.display(), "is not UTF-8")))?;
    let config = config_of(file, &text).map_err(|errors| match errors.first() {
        Some(error) => wrong(error, file, &shown),
        None => whole(Failure::at(shown.display(), "is not valid")),
    })?;
    let Some(config) = config else { return Ok(None) };
    let folder = file.parent().unwrap_or(file);
    let extend = config.extend.clone();
    let own = resolve(config, file, folder).map_err(whole)?;
    let globs = own.ignores.iter().map(|(pattern, _)| pattern);
    let globs: Vec<Pattern> =
        own.exclude.iter().flatten().chain(&own.extend_exclude).chain(globs).cloned().collect();
    check_patterns(&globs).map_err(|error| whole(Failure::at(shown.display(), error)))?;
    let Some(extend) = extend else { return Ok(Some(own)) };
    let place = format!("{}:{}", shown.display(), extend.place);
    let at_extend = |failure: Failure| failure.in_file(file, Some(extend.place));
    let other = folder.join(&extend.path);
    above.push(file.canonicalize().unwrap_or_else(|_| file.to_owned()));
    let real = other.canonicalize().map_err(|error| {
        let told = format_args!("`extend`: cannot read `{}`: {error}", extend.path).to_string();
        at_extend(Failure::at(&place, told))
    })?;
    if above.contains(&real) {
        let chain: Vec<String> = above
            .iter()
            .chain([&real])
            .map(|file| file.strip_prefix(base).unwrap_or(file).display().to_string())
            .collect();
        let message =
            format_args!("`extend` leads back to itself: {}", chain.join(" -> ")).to_string();
        return Err(at_extend(Failure::at(&place, message)));
    }
    let extended = parse(&real, base, texts, above)?.ok_or_else(|| {
        let told = format!("`extend`: `{}` {NO_TABLE}", extend.path);
        at_extend(Failure::at(&place, told))
    })?;
    Ok(Some(own.over(extended)))
}

impl Configuration {
    /// This file over one that it extends: what that denies stays denied, lists are joined, and
    /// what has one value takes it from here.
    fn over(self, base: Self) -> Self {
        // Taken apart in full, so that a new key cannot be forgotten here.
        let Self {
            policy,
            levels,
            undecided,
            exclude,
            extend_exclude,
            ignores,
            api,
            baseline,
            file,
        } = self;
        let joined = |mut first: Vec<Pattern>, then: Vec<Pattern>| {
            first.extend(then);
            first
        };
        let mut all = Self {
            policy: base.policy.union(policy),
            levels: base.levels,
            undecided: undecided.or(base.undecided),
            exclude: exclude.or(base.exclude),
            extend_exclude: joined(base.extend_exclude, extend_exclude),
            ignores: base.ignores,
            api: base.api,
            baseline: baseline.or(base.baseline),
            file,
        };
        all.levels.extend(levels);
        all.ignores.extend(ignores);
        all.api.extend(api);
        all
    }
}

/// Relative paths and patterns count from the file's folder.
fn resolve(config: Config, file: &Path, folder: &Path) -> Result<Configuration, Failure> {
    let Config { mut policy, check, extend: _, pytest: _ } = config;
    policy.fs_root = policy.fs_root.map(|root| absolute_root(&root, folder)).transpose()?;
    policy.allow_write = absolute_paths(&policy.allow_write, folder)?;
    let pattern = |glob: String| Pattern { base: folder.to_owned(), glob };
    let ignores = check.per_file_ignores.into_iter().map(|(glob, rules)| (pattern(glob), rules));
    Ok(Configuration {
        policy,
        levels: check.levels.into_iter().collect(),
        undecided: check.undecided,
        exclude: check.exclude.map(|globs| patterns(folder, &globs)),
        extend_exclude: patterns(folder, &check.extend_exclude),
        ignores: ignores.collect(),
        api: check.api,
        baseline: check.baseline.map(|path| folder.join(path)),
        file: Some(file.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::discover::Disk;

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().expect("inside")).expect("a folder");
            fs::write(file, text).expect("a file");
        }
        folder
    }

    #[test]
    fn the_nearest_file_that_is_about_us() {
        let folder = folder(&[
            ("pyproject.toml", "[tool.hermetic]\nno-network = true\nfs-readonly = 'data'\n"),
            ("a/pyproject.toml", "[tool.other]\n"),
            ("a/b/c.py", ""),
        ]);
        let found = search(&folder.path().join("a/b")).expect("valid").expect("found");
        assert!(found.policy.no_network);
        let data = folder.path().join("data");
        assert_eq!(found.policy.fs_root.as_deref(), data.to_str());
    }

    #[test]
    fn our_own_file_goes_before_the_shared_one() {
        let folder = folder(&[
            ("hermetic.toml", "[check]\nextend-exclude = ['x']\nundecided = 'warn'\n"),
            ("pyproject.toml", "[tool.hermetic]\nno-network = true\n"),
        ]);
        let found = search(folder.path()).expect("valid").expect("found");
        assert!(!found.policy.no_network);
        assert_eq!(found.undecided, Some(Level::Warn));
        assert_eq!(found.extend_exclude, patterns(folder.path(), &["x".into()]));
    }

    #[test]
    fn errors_name_the_place() {
        let folder = folder(&[("hermetic.toml", "[check]\n\n undecidd = 'warn'\n")]);
        let failure = search(folder.path()).expect_err("a typo").to_string();
        assert!(failure.starts_with("hermetic.toml:3:2: unknown key `undecidd`"), "{failure}");
        let failure = search(&folder.path().join("below")).expect_err("a typo").to_string();
        let full = folder.path().join("hermetic.toml");
        assert!(failure.starts_with(&format!("{}:3:2: ", full.display())), "{failure}");
    }

    #[test]
    fn a_named_file_has_to_be_there_and_about_us() {
        let folder = folder(&[("pyproject.toml", ""), ("other.toml", "no-env = true")]);
        let read = |name: &str| read(Path::new(name), folder.path(), &Disk);
        assert!(read("other.toml").expect("valid").policy.no_environment);
        let failure = read("pyproject.toml").expect_err("not about us").to_string();
        assert_eq!(failure, "pyproject.toml: has no [tool.hermetic] table");
        let failure = read("missing.toml").expect_err("not there").to_string();
        assert!(failure.starts_with("missing.toml: "), "{failure}");
    }

    #[test]
    fn a_file_adds_to_what_it_extends() {
        let folder = folder(&[
            (
                "hermetic.toml",
                "extend = 'base/b.toml'\nno-env = true\n[check]\nundecided = 'warn'\n[check.levels]\nnetwork-connect = 'off'\n",
            ),
            (
                "base/b.toml",
                "no-network = true\n[check]\nextend-exclude = ['x']\nundecided = 'error'\n[check.levels]\nnetwork-connect = 'warn'\nfile-write = 'warn'\n",
            ),
        ]);
        let found = search(folder.path()).expect("valid").expect("found");
        assert!(found.policy.no_network && found.policy.no_environment);
        assert_eq!(found.undecided, Some(Level::Warn));
        assert_eq!(found.levels["network-connect"], Level::Off);
        assert_eq!(found.levels["file-write"], Level::Warn);
        assert_eq!(
            found.extend_exclude[0].base,
            folder.path().canonicalize().expect("there").join("base")
        );
    }

    #[test]
    fn what_cannot_be_extended_is_told() {
        let folder = folder(&[
            ("hermetic.toml", "extend = 'b.toml'\n"),
            ("b.toml", "\n extend = 'hermetic.toml'\n"),
            ("c.toml", "extend = 'none.toml'\n"),
            ("d.toml", "extend = 'pyproject.toml'\n"),
            ("pyproject.toml", ""),
        ]);
        let base = folder.path().canonicalize().expect("there");
        for (file, told) in [
            (
                "hermetic.toml",
                "b.toml:2:11: `extend` leads back to itself: hermetic.toml -> b.toml -> hermetic.toml",
            ),
            ("c.toml", "c.toml:1:10: `extend`: cannot read `none.toml`: "),
            ("d.toml", "d.toml:1:10: `extend`: `pyproject.toml` has no [tool.hermetic] table"),
        ] {
            let failure = read(Path::new(file), &base, &Disk).expect_err(file).to_string();
            assert!(failure.starts_with(told), "{failure}");
        }
    }
}
