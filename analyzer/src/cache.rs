//! Facts of files kept between runs, so that a file that has not changed is neither read nor
//! analysed again.
//!
//! What is kept is a file's [`Facts`] with the places they stand at: a pure function of its bytes,
//! its kind and the names that are looked for, which knows no policy. Findings are made of it anew
//! in every run, and so are the same with the cache as without. Where comments may
//! accept findings, the file is read as well, but not parsed.
//!
//! A file is unchanged if its size, inode and times of change are those of the entry. If not, its
//! bytes may still be: then their hash decides. The times of a file that was changed within
//! [`GRAIN`] before it was read say nothing, for it may be changed again within the same tick of
//! the file system's clock; such an entry is good for its hash only, until it is old enough. So is
//! every entry on a system that tells no time a program cannot set back.
//!
//! There is one file in the cache for each folder of sources ([`store`]), written whole at the end
//! of a run and put in place by a rename: of two runs at once, the later one's is kept. Each is
//! authenticated with a key that is made of a secret of the user and of the code that made the
//! facts. So an entry that is damaged, was made by another version, or came with the code that is
//! to be judged is none.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

pub(crate) use self::joined::{Joined, Program, Taken, Told};
pub(crate) use self::kept::{Kept, KeptLinks};
pub use self::store::{CacheError, clean};
use self::store::{Pack, Store};
use crate::discover::Stamp;
use crate::judge::Judgement;
use crate::resolve::names::TableId;
use crate::source::FileKind;

mod joined;
mod kept;
mod store;

#[cfg(test)]
mod tests;

/// Longer than the tick of any clock that file systems in use take times from; that of FAT is the
/// longest.
const GRAIN: Duration = Duration::from_secs(2);

/// Where a cache is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its own folder.
    pub folder: PathBuf,
    /// The folder of the secret: one that no project brings along.
    pub secret: PathBuf,
}

/// A cache in use by one run.
#[derive(Debug)]
pub struct Cache {
    store: Store,
    /// By the path as the walk spells it.
    folders: Mutex<FxHashMap<PathBuf, Arc<Folder>>>,
    trouble: Mutex<Option<CacheError>>,
    /// [`GRAIN`], but in tests.
    grain: Duration,
}

/// What is known of the files of one folder.
#[derive(Debug, Default)]
struct Folder {
    pack: OnceLock<Pack>,
    fresh: Mutex<BTreeMap<Vec<u8>, Fresh>>,
}

/// What this run adds.
#[derive(Debug)]
struct Fresh {
    entry: Entry,
    /// What is not in the pack; `None` for what the entry has there.
    parts: Option<Parts<Vec<u8>>>,
}

/// The two parts that are kept of a file.
#[derive(Clone, Copy, Debug)]
struct Parts<T> {
    /// A [`Kept`].
    facts: T,
    /// [`Links`](crate::summary::links::Links), or nothing where nobody looked for them.
    links: T,
}

/// Entries by the name of their file, whose bytes need be no UTF-8.
type Entries = BTreeMap<Vec<u8>, Entry>;

/// What is kept of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    kind: FileKind,
    names: TableId,
    stamp: Stamp,
    /// Whether an equal stamp means an equal file.
    settled: bool,
    content: [u8; blake3::OUT_LEN],
    /// Whether comments in it may accept findings.
    directives: bool,
    /// Whether the facts have fingerprints.
    fingerprints: bool,
    /// From where to where in the pack the facts are: a [`Kept`], decoded only where it is wanted.
    facts: (u32, u32),
    /// The same of its links.
    links: (u32, u32),
}

/// A file as it was before it was read, and what is wanted of it.
#[derive(Debug)]
pub(crate) struct Seen {
    folder: Arc<Folder>,
    name: Vec<u8>,
    stamp: Stamp,
    settled: bool,
    kind: FileKind,
    names: TableId,
    suppressions: bool,
    fingerprints: bool,
}

