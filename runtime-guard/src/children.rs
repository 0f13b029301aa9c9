//! Children: a Python program that a guarded one starts is guarded, too.
//!
//! A fork has the guard in it. A program that is started anew has not, so the call that starts it
//! is changed: instead of `python app.py`, the child runs `python -c BOOT app.py`, and the first
//! thing it does is to load the guard and to open the policies that are open here. Nothing of it
//! hangs on the environment, on the child's options (`-I`, `-E`, `-S`) or on what is installed
//! beside it, and nothing is written anywhere. An interpreter that cannot be guarded says so and
//! ends, unless it was allowed in words.
//!
//! What is no Python is started as it is. It is noted and told: there only the kernel layer
//! reaches.

pub mod command;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hermetic_policy::PolicyOptions;
use pyo3::exceptions::PyFileNotFoundError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use self::command::{Child, Files, Started};
use crate::arguments::CallArgs;
use crate::deed::{Deed, Object};
use crate::ffi::{file_system_bytes, path_of};
use crate::hook::Reading;
use crate::scope::{self, Active};
use crate::value::{Args as _, At, Value, at};
use crate::{kernel, learned, origin};

/// What an interpreter that is not this one runs first. `{folder}` is where this package is,
/// `{command}` what is run instead where the guard does not start (or `None`), `{hint}` what is
/// said besides, `{data}` what `hermetic.cli.take_over` gets.
pub const BOOT: &str = include_str!("children/boot.template");

/// What was started from here.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many Python programs, with the guard.
    pub guarded: u64,
    /// The other programs, each once, in the order they were first started.
    pub unguarded: Vec<String>,
}

static TALLY: Mutex<Tally> = Mutex::new(Tally { guarded: 0, unguarded: Vec::new() });

/// As many programs as are remembered by name.
const MOST: usize = 100;

/// What was started since the guard was there.
pub fn tally() -> Tally {
    TALLY.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// How a call names its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Programs {
    /// Files that are tried one after the other, and the folder the child stands in.
    List(At, At),
    /// A file.
    File(At),
    /// A file, or a name that is searched for.
    Searched(At),
}

/// `ENOENT` (POSIX `errno.h`), the same everywhere.
const NO_SUCH_FILE: i32 = 2;

/// Where Linux has the files that descriptors lead to (proc(5)).
const DESCRIPTORS: &[u8] = b"/proc/self/fd/";

/// How many arguments of `fork_exec` come before those that differ by version: numbers, lists, `None`
/// and one function.
const AFTER_DESCRIPTORS: usize = 16;

const NO_FOLDER: At = at(usize::MAX);

/// The places of a call that starts a program: how it names it, and its arguments.
pub fn places(function: &str) -> Option<(Programs, At)> {
    match function {
        "_posixsubprocess.fork_exec" => Some((Programs::List(at(1), at(4)), at(0))),
        "posix.execv" | "posix.execve" | "posix.posix_spawn" => {
            Some((Programs::File(at(0)), at(1)))
        }
        "posix.posix_spawnp" => Some((Programs::Searched(at(0)), at(1))),
        _ => None,
    }
}

/// Change the arguments of a call that starts a program so that a Python program is guarded.
/// Whether they were changed.
pub fn guard<'py>(
    py: Python<'py>,
    active: &Active,
    function: &str,
    args: &mut CallArgs<'py>,
) -> PyResult<bool> {
    // Who only watches, and learns nothing from children, has nothing to hand on.
    if active.open.iter().all(|open| open.observes) && learned::journal().is_none() {
        return Ok(false);
    }
    let Some((programs, words)) = places(function) else { return Ok(false) };
    let Some(line) = args.object(words).map(items).transpose()?.flatten() else {
        return Ok(false);
    };
    let wanted = wanted(args, programs)?;
    // The call itself says that there is none.
    let Some(program) = wanted.found() else { return Ok(false) };
    let (program, line) = match command::read(&program, &line, &wanted.disk) {
        Started::Plain => (program, line),
        Started::Foreign => {
            note_unguarded(String::from_utf8_lossy(&program).into_owned());
            (program, line)
        }
        Started::Python(child) => {
            TALLY.lock().unwrap_or_else(PoisonError::into_inner).guarded += 1;
            let boot = boot(active, &child, &program, &line);
            let Child { interpreter, options, name, arguments, .. } = child;
            let mut changed = options;
            changed.extend([b"-c".to_vec(), boot.into_bytes(), name]);
            changed.extend(arguments);
            (interpreter.unwrap_or(program), changed)
        }
    };
    // What was looked at is what is started: an object may say something else the second time.
    let line = line.iter().map(|word| PyBytes::new(py, word));
    args.replace(words, PyList::new(py, line)?.into_any());
    if !(wanted.is_descriptor && program.starts_with(DESCRIPTORS)) {
        replace(py, args, programs, &program)?;
    }
    Ok(true)
}

