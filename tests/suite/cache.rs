//! What is kept between runs changes nothing but how long they take.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::without_seconds;
use crate::process::{Project, Run, findings_in, run};

const RUNS: &str = "import os\nos.system('ls')\n";
const IDLE: &str = "import os\nos.getcwd('ls')\n";
const FOLDER: &str = ".hermetic_cache";

/// A bit of everything that is analysed, or cannot be.
fn everything() -> Project {
    let project = Project::new(&[
        ("a.py", RUNS),
        ("b.py", IDLE),
        ("sub/c.py", "from socket import *\nimport ctypes, yaml\nctypes.CDLL('x')\n"),
        ("sub/d.py", "import acme\nacme.send('x')\nopen('f', 'w')\n"),
        ("sub/deep/e.py", "x = [\nimport subprocess\nsubprocess.run(['ls'])\n"),
        ("accepted.py", "import os\nos.system('ls')  # hermetic: ignore[shell-command] build\n"),
        ("unused.py", "import os  # hermetic: ignore[shell-command]\nos.system(input())\n"),
        ("wide.py", "é = '𝄞'; import os; os.system('é')\n"),
        ("start.pth", "import os; os.system('ls')\n/a/path\n"),
        ("script", "#!/usr/bin/env python3\nimport socket\nsocket.create_connection(('a.b', 1))\n"),
        ("sitecustomize.py", "import subprocess\nsubprocess.Popen('ls', shell=True)\n"),
        ("empty.py", ""),
        ("stub.pyi", "import os\n"),
    ]);
    project.write("n.ipynb", NOTEBOOK.as_bytes());
    project.write("latin.py", b"# coding: latin-1\nimport os\nos.system('\xe9')\n");
    project.write("undecodable.py", b"import os\nos.system('\xe9')\n");
    project.write("deep.py", format!("{}1{}\n", "(".repeat(9000), ")".repeat(9000)).as_bytes());
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink("a.py", project.path().join("link.py")).expect("linked");
        symlink("sub", project.path().join("folder")).expect("linked");
        symlink("/usr", project.path().join("outside")).expect("linked");
        symlink("gone.py", project.path().join("broken.py")).expect("linked");
    }
    project
}

const NOTEBOOK: &str = r##"{"cells": [
 {"cell_type": "markdown", "metadata": {}, "source": ["# text"]},
 {"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [],
  "source": ["import os\n", "!ls\n", "os.system('é')"]},
 {"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [],
  "source": ["%%unheard_of\n", "text"]}
], "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}"##;

/// Wait until the times of files that were just written say something.
fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(2100));
}

/// What a run comes to: its exit code and output, without how long it took.
fn result(run: &Run) -> (Option<i32>, String) {
    assert!(matches!(run.code, Some(0 | 1 | 3)), "{run:?}");
    (run.code, without_seconds(&run.stdout))
}

/// A run without a cache, then two with one, all the same and without a warning.
#[track_caller]
fn agrees(project: &Project, arguments: &[&str]) -> Run {
    let cold = project.run(&[arguments, &["--no-cache"]].concat());
    for round in ["first", "second"] {
        let warm = project.run(arguments);
        assert_eq!(result(&warm), result(&cold), "{round}, {arguments:?}");
        assert_eq!(warm.stderr, cold.stderr, "{round}, {arguments:?}");
    }
    cold
}

fn json() -> Vec<&'static str> {
    vec!["--profile", "block-all", "--output-format", "json"]
}

/// The packs of a cache.
fn packs(folder: &Path) -> Vec<PathBuf> {
    let mut packs: Vec<_> = fs::read_dir(folder)
        .expect("a cache")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|it| it == "pack"))
        .collect();
    packs.sort();
    packs
}

/// One warning about the cache, and nothing else.
#[track_caller]
fn warns_once(run: &Run, of: &str) {
    let lines: Vec<_> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{run:?}");
    assert!(lines[0].starts_with("warning: cache: "), "{run:?}");
    assert!(lines[0].contains(of), "{of}: {run:?}");
}

