//! Paths for people and machines.

use std::fmt::Write;
use std::path::{Component, Path};

/// The path with `/`, relative where it is below `folder`, without a leading `./`. Bytes that
/// are no UTF-8 become `\xNN`; control, bidirectional and line separating characters `\u{N}`.
pub fn display(path: &Path, folder: Option<&Path>) -> String {
    let below = folder.and_then(|folder| path.strip_prefix(folder).ok());
    let path = below.filter(|below| !below.as_os_str().is_empty()).unwrap_or(path);
    let mut out = String::new();
    for component in path.components() {
        if component == Component::CurDir && path.components().nth(1).is_some() {
            continue;
        }
        if !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        if component == Component::RootDir {
            out.push('/');
            continue;
        }
        for chunk in component.as_os_str().as_encoded_bytes().utf8_chunks() {
            for char in chunk.valid().chars() {
                if is_hidden(char) {
                    let _ = write!(out, "\\u{{{:x}}}", u32::from(char));
                } else {
                    out.push(char);
                }
            }
            for byte in chunk.invalid() {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out
}

fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(char, '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_with_slashes_and_visible() {
        let show =
            |path: &str, folder: Option<&str>| display(Path::new(path), folder.map(Path::new));
        assert_eq!(show("./a/b.py", None), "a/b.py");
        assert_eq!(show("/srv/x/a.py", Some("/srv/x")), "a.py");
        assert_eq!(show("/srv/x", Some("/srv/x")), "/srv/x");
        assert_eq!(show("../a.py", Some("/srv")), "../a.py");
        assert_eq!(show(".", None), ".");
        assert_eq!(show("a\u{1b}[0m\u{202e}é\n.py", None), "a\\u{1b}[0m\\u{202e}é\\u{a}.py");
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_utf8_are_escaped() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"d/caf\xe9.py"));
        assert_eq!(display(path, None), "d/caf\\xe9.py");
    }
}
