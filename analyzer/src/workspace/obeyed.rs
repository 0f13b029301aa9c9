//! The configurations of a folder: the nearest for each file, and the last good one where a file
//! is broken while it is edited.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::baseline::{Baseline, Surroundings};
use crate::configuration::{Configuration, Failure, Flags, Nearest, Resolved};
use crate::discover::{self, Disk, Texts};
use crate::judge::Judgement;
use crate::project::Applies;
use crate::report::{FileReport, Report};

/// Configuration files, those that an editor has open over those on the disk.
#[derive(Debug, Default)]
pub(super) struct Overlay(RwLock<BTreeMap<PathBuf, Arc<str>>>);

impl Overlay {
    /// Take a text, or none; whether that is another than before.
    pub(super) fn set(&self, path: PathBuf, text: Option<Arc<str>>) -> bool {
        let mut texts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if texts.get(&path) == text.as_ref() {
            return false;
        }
        match text {
            Some(text) => texts.insert(path, text),
            None => texts.remove(&path),
        };
        true
    }

    fn get(&self, path: &Path) -> Option<Arc<str>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }
}

impl Texts for Overlay {
    fn is_file(&self, path: &Path) -> bool {
        self.get(path).is_some() || Disk.is_file(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.get(path) {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => Disk.read(path),
        }
    }
}

/// What the files below a folder obey.
#[derive(Debug)]
pub(super) struct Obeyed {
    pub(super) base: PathBuf,
    nearest: Nearest,
    /// What was wrong, by the file it was asked for.
    failures: Mutex<BTreeMap<PathBuf, Failure>>,
    /// Configurations that were read without a failure, now or before, by folder.
    good: Mutex<BTreeMap<PathBuf, Arc<Resolved>>>,
    baseline: Option<(PathBuf, Baseline)>,
}

impl Obeyed {
    /// Read the configuration of a folder; where it is broken, `before` goes on.
    pub(super) fn new(
        base: &Path,
        flags: &Flags,
        overlay: &Arc<Overlay>,
        before: Option<&Arc<Self>>,
    ) -> Self {
        let texts = || Arc::clone(overlay) as Arc<dyn Texts>;
        let good =
            before.map(|before| before.good.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let mut failures = BTreeMap::new();
        let last = before.map(|before| before.nearest.common().configuration.clone());
        let (mut nearest, failure) =
            Nearest::search_or(flags.clone(), base, texts(), last.unwrap_or_default());
        if let Some(failure) = failure {
            failures.insert(base.to_owned(), failure);
        }
        let mut baseline = None;
        if let Some(path) = nearest.common().configuration.baseline.clone() {
            match read_baseline(overlay, &path) {
                Ok(read) => baseline = Some((path, read)),
                Err(failure) => drop(failures.insert(path, failure)),
            }
            let with = Flags { fingerprints: true, ..flags.clone() };
            let configuration = nearest.common().configuration.clone();
            nearest = Nearest::search_or(with, base, texts(), configuration).0;
        }
        Self {
            base: base.to_owned(),
            nearest,
            failures: Mutex::new(failures),
            good: Mutex::new(good.unwrap_or_default()),
            baseline,
        }
    }

    /// What applies to a file, and how it is judged.
    pub(super) fn applies(&self, path: &Path) -> (Applies, Arc<Judgement>, Option<PathBuf>) {
        let folder = path.parent().unwrap_or(path);
        let found = self.nearest.of_file(path);
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        let resolved = match found {
            Ok(resolved) => {
                good.insert(folder.to_owned(), Arc::clone(&resolved));
                Some(resolved)
            }
            Err(failure) => {
                let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.insert(folder.to_owned(), failure);
                folder.ancestors().find_map(|folder| good.get(folder)).cloned()
            }
        };
        let Some(resolved) = resolved else {
            let common = self.nearest.common();
            let file = common.configuration.file.clone();
            return (Applies::default(), Arc::clone(&common.judgement), file);
        };
        let file = resolved.configuration.file.clone();
        (self.nearest.applies(&resolved, path), Arc::clone(&resolved.judgement), file)
    }

    /// The configuration of the folder itself.
    pub(super) fn common(&self) -> &Configuration {
        &self.nearest.common().configuration
    }

    /// How files of the folder itself are judged.
    pub(super) fn judgement(&self) -> &Arc<Judgement> {
        &self.nearest.common().judgement
    }

    pub(super) fn failures(&self) -> Vec<Failure> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.values().cloned().collect()
    }

    /// A report without what the baseline lists.
    pub(super) fn without_baselined(&self, report: FileReport) -> FileReport {
        let Some((path, baseline)) = &self.baseline else { return report };
        let folder = path.parent().unwrap_or(path);
        let mut whole = Report { files: vec![report], ..Report::default() };
        baseline.apply(&mut whole, &Around { folder });
        whole.files.pop().unwrap_or_default()
    }
}

fn read_baseline(overlay: &Overlay, path: &Path) -> Result<Baseline, Failure> {
    let failed = |problem: String| Failure::at(path.display(), problem).in_file(path, None);
    let bytes = overlay.read(path).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| failed("is no baseline: it is not UTF-8".to_owned()))?;
    Baseline::from_json(&text).map_err(|error| failed(error.to_string()))
}

/// Paths count from the folder the baseline is in.
struct Around<'p> {
    folder: &'p Path,
}

impl Surroundings for Around<'_> {
    fn path(&self, file: &FileReport) -> String {
        let path = file.source.clone().unwrap_or_else(|| PathBuf::from(&file.path));
        discover::display(&path, Some(self.folder))
    }

    fn is_gone(&self, path: &str) -> bool {
        self.folder.join(path).symlink_metadata().is_err()
    }

    fn would_tell(&self, _: &str, _: &'static hermetic_policy::Rule) -> bool {
        // Stale entries are not told in an editor.
        false
    }
}
