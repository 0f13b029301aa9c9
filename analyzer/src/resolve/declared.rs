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

use super::names::{NAMES, NameTable};

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
        Box::leak(Box::new(NameTable::of_rules(&declared)))
    })
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