#[test]
fn changes_of_files_are_seen() {
    let project = everything();
    let path = |name: &str| project.path().join(name);
    settle();
    agrees(&project, &json());
    assert!(path(FOLDER).is_dir());
    // Of the same size, and put back to the same time.
    let time = fs::metadata(path("a.py")).and_then(|it| it.modified()).expect("a time");
    project.write("a.py", IDLE.as_bytes());
    let file = fs::File::options().write(true).open(path("a.py")).expect("opened");
    file.set_modified(time).expect("set");
    let cold = agrees(&project, &json());
    assert!(findings_in(&cold.json(), "a.py").is_empty());
    fs::rename(path("b.py"), path("sub/b.py")).expect("renamed");
    agrees(&project, &json());
    fs::rename(path("sub/c.py"), path("sub/z.py")).expect("renamed");
    agrees(&project, &json());
    fs::remove_file(path("sub/z.py")).expect("removed");
    agrees(&project, &json());
    project.write("sub/new.py", RUNS.as_bytes());
    agrees(&project, &json());
    // One takes the other's place.
    project.write("sub/old.py", IDLE.as_bytes());
    agrees(&project, &json());
    fs::rename(path("sub/old.py"), path("sub/new.py")).expect("renamed");
    agrees(&project, &json());
    // The same file is a script where it is named, and nothing where it is found.
    project.write("plain", RUNS.as_bytes());
    agrees(&project, &json());
    agrees(&project, &[&json()[..], &["plain", "script", "sub/../a.py"]].concat());
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_elsewhere_is_seen() {
    use std::os::unix::fs::symlink;
    let project = Project::new(&[("src/one.py", RUNS), ("src/two.py", IDLE)]);
    let link = project.path().join("src/three.py");
    for target in ["one.py", "two.py"] {
        let _ = fs::remove_file(&link);
        symlink(target, &link).expect("linked");
        agrees(&project, &[&json()[..], &["src"]].concat());
        agrees(&project, &[&json()[..], &["src/three.py"]].concat());
    }
}

#[test]
fn changes_of_what_is_asked_are_seen() {
    let project = everything();
    settle();
    agrees(&project, &json());
    for arguments in [
        &["--output-format", "json"][..],
        &["--no-network", "--output-format", "json"],
        &["--no-subprocess", "--undecided", "error", "--output-format", "jsonl"],
        &["--profile", "block-all", "--level", "shell-command=off", "--output-format", "json"],
        &["--profile", "block-all", "--no-suppressions", "--output-format", "sarif"],
        &["--profile", "block-all"],
        &["--profile", "block-all", "--output-format", "concise", "--show-undecided"],
        &["--profile", "block-all", "--statistics"],
        &["--profile", "block-all", "--extend-exclude", "sub", "--output-format", "json"],
        &["--profile", "block-all", "--exclude", ".*", "--output-format", "json"],
        &["--block-native", "--allow-native", "yaml", "--output-format", "json", "sub", "a.py"],
    ] {
        agrees(&project, arguments);
    }
}

#[test]
fn changes_of_the_configuration_are_seen() {
    let project = everything();
    settle();
    agrees(&project, &["--output-format", "json"]);
    let api = "no-network = true\n[[check.api]]\nname = \"acme.send\"\ncapability = \"network\"\n";
    let given = format!("{api}given = \"key\"\n");
    let lists = ["", api, &given, "no-subprocess = true\n", api];
    let found = lists.map(|text| {
        project.write("sub/hermetic.toml", text.as_bytes());
        let cold = agrees(&project, &["--output-format", "json"]);
        let all = cold.json();
        findings_in(&all, "sub/d.py").iter().any(|found| found["rule"] == "network-connect")
    });
    assert_eq!(found, [false, true, false, false, true]);
    let ignores = "[check.per-file-ignores]\n\"a.py\" = [\"shell-command\"]\n";
    project.write("hermetic.toml", format!("no-subprocess = true\n{ignores}").as_bytes());
    agrees(&project, &["--output-format", "json"]);
}

#[test]
fn baselines_and_comments_work_as_ever() {
    let project = everything();
    settle();
    agrees(&project, &json());
    let policy = ["--profile", "block-all"];
    let list = |name: &str, more: &[&str]| {
        project.run(&[&policy[..], &["--write-baseline", name], more].concat());
        fs::read_to_string(project.path().join(name)).expect("a baseline")
    };
    let cold = list("cold.json", &["--no-cache"]);
    assert_eq!(list("first.json", &[]), cold);
    assert_eq!(list("second.json", &[]), cold);
    project.write("a.py", format!("{RUNS}\nos.system('new')\n").as_bytes());
    agrees(&project, &[&json()[..], &["--baseline", "cold.json"]].concat());
    // Comments are written into files that are known.
    let added = everything();
    for project in [&project, &added] {
        project.run(&policy);
    }
    let cold = everything();
    let warm = added.run(&[&json()[..], &["--add-ignores=known"]].concat());
    let cold = cold.run(&[&json()[..], &["--add-ignores=known", "--no-cache"]].concat());
    assert_eq!(result(&warm), result(&cold));
    assert_eq!(warm.stderr, cold.stderr);
    agrees(&added, &json());
}

#[test]
fn runs_at_the_same_time_do_not_disturb_each_other() {
    let project = everything();
    for number in 0..40 {
        project.write(format!("many/{number}/m.py"), RUNS.as_bytes());
    }
    let cold = project.run(&[&json()[..], &["--no-cache"]].concat());
    for _ in 0..3 {
        let runs: Vec<_> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..6).map(|_| scope.spawn(|| project.run(&json()))).collect();
            runs.into_iter().map(|run| run.join().expect("ended")).collect()
        });
        for run in runs {
            assert_eq!(result(&run), result(&cold));
            assert_eq!(run.stderr, "");
        }
        // All take other files for changed than the last.
        project.write("many/0/m.py", RUNS.as_bytes());
    }
    let left = fs::read_dir(project.path().join(FOLDER)).expect("a cache").filter(|entry| {
        let path = entry.as_ref().expect("an entry").path();
        path.extension().is_some_and(|it| it == "scratch")
    });
    assert_eq!(left.count(), 0, "half-written files");
    agrees(&project, &json());
}

