//! Annotations of GitHub Actions: workflow commands, one line a finding.
//!
//! A command is `::name key=value,key=value::data`
//! (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>). What would
//! end a value or begin another command is percent-encoded, as the runner decodes it.

use std::fmt;
use std::io::{self, Write};

use hermetic_policy::Level;

use super::escape::escape;
use super::{TextOptions, accepted_without_finding};
use crate::diagnostic::Diagnostic;
use crate::report::{FileReport, Report};

/// Write every listed finding as a command. Errors are the writer's.
pub fn write(out: &mut impl Write, report: &Report, options: TextOptions) -> io::Result<()> {
    for file in &report.files {
        for finding in file.diagnostics.iter().filter(|finding| options.lists(finding)) {
            write_finding(out, file, finding)?;
        }
        for part in accepted_without_finding(file) {
            let path = Property(&file.path);
            write!(out, "::notice file={path},title=not-analysed::{}", Data(part.reason))?;
            writeln!(out, ": {}", Data(&part.detail))?;
        }
    }
    Ok(())
}

fn write_finding(out: &mut impl Write, file: &FileReport, finding: &Diagnostic) -> io::Result<()> {
    let command = match finding.level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info | Level::Off => "notice",
    };
    write!(out, "::{command} file={}", Property(&file.path))?;
    let span = &finding.span;
    let rule = finding.rule.0.name;
    if let Some(cell) = span.cell {
        // Rows count within the cell; the file's own lines are those of JSON.
        let place = format!("{rule} (cell {cell}:{}:{})", span.start.row, span.start.column);
        write!(out, ",title={}", Property(&place))?;
    } else {
        write!(out, ",line={},endLine={}", span.start.row, span.end.row)?;
        // Columns are taken only of annotations on one line.
        if span.start.row == span.end.row {
            write!(out, ",col={},endColumn={}", span.start.column, span.end.column)?;
        }
        write!(out, ",title={rule}")?;
    }
    write!(out, "::{}", Data(&finding.message))?;
    for part in [&finding.why, &finding.remedy] {
        if !part.is_empty() {
            write!(out, "%0A{}", Data(part))?;
        }
    }
    writeln!(out)
}

/// The data of a command. Line ends are among the hidden characters shown as escapes.
struct Data<'a>(&'a str);

impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(self.0).replace('%', "%25"))
    }
}

/// The value of a property.
struct Property<'a>(&'a str);

impl fmt::Display for Property<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = Data(self.0).to_string();
        f.write_str(&data.replace(':', "%3A").replace(',', "%2C"))
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

    /// A command as the runner reads it: name, properties, data.
    fn parse(line: &str) -> (String, Vec<(String, String)>, String) {
        let rest = line.strip_prefix("::").expect("a command");
        let (head, data) = rest.split_once("::").expect("its data");
        let (name, properties) = head.split_once(' ').expect("its properties");
        // `%25` last, as the runner does (`ActionCommand.cs`).
        let unescape = |text: &str| {
            let text = text.replace("%3A", ":").replace("%2C", ",");
            text.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
        };
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').expect("key=value");
            (key.to_owned(), unescape(value))
        };
        (name.to_owned(), properties.split(',').map(pair).collect(), unescape(data))
    }

    #[test]
    fn levels_places_and_parts() {
        let report = report(
            "src/a.py",
            vec![
                finding("connects").at(3, 5).width(4).why("denied").remedy("allow it"),
                finding("y").at(1, 2).until(4, 1).level(Level::Warn),
                finding("z").at(1, 2).cell(3).level(Level::Info),
                finding("hidden").at(9, 1).level(Level::Info).undecided(),
            ],
        );
        assert_eq!(
            rendered(&report),
            "::error file=src/a.py,line=3,endLine=3,col=5,endColumn=9,title=network-connect::connects%0Adenied%0Aallow it\n\
             ::warning file=src/a.py,line=1,endLine=4,title=network-connect::y\n\
             ::notice file=src/a.py,title=network-connect (cell 3%3A1%3A2)::z\n"
        );
    }

    #[test]
    fn what_is_accepted_is_a_notice() {
        let mut report = report("a.py", vec![]);
        fixture::not_analysed(&mut report, "encoding", "100% bad\n::error::x", true);
        assert_eq!(
            rendered(&report),
            "::notice file=a.py,title=not-analysed::encoding: 100%25 bad\\n::error::x\n"
        );
    }

    proptest! {
        #[test]
        fn nothing_in_a_path_or_message_makes_another_command(
            path in fixture::hostile(), message in fixture::hostile(), why in fixture::hostile(),
        ) {
            let report = report(&path, vec![finding(&message).at(1, 1).why(&why)]);
            let text = rendered(&report);
            prop_assert_eq!(text.lines().count(), 1);
            prop_assert!(!text.trim_end_matches('\n').contains(super::super::escape::is_hidden));
            let (name, properties, data) = parse(text.trim_end_matches('\n'));
            prop_assert_eq!(name, "error");
            prop_assert_eq!(properties.len(), 6);
            prop_assert_eq!(&properties[0], &("file".to_owned(), escape(&path).into_owned()));
            let mut told = escape(&message).into_owned();
            if !why.is_empty() {
                told = format!("{told}\n{}", escape(&why));
            }
            // What a message holds of an encoding is encoded once more: decoding is exact.
            prop_assert_eq!(data, told);
        }
    }
}
