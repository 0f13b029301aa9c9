//! Which descriptor a `FileIO` holds, whatever its class says of it.
//!
//! A subclass may answer `fileno` as it likes and keep its file through `close`. So the object
//! itself is read, where CPython's own functions read it.

use std::ffi::{c_int, c_uint};
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::probe::Probe;
use super::system;

/// The head of `fileio` (CPython `Modules/_io/fileio.c`, the same since 3.9).
#[repr(C)]
struct FileObject {
    head: ffi::PyObject,
    descriptor: c_int,
}

/// As far as the `st_blksize` of its file (stat(2)), which it holds to 3.13.
#[repr(C)]
struct FileObjectTo313 {
    head: ffi::PyObject,
    descriptor: c_int,
    flags: c_uint,
    block_size: c_uint,
}

/// Whether the objects here are seen to be laid out like that.
static HOLDS_BLOCK_SIZE: AtomicBool = AtomicBool::new(false);

/// A `FileIO` or an instance of a class below it, as `tp_init` of that type gets it.
pub(crate) struct File<'a, 'py>(&'a Bound<'py, PyAny>);

impl<'a, 'py> File<'a, 'py> {
    /// The object must be such an instance, and its layout have been [checked](is_known).
    pub(crate) const fn of(object: &'a Bound<'py, PyAny>) -> Self {
        Self(object)
    }

    fn place(&self) -> *mut c_int {
        let file = self.0.as_ptr().cast::<FileObject>();
        // SAFETY: the object is a `FileIO`, which begins like this.
        unsafe { &raw mut (*file).descriptor }
    }

    /// The descriptor it holds; -1 for none.
    pub(crate) fn descriptor(&self) -> i64 {
        // SAFETY: within the object, which is alive; the thread is attached, so nobody writes.
        i64::from(unsafe { self.place().read() })
    }

    /// The `st_blksize` of the file it has just opened, where it is known without asking.
    pub(crate) fn block_size(&self) -> Option<u64> {
        if !HOLDS_BLOCK_SIZE.load(Ordering::Relaxed) {
            return None;
        }
        let file = self.0.as_ptr().cast::<FileObjectTo313>();
        // SAFETY: objects of its class are laid out like this; nobody writes, as above.
        Some(u64::from(unsafe { (&raw const (*file).block_size).read() }))
    }

    /// Close what it holds. No method is asked: a program may have put another there.
    pub(crate) fn close(&self) {
        let descriptor = self.descriptor();
        // SAFETY: as above; -1 is what CPython writes when it closes a file (`internal_close`).
        unsafe { self.place().write(-1) };
        system::close(descriptor);
    }
}

/// Whether objects of this class are laid out as they are read here: one on a pipe is looked at,
/// open and closed.
pub(crate) fn is_known(probe: &Probe, class: &Bound<'_, PyType>) -> bool {
    let tried = || -> PyResult<bool> {
        let system = class.py().import(if cfg!(windows) { "nt" } else { "posix" })?;
        let ends: (i64, i64) = system.call_method0("pipe")?.extract()?;
        let file = class.call1((ends.0, "rb", false));
        let known = file.and_then(|file| {
            if !probe.is_readable(file.as_ptr().cast(), size_of::<FileObject>()) {
                return Ok(false);
            }
            let is_open = File::of(&file).descriptor() == ends.0;
            HOLDS_BLOCK_SIZE.store(is_open && holds_block_size(probe, &file), Ordering::Relaxed);
            file.call_method0("close")?;
            Ok(is_open && File::of(&file).descriptor() == -1)
        });
        for end in [ends.0, ends.1] {
            system.call_method1("close", (end,))?;
        }
        known
    };
    tried().unwrap_or(false)
}

/// Whether what is said to be the block size of a file is found where it is looked for.
fn holds_block_size(probe: &Probe, file: &Bound<'_, PyAny>) -> bool {
    const SIZES: [c_uint; 2] = [0x5a5a_1234, 4096];
    probe.is_readable(file.as_ptr().cast(), size_of::<FileObjectTo313>())
        && SIZES.iter().all(|size| {
            let place = file.as_ptr().cast::<FileObjectTo313>();
            // SAFETY: it is readable, and a number whatever it means.
            let read = || unsafe { (&raw const (*place).block_size).read() };
            file.setattr("_blksize", *size).is_ok() && read() == *size
        })
}