/// Note a program that is started without the guard.
pub fn note_unguarded(name: String) {
    learned::tell_of_program(&name);
    let mut tally = TALLY.lock().unwrap_or_else(PoisonError::into_inner);
    if tally.unguarded.len() < MOST && !tally.unguarded.contains(&name) {
        tally.unguarded.push(name);
    }
}

/// Judge a call that starts a program by the file it comes to, and let it come to no other: what is
/// asked for has one answer here, whatever links, folders or the search path become meanwhile.
/// Whether its arguments were changed. A program that is not there is an `OSError`, as it would be.
pub fn settle<'py>(
    py: Python<'py>,
    reading: &Reading<'_>,
    args: &mut CallArgs<'py>,
) -> PyResult<bool> {
    let Some((programs, _)) = places(reading.api) else { return Ok(false) };
    // `preexec_fn`, whose place differs by version (CPython `Modules/_posixsubprocess.c`): Python
    // code in a fork, which no program's name allows.
    let mut behind = args.positional.iter().skip(AFTER_DESCRIPTORS);
    if matches!(programs, Programs::List(..)) && behind.any(PyAnyMethods::is_callable) {
        reading.plain(py)?;
    }
    let wanted = wanted(args, programs)?;
    let Some(program) = wanted.found() else {
        return Err(PyFileNotFoundError::new_err((
            NO_SUCH_FILE,
            "No such file or directory",
            wanted.tried.first().map(|file| String::from_utf8_lossy(file).into_owned()),
        )));
    };
    let program = settled(&wanted.disk.at(&program));
    let object = Object::Name(String::from_utf8_lossy(&program).into_owned().into());
    reading.judge(py, Deed { verb: None, object })?;
    replace(py, args, programs, &program)?;
    Ok(true)
}

/// A file by its own name in the real folder it is in. A link of its own name stays one: it is what
/// was allowed, or is not.
fn settled(file: &Path) -> Vec<u8> {
    let parts = file.parent().zip(file.file_name());
    let real = parts.and_then(|(folder, last)| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        Some(folder.canonicalize().ok()?.join(last))
    });
    name(real.as_deref().unwrap_or(file))
}

/// The file a name of `--allow-run` stands for, as the search path finds it now.
pub fn find_program(entry: &str) -> Option<String> {
    let found = if entry.contains('/') {
        PathBuf::from(entry)
    } else {
        let disk = Disk { folder: PathBuf::new() };
        path(&disk.find(entry.as_bytes())?)
    };
    String::from_utf8(settled(&found)).ok()
}

/// What a call wants to start.
struct Wanted {
    programs: Programs,
    tried: Vec<Vec<u8>>,
    disk: Disk,
    /// Whether it was named by a descriptor.
    is_descriptor: bool,
}

impl Wanted {
    /// The first of the files that is a program.
    fn found(&self) -> Option<Vec<u8>> {
        self.tried.iter().find_map(|file| match self.programs {
            Programs::Searched(_) if !file.contains(&b'/') => self.disk.find(file),
            _ => self.disk.is_program(file).then(|| file.clone()),
        })
    }
}

fn wanted(args: &CallArgs<'_>, programs: Programs) -> PyResult<Wanted> {
    let (tried, folder) = match programs {
        Programs::List(list, folder) => (args.object(list).map(items), folder),
        Programs::File(file) | Programs::Searched(file) => {
            let file = match args.value(file) {
                Value::Int(number) => Some(Ok(Some(vec![descriptor(number)]))),
                _ => args.object(file).map(|file| Ok(Some(vec![bytes(file)?]))),
            };
            (file, NO_FOLDER)
        }
    };
    let folder = match args.object(folder) {
        Some(folder) if !folder.is_none() => path(&bytes(folder)?),
        _ => PathBuf::new(),
    };
    let tried = tried.transpose()?.flatten().unwrap_or_default();
    let is_descriptor = match programs {
        Programs::List(..) => false,
        Programs::File(file) | Programs::Searched(file) => {
            matches!(args.value(file), Value::Int(_))
        }
    };
    Ok(Wanted { programs, tried, disk: Disk { folder }, is_descriptor })
}

