//! The command line: exit codes, formats, policies, streams.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use hermetic_policy::rules;
use serde_json::Value;

use crate::process::{Project, findings, findings_in, not_analysed, rules as rules_of, run};
use crate::repository::skip;

/// A connection that `--no-network` denies and nothing else minds.
const CONNECTS: &str = "import socket\n\nsocket.create_connection((\"192.0.2.1\", 9))\n";

#[test]
fn a_clean_project_exits_0_and_a_finding_1() {
    let project = Project::new(&[("a.py", "x = 1\n")]);
    project.run(&["--no-network"]).exits(0);
    project.write("b.py", CONNECTS.as_bytes());
    project.run(&["--no-network"]).exits(1);
    project.run(&["--no-network", "a.py"]).exits(0);
    // What no policy denies is only summed up.
    let run = project.run(&[]).exits(0);
    let text = run.stdout + &run.stderr;
    assert!(text.contains("network") && text.contains("--profile"), "{text}");
    assert!(!text.contains("network-connect"), "{text}");
}

#[test]
fn what_cannot_be_analysed_exits_3_before_1() {
    let project = Project::new(&[("a.py", CONNECTS), ("b.py", "def f(:\n")]);
    let json = project.json(&["--no-network"]).exits(3).json();
    assert_eq!(rules_of(&json), ["network-connect", "not-analysed"]);
    let list = json["not_analysed"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{json}");
    assert_eq!(list[0]["path"], "b.py");
    for key in ["reason", "detail"] {
        assert!(list[0][key].as_str().is_some_and(|text| !text.is_empty()), "{json}");
    }
}

#[test]
fn what_is_accepted_as_not_analysed_stays_listed() {
    let project = Project::new(&[("a.py", "x = 1\n"), ("b.py", "def f(:\n")]);
    project.json(&[]).exits(3);
    for level in ["info", "off"] {
        let json = project.json(&["--level", &format!("not-analysed={level}")]).exits(0).json();
        assert_eq!(json["not_analysed"][0]["path"], "b.py", "{level}: {json}");
    }
    // Excluded is not accepted: it is not looked at.
    let json = project.json(&["--exclude", "b.py"]).exits(0).json();
    assert_eq!(json["not_analysed"].as_array().map(Vec::len), Some(0), "{json}");
}

#[test]
fn levels_decide_the_exit_code() {
    let project = Project::new(&[("a.py", CONNECTS)]);
    for (level, code, listed) in [("error", 1, 1), ("warn", 1, 1), ("info", 0, 1), ("off", 0, 0)] {
        let setting = format!("network-connect={level}");
        let json = project.json(&["--no-network", "--level", &setting]).exits(code).json();
        assert_eq!(findings(&json).len(), listed, "{level}: {json}");
    }
}

#[test]
fn bad_usage_exits_2_with_a_suggestion() {
    let project = Project::new(&[("a.py", "x = 1\n")]);
    for (arguments, hint) in [
        (&["--no-netwerk"][..], "--no-network"),
        (&["--profile", "block-al"], "block-all"),
        (&["--output-format", "jason"], "json"),
        (&["--explain", "network-conect"], "network-connect"),
        (&["--level", "network-conect=warn"], "did you mean `network-connect`"),
        (&["--level", "network-connect=loud"], "error, warn, info or off"),
        (&["--exclude", "a["], "`a[` is no pattern"),
        (&["--threads", "100000"], "256"),
    ] {
        let run = project.run(arguments).exits(2);
        assert!(run.stdout.is_empty(), "{run:?}");
        assert!(run.stderr.contains(hint), "{arguments:?}: {run:?}");
    }
    // A path that is not there is never a clean run, whatever else is.
    let missing = project.run(&["a.py", "no-such-file.py"]).exits(2);
    assert!(missing.stderr.starts_with("error: cannot find no-such-file.py: "), "{missing:?}");
    assert!(missing.stdout.is_empty(), "{missing:?}");
    project.run(&["--config", "no-such.toml", "."]).exits(2);
}

#[test]
fn bad_configuration_exits_2_with_file_line_and_suggestion() {
    let project = Project::new(&[("a.py", "x = 1\n"), ("hermetic.toml", "\nno-netwrok = true\n")]);
    let run = project.run(&[]).exits(2);
    for part in ["hermetic.toml:2", "no-netwrok", "no-network"] {
        assert!(run.stderr.contains(part), "{part}: {run:?}");
    }
    project.write("hermetic.toml", b"no-network = [\n");
    assert!(project.run(&[]).exits(2).stderr.contains("hermetic.toml:"));
    project.write("hermetic.toml", b"no-network = \"yes\"\n");
    assert!(project.run(&[]).exits(2).stderr.contains("hermetic.toml:1"));
    for (text, told) in [
        ("no-network = treu\n", "hermetic.toml:1:14: not valid TOML: "),
        (
            "\nprofile = [\"block-al\"]\n",
            "hermetic.toml:2:12: `profile`: unknown profile `block-al`; did you mean `block-all`",
        ),
        (
            "[check.levels]\n network-conect = \"warn\"\n",
            "hermetic.toml:2:2: unknown rule `network-conect`; did you mean `network-connect`",
        ),
        (
            "[check]\r\nundecided = \"loud\"\r\n",
            "hermetic.toml:2:13: `undecided`: unknown level `loud`",
        ),
        ("[check]\nexclude = [\"a[\"]\n", "hermetic.toml: `a[` is no pattern for exclude: "),
    ] {
        project.write("hermetic.toml", text.as_bytes());
        let run = project.run(&[]).exits(2);
        assert!(run.stderr.starts_with(told), "{told}: {run:?}");
    }
    // An isolated run takes no notice of it.
    project.run(&["--isolated"]).exits(0);
}

#[test]
fn a_policy_comes_from_flags_and_from_files() {
    let project = Project::new(&[("a.py", CONNECTS)]);
    let denied = |arguments: &[&str]| rules_of(&project.json(arguments).json()).len();
    assert_eq!(denied(&[]), 0);
    for flags in
        [&["--no-network"][..], &["--profile", "block-all"], &["--profile", "net-hermetic"]]
    {
        assert_eq!(denied(flags), 1, "{flags:?}");
    }
    assert_eq!(denied(&["--no-subprocess", "--fs-readonly", "--no-env"]), 0);
    assert_eq!(denied(&["--no-network", "--allow-domain", "192.0.2.1"]), 0);
    assert_eq!(denied(&["--no-network", "--allow-domain", "192.0.2.2"]), 1);
    assert_eq!(denied(&["--no-network", "--allow-localhost"]), 1);
    project.write("pyproject.toml", b"[tool.hermetic]\nno-network = true\n");
    assert_eq!(denied(&[]), 1);
    assert_eq!(denied(&["--isolated"]), 0);
    project.write("other.toml", b"no-subprocess = true\n");
    assert_eq!(denied(&["--config", "other.toml"]), 0);
}

#[test]
fn metadata_addresses_stay_denied() {
    let source = "import socket\n\nsocket.create_connection((\"169.254.169.254\", 80))\n";
    let project = Project::new(&[("a.py", source)]);
    let flags = ["--no-network", "--allow-domain", "169.254.169.254"];
    let json = project.json(&flags).exits(1).json();
    assert!(findings(&json).iter().any(|f| f["decision"] == "deny" && f["row"] == 3), "{json}");
}

#[test]
fn what_is_undecided_is_counted_and_no_reason_to_fail() {
    let source = "import socket\n\n\ndef go(host):\n    socket.create_connection((host, 80))\n";
    let project = Project::new(&[("a.py", source)]);
    let allow = ["--no-network", "--allow-domain", "example.com"];
    let json = project.json(&allow).exits(0).json();
    assert_eq!(json["summary"]["undecided"], 1, "{json}");
    let undecided: Vec<&Value> =
        findings(&json).iter().filter(|f| f["decision"] == "undecided").collect();
    assert_eq!(undecided.len(), 1, "{json}");
    assert_eq!(
        (undecided[0]["level"].as_str(), undecided[0]["row"].as_u64()),
        (Some("info"), Some(5))
    );
}

#[test]
fn a_finding_in_json_has_every_field() {
    let project = Project::new(&[(
        "d/a.py",
        "é = 1\nimport socket; socket.create_connection((\"192.0.2.1\", 9))\n",
    )]);
    let json = project.json(&["--no-network"]).exits(1).json();
    assert!(json["version"].is_u64(), "{json}");
    let [finding] = findings(&json) else { panic!("one finding: {json}") };
    for (key, value) in [
        ("rule", "network-connect"),
        ("capability", "network"),
        ("level", "error"),
        ("decision", "deny"),
        ("path", "d/a.py"),
        ("target", "socket.create_connection"),
    ] {
        assert_eq!(finding[key], value, "{key}: {finding}");
    }
    assert_eq!((finding["row"].as_u64(), finding["column"].as_u64()), (Some(2), Some(16)));
    assert_eq!(finding["end_row"], 2);
    assert!(finding["end_column"].as_u64() > Some(16), "{finding}");
    assert!(finding["message"].as_str().is_some_and(|m| !m.is_empty() && !m.ends_with('.')));
    assert!(finding["related"].is_array());
    let summary = &json["summary"];
    assert_eq!((summary["files"].as_u64(), summary["lines"].as_u64()), (Some(1), Some(2)));
    for key in ["undecided", "ignored"] {
        assert!(summary[key].is_u64(), "{key}: {summary}");
    }
    assert!(summary["seconds"].is_number(), "{summary}");
    let counts = summary.to_string();
    assert!(counts.contains("network-connect") && counts.contains("\"network\""), "{summary}");
}

#[test]
fn columns_count_characters() {
    let project = Project::new(&[(
        "a.py",
        "import socket\nx = \"🦀é\"; socket.create_connection((\"192.0.2.1\", 9))\n",
    )]);
    let json = project.json(&["--no-network"]).exits(1).json();
    assert_eq!(
        (findings(&json)[0]["row"].as_u64(), findings(&json)[0]["column"].as_u64()),
        (Some(2), Some(11))
    );
}

#[test]
fn the_other_formats() {
    let project = Project::new(&[("a.py", CONNECTS)]);
    let concise = project.run(&["--no-network", "--output-format", "concise"]).exits(1);
    let line = concise.stdout.lines().next().unwrap_or_default();
    assert!(line.starts_with("a.py:3:1: error[network-connect] "), "{concise:?}");

    let lines = project.run(&["--no-network", "--output-format", "jsonl"]).exits(1);
    let objects: Vec<Value> = lines
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    assert!(objects.iter().any(|o| o.to_string().contains("network-connect")), "{lines:?}");

    // `full` is what comes without asking.
    let full = project.run(&["--no-network"]).exits(1);
    let asked = project.run(&["--no-network", "--output-format", "full"]).exits(1);
    let excerpt = "socket.create_connection((\"192.0.2.1\", 9))";
    for run in [&full, &asked] {
        assert!(run.stdout.contains(excerpt) && run.stdout.contains('^'), "{run:?}");
        assert!(run.stdout.contains("network-connect"), "{run:?}");
    }
}

#[test]
fn no_colours_outside_a_terminal() {
    let project = Project::new(&[("a.py", CONNECTS)]);
    for format in ["full", "concise", "json", "jsonl"] {
        let run = project.run(&["--no-network", "--output-format", format]);
        assert!(!run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'), "{run:?}");
    }
    let mut command = project.command(&["--no-network"]);
    let run = run(command.env("NO_COLOR", "1").env("FORCE_COLOR", "1"), b"");
    assert!(!run.stdout.contains('\u{1b}'), "{run:?}");
}

#[test]
fn rules_explain_statistics_and_quiet() {
    let project = Project::new(&[("a.py", CONNECTS)]);
    let list = project.run(&["--rules"]).exits(0).stdout;
    for rule in rules::all() {
        assert!(list.contains(rule.name), "{} is not listed:\n{list}", rule.name);
        let page = project.run(&["--explain", rule.name]).exits(0).stdout;
        for heading in crate::page::HEADINGS {
            assert!(page.contains(heading), "--explain {} has no {heading}", rule.name);
        }
    }
    let statistics = project.run(&["--no-network", "--statistics"]).exits(1);
    let counted = |line: &str| line.contains("network-connect") && line.contains('1');
    assert!(statistics.stdout.lines().any(counted), "{statistics:?}");
    let quiet = project.run(&["--no-network", "--quiet"]).exits(1);
    assert!(quiet.stderr.is_empty() && !quiet.stdout.contains("Found"), "{quiet:?}");
    project.run(&["--no-network", "--no-cache"]).exits(1);
    let version = project.run(&["--version"]).exits(0).stdout;
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    for flag in ["--no-network", "--allow-domain", "--fs-readonly", "--output-format", "--isolated"]
    {
        assert!(project.run(&["--help"]).exits(0).stdout.contains(flag), "{flag}");
    }
}

#[test]
fn standard_input_has_a_name() {
    let project = Project::new(&[]);
    let arguments = ["--no-network", "--output-format", "json", "--stdin-filename", "d/x.py", "-"];
    let json = run(&mut project.command(&arguments), CONNECTS.as_bytes()).exits(1).json();
    assert_eq!(findings_in(&json, "d/x.py").len(), 1, "{json}");
    let mut nameless = project.command(&["--no-network", "--output-format", "json", "-"]);
    assert_eq!(findings(&run(&mut nameless, CONNECTS.as_bytes()).exits(1).json()).len(), 1);
    run(&mut project.command(&["--no-network", "-"]), b"def f(:\n").exits(3);
}

#[test]
fn standard_input_is_read_as_a_file_of_its_name() {
    let project = Project::new(&[]);
    let check = |name: &str, input: &[u8]| {
        let arguments = ["--no-subprocess", "--output-format", "json", "--stdin-filename", name];
        run(project.command(&arguments).arg("-"), input)
    };
    let notebook = r#"{"cells": [{"cell_type": "code", "source": "x = 1\n!true"}],
        "metadata": {}, "nbformat": 4}"#;
    let json = check("nb.ipynb", notebook.as_bytes()).exits(1).json();
    let found = &findings_in(&json, "nb.ipynb")[0];
    assert_eq!((found["cell"].as_u64(), found["row"].as_u64()), (Some(1), Some(2)), "{json}");
    assert_eq!(
        not_analysed(&check("nb.ipynb", b"x = 1\n").exits(3).json(), "nb.ipynb"),
        Some("notebook")
    );
    // As large as no file may be.
    let json = check("big.py", &vec![b'\n'; 21 << 20]).exits(3).json();
    assert_eq!(not_analysed(&json, "big.py"), Some("too-large"), "{json}");
    assert_eq!(findings_in(&json, "big.py").len(), 1, "{json}");
    // A folder is no stream.
    let mut command = project.command(&["--output-format", "json", "-"]);
    command.stdin(File::open(project.path()).unwrap()).stdout(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"unreadable\""), "{output:?}");
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_run() {
    let project = Project::new(&[("a.py", &CONNECTS.repeat(20_000))]);
    for format in ["full", "concise", "json", "jsonl"] {
        let errors = tempfile::NamedTempFile::new().unwrap();
        let mut command = project.command(&["--no-network", "--output-format", format]);
        command.stdout(Stdio::piped()).stderr(File::create(errors.path()).unwrap());
        let mut child = command.spawn().unwrap();
        let mut first = String::new();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        reader.read_line(&mut first).unwrap();
        drop(reader);
        assert!(!first.is_empty(), "{format}");
        // Exit code 1 stays: what was found does not hang on who reads it.
        assert_eq!(child.wait().unwrap().code(), Some(1), "{format}");
        assert_eq!(std::fs::read_to_string(errors.path()).unwrap(), "", "{format}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_at_once() {
    use std::os::unix::process::ExitStatusExt as _;

    if !crate::process::interrupts_end_programs() {
        skip("an_interrupt_stops_at_once", "interrupts are ignored here");
        return;
    }
    let project = Project::new(&[("a.py", &format!("x = [{}]\n", "f(1),".repeat(3_000_000)))]);
    let interrupt = |mut child: std::process::Child| {
        // `kill` is a program as well as a shell's builtin (POSIX).
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        if !sent.is_ok_and(|status| status.success()) {
            child.kill().unwrap();
            skip("an_interrupt_stops_at_once", "no kill");
            return;
        }
        // SIGINT is 2 everywhere.
        assert_eq!(child.wait().unwrap().signal(), Some(2));
    };
    let spawn = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    // At work, and waiting for input.
    let worker = spawn(&["a.py"]);
    std::thread::sleep(std::time::Duration::from_millis(300));
    interrupt(worker);
    interrupt(spawn(&["-"]));
}

#[test]
fn a_run_over_nothing_says_so() {
    let project = Project::new(&[]);
    std::fs::create_dir(project.path().join("empty")).unwrap();
    let run = project.run(&["empty"]).exits(0);
    assert!(run.stdout.contains("Found no Python files"), "{run:?}");
    let json = project.json(&["empty"]).exits(0).json();
    assert_eq!(json["summary"]["files"], 0, "{json}");
    assert_eq!(findings(&json).len(), 0, "{json}");
    let lines = project.run(&["--output-format", "jsonl", "empty"]).exits(0).stdout;
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert_eq!(serde_json::from_str::<Value>(&lines).unwrap()["type"], "summary", "{lines}");
}

#[test]
fn a_closed_pipe_is_no_crash() {
    let project = Project::new(&[("a.py", &CONNECTS.repeat(3000))]);
    for format in ["full", "concise", "json", "jsonl"] {
        let errors = tempfile::NamedTempFile::new().unwrap();
        let mut command = project.command(&["--no-network", "--output-format", format]);
        command.stdout(Stdio::piped()).stderr(File::create(errors.path()).unwrap());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let status = child.wait().unwrap();
        let told = std::fs::read_to_string(errors.path()).unwrap();
        assert!(
            !told.contains("panicked") && status.code() != Some(101),
            "{format}: {status} {told}"
        );
    }
}

#[test]
fn output_is_the_same_for_any_number_of_threads() {
    let project = Project::new(&[]);
    for index in 0..60 {
        let text = format!("{}{}", "x = 1\n".repeat(index % 7 * 50), CONNECTS);
        project.write(format!("p{}/m{index}.py", index % 5), text.as_bytes());
    }
    project.write("broken.py", b"def f(:\n");
    for format in ["full", "concise", "json", "jsonl"] {
        let arguments = ["--profile", "block-all", "--output-format", format, "."];
        let outputs: Vec<String> = ["1", "2", "8"]
            .iter()
            .map(|threads| {
                let mut command = project.command(&arguments);
                let run = run(command.args(["--threads", threads]), b"").exits(3);
                without_seconds(&run.stdout)
            })
            .collect();
        assert!(outputs[0].contains("network-connect"), "{format}");
        assert!(outputs.iter().all(|o| *o == outputs[0]), "{format} differs between thread counts");
    }
}

/// The output without the one figure that may differ: how long it took.
pub(crate) fn without_seconds(output: &str) -> String {
    let mut kept = String::new();
    let mut rest = output;
    while let Some(at) = rest.find("\"seconds\":") {
        let (before, after) = rest.split_at(at);
        kept.push_str(before);
        rest = after.trim_start_matches("\"seconds\":").trim_start();
        rest =
            rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | '-'));
    }
    kept.push_str(rest);
    kept
}

#[test]
fn control_and_bidi_characters_are_escaped() {
    let source = "import socket\nsocket.create_connection((\"192.0.2.1\", 9))  # \u{202e}\u{1b}[31m\u{2066}\n";
    let project = Project::new(&[("a.py", source)]);
    project.write("e\u{202e}\u{1b}.py", CONNECTS.as_bytes());
    for format in ["full", "concise", "json", "jsonl"] {
        let run = project.run(&["--no-network", "--output-format", format]).exits(1);
        for bad in ['\u{1b}', '\u{202e}', '\u{2066}'] {
            assert!(!run.stdout.contains(bad), "{format}: {bad:?} in {:?}", run.stdout);
        }
    }
}
