//! The shape of the repository: what a reader may rely on and a compiler does not check.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hermetic_policy::rules;

use crate::repository::{assert_none, files, read, slashed};

/// Lines of a source file.
const LONGEST: usize = 600;

fn with_extension(extensions: &[&str]) -> Vec<PathBuf> {
    let wanted = |path: &PathBuf| {
        path.extension().is_some_and(|e| extensions.iter().any(|wanted| e == *wanted))
    };
    files().into_iter().filter(wanted).collect()
}

#[test]
fn every_rule_has_one_page_and_one_name() {
    let mut complaints = Vec::new();
    let mut names = BTreeSet::new();
    for rule in rules::all() {
        let name = rule.name;
        if !names.insert(name) {
            complaints.push(format!("two rules are called {name}"));
        }
        if name.split('-').any(|w| {
            w.is_empty() || !w.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        }) {
            complaints.push(format!("{name} is not kebab case"));
        }
        let path = format!("policy/rules/{name}.md");
        if !crate::repository::root().join(&path).is_file() {
            complaints.push(format!("{name} has no page {path}"));
        } else if read(&path) != rule.page {
            complaints.push(format!("the page of {name} is not {path}"));
        }
        let first = rule.summary.split_whitespace().next().unwrap_or_default();
        let sentence = first.chars().next().is_some_and(char::is_uppercase)
            && first.chars().skip(1).any(char::is_lowercase);
        if rule.summary.is_empty() || rule.summary.ends_with('.') || sentence {
            complaints.push(format!("the summary of {name} is lower case with no full stop"));
        }
        if rule.triggers.is_empty() {
            complaints.push(format!("{name} has no trigger"));
        }
    }
    for path in with_extension(&["md"]) {
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        if path.starts_with("policy/rules") && rules::find(stem).is_none() {
            complaints.push(format!("{} is the page of no rule", path.display()));
        }
    }
    assert_none(&complaints);
}

#[test]
fn a_rule_and_its_static_share_a_name() {
    let mut complaints = Vec::new();
    let mut seen = 0;
    for path in with_extension(&["rs"]).iter().filter(|p| p.starts_with("policy/src/rules")) {
        let text = read(path);
        for part in text.split("static ").skip(1) {
            let Some((ident, rest)) = part.split_once(": Rule = Rule {") else { continue };
            if !ident.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') {
                continue;
            }
            seen += 1;
            let name = ident.to_lowercase().replace('_', "-");
            if !rest.trim_start().starts_with(&format!("name: \"{name}\"")) {
                complaints.push(format!("{}: {ident} is not called {name}", path.display()));
            }
        }
    }
    // Were the form of the statics another, this test would see nothing.
    assert_eq!(seen, rules::all().count(), "every rule is a static of the usual form");
    assert_none(&complaints);
}

/// `cargo run --bin NAME`, as the README says it, knows which.
#[test]
fn a_binary_of_the_default_members_has_one_name() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut metadata = std::process::Command::new(cargo);
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let told = metadata.current_dir(crate::repository::root()).output().expect("Cargo runs");
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let listed = |key: &str| told[key].as_array().cloned().unwrap_or_default();
    let default = listed("workspace_default_members");
    let mut names = Vec::new();
    for package in listed("packages").iter().filter(|package| default.contains(&package["id"])) {
        let targets = package["targets"].as_array().cloned().unwrap_or_default();
        let binaries = targets.iter().filter(|it| it["kind"] == serde_json::json!(["bin"]));
        names.extend(binaries.map(|it| it["name"].to_string()));
    }
    assert!(names.iter().any(|name| name == "\"hermetic-check\""), "{names:?}");
    let twice = |name: &&String| names.iter().filter(|other| other == name).count() > 1;
    let double: Vec<String> = names.iter().filter(twice).cloned().collect();
    assert_none(&double);
}

#[test]
fn no_source_file_is_too_long() {
    let mut complaints = Vec::new();
    for path in with_extension(&["rs", "py", "ts"]) {
        let lines = read(&path).lines().count();
        if lines > LONGEST {
            complaints.push(format!("{}: {lines} lines", path.display()));
        }
    }
    assert_none(&complaints);
}

