//! The first bytes of a file without a suffix: is it a Python script?

/// Bytes read of a file to find its interpreter. Linux itself reads 256.
pub(super) const HEAD: usize = 512;

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// A line that has Python execute the file.
    Python,
    /// The same, and a zip archive after it (PEP 441).
    ZipApplication,
    /// Anything else.
    Other,
}

/// Programs that run a script with Python when told so on the same line.
const RUNNERS: [&str; 9] =
    ["conda", "hatch", "mamba", "micromamba", "pdm", "pipx", "poetry", "rye", "uv"];

/// Reads `#!` lines as `execve` and `env` do.
pub(super) fn head(bytes: &[u8]) -> Head {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Some(rest) = bytes.strip_prefix(b"#!") else { return Head::Other };
    let end = rest.iter().position(|&byte| byte == b'\n' || byte == b'\r').unwrap_or(rest.len());
    let (line, after) = rest.split_at(end);
    let after = after.strip_prefix(b"\r\n").or_else(|| after.get(1..)).unwrap_or_default();
    if !runs_python(&String::from_utf8_lossy(line)) && !after.starts_with(b"'''exec' ") {
        return Head::Other;
    }
    if after.starts_with(b"PK\x03\x04") { Head::ZipApplication } else { Head::Python }
}

fn runs_python(line: &str) -> bool {
    let line = line.trim();
    // Launchers on Windows quote a path with blanks.
    if let Some((path, _)) = line.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        return is_python(path);
    }
    let mut words = line.split_whitespace();
    let Some(mut program) = words.next() else { return false };
    if name(program) == "env" {
        let Some(found) = program_of_env(&mut words) else { return false };
        program = found;
    }
    if is_python(program) {
        return true;
    }
    let program = name(program);
    RUNNERS.contains(&program)
        && words.any(|word| is_python(word) || (matches!(program, "uv" | "pipx") && word == "run"))
        || program == "uvx"
}

/// What comes after the options of `env`, the string of `-S` taken apart, and its assignments.
fn program_of_env<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<&'a str> {
    loop {
        let word = words.next()?;
        if matches!(word, "-u" | "--unset" | "-C" | "--chdir" | "-P") {
            words.next();
            continue;
        }
        let split = ["--split-string=", "-S", "-vS", "-iS"];
        let word = split.iter().find_map(|option| word.strip_prefix(option)).unwrap_or(word);
        if !word.is_empty() && !word.starts_with('-') && !word.contains('=') {
            return Some(word);
        }
    }
}

/// `python`, `python3.11`, `pythonw.exe`, `pypy3`, `ipython` ... at the end of a path.
fn is_python(path: &str) -> bool {
    let name = name(path);
    let rest = ["python", "pypy", "ipython"].iter().find_map(|known| name.strip_prefix(known));
    rest.is_some_and(|rest| {
        let rest = rest.strip_suffix(".exe").unwrap_or(rest);
        let rest = rest.strip_prefix('w').unwrap_or(rest);
        // Debug and free-threaded builds have a letter after the version.
        rest.trim_end_matches(['d', 'm', 't'])
            .chars()
            .all(|char| char.is_ascii_digit() || char == '.')
    })
}

fn name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_is_found_in_every_way_of_naming_it() {
        for line in [
            "#!/usr/bin/env python3",
            "#!/usr/bin/python -E",
            "#!python",
            "#! /usr/bin/python3.11 -s\r\n",
            "#!/usr/bin/env -S python3 -I",
            "#!/usr/bin/env -Spython3 -I",
            "#!/usr/bin/env -i A=b -u C --split-string=python",
            "#!/usr/bin/env -S uv run --script",
            "#!/opt/pypy3",
            "#!/usr/bin/python3.13t",
            "#!C:\\Python\\pythonw.exe",
            "#!\"C:\\Program Files\\Python\\python.exe\" -E",
            "#!/bin/sh\n'''exec' \"/a long/bin/python\" \"$0\" \"$@\"\n' '''",
            "\u{feff}#!/usr/bin/env python",
        ] {
            assert_eq!(head(line.as_bytes()), Head::Python, "{line}");
        }
    }

    #[test]
    fn other_programs_are_not_python() {
        for line in [
            "",
            "#!",
            "#!/bin/sh\nexec python3 x",
            "#!/usr/bin/env bash",
            "#!/usr/bin/env",
            "#!/usr/bin/python-config",
            "# /usr/bin/python",
            "python3",
            "#!/bin/cat python",
        ] {
            assert_eq!(head(line.as_bytes()), Head::Other, "{line}");
        }
    }

    #[test]
    fn a_zip_after_the_line_is_an_application() {
        assert_eq!(head(b"#!/usr/bin/env python3\nPK\x03\x04..."), Head::ZipApplication);
    }
}
