//! Files made to break an analyzer: each costs only itself.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::process::{Project, findings_in, not_analysed};

const GOOD: &str = "import socket\nsocket.create_connection((\"192.0.2.1\", 9))\n";

/// Levels of nesting, or links of a chain.
const DEEP: usize = 100_000;

/// `open` as often as it nests, `inner`, `close` as often.
fn nested(open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}\n", open.repeat(DEEP), close.repeat(DEEP))
}

/// `first`, then `link` again and again.
fn chain(first: &str, link: &str) -> String {
    format!("{first}{}\n", link.repeat(DEEP))
}

/// `a1 = a0`, `a2 = a1` and so on.
fn alias_chain() -> String {
    let mut text = String::new();
    for link in 0..DEEP {
        let _ = writeln!(text, "a{} = a{link}", link + 1);
    }
    text
}

/// The most memory a run over one hostile file may hold: the tree of a text of the largest size
/// that is read takes nearly as much.
const MOST_MEMORY: u64 = 1500 << 20;

/// A good file and a bad one: the good one is reported, and the bad one is analysed or told. Why
/// it is told, if it is.
#[track_caller]
fn costs_only_itself(name: &str, bad: &[u8]) -> Option<String> {
    costs_only_itself_as("hostile.py", name, bad)
}

#[track_caller]
fn costs_only_itself_as(path: &str, name: &str, bad: &[u8]) -> Option<String> {
    let project = Project::new(&[("a.py", GOOD), ("z.py", GOOD)]);
    project.write(path, bad);
    let run = project.json(&["--profile", "block-all", "."]);
    assert!(matches!(run.code, Some(1 | 3)), "{name}: {:?} {:.2000}", run.code, run.stderr);
    assert!(run.peak <= Some(MOST_MEMORY), "{name}: {} MiB", run.peak.unwrap_or(0) >> 20);
    let code = run.code;
    let json = run.json();
    for path in ["a.py", "z.py"] {
        assert_eq!(findings_in(&json, path).len(), 1, "{name}: {path}");
    }
    let told = not_analysed(&json, path).map(str::to_owned);
    assert_ne!(told.as_deref(), Some("internal-error"), "{name}");
    let unaccepted = json["not_analysed"].as_array().is_some_and(|list| {
        list.iter().any(|entry| entry["path"] == path && entry["accepted"] == false)
    });
    assert_eq!(unaccepted, code == Some(3), "{name}: told {told:?}, exit {code:?}");
    assert_eq!(json["summary"]["files"].as_u64().map(|n| n >= 2), Some(true), "{name}");
    told
}

/// As many lines, each made from its number.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

#[test]
fn nesting() {
    for (name, source) in [
        ("unary minus", nested("-", "1", "")),
        ("unary minus with spaces", nested("- ", "1", "")),
        ("not", nested("not ", "x", "")),
        ("await", format!("async def f():\n    {}", nested("await ", "x", ""))),
        ("parentheses", nested("(", "1", ")")),
        ("tuples", nested("(1,", "1", ")")),
        ("lists", nested("[", "1", "]")),
        ("sets", nested("{", "1", "}")),
        ("dicts", nested("{1:", "1", "}")),
        ("calls in calls", nested("f(", "1", ")")),
        ("subscripts in subscripts", nested("a[", "1", "]")),
        ("lambdas", nested("lambda: ", "1", "")),
        ("walrus", nested("(x := ", "1", ")")),
        ("comprehensions", nested("[x for x in ", "y", "]")),
        ("comprehensions of comprehensions", nested("[", "x", " for x in y]")),
        ("generators", nested("(", "x", " for x in y)")),
        ("dicts by key", nested("{", "1", ":1}")),
        ("decorators", format!("{}def f(): pass\n", nested("@(lambda f: ", "x", ")"))),
        ("defaults of lambdas", nested("lambda x=", "1", ": x")),
        ("a few defaults of lambdas", "lambda x=".repeat(40) + "1" + &": x".repeat(40)),
        ("parameters of lambdas", nested("lambda a, b: ", "1", "")),
        ("minus in an f-string", format!("f'{{{}}}'\n", nested("-", "1", "").trim_end())),
        ("minus in a t-string", format!("t'{{{}}}'\n", nested("-", "1", "").trim_end())),
        ("a deep format spec", format!("f'{{1:{{{}}}}}'\n", nested("(", "1", ")").trim_end())),
        ("f-strings", nested("f'{", "1", "}'")),
        ("format specs", nested("f'{1:{", "1", "}}'")),
        ("yield", format!("def f():\n    {}", nested("(yield ", "1", ")"))),
        (
            "match patterns",
            format!("match x:\n    case {}: pass\n", nested("[", "y", "]").trim_end()),
        ),
        ("annotations", format!("x: {}", nested("list[", "int", "]"))),
        ("assignment targets", nested("(", "x", ")").trim_end().to_owned() + " = 1\n"),
        ("starred", nested("*", "x", "")),
    ] {
        costs_only_itself(name, source.as_bytes());
    }
}

