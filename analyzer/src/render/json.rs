//! One JSON object: `version`, `findings`, `not_analysed`, `stale`, `summary`.

use std::io::{self, Write};

use serde::Serialize;

use super::findings;
use super::record::{Counts, Finding, StaleEntry, Streamed, Unanalysed, write_document};
use crate::report::Report;

/// The version of the object. It grows when a field changes its meaning or goes away, not when
/// one is added.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a, F, N, S> {
    version: u32,
    findings: F,
    not_analysed: N,
    stale: S,
    summary: Counts<'a>,
}

/// Write the report as one object, ended by a line feed. Errors are the writer's.
pub fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let document = Document {
        version: VERSION,
        findings: Streamed(|| findings(report).map(|(file, finding)| Finding::new(file, finding))),
        not_analysed: Streamed(|| {
            report
                .files
                .iter()
                .flat_map(|file| file.not_analysed.iter().map(|part| Unanalysed::new(file, part)))
        }),
        stale: Streamed(|| report.stale.iter().map(StaleEntry::new)),
        summary: Counts::new(&report.summary),
    };
    write_document(out, &document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::{self, finding, report};
    use hermetic_policy::{Capability, Level};

    #[test]
    fn the_whole_object() {
        let found = finding("connects\u{202e}")
            .at(3, 5)
            .width(4)
            .why("denied")
            .remedy("allow it")
            .related(7, 1, 70, 3, "used");
        let mut report = report("src/a\u{7}.py", vec![found]);
        report.summary.used = vec![Capability::Network];
        fixture::not_analysed(&mut report, "syntax-error", "line 9", true);
        assert_eq!(
            fixture::text(|out| write(out, &report)),
            concat!(
                "{\"version\":1,\"findings\":[\n",
                "{\"rule\":\"network-connect\",\"capability\":\"network\",\"level\":\"error\",",
                "\"decision\":\"deny\",\"path\":\"src/a\\u0007.py\",\"row\":3,\"column\":5,",
                "\"end_row\":3,\"end_column\":9,\"message\":\"connects\\u202e\",",
                "\"why\":\"denied\",\"remedy\":\"allow it\",\"target\":\"socket.create_connection\",",
                "\"related\":[{\"path\":\"src/a\\u0007.py\",\"row\":7,\"column\":1,\"end_row\":7,",
                "\"end_column\":4,\"message\":\"used\"}]}],",
                "\"not_analysed\":[\n",
                "{\"path\":\"src/a\\u0007.py\",\"reason\":\"syntax-error\",\"detail\":\"line 9\",",
                "\"accepted\":true}],\"stale\":[],",
                "\"summary\":{\"files\":1,\"lines\":10,\"by_rule\":{\"network-connect\":1},",
                "\"by_capability\":{\"network\":1},\"undecided\":0,\"suppressed\":0,\"baselined\":0,\"stale\":0,\"ignored\":0,\"excluded\":0,\"stubs\":0,",
                "\"used\":[\"network\"],\"seconds\":0.25}}\n",
            )
        );
    }

    #[test]
    fn undecided_findings_are_listed_and_off_ones_are_not() {
        let report = report(
            "a.py",
            vec![
                finding("x").at(1, 1).level(Level::Info).undecided(),
                finding("y").at(2, 1).level(Level::Off),
            ],
        );
        let text = fixture::text(|out| write(out, &report));
        let object: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let findings = object["findings"].as_array().expect("a list");
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0]["decision"], "undecided");
        assert!(findings[0].get("cell").is_none());
    }

    #[test]
    fn a_cell_is_given_in_notebooks() {
        let report = report("a.ipynb", vec![finding("x").at(1, 1).cell(3)]);
        let text = fixture::text(|out| write(out, &report));
        let object: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(object["findings"][0]["cell"], 3);
    }

    #[test]
    fn nothing_found_is_still_an_object() {
        let text = fixture::text(|out| write(out, &Report::default()));
        assert!(text.starts_with("{\"version\":1,\"findings\":[],\"not_analysed\":[],"), "{text}");
    }
}