/// Put a program in the place of the one that was named.
fn replace<'py>(
    py: Python<'py>,
    args: &mut CallArgs<'py>,
    programs: Programs,
    program: &[u8],
) -> PyResult<()> {
    let program = PyBytes::new(py, program);
    match programs {
        Programs::List(list, _) => {
            args.replace(list, PyTuple::new(py, [program])?.into_any());
        }
        Programs::File(file) | Programs::Searched(file) => {
            args.replace(file, program.into_any());
        }
    }
    Ok(())
}

/// The first program of the child, with everything in it that it needs to know.
fn boot(active: &Active, child: &Child, program: &[u8], argv: &[Vec<u8>]) -> String {
    let folder = origin::folders().map_or("", |folders| folders.package.trim_end_matches('/'));
    let is_content = active.open.iter().all(|open| open.unguarded_children);
    let command = if is_content {
        let words: Vec<String> =
            std::iter::once(program).chain(argv.iter().map(Vec::as_slice)).map(raw).collect();
        format!("[{}]", words.join(", "))
    } else {
        "None".to_owned()
    };
    fill([
        ("{folder}", literal(folder)),
        ("{command}", command),
        ("{hint}", literal("; --unguarded-children starts it without the guard")),
        ("{data}", data(active, child)),
    ])
}

/// The first program with its places filled. They stand in this order, so that what was filled in
/// is not looked at again.
fn fill(values: [(&str, String); 4]) -> String {
    let mut rest = BOOT;
    let mut filled = String::new();
    for (place, value) in values {
        let (before, behind) = rest.split_once(place).unwrap_or((rest, ""));
        filled.extend([before, &value]);
        rest = behind;
    }
    filled + rest
}

/// What the child's launcher gets, as a dictionary.
fn data(active: &Active, child: &Child) -> String {
    let enforced = active.open.iter().filter(|open| !open.observes);
    let policies: Vec<String> = enforced.map(|open| policy(&open.options)).collect();
    let learns = active.open.iter().any(|open| open.observes).then(learned::journal).flatten();
    let truth = |is_true| if is_true { "True" } else { "False" };
    let all = |has: fn(&scope::Open) -> bool| truth(active.open.iter().all(|open| has(open)));
    format!(
        "{{\"kind\": \"{}\", \"kernel\": {}, \"run\": {{\"policies\": [{}], \"trace\": {}, \
         \"sealed\": {}, \"fail_on_blocked\": False, \"best_effort\": {}, \
         \"unguarded_children\": {}, \"journal\": {}}}}}",
        child.kind.name(),
        kernel::report().map_or_else(|| "None".to_owned(), |report| layer(&report)),
        policies.join(", "),
        truth(active.traces()),
        truth(scope::stack().is_sealed()),
        all(|open| open.best_effort),
        all(|open| open.unguarded_children),
        learns.as_deref().map_or_else(|| "None".to_owned(), literal),
    )
}

fn layer(report: &kernel::Report) -> String {
    let gaps: Vec<String> = report
        .gaps
        .iter()
        .map(|gap| {
            let parts = [gap.capability.name(), &gap.what, &gap.why, gap.extent.name()];
            format!("({})", parts.map(literal).join(", "))
        })
        .collect();
    let seccomp = if report.seccomp { "True" } else { "False" };
    format!("({}, {seccomp}, [{}])", report.landlock, gaps.join(", "))
}

/// Options as a dictionary. Taken apart in full, so that none can be forgotten.
fn policy(options: &PolicyOptions) -> String {
    let PolicyOptions {
        profile,
        no_network,
        allow_localhost,
        allow_domain,
        no_subprocess,
        allow_run,
        fs_readonly,
        fs_root,
        allow_write,
        no_environment,
        no_code_exec,
        no_interpreter_mutation,
        block_native,
        allow_native,
        deny_import,
    } = options;
    let mut text = String::from("{");
    for (key, is_on) in [
        ("no_network", *no_network),
        ("allow_localhost", *allow_localhost),
        ("no_subprocess", *no_subprocess),
        ("fs_readonly", *fs_readonly),
        ("no_environment", *no_environment),
        ("no_code_exec", *no_code_exec),
        ("no_interpreter_mutation", *no_interpreter_mutation),
        ("block_native", *block_native),
    ] {
        let _ = write!(text, "\"{key}\": {}, ", if is_on { "True" } else { "False" });
    }
    for (key, list) in [
        ("profile", profile),
        ("allow_domain", allow_domain),
        ("allow_run", allow_run),
        ("allow_write", allow_write),
        ("allow_native", allow_native),
        ("deny_import", deny_import),
    ] {
        let items: Vec<String> = list.iter().map(|item| literal(item)).collect();
        let _ = write!(text, "\"{key}\": [{}], ", items.join(", "));
    }
    let root = fs_root.as_deref().map_or_else(|| "None".to_owned(), literal);
    let _ = write!(text, "\"fs_root\": {root}}}");
    text
}

