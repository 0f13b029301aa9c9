//! What is enforced, what is not, and what was there before.

use std::sync::{Mutex, PoisonError};

use hermetic_policy::{Capability, modules};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::arguments::text;
use crate::ffi::system::{self, Descriptor};
use crate::scope::Active;
use crate::{children, denied, kernel, origin, scope, slots};

/// Descriptors that were open when the guard was installed.
static FOUND: Mutex<Vec<Descriptor>> = Mutex::new(Vec::new());

/// Note what is open before anything is guarded.
pub fn look_around() {
    *FOUND.lock().unwrap_or_else(PoisonError::into_inner) = system::descriptors();
}

/// What no open policy can hold to, with the reason.
fn not_enforced(active: &Active, native: &[String]) -> Vec<(String, &'static str)> {
    let mut missing: Vec<(String, &'static str)> =
        slots::failures().into_iter().map(|told| (told, "its self-check failed")).collect();
    let mut miss = |what: &str, why| missing.push((what.to_owned(), why));
    let guards = |capability| active.guards(capability);
    if guards(Capability::Filesystem) {
        miss(
            "files that SQL names (`ATTACH`, `VACUUM INTO`)",
            "sqlite3 raises no event for a statement and has no function to guard",
        );
    }
    if guards(Capability::Filesystem) || guards(Capability::Network) {
        miss(
            "reading and writing what was open before",
            "a descriptor is judged when it is opened; see `found`",
        );
    }
    if guards(Capability::Environment) {
        miss("variables that C code reads, such as `TZ` and `LANG`", "getenv(3) raises no event");
    }
    if !native.is_empty() {
        miss("native code that was loaded before", "it runs outside the interpreter; see `found`");
    }
    if cfg!(not(target_os = "linux")) && active.has_root() {
        miss(
            "where an opened file really is",
            "only Linux tells the path of a descriptor; links are resolved before opening alone",
        );
    }
    if cfg!(windows) && guards(Capability::Network) {
        miss("named pipes of other machines that `_overlapped` opens", "it raises no event");
    }
    missing
}

/// Native interfaces and extension modules beyond the interpreter's own that are loaded.
fn loaded_native(py: Python<'_>) -> PyResult<Vec<String>> {
    let loaded = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    let mut native = Vec::new();
    for (name, module) in loaded.iter() {
        let Some(name) = text(&name) else { continue };
        let file = module.getattr("__file__").ok();
        let file = file.as_ref().and_then(text).unwrap_or_default();
        let is_extension = [".so", ".pyd", ".dylib"].iter().any(|end| file.ends_with(end));
        let is_own = origin::folders().is_some_and(|folders| file.starts_with(&folders.package));
        let is_foreign = is_extension && !modules::is_stdlib(&name) && !is_own;
        if is_foreign || (modules::is_native_interface(&name) && !name.contains('.')) {
            native.push(name.into_owned());
        }
    }
    Ok(native)
}

/// What the kernel enforces beside the guard, and what it does not; `None` where nothing was asked
/// of it.
fn kernel_layer(py: Python<'_>) -> PyResult<Option<Bound<'_, PyDict>>> {
    let Some(report) = kernel::report() else { return Ok(None) };
    let layer = PyDict::new(py);
    layer.set_item("landlock", report.landlock)?;
    layer.set_item("seccomp", report.seccomp)?;
    let gaps = PyList::empty(py);
    for gap in &report.gaps {
        let entry = PyDict::new(py);
        entry.set_item("capability", gap.capability.name())?;
        entry.set_item("what", &gap.what)?;
        entry.set_item("why", &gap.why)?;
        entry.set_item("extent", gap.extent.name())?;
        gaps.append(entry)?;
    }
    layer.set_item("not_covered", gaps)?;
    Ok(Some(layer))
}

/// `hermetic.status()`.
pub fn status(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let status = PyDict::new(py);
    let active = scope::active().clone();
    let native = loaded_native(py)?;
    let mut enforced = Vec::new();
    let missing = PyList::empty(py);
    if let Some(active) = &active {
        enforced.extend(
            Capability::ALL
                .into_iter()
                .filter(|capability| active.guards(*capability))
                .map(Capability::name),
        );
        for (what, why) in not_enforced(active, &native) {
            let entry = PyDict::new(py);
            entry.set_item("what", what)?;
            entry.set_item("why", why)?;
            missing.append(entry)?;
        }
    }
    let (descriptors, sockets) = (PyList::empty(py), PyList::empty(py));
    for found in FOUND.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let entry = PyDict::new(py);
        entry.set_item("descriptor", found.number)?;
        entry.set_item("name", &found.name)?;
        if found.is_connected {
            sockets.append(entry)?;
        } else {
            entry.set_item("writable", found.is_writable)?;
            descriptors.append(entry)?;
        }
    }
    let found = PyDict::new(py);
    found.set_item("descriptors", descriptors)?;
    found.set_item("sockets", sockets)?;
    found.set_item("native", native)?;
    status.set_item("active", active.is_some())?;
    status.set_item("scopes", active.as_ref().map_or(0, |active| active.open.len()))?;
    status.set_item("sealed", scope::stack().is_sealed())?;
    status.set_item("platform", std::env::consts::OS)?;
    status.set_item("enforced", enforced)?;
    status.set_item("functions", slots::guarded())?;
    status.set_item("not_enforced", missing)?;
    status.set_item("found", found)?;
    status.set_item("kernel", kernel_layer(py)?)?;
    let tally = children::tally();
    let started = PyDict::new(py);
    started.set_item("guarded", tally.guarded)?;
    started.set_item("not_guarded", tally.unguarded)?;
    status.set_item("children", started)?;
    denied::with_record(|record| {
        status.set_item("violations", record.violations.len())?;
        status.set_item("violations_dropped", record.dropped)
    })?;
    Ok(status)
}
