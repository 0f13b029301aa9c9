//! `--shard` and `hermetic-check merge`: what is merged is what one run would say, byte for byte,
//! however it was split and in whatever order it is put together; and what cannot be merged is told.

use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use crate::cli::without_seconds;
use crate::process::{Project, Run, run};
use crate::repository::{root, skip};

const CONNECTS: &str = "import socket\n\nsocket.create_connection((\"192.0.2.1\", 9))\n";

/// Every form of a report of findings.
const REPORTS: [&[&str]; 11] = [
    &["--output-format", "full"],
    &["--output-format", "full", "--show-undecided"],
    &["--output-format", "concise", "--quiet"],
    &["--output-format", "json"],
    &["--output-format", "jsonl", "--show-fixes"],
    &["--output-format", "sarif"],
    &["--output-format", "github"],
    &["--output-format", "gitlab"],
    &["--output-format", "junit"],
    &["--statistics"],
    &["--statistics", "--output-format", "json"],
];

const CAPABILITIES: [&[&str]; 5] = [
    &["--capabilities"],
    &["--capabilities", "--output-format", "json"],
    &["--capabilities", "--output-format", "html"],
    &["--capabilities", "--output-format", "dot", "--granularity", "package"],
    &["--capabilities", "--output-format", "mermaid"],
];

/// What a run comes to.
fn result(run: &Run) -> (Option<i32>, String, &str) {
    assert!(matches!(run.code, Some(0 | 1 | 3)), "{run:?}");
    (run.code, without_seconds(&run.stdout), &run.stderr)
}

/// Write shards of a run with these arguments; gives their names.
fn split(project: &Project, of: usize, arguments: &[&str]) -> Vec<String> {
    (1..=of)
        .map(|number| {
            let (part, file) = (format!("{number}/{of}"), format!("{number}.hermetic"));
            let own = ["--shard", &part, "-o", &file, "--quiet", "--no-cache"];
            let run = project.run(&[&own, arguments].concat()).exits(0);
            assert!(run.stdout.is_empty() && run.stderr.is_empty(), "{run:?}");
            file
        })
        .collect()
}

fn merge(project: &Project, files: &[String], arguments: &[&str]) -> Run {
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    project.run(&[&["merge", "--no-cache"], arguments, &files].concat())
}

/// Put files together two by two, as `turns` say, until one is left.
fn fold(project: &Project, mut files: Vec<String>, turns: &[usize]) -> Vec<String> {
    for (number, turn) in turns.iter().enumerate() {
        let count = files.len();
        if count < 2 {
            break;
        }
        files.rotate_left(turn % count);
        let two: Vec<String> = files.drain(..2).collect();
        let name = format!("merged-{number}.hermetic");
        let run = merge(project, &two, &["-o", &name, "--quiet"]).exits(0);
        assert!(run.stdout.is_empty() && run.stderr.is_empty(), "{run:?}");
        files.push(name);
    }
    files
}

/// Pieces of Python that see each other across files, and comments that accept.
const PIECES: [&str; 15] = [
    "import socket\nsocket.create_connection((\"192.0.2.1\", 9))\n",
    "from m0 import *\n",
    "from m1 import go\ngo(1)\n",
    "import subprocess\n\n\ndef go(x):\n    subprocess.run([x])\n",
    "import os\n\nRUN = os.system\n",
    "import m2\n\nm2.RUN(\"true\")\n",
    "from os import environ as E\n\nE[\"A\"] = \"b\"\n",
    "import importlib\n\nimportlib.import_module(\"ct\" + \"ypes\")\n",
    "open(\"f\", \"w\").write(\"x\")  # hermetic: ignore[file-write] the report\n",
    "from m0 import *  # hermetic: ignore[captured-reference]\nfrom m1 import RUN\nRUN('x')\n",
    "def f(socket):\n    socket.connect(1)\n",
    "# hermetic: ignore-file[dynamic-eval] generated\neval(input())\n",
    "from m2 import go as g\nfrom subprocess import run as RUN\ng('é𝄞')\n",
    "import os  # hermetic: ignore[no-such-rule] x\n",
    "def broken(:\n",
];

fn sources() -> impl Strategy<Value = Vec<String>> {
    let piece = prop::sample::select(&PIECES[..]);
    let file = prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat());
    prop::collection::vec(file, 1..9)
}

