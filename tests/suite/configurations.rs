//! Which configuration a file obeys, and what one can say.

use crate::process::{Project, findings_in, rules, run};

const RUNS: &str = "import os\n\nos.system(\"ls\")\n";
const CONNECTS: &str = "import socket\n\nsocket.create_connection((\"192.0.2.1\", 9))\n";

#[test]
fn the_nearest_configuration_counts_for_each_file() {
    let both = format!("{RUNS}{CONNECTS}");
    let project = Project::new(&[
        ("pyproject.toml", "[tool.hermetic]\nno-network = true\n"),
        ("a.py", &both),
        ("sub/hermetic.toml", "no-subprocess = true\n"),
        ("sub/deep/b.py", &both),
        ("sub/other/pyproject.toml", "[tool.other]\n"),
        ("sub/other/c.py", &both),
    ]);
    let json = project.json(&[]).exits(1).json();
    let of = |path: &str| -> Vec<String> {
        findings_in(&json, path)
            .iter()
            .filter_map(|f| f["rule"].as_str())
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(of("a.py"), ["network-connect"]);
    assert_eq!(of("sub/deep/b.py"), ["shell-command"]);
    assert_eq!(of("sub/other/c.py"), ["shell-command"]);
    // From outside, from below, and by standard input's name.
    let parent = Project::new(&[]);
    let sub = project.path().join("sub");
    let json = parent.json(&[sub.to_str().expect("UTF-8")]).exits(1).json();
    assert_eq!(rules(&json), ["shell-command", "shell-command"]);
    let mut command = project.command(&["--output-format", "json"]);
    let json = run(command.current_dir(sub.join("deep")), b"").exits(1).json();
    assert_eq!(rules(&json), ["shell-command"]);
    let mut command =
        project.command(&["--output-format", "json", "-", "--stdin-filename", "sub/x.py"]);
    let json = run(&mut command, both.as_bytes()).exits(1).json();
    assert_eq!(rules(&json), ["shell-command"]);
    // One for all, or none.
    assert_eq!(rules(&project.json(&["--config", "pyproject.toml"]).json()).len(), 3);
    assert_eq!(rules(&project.json(&["--isolated"]).json()).len(), 0);
    // A mistake anywhere on the way ends the run.
    project.write("sub/deep/hermetic.toml", b"no-netwrok = true\n");
    let run = project.run(&[]).exits(2);
    assert!(
        run.stderr.starts_with("sub/deep/hermetic.toml:1:1: unknown key `no-netwrok`"),
        "{run:?}"
    );
    assert!(run.stdout.is_empty(), "{run:?}");
}

#[test]
fn a_nearer_configuration_leaves_files_out() {
    let project = Project::new(&[
        ("a.py", RUNS),
        ("sub/hermetic.toml", "no-subprocess = true\n[check]\nextend-exclude = [\"gen/\"]\n"),
        ("sub/gen/b.py", RUNS),
        ("sub/c.py", RUNS),
        ("gen/d.py", RUNS),
    ]);
    let json = project.json(&[]).exits(1).json();
    assert_eq!(
        (
            rules(&json).len(),
            json["summary"]["files"].as_u64(),
            json["summary"]["excluded"].as_u64()
        ),
        (1, Some(3), Some(1))
    );
    assert_eq!(project.run(&["--show-files"]).stdout, "a.py\ngen/d.py\nsub/c.py\n");
    assert_eq!(project.run(&["--show-ignored"]).stdout, "sub/gen/b.py\n");
}

#[test]
fn native_code_of_the_project_is_known_under_a_nearer_configuration() {
    let project = Project::new(&[
        ("sub/hermetic.toml", "block-native = true\n"),
        ("sub/a.py", "import own\nimport somebody_elses_package\n"),
        ("own.py", ""),
    ]);
    let json = project.json(&[]).json();
    let targets: Vec<_> =
        json["findings"].as_array().unwrap().iter().filter_map(|f| f["target"].as_str()).collect();
    assert_eq!(targets, ["somebody_elses_package"], "{json}");
}

#[test]
fn rules_are_suppressed_in_files_that_match() {
    let project = Project::new(&[
        (
            "hermetic.toml",
            "no-subprocess = true\n[check.per-file-ignores]\n\"tests/\" = [\"shell-command\"]\n\"/b*.py\" = [\"not-analysed\"]\n",
        ),
        ("a.py", RUNS),
        ("tests/a.py", RUNS),
        ("sub/tests/a.py", RUNS),
        ("broken.py", "x = (\n"),
    ]);
    let json = project.json(&[]).exits(1).json();
    assert_eq!(rules(&json), ["shell-command"]);
    assert_eq!(json["findings"][0]["path"], "a.py");
    assert_eq!(json["summary"]["suppressed"], 3, "{json}");
    assert_eq!(json["not_analysed"][0]["accepted"], true, "{json}");
    // In every folder, by the same file.
    let mut command = project.command(&["--output-format", "json", "a.py"]);
    let run = run(command.current_dir(project.path().join("tests")), b"");
    assert_eq!(rules(&run.exits(0).json()), [""; 0]);
}

#[test]
fn names_can_be_declared() {
    let config = "no-network = true\n\n[[check.api]]\nname = \"acme.Client.send\"\ncapability = \"network\"\n\n\
                  [[check.api]]\nname = \"acme.load\"\ncapability = \"network\"\ngiven = \"url\"\n";
    let code =
        "from acme import Client, load\n\nClient().send()\nload(path=\"x\")\nload(url=\"x\")\n";
    let project =
        Project::new(&[("sub/hermetic.toml", config), ("sub/a.py", code), ("b.py", code)]);
    let json = project.json(&["--no-network"]).exits(1).json();
    let rows: Vec<_> = findings_in(&json, "sub/a.py").iter().map(|f| f["row"].as_u64()).collect();
    assert_eq!(rows, [Some(3), Some(5)], "{json}");
    assert_eq!(findings_in(&json, "b.py").len(), 0, "{json}");
}

#[test]
fn settings_are_shown_as_a_configuration() {
    let project = Project::new(&[
        ("base.toml", "profile = \"exec-deny\"\nallow-domain = [\"a.example\"]\n"),
        (
            "hermetic.toml",
            "extend = \"base.toml\"\nno-network = true\n[check]\nextend-exclude = [\"x\"]\n[check.levels]\nshell-command = \"warn\"\n\
             [check.per-file-ignores]\n\"t\\\"/\" = [\"file-read\"]\n[[check.api]]\nname = \"a.b\"\ncapability = \"network\"\ntrue = \"c\"\n",
        ),
        ("a.py", RUNS),
        ("sub/hermetic.toml", "no-env = true\n"),
    ]);
    let shown =
        project.run(&["--show-settings", "--no-code-exec", "--level", "file-read=off"]).exits(0);
    for line in [
        "# from hermetic.toml",
        "profile = [\"exec-deny\"]",
        "no-network = true",
        "no-code-exec = true",
        "allow-domain = [\"a.example\"]",
        "undecided = \"info\"",
        "extend-exclude = [\"x\"]",
        "shell-command = \"warn\"",
        "file-read = \"off\"",
        "\"t\\\"/\" = [\"file-read\"]",
        "name = \"a.b\"",
        "true = \"c\"",
    ] {
        assert!(shown.stdout.lines().any(|shown| shown == line), "{line}: {}", shown.stdout);
    }
    // What is shown is a configuration that says the same.
    project.write("shown.toml", shown.stdout.as_bytes());
    let again = project.run(&["--show-settings", "--config", "shown.toml"]).exits(0);
    assert_eq!(again.stdout.replace("shown.toml", "hermetic.toml"), shown.stdout);
    let sub = project.run(&["--show-settings", "sub/a.py"]).exits(0);
    assert!(
        sub.stdout.contains("# from sub/hermetic.toml\n")
            && sub.stdout.contains("no-environment = true"),
        "{sub:?}"
    );
    assert!(!sub.stdout.contains("no-network"), "{sub:?}");
}
