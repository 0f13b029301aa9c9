//! Findings that need more than one file: what one takes from a library, and another uses.

use serde_json::Value;

use crate::cli::without_seconds;
use crate::process::{Project, findings, findings_in, rules, run};

const NO_PROCESS: &str = "--no-subprocess";

/// `helper` has `os.system` under a name of its own; `main` calls it.
const HELPER: (&str, &str) = ("helper.py", "from os import system as go\n");
const MAIN: (&str, &str) = ("main.py", "import helper\n\nhelper.go(\"true\")\n");

/// The findings of one rule in a file.
fn of_rule<'a>(json: &'a Value, path: &str, rule: &str) -> Vec<&'a Value> {
    findings_in(json, path).into_iter().filter(|f| f["rule"] == rule).collect()
}

/// A finding's related places, as `path:row`.
fn related(finding: &Value) -> Vec<String> {
    let places = finding["related"].as_array().expect("a list");
    let place = |p: &Value| format!("{}:{}", p["path"].as_str().unwrap_or("?"), p["row"]);
    places.iter().map(place).collect()
}

#[test]
fn a_call_through_a_re_export_is_told_where_it_stands() {
    let project = Project::new(&[HELPER, MAIN]);
    let json = project.json(&[NO_PROCESS]).exits(1).json();
    let told = of_rule(&json, "main.py", "shell-command");
    assert_eq!(told.len(), 1, "{json}");
    assert_eq!((&told[0]["row"], &told[0]["column"]), (&3.into(), &1.into()), "{json}");
    assert_eq!(related(told[0]), ["helper.py:1"], "{json}");
    assert!(of_rule(&json, "helper.py", "shell-command").is_empty(), "{json}");
    // One of the files alone cannot tell.
    let json = project.json(&[NO_PROCESS, "main.py"]).exits(0).json();
    assert!(findings(&json).is_empty(), "{json}");
}

#[test]
fn a_capture_names_the_files_that_use_it() {
    let project = Project::new(&[
        ("pkg/__init__.py", "from .shell import go\n"),
        ("pkg/shell.py", "import os\n\ngo = os.system\n"),
        ("a.py", "from pkg import go\n\ngo(\"true\")\n"),
        ("b.py", "import pkg.shell\n\npkg.shell.go(\"true\")\n"),
        ("c.py", "import pkg.shell\n\npkg.shell.stay(\"true\")\n"),
    ]);
    let json = project.json(&[NO_PROCESS]).exits(1).json();
    let captures = of_rule(&json, "pkg/shell.py", "captured-reference");
    assert_eq!(captures.len(), 1, "{json}");
    let places = related(captures[0]);
    for user in ["a.py:1", "b.py:1"] {
        assert!(places.iter().any(|place| place == user), "{places:?}");
    }
    assert!(!places.iter().any(|place| place.starts_with("c.py")), "{places:?}");
    // Where it is taken, and before that what it comes through.
    let through = ["pkg/__init__.py:1", "pkg/shell.py:3"];
    for (path, way) in [("a.py", &through[..]), ("b.py", &through[1..])] {
        let calls = of_rule(&json, path, "shell-command");
        assert_eq!(calls.len(), 1, "{path}: {json}");
        assert_eq!(related(calls[0]), way, "{path}: {json}");
    }
    assert!(of_rule(&json, "c.py", "shell-command").is_empty(), "{json}");
}

#[test]
fn methods_and_objects_of_other_files_are_told_too() {
    let client = "import os\nimport requests\n\n\nclass Client(requests.Session):\n    \
                  run = staticmethod(os.system)\n\n\nclient = Client()\n";
    let project = Project::new(&[
        ("client.py", client),
        ("main.py", "from client import client\n\nclient.get(\"http://a.invalid/\")\n"),
        (
            "other.py",
            "class Client:\n    def get(self, url):\n        return url\n\n\nClient().get(\"http://a.invalid/\")\n",
        ),
        ("static.py", "import client\n\nclient.Client.run(\"true\")\n"),
    ]);
    let json = project.json(&["--no-network", NO_PROCESS]).exits(1).json();
    assert_eq!(of_rule(&json, "main.py", "network-http-library").len(), 1, "{json}");
    assert_eq!(of_rule(&json, "static.py", "shell-command").len(), 1, "{json}");
    assert!(findings_in(&json, "other.py").is_empty(), "{json}");
}

#[test]
fn comments_are_written_that_accept_such_a_call() {
    let project = Project::new(&[HELPER, ("main.py", "import helper\n\nhelper.go(\"true\")\n")]);
    // Whatever an earlier run has kept.
    project.json(&[NO_PROCESS]).exits(1);
    for _ in 0..2 {
        let run = project.run(&[NO_PROCESS, "--add-ignores=checked by hand"]).exits(0);
        assert!(run.stdout.is_empty() || !run.stdout.contains("shell-command"), "{}", run.stdout);
        let main = crate::repository::read(project.path().join("main.py"));
        let call = "helper.go(\"true\")  # hermetic: ignore[shell-command] checked by hand\n";
        assert_eq!(main, format!("import helper\n\n{call}"));
    }
}

