//! `sys.path` and what else imports are looked up in.
//!
//! Lists and dictionaries raise no event. While the interpreter's state is guarded, subclasses of
//! them stand in their place whose changing methods are gates; what they hold is the same.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use hermetic_policy::{Capability, Verb, rules};
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyList, PyTuple};

use super::swap::fill;
use crate::deed::{Deed, Object};
use crate::ffi::{Frame, OwnWork};
use crate::hook::Reading;
use crate::{scope, trust};

const NAMES: [&str; 4] = ["sys.path", "sys.meta_path", "sys.path_hooks", "sys.path_importer_cache"];

const LIST: [&str; 11] = [
    "append",
    "extend",
    "insert",
    "pop",
    "remove",
    "clear",
    "sort",
    "reverse",
    "__setitem__",
    "__delitem__",
    "__iadd__",
];
const DICT: [&str; 8] =
    ["__setitem__", "__delitem__", "pop", "popitem", "clear", "update", "setdefault", "__ior__"];

struct Kept {
    name: &'static str,
    before: Py<PyAny>,
    guarded: Py<PyAny>,
    /// What the list holds; changed by its gates alone.
    held: Option<Py<PyList>>,
}

static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// Guard the import path, or give it back.
pub fn apply(py: Python<'_>, guarded: bool) -> PyResult<()> {
    let kept = std::mem::take(&mut *KEPT.lock().unwrap_or_else(PoisonError::into_inner));
    let now = match (guarded, kept.is_empty()) {
        (true, true) => stand_in(py)?,
        (false, false) => {
            for kept in kept {
                give_back(py, &kept)?;
            }
            Vec::new()
        }
        _ => kept,
    };
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = now;
    Ok(())
}

fn attribute(name: &str) -> &str {
    name.strip_prefix("sys.").unwrap_or(name)
}

fn stand_in(py: Python<'_>) -> PyResult<Vec<Kept>> {
    let sys = py.import("sys")?;
    let lists = class(py, "list", &LIST)?;
    let dicts = class(py, "dict", &DICT)?;
    let mut kept = Vec::new();
    for name in NAMES {
        let before = sys.getattr(attribute(name))?;
        let class = if before.is_instance_of::<PyDict>() { &dicts } else { &lists };
        let guarded = class.call1((&before,))?;
        sys.setattr(attribute(name), &guarded)?;
        let held = guarded.cast::<PyList>().ok().map(copy_of).transpose()?;
        kept.push(Kept { name, before: before.unbind(), guarded: guarded.unbind(), held });
    }
    Ok(kept)
}

fn copy_of(list: &Bound<'_, PyList>) -> PyResult<Py<PyList>> {
    list.get_slice(0, list.len()).cast_into::<PyList>().map(Bound::unbind).map_err(Into::into)
}

/// Deny what was done behind the gates' back, with `list.append(sys.path, ...)` or by another
/// list in their place, and put back what was there. Asked before every import.
pub fn verify(py: Python<'_>) -> PyResult<()> {
    let active = scope::active();
    let is_enforced =
        active.as_ref().is_some_and(|active| active.enforces(Capability::Interpreter));
    let mut changed = None;
    {
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        for kept in kept.iter() {
            let Some(held) = &kept.held else { continue };
            let (held, guarded) = (held.bind(py), kept.guarded.bind(py).cast::<PyList>()?);
            let is_same = held.len() == guarded.len()
                && held.iter().zip(guarded.iter()).all(|(held, now)| held.is(&now));
            if !is_same {
                let _own = OwnWork::begin();
                if is_enforced {
                    guarded.set_slice(0, guarded.len(), held.as_any())?;
                } else {
                    held.set_slice(0, held.len(), guarded.as_any())?;
                }
                changed = Some(kept.name);
            }
        }
    }
    changed.map_or(Ok(()), |name| judge(py, name))
}

