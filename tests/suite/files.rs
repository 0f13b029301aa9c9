//! Which files a run sees, and how it reads them: nothing is skipped in silence.

use crate::process::{Project, Run, findings, findings_in, not_analysed, run};
use crate::repository::skip;

const CONNECTS: &str = "import socket\nsocket.create_connection((\"192.0.2.1\", 9))\n";

#[test]
fn every_kind_of_python_file_is_seen() {
    let project = Project::new(&[
        ("a.py", CONNECTS),
        ("b.pyw", CONNECTS),
        (".hidden/c.py", CONNECTS),
        ("script", &format!("#!/usr/bin/env python3\n{CONNECTS}")),
        ("plain", CONNECTS),
        ("shell", "#!/bin/sh\nimport socket\n"),
        ("sitecustomize.py", CONNECTS),
        ("stub.pyi", CONNECTS),
        ("text.txt", CONNECTS),
        (
            "start.pth",
            "/some/folder\nimport socket; socket.create_connection((\"192.0.2.1\", 9))\n",
        ),
    ]);
    let json = project.json(&["--no-network", "."]).json();
    for path in ["a.py", "b.pyw", ".hidden/c.py", "script", "sitecustomize.py", "start.pth"] {
        assert!(!findings_in(&json, path).is_empty(), "{path}: {json}");
    }
    for path in ["plain", "shell", "stub.pyi", "text.txt"] {
        assert!(findings_in(&json, path).is_empty(), "{path}: {json}");
    }
}

#[test]
fn what_is_no_source_is_reported_as_what_it_is() {
    let project = Project::new(&[("a.py", "x = 1\n")]);
    let paths = ["app.pyz", "old.egg", "m.pyc", "n.so", "w.pyd", "c.pyx"];
    for path in paths {
        project.write(path, b"PK\x03\x04\x00\xff");
    }
    let json = project.json(&["--no-network", "."]).json();
    for path in paths {
        assert!(!findings_in(&json, path).is_empty(), "{path} is passed over: {json}");
    }
}

#[test]
fn ignored_files_are_counted_and_can_be_had() {
    let project = Project::new(&[
        (".gitignore", "skipped/\n"),
        ("skipped/a.py", CONNECTS),
        ("b.py", "x = 1\n"),
    ]);
    // A repository, without needing git.
    std::fs::create_dir(project.path().join(".git")).unwrap();
    let json = project.json(&["--no-network", "."]).exits(0).json();
    assert!(json["summary"]["ignored"].as_u64() >= Some(1), "{json}");
    let json = project.json(&["--no-network", "--no-ignore", "."]).exits(1).json();
    assert_eq!(findings_in(&json, "skipped/a.py").len(), 1);
    let shown = project.run(&["--show-ignored", "."]).exits(0);
    assert!(shown.stdout.contains("skipped"), "ignored files are listed: {shown:?}");
    // A file that is named is analysed, whatever .gitignore says.
    project.json(&["--no-network", "skipped/a.py"]).exits(1);
}

#[test]
fn exclude_binds_named_files_too() {
    let project = Project::new(&[
        ("hermetic.toml", "no-network = true\n\n[check]\nexclude = [\"vendor\"]\n"),
        ("vendor/a.py", CONNECTS),
        ("b.py", "x = 1\n"),
    ]);
    project.json(&["."]).exits(0);
    project.json(&["vendor/a.py"]).exits(0);
    project.write("hermetic.toml", b"no-network = true\n");
    project.json(&["."]).exits(1);
}

#[test]
fn each_file_is_reported_once() {
    let project = Project::new(&[("d/a.py", CONNECTS)]);
    let json = project.json(&["--no-network", ".", "d", "d/a.py", "./d/../d/a.py"]).exits(1).json();
    assert_eq!(findings(&json).len(), 1, "{json}");
    assert_eq!(json["summary"]["files"], 1, "{json}");
}

