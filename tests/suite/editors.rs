//! The language server with real clients: as a child process, with the capabilities of several
//! editors (pytest-lsp), and in Neovim, Helix, Emacs and Vim with the files of `editors/` that
//! users copy. What no editor here can try is held against what is known of its form.
//!
//! The editors are Debian's, of several suites, unpacked below `target/editors`; the Python
//! packages are installed there, too. Where that cannot be done the tests are skipped, and say so.

use std::fs;
use std::io::{BufRead as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::built;
use crate::repository::{read, root, skip};

/// What runs clients of all kinds; what gives Helix a screen and reads it.
const PACKAGES: [&str; 3] = ["pytest-lsp==1.0.1", "pexpect==4.9.0", "pyte==0.8.2"];
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(3);
/// Longer than downloads take.
const INSTALLING: Duration = Duration::from_mins(10);
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
    run_for(PATIENCE, command)
}

fn run_for(patience: Duration, command: &mut Command) -> Output {
    let mut limited = Command::new("timeout");
    limited.arg("--kill-after=5").arg(patience.as_secs().to_string());
    limited.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            limited.env(name, value);
        }
    }
    limited.stdin(Stdio::null()).output().expect("`timeout` runs")
}

/// A place for what is installed at most once, and why it cannot be.
type Installed = OnceLock<Result<PathBuf, String>>;

fn or_skip(test: &str, installed: &'static Result<PathBuf, String>) -> Option<&'static Path> {
    installed.as_ref().map_err(|reason| skip(test, reason)).ok().map(PathBuf::as_path)
}

/// The editors of a Debian suite, or why there are none.
fn editors(test: &str, suite: &str) -> Option<&'static Path> {
    static BOOKWORM: Installed = OnceLock::new();
    static TRIXIE: Installed = OnceLock::new();
    static SID: Installed = OnceLock::new();
    let place = match suite {
        "bookworm" => &BOOKWORM,
        "trixie" => &TRIXIE,
        _ => &SID,
    };
    let found = place.get_or_init(|| {
        let script = root().join("tests/editors/install.py");
        let mut install = Command::new("python3");
        let ended = run_for(INSTALLING, install.arg(script).arg(folder()).arg(suite));
        if ended.status.success() {
            Ok(PathBuf::from(String::from_utf8_lossy(&ended.stdout).trim()))
        } else {
            Err(String::from_utf8_lossy(&ended.stderr).trim().to_owned())
        }
    });
    or_skip(test, found)
}

/// A Python with `PACKAGES`, or why there is none.
fn python(test: &str) -> Option<&'static Path> {
    static PYTHON: Installed = OnceLock::new();
    let found = PYTHON.get_or_init(|| {
        let environment = folder().join("venv");
        let python = environment.join("bin/python");
        let (mark, wanted) = (environment.join("installed"), PACKAGES.join("\n"));
        if fs::read_to_string(&mark).is_ok_and(|text| text == wanted) {
            return Ok(python);
        }
        let made = run(Command::new("python3").args(["-m", "venv"]).arg(&environment));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        let mut install = Command::new(&python);
        install.args(pip).args(PACKAGES);
        if !made.status.success() || !run_for(INSTALLING, &mut install).status.success() {
            return Err(format!("{} cannot be installed here", PACKAGES.join(", ")));
        }
        fs::write(mark, wanted).map_err(|e| e.to_string())?;
        Ok(python)
    });
    or_skip(test, found)
}

/// A user with a project of one captured reference, and a server on the path that leaves its
/// number behind.
struct User {
    home: TempDir,
}

impl User {
    fn new() -> Self {
        let user = Self { home: tempfile::tempdir().expect("a folder") };
        user.write("project/a.py", CAPTURE);
        user.write("project/hermetic.toml", "");
        let script = "#!/bin/sh\necho $$ >>\"$HERMETIC_SERVERS\"\nexec \"$HERMETIC_LSP\" \"$@\"\n";
        user.write("bin/hermetic-lsp", script);
        let script = user.path("bin/hermetic-lsp");
        let made = Command::new("chmod").arg("+x").arg(script).status().expect("`chmod` runs");
        assert!(made.success());
        user
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder is made");
        fs::write(path, text).expect("written");
    }

    /// Copy what is in a folder of `editors/`, as its page says.
    fn copy(&self, folder: &str, to: &str) {
        let to = self.path(to);
        fs::create_dir_all(&to).expect("a folder is made");
        let from = root().join("editors").join(folder).join(".");
        let copied = Command::new("cp").arg("-R").arg(from).arg(to).status().expect("`cp` runs");
        assert!(copied.success(), "editors/{folder} is not there");
    }

