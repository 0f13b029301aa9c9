//! A run in parts, on machines that need not know of each other: each looks at some of the files
//! and writes down their facts, and one, which has them all, goes on as if it had looked itself.
//!
//! What a shard holds of a file is what the [cache](crate::cache) keeps of it: its
//! [`Facts`](crate::summary::Facts), the places they stand at, and what it offers to others and
//! takes from them. That is a function of the file's bytes, its kind and the names that are looked
//! for, and knows no policy. So the run that merges decides everything else by itself, from the
//! same files on its own disk: which files there are, what configuration says, what comments
//! accept. It believes a shard only about bytes whose hash the shard names.
//!
//! Which file belongs to which shard is told by a hash of its path: the same on every machine,
//! and nothing moves when a file is added.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::resolve::names::TableId;
use crate::source::FileKind;

mod format;

#[cfg(test)]
mod tests;

pub use self::format::ReadError;

/// The most parts a run can have: more are slower than fewer.
pub const MOST_PARTS: u32 = 4096;

/// One part of a run, as `--shard` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    number: u32,
    of: u32,
}

impl Part {
    /// Its number, from 1.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// How many there are.
    pub const fn of(self) -> u32 {
        self.of
    }

    /// Whether the file of this name belongs to it.
    pub fn has(self, name: &FileName) -> bool {
        name.part(self.of) == self.number
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, of) =
            text.split_once('/').ok_or("write I/N: the part, and how many there are")?;
        let parse = |text: &str| {
            text.parse::<u32>().map_err(|_| format!("`{text}` is no number of a part"))
        };
        let (number, of) = (parse(number)?, parse(of)?);
        if of == 0 || of > MOST_PARTS {
            return Err(format!("there are 1 to {MOST_PARTS} parts, not {of}"));
        }
        if number == 0 {
            return Err(format!("parts count from 1: the first is 1/{of}"));
        }
        if number > of {
            return Err(format!("there is no part {number} of {of}: the last is {of}/{of}"));
        }
        Ok(Self { number, of })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// What every machine calls a file: its path from the working directory, with `/`. One that is
/// elsewhere is known by its whole path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileName(Box<[u8]>);

impl FileName {
    /// The name of a file that the walk has found from the working directory `base`.
    pub fn new(path: &Path, base: &Path) -> Self {
        let path = path.strip_prefix(base).unwrap_or(path);
        let path = path.strip_prefix(".").unwrap_or(path);
        let mut bytes = path.as_os_str().as_encoded_bytes().to_vec();
        if std::path::MAIN_SEPARATOR != '/' {
            for byte in &mut bytes {
                if char::from(*byte) == std::path::MAIN_SEPARATOR {
                    *byte = b'/';
                }
            }
        }
        Self(bytes.into())
    }

    /// The part that the file belongs to, of so many.
    fn part(&self, of: u32) -> u32 {
        let hash = blake3::hash(&self.0);
        let place = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        // The place on a line from 0 to 1, and that line in equal parts.
        let index = (u128::from(place) * u128::from(of)) >> 64;
        u32::try_from(index).unwrap_or_default() + 1
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// What parts of one run have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Common {
    /// How many parts there are.
    pub(crate) of: u32,
    /// What was asked for, as words of a command line, in an order of their own.
    pub words: Vec<String>,
    /// Whether what the files offer has a call graph.
    pub graph: bool,
}

impl Common {
    /// Of the parts of a run.
    pub fn new(part: Part, words: Vec<String>, graph: bool) -> Self {
        Self { of: part.of, words, graph }
    }
}

/// What a shard holds of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: FileKind,
    pub(crate) names: TableId,
    /// The hash of its bytes; `None` where they could not be read.
    pub(crate) content: Option<[u8; blake3::OUT_LEN]>,
    /// A [`Kept`](crate::cache::Kept); `None` where the file has no facts.
    pub(crate) facts: Option<Box<[u8]>>,
    /// Its [`Links`](crate::summary::links::Links), where it has any.
    pub(crate) links: Option<Box<[u8]>>,
}

type Files = BTreeMap<FileName, Entry>;

/// One or more parts of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    common: Common,
    /// By number.
    parts: BTreeMap<u32, Files>,
}

/// Why shards are not of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergeError {
    /// Of runs that are split otherwise: into so many, and so many.
    Count(u32, u32),
    /// Made with other settings: words that only the one has, and those that only the other has.
    Settings(Vec<String>, Vec<String>),
    /// One has call graphs: whether it is the first.
    Graph(bool),
    /// A part that is in both, of so many.
    Twice(u32, u32),
}

impl Shard {
    /// Of one part.
    pub(crate) fn of(part: Part, common: Common, files: Files) -> Self {
        Self { common, parts: BTreeMap::from([(part.number, files)]) }
    }

    /// What the parts have in common.
    pub const fn common(&self) -> &Common {
        &self.common
    }

