//! Fixes: `--fix`, `--diff`, `--unsafe-fixes`, `--show-fixes`, on real files.

use std::fs;

use crate::process::{Project, findings, rules, run};
use crate::repository::{corpus, pages};

const CAPTURES: &str =
    "from socket import socket, AF_INET\n\n\ndef reach():\n    return socket(AF_INET)\n";
const LATE: &str = "import socket\nfrom socket import AF_INET\n\n\ndef reach():\n    return socket.socket(AF_INET)\n";

/// A project whose folder is known to be one.
fn project(files: &[(&str, &str)]) -> Project {
    Project::new(&[&[("pyproject.toml", "")], files].concat())
}

fn text(project: &Project, path: &str) -> String {
    fs::read_to_string(project.path().join(path)).expect("a file")
}

#[test]
fn what_is_safe_is_fixed_once() {
    let project = project(&[("pkg/__init__.py", ""), ("pkg/mod.py", CAPTURES)]);
    let run = project.run(&["--fix"]).exits(0);
    assert_eq!(run.stderr, "pkg/mod.py: 1 finding\nfixed 1 finding in 1 file\n");
    assert!(run.stdout.starts_with("Found no problems in 2 files"), "{run:?}");
    assert_eq!(text(&project, "pkg/mod.py"), LATE);
    let again = project.run(&["--fix"]).exits(0);
    assert_eq!(again.stderr, "fixed 0 findings in 0 files\n");
    assert_eq!(text(&project, "pkg/mod.py"), LATE);
}

#[test]
fn what_others_know_needs_a_word() {
    for (other, told) in [
        ("from pkg.mod import socket\n", "tests/test_mod.py imports `socket` from here"),
        ("mock.patch('pkg.mod.socket')\n", "tests/test_mod.py names `socket` of this module"),
        ("import pkg.mod\npkg.mod.socket\n", "tests/test_mod.py uses `socket` of this module"),
        ("from pkg.mod import *\n", "tests/test_mod.py imports everything from here"),
        ("x = (\n# socket\n", "tests/test_mod.py could not be searched"),
    ] {
        let project = project(&[("pkg/mod.py", CAPTURES), ("tests/test_mod.py", other)]);
        // Left out of the report, a file is searched all the same.
        let exclude = ["--extend-exclude", "tests"];
        let run = project.run(&[&exclude[..], &["--fix"]].concat()).exits(1);
        let closing = "fixed 0 findings in 0 files; --unsafe-fixes for 1 finding\n";
        assert_eq!(run.stderr, closing, "{other}");
        assert!(run.stdout.contains(told), "{run:?}");
        assert_eq!(text(&project, "pkg/mod.py"), CAPTURES);
        project.run(&[&exclude[..], &["--fix", "--unsafe-fixes"]].concat()).exits(0);
        assert_eq!(text(&project, "pkg/mod.py"), LATE, "{other}");
    }
}

#[test]
fn a_part_of_a_project_is_not_the_whole() {
    let files = [("src/pkg/__init__.py", ""), ("src/pkg/mod.py", CAPTURES)];
    for paths in [&["src"][..], &["src/pkg"], &["src/pkg/mod.py"]] {
        let project = project(&files);
        let run = project.run(&[&["--fix"], paths].concat()).exits(1);
        assert!(run.stdout.contains("not all of the project was searched"), "{run:?}");
        assert_eq!(text(&project, "src/pkg/mod.py"), CAPTURES, "{paths:?}");
    }
    let whole = project(&files);
    whole.run(&["--fix", "src", "."]).exits(0);
    // Where nothing marks the project, the folder that holds the package has to be enough.
    let unmarked = Project::new(&files);
    unmarked.run(&["--fix", "src/pkg"]).exits(1);
    unmarked.run(&["--fix", "src"]).exits(0);
}

