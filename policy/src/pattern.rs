//! What allow- and deny-lists are made of: hosts, paths, modules, programs.

pub mod host;
pub mod module;
pub mod path;
pub mod program;
pub mod url;
