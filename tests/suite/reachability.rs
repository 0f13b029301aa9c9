//! Properties of the report of capabilities: what other files and orders do not change, and that a
//! way is one. Programs too large for a page are made here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use proptest::prelude::*;
use serde_json::Value;

use crate::process::{Project, run};

/// Pieces of modules that use each other.
const PIECES: [&str; 14] = [
    "import os\n\n\ndef go():\n    os.system(\"true\")\n",
    "import m1\n\n\ndef middle():\n    m1.go()\n",
    "from m0 import *\n",
    "from m2 import go\n\n\ndef main():\n    go()\n",
    "import m0\n\n\ndef second():\n    m0.middle()\n    m0.main()\n",
    "class Base:\n    def run(self):\n        self.step()\n\n    def step(self):\n        return 1\n",
    "import m3\nimport os\n\n\nclass Loud(m3.Base):\n    def step(self):\n        os.system(\"true\")\n",
    "from m1 import Loud\n\n\ndef loud():\n    Loud().run()\n",
    "import m2\n\nTABLE = {\"go\": m2.go}\n",
    "import m3\n\n\ndef by_key():\n    m3.TABLE[\"go\"]()\n",
    "def unknown(thing):\n    thing.go()\n",
    "import m1\n\n\n@m1.decorate\ndef wrapped():\n    return 1\n",
    "def decorate(function):\n    def wrapper():\n        return open(\"f\", \"w\")\n\n    return wrapper\n",
    "import m0\n\nm0.middle()\n",
];

fn sources() -> impl Strategy<Value = Vec<String>> {
    let piece = prop::sample::select(&PIECES[..]);
    let file = prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat());
    prop::collection::vec(file, 1..6)
}

fn report(project: &Project, threads: &str, paths: &[String]) -> String {
    let given = ["--capabilities", "--granularity", "function", "--output-format", "json"];
    let mut command = project.command(&given);
    run(command.args(["--threads", threads]).args(paths), b"").exits(0).stdout
}

fn entries(report: &str) -> Vec<Value> {
    let json: Value = serde_json::from_str(report).expect("JSON");
    json["capabilities"].as_array().expect("a list").clone()
}

fn written(sources: &[String]) -> Project {
    let project = Project::new(&[]);
    for (index, source) in sources.iter().enumerate() {
        project.write(format!("m{index}.py"), source.as_bytes());
    }
    project
}

