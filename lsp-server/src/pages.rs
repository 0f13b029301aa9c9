//! The pages of all rules as files, for links to them, while the server runs.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

static PAGES: Mutex<Option<tempfile::TempDir>> = Mutex::new(None);

/// The folder they are in; written when it is first asked for.
pub(crate) fn folder() -> Option<PathBuf> {
    let mut pages = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    if pages.is_none() {
        *pages = write();
    }
    pages.as_ref().map(|folder| folder.path().to_owned())
}

/// Take them away: the process ends, and drops nothing.
pub fn remove() {
    drop(PAGES.lock().unwrap_or_else(PoisonError::into_inner).take());
}

fn write() -> Option<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("hermetic-rules-").tempdir().ok()?;
    for rule in hermetic_policy::rules::all() {
        std::fs::write(folder.path().join(format!("{}.md", rule.name)), rule.page).ok()?;
    }
    Some(folder)
}
