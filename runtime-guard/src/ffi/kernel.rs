//! What this kernel has of Landlock and seccomp.

/// The version of Landlock's interface; 0 where it is missing or turned off (landlock(7)).
pub(crate) fn landlock() -> u32 {
    const VERSION: libc::c_long = 1;
    // SAFETY: with this flag the call takes no ruleset, and answers with a number.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0 as libc::size_t,
            VERSION,
        )
    };
    u32::try_from(answer).unwrap_or(0)
}

/// Whether a filter that answers with an error number can be set (seccomp(2)).
pub(crate) fn seccomp() -> bool {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the call reads one number, and changes nothing.
    unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0 as libc::c_long,
            &raw const action,
        ) == 0
    }
}
