//! The acts of one file.
//!
//! The engine runs a file's statements in order over abstract values ([`crate::resolve`]): it
//! binds names, follows aliases, joins branches, and looks at function bodies when the module is
//! done. Wherever an expression turns out to be a name some rule knows, `emit` writes the fact
//! down. It never decides anything; that is [`crate::judge`]'s part.

mod annotations;
mod assignment;
mod calls;
mod comprehensions;
mod edges;
mod emit;
mod engine;
mod exits;
mod expressions;
mod folding;
mod imports;
mod installs;
mod items;
mod links;
mod literals;
mod members;
mod mentions;
mod notebook;
mod offers;
mod operands;
mod outer_writes;
mod patterns;
mod specials;
mod statements;

pub(crate) use engine::summarise;
pub(crate) use links::{ClassMeaning, Environment, Linking, Meaning};
pub(crate) use mentions::mention_at;
