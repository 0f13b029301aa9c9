//! What the interpreter does for itself, and is let.

use std::path::Path;

use hermetic_policy::Verb;
use hermetic_policy::pattern::path;
use pyo3::exceptions::PyPermissionError;
use pyo3::prelude::*;

use crate::deed::{Object, PathObject, PathPlace};
use crate::ffi::{self, Frame};
use crate::{origin, resolve, trust};

/// Whether the act is the interpreter's own. An error other than a violation may be raised: the
/// import system goes on without a `.pyc` file only after an `OSError`.
pub fn is_exempt(py: Python<'_>, verb: Verb, object: &Object<'_>) -> PyResult<bool> {
    let Object::Path(path) = object else { return Ok(false) };
    if !ffi::in_main_interpreter() {
        return Ok(false);
    }
    if verb == Verb::ReadFile && is_no_file(path) {
        return Err(PyPermissionError::new_err("hermetic: this names no file"));
    }
    let Some(frame) = Frame::innermost(py) else { return Ok(false) };
    let Some(name) = trust::importing(&frame) else {
        let is_lines = verb == Verb::ReadFile && shows_lines(&frame);
        return if is_lines { may_show(path) } else { Ok(false) };
    };
    match verb {
        Verb::ReadFile | Verb::ListDirectory => {
            Ok(resolve::real_path(path).is_some_and(|path| is_importable(&path)))
        }
        // `SourceFileLoader.set_data` (CPython `Lib/importlib/_bootstrap_external.py`).
        Verb::WriteFile if name == "_write_atomic" || name == "set_data" => {
            Err(PyPermissionError::new_err("hermetic: no .pyc file is written"))
        }
        _ => Ok(false),
    }
}

/// Whether a name stands for code that is in no file: `<string>`, `<unknown>`. CPython asks for its
/// lines all the same where it makes a `SyntaxError` (`Python/errors.c`, `PyErr_ProgramText`).
fn is_no_file(path: &PathObject<'_>) -> bool {
    matches!(&path.place, PathPlace::Text(text) if text.starts_with('<') && text.ends_with('>'))
}

/// Whether this is the null device by its own name: what is written there changes nothing. Nobody
/// who may not change the system's devices can put another file in its place meanwhile.
pub fn is_null_device(object: &Object<'_>) -> bool {
    let Object::Path(path) = object else { return false };
    matches!(&path.place, PathPlace::Text(text) if text == "/dev/null")
        && ffi::system::is_null_device(Path::new("/dev/null"))
}

/// Whether a path is in a folder that imports are looked up in.
fn is_importable(path: &str) -> bool {
    origin::folders()
        .is_some_and(|folders| folders.imports.iter().any(|folder| path::contains(folder, path)))
}

/// Whoever formats a traceback or a warning asks for the lines of source files, and takes an
/// `OSError` for their absence. What can be imported can be shown; a file that is no source is
/// an attempt like any other.
fn may_show(path: &PathObject<'_>) -> PyResult<bool> {
    match resolve::real_path(path) {
        Some(path) if Path::new(&path).extension().is_none_or(|end| end != "py") => Ok(false),
        Some(path) if is_importable(&path) => Ok(true),
        _ => Err(PyPermissionError::new_err("hermetic: the source is outside the root")),
    }
}

/// Whether a frame reads source files to show lines of them (CPython `Lib/linecache.py`).
fn shows_lines(frame: &Frame<'_>) -> bool {
    let Some(code) = frame.code() else { return false };
    let is_claimed = trust::claimed(&code).is_some_and(|(file, name)| {
        matches!(
            (file.as_str(), name.as_str()),
            ("linecache.py", "updatecache" | "checkcache") | ("tokenize.py", "open")
        )
    });
    is_claimed && trust::is_genuine(&code)
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
