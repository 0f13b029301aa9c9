//! The closing lines of the text formats: what was found, what was not told, and what to do next.

use std::io::{self, Write};

use hermetic_policy::Level;

use super::escape::grouped;
use super::text::Styles;
use super::{TextOptions, findings};
use crate::diagnostic::{FixState, Ruling};
use crate::fix::Safety;
use crate::report::{Report, Summary};

/// Write the closing lines. Errors are the writer's.
pub fn write(out: &mut impl Write, report: &Report, options: TextOptions) -> io::Result<()> {
    let summary = &report.summary;
    let strong = Styles::new(options.color).strong;
    let (mut errors, mut warnings, mut infos) = (0, 0, 0);
    for (_, finding) in findings(report).filter(|(_, finding)| options.lists(finding)) {
        match finding.level {
            Level::Error => errors += 1,
            Level::Warn => warnings += 1,
            Level::Info => infos += 1,
            Level::Off => {}
        }
    }
    let problems = errors + warnings;
    if summary.files == 0 && report.files.is_empty() {
        // Not "no problems": nothing was looked at.
        writeln!(out, "{strong}Found no Python files{strong:#}")?;
        return write_passed_over(out, summary);
    }
    if problems == 0 {
        write!(out, "{strong}Found no problems{strong:#}")?;
    } else {
        write!(
            out,
            "{strong}Found {}{strong:#} ({}, {})",
            counted(problems, "problem", "problems"),
            counted(errors, "error", "errors"),
            counted(warnings, "warning", "warnings")
        )?;
    }
    write!(
        out,
        " in {}, {}",
        counted(summary.files, "file", "files"),
        counted(summary.lines, "line", "lines")
    )?;
    if infos > 0 {
        write!(out, "; {} of level info", counted(infos, "finding", "findings"))?;
    }
    out.write_all(b"\n")?;

    write_fixes(out, report, options)?;
    if summary.undecided > 0 {
        let acts = counted(summary.undecided, "act", "acts");
        let listed = findings(report)
            .any(|(_, finding)| finding.ruling == Ruling::Undecided && options.lists(finding));
        let how = if listed { "" } else { "; --show-undecided lists them" };
        writeln!(out, "{acts} could not be decided statically{how}")?;
    }
    if summary.suppressed > 0 {
        let findings = counted(summary.suppressed, "finding", "findings");
        writeln!(out, "{findings} suppressed by comments or configuration")?;
    }
    if summary.baselined > 0 {
        let findings = counted(summary.baselined, "finding", "findings");
        writeln!(out, "{findings} listed in the baseline")?;
    }
    if summary.stale > 0 {
        let (findings, verb) = match summary.stale {
            1 => ("finding", "is"),
            _ => ("findings", "are"),
        };
        let count = grouped(summary.stale);
        writeln!(
            out,
            "{count} {findings} of the baseline {verb} gone; --prune-baseline takes what is gone off it"
        )?;
    }
    write_not_analysed(out, report)?;
    write_passed_over(out, summary)?;
    if !options.policy_chosen && !summary.used.is_empty() {
        out.write_all(b"uses ")?;
        for (at, capability) in summary.used.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(out, "{comma}{}", capability.name())?;
        }
        out.write_all(b"; choose a policy with --profile or the flags\n")?;
    }
    Ok(())
}

/// How many findings can be fixed, or may be.
fn write_fixes(out: &mut impl Write, report: &Report, options: TextOptions) -> io::Result<()> {
    let (mut perhaps, mut safe, mut risky) = (0, 0, 0);
    for (_, finding) in findings(report).filter(|(_, finding)| options.lists(finding)) {
        match &finding.fix {
            FixState::None | FixState::Refused(_) => {}
            FixState::Perhaps => perhaps += 1,
            FixState::Ready(fix) if fix.safety == Safety::Safe => safe += 1,
            FixState::Ready(_) => risky += 1,
        }
    }
    if perhaps > 0 {
        let findings = counted(perhaps, "finding", "findings");
        writeln!(out, "{findings} may be fixable; --show-fixes tells")?;
    }
    let count = |count| counted(count, "finding", "findings");
    match (safe, risky) {
        (0, 0) => Ok(()),
        (safe, 0) => writeln!(out, "[*] --fix fixes {}", count(safe)),
        (0, risky) => writeln!(out, "[*] --fix --unsafe-fixes fixes {}", count(risky)),
        (safe, risky) => writeln!(
            out,
            "[*] --fix fixes {}, and {} more with --unsafe-fixes",
            count(safe),
            grouped(risky)
        ),
    }
}

fn write_not_analysed(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let (mut files, mut accepted) = (0, 0);
    for file in report.files.iter().filter(|file| !file.not_analysed.is_empty()) {
        files += 1;
        accepted += u64::from(file.not_analysed.iter().all(|part| part.accepted));
    }
    if files == 0 {
        return Ok(());
    }
    let verb = if files == 1 { "was" } else { "were" };
    write!(out, "{} {verb} not analysed in whole", counted(files, "file", "files"))?;
    match accepted {
        0 => {}
        all if all == files => write!(out, ", as accepted")?,
        some => write!(out, ", {} of them accepted", grouped(some))?,
    }
    out.write_all(b"\n")
}

