//! Bad usage or configuration: a message and exit code 2.

use std::fmt;

use hermetic_check::render::escape::Escaped;

/// What to say before giving up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `path` or `path:row:column` of a configuration file that is to blame.
    place: Option<String>,
    /// Lower case, no full stop.
    message: String,
}

impl Failure {
    /// Something is wrong with how the command was called, or with its surroundings.
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self { place: None, message: message.to_string() }
    }

    /// Something is wrong with a file.
    pub(crate) fn at(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { place: Some(place.to_string()), message: message.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.as_deref().unwrap_or("error");
        write!(f, "{}: {}", Escaped(place), Escaped(&self.message))
    }
}
