//! A denial: what is raised, recorded and told.
//!
//! The text of the exception begins as hermetic-seal's does, since programs look for it, and goes
//! on with the sentence of [`hermetic_policy::message`], the same as in the terminal and the
//! editor, the place in the program, and the flag or configuration line that would allow the act.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use hermetic_policy::{Capability, Rule, Verb, Verdict, Why, message};
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::ffi;
use crate::origin::{self, Place};
use crate::recent::{self, Known, Texts};
use crate::resolve::Exact;
use crate::scope::{self, Open};
use crate::{learned, raised, trace};

/// An act that is denied.
#[derive(Clone, Debug)]
pub struct Denial {
    /// The rule that tells it.
    pub rule: &'static Rule,
    /// What was done.
    pub verb: Verb,
    /// Which part of the policy spoke.
    pub why: Why,
    /// The event or function that gave it away.
    pub api: &'static str,
    /// The operand as the program spells it.
    pub operand: Option<String>,
    /// The name that was looked up for the operand, an address.
    pub name: Option<String>,
}

impl PartialEq for Denial {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.rule, other.rule)
            && self.verb == other.verb
            && self.why == other.why
            && self.api == other.api
            && self.operand == other.operand
            && self.name == other.name
    }
}

/// A recorded violation.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The rule's name.
    pub rule: &'static str,
    /// The guard, as hermetic-seal names it.
    pub guard: &'static str,
    /// What the act was done to.
    pub target: String,
    /// What was raised.
    pub text: String,
    /// The place in the program.
    pub place: Option<Place>,
    /// How often.
    pub count: u64,
}

/// As many different violations as are kept.
const MOST: usize = 1000;

/// Recorded violations, and how many more there were.
#[derive(Debug, Default)]
pub struct Record {
    /// In the order they first happened.
    pub violations: Vec<Violation>,
    /// What found no room.
    pub dropped: u64,
}

impl Record {
    const fn new() -> Self {
        Self { violations: Vec::new(), dropped: 0 }
    }

    /// Add one, or count one that is there again. Its place, unless it found no room.
    pub fn add(&mut self, violation: Violation) -> Option<usize> {
        let same = self.violations.iter().rposition(|known| {
            known.rule == violation.rule
                && known.target == violation.target
                && known.place == violation.place
        });
        if let Some(at) = same {
            self.again(at);
            Some(at)
        } else if self.violations.len() < MOST {
            self.violations.push(violation);
            Some(self.violations.len() - 1)
        } else {
            self.dropped += 1;
            None
        }
    }

    /// Count the one at this place again.
    pub fn again(&mut self, at: usize) {
        if let Some(known) = self.violations.get_mut(at) {
            known.count += 1;
        }
    }
}

static RECORD: Mutex<Record> = Mutex::new(Record::new());

/// How often anything was denied.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// How often anything was denied so far. It only grows.
pub fn count() -> u64 {
    COUNT.load(Ordering::Acquire)
}

