//! Folders and open documents, kept up to date while they are edited: what an editor is told from.
//!
//! A [`Workspace`] takes [changes](Change), one after the other, and gives [snapshots](Snapshot).
//! A snapshot never changes, so that other threads can work out findings from it while the next
//! change is made. What they work out is the same as what the command line finds in the same
//! files, had they been saved: each folder is a program of its own, and the text of an open
//! document stands over that of its file.
//!
//! # What an edit costs
//!
//! An edit makes the facts of that one document anew (`document`). What it offers to other files
//! and takes from them is compared with what it was. While that stays the same, nothing else is
//! looked at. When it changes, the program is joined again (`joined`), and a document is looked at
//! once more only if what it takes from others has become something else.
//!
//! Files that are not open are read when a folder is [scanned](Change::Scanned); of them only the
//! links are kept. A scan takes a while, so it is worked out from a snapshot as everything else,
//! and handed back as a change.

mod document;
mod fixes;
mod joined;
mod known;
mod obeyed;
mod reach;
mod root;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::ThreadPool;

use crate::configuration::{self, Failure, Flags};
use crate::diagnostic::Diagnostic;
use crate::discover::Texts as _;
use crate::report::FileReport;
use crate::source::FileKind;
use crate::syntax::STACK_BYTES;

pub use self::fixes::{DocumentFix, Edit};
pub use self::known::{Known, KnownApi};
pub use self::reach::Lens;
pub use self::root::{Scan, Scanned};

use self::document::{Document, Settings};
use self::obeyed::{Obeyed, Overlay};
use self::root::Root;

/// What a document is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A file, there or not; absolute.
    File(PathBuf),
    /// Something an editor has not saved anywhere.
    Untitled(String),
}

impl Name {
    /// The file's path.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Untitled(_) => None,
        }
    }
}

/// What can happen to a workspace.
#[derive(Clone, Debug)]
pub enum Change {
    /// These are the folders, absolute, each a program.
    Folders(Vec<PathBuf>),
    /// What an editor says of every file, beside its configuration.
    Flags(Flags),
    /// A document was opened or edited: its text as it is now.
    Text {
        /// Which.
        name: Name,
        /// What it is to Python. Of a notebook the text is its file's.
        kind: FileKind,
        /// All of it.
        text: Arc<str>,
    },
    /// A document was closed; what is on the disk counts again.
    Close(Name),
    /// The text an editor has of a configuration file; `None` where the disk's counts again.
    Configuration {
        /// The file, absolute.
        path: PathBuf,
        /// What it says.
        text: Option<Arc<str>>,
    },
    /// Configuration files changed on the disk.
    Reconfigured,
    /// The outcome of [`Snapshot::scan`].
    Scanned(Scanned),
    /// Whether findings of files that are not open are wanted.
    KeepAll(bool),
}

/// Threads with stacks large enough to analyse on.
#[derive(Clone, Debug)]
pub struct Workers {
    front: Arc<ThreadPool>,
    back: Arc<ThreadPool>,
}

impl Workers {
    /// Start them: for what somebody waits for, and for what can wait.
    ///
    /// # Errors
    /// Where threads cannot be had.
    pub fn start() -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = |name: &'static str| {
            let builder = rayon::ThreadPoolBuilder::new().stack_size(STACK_BYTES);
            builder.thread_name(move |number| format!("{name}-{number}")).build()
        };
        Ok(Self { front: Arc::new(pool("front")?), back: Arc::new(pool("back")?) })
    }

    /// Run something that somebody waits for. It must not panic.
    pub fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        self.front.spawn(job);
    }

    /// Run something that can wait. It must not panic.
    pub fn spawn_behind(&self, job: impl FnOnce() + Send + 'static) {
        self.back.spawn(job);
    }
}

/// Folders and open documents.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    snapshot: Snapshot,
    flags: Flags,
}

/// A workspace as it was at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    roots: Vec<Arc<Root>>,
    documents: Arc<BTreeMap<Name, Arc<Document>>>,
    /// For documents outside of all folders, by the folder they are in.
    outside: Arc<BTreeMap<PathBuf, Arc<Obeyed>>>,
    overlay: Arc<Overlay>,
    keep_all: bool,
}

