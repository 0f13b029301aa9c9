//! What is wrong with a configuration, or with how a run was asked for.

use std::fmt;
use std::path::{Path, PathBuf};

use hermetic_policy::config::Place;

use crate::render::escape::Escaped;

/// What to say before giving up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `path` or `path:row:column` of a configuration file that is to blame.
    place: Option<String>,
    /// Lower case, no full stop.
    message: String,
    /// The configuration file, and the place in it, as far as they are known.
    file: Option<(PathBuf, Option<Place>)>,
}

impl Failure {
    /// Something is wrong with how the command was called, or with its surroundings.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { place: None, message: message.to_string(), file: None }
    }

    /// Something is wrong with a file.
    pub fn at(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { place: Some(place.to_string()), message: message.to_string(), file: None }
    }

    /// The same, and which file it is about.
    pub fn in_file(mut self, file: &Path, place: Option<Place>) -> Self {
        self.file.get_or_insert_with(|| (file.to_owned(), place));
        self
    }

    /// The configuration file that is to blame, and where.
    pub fn file(&self) -> Option<(&Path, Option<Place>)> {
        self.file.as_ref().map(|(file, place)| (file.as_path(), *place))
    }

    /// What is wrong: lower case, no full stop.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.as_deref().unwrap_or("error");
        write!(f, "{}: {}", Escaped(place), Escaped(&self.message))
    }
}