impl Cache {
    /// Begin to use a cache; nothing is read yet but the secret.
    ///
    /// # Errors
    /// [`CacheError`] where there is no secret and none can be made, or the folder is not one of
    /// ours.
    pub fn open(options: &Options) -> Result<Self, CacheError> {
        Ok(Self {
            store: Store::open(options)?,
            folders: Mutex::default(),
            trouble: Mutex::default(),
            grain: GRAIN,
        })
    }

    /// Look at a file; `None` where the system does not tell enough of it. What was found with
    /// `known` of other files is kept beside what was found without.
    pub(crate) fn see(
        &self,
        path: &Path,
        kind: FileKind,
        judgement: &Judgement,
        known: Option<blake3::Hash>,
    ) -> Option<Seen> {
        // The clock first: what changes after this is younger.
        let now = SystemTime::now();
        let stamp = crate::discover::stamp(path)?;
        let settled = stamp.is_older_than(now.checked_sub(self.grain)?);
        let folder = self.folder(path.parent()?);
        let mut name = path.file_name().map(OsStr::as_encoded_bytes)?.to_vec();
        let mut names = judgement.names.identity();
        if let Some(known) = known {
            // No file's name goes on so.
            name.push(0);
            names = *blake3::keyed_hash(&names, known.as_bytes()).as_bytes();
        }
        let Judgement { suppressions, fingerprints, .. } = *judgement;
        Some(Seen { folder, name, stamp, settled, kind, names, suppressions, fingerprints })
    }

    fn folder(&self, path: &Path) -> Arc<Folder> {
        let folder = {
            let mut folders = lock(&self.folders);
            match folders.get(path) {
                Some(known) => Arc::clone(known),
                None => Arc::clone(folders.entry(path.to_owned()).or_default()),
            }
        };
        // Of all that want the folder now, one reads its pack, and the others wait.
        folder.pack.get_or_init(|| {
            let read = sources(path).map_or(Ok(None), |sources| self.store.read(&sources));
            let pack = read.unwrap_or_else(|error| {
                self.note(error);
                None
            });
            pack.unwrap_or_default()
        });
        folder
    }

    /// Write what is new, and hold it no longer.
    pub(crate) fn write(&self) {
        let new = |_: &PathBuf, folder: &mut Arc<Folder>| !lock(&folder.fresh).is_empty();
        let folders: Vec<_> = lock(&self.folders).extract_if(new).collect();
        let failed = OnceLock::new();
        folders.into_par_iter().for_each(|(path, folder)| {
            let fresh = std::mem::take(&mut *lock(&folder.fresh));
            // A disk that is full is full for all.
            if failed.get().is_some() {
                return;
            }
            let Some((sources, pack)) = sources(&path).zip(folder.pack.get()) else { return };
            if let Err(error) = self.store.write(&sources, known(pack, &fresh)) {
                failed.get_or_init(|| ());
                self.note(error);
            }
        });
        if failed.get().is_none() {
            self.store.sweep();
        }
    }

    fn note(&self, error: CacheError) {
        lock(&self.trouble).get_or_insert(error);
    }

    /// What went wrong first, if anything did.
    pub fn trouble(&self) -> Option<CacheError> {
        lock(&self.trouble).take()
    }
}

/// What was panicked over is a file's business.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder as every run knows it.
fn sources(path: &Path) -> Option<PathBuf> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::path::absolute(path).ok()
}

/// The entries of a folder after this run, with their facts.
fn known<'p>(
    pack: &'p Pack,
    fresh: &'p BTreeMap<Vec<u8>, Fresh>,
) -> BTreeMap<Vec<u8>, (Entry, Parts<&'p [u8]>)> {
    let kept = |entry: &Entry| {
        Some(Parts { facts: pack.bytes(entry.facts)?, links: pack.bytes(entry.links)? })
    };
    let mut known: BTreeMap<_, _> = pack
        .entries
        .iter()
        .filter_map(|(name, entry)| Some((name.clone(), (entry.clone(), kept(entry)?))))
        .collect();
    for (name, Fresh { entry, parts }) in fresh {
        let new = parts.as_ref().map(|new| Parts { facts: &*new.facts, links: &*new.links });
        if let Some(parts) = new.or_else(|| kept(entry)) {
            known.insert(name.clone(), (entry.clone(), parts));
        }
    }
    known
}

