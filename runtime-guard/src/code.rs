//! Code made from data: which `compile`, `exec` and loading is the interpreter's own.
//!
//! Importing compiles and executes; so do a handful of functions of the standard library that
//! generate code. All of them stay allowed, each for what it is for and nothing else: the import
//! system for what is on disk, `ast.parse` for a tree, `dataclasses` for the methods of a class.

use hermetic_policy::Verb;
use pyo3::prelude::*;

use crate::arguments::{EventArgs, text, value};
use crate::deed::{Deed, Object};
use crate::ffi::{self, Frame};
use crate::generated;
use crate::hook::Reading;
use crate::value::Value;
use crate::{calls, origin, trust};

/// What a function of the standard library may do with the text it makes code of.
#[derive(Clone, Copy)]
enum May {
    /// Stop at the syntax tree.
    Parse,
    /// Make the `__new__` of a named tuple.
    NamedTuple,
    /// Define functions that call these and themselves.
    Call(&'static [&'static str]),
    /// Make code that defines functions, as `dataclasses` does.
    Define,
    /// Evaluate the text of an annotation.
    Annotate,
    /// Run a program's main module, if nobody but the interpreter or hermetic asks for it.
    RunMain,
}

/// Functions of the standard library that generate code.
const LIBRARY: &[(&str, &str, May)] = &[
    ("annotationlib.py", "__forward_code__", May::Annotate),
    ("annotationlib.py", "evaluate", May::Annotate),
    ("annotationlib.py", "get_annotations", May::Annotate),
    ("ast.py", "parse", May::Parse),
    ("collections/__init__.py", "namedtuple", May::NamedTuple),
    ("dataclasses.py", "_create_fn", May::Define),
    ("dataclasses.py", "add_fns_to_class", May::Define),
    ("gettext.py", "c2py", May::Call(&["isinstance", "_as_int", "int"])),
    ("inspect.py", "get_annotations", May::Annotate),
    ("runpy.py", "_get_code_from_file", May::RunMain),
    ("runpy.py", "_run_code", May::RunMain),
    ("typing.py", "__init__", May::Annotate),
    ("typing.py", "_evaluate", May::Annotate),
    ("typing.py", "_make_forward_ref", May::Annotate),
    ("unittest/mock.py", "_set_signature", May::Call(&["_checksig_", "mock", "funcopy"])),
    ("unittest/mock.py", "_setup_func", May::Call(&["_checksig_", "mock", "funcopy"])),
];

/// Judge `compile(source, filename)` and `exec(code)`.
pub fn on_event(read: &Reading<'_>, args: &EventArgs<'_, '_>) -> PyResult<()> {
    let py = args.py();
    let frame = Frame::innermost(py).filter(|_| ffi::in_main_interpreter());
    if let Some(frame) = &frame
        && let Some(code) = frame.code()
    {
        if trust::is_import_system(&code) {
            let is_own = match read.api {
                "compile" => is_compiled_from_disk(frame, args),
                _ => is_called_by_import_system(frame, &code),
            };
            if is_own {
                return Ok(());
            }
        } else if let Some(may) = library_function(&code)
            && is_what_it_is_for(may, read.api, frame, args)
            && trust::is_genuine(&code)
        {
            return Ok(());
        }
    }
    let api = called_as(read.api);
    Reading { active: read.active, api, rules: read.rules }
        .judge(py, Deed { verb: Some(Verb::Evaluate), object: Object::Nothing })
}

