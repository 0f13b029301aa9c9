//! Wheels and source distributions as sources, what a program imports of an environment, and what
//! changes from one release to the next.

use std::io::Write as _;

use serde_json::Value;

use crate::process::{Project, Run, not_analysed};

const RUNS: &str = "import os\n\n\ndef go():\n    os.system(\"true\")\n";

/// A wheel of these files.
pub(crate) fn wheel(files: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut out);
    for (name, content) in files {
        let method = rawzip::CompressionMethod::DEFLATE;
        let builder = archive.new_file(*name).compression_method(method);
        let (mut entry, config) = builder.start().expect("a member");
        let compression = flate2::Compression::default();
        let encoder = flate2::write::DeflateEncoder::new(&mut entry, compression);
        let mut writer = config.wrap(encoder);
        writer.write_all(content.as_bytes()).expect("content");
        let (encoder, descriptor) = writer.finish().expect("its end");
        encoder.finish().expect("compressed");
        entry.finish(descriptor).expect("written");
    }
    archive.finish().expect("a directory");
    out
}

/// A source distribution of these files.
fn sdist(files: &[(&str, &str)]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut archive = tar::Builder::new(encoder);
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content.as_bytes()).expect("a member");
    }
    archive.into_inner().and_then(flate2::write::GzEncoder::finish).expect("an archive")
}

fn entries(json: &Value) -> &[Value] {
    json["capabilities"].as_array().map(Vec::as_slice).expect("`capabilities` is a list")
}

/// `scope name capability when`, of those of a distribution or all.
fn reached(json: &Value, distribution: Option<&str>) -> Vec<String> {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let of = |entry: &&Value| entry["distribution"]["name"].as_str() == distribution;
    let mut all: Vec<String> = entries(json)
        .iter()
        .filter(of)
        .filter(|entry| entry["capability"] != "unresolved")
        .map(|e| ["scope", "name", "capability", "when"].map(|key| text(e, key)).join(" "))
        .collect();
    all.sort();
    all
}

fn capabilities(project: &Project, arguments: &[&str]) -> Run {
    project.json(&[&["--capabilities"], arguments].concat())
}

#[test]
fn a_wheel_is_a_program() {
    let project = Project::new(&[]);
    let bytes = wheel(&[
        ("foo/__init__.py", "from foo.run import go\nfrom foo import _fast\n"),
        ("foo/run.py", RUNS),
        ("foo/_fast.cpython-312-x86_64-linux-gnu.so", "\u{7f}ELF"),
        ("foo-1.0.dist-info/METADATA", "Name: foo\nVersion: 1.0\n"),
    ]);
    project.write("foo-1.0-py3-none-any.whl", &bytes);
    let json = capabilities(&project, &["foo-1.0-py3-none-any.whl"]).exits(0).json();
    let expected = [
        "function foo.run.go subprocess call",
        "module foo native import",
        "module foo._fast native import",
        "module foo.run subprocess call",
        "package foo native import",
        "package foo subprocess call",
    ];
    // Importing a module of a package imports the package first.
    let found = reached(&json, Some("foo"));
    let missing: Vec<_> =
        expected.iter().filter(|it| !found.contains(&(**it).to_owned())).collect();
    assert!(missing.is_empty(), "{missing:?} of {found:?}");
    let go = entries(&json).iter().find(|e| e["name"] == "foo.run.go").expect("found before");
    assert_eq!(go["path"], "foo-1.0-py3-none-any.whl!/foo/run.py");
    assert_eq!(go["distribution"]["version"], "1.0");
    assert_eq!(json["extension_modules"][0]["name"], "foo._fast");
    let native = entries(&json).iter().find(|e| e["name"] == "foo._fast").expect("found before");
    assert_eq!(native["via"][0]["name"], "import of an extension module");
}

#[test]
fn findings_are_told_of_archives_too() {
    let project = Project::new(&[]);
    project.write("foo-1.0.tar.gz", &sdist(&[("foo-1.0/foo.py", RUNS)]));
    let run = project.run(&["--no-subprocess", "foo-1.0.tar.gz"]).exits(1);
    assert!(run.stdout.contains("foo-1.0.tar.gz!/foo-1.0/foo.py:5:5"), "{run:?}");
    assert!(run.stdout.contains("os.system(\"true\")"), "an excerpt: {run:?}");
    // Nothing is left beside it, and nothing can be written into it.
    let names = std::fs::read_dir(project.path()).unwrap().count();
    assert_eq!(names, 1);
    let run = project.run(&["--no-subprocess", "--add-ignores", "foo-1.0.tar.gz"]).exits(2);
    assert!(run.stderr.contains("archive"), "{run:?}");
}

