//! Properties of whole runs: the order of the files and the number of threads change nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use crate::cli::without_seconds;
use crate::process::{Project, findings, run};

/// Pieces of Python that see each other across files.
const PIECES: [&str; 12] = [
    "import socket\nsocket.create_connection((\"192.0.2.1\", 9))\n",
    "from m0 import *\n",
    "from m1 import go\ngo(1)\n",
    "import subprocess\n\n\ndef go(x):\n    subprocess.run([x])\n",
    "import os\n\nRUN = os.system\n",
    "import m2\n\nm2.RUN(\"true\")\n",
    "from os import environ as E\n\nE[\"A\"] = \"b\"\n",
    "import importlib\n\nimportlib.import_module(\"ct\" + \"ypes\")\n",
    "open(\"f\", \"w\").write(\"x\")\n",
    "def f(socket):\n    socket.connect(1)\n",
    "eval(input())\n",
    "def broken(:\n",
];

fn sources() -> impl Strategy<Value = Vec<String>> {
    let piece = prop::sample::select(&PIECES[..]);
    let file = prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat());
    prop::collection::vec(file, 1..8)
}

/// The JSON of a run over `paths`, without how long it took.
fn output(project: &Project, paths: &[String], threads: &str) -> String {
    let mut command = project.command(&["--profile", "block-all", "--output-format", "json"]);
    let run = run(command.args(["--threads", threads]).args(paths), b"");
    assert!(matches!(run.code, Some(0 | 1 | 3)), "{run:?}");
    without_seconds(&run.stdout)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_and_threads_change_nothing(sources in sources(), turn in 0_usize..8) {
        let names: Vec<String> = (0..sources.len()).map(|i| format!("m{i}.py")).collect();
        let (ordered, shuffled) = (Project::new(&[]), Project::new(&[]));
        for (name, source) in names.iter().zip(&sources) {
            ordered.write(name, source.as_bytes());
        }
        // The order in which a folder lists its files follows their making on many systems.
        for (name, source) in names.iter().zip(&sources).rev() {
            shuffled.write(name, source.as_bytes());
        }
        let mut turned = names.clone();
        turned.rotate_left(turn % names.len());
        turned.reverse();
        let first = output(&ordered, &names, "1");
        prop_assert_eq!(&first, &output(&ordered, &turned, "2"));
        prop_assert_eq!(&first, &output(&shuffled, &[".".to_owned()], "8"));
    }

    #[test]
    fn findings_are_sorted_by_path_and_place(sources in sources()) {
        let project = Project::new(&[]);
        for (index, source) in sources.iter().enumerate() {
            project.write(format!("m{index}.py"), source.as_bytes());
        }
        let json: Value = serde_json::from_str(&project.json(&["--profile", "block-all"]).stdout)?;
        let keys: Vec<_> = findings(&json)
            .iter()
            .map(|f| (f["path"].to_string(), f["row"].as_u64(), f["column"].as_u64()))
            .collect();
        prop_assert!(keys.is_sorted(), "{keys:?}");
        // Equal files say the same of themselves, whatever stands beside them, unless they import.
        let mut by_source: BTreeMap<&str, Vec<Vec<_>>> = BTreeMap::new();
        for (index, source) in sources.iter().enumerate().filter(|(_, s)| !s.contains("import")) {
            let path = format!("m{index}.py");
            let own = findings(&json).iter().filter(|f| f["path"] == path.as_str());
            let told = own.map(|f| (f["rule"].to_string(), f["row"].as_u64(), f["column"].as_u64())).collect();
            by_source.entry(source).or_default().push(told);
        }
        for told in by_source.values() {
            prop_assert!(told.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }
}
