//! Files of `/proc` that are no files: the environment and the memory of processes.
//!
//! `proc_pid_environ(5)` is the environment a process started with, whatever was made of
//! `os.environ` since; who writes `proc_pid_mem(5)` writes memory, as native code would.

use std::sync::Arc;

use hermetic_policy::{Capability, Verb, Verdict, rules};
use pyo3::prelude::*;

use crate::denied::Denial;
use crate::resolve::{self, Exact};
use crate::scope::Active;

/// What a file of `/proc` stands for when it is opened.
fn stands_for(path: &str, verb: Verb) -> Option<(Verb, &'static str)> {
    let rest = path.strip_prefix("/proc/")?;
    match (rest.rsplit('/').next()?, verb) {
        ("environ", _) => Some((Verb::ReadEnvironment, "environment-read")),
        ("mem", Verb::WriteFile) => Some((Verb::LoadNative, "native-ffi")),
        _ => None,
    }
}

/// Judge the opening of a path in normal form.
pub fn judge(
    py: Python<'_>,
    active: &Arc<Active>,
    api: &'static str,
    verb: Verb,
    path: &Exact,
) -> PyResult<()> {
    let Exact::Path(path) = path else { return Ok(()) };
    let Some((verb, rule)) = stands_for(path, verb) else { return Ok(()) };
    if !active.guards(Capability::Environment) && !active.guards(Capability::Native) {
        return Ok(());
    }
    let Some(rule) = rules::find(rule) else { return Ok(()) };
    let exact = Exact::Name(path.clone());
    for open in &active.open {
        if let Verdict::Deny(why) | Verdict::Undecided(why) =
            open.policy.decide(&resolve::act(verb, &exact)).verdict()
        {
            let operand = Some(path.clone());
            let denial = Denial { rule, verb, why, api, operand, name: None };
            denial.refuse(py, open, || exact.clone())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::stands_for;
    use hermetic_policy::Verb;

    #[test]
    fn environments_and_memory() {
        let verb = |path, verb| stands_for(path, verb).map(|(verb, _)| verb);
        assert_eq!(verb("/proc/12/environ", Verb::ReadFile), Some(Verb::ReadEnvironment));
        assert_eq!(verb("/proc/12/task/13/environ", Verb::ReadFile), Some(Verb::ReadEnvironment));
        assert_eq!(verb("/proc/12/mem", Verb::WriteFile), Some(Verb::LoadNative));
        assert_eq!(verb("/proc/12/mem", Verb::ReadFile), None);
        assert_eq!(verb("/srv/proc/environ", Verb::ReadFile), None);
    }
}
