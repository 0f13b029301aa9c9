//! What a command starts: a Python program, or something else.
//!
//! The same reading as the launcher's (`hermetic/target.py`), of bytes instead of text. CPython's
//! command line is that of `Python/initconfig.c`, a script's first line that of execve(2).

/// What is asked of the file system.
pub trait Files {
    /// The first bytes of a file; nothing for one that cannot be read.
    fn head(&self, file: &[u8]) -> Vec<u8>;
    /// The file without links.
    fn real(&self, file: &[u8]) -> Vec<u8>;
    /// A program of that name in the folders of programs.
    fn find(&self, name: &[u8]) -> Option<Vec<u8>>;
}

/// What a command starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// No Python.
    Foreign,
    /// Python, and no code of anybody's: `python --version`.
    Plain,
    /// A Python program.
    Python(Child),
}

/// A Python program as it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// The interpreter, where it is another file than the one that was named.
    pub interpreter: Option<Vec<u8>>,
    /// The interpreter's first argument, by which it finds its environment, and its options.
    pub options: Vec<Vec<u8>>,
    /// What is run.
    pub kind: Kind,
    /// The file, the module or the code.
    pub name: Vec<u8>,
    /// Its arguments.
    pub arguments: Vec<Vec<u8>>,
}

/// The kinds of program, by the launcher's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file or folder.
    Script,
    /// `-m`
    Module,
    /// `-c`
    Command,
    /// Standard input.
    Stdin,
}

impl Kind {
    /// The launcher's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Module => "module",
            Self::Command => "command",
            Self::Stdin => "stdin",
        }
    }
}

const TAKES_VALUE: &[u8] = b"cmWX";
const ENDS_IN_A_MESSAGE: &[u8] = b"hV?";

/// What `argv` starts when it is given to the program.
pub fn read(program: &[u8], argv: &[Vec<u8>], files: &dyn Files) -> Started {
    let rest = argv.get(1..).unwrap_or_default();
    if is_python(program) || is_python(&files.real(program)) {
        let first = argv.first().map_or(program, Vec::as_slice);
        return command_line(first, rest.to_vec(), None);
    }
    let Some((interpreter, options)) = shebang(&files.head(program), files) else {
        return Started::Foreign;
    };
    let mut words = options;
    words.push(program.to_vec());
    words.extend_from_slice(rest);
    command_line(&interpreter, words, Some(&interpreter))
}

/// Whether a program is an interpreter, by its name: python, python3.12, pypy3 and so on.
fn is_python(file: &[u8]) -> bool {
    let name = file.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    [&b"python"[..], b"pypy"].iter().any(|start| {
        name.strip_prefix(*start).is_some_and(|rest| {
            let rest = trim_end(rest, b"tdmw");
            rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        })
    })
}

fn trim_end<'a>(mut text: &'a [u8], letters: &[u8]) -> &'a [u8] {
    while let Some((last, rest)) = text.split_last()
        && letters.contains(last)
    {
        text = rest;
    }
    text
}

fn words(text: &[u8]) -> Vec<Vec<u8>> {
    text.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

/// The Python command in a file's first line.
fn shebang(head: &[u8], files: &dyn Files) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut line = lines.next()?.strip_prefix(b"#!")?.trim_ascii();
    // What installers write where the path is too long for a kernel, or has a space.
    if line == b"/bin/sh"
        && let Some(second) = lines.next().and_then(|second| second.strip_prefix(b"'''exec' "))
    {
        let end = second.windows(5).position(|window| window == b" \"$0\"").unwrap_or(second.len());
        line = second.get(..end)?;
    }
    let (mut program, mut options) = if let Some(quoted) = line.strip_prefix(b"\"") {
        (quoted.split(|byte| *byte == b'"').next()?.to_vec(), Vec::new())
    } else {
        let mut all = words(line).into_iter();
        (all.next()?, all.collect::<Vec<_>>())
    };
    if program.rsplit(|byte| *byte == b'/').next() == Some(b"env") {
        let mut command = options.into_iter().filter(|word| word != b"-S" && !word.contains(&b'='));
        program = command.next()?;
        options = command.collect();
        if !program.contains(&b'/') {
            program = files.find(&program)?;
        }
    }
    (is_python(&program) || is_python(&files.real(&program))).then_some((program, options))
}