#[test]
fn such_a_call_can_be_accepted() {
    let accepted =
        "import helper\n\nhelper.go(\"true\")  # hermetic: ignore[shell-command] a test\n";
    let project = Project::new(&[HELPER, ("main.py", accepted)]);
    let json = project.json(&[NO_PROCESS, "--level", "unused-suppression=warn"]).json();
    assert!(findings_in(&json, "main.py").is_empty(), "{json}");
    // Without the other file it accepts nothing, and that is told.
    let run = project.json(&[NO_PROCESS, "--level", "unused-suppression=warn", "main.py"]);
    assert_eq!(rules(&run.json()), ["unused-suppression"]);
}

#[test]
fn order_and_threads_change_no_byte() {
    let project = Project::new(&[
        HELPER,
        MAIN,
        ("a.py", "from main import helper\n\nhelper.go(\"a\")\n"),
        ("b.py", "from a import *\n\nhelper.go(\"b\")\n"),
    ]);
    let orders =
        [["helper.py", "main.py", "a.py", "b.py"], ["b.py", "a.py", "main.py", "helper.py"]];
    for format in ["json", "sarif", "full"] {
        let output = |threads: &str, files: &[&str]| {
            let given = ["--output-format", format, NO_PROCESS, "--threads", threads];
            without_seconds(&project.run(&[&given[..], files].concat()).exits(1).stdout)
        };
        let first = output("1", &["."]);
        assert!(first.contains("a.py"), "{first}");
        for threads in ["1", "2", "8"] {
            for order in &orders {
                assert_eq!(first, output(threads, order), "{format} {threads} {order:?}");
            }
        }
    }
}

#[test]
fn sarif_and_text_name_the_other_file() {
    let project = Project::new(&[HELPER, MAIN]);
    let run = project.run(&["--output-format", "sarif", NO_PROCESS]).exits(1);
    let json = run.json();
    let results = json["runs"][0]["results"].as_array().expect("a list");
    let call = results.iter().find(|r| r["ruleId"] == "shell-command").expect("the call");
    let uri = |place: &Value| place["physicalLocation"]["artifactLocation"]["uri"].clone();
    assert_eq!(uri(&call["locations"][0]), "main.py", "{call}");
    assert_eq!(uri(&call["relatedLocations"][0]), "helper.py", "{call}");
    // From where it is taken to where it is called; from where it is kept to who takes it.
    let flow = |result: &Value| -> Vec<Value> {
        let steps = result["codeFlows"][0]["threadFlows"][0]["locations"].as_array();
        steps.expect("a flow").iter().map(|step| uri(&step["location"])).collect()
    };
    assert_eq!(flow(call), ["helper.py", "main.py"], "{call}");
    let kept = results.iter().find(|r| r["ruleId"] == "captured-reference").expect("the import");
    assert_eq!(flow(kept), ["helper.py", "main.py"], "{kept}");
    assert_eq!(uri(&kept["locations"][0]), "helper.py", "{kept}");
    let text = project.run(&[NO_PROCESS]).exits(1).stdout;
    assert!(text.contains("helper.py:1"), "{text}");
}

#[test]
fn one_file_and_standard_input_are_as_before() {
    let source = "import os\n\n\ndef go():\n    os.system(\"true\")\n";
    let project = Project::new(&[("one.py", source), HELPER]);
    let alone = project.json(&[NO_PROCESS, "one.py"]).exits(1).json();
    assert_eq!(rules(&alone), ["shell-command"]);
    let stdin =
        run(&mut project.command(&[NO_PROCESS, "--output-format", "json", "-"]), MAIN.1.as_bytes());
    assert!(findings(&stdin.exits(0).json()).is_empty());
    let stdin =
        run(&mut project.command(&[NO_PROCESS, "--output-format", "json", "-"]), source.as_bytes());
    assert_eq!(rules(&stdin.exits(1).json()), ["shell-command"]);
}

#[test]
fn a_module_named_as_one_of_the_library_is_told() {
    let project = Project::new(&[
        ("json.py", "import os\n\n\ndef go():\n    os.system(\"true\")\n"),
        ("a/tool.py", "x = 1\n"),
        ("b/tool.py", "x = 2\n"),
        ("main.py", "import json\n\n\ndef main():\n    json.go()\n"),
    ]);
    let run = project.run(&["--capabilities"]).exits(0);
    let text = run.stdout + &run.stderr;
    assert!(text.contains("json (json.py)"), "{text}");
    assert!(text.contains("tool (a/tool.py, b/tool.py)"), "{text}");
}