impl Seen {
    /// Whether something is known of other files.
    fn is_told(&self) -> bool {
        self.name.contains(&0)
    }

    /// What is kept of the file as far as it was looked at in the same way.
    fn entry(&self) -> Option<&Entry> {
        let entry = self.folder.pack.get()?.entries.get(&self.name)?;
        (entry.kind == self.kind && entry.names == self.names).then_some(entry)
    }

    fn facts(&self, entry: &Entry) -> Option<Kept> {
        if self.fingerprints && !entry.fingerprints {
            return None;
        }
        let facts = self.folder.pack.get()?.bytes(entry.facts)?;
        let mut kept: Kept = postcard::from_bytes(facts).ok()?;
        kept.identity = Some(self.identity(entry.content));
        let place = entry.links;
        kept.links =
            (place.0 < place.1).then(|| KeptLinks { folder: Arc::clone(&self.folder), place });
        Some(kept)
    }

    /// What tells the facts of bytes with this hash from any others.
    pub(crate) fn identity(&self, content: impl Into<[u8; blake3::OUT_LEN]>) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.names);
        hasher.update(&content.into()).update(&[self.kind as u8]);
        hasher.finalize()
    }

    /// The facts, if the file is the one they were made of for certain and they are enough without
    /// its text.
    pub(crate) fn unchanged(&self) -> Option<Kept> {
        let entry = self.entry().filter(|entry| entry.settled && entry.stamp == self.stamp)?;
        // Which comment accepts what is seen in the text.
        if entry.directives && self.suppressions { None } else { self.facts(entry) }
    }

    /// The facts, if they were made of bytes with this hash.
    pub(crate) fn same(&self, content: blake3::Hash) -> Option<Kept> {
        let entry = self.entry().filter(|entry| content == entry.content)?;
        let kept = self.facts(entry)?;
        self.settle(entry);
        Some(kept)
    }

    /// Keep the facts of a file with that hash.
    pub(crate) fn keep(&self, content: blake3::Hash, kept: &Kept) {
        let (fingerprints, directives) = (self.fingerprints, kept.lines.is_some());
        let has_links = |entry: &&Entry| {
            self.is_told() || kept.facts.summary.links.is_none() || entry.links.0 < entry.links.1
        };
        let entry = self.entry().filter(|entry| content == entry.content).filter(has_links);
        if let Some(entry) = entry.filter(|entry| entry.fingerprints || !fingerprints) {
            self.settle(entry);
            return;
        }
        // Nobody takes anything from what a second look sees.
        let links = kept.facts.summary.links.as_deref().filter(|_| !self.is_told());
        let links = links.map_or(Ok(Vec::new()), postcard::to_allocvec);
        let (Ok(facts), Ok(links)) = (postcard::to_allocvec(kept), links) else { return };
        let Self { kind, names, stamp, settled, .. } = *self;
        let entry = Entry {
            kind,
            names,
            stamp,
            settled,
            content: content.into(),
            directives,
            fingerprints,
            facts: (0, 0),
            links: (0, 0),
        };
        self.put(Fresh { entry, parts: Some(Parts { facts, links }) });
    }

    /// The entry is the file's: from now on its stamp will tell, if that can be relied on.
    fn settle(&self, entry: &Entry) {
        if self.settled && !(entry.settled && entry.stamp == self.stamp) {
            let entry = Entry { stamp: self.stamp, settled: true, ..entry.clone() };
            self.put(Fresh { entry, parts: None });
        }
    }

    fn put(&self, fresh: Fresh) {
        lock(&self.folder.fresh).insert(self.name.clone(), fresh);
    }
}
