//! The escape corpus: each attack works without a guard, and fails with it or is known; what is
//! known is documented by `generated`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::attack::{Attack, Status, Through, attacks, record};
use crate::interpreter::{Interpreter, Outcome, guarded, plain, run_all};
use crate::process::run_group;
use crate::repository::{assert_none, root, skip, updating};

/// Seconds after which an attack is ended by a signal.
const LIMIT: u32 = 30;

#[test]
fn the_escape_corpus_is_in_order() {
    let (attacks, mut complaints) = attacks();
    let mut names = BTreeSet::new();
    let twice = attacks.iter().filter(|attack| !names.insert(attack.name.as_str()));
    complaints.extend(twice.map(|a| format!("{}: a second `{}`", a.place, a.name)));
    assert_none(&complaints);
}

#[test]
fn every_attack_works_without_a_guard() {
    let (attacks, _) = attacks();
    let range = Range::open();
    let mut complaints = Vec::new();
    for python in plain("escapes") {
        complaints.extend(run_all("escapes", &python, &attacks, |attack| {
            let Some(end) = range.run(attack, &python, Setting::Open) else {
                return other_version();
            };
            if let Some(reason) = end.inapplicable {
                return Outcome::Skipped(reason);
            }
            if end.escaped {
                return Outcome::Good;
            }
            Outcome::Bad(vec![format!(
                "{}: `{}` does not work: {}",
                attack.place, attack.name, end.how
            )])
        }));
    }
    assert_none(&complaints);
}

#[test]
fn the_guard_stops_every_attack_but_the_known() {
    let (attacks, _) = attacks();
    let range = Range::open();
    let mut complaints = Vec::new();
    // Known escapes by name, and whether one of the interpreters let them through.
    let known = Mutex::new(BTreeMap::<String, bool>::new());
    for python in guarded("escapes") {
        complaints.extend(run_all("escapes", &python, &attacks, |attack| {
            let Some(end) = range.run(attack, &python, Setting::Guard) else {
                return other_version();
            };
            if let Some(reason) = end.inapplicable {
                return Outcome::Skipped(reason);
            }
            if matches!(attack.status, Status::Known(_)) && end.refused.is_none() {
                let mut known = known.lock().expect("no thread panics while it notes");
                *known.entry(attack.name.clone()).or_default() |= end.escaped;
                return Outcome::Good;
            }
            match wrong(attack, &end) {
                None => Outcome::Good,
                Some(what) => {
                    Outcome::Bad(vec![format!("{}: `{}` {what}", attack.place, attack.name)])
                }
            }
        }));
    }
    let known = known.into_inner().expect("no thread panicked");
    let stopped = known.iter().filter(|(_, through)| !**through);
    complaints.extend(stopped.map(|(name, _)| format!("`{name}` is stopped, no longer known")));
    assert_none(&complaints);
}

/// The version whose results are recorded whole; of the others it is what differs.
const RECORDED: (u32, u32) = (3, 11);

/// What the kernel layer stops, alone and beside the guard, is as it is recorded: on one version,
/// and on all with `HERMETIC_LONG`. To record it anew: `UPDATE=1 HERMETIC_LONG=1
/// HERMETIC_GUARDED=... cargo test -p hermetic-tests four_settings`, then `make update`.
#[test]
fn the_four_settings_are_as_recorded() {
    let (attacks, _) = attacks();
    let is_long = std::env::var_os("HERMETIC_LONG").is_some();
    let mut pythons = guarded("four settings");
    pythons.retain(|python| is_long || python.version == RECORDED);
    // What the others differ from goes first.
    pythons.sort_by_key(|python| (python.version != RECORDED, python.version));
    if pythons.first().is_none_or(|python| python.version != RECORDED) {
        skip("four settings", "the guard is not installed in the recorded version, 3.11");
        return;
    }
    if let Err(lacking) = kernel_layer(&pythons[0]) {
        skip("four settings", &lacking);
        return;
    }
    let range = Range::open();
    let mut complaints = Vec::new();
    let mut record = record();
    for python in &pythons {
        let (found, wrong) = through_settings(&range, &attacks, python);
        complaints.extend(wrong);
        let minor = python.version.1;
        if updating() && python.version == RECORDED {
            record.all = found;
        } else if updating() {
            record.other.retain(|(_, of), _| *of != minor);
            for (name, through) in found {
                if record.all.get(&name) != Some(&through) {
                    record.other.insert((name, minor), through);
                }
            }
        } else {
            for (name, through) in &found {
                let before = record.of(name, minor);
                if before != Some(*through) {
                    complaints.push(format!(
                        "`{name}`: {through:?}, and recorded is {before:?} ({})",
                        python.name
                    ));
                }
            }
        }
    }
    if updating() {
        record.write();
    }
    assert_none(&complaints);
}

