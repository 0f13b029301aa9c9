//! `--capabilities`, who can reach what, and `--suggest-policy`, instead of what a policy objects to.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicUsize;

use hermetic_check::capabilities::{Scope, capabilities};
use hermetic_check::least_policy::least_policy;
use hermetic_check::project;
use hermetic_check::project::program::{self, Looked};
use hermetic_check::render::{capabilities as render, graph, html};
use hermetic_check::source::Source;

use crate::args::{Args, Granularity, Output, OutputFormat};
use crate::engine;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::settings::{Input, Settings};
use crate::{CLEAN, NOT_ANALYSED};

/// Report the capabilities; the exit code.
pub(crate) fn run(args: &Args, outputs: &[Output], settings: &Settings) -> Result<u8, Failure> {
    for output in outputs {
        use OutputFormat::{Concise, Dot, Full, Html, Json, Mermaid};
        if !matches!(output.format, Full | Concise | Json | Html | Dot | Mermaid) {
            return Err(Failure::new(format_args!(
                "{} shows findings and not capabilities; with --capabilities there are full and \
                 concise (the same text), json, html, dot and mermaid",
                output.format.name()
            )));
        }
    }
    let progress = Progress::start(args.output.quiet);
    let finest = outputs.iter().map(|output| match (args.granularity, output.format) {
        (Some(Granularity::Package | Granularity::Module), _) => Scope::Module,
        (_, OutputFormat::Html | OutputFormat::Dot | OutputFormat::Mermaid) => Scope::Module,
        (Some(Granularity::Function), _) | (None, OutputFormat::Json) => Scope::Function,
        (None, _) => Scope::Module,
    });
    let looked = look(settings, "--capabilities", &progress.done);
    progress.stop();
    let looked = looked?;
    let found = capabilities(&looked, finest.max().unwrap_or(Scope::Module));
    let files = Files(looked.files.iter().map(|file| (&*file.path, &*file.source)).collect());
    for output in outputs {
        let granularity = args.granularity.unwrap_or(match output.format {
            OutputFormat::Json => Granularity::Function,
            _ => Granularity::Module,
        });
        let granularity = granularity.into();
        let write = |mut out: &mut dyn std::io::Write| match output.format {
            OutputFormat::Json => render::json(&mut out, &found, granularity),
            OutputFormat::Html => html::write(&mut out, &found, granularity, &files),
            OutputFormat::Dot => graph::dot(&mut out, &found, granularity),
            OutputFormat::Mermaid => graph::mermaid(&mut out, &found, granularity),
            _ => render::text(&mut out, &found, granularity),
        };
        match &output.file {
            Some(file) => output::write_file(file, |out| write(out))
                .map_err(|error| output::unwritable(file, &error))?,
            None => crate::finish(write(&mut output::stdout(false)), CLEAN).map(|_| ())?,
        }
    }
    let whole = found.not_analysed.iter().all(|(_, reason)| reason.accepted);
    Ok(if whole { CLEAN } else { NOT_ANALYSED })
}

/// The files of a program by the paths they are shown under.
struct Files<'l>(BTreeMap<&'l str, &'l Path>);

impl html::Sources for Files<'_> {
    fn source(&self, path: &str) -> Option<Source> {
        project::source_of(self.0.get(path)?)
    }
}

/// Print the least policy; the exit code.
pub(crate) fn suggest(args: &Args, settings: &Settings) -> Result<u8, Failure> {
    let progress = Progress::start(args.output.quiet);
    let looked = look(settings, "--suggest-policy", &progress.done);
    progress.stop();
    let least = least_policy(&looked?);
    let code = if least.not_analysed.is_empty() { CLEAN } else { NOT_ANALYSED };
    let mut out = output::stdout(false);
    crate::finish(out.write_all(least.toml().as_bytes()).and_then(|()| out.flush()), code)
}

/// The program below the settings' paths, joined; `option` wants it.
fn look(settings: &Settings, option: &str, done: &AtomicUsize) -> Result<Looked, Failure> {
    let Input::Paths(_) = &settings.input else {
        let told = format!("{option} needs files and folders, not standard input");
        return Err(Failure::new(told));
    };
    let nearest = &settings.nearest;
    let looked = program::look(&engine::project_settings(settings), done);
    match nearest.failure() {
        Some(failure) => Err(failure),
        None => looked.map_err(Failure::new),
    }
}
