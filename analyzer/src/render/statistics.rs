//! Findings counted by rule, the most frequent first (`--statistics`).

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use hermetic_policy::{Level, Rule};
use serde::Serialize;

use super::escape::grouped;
use super::record::{write_document, write_line};
use super::{Format, findings};
use crate::report::Report;

#[derive(Serialize)]
struct Entry {
    rule: &'static str,
    capability: &'static str,
    /// The loudest level it was told at.
    level: &'static str,
    count: u64,
}

/// Write a line for each rule with findings: count, name, summary; in the JSON formats an object.
/// As text where the format is [not general](Format::is_general). Undecided findings count like
/// others. Errors are the writer's.
pub fn write(out: &mut impl Write, report: &Report, format: Format) -> io::Result<()> {
    let mut by_rule: BTreeMap<&str, (u64, Level, &Rule)> = BTreeMap::new();
    for (_, finding) in findings(report) {
        let rule = finding.rule.0;
        let entry = by_rule.entry(rule.name).or_insert((0, finding.level, rule));
        entry.0 += 1;
        entry.1 = entry.1.max(finding.level);
    }
    let mut counted: Vec<_> = by_rule.into_values().collect();
    counted.sort_by_key(|&(count, _, rule)| (Reverse(count), rule.name));
    let entries = counted.iter().map(|&(count, level, rule)| Entry {
        rule: rule.name,
        capability: rule.capability.name(),
        level: level.name(),
        count,
    });
    match format {
        Format::Json => write_document(out, &entries.collect::<Vec<_>>()),
        Format::JsonLines => {
            for entry in entries {
                write_line(out, &entry)?;
            }
            Ok(())
        }
        _ => {
            let first = counted.first().map_or(0, |&(count, ..)| grouped(count).len());
            let name = counted.iter().map(|(_, _, rule)| rule.name.len()).max().unwrap_or_default();
            for (count, _, rule) in counted {
                let count = grouped(count);
                writeln!(out, "{count:>first$}  {:<name$}  {}", rule.name, rule.summary)?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::RuleRef;
    use crate::render::fixture::{self, finding, report};
    use hermetic_policy::rules;

    fn mixed() -> Report {
        let kept = RuleRef(rules::find("captured-reference").expect("a rule of this name"));
        let mut other = finding("x").at(1, 1).level(Level::Warn);
        other.rule = kept;
        let mut findings = vec![other];
        findings.extend((0..11).map(|row| finding("y").at(row, 1)));
        report("a.py", findings)
    }

    #[test]
    fn most_frequent_first_and_aligned() {
        let shown = fixture::text(|out| write(out, &mixed(), Format::Full));
        let summary = |name| rules::find(name).map_or("", |rule| rule.summary);
        assert_eq!(
            shown,
            format!(
                "11  network-connect     {}\n 1  captured-reference  {}\n",
                summary("network-connect"),
                summary("captured-reference")
            )
        );
    }

    #[test]
    fn json_is_a_list_and_jsonl_is_lines() {
        let first = "{\"rule\":\"network-connect\",\"capability\":\"network\",\"level\":\"error\",\"count\":11}";
        let second = "{\"rule\":\"captured-reference\",\"capability\":\"integrity\",\"level\":\"warn\",\"count\":1}";
        let json = fixture::text(|out| write(out, &mixed(), Format::Json));
        assert_eq!(json, format!("[\n{first},\n{second}]\n"));
        let lines = fixture::text(|out| write(out, &mixed(), Format::JsonLines));
        assert_eq!(lines, format!("{first}\n{second}\n"));
    }

    #[test]
    fn equal_counts_go_by_name() {
        let mut report = mixed();
        for file in &mut report.files {
            file.diagnostics.truncate(2);
        }
        let shown = fixture::text(|out| write(out, &report, Format::Concise));
        assert!(shown.starts_with("1  captured-reference  "), "{shown}");
    }
}
