//! Every call into CPython that its safe bindings do not have.
//!
//! This file and [`crate::slots`] hold the crate's `unsafe` code; what leaves them is safe to use.
//! The wheel is built against the stable ABI of CPython 3.9. The functions it does not have
//! (`PySys_AddAuditHook`, `PyFrame_GetBack` ...) are found by name in the running process, which
//! exports them in every version since 3.9 (CPython `Include/cpython/`, `PyAPI_FUNC`).

#![expect(unsafe_code, reason = "the boundary to CPython's C API")]

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

pub(crate) mod file;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) mod kernel;
pub(crate) mod probe;
pub(crate) mod system;

type Hook = extern "C" fn(*const c_char, *mut ffi::PyObject, *mut c_void) -> c_int;

type AddAuditHook = unsafe extern "C" fn(Hook, *mut c_void) -> c_int;
type Audit = unsafe extern "C" fn(*const c_char, *const c_char, ...) -> c_int;
type AsUtf8 = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::Py_ssize_t) -> *const c_char;
type FrameCode = unsafe extern "C" fn(*mut ffi::PyFrameObject) -> *mut ffi::PyObject;
type FrameBack = unsafe extern "C" fn(*mut ffi::PyFrameObject) -> *mut ffi::PyFrameObject;
type FrameLine = unsafe extern "C" fn(*mut ffi::PyFrameObject) -> c_int;

/// Functions beyond the stable ABI of 3.9.
#[derive(Clone, Copy)]
struct Beyond {
    add_audit_hook: AddAuditHook,
    audit: Audit,
    as_utf8: AsUtf8,
    frame_code: FrameCode,
    frame_back: FrameBack,
    frame_line: FrameLine,
}

static BEYOND: OnceLock<Option<Beyond>> = OnceLock::new();

/// The address of a function the process exports.
#[cfg(unix)]
pub(crate) fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: `name` ends in NUL; `dlsym` only reads it (dlsym(3)).
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}

/// The address of a function of the DLL that holds the interpreter.
#[cfg(windows)]
pub(crate) fn symbol(name: &CStr) -> Option<*mut c_void> {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetModuleHandleExW(flags: u32, address: *const u16, module: *mut *mut c_void) -> i32;
        fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
    }
    // GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | ..._UNCHANGED_REFCOUNT (libloaderapi.h)
    const FROM_ADDRESS: u32 = 0x4 | 0x2;
    let mut module = std::ptr::null_mut();
    // An object of the interpreter itself: python3.dll only forwards functions.
    // SAFETY: taking the address of a static object the interpreter exports.
    let inside = unsafe { ffi::Py_None() }.cast::<u16>();
    // SAFETY: `module` is a valid place for the handle, and `name` ends in NUL.
    let address = unsafe {
        if GetModuleHandleExW(FROM_ADDRESS, inside, &raw mut module) == 0 {
            return None;
        }
        GetProcAddress(module, name.as_ptr())
    };
    (!address.is_null()).then_some(address)
}

/// Find a function and give it its type.
macro_rules! function {
    ($name:literal as $type:ty) => {
        // SAFETY: the address is that of the function of this name, and the type is the one
        // CPython's headers give it.
        unsafe { std::mem::transmute::<*mut c_void, $type>(symbol($name)?) }
    };
}

fn beyond() -> Option<&'static Beyond> {
    BEYOND
        .get_or_init(|| {
            Some(Beyond {
                add_audit_hook: function!(c"PySys_AddAuditHook" as AddAuditHook),
                audit: function!(c"PySys_Audit" as Audit),
                as_utf8: function!(c"PyUnicode_AsUTF8AndSize" as AsUtf8),
                frame_code: function!(c"PyFrame_GetCode" as FrameCode),
                frame_back: function!(c"PyFrame_GetBack" as FrameBack),
                frame_line: function!(c"PyFrame_GetLineNumber" as FrameLine),
            })
        })
        .as_ref()
}

/// The interpreter the guard was installed in.
static MAIN: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// Whether this thread runs the interpreter the guard was installed in.
pub(crate) fn in_main_interpreter() -> bool {
    // SAFETY: callers run with an attached thread state.
    let current = unsafe { ffi::PyInterpreterState_Get() }.cast::<c_void>();
    current == MAIN.load(Ordering::Relaxed)
}