fn written(sources: &[String]) -> Project {
    let project = Project::new(&[
        ("pyproject.toml", "[tool.hermetic]\nno-network = true\n"),
        ("sub/hermetic.toml", "no-subprocess = true\n[check]\nextend-exclude = [\"m7.py\"]\n"),
    ]);
    for (number, source) in sources.iter().enumerate() {
        let folder = if number % 3 == 1 { "sub/" } else { "" };
        project.write(format!("{folder}m{number}.py"), source.as_bytes());
    }
    project
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_merge_is_the_run_that_was_split(
        sources in sources(),
        of in 1_usize..5,
        turns in prop::collection::vec(0_usize..7, 0..4),
        report in prop::sample::select(&REPORTS[..]),
        profile in any::<bool>(),
    ) {
        let project = written(&sources);
        let policy: &[&str] = if profile { &["--profile", "block-all"] } else { &["--no-env"] };
        let files = fold(&project, split(&project, of, policy), &turns);
        let whole = project.run(&[policy, report, &["--no-cache"]].concat());
        let merged = merge(&project, &files, report);
        prop_assert_eq!(result(&merged), result(&whole));
    }

    #[test]
    fn capabilities_of_a_merge_are_those_of_the_run_that_was_split(
        sources in sources(),
        of in 1_usize..5,
        report in prop::sample::select(&CAPABILITIES[..]),
    ) {
        let project = written(&sources);
        let files = split(&project, of, &["--capabilities"]);
        let whole = project.run(report);
        let merged = merge(&project, &files, report);
        prop_assert_eq!(result(&merged), result(&whole));
        // The same shards are good for findings.
        let whole = project.run(&["--output-format", "json", "--no-cache"]);
        let findings = merge(&project, &files, &["--output-format", "json"]);
        prop_assert_eq!(result(&findings), result(&whole));
    }
}

/// Packages as people wrote them: of the standard library at hand, and our own.
fn real() -> Option<Project> {
    let ask = "import sysconfig; print(sysconfig.get_paths()['stdlib'])";
    let python = Command::new("python3").args(["-I", "-c", ask]).output().ok()?;
    let library = String::from_utf8(python.stdout).ok()?;
    let project = Project::new(&[("hermetic.toml", "profile = [\"block-all\"]\n")]);
    for package in ["asyncio", "http", "logging", "multiprocessing", "unittest", "urllib"] {
        copy(&Path::new(library.trim()).join(package), &Path::new("lib").join(package), &project);
    }
    copy(&root().join("runtime-guard/python"), Path::new("own"), &project);
    Some(project)
}

fn copy(from: &Path, to: &Path, project: &Project) {
    for entry in fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())) {
        let entry = entry.expect("an entry");
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to, project);
        } else if path.extension().is_some_and(|it| it == "py") {
            project.write(to, &fs::read(&path).expect("read"));
        }
    }
}

#[test]
fn real_packages_in_every_format() {
    let Some(project) = real() else {
        skip("shards", "no python3 tells where its library is");
        return;
    };
    let baseline = project.run(&["--write-baseline", "all.json", "lib/asyncio"]);
    assert_eq!(baseline.code, Some(0), "{baseline:?}");
    for (of, capabilities) in [(1, false), (3, false), (4, true)] {
        let arguments: &[&str] = if capabilities { &["--capabilities"] } else { &[] };
        let mut files = split(&project, of, arguments);
        files.reverse();
        for report in REPORTS.iter().chain(if capabilities { &CAPABILITIES[..] } else { &[] }) {
            let whole = project.run(&[*report, &["--no-cache"]].concat());
            assert!(whole.stdout.len() > 100, "{report:?}: {whole:?}");
            assert_eq!(result(&merge(&project, &files, report)), result(&whole), "{report:?}");
            if report.contains(&"--capabilities") || report.contains(&"--show-fixes") {
                continue;
            }
            let with = [*report, &["--baseline", "all.json"]].concat();
            let less = project.run(&[&with[..], &["--no-cache"]].concat());
            assert_ne!(less.stdout, whole.stdout, "{report:?}");
            assert_eq!(result(&merge(&project, &files, &with)), result(&less), "{with:?}");
        }
        let run = merge(&project, &files, &["--write-baseline", "merged.json"]).exits(0);
        project.run(&["--write-baseline", "whole.json"]).exits(0);
        let read = |name: &str| fs::read(project.path().join(name)).expect("written");
        assert!(read("merged.json") == read("whole.json"), "{of}: {run:?}");
    }
}

