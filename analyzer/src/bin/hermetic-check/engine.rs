//! Where the command line meets the analyzer: settings in, report out.

use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::AtomicUsize;

use hermetic_check::discover::{DiscoverOptions, discover, display, kind_of};
use hermetic_check::judge::Judgement;
use hermetic_check::project;
use hermetic_check::render::SourceProvider;
use hermetic_check::report::{FileReport, Report};
use hermetic_check::source::{FileKind, Source, decode};

use crate::failure::Failure;
use crate::settings::{Input, Settings};

/// A list of files to show instead of analysing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Those that would be analysed.
    Files,
    /// Those passed over because of `.gitignore` and kin or excludes.
    Ignored,
}

/// What is denied, and how loudly it is told.
pub(crate) fn judgement(settings: &Settings) -> Judgement {
    Judgement {
        policy: settings.policy.clone(),
        levels: settings.levels.clone(),
        undecided: settings.undecided,
        fingerprints: settings.fingerprints,
        ..Judgement::default()
    }
}

/// Analyse. `done` is raised by one for every finished file.
pub(crate) fn run(settings: &Settings, done: &AtomicUsize) -> Result<Report, Failure> {
    let judgement = judgement(settings);
    let report = match &settings.input {
        Input::Paths(_) => {
            let discover = discover_options(settings);
            let (base, threads) = (settings.base.clone(), settings.threads);
            project::check(&project::Settings { discover, base, judgement, threads }, done)
        }
        Input::Stdin { name, content } => {
            let shown = display(name, Some(&settings.base));
            project::check_bytes(&judgement, &shown, content.clone(), stdin_kind(name))
        }
    };
    report.map_err(Failure::new)
}

/// The paths of a listing, sorted, as reports spell them.
pub(crate) fn list(settings: &Settings, listing: Listing) -> Result<Vec<String>, Failure> {
    if let Input::Stdin { name, .. } = &settings.input {
        return Ok(match listing {
            Listing::Files => vec![display(name, Some(&settings.base))],
            Listing::Ignored => Vec::new(),
        });
    }
    let found = discover(&discover_options(settings)).map_err(Failure::new)?;
    let show = |path: &Path| display(path, Some(&settings.base));
    let mut paths: Vec<String> = match listing {
        Listing::Files => found.files.iter().map(|file| show(&file.path)).collect(),
        Listing::Ignored => {
            found.ignored.iter().chain(&found.excluded).map(|path| show(path)).collect()
        }
    };
    paths.sort();
    Ok(paths)
}

/// Source text for excerpts.
pub(crate) struct Sources<'s> {
    pub(crate) settings: &'s Settings,
}

impl SourceProvider for Sources<'_> {
    fn text(&self, file: &FileReport) -> Option<Cow<'_, str>> {
        let source: Source = match (&file.source, &self.settings.input) {
            (Some(path), _) => project::source_of(path)?,
            (None, Input::Stdin { name, content }) => {
                decode(content.clone().ok()?, stdin_kind(name)).ok()?
            }
            (None, Input::Paths(_)) => return None,
        };
        Some(Cow::Owned(source.into_text()))
    }
}

fn discover_options(settings: &Settings) -> DiscoverOptions {
    let roots = match &settings.input {
        Input::Paths(paths) => paths.clone(),
        Input::Stdin { .. } => Vec::new(),
    };
    DiscoverOptions {
        roots,
        ignore_files: settings.respect_ignore,
        exclude: settings.exclude.clone(),
        extend_exclude: settings.extend_exclude.clone(),
        list_excluded: false,
    }
}

fn stdin_kind(name: &Path) -> FileKind {
    match kind_of(name) {
        Some(kind) => kind,
        None => FileKind::Script,
    }
}
