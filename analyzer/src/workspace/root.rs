//! A folder: its files as they are on the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hermetic_policy::Capability;
use rayon::prelude::*;
use rustc_hash::FxHashSet;

use super::Snapshot;
use super::document::{Settings, look_at};
use super::joined::{Joined, Taking};
use super::obeyed::Obeyed;
use super::reach::Reached;
use crate::detect::Linking;
use crate::diagnostic::Span;
use crate::discover::{self, DiscoverOptions, Discovered, File, Stamp, stamp};
use crate::judge::Judgement;
use crate::project::Outcome;
use crate::project::first_party::first_party;
use crate::report::FileReport;
use crate::source::{Unanalysed, decode};
use crate::summary::links::Links;
use crate::suppress;

/// One folder. It does not change; what happens to it makes another.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) folder: PathBuf,
    pub(super) obeyed: Arc<Obeyed>,
    /// `None` until it was scanned.
    pub(super) files: Option<Arc<Files>>,
    /// The program as it was joined last.
    joined: Arc<Mutex<Option<Arc<Joined>>>>,
    /// What its functions reach, once somebody has asked.
    pub(super) reached: Mutex<Option<Reached>>,
    /// Judgements that hang on what all the files are, beside those they are made of.
    judgements: Mutex<Vec<(Arc<Judgement>, Arc<Judgement>)>>,
}

/// What was found below a folder.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) found: BTreeMap<Arc<Path>, Arc<OnDisk>>,
    first_party: FxHashSet<String>,
    /// Files and folders that are left out.
    excluded: FxHashSet<PathBuf>,
    unanalysed: Vec<(PathBuf, Unanalysed)>,
}

impl Files {
    /// What a file offers and takes.
    pub(super) fn links_of(&self, path: &Path) -> Option<Arc<Links>> {
        self.found.get(path)?.links.clone()
    }
}

/// A file on the disk.
#[derive(Debug)]
pub(super) struct OnDisk {
    file: File,
    stamp: Option<Stamp>,
    judgement: Arc<Judgement>,
    ignored: Vec<&'static str>,
    /// None where nothing is known of it.
    pub(super) links: Option<Arc<Links>>,
    /// What is found in it by itself, where that is wanted.
    report: Option<Arc<FileReport>>,
    second: Mutex<Option<(Arc<Taking>, Arc<FileReport>)>>,
}

/// How far a scan is; it can be told to end.
#[derive(Debug, Default)]
pub struct Scan {
    /// Files that were looked at.
    pub done: AtomicUsize,
    /// Files there are, when they are all found.
    pub total: AtomicUsize,
    /// Nobody waits for it any more.
    pub cancelled: AtomicBool,
}

/// What a scan found.
#[derive(Clone, Debug)]
pub struct Scanned {
    pub(super) folder: PathBuf,
    files: Arc<Files>,
}

impl Scanned {
    /// How many files there are.
    pub fn count(&self) -> usize {
        self.files.found.len()
    }
}

impl Root {
    pub(super) fn new(folder: PathBuf, obeyed: Arc<Obeyed>) -> Self {
        let (joined, judgements) = (Arc::default(), Mutex::default());
        Self { folder, obeyed, files: None, joined, reached: Mutex::default(), judgements }
    }

    /// The same with other configurations.
    pub(super) fn obeying(&self, obeyed: Arc<Obeyed>) -> Self {
        let files = self.files.clone();
        Self { files, ..Self::new(self.folder.clone(), obeyed) }
    }

    /// The same after a scan.
    pub(super) fn scanned(&self, scanned: Scanned) -> Self {
        let mut root = Self::new(self.folder.clone(), Arc::clone(&self.obeyed));
        root.files = Some(scanned.files);
        root
    }

