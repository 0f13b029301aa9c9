//! Imports that raise no event: those a program asks `importlib` for, and those of modules that
//! are loaded already.
//!
//! A cached import takes the module from `sys.modules` without a word. But where the module's
//! spec says that it is still being initialised, CPython calls
//! `importlib._bootstrap._lock_unlock_module` first (`Python/import.c`,
//! `import_ensure_initialized`). So denied modules that are loaded are marked so, and that
//! function is a gate. Other modules' imports cost nothing more.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::paths;
use super::swap::{Call, Gate, Swapped, swap};
use crate::arguments::text;
use crate::ffi::Frame;
use crate::scope::{self, Active};
use crate::{imports, trust};

struct Kept {
    swapped: Vec<Swapped>,
    /// Specs that were marked, and what they said before.
    marked: Vec<(Py<PyAny>, Py<PyAny>)>,
    /// Submodules that were taken off their packages.
    hidden: Vec<(Py<PyAny>, String, Py<PyAny>)>,
}

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// Gate imports for these policies, or let them go.
pub fn apply(py: Python<'_>, active: Option<&Active>) -> PyResult<()> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut kept =
        kept.unwrap_or(Kept { swapped: Vec::new(), marked: Vec::new(), hidden: Vec::new() });
    for (spec, before) in kept.marked.drain(..) {
        spec.bind(py).setattr("_initializing", before)?;
    }
    for (package, name, module) in kept.hidden.drain(..) {
        let package = package.bind(py);
        if !package.hasattr(name.as_str())? {
            package.setattr(name.as_str(), module)?;
        }
    }
    if let Some(active) = active {
        if kept.swapped.is_empty() {
            kept.swapped = put_up(py)?;
        }
        mark(py, active, &mut kept)?;
        *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    } else {
        for swapped in kept.swapped {
            swapped.restore(py)?;
        }
    }
    Ok(())
}

fn put_up(py: Python<'_>) -> PyResult<Vec<Swapped>> {
    let bootstrap = py.import("_frozen_importlib")?;
    let file = "<frozen importlib._bootstrap>";
    [
        ("_find_and_load", by_name as Gate),
        ("_find_and_load_unlocked", by_name as Gate),
        ("_lock_unlock_module", by_name as Gate),
        ("module_from_spec", by_spec as Gate),
    ]
    .into_iter()
    .map(|(name, gate)| swap(&bootstrap.getattr(name)?, file, gate))
    // What runs a module, whoever found it: `reload`, and copies of importlib.
    .chain([py
        .import("_frozen_importlib_external")?
        .getattr("_LoaderBasics")
        .and_then(|class| class.getattr("exec_module"))
        .and_then(|run| swap(&run, "<frozen importlib._bootstrap_external>", by_module))])
    .collect()
}

/// Mark the denied modules that are loaded.
fn mark(py: Python<'_>, active: &Active, kept: &mut Kept) -> PyResult<()> {
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    let denied: Vec<_> = modules
        .iter()
        .filter(|(name, _)| text(name).is_some_and(|name| imports::denies(active, &name)))
        .collect();
    for (name, module) in denied {
        kept.marked.extend(mark_spec(&module)?);
        let Some(name) = text(&name) else { continue };
        if let Some((package, own)) = name.rsplit_once('.')
            && imports::refuses(active, &name)
            && !imports::denies(active, package)
            && let Some(package) = modules.get_item(package)?
            && package.getattr(own).is_ok_and(|found| found.is(&module))
        {
            package.delattr(own)?;
            kept.hidden.push((package.unbind(), own.to_owned(), module.unbind()));
        }
    }
    Ok(())
}

/// Mark a module as one that is being initialised: its spec, and what that said before.
fn mark_spec(module: &Bound<'_, PyAny>) -> PyResult<Option<(Py<PyAny>, Py<PyAny>)>> {
    if let Ok(spec) = module.getattr("__spec__")
        && !spec.is_none()
        && let Ok(before) = spec.getattr("_initializing")
        && !before.is_truthy()?
    {
        spec.setattr("_initializing", true)?;
        return Ok(Some((spec.unbind(), before.unbind())));
    }
    Ok(None)
}

fn judge(py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<()> {
    let active = scope::active();
    match (active.as_ref(), text(name)) {
        // `pkgutil.read_code` reads `.pyc` files; what it loads is judged all the same.
        (Some(_), Some(name)) if name == "marshal" && is_read_code(py) => Ok(()),
        (Some(active), Some(name)) => imports::judge(py, active, &name),
        _ => Ok(()),
    }
}

fn is_read_code(py: Python<'_>) -> bool {
    Frame::innermost(py).and_then(|gate| gate.back()).and_then(|frame| frame.code()).is_some_and(
        |code| {
            trust::claimed(&code)
                .is_some_and(|(file, name)| file == "pkgutil.py" && name == "read_code")
                && trust::is_genuine(&code)
        },
    )
}

fn by_name<'py>(call: &Call<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    paths::verify(call.py())?;
    let Some(name) = call.first("name") else { return call.go_on() };
    judge(call.py(), &name)?;
    let loaded = call.go_on()?;
    let active = scope::active();
    if let (Some(active), Some(name)) = (active.as_ref(), text(&name))
        && imports::denies(active, &name)
    {
        // The standard library has it for itself; whoever asks next is judged again.
        if let Some(kept) = KEPT.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
            && let Some(marked) = mark_spec(&loaded)?
        {
            kept.marked.push(marked);
        }
    }
    Ok(loaded)
}

fn by_module<'py>(call: &Call<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(module) = call.args.get_item(1) {
        let name = module.getattr("__spec__").and_then(|spec| spec.getattr("name"));
        if let Ok(name) = name.or_else(|_| module.getattr("__name__")) {
            judge(call.py(), &name)?;
        }
    }
    call.go_on()
}

fn by_spec<'py>(call: &Call<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    if let Some(name) = call.first("spec").and_then(|spec| spec.getattr("name").ok()) {
        judge(call.py(), &name)?;
    }
    call.go_on()
}
