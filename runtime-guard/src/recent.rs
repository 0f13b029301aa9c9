//! The denials of a moment ago: loops try the same again, and are told the same.
//!
//! What is kept is text alone. Whether an act is denied is decided each time, and one that is
//! denied for another reason, of another target or from another line is written anew.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::denied::Denial;
use crate::ffi::Frame;
use crate::origin::{Caller, Place};

/// As many denials as are kept; the oldest goes first.
const MOST: usize = 8;

/// What an exception is made of.
pub struct Texts {
    /// What is raised.
    pub message: Py<PyString>,
    /// `PolicyViolation.guard`.
    pub guard: Py<PyString>,
    /// `PolicyViolation.target`.
    pub target: Py<PyString>,
}

/// A denial that was told before.
pub struct Known {
    /// Its place in the record.
    pub at: usize,
    /// What it was told as.
    pub texts: Texts,
}

impl Known {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        let Texts { message, guard, target } = &self.texts;
        let texts = Texts {
            message: message.clone_ref(py),
            guard: guard.clone_ref(py),
            target: target.clone_ref(py),
        };
        Self { at: self.at, texts }
    }
}

struct Recent {
    denial: Denial,
    place: Place,
    /// The code and its line, where the program asked without the standard library in between.
    code: Option<(Py<PyAny>, u32)>,
    known: Known,
}

static RECENT: Mutex<VecDeque<Recent>> = Mutex::new(VecDeque::new());

// Whoever holds the lock makes and drops no object: that may run code, which may be denied too.
fn recent() -> MutexGuard<'static, VecDeque<Recent>> {
    RECENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same denial of the line that runs just now, if that is the program's own.
pub fn at_line(py: Python<'_>, denial: &Denial) -> Option<Known> {
    let frame = Frame::innermost(py)?;
    let code = frame.code()?;
    let is_same = |recent: &&Recent| {
        recent.code.as_ref().is_some_and(|(known, row)| {
            known.is(&code) && recent.denial == *denial && *row == frame.line()
        })
    };
    recent().iter().find(is_same).map(|recent| recent.known.clone_ref(py))
}

/// The same denial of a place in the program.
pub fn at_place(py: Python<'_>, denial: &Denial, place: &Place) -> Option<Known> {
    let is_same = |recent: &&Recent| recent.denial == *denial && recent.place == *place;
    recent().iter().find(is_same).map(|recent| recent.known.clone_ref(py))
}

/// Keep what a denial was told as.
pub fn keep(denial: &Denial, caller: Caller<'_>, known: Known) {
    let code = caller.code.map(|(code, row)| (code.unbind(), row));
    let new = Recent { denial: denial.clone(), place: caller.place, code, known };
    let oldest = {
        let mut recent = recent();
        let oldest = if recent.len() < MOST { None } else { recent.pop_front() };
        recent.push_back(new);
        oldest
    };
    drop(oldest);
}

/// Forget everything: no policy is open. What is kept alive is the program's.
pub fn forget() {
    let all = std::mem::take(&mut *recent());
    drop(all);
}