    /// The paths of its files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let found = self.files.iter().flat_map(|files| files.found.keys());
        found.map(|path| &**path)
    }

    /// What the whole folder is walked with.
    pub(super) fn options(&self) -> DiscoverOptions {
        let common = self.obeyed.common();
        DiscoverOptions {
            roots: vec![self.folder.clone()],
            ignore_files: true,
            exclude: common.exclude.clone(),
            extend_exclude: common.extend_exclude.clone(),
            list_excluded: false,
        }
    }

    /// How a document of the folder is looked at.
    pub(super) fn settings(&self, path: &Path) -> Settings {
        let mut settings = Settings::alone(&self.obeyed, path);
        settings.judgement = self.judgement(&settings.judgement);
        match &self.files {
            None => settings.joins = true,
            Some(files) if files.found.contains_key(path) => settings.joins = true,
            Some(files) => {
                settings.excluded |= path.ancestors().any(|above| files.excluded.contains(above));
                // What is passed over because of ignore files is looked at by itself, as a file
                // that is named is.
                settings.joins = !path.exists();
            }
        }
        settings
    }

    /// The judgement, with what is the project's own.
    fn judgement(&self, judgement: &Arc<Judgement>) -> Arc<Judgement> {
        let Some(files) = &self.files else { return Arc::clone(judgement) };
        if !judgement.policy.guards(Capability::Native) {
            return Arc::clone(judgement);
        }
        let mut known = self.judgements.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, with)) = known.iter().find(|(of, _)| Arc::ptr_eq(of, judgement)) {
            return Arc::clone(with);
        }
        let first_party = files.first_party.clone();
        let with = Arc::new(Judgement { first_party, ..Judgement::clone(judgement) });
        known.push((Arc::clone(judgement), Arc::clone(&with)));
        with
    }

    /// Look at all files that are others than before.
    pub(super) fn scan(&self, scan: &Scan, keep_all: bool) -> Option<Scanned> {
        let found = discover::discover(&self.options()).unwrap_or_default();
        scan.total.store(found.files.len(), Ordering::Relaxed);
        let Discovered { files, unanalysed, excluded, .. } = found;
        let first_party = first_party(&files);
        let mut excluded: FxHashSet<PathBuf> = excluded.into_iter().collect();
        // The judgements of the last scan do not know what is the project's own now.
        let root = Self {
            files: Some(Arc::new(Files { first_party, ..Files::default() })),
            ..Self::new(self.folder.clone(), Arc::clone(&self.obeyed))
        };
        let known = |path: &Path| self.files.as_ref().and_then(|files| files.found.get(path));
        let looked: Vec<(Arc<Path>, Option<Arc<OnDisk>>)> = files
            .into_par_iter()
            .map(|file| {
                let path: Arc<Path> = Arc::from(file.path.as_path());
                if scan.cancelled.load(Ordering::Relaxed) {
                    return (path, None);
                }
                let one = root.look(file, known(&path), keep_all);
                scan.done.fetch_add(1, Ordering::Relaxed);
                (path, one)
            })
            .collect();
        if scan.cancelled.load(Ordering::Relaxed) {
            return None;
        }
        let mut found = BTreeMap::new();
        for (path, one) in looked {
            match one {
                Some(one) => drop(found.insert(path, one)),
                None => drop(excluded.insert(path.to_path_buf())),
            }
        }
        let first_party = root.files.map(|files| files.first_party.clone()).unwrap_or_default();
        let files = Arc::new(Files { found, first_party, excluded, unanalysed });
        Some(Scanned { folder: self.folder.clone(), files })
    }

    /// One file; `None` where its configuration leaves it out.
    fn look(&self, file: File, known: Option<&Arc<OnDisk>>, keep_all: bool) -> Option<Arc<OnDisk>> {
        let (applies, judgement, _) = self.obeyed.applies(&file.path);
        if applies.excluded {
            return None;
        }
        let judgement = self.judgement(&judgement);
        let stamp = stamp(&file.path);
        let fresh = |known: &&Arc<OnDisk>| {
            let names = Arc::ptr_eq(&known.judgement.names, &judgement.names);
            let judged = known.report.is_some() && Arc::ptr_eq(&known.judgement, &judgement);
            stamp.is_some() && known.stamp == stamp && names && (judged || !keep_all)
        };
        if let Some(known) = known.filter(fresh) {
            return Some(Arc::clone(known));
        }
        let shown = discover::display(&file.path, Some(&self.folder));
        let source = file.read().and_then(|bytes| decode(bytes, file.kind));
        let (mut outcome, links) = match source {
            Ok(source) => {
                let (outcome, mut summary) =
                    look_at(&judgement, &shown, &source, Linking::Facts { graph: false });
                (outcome, summary.links.take())
            }
            Err(unanalysed) => {
                let mut outcome = Outcome::of(&shown);
                outcome.report.add(&judgement, unanalysed, Span::FIRST);
                (outcome, None)
            }
        };
        suppress::ignore(&mut outcome.report, &applies.ignored);
        outcome.report.source = Some(file.path.clone());
        let before = known.and_then(|known| known.links.clone());
        let links = links.map(|links| match before {
            Some(before) if *before == *links => before,
            _ => Arc::from(links),
        });
        Some(Arc::new(OnDisk {
            file,
            stamp,
            judgement,
            ignored: applies.ignored,
            links,
            report: keep_all.then(|| Arc::new(outcome.report)),
            second: Mutex::default(),
        }))
    }

    /// The open documents that are part of the program and have other links than their files.
    fn over(&self, files: &Files, snapshot: &Snapshot) -> Vec<(Arc<Path>, Option<Arc<Links>>)> {
        let documents = snapshot.documents.iter().filter_map(|(name, document)| {
            let path = name.path()?;
            let own = snapshot.root_of(path).is_some_and(|root| root.folder == self.folder);
            if !own || !document.settings.joins || document.settings.excluded {
                return None;
            }
            let links = &document.first().links;
            let same = match (files.found.get(path).map(|file| &file.links), links) {
                (Some(Some(on_disk)), Some(links)) => Arc::ptr_eq(on_disk, links),
                (Some(None), None) => true,
                _ => false,
            };
            (!same).then(|| (Arc::from(path), links.clone()))
        });
        documents.collect()
    }

    /// The program, joined.
    pub(super) fn joined(&self, snapshot: &Snapshot) -> Arc<Joined> {
        let files = self.files.clone().unwrap_or_default();
        let over = self.over(&files, snapshot);
        // Not held while joining: a thread that helps with that may come here again.
        let last = self.joined.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(last) = last.filter(|joined| joined.is_of(&files, &over)) {
            return last;
        }
        let judgement = self.obeyed.judgement();
        let joined = Arc::new(Joined::new(&self.folder, &judgement.names, files, over));
        *self.joined.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&joined));
        joined
    }

    /// The findings of a file that is not open, where they are kept.
    pub(super) fn check_closed(&self, joined: &Joined, path: &Path) -> Option<Arc<FileReport>> {
        let files = self.files.as_ref()?;
        let Some(one) = files.found.get(path) else {
            let (_, unanalysed) = files.unanalysed.iter().find(|(of, _)| of == path)?;
            let (applies, judgement, _) = self.obeyed.applies(path);
            let mut outcome = Outcome::of(&discover::display(path, Some(&self.folder)));
            outcome.report.add(&judgement, unanalysed.clone(), Span::FIRST);
            suppress::ignore(&mut outcome.report, &applies.ignored);
            return Some(Arc::new(outcome.report));
        };
        let first = one.report.as_ref()?;
        let mut report = FileReport::clone(first);
        if let Some(place) = joined.place_of(path) {
            if let Some(taking) = joined.taking(place) {
                report = FileReport::clone(&*one.looked_again(&self.folder, taking)?);
                joined.name_sources(&mut report, first, taking);
            }
            joined.name_users(&mut report, place);
        }
        Some(Arc::new(self.obeyed.without_baselined(report)))
    }
}

