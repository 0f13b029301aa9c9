//! The cache on the disk: a folder of packs, each with the entries of one folder of sources.
//!
//! A pack is a seal, a table of entries, and their facts one after the other. The seal is a keyed
//! hash of all the rest. Its key is made of a secret that only the user has and of what tells this
//! code from any other, and so is the name of the pack: a checkout can bring files for the folder
//! of the cache along, but none that is taken for ours.
//!
//! Nothing is flushed to the disk with `fsync`: what a crash leaves of a pack fails its seal.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};
use std::{fmt, str};

use serde::{Deserialize, Serialize};

use super::{Entries, Options, Parts};
use crate::discover;

/// Bytes of a seal.
const SEAL: usize = blake3::OUT_LEN;

/// Bytes beyond which a pack is neither written nor read: of a folder with a hundred thousand
/// sources, and then it is in nobody's way.
const MOST: u64 = 256 << 20;

const SECRET: &str = "secret";
const IGNORE: &str = ".gitignore";
const IGNORE_TEXT: &str = "*\n";
const PACK: &str = "pack";
const JOINED: &str = "joined";
const SCRATCH: &str = "scratch";
const TAG: &str = "CACHEDIR.TAG";

/// What makes a folder ours; as tools for backups know a cache (<https://bford.info/cachedir/>).
const TAG_TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
                        # Facts of source files, kept by hermetic-check; safe to remove.\n";

/// How long nobody has to have looked for what is left behind.
const SWEEP_EVERY: Duration = Duration::from_hours(7 * 24);
/// How long a pack has to lie before it may go.
const UNUSED: Duration = Duration::from_hours(30 * 24);
/// How long after its last change nobody is writing a file any more.
const ABANDONED: Duration = Duration::from_hours(24);

/// What is wrong with a cache; the run is none the worse for it.
#[derive(Debug, PartialEq, Eq)]
pub struct CacheError {
    path: PathBuf,
    what: String,
}

impl CacheError {
    /// With what is wrong: lower case, no full stop.
    pub fn new(path: &Path, what: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), what: what.to_string() }
    }
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", discover::display(&self.path, None), self.what)
    }
}

impl std::error::Error for CacheError {}

fn at<E: fmt::Display>(path: &Path) -> impl Fn(E) -> CacheError {
    move |error| CacheError::new(path, error)
}

/// A folder of packs, and the keys to them.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// For the names of packs.
    names: [u8; blake3::KEY_LEN],
    /// For their content.
    seals: [u8; blake3::KEY_LEN],
    made: OnceLock<()>,
}

/// The table of a pack.
#[derive(Debug, Serialize, Deserialize)]
struct Table {
    /// The folder of sources, so that a pack in another's place is none.
    sources: Vec<u8>,
    entries: Entries,
}

/// What is read of a pack.
#[derive(Debug, Default)]
pub(super) struct Pack {
    pub(super) entries: Entries,
    bytes: Vec<u8>,
    /// Where the facts begin.
    start: usize,
}

impl Pack {
    /// The bytes between two places of what follows the table.
    pub(super) fn bytes(&self, (start, end): (u32, u32)) -> Option<&[u8]> {
        self.bytes.get(self.start..)?.get(start as usize..end as usize)
    }
}

impl Store {
    /// # Errors
    /// [`CacheError`] where there is no secret and none can be made, or the folder is not ours.
    pub(super) fn open(options: &Options) -> Result<Self, CacheError> {
        let folder = options.folder.clone();
        if let Some(foreign) = foreign(&folder)? {
            return Err(CacheError::new(&folder, foreign.told()));
        }
        let secret = secret(&options.secret)?;
        // What makes the facts, as the build script found it.
        let names = concat!("hermetic-check cache names ", env!("HERMETIC_CODE"));
        let seals = concat!("hermetic-check cache seals ", env!("HERMETIC_CODE"));
        Ok(Self {
            folder,
            names: blake3::derive_key(names, &secret),
            seals: blake3::derive_key(seals, &secret),
            made: OnceLock::new(),
        })
    }

    /// The file with the entries of a folder of sources.
    pub(super) fn pack(&self, sources: &Path) -> PathBuf {
        let name = blake3::keyed_hash(&self.names, sources.as_os_str().as_encoded_bytes());
        let name: String = name.to_hex().chars().take(32).collect();
        self.folder.join(name).with_extension(PACK)
    }