#[test]
fn notebooks_are_read_cell_by_cell() {
    let code = |source: &str| {
        serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [],
            "execution_count": null, "source": source})
    };
    let notebook = serde_json::json!({
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": ["import socket\n"]},
            code("import socket"),
            code("x = 1\nsocket.create_connection((\"192.0.2.1\", 9))"),
            code("!true"),
            code("%%bash\ntrue"),
        ],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
    });
    let project =
        Project::new(&[("n.ipynb", &notebook.to_string()), ("bad.ipynb", "{\"cells\": [")]);
    let json = project.json(&["--no-network", "--no-subprocess", "."]).exits(3).json();
    let found = findings_in(&json, "n.ipynb");
    let at = |rule: &str| -> Vec<(u64, u64)> {
        found
            .iter()
            .filter(|f| f["capability"] == rule)
            .map(|f| (f["cell"].as_u64().unwrap_or(0), f["row"].as_u64().unwrap_or(0)))
            .collect()
    };
    assert_eq!(at("network"), [(3, 2)], "{json}");
    assert_eq!(at("subprocess"), [(4, 1), (5, 1)], "{json}");
    assert!(not_analysed(&json, "bad.ipynb").is_some(), "{json}");
}

#[test]
fn encodings_are_read_as_python_reads_them() {
    let project = Project::new(&[("good.py", CONNECTS)]);
    let call = CONNECTS.as_bytes();
    let with = |head: &[u8]| [head, call].concat();
    // Analysed: what Python would run.
    let analysed: [(&str, Vec<u8>); 8] = [
        ("bom.py", with(b"\xef\xbb\xbf")),
        ("latin1.py", with(b"# -*- coding: latin-1 -*-\nx = '\xe9'\n")),
        ("second.py", with(b"#!/usr/bin/python\n# vim: set fileencoding=iso-8859-15 :\nx = '\xa4'\n")),
        ("koi8.py", with(b"# coding: koi8-r\nx = '\xd4'\n")),
        ("cr.py", CONNECTS.replace('\n', "\r").into_bytes()),
        ("crlf.py", CONNECTS.replace('\n', "\r\n").into_bytes()),
        ("utf7.py", b"# coding: utf-7\nimport socket\n+AHM-ocket.create_connection((\"192.0.2.1\", 9))\n".to_vec()),
        (
            "escape.py",
            b"# coding: unicode_escape\nimport socket\n# \\nsocket.create_connection((\"192.0.2.1\", 9))\n".to_vec(),
        ),
    ];
    for (path, bytes) in &analysed {
        project.write(path, bytes);
    }
    // Told as not analysed: what Python would refuse.
    let refused: [(&str, Vec<u8>); 6] = [
        ("latin1-no-cookie.py", b"x = '\xe9'\n".to_vec()),
        ("unknown.py", b"# coding: no-such-codec\nx = 1\n".to_vec()),
        ("bom-conflict.py", b"\xef\xbb\xbf# coding: latin-1\nx = 1\n".to_vec()),
        ("utf16.py", b"\xff\xfex\0 \0=\0 \x001\0\n\0".to_vec()),
        ("utf16-cookie.py", b"# coding: utf-16\nx = 1\n".to_vec()),
        ("nul.py", b"x = 1\n\0\ny = 2\n".to_vec()),
    ];
    for (path, bytes) in &refused {
        project.write(path, bytes);
    }
    let json = project.json(&["--no-network", "."]).exits(3).json();
    for (path, _) in &analysed {
        let found = findings_in(&json, path);
        assert!(found.iter().any(|f| f["rule"] == "network-connect"), "{path}: {json}");
        assert_eq!(not_analysed(&json, path), None, "{path}");
    }
    for (path, _) in &refused {
        assert!(not_analysed(&json, path).is_some(), "{path} is passed over: {json}");
    }
    assert!(!findings_in(&json, "good.py").is_empty());
}

