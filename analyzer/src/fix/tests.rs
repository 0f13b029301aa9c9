use std::path::Path;

use super::*;
use crate::detect::summarise;
use crate::rewrite::edited;
use crate::source::FileKind;
use crate::syntax;

/// Run something on the fixes of a text.
fn with<T>(text: &str, run: impl FnOnce(&Fixer<'_>) -> T) -> T {
    let source = Source::of_module(text.to_owned(), FileKind::Module);
    let parsed = syntax::parse_module(text).expect("shallow");
    let summary = summarise(&parsed, &source, &NAMES, crate::detect::Linking::Off);
    run(&Fixer::new(&source, &parsed, &summary, &NAMES))
}

fn found_in(files: &[(&str, &str)], wanted: &Wanted) -> Mentions {
    let mut mentions = Mentions::default();
    for (path, text) in files {
        let parsed = syntax::parse_module(text).expect("shallow");
        if wanted.may_be_in(text) {
            mentions.search(&parsed, wanted, Path::new(path), path);
        }
    }
    mentions
}

/// The proposals, in a program of one file more.
fn proposals(text: &str, others: &[(&str, &str)]) -> Vec<Proposal> {
    with(text, |fixer| {
        let mut wanted = Wanted::default();
        fixer.want(&mut wanted);
        let files = [&[("pkg/mod.py", text)], others].concat();
        let mentions = found_in(&files, &wanted);
        fixer.proposals(Around::Whole { mentions: &mentions, module: "mod" })
    })
}

/// All fixes made at once.
fn fixed(text: &str) -> String {
    with(text, |fixer| {
        let around = Around::Unknown("unknown");
        let ranges: Vec<Range> = fixer.proposals(around).iter().map(|p| p.range).collect();
        edited(text, &fixer.together(&ranges)).expect("in order")
    })
}

/// Why the only capture is not rewritten.
fn refusal(text: &str) -> String {
    match proposals(text, &[]).as_slice() {
        [Proposal { fix: Err(why), .. }] => why.clone(),
        other => panic!("{text}\n{other:?}"),
    }
}

/// Why the only fix is unsafe; `None` where it is safe.
fn risk(text: &str, others: &[(&str, &str)]) -> Option<String> {
    match proposals(text, others).as_slice() {
        [Proposal { fix: Ok(Fix { safety, .. }), .. }] => match safety {
            Safety::Safe => None,
            Safety::Unsafe(why) => Some(why.clone()),
        },
        other => panic!("{text}\n{other:?}"),
    }
}

#[track_caller]
fn becomes(before: &str, after: &str) {
    assert_eq!(fixed(before), after, "{before}");
    assert_eq!(fixed(after), after, "a second time");
}

#[test]
fn an_import_and_all_uses() {
    for (before, after) in [
        ("from socket import socket\nsocket()\n", "import socket\nsocket.socket()\n"),
        (
            "from socket import socket as S\nS(S.family)\n",
            "import socket\nsocket.socket(socket.socket.family)\n",
        ),
        ("from socket import socket", "import socket"),
        // What is not guarded stays.
        (
            "from socket import AF_INET, socket\nsocket(AF_INET)\n",
            "import socket\nfrom socket import AF_INET\nsocket.socket(AF_INET)\n",
        ),
        (
            "from subprocess import run, PIPE, Popen, DEVNULL\nrun(Popen, PIPE)\n",
            "import subprocess\nfrom subprocess import PIPE, DEVNULL\nsubprocess.run(subprocess.Popen, PIPE)\n",
        ),
        (
            "from asyncio.subprocess import create_subprocess_exec\ncreate_subprocess_exec(x)\n",
            "import asyncio.subprocess\nasyncio.subprocess.create_subprocess_exec(x)\n",
        ),
        // Two statements of one module.
        (
            "from subprocess import run\nfrom subprocess import Popen\nrun(Popen)\n",
            "import subprocess\nsubprocess.run(subprocess.Popen)\n",
        ),
        // On one line with others.
        ("x = 1; from os import system\nsystem(x)\n", "x = 1; import os\nos.system(x)\n"),
        (
            "x = 1; from os import system, sep\nsystem(x)\n",
            "x = 1; import os; from os import sep\nos.system(x)\n",
        ),
        (
            "if x: from os import system, sep\nsystem(x)\n",
            "if x: import os; from os import sep\nos.system(x)\n",
        ),
        (
            "if x: \\\n  from os import system, sep\nsystem(x)\n",
            "if x: \\\n  import os; from os import sep\nos.system(x)\n",
        ),
        // Conditional.
        (
            "if x:\n\tfrom os import fork\nelse:\n\tfork = None\nimport y\n",
            "if x:\n\tfrom os import fork\nelse:\n\tfork = None\nimport y\n",
        ),
        (
            "if x:\n\tfrom os import fork, sep\n\tfork()\n",
            "if x:\n\timport os\n\tfrom os import sep\n\tos.fork()\n",
        ),
        (
            "if x:\n    from os import fork\nelse:\n    from os import fork\nfork()\n",
            "if x:\n    import os\nelse:\n    import os\nos.fork()\n",
        ),
        (
            "try:\n    from os import fork\nexcept ImportError:\n    pass\nfork()\n",
            "try:\n    import os\nexcept ImportError:\n    pass\nos.fork()\n",
        ),
        // For type checkers as well.
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from subprocess import Popen\nfrom subprocess import run\n\ndef f(p: 'Popen[bytes]') -> Popen: run()\n",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from subprocess import Popen\nimport subprocess\n\ndef f(p: 'Popen[bytes]') -> Popen: subprocess.run()\n",
        ),
    ] {
        becomes(before, after);
    }
}

