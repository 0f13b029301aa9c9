//! GitLab's code quality report: a JSON list.
//!
//! The fields are those that GitLab reads
//! (<https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>).

use std::collections::HashMap;
use std::io::{self, Write};

use hermetic_policy::Level;
use serde::Serialize;

use super::TextOptions;
use super::escape::escape;
use super::record::{Streamed, write_document};
use crate::diagnostic::Diagnostic;
use crate::report::{FileReport, Report};

#[derive(Serialize)]
struct Issue {
    description: String,
    check_name: &'static str,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
    end: u32,
}

impl Issue {
    fn new(file: &FileReport, finding: &Diagnostic, fingerprint: String) -> Self {
        let span = &finding.span;
        let mut description = String::new();
        let mut lines = Lines { begin: span.start.row, end: span.end.row };
        if let Some(cell) = span.cell {
            // Rows count within the cell; the file's own lines are those of JSON.
            description = format!("cell {cell}:{}:{}: ", span.start.row, span.start.column);
            lines = Lines { begin: 1, end: 1 };
        }
        description.push_str(&escape(&finding.message));
        for part in [&finding.why, &finding.remedy] {
            if !part.is_empty() {
                description.push_str("; ");
                description.push_str(&escape(part));
            }
        }
        let severity = match finding.level {
            Level::Error => "major",
            Level::Warn => "minor",
            Level::Info | Level::Off => "info",
        };
        let location = Location { path: escape(&file.path).into_owned(), lines };
        Self { description, check_name: finding.rule.0.name, fingerprint, severity, location }
    }
}

/// Write every listed finding as an issue. Errors are the writer's.
pub fn write(out: &mut impl Write, report: &Report, options: TextOptions) -> io::Result<()> {
    let issues = Streamed(|| {
        let mut before = HashMap::new();
        let all = report.files.iter().flat_map(|file| {
            let listed = file.diagnostics.iter().filter(|finding| options.lists(finding));
            listed.map(move |finding| (file, finding))
        });
        all.map(move |(file, finding)| {
            let fingerprint = unique(&mut before, fingerprint(file, finding));
            Issue::new(file, finding, fingerprint)
        })
    });
    write_document(out, &issues)
}

/// The finding's own fingerprint, which stays when lines move or the file does. What has none,
/// because not even its text is known, has its path instead.
fn fingerprint(file: &FileReport, finding: &Diagnostic) -> String {
    let rule = finding.rule.0.name;
    match finding.fingerprint {
        Some(fingerprint) => format!("{rule}-{fingerprint}"),
        None => format!("{rule}-{}-{}", escape(&finding.target), escape(&file.path)),
    }
}

/// GitLab takes two of one fingerprint for one: those that repeat are numbered.
fn unique(before: &mut HashMap<String, u64>, fingerprint: String) -> String {
    let count = before.entry(fingerprint.clone()).or_default();
    *count += 1;
    if *count == 1 { fingerprint } else { format!("{fingerprint}-{count}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::fingerprint::Fingerprint;
    use crate::render::fixture::{self, finding, report};

    fn rendered(report: &Report) -> Value {
        let text = fixture::text(|out| write(out, report, TextOptions::default()));
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn levels_places_and_parts() {
        let list = rendered(&report(
            "src/a.py",
            vec![
                finding("connects").at(3, 5).until(4, 1).why("denied").remedy("allow it"),
                finding("y").at(7, 2).level(Level::Warn).cell(3),
                finding("hidden").at(9, 1).level(Level::Info).undecided(),
            ],
        ));
        assert_eq!(list.as_array().map(Vec::len), Some(2));
        assert_eq!(list[0]["description"], "connects; denied; allow it");
        assert_eq!(list[0]["severity"], "major");
        assert_eq!(list[0]["check_name"], "network-connect");
        assert_eq!(list[0]["location"]["path"], "src/a.py");
        assert_eq!(list[0]["location"]["lines"], serde_json::json!({"begin": 3, "end": 4}));
        assert_eq!(list[1]["description"], "cell 3:7:2: y");
        assert_eq!(list[1]["severity"], "minor");
        assert_eq!(list[1]["location"]["lines"]["begin"], 1);
        assert_ne!(list[0]["fingerprint"], list[1]["fingerprint"]);
    }

    #[test]
    fn fingerprints_are_the_findings_own_and_unique() {
        let mut found = finding("x").at(1, 1);
        found.fingerprint = Fingerprint::parse("0123456789abcdef");
        let mut report = report("a.py", vec![found.clone(), found, finding("x").at(2, 1)]);
        let told = |report: &Report| -> Vec<String> {
            let list = rendered(report);
            let all = list.as_array().expect("a list").iter();
            all.filter_map(|issue| issue["fingerprint"].as_str().map(str::to_owned)).collect()
        };
        let expected = [
            "network-connect-0123456789abcdef",
            "network-connect-0123456789abcdef-2",
            "network-connect-socket.create_connection-a.py",
        ];
        assert_eq!(told(&report), expected);
        report.files[0].path = "b.py".into();
        assert_eq!(told(&report)[..2], expected[..2]);
    }

    #[test]
    fn nothing_found_is_a_list() {
        assert_eq!(rendered(&Report::default()), serde_json::json!([]));
    }

    proptest! {
        #[test]
        fn paths_and_messages_read_back(
            path in fixture::hostile(), message in fixture::hostile(),
        ) {
            let list = rendered(&report(&path, vec![finding(&message).at(1, 1)]));
            prop_assert_eq!(list.as_array().map(Vec::len), Some(1));
            prop_assert_eq!(list[0]["location"]["path"].as_str(), Some(&*escape(&path)));
            prop_assert_eq!(list[0]["description"].as_str(), Some(&*escape(&message)));
        }
    }
}