#[test]
fn no_text_names_a_machine_or_a_registry() {
    // In pieces, so that this file does not hold them.
    let registry = ["py", "pi.o", "rg"].concat();
    let words = [
        registry.as_str(),
        &["python", "hosted"].concat(),
        &["npm", "js."].concat(),
        &["index.", "crates"].concat(),
        &["static.", "crates"].concat(),
        &["deb.", "debian"].concat(),
        &["/ro", "ot/"].concat(),
        &["/ho", "me/"].concat(),
        &["\\Us", "ers\\"].concat(),
    ];
    let mut complaints = Vec::new();
    for path in files() {
        // Rule pages and tests of path patterns speak of such folders as examples.
        let example = path.starts_with("policy/rules") || path.starts_with("policy/src");
        let Ok(text) = std::fs::read_to_string(crate::repository::root().join(&path)) else {
            continue;
        };
        // The lock file names where each crate comes from.
        if path.ends_with("Cargo.lock") {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            for word in words.iter().filter(|w| line.contains(**w)) {
                if !(example && word.starts_with(['/', '\\'])) {
                    complaints.push(format!("{}:{}: {word}", path.display(), index + 1));
                }
            }
        }
    }
    assert_none(&complaints);
}

/// The workspace's own crates among a manifest's dependencies.
fn own_dependencies(manifest: &str) -> BTreeSet<String> {
    let table: toml::Table = read(manifest).parse().expect("a manifest is TOML");
    // What the shipped crate links; tests may see more.
    ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|kind| table.get(*kind)?.as_table())
        .flat_map(toml::Table::keys)
        .filter(|name| name.starts_with("hermetic-"))
        .cloned()
        .collect()
}

#[test]
fn crates_depend_only_downwards() {
    let allowed = [
        ("policy", &[][..]),
        ("analyzer", &["hermetic-policy"]),
        ("lsp-server", &["hermetic-policy", "hermetic-check"]),
        ("distribution", &["hermetic-policy", "hermetic-check", "hermetic-lsp"]),
        ("runtime-guard", &["hermetic-policy"]),
    ];
    let mut complaints = Vec::new();
    let mut seen = 0;
    for path in files().iter().filter(|p| p.ends_with("Cargo.toml") && p.components().count() == 2)
    {
        let folder = slashed(path.parent().unwrap_or(Path::new("")));
        let Some((_, allowed)) = allowed.iter().find(|(name, _)| *name == folder) else { continue };
        seen += 1;
        for name in own_dependencies(&slashed(path)) {
            if !allowed.contains(&name.as_str()) {
                complaints.push(format!("{} depends on {name}", path.display()));
            }
        }
    }
    assert!(seen >= 2, "policy and analyzer are there");
    assert_none(&complaints);
}

/// The wheel of the guard has the licence in it, and its sources may not reach above their folder.
#[test]
fn the_guard_has_the_same_licence() {
    assert_eq!(read("runtime-guard/LICENSE"), read("LICENSE"));
}

/// Lines of shipped code: comments and a module of tests at the end left out.
fn shipped_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    // A module of tests with a file of its own is declared anywhere.
    let ends = |(index, line): (usize, &&str)| {
        let next = lines.get(index + 1).unwrap_or(&"");
        line.trim() == "#[cfg(test)]" && next.contains("mod ") && !next.trim_end().ends_with(';')
    };
    let shipped = lines.iter().enumerate().position(ends).unwrap_or(lines.len());
    lines
        .into_iter()
        .take(shipped)
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether a file is a module that its parent declares for tests only.
fn is_test_module(path: &Path) -> bool {
    let (Some(folder), Some(stem)) = (path.parent(), path.file_stem().and_then(|s| s.to_str()))
    else {
        return false;
    };
    let parents = [folder.with_extension("rs"), folder.join("lib.rs"), folder.join("main.rs")];
    let declares = |parent: &PathBuf| {
        let text = std::fs::read_to_string(crate::repository::root().join(parent));
        let text = text.unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.windows(2).any(|pair| {
            pair[0] == "#[cfg(test)]"
                && pair[1].strip_suffix(';').and_then(|declared| declared.split(' ').next_back())
                    == Some(stem)
        })
    };
    parents.iter().any(declares)
}

