//! The functions that raise no event, or not enough of one, and what is to be done about each.

use std::sync::OnceLock;

use hermetic_policy::rule::{Rule, Trigger};
use hermetic_policy::rules;

use crate::deed::Read;
use crate::value::{At, at, named};

/// A C function the guard stands before.
#[derive(Debug)]
pub struct Slot {
    /// Module, class where there is one, and function.
    pub name: &'static str,
    /// The rule, where no trigger names the function.
    rule: Option<&'static str>,
    pub(super) read: Read,
    pub(super) kind: Kind,
}

/// What is to be done about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Judge it by its arguments.
    Judge,
    /// Judge it by its arguments, where a policy has a root to read from.
    Look,
    /// Judge what was opened.
    Open,
    /// Remember what a look-up returned.
    LookUp,
    /// An error number instead of an exception.
    ConnectEx,
    /// Judge what a socket is bound to.
    Listen,
    /// Judge unless it is a pair of Unix sockets.
    Pair,
    /// Judge where a descriptor is made a socket again.
    Duplicate,
    /// Judge the name TLS is spoken with.
    Tls,
    /// Guard the functions of a module that has been loaded.
    Load,
    /// Give children the environment the process has.
    Environment,
    /// The same, judge what starts without an event, and guard Python programs.
    Start,
    /// Note by which name code is made from data.
    Named,
    /// Judge a change of the file behind a descriptor.
    Written,
    /// Judge a frozen module by its name.
    Frozen,
}

const fn judge(name: &'static str, read: Read) -> Slot {
    Slot { name, rule: None, read, kind: Kind::Judge }
}

const fn look(name: &'static str, read: Read) -> Slot {
    Slot { name, rule: Some("file-read"), read, kind: Kind::Look }
}

const fn special(name: &'static str, kind: Kind) -> Slot {
    Slot { name, rule: None, read: Read::Special, kind }
}

const fn beside(name: &'static str, rule: &'static str, kind: Kind) -> Slot {
    Slot { name, rule: Some(rule), read: Read::Special, kind }
}

/// The address at this argument is connected to, or sent something.
const fn reaches(name: &'static str, rule: &'static str, address: At) -> Slot {
    Slot { name, rule: Some(rule), read: Read::Address(address), kind: Kind::Judge }
}

/// What this argument's descriptor leads to is changed.
const fn writes(name: &'static str, descriptor: At) -> Slot {
    Slot { name, rule: Some("file-write"), read: Read::Descriptor(descriptor), kind: Kind::Written }
}

pub(super) const PATH: At = named(0, "path");
pub(super) const FOLDER: At = named(usize::MAX, "dir_fd");
const FOLLOW: At = named(usize::MAX, "follow_symlinks");
const NOWHERE: At = named(usize::MAX, "");

/// How many functions there are.
pub const COUNT: usize = 101;

