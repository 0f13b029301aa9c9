//! The repository under test: where it is, what is in it, and what this machine lacks.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::page::Page;

/// The folder with the workspace's Cargo.toml.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate is in the workspace")
}

/// The text of a file, by its path from the root.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every file that is or would be committed, by its path from the root; sorted.
pub(crate) fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = ignore::WalkBuilder::new(root())
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build()
        .map(|entry| entry.expect("the repository can be walked"))
        .filter(|entry| entry.file_type().is_some_and(|t| t.is_file()))
        .map(|entry| entry.path().strip_prefix(root()).expect("below the root").to_owned())
        .collect();
    files.sort();
    files
}

/// Whether generated files are to be rewritten: `UPDATE=1`.
pub(crate) fn updating() -> bool {
    std::env::var_os("UPDATE").is_some_and(|value| !value.is_empty() && value != "0")
}

/// A path as it is written in messages and documents.
pub(crate) fn slashed(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Every rule page, parsed; sorted by name.
pub(crate) fn pages() -> Vec<Page> {
    pages_in("policy/rules")
}

/// Every page of what concerns all rules, parsed; sorted by name.
pub(crate) fn corpus() -> Vec<Page> {
    pages_in("tests/corpus")
}

fn pages_in(folder: &str) -> Vec<Page> {
    markdown_in(folder).iter().map(|path| Page::parse(&slashed(path), &read(path))).collect()
}

/// The Markdown files of a folder, by their path from the root; sorted.
pub(crate) fn markdown_in(folder: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .unwrap_or_else(|e| panic!("{folder}: {e}"))
        .map(|entry| entry.unwrap_or_else(|e| panic!("{folder}: {e}")).path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .map(|path| path.strip_prefix(root()).expect("below the root").to_owned())
        .collect();
    paths.sort();
    paths
}

/// Say that a test, or a part of one, is left out, where everybody sees it.
///
/// The test harness captures what the print macros write, so this goes to stderr itself and, for
/// the count at the end of `make test`, to the file `HERMETIC_SKIPPED` names.
pub(crate) fn skip(test: &str, reason: &str) {
    let line = format!("SKIPPED {test}: {reason}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("HERMETIC_SKIPPED") {
        let file = fs::OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

/// Fail with every complaint at once.
pub(crate) fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