#[test]
fn a_diff_changes_nothing() {
    let project = project(&[("mod.py", CAPTURES), ("other.py", "x = 1\n")]);
    let run = project.run(&["--diff"]).exits(1);
    assert_eq!(
        run.stdout,
        "--- mod.py\n+++ mod.py\n@@ -1,5 +1,6 @@\n-from socket import socket, AF_INET\n\
         +import socket\n+from socket import AF_INET\n \n \n def reach():\n\
         -    return socket(AF_INET)\n+    return socket.socket(AF_INET)\n"
    );
    assert_eq!(run.stderr, "would fix 1 finding in 1 file\n");
    assert_eq!(text(&project, "mod.py"), CAPTURES);
    project.run(&["--fix"]).exits(0);
    let none = project.run(&["--diff"]).exits(0);
    assert_eq!(none.stdout, "");
    // Findings that are left make no difference, what was not analysed does.
    project.write("a.py", b"import os\nos.system('ls')\n");
    project.run(&["--diff", "--no-subprocess"]).exits(0);
    project.write("b.py", b"x = (\n");
    project.run(&["--diff"]).exits(3);
}

#[test]
fn a_diff_can_be_applied_and_hides_nothing() {
    let project = project(&[("a.py", "")]);
    let before = "x = 1\r\nfrom os import fork\r\n# \u{202e}\r\nfork()";
    project.write("a.py", before.as_bytes());
    let run = project.run(&["--diff"]).exits(1);
    assert!(run.stdout.contains("-from os import fork\r\n+import os\r\n"), "{run:?}");
    assert!(run.stdout.contains(" # \\u{202e}\r\n"), "{run:?}");
    assert!(run.stdout.ends_with("+os.fork()\n\\ No newline at end of file\n"), "{run:?}");
}

#[test]
fn standard_input_has_a_diff_and_no_fix() {
    let project = Project::new(&[]);
    let diff = run(&mut project.command(&["--diff", "--unsafe-fixes", "-"]), CAPTURES.as_bytes());
    let diff = diff.exits(1);
    assert!(diff.stdout.contains("+    return socket.socket(AF_INET)\n"), "{diff:?}");
    let fix = run(&mut project.command(&["--fix", "-"]), CAPTURES.as_bytes()).exits(2);
    assert!(fix.stderr.contains("--diff shows what it would do"), "{fix:?}");
}

#[test]
fn json_and_sarif_carry_the_edits() {
    let project = project(&[("mod.py", CAPTURES), ("own.py", "from os import fork\nfork = 1\n")]);
    let json = project.json(&["--show-fixes"]).exits(1).json();
    let fix = &findings(&json)[0]["fix"];
    assert_eq!((&fix["applicability"], &fix["why"]), (&"safe".into(), &"".into()), "{json}");
    let edits = serde_json::json!([
        {"row": 1, "column": 1, "end_row": 1, "end_column": 1, "text": "import socket\n"},
        {"row": 1, "column": 20, "end_row": 1, "end_column": 28, "text": ""},
        {"row": 5, "column": 12, "end_row": 5, "end_column": 18, "text": "socket.socket"},
    ]);
    assert_eq!(fix["edits"], edits, "{json}");
    let refused = &findings(&json)[1]["fix"];
    assert_eq!(refused["applicability"], "none");
    assert_eq!(refused["why"], "`fork` is bound again in row 2");
    let part = project.json(&["--show-fixes", "mod.py"]).exits(1).json();
    assert_eq!(findings(&part)[0]["fix"]["applicability"], "unsafe", "{part}");
    // Nobody asked.
    let plain = project.json(&[]).exits(1).json();
    assert!(findings(&plain)[0].get("fix").is_none(), "{plain}");
    let sarif = project.run(&["--show-fixes", "--output", "sarif"]).exits(1).json();
    let replacements =
        &sarif["runs"][0]["results"][0]["fixes"][0]["artifactChanges"][0]["replacements"];
    assert_eq!(replacements[2]["insertedContent"]["text"], "socket.socket", "{sarif}");
    assert_eq!(replacements[2]["deletedRegion"]["startColumn"], 12, "{sarif}");
}