/// Whether the process has other interpreters, as far as it tells.
pub(crate) fn has_other_interpreters() -> bool {
    type Head = unsafe extern "C" fn() -> *mut c_void;
    type Next = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
    let (Some(head), Some(next)) =
        (symbol(c"PyInterpreterState_Head"), symbol(c"PyInterpreterState_Next"))
    else {
        return false;
    };
    // SAFETY: both functions are of these types since 3.0 (CPython `Include/cpython/pystate.h`),
    // and the interpreter that `head` gives lives while it is asked for the next.
    unsafe {
        let head = std::mem::transmute::<*mut c_void, Head>(head)();
        !head.is_null() && !std::mem::transmute::<*mut c_void, Next>(next)(head).is_null()
    }
}

thread_local! {
    /// The innermost Python frame since the guard works, by address.
    static OWN: Cell<Option<usize>> = const { Cell::new(None) };
}

/// While it lives, what this thread does is the guard's own work, and not judged.
///
/// Python code that is called meanwhile is judged: it may be a program's, by an attribute that was
/// replaced or a method that was overridden.
pub(crate) struct OwnWork {
    before: Option<usize>,
}

impl OwnWork {
    pub(crate) fn begin() -> Self {
        Self { before: OWN.replace(Some(innermost_address())) }
    }

    pub(crate) fn is_going_on() -> bool {
        OWN.get().is_some_and(|frame| frame == innermost_address())
    }
}

impl Drop for OwnWork {
    fn drop(&mut self) {
        OWN.set(self.before);
    }
}

/// The address of the innermost frame; it lives as long as the call that asks.
fn innermost_address() -> usize {
    // SAFETY: callers run with an attached thread state; the frame is borrowed, or NULL.
    unsafe { ffi::PyEval_GetFrame() as usize }
}

const PROBE: &CStr = c"hermetic.probe";
static PROBED: AtomicUsize = AtomicUsize::new(0);

/// Install the audit hook, for as long as the process lives.
///
/// Another hook may veto ours by raising, and CPython then reports success all the same
/// (`Python/sysmodule.c`, `PySys_AddAuditHook`). So an event of our own is raised and must arrive.
pub(crate) fn install_hook(py: Python<'_>) -> PyResult<()> {
    let missing = || PySystemError::new_err("this interpreter does not export its audit functions");
    let beyond = beyond().ok_or_else(missing)?;
    // SAFETY: an attached thread state, as `py` shows.
    MAIN.store(unsafe { ffi::PyInterpreterState_Get() }.cast(), Ordering::Relaxed);
    // SAFETY: the hook is a function of the type CPython calls it by, and lives for ever.
    if unsafe { (beyond.add_audit_hook)(on_event, std::ptr::null_mut()) } != 0 {
        return Err(PyErr::take(py).unwrap_or_else(missing));
    }
    // SAFETY: both texts end in NUL, and an empty format takes no further argument.
    if unsafe { (beyond.audit)(PROBE.as_ptr(), c"".as_ptr()) } != 0 {
        return Err(PyErr::take(py).unwrap_or_else(missing));
    }
    if PROBED.load(Ordering::Relaxed) == 0 {
        return Err(PySystemError::new_err("an earlier audit hook keeps the guard's out"));
    }
    Ok(())
}

/// The hook. CPython calls it with an attached thread state, for any interpreter of the process.
extern "C" fn on_event(name: *const c_char, args: *mut ffi::PyObject, _data: *mut c_void) -> c_int {
    // SAFETY: CPython passes the event's name, which ends in NUL.
    let name = unsafe { CStr::from_ptr(name) };
    let Some(event) = crate::hook::wanted(name.to_bytes()) else {
        if name == PROBE {
            PROBED.fetch_add(1, Ordering::Relaxed);
        }
        return 0;
    };
    if OwnWork::is_going_on() {
        return 0;
    }
    // SAFETY: an audit hook runs with an attached thread state (PEP 578).
    let py = unsafe { Python::assume_attached() };
    // Beside the result and not in it, which is small then and stays in registers.
    let mut error = None;
    let judged = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `args` is a borrowed tuple, or NULL for an event without arguments.
        let args = unsafe { Bound::from_borrowed_ptr_or_opt(py, args) };
        let args = match args.map(|args| args.cast_into::<PyTuple>().ok()) {
            Some(Some(args)) => args,
            _ => PyTuple::empty(py),
        };
        crate::hook::on_event(event, &args).map_err(|raised| error = Some(raised)).is_ok()
    }));
    match judged {
        Ok(true) => 0,
        Ok(false) => outcome(py, Ok(error.map_or(Ok(()), Err))).map_or(-1, |()| 0),
        Err(panic) => outcome(py, Err(panic)).map_or(-1, |()| 0),
    }
}