#[test]
fn a_damaged_cache_costs_a_warning() {
    let project = everything();
    let cold = agrees(&project, &json());
    let folder = project.path().join(FOLDER);
    let whole = packs(&folder);
    assert!(whole.len() > 2, "{whole:?}");
    for damage in [
        |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec(),
        |_| Vec::new(),
        |bytes: Vec<u8>| bytes.iter().map(|byte| byte.wrapping_mul(31) ^ 7).collect(),
        |mut bytes: Vec<u8>| {
            bytes.extend([0; 64]);
            bytes
        },
    ] {
        for pack in &whole {
            let bytes = fs::read(pack).expect("a pack");
            fs::write(pack, damage(bytes)).expect("written");
        }
        let run = project.run(&json());
        assert_eq!(result(&run), result(&cold));
        warns_once(&run, "is damaged, and made anew");
        agrees(&project, &json());
        assert_eq!(packs(&folder), whole);
    }
    // A folder where a file should be: read, and not to be replaced.
    fs::remove_file(&whole[0]).expect("removed");
    fs::create_dir(&whole[0]).expect("made");
    let run = project.run(&json());
    assert_eq!(result(&run), result(&cold));
    warns_once(&run, ".pack");
}

#[test]
fn a_cache_that_cannot_be_costs_a_warning() {
    let project = everything();
    let cold = project.run(&[&json()[..], &["--no-cache"]].concat());
    let same = |command: &mut Command, of: &str| {
        let run = run(command, b"");
        assert_eq!(result(&run), result(&cold), "{of}");
        warns_once(&run, of);
    };
    project.write("file", b"");
    let file = project.path().join("file");
    // Its folder cannot be made, or is none.
    let below = file.join("cache");
    for folder in [file.as_path(), &below] {
        let folder = folder.to_str().expect("UTF-8");
        same(&mut project.command(&[&json()[..], &["--cache-dir", folder]].concat()), "file");
        same(project.command(&json()).env("HERMETIC_CACHE_DIR", folder), "file");
    }
    // Nor is there a place for the secret.
    same(project.command(&json()).env("XDG_CACHE_HOME", &file), "file/hermetic");
    let mut homeless = project.command(&json());
    for name in ["XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"] {
        homeless.env_remove(name);
    }
    same(&mut homeless, "XDG_CACHE_HOME and HOME are not set");
    // A folder of other things is left as it is.
    let project_folder = fs::read_dir(project.path()).expect("a folder").count();
    same(&mut project.command(&[&json()[..], &["--cache-dir", "."]].concat()), "holds other files");
    assert_eq!(fs::read_dir(project.path()).expect("a folder").count(), project_folder);
    // Two analyses in one run warn once as well.
    let mut twice = project.command(&[&json()[..], &["--add-ignores=x"]].concat());
    let run = run(twice.env("HERMETIC_CACHE_DIR", "file"), b"");
    let warnings = run.stderr.lines().filter(|line| line.starts_with("warning: cache: "));
    assert_eq!(warnings.count(), 1, "{run:?}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_costs_a_warning() {
    use std::fmt::Write as _;
    // What is kept of it is large, and what is told of it is not.
    let mut text = String::from("import os\n");
    for number in 0..4000 {
        let _ = writeln!(text, "os.getenv('VARIABLE_{number}')");
    }
    let project = Project::new(&[("a.py", &text), ("b/c.py", RUNS)]);
    let cold = project.json(&["--no-cache"]);
    let binary = crate::process::binary().to_str().expect("UTF-8");
    // The limit is on the size of files. In units of 512 or 1024 bytes, whichever shell it is.
    let script = format!("trap '' XFSZ; ulimit -f 16; exec '{binary}' --output-format json");
    let mut command = Command::new("sh");
    command.current_dir(project.path()).args(["-c", &script]);
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).env_remove("HERMETIC_CACHE_DIR");
    let full = run(&mut command, b"");
    assert_eq!(result(&full), result(&cold));
    warns_once(&full, ".pack: ");
    for entry in fs::read_dir(project.path().join(FOLDER)).expect("a cache") {
        let path = entry.expect("an entry").path();
        assert!(path.extension().is_none_or(|it| it != "scratch"), "{}", path.display());
    }
    agrees(&project, &["--output-format", "json"]);
    let sizes = packs(&project.path().join(FOLDER)).into_iter().map(|pack| {
        let metadata = fs::metadata(pack).expect("a pack");
        metadata.len()
    });
    assert!(sizes.max() > Some(16 * 1024), "the limit was never met");
}