#[test]
fn an_import_that_is_there_is_used() {
    for (before, after) in [
        ("import os\nfrom os import system\nsystem()\n", "import os\nos.system()\n"),
        ("import os as o\nfrom os import system\nsystem()\n", "import os as o\no.system()\n"),
        (
            "import os, sys\nfrom os import sep, system\nsystem()\n",
            "import os, sys\nfrom os import sep\nos.system()\n",
        ),
        (
            "import os\nfrom os import system  # noqa\nsystem()\n",
            "import os\npass  # noqa\nos.system()\n",
        ),
        (
            "import os\nif x:\n  from os import system\nsystem()\n",
            "import os\nif x:\n  pass\nos.system()\n",
        ),
        // It may not have run.
        (
            "if x:\n  import os\nfrom os import system\nsystem()\n",
            "if x:\n  import os\nimport os\nos.system()\n",
        ),
        ("from os import system\nsystem()\nimport os\n", "import os\nos.system()\nimport os\n"),
        // A package that is there is not the module.
        (
            "import asyncio\nfrom asyncio.subprocess import create_subprocess_exec\ncreate_subprocess_exec()\n",
            "import asyncio\nimport asyncio.subprocess\nasyncio.subprocess.create_subprocess_exec()\n",
        ),
        (
            "import os\ndef f():\n  from os import system\n  def g(): system()\n  return g\n",
            "import os\ndef f():\n  def g(): os.system()\n  return g\n",
        ),
        (
            "def f():\n  from os import system\n  def g(): system()\n  return g\n",
            "def f():\n  import os\n  def g(): os.system()\n  return g\n",
        ),
    ] {
        becomes(before, after);
    }
}

#[test]
fn a_name_that_is_taken_is_not_bound() {
    for (before, after) in [
        (
            "from socket import create_connection\ndef f(socket): create_connection(socket)\n",
            "import socket as _socket_module\ndef f(socket): _socket_module.create_connection(socket)\n",
        ),
        (
            "from os import system\nos = 1\n_os_module = 2\nsystem(os)\n",
            "import os as _os_module_2\nos = 1\n_os_module = 2\n_os_module_2.system(os)\n",
        ),
        (
            "import os.path as os\nfrom os import system\nsystem(os)\n",
            "import os.path as os\nimport os as _os_module\n_os_module.system(os)\n",
        ),
        // Somebody else's, further out.
        (
            "from x import os\ndef f():\n  os()\n  from os import system\n  def g(): system()\n  return g\n",
            "from x import os\ndef f():\n  os()\n  import os as _os_module\n  def g(): _os_module.system()\n  return g\n",
        ),
        (
            "from asyncio.subprocess import create_subprocess_exec\nclass C:\n  asyncio = 1\n  x: create_subprocess_exec\n",
            "import asyncio.subprocess as _subprocess_module\nclass C:\n  asyncio = 1\n  x: _subprocess_module.create_subprocess_exec\n",
        ),
        // The name of a class that stays is that of its module.
        (
            "from socket import create_connection, socket\nclass C(socket): pass\ncreate_connection()\n",
            "import socket as _socket_module\nfrom socket import socket\nclass C(socket): pass\n_socket_module.create_connection()\n",
        ),
    ] {
        becomes(before, after);
    }
}

