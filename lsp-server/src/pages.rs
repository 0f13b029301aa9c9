//! The pages of all rules as files, for links to them, while the server runs.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Behind it stands the number of the process whose they are.
const PREFIX: &str = "hermetic-rules-";

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
    sweep(&std::env::temp_dir());
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir().ok()?;
    for rule in hermetic_policy::rules::all() {
        std::fs::write(folder.path().join(format!("{}.md", rule.name)), rule.page).ok()?;
    }
    Some(folder)
}

/// Take away what servers left that were killed.
fn sweep(temporary: &Path) {
    for entry in std::fs::read_dir(temporary).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        let process = process.and_then(|process| process.parse().ok());
        // Of another user's it takes nothing: it may not.
        if process.is_some_and(crate::parent::is_gone) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_the_killed_left_is_taken_away() {
        let temporary = tempfile::tempdir().expect("a folder");
        let mut ended = std::process::Command::new("true").spawn().expect("it starts");
        ended.wait().expect("it ends");
        let folder = |process: &str| {
            let folder = temporary.path().join(format!("{PREFIX}{process}"));
            std::fs::create_dir(&folder).expect("a folder");
            std::fs::write(folder.join("a.md"), "").expect("a file");
            folder
        };
        let left = folder(&format!("{}-x", ended.id()));
        let kept = [folder(&format!("{}-x", std::process::id())), folder("other")];
        sweep(temporary.path());
        assert!(!left.exists());
        assert!(kept.iter().all(|folder| folder.exists()));
    }
}
