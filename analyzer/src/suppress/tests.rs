//! Comments on whole texts, and comments put into bytes.

use std::path::Path;

use hermetic_policy::PolicyOptions;

use crate::judge::Judgement;
use crate::project::{add_ignores, check_bytes};
use crate::report::Report;
use crate::source::{FileKind, decode};
use crate::suppress::{Reason, insertions, is_acceptable};
use crate::syntax::parse_module;

fn judgement() -> Judgement {
    let options =
        PolicyOptions { profile: vec!["block-all".to_owned()], ..PolicyOptions::default() };
    Judgement { policy: options.build().expect("a known profile"), ..Judgement::default() }
}

fn check(text: &str) -> Report {
    check_bytes(&judgement(), &[], "test.py", Ok(text.as_bytes().to_vec()), FileKind::Module)
        .expect("threads")
}

/// Each finding as `row rule`, and the number of suppressed ones.
fn found(text: &str) -> (Vec<String>, u64) {
    let report = check(text);
    let all = report.files.iter().flat_map(|file| &file.diagnostics);
    let all = all.map(|d| format!("{} {}", d.span.start.row, d.rule.0.name)).collect();
    (all, report.summary.suppressed)
}

#[track_caller]
fn assert_found(text: &str, findings: &[&str], suppressed: u64) {
    let (all, count) = found(text);
    assert_eq!(all, findings, "{text}");
    assert_eq!(count, suppressed, "{text}");
}

#[test]
fn on_the_row_or_the_ends_of_the_statement() {
    let head = "import os\n";
    for body in [
        "os.system('ls')  # hermetic: ignore[shell-command] why\n",
        "x = [  # hermetic: ignore[shell-command]\n  1,\n  os.system('ls'),\n]\n",
        "x = [\n  1,\n  os.system('ls'),  # hermetic: ignore[shell-command]\n]\n",
        "x = [\n  1,\n  os.system('ls'),\n]  # hermetic: ignore[shell-command]\n",
        "x = os.system(\n  'ls'  \n)  # noqa # hermetic: ignore[shell-command]\n",
        "x = '''\n''' + str(os.system('ls')) + \\\n ''  # hermetic: ignore[shell-command]\n",
        "@d(\n  os.system('ls')\n)  # hermetic: ignore[shell-command]\ndef f(): pass\n",
        "def f(\n  a=os.system('ls')\n):  # hermetic: ignore[shell-command]\n  pass\n",
        "if os.system('ls'):  # hermetic: ignore[shell-command]\n  pass\n",
        "a; os.system('ls')  # hermetic: ignore[shell-command]",
    ] {
        assert_found(&format!("{head}{body}"), &[], 1);
    }
    // Not the body of a statement by its head, nor the next line.
    assert_found(
        "import os\ndef f():  # hermetic: ignore[shell-command]\n  os.system('ls')\n",
        &["2 unused-suppression", "3 shell-command"],
        0,
    );
}

#[test]
fn a_string_is_no_comment() {
    let text =
        "import os\nos.system('# hermetic: ignore[shell-command]')\n'''\n# hermetic: ignore\n'''\n";
    assert_found(text, &["2 shell-command"], 0);
}

#[test]
fn only_what_is_named() {
    assert_found(
        "import os\nos.system('ls')  # hermetic: ignore[captured-reference]\n",
        &["2 shell-command", "2 unused-suppression"],
        0,
    );
    assert_found("import os\nos.system('ls')  # noqa  # nosec\n", &["2 shell-command"], 0);
}

