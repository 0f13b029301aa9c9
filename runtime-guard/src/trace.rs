//! `--trace=jsonl:FILE`: each decision as one line of JSON, as it is made.
//!
//! The file is opened before the policy and written with one system call a line, so that lines of
//! several threads, and of processes forked later, stay whole. What may be a secret is taken out
//! ([`hermetic_policy::redact`]). `docs/trace.schema.json` says what a line holds.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use hermetic_policy::{Rule, Verb, Why, redact};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::denied::Denial;
use crate::ffi;
use crate::origin::{self, Place};

static IS_ON: AtomicBool = AtomicBool::new(false);
static FILE: Mutex<Option<File>> = Mutex::new(None);

/// Whether decisions are written.
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Write to this file from now on; what is in it stays.
pub fn begin(path: &str) -> std::io::Result<()> {
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    *FILE.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    IS_ON.store(true, Ordering::Release);
    Ok(())
}

/// Write what a policy did not allow; `decision` is what became of it.
pub fn told(py: Python<'_>, denial: &Denial, decision: &str) {
    if is_on() {
        let Denial { rule, verb, why, api, operand, name } = denial;
        write(&line(
            decision,
            rule,
            *verb,
            Some(*why),
            api,
            operand.as_deref(),
            name.as_deref(),
            here(py).as_ref(),
        ));
    }
}

/// Write what every policy allowed.
pub fn allowed(
    py: Python<'_>,
    rule: &Rule,
    verb: Verb,
    api: &str,
    operand: Option<&str>,
    name: Option<&str>,
) {
    if is_on() {
        write(&line("allow", rule, verb, None, api, operand, name, here(py).as_ref()));
    }
}

fn here(py: Python<'_>) -> Option<Place> {
    // No object of the main interpreter may be touched in another one.
    if ffi::in_main_interpreter() { origin::caller(py).map(|caller| caller.place) } else { None }
}

fn write(line: &Value) {
    let mut text = line.to_string();
    text.push('\n');
    if let Some(file) = &mut *FILE.lock().unwrap_or_else(PoisonError::into_inner) {
        // A full disk must not change what the program may do.
        let _ = file.write_all(text.as_bytes());
    }
}

#[expect(clippy::too_many_arguments, reason = "one for each member")]
fn line(
    decision: &str,
    rule: &Rule,
    verb: Verb,
    why: Option<Why>,
    api: &str,
    operand: Option<&str>,
    name: Option<&str>,
    place: Option<&Place>,
) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({
        "version": 1,
        "time": now.as_secs_f64(),
        "process": std::process::id(),
        "decision": decision,
        "capability": rule.capability.name(),
        "rule": rule.name,
        "verb": kebab(&format!("{verb:?}")),
        "why": why.map(|why| kebab(format!("{why:?}").split('(').next().unwrap_or_default())),
        "api": api,
        "operand": operand.map(|operand| shown(verb, operand)),
        "name": name,
        "path": place.map(|place| &place.path),
        "row": place.map(|place| place.row),
    })
}

/// An operand without what may be a secret.
fn shown(verb: Verb, operand: &str) -> String {
    match verb {
        Verb::Spawn => redact::command(operand),
        _ => redact::url(operand),
    }
}

/// `ReadFile` as `read-file`.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::line;
    use hermetic_policy::{Verb, Why, rules};

    #[test]
    fn a_line_tells_the_act_and_no_secret() {
        let rule = rules::find("shell-command").unwrap();
        let why = Some(Why::Denied(rule.capability));
        let told =
            line("deny", rule, Verb::Spawn, why, "os.system", Some("x --token=abc"), None, None);
        assert_eq!(told["operand"], "x --token=[redacted]");
        assert_eq!((&told["verb"], &told["why"]), (&"spawn".into(), &"denied".into()));
        let told = line("allow", rule, Verb::ReadFile, None, "open", Some("/a b"), None, None);
        assert_eq!((&told["operand"], &told["why"]), (&"/a b".into(), &serde_json::Value::Null));
        assert_eq!(told["verb"], "read-file");
    }
}
