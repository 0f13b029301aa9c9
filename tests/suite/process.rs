//! The `hermetic-check` binary as a process.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than any run takes; a hang becomes a failure with a name.
const HUNG: Duration = Duration::from_mins(2);

/// The binary: `HERMETIC_CHECK`, or what Cargo builds from this workspace.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        std::env::var_os("HERMETIC_CHECK").map_or_else(
            || built("hermetic-check"),
            |path| {
                fs::canonicalize(&path)
                    .unwrap_or_else(|e| panic!("HERMETIC_CHECK {}: {e}", path.display()))
            },
        )
    })
}

/// Build a binary beside this test's own, of the package of its name: Cargo does so by itself only
/// for tests of the package that has it.
pub(crate) fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let target = profile.parent().expect("target/<profile>");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(crate::repository::root());
    cargo.args(["build", "--quiet", "--package", name, "--bin", name]);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.arg("--target-dir").arg(target).status().expect("cargo runs");
    assert!(status.success(), "{name} does not build");
    profile.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; `None` for death by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// The most memory it held at once, in bytes, as far as the system tells.
    pub peak: Option<u64>,
}

impl Run {
    /// The one JSON object of `--output-format json`.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("not JSON ({e}); {self:?}"))
    }

    /// The run ended by itself with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

/// The rule names of `findings`, in their order.
pub(crate) fn rules(json: &Value) -> Vec<&str> {
    findings(json).iter().filter_map(|f| f["rule"].as_str()).collect()
}

/// The list `findings`.
pub(crate) fn findings(json: &Value) -> &[Value] {
    json["findings"].as_array().map(Vec::as_slice).expect("`findings` is a list")
}

/// The findings of one file.
pub(crate) fn findings_in<'a>(json: &'a Value, path: &str) -> Vec<&'a Value> {
    findings(json).iter().filter(|f| f["path"] == path).collect()
}

/// The reason `path` was not analysed, if it was not.
pub(crate) fn not_analysed<'a>(json: &'a Value, path: &str) -> Option<&'a str> {
    let list = json["not_analysed"].as_array().expect("`not_analysed` is a list");
    list.iter().find(|entry| entry["path"] == path).and_then(|entry| entry["reason"].as_str())
}

/// A folder of files that runs start in.
pub(crate) struct Project(TempDir);

impl Project {
    /// Files by their path and content.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let project = Self(TempDir::new().expect("a temporary folder"));
        for (path, text) in files {
            project.write(path, text.as_bytes());
        }
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Write one more file.
    pub(crate) fn write(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder is made");
        fs::write(path, bytes).expect("a file is written");
    }

    /// A run of the binary in this folder: no colours, no configuration found above it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.current_dir(self.path()).args(arguments);
        for name in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "HERMETIC_CACHE_DIR"] {
            command.env_remove(name);
        }
        // The user's own caches are none of a test's business.
        command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
        command
    }

    /// Run the binary with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        run(&mut self.command(arguments), b"")
    }

    /// Run it with `--output-format json` and these arguments.
    pub(crate) fn json(&self, arguments: &[&str]) -> Run {
        self.run(&[&["--output-format", "json"], arguments].concat())
    }
}

/// Run to the end in a process group of its own, of which nothing is left afterwards.
#[cfg(unix)]
pub(crate) fn run_group(command: &mut Command, input: &[u8]) -> Run {
    run_group_within(HUNG, command, input)
}

/// The same, with as long as it may take.
#[cfg(unix)]
pub(crate) fn run_group_within(patience: Duration, command: &mut Command, input: &[u8]) -> Run {
    use std::os::unix::process::CommandExt as _;
    let (run, id) = run_to_end(patience, command.process_group(0), input);
    let group = format!("-{id}");
    // That there is nobody left to end is the usual case.
    let _ = Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status();
    run
}

/// Run to the end; what hangs is stopped and fails.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Run {
    run_to_end(HUNG, command, input).0
}

fn run_to_end(patience: Duration, command: &mut Command, input: &[u8]) -> (Run, u32) {
    let scratch = || tempfile::tempfile().expect("a temporary file");
    let (mut stdin, stdout, stderr) = (scratch(), scratch(), scratch());
    stdin.write_all(input).expect("the input is written");
    stdin.rewind().expect("the input is rewound");
    let handle = |file: &File| Stdio::from(file.try_clone().expect("a handle is cloned"));
    command.stdin(stdin).stdout(handle(&stdout)).stderr(handle(&stderr));
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let start = Instant::now();
    let mut peak = None;
    let status = loop {
        peak = peak_memory(child.id()).max(peak);
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            break status;
        }
        if start.elapsed() > patience {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = |mut file: File| {
        file.rewind().expect("the output is rewound");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("the output can be read");
        String::from_utf8(bytes).unwrap_or_else(|e| {
            // An attack may prove itself with any bytes; ours are UTF-8.
            String::from_utf8_lossy(e.as_bytes()).into_owned()
        })
    };
    (Run { code: status.code(), stdout: text(stdout), stderr: text(stderr), peak }, child.id())
}

/// The most memory a running process has held at once, in bytes; Linux tells it (`proc(5)`).
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Whether an interrupt ends what is started here. A job in the background of a shell without job
/// control ignores it, and so does all that the job starts (POSIX, shell command language, 2.11).
#[cfg(unix)]
pub(crate) fn interrupts_end_programs() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGINT is 2 everywhere, and the mask begins with signal 1 (proc(5)).
    ignored.is_none_or(|mask| mask & 0b10 == 0)
}
