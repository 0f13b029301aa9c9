//! The guard's own objects: what of them may not be changed while a policy is open.
//!
//! CPython raises `object.__setattr__` for the attributes with which a function's code can be
//! exchanged (`__code__`, `__defaults__`, `__kwdefaults__`) and for `__class__` (CPython
//! `Objects/funcobject.c`, `Objects/typeobject.c`). Other attributes raise nothing, and nothing of
//! the guard rests on them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use hermetic_policy::rules;
use hermetic_policy::{Verb, Why};
use pyo3::prelude::*;

use crate::arguments::EventArgs;
use crate::denied::Denial;
use crate::scope::Active;

static OBJECTS: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

/// Protect an object. Whoever protects it keeps it alive.
pub fn add(object: &Bound<'_, PyAny>) {
    OBJECTS.lock().unwrap_or_else(PoisonError::into_inner).insert(object.as_ptr() as usize);
}

/// Protect it no longer.
pub fn remove(object: &Bound<'_, PyAny>) {
    OBJECTS.lock().unwrap_or_else(PoisonError::into_inner).remove(&(object.as_ptr() as usize));
}

/// Judge a change of an attribute.
pub fn on_attribute(active: &Arc<Active>, args: &EventArgs<'_, '_>) -> PyResult<()> {
    let Some(object) = args.object(0) else { return Ok(()) };
    let address = object.as_ptr() as usize;
    if !OBJECTS.lock().unwrap_or_else(PoisonError::into_inner).contains(&address) {
        return Ok(());
    }
    if active.open.iter().all(|open| open.observes) {
        return Ok(());
    }
    let Some(rule) = rules::find("code-object") else { return Ok(()) };
    let denial = Denial {
        rule,
        verb: Verb::Tamper,
        why: Why::AgainstGuard,
        api: "object.__setattr__",
        operand: args.object(1).and_then(crate::arguments::text).map(std::borrow::Cow::into_owned),
        name: None,
    };
    Err(denial.raise(args.py()))
}
