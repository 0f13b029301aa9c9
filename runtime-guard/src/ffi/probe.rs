//! Whether memory can be read or written, asked of the kernel.
//!
//! A pipe takes bytes from, or gives them to, an address; for one that cannot be read or written
//! the system call fails with `EFAULT` (write(2), read(2)) where a plain access would end the
//! process.

use std::ffi::c_void;

/// Whether so many bytes can be read at an address.
#[cfg(unix)]
pub(crate) fn is_readable(address: *const c_void, length: usize) -> bool {
    !address.is_null() && with_pipe(|[_, into]| write(into, address, length)).unwrap_or(false)
}

/// Whether the pointer at an address can be read and written. It is written as it was.
#[cfg(unix)]
pub(crate) fn is_writable(address: *const c_void) -> bool {
    const POINTER: usize = size_of::<usize>();
    !address.is_null()
        && address.addr() % POINTER == 0
        && with_pipe(|[from, into]| {
            write(into, address, POINTER)
                // SAFETY: the kernel copies to the address or says that it cannot; the bytes are
                // those that were there, and the thread state is attached, so nobody else stores.
                && unsafe { libc::read(from, address.cast_mut(), POINTER) } == POINTER.cast_signed()
        })
        .unwrap_or(false)
}

#[cfg(unix)]
fn write(into: i32, address: *const c_void, length: usize) -> bool {
    // SAFETY: the kernel reads the address or says that it cannot.
    unsafe { libc::write(into, address, length) == length.cast_signed() }
}

/// Run with the two ends of a pipe.
#[cfg(unix)]
fn with_pipe(run: impl FnOnce([i32; 2]) -> bool) -> Option<bool> {
    let mut ends = [0; 2];
    // SAFETY: there is room for two descriptors.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        return None;
    }
    let answer = run(ends);
    // SAFETY: both were made here.
    unsafe {
        libc::close(ends[0]);
        libc::close(ends[1]);
    }
    Some(answer)
}

/// Whether so many bytes can be read at an address (`ReadProcessMemory` fails where not).
#[cfg(windows)]
pub(crate) fn is_readable(address: *const c_void, length: usize) -> bool {
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
#[cfg(windows)]
pub(crate) fn is_writable(address: *const c_void) -> bool {
    let mut value = [0_u8; size_of::<usize>()];
    let length = value.len();
    // SAFETY: as above; what is written is what was there.
    unsafe {
        let process = GetCurrentProcess();
        let none = std::ptr::null_mut();
        ReadProcessMemory(process, address, value.as_mut_ptr().cast(), length, none) != 0
            && WriteProcessMemory(process, address, value.as_ptr().cast(), length, none) != 0
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
    use super::{is_readable, is_writable};

    #[test]
    fn memory_is_asked_for_without_touching_it() {
        let value = Box::new(7_usize);
        let address = std::ptr::from_ref(&*value).cast();
        assert!(is_readable(address, size_of::<usize>()) && is_writable(address));
        assert_eq!(*value, 7);
        let constant = "constant text in read-only memory".as_ptr();
        assert!(is_readable(constant.cast(), 8));
        assert!(!is_writable(constant.wrapping_add(constant.align_offset(8)).cast()));
        assert!(!is_readable(std::ptr::dangling(), 8) && !is_writable(std::ptr::null()));
    }
}
