//! C functions that raise no event, or not enough of one: which they are, and how to judge them.
//!
//! [`crate::slots`] brings every call of these functions here, before and after the function
//! itself runs. A function without an event is judged like an event, from its arguments. Others
//! raise an event and need something beside it: what a look-up returned, which file an `open`
//! came to, the modules an import has loaded.

mod table;

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::OnceLock;

use hermetic_policy::{Capability, Host, Verb, rules};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple, PyType};

pub use self::table::{COUNT, SLOTS, Slot, find, rule_of};
use self::table::{FOLDER, Kind, PATH};
use crate::arguments::{CallArgs, text};
use crate::deed::{Deed, Object, PathObject, PathPlace, Read};
use crate::ffi::file::File;
use crate::ffi::system::Opened;
use crate::ffi::{Frame, OwnWork, path_of, raise_plain};
use crate::hook::Reading;
use crate::resolve::{self, Exact};
use crate::scope::{self, Active};
use crate::value::{Args as _, At, Value, at, named};
use crate::{children, imports, lookups, origin, proc, slots};

/// Whether a function makes another interpreter.
fn makes_interpreter(name: &str) -> bool {
    name.ends_with("interpreters.create") || name.contains(".run_in_subinterp")
}

/// Whether any open policy may object to a call of this function, or something hangs on it.
pub fn wants(active: &Active, index: usize) -> bool {
    let Some(slot) = SLOTS.get(index) else { return false };
    match slot.kind {
        Kind::Judge | Kind::Pair | Kind::Duplicate | Kind::Tls | Kind::Listen => {
            let is_file_too = (slot.name == "posix.chroot" && active.has_root())
                || (slot.name == "sys.activate_stack_trampoline"
                    && active.guards(Capability::Filesystem));
            let makes_environ =
                makes_interpreter(slot.name) && active.guards(Capability::Environment);
            makes_environ
                || is_file_too
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
        // Any policy is one for children too.
        Kind::Start => true,
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
    let rules = rule.as_slice();
    let reading = Reading { active, api: slot.name, rules };
    let judged = match slot.kind {
        Kind::Environment => return crate::shims::give_environment(py, args),
        Kind::Start => {
            let is_silent = !matches!(slot.read, Read::Special);
            if is_silent && active.guards(Capability::Subprocess) && !active.allows_programs() {
                slot.read.each(args, |deed| reading.judge(py, deed))?;
            }
            let settled = active.allows_programs() && children::settle(py, &reading, args)?;
            let given =
                active.guards(Capability::Environment) && crate::shims::give_environment(py, args)?;
            return Ok(children::guard(py, active, slot.name, args)? || given || settled);
        }
        Kind::Judge if makes_interpreter(slot.name) => sub_interpreter(py, &reading),
        Kind::Judge if slot.name == "sys.activate_stack_trampoline" => trampoline(py, &reading),
        Kind::Judge if slot.name == "posix.chroot" => change_root(py, &reading, args),
        Kind::Judge if matches!(slot.read, Read::Special) => reading.plain(py),
        Kind::Look => {
            let changed = take_path(args, PATH);
            slot.read.each(args, |deed| reading.judge(py, deed))?;
            return Ok(changed);
        }
        Kind::Judge => {
            let changed = match slot.read {
                Read::Path(path) | Read::PathBeside(path, _) | Read::Dbm(path, _) => {
                    take_path(args, path)
                }
                Read::Paths(one, other) => {
                    let changed = take_path(args, one);
                    take_path(args, other) || changed
                }
                _ => false,
            };
            slot.read.each(args, |deed| reading.judge(py, deed))?;
            return Ok(changed);
        }
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
            if slot.name.starts_with("_imp.exec") {
                return Ok(false);
            }
            // `create_*` take a spec, `init_frozen` and `get_frozen_object` a name.
            let given = args.object(at(0));
            let name = given.map(|given| given.getattr("name").unwrap_or_else(|_| given.clone()));
            let Some(name) = name.filter(PyAnyMethods::is_instance_of::<PyString>) else {
                return Ok(false);
            };
            if let Some(name) = text(&name) {
                imports::judge(py, active, &name)?;
            }
            return match slot.name {
                "_imp.create_builtin" => Ok(args.replace(at(0), named_spec(py, &name)?)),
                _ => Ok(false),
            };
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

/// The trampoline for `perf` is a setting, and writes a file (CPython `Python/perf_trampoline.c`).
fn trampoline(py: Python<'_>, reading: &Reading<'_>) -> PyResult<()> {
    let name = Object::Name("sys.activate_stack_trampoline".into());
    reading.judge(py, Deed { verb: None, object: name })?;
    match rules::find("file-create") {
        Some(rule) => reading.put(py, rule, Verb::WriteFile, &Object::Nothing),
        None => Ok(()),
    }
}

/// A spec that says no other name when it is asked again. Built-in modules read nothing else of it.
fn named_spec<'py>(py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let names = PyDict::new(py);
    names.set_item(intern!(py, "name"), name)?;
    py.get_type::<PyType>().call1(("ModuleSpec", PyTuple::empty(py), names))
}

/// Ask a path object for its path, once: the function would, and may be told another.
fn take_path(args: &mut CallArgs<'_>, place: At) -> bool {
    let Some(given) = args.object(place) else { return false };
    if args.value(place) != Value::Other {
        return false;
    }
    // What is no path the function itself complains about.
    path_of(given).is_ok_and(|path| args.replace(place, path))
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
    // What starts a program with an event is judged by that.
    let is_silent_start = slot.kind == Kind::Start && !matches!(slot.read, Read::Special);
    let Some(rule) = rule_of(index)
        .filter(|_| is_silent_start || matches!(slot.kind, Kind::Judge | Kind::Listen))
    else {
        return false;
    };
    let act = resolve::act(rule.verb, &Exact::Unknown);
    let is_denied = active.open.iter().any(|open| !open.policy.decide(&act).is_allow());
    if is_denied {
        crate::denied::note_elsewhere(rule, slot.name);
        raise_plain(&format!("hermetic: `{}` is denied in every interpreter", slot.name));
    } else if is_silent_start {
        children::note_unguarded("what another interpreter of the process started".to_owned());
    }
    is_denied
}

/// What comes after a call.
pub fn after<'py>(
    py: Python<'py>,
    index: usize,
    args: &CallArgs<'py>,
    result: PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(slot) = SLOTS.get(index) else { return result };
    match slot.kind {
        Kind::Open => {
            JUDGED_LATER.set(false);
            OPEN_FOLDER.set(None);
            let opened = result?;
            let descriptor = opened.extract()?;
            if let Err(denied) = judge_opened(py, slot.name, descriptor, || false) {
                crate::ffi::system::close(descriptor);
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
        | Kind::Environment
        | Kind::Start => result,
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
    let is_filled = given.is_instance_of::<PyModule>();
    let (module, spec) =
        if is_filled { (given, given.getattr("__spec__")?) } else { (loaded, given.clone()) };
    // A module may give itself another name (`_io` is `io` to 3.11).
    let name = match spec.getattr("name").or_else(|_| module.getattr("__name__")) {
        // An extension may make what is no module and has no name (PEP 489); nothing fills it.
        Err(_) if !module.is_instance_of::<PyModule>() => return Ok(()),
        name => name?,
    };
    // What it says of itself, a program may have changed.
    let said = text(&name);
    let defined = crate::ffi::module_name(module).filter(|name| said.as_deref() != Some(name));
    for name in said.as_deref().into_iter().chain(defined.as_deref()) {
        if is_filled && matches!(name, "posix" | "nt") {
            crate::shims::environment::on_second_copy(py, module)?;
        }
        slots::guard_module(py, name, module)?;
    }
    Ok(())
}

/// A `FileIO` is about to open a file.
pub fn before_file() {
    JUDGED_LATER.set(true);
}

/// A `FileIO` could not open its file.
pub fn no_file() {
    JUDGED_LATER.set(false);
}

/// What comes after a `FileIO` was made. Its arguments are read only where they matter.
pub fn after_file<'py>(
    py: Python<'py>,
    index: usize,
    file: &Bound<'py, PyAny>,
    args: impl FnOnce() -> CallArgs<'py>,
) -> PyResult<()> {
    JUDGED_LATER.set(false);
    let Some(slot) = SLOTS.get(index) else { return Ok(()) };
    let file = File::of(file);
    // Most files need no look: there is no root, and they are none of `/proc`.
    if file.block_size().is_some_and(|size| !Opened::may_be_in_proc(size))
        && !scope::active().as_ref().is_some_and(|active| active.has_root())
    {
        return Ok(());
    }
    // A descriptor was judged when it was opened.
    let is_given = || matches!(args().value(named(0, "file")), Value::Int(_));
    judge_opened(py, slot.name, file.descriptor(), is_given).inspect_err(|_| file.close())
}

/// Judge the file an `open` came to: a link or a folder's descriptor may have led elsewhere.
fn judge_opened(
    py: Python<'_>,
    api: &'static str,
    descriptor: i64,
    is_given: impl FnOnce() -> bool,
) -> PyResult<()> {
    let active = scope::active();
    let (Some(active), Some(opened)) = (active.as_ref(), Opened::of(descriptor)) else {
        return Ok(());
    };
    let is_special = opened.is_in_proc();
    if (!active.has_root() && !is_special) || is_given() {
        return Ok(());
    }
    // There is nothing in it, and nothing stays in it.
    if opened.is_null_device() {
        return Ok(());
    }
    let Some(path) = resolve::descriptor_path(descriptor) else { return Ok(()) };
    if is_special {
        let writes = crate::ffi::system::is_writable(descriptor);
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

/// `socket.getsockname` of CPython's own: a class may have another.
static SOCKET_NAME: OnceLock<Py<PyAny>> = OnceLock::new();

/// Take hold of what says what a socket is bound to.
pub fn hold_socket(module: &Bound<'_, PyAny>) {
    let found = module
        .getattr("socket")
        .and_then(|class| class.getattr("__dict__"))
        .and_then(|dict| dict.get_item("getsockname"));
    if let Ok(method) = found
        && method.get_type().name().is_ok_and(|name| name == "method_descriptor")
    {
        let _ = SOCKET_NAME.set(method.unbind());
    }
}

/// What a socket is bound to; an unbound one listens on every address.
fn bound_to(socket: &Bound<'_, PyAny>) -> Object<'static> {
    let _own = OwnWork::begin();
    let name = SOCKET_NAME.get().map(|method| method.bind(socket.py()).call1((socket,)));
    let Some(Ok(name)) = name else { return Object::Nothing };
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
