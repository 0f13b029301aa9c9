//! Which exceptions the guard raised, while they live.
//!
//! A test that expects a violation has caught one. To know which, whoever runs tests asks with the
//! exception that was caught; the answer rests on the object itself, so that another one made to
//! look alike, or a text that was changed, answers for nothing. Nothing is kept alive by it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;

/// As many exceptions as are kept before those that are gone are looked for.
const MANY: usize = 256;
/// As many as are kept at all; the oldest go first.
const MOST: usize = 65_536;

static IS_ON: AtomicBool = AtomicBool::new(false);
static LAST: AtomicU64 = AtomicU64::new(0);
static RAISED: Mutex<Vec<Raised>> = Mutex::new(Vec::new());

struct Raised {
    error: Py<PyWeakrefReference>,
    /// The place of its violation in the record.
    at: usize,
    /// No two exceptions have the same, also when one takes the other's place in memory.
    number: u64,
}

/// Keep them from now on.
pub fn begin() {
    IS_ON.store(true, Ordering::Release);
}

/// Keep an exception with the place of its violation in the record.
pub fn keep(py: Python<'_>, error: &PyErr, at: Option<usize>) {
    let Some(at) = at.filter(|_| IS_ON.load(Ordering::Acquire)) else { return };
    let Ok(reference) = PyWeakrefReference::new(error.value(py).as_any()) else { return };
    // What is dropped is dropped after the lock: dropping may run code that raises again.
    let gone = {
        let mut raised = RAISED.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone = Vec::new();
        if raised.len() >= MANY && raised.len().is_power_of_two() {
            let all = std::mem::take(&mut *raised);
            for one in all {
                let lives = one.error.bind(py).upgrade().is_some();
                let to = if lives { &mut *raised } else { &mut gone };
                to.push(one);
            }
        }
        if raised.len() >= MOST {
            gone.push(raised.remove(0));
        }
        let number = LAST.fetch_add(1, Ordering::AcqRel);
        raised.push(Raised { error: reference.unbind(), at, number });
        gone
    };
    drop(gone);
}

/// The place in the record of the violation that this very object was raised for, and the number of
/// the object.
pub fn place_of(error: &Bound<'_, PyAny>) -> Option<(usize, u64)> {
    let py = error.py();
    let raised = RAISED.lock().unwrap_or_else(PoisonError::into_inner);
    raised
        .iter()
        .rev()
        .find(|raised| raised.error.bind(py).upgrade().is_some_and(|one| one.is(error)))
        .map(|raised| (raised.at, raised.number))
}
