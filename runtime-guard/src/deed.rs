//! A deed: an act as its arguments tell it, before paths and hosts are resolved.
//!
//! [`crate::events`] and [`crate::slots`] make deeds out of arguments, without asking the system.
//! [`crate::resolve`] makes an [`hermetic_policy::Act`] of a deed, and only where a policy needs it.

use std::borrow::Cow;

use hermetic_policy::Verb;

use crate::value::{Args, At, Value};

/// What is done, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed<'a> {
    /// What is done; `None` stands for the verb of the trigger's rule.
    pub verb: Option<Verb>,
    /// To what.
    pub object: Object<'a>,
}

/// What a deed is done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object<'a> {
    /// Nothing, or what cannot be told.
    Nothing,
    /// A name: of a program, a variable, a module, a library, a state.
    Name(Cow<'a, str>),
    /// A path.
    Path(PathObject<'a>),
    /// A host and, in addresses, a port.
    Host(Cow<'a, str>, Option<u16>),
    /// A Unix socket; abstract ones begin with NUL.
    Unix(Cow<'a, str>),
    /// A URL.
    Url(Cow<'a, str>),
}

/// A path as a program gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathObject<'a> {
    /// The path, or what stands for one.
    pub place: PathPlace<'a>,
    /// The descriptor of the folder a relative path starts from.
    pub folder: Option<i64>,
    /// Whether a link at its end is itself what is meant.
    pub link_itself: bool,
}

/// A path's text, or a descriptor in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPlace<'a> {
    /// A path.
    Text(Cow<'a, str>),
    /// An open descriptor.
    Descriptor(i64),
    /// An object that cannot be read without running its code.
    Opaque,
}

impl<'a> PathObject<'a> {
    /// Read a path; `None` where the argument is missing.
    pub fn read(value: Value<'a>) -> Option<Self> {
        let place = match value {
            Value::Absent | Value::None => return None,
            Value::Int(number) => PathPlace::Descriptor(number),
            Value::Sequence(_) | Value::Other => PathPlace::Opaque,
            text => match text.into_text() {
                Some(text) => PathPlace::Text(text),
                None => PathPlace::Opaque,
            },
        };
        Some(Self { place, folder: None, link_itself: false })
    }

    /// Read a path beside a folder's descriptor (`dir_fd`).
    pub fn read_beside(args: &'a dyn Args, path: At, folder: Option<At>) -> Option<Self> {
        let mut read = Self::read(args.value(path))?;
        // CPython passes -1 in events, and `AT_FDCWD` where none is given.
        if let Some(folder) = folder
            && let Value::Int(number) = args.value(folder)
            && number >= 0
        {
            read.folder = Some(number);
        }
        Some(read)
    }
}

impl<'a> Object<'a> {
    /// Read a socket address: `(host, port, ...)` or the path of a Unix socket.
    ///
    /// `None` where there is none: a message on a connected socket.
    pub fn address(value: Value<'a>) -> Option<Self> {
        Some(match value {
            Value::Absent | Value::None => return None,
            Value::Text(path) => Self::Unix(path),
            path @ Value::Bytes(_) => path.into_text().map_or(Self::Nothing, Self::Unix),
            Value::Sequence(parts) => {
                let mut parts = parts.into_iter();
                let port = |value: Option<Value<'_>>| match value {
                    Some(Value::Int(port)) => u16::try_from(port).ok(),
                    _ => None,
                };
                match parts.next().and_then(Value::into_text) {
                    Some(host) => Self::Host(host, port(parts.next())),
                    None => Self::Nothing,
                }
            }
            Value::Int(_) | Value::Other => Self::Nothing,
        })
    }
}

/// How to read deeds from arguments.
#[derive(Clone, Copy, Debug)]
pub enum Read {
    /// The act has no operand.
    Plain,
    /// Always the same operand.
    Fixed(&'static str),
    /// A name in text.
    Name(At),
    /// The first word of a sequence, or text.
    Argv(At),
    /// A path is read or changed, as the rule says; a descriptor is none.
    Path(At),
    /// The same, with the descriptor of a folder at the second place.
    PathBeside(At, At),
    /// The path itself, not what a link there leads to, beside a folder's descriptor.
    LinkBeside(At, At),
    /// What is looked at beside a folder's descriptor, and whether links are followed.
    Look(At, At, At),
    /// Two paths are changed.
    Paths(At, At),
    /// A path is changed unless it is a descriptor, where a descriptor is another way to it.
    PathOrDescriptor(At),
    /// A directory; a descriptor is one too; missing is the working directory.
    Directory(At),
    /// A pattern whose fixed beginning is a directory.
    Pattern(At),
    /// A socket address; nothing where it is missing.
    Address(At),
    /// A host; nothing where it is missing.
    Host(At),
    /// A Unix socket that is always the same.
    Unix(&'static str),
    /// A URL.
    Url(At),
    /// The argument is true, or there is no deed.
    If(At),
    /// A database: a path, a `file:` URI, or a name that stands for memory.
    Database(At),
    /// A DBM file with its mode: `r` is the default and reads.
    Dbm(At, At),
    /// `open`: a path, a mode or `None`, flags.
    Open(At, At, At),
    /// A descriptor's file is changed.
    Descriptor(At),
    /// Needs more than arguments: its module reads it.
    Special,
}

/// `os.open` flags that write, on every system alike (`O_WRONLY`, `O_RDWR`) or by this one's
/// numbers.
pub fn flags_write(flags: i64) -> bool {
    #[cfg(unix)]
    let others = i64::from(libc::O_APPEND | libc::O_CREAT | libc::O_TRUNC);
    #[cfg(windows)]
    // `fcntl.h` of the Microsoft C runtime: _O_APPEND, _O_CREAT, _O_TRUNC, _O_TEMPORARY.
    let others = 0x0008 | 0x0100 | 0x0200 | 0x0040;
    flags & 3 != 0 || flags & others != 0
}

impl Read {
    /// Call `with` for each deed the arguments tell, until it fails.
    pub fn each<'a, E>(
        self,
        args: &'a dyn Args,
        mut with: impl FnMut(Deed<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut tell = |verb, object| with(Deed { verb, object });
        let nothing = Object::Nothing;
        match self {
            Self::Plain => tell(None, nothing),
            Self::Fixed(text) => tell(None, Object::Name(text.into())),
            Self::Name(name) => {
                tell(None, args.value(name).into_text().map_or(nothing, Object::Name))
            }
            Self::Argv(words) => {
                let first = match args.value(words) {
                    Value::Sequence(words) => words.into_iter().next().unwrap_or(Value::None),
                    word => word,
                };
                tell(None, first.into_text().map_or(nothing, Object::Name))
            }
            Self::Path(path) => match PathObject::read(args.value(path)) {
                Some(PathObject { place: PathPlace::Descriptor(_), .. }) => Ok(()),
                Some(path) => tell(None, Object::Path(path)),
                None => tell(None, nothing),
            },
            Self::PathBeside(path, folder) => {
                match PathObject::read_beside(args, path, Some(folder)) {
                    Some(path) => tell(None, Object::Path(path)),
                    None => tell(None, nothing),
                }
            }
            Self::LinkBeside(path, folder) => {
                match PathObject::read_beside(args, path, Some(folder)) {
                    Some(path) => {
                        tell(None, Object::Path(PathObject { link_itself: true, ..path }))
                    }
                    None => tell(None, nothing),
                }
            }
            Self::Look(path, folder, follow) => {
                match PathObject::read_beside(args, path, Some(folder)) {
                    // What a descriptor leads to was judged when it was opened.
                    Some(PathObject { place: PathPlace::Descriptor(_), .. }) | None => Ok(()),
                    Some(mut path) => {
                        path.link_itself = args.value(follow) == Value::Int(0);
                        tell(None, Object::Path(path))
                    }
                }
            }
            Self::Paths(one, other) => {
                for path in [one, other] {
                    if let Some(path) = PathObject::read(args.value(path)) {
                        tell(None, Object::Path(path))?;
                    }
                }
                Ok(())
            }
            Self::PathOrDescriptor(path) => match PathObject::read(args.value(path)) {
                Some(path) => tell(None, Object::Path(path)),
                None => tell(None, nothing),
            },
            Self::Directory(path) => {
                let path = PathObject::read(args.value(path)).unwrap_or(PathObject {
                    place: PathPlace::Text(".".into()),
                    folder: None,
                    link_itself: false,
                });
                // The events of a `Path` object are followed by those of the walk itself.
                if path.place == PathPlace::Opaque {
                    return Ok(());
                }
                tell(None, Object::Path(path))
            }
            Self::Pattern(pattern) => match args.value(pattern).into_text() {
                Some(pattern) => tell(
                    None,
                    Object::Path(PathObject {
                        place: PathPlace::Text(Cow::Owned(fixed_directory(&pattern).to_owned())),
                        folder: None,
                        link_itself: false,
                    }),
                ),
                None => Ok(()),
            },
            Self::Address(address) => match Object::address(args.value(address)) {
                Some(object) => tell(None, object),
                None => Ok(()),
            },
            Self::Host(host) => match args.value(host) {
                Value::Absent | Value::None => Ok(()),
                host => {
                    tell(None, host.into_text().map_or(nothing, |host| Object::Host(host, None)))
                }
            },
            Self::Unix(path) => tell(None, Object::Unix(path.into())),
            Self::Url(url) => tell(None, args.value(url).into_text().map_or(nothing, Object::Url)),
            Self::If(condition) => match args.value(condition) {
                Value::Int(0) | Value::None | Value::Absent => Ok(()),
                _ => tell(None, nothing),
            },
            Self::Database(database) => match PathObject::read(args.value(database)) {
                Some(PathObject { place: PathPlace::Text(text), .. })
                    if in_memory_database(&text) =>
                {
                    Ok(())
                }
                Some(path) => tell(None, Object::Path(path)),
                None => tell(None, nothing),
            },
            Self::Dbm(path, flag) => {
                let flag = args.value(flag).into_text();
                let reads = flag.is_none_or(|flag| flag.starts_with('r'));
                let path = PathObject::read(args.value(path)).map_or(nothing, Object::Path);
                tell(Some(if reads { Verb::ReadFile } else { Verb::WriteFile }), path)
            }
            Self::Open(path, mode, flags) => {
                let by_mode = match args.value(mode) {
                    Value::Text(mode) => mode.contains(['w', 'a', 'x', '+']),
                    _ => false,
                };
                let by_flags = match args.value(flags) {
                    Value::Int(flags) => flags_write(flags),
                    Value::Absent | Value::None => false,
                    // Flags that cannot be read may write.
                    _ => true,
                };
                let verb = if by_mode || by_flags { Verb::WriteFile } else { Verb::ReadFile };
                match PathObject::read(args.value(path)) {
                    Some(PathObject { place: PathPlace::Descriptor(_), .. }) => Ok(()),
                    Some(path) => tell(Some(verb), Object::Path(path)),
                    None => tell(Some(verb), nothing),
                }
            }
            Self::Descriptor(descriptor) => match args.value(descriptor) {
                Value::Int(number) => tell(
                    None,
                    Object::Path(PathObject {
                        place: PathPlace::Descriptor(number),
                        folder: None,
                        link_itself: false,
                    }),
                ),
                _ => tell(None, nothing),
            },
            Self::Special => Ok(()),
        }
    }
}

/// The directory before the first part of a pattern that has a wildcard.
fn fixed_directory(pattern: &str) -> &str {
    let fixed = match pattern.find(['*', '?', '[']) {
        Some(end) => pattern.get(..end).unwrap_or_default(),
        None => pattern,
    };
    match fixed.rfind('/') {
        Some(0) => "/",
        Some(end) => fixed.get(..end).unwrap_or_default(),
        None => ".",
    }
}

/// Whether `SQLite` keeps the database in memory or in a temporary file of its own
/// (`https://sqlite.org/inmemorydb.html`).
fn in_memory_database(name: &str) -> bool {
    let uri = name.strip_prefix("file:");
    name.is_empty()
        || name == ":memory:"
        || uri.is_some_and(|uri| uri == ":memory:" || uri.starts_with(":memory:?"))
}

#[cfg(test)]
mod tests {
    use super::{Deed, Object, PathObject, PathPlace, Read};
    use crate::value::fixture::{Given, text};
    use crate::value::{Value, at};
    use hermetic_policy::Verb;

    fn told(read: Read, args: Vec<Value<'static>>) -> Vec<String> {
        let args = Given(args);
        let mut told = Vec::new();
        let result: Result<(), ()> = read.each(&args, |Deed { verb, object }| {
            told.push(format!("{verb:?} {object:?}"));
            Ok(())
        });
        assert_eq!(result, Ok(()));
        told
    }

    #[test]
    fn open_reads_or_writes() {
        let read = Read::Open(at(0), at(1), at(2));
        let verb = |mode: Value<'static>, flags: i64| {
            let args = Given(vec![text("x"), mode, Value::Int(flags)]);
            let mut verb = None;
            let _: Result<(), ()> = read.each(&args, |deed| {
                verb = deed.verb;
                Ok(())
            });
            verb
        };
        assert_eq!(verb(text("r"), 0), Some(Verb::ReadFile));
        assert_eq!(verb(text("rb+"), 0), Some(Verb::WriteFile));
        // The ssl module's key log tells no flags.
        assert_eq!(verb(text("a"), 0), Some(Verb::WriteFile));
        assert_eq!(verb(Value::None, 1), Some(Verb::WriteFile));
        assert_eq!(verb(Value::None, 0), Some(Verb::ReadFile));
        assert!(told(read, vec![Value::Int(3), text("w")]).is_empty());
    }

    #[test]
    fn addresses() {
        let read = |value| Object::address(value);
        assert_eq!(
            read(Value::Sequence(vec![text("h"), Value::Int(80)])),
            Some(Object::Host("h".into(), Some(80)))
        );
        assert_eq!(read(text("/run/x")), Some(Object::Unix("/run/x".into())));
        assert_eq!(read(Value::Bytes(b"\0x".as_slice().into())), Some(Object::Unix("\0x".into())));
        assert_eq!(read(Value::None), None);
        assert_eq!(
            read(Value::Sequence(vec![Value::Int(1), Value::Int(2)])),
            Some(Object::Nothing)
        );
    }

    #[test]
    fn databases_in_memory_are_no_files() {
        let read = Read::Database(at(0));
        for memory in [":memory:", "", "file::memory:?cache=shared"] {
            assert!(told(read, vec![text(memory)]).is_empty(), "{memory}");
        }
        for file in ["x.db", "file:x.db?mode=ro", ":memory:x"] {
            assert_eq!(told(read, vec![text(file)]).len(), 1, "{file}");
        }
    }

    #[test]
    fn folders_of_patterns() {
        for (pattern, folder) in [
            ("/etc/*.conf", "/etc"),
            ("/*", "/"),
            ("*.py", "."),
            ("a/b/c?/d", "a/b"),
            ("/etc/hosts", "/etc"),
        ] {
            assert_eq!(super::fixed_directory(pattern), folder);
        }
    }

    #[test]
    fn a_descriptor_is_no_path() {
        assert!(told(Read::Path(at(0)), vec![Value::Int(3)]).is_empty());
        let opaque = PathObject::read(Value::Other).map(|path| path.place);
        assert_eq!(opaque, Some(PathPlace::Opaque));
    }
}