#[test]
fn bytes_stay_as_they_are() {
    for (before, after) in [
        (
            &b"# -*- coding: latin-1 -*-\r\nfrom os import fork\r\nx = '\xe9'; fork(); y = '\xe9'\r\n"[..],
            &b"# -*- coding: latin-1 -*-\r\nimport os\r\nx = '\xe9'; os.fork(); y = '\xe9'\r\n"[..],
        ),
        (b"\xef\xbb\xbffrom os import fork\rfork( )", b"\xef\xbb\xbfimport os\ros.fork( )"),
        (b"if 1:\n\tfrom os import fork, sep\x0c\n\tfork()\n", b"if 1:\n\timport os\n\tfrom os import sep\x0c\n\tos.fork()\n"),
    ] {
        let project = project(&[]);
        project.write("a.py", before);
        project.run(&["--fix"]).exits(0);
        assert_eq!(fs::read(project.path().join("a.py")).expect("there"), after);
    }
    // Whose bytes cannot be told is left alone, and said so.
    let project = project(&[]);
    let between = b"# coding: euc-jp\nfrom os import fork\n'\xa4\xa2'; fork(); '\xa4\xa2'\n";
    project.write("a.py", between);
    let run = project.run(&["--fix"]).exits(1);
    assert!(run.stderr.starts_with("a.py: not fixed: its encoding does not tell"), "{run:?}");
    assert_eq!(fs::read(project.path().join("a.py")).expect("there"), between);
}

#[test]
fn notebooks_are_refused_in_words() {
    let cell = serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "source": "from os import fork"});
    let notebook =
        serde_json::json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]});
    let notebook = notebook.to_string();
    let project = project(&[("a.ipynb", &notebook)]);
    let run = project.run(&["--fix", "--unsafe-fixes"]).exits(1);
    assert!(
        run.stdout.contains("--fix cannot do so: cells of notebooks are not rewritten"),
        "{run:?}"
    );
    assert_eq!(text(&project, "a.ipynb"), notebook);
}

#[test]
fn what_is_accepted_is_not_fixed() {
    let accepted = "from os import fork  # hermetic: ignore[captured-reference] known\nfork()\n";
    let project = project(&[("a.py", accepted), ("b.py", CAPTURES)]);
    project.run(&["--write-baseline", "known.json"]).exits(0);
    let run = project.run(&["--fix", "--baseline", "known.json"]).exits(0);
    assert_eq!(run.stderr, "fixed 0 findings in 0 files\n");
    assert_eq!(
        (text(&project, "a.py"), text(&project, "b.py")),
        (accepted.into(), CAPTURES.into())
    );
    // With the comment gone, it is.
    project.run(&["--fix", "--no-suppressions", "a.py", "."]).exits(0);
    assert!(text(&project, "a.py").starts_with("import os  # hermetic"));
}

#[test]
fn what_cannot_be_written_is_told_and_left_whole() {
    let project = project(&[("a.py", CAPTURES), ("b.py", CAPTURES)]);
    let file = project.path().join("b.py");
    let mut permissions = fs::metadata(&file).expect("there").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).expect("mine");
    let run = project.run(&["--fix"]).exits(2);
    assert!(run.stderr.contains("a.py: 1 finding\n"), "{run:?}");
    assert!(run.stderr.contains("b.py: not written: the file is read-only\n"), "{run:?}");
    assert_eq!((text(&project, "a.py"), text(&project, "b.py")), (LATE.into(), CAPTURES.into()));
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let long = format!("{CAPTURES}# {}\n", "x".repeat(8192));
    let project = project(&[("a.py", &long)]);
    let mut shell = std::process::Command::new("sh");
    // No file may grow beyond some blocks; a write that would is an error, not a signal.
    shell.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" --no-cache --fix"]);
    shell.arg(crate::process::binary()).current_dir(project.path());
    let failed = run(&mut shell, b"").exits(2);
    assert!(failed.stderr.contains("a.py: not written: "), "{failed:?}");
    assert_eq!(text(&project, "a.py"), long);
    let left = fs::read_dir(project.path()).expect("a folder").count();
    assert_eq!(left, 2, "nothing half-written is left over");
}

