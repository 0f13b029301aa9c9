//! Names that a configuration declares (`[[check.api]]`), as further triggers of built-in rules.
//!
//! One tree is made for each different list of declarations, and lives as long as anybody judges by
//! it: in an editor a list is another one with every letter typed. Rules live as long as the
//! process, so each single declaration, which becomes a trigger of one, does as well.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

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

static TABLES: Mutex<BTreeMap<Vec<DeclaredApi>, Weak<NameTable>>> = Mutex::new(BTreeMap::new());
static DECLARED: Mutex<BTreeMap<DeclaredApi, Declared>> = Mutex::new(BTreeMap::new());

/// The tree with these names.
pub(super) fn table(apis: &[DeclaredApi]) -> Arc<NameTable> {
    if apis.is_empty() {
        return Arc::clone(&NAMES);
    }
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(table) = tables.get(apis).and_then(Weak::upgrade) {
        return table;
    }
    tables.retain(|_, table| table.strong_count() > 0);
    let declared: Vec<Declared> = apis.iter().filter_map(known).collect();
    let table = Arc::new(NameTable::of_rules(&declared).identified(identity(apis)));
    tables.insert(apis.to_vec(), Arc::downgrade(&table));
    table
}

fn known(api: &DeclaredApi) -> Option<Declared> {
    let mut known = DECLARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(declared) = known.get(api) {
        return Some(*declared);
    }
    let declared = declare(api)?;
    known.insert(api.clone(), declared);
    Some(declared)
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
    fn a_tree_lives_as_long_as_anybody_judges_by_it() {
        let api = |name: &str| DeclaredApi {
            name: name.to_owned(),
            capability: Capability::Network,
            condition: DeclaredCondition::Always,
        };
        let list = [api("living.send")];
        let first = NameTable::with(&list);
        assert!(Arc::ptr_eq(&first, &NameTable::with(&list)));
        let gone = Arc::downgrade(&first);
        drop(first);
        assert!(gone.upgrade().is_none());
        // What is made next leaves no place for it.
        let _other = NameTable::with(&[api("other.send")]);
        assert!(!TABLES.lock().unwrap().contains_key(&list[..]));
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
