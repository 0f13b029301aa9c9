//! C functions that raise no event, or not enough of one: which they are, and how to judge them.
//!
//! [`crate::slots`] brings every call of these functions here, before and after the function
//! itself runs. A function without an event is judged like an event, from its arguments. Others
//! raise an event and need something beside it: what a look-up returned, which file an `open`
//! came to, the modules an import has loaded.

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::OnceLock;

use hermetic_policy::rule::{Rule, Trigger};
use hermetic_policy::{Capability, Host, Verb, rules};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::arguments::{CallArgs, text};
use crate::deed::{Deed, Object, PathObject, PathPlace, Read};
use crate::ffi::{Frame, OwnWork, raise_plain};
use crate::hook::Reading;
use crate::resolve::{self, Exact};
use crate::scope::{self, Active};
use crate::value::{Args as _, At, Value, at, named};
use crate::{imports, lookups, origin, proc, slots};

/// A C function the guard stands before.
#[derive(Debug)]
pub struct Slot {
    /// Module, class where there is one, and function.
    pub name: &'static str,
    /// The rule, where no trigger names the function.
    rule: Option<&'static str>,
    read: Read,
    kind: Kind,
}

/// What is to be done about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
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

/// What this argument's descriptor leads to is changed.
const fn writes(name: &'static str, descriptor: At) -> Slot {
    Slot { name, rule: Some("file-write"), read: Read::Descriptor(descriptor), kind: Kind::Written }
}

const PATH: At = named(0, "path");
const FOLDER: At = named(usize::MAX, "dir_fd");
const FOLLOW: At = named(usize::MAX, "follow_symlinks");
const NOWHERE: At = named(usize::MAX, "");

/// How many functions there are.
pub const COUNT: usize = 97;

