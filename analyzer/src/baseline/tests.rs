//! Matching by hand-made reports, and the file's form.

use std::collections::BTreeSet;

use hermetic_policy::{PolicyOptions, Rule};

use super::*;
use crate::judge::Judgement;
use crate::project::check_bytes;
use crate::source::FileKind;

/// A run over all files, of which some are gone.
struct Around(BTreeSet<&'static str>);

impl Surroundings for Around {
    fn path(&self, file: &FileReport) -> String {
        file.path.clone()
    }
    fn is_gone(&self, path: &str) -> bool {
        self.0.contains(path)
    }
    fn would_tell(&self, _path: &str, _rule: &'static Rule) -> bool {
        true
    }
}

fn here() -> Around {
    Around(BTreeSet::new())
}

fn report(files: &[(&str, &str)]) -> Report {
    let options = PolicyOptions { no_subprocess: true, ..PolicyOptions::default() };
    let policy = options.build().expect("valid");
    let judgement = Judgement { policy, fingerprints: true, ..Judgement::default() };
    let mut all = Report::default();
    for (path, text) in files {
        let bytes = Ok(text.as_bytes().to_vec());
        let one = check_bytes(&judgement, &[], path, bytes, FileKind::Module).expect("threads");
        all.files.extend(one.files);
    }
    all
}

/// New, known and gone.
fn applied(baseline: &Baseline, mut report: Report, around: &Around) -> (usize, u64, u64) {
    baseline.apply(&mut report, around);
    let new = report.files.iter().map(|file| file.diagnostics.len()).sum();
    (new, report.summary.baselined, report.summary.stale)
}

const RUNS: &str = "import os\nos.system('a')\nos.system('a')\n";

#[test]
fn what_is_listed_is_taken_out_and_no_more() {
    let baseline = Baseline::of(&report(&[("a.py", RUNS)]), &here());
    assert_eq!(baseline.findings(), 2);
    assert_eq!(applied(&baseline, report(&[("a.py", RUNS)]), &here()), (0, 2, 0));
    let more = format!("x = 1\n{RUNS}os.system('b')\nos.system('a')\n");
    assert_eq!(applied(&baseline, report(&[("a.py", &more)]), &here()), (2, 2, 0));
    let less = "import os\nos.system('a')\n";
    assert_eq!(applied(&baseline, report(&[("a.py", less)]), &here()), (0, 1, 1));
}

#[test]
fn a_renamed_file_is_known_by_its_findings() {
    let baseline = Baseline::of(&report(&[("a.py", RUNS)]), &here());
    let moved = || report(&[("b.py", RUNS)]);
    assert_eq!(applied(&baseline, moved(), &Around(["a.py"].into())), (0, 2, 0));
    // A copy is no renamed file.
    assert_eq!(applied(&baseline, moved(), &here()), (2, 0, 2));
}

#[test]
fn what_is_gone_can_be_taken_off() {
    let baseline = Baseline::of(&report(&[("a.py", RUNS)]), &here());
    let mut now = report(&[("a.py", "import os\nos.system('a')\n")]);
    baseline.apply(&mut now, &here());
    assert_eq!(now.stale.len(), 1);
    let pruned = baseline.without(&now.stale);
    assert_eq!(pruned.findings(), 1);
    assert_eq!(applied(&pruned, report(&[("a.py", RUNS)]), &here()), (1, 1, 0));
}

#[test]
fn nothing_is_stale_in_what_was_not_analysed_in_whole() {
    let baseline = Baseline::of(&report(&[("a.py", RUNS)]), &here());
    assert_eq!(applied(&baseline, report(&[("a.py", "x = (\n")]), &here()), (1, 0, 0));
}

#[test]
fn a_file_that_cannot_be_analysed_is_accepted_as_it_is() {
    let baseline = Baseline::of(&report(&[("a.py", "x = (\n")]), &here());
    let mut same = report(&[("a.py", "x = (\n")]);
    baseline.apply(&mut same, &here());
    assert!(same.files[0].not_analysed.iter().all(|part| part.accepted));
    assert_eq!(applied(&baseline, report(&[("a.py", "y = (\n")]), &here()).0, 1);
}

#[test]
fn it_is_sorted_and_read_back() {
    let baseline = Baseline::of(&report(&[("b\"\u{e9}.py", RUNS), ("a.py", RUNS)]), &here());
    let text = baseline.to_json();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 7, "{text}");
    assert!(lines[3].starts_with("{\"path\": \"a.py\", \"rule\": \"shell-command\", "), "{text}");
    assert!(lines[3].ends_with("\"count\": 2},"), "{text}");
    assert_eq!(Baseline::from_json(&text), Ok(baseline));
    assert_eq!(Baseline::from_json(&Baseline::default().to_json()), Ok(Baseline::default()));
}

#[test]
fn what_is_no_baseline_is_told() {
    let whole = Baseline::of(&report(&[("a.py", RUNS)]), &here()).to_json();
    for (text, told) in [
        ("", "is no baseline: "),
        ("[]", "is no baseline: "),
        (&whole[..whole.len() / 2], "is no baseline: "),
        ("{\"version\": 2, \"entries\": 1}", "is a baseline of version 2, and only 1 is known"),
        ("{\"version\": 1, \"findings\": [{}]}", "is no baseline: missing field"),
        (
            "{\"version\": 1, \"findings\": [{\"path\": \"\", \"rule\": \"\", \"fingerprint\": \"x\", \"count\": 1}]}",
            "is no baseline: `x` is no fingerprint",
        ),
    ] {
        let error = Baseline::from_json(text).expect_err(text).to_string();
        assert!(error.starts_with(told), "{error}");
        assert!(error.ends_with("--write-baseline"), "{error}");
    }
}