/// What `python WORDS` runs.
fn command_line(first: &[u8], words: Vec<Vec<u8>>, interpreter: Option<&[u8]>) -> Started {
    let mut options = vec![first.to_vec()];
    let mut rest = words.into_iter();
    let child = |options, kind, name, arguments: std::vec::IntoIter<_>| {
        Started::Python(Child {
            interpreter: interpreter.map(<[u8]>::to_vec),
            options,
            kind,
            name,
            arguments: arguments.collect(),
        })
    };
    while let Some(word) = rest.next() {
        if word == b"-" {
            return child(options, Kind::Stdin, word, rest);
        }
        if word == b"--" {
            return match rest.next() {
                Some(name) if name != b"-" => child(options, Kind::Script, name, rest),
                name => child(options, Kind::Stdin, name.unwrap_or_default(), rest),
            };
        }
        if word == b"--check-hash-based-pycs" {
            options.push(word);
            options.extend(rest.next());
            continue;
        }
        let Some(letters) = word.strip_prefix(b"-") else {
            return child(options, Kind::Script, word, rest);
        };
        if letters.starts_with(b"-") {
            return Started::Plain;
        }
        for (place, letter) in letters.iter().enumerate() {
            if ENDS_IN_A_MESSAGE.contains(letter) {
                return Started::Plain;
            }
            if !TAKES_VALUE.contains(letter) {
                options.push(vec![b'-', *letter]);
                continue;
            }
            let behind = letters.get(place + 1..).unwrap_or_default().to_vec();
            let value = if behind.is_empty() { rest.next() } else { Some(behind) };
            // The interpreter says that a value is missing.
            let Some(value) = value else { return Started::Plain };
            match letter {
                b'c' => return child(options, Kind::Command, value, rest),
                b'm' => return child(options, Kind::Module, value, rest),
                _ => options.extend([vec![b'-', *letter], value]),
            }
            break;
        }
    }
    child(options, Kind::Stdin, Vec::new(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files by name with their first bytes; links by `->`.
    struct Disk(&'static [(&'static str, &'static str)]);

    impl Files for Disk {
        fn head(&self, file: &[u8]) -> Vec<u8> {
            let found = self.0.iter().find(|(name, _)| name.as_bytes() == file);
            found.map_or_else(Vec::new, |(_, head)| head.as_bytes().to_vec())
        }
        fn real(&self, file: &[u8]) -> Vec<u8> {
            let head = self.head(file);
            head.strip_prefix(b"->").map_or_else(|| file.to_vec(), <[u8]>::to_vec)
        }
        fn find(&self, name: &[u8]) -> Option<Vec<u8>> {
            Some([b"/usr/bin/", name].concat())
        }
    }

    const DISK: Disk = Disk(&[
        ("/usr/bin/ls", "\u{7f}ELF"),
        ("/v/bin/py", "->/usr/bin/python3.11"),
        ("/v/bin/tool", "#!/v/bin/python -E\nimport x\n"),
        ("/v/bin/long", "#!/bin/sh\n'''exec' /v w/bin/python3 \"$0\" \"$@\"\n' '''\n"),
        ("/v/bin/env", "#!/usr/bin/env -S A=1 python3 -I\n"),
        ("/v/bin/sh", "#!/bin/sh\necho\n"),
        ("/v/bin/short", "#!"),
    ]);

    fn bytes(words: &[&str]) -> Vec<Vec<u8>> {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    fn python(program: &str, argv: &[&str]) -> Option<(String, Kind, String, String)> {
        match read(program.as_bytes(), &bytes(argv), &DISK) {
            Started::Python(child) => {
                let join = |words: Vec<Vec<u8>>| String::from_utf8(words.join(&b' ')).unwrap();
                let name = String::from_utf8(child.name).unwrap();
                Some((join(child.options), child.kind, name, join(child.arguments)))
            }
            _ => None,
        }
    }

    #[test]
    fn python_is_known_by_its_name_and_by_what_a_link_leads_to() {
        for name in ["python", "python3", "/a/python3.12", "python3.13t", "pypy3.10", "pythonw"] {
            assert!(is_python(name.as_bytes()), "{name}");
        }
        for name in ["python-config", "ipython", "/python/ls", "pythonista", "py"] {
            assert!(!is_python(name.as_bytes()), "{name}");
        }
        assert!(python("/v/bin/py", &["py", "a.py"]).is_some());
        assert_eq!(read(b"/usr/bin/ls", &bytes(&["ls"]), &DISK), Started::Foreign);
        assert_eq!(read(b"/v/bin/sh", &bytes(&["sh"]), &DISK), Started::Foreign);
        assert_eq!(read(b"/v/bin/short", &bytes(&["short"]), &DISK), Started::Foreign);
    }

    #[test]
    fn what_python_runs() {
        for (argv, options, kind, name, arguments) in [
            (&["p", "-I", "a.py", "-x"][..], "p -I", Kind::Script, "a.py", "-x"),
            (&["p", "-Sum", "pip", "list"], "p -S -u", Kind::Module, "pip", "list"),
            (&["p", "-Wd", "-X", "dev", "-cx=1", "y"], "p -W d -X dev", Kind::Command, "x=1", "y"),
            (&["p", "-W", "d", "-c", "x", "-c"], "p -W d", Kind::Command, "x", "-c"),
            (&["p"], "p", Kind::Stdin, "", ""),
            (&["p", "-", "a"], "p", Kind::Stdin, "-", "a"),
            (&["p", "--", "a.py"], "p", Kind::Script, "a.py", ""),
        ] {
            let found = python("/usr/bin/python3", argv).expect("it is Python");
            let expected = (options.into(), kind, name.into(), arguments.into());
            assert_eq!(found, expected, "{argv:?}");
        }
        for argv in [&["p", "-V"][..], &["p", "--version"], &["p", "-Ih"], &["p", "-c"]] {
            assert_eq!(read(b"python", &bytes(argv), &DISK), Started::Plain, "{argv:?}");
        }
    }

    #[test]
    fn scripts_by_their_first_line() {
        for (file, options, interpreter) in [
            ("/v/bin/tool", "/v/bin/python -E", "/v/bin/python"),
            ("/v/bin/env", "/usr/bin/python3 -I", "/usr/bin/python3"),
        ] {
            let Started::Python(child) = read(file.as_bytes(), &bytes(&["t", "-v"]), &DISK) else {
                panic!("{file} is Python")
            };
            assert_eq!(child.options.join(&b' '), options.as_bytes(), "{file}");
            assert_eq!(child.interpreter.as_deref(), Some(interpreter.as_bytes()), "{file}");
            assert_eq!((child.kind, child.name.as_slice()), (Kind::Script, file.as_bytes()));
            assert_eq!(child.arguments, bytes(&["-v"]));
        }
    }
}
