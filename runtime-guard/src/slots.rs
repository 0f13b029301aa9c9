//! A function of the guard's own in the place of a C function.
//!
//! A built-in function, every method bound from it and every later import of its module share one
//! static `PyMethodDef`, and CPython reads the function from its `ml_meth` at each call (CPython
//! `Objects/methodobject.c`, `Objects/descrobject.c`). One store there reaches them all, captured
//! references included. Types are alike: a call runs `tp_call`, the making of an object `tp_init`,
//! and a wrapper such as `FileIO.__init__` holds one more copy of the pointer
//! (`PyWrapperDescrObject.d_wrapped`).
//!
//! Nothing is written on faith. What a place must hold is known beforehand from CPython's own
//! functions; memory is first read and written through a pipe, where the kernel answers `EFAULT`
//! instead of ending the process; any difference is an error, and nothing is written.

#![expect(unsafe_code, reason = "stores into CPython's method tables")]

mod hash;
mod trampolines;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};

use crate::calls::{self, COUNT, SLOTS};
use crate::ffi::probe::Probe;
use crate::ffi::{OwnWork, file};
use crate::scope::Active;
use crate::standing;

use self::trampolines::TRAMPOLINES;

type Object = *mut ffi::PyObject;

/// `PyMethodDef` (CPython `Include/methodobject.h`, the same since 3.9).
#[repr(C)]
struct MethodDef {
    name: *const c_char,
    function: AtomicPtr<c_void>,
    flags: c_int,
    doc: *const c_char,
}

/// The head of `PyCFunctionObject` (`Include/cpython/methodobject.h`).
#[repr(C)]
struct CFunction {
    head: ffi::PyObject,
    method: *mut MethodDef,
}

/// `PyMethodDescrObject` and `PyWrapperDescrObject` (`Include/cpython/descrobject.h`).
#[repr(C)]
struct Descriptor {
    head: ffi::PyObject,
    class: *mut ffi::PyTypeObject,
    name: Object,
    qualified_name: Object,
    /// `d_method` of a method, `d_base` of a wrapper.
    method: *mut MethodDef,
    /// `d_wrapped` of a wrapper.
    wrapped: AtomicPtr<c_void>,
}

/// Places of a `PyTypeObject` in pointers from its start (`Include/cpython/object.h`, the same
/// from 3.9 to 3.15).
const TYPE_POINTERS: usize = 40;

/// A function of a type, and the wrapper that has a copy of it.
struct TypePlace {
    offset: usize,
    wrapper: &'static str,
}

impl TypePlace {
    const HASH: Self = Self { offset: 15, wrapper: "__hash__" };
    const CALL: Self = Self { offset: 16, wrapper: "__call__" };
    const INIT: Self = Self { offset: 37, wrapper: "__init__" };
}

/// The functions that were there before.
static ORIGINALS: [AtomicPtr<c_void>; COUNT] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; COUNT];
/// Calling conventions of the functions that were there before.
static FLAGS: [AtomicUsize; COUNT] = [const { AtomicUsize::new(0) }; COUNT];
static INTEREST: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

/// Note which functions any open policy may object to.
pub(crate) fn publish(active: Option<&Active>) {
    for (index, interest) in INTEREST.iter().enumerate() {
        let wanted = active.is_some_and(|active| calls::wants(active, index))
            || (standing::is_any() && calls::wants_always(index));
        interest.store(wanted, Ordering::Release);
    }
}

/// The same for policies of which it is known ([`wanted_by`]); `None` where none is open.
pub(crate) fn publish_known(wanted: Option<&[bool; COUNT]>) {
    for (index, interest) in INTEREST.iter().enumerate() {
        let is_wanted = match wanted.and_then(|wanted| wanted.get(index)) {
            Some(wanted) => *wanted,
            None => calls::wants_always(index),
        };
        interest.store(is_wanted, Ordering::Release);
    }
}

