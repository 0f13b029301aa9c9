//! Where the cache is, and what is told of it.

use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use hermetic_check::cache::{Cache, CacheError, Options, clean};
use hermetic_check::discover::display;

use crate::args::Args;
use hermetic_check::configuration::Failure;

const FOLDER: &str = ".hermetic_cache";
const VARIABLE: &str = "HERMETIC_CACHE_DIR";

/// Where facts are kept between runs.
#[derive(Debug)]
pub(crate) struct CachePlace {
    /// Whether they are wanted.
    wanted: bool,
    folder: PathBuf,
    /// The working directory: paths are shown relative to it.
    base: PathBuf,
    told: Once,
}

impl CachePlace {
    /// The folder that the command line or the environment names, or else one beside the
    /// configuration of the working directory, or in that itself. No configuration names it: what
    /// comes with a checkout must not say where files are written.
    pub(crate) fn new(args: &Args, configuration: Option<&Path>, base: &Path) -> Self {
        let variable = || env::var_os(VARIABLE).filter(|it| !it.is_empty()).map(PathBuf::from);
        let folder = if let Some(named) = args.cache.cache_dir.clone().or_else(variable) {
            let named = base.join(named);
            // A link that the user names is the user's.
            named.canonicalize().unwrap_or(named)
        } else {
            let found = configuration.filter(|_| args.config.is_none()).and_then(Path::parent);
            found.unwrap_or(base).join(FOLDER)
        };
        Self { wanted: !args.cache.no_cache, folder, base: base.to_owned(), told: Once::new() }
    }

    /// The cache, if there is to be one and can be one.
    pub(crate) fn open(&self) -> Option<Arc<Cache>> {
        if !self.wanted {
            return None;
        }
        let cache = secret_folder(|name| env::var_os(name)).ok_or_else(|| {
            let told = "belongs to nobody: XDG_CACHE_HOME and HOME are not set";
            CacheError::new(&self.folder, told)
        });
        let options = |secret| Options { folder: self.folder.clone(), secret };
        match cache.and_then(|secret| Cache::open(&options(secret))) {
            Ok(cache) => Some(Arc::new(cache)),
            Err(trouble) => {
                self.warn(&trouble);
                None
            }
        }
    }

    /// Tell what is wrong with the cache, once in a process.
    pub(crate) fn warn(&self, trouble: &CacheError) {
        self.told.call_once(|| {
            // Standard error may be closed; the run says the same without a cache.
            let _ = writeln!(
                io::stderr(),
                "warning: cache: {trouble} (findings are the same without it; --no-cache keeps \
                 none)"
            );
        });
    }

    /// Remove it; gives what to tell.
    pub(crate) fn clean(&self) -> Result<String, Failure> {
        let shown = display(&self.folder, Some(&self.base));
        Ok(match clean(&self.folder).map_err(Failure::new)? {
            Some(1) => format!("removed {shown}: 1 file"),
            Some(count) => format!("removed {shown}: {count} files"),
            None => format!("there is no {shown}"),
        })
    }
}

/// The user's own folder for secrets of caches, which no project brings along
/// (<https://specifications.freedesktop.org/basedir-spec/latest/>).
fn secret_folder(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = set("XDG_CACHE_HOME")
        .or_else(|| set("LOCALAPPDATA"))
        .or_else(|| set("HOME").map(|home| home.join(".cache")))?;
    Some(caches.join("hermetic"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn folder(args: &[&str], configuration: Option<&str>) -> PathBuf {
        let args = Args::try_parse_from([&["hermetic-check"], args].concat()).expect("valid");
        CachePlace::new(&args, configuration.map(Path::new), Path::new("/project/src")).folder
    }

    #[test]
    fn it_is_beside_the_configuration_or_where_the_user_says() {
        assert_eq!(folder(&[], None), Path::new("/project/src/.hermetic_cache"));
        let file = Some("/project/hermetic.toml");
        assert_eq!(folder(&[], file), Path::new("/project/.hermetic_cache"));
        let named = ["--config", "/project/hermetic.toml"];
        assert_eq!(folder(&named, file), Path::new("/project/src/.hermetic_cache"));
        assert_eq!(folder(&["--cache-dir", "a"], file), Path::new("/project/src/a"));
        assert_eq!(folder(&["--cache-dir", "/b"], file), Path::new("/b"));
    }

    #[test]
    fn the_secret_is_in_the_user_s_caches() {
        let of = |set: &[(&str, &str)]| {
            secret_folder(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).into())
            })
        };
        let home = ("HOME", "/users/a");
        assert_eq!(of(&[home]), Some("/users/a/.cache/hermetic".into()));
        assert_eq!(of(&[home, ("XDG_CACHE_HOME", "/c")]), Some("/c/hermetic".into()));
        assert_eq!(of(&[home, ("XDG_CACHE_HOME", "c")]), Some("/users/a/.cache/hermetic".into()));
        assert_eq!(of(&[]), None);
    }
}