/// Every function the guard stands before.
pub static SLOTS: [Slot; COUNT] = [
    Slot {
        name: "_posixsubprocess.fork_exec",
        rule: None,
        read: Read::Argv(at(0)),
        kind: Kind::Start,
    },
    judge("_signal.pidfd_send_signal", Read::Plain),
    special("_socket.socketpair", Kind::Pair),
    special("_socket.dup", Kind::Duplicate),
    special("_socket.socket.listen", Kind::Listen),
    beside("_socket.socket._accept", "network-listen", Kind::Listen),
    beside("_socket.socket.connect_ex", "network-connect", Kind::ConnectEx),
    beside("_socket.getaddrinfo", "network-resolve", Kind::LookUp),
    beside("_socket.gethostbyname", "network-resolve", Kind::LookUp),
    beside("_socket.gethostbyname_ex", "network-resolve", Kind::LookUp),
    special("_ssl._SSLContext._wrap_socket", Kind::Tls),
    judge(
        "_ssl._SSLContext.load_cert_chain",
        Read::Paths(named(0, "certfile"), named(1, "keyfile")),
    ),
    judge(
        "_ssl._SSLContext.load_verify_locations",
        Read::Paths(named(0, "cafile"), named(1, "capath")),
    ),
    judge("readline.write_history_file", Read::Path(at(0))),
    judge("readline.append_history_file", Read::Path(at(1))),
    judge("readline.read_history_file", Read::Path(at(0))),
    judge("readline.read_init_file", Read::Path(at(0))),
    judge("_gdbm.open", Read::Dbm(at(0), at(1))),
    judge("_dbm.open", Read::Dbm(at(0), at(1))),
    judge("_posixshmem.shm_open", Read::Name(PATH)),
    judge("_posixshmem.shm_unlink", Read::Name(PATH)),
    judge("posix.mkfifo", Read::PathBeside(PATH, FOLDER)),
    judge("posix.mknod", Read::PathBeside(PATH, FOLDER)),
    beside("posix.open", "file-read", Kind::Open),
    look("posix.stat", Read::Look(PATH, FOLDER, FOLLOW)),
    look("posix.lstat", Read::LinkBeside(PATH, FOLDER)),
    look("posix.access", Read::Look(PATH, FOLDER, FOLLOW)),
    look("posix.readlink", Read::LinkBeside(PATH, FOLDER)),
    look("posix.statvfs", Read::Look(PATH, NOWHERE, NOWHERE)),
    look("posix.pathconf", Read::Look(PATH, NOWHERE, NOWHERE)),
    beside("posix.posix_spawn", "process-spawn", Kind::Start),
    beside("posix.posix_spawnp", "process-spawn", Kind::Start),
    beside("posix.execv", "process-exec", Kind::Start),
    beside("posix.execve", "process-exec", Kind::Start),
    beside("_imp.create_builtin", "native-import", Kind::Load),
    beside("_imp.exec_builtin", "native-import", Kind::Load),
    special("_imp.create_dynamic", Kind::Load),
    beside("_imp.exec_dynamic", "native-import", Kind::Load),
    beside("posix._create_environ", "environment-read", Kind::Judge),
    judge("_interpreters.create", Read::Plain),
    judge("_xxsubinterpreters.create", Read::Plain),
    judge("sys.monitoring.set_events", Read::Fixed("sys.monitoring.set_events")),
    judge("sys.monitoring.set_local_events", Read::Fixed("sys.monitoring.set_local_events")),
    // Its event is raised, but CPython drops what a hook says to it (`Python/sysmodule.c`).
    Slot {
        name: "sys.addaudithook",
        rule: Some("interpreter-hook"),
        read: Read::Fixed("sys.addaudithook"),
        kind: Kind::Judge,
    },
    judge("sys.setrecursionlimit", Read::Fixed("sys.setrecursionlimit")),
    judge("sys.setswitchinterval", Read::Fixed("sys.setswitchinterval")),
    judge("sys.setdlopenflags", Read::Fixed("sys.setdlopenflags")),
    judge("sys.set_int_max_str_digits", Read::Fixed("sys.set_int_max_str_digits")),
    judge("sys.activate_stack_trampoline", Read::Fixed("sys.activate_stack_trampoline")),
    judge("sys.deactivate_stack_trampoline", Read::Fixed("sys.deactivate_stack_trampoline")),
    judge("sys._enablelegacywindowsfsencoding", Read::Fixed("sys._enablelegacywindowsfsencoding")),
    judge("posix.setuid", Read::Fixed("setuid")),
    judge("posix.setgid", Read::Fixed("setgid")),
    judge("posix.seteuid", Read::Fixed("seteuid")),
    judge("posix.setegid", Read::Fixed("setegid")),
    judge("posix.setreuid", Read::Fixed("setreuid")),
    judge("posix.setregid", Read::Fixed("setregid")),
    judge("posix.setresuid", Read::Fixed("setresuid")),
    judge("posix.setresgid", Read::Fixed("setresgid")),
    judge("posix.setgroups", Read::Fixed("setgroups")),
    judge("posix.initgroups", Read::Fixed("initgroups")),
    judge("posix.chroot", Read::Fixed("chroot")),
    judge("posix.umask", Read::Fixed("umask")),
    judge("posix.setns", Read::Fixed("setns")),
    judge("posix.unshare", Read::Fixed("unshare")),
    judge("posix.nice", Read::Fixed("nice")),
    judge("posix.setpriority", Read::Fixed("setpriority")),
    judge("posix.sched_setaffinity", Read::Fixed("sched_setaffinity")),
    judge("posix.sched_setscheduler", Read::Fixed("sched_setscheduler")),
    judge("posix.sched_setparam", Read::Fixed("sched_setparam")),
    judge("posix.setsid", Read::Fixed("setsid")),
    judge("posix.setpgid", Read::Fixed("setpgid")),
    judge("posix.setpgrp", Read::Fixed("setpgrp")),
    judge("posix.tcsetpgrp", Read::Fixed("tcsetpgrp")),
    judge("posix.plock", Read::Fixed("plock")),
    judge("posix.login_tty", Read::Fixed("login_tty")),
    writes("posix.sendfile", named(0, "out_fd")),
    writes("posix.copy_file_range", named(1, "dst")),
    writes("posix.splice", named(1, "dst")),
    writes("posix.posix_fallocate", at(0)),
    writes("posix.ftruncate", named(0, "fd")),
    writes("posix.truncate", PATH),
    beside("_imp.init_frozen", "denied-import", Kind::Frozen),
    beside("_imp.get_frozen_object", "denied-import", Kind::Frozen),
    beside("_testcapi.run_in_subinterp", "subinterpreter", Kind::Judge),
    beside("_testcapi.run_in_subinterp_with_config", "subinterpreter", Kind::Judge),
    beside("_testinternalcapi.run_in_subinterp_with_config", "subinterpreter", Kind::Judge),
    // Faces of Windows: the same functions under their other module.
    look("nt.stat", Read::Look(PATH, FOLDER, FOLLOW)),
    look("nt.lstat", Read::LinkBeside(PATH, FOLDER)),
    look("nt.access", Read::Look(PATH, FOLDER, FOLLOW)),
    look("nt.readlink", Read::LinkBeside(PATH, FOLDER)),
    beside("nt.open", "file-read", Kind::Open),
    beside("nt.execve", "process-exec", Kind::Environment),
    // asyncio's way into the network on Windows (CPython `Modules/overlapped.c`).
    reaches("_overlapped.WSAConnect", "network-connect", at(1)),
    reaches("_overlapped.Overlapped.ConnectEx", "network-connect", at(1)),
    reaches("_overlapped.Overlapped.WSASendTo", "network-send", at(3)),
    beside("builtins.compile", "dynamic-eval", Kind::Named),
    beside("builtins.eval", "dynamic-eval", Kind::Named),
    beside("builtins.exec", "dynamic-eval", Kind::Named),
    // Type slots: what a call or the making of an object runs.
    special("_ctypes.CFuncPtr", Kind::Judge),
    beside("_io.FileIO", "file-read", Kind::Open),
];

