//! Scans of folders: one at a time for each, and another when something has changed meanwhile.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hermetic_check::workspace::{Change, Scan, Scanned};

use crate::options::LogLevel;
use crate::owner::Owner;

/// How long files may go on changing before a folder is looked at again.
const QUIET: Duration = Duration::from_millis(200);

/// How the scans stand.
#[derive(Debug, Default)]
pub(crate) struct Scans {
    folders: BTreeMap<PathBuf, State>,
    /// How many were begun: tells their progress from each other.
    begun: u64,
    /// By the token of their progress.
    running: BTreeMap<String, Arc<Running>>,
    /// By folder, while they run.
    pub(crate) in_folder: BTreeMap<PathBuf, Arc<Running>>,
    /// Whether the client is going to be told how far they are.
    pub(crate) watched: bool,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is true or not by itself")]
struct State {
    running: bool,
    again: bool,
    /// It waits until files stop changing.
    waiting: bool,
    known: bool,
}

/// A scan that the client is told of.
#[derive(Debug, Default)]
pub(crate) struct Running {
    pub(crate) scan: Scan,
    pub(crate) ended: AtomicBool,
}

/// A scan is over when this is dropped.
pub(crate) struct Ends<'r>(&'r Running);

impl Running {
    /// It ends when what is given is dropped.
    pub(crate) fn ends(&self) -> Ends<'_> {
        Ends(self)
    }
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

impl Owner {
    /// Look at all folders.
    pub(crate) fn scan_all(&mut self) {
        let snapshot = self.workspace.snapshot();
        let folders: Vec<PathBuf> = snapshot.folders().map(Path::to_owned).collect();
        for folder in folders {
            self.scan(&folder);
        }
    }

    /// Look at a folder again when its files have stopped changing.
    pub(crate) fn rescan(&mut self, folder: &Path) {
        let state = self.scans.folders.entry(folder.to_owned()).or_default();
        if state.waiting {
            return;
        }
        state.waiting = true;
        let (post, folder) = (self.post.clone(), folder.to_owned());
        self.client.later(QUIET, move || {
            post.send(move |owner| {
                if let Some(state) = owner.scans.folders.get_mut(&folder) {
                    state.waiting = false;
                }
                owner.scan(&folder);
            });
        });
    }

    /// Look at a folder.
    pub(crate) fn scan(&mut self, folder: &Path) {
        let state = self.scans.folders.entry(folder.to_owned()).or_default();
        if state.running {
            state.again = true;
            return;
        }
        state.running = true;
        let first = !state.known;
        self.scans.begun += 1;
        let running = Arc::new(Running::default());
        if first && self.features.progress {
            let token = format!("hermetic/scan/{}", self.scans.begun);
            self.scans.running.insert(token.clone(), Arc::clone(&running));
            self.client.show_progress(token, Arc::clone(&running));
        }
        self.scans.in_folder.insert(folder.to_owned(), Arc::clone(&running));
        self.tell_status();
        let (snapshot, post) = (self.workspace.snapshot(), self.post.clone());
        let folder = folder.to_owned();
        let began = Instant::now();
        self.workers.spawn_behind(move || {
            let scan = || snapshot.scan(&folder, &running.scan);
            let scanned = catch_unwind(AssertUnwindSafe(scan)).unwrap_or_default();
            running.ended.store(true, Ordering::Relaxed);
            let took = began.elapsed();
            post.send(move |owner| owner.scanned(&folder, scanned, took));
        });
    }

    fn scanned(&mut self, folder: &Path, scanned: Option<Scanned>, took: Duration) {
        let state = self.scans.folders.entry(folder.to_owned()).or_default();
        state.running = false;
        let again = std::mem::take(&mut state.again);
        state.known |= scanned.is_some();
        self.scans.running.retain(|_, running| !running.ended.load(Ordering::Relaxed));
        self.scans.in_folder.remove(folder);
        if let Some(scanned) = scanned {
            let count = scanned.count();
            self.workspace.apply(Change::Scanned(scanned));
            self.log(LogLevel::Info, &format!("{}: {count} files in {took:?}", folder.display()));
            self.check_in(folder);
            if self.features.pulls && !again {
                self.refresh();
            }
        }
        if again {
            self.scan(folder);
        }
        self.tell_status();
    }

    /// A scan beside the others that the client is told of.
    pub(crate) fn watched_scan(&mut self) -> Arc<Running> {
        self.scans.begun += 1;
        let running = Arc::new(Running::default());
        if self.features.progress {
            let token = format!("hermetic/scan/{}", self.scans.begun);
            self.scans.running.insert(token.clone(), Arc::clone(&running));
            self.client.show_progress(token, Arc::clone(&running));
        }
        running
    }

    /// The user has had enough of it.
    pub(crate) fn cancel_progress(&mut self, token: &str) {
        if let Some(running) = self.scans.running.get(token) {
            running.scan.cancelled.store(true, Ordering::Relaxed);
        }
    }
}