#[test]
fn uses_of_every_kind() {
    for (before, after) in [
        ("x: Popen\n", "x: P\n"),
        (
            "def f(x: 'Popen', y: \"list[Popen]\") -> 'Popen | None': pass\n",
            "def f(x: 'P', y: \"list[P]\") -> 'P | None': pass\n",
        ),
        (
            "def f(x: Literal['Popen'], y: Annotated['Popen', 'Popen']): pass\n",
            "def f(x: Literal['Popen'], y: Annotated['P', 'Popen']): pass\n",
        ),
        ("typing.cast('Popen', x)\n", "typing.cast('P', x)\n"),
        ("f'{Popen!r:{Popen}} Popen'\n", "f'{P!r:{P}} Popen'\n"),
        ("[Popen for x in y if Popen]\n", "[P for x in y if P]\n"),
        ("[Popen for Popen in Popen]\n", "[Popen for Popen in P]\n"),
        ("lambda: Popen\n", "lambda: P\n"),
        ("def f(Popen): Popen()\n", "def f(Popen): Popen()\n"),
        ("def f():\n  Popen = 1\n  Popen\nPopen()\n", "def f():\n  Popen = 1\n  Popen\nP()\n"),
        ("def f():\n  global Popen\n  Popen()\n", "def f():\n  global Popen\n  P()\n"),
        ("class C:\n  def Popen(self): Popen()\n", "class C:\n  def Popen(self): P()\n"),
        ("match x:\n  case Popen(): pass\n", "match x:\n  case P(): pass\n"),
        ("f(Popen=Popen)\nx.Popen\n", "f(Popen=P)\nx.Popen\n"),
        (
            "async def f():\n  await Popen\n  async with Popen() as p: pass\n",
            "async def f():\n  await P\n  async with P() as p: pass\n",
        ),
        ("try: pass\nexcept Popen: pass\n", "try: pass\nexcept P: pass\n"),
        ("def f[T: Popen](x: T): Popen\n", "def f[T: P](x: T): P\n"),
        (
            "Popen.wait = 1\nPopen.x += 1\ndel Popen.x\nPopen[1]\n",
            "P.wait = 1\nP.x += 1\ndel P.x\nP[1]\n",
        ),
    ] {
        let text = format!("from subprocess import Popen\n{before}");
        becomes(
            &text,
            &format!(
                "import subprocess\n{}",
                after
                    .replace("P.", "@.")
                    .replace('@', "subprocess.Popen")
                    .replace("'P'", "'subprocess.Popen'")
                    .replace("{P", "{subprocess.Popen")
                    .replace("[P]", "[subprocess.Popen]")
                    .replace(" P", " subprocess.Popen")
                    .replace("[P ", "[subprocess.Popen ")
                    .replace("\nP", "\nsubprocess.Popen")
                    .replace("=P", "=subprocess.Popen")
                    .replace("P[1]", "subprocess.Popen[1]")
                    .replace("'P |", "'subprocess.Popen |")
                    .replace("subprocess.Popenopen", "Popen")
            ),
        );
    }
}

