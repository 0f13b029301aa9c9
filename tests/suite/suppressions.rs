//! Comments that accept findings, on real files.

use std::fs;

use crate::process::{Project, rules, run};

const RUNS: &str = "import os\n\nos.system(\"ls\")\n";

#[test]
fn what_is_suppressed_is_counted() {
    let text = RUNS.replace("\")\n", "\")  # hermetic: ignore[shell-command] build\n");
    let project = Project::new(&[("a.py", &text)]);
    let json = project.json(&["--no-subprocess"]).exits(0).json();
    assert_eq!(rules(&json), [""; 0]);
    assert_eq!(json["summary"]["suppressed"], 1, "{json}");
    let run = project.run(&["--no-subprocess"]).exits(0);
    assert!(run.stdout.contains("1 finding suppressed by comments"), "{run:?}");
    let json = project.json(&["--no-subprocess", "--no-suppressions"]).exits(1).json();
    assert_eq!(
        (rules(&json), json["summary"]["suppressed"].as_u64()),
        (vec!["shell-command"], Some(0))
    );
    // Where the policy does not ask, the comment is not unused.
    let json = project.json(&["--no-network"]).exits(0).json();
    assert_eq!(rules(&json), [""; 0]);
}

#[test]
fn comments_about_comments_have_levels_as_any_rule() {
    let project = Project::new(&[(
        "a.py",
        "x = 1  # hermetic: ignore\ny = 1  # hermetic: ignore[shell-command]\n",
    )]);
    let json = project.json(&["--no-subprocess"]).exits(1).json();
    assert_eq!(rules(&json), ["invalid-suppression", "unused-suppression"]);
    let off = ["--level", "invalid-suppression=off", "--level", "unused-suppression=off"];
    project.json(&[&["--no-subprocess"][..], &off].concat()).exits(0);
    let json = project.json(&["--no-subprocess", "--level", "reason-required=error"]).json();
    assert!(rules(&json).contains(&"reason-required"), "{json}");
}

#[test]
fn a_notebook_is_read_cell_by_cell() {
    let cell = |text: &str| serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "source": text});
    let cells = [
        cell("import os\nos.system('a')  # hermetic: ignore[shell-command]"),
        cell("os.system('b')"),
        cell("os.system('c')  # hermetic: ignore[shell-command]"),
    ];
    let notebook =
        serde_json::json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells});
    let project = Project::new(&[("a.ipynb", &notebook.to_string())]);
    let json = project.json(&["--no-subprocess"]).exits(1).json();
    assert_eq!(rules(&json), ["shell-command"]);
    assert_eq!(
        (json["findings"][0]["cell"].as_u64(), json["summary"]["suppressed"].as_u64()),
        (Some(2), Some(2))
    );
    // Comments are not written into notebooks, and the finding stays.
    let run = project.run(&["--no-subprocess", "--add-ignores"]).exits(1);
    assert!(run.stderr.contains("a.ipynb: no comments added: a notebook"), "{run:?}");
    assert_eq!(fs::read(project.path().join("a.ipynb")).unwrap(), notebook.to_string().as_bytes());
}

#[test]
fn a_file_with_a_syntax_error_can_be_accepted_in_itself() {
    let project =
        Project::new(&[("a.py", "# hermetic: ignore-file[not-analysed] template\nx = {{ y\n")]);
    let json = project.json(&[]).exits(0).json();
    assert_eq!(json["not_analysed"][0]["accepted"], true, "{json}");
    project.write("b.py", b"x = {{ y  # hermetic: ignore[not-analysed]\n");
    project.json(&[]).exits(3);
}

#[test]
fn comments_are_added_once() {
    let project = Project::new(&[("a.py", RUNS), ("b/c.py", "x = 1\n")]);
    let arguments = ["--no-subprocess", "--add-ignores=adopted"];
    let first = project.run(&arguments).exits(0);
    assert!(first.stderr.contains("a.py: shell-command\n"), "{first:?}");
    assert!(first.stderr.contains("added comments for 1 finding in 1 file"), "{first:?}");
    let written = fs::read_to_string(project.path().join("a.py")).unwrap();
    assert!(
        written.ends_with("(\"ls\")  # hermetic: ignore[shell-command] adopted\n"),
        "{written}"
    );
    let again = project.run(&arguments).exits(0);
    assert!(again.stderr.contains("added comments for 0 findings in 0 files"), "{again:?}");
    assert_eq!(fs::read_to_string(project.path().join("a.py")).unwrap(), written);
    project.run(&["--no-subprocess"]).exits(0);
}

#[test]
fn what_cannot_be_written_is_told() {
    let project = Project::new(&[("a.py", RUNS)]);
    project.run(&["--add-ignores=a\nb"]).exits(2);
    let stdin =
        run(&mut project.command(&["--no-subprocess", "--add-ignores", "-"]), RUNS.as_bytes());
    stdin.exits(2);
    let file = project.path().join("a.py");
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    let run = project.run(&["--no-subprocess", "--add-ignores"]).exits(2);
    assert!(run.stderr.contains("a.py: not written: the file is read-only"), "{run:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), RUNS);
}

#[test]
fn nothing_is_written_into_what_is_no_program_yet() {
    let text = "import os\nos.system('ls')\nos.system('ls)\n";
    let project = Project::new(&[("a.py", text), ("b.py", RUNS)]);
    let run = project.run(&["--no-subprocess", "--add-ignores"]).exits(3);
    let told = "a.py: no comments added: it could not be analysed in full, which comes first\n\
                b.py: shell-command\nadded comments for 1 finding in 1 file\n";
    assert!(run.stderr.ends_with(told), "{run:?}");
    assert_eq!(fs::read_to_string(project.path().join("a.py")).unwrap(), text);
}

/// A file of many comments takes no longer than its length asks for.
#[test]
fn many_comments_are_no_trouble() {
    let line =
        "os.system(\"a\")  # hermetic: ignore[shell-command, nonsense-rule] x # hermetic: ignore\n";
    let text = format!(
        "import os\n{}{}",
        line.repeat(5_000),
        "# hermetic: ignore-file[shell-command]\n".repeat(5_000)
    );
    let project = Project::new(&[("a.py", &text)]);
    let json = project.json(&["--no-subprocess"]).exits(1).json();
    assert_eq!(json["summary"]["suppressed"], 5_000, "{}", json["summary"]);
    assert_eq!(json["summary"]["by_rule"]["invalid-suppression"], 10_000, "{}", json["summary"]);
    assert_eq!(json["summary"]["by_rule"]["unused-suppression"], 5_000, "{}", json["summary"]);
}
