//! `--capabilities`, who can reach what, and `--suggest-policy`, instead of what a policy objects to.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

use hermetic_check::capabilities::{Capabilities, Scope, capabilities};
use hermetic_check::discover::is_archive;
use hermetic_check::least_policy::{self, least_policy};
use hermetic_check::project;
use hermetic_check::project::program::{self, Looked, ProgramFile};
use hermetic_check::render::{capabilities as render, graph, html};
use hermetic_check::source::Source;

use crate::args::{Args, Granularity, Output, OutputFormat};
use crate::output;
use crate::progress::Progress;
use crate::settings::{Input, Settings};
use crate::{CLEAN, NOT_ANALYSED};
use crate::{engine, environment};
use hermetic_check::configuration::Failure;

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
    let dependencies = args.with_dependencies.then(|| dependencies(args, settings)).transpose()?;
    let progress = Progress::start(args.output.quiet);
    let finest = outputs.iter().map(|output| match (args.granularity, output.format) {
        (Some(Granularity::Package | Granularity::Module), _) => Scope::Module,
        (_, OutputFormat::Html | OutputFormat::Dot | OutputFormat::Mermaid) => Scope::Module,
        (Some(Granularity::Function), _) | (None, OutputFormat::Json) => Scope::Function,
        (None, _) => Scope::Module,
    });
    let looked = look(settings, "--capabilities", dependencies, &progress.done);
    progress.stop();
    let looked = looked?;
    let found = capabilities(&looked, finest.max().unwrap_or(Scope::Module));
    let files = Files(looked.files.iter().map(|file| (&*file.path, file)).collect());
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
struct Files<'l>(BTreeMap<&'l str, &'l ProgramFile>);

impl html::Sources for Files<'_> {
    fn source(&self, path: &str) -> Option<Source> {
        let file = self.0.get(path)?;
        project::source_of(&file.source, file.member.as_ref())
    }
}

/// Print the least policy; the exit code.
pub(crate) fn suggest(args: &Args, settings: &Settings) -> Result<u8, Failure> {
    let progress = Progress::start(args.output.quiet);
    let looked = look(settings, "--suggest-policy", None, &progress.done);
    progress.stop();
    let least = least_policy(&looked?);
    let code = if least.notes.is_empty() { CLEAN } else { NOT_ANALYSED };
    let mut out = output::stdout(false);
    crate::finish(
        out.write_all(least_policy::toml(&least).as_bytes()).and_then(|()| out.flush()),
        code,
    )
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
    done: &AtomicUsize,
) -> Result<Capabilities, Failure> {
    Ok(capabilities(&look(settings, "diff", None, done)?, finest))
}

/// The program below the settings' paths, joined; `option` wants it.
fn look(
    settings: &Settings,
    option: &str,
    dependencies: Option<Vec<PathBuf>>,
    done: &AtomicUsize,
) -> Result<Looked, Failure> {
    let Input::Paths(_) = &settings.input else {
        let told = format!("{option} needs files and folders, not standard input");
        return Err(Failure::new(told));
    };
    let nearest = &settings.nearest;
    let mut with = engine::project_settings(settings);
    if let Some(places) = &dependencies {
        with.discover.roots.retain(|root| !places.contains(root));
    }
    with.dependencies = dependencies;
    let looked = program::look(&with, done);
    match nearest.failure() {
        Some(failure) => Err(failure),
        None => looked.map_err(Failure::new),
    }
}
