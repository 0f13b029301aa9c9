//! Programs of several files: which function of them reaches which capability, and by which steps.
//!
//! A page of `tests/corpus/programs` is a family, a `##` section a program. Its `py` blocks name
//! their files (`path=pkg/mod.py`), its `reach` block lists all that is reached, and nothing else
//! may be:
//!
//! ```text
//! NAME        import|call  CAPABILITY  STEP > STEP > API
//! NAME        unresolved   COUNT
//! ```
//!
//! Functions are listed for what happens when they are called, modules for what happens when they
//! are imported. `unresolved` is listed where it matters to the program; it is checked if it is.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::process::Project;
use crate::repository::{assert_none, markdown_in, read, slashed};

/// One program of a page.
#[derive(Debug, Default)]
struct Program {
    title: String,
    line: usize,
    files: Vec<(String, String)>,
    reach: Option<Vec<String>>,
}

fn programs(text: &str) -> Vec<Program> {
    let mut programs: Vec<Program> = Vec::new();
    let mut fence: Option<(String, String)> = None;
    for (number, line) in text.lines().enumerate() {
        if let Some((kind, body)) = &mut fence {
            if line != "```" {
                body.push_str(line);
                body.push('\n');
                continue;
            }
            let program = programs.last_mut().expect("a block stands in a section");
            if let Some(path) = kind.strip_prefix("py path=") {
                program.files.push((path.to_owned(), std::mem::take(body)));
            } else if kind == "reach" {
                let lines =
                    body.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
                program.reach = Some(lines.collect());
            } else {
                panic!("a block is `py path=FILE` or `reach`, not `{kind}`");
            }
            fence = None;
        } else if let Some(kind) = line.strip_prefix("```") {
            fence = Some((kind.to_owned(), String::new()));
        } else if let Some(title) = line.strip_prefix("## ") {
            let title = title.to_owned();
            programs.push(Program { title, line: number + 1, ..Program::default() });
        }
    }
    programs
}

/// Everything a report says, in the words of a `reach` block.
fn told(report: &Value) -> BTreeSet<String> {
    let entries = report["capabilities"].as_array().expect("a list");
    let mut told = BTreeSet::new();
    for entry in entries {
        let text = |key: &str| entry[key].as_str().expect("a text").to_owned();
        let (scope, when) = (text("scope"), text("when"));
        let wanted = matches!((&*scope, &*when), ("function", "call") | ("module", "import"));
        if !wanted {
            continue;
        }
        let steps = entry["via"].as_array().expect("a list");
        let steps: Vec<_> =
            steps.iter().map(|step| step["name"].as_str().expect("a name")).collect();
        assert_eq!(entry["direct"], steps.len() == 1, "{entry}");
        told.insert(if text("capability") == "unresolved" {
            format!("{} unresolved {}", text("name"), entry["count"])
        } else {
            format!("{} {when} {} {}", text("name"), text("capability"), steps.join(" > "))
        });
    }
    told
}

#[test]
fn every_program_reaches_what_its_page_says() {
    let mut complaints = Vec::new();
    let mut count = 0;
    for path in markdown_in("tests/corpus/programs") {
        for program in programs(&read(&path)) {
            count += 1;
            let at = format!("{}:{}: {}", slashed(&path), program.line, program.title);
            let Some(reach) = &program.reach else {
                complaints.push(format!("{at}: it has no `reach` block"));
                continue;
            };
            let files: Vec<_> = program.files.iter().map(|(p, s)| (&**p, &**s)).collect();
            let project = Project::new(&files);
            let report = project.run(&["--capabilities", "--output-format", "json", "."]).exits(0);
            let told = told(&report.json());
            let listed: BTreeSet<String> = reach.iter().cloned().collect();
            for line in listed.difference(&told) {
                complaints.push(format!("{at}: not told: {line}"));
            }
            let names = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
            for line in told.difference(&listed) {
                let unresolved = line.contains(" unresolved ");
                let checked =
                    reach.iter().any(|l| l.contains(" unresolved ") && names(l) == names(line));
                if !unresolved || checked {
                    complaints.push(format!("{at}: told as well: {line}"));
                }
            }
        }
    }
    assert_none(&complaints);
    assert!(count >= 30, "only {count} programs");
}
