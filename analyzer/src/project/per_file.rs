//! What applies to one file where files differ: each obeys the configuration nearest to it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::judge::Judgement;

/// What applies to one file.
#[derive(Clone, Debug, Default)]
pub struct Applies {
    /// How it is judged; `None` for as all others are.
    pub judgement: Option<Arc<Judgement>>,
    /// Rules whose findings are suppressed in it.
    pub ignored: Vec<&'static str>,
    /// Its own configuration leaves it out.
    pub excluded: bool,
}

impl Applies {
    /// How it is judged.
    pub fn judgement<'j>(&'j self, common: &'j Judgement) -> &'j Judgement {
        self.judgement.as_deref().unwrap_or(common)
    }
}

/// Knows what applies to each file.
pub trait PerFile: Send + Sync + fmt::Debug {
    /// What applies to the file of that path, spelled as the walk spells it.
    fn of(&self, path: &Path) -> Applies;
}

/// How files are judged, where that hangs on what all the files are.
pub(super) struct Judgements<'j> {
    common: &'j Judgement,
    /// By the address of the judgement they are made of.
    known: Vec<(usize, Judgement)>,
}

impl<'j> Judgements<'j> {
    pub(super) fn new(common: &'j Judgement) -> Self {
        Self { common, known: Vec::new() }
    }

    /// Note that these modules are the project's own, for a file's judgement.
    pub(super) fn add(&mut self, applies: &Applies, first_party: &FxHashSet<String>) {
        let judgement = applies.judgement(self.common);
        let address = std::ptr::from_ref(judgement).addr();
        if !self.known.iter().any(|(of, _)| *of == address) {
            let first_party = first_party.clone();
            self.known.push((address, Judgement { first_party, ..judgement.clone() }));
        }
    }

    /// How the file is judged that this applies to.
    pub(super) fn of<'a>(&'a self, applies: &'a Applies) -> &'a Judgement {
        let judgement = applies.judgement(self.common);
        let address = std::ptr::from_ref(judgement).addr();
        let known = self.known.iter().find(|(of, _)| *of == address);
        known.map_or(judgement, |(_, with)| with)
    }
}