#[test]
fn a_cache_that_comes_with_a_checkout_hides_nothing() {
    let user = tempfile::tempdir().expect("a folder");
    let attacker = tempfile::tempdir().expect("a folder");
    let as_whom = |project: &Project, home: &Path| {
        run(project.command(&json()).env("XDG_CACHE_HOME", home), b"")
    };
    let project = Project::new(&[("a.py", IDLE)]);
    let folder = project.path().join(FOLDER);
    let innocent = as_whom(&project, attacker.path());
    assert!(findings_in(&innocent.json(), "a.py").is_empty());
    // Their packs, as they are: not found, and not told of.
    project.write("a.py", RUNS.as_bytes());
    let found = |run: &Run| findings_in(&run.json(), "a.py").len();
    let theirs = packs(&folder);
    let run = as_whom(&project, user.path());
    assert_eq!((found(&run), run.stderr.as_str()), (1, ""));
    // Under the name of the user's own.
    let own: Vec<_> = packs(&folder).into_iter().filter(|it| !theirs.contains(it)).collect();
    assert_eq!((theirs.len(), own.len()), (1, 1));
    fs::copy(&theirs[0], &own[0]).expect("copied");
    let run = as_whom(&project, user.path());
    assert_eq!(found(&run), 1);
    warns_once(&run, "is damaged");
    // With a secret that came along, to a user whose caches are in the checkout.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let along = project.path().join("along");
        fs::create_dir_all(along.join("hermetic")).expect("made");
        let secret = along.join("hermetic/secret");
        fs::copy(attacker.path().join("hermetic/secret"), &secret).expect("copied");
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).expect("set");
        let run = as_whom(&project, &along);
        assert_eq!(found(&run), 1);
        warns_once(&run, "hermetic/secret: can be read or written by others");
    }
}