/// Which attacks get through the kernel layer and through both; and those that must not.
fn through_settings(
    range: &Range,
    attacks: &[Attack],
    python: &Interpreter,
) -> (BTreeMap<String, Through>, Vec<String>) {
    let found = Mutex::new(BTreeMap::<String, Through>::new());
    let complaints = run_all("four settings", python, attacks, |attack| {
        let run = |setting| range.run(attack, python, setting);
        let (Some(alone), Some(both)) = (run(Setting::Kernel), run(Setting::Both)) else {
            return other_version();
        };
        if let Some(reason) = alone.inapplicable.or(both.inapplicable) {
            return Outcome::Skipped(reason);
        }
        let through = Through { kernel: alone.escaped, both: both.escaped };
        found.lock().expect("no thread panics while it notes").insert(attack.name.clone(), through);
        if both.escaped && !matches!(attack.status, Status::Known(_)) {
            return Outcome::Bad(vec![format!(
                "{}: `{}` gets through both",
                attack.place, attack.name
            )]);
        }
        Outcome::Good
    });
    (found.into_inner().expect("no thread panicked"), complaints)
}

/// Whether the kernel layer can be tried with all it has.
fn kernel_layer(python: &Interpreter) -> Result<(), String> {
    let source = "from hermetic import _native, status; \
                  _native.confine([{'no_subprocess': True}], 'auto'); layer = status()['kernel']; \
                  print(layer['landlock'], layer['seccomp'])";
    let told = Command::new(&python.path).args(["-I", "-c", source]).output();
    let told = told.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    let told = told.unwrap_or_default();
    let landlock = told.split(' ').next().and_then(|n| n.parse::<u32>().ok()).unwrap_or(0);
    if landlock >= 6 && told.ends_with("True") {
        return Ok(());
    }
    Err(format!("this kernel has not all of the kernel layer (Landlock {landlock}; \"{told}\")"))
}

fn other_version() -> Outcome {
    Outcome::Skipped("of another version".to_owned())
}

/// What is wrong with how an attack ended under the guard.
fn wrong(attack: &Attack, end: &End) -> Option<String> {
    match (&attack.status, &end.refused) {
        (_, _) if end.escaped => Some("gets through".to_owned()),
        (Status::Refused(_), Some(_)) => None,
        (Status::Refused(_), None) => Some("is not refused at the install".to_owned()),
        (_, Some(text)) => Some(format!("is not run: the guard does not start: {text}")),
        (_, None) if !end.finished => Some(format!("ends the process: {}", end.how)),
        (_, None) if end.denied || attack.silent => None,
        (_, None) => Some(format!("fails, but not by the guard: {}", end.how)),
    }
}

/// What enforces the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    /// Nothing.
    Open,
    /// The guard in the process.
    Guard,
    /// The kernel layer.
    Kernel,
    /// Both of them.
    Both,
}

/// How an attack ended.
#[derive(Debug, Default)]
struct End {
    escaped: bool,
    /// It came to its last line, or to an exception.
    finished: bool,
    /// Something was denied.
    denied: bool,
    inapplicable: Option<String>,
    /// Why the guard did not start.
    refused: Option<String>,
    /// The exception, or what the process said last.
    how: String,
}

/// What attacks reach for: listeners that hand out a secret to whoever connects.
struct Range {
    secret: String,
    /// What an attack writes that has no secret to show.
    ran: String,
    tcp: SocketAddr,
    tcp6: Option<SocketAddr>,
    udp: SocketAddr,
    unix: PathBuf,
    _folder: TempDir,
}

impl Range {
    fn open() -> Self {
        use std::hash::{BuildHasher as _, RandomState};
        let random = || format!("{:016x}", RandomState::new().hash_one(0));
        let (secret, ran) = (random(), random());
        let folder = TempDir::new().expect("a temporary folder");
        let unix = folder.path().join("listener");
        let local = UnixListener::bind(&unix).expect("a socket with a path");
        serve(secret.clone(), move || local.accept().map(|(stream, _)| stream));
        let listen = |address: &str| {
            let listener = TcpListener::bind(address).ok()?;
            let address = listener.local_addr().ok()?;
            serve(secret.clone(), move || listener.accept().map(|(stream, _)| stream));
            Some(address)
        };
        let datagrams = UdpSocket::bind("127.0.0.1:0").expect("a socket for datagrams");
        let range = Self {
            tcp: listen("127.0.0.1:0").expect("a socket on loopback"),
            tcp6: listen("[::1]:0"),
            udp: datagrams.local_addr().expect("it is bound"),
            secret: secret.clone(),
            ran,
            unix,
            _folder: folder,
        };
        std::thread::spawn(move || {
            let mut buffer = [0; 2000];
            while let Ok((_, from)) = datagrams.recv_from(&mut buffer) {
                let _ = datagrams.send_to(secret.as_bytes(), from);
            }
        });
        range
    }

    /// Run an attack; `None` where it is of another version.
    fn run(&self, attack: &Attack, python: &Interpreter, setting: Setting) -> Option<End> {
        if !attack.applies_to(python.version) {
            return None;
        }
        let mut end = self.execute(attack, python, setting);
        // Whether the attack works must not hang on a machine's load; whether it is stopped must
        // not either, so a denied attack is believed the first time.
        let guarded = matches!(setting, Setting::Guard | Setting::Both);
        if !guarded && !end.escaped && end.inapplicable.is_none() {
            end = self.execute(attack, python, setting);
        }
        Some(end)
    }

