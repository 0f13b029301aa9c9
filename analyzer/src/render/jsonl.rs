//! One JSON object a line: the findings, then what was not analysed, what is
//! stale in the baseline, then the summary; `type`
//! tells them apart.

use std::io::{self, Write};

use super::findings;
use super::record::{Counts, Finding, StaleEntry, Unanalysed, write_line};
use crate::report::Report;

/// Write the report as lines of objects. Errors are the writer's.
pub fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for (file, finding) in findings(report) {
        write_line(out, &Finding::new(file, finding).tagged())?;
    }
    for file in &report.files {
        for part in &file.not_analysed {
            write_line(out, &Unanalysed::new(file, part).tagged())?;
        }
    }
    for stale in &report.stale {
        write_line(out, &StaleEntry::new(stale).tagged())?;
    }
    write_line(out, &Counts::new(&report.summary).tagged())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::{self, finding, report};

    #[test]
    fn one_object_a_line_in_order() {
        let found = finding("x\n").at(1, 1).related(2, 1, 10, 1, "a").related(3, 1, 20, 1, "b");
        let mut report = report("a\u{2028}.py", vec![found]);
        fixture::not_analysed(&mut report, "encoding", "utf-16\u{85}", false);
        let text = fixture::text(|out| write(out, &report));
        let objects: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let types: Vec<_> = objects.iter().map(|object| &object["type"]).collect();
        assert_eq!(types, ["finding", "not_analysed", "summary"]);
        assert_eq!(objects[0]["related"][1]["message"], "b");
        assert_eq!(objects[0]["path"], "a\u{2028}.py");
        assert_eq!(objects[1]["detail"], "utf-16\u{85}");
        assert_eq!(objects[2]["files"], 1);
        // Some readers split lines at these too.
        assert!(!text.contains(['\u{2028}', '\u{85}']));
    }
}
