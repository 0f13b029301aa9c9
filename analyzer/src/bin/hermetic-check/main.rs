//! The `hermetic-check` command: arguments, settings, exit codes, progress. What it writes is
//! made by `hermetic_check::render`.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser as _;
use hermetic_check::configuration::Failure;
use hermetic_check::discover;
use hermetic_check::render::{self, TextOptions};
use hermetic_check::report::Report;
use hermetic_check::shard::Shards;
use hermetic_policy::Level;

use crate::args::{Args, Output};
use crate::engine::{Listing, Sources};
use crate::progress::Progress;
use crate::settings::{Input, Settings};

// The package of the wheel has all this one module deeper, and what stands here at its root again.
pub(crate) mod args;
pub(crate) mod baseline;
pub(crate) mod cache;
pub(crate) mod capabilities;
pub(crate) mod diff;
pub(crate) mod engine;
pub(crate) mod environment;
pub(crate) mod fixes;
pub(crate) mod generate;
pub(crate) mod ignores;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod replace;
pub(crate) mod settings;
pub(crate) mod shards;
pub(crate) mod shown;
pub(crate) mod watch;

/// Nothing found.
pub(crate) const CLEAN: u8 = 0;
/// Findings of level warn or error.
pub(crate) const FINDINGS: u8 = 1;
/// Bad usage or configuration, or the output could not be written.
pub(crate) const FAILED: u8 = 2;
/// A file could not be analysed, and that was not accepted.
pub(crate) const NOT_ANALYSED: u8 = 3;

// Half the time of a run goes to the tree of each file; this allocator saves a fifth of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub(crate) fn main() -> ExitCode {
    // A panic inside one file's analysis is caught and told as a finding about that file.
    std::panic::set_hook(Box::new(|_| {}));
    let done = if let Some(args) = diff::arguments() {
        diff::run(&args)
    } else if let Some(args) = shards::arguments() {
        shards::merge(args)
    } else {
        run(&Args::parse())
    };
    let code = done.unwrap_or_else(|failure| {
        // Standard error may be closed; the exit code says it all the same.
        let _ = writeln!(io::stderr(), "{failure}");
        FAILED
    });
    ExitCode::from(code)
}

fn run(args: &Args) -> Result<u8, Failure> {
    if let Some(wanted) = args.generate {
        let mut out = output::stdout(false);
        let written = generate::write(wanted, &mut out).and_then(|()| out.flush());
        return finish(written, CLEAN);
    }
    if let Some(name) = &args.explain {
        let rule = args::rule(name).map_err(Failure::new)?;
        let mut out = output::stdout(false);
        let written = out.write_all(rule.page.as_bytes()).and_then(|()| out.flush());
        return finish(written, CLEAN);
    }
    if args.rules {
        let mut out = output::stdout(false);
        let format = match args.output.outputs().as_slice() {
            [Output { format, file: None }] => format.of_findings().filter(|it| it.is_general()),
            _ => None,
        };
        let Some(format) = format else {
            let told = "--rules is written to standard output, as full, concise, json or jsonl";
            return Err(Failure::new(told));
        };
        let written = render::rules::write(&mut out, format).and_then(|()| out.flush());
        return finish(written, CLEAN);
    }

    if let Some(part) = args.shard.shard {
        return shards::make(args, part);
    }
    if args.watch {
        return watch::run(args);
    }
    run_with(args, None)
}

/// Run, with the first looks at the files where others took them.
pub(crate) fn run_with(args: &Args, shards: Option<Arc<Shards>>) -> Result<u8, Failure> {
    if args.fixes.unsafe_fixes && !(args.fixes.fix || args.fixes.diff) {
        return Err(Failure::new(
            "--unsafe-fixes says which fixes --fix makes; add --fix or --diff",
        ));
    }
    let outputs = args.output.outputs();
    output::check(&outputs, args.output.statistics, args.capabilities)?;
    let mut settings = Settings::resolve(args)?;
    settings.shards = shards;
    run_settled(args, &outputs, settings)
}

/// Run with these settings.
pub(crate) fn run_settled(
    args: &Args,
    outputs: &[Output],
    mut settings: Settings,
) -> Result<u8, Failure> {
    if args.cache.clean {
        return finish(write_lines(&[settings.cache.clean()?]), CLEAN);
    }
    if args.show_settings {
        return finish(write_lines(&shown::lines(&settings)?), CLEAN);
    }
    let listing = match (args.files.show_files, args.files.show_ignored) {
        (true, _) => Some(Listing::Files),
        (_, true) => Some(Listing::Ignored),
        _ => None,
    };
    if let Some(listing) = listing {
        let paths = engine::list(&settings, listing)?;
        return finish(write_lines(&paths), CLEAN);
    }
    if let Input::Stdin { content, .. } = &mut settings.input {
        *content = discover::read_stream(io::stdin().lock());
    }

    if args.capabilities {
        return capabilities::run(args, outputs, &settings);
    }
    if args.suggest_policy {
        return capabilities::suggest(args, &settings);
    }
    let analyse = || {
        let progress = Progress::start(args.output.quiet);
        let report = engine::run(&settings, &progress.done);
        progress.stop();
        report
    };
    let configured = settings.nearest.common().configuration.baseline.as_deref();
    let baseline = baseline::Request::read(&args.accept, configured, &settings.base)?;
    let mut report = analyse()?;
    if let Some(reason) = &args.accept.add_ignores {
        ignores::add(&settings, &report, &reason.clone().unwrap_or_default())?;
        report = analyse()?;
    }
    if args.fixes.fix || args.fixes.diff {
        if let Some(baseline) = &baseline {
            baseline.take_out(&settings, &mut report);
        }
        engine::propose(&settings, &mut report)?;
    }
    if args.fixes.diff {
        let changes = fixes::diff(&settings, &report, args.fixes.unsafe_fixes)?;
        return Ok(match exit_code(&report) {
            NOT_ANALYSED => NOT_ANALYSED,
            _ if changes => FINDINGS,
            _ => CLEAN,
        });
    }
    if args.fixes.fix {
        fixes::make(&settings, &report, args.fixes.unsafe_fixes)?;
        report = analyse()?;
    }
    if let Some(baseline) = baseline {
        baseline.apply(&settings, &mut report)?;
    }
    if args.fixes.fix || args.fixes.show_fixes {
        engine::propose(&settings, &mut report)?;
    }

    let finished = write_outputs(args, outputs, &settings, &report);
    let code = finished.map(|()| exit_code(&report));
    // A process that is about to end need not give a large report back piece by piece.
    std::mem::forget(report);
    code
}

