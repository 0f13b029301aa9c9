//! Which audit events tell an act, and how to read it from their arguments.
//!
//! The hook is called for every event of the interpreter, most of which no rule mentions. So the
//! first question, "which event is this", is answered by one hash over the name and one
//! comparison, without a lock or an allocation.
//!
//! Arguments are documented in CPython's `Doc/library/audit_events.rst`; where the documentation
//! and the C source differ, the source was followed.

use std::sync::OnceLock;

use hermetic_policy::rule::{Rule, Trigger};
use hermetic_policy::{Verb, rules};

use crate::deed::Read;
use crate::value::at;

/// An audit event the guard reads.
#[derive(Debug)]
pub struct Event {
    /// Its name.
    pub name: &'static str,
    /// How to read acts from its arguments.
    pub read: Read,
}

const fn event(name: &'static str, read: Read) -> Event {
    Event { name, read }
}

/// Every event the guard reads.
pub static EVENTS: [Event; COUNT] = [
    event("_posixsubprocess.fork_exec", Read::Argv(at(1))),
    event("_winapi.CreateJunction", Read::Path(at(1))),
    event("_winapi.CreateProcess", Read::Name(at(0))),
    event("_winapi.TerminateProcess", Read::Plain),
    event("builtins.breakpoint", Read::Plain),
    event("code.__new__", Read::Special),
    event("compile", Read::Special),
    event("cpython.remote_debugger_script", Read::Plain),
    event("ctypes.PyObj_FromPtr", Read::Plain),
    event("ctypes.call_function", Read::Plain),
    event("ctypes.cdata", Read::Plain),
    event("ctypes.cdata/buffer", Read::Plain),
    event("ctypes.dlopen", Read::Name(at(0))),
    event("ctypes.dlsym", Read::Name(at(1))),
    event("ctypes.dlsym/handle", Read::Name(at(1))),
    event("ctypes.memoryview_at", Read::Plain),
    event("ctypes.string_at", Read::Plain),
    event("ctypes.wstring_at", Read::Plain),
    event("ensurepip.bootstrap", Read::Plain),
    event("exec", Read::Special),
    event("gc.get_objects", Read::Special),
    event("gc.get_referents", Read::Special),
    event("gc.get_referrers", Read::Special),
    event("glob.glob", Read::Pattern(at(0))),
    event("glob.glob/2", Read::Special),
    event("import", Read::Special),
    event("marshal.load", Read::Special),
    event("marshal.loads", Read::Special),
    // Not a rule's trigger: the guard's own objects are watched through these.
    event("object.__delattr__", Read::Special),
    event("object.__setattr__", Read::Special),
    event("open", Read::Open(at(0), at(1), at(2))),
    event("os.chdir", Read::Fixed("chdir")),
    event("os.chflags", Read::PathOrDescriptor(at(0))),
    event("os.chmod", Read::PathBeside(at(0), at(2))),
    event("os.chown", Read::PathBeside(at(0), at(3))),
    event("os.exec", Read::Name(at(0))),
    event("os.fork", Read::Plain),
    event("os.forkpty", Read::Plain),
    event("os.fwalk", Read::Directory(at(0))),
    event("os.getxattr", Read::Path(at(0))),
    event("os.kill", Read::Plain),
    event("os.killpg", Read::Plain),
    event("os.link", Read::Paths(at(0), at(1))),
    event("os.listdir", Read::Directory(at(0))),
    event("os.listdrives", Read::Plain),
    event("os.listmounts", Read::Plain),
    event("os.listvolumes", Read::Plain),
    event("os.listxattr", Read::Path(at(0))),
    event("os.mkdir", Read::PathBeside(at(0), at(2))),
    event("os.posix_spawn", Read::Name(at(0))),
    event("os.putenv", Read::Name(at(0))),
    event("os.remove", Read::PathBeside(at(0), at(1))),
    event("os.removexattr", Read::PathOrDescriptor(at(0))),
    event("os.rename", Read::Paths(at(0), at(1))),
    event("os.rmdir", Read::PathBeside(at(0), at(1))),
    event("os.scandir", Read::Directory(at(0))),
    event("os.setxattr", Read::PathOrDescriptor(at(0))),
    event("os.spawn", Read::Name(at(1))),
    event("os.startfile", Read::Name(at(0))),
    event("os.startfile/2", Read::Name(at(0))),
    event("os.symlink", Read::PathBeside(at(1), at(2))),
    event("os.system", Read::Name(at(0))),
    // With a descriptor it is `os.ftruncate`: the file was opened for writing before.
    event("os.truncate", Read::Path(at(0))),
    event("os.unsetenv", Read::Name(at(0))),
    event("os.utime", Read::PathBeside(at(0), at(3))),
    event("os.walk", Read::Directory(at(0))),
    event("pathlib.Path.glob", Read::Directory(at(0))),
    event("pathlib.Path.rglob", Read::Directory(at(0))),
    event("pdb.Pdb", Read::Plain),
    event("pickle.find_class", Read::Special),
    event("pty.spawn", Read::Argv(at(0))),
    event("resource.prlimit", Read::Special),
    event("resource.setrlimit", Read::Fixed("resource limit")),
    event("shutil.chown", Read::Path(at(0))),
    event("shutil.copyfile", Read::Path(at(1))),
    event("shutil.copymode", Read::Path(at(1))),
    event("shutil.copystat", Read::Path(at(1))),
    event("shutil.copytree", Read::Path(at(1))),
    event("shutil.make_archive", Read::Path(at(0))),
    event("shutil.move", Read::Paths(at(0), at(1))),
    event("shutil.rmtree", Read::PathBeside(at(0), at(1))),
    event("shutil.unpack_archive", Read::Path(at(1))),
    event("socket.bind", Read::Address(at(1))),
    event("socket.connect", Read::Address(at(1))),
    event("socket.getaddrinfo", Read::Host(at(0))),
    event("socket.gethostbyaddr", Read::Host(at(0))),
    event("socket.gethostbyname", Read::Host(at(0))),
    event("socket.getnameinfo", Read::Address(at(0))),
    event("socket.sendmsg", Read::Address(at(1))),
    event("socket.sendto", Read::Address(at(1))),
    event("sqlite3.connect", Read::Database(at(0))),
    event("sqlite3.enable_load_extension", Read::If(at(1))),
    event("sqlite3.load_extension", Read::Name(at(1))),
    event("subprocess.Popen", Read::Name(at(0))),
    event("sys.addaudithook", Read::Fixed("sys.addaudithook")),
    event("sys.monitoring.register_callback", Read::Fixed("sys.monitoring.register_callback")),
    event("sys.remote_exec", Read::Plain),
    event("sys.setprofile", Read::Fixed("sys.setprofile")),
    event("sys.settrace", Read::Fixed("sys.settrace")),
    event("syslog.syslog", Read::Unix("/dev/log")),
    event("tempfile.mkdtemp", Read::Path(at(0))),
    event("tempfile.mkstemp", Read::Path(at(0))),
    event("webbrowser.open", Read::Url(at(0))),
    event("winreg.CreateKey", Read::Plain),
    event("winreg.DeleteKey", Read::Plain),
    event("winreg.DeleteValue", Read::Plain),
    event("winreg.DisableReflectionKey", Read::Plain),
    event("winreg.EnableReflectionKey", Read::Plain),
    event("winreg.LoadKey", Read::Plain),
    event("winreg.SaveKey", Read::Plain),
    event("winreg.SetValue", Read::Plain),
];