/// Which functions these policies may object to.
pub(crate) fn wanted_by(active: &Active) -> [bool; COUNT] {
    let mut wanted = [false; COUNT];
    for (index, is_wanted) in wanted.iter_mut().enumerate() {
        *is_wanted = calls::wants(active, index);
    }
    wanted
}

fn is_interesting(index: usize) -> bool {
    INTEREST.get(index).is_some_and(|interest| interest.load(Ordering::Acquire))
}

/// A place that holds a function of the guard's own while a policy is open.
struct Place {
    at: &'static AtomicPtr<c_void>,
    original: *mut c_void,
    ours: *mut c_void,
    slot: Option<usize>,
    /// The type the place belongs to, kept alive.
    _owner: Option<Py<PyAny>>,
}

// SAFETY: the pointers are to functions and to static places, used from any thread alike.
unsafe impl Send for Place {}

static PLACES: Mutex<Vec<Place>> = Mutex::new(Vec::new());

fn places() -> MutexGuard<'static, Vec<Place>> {
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The names of the functions that are guarded.
pub(crate) fn guarded() -> Vec<&'static str> {
    let mut slots: Vec<usize> = places().iter().filter_map(|place| place.slot).collect();
    slots.sort_unstable();
    slots.dedup();
    slots.into_iter().filter_map(|slot| SLOTS.get(slot).map(|slot| slot.name)).collect()
}

static BEST_EFFORT: AtomicBool = AtomicBool::new(false);
static FAILED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Whether to go on from now on where a function cannot be guarded, and say so in the status; what
/// held until now.
pub(crate) fn be_content_with_less(content: bool) -> bool {
    BEST_EFFORT.swap(content, Ordering::AcqRel)
}

fn is_best_effort() -> bool {
    BEST_EFFORT.load(Ordering::Acquire)
}

fn note_failure(told: String) {
    let mut failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    if !failed.contains(&told) {
        failed.push(told);
    }
}

/// Say that something cannot be guarded: an error, unless less was asked for.
pub(crate) fn less(py: Python<'_>, what: &str, problem: &str) -> PyResult<()> {
    let told = format!("{what} cannot be guarded: {problem}");
    if is_best_effort() {
        note_failure(told);
        return Ok(());
    }
    Err(crate::denied::bootstrap_error(py, &format!("hermetic: {told}")))
}

