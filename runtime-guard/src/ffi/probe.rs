//! Whether memory can be read or written, asked of the kernel.
//!
//! A pipe takes bytes from, or gives them to, an address; for one that cannot be read or written
//! the system call fails with `EFAULT` (write(2), read(2)) where a plain access would end the
//! process.

use std::ffi::c_void;

const POINTER: usize = size_of::<usize>();

/// The two ends of a pipe, for as long as memory is asked about.
#[cfg(unix)]
pub(crate) struct Probe(Option<[i32; 2]>);

#[cfg(unix)]
impl Probe {
    pub(crate) fn new() -> Self {
        let mut ends = [0; 2];
        // SAFETY: there is room for two descriptors.
        let made = unsafe { libc::pipe(ends.as_mut_ptr()) } == 0;
        Self(made.then_some(ends))
    }

    /// Whether so many bytes can be read at an address.
    pub(crate) fn is_readable(&self, address: *const c_void, length: usize) -> bool {
        if !self.send(address, length) {
            return false;
        }
        let mut sink = vec![0_u8; length];
        self.receive(sink.as_mut_ptr().cast(), length)
    }

    /// Whether the pointer at an address can be read and written. It is written as it was.
    pub(crate) fn is_writable(&self, address: *const c_void) -> bool {
        address.addr().is_multiple_of(POINTER)
            && self.send(address, POINTER)
            && (self.receive(address.cast_mut(), POINTER) || {
                // Empty the pipe, so that the next answer is its own.
                let mut sink = 0_usize;
                self.receive((&raw mut sink).cast(), POINTER);
                false
            })
    }

    fn send(&self, address: *const c_void, length: usize) -> bool {
        // SAFETY: the kernel reads the address, or says that it cannot.
        let sent = |into| unsafe { libc::write(into, address, length) };
        !address.is_null() && self.0.is_some_and(|[_, into]| sent(into) == length.cast_signed())
    }

    fn receive(&self, address: *mut c_void, length: usize) -> bool {
        // SAFETY: the kernel writes the address, or says that it cannot. The callers give a buffer
        // of their own, or a place that gets back what it held while no other thread is attached.
        let received = |from| unsafe { libc::read(from, address, length) };
        self.0.is_some_and(|[from, _]| received(from) == length.cast_signed())
    }
}

#[cfg(unix)]
impl Drop for Probe {
    fn drop(&mut self) {
        for end in self.0.into_iter().flatten() {
            // SAFETY: both were made here.
            unsafe { libc::close(end) };
        }
    }
}

/// The system's own reading and writing of a process's memory, which fails where it cannot.
#[cfg(windows)]
pub(crate) struct Probe;

#[cfg(windows)]
impl Probe {
    pub(crate) fn new() -> Self {
        Self
    }

    /// Whether so many bytes can be read at an address.
    pub(crate) fn is_readable(&self, address: *const c_void, length: usize) -> bool {
        let mut buffer = vec![0_u8; length];
        // SAFETY: the buffer is as long as it is said to be, and the handle is this process.
        unsafe {
            ReadProcessMemory(
                GetCurrentProcess(),
                address,
                buffer.as_mut_ptr().cast(),
                length,
                std::ptr::null_mut(),
            ) != 0
        }
    }

    /// Whether the pointer at an address can be read and written. It is written as it was.
    pub(crate) fn is_writable(&self, address: *const c_void) -> bool {
        let mut value = [0_u8; POINTER];
        // SAFETY: as above; what is written is what was there.
        unsafe {
            let process = GetCurrentProcess();
            let none = std::ptr::null_mut();
            ReadProcessMemory(process, address, value.as_mut_ptr().cast(), POINTER, none) != 0
                && WriteProcessMemory(process, address, value.as_ptr().cast(), POINTER, none) != 0
        }
    }
}

#[cfg(windows)]
#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetCurrentProcess() -> *mut c_void;
    fn ReadProcessMemory(
        process: *mut c_void,
        from: *const c_void,
        into: *mut c_void,
        length: usize,
        read: *mut usize,
    ) -> i32;
    fn WriteProcessMemory(
        process: *mut c_void,
        into: *const c_void,
        from: *const c_void,
        length: usize,
        written: *mut usize,
    ) -> i32;
}

#[cfg(test)]
mod tests {
    use super::{POINTER, Probe};

    #[test]
    fn memory_is_asked_for_without_touching_it() {
        let probe = Probe::new();
        let value = Box::new(7_usize);
        let address = std::ptr::from_ref(&*value).cast();
        let constant = "constant text in read-only memory".as_ptr();
        let constant = constant.wrapping_add(constant.align_offset(POINTER)).cast();
        for _ in 0..2 {
            assert!(probe.is_readable(address, POINTER) && probe.is_writable(address));
            assert_eq!(*value, 7);
            assert!(probe.is_readable(constant, 8) && !probe.is_writable(constant));
            assert!(!probe.is_readable(std::ptr::dangling(), 8));
            assert!(!probe.is_writable(std::ptr::null()));
        }
    }
}
