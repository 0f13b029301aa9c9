//! The interpreters that pages and attacks run on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::repository::skip;

/// One interpreter.
#[derive(Debug)]
pub(crate) struct Interpreter {
    pub path: PathBuf,
    /// Major and minor.
    pub version: (u32, u32),
    /// What it calls itself: `Python 3.11.7`.
    pub name: String,
}

/// Those that the variable names, separated by `:`; those that do not run are told as left out.
pub(crate) fn named_by(variable: &str, test: &str) -> Option<Vec<Interpreter>> {
    let list = std::env::var_os(variable).filter(|list| !list.is_empty())?;
    Some(std::env::split_paths(&list).filter_map(|path| interpreter(path, test)).collect())
}

/// Those of `HERMETIC_PYTHONS`, or `python3`.
pub(crate) fn plain(test: &str) -> Vec<Interpreter> {
    named_by("HERMETIC_PYTHONS", test)
        .unwrap_or_else(|| interpreter("python3".into(), test).into_iter().collect())
}

/// Those of `HERMETIC_GUARDED`, in which the guard is installed; empty, and told, without it.
pub(crate) fn guarded(test: &str) -> Vec<Interpreter> {
    named_by("HERMETIC_GUARDED", test).unwrap_or_else(|| {
        skip(test, "HERMETIC_GUARDED names no interpreter with the guard installed");
        Vec::new()
    })
}

fn interpreter(path: PathBuf, test: &str) -> Option<Interpreter> {
    let told = Command::new(&path).args(["-I", "-V"]).output();
    let name = told.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    let name = name.unwrap_or_default();
    let mut numbers = name.strip_prefix("Python ").unwrap_or_default().split('.');
    let mut number = || numbers.next().and_then(|n| n.parse().ok());
    if let (Some(major), Some(minor)) = (number(), number()) {
        return Some(Interpreter { path, version: (major, minor), name });
    }
    skip(test, &format!("{} does not run", path.display()));
    None
}

/// What became of one item on one interpreter.
pub(crate) enum Outcome {
    /// As it should be.
    Good,
    /// It cannot run here.
    Skipped(String),
    /// Complaints.
    Bad(Vec<String>),
}

/// Run every item on as many threads as there are processors; the complaints, sorted. What was
/// left out is told with its reasons and their number.
pub(crate) fn run_all<T: Sync>(
    test: &str,
    python: &Interpreter,
    items: &[T],
    run: impl Fn(&T) -> Outcome + Sync,
) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let told = Mutex::new((Vec::new(), BTreeMap::<String, usize>::new()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = run(item);
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    match outcome {
                        Outcome::Good => {}
                        Outcome::Skipped(reason) => *told.1.entry(reason).or_default() += 1,
                        Outcome::Bad(list) => told.0.extend(list),
                    }
                }
            });
        }
    });
    let (mut complaints, skipped) = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !skipped.is_empty() {
        let reasons: Vec<String> = skipped.iter().map(|(r, n)| format!("{r} {n}")).collect();
        let count: usize = skipped.values().sum();
        skip(test, &format!("{}: {count} left out ({})", python.name, reasons.join(", ")));
    }
    for complaint in &mut complaints {
        complaint.extend([" (", &python.name, ")"]);
    }
    complaints.sort();
    complaints
}
