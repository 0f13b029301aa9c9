//! The filesystem: reading, writing and listing files, and what is kept in them.
//!
//! `open` is read or written by its mode, so it stands in two rules. A function that works on an
//! open descriptor has no trigger: opening it was the act. What only asks for metadata (`stat`,
//! `exists`, `realpath`) has none either.

use crate::rule::{Rule, TypeFact};

mod libraries;
mod open;
mod stores;
mod tree;
mod types;

pub use libraries::FILE_WRITE_LIBRARY;
pub use open::{FILE_READ, FILE_WRITE};
pub use stores::{
    ARCHIVE_EXTRACT, CREDENTIAL_STORE, DATABASE_FILE, LOG_FILE, REGISTRY_WRITE, SHARED_MEMORY,
    TEMPORARY_FILE,
};
pub use tree::{
    DIRECTORY_LIST, FILE_COPY, FILE_CREATE, FILE_LINK, FILE_MOVE, FILE_PERMISSION, FILE_REMOVE,
};

/// This family's rules.
pub static RULES: &[&Rule] = &[
    &ARCHIVE_EXTRACT,
    &CREDENTIAL_STORE,
    &DATABASE_FILE,
    &DIRECTORY_LIST,
    &FILE_COPY,
    &FILE_CREATE,
    &FILE_LINK,
    &FILE_MOVE,
    &FILE_PERMISSION,
    &FILE_READ,
    &FILE_REMOVE,
    &FILE_WRITE,
    &FILE_WRITE_LIBRARY,
    &LOG_FILE,
    &REGISTRY_WRITE,
    &SHARED_MEMORY,
    &TEMPORARY_FILE,
];

/// What these names give and inherit.
pub static TYPE_FACTS: &[TypeFact] = types::FACTS;

#[cfg(test)]
mod tests {
    use alloc::collections::{BTreeMap, BTreeSet};
    use alloc::format;
    use alloc::vec::Vec;

    use super::*;
    use crate::act::Verb;
    use crate::capability::Capability;
    use crate::rule::{Api, Condition, Trigger};

    fn calls(rule: &'static Rule) -> impl Iterator<Item = &'static Api> {
        rule.triggers.iter().filter_map(|trigger| match trigger {
            Trigger::Call(api) => Some(api),
            _ => None,
        })
    }

    #[test]
    fn each_page_is_of_its_rule() {
        for rule in RULES {
            assert!(rule.page.starts_with(&format!("# {}\n", rule.name)), "{}", rule.name);
            assert_eq!(rule.capability, Capability::Filesystem, "{}", rule.name);
            assert!(
                matches!(rule.verb, Verb::ReadFile | Verb::WriteFile | Verb::ListDirectory),
                "{}",
                rule.name
            );
        }
    }

    #[test]
    fn an_event_belongs_to_one_rule_unless_the_mode_separates() {
        let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for rule in RULES {
            for trigger in rule.triggers {
                if let Trigger::Audit(event) | Trigger::Slot(event) = trigger {
                    owners.entry(event).or_default().push(rule.name);
                }
            }
        }
        for (event, rules) in owners {
            if event == "open" {
                assert_eq!(rules, ["file-read", "file-write"]);
            } else {
                assert_eq!(rules.len(), 1, "{event}: {rules:?}");
            }
        }
    }

    #[test]
    fn a_trigger_is_listed_once() {
        for rule in RULES {
            let mut seen = BTreeSet::new();
            for api in calls(rule) {
                let key = format!("{} {:?} {:?}", api.name, api.operand, api.condition);
                assert!(seen.insert(key), "{}: {} twice", rule.name, api.name);
            }
        }
    }

    #[test]
    fn a_mode_that_writes_is_also_read_where_it_reads() {
        let written: Vec<_> = calls(&FILE_WRITE)
            .filter(|api| matches!(api.condition, Condition::ModeWrites(_)))
            .map(|api| (api.name, api.operand))
            .collect();
        assert!(written.len() > 10);
        for (name, operand) in written {
            assert!(
                calls(&FILE_READ).any(|api| api.name == name && api.operand == operand),
                "{name} has a mode but is not in file-read"
            );
        }
    }

    #[test]
    fn type_facts_do_not_go_in_circles() {
        for fact in TYPE_FACTS {
            match fact {
                TypeFact::Alias { name, of } => {
                    assert_ne!(name, of);
                    assert!(
                        !TYPE_FACTS.contains(&TypeFact::Alias { name: of, of: name }),
                        "{name}"
                    );
                }
                TypeFact::Extends { class, base } => assert_ne!(class, base),
                TypeFact::Returns { .. } => {}
            }
        }
    }
}
