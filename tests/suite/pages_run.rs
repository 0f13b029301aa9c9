//! The runtime half of the pages, without a guard: what a page leaves unmarked, or marks
//! `# allow`, runs on real interpreters and raises nothing but what the mark names. Lines that a
//! guard would stop are not executed here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::page::{Block, Page, Says};
use crate::process::run;
use crate::repository::{assert_none, pages, read, root, skip};

/// Seconds after which a block is ended by a signal.
const LIMIT: u32 = 30;

fn pythons() -> Vec<PathBuf> {
    std::env::var_os("HERMETIC_PYTHONS")
        .map_or_else(|| vec!["python3".into()], |list| std::env::split_paths(&list).collect())
}

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

#[test]
fn unmarked_and_allowed_lines_run_without_a_guard() {
    let pages = pages();
    let modules = known_needs();
    let blocks: Vec<(&Page, &Block)> = pages
        .iter()
        .flat_map(|page| page.blocks.iter().map(move |block| (page, block)))
        .filter(|(_, b)| !b.only_static && !b.notebook && (!b.windows || cfg!(windows)))
        .collect();
    let mut complaints = Vec::new();
    for python in pythons() {
        let version = Command::new(&python).args(["-I", "-V"]).output();
        let Ok(version) = version.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
        else {
            skip("pages_run", &format!("{} does not run", python.display()));
            continue;
        };
        let next = AtomicUsize::new(0);
        let told = Mutex::new((Vec::new(), BTreeMap::<String, usize>::new()));
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some((page, block)) = blocks.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let outcome = run_block(&python, block, &modules);
                        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                        match outcome {
                            Ok(None) => {}
                            Ok(Some(reason)) => *told.1.entry(reason).or_default() += 1,
                            Err(list) => told.0.extend(
                                list.iter().map(|e| format!("{}:{e} ({version})", page.path)),
                            ),
                        }
                    }
                });
            }
        });
        let (failed, skipped) = told.into_inner().unwrap_or_else(PoisonError::into_inner);
        complaints.extend(failed);
        if !skipped.is_empty() {
            let reasons: Vec<String> = skipped.iter().map(|(r, n)| format!("{r} {n}")).collect();
            let count: usize = skipped.values().sum();
            skip("pages_run", &format!("{version}: {count} blocks ({})", reasons.join(", ")));
        }
    }
    complaints.sort();
    assert_none(&complaints);
}

/// Run one block; why it cannot run here, or `line: complaint` each.
fn run_block(
    python: &PathBuf,
    block: &Block,
    modules: &BTreeMap<String, String>,
) -> Result<Option<String>, Vec<String>> {
    let needs: Vec<&String> =
        block.needs.iter().map(|name| modules.get(name).unwrap_or(name)).collect();
    let guarded =
        |says: &Says| matches!(says, Says::Deny { .. } | Says::Runtime(_) | Says::Undecided(_));
    let skipped: Vec<u32> =
        block.marks.iter().filter(|m| guarded(&m.says)).map(|m| m.row).collect();
    let input = serde_json::json!({
        "source": block.source, "skip": skipped, "min": block.min, "needs": needs,
        "seconds": LIMIT,
    });
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let mut command = Command::new(python);
    command.arg("-I").arg(root().join("tests/pages/run_block.py")).current_dir(scratch.path());
    let run = run(&mut command, input.to_string().as_bytes());
    let Ok(answer) = serde_json::from_str::<Value>(&run.stdout) else {
        let last = run.stderr.lines().last().unwrap_or("no answer, ended by a signal");
        return Err(vec![format!("{}: the block does not run: {last}", block.line)]);
    };
    if let Some(reason) = answer["skipped"].as_str() {
        return Ok(Some(reason.to_owned()));
    }
    let raised = answer["raised"].as_array().cloned().unwrap_or_default();
    let complaints: Vec<String> = raised
        .iter()
        .filter_map(|event| {
            let row = u32::try_from(event["row"].as_u64()?).ok()?.max(1);
            let bases: Vec<&str> =
                event["bases"].as_array()?.iter().filter_map(Value::as_str).collect();
            let allowed = block.marks.iter().any(|mark| match &mark.says {
                Says::Allow(Some(name)) => {
                    mark.row == row && name.rsplit('.').next().is_some_and(|n| bases.contains(&n))
                }
                _ => false,
            });
            let (kind, text) = (event["type"].as_str()?, event["text"].as_str()?);
            (!allowed).then(|| {
                let line = block.page_line(row);
                format!("{line}: `{}` raises {kind}: {text}", block.code(row))
            })
        })
        .collect();
    if complaints.is_empty() { Ok(None) } else { Err(complaints) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(source: &str) -> Result<Option<String>, Vec<String>> {
        let page = Page::parse("r.md", &format!("```py\n{source}\n```\n"));
        run_block(&"python3".into(), &page.blocks[0], &BTreeMap::new())
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
}