#[test]
fn archives_notebooks_and_what_cannot_be_analysed() {
    let notebook = "{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"import os\\n\", \"os.system('a')\"]}], \
                    \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 5}";
    let project = Project::new(&[
        ("n.ipynb", notebook),
        ("start.pth", "import os; os.system('ls')\n"),
        ("script", "#!/usr/bin/env python3\nimport os\nos.system('ls')\n"),
        ("a.pyi", "import os\n"),
        ("empty.py", ""),
        ("ignored.py", CONNECTS),
        (".gitignore", "ignored.py\n"),
        (".git/HEAD", "ref: refs/heads/main\n"),
        ("old/b.py", CONNECTS),
    ]);
    project.write("undecodable.py", b"import os\nos.system('\xe9')\n");
    project.write("deep.py", format!("{}1{}\n", "(".repeat(9000), ")".repeat(9000)).as_bytes());
    project.write("x.so", b"\x7fELF");
    let policy = ["--no-network", "--no-subprocess", "--extend-exclude", "old"];
    let files = split(&project, 3, &policy);
    for report in REPORTS {
        let whole = project.run(&[&policy[..], report, &["--no-cache"]].concat()).exits(3);
        assert_eq!(result(&merge(&project, &files, report)), result(&whole), "{report:?}");
    }
    // One file is looked at alone, without others to take from.
    let files = split(&project, 2, &["--no-subprocess", "script"]);
    let whole = project.json(&["--no-subprocess", "--no-cache", "script"]);
    assert_eq!(result(&merge(&project, &files, &["--output-format", "json"])), result(&whole));
}

#[test]
fn what_the_merge_looks_at_of_an_environment() {
    let project = crate::dependencies::environment();
    let files = split(&project, 2, &["--capabilities", "app"]);
    let environment = ["--with-dependencies", "--python", "env"];
    for report in CAPABILITIES {
        let alone = project.run(&[report, &["--no-cache", "app"]].concat());
        let with = [report, &environment].concat();
        let whole = project.run(&[&with[..], &["--no-cache", "app"]].concat());
        assert_ne!(alone.stdout, whole.stdout, "{report:?}");
        assert_eq!(result(&merge(&project, &files, report)), result(&alone), "{report:?}");
        assert_eq!(result(&merge(&project, &files, &with)), result(&whole), "{report:?}");
    }
    let gone = merge(&project, &files, &["--capabilities", "--with-dependencies", "--python=gone"]);
    assert!(gone.exits(2).stderr.contains("gone"));
    // Findings have none.
    let run = merge(&project, &files, &environment).exits(2);
    assert!(run.stderr.contains("--capabilities"), "{run:?}");
}

#[test]
fn a_cache_makes_the_same_shards() {
    let project = written(&PIECES.map(str::to_owned));
    let shard = |file: &str, more: &[&str]| {
        let all = ["--shard", "1/2", "-o", file, "--quiet"];
        project.run(&[&all, more].concat()).exits(0);
        fs::read(project.path().join(file)).expect("written")
    };
    let cold = shard("a", &["--no-cache"]);
    assert!(shard("b", &[]) == cold, "the first run fills the cache");
    assert!(shard("c", &[]) == cold, "the second reads it");
    // A run fills it for shards, and shards for a run.
    let whole = project.json(&[]);
    assert!(shard("d", &[]) == cold);
    let project = written(&PIECES.map(str::to_owned));
    for part in ["1/2", "2/2"] {
        project.run(&["--shard", part]).exits(0);
    }
    assert_eq!(result(&project.json(&[])), result(&whole));
    let files = ["shard-1-of-2.hermetic", "shard-2-of-2.hermetic"];
    let merged = project.run(&[&["merge", "--output-format", "json"], &files[..]].concat());
    assert_eq!(result(&merged), result(&whole));
}

#[test]
fn shards_say_what_they_wrote() {
    let project = Project::new(&[("a.py", CONNECTS), ("b.py", ""), ("c.py", "")]);
    let run = project.run(&["--shard", "1/1"]).exits(0);
    assert_eq!(run.stderr, "shard-1-of-1.hermetic: 3 of 3 files\n");
    for part in ["1/2", "2/2"] {
        project.run(&["--shard", part, "--no-network"]).exits(0);
    }
    let two = ["shard-2-of-2.hermetic", "shard-1-of-2.hermetic"];
    let run = project.run(&[&["merge", "-o", "all"], &two[..]].concat()).exits(0);
    assert_eq!(run.stderr, "all: shards 1, 2 of 2: 3 files\n");
    // The policy came with the shards.
    project.run(&["merge", "all"]).exits(1);
    project.run(&["merge", "all", "--output", "sarif=x.sarif", "-j", "1"]).exits(1);
    assert!(project.path().join("x.sarif").is_file());
}

