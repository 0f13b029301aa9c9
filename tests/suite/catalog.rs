//! No name of the catalogue is forgotten: each is a trigger of some rule, or has a reason.
//!
//! `tests/catalog/names.csv` lists names and what they can do; `tests/catalog/reasons/*.csv` say
//! why a name is no trigger (`*` at the end stands for every name that begins so).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use hermetic_policy::rule::{Construct, TypeFact};
use hermetic_policy::{Host, Trigger, rules};

use crate::repository::{assert_none, read, root, updating};

/// The capabilities whose names must be covered; `net.` and `proc.` with all below them.
fn must_be_covered(capability: &str) -> bool {
    let exact = ["env", "native.ffi", "deser", "code.dynamic", "interp.mutate"];
    let families = ["net.", "proc.", "fs."];
    exact.contains(&capability) || families.iter().any(|family| capability.starts_with(family))
}

/// The names of `names.csv` that must be covered.
fn names() -> BTreeSet<String> {
    csv::Reader::from_reader(read("tests/catalog/names.csv").as_bytes())
        .into_records()
        .map(|record| record.expect("names.csv has two columns"))
        .filter(|record| must_be_covered(&record[1]))
        .map(|record| record[0].to_owned())
        .collect()
}

/// One line of a file of reasons.
struct Reason {
    file: PathBuf,
    /// The line in the file, from 1.
    line: usize,
    /// A name, or what names begin with.
    name: String,
    is_prefix: bool,
    why: String,
}

fn reasons() -> Vec<Reason> {
    let folder = std::fs::read_dir(root().join("tests/catalog/reasons"));
    let mut files: Vec<PathBuf> =
        folder.map(|dir| dir.flatten().map(|entry| entry.path()).collect()).unwrap_or_default();
    files.sort();
    let mut reasons = Vec::new();
    for file in files {
        // One record a line, so that a line can be dropped.
        for (index, line) in read(&file).lines().enumerate().skip(1) {
            let mut table =
                csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let record = table.records().next().and_then(Result::ok).filter(|r| r.len() == 2);
            let line = index + 1;
            let Some(record) = record else {
                panic!("{}:{line}: not `name,reason`", file.display())
            };
            let (name, why) = (&record[0], record[1].trim().to_owned());
            let is_prefix = name.ends_with('*');
            let name = name.trim_end_matches('*').to_owned();
            reasons.push(Reason { file: file.clone(), line, name, is_prefix, why });
        }
    }
    reasons
}

/// Drop lines of the files of reasons.
fn drop_lines(dropped: &[&Reason]) {
    for file in dropped.iter().map(|reason| &reason.file).collect::<BTreeSet<_>>() {
        let gone = |line: usize| dropped.iter().any(|r| r.file == *file && r.line == line);
        let text = read(file);
        let kept = text.lines().enumerate().filter(|(index, _)| !gone(index + 1));
        let kept: String = kept.flat_map(|(_, line)| [line, "\n"]).collect();
        std::fs::write(file, kept).expect("the reasons are written");
    }
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

/// With `UPDATE` set, reasons that are not needed (the name is a trigger by now, or has a reason
/// already) are dropped.
#[test]
fn every_name_is_a_trigger_or_has_a_reason() {
    let known = Known::new();
    let names = names();
    assert!(names.len() > 1000, "the catalogue is there");
    let reasons = reasons();
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    let mut needless = Vec::new();
    for reason in &reasons {
        let place = format!("{}:{}", reason.file.display(), reason.line);
        if reason.why.is_empty() {
            complaints.push(format!("{place}: {} has an empty reason", reason.name));
        }
        // The longest prefix and the exact name speak for a name.
        let speaks = |name: &&String| {
            if reason.is_prefix {
                name.starts_with(&reason.name)
                    && !reasons.iter().any(|r| !r.is_prefix && r.name == **name)
            } else {
                reason.name == **name
            }
        };
        let why = if !seen.insert((&reason.name, reason.is_prefix)) {
            "has a reason twice"
        } else if !names.iter().any(|name| speaks(&name)) {
            "need not be covered"
        } else if names.iter().filter(speaks).all(|name| known.covers(name)) {
            "is a trigger"
        } else {
            continue;
        };
        needless.push(reason);
        complaints.push(format!("{place}: {} {why}: drop the reason", reason.name));
    }
    if updating() {
        drop_lines(&needless);
        complaints.clear();
    }
    for name in names.iter().filter(|name| !known.covers(name)) {
        let of =
            |r: &&Reason| if r.is_prefix { name.starts_with(&r.name) } else { r.name == **name };
        if reasons.iter().find(of).is_none() {
            complaints.push(format!("{name} is no trigger and has no reason"));
        }
    }
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
