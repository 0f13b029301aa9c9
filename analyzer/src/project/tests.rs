//! The pipeline on whole files: what must hold whatever is in them.

use std::fmt::Write as _;

use hermetic_policy::PolicyOptions;
use proptest::prelude::*;

use super::*;

fn block_all() -> Judgement {
    let options =
        PolicyOptions { profile: vec!["block-all".to_owned()], ..PolicyOptions::default() };
    Judgement { policy: options.build().expect("a known profile"), ..Judgement::default() }
}

fn check_text(judgement: &Judgement, text: &str, kind: FileKind) -> Report {
    check_bytes(judgement, &[], "test.py", Ok(text.as_bytes().to_vec()), kind).expect("threads")
}

/// Each finding as `row:column rule`.
fn found(report: &Report) -> Vec<String> {
    let all = report.files.iter().flat_map(|file| &file.diagnostics);
    all.map(|d| format!("{}:{} {}", d.span.start.row, d.span.start.column, d.rule.0.name)).collect()
}

#[test]
fn a_file_becomes_findings() {
    let report = check_text(&block_all(), "import os\nos.system('ls')\n", FileKind::Module);
    assert_eq!(found(&report), ["2:1 shell-command"]);
    assert_eq!(report.summary.lines, 2);
    assert_eq!(report.summary.used, [Capability::Subprocess]);
}

#[test]
fn a_syntax_error_hides_nothing_before_it() {
    let text = "import os\nos.system('ls')\nx = = 1\n";
    let report = check_text(&block_all(), text, FileKind::Module);
    assert_eq!(found(&report), ["2:1 shell-command", "3:5 not-analysed"]);
    let reasons: Vec<_> = report.files[0].not_analysed.iter().map(|n| n.reason).collect();
    assert_eq!(reasons, ["syntax-error"]);
}

/// A notebook of these code cells.
fn notebook(cells: &[&str]) -> String {
    let cell = |source: &&str| serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "source": source});
    let cells: Vec<_> = cells.iter().map(cell).collect();
    serde_json::json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})
        .to_string()
}

#[test]
fn a_cell_cannot_hide_the_next_one() {
    let text = notebook(&["x = '''", "import os", "os.system('ls')", "'''"]);
    let report = check_text(&block_all(), &text, FileKind::Notebook);
    let rules: Vec<_> = report.files[0].diagnostics.iter().map(|d| d.rule.0.name).collect();
    assert!(rules.contains(&"shell-command"), "{rules:?}");
    assert!(rules.contains(&"not-analysed"), "{rules:?}");
}

/// Words that reach every part of the engine when put together at random.
const WORDS: &[&str] = &[
    "import os",
    "import os as o",
    "from socket import socket",
    "from subprocess import *",
    "os",
    "socket",
    "o.environ",
    "sys.modules",
    "['os']",
    "[0]",
    "['HOME']",
    ".system",
    ".path",
    ".connect",
    ".append",
    ".__dict__",
    ".__subclasses__",
    "()",
    "('ls')",
    "(('h', 1))",
    "(x)",
    "(*x, **y)",
    "getattr(os, 'system')",
    "vars(os)",
    "globals()",
    "operator.attrgetter('system')",
    "functools.partial(os.system)",
    "def f(x=os.system): ",
    "class C(socket.socket): ",
    "lambda: ",
    "if x: ",
    "else: ",
    "try: ",
    "except E: ",
    "finally: ",
    "with x as y: ",
    "for x in y: ",
    "while x: ",
    "match x:\n case ",
    "return ",
    "yield ",
    "await ",
    "global x",
    "del ",
    "x = ",
    "x, y = ",
    "self.x = ",
    "x += ",
    "x: socket = ",
    "f'{",
    "}'",
    "'",
    "\"\"\"",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "=",
    "+",
    "/",
    "|",
    "not ",
    "-",
    "1",
    "None",
    "'http://h/'",
    "x",
    "y",
    "\n",
    "\n ",
    "\n  ",
    "\\\n",
    "# c\n",
    "!ls\n",
    "%run x\n",
    "type X = ",
    "async ",
    "@",
    ":=",
];

fn soup() -> impl Strategy<Value = String> {
    let words = prop::collection::vec((prop::sample::select(WORDS), 0..4_usize), 0..60);
    words.prop_map(|words| {
        let mut text = String::new();
        for (word, space) in words {
            let gap = ["", " ", "\n", ""][space];
            write!(text, "{word}{gap}").expect("a string takes all");
        }
        text
    })
}

proptest! {
    /// No text makes the analysis fail inside, and the same text gives the same findings.
    #[test]
    fn any_text_is_analysed_or_told(text in soup(), cell in any::<bool>()) {
        let judgement = block_all();
        let (text, kind) = if cell {
            (notebook(&[&text]), FileKind::Notebook)
        } else {
            (text, FileKind::Module)
        };
        let report = check_text(&judgement, &text, kind);
        for file in &report.files {
            let failed = file.not_analysed.iter().any(|n| n.reason == "internal-error");
            prop_assert!(!failed, "{text:?}");
        }
        prop_assert_eq!(found(&report), found(&check_text(&judgement, &text, kind)));
    }

    /// What a file does is not hidden by a statement behind it.
    #[test]
    fn what_comes_after_hides_nothing(text in soup()) {
        let before = "import os as kept\nkept.system('ls')\n";
        let report = check_text(&block_all(), &format!("{before}{text}"), FileKind::Module);
        let first = found(&report).into_iter().next();
        prop_assert_eq!(first.as_deref(), Some("2:1 shell-command"));
    }
}
