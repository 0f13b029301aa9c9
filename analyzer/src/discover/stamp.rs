//! What the system tells of a file without its being opened.

use std::fs::{self, Metadata};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A file's size, identity and times of change. Two equal ones are of one unchanged file, if it
/// was not changed twice within a tick of the file system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    size: u64,
    /// 0 where the system tells none.
    inode: u64,
    /// Nanoseconds since 1970 of the last change of the content.
    modified: i128,
    /// The same of the inode, which no program can set back; `None` where the system tells none.
    changed: Option<i128>,
}

impl Stamp {
    /// Whether neither content nor inode has changed since, and the system would tell.
    pub(crate) fn is_older_than(&self, time: SystemTime) -> bool {
        let time = nanoseconds(time);
        self.modified < time && self.changed.is_some_and(|changed| changed < time)
    }
}

/// The stamp of a regular file; links are followed.
pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok().filter(Metadata::is_file)?;
    let (inode, changed) = identity(&metadata);
    let modified = nanoseconds(metadata.modified().ok()?);
    Some(Stamp { size: metadata.len(), inode, modified, changed })
}

fn nanoseconds(time: SystemTime) -> i128 {
    let signed = |nanoseconds: u128| i128::try_from(nanoseconds).unwrap_or(i128::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => signed(after.as_nanos()),
        Err(before) => -signed(before.duration().as_nanos()),
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, Option<i128>) {
    use std::os::unix::fs::MetadataExt;
    let changed = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
    (metadata.ino(), Some(changed))
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, Option<i128>) {
    (0, None)
}