/// What each step of a way says has to stand where it points: a name, or a call of what it is.
fn assert_ways(project: &Project, entries: &[Value]) {
    let defined: BTreeSet<&str> = entries
        .iter()
        .filter(|entry| entry["scope"] == "function" || entry["scope"] == "module")
        .filter_map(|entry| entry["name"].as_str())
        .collect();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in entries {
        let via = entry["via"].as_array().expect("a list");
        assert!(!via.is_empty(), "{entry}");
        for (at, step) in via.iter().enumerate() {
            let (name, path) = (step["name"].as_str().unwrap(), step["path"].as_str().unwrap());
            let lines = texts.entry(path.to_owned()).or_insert_with(|| {
                let text = fs::read_to_string(project.path().join(path)).expect("a file");
                text.lines().map(str::to_owned).collect()
            });
            let row = usize::try_from(step["row"].as_u64().expect("a row")).unwrap();
            let line = lines.get(row - 1).unwrap_or_else(|| panic!("no such row: {entry}"));
            let is_last = at + 1 == via.len();
            if name != "unresolved" {
                let last = name.rsplit('.').next().unwrap().trim_start_matches("import ");
                let stands = line.contains(last)
                    || line.contains('(')
                    || line.contains("import")
                    || line.contains('@');
                assert!(stands, "{name} at {line:?}: {entry}");
            }
            // What is on the way reaches the same, or is what reaches it.
            if !is_last {
                assert!(defined.contains(name), "{name} reaches nothing itself: {entry}");
            }
        }
        // The first step stands in the entry's own file.
        assert_eq!(via[0]["path"], entry["path"], "{entry}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_and_threads_change_no_byte(sources in sources(), turn in 0_usize..6) {
        let project = written(&sources);
        let names: Vec<String> = (0..sources.len()).map(|i| format!("m{i}.py")).collect();
        let mut turned = names.clone();
        turned.rotate_left(turn % names.len());
        turned.reverse();
        let first = report(&project, "1", &names);
        prop_assert_eq!(&first, &report(&project, "4", &turned));
    }

    #[test]
    fn every_way_is_one(sources in sources()) {
        let project = written(&sources);
        let told = report(&project, "2", &[".".to_owned()]);
        assert_ways(&project, &entries(&told));
    }

    #[test]
    fn what_nobody_imports_changes_nothing(sources in sources(), extra in 0_usize..PIECES.len()) {
        let project = written(&sources);
        let before = entries(&report(&project, "2", &[".".to_owned()]));
        // It may import the others, but defines no class below theirs.
        let piece = PIECES[extra].replace("class Loud(m3.Base)", "class Loud");
        project.write("unrelated.py", piece.as_bytes());
        let after = entries(&report(&project, "2", &[".".to_owned()]));
        let after: Vec<_> = after.into_iter().filter(|e| e["path"] != "unrelated.py").collect();
        prop_assert_eq!(before, after);
    }
}

/// The way of a function to a capability, as names.
fn way(entries: &[Value], name: &str, when: &str) -> Option<Vec<String>> {
    let entry = entries
        .iter()
        .find(|e| e["name"] == name && e["when"] == when && e["capability"] == "subprocess")?;
    let steps = entry["via"].as_array()?;
    Some(steps.iter().filter_map(|s| s["name"].as_str().map(str::to_owned)).collect())
}

#[test]
fn a_chain_of_three_hundred_modules_is_followed() {
    const LENGTH: usize = 300;
    let project = Project::new(&[]);
    for at in 0..LENGTH {
        let text = format!(
            "import m{next}\nfrom m{next} import Kind as Kind, run as run\n\n\n\
             def go():\n    m{next}.go()\n",
            next = at + 1
        );
        project.write(format!("m{at}.py"), text.as_bytes());
    }
    let last = "import os\n\n\ndef go():\n    os.system(\"true\")\n\n\ndef run():\n    \
                os.system(\"true\")\n\n\nclass Kind:\n    def go(self):\n        run()\n";
    project.write(format!("m{LENGTH}.py"), last.as_bytes());
    let main = "import m0\n\n\ndef main():\n    m0.go()\n\n\ndef short():\n    m0.run()\n\n\n\
                def kind():\n    m0.Kind().go()\n\n\ndef other():\n    return m0\n";
    project.write("main.py", main.as_bytes());
    let told = entries(&report(&project, "2", &[".".to_owned()]));
    let long = way(&told, "main.main", "call").expect("a way");
    assert_eq!(long.len(), LENGTH + 2);
    assert_eq!(long.last().map(String::as_str), Some("os.system"));
    let last = format!("m{LENGTH}");
    assert_eq!(
        way(&told, "main.short", "call").unwrap(),
        [format!("{last}.run"), "os.system".into()]
    );
    assert_eq!(
        way(&told, "main.kind", "call").unwrap(),
        [format!("{last}.Kind.go"), format!("{last}.run"), "os.system".into()]
    );
    assert_eq!(way(&told, "main.other", "call"), None);
}

#[test]
fn a_large_circle_ends() {
    // Each function calls three others, each module imports three others, all in one circle.
    const SIZE: usize = 200;
    let project = Project::new(&[]);
    for at in 0..SIZE {
        let others = [(at + 1) % SIZE, (at * 7 + 3) % SIZE, (at + SIZE / 2) % SIZE];
        let mut text = String::new();
        for other in others {
            let _ = writeln!(text, "import m{other}");
        }
        text.push_str("\n\ndef go(n):\n");
        for other in others {
            let _ = writeln!(text, "    m{other}.go(n - 1)");
        }
        if at == SIZE - 1 {
            text.push_str("    import os\n\n    os.system(\"true\")\n");
        }
        text.push_str("\n\ndef other():\n    return 1\n");
        project.write(format!("m{at}.py"), text.as_bytes());
    }
    let told = entries(&report(&project, "2", &[".".to_owned()]));
    for at in 0..SIZE {
        let way_of = way(&told, &format!("m{at}.go"), "call").expect("all reach it");
        assert_eq!(way_of.last().map(String::as_str), Some("os.system"));
        assert_eq!(way(&told, &format!("m{at}.other"), "call"), None);
        assert_eq!(way(&told, &format!("m{at}"), "import"), None);
    }
}
