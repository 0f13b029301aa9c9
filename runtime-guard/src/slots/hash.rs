//! The hash of a built-in function, as if none had been exchanged.
//!
//! CPython makes it of the function pointer in the `PyMethodDef` (`Objects/methodobject.c`,
//! `meth_hash`). Sets and dictionaries that hold functions from before, such as
//! `os.supports_dir_fd`, would not find them again while the guard's own are in their places. So
//! `tp_hash` is exchanged too, and answers with what was there before.

use std::ffi::c_void;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::trampolines::{TRAMPOLINES, original};
use super::{CFunction, Object, TypePlace, guard_type_place};
use crate::ffi::probe::Probe;

type Hash = unsafe extern "C" fn(Object) -> ffi::Py_hash_t;

static ORIGINAL: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// How CPython mixes a pointer into a hash (`_Py_HashPointer`).
fn mixed(pointer: *mut c_void) -> isize {
    pointer.addr().rotate_right(4).cast_signed()
}

/// The function that was where this one of ours is.
fn before(ours: *mut c_void) -> Option<*mut c_void> {
    static BY_ADDRESS: OnceLock<Vec<(usize, usize)>> = OnceLock::new();
    let sorted = BY_ADDRESS.get_or_init(|| {
        let mut all: Vec<_> = TRAMPOLINES
            .iter()
            .enumerate()
            .flat_map(|(slot, ours)| ours.addresses().map(|address| (address, slot)))
            .collect();
        all.sort_unstable();
        all
    });
    let at = sorted.binary_search_by_key(&ours.addr(), |(address, _)| *address).ok()?;
    let (_, slot) = sorted.get(at)?;
    Some(original(*slot)).filter(|original| !original.is_null())
}

/// The function pointer of a built-in function's description.
///
/// # Safety
/// The object is a built-in function.
unsafe fn function(object: Object) -> *mut c_void {
    // SAFETY: so says the caller; its description lives as long as it does.
    unsafe { (*(*object.cast::<CFunction>()).method).function.load(Ordering::Acquire) }
}

unsafe extern "C" fn hash(object: Object) -> ffi::Py_hash_t {
    // SAFETY: CPython's own function of this type, which was in this place, for an object of
    // the class whose place it is.
    let (hash, ours) = unsafe {
        let original = ORIGINAL.load(Ordering::Acquire);
        (std::mem::transmute::<*mut c_void, Hash>(original)(object), function(object))
    };
    match before(ours) {
        // -1 stands for an error.
        Some(before) => match hash ^ mixed(ours) ^ mixed(before) {
            -1 => -2,
            hash => hash,
        },
        None => hash,
    }
}

/// Exchange `tp_hash` of built-in functions.
pub(super) fn guard(py: Python<'_>, probe: &Probe) -> Result<(), &'static str> {
    let unknown = "it is made in a way the guard does not know";
    let tried = || -> PyResult<(Bound<'_, PyType>, isize, isize)> {
        // Two functions of one module: their hashes differ by their pointers alone.
        let builtins = py.import("builtins")?;
        let (one, other) = (builtins.getattr("len")?, builtins.getattr("abs")?);
        // SAFETY: a check of the objects' types.
        let are_built_in = [&one, &other]
            .iter()
            .all(|function| unsafe { ffi::PyCFunction_Check(function.as_ptr()) } != 0);
        if !are_built_in {
            return Ok((one.get_type(), 0, 1));
        }
        // SAFETY: both are built-in functions.
        let (first, second) = unsafe { (function(one.as_ptr()), function(other.as_ptr())) };
        Ok((one.get_type(), one.hash()? ^ other.hash()?, mixed(first) ^ mixed(second)))
    };
    let (class, found, expected) = tried().map_err(|_| unknown)?;
    if found != expected {
        return Err(unknown);
    }
    guard_type_place(probe, class, &TypePlace::HASH, hash as *mut c_void, None, |original| {
        ORIGINAL.store(original, Ordering::Release);
    })
}