#[test]
fn a_broken_file_is_analysed_as_far_as_it_goes() {
    let project = Project::new(&[("a.py", &format!("{CONNECTS}\ndef f(:\n    pass\n"))]);
    let json = project.json(&["--no-network", "."]).exits(3).json();
    let found = findings_in(&json, "a.py");
    assert!(found.iter().any(|f| f["rule"] == "network-connect"), "{json}");
    assert!(found.iter().any(|f| f["rule"] == "not-analysed" && f["row"] == 4), "{json}");
}

#[cfg(unix)]
#[test]
fn odd_things_in_a_folder_cost_only_themselves() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    let project = Project::new(&[("a.py", CONNECTS), ("real/b.py", CONNECTS)]);
    let at = |name: &str| project.path().join(name);
    symlink("..", at("real/loop")).unwrap();
    symlink("self.py", at("self.py")).unwrap();
    symlink("nowhere.py", at("dangling.py")).unwrap();
    symlink("real", at("again")).unwrap();
    std::fs::create_dir(at("folder.py")).unwrap();
    project.write(OsStr::from_bytes(b"caf\xe9.py"), CONNECTS.as_bytes());
    let fifo = Command::new("mkfifo").arg(at("pipe.py")).status().is_ok_and(|s| s.success());
    if !fifo {
        skip("odd_things_in_a_folder", "no mkfifo");
    }
    let json = project.json(&["--no-network", "."]).json();
    for path in ["a.py", "real/b.py"] {
        assert_eq!(findings_in(&json, path).len(), 1, "{path}: {json}");
    }
    // Followed once, within the roots.
    assert_eq!(findings_in(&json, "again/b.py").len(), 0, "{json}");
    let replaced =
        |f: &&serde_json::Value| f["path"].as_str().is_some_and(|p| p.starts_with("caf"));
    assert_eq!(findings(&json).iter().filter(replaced).count(), 1, "{json}");
    for path in ["dangling.py", "self.py"] {
        assert!(not_analysed(&json, path).is_some(), "{path} is passed over: {json}");
    }
    if fifo {
        assert!(not_analysed(&json, "pipe.py").is_some(), "a pipe is told: {json}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;

    let project = Project::new(&[("a.py", CONNECTS), ("secret.py", CONNECTS)]);
    let secret = project.path().join("secret.py");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&secret).is_ok() {
        skip("a_file_that_cannot_be_read_is_told", "this user may read everything");
        return;
    }
    let json = project.json(&["--no-network", "."]).exits(3).json();
    assert!(not_analysed(&json, "secret.py").is_some(), "{json}");
    assert_eq!(findings_in(&json, "a.py").len(), 1, "{json}");
}

#[test]
fn patterns_count_from_the_file_they_are_written_in() {
    let project = Project::new(&[
        ("hermetic.toml", "no-network = true\n\n[check]\nexclude = [\"/sub/vendor\", \"/b.py\"]\n"),
        ("sub/vendor/a.py", CONNECTS),
        ("sub/b.py", CONNECTS),
        ("b.py", CONNECTS),
    ]);
    let below = |arguments: &[&str]| {
        let mut command = project.command(&["--output-format", "json"]);
        command.args(arguments).current_dir(project.path().join("sub"));
        run(&mut command, b"")
    };
    let paths = |run: &Run| -> Vec<String> {
        let path = |f: &serde_json::Value| f["path"].as_str().unwrap_or_default().to_owned();
        findings(&run.json()).iter().map(path).collect()
    };
    assert_eq!(paths(&project.json(&["."]).exits(1)), ["sub/b.py"]);
    // From a folder below: the patterns of the file above still count from above.
    assert_eq!(paths(&below(&["."]).exits(1)), ["b.py"]);
    below(&["vendor/a.py"]).exits(0);
    below(&["vendor"]).exits(0);
    below(&["../b.py"]).exits(0);
    // Those of the command line count from the working directory.
    below(&["--extend-exclude", "/b.py", "."]).exits(0);
    assert_eq!(paths(&below(&["--exclude", "/b.py", "."]).exits(1)), ["vendor/a.py"]);
    assert_eq!(paths(&below(&["--exclude", "/b.py", "../b.py"]).exits(1)).len(), 1);
}
