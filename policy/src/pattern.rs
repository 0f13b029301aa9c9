//! What allow- and deny-lists are made of: hosts, paths, modules.

pub mod host;
pub mod module;
pub mod path;
pub mod url;