/// What was recorded so far.
pub fn with_record<T>(read: impl FnOnce(&Record) -> T) -> T {
    read(&RECORD.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The guard of a capability, as hermetic-seal names it in `PolicyViolation.guard`.
pub const fn guard_name(capability: Capability) -> &'static str {
    match capability {
        Capability::Network => "network",
        Capability::Subprocess => "subprocess",
        Capability::Filesystem => "filesystem",
        Capability::Environment => "environment",
        Capability::DynamicCode => "code_exec",
        Capability::Imports | Capability::Native => "imports",
        Capability::Interpreter | Capability::Integrity => "interpreter",
    }
}

/// The last part of a dotted name.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

impl Denial {
    fn operand(&self) -> &str {
        self.operand.as_deref().unwrap_or_default()
    }

    /// The host of `host:port`.
    fn host(&self) -> &str {
        let operand = self.operand();
        match operand.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
            }
            _ => operand,
        }
    }

    /// How hermetic-seal begins.
    pub fn prefix(&self) -> String {
        let operand = self.operand();
        let name = last(self.api);
        match (self.rule.capability, self.verb) {
            (Capability::Network, Verb::Resolve) => {
                format!("network disabled: DNS({})", self.host())
            }
            (Capability::Network, _) if self.rule.name == "network-tls" => {
                "network disabled: TLS".to_owned()
            }
            (Capability::Network, _) if self.rule.name == "network-socketpair" => {
                let name = if name == "dup" { "fromfd" } else { name };
                format!("network disabled: {name}")
            }
            (Capability::Network, _) => format!("network disabled: {name}({})", self.host()),
            (Capability::Subprocess, _) => "subprocess disabled".to_owned(),
            (Capability::Filesystem, Verb::ReadFile | Verb::ListDirectory) => {
                format!("read outside sandbox root: {operand}")
            }
            (Capability::Filesystem, _) if matches!(name, "open" | "open_code" | "FileIO") => {
                format!("filesystem readonly: {operand}")
            }
            (Capability::Filesystem, _) => "filesystem mutation disabled".to_owned(),
            (Capability::Environment, Verb::WriteEnvironment) => {
                "environment mutation disabled".to_owned()
            }
            (Capability::Environment, _) => "environment disabled".to_owned(),
            (Capability::DynamicCode | Capability::Native, Verb::Import)
            | (Capability::Imports, _) => {
                format!("import blocked: {operand}")
            }
            (Capability::DynamicCode, _) => format!("dynamic code execution disabled: {name}"),
            (Capability::Native, Verb::ImportExtension) => {
                format!("native import blocked: {operand}")
            }
            (Capability::Native, _) => format!("native interface blocked: {}", self.api),
            (Capability::Interpreter, _) => {
                let state = if operand.is_empty() { self.api } else { operand };
                format!("interpreter mutation disabled: {state}")
            }
            (Capability::Integrity, _) => format!("interpreter mutation disabled: {}", self.api),
        }
    }

    /// What a violation's `target` is: never a variable's value or an argument vector.
    pub fn target(&self) -> String {
        match self.operand.as_deref() {
            Some(operand) if !operand.is_empty() && self.rule.capability == Capability::Network => {
                self.host().to_owned()
            }
            Some(operand) if !operand.is_empty() => operand.to_owned(),
            _ => self.api.to_owned(),
        }
    }

    /// The line of `--trace`, as hermetic-seal writes it.
    pub fn trace(&self) -> String {
        let name = last(self.api);
        let operand = self.operand();
        let what = match (self.rule.capability, self.verb) {
            (Capability::Network, _) if self.rule.name == "network-socketpair" => {
                format!("socket.{name} reason=no-network")
            }
            (Capability::Network, _) => {
                format!("socket.{name} host={} reason=no-network", self.host())
            }
            (Capability::Subprocess, _) => "subprocess reason=no-subprocess".to_owned(),
            (Capability::Filesystem, Verb::ReadFile | Verb::ListDirectory) => {
                format!("open read-outside-root path={operand}")
            }
            (Capability::Filesystem, _) if name == "open" => format!("open write path={operand}"),
            (Capability::Filesystem, _) => "fs mutation".to_owned(),
            (Capability::Environment, Verb::WriteEnvironment) => "environment mutation".to_owned(),
            (Capability::Environment, _) => "environment read".to_owned(),
            (_, Verb::Import) => format!("import name={operand}"),
            (_, Verb::ImportExtension) => format!("native import spec={operand}"),
            (Capability::DynamicCode, _) => name.to_owned(),
            (Capability::Interpreter, _) if operand.starts_with("sys.") => {
                format!("{operand} mutation")
            }
            (Capability::Interpreter, _) => format!("os.{operand}"),
            (Capability::Native | Capability::Imports | Capability::Integrity, _) => {
                self.api.to_owned()
            }
        };
        format!("[hermetic] blocked {}", escaped(what))
    }

    /// What is raised: prefix, sentence, place, remedy.
    pub fn text(&self, place: Option<&Place>) -> String {
        // What is called has its everyday name; an import is its own name.
        let api = match self.verb {
            Verb::Import | Verb::ImportExtension => self.operand(),
            _ => match self.api {
                "open" => "builtins.open",
                "exec" => "builtins.exec",
                "eval" => "builtins.eval",
                "compile" => "builtins.compile",
                api => api,
            },
        };
        let tell = |operand| {
            message::tell_act(self.rule, self.verb, api, operand, Verdict::Deny(self.why))
        };
        let told = tell(self.operand.as_deref());
        // Who allows a host writes its name: addresses change.
        let remedy = match self.name.as_deref() {
            name @ Some(_) => tell(name).remedy,
            None => told.remedy,
        };
        let place =
            place.map_or(String::new(), |place| format!(" at {}:{}", place.path, place.row));
        escaped(format!("{}: {}{place}; {}; {}", self.prefix(), told.what, told.why, remedy))
    }

    /// What becomes of the act: it is raised, or noted where the policy only watches. `exact` is what
    /// it is done to, in normal form.
    pub fn refuse(
        self,
        py: Python<'_>,
        open: &Open,
        exact: impl FnOnce() -> Exact,
    ) -> PyResult<()> {
        if open.observes {
            learned::note(py, &self, exact());
            trace::told(py, &self, "observe");
            return Ok(());
        }
        trace::told(py, &self, "deny");
        Err(self.raise(py))
    }

    /// Record and tell the act, and make the exception to raise.
    pub fn raise(&self, py: Python<'_>) -> PyErr {
        if !ffi::in_main_interpreter() {
            return self.raise_elsewhere();
        }
        if let Some(error) = recent::at_line(py, self).and_then(|known| self.again(py, &known)) {
            return error;
        }
        let caller = origin::caller(py);
        let place = caller.as_ref().map(|caller| &caller.place);
        if let Some(known) = place.and_then(|place| recent::at_place(py, self, place))
            && let Some(error) = self.again(py, &known)
        {
            return error;
        }
        let text = self.text(place);
        let guard = guard_name(self.rule.capability);
        let target = self.target();
        let texts = Texts {
            message: PyString::new(py, &text).unbind(),
            guard: PyString::intern(py, guard).unbind(),
            target: PyString::new(py, &target).unbind(),
        };
        let error = violation(py, &texts).unwrap_or_else(|| PyRuntimeError::new_err(text.clone()));
        let at = self.record(target, text, place.cloned());
        self.tell();
        raised::keep(py, &error, at);
        if let (Some(at), Some(caller)) = (at, caller) {
            recent::keep(self, caller, Known { at, texts });
        }
        error
    }

    /// Record and tell the act again, as it was told before.
    fn again(&self, py: Python<'_>, known: &Known) -> Option<PyErr> {
        let error = violation(py, &known.texts)?;
        RECORD.lock().unwrap_or_else(PoisonError::into_inner).again(known.at);
        COUNT.fetch_add(1, Ordering::AcqRel);
        self.tell();
        raised::keep(py, &error, Some(known.at));
        Some(error)
    }

    /// Record the act in another interpreter: the class of the exception belongs to the main one,
    /// with a lock of its own.
    fn raise_elsewhere(&self) -> PyErr {
        let text = self.text(None);
        self.record(self.target(), text.clone(), None);
        // An import goes on without its `.pyc` file after nothing but an `OSError`.
        let is_bytecode = self.verb == Verb::WriteFile && self.operand().contains("__pycache__");
        ffi::keep_for_elsewhere(&text, is_bytecode);
        PyRuntimeError::new_err("")
    }

    fn record(&self, target: String, text: String, place: Option<Place>) -> Option<usize> {
        let guard = guard_name(self.rule.capability);
        let rule = self.rule.name;
        let violation = Violation { rule, guard, target, text, place, count: 1 };
        COUNT.fetch_add(1, Ordering::AcqRel);
        RECORD.lock().unwrap_or_else(PoisonError::into_inner).add(violation)
    }

    /// Tell the act, if any policy wants that.
    fn tell(&self) {
        if scope::active().as_ref().is_some_and(|active| active.traces()) {
            ffi::write_stderr(&self.trace());
        }
    }
}

