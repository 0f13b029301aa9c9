//! The system calls that seccomp refuses, as data.
//!
//! seccomp sees numbers: the call's and its arguments', never what a pointer leads to. So a path is
//! Landlock's, and here are only calls that are denied whatever they name, and flags.

/// One system call that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name; one that the processor does not have is left out.
    pub name: &'static str,
    /// When: any of these, each met by all of its conditions. Empty for always.
    pub when: Vec<Vec<Condition>>,
}

/// What holds of an argument; the 32 bits the kernel reads of an `int` or `unsigned`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which argument, from 0.
    pub argument: u8,
    /// What holds of it.
    pub test: Test,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// It is this.
    Is(u64),
    /// It is not.
    IsNot(u64),
    /// Under this mask it is that.
    Masked(u64, u64),
    /// It is a pointer that is not null.
    Given,
}

const fn on(argument: u8, test: Test) -> Condition {
    Condition { argument, test }
}

fn always(names: &[&'static str]) -> impl Iterator<Item = Call> {
    names.iter().map(|name| Call { name, when: Vec::new() })
}

fn only(name: &'static str, when: Vec<Vec<Condition>>) -> Call {
    Call { name, when }
}

// Numbers of `linux/socket.h`, `linux/net.h` and `linux/in.h`, the same on every processor here.
const AF_UNIX: u64 = 1;
const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;
const AF_NETLINK: u64 = 16;
const TYPE: u64 = 0xf;
const STREAM: u64 = 1;
const DATAGRAM: u64 = 2;
const TCP: u64 = 6;
const UDP: u64 = 17;
const MSG_FASTOPEN: u64 = 0x2000_0000;
/// `linux/sched.h`
const CLONE_THREAD: u64 = 0x1_0000;
/// `asm-generic/ioctls.h`: put a character into a terminal's input, as if it was typed.
const TIOCSTI: u64 = 0x5412;
/// `linux/tiocl.h` by way of this one: the same by pasting.
const TIOCLINUX: u64 = 0x541c;
/// `linux/fs.h`: change a file's attributes through a descriptor that may only be read.
const FS_IOC_SETFLAGS: u64 = 0x4008_6602;
const FS_IOC_FSSETXATTR: u64 = 0x401c_5820;
/// `asm-generic/fcntl.h`
const O_TRUNC: u64 = 0o1000;

/// What would go round any of the rest: other processes' memory and descriptors, and calls that are
/// made by the kernel's own threads (`io_uring`), which seccomp does not see.
pub(super) fn around() -> Vec<Call> {
    always(&[
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "pidfd_getfd",
    ])
    .collect()
}

/// Sockets of families and kinds that no rule of a policy can allow, and under a closed network
/// all that connects. `unix` keeps those of files and names.
pub(super) fn network(closed: bool, unix: bool) -> Vec<Call> {
    let mut families = vec![
        on(0, Test::IsNot(AF_INET)),
        on(0, Test::IsNot(AF_INET6)),
        on(0, Test::IsNot(AF_NETLINK)),
    ];
    if unix {
        families.push(on(0, Test::IsNot(AF_UNIX)));
    }
    // What interfaces and addresses there are is asked of protocol 0 (rtnetlink(7)).
    let mut socket = vec![families, vec![on(0, Test::Is(AF_NETLINK)), on(2, Test::IsNot(0))]];
    for family in [AF_INET, AF_INET6] {
        let is = |number| on(1, Test::Masked(TYPE, number));
        let kinds = (0..=TYPE).filter(|kind| *kind != STREAM && (closed || *kind != DATAGRAM));
        socket.extend(kinds.map(|kind| vec![on(0, Test::Is(family)), is(kind)]));
        let other = |kind, protocol| {
            let own = [on(2, Test::IsNot(0)), on(2, Test::IsNot(protocol))];
            [vec![on(0, Test::Is(family)), is(kind)], own.to_vec()].concat()
        };
        // Other protocols of the same kind (MPTCP) are not TCP to Landlock.
        socket.push(other(STREAM, TCP));
        if !closed {
            socket.push(other(DATAGRAM, UDP));
        }
    }
    let fast_open = |argument| vec![vec![on(argument, Test::Masked(MSG_FASTOPEN, MSG_FASTOPEN))]];
    // A pair of datagram sockets can still be told an address to send to.
    let mut pair = vec![vec![on(0, Test::IsNot(AF_UNIX))]];
    if !unix {
        pair.push(vec![on(1, Test::Masked(TYPE, DATAGRAM))]);
    }
    let mut calls = vec![
        only("socket", socket),
        only("socketpair", pair),
        // TCP fast open connects without `connect` (tcp(7)).
        only("sendto", fast_open(3)),
        only("sendmsg", fast_open(2)),
        only("sendmmsg", fast_open(3)),
    ];
    // Sending to an address stays: the C library asks netlink so, and the other sockets that could
    // are not made.
    if closed && !unix {
        calls.extend(always(&["connect"]));
    }
    calls
}

/// Starting processes and becoming another program; threads stay. `run` keeps what a named program
/// needs to start.
pub(super) fn processes(run: bool) -> Vec<Call> {
    // `clone3` has its flags in memory: it is told to be missing, and libraries use `clone`.
    let mut calls =
        vec![only("ioctl", vec![vec![on(1, Test::Is(TIOCSTI))], vec![on(1, Test::Is(TIOCLINUX))]])];
    if run {
        // A program of nobody's file system is of no folder that Landlock could deny.
        calls.extend(always(&["memfd_create", "memfd_secret"]));
    } else {
        calls.extend(always(&["execve", "execveat", "fork", "vfork"]));
        calls.push(only("clone", vec![vec![on(0, Test::Masked(CLONE_THREAD, 0))]]));
    }
    calls
}

/// Changes of files that Landlock does not tell apart, and of what version 2 did not know. Where
/// `some` files may be changed, only what no allowed change needs: ways round paths, and flags of
/// files that a reader can set.
pub(super) fn files(landlock: u32, some: bool) -> Vec<Call> {
    let mut calls: Vec<Call> =
        always(&["open_by_handle_at", "swapon", "quotactl", "file_setattr"]).collect();
    calls.push(only(
        "ioctl",
        vec![vec![on(1, Test::Is(FS_IOC_SETFLAGS))], vec![on(1, Test::Is(FS_IOC_FSSETXATTR))]],
    ));
    if some {
        return calls;
    }
    calls.extend(always(&[
        "chmod",
        "fchmod",
        "fchmodat",
        "fchmodat2",
        "chown",
        "lchown",
        "fchown",
        "fchownat",
        "utime",
        "utimes",
        "utimensat",
        "futimesat",
        "setxattr",
        "lsetxattr",
        "fsetxattr",
        "setxattrat",
        "removexattr",
        "lremovexattr",
        "fremovexattr",
        "removexattrat",
    ]));
    if landlock < 3 {
        calls.extend(always(&["truncate"]));
        let cuts = |argument| vec![vec![on(argument, Test::Masked(O_TRUNC, O_TRUNC))]];
        calls.extend([only("open", cuts(1)), only("openat", cuts(2))]);
    }
    calls
}

/// Changes of limits, where limits were set.
pub(super) fn limits() -> Vec<Call> {
    let mut calls: Vec<Call> = always(&["setrlimit"]).collect();
    calls.push(only("prlimit64", vec![vec![on(2, Test::Given)]]));
    calls
}

/// The number of a call on this processor; `None` for one it does not have.
#[cfg(target_os = "linux")]
pub fn number(name: &str) -> Option<i64> {
    // Calls that are newer than the C library's list: the same numbers on every processor.
    let newer = match name {
        "fchmodat2" => 452,
        "setxattrat" => 463,
        "removexattrat" => 466,
        "file_setattr" => 469,
        "memfd_secret" => 447,
        "pidfd_getfd" => 438,
        "openat2" => 437,
        "clone3" => 435,
        "io_uring_setup" => 425,
        "io_uring_enter" => 426,
        "io_uring_register" => 427,
        _ => 0,
    };
    if newer > 0 {
        return Some(newer);
    }
    if let Some(old) = number_of_old(name) {
        return Some(old);
    }
    Some(match name {
        "ptrace" => libc::SYS_ptrace,
        "process_vm_readv" => libc::SYS_process_vm_readv,
        "process_vm_writev" => libc::SYS_process_vm_writev,
        "socket" => libc::SYS_socket,
        "socketpair" => libc::SYS_socketpair,
        "connect" => libc::SYS_connect,
        "sendto" => libc::SYS_sendto,
        "sendmsg" => libc::SYS_sendmsg,
        "sendmmsg" => libc::SYS_sendmmsg,
        "ioctl" => libc::SYS_ioctl,
        "memfd_create" => libc::SYS_memfd_create,
        "execve" => libc::SYS_execve,
        "execveat" => libc::SYS_execveat,
        "clone" => libc::SYS_clone,
        "fchmod" => libc::SYS_fchmod,
        "fchmodat" => libc::SYS_fchmodat,
        "fchown" => libc::SYS_fchown,
        "fchownat" => libc::SYS_fchownat,
        "utimensat" => libc::SYS_utimensat,
        "setxattr" => libc::SYS_setxattr,
        "lsetxattr" => libc::SYS_lsetxattr,
        "fsetxattr" => libc::SYS_fsetxattr,
        "removexattr" => libc::SYS_removexattr,
        "lremovexattr" => libc::SYS_lremovexattr,
        "fremovexattr" => libc::SYS_fremovexattr,
        "open_by_handle_at" => libc::SYS_open_by_handle_at,
        "swapon" => libc::SYS_swapon,
        "quotactl" => libc::SYS_quotactl,
        "truncate" => libc::SYS_truncate,
        "openat" => libc::SYS_openat,
        "setrlimit" => libc::SYS_setrlimit,
        "prlimit64" => libc::SYS_prlimit64,
        _ => return None,
    })
}

/// Calls of processors that have had Linux for long; younger ones have only what replaced them.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn number_of_old(name: &str) -> Option<i64> {
    Some(match name {
        "fork" => libc::SYS_fork,
        "vfork" => libc::SYS_vfork,
        "chmod" => libc::SYS_chmod,
        "chown" => libc::SYS_chown,
        "lchown" => libc::SYS_lchown,
        "utime" => libc::SYS_utime,
        "utimes" => libc::SYS_utimes,
        "futimesat" => libc::SYS_futimesat,
        "open" => libc::SYS_open,
        _ => return None,
    })
}

