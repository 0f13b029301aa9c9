//! `--capabilities`: who can reach what, instead of what a policy objects to.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hermetic_check::capabilities::{Capabilities, Scope, capabilities};
use hermetic_check::discover::is_archive;
use hermetic_check::judge::Judgement;
use hermetic_check::project::{self, PerFile, program};
use hermetic_check::render::capabilities as render;

use crate::args::{Args, Granularity, Output, OutputFormat};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::settings::{Input, Settings};
use crate::{CLEAN, NOT_ANALYSED};
use crate::{engine, environment};

/// Report the capabilities; the exit code.
pub(crate) fn run(args: &Args, outputs: &[Output], settings: &Settings) -> Result<u8, Failure> {
    for output in outputs {
        if !matches!(output.format, OutputFormat::Full | OutputFormat::Concise | OutputFormat::Json)
        {
            let told = "--capabilities is written as text (full, concise) or json";
            return Err(Failure::new(told));
        }
    }
    let dependencies = match args.with_dependencies {
        true => Some(dependencies(args, settings)?),
        false => None,
    };
    let progress = Progress::start(args.output.quiet);
    let finest = outputs.iter().map(|output| match (args.granularity, output.format) {
        (Some(Granularity::Package | Granularity::Module), _) => Scope::Module,
        (Some(Granularity::Function), _) | (None, OutputFormat::Json) => Scope::Function,
        (None, _) => Scope::Module,
    });
    let found = find(settings, finest.max().unwrap_or(Scope::Module), dependencies, &progress.done);
    progress.stop();
    let found = found?;
    for output in outputs {
        let write = |mut out: &mut dyn std::io::Write| {
            if output.format == OutputFormat::Json {
                let granularity = args.granularity.unwrap_or(Granularity::Function);
                render::json(&mut out, &found, granularity.into())
            } else {
                let granularity = args.granularity.unwrap_or(Granularity::Module);
                render::text(&mut out, &found, granularity.into())
            }
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

/// Where the program's dependencies are: archives beside folders, and an environment.
fn dependencies(args: &Args, settings: &Settings) -> Result<Vec<PathBuf>, Failure> {
    let Input::Paths(paths) = &settings.input else { return Ok(Vec::new()) };
    let (archives, projects): (Vec<PathBuf>, Vec<PathBuf>) =
        paths.iter().cloned().partition(|path| is_archive(path) && path.is_file());
    let own = if projects.is_empty() { &archives } else { &projects };
    let found = environment::find(args.python.as_deref(), own)?;
    let mut places = if projects.is_empty() { Vec::new() } else { archives };
    match found {
        Some(folders) => places.extend(folders),
        None if places.is_empty() => return Err(environment::missing()),
        None => {}
    }
    Ok(places)
}

/// What the program below the settings' paths can reach.
pub(crate) fn find(
    settings: &Settings,
    finest: Scope,
    dependencies: Option<Vec<PathBuf>>,
    done: &AtomicUsize,
) -> Result<Capabilities, Failure> {
    let Input::Paths(_) = &settings.input else {
        return Err(Failure::new("--capabilities needs files and folders, not standard input"));
    };
    let nearest = &settings.nearest;
    let mut discover = engine::discover_options(settings);
    if let Some(places) = &dependencies {
        discover.roots.retain(|root| !places.contains(root));
    }
    let looked = program::look(
        &project::Settings {
            discover,
            base: settings.base.clone(),
            judgement: Judgement::clone(&nearest.common().judgement),
            per_file: Some(Arc::clone(nearest) as Arc<dyn PerFile>),
            threads: settings.threads,
            cache: None,
            dependencies,
        },
        done,
    );
    match nearest.failure() {
        Some(failure) => Err(failure),
        None => Ok(capabilities(&looked.map_err(Failure::new)?, finest)),
    }
}