    /// How many files are in it.
    pub fn files(&self) -> usize {
        self.parts.values().map(BTreeMap::len).sum()
    }

    /// The numbers of its parts.
    pub fn parts(&self) -> impl Iterator<Item = u32> {
        self.parts.keys().copied()
    }

    /// The numbers of the parts it does not have.
    pub fn missing(&self) -> impl Iterator<Item = u32> {
        (1..=self.common.of).filter(|part| !self.parts.contains_key(part))
    }

    /// Take the parts of another in. The order in which shards are taken in does not show.
    ///
    /// # Errors
    /// [`MergeError`] where they are not parts of one run, or have a part in common.
    pub fn merge(&mut self, other: Self) -> Result<(), MergeError> {
        let (ours, theirs) = (&self.common, &other.common);
        if ours.of != theirs.of {
            return Err(MergeError::Count(ours.of, theirs.of));
        }
        if ours.words != theirs.words {
            let less = |a: &Common, b: &Common| {
                a.words.iter().filter(|word| !b.words.contains(word)).cloned().collect()
            };
            return Err(MergeError::Settings(less(ours, theirs), less(theirs, ours)));
        }
        if ours.graph != theirs.graph {
            return Err(MergeError::Graph(ours.graph));
        }
        if let Some(part) = other.parts.keys().find(|part| self.parts.contains_key(part)) {
            return Err(MergeError::Twice(*part, ours.of));
        }
        self.parts.extend(other.parts);
        Ok(())
    }

    /// As a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        format::write(self)
    }

    /// From a file, whoever wrote it.
    ///
    /// # Errors
    /// [`ReadError`] where it is none, or one that this code cannot use.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReadError> {
        format::read(bytes)
    }
}

/// All parts of a run, for the run that merges them.
#[derive(Debug)]
pub struct Shards {
    graph: bool,
    files: BTreeMap<FileName, (u32, Entry, AtomicBool)>,
    failures: Mutex<BTreeMap<FileName, Mismatch>>,
}

/// Why a shard says nothing of a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// No shard has it.
    Unknown,
    /// This shard looked at other bytes.
    Bytes(u32),
    /// This shard looked for other names, or took it for something else.
    Names(u32),
    /// What this shard has of it is damaged.
    Damaged(u32),
}

/// The files are not those that the shards were made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesDiffer {
    message: String,
}

impl fmt::Display for FilesDiffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FilesDiffer {}

impl Shards {
    /// Of all parts; `None` where some are missing.
    pub fn new(shard: Shard) -> Option<Self> {
        if shard.missing().next().is_some() {
            return None;
        }
        let graph = shard.common.graph;
        let parts = shard.parts.into_iter();
        let files = parts.flat_map(|(part, files)| {
            files
                .into_iter()
                .map(move |(name, entry)| (name, (part, entry, AtomicBool::new(false))))
        });
        Some(Self { graph, files: files.collect(), failures: Mutex::default() })
    }

    /// Whether what the files offer has a call graph.
    pub const fn graph(&self) -> bool {
        self.graph
    }

    /// What there is of a file, and in which part.
    pub(crate) fn entry(&self, name: &FileName) -> Result<(u32, &Entry), Mismatch> {
        let (part, entry, asked) = self.files.get(name).ok_or(Mismatch::Unknown)?;
        asked.store(true, Ordering::Relaxed);
        Ok((*part, entry))
    }

    /// Note that a file is not what the shards know.
    pub(crate) fn note(&self, name: FileName, mismatch: Mismatch) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.insert(name, mismatch);
    }

    /// Whether every file was what the shards know, and all were there.
    ///
    /// # Errors
    /// [`FilesDiffer`] with the first that was not.
    pub(crate) fn finish(&self) -> Result<(), FilesDiffer> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told: BTreeMap<&FileName, String> = failures
            .iter()
            .map(|(name, mismatch)| {
                let what = match mismatch {
                    Mismatch::Unknown => "is in no shard".to_owned(),
                    Mismatch::Bytes(part) => format!("is not what shard {part} looked at"),
                    Mismatch::Names(part) => {
                        format!("was looked at by shard {part} under another configuration")
                    }
                    Mismatch::Damaged(part) => format!("is damaged in shard {part}"),
                };
                (name, what)
            })
            .collect();
        for (name, (part, _, asked)) in &self.files {
            if !asked.load(Ordering::Relaxed) {
                told.entry(name).or_insert_with(|| format!("is in shard {part} and not here"));
            }
        }
        let Some((name, what)) = told.first_key_value() else { return Ok(()) };
        let more = match told.len() - 1 {
            0 => String::new(),
            1 => " (and 1 more file)".to_owned(),
            more => format!(" (and {more} more files)"),
        };
        let advice = "merge where the same commit is checked out that every shard was made of, \
                      from the same folder";
        Err(FilesDiffer { message: format!("{name} {what}{more}; {advice}") })
    }
}
