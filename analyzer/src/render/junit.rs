//! `JUnit` XML, as continuous integration reads it: a suite for each file, a case for each
//! finding.
//!
//! Findings of level `error` and `warn` are failures, files not analysed are errors, and what is
//! worth a note is a case that was skipped, so that it shows and fails nothing. There is no
//! standard; the elements are those of the schema most readers go by
//! (<https://github.com/testmoapp/junitxml>).

use std::fmt;
use std::io::{self, Write};

use hermetic_policy::Level;

use super::escape::{escape, write_hidden};
use super::{NOT_ANALYSED, TextOptions, accepted_without_finding};
use crate::diagnostic::Diagnostic;
use crate::report::{FileReport, Report};

/// How a case ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Failure,
    Error,
    Skipped,
}

impl Ending {
    const fn element(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

/// A finding as a case.
struct Case {
    name: String,
    ending: Ending,
    kind: &'static str,
    message: String,
    parts: [String; 2],
}

impl Case {
    fn new(finding: &Diagnostic) -> Self {
        let rule = finding.rule.0.name;
        let span = &finding.span;
        let cell = span.cell.map_or(String::new(), |cell| format!("cell {cell}:"));
        let ending = match finding.level {
            Level::Info | Level::Off => Ending::Skipped,
            Level::Warn | Level::Error if rule == NOT_ANALYSED => Ending::Error,
            Level::Warn | Level::Error => Ending::Failure,
        };
        Self {
            name: format!("{rule} {cell}{}:{}", span.start.row, span.start.column),
            ending,
            kind: rule,
            message: finding.message.clone(),
            parts: [finding.why.clone(), finding.remedy.clone()],
        }
    }
}

fn cases(file: &FileReport, options: TextOptions) -> Vec<Case> {
    let accepted = accepted_without_finding(file).map(|part| Case {
        name: NOT_ANALYSED.to_owned(),
        ending: if part.accepted { Ending::Skipped } else { Ending::Error },
        kind: NOT_ANALYSED,
        message: format!("{}: {}", part.reason, part.detail),
        parts: Default::default(),
    });
    let listed = file.diagnostics.iter().filter(|finding| options.lists(finding));
    listed.map(Case::new).chain(accepted).collect()
}

/// Write every listed finding as a case; where there is none, one case that passed. Errors are
/// the writer's.
pub fn write(out: &mut impl Write, report: &Report, options: TextOptions) -> io::Result<()> {
    let suites: Vec<_> = report
        .files
        .iter()
        .map(|file| (file.path.as_str(), cases(file, options)))
        .filter(|(_, cases)| !cases.is_empty())
        .collect();
    let count = |ending| move |cases: &[Case]| cases.iter().filter(|c| c.ending == ending).count();
    let counts = |cases: &[Case]| {
        let [failures, errors, skipped] =
            [Ending::Failure, Ending::Error, Ending::Skipped].map(|ending| count(ending)(cases));
        [cases.len(), failures, errors, skipped]
    };
    let sums = suites.iter().fold([0; 4], |mut sums, (_, cases)| {
        sums.iter_mut().zip(counts(cases)).for_each(|(sum, count)| *sum += count);
        sums
    });
    let sums = if suites.is_empty() { [1, 0, 0, 0] } else { sums };
    out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
    write_open(out, "testsuites", "hermetic-check", sums)?;
    for (path, cases) in &suites {
        write_open(out, "testsuite", path, counts(cases))?;
        for case in cases {
            write_case(out, path, case)?;
        }
        out.write_all(b"</testsuite>\n")?;
    }
    if suites.is_empty() {
        write_open(out, "testsuite", "hermetic-check", sums)?;
        out.write_all(b"<testcase classname=\"hermetic-check\" name=\"nothing found\"/>\n")?;
        out.write_all(b"</testsuite>\n")?;
    }
    out.write_all(b"</testsuites>\n")
}

fn write_open(
    out: &mut impl Write,
    element: &str,
    name: &str,
    [tests, failures, errors, skipped]: [usize; 4],
) -> io::Result<()> {
    writeln!(
        out,
        "<{element} name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{skipped}\">",
        Text(name)
    )
}

fn write_case(out: &mut impl Write, path: &str, case: &Case) -> io::Result<()> {
    let (path, element) = (Text(path), case.ending.element());
    writeln!(out, "<testcase classname=\"{path}\" name=\"{}\" file=\"{path}\">", Text(&case.name))?;
    write!(out, "<{element} message=\"{}\"", Text(&case.message))?;
    if case.ending == Ending::Skipped {
        out.write_all(b"/>\n")?;
    } else {
        write!(out, " type=\"{}\">", case.kind)?;
        write!(out, "{path}: {}: {}", Text(&case.name), Text(&case.message))?;
        for part in case.parts.iter().filter(|part| !part.is_empty()) {
            write!(out, "\n{}", Text(part))?;
        }
        writeln!(out, "</{element}>")?;
    }
    out.write_all(b"</testcase>\n")
}

/// Text of an element or attribute. Hidden characters, most of which XML 1.0 cannot hold at all,
/// are shown as escapes.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = escape(self.0);
        let mut rest = shown.chars();
        while let Some(c) = rest.next() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&apos;")?,
                // `##[name]` anywhere in a line is a command to the runner of GitHub Actions.
                '#' if rest.as_str().starts_with("#[") => f.write_str("&#35;")?,
                // No characters, by Unicode and by XML 1.0, production 2.
                '\u{fffe}' | '\u{ffff}' => write_hidden(f, c)?,
                _ => fmt::Write::write_char(f, c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::fixture::{self, finding, report};

    fn rendered(report: &Report) -> String {
        fixture::text(|out| write(out, report, TextOptions::default()))
    }

    #[test]
    fn the_whole_document() {
        let mut report = report(
            "src/a&b.py",
            vec![
                finding("connects").at(3, 5).why("denied").remedy("allow it"),
                finding("imports gc").at(1, 2).cell(3).level(Level::Info),
                finding("hidden").at(9, 1).level(Level::Info).undecided(),
            ],
        );
        fixture::not_analysed(&mut report, "syntax-error", "line 9", false);
        assert_eq!(
            rendered(&report),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="hermetic-check" tests="3" failures="1" errors="1" skipped="1">
<testsuite name="src/a&amp;b.py" tests="3" failures="1" errors="1" skipped="1">
<testcase classname="src/a&amp;b.py" name="network-connect 3:5" file="src/a&amp;b.py">
<failure message="connects" type="network-connect">src/a&amp;b.py: network-connect 3:5: connects
denied
allow it</failure>
</testcase>
<testcase classname="src/a&amp;b.py" name="network-connect cell 3:1:2" file="src/a&amp;b.py">
<skipped message="imports gc"/>
</testcase>
<testcase classname="src/a&amp;b.py" name="not-analysed" file="src/a&amp;b.py">
<error message="syntax-error: line 9" type="not-analysed">src/a&amp;b.py: not-analysed: syntax-error: line 9</error>
</testcase>
</testsuite>
</testsuites>
"#
        );
    }

    #[test]
    fn nothing_found_is_a_case_that_passed() {
        let text = rendered(&Report::default());
        let document = roxmltree::Document::parse(&text).expect("XML");
        let cases: Vec<_> = document.descendants().filter(|n| n.has_tag_name("testcase")).collect();
        assert_eq!(cases.len(), 1);
        assert!(!cases[0].has_children());
    }

    proptest! {
        #[test]
        fn nothing_in_a_path_or_message_makes_another_element(
            path in fixture::hostile(), message in fixture::hostile(),
        ) {
            let text = rendered(&report(&path, vec![finding(&message).at(1, 1)]));
            let document = roxmltree::Document::parse(&text).expect("XML");
            let elements: Vec<_> = document
                .descendants()
                .filter(roxmltree::Node::is_element)
                .map(|node| node.tag_name().name())
                .collect();
            prop_assert_eq!(elements, ["testsuites", "testsuite", "testcase", "failure"]);
            let failure = document.descendants().find(|n| n.has_tag_name("failure")).expect("one");
            let shown = |text: &str| {
                let text = escape(text).replace('\u{fffe}', "\\u{fffe}");
                text.replace('\u{ffff}', "\\u{ffff}")
            };
            let told = shown(&message);
            prop_assert_eq!(failure.attribute("message"), Some(told.as_str()));
            let case = failure.parent().expect("its case");
            let classname = shown(&path);
            prop_assert_eq!(case.attribute("classname"), Some(classname.as_str()));
            let text_of = format!("{classname}: network-connect 1:1: {told}");
            prop_assert_eq!(failure.text(), Some(text_of.as_str()));
            prop_assert!(!text.contains("##["));
        }
    }
}
