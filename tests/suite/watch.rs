//! `--watch` as a process: what it writes after each change is what a run of its own would write
//! then. Nothing here waits for a time: each round says on standard error that it is over.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Project;
use crate::repository::skip;

const CONNECTS: &str = "import socket\n\nsocket.create_connection((\"192.0.2.1\", 9))\n";
const RUNS: &str = "import os\nos.system('ls')\n";

/// Longer than any round takes.
const HUNG: Duration = Duration::from_mins(2);

struct Watching {
    child: Child,
    lines: Receiver<String>,
    /// Standard output, in a folder that is not watched.
    out: TempDir,
    /// Bytes of it that were looked at.
    read: usize,
    rounds: usize,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Watching {
    fn start(project: &Project, arguments: &[&str]) -> Self {
        let out = TempDir::new().expect("a folder");
        let file = File::create(out.path().join("out")).expect("a file");
        let mut command = project.command(&[&["--watch"], arguments].concat());
        command.stdin(Stdio::null()).stdout(file).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines, out, read: 0, rounds: 0 }
    }

    /// Wait for the end of a round; what it told besides.
    fn round(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            let line = self.lines.recv_timeout(HUNG).unwrap_or_else(|e| panic!("{e}: {told:?}"));
            if line.starts_with("watching ") {
                self.rounds += 1;
                told.push(line);
                return told;
            }
            told.push(line);
        }
    }

    fn text(&self) -> String {
        fs::read_to_string(self.out.path().join("out")).expect("read")
    }

    /// Wait until what a round writes is what a run of its own writes now; what it told besides. A
    /// system may tell of one change in two parts, with a round for each.
    #[track_caller]
    fn agrees(&mut self, project: &Project, arguments: &[&str]) -> Vec<String> {
        let cold = project.run(&[arguments, &["--no-cache"]].concat());
        assert!(matches!(cold.code, Some(0 | 1 | 3)), "{cold:?}");
        for _ in 0..20 {
            let told = self.round();
            let text = self.text();
            let new = &text[self.read..];
            let before = new.strip_suffix(cold.stdout.as_str());
            if before.is_some_and(|before| before.is_empty() || before.ends_with('\n')) {
                self.read = text.len();
                return told;
            }
        }
        panic!("wanted\n{}\ngot\n{}", cold.stdout, &self.text()[self.read..]);
    }
}

#[test]
fn each_change_leads_to_what_a_run_would_say() {
    let project = Project::new(&[("a.py", CONNECTS), ("sub/b.py", RUNS), ("c.py", "x = 1\n")]);
    let arguments = ["--no-network", "--output-format", "concise"];
    let path = |name: &str| project.path().join(name);
    let mut watching = Watching::start(&project, &arguments);
    let told = watching.agrees(&project, &arguments);
    assert_eq!(told, ["watching 3 files; Ctrl+C ends"]);
    // What one file takes from another is followed anew, too.
    project.write("c.py", b"from a import socket as s\ns.create_connection(('192.0.2.9', 9))\n");
    watching.agrees(&project, &arguments);
    project.write("sub/new.py", CONNECTS.as_bytes());
    let told = watching.agrees(&project, &arguments);
    assert_eq!(told, ["watching 4 files; Ctrl+C ends"]);
    // As editors do that write beside the file first.
    project.write("sub/new.py.tmp", b"import socket\nsocket.create_connection(('192.0.2.2', 1))\n");
    fs::rename(path("sub/new.py.tmp"), path("sub/new.py")).expect("renamed");
    watching.agrees(&project, &arguments);
    fs::rename(path("sub/new.py"), path("moved.py")).expect("renamed");
    watching.agrees(&project, &arguments);
    fs::remove_file(path("a.py")).expect("removed");
    watching.agrees(&project, &arguments);
    // A folder that was not there, with what is in it, and one below it afterwards.
    project.write("fresh/d.py", CONNECTS.as_bytes());
    watching.agrees(&project, &arguments);
    project.write("fresh/deep/e.py", CONNECTS.as_bytes());
    watching.agrees(&project, &arguments);
    project.write("fresh/deep/e.py", b"");
    watching.agrees(&project, &arguments);
    fs::rename(path("fresh"), path("other")).expect("renamed");
    watching.agrees(&project, &arguments);
    project.write("other/deep/e.py", CONNECTS.as_bytes());
    watching.agrees(&project, &arguments);
    fs::remove_dir_all(path("other")).expect("removed");
    watching.agrees(&project, &arguments);
    project.write(".gitignore", b"moved.py\n");
    fs::create_dir(path(".git")).expect("made");
    watching.agrees(&project, &arguments);
}