#[test]
fn what_cannot_be_followed_is_told() {
    for comment in ["ignore", "ignore[]", "ignore-file", "off", "ignore[shell-comand]"] {
        assert_found(
            &format!("import os\nos.system('ls')  # hermetic: {comment}\n"),
            &["2 shell-command", "2 invalid-suppression"],
            0,
        );
    }
    let report = check("import os\nos.system('ls')  # hermetic: ignore\n");
    assert_eq!(
        report.files[0].diagnostics[1].remedy,
        "write `# hermetic: ignore[shell-command] reason`"
    );
    let report = check("x = 1  # hermetic: ignore[shell-comand]\n");
    assert_eq!(report.files[0].diagnostics[0].remedy, "did you mean `shell-command`");
    // Behind code it would look as if it were about the line.
    assert_found(
        "import os\nos.system('ls')  # hermetic: ignore-file[shell-command]\n",
        &["2 shell-command", "2 invalid-suppression"],
        0,
    );
}

#[test]
fn a_whole_file() {
    let text = "# hermetic: ignore-file[shell-command] build script\nimport os\nos.system('ls')\nos.system('x')\n";
    assert_found(text, &[], 2);
    assert_found("# hermetic: ignore-file[shell-command]\n", &["1 unused-suppression"], 0);
    assert_found("# hermetic: ignore-file[shell-command, unused-suppression]\n", &[], 1);
}

#[test]
fn not_analysed_is_about_the_file() {
    assert_found(
        "x = = 1  # hermetic: ignore[not-analysed]\n",
        &["1 not-analysed", "1 invalid-suppression"],
        0,
    );
    let report = check("# hermetic: ignore-file[not-analysed] a template\nx = = 1\n");
    assert!(report.files[0].diagnostics.is_empty());
    assert!(report.files[0].not_analysed.iter().all(|part| part.accepted));
}

#[test]
fn what_is_told_once_is_accepted_where_it_stands_first() {
    let once =
        "import ctypes  # hermetic: ignore[native-code] why\nctypes.CDLL('a')\nctypes.CDLL('b')\n";
    let rule = check(&once.replace("# hermetic: ignore[native-code] why", ""));
    let rule = rule.files[0].diagnostics.iter().find(|d| !d.related.is_empty()).expect("once");
    let (name, related) = (rule.rule.0.name, rule.related.len());
    let text = once.replace("native-code", name);
    assert!(!found(&text).0.iter().any(|told| told.ends_with(name)), "{:?}", found(&text));
    // Elsewhere a comment takes only its place off.
    let text =
        format!("import ctypes\nctypes.CDLL('a')  # hermetic: ignore[{name}]\nctypes.CDLL('b')\n");
    let report = check(&text);
    let all = &report.files[0].diagnostics;
    let told = all.iter().find(|d| d.rule.0.name == name).expect("still told");
    assert_eq!(told.related.len(), related - 1);
    assert!(!all.iter().any(|d| d.rule.0.name == "unused-suppression"), "{all:?}");
}

#[test]
fn a_policy_that_does_not_ask_leaves_comments_alone() {
    let text = b"import os\nos.system('ls')  # hermetic: ignore[shell-command]\n".to_vec();
    let report = check_bytes(&Judgement::default(), &[], "a.py", Ok(text), FileKind::Module);
    assert!(report.expect("threads").files.is_empty());
}

#[test]
fn reasons_can_be_asked_for() {
    let text = "import os\nos.system('ls')  # hermetic: ignore[shell-command]\nos.system('ls')  # hermetic: ignore[shell-command] x\n";
    let mut judgement = judgement();
    judgement.levels.insert("reason-required", hermetic_policy::Level::Error);
    let bytes = Ok(text.as_bytes().to_vec());
    let report = check_bytes(&judgement, &[], "a.py", bytes, FileKind::Module).expect("threads");
    let told: Vec<_> =
        report.files[0].diagnostics.iter().map(|d| (d.span.start.row, d.rule.0.name)).collect();
    assert_eq!(told, [(2, "reason-required")]);
}

fn added(bytes: &[u8]) -> Option<Vec<u8>> {
    let reason = Reason::new("old").expect("a reason");
    let report = check_bytes(&judgement(), &[], "a.py", Ok(bytes.to_vec()), FileKind::Module);
    let report = report.expect("threads").files.into_iter().next()?;
    let path = Path::new("a.py");
    let addition = add_ignores(&judgement(), path, bytes, &report, &reason).expect("threads");
    addition.map(|addition| addition.bytes)
}

