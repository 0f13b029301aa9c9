//! Paths that a run changed, as the files and folders that a policy names.

use alloc::borrow::ToOwned as _;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::pattern::path;

/// The places paths are told by. All are absolute, without links, in normal form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    folder: String,
    temporary: Vec<String>,
    wide: Vec<String>,
}

impl Places {
    /// `folder` is the project's; `temporary` are those for temporary files; `wide` are others that
    /// are never allowed in whole, such as a user's home.
    pub fn new(folder: &str, temporary: Vec<String>, wide: Vec<String>) -> Self {
        Self { folder: folder.to_owned(), temporary, wide }
    }

    /// The project's folder.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The files and folders to allow so that all of these may be changed; none below another.
    pub fn writable<'p>(&self, paths: impl Iterator<Item = &'p str>) -> Vec<String> {
        let mut found: Vec<String> = paths.map(|path| self.general(path)).collect();
        // A folder comes before what is below it.
        found.sort();
        let mut kept: Vec<String> = Vec::new();
        for one in found {
            if !kept.iter().any(|known| path::contains(known, &one)) {
                kept.push(one);
            }
        }
        kept
    }

    /// The folder of a file, where it is one that may be allowed in whole; the folder above a name
    /// that is another in every run.
    fn general(&self, path: &str) -> String {
        if let Some(above) = self.above_chance(path) {
            return above.to_owned();
        }
        match path.rsplit_once('/') {
            Some((above, _)) if self.may_be_whole(above) => above.to_owned(),
            _ => path.to_owned(),
        }
    }

    fn may_be_whole(&self, folder: &str) -> bool {
        let is_wide = folder == self.folder
            || path::contains(folder, &self.folder)
            || self.temporary.iter().chain(&self.wide).any(|wide| path::contains(folder, wide));
        // `/etc`, `/var`: as wide as the system.
        !is_wide && folder.matches('/').count() > 1
    }

    /// The folder above the first part that chance made.
    fn above_chance<'p>(&self, path: &'p str) -> Option<&'p str> {
        // Parts of the project's own path are the project's.
        let known = [&self.folder]
            .into_iter()
            .chain(&self.temporary)
            .filter(|folder| path::contains(folder, path) && path.len() > folder.len())
            .map(String::len)
            .max()
            .unwrap_or(0);
        let is_temporary = self
            .temporary
            .iter()
            .any(|folder| folder.len() == known && path::contains(folder, path));
        let mut at = known;
        for part in path.get(known..)?.split('/') {
            if is_chance(part) || (is_temporary && is_probe(part)) {
                let above = path.get(..at.saturating_sub(1))?;
                return Some(if above.is_empty() { "/" } else { above });
            }
            at += part.len() + 1;
        }
        None
    }
}

/// Whether a name looks as if it were another in every run: `tmpa1b2c3d4`, process numbers, digests.
fn is_chance(name: &str) -> bool {
    let is_of_tempfile = |rest: &str| {
        rest.get(..8).is_some_and(|random| {
            random.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
    };
    name.match_indices("tmp").any(|(at, _)| name.get(at + 3..).is_some_and(is_of_tempfile))
        || longest(name, |b| b.is_ascii_digit()) >= 5
        || name
            .split(|c: char| !c.is_ascii_hexdigit())
            .any(|part| part.len() >= 8 && part.bytes().any(|b| b.is_ascii_digit()))
}

/// Whether a name may be one by which `tempfile` tries a folder (CPython `Lib/tempfile.py`,
/// `_RandomNameSequence`).
fn is_probe(name: &str) -> bool {
    name.len() == 8
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn longest(name: &str, is_one: impl Fn(u8) -> bool) -> usize {
    let mut most = 0;
    let mut run = 0;
    for byte in name.bytes() {
        run = if is_one(byte) { run + 1 } else { 0 };
        most = most.max(run);
    }
    most
}

/// A path as it is written in a file of that folder.
pub fn relative(text: &str, folder: Option<&str>) -> String {
    let Some(folder) = folder else { return text.to_owned() };
    if text == folder {
        return ".".to_owned();
    }
    if folder != "/" && path::contains(folder, text) {
        return text.get(folder.len() + 1..).unwrap_or(text).to_string();
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Places, relative};
    use alloc::vec;

    #[test]
    fn paths_become_folders_that_are_not_too_wide() {
        let places = Places::new("/home/me/app", vec!["/tmp".into()], vec!["/home/me".into()]);
        for (path, general) in [
            ("/home/me/app/out.txt", "/home/me/app/out.txt"),
            ("/home/me/app/build/a.o", "/home/me/app/build"),
            ("/home/me/app/build/run-20261122/a.o", "/home/me/app/build"),
            ("/home/me/.cache/x", "/home/me/.cache"),
            ("/home/me/x", "/home/me/x"),
            ("/home/x", "/home/x"),
            ("/tmp/tmpab12cd_9/x", "/tmp"),
            ("/tmp/k3_ab12z", "/tmp"),
            ("/tmp/fixed", "/tmp/fixed"),
            ("/tmp/tool/cache.db", "/tmp/tool"),
            ("/etc/passwd", "/etc/passwd"),
            ("/var/log/app/x.log", "/var/log/app"),
            ("/var/lib/0123456789abcdef/x", "/var/lib"),
        ] {
            assert_eq!(places.general(path), general, "{path}");
        }
        let all = ["/home/me/app/build/x", "/home/me/app/build/y/z", "/home/me/app/o"];
        assert_eq!(places.writable(all.into_iter()), ["/home/me/app/build", "/home/me/app/o"]);
    }

    #[test]
    fn a_project_below_a_folder_that_chance_named_is_still_the_project() {
        let places = Places::new("/tmp/tmpab12cd_9", vec!["/tmp".into()], vec![]);
        assert_eq!(places.general("/tmp/tmpab12cd_9/out/x"), "/tmp/tmpab12cd_9/out");
        assert_eq!(places.general("/tmp/tmpzz12cd_9/out/x"), "/tmp");
    }

    #[test]
    fn what_is_below_the_file_is_written_relative_to_it() {
        assert_eq!(relative("/a/b/c", Some("/a")), "b/c");
        assert_eq!(relative("/a", Some("/a")), ".");
        assert_eq!(relative("/ab", Some("/a")), "/ab");
    }
}