/// A text as a Python literal of ASCII, which every encoding of a command line reads alike.
fn literal(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            ' '..='~' => quoted.push(letter),
            _ => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(letter));
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Bytes as a Python literal.
fn raw(bytes: &[u8]) -> String {
    let mut quoted = String::from("b\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => quoted.push(char::from(*byte)),
            _ => {
                let _ = write!(quoted, "\\x{byte:02x}");
            }
        }
    }
    quoted.push('"');
    quoted
}

/// The file system, from the folder the child will stand in.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn at(&self, file: &[u8]) -> PathBuf {
        self.folder.join(path(file))
    }

    fn is_program(&self, file: &[u8]) -> bool {
        is_executable(&self.at(file))
    }
}

impl Files for Disk {
    fn head(&self, file: &[u8]) -> Vec<u8> {
        use std::io::Read as _;
        let mut head = Vec::new();
        if let Ok(file) = std::fs::File::open(self.at(file)) {
            let _ = file.take(4096).read_to_end(&mut head);
        }
        head
    }

    fn real(&self, file: &[u8]) -> Vec<u8> {
        self.at(file).canonicalize().map_or_else(|_| file.to_vec(), |real| name(&real))
    }

    fn find(&self, name_: &[u8]) -> Option<Vec<u8>> {
        let folders = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
        std::env::split_paths(&folders)
            .map(|folder| self.folder.join(folder).join(path(name_)))
            .find(|file| is_executable(file))
            .map(|file| name(&file))
    }
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

#[cfg(unix)]
fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(unix)]
fn name(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().to_vec()
}

#[cfg(not(unix))]
fn name(path: &Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

/// The words of a sequence as the system gets them; `None` for what is no list or tuple, which the
/// call itself complains about.
fn items(object: &Bound<'_, PyAny>) -> PyResult<Option<Vec<Vec<u8>>>> {
    if let Ok(list) = object.cast::<PyList>() {
        // The items as they are: a class of its own may show others.
        return list.iter().map(|item| bytes(&item)).collect::<PyResult<_>>().map(Some);
    }
    match object.cast::<PyTuple>() {
        Ok(tuple) => tuple.iter().map(|item| bytes(&item)).collect::<PyResult<_>>().map(Some),
        Err(_) => Ok(None),
    }
}

/// The file a descriptor of this process leads to.
fn descriptor(number: i64) -> Vec<u8> {
    [DESCRIPTORS, number.to_string().as_bytes()].concat()
}

/// A word as the system gets it.
fn bytes(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let asked = path_of(object)?;
    if let Ok(bytes) = asked.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    let encoded = asked.cast::<PyString>().ok().and_then(|text| file_system_bytes(text.as_any()));
    encoded.ok_or_else(|| {
        pyo3::exceptions::PyValueError::new_err("hermetic: an argument of a program is no text")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_ascii() {
        assert_eq!(literal("a\"b\\c\n"), "\"a\\\"b\\\\c\\U0000000a\"");
        assert_eq!(literal("ä𝄞"), "\"\\U000000e4\\U0001d11e\"");
        assert_eq!(raw(b"a\"\xff\\"), "b\"a\\\"\\xff\\\\\"");
    }

    #[test]
    fn the_boot_program_has_its_places() {
        let places = ["{folder}", "{command}", "{hint}", "{data}"];
        for place in places {
            assert_eq!(BOOT.matches(place).count(), 1, "{place}");
        }
        let filled = fill(places.map(|place| (place, format!("<{}>{{data}}", &place[1..4]))));
        assert!(filled.contains("<fol>{data}, <com>{data}") && filled.contains("take_over(<dat>"));
        assert_eq!(filled.matches("{data}").count(), 4);
        assert_eq!(BOOT.matches('{').count(), 4);
    }

    #[test]
    fn what_cannot_be_found_is_none() {
        let disk = Disk { folder: PathBuf::from("/") };
        assert!(disk.is_program(b"bin/sh") && !disk.is_program(b"etc/passwd"));
        assert!(disk.find(b"sh").is_some() && disk.find(b"no-such-program").is_none());
    }
}
