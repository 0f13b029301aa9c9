//! Files made to break an analyzer: each costs only itself.

use std::fmt::Write as _;

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

/// A good file and a bad one: the good one is reported, and the bad one is analysed or told.
#[track_caller]
fn costs_only_itself(name: &str, bad: &[u8]) {
    let project = Project::new(&[("a.py", GOOD), ("z.py", GOOD)]);
    project.write("hostile.py", bad);
    let run = project.json(&["--no-network", "."]);
    assert!(matches!(run.code, Some(1 | 3)), "{name}: {:?} {:.2000}", run.code, run.stderr);
    let code = run.code;
    let json = run.json();
    for path in ["a.py", "z.py"] {
        assert_eq!(findings_in(&json, path).len(), 1, "{name}: {path}");
    }
    let told = not_analysed(&json, "hostile.py");
    assert_eq!(told.is_some(), code == Some(3), "{name}: told {told:?}, exit {code:?}");
    assert_eq!(json["summary"]["files"].as_u64().map(|n| n >= 2), Some(true), "{name}");
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
