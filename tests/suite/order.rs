//! What hangs on the order of a program's imports (`late-install`), and the least policy
//! (`--suggest-policy`).

use serde_json::Value;

use crate::process::{Project, findings_in};

const LIBRARY: [(&str, &str); 3] = [
    ("lib/__init__.py", ""),
    ("lib/client.py", "from lib.inner import Sock\n"),
    ("lib/inner.py", "x = 1\nfrom socket import socket as Sock\n"),
];

fn late(main: &str, arguments: &[&str]) -> Vec<Value> {
    let project = Project::new(&[&LIBRARY[..], &[("main.py", main)]].concat());
    let json = project.json(&[arguments, &["."]].concat()).json();
    let found = findings_in(&json, "main.py").into_iter();
    found.filter(|finding| finding["rule"] == "late-install").cloned().collect()
}

#[test]
fn an_import_above_the_guard_names_the_module_and_the_line() {
    let main = "import lib.client\nfrom hermetic import hermetic_blocker\n\
                with hermetic_blocker(block_network=True):\n    pass\n";
    let found = late(main, &[]);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((&one["row"], &one["level"]), (&1.into(), &"info".into()));
    let message = one["message"].as_str().expect("a text");
    assert!(message.contains("`lib.inner` keeps `socket.socket`"), "{message}");
    let place = &one["related"][0];
    assert_eq!((&place["path"], &place["row"]), (&"lib/inner.py".into(), &2.into()));
    let found = late(main, &["--patching-guard"]);
    assert_eq!(found[0]["level"], "warn");
}

#[test]
fn what_comes_after_the_guard_or_is_no_concern_of_it_is_not_told() {
    let after = "from hermetic import hermetic_blocker\n\
                 with hermetic_blocker(block_network=True):\n    import lib.client\n";
    assert!(late(after, &[]).is_empty());
    let other = "import lib.client\nfrom hermetic import hermetic_blocker\n\
                 with hermetic_blocker(block_subprocess=True):\n    pass\n";
    assert!(late(other, &[]).is_empty());
    let none = "import lib.client\n";
    assert!(late(none, &[]).is_empty());
}

#[test]
fn a_guard_in_a_function_is_below_every_import_of_the_module() {
    let main = "from hermetic import with_hermetic\n\n\n@with_hermetic(profile=\"block-all\")\n\
                def main():\n    pass\n\n\nimport lib.client\n";
    assert_eq!(late(main, &[]).len(), 1, "the decorator stands above, but takes effect later");
}

#[test]
fn what_no_guard_can_enforce_is_a_warning() {
    let main = "import ctypes\nimport pytest_socket\nfrom hermetic import hermetic_blocker\n\
                with hermetic_blocker(block_native=True):\n    pass\n";
    let found = late(main, &[]);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((&one["row"], &one["level"]), (&1.into(), &"warn".into()));
    let patched = "import lib.client\nimport pytest_socket\npytest_socket.disable_socket()\n";
    assert_eq!(late(patched, &[])[0]["level"], "warn");
}

#[test]
fn a_comment_accepts_it() {
    let main = "import lib.client  # hermetic: ignore[late-install] it is the point\n\
                from hermetic import hermetic_blocker\n\
                with hermetic_blocker(block_network=True):\n    pass\n";
    assert!(late(main, &[]).is_empty());
    let json = {
        let project = Project::new(&[&LIBRARY[..], &[("main.py", main)]].concat());
        project.json(&["."]).json()
    };
    let unused = findings_in(&json, "main.py");
    assert!(unused.iter().all(|finding| finding["rule"] != "unused-suppression"), "{unused:?}");
}

/// What `--suggest-policy` says of a program.
fn suggested(files: &[(&str, &str)]) -> (Project, String) {
    let project = Project::new(files);
    let text = project.run(&["--suggest-policy", "."]).exits(0).stdout;
    (project, text)
}

#[test]
fn the_least_policy_allows_what_is_needed_and_nothing_else() {
    let net = "import requests\n\ndef get():\n    requests.get('https://api.example.com/x')\n";
    let files = [("main.py", "from net import get\nget()\n"), ("net.py", net)];
    let (project, text) = suggested(&files);
    for line in ["no-network = true", "no-subprocess = true", "fs-readonly = true"] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    assert!(text.contains("\"api.example.com"), "{text}");
    assert!(text.contains("main → net.get (main.py:2) → requests.get (net.py:4)"), "{text}");
    // Under it, nothing is denied and nothing left to the guard.
    project.write("pyproject.toml", text.as_bytes());
    let json = project.json(&["."]).json();
    let found = json["findings"].as_array().expect("a list");
    let against = |finding: &&Value| finding["decision"] != "advise";
    assert!(!found.iter().any(|finding| against(&finding)), "{found:?}");
}

#[test]
fn what_cannot_be_named_leaves_its_guard_out_and_says_who_needs_it() {
    let main = "import os, sys, urllib.request\n\n\ndef run(command, url):\n    \
                os.system(command)\n    urllib.request.urlopen(url)\n";
    let (project, text) = suggested(&[("main.py", main)]);
    for line in ["# no-network is left out; needed by", "# no-subprocess is left out; needed by"] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    assert!(!text.lines().any(|l| l.starts_with("no-network")), "{text}");
    assert!(text.contains("main.run → os.system (main.py:5)"), "{text}");
    project.write("pyproject.toml", text.as_bytes());
    let json = project.json(&["."]).json();
    let found = json["findings"].as_array().expect("a list");
    assert!(found.iter().all(|finding| finding["decision"] == "advise"), "{found:?}");
}

#[test]
fn a_name_in_a_comment_of_the_policy_cannot_end_it() {
    let files = [("a\nb = 1\n.py", "import os\nos.system('x')\n")];
    let (_, text) = suggested(&files);
    assert!(!text.lines().any(|line| line.starts_with("b = 1")), "{text}");
}