#[test]
fn chains() {
    for (name, source) in [
        ("calls", chain("f", "()")),
        ("attributes", chain("a", ".b")),
        ("subscripts", chain("a", "[0]")),
        ("attribute calls", chain("a", ".b()")),
        ("binary plus", chain("1", "+1")),
        ("binary power", chain("1", "**1")),
        ("string concatenation", chain("''", "+'a'")),
        ("implicit concatenation", chain("x = 'a'", " 'a'")),
        ("implicit f-strings", chain("x = f'a'", " f'{a}'")),
        ("comparisons", chain("a", "<a")),
        ("boolean or", chain("a", " or a")),
        ("boolean mixed", chain("a", " or a and a")),
        ("if-else", chain("a", " if a else a")),
        ("elif", format!("if a: pass\n{}", "elif a: pass\n".repeat(DEEP))),
        ("decorators", format!("{}def f(): pass\n", "@d\n".repeat(DEEP))),
        ("decorator of calls", format!("@{}\ndef f(): pass\n", chain("d", "()").trim_end())),
        ("assignments", chain("a", "=a")),
        ("alias chain", alias_chain()),
        ("except clauses", format!("try: pass\n{}", "except A: pass\n".repeat(DEEP))),
        ("with items", format!("with a{}: pass\n", ", a".repeat(DEEP))),
        ("arguments", format!("f({})\n", "a,".repeat(DEEP))),
        ("star imports", "from a import *\n".repeat(DEEP)),
        ("dotted import", format!("import a{}\n", ".a".repeat(DEEP))),
        ("relative import", format!("from {} import x\n", ".".repeat(DEEP))),
        ("semicolons", chain("x", ";x")),
        ("continuation lines", format!("x = 1{}\n", " + \\\n1".repeat(1000))),
        ("methods of texts", chain("x = 'a'", ".lower()")),
        ("formats", format!("x = {}'a'{}\n", "(".repeat(60), ".format() + 'b')".repeat(60))),
        ("elif", format!("if a: x = 1\n{}", lines(20_000, |i| format!("elif a: x{i} = 2\n")))),
        ("for clauses", format!("[x{}]\n", " for x in y".repeat(10_000))),
        ("if clauses", format!("[x for x in y{}]\n", " if x".repeat(10_000))),
    ] {
        costs_only_itself(name, source.as_bytes());
    }
}

#[test]
fn blocks_in_blocks() {
    let block = |head: &str| {
        let lines = (0..2000).map(|i| format!("{}{head}\n", " ".repeat(i)));
        lines.collect::<String>() + &" ".repeat(2000) + "pass\n"
    };
    for head in ["if x:", "def f():", "class C:", "with a:", "for x in y:", "while x:", "try:"] {
        costs_only_itself(head, block(head).as_bytes());
    }
    let indents = lines(5_000, |i| format!("{}if x:\n", " ".repeat(i)));
    costs_only_itself("5,000 indents", format!("{indents}{}pass\n", " ".repeat(5_000)).as_bytes());
    let functions = lines(900, |i| format!("{}def f():\n", " ".repeat(i)));
    let names = format!("{functions}{}{}\n", " ".repeat(900), "a;".repeat(500_000));
    costs_only_itself("names looked for through 900 functions", names.as_bytes());
}