impl Workspace {
    /// Make a change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Folders(folders) => self.set_folders(folders),
            Change::Flags(flags) => {
                self.flags = flags;
                self.obey();
            }
            Change::Text { name, kind, text } => self.set_text(name, kind, text),
            Change::Close(name) => {
                Arc::make_mut(&mut self.snapshot.documents).remove(&name);
            }
            Change::Configuration { path, text } => {
                if self.snapshot.overlay.set(path, text) {
                    self.obey();
                }
            }
            Change::Reconfigured => self.obey(),
            Change::Scanned(scanned) => self.set_scanned(scanned),
            Change::KeepAll(keep) => self.snapshot.keep_all = keep,
        }
    }

    /// What there is now.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    fn set_folders(&mut self, mut folders: Vec<PathBuf>) {
        folders.sort();
        folders.dedup();
        let known = std::mem::take(&mut self.snapshot.roots);
        let overlay = Arc::clone(&self.snapshot.overlay);
        let root = |folder: PathBuf| {
            let same = known.iter().find(|root| root.folder == folder);
            same.cloned().unwrap_or_else(|| {
                let obeyed = Obeyed::new(&folder, &self.flags, &overlay, None);
                Arc::new(Root::new(folder, Arc::new(obeyed)))
            })
        };
        self.snapshot.roots = folders.into_iter().map(root).collect();
        self.renew(|_| true);
    }

    /// Read the configurations anew.
    fn obey(&mut self) {
        let (flags, overlay) = (&self.flags, &Arc::clone(&self.snapshot.overlay));
        for root in &mut self.snapshot.roots {
            let obeyed = Obeyed::new(&root.folder, flags, overlay, Some(&root.obeyed));
            *root = Arc::new(root.obeying(Arc::new(obeyed)));
        }
        for (folder, obeyed) in Arc::make_mut(&mut self.snapshot.outside) {
            *obeyed = Arc::new(Obeyed::new(folder, flags, overlay, Some(obeyed)));
        }
        self.renew(|_| true);
    }

    fn set_text(&mut self, name: Name, kind: FileKind, text: Arc<str>) {
        let before = self.snapshot.documents.get(&name);
        let document = if let Some(before) = before {
            before.edited(kind, text)
        } else {
            let root = name.path().and_then(|path| self.snapshot.root_of(path));
            let files = root.and_then(|root| root.files.clone());
            let on_disk = files.and_then(|files| files.links_of(name.path()?));
            Document::new(name.clone(), kind, text, self.settings(&name), on_disk)
        };
        Arc::make_mut(&mut self.snapshot.documents).insert(name, Arc::new(document));
    }

    fn set_scanned(&mut self, scanned: Scanned) {
        let folder = scanned.folder.clone();
        for root in &mut self.snapshot.roots {
            if root.folder == folder {
                *root = Arc::new(root.scanned(scanned));
                break;
            }
        }
        self.renew(|path| path.starts_with(&folder));
    }

    /// Look again at documents whose settings may be others now.
    fn renew(&mut self, which: impl Fn(&Path) -> bool) {
        let names: Vec<Name> = self.snapshot.documents.keys().cloned().collect();
        for name in names {
            if name.path().is_some_and(|path| !which(path)) {
                continue;
            }
            let settings = self.settings(&name);
            let documents = Arc::make_mut(&mut self.snapshot.documents);
            if let Some(document) = documents.get_mut(&name)
                && !document.settings.same(&settings)
            {
                *document = Arc::new(document.with(settings));
            }
        }
    }

    fn settings(&mut self, name: &Name) -> Settings {
        let Some(path) = name.path() else {
            return match self.snapshot.roots.first() {
                Some(root) => Settings::of_untitled(&root.obeyed),
                None => Settings::default(),
            };
        };
        if let Some(root) = self.snapshot.root_of(path) {
            return root.settings(path);
        }
        let folder = path.parent().unwrap_or(path).to_owned();
        let overlay = Arc::clone(&self.snapshot.overlay);
        let outside = Arc::make_mut(&mut self.snapshot.outside);
        let obeyed = outside
            .entry(folder.clone())
            .or_insert_with(|| Arc::new(Obeyed::new(&folder, &self.flags, &overlay, None)));
        Settings::alone(obeyed, path)
    }
}

/// What there is to say of a document.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The findings.
    pub report: Arc<FileReport>,
    /// Whether the program around it was known.
    pub linked: bool,
}

impl Snapshot {
    /// The deepest folder that a file is in.
    fn root_of(&self, path: &Path) -> Option<&Arc<Root>> {
        let around = self.roots.iter().filter(|root| path.starts_with(&root.folder));
        around.max_by_key(|root| root.folder.components().count())
    }

    /// The open documents.
    pub fn documents(&self) -> impl Iterator<Item = &Name> {
        self.documents.keys()
    }

