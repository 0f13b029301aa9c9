//! Findings that were there before: `--write-baseline`, `--baseline`, `--prune-baseline`.

use std::fs;

use crate::process::{Project, rules};

const RUNS: &str = "import os\n\nos.system(\"ls\")\n";
const POLICY: &str = "--no-subprocess";

fn adopted() -> Project {
    let project =
        Project::new(&[("src/a.py", RUNS), ("src/broken.py", "x = (\n"), ("b.py", "x = 1\n")]);
    let run = project.run(&[POLICY, "--write-baseline", "known.json"]).exits(0);
    assert!(run.stderr.contains("known.json: lists 2 findings"), "{run:?}");
    assert!(run.stdout.contains("2 findings listed in the baseline"), "{run:?}");
    project
}

#[test]
fn only_what_is_new_is_told() {
    let project = adopted();
    let with = [POLICY, "--baseline", "known.json"];
    project.run(&with).exits(0);
    project.write("src/a.py", format!("# moved\n{RUNS}os.system(\"new\")\n").as_bytes());
    let json = project.json(&with).exits(1).json();
    assert_eq!(rules(&json), ["shell-command"]);
    assert_eq!(json["findings"][0]["row"], 5, "{json}");
    assert_eq!(json["summary"]["baselined"], 2, "{json}");
    assert_eq!(json["summary"]["by_rule"]["shell-command"], 1, "{json}");
    // A file that cannot be analysed is accepted as it is, not as it becomes.
    project.write("src/broken.py", b"x = ((\n");
    project.run(&with).exits(3);
}

#[test]
fn a_renamed_file_keeps_its_entries() {
    let project = adopted();
    fs::rename(project.path().join("src"), project.path().join("lib")).unwrap();
    let json = project.json(&[POLICY, "--baseline", "known.json"]).exits(0).json();
    assert_eq!(json["summary"]["stale"], 0, "{json}");
}

#[test]
fn what_is_gone_is_told_and_pruned() {
    let project = adopted();
    project.write("src/a.py", b"import os\n");
    let with = [POLICY, "--baseline", "known.json"];
    let json = project.json(&with).exits(0).json();
    assert_eq!(json["summary"]["stale"], 1, "{json}");
    assert_eq!(
        (json["stale"][0]["path"].as_str(), json["stale"][0]["rule"].as_str()),
        (Some("src/a.py"), Some("shell-command"))
    );
    // A run that does not look there, or asks for something else, cannot tell.
    for other in [
        &[POLICY, "--baseline", "known.json", "b.py"][..],
        &["--no-network", "--baseline", "known.json"],
    ] {
        let json = project.json(other).json();
        assert_eq!(json["summary"]["stale"], 0, "{json}");
    }
    let run = project.run(&[&with[..], &["--prune-baseline"]].concat()).exits(0);
    assert!(run.stderr.contains("known.json: no longer lists 1 finding\n"), "{run:?}");
    let text = fs::read_to_string(project.path().join("known.json")).unwrap();
    assert!(!text.contains("shell-command") && text.contains("not-analysed"), "{text}");
    project.write("src/a.py", RUNS.as_bytes());
    project.run(&with).exits(1);
}

#[test]
fn it_is_the_same_from_every_folder() {
    let project = adopted();
    let mut command = project.command(&[POLICY, "--baseline", "../known.json", "."]);
    let run = crate::process::run(command.current_dir(project.path().join("src")), b"").exits(0);
    assert!(run.stdout.contains("2 findings listed in the baseline"), "{run:?}");
    let before = fs::read(project.path().join("known.json")).unwrap();
    let mut command = project.command(&[POLICY, "--write-baseline", "../known.json", ".."]);
    crate::process::run(command.current_dir(project.path().join("src")), b"").exits(0);
    assert_eq!(fs::read(project.path().join("known.json")).unwrap(), before);
}

#[test]
fn what_is_no_baseline_ends_the_run() {
    let project = adopted();
    let whole = fs::read_to_string(project.path().join("known.json")).unwrap();
    project.write("half.json", &whole.as_bytes()[..whole.len() / 2]);
    project.write("newer.json", whole.replace("\"version\": 1", "\"version\": 2").as_bytes());
    project.write("binary.json", b"\xff");
    for (file, told) in [
        ("half.json", "half.json: is no baseline: "),
        ("newer.json", "newer.json: is a baseline of version 2, and only 1 is known"),
        ("binary.json", "binary.json: is no baseline: it is not UTF-8"),
        ("none.json", "none.json: "),
        ("src", "src: "),
    ] {
        let run = project.run(&[POLICY, "--baseline", file]).exits(2);
        assert!(run.stderr.starts_with(told), "{run:?}");
        assert!(run.stdout.is_empty(), "{run:?}");
    }
    for arguments in [
        &["--write-baseline", "src"][..],
        &["--write-baseline", "no/such/folder.json"],
        &["--prune-baseline"],
        &["--baseline", "known.json", "--write-baseline", "known.json"],
    ] {
        project.run(&[&[POLICY][..], arguments].concat()).exits(2);
    }
    assert_eq!(fs::read_to_string(project.path().join("known.json")).unwrap(), whole);
}

#[test]
fn a_configuration_names_it() {
    let project = adopted();
    project.write("hermetic.toml", b"no-subprocess = true\n[check]\nbaseline = \"known.json\"\n");
    let run = project.run(&[]).exits(0);
    assert!(run.stdout.contains("2 findings listed in the baseline"), "{run:?}");
    // From its own folder, not the working directory.
    let config = ["--config", "../hermetic.toml", "."];
    let mut command = project.command(&config);
    crate::process::run(command.current_dir(project.path().join("src")), b"").exits(0);
    // A nearer one has no say.
    project
        .write("src/hermetic.toml", b"no-subprocess = true\n[check]\nbaseline = \"none.json\"\n");
    project.run(&[]).exits(0);
    fs::remove_file(project.path().join("src/hermetic.toml")).unwrap();
    // The command line goes before it.
    project.run(&["--isolated", POLICY]).exits(3);
    project.run(&["--baseline", "none.json"]).exits(2);
    project.write("src/a.py", b"import os\n");
    let pruned = project.run(&["--prune-baseline"]).exits(0);
    assert!(pruned.stderr.contains("known.json: no longer lists 1 finding\n"), "{pruned:?}");
    project.run(&["--write-baseline", "other.json"]).exits(0);
    let shown = project.run(&["--show-settings"]).exits(0);
    assert!(shown.stdout.contains("baseline = \"known.json\"\n"), "{shown:?}");
    project.write("hermetic.toml", b"[check]\nbaseline = \"gone.json\"\n");
    let gone = project.run(&[]).exits(2);
    assert!(gone.stderr.starts_with("gone.json: "), "{gone:?}");
    assert!(gone.stderr.contains("write one with --write-baseline"), "{gone:?}");
    project.write("hermetic.toml", b"[check]\nbaseline = \"\"\n");
    project.run(&[]).exits(2);
    let nothing = project.run(&["--isolated", "--prune-baseline"]).exits(2);
    assert!(nothing.stderr.contains("prunes the file of --baseline"), "{nothing:?}");
}
