//! Finding and reading the configuration file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hermetic_check::discover::{Pattern, check_patterns};
use hermetic_policy::config::Config;
use hermetic_policy::{Level, PolicyOptions};

use crate::failure::Failure;
use crate::settings::{absolute_root, patterns};

const OWN: &str = "hermetic.toml";
const SHARED: &str = "pyproject.toml";

/// What a configuration file says, with its relative paths resolved.
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
}

/// The file named on the command line. Any name but `pyproject.toml` is read as `hermetic.toml`.
pub(crate) fn read(file: &Path, folder: &Path) -> Result<Configuration, Failure> {
    parse(&folder.join(file), file)?
        .ok_or_else(|| Failure::at(file.display(), "has no [tool.hermetic] table"))
}

/// The nearest file, from the folder upward: `hermetic.toml`, or a `pyproject.toml` that has
/// `[tool.hermetic]`.
pub(crate) fn search(folder: &Path) -> Result<Option<Configuration>, Failure> {
    for above in folder.ancestors() {
        for name in [OWN, SHARED] {
            let file = above.join(name);
            // A folder above may be closed to us: what cannot be seen is not there. What is
            // there and cannot be read is told.
            if !fs::metadata(&file).is_ok_and(|metadata| metadata.is_file()) {
                continue;
            }
            let shown = file.strip_prefix(folder).unwrap_or(&file);
            if let Some(configuration) = parse(&file, shown)? {
                return Ok(Some(configuration));
            }
        }
    }
    Ok(None)
}

/// Read one file; `None` for a `pyproject.toml` that is about other things.
fn parse(file: &Path, shown: &Path) -> Result<Option<Configuration>, Failure> {
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
    let folder = file.parent().unwrap_or(file);
    let configuration = config.map(|config| resolve(config, folder)).transpose()?;
    if let Some(Configuration { exclude, extend_exclude, .. }) = &configuration {
        for patterns in [exclude.as_ref(), Some(extend_exclude)].into_iter().flatten() {
            check_patterns(patterns).map_err(|error| Failure::at(shown.display(), error))?;
        }
    }
    Ok(configuration)
}

/// Relative paths and patterns count from the file's folder.
fn resolve(config: Config, folder: &Path) -> Result<Configuration, Failure> {
    let Config { mut policy, check } = config;
    policy.fs_root = policy.fs_root.map(|root| absolute_root(&root, folder)).transpose()?;
    Ok(Configuration {
        policy,
        levels: check.levels.into_iter().collect(),
        undecided: check.undecided,
        exclude: check.exclude.map(|globs| patterns(folder, &globs)),
        extend_exclude: patterns(folder, &check.extend_exclude),
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
}
