//! What is enforced, and what is not.

use hermetic_policy::Capability;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::{denied, scope};

/// `hermetic.status()`.
pub fn status(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let status = PyDict::new(py);
    let active = scope::active();
    let enforced = PyList::empty(py);
    if let Some(active) = active.as_ref() {
        for capability in Capability::ALL {
            if active.guards(capability) {
                enforced.append(capability.name())?;
            }
        }
    }
    status.set_item("active", active.is_some())?;
    status.set_item("scopes", active.as_ref().map_or(0, |active| active.open.len()))?;
    status.set_item("sealed", scope::stack().is_sealed())?;
    status.set_item("enforced", enforced)?;
    status.set_item("violations", denied::with_record(|record| record.violations.len()))?;
    Ok(status)
}
