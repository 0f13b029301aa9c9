//! What the interpreter does for itself, and is let.

use hermetic_policy::Verb;
use hermetic_policy::pattern::path;
use pyo3::exceptions::PyPermissionError;
use pyo3::prelude::*;

use crate::deed::Object;
use crate::ffi::{self, Frame};
use crate::{origin, resolve, trust};

/// Whether the act is the interpreter's own. An error other than a violation may be raised: the
/// import system goes on without a `.pyc` file only after an `OSError`.
pub fn is_exempt(py: Python<'_>, verb: Verb, object: &Object<'_>) -> PyResult<bool> {
    let Object::Path(path) = object else { return Ok(false) };
    if !ffi::in_main_interpreter() {
        return Ok(false);
    }
    let Some(frame) = Frame::innermost(py) else { return Ok(false) };
    let Some(name) = trust::importing(&frame) else { return Ok(false) };
    match verb {
        Verb::ReadFile | Verb::ListDirectory => {
            let Some(path) = resolve::real_path(path) else { return Ok(false) };
            Ok(origin::folders().is_some_and(|folders| {
                folders.imports.iter().any(|folder| path::contains(folder, &path))
            }))
        }
        // `SourceFileLoader.set_data` (CPython `Lib/importlib/_bootstrap_external.py`).
        Verb::WriteFile if name == "_write_atomic" || name == "set_data" => {
            Err(PyPermissionError::new_err("hermetic: no .pyc file is written"))
        }
        _ => Ok(false),
    }
}

/// Whether the innermost frame makes code objects as part of the standard library's work.
pub fn may_make_code(py: Python<'_>) -> bool {
    if !ffi::in_main_interpreter() {
        return false;
    }
    let Some(code) = Frame::innermost(py).and_then(|frame| frame.code()) else { return false };
    // `types.coroutine` marks a generator's code (CPython `Lib/types.py`).
    trust::claimed(&code).is_some_and(|(file, name)| file == "types.py" && name == "coroutine")
        && trust::is_genuine(&code)
}