/// Nothing is open any more: what could not be guarded will be tried again.
pub(crate) fn forget_failures() {
    FAILED.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// What could not be guarded, and why.
pub(crate) fn failures() -> Vec<String> {
    FAILED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Put the guard's functions in place, in every module that is loaded.
pub(crate) fn arm(py: Python<'_>) -> PyResult<()> {
    let _own = OwnWork::begin();
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    let probe = Probe::new();
    if let Err(problem) = hash::guard(py, &probe) {
        less(py, "the hash of functions", problem)?;
    }
    let mut last = "";
    for slot in &SLOTS {
        let module = slot.name.split('.').next().unwrap_or_default();
        if module != last {
            last = module;
            if let Some(loaded) = modules.get_item(module)? {
                guard_loaded(py, &probe, module, &loaded)?;
            }
        }
    }
    for place in places().iter() {
        place.at.store(place.ours, Ordering::Release);
    }
    ARMED.store(true, Ordering::Release);
    Ok(())
}

static ARMED: AtomicBool = AtomicBool::new(false);

/// Whether the guard's functions are in place.
pub(crate) fn is_armed() -> bool {
    ARMED.load(Ordering::Acquire)
}

/// Put back what was there.
pub(crate) fn disarm() {
    ARMED.store(false, Ordering::Release);
    for place in places().iter() {
        place.at.store(place.original, Ordering::Release);
    }
}

/// Guard the functions of a module that has been loaded.
pub(crate) fn guard_module(py: Python<'_>, name: &str, module: &Bound<'_, PyAny>) -> PyResult<()> {
    let is_named = |slot: &calls::Slot| slot.name.split('.').next() == Some(name);
    if !SLOTS.iter().any(is_named) {
        return Ok(());
    }
    guard_loaded(py, &Probe::new(), name, module)
}

fn guard_loaded(
    py: Python<'_>,
    probe: &Probe,
    name: &str,
    module: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let _own = OwnWork::begin();
    if name == "_socket" {
        calls::hold_socket(module);
    }
    for (index, slot) in SLOTS.iter().enumerate() {
        let Some(path) = slot.name.strip_prefix(name).and_then(|path| path.strip_prefix('.'))
        else {
            continue;
        };
        let found = match path.rsplit_once('.') {
            // `sys.monitoring` is no class, but holds functions alike.
            Some((owner, function)) => match module.getattr(owner) {
                Ok(owner) => match owner.cast::<PyType>() {
                    Ok(class) => guard_method(probe, class, function, index),
                    Err(_) => guard_function(probe, &owner, function, index),
                },
                // A module whose classes are still to be made is looked at again.
                Err(_) => Ok(()),
            },
            None if path.starts_with(|c: char| c.is_ascii_uppercase()) => {
                guard_type(probe, module, path, index)
            }
            None => guard_function(probe, module, path, index),
        };
        if let Err(problem) = found {
            less(py, &format!("`{}`", slot.name), problem)?;
        }
    }
    Ok(())
}

/// Store a function of ours, once its place has proved to be what it must be.
fn take(
    probe: &Probe,
    at: *const AtomicPtr<c_void>,
    expected: *mut c_void,
    ours: *mut c_void,
    slot: Option<usize>,
    owner: Option<Py<PyAny>>,
) -> Result<(), &'static str> {
    let mut places = places();
    if places.iter().any(|place| std::ptr::eq(place.at, at)) {
        return Ok(());
    }
    if !probe.is_writable(at.cast()) {
        return Err("its place in memory cannot be written");
    }
    // SAFETY: `at` was just read and written through the kernel, is aligned (it lies in a
    // `repr(C)` struct whose address CPython gave), and belongs to a static table or to a type
    // that `owner` keeps alive.
    let at: &'static AtomicPtr<c_void> = unsafe { &*at };
    if at.load(Ordering::Acquire) != expected {
        return Err("its place holds another function than the interpreter says");
    }
    if let Some(original) = slot.and_then(|slot| ORIGINALS.get(slot)) {
        let known = original.load(Ordering::Acquire);
        if known.is_null() {
            original.store(expected, Ordering::Release);
        } else if known != expected {
            return Err("another copy of its module is loaded");
        }
    }
    at.store(ours, Ordering::Release);
    places.push(Place { at, original: expected, ours, slot, _owner: owner });
    Ok(())
}

const CALLING: c_int = ffi::METH_VARARGS
    | ffi::METH_KEYWORDS
    | ffi::METH_NOARGS
    | ffi::METH_O
    | METH_FASTCALL
    | METH_METHOD;
const METH_FASTCALL: c_int = 0x80;
const METH_METHOD: c_int = 0x200;

/// Our function for a calling convention.
fn trampoline(slot: usize, flags: c_int) -> Option<*mut c_void> {
    let ours = TRAMPOLINES.get(slot)?;
    let function = match flags & CALLING {
        flags if flags == ffi::METH_VARARGS => ours.two as *mut c_void,
        flags if flags == ffi::METH_NOARGS || flags == ffi::METH_O => ours.two as *mut c_void,
        flags if flags == ffi::METH_VARARGS | ffi::METH_KEYWORDS => ours.three as *mut c_void,
        flags if flags == METH_FASTCALL => ours.fast as *mut c_void,
        flags if flags == METH_FASTCALL | ffi::METH_KEYWORDS => ours.fast_keywords as *mut c_void,
        flags if flags == METH_METHOD | METH_FASTCALL | ffi::METH_KEYWORDS => {
            ours.method as *mut c_void
        }
        _ => return None,
    };
    Some(function)
}

const UNKNOWN_CONVENTION: &str = "it is called in a way the guard does not know";

fn guard_function(
    probe: &Probe,
    owner: &Bound<'_, PyAny>,
    name: &str,
    slot: usize,
) -> Result<(), &'static str> {
    let Ok(function) = owner.getattr(name) else { return Ok(()) };
    // SAFETY: a check of the object's type.
    if unsafe { ffi::PyCFunction_Check(function.as_ptr()) } == 0 {
        return Err("it is no built-in function");
    }
    // SAFETY: it is a built-in function, which begins like this (self-checked below).
    let def = unsafe { (*function.as_ptr().cast::<CFunction>()).method };
    if !probe.is_readable(def.cast(), size_of::<MethodDef>()) {
        return Err("its description cannot be read");
    }
    // SAFETY: a built-in function, as checked.
    let (expected, flags) = unsafe {
        (
            ffi::PyCFunction_GetFunction(function.as_ptr())
                .map_or(std::ptr::null_mut(), |function| function as *mut c_void),
            ffi::PyCFunction_GetFlags(function.as_ptr()),
        )
    };
    // SAFETY: `def` can be read in full, as the kernel said.
    let def = unsafe { &*def };
    if is_ours(&def.function) {
        return Ok(());
    }
    if def.flags != flags || def.function.load(Ordering::Acquire) != expected {
        return Err("its description is not where the guard looks");
    }
    // SAFETY: the two fields about it agree with what CPython says, so this is a `PyMethodDef`,
    // and its name ends in NUL.
    if unsafe { CStr::from_ptr(def.name) }.to_bytes() != name.as_bytes() {
        return Err("its description has another name");
    }
    let ours = trampoline(slot, flags).ok_or(UNKNOWN_CONVENTION)?;
    note_flags(slot, flags);
    take(probe, &raw const def.function, expected, ours, Some(slot), None)
}

