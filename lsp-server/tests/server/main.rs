//! The server, in the same process as its client.

mod client;
mod documented;
mod features;
mod program;
mod same;
mod standing;
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

/// Say that a test did not run, here and to who counts them.
#[expect(clippy::print_stdout, reason = "it is told with the tests")]
pub(crate) fn skip(test: &str, reason: &str) {
    let line = format!("SKIPPED {test}: {reason}\n");
    print!("{line}");
    if let Some(path) = std::env::var_os("HERMETIC_SKIPPED") {
        let file = fs::OpenOptions::new().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| std::io::Write::write_all(&mut file, line.as_bytes()));
    }
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
    fs::write(path, text).expect("a file");
}
