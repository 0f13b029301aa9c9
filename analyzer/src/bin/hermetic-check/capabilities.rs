//! `--capabilities`: who can reach what, instead of what a policy objects to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hermetic_check::capabilities::{Capabilities, Scope, capabilities};
use hermetic_check::judge::Judgement;
use hermetic_check::project::{self, PerFile, program};
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
    let found = find(settings, finest.max().unwrap_or(Scope::Module), &progress.done);
    progress.stop();
    let (found, files) = found?;
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
struct Files(BTreeMap<String, PathBuf>);

impl html::Sources for Files {
    fn source(&self, path: &str) -> Option<Source> {
        project::source_of(self.0.get(path)?)
    }
}

/// What the program below the settings' paths can reach, and its files.
fn find(
    settings: &Settings,
    finest: Scope,
    done: &AtomicUsize,
) -> Result<(Capabilities, Files), Failure> {
    let Input::Paths(_) = &settings.input else {
        return Err(Failure::new("--capabilities needs files and folders, not standard input"));
    };
    let nearest = &settings.nearest;
    let looked = program::look(
        &project::Settings {
            discover: engine::discover_options(settings),
            base: settings.base.clone(),
            judgement: Judgement::clone(&nearest.common().judgement),
            per_file: Some(Arc::clone(nearest) as Arc<dyn PerFile>),
            threads: settings.threads,
        },
        done,
    );
    match nearest.failure() {
        Some(failure) => Err(failure),
        None => {
            let looked = looked.map_err(Failure::new)?;
            let found = capabilities(&looked, finest);
            let files = looked.files.into_iter().map(|file| (file.path, file.source));
            Ok((found, Files(files.collect())))
        }
    }
}
