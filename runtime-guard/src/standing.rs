//! Policies that are opened and closed over and over, as between tests.
//!
//! Opening a policy puts functions of the guard's own in place, and closing the last one takes them
//! away. Where a policy stands ready, they stay, and let everything pass while none is open. Then
//! opening is the exchange of a few values, as long as the policy guards nothing that has to be put
//! out of sight (the environment, the import system).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hermetic_policy::Capability;
use pyo3::prelude::*;

use crate::scope::{self, Active, Open, Stack};
use crate::{calls, events, imports, lookups, recent, shims, slots};

static STANDING: AtomicUsize = AtomicUsize::new(0);

/// Whether any policy stands ready.
pub fn is_any() -> bool {
    STANDING.load(Ordering::Acquire) > 0
}

/// Count one more, before the functions are put in place.
pub fn begin() {
    STANDING.fetch_add(1, Ordering::AcqRel);
}

/// Count one less.
pub fn end() {
    STANDING.fetch_sub(1, Ordering::AcqRel);
}

/// A policy that stands ready, with what is known of it when it is open alone.
#[derive(Debug)]
pub struct Standing {
    open: Arc<Open>,
    alone: Arc<Active>,
    events: [bool; events::COUNT],
    functions: [bool; calls::COUNT],
    is_plain: bool,
    guards_files: bool,
}

impl Standing {
    /// Of a policy.
    pub fn new(open: Open) -> Self {
        let open = Arc::new(open);
        let alone = Arc::new(Active { open: vec![Arc::clone(&open)] });
        Self {
            events: scope::wanted_by(&alone),
            functions: slots::wanted_by(&alone),
            is_plain: !alone.hides_in_heap() && !imports::any_denied(&alone),
            guards_files: alone.enforces(Capability::Filesystem),
            open,
            alone,
        }
    }

    /// Open it; nothing happens where it is open.
    pub fn enter(&self, py: Python<'_>) -> PyResult<()> {
        let is_alone = {
            let mut stack = scope::stack();
            self.push(&mut stack)
        };
        if is_alone && self.is_plain {
            return if self.guards_files { shims::keep_bytecode(py, true) } else { Ok(()) };
        }
        shims::apply(py).inspect_err(|_| {
            self.close();
        })
    }

    /// Open it and have it judge; whether it is open alone.
    fn push(&self, stack: &mut Stack) -> bool {
        let is_alone = stack.is_empty();
        stack.push_again(&self.open);
        if is_alone {
            slots::publish_known(Some(&self.functions));
            scope::publish_known(Some(Arc::clone(&self.alone)), Some(&self.events));
        } else {
            scope::publish(stack);
        }
        is_alone
    }

    /// Open it in the place of another one, without a moment in which neither is.
    pub fn take_over(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        if Arc::ptr_eq(&self.open, &other.open) {
            return Ok(());
        }
        let is_alone = {
            let mut stack = scope::stack();
            stack.close_again(&other.open);
            self.push(&mut stack)
        };
        if is_alone && self.is_plain && other.is_plain {
            lookups::forget();
            recent::forget();
            return if self.guards_files == other.guards_files {
                Ok(())
            } else {
                shims::keep_bytecode(py, self.guards_files)
            };
        }
        shims::apply(py).inspect_err(|_| {
            self.close();
        })
    }

    /// Close it; whether it was open. In a sealed process it stays.
    pub fn leave(&self, py: Python<'_>) -> PyResult<bool> {
        let (was_open, is_none_open) = self.close();
        if !was_open {
            return Ok(false);
        }
        if is_none_open && self.is_plain {
            lookups::forget();
            recent::forget();
            if self.guards_files {
                shims::keep_bytecode(py, false)?;
            }
        } else {
            shims::apply(py)?;
        }
        Ok(true)
    }

    fn close(&self) -> (bool, bool) {
        let mut stack = scope::stack();
        let was_open = stack.close_again(&self.open);
        if was_open {
            if stack.is_empty() {
                slots::publish_known(None);
                scope::publish_known(None, None);
            } else {
                scope::publish(&stack);
            }
        }
        (was_open, stack.is_empty())
    }
}
