//! The runtime half of the pages, on real interpreters.
//!
//! Without a guard: what a page leaves unmarked, or marks `# allow`, runs and raises nothing but
//! what the mark names; lines that a guard would stop are not executed. Under the guard: every line
//! runs, and the guard raises on the marked ones with the rule of the mark, and on no other.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::Command;

use hermetic_policy::rules;
use serde_json::Value;

use crate::attack::options;
use crate::conformance::{CORPUS_POLICY, default_policy};
use crate::interpreter::{Interpreter, Outcome, guarded, plain, run_all};
use crate::page::{Block, Page, Says};
use crate::process::run_group;
use crate::repository::{assert_none, corpus, pages, read, root};

/// Seconds after which a block is ended by a signal.
const LIMIT: u32 = 30;

/// What examples may need: distributions and the module each brings.
fn known_needs() -> BTreeMap<String, String> {
    let text = read("tests/pages/needs.csv");
    let table = csv::Reader::from_reader(text.as_bytes()).into_records();
    let row = |record: csv::StringRecord| (record[0].to_owned(), record[1].to_owned());
    table.map(|record| row(record.expect("needs.csv has two columns"))).collect()
}

#[test]
fn every_need_is_known() {
    let known = known_needs();
    let mut used = BTreeSet::new();
    let mut complaints = Vec::new();
    for page in pages() {
        for block in &page.blocks {
            for name in &block.needs {
                used.insert(name.clone());
                if !known.contains_key(name) {
                    let (path, line) = (&page.path, block.line);
                    complaints
                        .push(format!("{path}:{line}: {name} is not in tests/pages/needs.csv"));
                }
            }
        }
    }
    let unused = known.keys().filter(|name| !used.contains(*name));
    complaints.extend(unused.map(|name| format!("tests/pages/needs.csv: no page needs {name}")));
    assert_none(&complaints);
}

/// What is executed of pages.
fn executed<'a>(pages: impl IntoIterator<Item = &'a Page>) -> Vec<(&'a Page, &'a Block)> {
    let blocks = pages.into_iter().flat_map(|page| page.blocks.iter().map(move |b| (page, b)));
    blocks.filter(|(_, b)| !b.only_static && !b.notebook && (!b.windows || cfg!(windows))).collect()
}

#[test]
fn unmarked_and_allowed_lines_run_without_a_guard() {
    let pages = pages();
    let modules = known_needs();
    let blocks = executed(&pages);
    let mut complaints = Vec::new();
    for python in plain("pages_run") {
        complaints.extend(run_all("pages_run", &python, &blocks, |(page, block)| {
            outcome(page, run_block(&python, block, &modules, None))
        }));
    }
    assert_none(&complaints);
}

#[test]
fn the_guard_says_what_the_marks_say() {
    let (pages, corpus) = (pages(), corpus());
    let modules = known_needs();
    let all = || pages.iter().chain(&corpus);
    let blocks = executed(all());
    let policies: BTreeMap<&str, &str> = pages
        .iter()
        .filter_map(|page| Some((&*page.path, default_policy(rules::find(&page.name)?.capability))))
        .collect();
    let mut complaints = Vec::new();
    for python in guarded("pages_run") {
        complaints.extend(run_all("pages_run", &python, &blocks, |(page, block)| {
            let default = policies.get(&*page.path).copied().unwrap_or(CORPUS_POLICY);
            let policy = options(block.policy.as_deref().unwrap_or(default));
            let policy = policy.expect("a page's policy is one");
            outcome(page, run_block(&python, block, &modules, Some(&policy)))
        }));
    }
    let faces = |face: fn(&Says) -> bool| {
        all().flat_map(|p| &p.blocks).flat_map(|b| &b.marks).filter(|m| face(&m.says)).count()
    };
    // Past the harness, which keeps what the print macros write.
    let _ = writeln!(
        std::io::stderr(),
        "lines seen by one face only, corpus included: {} by the analyzer, {} by the guard",
        faces(|says| matches!(says, Says::Static(_))),
        faces(|says| matches!(says, Says::Runtime(_))),
    );
    assert_none(&complaints);
}

fn outcome(page: &Page, ran: Result<Option<String>, Vec<String>>) -> Outcome {
    match ran {
        Ok(None) => Outcome::Good,
        Ok(Some(reason)) => Outcome::Skipped(reason),
        Err(list) => Outcome::Bad(list.iter().map(|e| format!("{}:{e}", page.path)).collect()),
    }
}