fn give_back(py: Python<'_>, kept: &Kept) -> PyResult<()> {
    let (before, guarded) = (kept.before.bind(py), kept.guarded.bind(py));
    // What the import system itself added stays.
    if let (Ok(before), Ok(guarded)) = (before.cast::<PyDict>(), guarded.cast::<PyDict>()) {
        before.clear();
        before.update(guarded.as_mapping())?;
    } else if let (Ok(before), Ok(guarded)) = (before.cast::<PyList>(), guarded.cast::<PyList>()) {
        before.set_slice(0, before.len(), guarded.as_any())?;
    }
    py.import("sys")?.setattr(attribute(kept.name), before)
}

/// A subclass of a built-in type whose changing methods are gates.
fn class<'py>(py: Python<'py>, base: &str, methods: &[&str]) -> PyResult<Bound<'py, PyAny>> {
    let builtins = py.import("builtins")?;
    let gate = PyCFunction::new_closure(py, None, None, |args, _keywords| {
        change(args).map(Bound::unbind)
    })?;
    let mut source = format!("class {base}({base}):\n __slots__ = ()\n");
    for method in methods {
        // Writing to a `String` cannot fail.
        let _ = write!(
            source,
            " def {method}(self, *args, **keywords):\n  gate = 'hermetic: gate'\n  return \
             gate(self, '{base}', '{method}', args, keywords)\n"
        );
    }
    let code = builtins.call_method1("compile", (source, "<hermetic>", "exec", 0, true))?;
    let names = PyDict::new(py);
    names.set_item("__name__", "builtins")?;
    names.set_item("__builtins__", &builtins)?;
    builtins.call_method1("exec", (fill(&code, gate.as_any())?, &names))?;
    names.as_any().get_item(base)
}

/// Change a guarded list or dictionary, if that is the import system's own doing.
fn change<'py>(args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    let py = args.py();
    let receiver = args.get_item(0)?;
    let name = {
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|kept| kept.guarded.is(&receiver)).map(|kept| kept.name)
    };
    if let Some(name) = name
        && !is_import_system(py)
    {
        judge(py, name)?;
    }
    let base = py.import("builtins")?.getattr(args.get_item(1)?.extract::<String>()?.as_str())?;
    let method = base.getattr(args.get_item(2)?.extract::<String>()?.as_str())?;
    let positional = args.get_item(3)?.cast_into::<PyTuple>()?;
    let mut passed = vec![receiver];
    passed.extend(positional.iter());
    let keywords = args.get_item(4)?.cast_into::<PyDict>()?;
    let result = method.call(PyTuple::new(py, passed)?, Some(&keywords))?;
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = kept.iter_mut().find(|kept| Some(kept.name) == name)
        && let Ok(list) = kept.guarded.bind(py).cast::<PyList>()
    {
        kept.held = Some(copy_of(list)?);
    }
    Ok(result)
}

fn judge(py: Python<'_>, name: &'static str) -> PyResult<()> {
    let active = scope::active();
    let (Some(active), Some(rule)) = (active.as_ref(), rules::find("import-path-write")) else {
        return Ok(());
    };
    Reading { active, api: name, rules: &[rule] }
        .judge(py, Deed { verb: Some(Verb::MutateInterpreter), object: Object::Name(name.into()) })
}

/// Whether the import system, or what walks packages with it, changes its own cache.
fn is_import_system(py: Python<'_>) -> bool {
    if OwnWork::is_going_on() {
        return true;
    }
    // The innermost frame is the guarded object's method.
    let Some(code) =
        Frame::innermost(py).and_then(|frame| frame.back()).and_then(|frame| frame.code())
    else {
        // The interpreter's own C code.
        return true;
    };
    trust::is_import_system(&code)
        || trust::claimed(&code).is_some_and(|(file, name)| {
            file == "pkgutil.py" && name == "get_importer" && trust::is_genuine(&code)
        })
}
