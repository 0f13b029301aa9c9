//! Bad usage or configuration: a message and exit code 2.

use std::fmt;

/// What to say before giving up: lower case, no full stop.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self(message.to_string())
    }
}
