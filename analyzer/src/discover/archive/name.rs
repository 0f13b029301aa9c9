//! What a member is called, and whether that is a name to follow.

use super::DEEPEST;

/// Bytes of a name; that of Linux for a whole path.
const LONGEST: usize = 4096;

/// What is said of the archive's own top, which is no file.
pub(super) const NO_NAME: &str = "it has no name";

/// The name with plain `/` between plain parts.
///
/// # Errors
/// What is wrong with it, for a reader.
pub(super) fn plain(raw: &[u8]) -> Result<String, String> {
    if raw.len() > LONGEST {
        return Err(format!("its name has more than {LONGEST} bytes"));
    }
    // Installers read names that are no UTF-8 in ways of their own.
    let Ok(text) = std::str::from_utf8(raw) else { return Err("its name is no UTF-8".to_owned()) };
    // `zipfile` cuts a name at NUL, and takes `\` for `/` on Windows.
    if text.contains(['\0', '\\']) {
        return Err("its name has a NUL or a backslash in it".to_owned());
    }
    if text.starts_with('/') {
        return Err("its name is absolute".to_owned());
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err("its name leads out of the archive".to_owned()),
            part => parts.push(part),
        }
    }
    if parts.first().is_some_and(|first| has_drive(first)) {
        return Err("its name begins with a drive".to_owned());
    }
    if parts.len() > DEEPEST {
        return Err(format!("it is in more than {DEEPEST} folders"));
    }
    if parts.is_empty() {
        return Err(NO_NAME.to_owned());
    }
    Ok(parts.join("/"))
}

fn has_drive(part: &str) -> bool {
    let mut chars = part.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic()) && chars.next() == Some(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_pass_and_others_are_told() {
        assert_eq!(plain(b"a/b.py").as_deref(), Ok("a/b.py"));
        assert_eq!(plain(b"./a//./b.py").as_deref(), Ok("a/b.py"));
        assert_eq!(plain("caf\u{e9}.py".as_bytes()).as_deref(), Ok("caf\u{e9}.py"));
        let deep = "a/".repeat(DEEPEST) + "b.py";
        for (name, told) in [
            (&b"../a.py"[..], "leads out"),
            (b"a/../../b.py", "leads out"),
            (b"/etc/a.py", "absolute"),
            (b"C:/a.py", "drive"),
            (b"a\\b.py", "backslash"),
            (b"a.py\0.txt", "NUL"),
            (b"caf\xe9.py", "UTF-8"),
            (b".", "no name"),
            (&[b'a'; LONGEST + 1], "more than 4096 bytes"),
            (deep.as_bytes(), "folders"),
        ] {
            let error = plain(name).expect_err("no plain name");
            assert!(error.contains(told), "{error}");
        }
    }
}