#[cfg(all(target_os = "linux", not(target_arch = "x86_64")))]
fn number_of_old(_name: &str) -> Option<i64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn every_call_has_a_number_of_its_own() {
        let all =
            [around(), network(true, false), processes(false), processes(true), files(0, false)];
        let mut names: Vec<_> =
            all.concat().into_iter().chain(limits()).map(|call| call.name).collect();
        names.extend(["clone3", "openat2"]);
        names.sort_unstable();
        names.dedup();
        let mut numbers: Vec<_> =
            names.iter().map(|name| number(name).unwrap_or_else(|| panic!("{name}"))).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), names.len());
        assert_eq!(number("clone3"), Some(libc::SYS_clone3));
        assert_eq!(number("openat2"), Some(libc::SYS_openat2));
        assert_eq!(number("io_uring_setup"), Some(libc::SYS_io_uring_setup));
        assert_eq!(number("pidfd_getfd"), Some(libc::SYS_pidfd_getfd));
    }

    /// Whether a call with these arguments is refused, as the filter would say.
    pub(crate) fn refuses(calls: &[Call], name: &str, arguments: &[u64]) -> bool {
        calls.iter().filter(|call| call.name == name).any(|call| {
            call.when.is_empty()
                || call.when.iter().any(|all| {
                    all.iter().all(|condition| {
                        let value = arguments[usize::from(condition.argument)];
                        match condition.test {
                            Test::Is(number) => value == number,
                            Test::IsNot(number) => value != number,
                            Test::Masked(mask, number) => value & mask == number,
                            Test::Given => value != 0,
                        }
                    })
                })
        })
    }

    #[test]
    fn sockets_by_family_kind_and_protocol() {
        let (closed, open, unix) =
            (network(true, false), network(false, false), network(false, true));
        let cloexec = 0o2_000_000;
        for (socket, refused) in [
            ([AF_INET, STREAM, 0], [false, false, false]),
            ([AF_INET6, STREAM | cloexec, TCP], [false, false, false]),
            ([AF_INET, STREAM, 262], [true, true, true]),
            ([AF_INET, DATAGRAM, 0], [true, false, false]),
            ([AF_INET6, DATAGRAM | cloexec, UDP], [true, false, false]),
            ([AF_INET, DATAGRAM, 1], [true, true, true]),
            ([AF_INET, 3, 1], [true, true, true]),
            ([AF_UNIX, STREAM, 0], [true, true, false]),
            ([AF_UNIX, DATAGRAM, 0], [true, true, false]),
            ([AF_NETLINK, 3, 0], [false, false, false]),
            ([AF_NETLINK, 3, 9], [true, true, true]),
            ([17, 3, 0], [true, true, true]),
            ([40, STREAM, 0], [true, true, true]),
        ] {
            let found = [&closed, &open, &unix].map(|calls| refuses(calls, "socket", &socket));
            assert_eq!(found, refused, "{socket:?}");
        }
        assert!(refuses(&closed, "connect", &[3, 1, 16]));
        assert!(!refuses(&open, "connect", &[3, 1, 16]));
        assert!(!refuses(&closed, "sendto", &[3, 1, 1, 0, 1, 16]));
        assert!(refuses(&open, "sendto", &[3, 1, 1, MSG_FASTOPEN, 1, 16]));
        assert!(!refuses(&closed, "socketpair", &[AF_UNIX, STREAM, 0]));
        assert!(refuses(&closed, "socketpair", &[AF_UNIX, DATAGRAM, 0]));
    }

    #[test]
    fn threads_are_no_processes() {
        let closed = processes(false);
        assert!(refuses(&closed, "clone", &[17]));
        assert!(!refuses(&closed, "clone", &[0x3d_0f00]));
        assert!(refuses(&closed, "execve", &[0, 0, 0]));
        assert!(!refuses(&processes(true), "execve", &[0, 0, 0]));
        assert!(refuses(&processes(true), "memfd_create", &[0, 0]));
    }

    #[test]
    fn truncating_is_refused_where_landlock_does_not_know_it() {
        assert!(refuses(&files(2, false), "openat", &[0, 0, O_TRUNC]));
        assert!(!refuses(&files(2, false), "openat", &[0, 0, 0o2]));
        assert!(!refuses(&files(3, false), "openat", &[0, 0, O_TRUNC]));
        assert!(!refuses(&files(2, true), "openat", &[0, 0, O_TRUNC]));
    }

    #[test]
    fn where_some_files_may_be_changed_ways_round_paths_stay_closed() {
        let (none, some) = (files(7, false), files(7, true));
        assert!(refuses(&none, "fchmod", &[3, 0]) && !refuses(&some, "fchmod", &[3, 0]));
        for name in ["open_by_handle_at", "swapon", "quotactl", "file_setattr"] {
            assert!(refuses(&none, name, &[3, 0]) && refuses(&some, name, &[3, 0]), "{name}");
        }
        assert!(refuses(&some, "ioctl", &[3, FS_IOC_SETFLAGS]));
        assert!(!refuses(&some, "ioctl", &[3, 0x5401]));
    }
}
