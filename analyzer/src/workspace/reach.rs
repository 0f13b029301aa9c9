//! What the functions of a folder's program reach, and what a policy has to allow for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hermetic_policy::Capability;

use super::Snapshot;
use super::obeyed::Obeyed;
use super::root::Root;
use crate::capabilities::{Reach, Scope, capabilities};
use crate::judge::Judgement;
use crate::least_policy::least_policy;
use crate::project::program::look;
use crate::project::{self, Applies, PerFile};

/// What one function reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lens {
    /// The row of its definition, from 1.
    pub row: u32,
    /// What it reaches.
    pub capabilities: Vec<Capability>,
}

impl Snapshot {
    /// The least policy of a folder's program as it is on the disk, as a configuration.
    pub fn suggest_policy(&self, folder: &Path) -> Option<String> {
        let root = self.roots.iter().find(|root| root.folder == folder)?;
        let looked = look(&settings(root), &AtomicUsize::new(0)).ok()?;
        Some(crate::least_policy::toml(&least_policy(&looked)))
    }

    /// What the functions of a file reach, as the program is on the disk.
    pub fn lenses(&self, path: &Path) -> Option<Vec<Lens>> {
        let root = self.root_of(path)?;
        let looked = look(&settings(root), &AtomicUsize::new(0)).ok()?;
        let shown = crate::discover::display(path, Some(&root.folder));
        let found = capabilities(&looked, Scope::Function);
        let mut lenses: BTreeMap<u32, Vec<Capability>> = BTreeMap::new();
        for entry in &found.entries {
            let here = entry.scope == Scope::Function && *entry.path == shown;
            if let Reach::Capability(capability) = entry.reach
                && here
                && entry.cell.is_none()
            {
                let reached = lenses.entry(entry.row).or_default();
                if !reached.contains(&capability) {
                    reached.push(capability);
                }
            }
        }
        let lens = |(row, capabilities)| Lens { row, capabilities };
        Some(lenses.into_iter().map(lens).collect())
    }
}

fn settings(root: &Arc<Root>) -> project::Settings {
    project::Settings {
        discover: root.options(),
        base: root.folder.clone(),
        judgement: Judgement::clone(root.obeyed.judgement()),
        per_file: Some(Arc::clone(&root.obeyed) as Arc<dyn PerFile>),
        ..project::Settings::default()
    }
}

impl PerFile for Obeyed {
    fn of(&self, path: &Path) -> Applies {
        let (applies, judgement, _) = self.applies(path);
        Applies { judgement: Some(judgement), ..applies }
    }
}