/// How many events there are.
pub const COUNT: usize = 111;

/// Events that no rule names.
#[cfg(test)]
const OWN: [&str; 2] = ["object.__delattr__", "object.__setattr__"];

const BUCKETS: usize = 1024;
const EMPTY: u8 = u8::MAX;

/// FNV-1a, folded to a bucket.
#[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
const fn bucket(name: &[u8]) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut index = 0;
    while index < name.len() {
        hash = (hash ^ name[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    (hash ^ (hash >> 32)) as usize % BUCKETS
}

/// Places in [`EVENTS`] by bucket; a taken bucket passes on to the next.
#[expect(clippy::cast_possible_truncation, reason = "there are fewer events than a byte counts")]
static PLACES: [u8; BUCKETS] = {
    let mut places = [EMPTY; BUCKETS];
    let mut index = 0;
    while index < COUNT {
        let mut place = bucket(EVENTS[index].name.as_bytes());
        while places[place] != EMPTY {
            place = (place + 1) % BUCKETS;
        }
        places[place] = index as u8;
        index += 1;
    }
    places
};

/// The place of an event in [`EVENTS`].
pub fn find(name: &[u8]) -> Option<usize> {
    let mut place = bucket(name);
    loop {
        let index = *PLACES.get(place)?;
        if index == EMPTY {
            return None;
        }
        let index = usize::from(index);
        if EVENTS.get(index)?.name.as_bytes() == name {
            return Some(index);
        }
        place = (place + 1) % BUCKETS;
    }
}

/// The rules that name an event, in the order of [`EVENTS`].
fn rules_by_event() -> &'static [Vec<&'static Rule>] {
    static RULES: OnceLock<Vec<Vec<&'static Rule>>> = OnceLock::new();
    RULES.get_or_init(|| {
        let mut by_event = vec![Vec::new(); COUNT];
        for rule in rules::all() {
            for trigger in rule.triggers {
                if let Some(event) = audit_name(*trigger)
                    && let Some(rules) = find(event.as_bytes()).and_then(|at| by_event.get_mut(at))
                {
                    rules.push(rule);
                }
            }
        }
        by_event
    })
}

/// The event a trigger names. Without a wildcard arm: a new kind of trigger must be thought of.
const fn audit_name(trigger: Trigger) -> Option<&'static str> {
    match trigger {
        Trigger::Audit(event) => Some(event),
        Trigger::Call(_)
        | Trigger::Reference(_)
        | Trigger::Import(_)
        | Trigger::Construct(_)
        | Trigger::Literal(_)
        | Trigger::Slot(_) => None,
    }
}

