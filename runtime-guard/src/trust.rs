//! Code of the interpreter's own that may do what programs may not.
//!
//! A frame says which file its code is from, but anybody can compile code that claims to be from
//! `dataclasses.py`. So the import system is known by the identity of its code objects, taken when
//! the guard is installed, and a function of the standard library by comparison with the file it
//! claims to be from: code objects are equal only if their instructions, constants and names are
//! (CPython `Objects/codeobject.c`, `code_richcompare`).

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};

use crate::arguments::text;
use crate::ffi::{self, Frame, OwnWork};
use crate::origin;

/// Modules that make up the import system.
const IMPORT_SYSTEM: [&str; 3] = ["_frozen_importlib", "_frozen_importlib_external", "zipimport"];

/// Code objects by address, kept alive so that no other takes the address.
type Known = BTreeMap<usize, Py<PyAny>>;

static IMPORTING: OnceLock<Known> = OnceLock::new();
static VERIFIED: Mutex<Known> = Mutex::new(BTreeMap::new());

/// Functions by which the code of a module is read, taken before a program could exchange them.
struct Readers {
    frozen: Py<PyAny>,
    cached_path: Py<PyAny>,
    loads: Py<PyAny>,
    compile: Py<PyAny>,
}

static READERS: OnceLock<Readers> = OnceLock::new();

/// Take the import system's code objects.
pub fn learn(py: Python<'_>) -> PyResult<()> {
    if IMPORTING.get().is_some() {
        return Ok(());
    }
    let take = |module: &str, name: &str| PyResult::Ok(py.import(module)?.getattr(name)?.unbind());
    let _ = READERS.set(Readers {
        frozen: take("_imp", "get_frozen_object")?,
        cached_path: take("_frozen_importlib_external", "cache_from_source")?,
        loads: take("marshal", "loads")?,
        compile: take("builtins", "compile")?,
    });
    let mut known = Known::new();
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    for name in IMPORT_SYSTEM {
        if let Some(module) = modules.get_item(name)? {
            for value in module.getattr("__dict__")?.cast_into::<PyDict>()?.values() {
                if let Ok(class) = value.cast::<PyType>() {
                    // `mappingproxy` has no C accessor in the stable ABI; `vars` of it iterates.
                    for value in class.getattr("__dict__")?.call_method0("values")?.try_iter()? {
                        add_function(&mut known, &value?)?;
                    }
                } else {
                    add_function(&mut known, &value)?;
                }
            }
        }
    }
    let _ = IMPORTING.set(known);
    Ok(())
}

fn add_function(known: &mut Known, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let kind = value.get_type();
    let kind = kind.name()?;
    let function = match text(kind.as_any()).as_deref() {
        Some("function") => value.clone(),
        Some("classmethod" | "staticmethod") => value.getattr("__func__")?,
        Some("property") => value.getattr("fget")?,
        _ => return Ok(()),
    };
    if let Ok(code) = function.getattr("__code__") {
        add_code(known, &code)?;
    }
    Ok(())
}

fn add_code(known: &mut Known, code: &Bound<'_, PyAny>) -> PyResult<()> {
    known.insert(code.as_ptr() as usize, code.clone().unbind());
    for constant in code.getattr("co_consts")?.cast_into::<PyTuple>()? {
        if is_code(&constant) {
            add_code(known, &constant)?;
        }
    }
    Ok(())
}

fn is_code(object: &Bound<'_, PyAny>) -> bool {
    object.get_type().name().is_ok_and(|name| name == "code")
}

/// Whether this is a code object of the import system.
pub fn is_import_system(code: &Bound<'_, PyAny>) -> bool {
    IMPORTING.get().is_some_and(|known| known.contains_key(&(code.as_ptr() as usize)))
}

/// Code objects of the gates before the import system.
static GATES: Mutex<Known> = Mutex::new(BTreeMap::new());

/// Take the code of a gate for the guard's own.
pub fn add_gate(code: &Bound<'_, PyAny>) {
    GATES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(code.as_ptr() as usize, code.clone().unbind());
}

fn is_gate(code: &Bound<'_, PyAny>) -> bool {
    GATES.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&(code.as_ptr() as usize))
}

/// Whether a module of the standard library imports something for itself, while it is loaded.
pub fn imports_for_itself(py: Python<'_>) -> bool {
    let mut frame = Frame::innermost(py).filter(|_| ffi::in_main_interpreter());
    while let Some(current) = frame {
        let Some(code) = current.code() else { return false };
        if !is_import_system(&code) && !is_gate(&code) {
            return claimed(&code).is_some_and(|(file, name)| {
                name == "<module>"
                    && !file.starts_with("site-packages")
                    && !file.starts_with("dist-packages")
            }) && is_genuine(&code);
        }
        frame = current.back();
    }
    false
}

/// The function of the import system that a frame runs.
pub(crate) fn importing(frame: &Frame<'_>) -> Option<String> {
    let code = frame.code()?;
    if is_import_system(&code) { origin::name_of(&code) } else { None }
}

/// The file of the standard library, relative to its folder, and the function a code object
/// claims to be: `dataclasses.py`, `_create_fn`. The claim is not checked.
pub fn claimed(code: &Bound<'_, PyAny>) -> Option<(String, String)> {
    let file = origin::file_of(code)?;
    let relative = match file.strip_prefix("<frozen ").and_then(|name| name.strip_suffix('>')) {
        Some(module) => format!("{}.py", module.replace('.', "/")),
        None => file.strip_prefix(&origin::folders()?.library)?.replace('\\', "/"),
    };
    Some((relative, origin::name_of(code)?))
}

/// Whether a code object is what it [claims](claimed) to be.
pub fn is_genuine(code: &Bound<'_, PyAny>) -> bool {
    let address = code.as_ptr() as usize;
    let is_known = VERIFIED.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&address);
    if is_known {
        return true;
    }
    let _own = OwnWork::begin();
    let is_genuine = compare(code).unwrap_or(false);
    if is_genuine {
        VERIFIED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(address, code.clone().unbind());
    }
    is_genuine
}

/// Compare a code object with those of the same name in the file it claims to be from.
fn compare(code: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = code.py();
    let (Some(file), Some(readers)) = (origin::file_of(code), READERS.get()) else {
        return Ok(false);
    };
    let whole = match file.strip_prefix("<frozen ").and_then(|name| name.strip_suffix('>')) {
        Some(module) => readers.frozen.bind(py).call1((module,))?,
        None => library_module(py, readers, &file)?,
    };
    find_equal(&whole, code)
}

/// The code of a module of the standard library, from its `.pyc` or its source.
fn library_module<'py>(
    py: Python<'py>,
    readers: &Readers,
    file: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let cached =
        readers.cached_path.bind(py).call1((file,)).and_then(|path| path.extract::<String>());
    if let Ok(bytes) = cached.map(std::fs::read)
        && let Ok(bytes) = bytes
        // What comes before is a header (PEP 552).
        && let Some(body) = bytes.get(16..)
        && let Ok(code) = readers.loads.bind(py).call1((PyBytes::new(py, body),))
        && is_code(&code)
    {
        return Ok(code);
    }
    let source = std::fs::read(file)?;
    readers.compile.bind(py).call1((PyBytes::new(py, &source), file, "exec", 0, true))
}

fn find_equal(whole: &Bound<'_, PyAny>, wanted: &Bound<'_, PyAny>) -> PyResult<bool> {
    if whole.eq(wanted)? {
        return Ok(true);
    }
    for constant in whole.getattr("co_consts")?.cast_into::<PyTuple>()? {
        if is_code(&constant) && find_equal(&constant, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}
