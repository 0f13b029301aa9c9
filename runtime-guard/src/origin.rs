//! Who asks: the Python frames above an act.

use std::path::PathBuf;
use std::sync::OnceLock;

use hermetic_policy::ResolvedPath;
use pyo3::intern;
use pyo3::prelude::*;

use crate::arguments::text;
use crate::ffi::Frame;

/// A place in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as Python names it.
    pub path: String,
    /// The line, from 1.
    pub row: u32,
}

/// Where the interpreter keeps its own modules, and where the guard's package is.
#[derive(Debug)]
pub struct Folders {
    /// The standard library, with a `/` at its end.
    pub library: String,
    /// The extension modules of the standard library, with a `/` at its end.
    pub extensions: String,
    /// This package, with a `/` at its end.
    pub package: String,
    /// Folders imports were looked up in when the guard was installed, links resolved.
    pub imports: Vec<String>,
    /// The same folders as they were written: a link may be on the way to them.
    pub ways: Vec<String>,
    /// The interpreter's program, as it was started, and what links there lead to.
    pub programs: Vec<String>,
}

static FOLDERS: OnceLock<Folders> = OnceLock::new();

/// The folders, once [`learn`] has been called.
pub fn folders() -> Option<&'static Folders> {
    FOLDERS.get()
}

/// Learn where things are.
pub fn learn(py: Python<'_>) -> PyResult<()> {
    if FOLDERS.get().is_some() {
        return Ok(());
    }
    let sys = py.import("sys")?;
    let attribute = |name: &str| -> Option<String> {
        let object = sys.getattr(name).ok()?;
        Some(text(&object)?.into_owned())
    };
    let version = py.version_info();
    let library_name = format!("python{}.{}", version.major, version.minor);
    let base = attribute("base_prefix").unwrap_or_default();
    let platform = attribute("platlibdir").unwrap_or_else(|| "lib".to_owned());
    let library = attribute("_stdlib_dir").unwrap_or_else(|| {
        if cfg!(windows) { format!("{base}\\Lib") } else { format!("{base}/lib/{library_name}") }
    });
    let exec = attribute("base_exec_prefix").unwrap_or(base);
    let extensions = if cfg!(windows) {
        format!("{exec}\\DLLs")
    } else {
        format!("{exec}/{platform}/{library_name}/lib-dynload")
    };
    let (mut imports, mut ways): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut add = |path: &str| {
        let path = if path.is_empty() { "." } else { path };
        if let Some(way) = ResolvedPath::lexical(path) {
            ways.push(way.as_str().to_owned());
        }
        let path = std::path::Path::new(path);
        // Every interpreter looks into an archive that hardly one has (`lib/python311.zip`).
        let real = path
            .canonicalize()
            .ok()
            .or_else(|| Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?)));
        if let Some(real) = real {
            let real = real.to_string_lossy().into_owned();
            if real != "/" && !imports.contains(&real) {
                imports.push(real);
            }
        }
    };
    add(&library);
    add(&extensions);
    for entry in sys.getattr("path")?.try_iter()? {
        if let Some(entry) = text(&entry?) {
            add(&entry);
        }
    }
    let programs = links(attribute("executable").unwrap_or_default());
    let package = py
        .import("hermetic._native")
        .and_then(|module| module.getattr("__file__"))
        .ok()
        .and_then(|file| Some(text(&file)?.into_owned()))
        .and_then(|file| Some(file.rsplit_once(['/', '\\'])?.0.to_owned()))
        .unwrap_or_default();
    let slash = |folder: String| {
        let separator = if cfg!(windows) { '\\' } else { '/' };
        if folder.is_empty() { folder } else { format!("{folder}{separator}") }
    };
    let _ = FOLDERS.set(Folders {
        library: slash(library),
        extensions: slash(extensions),
        package: slash(package),
        imports,
        ways,
        programs,
    });
    Ok(())
}

/// A path, and what the links there lead to, one after the other.
fn links(path: String) -> Vec<String> {
    // As many as Linux follows (path_resolution(7)).
    const MOST: usize = 40;
    let mut found = Vec::new();
    let mut next = Some(path).filter(|path| !path.is_empty());
    while let Some(path) = next.take_if(|_| found.len() < MOST) {
        let path = PathBuf::from(path);
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        if let (Some(folder), Some(name)) = (folder, path.file_name()) {
            next = path.read_link().ok().map(|to| folder.join(to).to_string_lossy().into_owned());
            found.push(folder.join(name).to_string_lossy().into_owned());
        }
    }
    found
}

/// The file a code object names.
pub fn file_of(code: &Bound<'_, PyAny>) -> Option<String> {
    let name = code.getattr(intern!(code.py(), "co_filename")).ok()?;
    Some(text(&name)?.into_owned())
}

/// The name of a code object.
pub fn name_of(code: &Bound<'_, PyAny>) -> Option<String> {
    let name = code.getattr(intern!(code.py(), "co_name")).ok()?;
    Some(text(&name)?.into_owned())
}

/// Whether a file belongs to the standard library, as its name tells.
pub fn is_library_file(path: &str) -> bool {
    path.starts_with("<frozen ")
        || path == "<hermetic>"
        || folders().is_some_and(|folders| {
            path.strip_prefix(&folders.library).is_some_and(|rest| {
                !rest.starts_with("site-packages") && !rest.starts_with("dist-packages")
            })
        })
}

/// The file below this package's folder that a path names.
fn within_package(path: &str) -> Option<&str> {
    let package = &folders()?.package;
    if package.is_empty() { None } else { path.strip_prefix(package) }
}

/// Whether a file is the program's: neither the standard library's nor this package's.
pub fn is_program_file(path: &str) -> bool {
    within_package(path).is_none() && !is_library_file(path)
}

/// Where the program asks for an act: the innermost frame that is neither the standard library's
/// nor this package's, or the innermost of all.
pub fn caller(py: Python<'_>) -> Option<Caller<'_>> {
    let mut innermost = None;
    let mut frame = Frame::innermost(py);
    let mut is_innermost = true;
    while let Some(current) = frame {
        if let Some(code) = current.code()
            && let Some(path) = file_of(&code)
        {
            if within_package(&path) == Some("cli.py") {
                // What called the command line is no part of the program that it runs.
                break;
            }
            let is_program = is_program_file(&path);
            if is_program || innermost.is_none() {
                let place = Place { path, row: current.line() };
                if is_program {
                    let code = is_innermost.then_some((code, place.row));
                    return Some(Caller { place, code });
                }
                innermost = Some(place);
            }
        }
        frame = current.back();
        is_innermost = false;
    }
    innermost.map(|place| Caller { place, code: None })
}

/// Who asks for an act.
pub struct Caller<'py> {
    /// Where.
    pub place: Place,
    /// The code and the line, where the program asks without the standard library in between:
    /// the same code at the same line is then the same place.
    pub code: Option<(Bound<'py, PyAny>, u32)>,
}
