//! The server, in the same process as its client.

mod client;
mod documented;
mod features;
mod program;
mod same;
mod transport;
mod workspace;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// A folder with files.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        write(folder.path(), name, text);
    }
    folder
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
    fs::write(path, text).expect("a file");
}
