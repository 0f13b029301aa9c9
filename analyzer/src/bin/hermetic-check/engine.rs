//! Where the command line meets the analyzer: settings in, report out.

use std::borrow::Cow;
use std::sync::atomic::AtomicUsize;

use hermetic_check::render::SourceProvider;
use hermetic_check::report::{FileReport, Report};

use crate::settings::Settings;

/// A list of files to show instead of analysing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Those that would be analysed.
    Files,
    /// Those passed over because of `.gitignore` and kin or excludes.
    Ignored,
}

/// Analyse. `done` is raised by one for every finished file.
pub(crate) fn run(_settings: &Settings, _done: &AtomicUsize) -> Report {
    Report::default()
}

/// The paths of a listing, sorted, as reports spell them.
pub(crate) fn list(_settings: &Settings, _listing: Listing) -> Vec<String> {
    Vec::new()
}

/// Source text for excerpts.
pub(crate) struct Sources<'s> {
    pub(crate) settings: &'s Settings,
}

impl SourceProvider for Sources<'_> {
    fn text(&self, _file: &FileReport) -> Option<Cow<'_, str>> {
        None
    }
}
