//! What the functions of a folder's program reach, and what a policy has to allow for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, PoisonError};

use hermetic_policy::Capability;

use super::Snapshot;
use super::obeyed::Obeyed;
use super::root::Root;
use crate::capabilities::{Reach, Scope, capabilities};
use crate::judge::Judgement;
use crate::least_policy::least_policy;
use crate::project::program::{Looked, look};
use crate::project::{self, Applies, PerFile};

/// What one function reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lens {
    /// The row of its definition, from 1.
    pub row: u32,
    /// What it reaches.
    pub capabilities: Vec<Capability>,
}

/// What all functions of a program reach, by the path their file is shown as.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// The texts it was worked out from, where they stand over those of files.
    open: BTreeMap<PathBuf, Arc<str>>,
    lenses: BTreeMap<Arc<str>, Vec<Lens>>,
}

impl Snapshot {
    /// The least policy of a folder's program, as a configuration; to be run on [`super::Workers`].
    pub fn suggest_policy(&self, folder: &Path) -> Option<String> {
        let root = self.roots.iter().find(|root| root.folder == folder)?;
        let looked = look(&self.settings_of(root), &AtomicUsize::new(0)).ok()?;
        Some(crate::least_policy::toml(&least_policy(&looked)))
    }

    /// What the functions of a file reach; to be run on [`super::Workers`]. The whole program is
    /// looked at for that, once as long as nothing in it changes.
    pub fn lenses(&self, path: &Path) -> Option<Vec<Lens>> {
        let root = self.root_of(path)?;
        let shown = crate::discover::display(path, Some(&root.folder));
        let settings = self.settings_of(root);
        // Held while it is worked out: who asks meanwhile wants the same.
        let mut known = root.reached.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.as_ref().is_some_and(|known| same(&known.open, &settings.open)) {
            let looked = look(&settings, &AtomicUsize::new(0)).ok()?;
            let open = settings.open;
            *known = Some(Reached { open, lenses: lenses(&looked) });
        }
        Some(known.as_ref()?.lenses.get(&*shown).cloned().unwrap_or_default())
    }

    fn settings_of(&self, root: &Arc<Root>) -> project::Settings {
        let open = self.documents.iter().filter_map(|(name, document)| {
            let path = name.path().filter(|path| path.starts_with(&root.folder))?;
            Some((path.to_owned(), Arc::clone(&document.text)))
        });
        project::Settings {
            discover: root.options(),
            base: root.folder.clone(),
            judgement: Judgement::clone(root.obeyed.judgement()),
            per_file: Some(Arc::clone(&root.obeyed) as Arc<dyn PerFile>),
            open: open.collect(),
            ..project::Settings::default()
        }
    }
}

fn same(a: &BTreeMap<PathBuf, Arc<str>>, b: &BTreeMap<PathBuf, Arc<str>>) -> bool {
    let pairs = || a.iter().zip(b);
    a.len() == b.len() && pairs().all(|(a, b)| a.0 == b.0 && Arc::ptr_eq(a.1, b.1))
}

fn lenses(looked: &Looked) -> BTreeMap<Arc<str>, Vec<Lens>> {
    let mut rows: BTreeMap<(Arc<str>, u32), Vec<Capability>> = BTreeMap::new();
    for entry in capabilities(looked, Scope::Function).entries {
        if let Reach::Capability(capability) = entry.reach
            && entry.scope == Scope::Function
            && entry.cell.is_none()
        {
            let reached = rows.entry((entry.path, entry.row)).or_default();
            if !reached.contains(&capability) {
                reached.push(capability);
            }
        }
    }
    let mut lenses: BTreeMap<Arc<str>, Vec<Lens>> = BTreeMap::new();
    for ((path, row), capabilities) in rows {
        lenses.entry(path).or_default().push(Lens { row, capabilities });
    }
    lenses
}

impl PerFile for Obeyed {
    fn of(&self, path: &Path) -> Applies {
        let (applies, judgement, _) = self.applies(path);
        Applies { judgement: Some(judgement), ..applies }
    }
}