    #[cfg(test)]
    pub(super) fn of_other_code(mut self) -> Self {
        self.names[0] ^= 1;
        self.seals[0] ^= 1;
        self
    }

    /// What is kept of a folder of sources; `None` where nothing is.
    ///
    /// # Errors
    /// [`CacheError`] where it is there but cannot be read, or is not what we wrote.
    pub(super) fn read(&self, sources: &Path) -> Result<Option<Pack>, CacheError> {
        let file = self.pack(sources);
        let bytes = match discover::read_up_to(&file, MOST) {
            Ok(bytes) => bytes,
            Err(_) if !fs::exists(&file).unwrap_or(true) => return Ok(None),
            Err(unread) => return Err(CacheError::new(&file, unread.detail)),
        };
        let folder = sources.as_os_str().as_encoded_bytes();
        self.unseal(bytes)
            .filter(|(table, _)| table.sources == folder)
            .map(|(table, pack)| Some(Pack { entries: table.entries, ..pack }))
            .ok_or_else(|| CacheError::new(&file, "is damaged, and made anew"))
    }

    fn unseal(&self, bytes: Vec<u8>) -> Option<(Table, Pack)> {
        let (seal, body) = bytes.split_at_checked(SEAL)?;
        if blake3::keyed_hash(&self.seals, body) != blake3::Hash::from_slice(seal).ok()? {
            return None;
        }
        let (table, facts) = postcard::take_from_bytes(body).ok()?;
        let start = bytes.len() - facts.len();
        Some((table, Pack { bytes, start, ..Pack::default() }))
    }

    /// Put what is known of a folder of sources in the place of what was. Each entry comes with
    /// its facts; those of files that are gone are left out.
    ///
    /// # Errors
    /// [`CacheError`] where it cannot be written; then the old pack is as it was.
    pub(super) fn write(
        &self,
        sources: &Path,
        known: BTreeMap<Vec<u8>, (super::Entry, Parts<&[u8]>)>,
    ) -> Result<(), CacheError> {
        let Ok(listing) = fs::read_dir(sources) else { return Ok(()) };
        let names: HashSet<Vec<u8>> = listing
            .filter_map(|entry| Some(entry.ok()?.file_name().as_encoded_bytes().to_vec()))
            .collect();
        let mut facts: Vec<u8> = Vec::new();
        let mut entries = Entries::new();
        let place = |facts: &Vec<u8>| u32::try_from(facts.len()).unwrap_or(u32::MAX);
        for (name, (mut entry, parts)) in known {
            // Those of a second look go on behind the name.
            let file = name.split(|byte| *byte == 0).next().unwrap_or_default();
            if names.contains(file) {
                let mut put = |bytes: &[u8]| {
                    let start = place(&facts);
                    facts.extend_from_slice(bytes);
                    (start, place(&facts))
                };
                (entry.facts, entry.links) = (put(parts.facts), put(parts.links));
                entries.insert(name, entry);
            }
        }
        let table = Table { sources: sources.as_os_str().as_encoded_bytes().to_vec(), entries };
        let file = self.pack(sources);
        let table = postcard::to_allocvec(&table).map_err(at(&file))?;
        if (SEAL + table.len() + facts.len()) as u64 > MOST {
            return Ok(());
        }
        let mut hash = blake3::Hasher::new_keyed(&self.seals);
        hash.update(&table).update(&facts);
        self.make()?;
        replace(&file, &[hash.finalize().as_bytes(), &table, &facts])
    }

    fn joined(&self, place: blake3::Hash) -> PathBuf {
        let name = blake3::keyed_hash(&self.names, place.as_bytes());
        let name: String = name.to_hex().chars().take(32).collect();
        self.folder.join(name).with_extension(JOINED)
    }

