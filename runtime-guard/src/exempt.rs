//! What the interpreter does for itself, and is let.

use std::path::Path;

use hermetic_policy::Verb;
use hermetic_policy::pattern::path;
use pyo3::exceptions::PyPermissionError;
use pyo3::prelude::*;

use crate::deed::{Object, PathObject, PathPlace};
use crate::ffi::{self, Frame};
use crate::hook::Reading;
use crate::{origin, resolve, trust};

/// Whether the act is the interpreter's own. An error other than a violation may be raised: the
/// import system goes on without a `.pyc` file only after an `OSError`.
pub fn is_exempt(
    py: Python<'_>,
    reading: &Reading<'_>,
    verb: Verb,
    object: &Object<'_>,
) -> PyResult<bool> {
    let Object::Path(path) = object else { return Ok(false) };
    if !ffi::in_main_interpreter() {
        return Ok(false);
    }
    if verb == Verb::ReadFile && is_no_file(path) {
        return Err(PyPermissionError::new_err("hermetic: this names no file"));
    }
    if matches!(verb, Verb::ReadFile | Verb::ListDirectory) && is_public(verb, path) {
        return Ok(true);
    }
    let is_look = LOOKS.contains(&reading.api);
    if is_look && is_on_the_way(reading, path) {
        return Ok(true);
    }
    let Some(frame) = Frame::innermost(py) else { return Ok(false) };
    let Some(name) = trust::importing(&frame) else {
        if (is_look || verb == Verb::ListDirectory) && is_optional(&frame) {
            return Err(PyPermissionError::new_err("hermetic: this is outside the root"));
        }
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

/// What the system tells every program: the time zone database (CPython's default of
/// `zoneinfo.TZPATH`), which the C library reads without a sign, and how many processors its group
/// may use (cgroups(7)), as `os.cpu_count` tells how many there are.
const TOLD_TO_ALL: [&str; 9] = [
    "/usr/share/zoneinfo",
    "/usr/lib/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/etc/zoneinfo",
    "/sys/fs/cgroup/cpu.max",
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
    "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us",
];

/// Whether a path is known to whoever may import: a folder of distributions, to list, what
/// describes one there, by which `importlib.metadata` finds versions and entry points, an archive
/// of modules, what the system tells everybody.
fn is_public(verb: Verb, path: &PathObject<'_>) -> bool {
    let (Some(path), Some(folders)) = (resolve::real_path(path), origin::folders()) else {
        return false;
    };
    let holds = |folder: &String| {
        let folder = Path::new(folder);
        let Ok(below) = Path::new(&path).strip_prefix(folder) else { return false };
        let is_named = |name: &str| folder.file_name().is_some_and(|last| last == name);
        match below.components().next() {
            // Opening a folder as an archive fails by itself.
            None => {
                verb == Verb::ReadFile || is_named("site-packages") || is_named("dist-packages")
            }
            Some(first) => {
                let end = Path::new(first.as_os_str()).extension();
                end.is_some_and(|end| end == "dist-info" || end == "egg-info")
            }
        }
    };
    TOLD_TO_ALL.iter().any(|folder| path::contains(folder, &path))
        || folders.imports.iter().any(holds)
}

/// Functions that say whether a file is there and of what kind, but nothing of what is in it.
const LOOKS: [&str; 8] = [
    "posix.stat",
    "posix.lstat",
    "posix.access",
    "posix.readlink",
    "nt.stat",
    "nt.lstat",
    "nt.access",
    "nt.readlink",
];

/// Whether a path leads to what may be read or imported or to the interpreter, or may be imported
/// itself. Packages look for their own files, and `os.path.realpath` looks at every folder above
/// one (of the interpreter's, at the import of `sysconfig`).
fn is_on_the_way(reading: &Reading<'_>, path: &PathObject<'_>) -> bool {
    let Some(path) = resolve::real_path(path) else { return false };
    let leads_to = |end: &str| path::contains(&path, end);
    let is_known = origin::folders().is_some_and(|folders| {
        folders.imports.iter().any(|folder| path::contains(folder, &path) || leads_to(folder))
            || folders.ways.iter().chain(&folders.programs).any(|end| leads_to(end))
    });
    is_known || reading.active.roots().chain(reading.active.writable()).any(leads_to)
}

/// Whether the standard library looks for a file of the system that it does without: translations
/// of messages, types of files, a source tree it was built in, distributions beside
/// modules (CPython `Lib/gettext.py`, `Lib/mimetypes.py`, `Lib/sysconfig`, `Lib/importlib/metadata`).
/// To these it is missing, so that every parser of arguments and every server of files works under
/// a root.
fn is_optional(frame: &Frame<'_>) -> bool {
    let Some(code) = frame.code() else { return false };
    let is_question = trust::claimed(&code).is_some_and(|(file, _)| file == "genericpath.py");
    let asking = if is_question { frame.back().and_then(|frame| frame.code()) } else { Some(code) };
    asking.is_some_and(|code| {
        let is_claimed = trust::claimed(&code).is_some_and(|(file, name)| {
            matches!(
                (file.as_str(), name.as_str()),
                ("gettext.py", "find")
                    | ("mimetypes.py", "init")
                    | ("sysconfig.py" | "sysconfig/__init__.py", "is_python_build")
                    | ("sysconfig.py", "_is_python_source_dir")
                    | ("importlib/metadata.py" | "importlib/metadata/__init__.py", "children")
            )
        });
        is_claimed && trust::is_genuine(&code)
    })
}
