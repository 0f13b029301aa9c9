//! The language server with real clients: as a child process, with the capabilities of several
//! editors (pytest-lsp), in Neovim, and in Emacs with eglot.
//!
//! The editors are Debian's, unpacked below `target/editors`; pytest-lsp is installed there, too.
//! Where that cannot be done the tests are skipped, and say so.

use std::fs;
use std::io::{BufRead as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::built;
use crate::repository::{root, skip};

/// What runs them in a virtual environment.
const PYTEST_LSP: &str = "pytest-lsp==1.0.1";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(2);
const CAPTURE: &str = "from socket import socket\n\ns = socket()\n";

/// The server: `HERMETIC_LSP`, or what Cargo builds from this workspace.
fn server() -> &'static Path {
    static SERVER: OnceLock<PathBuf> = OnceLock::new();
    SERVER.get_or_init(|| {
        std::env::var_os("HERMETIC_LSP").map_or_else(|| built("hermetic-lsp"), PathBuf::from)
    })
}

fn folder() -> PathBuf {
    root().join("target/editors")
}

/// Run to its end, or to ours.
fn run(command: &mut Command) -> Output {
    let mut limited = Command::new("timeout");
    limited.arg("--kill-after=5").arg(PATIENCE.as_secs().to_string());
    limited.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            limited.env(name, value);
        }
    }
    limited.stdin(Stdio::null()).output().expect("`timeout` runs")
}

/// Neovim and Emacs, or why there are none.
fn editors(test: &str) -> Option<&'static Path> {
    static EDITORS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = EDITORS.get_or_init(|| {
        let script = root().join("tests/editors/install.py");
        let ended = run(Command::new("python3").arg(script).arg(folder()));
        if ended.status.success() {
            Ok(PathBuf::from(String::from_utf8_lossy(&ended.stdout).trim()))
        } else {
            Err(String::from_utf8_lossy(&ended.stderr).trim().to_owned())
        }
    });
    match found {
        Ok(root) => Some(root),
        Err(reason) => {
            skip(test, reason);
            None
        }
    }
}

/// What an editor saw of a file with a captured reference, line by line.
fn seen(editor: &mut Command, libraries: &Path) -> Vec<String> {
    let project = tempfile::tempdir().expect("a folder");
    fs::write(project.path().join("a.py"), CAPTURE).expect("written");
    fs::write(project.path().join("hermetic.toml"), "").expect("written");
    let report = project.path().join("seen.txt");
    editor.env("HERMETIC_SEEN", &report).env("HERMETIC_ROOT", project.path());
    editor.env("HERMETIC_LSP", server()).env("HOME", project.path());
    editor.env("LD_LIBRARY_PATH", libraries).env("XDG_STATE_HOME", project.path());
    let ended = run(editor);
    let text = fs::read_to_string(&report).unwrap_or_default();
    assert!(ended.status.success(), "{text}\n{}", String::from_utf8_lossy(&ended.stderr));
    text.lines().map(str::to_owned).collect()
}

/// A finding, its fix, and no server afterwards.
#[track_caller]
fn assert_fixed(seen: &[String]) {
    let has = |start: &str| seen.iter().any(|line| line.starts_with(start));
    assert!(
        seen.iter().any(|line| line.starts_with("finding:") && line.contains("captured-reference")),
        "{seen:?}"
    );
    assert!(has("fixed: look up `socket.socket` where it is used"), "{seen:?}");
    assert!(has("line: import socket") && has("line: s = socket.socket()"), "{seen:?}");
    let number = seen.iter().find_map(|line| line.strip_prefix("server: ")).expect("its number");
    let process = PathBuf::from(format!("/proc/{number}"));
    let end = Instant::now() + Duration::from_secs(10);
    while process.exists() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!process.exists(), "the server is still there");
}

/// Where Debian puts libraries of this machine.
fn libraries(editors: &Path) -> PathBuf {
    let of = |entry: fs::DirEntry| {
        let path = entry.path();
        path.to_string_lossy().ends_with("-linux-gnu").then_some(path)
    };
    let found = fs::read_dir(editors.join("usr/lib")).expect("listed").flatten().find_map(of);
    found.unwrap_or_else(|| editors.join("usr/lib"))
}

#[test]
fn neovim_shows_and_fixes_a_finding() {
    let Some(editors) = editors("neovim_shows_and_fixes_a_finding") else { return };
    let mut neovim = Command::new(editors.join("usr/bin/nvim"));
    neovim.env("VIMRUNTIME", editors.join("usr/share/nvim/runtime"));
    neovim.args(["--headless", "-u", "NONE", "-c"]);
    neovim.arg(format!("luafile {}", root().join("tests/editors/neovim.lua").display()));
    assert_fixed(&seen(&mut neovim, &libraries(editors)));
}

/// A folder and those below it.
fn below(folder: &Path, all: &mut Vec<PathBuf>) {
    all.push(folder.to_owned());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            below(&entry.path(), all);
        }
    }
}