    /// What is kept of a whole program; `None` where nothing is.
    ///
    /// # Errors
    /// [`CacheError`] where it is there but cannot be read, or is not what we wrote.
    pub(super) fn read_joined(&self, place: blake3::Hash) -> Result<Option<Vec<u8>>, CacheError> {
        let file = self.joined(place);
        let mut bytes = match discover::read_up_to(&file, MOST) {
            Ok(bytes) => bytes,
            Err(_) if !fs::exists(&file).unwrap_or(true) => return Ok(None),
            Err(unread) => return Err(CacheError::new(&file, unread.detail)),
        };
        let seal = bytes.split_at_checked(SEAL).and_then(|(seal, body)| {
            let seal = blake3::Hash::from_slice(seal).ok()?;
            (self.seal_of_joined(place, body) == seal).then_some(())
        });
        match seal {
            Some(()) => Ok(Some(bytes.split_off(SEAL))),
            None => Err(CacheError::new(&file, "is damaged, and made anew")),
        }
    }

    /// Put what is known of a whole program in the place of what was.
    ///
    /// # Errors
    /// [`CacheError`] where it cannot be written; then the old one is as it was.
    pub(super) fn write_joined(&self, place: blake3::Hash, body: &[u8]) -> Result<(), CacheError> {
        self.make()?;
        let seal = self.seal_of_joined(place, body);
        replace(&self.joined(place), &[seal.as_bytes(), body])
    }

    /// With the program it is of, so that one in another's place is none.
    fn seal_of_joined(&self, place: blake3::Hash, body: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.seals);
        hasher.update(JOINED.as_bytes()).update(place.as_bytes()).update(body);
        hasher.finalize()
    }

    /// Make the folder, once, and mark it for what it is.
    fn make(&self) -> Result<(), CacheError> {
        if self.made.get().is_some() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder).map_err(at(&self.folder))?;
        for (name, text) in [(TAG, TAG_TEXT), (IGNORE, IGNORE_TEXT)] {
            let file = self.folder.join(name);
            // Even a link to nothing is left alone.
            if fs::symlink_metadata(&file).is_err() {
                replace(&file, &[text.as_bytes()])?;
            }
        }
        self.made.get_or_init(|| ());
        Ok(())
    }

    /// Once in a while, take away what no run will use: packs of folders that are gone and of
    /// other versions, and what was left half-written. What cannot be removed stays.
    pub(super) fn sweep(&self) {
        let tag = self.folder.join(TAG);
        let now = SystemTime::now();
        if self.made.get().is_none() || !is_older(&tag, now, SWEEP_EVERY) {
            return;
        }
        // Before the work, so that no other run begins with it as well.
        if replace(&tag, &[TAG_TEXT.as_bytes()]).is_err() {
            return;
        }
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let useless = match extension(&path) {
                Some(SCRATCH) => is_older(&path, now, ABANDONED),
                Some(PACK) => is_older(&path, now, UNUSED) && !self.is_in_use(&path),
                // What it is of cannot be told from it, and it is quickly made anew.
                Some(JOINED) => is_older(&path, now, UNUSED),
                _ => false,
            };
            if useless {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Whether it is a pack of ours, of a folder that is still there.
    fn is_in_use(&self, pack: &Path) -> bool {
        let unsealed = discover::read_up_to(pack, MOST).ok().and_then(|it| self.unseal(it));
        // A name that is no UTF-8 is not worth more than to be analysed anew.
        unsealed.is_some_and(|(table, _)| {
            str::from_utf8(&table.sources).is_ok_and(|it| Path::new(it).is_dir())
        })
    }
}

fn extension(path: &Path) -> Option<&str> {
    path.extension().and_then(OsStr::to_str)
}

fn is_older(path: &Path, now: SystemTime, age: Duration) -> bool {
    let changed = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|it| now.duration_since(it).is_ok_and(|it| it > age))
}

/// Put a file in place whole, whoever else may do so at the same time.
fn replace(file: &Path, parts: &[&[u8]]) -> Result<(), CacheError> {
    let write = || {
        let folder = file.parent().unwrap_or(Path::new("."));
        let suffix = format!(".{SCRATCH}");
        let mut scratch =
            tempfile::Builder::new().prefix("").suffix(&suffix).tempfile_in(folder)?;
        for part in parts {
            scratch.write_all(part)?;
        }
        scratch.persist(file).map_err(|error| error.error)
    };
    write().map(|_| ()).map_err(|error: io::Error| CacheError::new(file, error))
}

