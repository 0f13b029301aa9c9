//! The analyzer. (Essay to come.)
#![forbid(unsafe_code)]

pub mod diagnostic;
pub mod discover;
pub mod report;
pub mod source;
