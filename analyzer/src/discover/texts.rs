//! Where the text of a configuration file is had from.

use std::fmt::Debug;
use std::fs;
use std::io;
use std::path::Path;

/// Files by their path: the disk, or what an editor has of them.
pub trait Texts: Send + Sync + Debug {
    /// Whether there is such a file. What cannot be seen is not there.
    fn is_file(&self, path: &Path) -> bool;

    /// All of it.
    ///
    /// # Errors
    /// What the system says.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// The disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Texts for Disk {
    fn is_file(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }
}
