//! What applies to one file where files differ: each obeys the configuration nearest to it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

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
