//! The configuration of each file: the nearest above it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::{Configuration, Failure, Flags, in_folder};
use crate::discover::{Disk, Globs, Pattern, Texts};
use crate::judge::Judgement;
use crate::project::{Applies, PerFile};

/// What a configuration comes to, once the command line is added.
#[derive(Debug)]
pub struct Resolved {
    /// As configured.
    pub configuration: Configuration,
    /// How its files are judged.
    pub judgement: Arc<Judgement>,
    ignores: Vec<(Globs, Vec<&'static str>)>,
    /// What it leaves out.
    excludes: Option<Globs>,
}

impl Resolved {
    /// Read the patterns, and build the policy.
    ///
    /// # Errors
    /// Where a pattern or the policy is none.
    pub fn new(flags: &Flags, configuration: Configuration) -> Result<Self, Failure> {
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

    /// Of no configuration at all: nothing is denied.
    fn open() -> Self {
        Self {
            configuration: Configuration::default(),
            judgement: Arc::default(),
            ignores: Vec::new(),
            excludes: None,
        }
    }

    fn ignored(&self, file: &Path) -> Vec<&'static str> {
        let matching = self.ignores.iter().filter(|(globs, _)| globs.matches(file));
        matching.flat_map(|(_, rules)| rules.iter().copied()).collect()
    }
}

/// Configurations by folder, read when the first file of the folder is.
#[derive(Debug)]
pub struct Nearest {
    flags: Flags,
    /// The working directory.
    base: PathBuf,
    /// For the working directory, and for all files where one configuration was asked for.
    common: Arc<Resolved>,
    searches: bool,
    texts: Arc<dyn Texts>,
    folders: RwLock<HashMap<PathBuf, Arc<Resolved>>>,
    /// What was wrong with configurations, by folder.
    failures: Mutex<BTreeMap<PathBuf, Failure>>,
}

impl Nearest {
    /// One configuration for all files.
    ///
    /// # Errors
    /// Where its patterns or its policy are none.
    pub fn fixed(flags: Flags, base: &Path, only: Configuration) -> Result<Self, Failure> {
        let common = Arc::new(Resolved::new(&flags, only)?);
        Ok(Self {
            flags,
            base: base.to_owned(),
            common,
            searches: false,
            texts: Arc::new(Disk),
            folders: RwLock::default(),
            failures: Mutex::default(),
        })
    }

    /// The nearest one for each file.
    ///
    /// # Errors
    /// Where that of the working directory is none.
    pub fn search(flags: Flags, base: &Path) -> Result<Self, Failure> {
        Self::search_in(flags, base, Arc::new(Disk))
    }

    /// The same, with files from elsewhere than the disk.
    ///
    /// # Errors
    /// Where that of the working directory is none.
    pub fn search_in(flags: Flags, base: &Path, texts: Arc<dyn Texts>) -> Result<Self, Failure> {
        let none = Self { texts, ..Self::fixed(flags, base, Configuration::default())? };
        let common = none.of_folder(base)?;
        Ok(Self { common, searches: true, ..none })
    }

    /// The same, with another configuration for the working directory where its own is broken,
    /// and what is wrong with that.
    pub fn search_or(
        flags: Flags,
        base: &Path,
        texts: Arc<dyn Texts>,
        otherwise: Configuration,
    ) -> (Self, Option<Failure>) {
        match Self::search_in(flags.clone(), base, Arc::clone(&texts)) {
            Ok(nearest) => (nearest, None),
            Err(failure) => {
                let common = Resolved::new(&flags, otherwise).unwrap_or_else(|_| Resolved::open());
                let nearest = Self {
                    flags,
                    base: base.to_owned(),
                    common: Arc::new(common),
                    searches: true,
                    texts,
                    folders: RwLock::default(),
                    failures: Mutex::default(),
                };
                (nearest, Some(failure))
            }
        }
    }

    /// The same with other flags; nothing has been asked of it yet.
    ///
    /// # Errors
    /// As it was made.
    pub fn with_flags(&self, flags: Flags) -> Result<Self, Failure> {
        if self.searches {
            return Self::search_in(flags, &self.base, Arc::clone(&self.texts));
        }
        Self::fixed(flags, &self.base, self.common.configuration.clone())
    }

    /// What the command line says.
    pub fn flags(&self) -> &Flags {
        &self.flags
    }

    /// The configuration of the working directory.
    pub fn common(&self) -> &Resolved {
        &self.common
    }

    /// The configuration of a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_file(&self, file: &Path) -> Result<Arc<Resolved>, Failure> {
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
        if !self.flags.chosen.searches() {
            // One for all: the folder analysed stands for the others.
            let found = match known(&self.base) {
                Some(found) => found,
                None => self.named()?,
            };
            let mut folders = self.folders.write().unwrap_or_else(PoisonError::into_inner);
            let found = folders.entry(self.base.clone()).or_insert(found).clone();
            return Ok(folders.entry(folder.to_owned()).or_insert(found).clone());
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
            if let Some(configuration) = in_folder(above, &self.base, self.texts.as_ref())? {
                let file = configuration.file.clone();
                let resolved = Resolved::new(&self.flags, configuration);
                found = Some(Arc::new(resolved.map_err(|failure| match file {
                    Some(file) => failure.in_file(&file, None),
                    None => failure,
                })?));
                break;
            }
        }
        let found = match found {
            Some(found) => found,
            None => self.named()?,
        };
        let mut folders = self.folders.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster; all files of a folder share one.
        let found = folders.get(&real).map_or(found, Arc::clone);
        for folder in passed {
            folders.entry(folder.to_owned()).or_insert_with(|| Arc::clone(&found));
        }
        Ok(found)
    }

    /// The configuration that somebody named, or none.
    fn named(&self) -> Result<Arc<Resolved>, Failure> {
        let configuration = match &self.flags.chosen.file {
            Some(file) => super::read(file, &self.base, self.texts.as_ref())
                .map_err(|failure| failure.in_file(&self.base.join(file), None))?,
            None => Configuration::default(),
        };
        Ok(Arc::new(Resolved::new(&self.flags, configuration)?))
    }

    /// Whether no configuration that was read denies anything.
    pub fn is_open(&self) -> bool {
        let folders = self.folders.read().unwrap_or_else(PoisonError::into_inner);
        let mut all = folders.values().chain([&self.common]);
        all.all(|resolved| resolved.judgement.policy.is_empty())
    }

    /// The first thing that was wrong with a configuration on the way.
    pub fn failure(&self) -> Option<Failure> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.pop_first().map(|(_, failure)| failure)
    }
}

impl PerFile for Nearest {
    fn of(&self, path: &Path) -> Applies {
        match self.of_file(path) {
            Ok(resolved) => self.applies(&resolved, path),
            Err(failure) => {
                let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.insert(path.to_owned(), failure);
                Applies { excluded: true, ..Applies::default() }
            }
        }
    }
}

impl Nearest {
    /// What a configuration comes to for a file.
    pub fn applies(&self, resolved: &Arc<Resolved>, path: &Path) -> Applies {
        let file = self.base.join(path);
        let common = Arc::ptr_eq(resolved, &self.common);
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
