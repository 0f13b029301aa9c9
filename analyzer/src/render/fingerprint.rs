//! What tells a finding from all others, and stays the same while lines above it come and go.

use std::collections::HashMap;

use crate::report::FileReport;

/// Hexadecimal digits of a fingerprint: half of a hash is plenty to tell findings apart.
const DIGITS: usize = 32;

/// One for each of a file's findings, in their order: made from the path, the rule, what gave the
/// finding away, and how many equal ones stand before it in the file.
pub(super) fn fingerprints(file: &FileReport) -> Vec<String> {
    let mut before: HashMap<(&str, &str), u64> = HashMap::new();
    let one = |finding: &crate::diagnostic::Diagnostic, nth: u64| {
        let mut hash = blake3::Hasher::new();
        for part in [&file.path, finding.rule.0.name, &finding.target] {
            // With its length, so that what ends one part never begins the next.
            hash.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let mut text = hash.update(&nth.to_le_bytes()).finalize().to_hex().to_string();
        text.truncate(DIGITS);
        text
    };
    file.diagnostics
        .iter()
        .map(|finding| {
            let nth = before.entry((finding.rule.0.name, &finding.target)).or_default();
            *nth += 1;
            one(finding, *nth)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::{finding, report};

    fn of(path: &str, rows: &[u32]) -> Vec<String> {
        let findings = rows.iter().map(|&row| finding("x").at(row, 1)).collect();
        report(path, findings).files.iter().flat_map(fingerprints).collect()
    }

    #[test]
    fn lines_do_not_matter_and_order_path_and_target_do() {
        let first = of("a.py", &[1, 2]);
        assert_eq!(first, of("a.py", &[10, 20]));
        assert_ne!(first[0], first[1]);
        assert_ne!(first, of("b.py", &[1, 2]));
        let mut other = report("a.py", vec![finding("x").at(1, 1)]);
        other.files[0].diagnostics[0].target = "socket.socket".into();
        assert_ne!(fingerprints(&other.files[0])[0], first[0]);
        assert!(first.iter().all(|text| text.len() == DIGITS));
    }
}
