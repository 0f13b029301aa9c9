//! Names that a configuration declares (`[[check.api]]`), as further triggers of built-in rules.
//!
//! Rules and the tree of names live as long as the process, so what is declared does as well: the
//! memory is never given back. One tree is made for each different list of declarations, which a
//! run has as many of as it has configuration files that declare any.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hermetic_policy::config::{DeclaredApi, DeclaredCondition};
use hermetic_policy::rule::{Api, Condition, api, keyword};
use hermetic_policy::{Capability, Rule, rules};

use super::names::{NAMES, NameTable, TableId};

/// A declared name, ready for the tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared {
    /// The rule that tells it.
    pub(super) rule: &'static Rule,
    /// The trigger.
    pub(super) api: &'static Api,
}

static TABLES: Mutex<BTreeMap<Vec<DeclaredApi>, &'static NameTable>> = Mutex::new(BTreeMap::new());

/// The tree with these names.
pub(super) fn table(apis: &[DeclaredApi]) -> &'static NameTable {
    if apis.is_empty() {
        return &NAMES;
    }
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    tables.entry(apis.to_vec()).or_insert_with(|| {
        let declared: Vec<Declared> = apis.iter().filter_map(declare).collect();
        Box::leak(Box::new(NameTable::of_rules(&declared).identified(identity(apis))))
    })
}

fn identity(apis: &[DeclaredApi]) -> TableId {
    let mut hash = blake3::Hasher::new();
    for DeclaredApi { name, capability, condition } in apis {
        let (form, argument) = match condition {
            DeclaredCondition::Always => ("always", ""),
            DeclaredCondition::Given(argument) => ("given", argument.as_str()),
            DeclaredCondition::Missing(argument) => ("missing", argument.as_str()),
            DeclaredCondition::True(argument) => ("true", argument.as_str()),
        };
        for part in [name, capability.name(), form, argument] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    *hash.finalize().as_bytes()
}

/// The rule that speaks of a capability's plain use.
const fn rule_of(capability: Capability) -> &'static str {
    match capability {
        Capability::Network => "network-connect",
        Capability::Subprocess => "subprocess-run",
        Capability::Filesystem => "file-write-library",
        Capability::Environment => "environment-library",
        Capability::DynamicCode => "dynamic-eval",
        Capability::Interpreter => "interpreter-setting",
        Capability::Native => "native-library",
        Capability::Imports => "denied-import",
        Capability::Integrity => "introspection",
    }
}

fn declare(declared: &DeclaredApi) -> Option<Declared> {
    let text = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let condition = match &declared.condition {
        DeclaredCondition::Always => Condition::Always,
        DeclaredCondition::Given(argument) => Condition::Given(keyword(text(argument))),
        DeclaredCondition::Missing(argument) => Condition::Missing(keyword(text(argument))),
        DeclaredCondition::True(argument) => Condition::True(keyword(text(argument))),
    };
    let rule = rules::find(rule_of(declared.capability))?;
    let api = Box::leak(Box::new(api(text(&declared.name)).when(condition)));
    Some(Declared { rule, api })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hermetic_policy::config::schema;

    #[test]
    fn every_capability_that_can_be_declared_has_a_rule() {
        for name in schema::capabilities() {
            let capability = Capability::ALL.into_iter().find(|c| c.name() == name).expect("one");
            let rule = rules::find(rule_of(capability)).expect("a rule of this name");
            assert_eq!(rule.capability, capability);
        }
    }

    #[test]
    fn every_list_of_declarations_has_an_identity() {
        let api = |name: &str, capability, condition| DeclaredApi {
            name: name.to_owned(),
            capability,
            condition,
        };
        let given = |argument: &str| DeclaredCondition::Given(argument.to_owned());
        let missing = DeclaredCondition::Missing("b".to_owned());
        let lists = [
            vec![],
            vec![api("a", Capability::Network, given("b"))],
            vec![api("a", Capability::Network, given("c"))],
            vec![api("a", Capability::Network, missing)],
            vec![api("a", Capability::Subprocess, given("b"))],
            vec![api("ab", Capability::Network, given("b"))],
            vec![api("a", Capability::Network, given("b")); 2],
        ];
        let of = |list: &[DeclaredApi]| NameTable::with(list).identity();
        let different: std::collections::BTreeSet<_> = lists.iter().map(|it| of(it)).collect();
        assert_eq!(different.len(), lists.len());
    }

    #[test]
    fn names_of_rules_stay_the_same_nodes() {
        let api = DeclaredApi {
            name: "acme.Client.send".to_owned(),
            capability: Capability::Network,
            condition: DeclaredCondition::Always,
        };
        let with = NameTable::with(&[api]);
        for name in ["builtins", "socket.socket.connect", "pathlib.Path"] {
            assert_eq!(with.find(name), NAMES.find(name), "{name}");
        }
        assert!(with.find("acme.Client.send").is_some());
        assert!(NAMES.find("acme").is_none());
    }
}