/// Write the report everywhere it is wanted.
fn write_outputs(
    args: &Args,
    outputs: &[Output],
    settings: &Settings,
    report: &Report,
) -> Result<(), Failure> {
    let sources = Sources { settings };
    for Output { format, file } in outputs {
        let format = output::of_findings(*format)?;
        let color = format.is_text() && file.is_none() && output::colored(args.output.color);
        let options = TextOptions {
            color,
            show_undecided: args.output.show_undecided,
            policy_chosen: !settings.nearest.is_open(),
        };
        let how = output::How { format, args: &args.output, options };
        if let Some(file) = file {
            output::write_file(file, |out| output::write_report(out, report, &sources, how))
                .map_err(|error| output::unwritable(file, &error))?;
        } else {
            let mut out = output::stdout(color);
            finish(output::write_report(&mut out, report, &sources, how), CLEAN)?;
        }
    }
    Ok(())
}

/// The exit code a report deserves.
fn exit_code(report: &Report) -> u8 {
    let unaccepted =
        report.files.iter().flat_map(|file| &file.not_analysed).any(|part| !part.accepted);
    let found = report
        .files
        .iter()
        .flat_map(|file| &file.diagnostics)
        .any(|finding| finding.level >= Level::Warn);
    match (unaccepted, found) {
        (true, _) => NOT_ANALYSED,
        (false, true) => FINDINGS,
        (false, false) => CLEAN,
    }
}

fn write_lines(lines: &[String]) -> io::Result<()> {
    let mut out = output::stdout(false);
    for line in lines {
        writeln!(out, "{}", render::escape::Escaped(line))?;
    }
    out.flush()
}

/// Whether nobody reads standard output any more.
pub(crate) static CLOSED: AtomicBool = AtomicBool::new(false);

/// A reader that closed the pipe has seen enough: no message, and the code stays.
pub(crate) fn finish(written: io::Result<()>, code: u8) -> Result<u8, Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format_args!("standard output: {error}")))
        }
        Err(_) => {
            CLOSED.store(true, Ordering::Relaxed);
            Ok(code)
        }
        Ok(()) => Ok(code),
    }
}

#[cfg(test)]
mod tests {
    use hermetic_check::diagnostic::{Diagnostic, FixState, RuleRef, Ruling, Span};
    use hermetic_check::report::{FileReport, NotAnalysed};
    use hermetic_policy::rules;

    use super::*;

    fn report(level: Option<Level>, accepted: Option<bool>) -> Report {
        let rule = RuleRef(rules::find("network-connect").expect("a rule of this name"));
        let diagnostics = level.map(|level| Diagnostic {
            rule,
            level,
            ruling: Ruling::Deny,
            span: Span::default(),
            message: String::new(),
            why: String::new(),
            remedy: String::new(),
            target: String::new(),
            related: Vec::new(),
            fingerprint: None,
            fix: FixState::None,
        });
        let part = |accepted| NotAnalysed { reason: "encoding", detail: String::new(), accepted };
        let file = FileReport {
            diagnostics: diagnostics.into_iter().collect(),
            not_analysed: accepted.map(part).into_iter().collect(),
            ..FileReport::default()
        };
        Report { files: vec![file], ..Report::default() }
    }

    #[test]
    fn exit_codes() {
        for (level, accepted, code) in [
            (None, None, CLEAN),
            (Some(Level::Off), None, CLEAN),
            (Some(Level::Info), None, CLEAN),
            (Some(Level::Warn), None, FINDINGS),
            (Some(Level::Error), None, FINDINGS),
            (Some(Level::Error), Some(true), FINDINGS),
            (Some(Level::Info), Some(true), CLEAN),
            (Some(Level::Error), Some(false), NOT_ANALYSED),
            (None, Some(false), NOT_ANALYSED),
        ] {
            assert_eq!(exit_code(&report(level, accepted)), code, "{level:?} {accepted:?}");
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is() {
        assert_eq!(finish(Err(io::ErrorKind::BrokenPipe.into()), FINDINGS), Ok(FINDINGS));
        assert!(finish(Err(io::ErrorKind::StorageFull.into()), CLEAN).is_err());
    }
}