#[test]
fn what_cannot_be_merged_is_told_with_what_to_do() {
    let project = Project::new(&[("a.py", CONNECTS), ("b.py", "x = 1\n"), ("c.py", "")]);
    split(&project, 3, &["--no-network"]);
    project.run(&["--shard", "2/3", "-o", "other", "--no-env"]).exits(0);
    project.run(&["--shard", "2/2", "-o", "halves", "--no-network"]).exits(0);
    project.run(&["--shard", "2/3", "-o", "graph", "--no-network", "--capabilities"]).exits(0);
    project.run(&["merge", "1.hermetic", "2.hermetic", "-o", "both", "--quiet"]).exits(0);
    let bytes = fs::read(project.path().join("2.hermetic")).expect("written");
    project.write("cut", &bytes[..bytes.len() - 7]);
    let mut damaged = bytes;
    *damaged.last_mut().expect("a byte") ^= 1;
    project.write("damaged", &damaged);
    for (files, told) in [
        (
            &["1.hermetic", "3.hermetic"][..],
            "error: shard 2 of 3 is missing: name the files too; --shard 2/3 makes the first",
        ),
        (&["2.hermetic"], "error: shards 1, 3 of 3 are missing"),
        (
            &["1.hermetic", "1.hermetic"],
            "1.hermetic: has shard 1 of 3, and so has 1.hermetic; name each shard once",
        ),
        (&["both", "3.hermetic", "2.hermetic"], "2.hermetic: has shard 2 of 3, and so has both"),
        (
            &["1.hermetic", "other"],
            "other: was made with other settings than 1.hermetic (--no-environment here, --no-network there)",
        ),
        (&["1.hermetic", "halves"], "halves: is one of 2 shards, and 1.hermetic one of 3"),
        (
            &["1.hermetic", "graph"],
            "graph: cannot be merged with 1.hermetic: this one was made with --capabilities",
        ),
        (&["cut"], "cut: is cut off"),
        (&["damaged"], "damaged: is damaged"),
        (&["a.py"], "a.py: is no shard: name files that --shard has written"),
        (&["gone"], "gone: "),
        (&["."], ".: "),
        (
            &["1.hermetic", "2.hermetic", "3.hermetic", "--capabilities"],
            "--capabilities needs shards that were made with --capabilities",
        ),
        (&["1.hermetic", "2.hermetic", "3.hermetic", "--baseline", "none.json"], "none.json: "),
        (&[], "required arguments"),
        (&["1.hermetic", "-o", "x", "--output", "json"], "cannot be used with"),
    ] {
        let run = project.run(&[&["merge"], files].concat()).exits(2);
        assert!(run.stderr.contains(told), "{files:?}: {run:?}");
        assert!(run.stdout.is_empty(), "{run:?}");
    }
    for (arguments, told) in [
        (&["--shard", "0/2"][..], "parts count from 1"),
        (&["--shard", "3/2"], "there is no part 3 of 2"),
        (&["--shard", "1"], "write I/N"),
        (&["--shard", "1/2", "--fix"], "cannot be used with"),
        (&["--shard", "1/2", "--output", "json"], "cannot be used with"),
        (&["--shard", "1/2", "--baseline", "b"], "cannot be used with"),
        (&["--shard", "1/2", "-"], "not standard input"),
        (&["--shard", "1/2", "gone"], "cannot find gone"),
        (&["--shard", "1/2", "-o", "no/such"], "no/such: not written"),
        (&["-o", "x"], "--shard"),
    ] {
        let run = project.run(arguments).exits(2);
        assert!(run.stderr.contains(told), "{arguments:?}: {run:?}");
    }
    let elsewhere = Project::new(&[]);
    let mut command = elsewhere.command(&["merge"]);
    let shards = ["1.hermetic", "2.hermetic", "3.hermetic"].map(|name| project.path().join(name));
    let run = run(command.args(shards), b"").exits(2);
    assert!(run.stderr.contains("and not here"), "{run:?}");
}

#[test]
fn other_files_than_those_of_the_shards_are_told() {
    let project = Project::new(&[("a.py", CONNECTS), ("b.py", "x = 1\n"), ("c.py", "")]);
    let files = split(&project, 2, &["--no-network"]);
    let fails = |told: &str| {
        for arguments in [&[][..], &["--output-format", "json"]] {
            let run = merge(&project, &files, arguments).exits(2);
            assert!(run.stderr.contains(told) && run.stderr.contains("; merge where"), "{run:?}");
            assert!(run.stdout.is_empty(), "{run:?}");
        }
    };
    project.write("b.py", b"x = 2\n");
    fails("error: b.py is not what shard ");
    project.write("b.py", b"x = 1\n");
    merge(&project, &files, &[]).exits(1);
    project.write("new.py", b"");
    fails("error: new.py is in no shard");
    fs::remove_file(project.path().join("new.py")).expect("removed");
    fs::remove_file(project.path().join("c.py")).expect("removed");
    fails("error: c.py is in shard ");
    project.write("c.py", b"");
    // What is looked for has changed, and not what is denied.
    let api = "[[check.api]]\nname = \"x.y\"\ncapability = \"network\"\n";
    project.write("hermetic.toml", api.as_bytes());
    fails("error: a.py was looked at by shard ");
    project.write("hermetic.toml", b"no-env = true\n");
    merge(&project, &files, &[]).exits(1);
}