#[test]
fn a_configuration_counts_once_it_changes_and_the_last_good_one_while_it_is_broken() {
    let project = Project::new(&[("src/a.py", CONNECTS), ("src/sub/b.py", RUNS)]);
    let arguments = ["--output-format", "concise", "src"];
    let mut watching = Watching::start(&project, &arguments);
    watching.agrees(&project, &arguments);
    project.write("hermetic.toml", b"no-network = true\n");
    watching.agrees(&project, &arguments);
    let good = watching.text()[..watching.read].to_owned();
    project.write("hermetic.toml", b"no-netwerk = true\n");
    let told = loop {
        let told = watching.round();
        if told.len() > 1 {
            break told;
        }
    };
    let expected = "hermetic.toml:1:1: unknown key `no-netwerk` in the top level; did you mean \
                    `no-network` (what it said before holds until this is mended)";
    assert_eq!(told[0], expected);
    let text = watching.text();
    let last = good.rfind("src/a.py:3:1").expect("a finding");
    assert!(text[watching.read..].contains(&good[last..]), "{text}");
    watching.read = text.len();
    project.write("hermetic.toml", b"no-subprocess = true\n");
    let told = watching.agrees(&project, &arguments);
    assert_eq!(told.len(), 1, "{told:?}");
    // The nearest, and what it extends.
    project.write("shared.toml", b"no-network = true\n");
    project.write("src/sub/hermetic.toml", b"extend = \"../../shared.toml\"\n");
    watching.agrees(&project, &arguments);
    project.write("shared.toml", b"no-subprocess = true\n");
    watching.agrees(&project, &arguments);
    fs::remove_file(project.path().join("src/sub/hermetic.toml")).expect("removed");
    watching.agrees(&project, &arguments);
}

#[test]
fn many_changes_at_once_are_few_rounds() {
    let project = Project::new(&[("a.py", CONNECTS)]);
    let arguments = ["--no-network", "--output-format", "concise"];
    let mut watching = Watching::start(&project, &arguments);
    watching.agrees(&project, &arguments);
    for number in 0..300 {
        project.write(format!("m{number}.py"), CONNECTS.as_bytes());
    }
    watching.agrees(&project, &arguments);
    assert!(watching.rounds < 30, "{} rounds", watching.rounds);
}

/// What ends with the test, however that ends. The end of its terminal is the end of the program.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A terminal is cleared before each round but the first, which leaves what was typed before it.
#[cfg(unix)]
#[test]
fn a_terminal_is_cleared_for_each_report() {
    use std::io::Read as _;
    const CLEAR: &str = "\u{1b}[2J\u{1b}[3J\u{1b}[H";
    let project = Project::new(&[("a.py", CONNECTS)]);
    let watch = project.command(&["--watch", "--no-network", "--output-format", "concise"]);
    // Python's library gives a program a terminal, and copies what it writes there.
    let mut command = std::process::Command::new("python3");
    command.args(["-I", "-c", "import pty, sys; pty.spawn(sys.argv[1:])"]);
    command.arg(watch.get_program()).args(watch.get_args()).current_dir(project.path());
    command.env("XDG_CACHE_HOME", project.path()).env("TERM", "xterm").env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut ended = Ended(command.spawn().expect("python3 starts"));
    let mut out = ended.0.stdout.take().expect("a pipe");
    let (sender, parts) = mpsc::channel();
    thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = out.read(&mut part) {
            if sender.send(String::from_utf8_lossy(&part[..length]).into_owned()).is_err() {
                break;
            }
        }
    });
    let mut text = String::new();
    let mut round = |until: &dyn Fn(&str) -> bool| {
        text.clear();
        while !(text.ends_with("ends\r\n") && until(&text)) {
            let part = parts.recv_timeout(HUNG);
            text += &part.unwrap_or_else(|error| panic!("{error}: {text:?}"));
        }
        text.clone()
    };
    let first = round(&|_| true);
    assert!(first.contains("a.py:3:1") && !first.contains(CLEAR), "{first:?}");
    project.write("a.py", RUNS.as_bytes());
    let second = round(&|text| !text.contains("a.py"));
    assert!(second.starts_with(CLEAR), "{second:?}");
    project.write("a.py", CONNECTS.as_bytes());
    let third = round(&|text| text.contains("a.py:3:1"));
    assert!(third.starts_with(CLEAR), "{third:?}");
    let last = third.rsplit(CLEAR).next().expect("a report");
    assert_eq!(last.replace("\r\n", "\n"), first.replace("\r\n", "\n"));
}