/// Every function the guard stands before.
pub static SLOTS: [Slot; COUNT] = [
    judge("_posixsubprocess.fork_exec", Read::Argv(at(0))),
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
    beside("posix.posix_spawn", "process-spawn", Kind::Environment),
    beside("posix.posix_spawnp", "process-spawn", Kind::Environment),
    beside("posix.execve", "process-exec", Kind::Environment),
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

/// Whether a function makes another interpreter.
fn makes_interpreter(name: &str) -> bool {
    name.ends_with("interpreters.create") || name.contains(".run_in_subinterp")
}

/// Whether any open policy may object to a call of this function, or something hangs on it.
pub fn wants(active: &Active, index: usize) -> bool {
    let Some(slot) = SLOTS.get(index) else { return false };
    match slot.kind {
        Kind::Judge | Kind::Pair | Kind::Duplicate | Kind::Tls | Kind::Listen => {
            let is_chroot = slot.name == "posix.chroot" && active.has_root();
            let makes_environ =
                makes_interpreter(slot.name) && active.guards(Capability::Environment);
            makes_environ
                || is_chroot
                || rule_of(index).is_some_and(|rule| {
                    active.guards(rule.capability)
                        && (rule.verb != Verb::ReadFile || active.has_root())
                })
        }
        Kind::Look => active.has_root(),
        Kind::Open => {
            active.has_root()
                || active.guards(Capability::Environment)
                || active.guards(Capability::Native)
        }
        Kind::LookUp | Kind::ConnectEx => active.guards(Capability::Network),
        Kind::Load => true,
        Kind::Written => active.guards(Capability::Filesystem),
        Kind::Frozen => imports::any_denied(active),
        Kind::Named => active.guards(Capability::DynamicCode),
        Kind::Environment => active.guards(Capability::Environment),
    }
}

thread_local! {
    /// The folder `os.open` was given, while it runs.
    static OPEN_FOLDER: Cell<Option<i64>> = const { Cell::new(None) };
    /// Whether what is opened now will be judged once it is open.
    static JUDGED_LATER: Cell<bool> = const { Cell::new(false) };
    /// The function by which code is made from data just now.
    static MAKING: Cell<Option<&'static str>> = const { Cell::new(None) };
    /// Whether a connection was refused since `connect_ex` began.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// The folder the `open` that runs on this thread was given.
pub fn open_folder() -> Option<i64> {
    OPEN_FOLDER.get()
}

/// Whether what this thread opens will be judged by what it came to.
pub fn is_judged_later() -> bool {
    JUDGED_LATER.get()
}

/// The function by which this thread makes code from data just now, and no longer.
pub fn making_code() -> Option<&'static str> {
    MAKING.take()
}

/// Note that a connection is refused.
pub fn note_refusal() {
    REFUSED.set(true);
}

/// Judge a call before it runs. Whether its arguments were changed.
pub fn before<'py>(
    py: Python<'py>,
    index: usize,
    receiver: Option<&Bound<'py, PyAny>>,
    args: &mut CallArgs<'py>,
) -> PyResult<bool> {
    let active = scope::active();
    let (Some(active), Some(slot)) = (active.as_ref(), SLOTS.get(index)) else {
        return Ok(false);
    };
    let rule = rule_of(index);
    let rules = rule.as_ref().map_or(&[][..], std::slice::from_ref);
    let reading = Reading { active, api: slot.name, rules };
    let judged = match slot.kind {
        Kind::Environment => return crate::shims::give_environment(py, args),
        Kind::Judge if makes_interpreter(slot.name) => sub_interpreter(py, &reading),
        Kind::Judge if slot.name == "posix.chroot" => change_root(py, &reading, args),
        Kind::Judge if matches!(slot.read, Read::Special) => reading.plain(py),
        Kind::Judge | Kind::Look => slot.read.each(args, |deed| reading.judge(py, deed)),
        Kind::Open => {
            JUDGED_LATER.set(true);
            if let Value::Int(folder) = args.value(FOLDER) {
                OPEN_FOLDER.set(Some(folder));
            }
            Ok(())
        }
        Kind::Named => {
            MAKING.set(slot.name.rsplit('.').next());
            Ok(())
        }
        Kind::ConnectEx => {
            REFUSED.set(false);
            Ok(())
        }
        Kind::Listen => {
            let object = receiver.map_or(Object::Nothing, bound_to);
            reading.judge(py, Deed { verb: Some(Verb::Listen), object })
        }
        Kind::Pair => match args.value(named(0, "family")) {
            Value::Absent | Value::None => Ok(()),
            Value::Int(family) if is_unix_family(family) => Ok(()),
            _ => reading.plain(py),
        },
        Kind::Duplicate => {
            let caller = Frame::innermost(py).and_then(|frame| frame.code());
            match caller.and_then(|code| origin::name_of(&code)) {
                Some(name) if name == "fromfd" => reading.plain(py),
                _ => Ok(()),
            }
        }
        Kind::Tls => {
            if args.value(named(1, "server_side")) == Value::Int(1) {
                return Ok(false);
            }
            match args.value(named(2, "server_hostname")).into_text() {
                Some(host) => {
                    let object = Object::Host(host.into_owned().into(), None);
                    tls(py, &reading, &object)
                }
                None => tls(py, &reading, &Object::Nothing),
            }
        }
        Kind::LookUp => return Ok(encode_host(py, args)),
        Kind::Load | Kind::Frozen => {
            // `create_*` take a spec, `init_frozen` and `get_frozen_object` a name.
            let given = args.object(at(0));
            let name = given.map(|given| given.getattr("name").unwrap_or_else(|_| given.clone()));
            match name.as_ref().and_then(text) {
                Some(name) if !slot.name.starts_with("_imp.exec") => {
                    imports::judge(py, active, &name)
                }
                _ => Ok(()),
            }
        }
        Kind::Written => match slot.read {
            Read::Descriptor(place) => match args.value(place) {
                Value::Int(number) if is_file(number) => {
                    slot.read.each(args, |deed| reading.judge(py, deed))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        },
    };
    judged.map(|()| false)
}

/// Under another root every path means another file.
fn change_root(py: Python<'_>, reading: &Reading<'_>, args: &CallArgs<'_>) -> PyResult<()> {
    reading.plain(py)?;
    let path = PathObject::read(args.value(PATH));
    match (rules::find("file-read"), path) {
        (Some(rule), Some(path)) if reading.active.has_root() => {
            reading.put(py, rule, Verb::ReadFile, &Object::Path(path))
        }
        _ => Ok(()),
    }
}

/// A new interpreter runs code from text, and makes itself an `os.environ` out of the process's.
fn sub_interpreter(py: Python<'_>, reading: &Reading<'_>) -> PyResult<()> {
    reading.plain(py)?;
    match rules::find("environment-read") {
        Some(rule) => reading.put(py, rule, Verb::ReadEnvironment, &Object::Nothing),
        None => Ok(()),
    }
}

/// The connection below was judged; a name is denied where nothing is allowed, or it is not.
fn tls(py: Python<'_>, reading: &Reading<'_>, object: &Object<'_>) -> PyResult<()> {
    use hermetic_policy::Verdict;
    let exact = resolve::without_system(object);
    let is_denied = reading.active.open.iter().any(|open| {
        // Allowed at some port is allowed: which one was judged with the connection.
        let act = resolve::act(Verb::Resolve, &exact);
        matches!(open.policy.decide(&act).verdict(), Verdict::Deny(_))
    });
    if is_denied { reading.judge(py, Deed { verb: None, object: object.clone() }) } else { Ok(()) }
}

/// Judge a call in another interpreter, without its arguments; raises where it is denied.
pub fn denies_elsewhere(index: usize) -> bool {
    let active = scope::active();
    let (Some(active), Some(slot)) = (active.as_ref(), SLOTS.get(index)) else { return false };
    let Some(rule) = rule_of(index).filter(|_| matches!(slot.kind, Kind::Judge | Kind::Listen))
    else {
        return false;
    };
    let act = resolve::act(rule.verb, &Exact::Unknown);
    let is_denied = active.open.iter().any(|open| !open.policy.decide(&act).is_allow());
    if is_denied {
        crate::denied::note_elsewhere(rule, slot.name);
        raise_plain(&format!("hermetic: `{}` is denied in every interpreter", slot.name));
    }
    is_denied
}

/// What comes after a call.
pub fn after<'py>(
    py: Python<'py>,
    index: usize,
    receiver: Option<&Bound<'py, PyAny>>,
    args: &CallArgs<'py>,
    result: PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(slot) = SLOTS.get(index) else { return result };
    match slot.kind {
        Kind::Open => {
            JUDGED_LATER.set(false);
            OPEN_FOLDER.set(None);
            let opened = result?;
            if let Err(denied) = judge_opened(py, slot.name, receiver, args, &opened) {
                let _own = OwnWork::begin();
                match receiver {
                    Some(file) if slot.name == "_io.FileIO" => drop(file.call_method0("close")),
                    _ => crate::ffi::system::close(opened.extract().unwrap_or(-1)),
                }
                return Err(denied);
            }
            Ok(opened)
        }
        Kind::LookUp => {
            let found = result?;
            remember(args, &found);
            Ok(found)
        }
        Kind::ConnectEx => match result {
            Err(error) if REFUSED.replace(false) => {
                drop(error);
                Ok(crate::ffi::system::ACCESS_DENIED.into_pyobject(py)?.into_any())
            }
            other => other,
        },
        Kind::Load => {
            let loaded = result?;
            load(py, args, &loaded)?;
            Ok(loaded)
        }
        Kind::Named => {
            MAKING.set(None);
            result
        }
        Kind::Judge
        | Kind::Look
        | Kind::Written
        | Kind::Frozen
        | Kind::Listen
        | Kind::Pair
        | Kind::Duplicate
        | Kind::Tls
        | Kind::Environment => result,
    }
}

/// Whether a descriptor leads to a file with a name, not to memory (`memfd_create(2)`).
fn is_file(descriptor: i64) -> bool {
    crate::ffi::system::is_regular(descriptor)
        && resolve::descriptor_path(descriptor).is_none_or(|path| !path.starts_with("/memfd:"))
}

/// Put a host's name into ASCII here: CPython would ask a codec, which is Python code.
fn encode_host<'py>(py: Python<'py>, args: &mut CallArgs<'py>) -> bool {
    let host = match args.value(named(0, "host")) {
        Value::Text(text) => Host::parse(&text),
        _ => None,
    };
    let Some(host) = host.filter(|host| host.address().is_none() && !host.as_str().is_empty())
    else {
        return false;
    };
    args.replace(named(0, "host"), PyBytes::new(py, host.as_str().as_bytes()).into_any())
}