#[test]
fn emacs_shows_and_fixes_a_finding() {
    let Some(editors) = editors("emacs_shows_and_fixes_a_finding") else { return };
    let share = editors.join("usr/share/emacs");
    let mut versions = fs::read_dir(&share).expect("listed").flatten().map(|entry| entry.path());
    let version = versions.find(|path| path.join("lisp").is_dir()).expect("a version");
    let mut load = Vec::new();
    below(&version.join("lisp"), &mut load);
    let packages = fs::read_dir(share.join("site-lisp/elpa-src")).expect("listed").flatten();
    load.extend(packages.map(|entry| entry.path()));
    let load: Vec<_> = load.iter().map(|path| path.display().to_string()).collect();
    let mut all = Vec::new();
    below(&editors.join("usr/lib/emacs"), &mut all);
    below(&editors.join("usr/libexec/emacs"), &mut all);
    let files = all.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let mut files = files.map(|entry| entry.path());
    let dump = files.find(|path| path.extension().is_some_and(|suffix| suffix == "pdmp"));
    let mut emacs = Command::new(editors.join("usr/bin/emacs-nox"));
    emacs.env("EMACSLOADPATH", load.join(":")).env("EMACSDATA", version.join("etc"));
    emacs.env("EMACSDOC", version.join("etc"));
    if let Some(dump) = dump {
        emacs.arg(format!("--dump-file={}", dump.display()));
    }
    emacs.args(["-Q", "--batch", "-l"]).arg(root().join("tests/editors/emacs.el"));
    assert_fixed(&seen(&mut emacs, &libraries(editors)));
}

#[test]
fn clients_of_all_kinds_are_served() {
    let environment = folder().join("venv");
    let python = environment.join("bin/python");
    let installed = environment.join(format!("{PYTEST_LSP}.installed"));
    if !installed.exists() {
        let made = run(Command::new("python3").args(["-m", "venv"]).arg(&environment));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYTEST_LSP];
        if !made.status.success() || !run(Command::new(&python).args(pip)).status.success() {
            skip(
                "clients_of_all_kinds_are_served",
                &format!("{PYTEST_LSP} cannot be installed here"),
            );
            return;
        }
        fs::write(installed, "").expect("written");
    }
    let mut tests = Command::new(python);
    tests.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    tests.arg(root().join("tests/editors/clients_test.py")).env("HERMETIC_LSP", server());
    let ended = run(&mut tests);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
}

/// A server as a child process, and a way to speak to it.
struct Process {
    child: Child,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(server());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self { child: command.spawn().expect("it starts") }
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let stdin = self.child.stdin.as_mut().expect("open");
        write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("written");
        stdin.flush().expect("written");
    }

    fn read(&mut self) -> Value {
        let mut stdout =
            std::io::BufReader::with_capacity(1, self.child.stdout.as_mut().expect("open"));
        let mut length = 0;
        loop {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("read");
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        stdout.read_exact(&mut body).expect("read");
        serde_json::from_slice(&body).expect("JSON")
    }

    /// Its exit code, once it has ended.
    fn code(mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("waited") {
                return status.code();
            }
            if Instant::now() > end {
                self.child.kill().expect("ended");
                panic!("the server does not end");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn initialize(process: Option<u32>) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize",
           "params": {"processId": process, "capabilities": {}, "rootUri": null}})
}

#[test]
fn the_process_ends_as_the_protocol_says() {
    let shutdown = json!({"jsonrpc": "2.0", "id": 2, "method": "shutdown"});
    let exit = json!({"jsonrpc": "2.0", "method": "exit"});
    let mut process = Process::start(&["--stdio"]);
    process.send(&initialize(None));
    assert_eq!(process.read()["result"]["serverInfo"]["name"], "hermetic-lsp");
    process.send(&shutdown);
    assert_eq!(process.read()["id"], 2);
    // With its input left open.
    process.send(&exit);
    assert_eq!(process.code(), Some(0));

    let mut process = Process::start(&[]);
    process.send(&initialize(None));
    process.read();
    process.send(&exit);
    assert_eq!(process.code(), Some(1));

    let mut process = Process::start(&[]);
    drop(process.child.stdin.take());
    assert_eq!(process.code(), Some(1));

    let version = run(Command::new(server()).arg("--version"));
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("hermetic-lsp "));
    assert_eq!(run(Command::new(server()).arg("--listen")).status.code(), Some(2));
}

#[test]
#[cfg(unix)]
fn it_ends_when_the_editor_is_gone() {
    let mut editor = Command::new("sleep").arg("1000").spawn().expect("it starts");
    let mut process = Process::start(&[]);
    process.send(&initialize(Some(editor.id())));
    process.read();
    editor.kill().expect("ended");
    editor.wait().expect("waited");
    // Its input is still open.
    assert_eq!(process.code(), Some(1));
}