/// The rules the guard may raise with on a line, and whether it has to raise with one.
fn guard_rules(says: &Says) -> Option<(&str, bool)> {
    match says {
        Says::Deny { guard, .. } => Some((guard, true)),
        Says::Runtime(rule) => Some((rule, true)),
        Says::Undecided(rule) => Some((rule, false)),
        Says::Static(_) | Says::Allow(_) => None,
    }
}

/// Run one block, under a policy or with no guard; why it cannot run here, or `line: complaint`
/// each.
fn run_block(
    python: &Interpreter,
    block: &Block,
    modules: &BTreeMap<String, String>,
    policy: Option<&Value>,
) -> Result<Option<String>, Vec<String>> {
    let needs: Vec<&String> =
        block.needs.iter().map(|name| modules.get(name).unwrap_or(name)).collect();
    let marked: Vec<u32> =
        block.marks.iter().filter(|m| guard_rules(&m.says).is_some()).map(|m| m.row).collect();
    let input = serde_json::json!({
        "source": block.source, "min": block.min, "needs": needs, "seconds": LIMIT,
        "skip": if policy.is_none() { &marked[..] } else { &[] },
        "marked": if policy.is_some() { &marked[..] } else { &[] },
        "options": policy,
    });
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let mut command = Command::new(&python.path);
    command.arg("-I").arg(root().join("tests/pages/run_block.py")).current_dir(scratch.path());
    let run = run_group(&mut command, input.to_string().as_bytes());
    let Ok(answer) = serde_json::from_str::<Value>(&run.stdout) else {
        let last = run.stderr.lines().last().unwrap_or("no answer, ended by a signal");
        return Err(vec![format!("{}: the block does not run: {last}", block.line)]);
    };
    if let Some(reason) = answer["skipped"].as_str() {
        return Ok(Some(reason.to_owned()));
    }
    let raised: Vec<Raised> =
        answer["raised"].as_array().into_iter().flatten().filter_map(Raised::read).collect();
    let mut complaints: Vec<String> =
        raised.iter().filter_map(|event| event.surplus(block)).collect();
    if policy.is_some() {
        complaints.extend(missing(block, &raised));
    }
    if complaints.is_empty() { Ok(None) } else { Err(complaints) }
}

/// What came out of one line.
#[derive(Debug)]
struct Raised {
    row: u32,
    /// The type of the exception; empty where the guard denied and nothing came out.
    kind: String,
    bases: Vec<String>,
    text: String,
    /// What the guard denied by.
    rules: Vec<String>,
}

impl Raised {
    fn read(event: &Value) -> Option<Self> {
        let text = |key: &str| event[key].as_str().map(str::to_owned);
        let list = |key: &str| -> Option<Vec<String>> {
            Some(
                event[key]
                    .as_array()?
                    .iter()
                    .filter_map(|v| Some(v.as_str()?.to_owned()))
                    .collect(),
            )
        };
        Some(Self {
            row: u32::try_from(event["row"].as_u64()?).ok()?.max(1),
            kind: text("type")?,
            bases: list("bases")?,
            text: text("text")?,
            rules: list("rules")?,
        })
    }

    /// What no mark of the line asks for.
    fn surplus(&self, block: &Block) -> Option<String> {
        let marks = || block.marks.iter().filter(|mark| mark.row == self.row).map(|m| &m.says);
        let line = block.page_line(self.row);
        let code = block.code(self.row);
        if self.rules.is_empty() {
            let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
            let allowed = |says: &Says| matches!(says, Says::Allow(Some(name)) if self.bases.contains(&last(name)));
            let (kind, text) = (&self.kind, &self.text);
            return (!marks().any(allowed))
                .then(|| format!("{line}: `{code}` raises {kind}: {text}"));
        }
        let asked: BTreeSet<&str> = marks().filter_map(guard_rules).map(|(rule, _)| rule).collect();
        let others: Vec<&str> =
            self.rules.iter().map(String::as_str).filter(|rule| !asked.contains(rule)).collect();
        (!others.is_empty())
            .then(|| format!("{line}: `{code}` is denied by {}: {}", others.join(", "), self.text))
    }
}

