//! The analyzer. (Essay to come.)
#![forbid(unsafe_code)]

mod detect;
pub mod diagnostic;
pub mod judge;
pub mod render;
pub mod report;
pub mod resolve;
pub mod summary;
pub mod syntax;

pub use detect::summarise;
pub mod discover;
pub mod source;