fn write_passed_over(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let (ignored, excluded) = (summary.ignored, summary.excluded);
    let mut parts = Vec::new();
    if ignored > 0 {
        parts.push(format!("{} ignored by .gitignore and kin", counted(ignored, "file", "files")));
    }
    if excluded > 0 {
        parts
            .push(format!("{} excluded", counted(excluded, "file or folder", "files and folders")));
    }
    if !parts.is_empty() {
        writeln!(out, "{}; --show-ignored lists them", parts.join(", "))?;
    }
    if summary.stubs > 0 {
        let stubs = counted(summary.stubs, "stub file", "stub files");
        writeln!(out, "{stubs} (.pyi) not analysed: stubs never run")?;
    }
    Ok(())
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use hermetic_policy::Capability;

    use super::*;
    use crate::render::fixture::{self, finding, report};

    fn closing(report: &Report, options: TextOptions) -> String {
        fixture::text(|out| write(out, report, options))
    }

    const CHOSEN: TextOptions =
        TextOptions { color: false, show_undecided: false, policy_chosen: true };

    #[test]
    fn problems_are_counted_by_level() {
        let mut report = report(
            "a.py",
            vec![
                finding("a").at(1, 1),
                finding("b").at(2, 1).level(Level::Warn),
                finding("c").at(3, 1).level(Level::Warn),
                finding("d").at(4, 1).level(Level::Info),
            ],
        );
        report.summary.files = 240;
        report.summary.lines = 81_220;
        assert_eq!(
            closing(&report, CHOSEN),
            "Found 3 problems (1 error, 2 warnings) in 240 files, 81,220 lines; \
             1 finding of level info\n"
        );
    }

    #[test]
    fn fixes_are_counted() {
        let with = |risks: &[Option<&str>]| {
            let found = risks.iter().map(|risk| finding("x").at(1, 1).fixable(*risk)).collect();
            let shown = closing(&report("a.py", found), CHOSEN);
            shown.lines().nth(1).unwrap_or_default().to_owned()
        };
        assert_eq!(with(&[None]), "[*] --fix fixes 1 finding");
        assert_eq!(with(&[Some("w")]), "[*] --fix --unsafe-fixes fixes 1 finding");
        let both = with(&[None, Some("w"), None]);
        assert_eq!(both, "[*] --fix fixes 2 findings, and 1 more with --unsafe-fixes");
        let mut perhaps = finding("x").at(1, 1);
        perhaps.fix = FixState::Perhaps;
        let shown = closing(&report("a.py", vec![perhaps]), CHOSEN);
        assert!(shown.ends_with("\n1 finding may be fixable; --show-fixes tells\n"), "{shown}");
    }

    #[test]
    fn nothing_found() {
        assert_eq!(
            closing(&report("a.py", vec![]), CHOSEN),
            "Found no problems in 1 file, 10 lines\n"
        );
    }

    #[test]
    fn nothing_looked_at_is_not_a_clean_bill() {
        let mut report = Report::default();
        report.summary.excluded = 2;
        assert_eq!(
            closing(&report, CHOSEN),
            "Found no Python files\n2 files and folders excluded; --show-ignored lists them\n"
        );
    }

    #[test]
    fn undecided_acts_are_counted_and_how_to_list_them_is_told() {
        let report = report("a.py", vec![finding("a").at(1, 1).level(Level::Info).undecided()]);
        assert_eq!(
            closing(&report, CHOSEN),
            "Found no problems in 1 file, 10 lines\n\
             1 act could not be decided statically; --show-undecided lists them\n"
        );
        assert_eq!(
            closing(&report, TextOptions { show_undecided: true, ..CHOSEN }),
            "Found no problems in 1 file, 10 lines; 1 finding of level info\n\
             1 act could not be decided statically\n"
        );
    }

    #[test]
    fn what_is_used_is_told_only_without_a_policy() {
        let mut report = report("a.py", vec![]);
        report.summary.used = vec![Capability::Network, Capability::DynamicCode];
        let without = closing(&report, TextOptions { policy_chosen: false, ..CHOSEN });
        assert!(
            without.ends_with(
                "\nuses network, dynamic-code; choose a policy with --profile or the flags\n"
            ),
            "{without}"
        );
        assert!(!closing(&report, CHOSEN).contains("uses"));
    }

    #[test]
    fn nothing_is_passed_over_in_silence() {
        let mut report = report("a.py", vec![]);
        report.summary.ignored = 14;
        report.summary.excluded = 1;
        fixture::not_analysed(&mut report, "encoding", "utf-16", true);
        let mut shown = closing(&report, CHOSEN);
        assert!(shown.contains("\n1 file was not analysed in whole, as accepted\n"), "{shown}");
        assert!(
            shown.ends_with(
                "\n14 files ignored by .gitignore and kin, 1 file or folder excluded; \
                 --show-ignored lists them\n"
            ),
            "{shown}"
        );
        fixture::not_analysed(&mut report, "syntax-error", "line 3", false);
        shown = closing(&report, CHOSEN);
        assert!(shown.contains("\n1 file was not analysed in whole\n"), "{shown}");
    }
}
