//! Expression to fully qualified name, or "unknown".
//!
//! [`names`] holds every name a rule knows as one tree, [`value`] what an expression may be, and
//! [`scope`] which value a name has at a point of the program.

pub(crate) mod budget;
mod declared;
pub mod names;
pub mod origin;
pub mod scope;
pub(crate) mod special;
pub mod value;
pub(crate) mod ways;
