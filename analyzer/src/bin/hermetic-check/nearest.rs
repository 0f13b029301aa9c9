//! The configuration of each file: the nearest above it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hermetic_check::discover::{Globs, Pattern};
use hermetic_check::judge::Judgement;
use hermetic_check::project::{Applies, PerFile};

use crate::configuration::{self, Configuration};
use crate::failure::Failure;
use crate::settings::Flags;

/// What a configuration comes to, once the command line is added.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// As configured.
    pub(crate) configuration: Configuration,
    /// How its files are judged.
    pub(crate) judgement: Arc<Judgement>,
    ignores: Vec<(Globs, Vec<&'static str>)>,
    /// What it leaves out.
    excludes: Option<Globs>,
}

impl Resolved {
    pub(crate) fn new(flags: &Flags, configuration: Configuration) -> Result<Self, Failure> {
        let judgement = Arc::new(flags.judgement(&configuration)?);
        let glob = |(pattern, rules): &(Pattern, Vec<&'static str>)| {
            Ok((Globs::new(std::slice::from_ref(pattern)).map_err(Failure::new)?, rules.clone()))
        };
        let ignores = configuration.ignores.iter().map(glob).collect::<Result<_, Failure>>()?;
        let excludes: Vec<Pattern> = configuration
            .exclude
            .iter()
            .flatten()
            .chain(&configuration.extend_exclude)
            .cloned()
            .collect();
        let excludes = if excludes.is_empty() {
            None
        } else {
            Some(Globs::new(&excludes).map_err(Failure::new)?)
        };
        Ok(Self { configuration, judgement, ignores, excludes })
    }

    fn ignored(&self, file: &Path) -> Vec<&'static str> {
        let matching = self.ignores.iter().filter(|(globs, _)| globs.matches(file));
        matching.flat_map(|(_, rules)| rules.iter().copied()).collect()
    }
}

/// Configurations by folder, read when the first file of the folder is.
#[derive(Debug)]
pub(crate) struct Nearest {
    flags: Flags,
    /// The working directory.
    base: PathBuf,
    /// For the working directory, and for all files where one configuration was asked for.
    common: Arc<Resolved>,
    searches: bool,
    folders: RwLock<HashMap<PathBuf, Arc<Resolved>>>,
    /// What was wrong with configurations, by folder.
    failures: Mutex<BTreeMap<PathBuf, Failure>>,
}

impl Nearest {
    /// One configuration for all files.
    pub(crate) fn fixed(flags: Flags, base: &Path, only: Configuration) -> Result<Self, Failure> {
        let common = Arc::new(Resolved::new(&flags, only)?);
        Ok(Self {
            flags,
            base: base.to_owned(),
            common,
            searches: false,
            folders: RwLock::default(),
            failures: Mutex::default(),
        })
    }

    /// The nearest one for each file.
    pub(crate) fn search(flags: Flags, base: &Path) -> Result<Self, Failure> {
        let none = Self::fixed(flags, base, Configuration::default())?;
        let common = none.of_folder(base)?;
        Ok(Self { common, searches: true, ..none })
    }

    /// The same with other flags; nothing has been asked of it yet.
    pub(crate) fn with_flags(&self, flags: Flags) -> Result<Self, Failure> {
        if self.searches {
            return Self::search(flags, &self.base);
        }
        Self::fixed(flags, &self.base, self.common.configuration.clone())
    }

    /// What the command line says.
    pub(crate) fn flags(&self) -> &Flags {
        &self.flags
    }

    /// The configuration of the working directory.
    pub(crate) fn common(&self) -> &Resolved {
        &self.common
    }

    /// The configuration of a file.
    pub(crate) fn of_file(&self, file: &Path) -> Result<Arc<Resolved>, Failure> {
        if !self.searches {
            return Ok(Arc::clone(&self.common));
        }
        let file = self.base.join(file);
        self.of_folder(file.parent().unwrap_or(&self.base))
    }

    fn of_folder(&self, folder: &Path) -> Result<Arc<Resolved>, Failure> {
        let known = |folder: &Path| {
            let folders = self.folders.read().unwrap_or_else(PoisonError::into_inner);
            folders.get(folder).map(Arc::clone)
        };
        if let Some(known) = known(folder) {
            return Ok(known);
        }
        // `a/../b` has `b` and what is above the real one above it.
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let mut found = None;
        let mut passed = vec![folder];
        for above in real.ancestors() {
            found = known(above);
            if found.is_some() {
                break;
            }
            passed.push(above);
            if let Some(configuration) = configuration::in_folder(above, &self.base)? {
                found = Some(Arc::new(Resolved::new(&self.flags, configuration)?));
                break;
            }
        }
        let found = match found {
            Some(found) => found,
            None => Arc::new(Resolved::new(&self.flags, Configuration::default())?),
        };
        let mut folders = self.folders.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster; all files of a folder share one.
        let found = folders.get(&real).map_or(found, Arc::clone);
        for folder in passed {
            folders.entry(folder.to_owned()).or_insert_with(|| Arc::clone(&found));
        }
        Ok(found)
    }

    /// Whether no configuration that was read denies anything.
    pub(crate) fn is_open(&self) -> bool {
        let folders = self.folders.read().unwrap_or_else(PoisonError::into_inner);
        let mut all = folders.values().chain([&self.common]);
        all.all(|resolved| resolved.judgement.policy.is_empty())
    }

    /// The first thing that was wrong with a configuration on the way.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.pop_first().map(|(_, failure)| failure)
    }
}

impl PerFile for Nearest {
    fn of(&self, path: &Path) -> Applies {
        let resolved = match self.of_file(path) {
            Ok(resolved) => resolved,
            Err(failure) => {
                let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.insert(path.to_owned(), failure);
                return Applies { excluded: true, ..Applies::default() };
            }
        };
        let file = self.base.join(path);
        let common = Arc::ptr_eq(&resolved, &self.common);
        // The walk has asked the working directory's.
        let excluded =
            !common && resolved.excludes.as_ref().is_some_and(|globs| globs.matches(&file));
        Applies {
            judgement: (!common).then(|| Arc::clone(&resolved.judgement)),
            ignored: resolved.ignored(&file),
            excluded,
        }
    }
}
