//! Python functions and objects that are guarded in place.
//!
//! A function's code can be exchanged: whoever holds the function, from before or through an
//! alias, then runs the new code. The code put in here calls a native gate, which judges and then
//! calls a copy of the function with its old code. Exchanging it again raises
//! `object.__setattr__`, which the hook denies ([`crate::protect`]). The gate is a constant of the
//! code, so that no global name leads to it.
//!
//! Values a program must not see are not left where it could find them: while the environment is
//! guarded, `os.environ._data` and `posix.environ` are empty, and the copy lives here.

pub mod environment;
pub mod gates;
pub mod paths;
pub mod swap;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;

use hermetic_policy::Capability;
use pyo3::prelude::*;

use crate::arguments::CallArgs;
use crate::ffi::OwnWork;
use crate::{imports, lookups, recent, scope, slots};

/// Slot triggers that are guarded here.
pub const WATCHED: &[&str] = &[
    "os._Environ.__getitem__",
    "os._Environ.__iter__",
    "os._Environ.copy",
    "sys.meta_path",
    "sys.path",
    "sys.path_hooks",
    "sys.path_importer_cache",
];

static APPLYING: Mutex<Option<ThreadId>> = Mutex::new(None);
static CHANGED: AtomicBool = AtomicBool::new(false);
static BYTECODE: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

/// Bring what is guarded in place into agreement with the open policies.
///
/// Python code may run meanwhile: other threads wait, and what this thread opens or closes from
/// within (a finaliser) is seen to before this returns.
pub fn apply(py: Python<'_>) -> PyResult<()> {
    CHANGED.store(true, Ordering::Release);
    if !begin(py) {
        return Ok(());
    }
    let mut result = Ok(());
    while CHANGED.swap(false, Ordering::AcqRel) {
        result = result.and(apply_once(py));
    }
    end();
    result
}

/// Wait until no other thread is at it, and begin; false where this thread is at it already.
pub fn begin(py: Python<'_>) -> bool {
    let here = std::thread::current().id();
    loop {
        let mut applying = APPLYING.lock().unwrap_or_else(PoisonError::into_inner);
        match *applying {
            None => {
                *applying = Some(here);
                return true;
            }
            Some(thread) if thread == here => return false,
            Some(_) => {}
        }
        drop(applying);
        py.detach(|| std::thread::sleep(std::time::Duration::from_micros(50)));
    }
}

/// End what [`begin`] began.
pub fn end() {
    *APPLYING.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

thread_local! {
    /// Whether this thread, which forks, has to end what it began before the fork.
    static FORKING: Cell<bool> = const { Cell::new(false) };
}

/// A fork takes no other thread along: one that is half-way through [`apply`] would never end it in
/// the child. So a fork waits until none is.
#[pyfunction]
pub fn before_fork(py: Python<'_>) {
    // Where a finaliser forks from within `apply`, this thread is at it already.
    if begin(py) {
        FORKING.set(true);
    }
}

/// In the parent and in the child.
#[pyfunction]
pub fn after_fork() {
    if FORKING.replace(false) {
        end();
    }
}

fn apply_once(py: Python<'_>) -> PyResult<()> {
    let _own = OwnWork::begin();
    let active = scope::active().clone();
    let guards = |capability| active.as_ref().is_some_and(|active| active.guards(capability));
    slots::publish(active.as_deref());
    let armed = if active.is_some() {
        slots::arm(py)
    } else {
        slots::disarm();
        lookups::forget();
        recent::forget();
        Ok(())
    };
    armed
        .and(keep_bytecode(py, guards(Capability::Filesystem)))
        .and(environment::apply(py, guards(Capability::Environment)))
        .and(paths::apply(py, guards(Capability::Interpreter)))
        .and(gates::apply(
            py,
            active.as_deref().filter(|active| {
                imports::any_denied(active) || active.guards(Capability::Interpreter)
            }),
        ))
}

/// No `.pyc` file is written while files are guarded: only an `OSError` would let the import go
/// on, and a violation is none.
fn keep_bytecode(py: Python<'_>, guarded: bool) -> PyResult<()> {
    let sys = py.import("sys")?;
    let mut kept = BYTECODE.lock().unwrap_or_else(PoisonError::into_inner);
    match (guarded, kept.take()) {
        (true, None) => {
            *kept = Some(sys.getattr("dont_write_bytecode")?.unbind());
            sys.setattr("dont_write_bytecode", true)
        }
        (true, before) => {
            *kept = before;
            Ok(())
        }
        (false, Some(before)) => sys.setattr("dont_write_bytecode", before),
        (false, None) => Ok(()),
    }
}

/// Put the real environment in the place of `os.environ`, which is empty, in a call that starts a
/// program. Whether the arguments changed.
pub fn give_environment<'py>(py: Python<'py>, args: &mut CallArgs<'py>) -> PyResult<bool> {
    let _own = OwnWork::begin();
    let mut changed = false;
    for given in
        args.positional.iter_mut().skip(2).take(1).chain(
            args.keywords.iter_mut().filter(|(name, _)| name == "env").map(|(_, given)| given),
        )
    {
        if let Some(real) = environment::real(py, given)? {
            *given = real;
            changed = true;
        }
    }
    Ok(changed)
}
