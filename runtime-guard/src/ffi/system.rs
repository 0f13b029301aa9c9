//! What the operating system says of a descriptor.

/// `EACCES` (POSIX `errno.h`), or `WSAEACCES` (`winsock2.h`).
pub(crate) const ACCESS_DENIED: i32 = if cfg!(windows) { 10013 } else { 13 };

/// Close a descriptor.
pub(crate) fn close(descriptor: i64) {
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
pub(crate) fn is_writable(descriptor: i64) -> bool {
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

/// Whether a descriptor leads to a regular file.
pub(crate) fn is_regular(descriptor: i64) -> bool {
    #[cfg(unix)]
    {
        status(descriptor).is_some_and(|status| status.st_mode & libc::S_IFMT == libc::S_IFREG)
    }
    #[cfg(not(unix))]
    {
        let _ = descriptor;
        true
    }
}

/// Whether a path is the null device itself, and no link to it: character device 1, 3
/// (null(4)).
pub(crate) fn is_null_device(path: &std::path::Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
        std::fs::symlink_metadata(path).is_ok_and(|found| {
            found.file_type().is_char_device() && found.rdev() == libc::makedev(1, 3)
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}

/// What a descriptor leads to.
#[cfg(target_os = "linux")]
pub(crate) struct Opened(libc::stat);

#[cfg(target_os = "linux")]
impl Opened {
    /// `None` for what is no descriptor.
    pub(crate) fn of(descriptor: i64) -> Option<Self> {
        status(descriptor).map(Self)
    }

    /// Whether it is the null device.
    pub(crate) fn is_null_device(&self) -> bool {
        self.0.st_mode & libc::S_IFMT == libc::S_IFCHR && self.0.st_rdev == libc::makedev(1, 3)
    }

    /// Whether it is a file of `/proc`.
    pub(crate) fn is_in_proc(&self) -> bool {
        proc().is_some_and(|(device, _)| device == self.0.st_dev)
    }

    /// Whether a file of this `st_blksize` may be one of `/proc`: all of them have the same (Linux
    /// `fs/proc/root.c`, `proc_fill_super`), and few others have that.
    pub(crate) fn may_be_in_proc(block_size: u64) -> bool {
        proc().is_some_and(|(_, of_proc)| of_proc == block_size)
    }
}

/// The device of `/proc`, and the block size of what is in it.
#[cfg(target_os = "linux")]
fn proc() -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    use std::sync::OnceLock;
    static PROC: OnceLock<Option<(u64, u64)>> = OnceLock::new();
    *PROC.get_or_init(|| {
        let status = std::fs::metadata("/proc/self/stat").ok()?;
        Some((status.dev(), status.blksize()))
    })
}

/// What a descriptor leads to: this system has nothing of what is asked for.
#[cfg(not(target_os = "linux"))]
pub(crate) struct Opened;

#[cfg(not(target_os = "linux"))]
impl Opened {
    #[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(crate) fn of(_descriptor: i64) -> Option<Self> {
        Some(Self)
    }

    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(crate) fn is_null_device(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(crate) fn is_in_proc(&self) -> bool {
        false
    }

    pub(crate) fn may_be_in_proc(_block_size: u64) -> bool {
        false
    }
}

#[cfg(unix)]
fn status(descriptor: i64) -> Option<libc::stat> {
    let descriptor = i32::try_from(descriptor).ok()?;
    let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the buffer is as large as fstat(2) writes, and read only if it says it did.
    unsafe { (libc::fstat(descriptor, status.as_mut_ptr()) == 0).then(|| status.assume_init()) }
}

/// A descriptor that was open before.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    /// Its number.
    pub(crate) number: i32,
    /// A path, or `socket:[inode]`.
    pub(crate) name: String,
    /// Whether it may be written to.
    pub(crate) is_writable: bool,
    /// Whether it is a socket with a peer.
    pub(crate) is_connected: bool,
}

/// Open files and sockets beyond the three standard streams; pipes and the like are left out.
pub(crate) fn descriptors() -> Vec<Descriptor> {
    #[cfg(target_os = "linux")]
    {
        let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
        entries
            .filter_map(|entry| {
                let number: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
                let path = format!("/proc/self/fd/{number}");
                let name = std::fs::read_link(path).ok()?.to_string_lossy().into_owned();
                let is_socket = name.starts_with("socket:");
                // The folder being read is one of them.
                let is_file = name.starts_with('/')
                    && !name.starts_with("/dev/")
                    && !name.starts_with("/proc/");
                (number > 2 && (is_socket || is_file)).then(|| Descriptor {
                    number,
                    name,
                    is_writable: is_writable(i64::from(number)),
                    is_connected: is_socket && has_peer(number),
                })
            })
            .filter(|found| found.name.starts_with('/') || found.is_connected)
            .collect()
    }
    #[cfg(not(target_os = "linux"))]
    Vec::new()
}

/// Whether a socket is connected to an address of the Internet.
#[cfg(target_os = "linux")]
fn has_peer(number: i32) -> bool {
    let mut address = std::mem::MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let Ok(mut length) = libc::socklen_t::try_from(size_of::<libc::sockaddr_storage>()) else {
        return false;
    };
    // SAFETY: the buffer is as long as it is said to be; it was zeroed, so that the family can be
    // read even where less is written.
    unsafe {
        libc::getpeername(number, address.as_mut_ptr().cast(), &raw mut length) == 0
            && matches!(i32::from(address.assume_init().ss_family), libc::AF_INET | libc::AF_INET6)
    }
}