#[test]
fn layout_and_comments_stay() {
    for (before, after) in [
        (
            "from socket import (  # a\n    socket,  # b\n    AF_INET,  # c\n)\nsocket( 1 )  # d\n",
            "import socket\nfrom socket import (  # a\n      # b\n    AF_INET,  # c\n)\nsocket.socket( 1 )  # d\n",
        ),
        (
            "from socket import (\n    AF_INET,\n    socket,\n    SOCK_STREAM,\n)\n",
            "import socket\nfrom socket import (\n    AF_INET,\n    SOCK_STREAM,\n)\n",
        ),
        (
            "from socket import (\n    AF_INET,\n    socket\n)\n",
            "import socket\nfrom socket import (\n    AF_INET\n)\n",
        ),
        (
            "from socket import (AF_INET,  # a\n    socket)\n",
            "import socket\nfrom socket import (AF_INET,  # a\n    )\n",
        ),
        ("from socket import (socket, AF_INET)\n", "import socket\nfrom socket import (AF_INET)\n"),
        (
            "from socket import (AF_INET, socket,)\n",
            "import socket\nfrom socket import (AF_INET, )\n",
        ),
        (
            "from socket import socket, \\\n    AF_INET\n",
            "import socket\nfrom socket import \\\n    AF_INET\n",
        ),
        (
            "from socket import AF_INET, \\\n    socket\n",
            "import socket\nfrom socket import AF_INET\n",
        ),
        (
            "from socket import AF_INET, socket as s, SOCK_STREAM as t # x\n",
            "import socket\nfrom socket import AF_INET, SOCK_STREAM as t # x\n",
        ),
        (
            "from socket import (\n socket, AF_INET,\n create_connection)\n",
            "import socket\nfrom socket import (\n AF_INET)\n",
        ),
        ("from os import system\r\nsystem ( )\r\n", "import os\r\nos.system ( )\r\n"),
        (
            "if x:\r\n\tfrom os import sep, system\r\n\tsystem()\r\n",
            "if x:\r\n\timport os\r\n\tfrom os import sep\r\n\tos.system()\r\n",
        ),
        (
            "x\rfrom os import sep, system\rsystem()",
            "x\rimport os\rfrom os import sep\ros.system()",
        ),
        ("x\rfrom os import sep, system", "x\rimport os\rfrom os import sep"),
    ] {
        becomes(before, after);
    }
}

#[test]
fn what_is_not_rewritten_says_why() {
    for (text, why) in [
        ("from os import fork\nfork = 1\n", "`fork` is bound again in row 2"),
        ("from os import fork\ndef fork(): pass\n", "`fork` is bound again in row 2"),
        ("from os import fork\nfork += 1\n", "`fork` is bound again in row 2"),
        (
            "try:\n  from os import fork\nexcept ImportError:\n  fork = None\n",
            "`fork` is bound again in row 4",
        ),
        ("from os import fork\ndel fork\n", "`fork` is deleted in row 2"),
        (
            "from os import fork\ndef f():\n  global fork\n  fork = 1\n",
            "`fork` is bound from a function in row 4",
        ),
        (
            "def f():\n  global fork\n  from os import fork\n",
            "`fork` is bound from a function in row 3",
        ),
        (
            "from os import fork\nfrom x import fork\n",
            "`fork` is imported from another place in row 2",
        ),
        (
            "from os import fork\nfrom x import *\n",
            "the star import in row 2 may bind `fork` again",
        ),
        (
            "class C:\n  from os import fork\n",
            "`fork` is an attribute of a class, which other code may read",
        ),
        ("from os import fork as __f\n", "`__f` is another name inside of classes"),
        ("from os import fork\nf'{fork=}'\n", "an f-string shows the name itself in row 2"),
        ("open(x)\nfrom io import open\n", "`open` is used in row 1, before it is imported"),
        ("if x:\n  from io import open\n", "where the import does not run, `open` is the builtin"),
        (
            "from os import fork\nclass C:\n  fork\n  fork = 1\n",
            "`fork` in row 3 may be an attribute of the class instead",
        ),
        (
            "from os import fork\nx: '\\x20fork'\n",
            "the annotation in row 2 may mean `fork` and cannot be rewritten",
        ),
        (
            "import os\nfrom os import fork\nos.fork = lambda: fork()\n",
            "the file replaces `os.fork` in row 3, and `fork` keeps what it was",
        ),
        ("from socket import (  # x\n  socket\n)\n", "the comment in row 1 is inside the import"),
        ("from os import fork\n\n@fork\ndef f(): pass\n", "row 3 keeps it as a decorator"),
        ("from socket import socket\nclass C(socket): pass\n", "row 2 keeps it as a base class"),
        ("from os import fork\ndef f(x=fork): x()\n", "row 2 keeps it as a default argument"),
        ("from os import fork\nf = fork\n", "row 2 keeps it by an assignment"),
        (
            "from os import fork\nclass C:\n  f = fork\n",
            "row 3 keeps it as an attribute of a class",
        ),
        ("from os import fork\nF = {'fork': fork}\n", "row 2 keeps it in a container"),
        ("from os import fork\nx = (\n", "the file was not analysed in whole"),
    ] {
        assert_eq!(refusal(text), why, "{text}");
        assert_eq!(fixed(text), text);
    }
}

