//! `--output`: formats, files, and what becomes of a file that cannot be written.

use serde_json::Value;

use crate::process::{Project, findings};
use crate::repository::skip;

const CONNECTS: &str = "import socket\n\nsocket.create_connection((\"192.0.2.1\", 9))\n";

const FORMATS: [&str; 8] =
    ["full", "concise", "json", "jsonl", "sarif", "github", "gitlab", "junit"];

#[test]
fn a_file_holds_what_standard_output_would() {
    let project = Project::new(&[("a.py", CONNECTS), ("b.py", "def f(:\n")]);
    for format in FORMATS {
        let shown = project.run(&["--no-network", "--output-format", format]).exits(3);
        let output = format!("{format}=out");
        let run = project.run(&["--no-network", "--output", &output]).exits(3);
        assert!(run.stdout.is_empty() && run.stderr.is_empty(), "{run:?}");
        let written = std::fs::read_to_string(project.path().join("out")).expect("a file");
        let timeless = |text: &str| {
            let lines = text.lines().map(|line| line.split("\"seconds\"").next().unwrap_or(line));
            lines.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(timeless(&written), timeless(&shown.stdout), "{format}");
    }
}

#[test]
fn several_at_once() {
    let project = Project::new(&[("a.py", CONNECTS)]);
    let outputs = ["--output", "sarif=a.sarif", "--output", "gitlab=./b.json"];
    let run = project
        .run(&[&["--no-network", "--output-format", "json"], &outputs[..]].concat())
        .exits(1);
    assert_eq!(findings(&run.json()).len(), 1);
    let json = |name: &str| -> Value {
        let text = std::fs::read_to_string(project.path().join(name)).expect("a file");
        serde_json::from_str(&text).expect("JSON")
    };
    assert_eq!(json("a.sarif")["runs"][0]["results"][0]["ruleId"], "network-connect");
    assert_eq!(json("b.json")[0]["location"]["path"], "a.py");
}

#[test]
fn outputs_that_cannot_be_are_errors() {
    let project = Project::new(&[("a.py", CONNECTS), ("folder/b.py", "")]);
    for (arguments, told) in [
        (&["--output", "json", "--output", "sarif"][..], "are written to standard output"),
        (&["--output-format", "json", "--output", "sarif"], "--output sarif=FILE"),
        (&["--output", "json=x", "--output", "sarif=./x"], "are written to ./x"),
        (&["--output", "sarif=none/x"], "none/x: cannot be written: "),
        (&["--output", "sarif=folder"], "folder: cannot be written: "),
        (&["--output", "sarif="], "FORMAT=FILE"),
        (&["--output", "sarf"], "did you mean `sarif`"),
        (&["--statistics", "--output", "junit"], "--statistics has no form in junit"),
        (&["--rules", "--output", "sarif"], "--rules is written to standard output"),
    ] {
        let run = project.run(arguments).exits(2);
        assert!(run.stderr.contains(told), "{arguments:?}: {run:?}");
        assert!(run.stdout.is_empty(), "{run:?}");
    }
    assert!(!project.path().join("x").exists(), "nothing was begun");
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    if !cfg!(target_os = "linux") {
        skip("outputs", "only Linux is known to have /dev/full");
        return;
    }
    let project = Project::new(&[("a.py", CONNECTS)]);
    let run = project.run(&["--no-network", "--output", "json=/dev/full"]).exits(2);
    assert!(run.stderr.starts_with("/dev/full: cannot be written: "), "{run:?}");
    project.run(&["--no-network", "--output", "json=/dev/null"]).exits(1);
    let kind = std::fs::metadata("/dev/null").expect("there").file_type();
    assert!(!kind.is_file());
}

#[test]
fn the_number_of_threads_does_not_show() {
    let project = Project::new(&[("broken.py", "def f(:\n")]);
    for number in 0..40 {
        project.write(format!("p{}/m{number}.py", number % 7), CONNECTS.as_bytes());
    }
    for format in ["sarif", "github", "gitlab", "junit"] {
        let run = |threads| {
            project.run(&["--no-network", "-j", threads, "--output", format]).exits(3).stdout
        };
        let one = run("1");
        assert!(one.contains("p6/m6.py"), "{one}");
        assert_eq!(one, run("7"), "{format}");
    }
}

#[test]
fn hidden_characters_and_commands_of_a_source_are_escaped() {
    let hostile = "import socket\nsocket.create_connection((\"\\u202e\\n::error::x##[error]y</failure>\", 9))\n";
    let project = Project::new(&[("a,b%0A.py", hostile)]);
    for format in ["sarif", "github", "gitlab", "junit"] {
        let text = project.run(&["--no-network", "--output", format]).stdout;
        assert!(!text.contains('\u{202e}'), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("::error::")), "{text}");
        assert!(format == "github" || !text.contains("##["), "{text}");
        if format == "junit" {
            assert_eq!(text.matches("</failure>").count(), 1, "{text}");
        }
    }
}