#[test]
fn an_archive_that_is_none_fails_the_run() {
    let project = Project::new(&[("a.whl", "no zip"), ("a.tar.gz", "no tar"), ("a.tar", "x")]);
    for name in ["a.whl", "a.tar.gz", "a.tar"] {
        let json = project.json(&[name]).exits(3).json();
        assert_eq!(not_analysed(&json, name), Some("archive"), "{json}");
        capabilities(&project, &[name]).exits(3);
    }
    project.write("b.whl", &wheel(&[("inner.whl", "PK"), ("a.py", RUNS)]));
    let json = project.json(&["--no-subprocess", "b.whl"]).exits(3).json();
    assert_eq!(not_analysed(&json, "b.whl!/inner.whl"), Some("nested-archive"));
    assert_eq!(json["findings"].as_array().map(Vec::len), Some(2), "{json}");
}

/// A project and an environment of two distributions, and one that nothing imports.
pub(crate) fn environment() -> Project {
    let site = "env/lib/python3.12/site-packages";
    let project = Project::new(&[
        (
            "app/main.py",
            "import alpha\nimport importlib\n\n\ndef main():\n    alpha.go()\n    importlib.import_module(\"space.beta\")\n",
        ),
        ("app/old.py", "try:\n    import simplejson\nexcept ImportError:\n    import json\n"),
        ("env/pyvenv.cfg", "home = /usr/bin\nversion = 3.12.0\n"),
    ]);
    for (path, text) in [
        ("alpha/__init__.py", "from .inner import go\n"),
        ("alpha/inner.py", RUNS),
        ("alpha/unused.py", "import ctypes\n"),
        ("alpha-1.0.dist-info/METADATA", "Name: Alpha\nVersion: 1.0\n"),
        (
            "alpha-1.0.dist-info/RECORD",
            "alpha/__init__.py,,\nalpha/inner.py,,\nalpha/unused.py,,\n",
        ),
        ("space/beta/__init__.py", "from space.beta import _native\n"),
        ("space/beta/_native.abi3.so", "\u{7f}ELF"),
        ("beta-2.0.dist-info/METADATA", "Name: beta\nVersion: 2.0\n"),
        (
            "beta-2.0.dist-info/RECORD",
            "space/beta/__init__.py,,\n\"space/beta/_native.abi3.so\",,\n",
        ),
        ("gamma.py", RUNS),
        ("gamma-3.0.dist-info/METADATA", "Name: gamma\nVersion: 3.0\n"),
        ("gamma-3.0.dist-info/RECORD", "gamma.py,,\n"),
        ("start.pth", "import starting\n"),
        ("starting.py", "import socket\nsocket.create_connection((\"192.0.2.1\", 9))\n"),
    ] {
        project.write(format!("{site}/{path}"), text.as_bytes());
    }
    project
}

#[test]
fn only_what_is_imported_of_an_environment_is_looked_at() {
    let project = environment();
    let arguments = ["--with-dependencies", "--python", "env", "app"];
    let json = capabilities(&project, &arguments).exits(0).json();
    let alpha = reached(&json, Some("Alpha"));
    assert_eq!(
        alpha,
        [
            "function alpha.inner.go subprocess call",
            "module alpha.inner subprocess call",
            "package Alpha subprocess call",
        ],
        "what nothing imports is not there"
    );
    assert!(reached(&json, Some("beta")).contains(&"module space.beta native import".to_owned()));
    assert_eq!(json["extension_modules"][0]["name"], "space.beta._native");
    assert_eq!(json["extension_modules"][0]["distribution"]["name"], "beta");
    assert_eq!(reached(&json, Some("gamma")), [""; 0]);
    let own = reached(&json, None);
    assert!(own.contains(&"function main.main subprocess call".to_owned()), "{own:?}");
    assert!(own.contains(&"module starting network import".to_owned()), "{own:?}");
    assert_eq!(json["not_found"][0]["module"], "simplejson");
    assert_eq!(json["not_found"].as_array().map(Vec::len), Some(1), "{}", json["not_found"]);
    let run = project.run(&[&["--capabilities"], &arguments[..]].concat()).exits(0);
    for part in ["Alpha 1.0\n", "extension module of beta 2.0: space.beta._native", "simplejson"] {
        assert!(run.stdout.contains(part), "{part}: {run:?}");
    }
}