/// The rules that name the event at this place of [`EVENTS`].
pub fn rules_of(index: usize) -> &'static [&'static Rule] {
    rules_by_event().get(index).map_or(&[], Vec::as_slice)
}

/// The rule an act of that verb is told by: `open` belongs to one that reads and one that writes.
pub fn rule_for(index: usize, verb: Option<Verb>) -> Option<&'static Rule> {
    let rules = rules_of(index);
    verb.and_then(|verb| rules.iter().find(|rule| rule.verb == verb))
        .or_else(|| rules.first())
        .copied()
}

#[cfg(test)]
mod tests {
    use super::{COUNT, EVENTS, OWN, audit_name, find, rule_for, rules_of};
    use hermetic_policy::{Verb, rules};

    #[test]
    fn every_audit_trigger_has_a_reader_and_every_reader_a_trigger() {
        for rule in rules::all() {
            for event in rule.triggers.iter().filter_map(|trigger| audit_name(*trigger)) {
                assert!(find(event.as_bytes()).is_some(), "no reader for {event} of {}", rule.name);
            }
        }
        for (index, event) in EVENTS.iter().enumerate() {
            assert_eq!(find(event.name.as_bytes()), Some(index), "{}", event.name);
            assert_eq!(rules_of(index).is_empty(), OWN.contains(&event.name), "{}", event.name);
        }
        assert_eq!(EVENTS.len(), COUNT);
    }

    #[test]
    fn names_nobody_reads_are_not_found() {
        for name in ["", "open ", "ope", "sys._getframe", "builtins.id", "object.__getattr__"] {
            assert_eq!(find(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn opening_is_told_by_what_it_does() {
        let open = find(b"open").unwrap();
        assert_eq!(rule_for(open, Some(Verb::WriteFile)).unwrap().name, "file-write");
        assert_eq!(rule_for(open, Some(Verb::ReadFile)).unwrap().name, "file-read");
    }
}
