//! The guard's own functions: one for each slot and way of calling.
//!
//! CPython tells a function its receiver and its arguments, but not by which table it came there.
//! So each slot has functions of its own, made from its number.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::{FLAGS, ORIGINALS, Object, is_interesting};
use crate::arguments::{CallArgs, text};
use crate::calls::{self, COUNT};
use crate::ffi::{OwnWork, in_main_interpreter, outcome};

type Two = unsafe extern "C" fn(Object, Object) -> Object;
type Three = unsafe extern "C" fn(Object, Object, Object) -> Object;
type Fast = unsafe extern "C" fn(Object, *const Object, ffi::Py_ssize_t) -> Object;
type FastKeywords = unsafe extern "C" fn(Object, *const Object, ffi::Py_ssize_t, Object) -> Object;
type Method = unsafe extern "C" fn(
    Object,
    *mut ffi::PyTypeObject,
    *const Object,
    ffi::Py_ssize_t,
    Object,
) -> Object;
type Init = unsafe extern "C" fn(Object, Object, Object) -> c_int;

/// Our functions for one slot, one for each calling convention.
pub(super) struct Trampolines {
    pub(super) two: Two,
    pub(super) three: Three,
    pub(super) fast: Fast,
    pub(super) fast_keywords: FastKeywords,
    pub(super) method: Method,
    pub(super) init: Init,
}

impl Trampolines {
    /// Where those are that stand in a method table.
    pub(super) fn addresses(&self) -> [usize; 5] {
        [
            self.two as usize,
            self.three as usize,
            self.fast as usize,
            self.fast_keywords as usize,
            self.method as usize,
        ]
    }
}

/// The arguments of a call as CPython passes them.
#[derive(Clone, Copy)]
enum Passed {
    /// `METH_VARARGS`, `METH_NOARGS` and `METH_O`.
    Two(Object),
    Three(Object, Object),
    Fast(*const Object, ffi::Py_ssize_t),
    FastKeywords(*const Object, ffi::Py_ssize_t, Object),
    Method(*mut ffi::PyTypeObject, *const Object, ffi::Py_ssize_t, Object),
}

unsafe extern "C" fn two<const N: usize>(receiver: Object, args: Object) -> Object {
    enter(N, receiver, Passed::Two(args))
}
unsafe extern "C" fn three<const N: usize>(receiver: Object, args: Object, kw: Object) -> Object {
    enter(N, receiver, Passed::Three(args, kw))
}
unsafe extern "C" fn fast<const N: usize>(
    receiver: Object,
    args: *const Object,
    count: ffi::Py_ssize_t,
) -> Object {
    enter(N, receiver, Passed::Fast(args, count))
}
unsafe extern "C" fn fast_keywords<const N: usize>(
    receiver: Object,
    args: *const Object,
    count: ffi::Py_ssize_t,
    names: Object,
) -> Object {
    enter(N, receiver, Passed::FastKeywords(args, count, names))
}
unsafe extern "C" fn method<const N: usize>(
    receiver: Object,
    class: *mut ffi::PyTypeObject,
    args: *const Object,
    count: ffi::Py_ssize_t,
    names: Object,
) -> Object {
    enter(N, receiver, Passed::Method(class, args, count, names))
}
unsafe extern "C" fn init<const N: usize>(receiver: Object, args: Object, kw: Object) -> c_int {
    let original = original(N);
    // SAFETY: the function that was in `tp_init` has this type.
    let initialise =
        || unsafe { std::mem::transmute::<*mut c_void, Init>(original)(receiver, args, kw) };
    if !is_interesting(N) || OwnWork::is_going_on() || !in_main_interpreter() {
        return initialise();
    }
    calls::before_file();
    let made = initialise();
    if made != 0 {
        calls::no_file();
        return made;
    }
    // SAFETY: CPython calls built-in functions with an attached thread state.
    let py = unsafe { Python::assume_attached() };
    let judged = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the receiver is borrowed from the caller for the time of the call.
        let file = unsafe { Bound::from_borrowed_ptr(py, receiver) };
        calls::after_file(py, N, &file, || read(py, N, Passed::Three(args, kw)))
    }));
    outcome(py, judged).map_or(-1, |()| 0)
}

/// The function that was there before.
pub(super) fn original(slot: usize) -> *mut c_void {
    ORIGINALS.get(slot).map_or(std::ptr::null_mut(), |original| original.load(Ordering::Acquire))
}

/// Call the function that was there before, as it was called.
fn call_original(slot: usize, receiver: Object, passed: Passed) -> Object {
    let original = original(slot);
    // SAFETY: the trampoline was chosen by the original's calling convention, so that what was
    // passed is what the original takes.
    unsafe {
        match passed {
            Passed::Two(args) => std::mem::transmute::<*mut c_void, Two>(original)(receiver, args),
            Passed::Three(args, kw) => {
                std::mem::transmute::<*mut c_void, Three>(original)(receiver, args, kw)
            }
            Passed::Fast(args, count) => {
                std::mem::transmute::<*mut c_void, Fast>(original)(receiver, args, count)
            }
            Passed::FastKeywords(args, count, names) => {
                std::mem::transmute::<*mut c_void, FastKeywords>(original)(
                    receiver, args, count, names,
                )
            }
            Passed::Method(class, args, count, names) => {
                std::mem::transmute::<*mut c_void, Method>(original)(
                    receiver, class, args, count, names,
                )
            }
        }
    }
}

/// A call arrives.
fn enter(slot: usize, receiver: Object, passed: Passed) -> Object {
    if !is_interesting(slot) || OwnWork::is_going_on() {
        return call_original(slot, receiver, passed);
    }
    around(slot, receiver, passed, || call_original(slot, receiver, passed))
}

