//! No name of the catalogue is forgotten: each is a trigger of some rule, or has a reason.
//!
//! `tests/catalog/names.csv` lists names and what they can do; `tests/catalog/reasons/*.csv` say
//! why a name is no trigger (`*` at the end stands for every name that begins so).

use std::collections::{BTreeMap, BTreeSet};

use hermetic_policy::rule::{Construct, TypeFact};
use hermetic_policy::{Host, Trigger, rules};

use crate::repository::{assert_none, read, root, slashed};

/// The capabilities whose names must be covered; `net.` and `proc.` with all below them.
fn must_be_covered(capability: &str) -> bool {
    let exact = ["env", "native.ffi", "deser", "code.dynamic", "interp.mutate"];
    let families = ["net.", "proc.", "fs."];
    exact.contains(&capability) || families.iter().any(|family| capability.starts_with(family))
}

fn records(text: &str) -> Vec<(String, String)> {
    csv::Reader::from_reader(text.as_bytes())
        .into_records()
        .map(|record| {
            let record = record.expect("the file is CSV with two columns");
            (record[0].to_owned(), record[1].to_owned())
        })
        .collect()
}

/// Every name a rule or a type fact speaks of.
struct Known {
    names: BTreeSet<&'static str>,
    modules: BTreeSet<&'static str>,
    attributes: BTreeSet<&'static str>,
    literals: BTreeSet<&'static str>,
    also: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Known {
    fn new() -> Self {
        let mut known = Self {
            names: BTreeSet::new(),
            modules: BTreeSet::new(),
            attributes: BTreeSet::new(),
            literals: BTreeSet::new(),
            also: BTreeMap::new(),
        };
        for trigger in rules::all().flat_map(|rule| rule.triggers) {
            match trigger {
                Trigger::Call(api) | Trigger::Reference(api) => {
                    known.names.insert(api.name);
                }
                Trigger::Import(module) => {
                    known.modules.insert(module);
                }
                Trigger::Construct(
                    Construct::Attribute(name) | Construct::AttributeWrite(name),
                ) => {
                    known.attributes.insert(name);
                }
                Trigger::Literal(text) => {
                    known.literals.insert(text);
                }
                Trigger::Construct(_) | Trigger::Audit(_) | Trigger::Slot(_) => {}
            }
        }
        for fact in rules::TYPE_FACTS.iter().copied().flatten() {
            match fact {
                TypeFact::Alias { name, of } => known.also.entry(name).or_default().push(of),
                TypeFact::Extends { class, base } => {
                    known.also.entry(class).or_default().push(base);
                }
                TypeFact::Returns { .. } => {}
            }
        }
        known
    }

    /// Whether some rule is triggered by the name, as it stands or by another name it has.
    fn covers(&self, name: &str) -> bool {
        // Aliases lead from name to name; a chain longer than this is a mistake.
        self.covers_within(name, 8)
    }

    fn covers_within(&self, name: &str, steps: u8) -> bool {
        let prefixes = || {
            let dots = name.match_indices('.').map(|(at, _)| &name[..at]);
            dots.chain([name])
        };
        self.names.contains(name)
            || self.literals.contains(name)
            || prefixes().any(|prefix| self.modules.contains(prefix))
            || name.rsplit('.').next().is_some_and(|last| self.attributes.contains(last))
            || Host::parse(name).is_some_and(|host| host.is_cloud_metadata())
            || (steps > 0
                && prefixes().any(|prefix| {
                    let others = self.also.get(prefix).into_iter().flatten();
                    others.into_iter().any(|of| {
                        self.covers_within(&format!("{of}{}", &name[prefix.len()..]), steps - 1)
                    })
                }))
    }
}

#[test]
fn every_name_is_a_trigger_or_has_a_reason() {
    let known = Known::new();
    let mut exact: BTreeMap<String, String> = BTreeMap::new();
    let mut prefixes: BTreeMap<String, String> = BTreeMap::new();
    let mut complaints = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(root().join("tests/catalog/reasons"))
        .map(|dir| dir.filter_map(Result::ok).map(|e| e.path()).collect())
        .unwrap_or_default();
    files.sort();
    for file in files {
        let path = slashed(file.strip_prefix(root()).expect("below the root"));
        for (name, reason) in records(&read(&path)) {
            if reason.trim().is_empty() {
                complaints.push(format!("{path}: {name}: no reason is given"));
            }
            let (map, key) = name
                .strip_suffix('*')
                .map_or((&mut exact, name.as_str()), |prefix| (&mut prefixes, prefix));
            if map.insert(key.to_owned(), path.clone()).is_some() {
                complaints.push(format!("{path}: {name} has a reason twice"));
            }
        }
    }
    let names: BTreeSet<String> = records(&read("tests/catalog/names.csv"))
        .into_iter()
        .filter(|(_, capability)| must_be_covered(capability))
        .map(|(name, _)| name)
        .collect();
    assert!(names.len() > 1000, "the catalogue is there");
    let (mut used_exact, mut used_prefixes) = (BTreeSet::new(), BTreeSet::new());
    for name in &names {
        let covered = known.covers(name);
        if let Some(path) = exact.get(name) {
            used_exact.insert(name.clone());
            if covered {
                complaints.push(format!("{path}: {name} is a trigger and has a reason not to be"));
            }
        } else if !covered {
            let prefix =
                prefixes.keys().filter(|p| name.starts_with(p.as_str())).max_by_key(|p| p.len());
            match prefix {
                Some(prefix) => {
                    used_prefixes.insert(prefix.clone());
                }
                None => complaints.push(format!("{name} is no trigger and has no reason")),
            }
        }
    }
    let unused = |map: &BTreeMap<String, String>, used: &BTreeSet<String>, star: &str| {
        let unused = map.iter().filter(|(name, _)| !used.contains(*name));
        unused.map(|(n, path)| format!("{path}: the reason of {n}{star} is not needed")).collect()
    };
    let more: [Vec<String>; 2] =
        [unused(&exact, &used_exact, ""), unused(&prefixes, &used_prefixes, "*")];
    complaints.extend(more.into_iter().flatten());
    assert_none(&complaints);
}

#[test]
fn a_name_is_covered_by_its_aliases_and_bases() {
    let mut known = Known::new();
    known.names = ["os.system", "a.Base.go"].into();
    known.modules = ["ctypes"].into();
    known.also = [("posix", vec!["os"]), ("a.Sub", vec!["a.Base"]), ("b", vec!["b"])].into();
    for name in ["os.system", "posix.system", "a.Sub.go", "ctypes", "ctypes.CDLL"] {
        assert!(known.covers(name), "{name}");
    }
    for name in ["os", "os.systems", "posix.other", "a.Sub", "ctypes2.x", "b.x"] {
        assert!(!known.covers(name), "{name}");
    }
}