#[cfg(unix)]
#[test]
fn a_checkout_does_not_say_where_files_are_written() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let project = Project::new(&[("a.py", RUNS)]);
    let link = project.path().join(FOLDER);
    std::os::unix::fs::symlink(elsewhere.path(), &link).expect("linked");
    let run = project.run(&json());
    assert_eq!(findings_in(&run.json(), "a.py").len(), 1);
    warns_once(&run, "is not a folder");
    project.run(&["--clean"]).exits(2);
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a folder").count(), 0);
    // A link that the user names is the user's.
    let named = elsewhere.path().join("named");
    std::os::unix::fs::symlink(project.path().join("cache"), &named).expect("linked");
    fs::create_dir(project.path().join("cache")).expect("made");
    let named = named.to_str().expect("UTF-8");
    let run = project.run(&[&json()[..], &["--cache-dir", named]].concat());
    assert_eq!(run.stderr, "");
    assert_eq!(packs(&project.path().join("cache")).len(), 1);
}

#[test]
fn python_in_the_folder_of_the_cache_is_analysed() {
    let project = Project::new(&[("a.py", IDLE)]);
    agrees(&project, &json());
    project.write(format!("{FOLDER}/evil.py"), RUNS.as_bytes());
    let cold = agrees(&project, &json());
    assert_eq!(findings_in(&cold.json(), ".hermetic_cache/evil.py").len(), 1);
}

#[test]
fn it_lies_beside_the_configuration_or_where_it_is_wanted() {
    let project = Project::new(&[("a/src/m.py", RUNS), ("b/n.py", RUNS)]);
    let from = |folder: &str, arguments: &[&str]| {
        let mut command = project.command(&[&["--output-format", "json"][..], arguments].concat());
        let run = run(command.current_dir(project.path().join(folder)), b"");
        assert_eq!(run.stderr, "");
    };
    let made = || {
        let all = ["", "a", "a/src", "b", "a/src/c"].map(|folder| {
            let folder = project.path().join(folder);
            let cache = if folder.ends_with("c") { folder } else { folder.join(FOLDER) };
            let there = cache.is_dir();
            if there {
                fs::remove_dir_all(cache).expect("removed");
            }
            there
        });
        all.map(u8::from)
    };
    from("a/src", &[]);
    assert_eq!(made(), [0, 0, 1, 0, 0], "no configuration: the working directory");
    from("", &["a", "b"]);
    assert_eq!(made(), [1, 0, 0, 0, 0], "several roots: the same");
    project.write("a/hermetic.toml", b"");
    from("a/src", &[]);
    assert_eq!(made(), [0, 1, 0, 0, 0], "that of the working directory counts");
    from("", &["a", "b"]);
    assert_eq!(made(), [1, 0, 0, 0, 0], "and not that of a file");
    from("a/src", &["--isolated"]);
    assert_eq!(made(), [0, 0, 1, 0, 0], "if it is read");
    from("b", &["--config", "../a/hermetic.toml"]);
    assert_eq!(made(), [0, 0, 0, 1, 0], "and was not only named");
    from("a/src", &["--cache-dir", "c"]);
    assert_eq!(made(), [0, 0, 0, 0, 1], "a folder that is named");
    from("a/src", &["--no-cache"]);
    from("a/src", &["--show-files"]);
    from("a/src", &["--show-settings"]);
    assert_eq!(made(), [0; 5], "none is wanted");
    let mut stdin = project.command(&["--output-format", "json", "-"]);
    run(stdin.current_dir(project.path().join("b")), RUNS.as_bytes());
    assert_eq!(made(), [0; 5], "standard input is no file");
    let mut variable = project.command(&["--output-format", "json"]);
    variable.env("HERMETIC_CACHE_DIR", "c").current_dir(project.path().join("a/src"));
    run(&mut variable, b"");
    assert_eq!(made(), [0, 0, 0, 0, 1], "by the environment");
    project.run(&["--no-cache", "--cache-dir", "c"]).exits(2);
    project.run(&["--no-cache", "--clean"]).exits(2);
}

