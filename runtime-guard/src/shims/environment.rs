//! `os.environ`, in every face it has.

use std::sync::{Mutex, PoisonError};

use hermetic_policy::{Capability, Verb, rules};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::swap::{Call, Gate, Swapped, swap};
use crate::arguments::text;
use crate::deed::{Deed, Object};
use crate::ffi::{self, Frame, OwnWork};
use crate::hook::Reading;
use crate::{scope, slots, trust};

/// What is kept while the environment is guarded.
struct Kept {
    /// `os.environ` and `os.environb`.
    mappings: Vec<Py<PyAny>>,
    /// The dictionaries below them, emptied, with what was in them.
    tables: Vec<(Py<PyDict>, Py<PyDict>)>,
    swapped: Vec<Swapped>,
    /// Whether the dictionaries are empty; where policies only watch, they are not.
    is_empty: bool,
}

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// Guard the environment, or give it back. What is guarded and not enforced is only watched.
pub fn apply(py: Python<'_>, guarded: bool, enforced: bool) -> PyResult<()> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).take();
    let now = match (guarded, kept) {
        (true, None) => Some(close(py, enforced)?),
        (true, Some(kept)) if kept.is_empty != enforced => {
            open(py, kept)?;
            Some(close(py, enforced)?)
        }
        (false, Some(kept)) => {
            open(py, kept)?;
            None
        }
        (_, kept) => kept,
    };
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = now;
    Ok(())
}

fn close(py: Python<'_>, enforced: bool) -> PyResult<Kept> {
    if enforced && ffi::has_other_interpreters() {
        slots::less(
            py,
            "the environment",
            "another interpreter was made before, and has an environment of its own",
        )?;
    }
    let os = py.import("os")?;
    let mut kept =
        Kept { mappings: Vec::new(), tables: Vec::new(), swapped: Vec::new(), is_empty: enforced };
    for name in ["environ", "environb"] {
        if let Ok(mapping) = os.getattr(name) {
            kept.mappings.push(mapping.unbind());
        }
    }
    let mut tables: Vec<Bound<'_, PyDict>> = Vec::new();
    let native = if cfg!(windows) { "nt" } else { "posix" };
    let below = kept.mappings.iter().map(|mapping| mapping.bind(py).getattr("_data"));
    for table in below.chain([py.import(native)?.getattr("environ")]) {
        if let Some(table) = table.ok().and_then(|table| table.cast_into::<PyDict>().ok())
            && !tables.iter().any(|known| known.is(&table))
        {
            tables.push(table);
        }
    }
    let class = os.getattr("_Environ")?;
    let file = os.getattr("__file__").ok();
    let file = file.as_ref().and_then(text).unwrap_or_default();
    for (name, gate) in [
        ("__getitem__", get_item as Gate),
        ("__iter__", whole as Gate),
        ("__len__", whole as Gate),
        ("__repr__", whole as Gate),
    ] {
        kept.swapped.push(swap(&class.getattr(name)?, &file, gate)?);
    }
    for table in tables.into_iter().filter(|_| enforced) {
        let copy = table.copy()?;
        table.clear();
        kept.tables.push((table.unbind(), copy.unbind()));
    }
    Ok(kept)
}

fn open(py: Python<'_>, kept: Kept) -> PyResult<()> {
    for (table, copy) in kept.tables {
        let table = table.bind(py);
        table.clear();
        table.update(copy.bind(py).as_mapping())?;
    }
    for swapped in kept.swapped {
        swapped.restore(py)?;
    }
    Ok(())
}

fn is_the_environment(object: &Bound<'_, PyAny>) -> bool {
    KEPT.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ref()
        .is_some_and(|kept| kept.mappings.iter().any(|mapping| mapping.is(object)))
}

