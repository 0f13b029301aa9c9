//! Paths in lexical normal form: the one canonicaliser of both faces.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// The lexical normal form of an absolute path; `None` for a relative one and for text no system
/// call takes (with a NUL).
///
/// `.` and empty components go, `..` takes the component before it and stops at the root. A path
/// is POSIX (`/x`) or begins with a Windows drive (`C:\x`, `c:/x`, `\\?\C:\x`), which is compared
/// with `/` and a lower-case drive. A drive without a slash (`C:x`) and a share (`\\host\x`) are
/// relative to what only the system knows.
pub fn normalise(path: &str) -> Option<Cow<'_, str>> {
    if path.contains('\0') {
        return None;
    }
    if path.starts_with('/') {
        return Some(if is_normal(path) {
            Cow::Borrowed(path)
        } else {
            Cow::Owned(join("", path.split('/')))
        });
    }
    let path = path.strip_prefix(r"\\?\").unwrap_or(path);
    match path.as_bytes() {
        [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic() => {
            let (drive, rest) = path.split_at(2);
            Some(Cow::Owned(join(&drive.to_ascii_lowercase(), rest.split(['/', '\\']))))
        }
        _ => None,
    }
}

fn is_normal(path: &str) -> bool {
    path == "/" || path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."))
}

fn join<'a>(root: &str, parts: impl Iterator<Item = &'a str>) -> String {
    let mut kept = Vec::new();
    for part in parts {
        match part {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            part => kept.push(part),
        }
    }
    let mut normal = String::from(root);
    if kept.is_empty() {
        normal.push('/');
    }
    for part in kept {
        normal.push('/');
        normal.push_str(part);
    }
    normal
}

/// Whether `path` is `root` or below it, both in normal form. `/` holds everything, drives too.
pub fn contains(root: &str, path: &str) -> bool {
    if root == "/" {
        return true;
    }
    // Only the root of a drive ends in a slash.
    let root = root.strip_suffix('/').unwrap_or(root);
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::{contains, normalise};

    #[test]
    fn normal_forms() {
        for (path, normal) in [
            ("/", Some("/")),
            ("//", Some("/")),
            ("/tmp", Some("/tmp")),
            ("/tmp/", Some("/tmp")),
            ("/tmp/./a//b/../c", Some("/tmp/a/c")),
            ("/../../etc", Some("/etc")),
            ("/tmp/..", Some("/")),
            ("/a/...", Some("/a/...")),
            (r"/a\..\b", Some(r"/a\..\b")),
            (r"C:\Users\x\..\y", Some("c:/Users/y")),
            ("c:/", Some("c:/")),
            (r"\\?\D:\data", Some("d:/data")),
            ("C:x", None),
            (r"\\host\share\x", None),
            ("tmp", None),
            ("", None),
            ("~/x", None),
            ("/tmp/a\0b", None),
        ] {
            assert_eq!(normalise(path).as_deref(), normal, "{path:?}");
        }
    }

    #[test]
    fn containment_is_by_component() {
        assert!(contains("/srv/data", "/srv/data"));
        assert!(contains("/srv/data", "/srv/data/x"));
        assert!(!contains("/srv/data", "/srv/database"));
        assert!(!contains("/srv/data", "/srv"));
        assert!(contains("/", "/anything"));
        assert!(contains("/", "c:/anything"));
        assert!(contains("c:/", "c:/x"));
        assert!(contains("c:/x", "c:/x/y"));
        assert!(!contains("c:/", "d:/x"));
        assert!(!contains("c:/", "/x"));
    }
}
