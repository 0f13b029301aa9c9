//! The analyzer. (Essay to come.)
#![forbid(unsafe_code)]

mod detect;
pub mod diagnostic;
pub mod discover;
pub mod judge;
pub mod project;
pub mod render;
pub mod report;
pub mod resolve;
pub mod source;
pub mod summary;
pub mod syntax;