/// Files of `folder` whose shipped code has one of `words`, but for those `may` accepts.
fn offenders(folder: &str, words: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let mut offenders = Vec::new();
    for path in with_extension(&["rs"]).iter().filter(|p| p.starts_with(folder)) {
        let name = slashed(path);
        if may(&name) || is_test_module(path) {
            continue;
        }
        for (number, line) in shipped_lines(&read(path)) {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                offenders.push(format!("{name}:{number}: {word}"));
            }
        }
    }
    offenders
}

#[test]
fn tests_are_no_shipped_code() {
    for (path, expected) in [
        ("analyzer/src/discover/tests.rs", true),
        ("analyzer/src/discover/walk.rs", false),
        ("analyzer/src/discover.rs", false),
        ("analyzer/src/lib.rs", false),
    ] {
        assert_eq!(is_test_module(Path::new(path)), expected, "{path}");
    }
    let text = "use a;\n// b\n#[cfg(test)]\nmod tests;\nc();\n#[cfg(test)]\nmod tests {\nd();\n}\n";
    let numbers: Vec<usize> = shipped_lines(text).map(|(number, _)| number).collect();
    assert_eq!(numbers, [1, 3, 4, 5]);
}

#[test]
fn only_syntax_names_the_parser() {
    let own = |name: &str| name.starts_with("analyzer/src/syntax");
    assert_none(&offenders("analyzer/src", &["ruff_python_", "ruff_text_size"], own));
    assert_none(&offenders("policy/src", &["ruff_python_", "ruff_text_size"], |_| false));
}

#[test]
fn only_discover_reads_the_disk() {
    let words = ["std::fs", "fs::read", "File::open", "ignore::"];
    // The cache reads and writes the packs in its own folder, and lists folders of sources.
    let own = |name: &str| {
        name.starts_with("analyzer/src/discover")
            || name.starts_with("analyzer/src/bin/")
            || name == "analyzer/src/cache/store.rs"
    };
    assert_none(&offenders("analyzer/src", &words, own));
}

#[test]
fn only_the_binary_prints_and_exits() {
    let words = ["println!", "print!(", "eprint", "io::stdout", "io::stderr", "process::exit"];
    assert_none(&offenders("analyzer/src", &words, |name| name.starts_with("analyzer/src/bin/")));
    let ends = ["lsp-server/src/main.rs", "lsp-server/src/parent.rs"];
    assert_none(&offenders("lsp-server/src", &words, |name| ends.contains(&name)));
    assert_none(&offenders("policy/src", &words, |_| false));
}

#[test]
fn only_handlers_name_the_protocol() {
    let handlers = [
        "actions.rs",
        "backend.rs",
        "client.rs",
        "commands.rs",
        "completion.rs",
        "convert.rs",
        "hover.rs",
        "pull.rs",
    ];
    let named = |name: &str| handlers.iter().any(|handler| name.ends_with(handler));
    assert_none(&offenders("lsp-server/src", &["ls_types"], named));
    assert_none(&offenders("analyzer/src", &["ls_types", "lsp_types", "tower_lsp"], |_| false));
}

#[test]
fn policy_has_no_standard_library() {
    let words = ["std::", "extern crate std"];
    assert_none(&offenders("policy/src", &words, |_| false));
    assert!(read("policy/src/lib.rs").contains("#![no_std]"), "policy is no_std");
}

#[test]
fn unsafe_stands_where_it_must() {
    let mut complaints = Vec::new();
    let mut seen = 0;
    for path in with_extension(&["rs"]) {
        let lifted = read(&path)
            .lines()
            .any(|line| line.contains("(unsafe_code") && !line.contains("forbid(unsafe_code)"));
        let name = slashed(&path);
        let must = ["ffi.rs", "slots.rs"].map(|file| format!("runtime-guard/src/{file}"));
        if must.contains(&name) {
            seen += usize::from(lifted);
        } else if lifted && name != "tests/suite/tidy.rs" {
            complaints.push(format!("{name} lifts the ban on `unsafe`"));
        }
    }
    assert_eq!(seen, 2, "the two files that need it lift the ban in the usual form");
    assert_none(&complaints);
}