/// Deeper than any stack holds: it has to be seen before anything walks it.
#[test]
fn far_too_deep() {
    let minus = "-".repeat(30 * DEEP);
    let deep = Some("too-deep".to_owned());
    for (name, source) in [
        ("bare", format!("x = {minus}1\n")),
        ("in an f-string", format!("x = f'{{{minus}1}}'\n")),
        ("in a triple-quoted f-string", format!("x = f'''{{{minus}1}}'''\n")),
        ("in a format spec", format!("x = f'{{1:{{{minus}1}}}}'\n")),
        ("on lines that go on", format!("x = {}1\r\n", "-\\\r\n".repeat(10 * DEEP))),
        ("behind quotes the parser reads anew", format!("f\"\"\"{{\"\"\"\n{minus}1\n")),
    ] {
        assert_eq!(costs_only_itself(name, source.as_bytes()), deep, "{name}");
    }
    let notebook = notebook(&[&format!("!echo '''\nx = {minus}1\n")]);
    assert_eq!(costs_only_itself_as("h.ipynb", "in a notebook", notebook.as_bytes()), deep);
}

fn notebook(cells: &[&str]) -> String {
    let cells: Vec<Value> = cells
        .iter()
        .map(|source| json!({"cell_type": "code", "metadata": {}, "outputs": [], "source": source}))
        .collect();
    json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).to_string()
}

/// Code of which every line makes more work of the lines before it.
#[test]
fn work_that_multiplies() {
    let many = 60_000;
    let again = |first: &str, line: &str, last: &str| {
        format!("import os, socket, functools\n{first}\n{}{last}\n", line.repeat(many))
    };
    for (name, source) in [
        ("lists of themselves", again("x = [os]", "x = [x, x]\n", "")),
        ("dicts of themselves", again("x = {1: os}", "x = {1: x, 2: x}\n", "")),
        ("nested lists", again("x = [os]", "x = [x]\nx = [x]\nx = [x]\n", "")),
        ("flags", again("f = os.O_RDWR | os.O_CREAT", "f = f | f\n", "os.open('x', f)")),
        ("partials", again("f = os.system", "f = functools.partial(f)\n", "f()")),
        ("branches", again("x = [os]", "if a: x = [x, 1]\nelse: x = [1, x]\n", "")),
        ("star imports of a known module", again("", "from os import *\n", "")),
        ("one text of many places", again("x = '''", "http://169.254.169.254/ ", "'''")),
        ("a long text", again(&format!("x = '{}'", "a".repeat(1 << 20)), "open(x, 'w');", "")),
        (
            "a long host",
            format!("import socket\nsocket.create_connection(('{}', 1))\n", "文".repeat(1 << 20)),
        ),
        ("a class of many bases", {
            let bases = lines(many, |i| format!("B{i},"));
            format!("class C({bases}): pass\n{}\n", "C.x;".repeat(many))
        }),
        ("layers of classes", {
            let bases = |layer: usize| match layer {
                0 => String::new(),
                _ => lines(30, |i| format!("A{}_{i},", layer - 1)),
            };
            let layer = |l: usize| lines(30, |i| format!("class A{l}_{i}({}): pass\n", bases(l)));
            format!("{}A8_0.x\nA8_0()\n", lines(9, layer))
        }),
        (
            "classes that need the next",
            lines(20_000, |i| format!("class C{i}:\n  def __init__(self):\n    C{}().x\n", i + 1)),
        ),
        (
            "functions that need the next",
            lines(20_000, |i| format!("def f{i}():\n  return f{}()\n", i + 1)),
        ),
        ("global names", {
            let (names, writes) =
                (lines(many, |i| format!("a{i}, ")), lines(many, |i| format!("  a{i} = 1\n")));
            format!("def f():\n  global {names}a\n{writes}")
        }),
        ("handlers", {
            let body = lines(20_000, |i| format!("  a{i} = 1\n"));
            format!("try:\n{body}{}", lines(20_000, |i| format!("except E{i}: pass\n")))
        }),
        (
            "loops in loops",
            lines(90, |i| {
                let indent = " ".repeat(i);
                format!("{indent}for x{i} in y:\n{indent} a{i} = b{i}; b{i} = c{i}; c{i} = open\n")
            }),
        ),
        ("attributes set once each", {
            let writes = lines(many, |i| format!("    self.a{i} = socket.socket()\n"));
            format!("import socket\nclass C:\n  def __init__(self):\n{writes}")
        }),
    ] {
        costs_only_itself(name, source.as_bytes());
    }
}