    fn execute(&self, attack: &Attack, python: &Interpreter, setting: Setting) -> End {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().canonicalize().expect("it is there");
        let (scratch, outside) = (path.join("scratch"), path.join("outside"));
        for folder in [&scratch, &outside] {
            std::fs::create_dir(folder).expect("a folder is made");
        }
        let (proof, outside) = (scratch.join("proof"), outside.join("secret.txt"));
        std::fs::write(&outside, format!("secret = \"{}\"\n", self.secret)).expect("it is written");
        let text = |path: &Path| path.to_str().expect("a temporary folder's name").to_owned();
        let options = attack.options(&text(&scratch)).expect("the corpus is in order");
        let pair = |address: &SocketAddr| json!([address.ip().to_string(), address.port()]);
        let task = json!({
            "before": attack.before, "source": attack.source, "needs": attack.needs,
            "options": if setting == Setting::Open { Value::Null } else { options },
            "guard": matches!(setting, Setting::Guard | Setting::Both),
            "kernel": matches!(setting, Setting::Kernel | Setting::Both),
            "sealed": !attack.unsealed, "ran": self.ran, "seconds": LIMIT,
            "names": {
                "LISTENER": pair(&self.tcp), "LISTENER6": self.tcp6.as_ref().map(pair),
                "UDP": pair(&self.udp), "UNIX": self.unix, "SCRATCH": scratch, "PROOF": proof,
                "OUTSIDE": outside, "TOUCH": ["/usr/bin/touch", proof],
            },
        });
        let mut command = Command::new(&python.path);
        command.arg("-I").arg(root().join("tests/escapes/run_attack.py")).current_dir(&path);
        command.env("HERMETIC_ESCAPE_SECRET", &self.secret).env("TMPDIR", &path);
        let run = run_group(&mut command, task.to_string().as_bytes());
        let outcome: Value = run
            .stdout
            .lines()
            .find_map(|line| serde_json::from_str(line.strip_prefix("outcome: ")?).ok())
            .unwrap_or_default();
        let text = |key: &str| outcome[key].as_str().map(str::to_owned);
        let error = &outcome["error"];
        let last = || run.stderr.lines().last().unwrap_or("nothing said").to_owned();
        End {
            escaped: run.stdout.contains(&self.secret)
                || run.stdout.contains(&self.ran)
                || proof.symlink_metadata().is_ok(),
            finished: outcome.is_object(),
            denied: outcome["denied"].as_u64() > Some(0)
                || error["bases"].as_array().is_some_and(|b| b.contains(&json!("HermeticError"))),
            inapplicable: text("inapplicable"),
            refused: text("refused"),
            how: error["type"].as_str().map_or_else(last, |kind| {
                format!("{kind}: {}", error["text"].as_str().unwrap_or_default())
            }),
        }
    }
}

/// Give the secret to whoever connects, as an answer that an HTTP client takes too.
fn serve<S: Conversation>(
    secret: String,
    accept: impl Fn() -> std::io::Result<S> + Send + 'static,
) {
    std::thread::spawn(move || {
        while let Ok(mut stream) = accept() {
            let secret = secret.clone();
            std::thread::spawn(move || {
                // At once: an attack reads but once.
                let answer = format!("HTTP/1.0 200 OK\r\n\r\n{secret}");
                let _ = stream.write_all(answer.as_bytes());
                // Closed with something unread, the answer would be thrown away.
                stream.end_of_answer();
                let _ = stream.read_to_end(&mut Vec::new());
            });
        }
    });
}

/// A connection of any kind.
trait Conversation: std::io::Read + Write + Send + 'static {
    /// Say that nothing more comes, and that the other side has two seconds left.
    fn end_of_answer(&mut self);
}

impl Conversation for std::net::TcpStream {
    fn end_of_answer(&mut self) {
        let _ = self.shutdown(std::net::Shutdown::Write);
        let _ = self.set_read_timeout(Some(Duration::from_secs(2)));
    }
}

impl Conversation for std::os::unix::net::UnixStream {
    fn end_of_answer(&mut self) {
        let _ = self.shutdown(std::net::Shutdown::Write);
        let _ = self.set_read_timeout(Some(Duration::from_secs(2)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attack_that_fails_for_another_reason_is_told() {
        let attack = Attack::default();
        let stopped = || End { finished: true, denied: true, ..End::default() };
        assert_eq!(wrong(&attack, &stopped()), None);
        assert!(wrong(&attack, &End { escaped: true, ..stopped() }).is_some());
        assert!(wrong(&attack, &End { denied: false, ..stopped() }).is_some());
        assert!(wrong(&attack, &End { finished: false, ..stopped() }).is_some());
        assert!(wrong(&attack, &End { refused: Some(String::new()), ..stopped() }).is_some());
        let refused = Attack { status: Status::Refused(String::new()), ..Attack::default() };
        assert!(wrong(&refused, &stopped()).is_some());
        assert_eq!(wrong(&refused, &End { refused: Some(String::new()), ..stopped() }), None);
    }
}
