//! Every rule, in one slice of statics.
//!
//! A family file holds the statics of one capability (or a part of it) and the type facts its
//! triggers need. To add a rule: a static in its family's file, its name in that file's `RULES`,
//! and `policy/rules/<name>.md`.

use crate::rule::{Rule, TypeFact};

pub mod filesystem;
pub mod integrity;
pub mod network;

/// Every family's rules.
#[rustfmt::skip]
pub static FAMILIES: &[&[&Rule]] = &[
    filesystem::RULES,
    integrity::RULES,
    network::RULES,
];

/// Every family's type facts.
#[rustfmt::skip]
pub static TYPE_FACTS: &[&[TypeFact]] = &[
    filesystem::TYPE_FACTS,
    integrity::TYPE_FACTS,
    network::TYPE_FACTS,
];

/// Every rule, family by family.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().flat_map(|family| family.iter().copied())
}

/// The rule of that name.
pub fn find(name: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.name == name)
}