/// Guard a module that `create_*` has made of a spec, or `exec_*` has filled.
fn load(py: Python<'_>, args: &CallArgs<'_>, loaded: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(given) = args.object(at(0)) else { return Ok(()) };
    let is_filled = given.is_instance_of::<pyo3::types::PyModule>();
    let (module, spec) =
        if is_filled { (given, given.getattr("__spec__")?) } else { (loaded, given.clone()) };
    // A module may give itself another name (`_io` is `io` to 3.11).
    let name = spec.getattr("name").or_else(|_| module.getattr("__name__"))?;
    let Some(name) = text(&name) else { return Ok(()) };
    if is_filled && matches!(&*name, "posix" | "nt") {
        crate::shims::environment::on_second_copy(py, module)?;
    }
    slots::guard_module(py, &name, module)
}

/// Judge the file an `open` came to: a link or a folder's descriptor may have led elsewhere.
fn judge_opened(
    py: Python<'_>,
    api: &'static str,
    receiver: Option<&Bound<'_, PyAny>>,
    args: &CallArgs<'_>,
    opened: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let active = scope::active();
    let Some(active) = active.as_ref() else { return Ok(()) };
    // A descriptor was judged when it was opened.
    if matches!(args.value(named(0, "file")), Value::Int(_)) {
        return Ok(());
    }
    let descriptor: i64 = match receiver {
        Some(file) if api == "_io.FileIO" => {
            let _own = OwnWork::begin();
            file.call_method0("fileno")?.extract()?
        }
        _ => opened.extract()?,
    };
    let is_special = crate::ffi::system::is_in_proc(descriptor);
    if !active.has_root() && !is_special {
        return Ok(());
    }
    let Some(path) = resolve::descriptor_path(descriptor) else { return Ok(()) };
    let writes = crate::ffi::system::is_writable(descriptor);
    if is_special {
        let verb = if writes { Verb::WriteFile } else { Verb::ReadFile };
        proc::judge(py, active, api, verb, &Exact::Path(path.clone()))?;
    }
    if !active.has_root() {
        return Ok(());
    }
    let Some(rule) = rules::find("file-read") else { return Ok(()) };
    let reading = Reading { active, api: "open", rules: &[rule] };
    let object = Object::Path(PathObject {
        place: PathPlace::Text(path.into()),
        folder: None,
        link_itself: true,
    });
    reading.put(py, rule, Verb::ReadFile, &object)
}