#[test]
fn what_a_run_writes_starts_no_other() {
    let project = Project::new(&[("a.py", CONNECTS)]);
    let arguments = ["--no-network", "--output", "json=report", "--output-format", "concise"];
    let mut watching = Watching::start(&project, &arguments);
    watching.round();
    for number in 0..5 {
        project.write("a.py", format!("{CONNECTS}x = {number}\n").as_bytes());
        watching.round();
        let report = fs::read_to_string(project.path().join("report")).expect("written");
        assert!(report.contains("network-connect"), "{report}");
    }
    // A write may come in two parts, and a report that started a round would start them for ever.
    assert!(watching.lines.try_iter().filter(|line| line.starts_with("watching")).count() < 10);
}

#[test]
fn what_does_not_go_with_watching_is_refused() {
    let project = Project::new(&[("a.py", CONNECTS)]);
    for arguments in [
        "--fix",
        "--diff",
        "--add-ignores",
        "--write-baseline=b",
        "--clean",
        "--rules",
        "--shard=1/2",
    ] {
        let run = project.run(&["--watch", arguments]).exits(2);
        assert!(run.stderr.contains("cannot be used with"), "{run:?}");
    }
    let run = project.run(&["--watch", "-"]).exits(2);
    assert!(run.stderr.contains("not standard input"), "{run:?}");
    let run = project.run(&["--watch", "gone"]).exits(2);
    assert!(run.stderr.contains("cannot find gone"), "{run:?}");
    let run = project.run(&["merge", "--watch", "x"]).exits(2);
    assert!(run.stderr.contains("--watch"), "{run:?}");
    project.write("hermetic.toml", b"no-netwerk = true\n");
    let run = project.run(&["--watch"]).exits(2);
    assert!(run.stderr.contains("did you mean `no-network`"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_as_it_ends_any_program() {
    use std::os::unix::process::ExitStatusExt as _;
    if !crate::process::interrupts_end_programs() {
        skip("an_interrupt_ends_it_as_it_ends_any_program", "interrupts are ignored here");
        return;
    }
    let project = Project::new(&[("a.py", CONNECTS)]);
    let mut watching = Watching::start(&project, &[]);
    watching.round();
    let id = watching.child.id().to_string();
    std::process::Command::new("kill").args(["-INT", &id]).status().expect("sent");
    // Shells tell this as 130.
    assert_eq!(watching.child.wait().expect("ended").signal(), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn the_system_s_limit_is_told_with_what_to_raise() {
    let project = Project::new(&[("a/a.py", ""), ("b/b.py", ""), ("c/c.py", "")]);
    let inner = project.command(&["--watch"]);
    let mut command = std::process::Command::new("unshare");
    let limit = "echo 2 >/proc/sys/user/max_inotify_watches && exec \"$0\" --watch";
    command.args(["--user", "--map-root-user", "sh", "-c", limit]).arg(inner.get_program());
    command.current_dir(project.path()).env("XDG_CACHE_HOME", project.path());
    let output = command.output();
    let Some(output) = output.ok().filter(|it| it.status.code() == Some(2)) else {
        skip("watch", "no namespace of its own can be made here for the limit of watches");
        return;
    };
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("raise fs.inotify.max_user_watches"), "{text}");
}