/// The environment itself, where an object is `os.environ` or `os.environb` while it is guarded.
pub fn real<'py>(
    py: Python<'py>,
    object: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if !is_the_environment(object) {
        return Ok(None);
    }
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let table = kept.as_ref().and_then(|kept| kept.tables.first());
    table.map(|(_, copy)| Ok(copy.bind(py).copy()?.into_any())).transpose()
}

/// Judge a second copy of `posix`, which takes the environment from the process again.
pub fn on_second_copy(py: Python<'_>, module: &Bound<'_, PyAny>) -> PyResult<()> {
    let is_guarded = KEPT.lock().unwrap_or_else(PoisonError::into_inner).is_some();
    if is_guarded && let Ok(table) = module.getattr("environ") {
        if let Ok(table) = table.cast::<PyDict>() {
            table.clear();
        }
        return judge(py, None);
    }
    Ok(())
}

fn judge(py: Python<'_>, key: Option<String>) -> PyResult<()> {
    let active = scope::active();
    let Some(active) = active.as_ref().filter(|active| active.guards(Capability::Environment))
    else {
        return Ok(());
    };
    let Some(rule) = rules::find("environment-read") else { return Ok(()) };
    let object = key.map_or(Object::Nothing, |key| Object::Name(key.into()));
    Reading { active, api: "os.environ", rules: &[rule] }
        .judge(py, Deed { verb: Some(Verb::ReadEnvironment), object })
}

fn whole<'py>(call: &Call<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    if call.first("self").is_some_and(|mapping| is_the_environment(&mapping)) {
        judge(call.py(), None)?;
    }
    call.go_on()
}

fn get_item<'py>(call: &Call<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = call.py();
    let (Ok(mapping), Ok(key)) = (call.args.get_item(0), call.args.get_item(1)) else {
        return call.go_on();
    };
    if !is_the_environment(&mapping) {
        return call.go_on();
    }
    if !is_for_the_interpreter(py) {
        judge(py, text(&key).map(std::borrow::Cow::into_owned))?;
    }
    let is_empty =
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|k| k.is_empty);
    if !is_empty {
        return call.go_on();
    }
    // Let: the table below is empty, so the kept one is asked.
    let _own = OwnWork::begin();
    let encoded = mapping.getattr("encodekey")?.call1((&key,))?;
    let value = {
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref().and_then(|kept| kept.tables.first()) {
            Some((_, copy)) => copy.bind(py).get_item(encoded)?,
            None => None,
        }
    };
    match value {
        Some(value) => mapping.getattr("decodevalue")?.call1((value,)),
        None => Err(PyKeyError::new_err(key.unbind())),
    }
}

/// Functions of the standard library that look a variable up for themselves and keep it from
/// their callers, or only follow from it where temporary files go.
const FOR_ITSELF: [(&str, &str); 4] = [
    ("os.py", "_execvpe"),
    ("subprocess.py", "_execute_child"),
    // When it is imported, since 3.14.
    ("subprocess.py", "_use_posix_spawn"),
    ("tempfile.py", "_candidate_tempdir_list"),
];

/// Functions between the mapping and who asks.
const BETWEEN: [(&str, &str); 3] =
    [("_collections_abc.py", "get"), ("os.py", "getenv"), ("os.py", "get_exec_path")];

fn is_for_the_interpreter(py: Python<'_>) -> bool {
    if !ffi::in_main_interpreter() {
        return false;
    }
    // The innermost frame is the mapping's own.
    let mut frame = Frame::innermost(py).and_then(|frame| frame.back());
    while let Some(current) = frame {
        let Some(code) = current.code() else { return false };
        let Some((file, name)) = trust::claimed(&code) else { return false };
        let is_in = |list: &[(&str, &str)]| list.contains(&(file.as_str(), name.as_str()));
        if is_in(&FOR_ITSELF) {
            return trust::is_genuine(&code);
        }
        if !is_in(&BETWEEN) || !trust::is_genuine(&code) {
            return false;
        }
        frame = current.back();
    }
    false
}