#[test]
fn much_of_everything() {
    for (name, source) in [
        ("functions", lines(100_000, |i| format!("def f{i}(a, b=1):\n  return open(a, 'w')\n"))),
        ("methods", {
            let methods =
                lines(100_000, |i| format!("  def f{i}(self): self.x{i} = open('a', 'w')\n"));
            format!("class C:\n{methods}")
        }),
        ("assignments", "x = 1\n".repeat(1_000_000)),
        ("captures", format!("import os\n{}", "x = os.system\n".repeat(DEEP))),
        ("a list of 15 MB on one line", format!("x = [{}]\n", "1,".repeat(7_500_000))),
        ("literals of a rule", format!("x = [\n{}]\n", "'169.254.169.254',\n".repeat(200_000))),
        ("literals on one line", format!("x = [{}]\n", "'169.254.169.254',".repeat(200_000))),
        ("calls on one line", "open('é', 'w');".repeat(DEEP)),
        ("syntax errors", ") ".repeat(1_000_000)),
        ("unclosed quotes", "'\n".repeat(1_000_000)),
        ("NUL", format!("x = 1\n{}\n", "\0\n".repeat(1_000_000))),
    ] {
        costs_only_itself(name, source.as_bytes());
    }
    let start_up = "import os; os.system('x')\n".repeat(DEEP);
    costs_only_itself_as("many.pth", "start-up lines", start_up.as_bytes());
    let cells = notebook(&vec!["%%unknown\nx"; 50_000]);
    costs_only_itself_as("many.ipynb", "cells", cells.as_bytes());
}

#[test]
fn excerpts_of_long_lines() {
    let project = Project::new(&[]);
    project.write("calls.py", "open('é', 'w');".repeat(20_000).as_bytes());
    project.write("list.py", format!("x = [{}eval(x)]\n", "1,".repeat(2_000_000)).as_bytes());
    project.write("deep.py", ("eval(\n".repeat(5_000) + "x" + &")\n".repeat(5_000)).as_bytes());
    let run = project.run(&["--profile", "block-all"]).exits(1);
    assert!(run.stdout.len() < 64 << 20, "{} bytes", run.stdout.len());
    assert!(run.stdout.contains("in 3 files"), "{:.300}", run.stdout);
}

#[test]
fn size_and_bytes() {
    let mut long = b"x = '".to_vec();
    long.resize(50 << 20, b'a');
    long.extend_from_slice(b"'\n");
    costs_only_itself("a line of 50 MB", &long);
    costs_only_itself("50 MB of NUL", &vec![0; 50 << 20]);
    costs_only_itself("a number of 1 MB", &[b"x = ", vec![b'9'; 1 << 20].as_slice()].concat());
    costs_only_itself("1 MB of open brackets", &vec![b'('; 1 << 20]);
    costs_only_itself("1 MB of quotes", &vec![b'"'; (1 << 20) + 1]);
    costs_only_itself("1 MB of backslashes", &vec![b'\\'; 1 << 20]);
    costs_only_itself("1 MB of form feeds", &vec![0x0c; 1 << 20]);
    costs_only_itself("random bytes", &noise(1 << 20));
    costs_only_itself(
        "random printable",
        &noise(1 << 20).iter().map(|b| b' ' + b % 95).collect::<Vec<_>>(),
    );
    costs_only_itself("empty", b"");
    costs_only_itself("no end of line", b"x = 1");
}

/// Bytes that look random and are always the same.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn hostile_notebooks() {
    let project = Project::new(&[("a.py", GOOD)]);
    let deep = format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP));
    for (name, text) in [
        ("deep.ipynb", deep.clone()),
        ("deep-cells.ipynb", format!("{{\"cells\": {deep}}}")),
        ("not-json.ipynb", "import socket\n".to_owned()),
        ("empty.ipynb", String::new()),
        ("wrong-types.ipynb", "{\"cells\": 3, \"nbformat\": \"x\"}".to_owned()),
    ] {
        project.write(name, text.as_bytes());
    }
    let json = project.json(&["--no-network", "."]).exits(3).json();
    assert_eq!(findings_in(&json, "a.py").len(), 1, "{json}");
    for name in ["deep.ipynb", "deep-cells.ipynb", "not-json.ipynb", "wrong-types.ipynb"] {
        assert!(not_analysed(&json, name).is_some(), "{name} is passed over");
    }
}

#[test]
fn a_hostile_configuration_is_an_error_with_words() {
    let project = Project::new(&[("a.py", GOOD)]);
    for bytes in [&b"\xff\xfe"[..], b"\0", &b"[".repeat(DEEP)] {
        project.write("hermetic.toml", bytes);
        let run = project.run(&["."]).exits(2);
        assert!(run.stderr.contains("hermetic.toml"), "{:.500}", run.stderr);
    }
}
