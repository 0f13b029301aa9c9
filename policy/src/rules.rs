//! Every rule, in one slice of statics.
//!
//! A family file holds the statics of one capability (or a part of it) and the type facts its
//! triggers need. To add a rule: a static in its family's file, its name in that file's `RULES`,
//! and `policy/rules/<name>.md`.

use crate::rule::{Rule, TypeFact};

pub mod deserialise;
pub mod dynamic_code;
pub mod endpoints;
pub mod environment;
pub mod filesystem;
pub mod imports;
pub mod integrity;
pub mod interpreter;
pub mod native;
pub mod network;
pub mod network_hosts;
pub mod network_http;
pub mod network_listen;
pub mod network_services;
pub mod network_stdlib;
pub mod reexports;
pub mod subprocess;
pub mod subprocess_incidental;
pub mod subprocess_library;

/// Every family's rules.
pub static FAMILIES: &[&[&Rule]] = &[
    deserialise::RULES,
    dynamic_code::RULES,
    endpoints::RULES,
    environment::RULES,
    filesystem::RULES,
    imports::RULES,
    integrity::RULES,
    interpreter::RULES,
    native::RULES,
    network::RULES,
    network_hosts::RULES,
    network_http::RULES,
    network_listen::RULES,
    network_services::RULES,
    network_stdlib::RULES,
    subprocess::RULES,
    subprocess_incidental::RULES,
    subprocess_library::RULES,
];

/// Every family's type facts.
pub static TYPE_FACTS: &[&[TypeFact]] = &[
    deserialise::TYPE_FACTS,
    dynamic_code::TYPE_FACTS,
    endpoints::TYPE_FACTS,
    environment::TYPE_FACTS,
    filesystem::TYPE_FACTS,
    imports::TYPE_FACTS,
    integrity::TYPE_FACTS,
    interpreter::TYPE_FACTS,
    native::TYPE_FACTS,
    network::TYPE_FACTS,
    network_hosts::TYPE_FACTS,
    network_http::TYPE_FACTS,
    network_listen::TYPE_FACTS,
    network_services::TYPE_FACTS,
    network_stdlib::TYPE_FACTS,
    reexports::TYPE_FACTS,
    subprocess::TYPE_FACTS,
    subprocess_incidental::TYPE_FACTS,
    subprocess_library::TYPE_FACTS,
];

/// Every rule, family by family.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().flat_map(|family| family.iter().copied())
}

/// The rule of that name.
pub fn find(name: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.name == name)
}