    /// The folders.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.roots.iter().map(|root| root.folder.as_path())
    }

    /// The folder whose program a file belongs to.
    pub fn folder_of(&self, path: &Path) -> Option<&Path> {
        self.root_of(path).map(|root| root.folder.as_path())
    }

    /// Whether all folders have been scanned.
    pub fn is_complete(&self) -> bool {
        self.roots.iter().all(|root| root.files.is_some())
    }

    /// The findings of an open document; to be run on [`Workers`].
    pub fn check(&self, name: &Name) -> Option<Findings> {
        let document = self.documents.get(name)?;
        if document.settings.excluded {
            return Some(Findings { report: Arc::default(), linked: true });
        }
        let root = name.path().and_then(|path| self.root_of(path));
        let first = document.first();
        let joins = |root: &&Arc<Root>| document.settings.joins && root.files.is_some();
        let Some(root) = root.filter(joins).filter(|_| first.links.is_some()) else {
            let known = root.is_none_or(|root| root.files.is_some() || !document.settings.joins);
            let report = Arc::new(accepted(document, first.report.clone()));
            return Some(Findings { report, linked: known });
        };
        let joined = root.joined(self);
        let report = document.second(&joined);
        Some(Findings { report: Arc::new(accepted(document, report)), linked: true })
    }

    /// Whether a document offers to others, or takes from them, something else than before its
    /// last edit; to be run on [`Workers`].
    pub fn changes_others(&self, name: &Name) -> bool {
        let Some(document) = self.documents.get(name) else { return false };
        document.settings.joins && document.has_new_links()
    }

    /// A line of an open document, without its end. Rows count from 1, in a notebook from the
    /// start of the cell.
    pub fn line(&self, name: &Name, cell: Option<u32>, row: u32) -> Option<&str> {
        self.documents.get(name)?.first().source.as_ref()?.line(cell, row)
    }

    /// The findings of a file that is not open; `None` where they are not kept.
    pub fn check_closed(&self, path: &Path) -> Option<Arc<FileReport>> {
        let root = self.root_of(path)?;
        let joined = root.joined(self);
        root.check_closed(&joined, path)
    }

    /// The files of all folders, by path; those of a folder that was not scanned are not known.
    pub fn files(&self) -> Vec<PathBuf> {
        let files = |root: &Arc<Root>| root.paths().map(Path::to_owned).collect::<Vec<_>>();
        let mut all: Vec<PathBuf> = self.roots.iter().flat_map(files).collect();
        all.sort();
        all.dedup();
        all
    }

    /// What a finding shows a path as, to the path.
    pub fn path_of(&self, name: &Name, shown: &str) -> Option<PathBuf> {
        let root = self.root_of(name.path()?)?;
        Some(root.folder.join(shown))
    }

    /// What is wrong with configurations, each once.
    pub fn failures(&self) -> Vec<Failure> {
        let all = self.roots.iter().map(|root| &root.obeyed).chain(self.outside.values());
        let mut failures: Vec<Failure> = Vec::new();
        for failure in all.flat_map(|obeyed| obeyed.failures()) {
            if !failures.contains(&failure) {
                failures.push(failure);
            }
        }
        failures
    }

    /// Everything that is wrong with a configuration file, whether or not anything obeys it.
    pub fn configuration_failures(&self, path: &Path) -> Vec<Failure> {
        let base = self.folder_of(path).or_else(|| path.parent()).unwrap_or(path);
        configuration::check(path, base, self.overlay.as_ref())
    }

    /// A configuration file as it is now.
    pub fn configuration_text(&self, path: &Path) -> Option<String> {
        String::from_utf8(self.overlay.read(path).ok()?).ok()
    }

    /// Look at all files of a folder; to be run on [`Workers`]. Its outcome is a change.
    pub fn scan(&self, folder: &Path, scan: &Scan) -> Option<Scanned> {
        let root = self.roots.iter().find(|root| root.folder == folder)?;
        root.scan(scan, self.keep_all)
    }

    /// The configuration file that a document obeys.
    pub fn configuration_of(&self, name: &Name) -> Option<PathBuf> {
        let document = self.documents.get(name)?;
        document.settings.configuration.clone()
    }
}

/// Take out what the baseline of the configuration lists.
fn accepted(document: &Document, report: FileReport) -> FileReport {
    match &document.settings.obeyed {
        Some(obeyed) => obeyed.without_baselined(report),
        None => report,
    }
}

/// Whether a finding is worth a comment that accepts it.
pub fn is_acceptable(finding: &Diagnostic) -> bool {
    crate::suppress::is_acceptable(finding)
}
