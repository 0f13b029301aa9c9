//! What the interpreter does for itself, and is let.

use hermetic_policy::Verb;
use pyo3::exceptions::PyPermissionError;
use pyo3::prelude::*;

use crate::deed::Object;
use crate::ffi::{self, Frame};
use crate::{origin, resolve};

/// Whether the act is the interpreter's own. An error other than a violation may be raised: the
/// import system goes on without a `.pyc` file only after an `OSError`.
pub fn is_exempt(
    py: Python<'_>,
    _api: &'static str,
    verb: Verb,
    object: &Object<'_>,
) -> PyResult<bool> {
    let Object::Path(path) = object else { return Ok(false) };
    if !ffi::in_main_interpreter() {
        return Ok(false);
    }
    let Some(name) = importing(py) else { return Ok(false) };
    match verb {
        Verb::ReadFile | Verb::ListDirectory => {
            let Some(path) = resolve::real_path(path) else { return Ok(false) };
            Ok(origin::folders().is_some_and(|folders| {
                folders
                    .imports
                    .iter()
                    .any(|folder| hermetic_policy::pattern::path::contains(folder, &path))
            }))
        }
        Verb::WriteFile if name == "_write_atomic" || name == "set_data" => {
            Err(PyPermissionError::new_err("hermetic: no .pyc file is written"))
        }
        _ => Ok(false),
    }
}

/// The function of the import system that runs innermost.
fn importing(py: Python<'_>) -> Option<String> {
    let code = Frame::innermost(py)?.code()?;
    let file = origin::file_of(&code)?;
    matches!(
        file.as_str(),
        "<frozen importlib._bootstrap_external>"
            | "<frozen importlib._bootstrap>"
            | "<frozen zipimport>"
    )
    .then(|| origin::name_of(&code))
    .flatten()
}

/// Whether the innermost frame makes code objects as part of the standard library's work.
pub fn may_make_code(py: Python<'_>) -> bool {
    let Some(code) = Frame::innermost(py).and_then(|frame| frame.code()) else { return false };
    // `types.coroutine` marks a generator's code (CPython `Lib/types.py`).
    origin::name_of(&code).is_some_and(|name| name == "coroutine")
        && origin::file_of(&code)
            .is_some_and(|file| origin::is_library_file(&file) && file.ends_with("types.py"))
}