fn guard_method(
    probe: &Probe,
    class: &Bound<'_, PyType>,
    name: &str,
    slot: usize,
) -> Result<(), &'static str> {
    let Ok(descriptor) = class.getattr("__dict__").and_then(|dict| dict.get_item(name)) else {
        return Ok(());
    };
    if descriptor.get_type().name().map_or(true, |name| name != "method_descriptor") {
        return Err("it is no built-in method");
    }
    // SAFETY: it is a method descriptor, which begins like this (self-checked below).
    let head = unsafe { &*descriptor.as_ptr().cast::<Descriptor>() };
    let is_known = probe.is_readable(std::ptr::from_ref(head).cast(), size_of::<Descriptor>())
        && std::ptr::eq(head.class.cast(), class.as_ptr())
        && probe.is_readable(head.method.cast(), size_of::<MethodDef>());
    if !is_known {
        return Err("its description is not where the guard looks");
    }
    // SAFETY: it can be read in full, as the kernel said.
    let def = unsafe { &*head.method };
    if is_ours(&def.function) {
        return Ok(());
    }
    if !probe.is_readable(def.name.cast(), name.len() + 1) {
        return Err("its description has no name");
    }
    // SAFETY: as many bytes as the name and a NUL can be read.
    let bytes = unsafe { std::slice::from_raw_parts(def.name.cast::<u8>(), name.len() + 1) };
    if bytes.split_last() != Some((&0, name.as_bytes())) {
        return Err("its description has another name");
    }
    let expected = def.function.load(Ordering::Acquire);
    let ours = trampoline(slot, def.flags).ok_or(UNKNOWN_CONVENTION)?;
    note_flags(slot, def.flags);
    take(probe, &raw const def.function, expected, ours, Some(slot), None)
}

fn is_ours(at: &AtomicPtr<c_void>) -> bool {
    places().iter().any(|place| std::ptr::eq(place.at, at))
}