#[test]
fn who_might_know_the_name() {
    let text = "from os import fork\nfork()\n";
    assert_eq!(risk(text, &[]), None);
    for (before, after, why) in [
        ("", "__all__ = ['fork']\n", "`__all__` exports `fork`"),
        ("", "'''\n>>> fork()\n'''\n", "the doctest in row 3 may use `fork`"),
        ("", "x = 1  # type: fork\n", "the type comment in row 3 names `fork`"),
        ("", "globals()\n", "`globals` in row 3 may look `fork` up by its text"),
        ("try:\n  pass\nexcept E: pass\n", "", ""),
    ] {
        let risk = risk(&format!("{before}{text}{after}"), &[]);
        assert_eq!(risk.unwrap_or_default(), why, "{after}");
    }
    for other in [
        "from pkg.mod import fork\n",
        "from .mod import fork as f\n",
        "from mod import *\n",
        "import pkg.mod\npkg.mod.fork()\n",
        "import pkg.mod as m\nm.fork\n",
        "import pkg.mod\nm = pkg.mod\nm.fork\n",
        "from pkg import mod\ndef f(): m.fork\nm = mod\n",
        "from pkg import mod\nmod.fork = 1\n",
        "from . import mod as m\nm.fork\n",
        "mock.patch('pkg.mod.fork')\n",
        "mock.patch(f'{name}.fork')\n",
        "mock.patch('%s.fork' % name)\n",
        "mock.patch(name + '.fork')\n",
        "mock.patch('pkg.mod.fork.__doc__')\n",
        "from pkg import mod\nmock.patch.object(mod, 'fork')\n",
        "mock.patch.object(given, 'fork')\n",
        "monkeypatch.setattr(given, name='fork')\n",
        "mock.patch.multiple(given, fork=1)\n",
        "importlib.import_module('pkg.mod').fork\n",
        "m = importlib.import_module('pkg.mod')\nm.fork\n",
        "sys.modules['pkg.mod'].fork\n",
    ] {
        let risk = risk(text, &[("tests/test.py", other)]);
        assert!(risk.is_some_and(|why| why.starts_with("tests/test.py ")), "{other}");
    }
    for other in [
        "from pkg.other import fork\n",
        "import os\nos.fork()\n",
        "mock.patch('os.fork')\n",
        "mock.patch.object(os, 'fork')\nimport os\n",
        "x.fork\nself.fork\n",
        "'fork'\n'a sentence about mod.fork'\n",
        "import pkg.mod\npkg.mod.spoon\n",
    ] {
        assert_eq!(risk(text, &[("tests/test.py", other)]), None, "{other}");
    }
    let tried = "try:\n  from os import fork\nexcept ImportError: pass\n";
    assert!(risk(tried, &[]).is_some_and(|why| why.contains("meant to fail")));
    let again = "from os import fork as fork\n";
    assert!(risk(again, &[]).is_some_and(|why| why.contains("exports")));
}

#[test]
fn a_name_of_a_function_is_nobody_elses() {
    let text = "def f():\n  from os import fork\n  return lambda: fork()\n";
    let other = ("test.py", "from mod import fork\n");
    assert_eq!(risk(text, &[other]), None);
    let looks = "def f():\n  from os import fork\n  return lambda: fork(locals())\n";
    assert!(risk(looks, &[other]).is_some_and(|why| why.contains("`locals` in row 3")));
    let elsewhere = format!("{text}globals()\n");
    assert_eq!(risk(&elsewhere, &[other]), None);
}

#[test]
fn what_is_not_known_is_not_safe() {
    let text = "from os import fork\n";
    let found = with(text, |fixer| fixer.proposals(Around::Unknown("nobody looked")));
    let [Proposal { fix: Ok(fix), .. }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(fix.safety, Safety::Unsafe("nobody looked".to_owned()));
}

#[test]
fn relative_imports_count_from_their_file() {
    let text = "from os import fork\n";
    for (path, import) in
        [("mod/x.py", "from . import fork\n"), ("mod/a/x.py", "from .. import fork\n")]
    {
        assert!(risk(text, &[(path, import)]).is_some(), "{import}");
        assert_eq!(risk(text, &[("other/a/x.py", import)]), None, "{import}");
    }
}
