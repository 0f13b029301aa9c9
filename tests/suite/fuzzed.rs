//! What fuzzing has found stays found: every input in `tests/fuzz/regressions`, and a few that are
//! nothing at all, through the function that it was found with.

use std::fs;

use crate::repository::root;

#[path = "../fuzz/oracles.rs"]
mod oracles;

#[test]
fn nothing_that_was_found_comes_back() {
    let folder = root().join("tests/fuzz/regressions");
    let mut known = Vec::new();
    for (name, oracle) in oracles::TARGETS {
        known.push(name.to_owned());
        for input in [&b""[..], b"\0", b"{", b"\xff\xfe", b"# hermetic: ignore[", &[0xff; 64]] {
            oracle(input);
        }
        // A target that has found nothing has no folder.
        for entry in fs::read_dir(folder.join(name)).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let input = fs::read(&path).expect("read");
            std::panic::catch_unwind(|| oracle(&input))
                .unwrap_or_else(|_| panic!("{} is found again", path.display()));
        }
    }
    let named = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = named(entry);
        assert!(known.contains(&name), "{name} is no target");
    }
}