/// The place of a function in [`SLOTS`].
pub fn find(name: &str) -> Option<usize> {
    SLOTS.iter().position(|slot| slot.name == name)
}

fn rule_by_slot() -> &'static [Option<&'static Rule>] {
    static RULES: OnceLock<Vec<Option<&'static Rule>>> = OnceLock::new();
    RULES.get_or_init(|| {
        let mut by_slot: Vec<_> =
            SLOTS.iter().map(|slot| slot.rule.and_then(rules::find)).collect();
        for rule in rules::all() {
            for trigger in rule.triggers {
                if let Trigger::Slot(name) = trigger
                    && let Some(place) = find(name).and_then(|index| by_slot.get_mut(index))
                {
                    *place = Some(rule);
                }
            }
        }
        by_slot
    })
}

/// The rule a function's act is told by.
pub fn rule_of(index: usize) -> Option<&'static Rule> {
    rule_by_slot().get(index).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::{COUNT, SLOTS, find, rule_of};
    use crate::shims;
    use hermetic_policy::rule::Trigger;
    use hermetic_policy::rules;

    #[test]
    fn every_slot_trigger_is_guarded_and_every_slot_has_a_rule() {
        for rule in rules::all() {
            for trigger in rule.triggers {
                if let Trigger::Slot(name) = trigger {
                    assert!(
                        find(name).is_some() || shims::WATCHED.contains(name),
                        "{name} of {} is guarded by nothing",
                        rule.name
                    );
                }
            }
        }
        for (index, slot) in SLOTS.iter().enumerate() {
            assert!(rule_of(index).is_some(), "{} has no rule", slot.name);
            assert_eq!(find(slot.name), Some(index), "{} is there twice", slot.name);
        }
        assert_eq!(SLOTS.len(), COUNT);
    }
}