/// Raise what a judgement failed with; a panic denies.
pub(crate) fn outcome<T>(
    py: Python<'_>,
    judged: Result<PyResult<T>, Box<dyn std::any::Any + Send>>,
) -> Option<T> {
    const INTERNAL: &str = "hermetic: internal error in the guard, so it denies";
    let judged = match judged {
        Ok(Ok(value)) => return Some(value),
        other => other,
    };
    if !in_main_interpreter() {
        match PENDING.take() {
            // SAFETY: the classes are static objects.
            Some((true, text)) => raise_static(unsafe { ffi::PyExc_OSError }, &text),
            Some((false, text)) => raise_plain(&text),
            None => raise_plain(INTERNAL),
        }
    } else if let Ok(Err(error)) = judged {
        error.restore(py);
    } else {
        raise_plain(INTERNAL);
    }
    None
}

thread_local! {
    static PENDING: RefCell<Option<(bool, String)>> = const { RefCell::new(None) };
}

/// Keep what is to be raised in another interpreter until it can be, as an `OSError` or not.
///
/// `PyO3` hands references it cannot give back at once to whatever thread attaches next, and that
/// would give objects of one interpreter back to another. So no exception object is made here.
pub(crate) fn keep_for_elsewhere(text: &str, is_os_error: bool) {
    PENDING.set(Some((is_os_error, text.to_owned())));
}

/// Raise a plain `RuntimeError`, in whatever interpreter this thread runs.
pub(crate) fn raise_plain(text: &str) {
    // SAFETY: the classes are static objects.
    raise_static(unsafe { ffi::PyExc_RuntimeError }, text);
}

fn raise_static(class: *mut ffi::PyObject, text: &str) {
    let text = std::ffi::CString::new(text.replace('\0', "\\0")).unwrap_or_default();
    // SAFETY: an attached thread state; the text ends in NUL.
    unsafe { ffi::PyErr_SetString(class, text.as_ptr()) };
}

/// A `str` as UTF-8 that lives as long as the object; `None` where it holds lone surrogates.
pub(crate) fn utf8<'a>(text: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    let beyond = beyond()?;
    let mut length: ffi::Py_ssize_t = 0;
    // SAFETY: `text` is a `str`, checked by the callers' downcast and by CPython again; the
    // buffer belongs to the object and ends with it.
    let bytes = unsafe {
        let start = (beyond.as_utf8)(text.as_ptr(), &raw mut length);
        if start.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        std::slice::from_raw_parts(start.cast::<u8>(), usize::try_from(length).ok()?)
    };
    // SAFETY: what CPython's encoder gives is UTF-8: surrogates are an error to it.
    Some(unsafe { std::str::from_utf8_unchecked(bytes) })
}

/// A `str` in the file system's encoding, lone surrogates as the bytes they stand for.
pub(crate) fn file_system_bytes(text: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    // SAFETY: `text` is a `str`; a new reference to `bytes` or NULL with an exception comes back.
    let bytes = unsafe {
        Bound::from_owned_ptr_or_opt(text.py(), ffi::PyUnicode_EncodeFSDefault(text.as_ptr()))
    };
    if let Some(bytes) = bytes {
        Some(bytes.cast::<PyBytes>().ok()?.as_bytes().to_vec())
    } else {
        // SAFETY: an attached thread state.
        unsafe { ffi::PyErr_Clear() };
        None
    }
}

/// An `int` of at most 64 bits.
pub(crate) fn integer(number: &Bound<'_, PyAny>) -> Option<i64> {
    // SAFETY: the object is an `int`, as the caller checked; an error is cleared at once.
    unsafe {
        let value = ffi::PyLong_AsLongLong(number.as_ptr());
        if value == -1 && !ffi::PyErr_Occurred().is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Some(value)
    }
}

/// What a path object says its path is (`os.fspath`). Runs its code: not for the hook.
pub(crate) fn path_of<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: any object may be asked; a new reference or NULL with an exception comes back.
    unsafe { Bound::from_owned_ptr_or_err(object.py(), ffi::PyOS_FSPath(object.as_ptr())) }
}