/// What a socket is bound to; an unbound one listens on every address.
fn bound_to(socket: &Bound<'_, PyAny>) -> Object<'static> {
    let _own = OwnWork::begin();
    let Ok(name) = socket.call_method0("getsockname") else { return Object::Nothing };
    match Object::address(crate::arguments::value(&name)) {
        Some(Object::Host(host, port)) => Object::Host(host.into_owned().into(), port),
        Some(Object::Unix(path)) => Object::Unix(path.into_owned().into()),
        _ => Object::Nothing,
    }
}

#[cfg(unix)]
fn is_unix_family(family: i64) -> bool {
    family == i64::from(libc::AF_UNIX)
}

#[cfg(not(unix))]
fn is_unix_family(_family: i64) -> bool {
    false
}

/// Remember the addresses a look-up returned for the host it was asked for.
fn remember(args: &CallArgs<'_>, found: &Bound<'_, PyAny>) {
    let Some(host) = args.value(named(0, "host")).into_text() else { return };
    let Some(host) = Host::parse(&host).filter(|host| host.address().is_none()) else { return };
    lookups::remember(&host, addresses(found));
}

/// The addresses in what `getaddrinfo`, `gethostbyname` or `gethostbyname_ex` returned.
fn addresses(found: &Bound<'_, PyAny>) -> Vec<IpAddr> {
    let parse =
        |object: &Bound<'_, PyAny>| -> Option<IpAddr> { Host::parse(&text(object)?)?.address() };
    if let Some(address) = parse(found) {
        return vec![address];
    }
    if let Ok(list) = found.cast::<PyList>() {
        // `(family, type, proto, canonname, sockaddr)`
        return list
            .iter()
            .filter_map(|entry| parse(&entry.get_item(4).ok()?.get_item(0).ok()?))
            .collect();
    }
    match found.cast::<PyTuple>().ok().and_then(|tuple| tuple.get_item(2).ok()) {
        Some(list) => list
            .cast::<PyList>()
            .map(|list| list.iter().filter_map(|entry| parse(&entry)).collect())
            .unwrap_or_default(),
        None => Vec::new(),
    }
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
