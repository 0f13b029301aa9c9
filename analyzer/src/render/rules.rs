//! The list of rules (`--rules`).

use std::io::{self, Write};

use hermetic_policy::{Rule, rules};
use serde::Serialize;

use super::Format;
use super::record::{write_document, write_line};

#[derive(Serialize)]
struct Entry {
    rule: &'static str,
    capability: &'static str,
    level: &'static str,
    since: &'static str,
    summary: &'static str,
}

impl Entry {
    fn new(rule: &'static Rule) -> Self {
        Self {
            rule: rule.name,
            capability: rule.capability.name(),
            level: rule.level.name(),
            since: rule.since,
            summary: rule.summary,
        }
    }
}

/// Write every rule, by name; as text where the format is [not general](Format::is_general).
/// Errors are the writer's.
pub fn write(out: &mut impl Write, format: Format) -> io::Result<()> {
    let mut all: Vec<_> = rules::all().map(Entry::new).collect();
    all.sort_by_key(|entry| entry.rule);
    match format {
        Format::Json => write_document(out, &all),
        Format::JsonLines => {
            for entry in &all {
                write_line(out, entry)?;
            }
            Ok(())
        }
        _ => {
            let widest = |part: fn(&Entry) -> &str| {
                all.iter().map(|entry| part(entry).len()).max().unwrap_or_default()
            };
            let (name, capability) = (widest(|entry| entry.rule), widest(|entry| entry.capability));
            for Entry { rule, capability: of, level, summary, .. } in &all {
                writeln!(out, "{rule:<name$}  {of:<capability$}  {level:<5}  {summary}")?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture;

    #[test]
    fn every_rule_once_in_every_format() {
        let count = rules::all().count();
        let text = fixture::text(|out| write(out, Format::Full));
        assert_eq!(text.lines().count(), count);
        assert!(text.lines().is_sorted());
        let lines = fixture::text(|out| write(out, Format::JsonLines));
        assert_eq!(lines.lines().count(), count);
        let json = fixture::text(|out| write(out, Format::Json));
        let list: Vec<serde_json::Value> = serde_json::from_str(&json).expect("JSON");
        assert_eq!(list.len(), count);
        assert_eq!(list[0]["rule"], text.split_whitespace().next().unwrap_or_default());
    }
}