/// The name in the definition a module was made of; `None` where it has none.
pub(crate) fn module_name(module: &Bound<'_, PyAny>) -> Option<String> {
    // SAFETY: any object may be asked; the definition is static, and its name ends in NUL. An
    // error is cleared at once.
    unsafe {
        let definition = ffi::PyModule_GetDef(module.as_ptr());
        if definition.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        let name = (*definition).m_name;
        let name =
            (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())?;
        // CPython `Modules/_io/_iomodule.c`.
        Some(if name == "io" { "_io".to_owned() } else { name })
    }
}

static NEW_EXCEPTION: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// Take hold of the function by which CPython itself makes objects of an exception class
/// (`BaseException_new`), as long as no program has put another there.
pub(crate) fn hold_maker(class: &Bound<'_, PyAny>) {
    // SAFETY: the object is a class made in Python, which `PyType_GetSlot` takes in every version.
    let made = unsafe { ffi::PyType_GetSlot(class.as_ptr().cast(), ffi::Py_tp_new) };
    NEW_EXCEPTION.store(made, Ordering::Release);
}

/// An exception with this text, without running Python code.
pub(crate) fn new_exception<'py>(
    class: &Bound<'py, PyAny>,
    text: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    let made = NEW_EXCEPTION.load(Ordering::Acquire);
    if made.is_null() {
        return None;
    }
    let arguments = PyTuple::new(class.py(), [text]).ok()?;
    // SAFETY: the function is the class's `tp_new`; no keywords are NULL. A new reference or NULL
    // with an exception comes back.
    unsafe {
        let new = std::mem::transmute::<*mut c_void, ffi::newfunc>(made);
        let error = new(class.as_ptr().cast(), arguments.as_ptr(), std::ptr::null_mut());
        if error.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(class.py(), error)
    }
}

/// Set an attribute as `object.__setattr__` does; what fails is left out.
pub(crate) fn set_plainly(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyAny>,
) {
    // SAFETY: three objects; an error is cleared at once.
    unsafe {
        if ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value.as_ptr()) != 0 {
            ffi::PyErr_Clear();
        }
    }
}

/// A Python frame.
pub(crate) struct Frame<'py>(Bound<'py, PyAny>);

impl<'py> Frame<'py> {
    /// The innermost Python frame of this thread.
    pub(crate) fn innermost(py: Python<'py>) -> Option<Self> {
        // SAFETY: an attached thread state; the frame is borrowed, or NULL.
        unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetFrame().cast()) }.map(Self)
    }

    /// The frame that called this one.
    pub(crate) fn back(&self) -> Option<Self> {
        let beyond = beyond()?;
        // SAFETY: the object is a frame; a new reference or NULL comes back.
        unsafe {
            let back = (beyond.frame_back)(self.0.as_ptr().cast());
            Bound::from_owned_ptr_or_opt(self.0.py(), back.cast())
        }
        .map(Self)
    }

    /// The code it runs.
    pub(crate) fn code(&self) -> Option<Bound<'py, PyAny>> {
        let beyond = beyond()?;
        // SAFETY: the object is a frame; a new reference comes back.
        unsafe {
            let code = (beyond.frame_code)(self.0.as_ptr().cast());
            Bound::from_owned_ptr_or_opt(self.0.py(), code)
        }
    }

    /// The line it is at, from 1; 0 where there is none.
    pub(crate) fn line(&self) -> u32 {
        let Some(beyond) = beyond() else { return 0 };
        // SAFETY: the object is a frame.
        let line = unsafe { (beyond.frame_line)(self.0.as_ptr().cast()) };
        u32::try_from(line).unwrap_or(0)
    }

    /// The frame as an object, for its local variables.
    pub(crate) fn object(&self) -> &Bound<'py, PyAny> {
        &self.0
    }
}

/// Write a line to `sys.stderr`, at most 1000 bytes of it (CPython, `PySys_WriteStderr`).
pub(crate) fn write_stderr(line: &str) {
    let Ok(line) = std::ffi::CString::new(line.replace('\0', "\\0")) else { return };
    // SAFETY: the format takes one text that ends in NUL; the thread state is attached.
    unsafe { ffi::PySys_WriteStderr(c"%.990s\n".as_ptr(), line.as_ptr()) };
}
