//! The analyzer. (Essay to come.)
#![forbid(unsafe_code)]

pub mod diagnostic;
pub mod render;
pub mod report;
