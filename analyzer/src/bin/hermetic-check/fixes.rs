//! `--fix` and `--diff`: fixes written into the files, or shown.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use hermetic_check::diagnostic::FixState;
use hermetic_check::discover;
use hermetic_check::fix::Safety;
use hermetic_check::project::fixes::{self, Fixed};
use hermetic_check::render::escape::Escaped;
use hermetic_check::report::{FileReport, Report};
use similar::TextDiff;

use crate::output;
use crate::replace::replace;
use crate::settings::{Input, Settings};
use hermetic_check::configuration::Failure;

/// Lines of a file shown around what changes.
const CONTEXT: usize = 3;

/// Make the fixes in the files, and tell what was done.
pub(crate) fn make(settings: &Settings, report: &Report, unsafe_too: bool) -> Result<(), Failure> {
    if let Input::Stdin { .. } = settings.input {
        return Err(Failure::new(
            "--fix writes into files: standard input is none; --diff shows what it would do",
        ));
    }
    let mut told = Told::default();
    let done = told.each(settings, report, unsafe_too, |file, path, bytes, fixed| {
        replace(path, Some(bytes), &fixed.bytes)
            .map_err(|error| Failure::at(&file.path, format_args!("not written: {error}")))
    });
    // What is written before one fails is told all the same.
    told.write("fixed", report, unsafe_too);
    done
}

/// Print what fixes would change; whether anything.
pub(crate) fn diff(
    settings: &Settings,
    report: &Report,
    unsafe_too: bool,
) -> Result<bool, Failure> {
    let mut told = Told { quiet: true, ..Told::default() };
    let mut out = output::stdout(false);
    told.each(settings, report, unsafe_too, |file, _, _, fixed| {
        write_diff(&mut out, file, fixed).map_err(|error| failed(&error))
    })?;
    out.flush().map_err(|error| failed(&error))?;
    drop(out);
    told.write("would fix", report, unsafe_too);
    Ok(told.files > 0)
}

fn failed(error: &io::Error) -> Failure {
    Failure::new(format_args!("standard output: {error}"))
}

/// A unified diff. Hidden characters are escaped, so that nothing of a file acts on a terminal; a
/// line that has some cannot be applied from it.
fn write_diff(out: &mut impl Write, file: &FileReport, fixed: &Fixed) -> io::Result<()> {
    let written = (|| -> io::Result<()> {
        writeln!(out, "--- {}\n+++ {}", Escaped(&file.path), Escaped(&file.path))?;
        let diff = TextDiff::from_lines(&fixed.before, &fixed.after);
        for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
            writeln!(out, "{}", hunk.header())?;
            for change in hunk.iter_changes() {
                let line: &str = change.value();
                let content = line.trim_end_matches(['\n', '\r']);
                let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
                write!(out, "{}", change.tag())?;
                for (index, piece) in content.split('\t').enumerate() {
                    let tab = if index == 0 { "" } else { "\t" };
                    write!(out, "{tab}{}", Escaped(piece))?;
                }
                write!(out, "{end}")?;
                if content.len() == line.len() {
                    writeln!(out, "\\ No newline at end of file")?;
                }
            }
        }
        Ok(())
    })();
    match written {
        // A reader that closed the pipe has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// What was done, for standard error.
#[derive(Debug, Default)]
struct Told {
    lines: Vec<String>,
    findings: u64,
    files: u64,
    /// Do not name each file.
    quiet: bool,
}

impl Told {
    /// Work the fixes of each file out, and hand them on.
    fn each(
        &mut self,
        settings: &Settings,
        report: &Report,
        unsafe_too: bool,
        mut take: impl FnMut(&FileReport, &Path, &[u8], &Fixed) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for file in &report.files {
            let read = match (&file.source, &settings.input) {
                (Some(path), _) => discover::read(path).ok().map(|bytes| (path.clone(), bytes)),
                (None, Input::Stdin { name, content }) => {
                    content.as_ref().ok().map(|bytes| (name.clone(), bytes.clone()))
                }
                (None, Input::Paths(_)) => None,
            };
            let Some((path, bytes)) = read else { continue };
            let judgement = settings.judgement(&path)?;
            let fixed = fixes::fix(&judgement, &path, &bytes, file, unsafe_too);
            match fixed.map_err(Failure::new)? {
                None => {}
                Some(Ok(fixed)) => {
                    take(file, &path, &bytes, &fixed)?;
                    self.findings += fixed.findings;
                    self.files += 1;
                    if !self.quiet {
                        self.lines.push(format!("{}: {}", file.path, findings(fixed.findings)));
                    }
                }
                Some(Err(why)) => self.lines.push(format!("{}: not fixed: {why}", file.path)),
            }
        }
        Ok(())
    }

    fn write(&self, done: &str, report: &Report, unsafe_too: bool) {
        let files = if self.files == 1 { "file" } else { "files" };
        let mut closing = format!("{done} {} in {} {files}", findings(self.findings), self.files);
        let (mut risky, mut refused) = (0, 0);
        for finding in report.files.iter().flat_map(|file| &file.diagnostics) {
            match &finding.fix {
                FixState::None | FixState::Perhaps => {}
                FixState::Refused(_) => refused += 1,
                FixState::Ready(fix) => risky += u64::from(fix.safety != Safety::Safe),
            }
        }
        if risky > 0 && !unsafe_too {
            let _ = write!(closing, "; --unsafe-fixes for {}", more(risky, self.findings));
        }
        if refused > 0 {
            let _ = write!(closing, "; {refused} cannot be fixed");
        }
        let mut out = io::stderr().lock();
        for line in self.lines.iter().chain([&closing]) {
            // Whether or not anybody reads it, the files are written.
            let _ = writeln!(out, "{}", Escaped(line));
        }
    }
}

fn more(count: u64, before: u64) -> String {
    if before > 0 { format!("{count} more") } else { findings(count) }
}

fn findings(count: u64) -> String {
    format!("{count} {}", if count == 1 { "finding" } else { "findings" })
}