#[test]
fn an_environment_is_found_or_its_lack_is_told() {
    let project = environment();
    let run = |arguments: &[&str], variable: Option<(&str, &str)>| {
        let mut command = project.command(&[&["--capabilities"], arguments].concat());
        command.env_remove("VIRTUAL_ENV").env_remove("CONDA_PREFIX");
        if let Some((name, value)) = variable {
            command.env(name, value);
        }
        crate::process::run(&mut command, b"")
    };
    let none = run(&["--with-dependencies", "app"], None).exits(2);
    assert!(none.stderr.contains("--python"), "{none:?}");
    let active = run(&["--with-dependencies", "app"], Some(("VIRTUAL_ENV", "env"))).exits(0);
    assert!(active.stdout.contains("Alpha 1.0"), "{active:?}");
    for wrong in ["nowhere", "app", "app/main.py"] {
        let told = run(&["--with-dependencies", "--python", wrong, "app"], None).exits(2);
        assert!(told.stderr.contains(wrong), "{told:?}");
    }
    let gone = run(&["--with-dependencies", "app"], Some(("VIRTUAL_ENV", "gone"))).exits(2);
    assert!(gone.stderr.contains("VIRTUAL_ENV=gone"), "{gone:?}");
    run(&["--python", "env", "app"], None).exits(2);
    // An interpreter of an environment is not run: this one could not be.
    project.write("env/bin/python", b"");
    let named = run(&["--with-dependencies", "--python", "env/bin/python", "app"], None).exits(0);
    assert!(named.stdout.contains("Alpha 1.0"), "{named:?}");
    std::fs::rename(project.path().join("env"), project.path().join("app/.venv")).unwrap();
    let beside = run(&["--with-dependencies", "app"], None).exits(0);
    assert!(beside.stdout.contains("Alpha 1.0"), "{beside:?}");
}

#[test]
fn archives_beside_folders_are_dependencies() {
    let project = Project::new(&[("app.py", "import foo\n")]);
    let files = [("foo.py", "import bar\n"), ("unused.py", RUNS)];
    project.write("foo-1.0-py3-none-any.whl", &wheel(&files));
    project.write("bar-2.0.tar.gz", &sdist(&[("bar-2.0/src/bar/__init__.py", RUNS)]));
    let arguments = ["--with-dependencies", "app.py", "foo-1.0-py3-none-any.whl", "bar-2.0.tar.gz"];
    let mut command =
        project.command(&[&["--capabilities", "--output-format", "json"], &arguments[..]].concat());
    command.env_remove("VIRTUAL_ENV").env_remove("CONDA_PREFIX");
    let json = crate::process::run(&mut command, b"").exits(0).json();
    assert!(reached(&json, Some("bar")).contains(&"function bar.go subprocess call".to_owned()));
    assert_eq!(reached(&json, Some("foo")), [""; 0], "its other module is not imported");
    assert_eq!(json["not_found"], serde_json::json!([]));
}

/// Two releases of a package, of which the second does more.
fn releases() -> Project {
    let project = Project::new(&[
        ("old/foo/__init__.py", "x = 1\n"),
        ("new/foo/__init__.py", RUNS),
        ("same/foo/__init__.py", "\n\n# moved\nx = 1\n"),
    ]);
    let metadata = |version: &str| format!("Name: foo\nVersion: {version}\n");
    let (one, two) = (metadata("1.0"), metadata("1.1"));
    let old = [("foo-1.0/PKG-INFO", &*one), ("foo-1.0/foo/a.py", RUNS)];
    let new = [("foo-1.1/PKG-INFO", &*two), ("foo-1.1/foo/a.py", RUNS)];
    let more = "import socket, os\nos.system(\"true\")\nsocket.create_connection((\"192.0.2.1\", 9))\n\n\ndef go():\n    pass\n";
    let evil = [("foo-1.1/PKG-INFO", &*two), ("foo-1.1/foo/a.py", more)];
    project.write("foo-1.0.tar.gz", &sdist(&old));
    project.write("foo-1.1.tar.gz", &sdist(&new));
    project.write("evil-1.1.tar.gz", &sdist(&evil));
    let renamed = [("foo-1.1/PKG-INFO", &*two), ("foo-1.1/foo/b.py", RUNS)];
    project.write("renamed-1.1.tar.gz", &sdist(&renamed));
    let native = [
        ("foo-1.1/PKG-INFO", &*two),
        ("foo-1.1/foo/a.py", RUNS),
        ("foo-1.1/foo/_c.abi3.so", "\u{7f}ELF"),
    ];
    project.write("native-1.1.tar.gz", &sdist(&native));
    let meta = "foo-1.1.dist-info/METADATA";
    project.write("foo-1.1-py3-none-any.whl", &wheel(&[("foo/a.py", RUNS), (meta, &two)]));
    project
}

