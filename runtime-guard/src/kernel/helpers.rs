//! What a program needs to be allowed to start: Landlock asks for each file that becomes a program.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// As many interpreters as the kernel follows from script to script (execve(2)).
const DEEPEST: usize = 5;

/// The programs themselves, what their first lines name, and the loaders of all of them. Names
/// without a folder stand for paths that are there as well.
pub fn of<'p>(programs: impl Iterator<Item = &'p str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for program in programs.filter(|program| program.starts_with('/')) {
        let mut next = Some(program.to_owned());
        for _ in 0..=DEEPEST {
            let Some(file) = next.take() else { break };
            next = started_by(Path::new(&file));
            if !found.contains(&file) {
                found.push(file);
            }
        }
    }
    found
}

/// What the kernel starts for a file: a script's interpreter, or the loader of a program.
fn started_by(file: &Path) -> Option<String> {
    let mut file = std::fs::File::open(file).ok()?;
    let mut head = Vec::new();
    file.by_ref().take(4096).read_to_end(&mut head).ok()?;
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next()?.trim_ascii();
        let program = line.split(u8::is_ascii_whitespace).next()?;
        return String::from_utf8(program.to_vec()).ok();
    }
    loader(&mut file, &head)
}

/// `PT_INTERP` of a program of 64 bits in the processor's own order (elf(5)).
fn loader(file: &mut std::fs::File, head: &[u8]) -> Option<String> {
    const PT_INTERP: u32 = 3;
    let bytes = |from: &[u8], at: usize, length: usize| -> Option<Vec<u8>> {
        from.get(at..at.checked_add(length)?).map(<[u8]>::to_vec)
    };
    let number = |from: &[u8], at: usize, length: usize| -> Option<u64> {
        let mut whole = [0; 8];
        whole.get_mut(..length)?.copy_from_slice(&bytes(from, at, length)?);
        Some(u64::from_le_bytes(whole))
    };
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (start, size, count) = (number(head, 32, 8)?, number(head, 54, 2)?, number(head, 56, 2)?);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut table = Vec::new();
    file.by_ref().take(size.checked_mul(count)?).read_to_end(&mut table).ok()?;
    for entry in table.chunks(usize::try_from(size).ok().filter(|size| *size >= 56)?) {
        if number(entry, 0, 4)? != u64::from(PT_INTERP) {
            continue;
        }
        let (at, length) = (number(entry, 8, 8)?, number(entry, 32, 8)?);
        file.seek(SeekFrom::Start(at)).ok()?;
        let mut name = Vec::new();
        file.by_ref().take(length.min(4096)).read_to_end(&mut name).ok()?;
        return String::from_utf8(name).ok().map(|name| name.trim_end_matches('\0').to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn loaders_and_interpreters() {
        let folder = std::env::temp_dir().join(format!("hermetic-helpers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let script = folder.join("script");
        std::fs::write(&script, "#! /bin/sh -e\necho\n").unwrap();
        let script = script.to_str().unwrap();
        let found = of([script, "git", "/no/such/program"].into_iter());
        assert_eq!(found.first().map(String::as_str), Some(script));
        assert_eq!(found.get(1).map(String::as_str), Some("/bin/sh"));
        assert!(found.iter().any(|file| file.contains("/ld-")), "{found:?}");
        assert_eq!(found.last().map(String::as_str), Some("/no/such/program"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
