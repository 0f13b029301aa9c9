//! `path:row:column: level[rule] message`, one line a finding.

use std::io::{self, Write};

use super::text::{Styles, write_place};
use super::{TextOptions, accepted_without_finding, escape::Escaped};
use crate::diagnostic::{Diagnostic, FixState};
use crate::report::{FileReport, Report};

/// Write every listed finding as one line. Errors are the writer's.
pub fn write(out: &mut impl Write, report: &Report, options: TextOptions) -> io::Result<()> {
    let styles = Styles::new(options.color);
    for file in &report.files {
        for finding in file.diagnostics.iter().filter(|finding| options.lists(finding)) {
            write_finding(out, file, finding, &styles)?;
        }
        write_accepted(out, file, &styles)?;
    }
    Ok(())
}

/// One finding.
pub(super) fn write_finding(
    out: &mut impl Write,
    file: &FileReport,
    finding: &Diagnostic,
    styles: &Styles,
) -> io::Result<()> {
    write_place(out, &file.path, &finding.span, styles)?;
    let level = styles.level(finding.level);
    writeln!(
        out,
        "{level}{}[{}]{level:#} {}{}",
        finding.level.name(),
        finding.rule.0.name,
        fix_mark(finding),
        Escaped(&finding.message)
    )
}

/// What marks a finding that has a fix.
pub(super) const fn fix_mark(finding: &Diagnostic) -> &'static str {
    match finding.fix {
        FixState::Ready(_) => "[*] ",
        FixState::None | FixState::Perhaps | FixState::Refused(_) => "",
    }
}

/// What was not analysed although no finding says so.
pub(super) fn write_accepted(
    out: &mut impl Write,
    file: &FileReport,
    styles: &Styles,
) -> io::Result<()> {
    let path = styles.path;
    for part in accepted_without_finding(file) {
        write!(out, "{path}{}{path:#}: not analysed", Escaped(&file.path))?;
        if part.accepted {
            out.write_all(b" (accepted)")?;
        }
        writeln!(out, ": {}: {}", part.reason, Escaped(&part.detail))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::{self, finding, report};
    use hermetic_policy::Level;

    fn rendered(report: &Report, options: TextOptions) -> String {
        fixture::text(|out| write(out, report, options))
    }

    #[test]
    fn one_line_a_finding() {
        let report = report("src/app.py", vec![finding("connects to 192.0.2.1").at(3, 5)]);
        assert_eq!(
            rendered(&report, TextOptions::default()),
            "src/app.py:3:5: error[network-connect] connects to 192.0.2.1\n"
        );
    }

    #[test]
    fn what_can_be_fixed_is_marked() {
        let report = report("a.py", vec![finding("x").at(1, 1).fixable(None)]);
        assert_eq!(
            rendered(&report, TextOptions::default()),
            "a.py:1:1: error[network-connect] [*] x\n"
        );
    }

    #[test]
    fn a_notebook_names_the_cell() {
        let report = report("book.ipynb", vec![finding("connects").at(1, 2).cell(3)]);
        assert_eq!(
            rendered(&report, TextOptions::default()),
            "book.ipynb:cell 3:1:2: error[network-connect] connects\n"
        );
    }

    #[test]
    fn hidden_characters_cannot_forge_a_line() {
        let report = report(
            "a\nb.py:1:1: \u{1b}[0m\u{202e}",
            vec![finding("message\r\u{2066}\u{61c}").at(1, 1)],
        );
        assert_eq!(
            rendered(&report, TextOptions::default()),
            "a\\nb.py:1:1: \\u{1b}[0m\\u{202e}:1:1: error[network-connect] message\\r\\u{2066}\\u{61c}\n"
        );
    }

    #[test]
    fn undecided_at_info_is_listed_only_on_request() {
        let quiet = finding("may connect").at(1, 1).level(Level::Info).undecided();
        let report = report("a.py", vec![quiet, finding("imports gc").at(2, 1).level(Level::Info)]);
        assert_eq!(
            rendered(&report, TextOptions::default()),
            "a.py:2:1: info[network-connect] imports gc\n"
        );
        let all = rendered(&report, TextOptions { show_undecided: true, ..Default::default() });
        assert_eq!(
            all,
            "a.py:1:1: info[network-connect] may connect\n\
             a.py:2:1: info[network-connect] imports gc\n"
        );
    }

    #[test]
    fn level_off_is_never_listed() {
        let report = report("a.py", vec![finding("x").at(1, 1).level(Level::Off)]);
        let options = TextOptions { show_undecided: true, ..Default::default() };
        assert_eq!(rendered(&report, options), "");
    }

    #[test]
    fn an_accepted_file_stays_listed() {
        let mut report = report("bad.py", vec![]);
        fixture::not_analysed(&mut report, "syntax-error", "invalid syntax\u{7}", true);
        assert_eq!(
            rendered(&report, TextOptions::default()),
            "bad.py: not analysed (accepted): syntax-error: invalid syntax\\u{7}\n"
        );
    }

    #[test]
    fn colour_wraps_path_and_level_only() {
        let report = report("a.py", vec![finding("x").at(1, 1)]);
        let shown = rendered(&report, TextOptions { color: true, ..Default::default() });
        assert_eq!(
            shown,
            "\u{1b}[1ma.py\u{1b}[0m:1:1: \u{1b}[1m\u{1b}[91merror[network-connect]\u{1b}[0m x\n"
        );
    }
}