/// Judge a call, run it, and see to what comes after.
fn around(slot: usize, receiver: Object, passed: Passed, run: impl FnOnce() -> Object) -> Object {
    if !in_main_interpreter() {
        // Objects of the main interpreter must not be touched here: another lock guards them.
        if calls::denies_elsewhere(slot) {
            return std::ptr::null_mut();
        }
        return run();
    }
    // SAFETY: CPython calls built-in functions with an attached thread state.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the receiver is borrowed from the caller for the time of the call.
    let receiver = unsafe { Bound::from_borrowed_ptr_or_opt(py, receiver) };
    let begun = catch_unwind(AssertUnwindSafe(|| {
        let mut args = read(py, slot, passed);
        let changed = calls::before(py, slot, receiver.as_ref(), &mut args)?;
        PyResult::Ok((args, changed))
    }));
    let Some((args, changed)) = outcome(py, begun) else { return std::ptr::null_mut() };
    let result =
        if changed { run_changed(py, slot, receiver.as_ref(), passed, &args) } else { run() };
    let ended = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: a new reference, or NULL with an exception set.
        let result = unsafe { Bound::from_owned_ptr_or_err(py, result) };
        calls::after(py, slot, &args, result)
    }));
    outcome(py, ended).map_or(std::ptr::null_mut(), Bound::into_ptr)
}

/// Call the function that was there before with other arguments in the same places.
fn run_changed(
    py: Python<'_>,
    slot: usize,
    receiver: Option<&Bound<'_, PyAny>>,
    passed: Passed,
    args: &CallArgs<'_>,
) -> Object {
    let receiver = receiver.map_or(std::ptr::null_mut(), Bound::as_ptr);
    let values = args.positional.iter().chain(args.keywords.iter().map(|(_, value)| value));
    let array: Vec<Object> = values.map(Bound::as_ptr).collect();
    let tuple = PyTuple::new(py, &args.positional).map(Bound::into_any);
    let keywords = PyDict::new(py);
    for (name, value) in &args.keywords {
        if let Err(error) = keywords.set_item(name, value) {
            error.restore(py);
            return std::ptr::null_mut();
        }
    }
    let tuple = match tuple {
        Ok(tuple) => tuple,
        Err(error) => {
            error.restore(py);
            return std::ptr::null_mut();
        }
    };
    let passed = match passed {
        Passed::FastKeywords(_, count, names) => Passed::FastKeywords(array.as_ptr(), count, names),
        Passed::Method(class, _, count, names) => {
            Passed::Method(class, array.as_ptr(), count, names)
        }
        Passed::Fast(_, count) => Passed::Fast(array.as_ptr(), count),
        Passed::Two(object) if takes_one(slot) => {
            Passed::Two(array.first().copied().unwrap_or(object))
        }
        Passed::Two(_) => Passed::Two(tuple.as_ptr()),
        Passed::Three(_, names) if names.is_null() => Passed::Three(tuple.as_ptr(), names),
        Passed::Three(..) => Passed::Three(tuple.as_ptr(), keywords.as_ptr()),
    };
    call_original(slot, receiver, passed)
}

/// Whether the function takes its one argument as it is.
fn takes_one(slot: usize) -> bool {
    let flags = FLAGS.get(slot).map_or(0, |flags| flags.load(Ordering::Acquire));
    c_int::try_from(flags) == Ok(ffi::METH_O)
}

/// The arguments of a call.
fn read(py: Python<'_>, slot: usize, passed: Passed) -> CallArgs<'_> {
    // SAFETY: `args` points to so many borrowed objects (PEP 590).
    let array = |args: *const Object, count: usize| unsafe {
        (0..count)
            .filter_map(|index| Bound::from_borrowed_ptr_or_opt(py, *args.add(index)))
            .collect::<Vec<_>>()
    };
    // SAFETY: each is a borrowed object, or NULL.
    let borrowed = |object: Object| unsafe { Bound::from_borrowed_ptr_or_opt(py, object) };
    let tuple = |object: Object| match borrowed(object).map(Bound::cast_into::<PyTuple>) {
        Some(Ok(tuple)) => tuple.iter().collect(),
        _ => Vec::new(),
    };
    match passed {
        Passed::Two(object) if takes_one(slot) => {
            CallArgs { positional: borrowed(object).into_iter().collect(), keywords: Vec::new() }
        }
        Passed::Two(args) => CallArgs { positional: tuple(args), keywords: Vec::new() },
        Passed::Three(args, kw) => CallArgs {
            positional: tuple(args),
            keywords: borrowed(kw)
                .and_then(|kw| kw.cast_into::<PyDict>().ok())
                .map(|kw| CallArgs::keywords_of(&kw))
                .unwrap_or_default(),
        },
        Passed::Fast(args, count) => CallArgs {
            positional: array(args, usize::try_from(count).unwrap_or(0)),
            keywords: Vec::new(),
        },
        Passed::FastKeywords(args, count, names) | Passed::Method(_, args, count, names) => {
            let names = tuple(names);
            let count = usize::try_from(count).unwrap_or(0);
            let mut positional = array(args, count + names.len());
            let values = positional.split_off(count.min(positional.len()));
            let keywords = names
                .iter()
                .zip(values)
                .filter_map(|(name, value)| Some((text(name)?.into_owned(), value)))
                .collect();
            CallArgs { positional, keywords }
        }
    }
}

macro_rules! trampolines {
    ($($n:literal)*) => {
        [$(Trampolines {
            two: two::<$n>,
            three: three::<$n>,
            fast: fast::<$n>,
            fast_keywords: fast_keywords::<$n>,
            method: method::<$n>,
            init: init::<$n>,
        }),*]
    };
}

pub(super) static TRAMPOLINES: [Trampolines; COUNT] = trampolines!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34
    35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66
    67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99
    100
);