/// Marked lines on which the guard denied nothing: it let them pass, or they never ran.
fn missing(block: &Block, raised: &[Raised]) -> Vec<String> {
    let denied = |row: u32, rule: &str| {
        raised.iter().any(|event| event.row == row && event.rules.iter().any(|r| r == rule))
    };
    let rows: BTreeSet<u32> = block.marks.iter().map(|mark| mark.row).collect();
    let missing = rows.into_iter().filter_map(|row| {
        let marks = block.marks.iter().filter(|mark| mark.row == row);
        let must: Vec<&str> = marks
            .filter_map(|mark| guard_rules(&mark.says))
            .filter_map(|(rule, must)| must.then_some(rule))
            .collect();
        // The first of several acts on one line ends it.
        let any = must.is_empty() || must.iter().any(|rule| denied(row, rule));
        (!any).then(|| {
            let (line, code) = (block.page_line(row), block.code(row));
            format!("{line}: `{code}` is not denied, or never ran: {}", must.join(", "))
        })
    });
    missing.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(source: &str) -> Result<Option<String>, Vec<String>> {
        let page = Page::parse("r.md", &format!("```py\n{source}\n```\n"));
        let pythons = plain("pages_run");
        let python = pythons.first().expect("a Python to test with");
        run_block(python, &page.blocks[0], &BTreeMap::new(), None)
    }

    #[test]
    fn what_an_unmarked_line_raises_is_told_with_its_line() {
        let told = outcome("x = 1\n\n\ndef f():\n    return x / 0\n\n\nf()\n").unwrap_err();
        assert_eq!(told, ["6: `return x / 0` raises ZeroDivisionError: division by zero"]);
        // The next statement still runs.
        assert_eq!(outcome("1 / 0\n2 / 0\n").unwrap_err().len(), 2);
        assert!(outcome("while True: pass\n)").unwrap_err()[0].contains("SyntaxError"));
    }

    #[test]
    fn an_allowed_exception_is_accepted_by_its_name_or_a_base() {
        assert_eq!(outcome("1 / 0  # allow: ZeroDivisionError\n"), Ok(None));
        assert_eq!(outcome("1 / 0  # allow: ArithmeticError\n"), Ok(None));
        assert!(outcome("1 / 0  # allow: OSError\n").is_err());
        assert!(outcome("1 / 0  # allow\n").is_err());
    }

    #[test]
    fn denied_lines_do_not_run_and_names_they_bind_may_miss() {
        assert_eq!(outcome("x = 1 / 0  # deny: a\ny = x\nprint(y)\n"), Ok(None));
        assert_eq!(outcome("def f():\n    1 / 0  # undecided: a\n\n\nf()\n"), Ok(None));
        assert!(outcome("x = 1  # deny: a\nz\n").is_err());
        // What only the analyzer sees runs.
        assert!(outcome("1 / 0  # static: a\n").is_err());
    }

    fn event(row: u32, kind: &str, rules: &[&str]) -> Raised {
        let rules = rules.iter().map(|&rule| rule.to_owned()).collect();
        let bases = vec![kind.to_owned(), "Exception".to_owned()];
        Raised { row, kind: kind.to_owned(), bases, text: "why".to_owned(), rules }
    }

    #[test]
    fn the_guard_must_raise_where_the_marks_say_and_nowhere_else() {
        let text =
            "a()\nb()  # deny: s / r\nc()  # undecided: u\nd()  # allow: OSError\ne()  # static: s";
        let page = Page::parse("r.md", &format!("```py\n{text}\n```\n"));
        let block = &page.blocks[0];
        let told = |event: Raised| event.surplus(block).is_some();
        assert!(!told(event(2, "PolicyViolation", &["r"])));
        assert!(told(event(2, "PolicyViolation", &["s"])), "the static rule is not the guard's");
        assert!(told(event(1, "PolicyViolation", &["r"])), "an unmarked line");
        assert!(told(event(5, "PolicyViolation", &["s"])), "a line for the analyzer alone");
        assert!(!told(event(3, "PolicyViolation", &["u"])));
        assert!(told(event(3, "ValueError", &[])), "undecided is denied or silent");
        assert!(!told(event(4, "OSError", &[])));
        assert!(told(event(4, "PolicyViolation", &["r"])));
        assert_eq!(missing(block, &[]).len(), 1);
        assert_eq!(missing(block, &[event(2, "OSError", &[])]).len(), 1);
        assert_eq!(missing(block, &[event(2, "PolicyViolation", &["r"])]).len(), 0);
    }
}
