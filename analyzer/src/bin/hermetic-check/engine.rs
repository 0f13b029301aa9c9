//! Where the command line meets the analyzer: settings in, report out.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hermetic_check::discover::{DiscoverOptions, discover, display, kind_of};
use hermetic_check::judge::Judgement;
use hermetic_check::project::{self, PerFile, fixes};
use hermetic_check::render::SourceProvider;
use hermetic_check::report::{FileReport, Report};
use hermetic_check::source::{FileKind, Source, decode};

use crate::settings::{Input, Settings};
use hermetic_check::configuration::Failure;

/// A list of files to show instead of analysing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Those that would be analysed.
    Files,
    /// Those passed over because of `.gitignore` and kin or excludes.
    Ignored,
}

/// Analyse. `done` is raised by one for every finished file.
pub(crate) fn run(settings: &Settings, done: &AtomicUsize) -> Result<Report, Failure> {
    let nearest = &settings.nearest;
    let report = match &settings.input {
        Input::Paths(_) => {
            let cache = settings.cache.open();
            let with = project::Settings { cache: cache.clone(), ..project_settings(settings) };
            let report = project::check(&with, done);
            if let Some(trouble) = cache.and_then(|cache| cache.trouble()) {
                settings.cache.warn(&trouble);
            }
            report
        }
        Input::Stdin { name, content } => {
            let applies = nearest.of(name);
            let judgement = applies.judgement(&nearest.common().judgement);
            let shown = display(name, Some(&settings.base));
            let kind = stdin_kind(name);
            project::check_bytes(judgement, &applies.ignored, &shown, content.clone(), kind)
        }
    };
    match nearest.failure() {
        Some(failure) => Err(failure),
        None => report.map_err(Failure::new),
    }
}

/// Give the report's findings their fixes, as far as there are any.
pub(crate) fn propose(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let proposed = match &settings.input {
        Input::Paths(_) => fixes::propose(&project_settings(settings), report),
        Input::Stdin { name, content } => {
            let Ok(content) = content else { return Ok(()) };
            let judgement = settings.judgement(name)?;
            fixes::propose_in(&judgement, name, content, report)
        }
    };
    proposed.map_err(Failure::new)
}

pub(crate) fn project_settings(settings: &Settings) -> project::Settings {
    let nearest = &settings.nearest;
    project::Settings {
        open: std::collections::BTreeMap::new(),
        discover: discover_options(settings),
        base: settings.base.clone(),
        judgement: Judgement::clone(&nearest.common().judgement),
        per_file: Some(Arc::clone(nearest) as Arc<dyn PerFile>),
        threads: settings.threads,
        cache: None,
        shards: settings.shards.clone(),
        dependencies: None,
        looks_again: settings.adds_ignores,
    }
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
    let excluded = |path: &Path| settings.nearest.of(path).excluded;
    let show = |path: &Path| display(path, Some(&settings.base));
    let mut paths: Vec<String> = match listing {
        Listing::Files => {
            let files = found.files.iter().filter(|file| !excluded(file.on_disk()));
            files.map(|file| show(&file.path)).collect()
        }
        Listing::Ignored => {
            let left_out = found.files.iter().map(|file| &file.path).filter(|path| excluded(path));
            found.ignored.iter().chain(&found.excluded).chain(left_out).map(|p| show(p)).collect()
        }
    };
    if let Some(failure) = settings.nearest.failure() {
        return Err(failure);
    }
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
            (Some(path), _) => project::source_of(path, file.member.as_ref())?,
            (None, Input::Stdin { name, content }) => {
                decode(content.clone().ok()?, stdin_kind(name)).ok()?
            }
            (None, Input::Paths(_)) => return None,
        };
        Some(Cow::Owned(source.into_text()))
    }
}

pub(crate) fn discover_options(settings: &Settings) -> DiscoverOptions {
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
