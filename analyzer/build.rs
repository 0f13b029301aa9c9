//! Tells the code which code it is: facts kept by any other are of no use to it.

use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What decides the facts of a file: our code, the rules, and the parser and other libraries in
/// their versions and with their features.
const DECIDES: [&str; 6] = [
    "src",
    "Cargo.toml",
    "../policy/src",
    "../policy/Cargo.toml",
    "../Cargo.toml",
    "../Cargo.lock",
];

/// Decides none, and changes often.
const COMMAND: &str = "src/bin";

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("Cargo sets it"));
    println!("cargo:rerun-if-changed=build.rs");
    let mut files = Vec::new();
    for name in DECIDES {
        collect(&root.join(name), &root.join(COMMAND), &mut files);
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in &files {
        // A new file is part of the code once a known one names it.
        println!("cargo:rerun-if-changed={}", file.display());
        // Without the code there is no telling it from other code.
        let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        hasher.write_usize(bytes.len());
        hasher.write(&bytes);
    }
    let version = env::var("CARGO_PKG_VERSION").expect("Cargo sets it");
    println!("cargo:rustc-env=HERMETIC_CODE={version} {:016x}", hasher.finish());
}

/// The files below a path, or itself.
fn collect(path: &Path, less: &Path, files: &mut Vec<PathBuf>) {
    if path == less {
        return;
    }
    match fs::read_dir(path) {
        Ok(entries) => {
            for entry in entries.flatten() {
                collect(&entry.path(), less, files);
            }
        }
        Err(_) => files.push(path.to_owned()),
    }
}