#[test]
fn it_is_cleaned_and_git_does_not_see_it() {
    let project = Project::new(&[("a.py", RUNS)]);
    let clean = |arguments: &[&str]| {
        let run = project.run(&[&["--clean"][..], arguments].concat()).exits(0);
        assert_eq!(run.stderr, "");
        run.stdout
    };
    assert_eq!(clean(&[]), "there is no .hermetic_cache\n");
    agrees(&project, &json());
    let ignore = fs::read_to_string(project.path().join(FOLDER).join(".gitignore"));
    assert_eq!(ignore.ok().as_deref(), Some("*\n"));
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(project.path()).args(arguments).stderr(Stdio::null());
        git.output().ok().map(|out| String::from_utf8_lossy(&out.stdout).into_owned())
    };
    if git(&["init", "--quiet"]).is_some() {
        let status = git(&["status", "--porcelain", "--untracked-files=all"]);
        assert_eq!(status.as_deref(), Some("?? a.py\n"));
        agrees(&project, &json());
    } else {
        crate::repository::skip("it_is_cleaned_and_git_does_not_see_it", "there is no git");
    }
    assert_eq!(clean(&[]), "removed .hermetic_cache: 4 files\n");
    assert!(!project.path().join(FOLDER).exists());
    project.run(&["--cache-dir", "c"]);
    assert_eq!(clean(&["--cache-dir", "c"]), "removed c: 4 files\n");
    let run = project.run(&["--clean", "--cache-dir", "."]).exits(2);
    assert!(run.stderr.contains("holds other files") && run.stderr.contains("nothing is removed"));
    assert!(project.path().join("a.py").exists());
}

#[test]
fn what_another_file_says_is_never_stale() {
    let project = Project::new(&[
        ("helper.py", "from os import system as go\n"),
        (
            "late.py",
            "import keeps\nfrom hermetic import hermetic_blocker\n\
                     with hermetic_blocker(block_network=True):\n    pass\n",
        ),
        ("keeps.py", "from socket import socket\n"),
        ("main.py", "from helper import go\n\ngo('ls')\n"),
        ("quiet.py", "from helper import go  # hermetic: ignore[shell-command] of the test\n"),
    ]);
    settle();
    let linked = |project: &Project| {
        let found = agrees(project, &json()).json();
        let found: Vec<_> = findings_in(&found, "main.py").into_iter().cloned().collect();
        found
            .iter()
            .map(|finding| finding["target"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(linked(&project), ["os.system"]);
    // Only the helper changes: its caller is as it was, and means something else.
    project.write("helper.py", b"def go(command):\n    return None\n");
    settle();
    assert!(linked(&project).is_empty());
    project.write("helper.py", b"from os import popen as go\n");
    settle();
    assert_eq!(linked(&project), ["os.popen"]);
    // And back again: what was kept in between is not taken for it.
    project.write("helper.py", b"from os import system as go\n");
    settle();
    assert_eq!(linked(&project), ["os.system"]);
}
