//! Rules and decisions, shared by both faces of hermetic. (Essay to come.)
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod act;
pub mod capability;
pub mod config;
pub mod message;
pub mod modules;
pub mod operand;
pub mod options;
pub mod pattern;
pub mod policy;
pub mod profile;
pub mod rule;
pub mod rules;
pub mod suggest;

pub use act::{Act, Verb};
pub use capability::Capability;
pub use operand::{Endpoint, Host, Operand, ResolvedPath};
pub use options::{PolicyError, PolicyOptions};
pub use policy::{Decision, Policy, Verdict, Why};
pub use rule::{Level, Rule, Trigger};
