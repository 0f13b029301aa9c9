//! Finding and reading the configuration file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hermetic_check::discover::{Pattern, check_patterns};
use hermetic_policy::config::{Config, DeclaredApi};
use hermetic_policy::{Level, PolicyOptions};

use crate::failure::Failure;
use crate::settings::{absolute_paths, absolute_root, patterns};

const OWN: &str = "hermetic.toml";
const SHARED: &str = "pyproject.toml";
const NO_TABLE: &str = "has no [tool.hermetic] table";

/// What a configuration file and those it extends say, with relative paths resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configuration {
    /// The policy; its root is absolute.
    pub(crate) policy: PolicyOptions,
    /// Levels by rule.
    pub(crate) levels: BTreeMap<&'static str, Level>,
    /// The level of what the policy cannot decide.
    pub(crate) undecided: Option<Level>,
    /// What to leave out instead of the default excludes.
    pub(crate) exclude: Option<Vec<Pattern>>,
    /// What else to leave out.
    pub(crate) extend_exclude: Vec<Pattern>,
    /// Rules that are suppressed in the files that match.
    pub(crate) ignores: Vec<(Pattern, Vec<&'static str>)>,
    /// Names that no rule knows, with what they reach.
    pub(crate) api: Vec<DeclaredApi>,
    /// The file that lists what was there before.
    pub(crate) baseline: Option<PathBuf>,
    /// The file.
    pub(crate) file: Option<PathBuf>,
}

/// The file named on the command line. Any name but `pyproject.toml` is read as `hermetic.toml`.
pub(crate) fn read(file: &Path, folder: &Path) -> Result<Configuration, Failure> {
    parse(&folder.join(file), folder, &mut Vec::new())?
        .ok_or_else(|| Failure::at(file.display(), NO_TABLE))
}

/// The nearest file, from the folder upward: `hermetic.toml`, or a `pyproject.toml` that has
/// `[tool.hermetic]`. Messages show it relative to `base`.
#[cfg(test)]
fn search(folder: &Path) -> Result<Option<Configuration>, Failure> {
    for above in folder.ancestors() {
        if let Some(configuration) = in_folder(above, folder)? {
            return Ok(Some(configuration));
        }
    }
    Ok(None)
}

/// The file of this folder, if it has one. Messages show it relative to `base`.
pub(crate) fn in_folder(folder: &Path, base: &Path) -> Result<Option<Configuration>, Failure> {
    for name in [OWN, SHARED] {
        let file = folder.join(name);
        // A folder above may be closed to us: what cannot be seen is not there. What is there and
        // cannot be read is told.
        if !fs::metadata(&file).is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        if let Some(configuration) = parse(&file, base, &mut Vec::new())? {
            return Ok(Some(configuration));
        }
    }
    Ok(None)
}

/// Read one file and what it extends; `None` for a `pyproject.toml` that is about other things.
/// `above` are the files that led here.
fn parse(
    file: &Path,
    base: &Path,
    above: &mut Vec<PathBuf>,
) -> Result<Option<Configuration>, Failure> {
    let shown = file.strip_prefix(base).unwrap_or(file).to_owned();
    let bytes = fs::read(file).map_err(|error| Failure::at(shown.display(), error))?;
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::at(shown.display(), "is not UTF-8"))?;
    let config = if file.file_name().is_some_and(|name| name == SHARED) {
        Config::from_pyproject(&text)
    } else {
        Config::from_hermetic_toml(&text).map(Some)
    };
    let config = config.map_err(|error| {
        Failure::at(format_args!("{}:{}", shown.display(), error.place), &error)
    })?;
    let Some(config) = config else { return Ok(None) };
    let folder = file.parent().unwrap_or(file);
    let extend = config.extend.clone();
    let own = resolve(config, file, folder)?;
    let globs = own.ignores.iter().map(|(pattern, _)| pattern);
    let globs: Vec<Pattern> =
        own.exclude.iter().flatten().chain(&own.extend_exclude).chain(globs).cloned().collect();
    check_patterns(&globs).map_err(|error| Failure::at(shown.display(), error))?;
    let Some(extend) = extend else { return Ok(Some(own)) };
    let place = format!("{}:{}", shown.display(), extend.place);
    let other = folder.join(&extend.path);
    above.push(file.canonicalize().unwrap_or_else(|_| file.to_owned()));
    let real = other.canonicalize().map_err(|error| {
        Failure::at(&place, format_args!("`extend`: cannot read `{}`: {error}", extend.path))
    })?;
    if above.contains(&real) {
        let chain: Vec<String> = above
            .iter()
            .chain([&real])
            .map(|file| file.strip_prefix(base).unwrap_or(file).display().to_string())
            .collect();
        let message =
            format_args!("`extend` leads back to itself: {}", chain.join(" -> ")).to_string();
        return Err(Failure::at(&place, message));
    }
    let extended = parse(&real, base, above)?.ok_or_else(|| {
        Failure::at(&place, format_args!("`extend`: `{}` {NO_TABLE}", extend.path))
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
    use tempfile::TempDir;

    use super::*;

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
        let read = |name: &str| read(Path::new(name), folder.path());
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
            let failure = read(Path::new(file), &base).expect_err(file).to_string();
            assert!(failure.starts_with(told), "{failure}");
        }
    }
}
