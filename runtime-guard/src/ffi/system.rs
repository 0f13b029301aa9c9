//! What the operating system says of a descriptor.

/// `EACCES` (POSIX `errno.h`), or `WSAEACCES` (`winsock2.h`).
pub const ACCESS_DENIED: i32 = if cfg!(windows) { 10013 } else { 13 };

/// Close a descriptor.
pub fn close(descriptor: i64) {
    #[cfg(unix)]
    if let Ok(descriptor) = i32::try_from(descriptor)
        && descriptor >= 0
    {
        // SAFETY: the descriptor was opened by the call that is denied, and nobody has it yet.
        unsafe { libc::close(descriptor) };
    }
    #[cfg(not(unix))]
    let _ = descriptor;
}

/// Whether a descriptor may be written to.
pub fn is_writable(descriptor: i64) -> bool {
    #[cfg(unix)]
    {
        let Ok(descriptor) = i32::try_from(descriptor) else { return false };
        // SAFETY: F_GETFL takes no pointer; a descriptor that is none is an error.
        let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFL) };
        flags >= 0 && flags & libc::O_ACCMODE != libc::O_RDONLY
    }
    #[cfg(not(unix))]
    {
        let _ = descriptor;
        true
    }
}

/// Whether a descriptor is a file of `/proc`.
pub fn is_in_proc(descriptor: i64) -> bool {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt as _;
        use std::sync::OnceLock;
        static PROC: OnceLock<Option<u64>> = OnceLock::new();
        let proc = PROC.get_or_init(|| Some(std::fs::metadata("/proc/self/stat").ok()?.dev()));
        let Ok(descriptor) = i32::try_from(descriptor) else { return false };
        let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
        // SAFETY: the buffer is as large as fstat(2) writes, and read only if it says it did.
        let device = unsafe {
            if libc::fstat(descriptor, stat.as_mut_ptr()) != 0 {
                return false;
            }
            stat.assume_init().st_dev
        };
        *proc == Some(device)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = descriptor;
        false
    }
}
