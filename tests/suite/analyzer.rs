//! The analyzer as the conformance tests see it: sources and a policy in, findings out.

use std::collections::BTreeMap;

use crate::process::{Project, findings};

/// One file under one policy.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub source: &'a str,
    /// The text of a `hermetic.toml`.
    pub policy: &'a str,
    /// One code cell of a notebook instead of a file.
    pub notebook: bool,
}

/// One finding, as far as a mark can speak of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// The row it starts on, from 1.
    pub row: u32,
    pub rule: String,
    /// `deny`, `undecided` or `advise`.
    pub decision: String,
    /// `error`, `warn` or `info`.
    pub level: String,
}

/// The findings of each case, in the order of the cases.
///
/// Cases of the same policy share one process; each is a file in a folder of its own.
pub(crate) fn check(cases: &[Case<'_>]) -> Vec<Vec<Found>> {
    let mut found = vec![Vec::new(); cases.len()];
    let mut by_policy: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        by_policy.entry(case.policy).or_default().push(index);
    }
    for (policy, indices) in by_policy {
        let project = Project::new(&[("hermetic.toml", policy)]);
        let mut index_of = BTreeMap::new();
        for index in indices {
            let case = &cases[index];
            let path = format!("c{index}/block.{}", if case.notebook { "ipynb" } else { "py" });
            let text = if case.notebook { notebook(case.source) } else { case.source.to_owned() };
            project.write(&path, text.as_bytes());
            index_of.insert(path, index);
        }
        let arguments = ["--config", "hermetic.toml", "--output-format", "json", "."];
        let run = project.run(&arguments);
        assert!(matches!(run.code, Some(0 | 1 | 3)), "policy:\n{policy}\n{run:?}");
        for finding in findings(&run.json()) {
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            let path = text("path");
            let Some(&index) = index_of.get(&path) else { panic!("a finding in {path}") };
            found[index].push(Found {
                row: finding["row"].as_u64().and_then(|r| r.try_into().ok()).unwrap_or_default(),
                rule: text("rule"),
                decision: text("decision"),
                level: text("level"),
            });
        }
    }
    found
}

/// A notebook of one code cell.
fn notebook(source: &str) -> String {
    let lines: Vec<&str> = source.split_inclusive('\n').collect();
    serde_json::json!({
        "cells": [{
            "cell_type": "code", "execution_count": null, "id": "a", "metadata": {}, "outputs": [],
            "source": lines,
        }],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    })
    .to_string()
}
