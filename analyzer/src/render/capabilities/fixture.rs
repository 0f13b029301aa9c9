//! Reports for the tests of renderers.

use crate::capabilities::{Capabilities, Entry, Reach, Scope, Step, When};

pub(crate) fn capabilities(entries: Vec<Entry>) -> Capabilities {
    let mut all = Vec::new();
    for entry in entries {
        let top = entry.name.split('.').next().unwrap_or_default();
        all.push(Entry { scope: Scope::Package, name: top.into(), ..entry.clone() });
        all.push(entry);
    }
    Capabilities { files: all.len() as u64, entries: all, ..Capabilities::default() }
}

pub(crate) fn entry(name: &str, path: &str, reach: Reach, when: When, via: Vec<Step>) -> Entry {
    Entry {
        scope: Scope::Module,
        name: name.into(),
        path: path.into(),
        row: 1,
        cell: None,
        reach,
        when,
        direct: via.len() == 1,
        via,
        count: u32::from(reach == Reach::Unresolved),
    }
}

pub(crate) fn step(name: &str, path: &str, row: u32) -> Step {
    Step { name: name.into(), path: path.into(), row, cell: None }
}