#[cfg(unix)]
#[test]
fn a_link_stays_one_and_its_target_is_fixed() {
    let project = project(&[("real.py", CAPTURES)]);
    std::os::unix::fs::symlink("real.py", project.path().join("link.py")).expect("linked");
    project.run(&["--fix", "--unsafe-fixes", "link.py"]).exits(0);
    assert_eq!(text(&project, "real.py"), LATE);
    let link = fs::symlink_metadata(project.path().join("link.py")).expect("there");
    assert!(link.is_symlink());
}

#[test]
fn flags_that_do_not_go_together() {
    let project = project(&[("a.py", CAPTURES)]);
    for arguments in [
        &["--unsafe-fixes"][..],
        &["--fix", "--diff"],
        &["--fix", "--add-ignores"],
        &["--fix", "--write-baseline", "x"],
        &["--diff", "--statistics"],
        &["--diff", "--output", "json"],
    ] {
        project.run(arguments).exits(2);
    }
    assert_eq!(text(&project, "a.py"), CAPTURES);
}

/// A file made to take long, or to nest as deeply as is analysed, ends as any other.
#[test]
fn hostile_files_are_no_trouble() {
    let deep = format!("from os import fork\nx = {}fork()\n", "-".repeat(100_000));
    let one = |n: usize| format!("from os import fork as f{n}\nf{n}()\n");
    let many: String = (0..20_000).map(one).collect();
    let project = project(&[("deep.py", &deep), ("many.py", &many)]);
    project.run(&["--fix", "deep.py", "."]).exits(1);
    assert!(text(&project, "deep.py").ends_with("-os.fork()\n"));
    let run = project.run(&["--show-fixes", "many.py"]).exits(1);
    assert!(run.stdout.contains("too many captures to try each of them"));
    assert_eq!(text(&project, "many.py"), many);
}

/// Every block of every page with a capture: what is fixed is gone, stays gone, and nothing else
/// is told.
#[test]
fn the_pages_can_be_fixed() {
    let mut files = Vec::new();
    for page in pages().iter().chain(&corpus()) {
        for block in page.blocks.iter().filter(|block| !block.notebook) {
            if block.source.contains("captured-reference") {
                files.push((format!("f{}/mod.py", files.len()), block.source.clone()));
            }
        }
    }
    assert!(files.len() > 20, "{} blocks with captures", files.len());
    let borrowed: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
    let project = project(&borrowed);
    let all = ["--profile", "block-all", "--no-suppressions", "--show-fixes"];
    let count = |json: &serde_json::Value| {
        let captured = rules(json).iter().filter(|rule| **rule == "captured-reference").count();
        (captured, rules(json).len() - captured)
    };
    let before = project.json(&all).json();
    let fixable = findings(&before).iter().filter(|finding| {
        matches!(finding["fix"]["applicability"].as_str(), Some("safe" | "unsafe"))
    });
    let fixable = fixable.count();
    assert!(fixable > 20, "{fixable} fixes");
    project.run(&["--profile", "block-all", "--no-suppressions", "--fix", "--unsafe-fixes"]);
    let after = project.json(&all).json();
    let ((captured, others), (left, others_now)) = (count(&before), count(&after));
    assert_eq!(left, captured - fixable, "{after}");
    assert_eq!(others_now, others);
    let texts = || files.iter().map(|(path, _)| text(&project, path)).collect::<Vec<_>>();
    let once = texts();
    project.run(&["--profile", "block-all", "--no-suppressions", "--fix", "--unsafe-fixes"]);
    assert_eq!(texts(), once, "a second time");
}