/// The function that was called: `exec` is raised for `eval` too, and `compile` for their text.
fn called_as(api: &'static str) -> &'static str {
    calls::making_code().unwrap_or(api)
}

fn library_function(code: &Bound<'_, PyAny>) -> Option<May> {
    let name = origin::name_of(code)?;
    // The name first: it is short, and settles nearly every case.
    if !LIBRARY.iter().any(|(_, function, _)| *function == name) {
        return None;
    }
    let (file, _) = trust::claimed(code)?;
    LIBRARY
        .iter()
        .find(|(own_file, function, _)| *own_file == file && *function == name)
        .map(|(_, _, may)| *may)
}

fn is_what_it_is_for(may: May, api: &str, frame: &Frame<'_>, args: &EventArgs<'_, '_>) -> bool {
    let source = || match args.object(0).map(value) {
        Some(Value::Text(source)) => Some(source.into_owned()),
        Some(Value::Bytes(source)) => Some(String::from_utf8_lossy(&source).into_owned()),
        _ => None,
    };
    match may {
        May::RunMain => is_main_run(frame),
        May::Parse => api == "compile",
        // What they run is what they were let compile, or code that was there before.
        _ if api != "compile" => true,
        May::NamedTuple => source().is_some_and(|source| generated::is_namedtuple(&source)),
        May::Call(calls) => source().is_some_and(|source| generated::only_calls(&source, calls)),
        May::Define => source().is_some_and(|source| generated::only_defines(&source)),
        May::Annotate => source().is_some_and(|source| generated::is_annotation(&source)),
    }
}

/// Whether `runpy` was called by the interpreter itself or by hermetic's command line.
fn is_main_run(frame: &Frame<'_>) -> bool {
    let mut above = frame.back();
    while let Some(current) = above {
        let Some(code) = current.code() else { return false };
        let is_runner = trust::is_import_system(&code)
            || trust::claimed(&code).is_some_and(|(file, _)| file == "runpy.py");
        if !is_runner {
            return origin::file_of(&code).is_some_and(|file| {
                origin::folders().is_some_and(|folders| {
                    let own = |name: &str| file == format!("{}{name}", folders.package);
                    (own("cli.py") || own("__main__.py")) && trust::is_genuine(&code)
                })
            });
        }
        if !trust::is_import_system(&code) && !trust::is_genuine(&code) {
            return false;
        }
        above = current.back();
    }
    true
}

/// Whether the import system compiles what is on disk under the name it gives.
fn is_compiled_from_disk(frame: &Frame<'_>, args: &EventArgs<'_, '_>) -> bool {
    let (Some(source), Some(path)) = (args.object(0).map(value), args.object(1).and_then(text))
    else {
        return false;
    };
    let source = match &source {
        Value::Bytes(source) => source.as_ref(),
        Value::Text(source) => source.as_bytes(),
        _ => return false,
    };
    if is_zip_import(frame) {
        return true;
    }
    is_plainly_encoded(source) && std::fs::read(&*path).is_ok_and(|on_disk| on_disk == source)
}

/// Whether source is in an encoding CPython decodes by itself (`Parser/tokenizer`,
/// `get_normal_name`): any other runs Python code, which may make another text of it.
fn is_plainly_encoded(source: &[u8]) -> bool {
    source.split(|byte| *byte == b'\n').take(2).all(|line| {
        let line = String::from_utf8_lossy(line);
        let Some((comment, rest)) = line.split_once("coding") else { return true };
        if !comment.trim_start_matches('\u{feff}').trim_start().starts_with('#') {
            return true;
        }
        let Some(rest) = rest.strip_prefix([':', '=']) else { return true };
        let name: String = rest
            .trim_start_matches([' ', '\t'])
            .chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
            .collect();
        let name = name.to_lowercase().replace('_', "-");
        ["utf-8", "utf8", "latin-1", "iso-8859-1", "iso-latin-1", "ascii", "us-ascii"]
            .contains(&name.as_str())
    })
}

/// Whether `zipimport` reads a module out of an archive.
fn is_zip_import(frame: &Frame<'_>) -> bool {
    let from = ["_compile_source", "_unmarshal_code"];
    let above = frame.back();
    trust::importing(frame).is_some_and(|name| from.contains(&name.as_str()))
        && above.as_ref().and_then(trust::importing).is_some_and(|name| name == "_get_module_code")
}

/// Whether the import system runs a module, and not a program by its means.
fn is_called_by_import_system(frame: &Frame<'_>, code: &Bound<'_, PyAny>) -> bool {
    origin::name_of(code).is_some_and(|name| {
        name != "_call_with_frames_removed"
            || frame.back().as_ref().and_then(trust::importing).is_some()
    })
}

/// Judge `marshal.load`, `marshal.loads` and `pickle.find_class`.
pub fn on_loading(read: &Reading<'_>, args: &EventArgs<'_, '_>) -> PyResult<()> {
    let py = args.py();
    if read.api == "marshal.loads"
        && ffi::in_main_interpreter()
        && let Some(frame) = Frame::innermost(py)
        && (is_zip_import(&frame)
            || is_frozen(&frame)
            || is_bytecode_from_disk(&frame, args).unwrap_or(false))
    {
        return Ok(());
    }
    read.judge(py, Deed { verb: Some(Verb::Deserialise), object: Object::Nothing })
}

/// Whether the import system takes a module that is part of the interpreter (`get_frozen_object`,
/// which unmarshals it, CPython `Python/import.c`).
fn is_frozen(frame: &Frame<'_>) -> bool {
    let is_loader = |name: Option<String>| {
        name.is_some_and(|name| matches!(name.as_str(), "exec_module" | "get_code"))
    };
    match trust::importing(frame).as_deref() {
        Some("_call_with_frames_removed") => {
            is_loader(frame.back().as_ref().and_then(trust::importing))
        }
        name => is_loader(name.map(str::to_owned)),
    }
}

/// Whether the import system reads a `.pyc` file as it is on disk.
fn is_bytecode_from_disk(frame: &Frame<'_>, args: &EventArgs<'_, '_>) -> Option<bool> {
    if trust::importing(frame)? != "_compile_bytecode" {
        return Some(false);
    }
    let above = frame.back()?;
    if trust::importing(&above)? != "get_code" {
        return Some(false);
    }
    let locals = above.object().getattr("f_locals").ok()?;
    let path = ["bytecode_path", "path"]
        .iter()
        .find_map(|name| locals.get_item(name).ok().filter(|path| !path.is_none()))?;
    let on_disk = std::fs::read(&*text(&path)?).ok()?;
    // The loader skips a header of 16 bytes (PEP 552).
    let data = args.object(0)?;
    let given = match value(data) {
        Value::Bytes(bytes) => bytes.into_owned(),
        // A `memoryview`, as the loader makes one.
        _ => data.call_method0("tobytes").ok()?.extract::<Vec<u8>>().ok()?,
    };
    Some(on_disk.get(16..)? == given.as_slice())
}