fn note_flags(slot: usize, flags: c_int) {
    if let (Some(known), Ok(flags)) = (FLAGS.get(slot), usize::try_from(flags & CALLING)) {
        known.store(flags, Ordering::Release);
    }
}

/// Guard the call of a type's instances (`CFuncPtr`) or their making (`FileIO`).
fn guard_type(
    probe: &Probe,
    module: &Bound<'_, PyAny>,
    name: &str,
    slot: usize,
) -> Result<(), &'static str> {
    let Ok(class) = module.getattr(name) else { return Ok(()) };
    let Ok(class) = class.cast_into::<PyType>() else { return Err("it is no type") };
    let Some(ours) = TRAMPOLINES.get(slot) else { return Err(UNKNOWN_CONVENTION) };
    let is_file = name == "FileIO";
    // Looked at once: another copy of the class is made by the same code.
    let is_first = places().iter().all(|place| place.slot != Some(slot));
    if is_file && is_first && !file::is_known(probe, &class) {
        return Err("its objects are not laid out as the guard knows them");
    }
    let (place, ours) = if is_file {
        (TypePlace::INIT, ours.init as *mut c_void)
    } else {
        (TypePlace::CALL, ours.three as *mut c_void)
    };
    note_flags(slot, ffi::METH_VARARGS | ffi::METH_KEYWORDS);
    guard_type_place(probe, class, &place, ours, Some(slot), |_| ())
}

/// Exchange a function of a type and of the types below it that have the same; `found` gets it
/// before anything is exchanged.
fn guard_type_place(
    probe: &Probe,
    class: Bound<'_, PyType>,
    place: &TypePlace,
    ours: *mut c_void,
    slot: Option<usize>,
    found: impl FnOnce(*mut c_void),
) -> Result<(), &'static str> {
    let unknown = "its type is not laid out as the guard knows it";
    let Ok(wrapper) = class.getattr("__dict__").and_then(|dict| dict.get_item(place.wrapper))
    else {
        return Err(unknown);
    };
    if wrapper.get_type().name().map_or(true, |name| name != "wrapper_descriptor") {
        return Err(unknown);
    }
    // SAFETY: it is a wrapper, which begins like this (self-checked below).
    let head = unsafe { &*wrapper.as_ptr().cast::<Descriptor>() };
    if !probe.is_readable(std::ptr::from_ref(head).cast(), size_of::<Descriptor>())
        || !std::ptr::eq(head.class.cast(), class.as_ptr())
    {
        return Err(unknown);
    }
    if is_ours(&head.wrapped) {
        return Ok(());
    }
    let expected = head.wrapped.load(Ordering::Acquire);
    found(expected);
    let owner = || Some(wrapper.clone().unbind());
    let mut classes = vec![class];
    let mut first = true;
    while let Some(class) = classes.pop() {
        let start = class.as_ptr().cast::<AtomicPtr<c_void>>();
        if !probe.is_readable(start.cast(), TYPE_POINTERS * size_of::<usize>()) {
            return Err(unknown);
        }
        // SAFETY: so many pointers can be read there, as the kernel said.
        let inside = unsafe { (*start.add(place.offset)).load(Ordering::Acquire) };
        // A subclass has a copy of its own, or a function of its own that calls the first.
        if inside == expected {
            // SAFETY: within what can be read.
            let at = unsafe { start.add(place.offset) };
            take(probe, at, expected, ours, slot, Some(class.clone().into_any().unbind()))?;
        } else if first {
            return Err(unknown);
        }
        first = false;
        let subclasses = class.py().get_type::<PyType>().call_method1("__subclasses__", (&class,));
        if let Ok(Ok(subclasses)) = subclasses.map(Bound::cast_into::<PyList>) {
            classes.extend(subclasses.iter().filter_map(|class| class.cast_into().ok()));
        }
    }
    take(probe, &raw const head.wrapped, expected, ours, slot, owner())
}