#[track_caller]
fn assert_added(before: &str, after: &str) {
    let first = added(before.as_bytes()).expect("something to add");
    assert_eq!(String::from_utf8_lossy(&first), after);
    assert_eq!(added(&first), None, "twice");
}

#[test]
fn comments_are_added_where_they_count() {
    let ignore = "# hermetic: ignore[shell-command] old";
    assert_added(
        "import os\nos.system('ls')\n",
        &format!("import os\nos.system('ls')  {ignore}\n"),
    );
    assert_added(
        "import os\r\nos.system('ls') # é \r\n",
        &format!("import os\r\nos.system('ls') # é  {ignore} \r\n"),
    );
    assert_added("import os\nos.system('ls')", &format!("import os\nos.system('ls')  {ignore}"));
    assert_added(
        "import os\nx = (\n  os.system('ls'),\n  1)\n",
        &format!("import os\nx = (\n  os.system('ls'),  {ignore}\n  1)\n"),
    );
    // Never inside a string or behind a backslash.
    assert_added(
        "import os\nx = os.system('ls') + '''\n''' + \\\n y\n",
        &format!("import os\nx = os.system('ls') + '''\n''' + \\\n y  {ignore}\n"),
    );
    assert_added(
        "import os\nx = f'''{os.system(\n'ls')}\n'''\n",
        &format!("import os\nx = f'''{{os.system(\n'ls')}}\n'''  {ignore}\n"),
    );
}

#[test]
fn several_rules_share_a_comment() {
    assert_added(
        "import os\nos.system(os.environ['X'])\n",
        "import os\nos.system(os.environ['X'])  # hermetic: ignore[environment-read, shell-command] old\n",
    );
    assert_added(
        "import os\nos.system(os.environ['X'])  # hermetic: ignore[shell-command] mine\n",
        "import os\nos.system(os.environ['X'])  # hermetic: ignore[shell-command, environment-read] mine\n",
    );
}

#[test]
fn encodings_and_marks_are_kept() {
    let text = b"# coding: latin-1\nimport os\nx = '\xe9'; os.system('\xe9')\ny = '\xe9'\n";
    let after = added(text).expect("something to add");
    assert_eq!(
        after,
        b"# coding: latin-1\nimport os\nx = '\xe9'; os.system('\xe9')  # hermetic: ignore[shell-command] old\ny = '\xe9'\n"
    );
    let marked = [b"\xef\xbb\xbf".as_slice(), "import os\nos.system('é')\n".as_bytes()].concat();
    let after = added(&marked).expect("something to add");
    assert!(after.starts_with(b"\xef\xbb\xbfimport os\nos.system('"));
    assert!(after.ends_with(b"')  # hermetic: ignore[shell-command] old\n"));
}

#[test]
fn a_reason_is_one_line() {
    assert!(Reason::new("legacy, see 12").is_ok());
    for text in ["a\nb", "a # b", "\u{202e}"] {
        assert!(Reason::new(text).is_err(), "{text:?}");
    }
}

#[test]
fn nothing_is_put_into_a_string_without_an_end() {
    let text = "import os\nos.system('ls')\nos.system('ls)\n";
    let judgement = judgement();
    let report =
        check_bytes(&judgement, &[], "a.py", Ok(text.as_bytes().to_vec()), FileKind::Module);
    let report = report.expect("threads");
    let findings: Vec<_> =
        report.files[0].diagnostics.iter().filter(|found| is_acceptable(found)).collect();
    assert_eq!(findings.len(), 2);
    let source = decode(text.as_bytes().to_vec(), FileKind::Module).expect("text");
    let parsed = parse_module(source.text()).expect("shallow");
    let edits = insertions(&source, &parsed, &findings, &Reason::default());
    assert_eq!(edits.iter().map(|edit| edit.range.start).collect::<Vec<_>>(), [25]);
    assert_eq!(added(text.as_bytes()), None);
}