/// Record an act of another interpreter that is denied without its operand.
pub fn note_elsewhere(rule: &'static Rule, api: &'static str) {
    COUNT.fetch_add(1, Ordering::AcqRel);
    RECORD.lock().unwrap_or_else(PoisonError::into_inner).add(Violation {
        rule: rule.name,
        guard: guard_name(rule.capability),
        target: api.to_owned(),
        text: format!("`{api}` is denied in every interpreter"),
        place: None,
        count: 1,
    });
}

/// Control characters as escapes: the text may hold names a program chose.
fn escaped(text: String) -> String {
    // Those beyond ASCII begin with this byte in UTF-8 (U+0080 to U+009F).
    // Without a way out of the loop, many are looked at in one step.
    let doubt = |byte: u8| u8::from(byte.is_ascii_control()) | u8::from(byte == 0xc2);
    if text.bytes().map(doubt).fold(0, std::ops::BitOr::bitor) != 0 {
        text.chars()
            .flat_map(|c| {
                let escape: Box<dyn Iterator<Item = char>> = if c.is_control() {
                    Box::new(c.escape_default())
                } else {
                    Box::new(std::iter::once(c))
                };
                escape
            })
            .collect()
    } else {
        text
    }
}

/// `hermetic.errors`: what the guard raises.
struct Errors {
    violation: Py<PyAny>,
    bootstrap: Py<PyAny>,
}