/// The secret in a folder; made where there is none yet.
fn secret(folder: &Path) -> Result<[u8; 32], CacheError> {
    let file = folder.join(SECRET);
    if let Some(secret) = known_secret(&file)? {
        return Ok(secret);
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(at(&file))?;
    fs::create_dir_all(folder).map_err(at(folder))?;
    let write = || {
        // For the user's own eyes: so are all of `tempfile`.
        let mut scratch = tempfile::NamedTempFile::new_in(folder)?;
        scratch.write_all(&secret)?;
        scratch.as_file().sync_all()?;
        match scratch.persist_noclobber(&file) {
            Ok(_) => Ok(()),
            // Another run was first; its secret counts.
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.error),
        }
    };
    write().map_err(at(&file))?;
    known_secret(&file)?.ok_or_else(|| CacheError::new(&file, "was removed meanwhile"))
}

fn known_secret(file: &Path) -> Result<Option<[u8; 32]>, CacheError> {
    let metadata = match fs::symlink_metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CacheError::new(file, error)),
    };
    if !is_private(&metadata) {
        let told = "can be read or written by others, or is no file; remove it";
        return Err(CacheError::new(file, told));
    }
    let bytes = discover::read_up_to(file, 32).map_err(|it| CacheError::new(file, it.detail));
    let secret = <[u8; 32]>::try_from(bytes?);
    secret.map(Some).map_err(|_| CacheError::new(file, "is not 32 bytes long; remove it"))
}

/// Whether it is a file for the user's own eyes. What comes with a checkout is not, wherever the
/// user's caches are kept.
#[cfg(unix)]
fn is_private(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let others = 0o077;
    metadata.is_file() && metadata.mode() & others == 0
}

#[cfg(not(unix))]
fn is_private(metadata: &Metadata) -> bool {
    metadata.is_file()
}

/// Why a folder is not taken for a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Foreign {
    NoFolder,
    OtherFiles,
}

impl Foreign {
    const fn told(self) -> &'static str {
        match self {
            // A link that came with a project could have us write anywhere.
            Self::NoFolder => "is not a folder",
            Self::OtherFiles => "holds other files, and is no cache of hermetic-check",
        }
    }
}

/// Whether something stands at the place of the cache that is none.
fn foreign(folder: &Path) -> Result<Option<Foreign>, CacheError> {
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CacheError::new(folder, error)),
        Ok(metadata) if !metadata.is_dir() => return Ok(Some(Foreign::NoFolder)),
        Ok(_) => {}
    }
    if is_own(&folder.join(TAG)) {
        return Ok(None);
    }
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        if !is_own(&entry.map_err(at(folder))?.path()) {
            return Ok(Some(Foreign::OtherFiles));
        }
    }
    Ok(None)
}

/// Whether it looks like a file that we wrote.
fn is_own(file: &Path) -> bool {
    let holds = |text: &str| {
        let bytes = discover::read_up_to(file, text.len() as u64);
        bytes.is_ok_and(|bytes| bytes == text.as_bytes())
    };
    match file.file_name().and_then(OsStr::to_str) {
        Some(TAG) => holds(TAG_TEXT),
        Some(IGNORE) => holds(IGNORE_TEXT),
        _ => matches!(extension(file), Some(PACK | JOINED | SCRATCH)),
    }
}

/// Remove what a cache consists of, and its folder if nothing else is in it. Gives how many files
/// went; `None` where there was no cache.
///
/// # Errors
/// [`CacheError`] where it is no cache of ours, or something in it cannot be removed.
pub fn clean(folder: &Path) -> Result<Option<u64>, CacheError> {
    if let Some(foreign) = foreign(folder)? {
        let told = format!("{}; nothing is removed", foreign.told());
        return Err(CacheError::new(folder, told));
    }
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        listing => listing.map_err(at(folder))?,
    };
    let mut removed = 0;
    for entry in listing {
        let entry = entry.map_err(at(folder))?;
        let folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        // The tag last: what is left of a cache is known for one.
        if folder || !is_own(&entry.path()) || entry.file_name() == TAG {
            continue;
        }
        match fs::remove_file(entry.path()) {
            Ok(()) => removed += 1,
            // Another run does the same.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(CacheError::new(&entry.path(), error)),
        }
    }
    let tag = folder.join(TAG);
    removed += u64::from(is_own(&tag) && fs::remove_file(tag).is_ok());
    match fs::remove_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => {
            Err(CacheError::new(folder, error))
        }
        _ => Ok(Some(removed)),
    }
}