impl OnDisk {
    fn looked_again(&self, folder: &Path, taking: &Arc<Taking>) -> Option<Arc<FileReport>> {
        let known = self.second.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((of, report)) = known
            && of.environment == taking.environment
        {
            return Some(report);
        }
        let source = self.file.read().and_then(|bytes| decode(bytes, self.file.kind)).ok()?;
        let shown = discover::display(&self.file.path, Some(folder));
        let linking = Linking::With { graph: false, environment: &taking.environment };
        let (mut outcome, _) = look_at(&self.judgement, &shown, &source, linking);
        suppress::ignore(&mut outcome.report, &self.ignored);
        outcome.report.source = Some(self.file.path.clone());
        let report = Arc::new(outcome.report);
        let kept = Some((Arc::clone(taking), Arc::clone(&report)));
        *self.second.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Some(report)
    }
}

impl Settings {
    /// Of a file that belongs to no program.
    pub(super) fn alone(obeyed: &Arc<Obeyed>, path: &Path) -> Self {
        let (applies, judgement, configuration) = obeyed.applies(path);
        Self {
            judgement,
            ignored: applies.ignored,
            excluded: applies.excluded,
            joins: false,
            shown: discover::display(path, Some(&obeyed.base)),
            configuration,
            obeyed: Some(Arc::clone(obeyed)),
        }
    }

    /// Of something that is no file.
    pub(super) fn of_untitled(obeyed: &Arc<Obeyed>) -> Self {
        Self {
            judgement: Arc::clone(obeyed.judgement()),
            shown: "untitled".to_owned(),
            configuration: obeyed.common().file.clone(),
            ..Self::default()
        }
    }
}