    /// What the editor saw, line by line: a finding, its fix, and no server afterwards.
    #[track_caller]
    fn sees_and_fixes(&self, editor: &mut Command) -> Vec<String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places = std::iter::once(self.path("bin")).chain(std::env::split_paths(&path));
        editor.env("PATH", std::env::join_paths(places).expect("a search path"));
        editor.env("HERMETIC_LSP", server()).env("HERMETIC_SERVERS", self.path("servers"));
        editor.env("HERMETIC_SEEN", self.path("seen")).env("HERMETIC_ROOT", self.path("project"));
        editor.env("HOME", self.path("")).env("TERM", "xterm-256color");
        for (name, folder) in [("CONFIG", ".config"), ("STATE", "state"), ("DATA", "data")] {
            editor.env(format!("XDG_{name}_HOME"), self.path(folder));
        }
        editor.env("XDG_CACHE_HOME", self.path("cache"));
        let ended = run(editor);
        let seen = fs::read_to_string(self.path("seen")).unwrap_or_default();
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{seen}\n{errors}");
        let lines: Vec<String> = seen.lines().map(str::to_owned).collect();
        let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
        let found =
            |line: &String| line.starts_with("finding:") && line.contains("captured-reference");
        assert!(lines.iter().any(found), "{seen}");
        assert!(has("fixed: look up `socket.socket` where it is used"), "{seen}");
        assert!(has("line: import socket") && has("line: s = socket.socket()"), "{seen}");
        self.assert_no_server();
        lines
    }

    #[track_caller]
    fn assert_no_server(&self) {
        let servers = fs::read_to_string(self.path("servers")).expect("a server was started");
        let end = Instant::now() + PATIENCE;
        for number in servers.lines() {
            let process = PathBuf::from(format!("/proc/{number}"));
            while process.exists() {
                assert!(Instant::now() < end, "the server is still there");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Neovim of a suite, with the configuration for its version and those after it.
#[track_caller]
fn neovim(test: &str, suite: &str, version: &str, configuration: &str) {
    let Some(editors) = editors(test, suite) else { return };
    let user = User::new();
    user.copy(&format!("neovim/{configuration}"), ".config/nvim");
    let mut neovim = Command::new(editors.join("usr/bin/nvim"));
    neovim.env("VIMRUNTIME", editors.join("usr/share/nvim/runtime")).args(["--headless", "-c"]);
    neovim.arg(format!("luafile {}", root().join("tests/editors/neovim.lua").display()));
    let seen = user.sees_and_fixes(&mut neovim);
    let wanted = format!("version: {version}");
    assert!(version.is_empty() || seen.contains(&wanted), "{seen:?}");
}

#[test]
fn neovim_0_7_shows_and_fixes_a_finding() {
    neovim("neovim_0_7_shows_and_fixes_a_finding", "bookworm", "0.7", "0.7");
}

#[test]
fn neovim_0_10_shows_and_fixes_a_finding() {
    neovim("neovim_0_10_shows_and_fixes_a_finding", "trixie", "0.10", "0.8");
}

/// The newest that Debian has.
#[test]
fn the_newest_neovim_shows_and_fixes_a_finding() {
    neovim("the_newest_neovim_shows_and_fixes_a_finding", "sid", "", "0.11");
}

#[test]
fn helix_shows_and_fixes_a_finding() {
    let test = "helix_shows_and_fixes_a_finding";
    let (Some(editors), Some(python)) = (editors(test, "trixie"), python(test)) else { return };
    let user = User::new();
    user.copy("helix", ".config/helix");
    let mut helix = Command::new(python);
    helix.arg(root().join("tests/editors/helix.py")).arg(editors.join("usr/lib/hx/hx"));
    helix.env("HELIX_RUNTIME", editors.join("usr/lib/hx/runtime"));
    user.sees_and_fixes(&mut helix);
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
    let Some(editors) = editors("emacs_shows_and_fixes_a_finding", "bookworm") else { return };
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
    let user = User::new();
    user.copy("emacs", ".emacs.d");
    let mut emacs = Command::new(editors.join("usr/bin/emacs-nox"));
    emacs.env("EMACSLOADPATH", load.join(":")).env("EMACSDATA", version.join("etc"));
    emacs.env("EMACSDOC", version.join("etc"));
    emacs.env("HERMETIC_CONFIGURATION", user.path(".emacs.d/hermetic.el"));
    if let Some(dump) = dump {
        emacs.arg(format!("--dump-file={}", dump.display()));
    }
    emacs.args(["-Q", "--batch", "-l"]).arg(root().join("tests/editors/emacs.el"));
    user.sees_and_fixes(&mut emacs);
}

#[test]
fn vim_with_ale_shows_and_fixes_a_finding() {
    let test = "vim_with_ale_shows_and_fixes_a_finding";
    let Some(editors) = editors(test, "bookworm") else { return };
    let user = User::new();
    user.copy("vim-ale", ".vim");
    let ale = editors.join("usr/share/vim-ale");
    let vimrc = format!(
        "set nocompatible\nfiletype plugin on\nset runtimepath+={}\nsource ~/.vim/vimrc\n",
        ale.display()
    );
    user.write(".vimrc", &vimrc);
    let mut vim = Command::new(editors.join("usr/bin/vim.nox"));
    vim.env("VIM", editors.join("usr/share/vim"));
    vim.env("VIMRUNTIME", editors.join("usr/share/vim/vim90"));
    vim.args(["-T", "dumb", "--not-a-term", "-n", "-i", "NONE", "-u"]).arg(user.path(".vimrc"));
    vim.arg("-S").arg(root().join("tests/editors/ale.vim"));
    user.sees_and_fixes(&mut vim);
}

/// The keys of an object that are none of these.
fn unknown<'a>(value: &'a Value, known: &[&str]) -> Vec<&'a String> {
    value.as_object().expect("an object").keys().filter(|k| !known.contains(&k.as_str())).collect()
}

/// What LSP's schema says of a client (`sublime-package.json` of the package LSP).
#[test]
fn the_configuration_for_sublime_text_has_its_form() {
    let text = read("editors/sublime/LSP.sublime-settings");
    let settings: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(unknown(&settings, &["clients"]), Vec::<&String>::new());
    let client = &settings["clients"]["hermetic"];
    let known = ["enabled", "command", "selector", "initializationOptions"];
    assert_eq!(unknown(client, &known), Vec::<&String>::new());
    assert_eq!(client["command"], json!(["hermetic-lsp"]));
    assert_eq!(client["enabled"], true);
    assert_eq!(client["selector"], "source.python");
    assert!(client["initializationOptions"].is_object());
}

/// What LSP4IJ's documentation says of a template (`UserDefinedLanguageServerTemplate.md`).
#[test]
fn the_template_for_lsp4ij_has_its_form() {
    let template: Value =
        serde_json::from_str(&read("editors/jetbrains/hermetic/template.json")).expect("JSON");
    let known = ["id", "name", "programArgs", "fileTypeMappings"];
    assert_eq!(unknown(&template, &known), Vec::<&String>::new());
    assert!(template["id"].is_string() && template["name"].is_string());
    assert_eq!(unknown(&template["programArgs"], &["default", "windows"]), Vec::<&String>::new());
    assert_eq!(template["programArgs"]["default"], "hermetic-lsp");
    for mapping in template["fileTypeMappings"].as_array().expect("a list") {
        assert_eq!(unknown(mapping, &["fileType", "languageId"]), Vec::<&String>::new());
        assert_eq!(unknown(&mapping["fileType"], &["name", "patterns"]), Vec::<&String>::new());
        assert_eq!(mapping["languageId"], "python");
    }
    let options = read("editors/jetbrains/hermetic/initializationOptions.json");
    assert!(serde_json::from_str::<Value>(&options).expect("JSON").is_object());
}

/// The manifest; with `HERMETIC_LONG`, whether the extension compiles, for which its dependencies
/// are downloaded.
#[test]
fn the_extension_for_zed_is_whole() {
    let test = "the_extension_for_zed_is_whole";
    let manifest: toml::Table = toml::from_str(&read("editors/zed/extension.toml")).expect("TOML");
    let package: toml::Table = toml::from_str(&read("editors/zed/Cargo.toml")).expect("TOML");
    assert_eq!(manifest["version"], package["package"]["version"], "of the extension, the crate");
    assert_eq!(manifest["schema_version"].as_integer(), Some(1));
    let server = &manifest["language_servers"]["hermetic"];
    assert_eq!(server["languages"].as_array().map(Vec::len), Some(1));
    if std::env::var_os("HERMETIC_LONG").is_none() {
        return;
    }
    let user = User::new();
    user.copy("zed", "zed");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["check", "--quiet", "--manifest-path"]).arg(user.path("zed/Cargo.toml"));
    cargo.arg("--target-dir").arg(folder().join("zed"));
    let ended = run_for(INSTALLING, &mut cargo);
    let errors = String::from_utf8_lossy(&ended.stderr);
    if !ended.status.success() && !errors.contains("hermetic-zed") {
        skip(test, "zed_extension_api cannot be had here");
        return;
    }
    assert!(ended.status.success(), "{errors}");
}

#[test]
fn clients_of_all_kinds_are_served() {
    let Some(python) = python("clients_of_all_kinds_are_served") else { return };
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