#[test]
fn what_is_gained_fails_and_all_else_does_not() {
    let project = releases();
    for (old, new, code) in [
        ("old", "same", 0),
        ("old", "new", 1),
        ("new", "old", 0),
        ("foo-1.0.tar.gz", "foo-1.1.tar.gz", 0),
        ("foo-1.0.tar.gz", "foo-1.1-py3-none-any.whl", 0),
        ("foo-1.0.tar.gz", "renamed-1.1.tar.gz", 0),
        ("foo-1.0.tar.gz", "evil-1.1.tar.gz", 1),
        ("foo-1.0.tar.gz", "native-1.1.tar.gz", 1),
        ("native-1.1.tar.gz", "foo-1.1.tar.gz", 0),
    ] {
        let run = project.run(&["diff", old, new]);
        assert_eq!(run.code, Some(code), "{old} {new}: {run:?}");
    }
    let run = project.run(&["diff", "foo-1.0.tar.gz", "evil-1.1.tar.gz"]);
    assert!(run.stdout.contains("evil-1.1.tar.gz!/foo-1.1/foo/a.py:2"), "{run:?}");
    let json =
        project.run(&["diff", "--output-format", "json", "foo-1.0.tar.gz", "evil-1.1.tar.gz"]);
    let json = json.exits(1).json();
    assert_eq!(json["version"], 1);
    let told: Vec<_> = json["gained"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (&e["scope"], &e["name"], &e["capability"], &e["when"]))
        .collect();
    // The call is no longer in a function; what was reached by a call is reached by import.
    let is_there = |scope: &str, name: &str, capability: &str| {
        told.iter()
            .any(|of| of.0 == scope && of.1 == name && of.2 == capability && of.3 == "import")
    };
    assert!(is_there("package", "foo", "subprocess"), "{json}");
    assert!(is_there("module", "foo.a", "network"), "{json}");
    assert!(json["lost"].as_array().is_some_and(|lost| !lost.is_empty()), "{json}");
    let run = project.run(&["diff", "foo-1.0.tar.gz", "renamed-1.1.tar.gz"]);
    assert!(run.stdout.contains("renamed: foo.a is foo.b"), "{run:?}");
    project.run(&["diff", "--granularity", "package", "old", "new"]).exits(1);
    project.run(&["diff", "--granularity", "function", "old", "same"]).exits(0);
}

#[test]
fn saved_reports_are_sides() {
    let project = releases();
    for (name, source, granularity) in [
        ("old.json", "foo-1.0.tar.gz", "function"),
        ("modules.json", "foo-1.0.tar.gz", "module"),
        ("evil.json", "evil-1.1.tar.gz", "function"),
    ] {
        let run = capabilities(&project, &["--granularity", granularity, source]).exits(0);
        project.write(name, run.stdout.as_bytes());
    }
    for old in ["old.json", "modules.json", "foo-1.0.tar.gz"] {
        project.run(&["diff", old, "foo-1.1.tar.gz"]).exits(0);
        project.run(&["diff", old, "evil.json"]).exits(1);
        project.run(&["diff", "--granularity", "function", old, "foo-1.1.tar.gz"]).exits(0);
    }
}

#[test]
fn sides_that_cannot_be_compared_are_errors() {
    let project = releases();
    project.write("future.json", b"{\"version\": 99, \"capabilities\": []}");
    project.write("findings.json", b"{\"version\": 1, \"findings\": []}");
    project.write("word.json", br#"{"version": 1, "capabilities": [{"scope": "galaxy", "name": "a",
        "path": "a", "row": 1, "capability": "network", "when": "call", "direct": true, "via": []}]}"#);
    project.write("text.txt", b"hello");
    project.write("broken.whl", b"no zip");
    for (wrong, told) in [
        ("future.json", "version 99"),
        ("findings.json", "--capabilities"),
        ("word.json", "galaxy"),
        ("text.txt", "no report"),
        ("broken.whl", "no zip archive"),
        ("nowhere", "nowhere"),
    ] {
        for sides in [[wrong, "old"], ["old", wrong]] {
            let run = project.run(&[&["diff"], &sides[..]].concat()).exits(2);
            assert!(run.stderr.contains(told), "{run:?}");
        }
    }
    project.run(&["diff", "old"]).exits(2);
    // What cannot be looked at any more is no silence.
    project.write("worse/foo/__init__.py", b"x = = 1\n");
    let run = project.run(&["diff", "old", "worse"]).exits(3);
    assert!(run.stdout.contains("not analysed"), "{run:?}");
    project.run(&["diff", "worse", "worse"]).exits(0);
}

#[test]
fn what_is_compared_does_not_say_what_is_left_out() {
    let project = releases();
    project.write("new/hermetic.toml", b"[check]\nexclude = [\"foo\"]\n");
    project.run(&["diff", "old", "new"]).exits(1);
}

#[test]
fn a_folder_named_diff_is_analysed_as_such() {
    let project = Project::new(&[("diff/a.py", RUNS)]);
    project.json(&["--no-subprocess", "./diff"]).exits(1);
    project.json(&["--no-subprocess", "diff"]).exits(1);
    let run = project.run(&["diff"]).exits(2);
    assert!(run.stderr.contains("OLD"), "{run:?}");
    assert!(project.run(&["diff", "--help"]).exits(0).stdout.contains("./diff"));
}