static ERRORS: OnceLock<Errors> = OnceLock::new();

/// Take hold of the exception classes.
pub fn hold_classes(py: Python<'_>) -> PyResult<()> {
    if ERRORS.get().is_none() {
        let module = py.import("hermetic.errors")?;
        let errors = Errors {
            violation: module.getattr("PolicyViolation")?.unbind(),
            bootstrap: module.getattr("BootstrapError")?.unbind(),
        };
        ffi::hold_maker(errors.violation.bind(py));
        let _ = ERRORS.set(errors);
    }
    Ok(())
}

/// A `BootstrapError`, or `RuntimeError` before the classes are held.
pub fn bootstrap_error(py: Python<'_>, text: &str) -> PyErr {
    match ERRORS.get().map(|errors| errors.bootstrap.bind(py).call1((text,))) {
        Some(Ok(error)) => PyErr::from_value(error),
        _ => PyRuntimeError::new_err(text.to_owned()),
    }
}

/// A `PolicyViolation`, made without its `__init__`: a program may have put another there.
fn violation(py: Python<'_>, texts: &Texts) -> Option<PyErr> {
    let class = ERRORS.get()?.violation.bind(py);
    let error = ffi::new_exception(class, texts.message.bind(py))?;
    ffi::set_plainly(&error, intern!(py, "guard"), texts.guard.bind(py).as_any());
    ffi::set_plainly(&error, intern!(py, "target"), texts.target.bind(py).as_any());
    Some(PyErr::from_value(error))
}

#[cfg(test)]
mod tests {
    use super::{Denial, MOST, Record, Violation};
    use hermetic_policy::{Capability, Verb, Why, rules};

    fn denial(rule: &str, verb: Verb, api: &'static str, operand: Option<&str>) -> Denial {
        let rule = rules::find(rule).unwrap();
        let why = Why::Denied(rule.capability);
        Denial { rule, verb, why, api, operand: operand.map(str::to_owned), name: None }
    }

    #[test]
    fn texts_begin_as_programs_know_them() {
        use Verb as V;
        for (rule, verb, api, operand, prefix) in [
            (
                "network-connect",
                V::Connect,
                "socket.connect",
                Some("[::1]:9"),
                "network disabled: connect(::1)",
            ),
            (
                "network-resolve",
                V::Resolve,
                "socket.getaddrinfo",
                Some("example.com"),
                "network disabled: DNS(example.com)",
            ),
            ("process-spawn", V::Spawn, "os.posix_spawn", None, "subprocess disabled"),
            ("file-write", V::WriteFile, "open", Some("/x"), "filesystem readonly: /x"),
            ("file-remove", V::WriteFile, "os.remove", Some("/x"), "filesystem mutation disabled"),
            ("file-read", V::ReadFile, "open", Some("/x"), "read outside sandbox root: /x"),
            ("dynamic-eval", V::Evaluate, "eval", None, "dynamic code execution disabled: eval"),
            (
                "import-path-write",
                V::MutateInterpreter,
                "sys.path",
                Some("sys.path"),
                "interpreter mutation disabled: sys.path",
            ),
            ("denied-import", V::Import, "import", Some("a.b"), "import blocked: a.b"),
            ("native-ffi", V::Import, "import", Some("ctypes"), "import blocked: ctypes"),
        ] {
            let denial = denial(rule, verb, api, operand);
            assert_eq!(denial.prefix(), prefix);
            assert!(denial.text(None).starts_with(&format!("{prefix}: ")));
        }
    }

    #[test]
    fn traces_never_show_what_a_program_was_given() {
        let denial = denial("process-spawn", Verb::Spawn, "os.posix_spawn", Some("secret"));
        assert_eq!(denial.trace(), "[hermetic] blocked subprocess reason=no-subprocess");
        let denial = self::denial("network-connect", Verb::Connect, "socket.connect", Some("h:80"));
        assert_eq!(denial.trace(), "[hermetic] blocked socket.connect host=h reason=no-network");
    }

    #[test]
    fn the_record_counts_and_is_bounded() {
        let mut record = Record::default();
        for number in 0..MOST + 2 {
            for _ in 0..2 {
                record.add(Violation {
                    rule: "file-write",
                    guard: super::guard_name(Capability::Filesystem),
                    target: number.to_string(),
                    text: String::new(),
                    place: None,
                    count: 1,
                });
            }
        }
        assert_eq!((record.violations.len(), record.dropped), (MOST, 4));
        assert!(record.violations.iter().all(|violation| violation.count == 2));
    }
}
