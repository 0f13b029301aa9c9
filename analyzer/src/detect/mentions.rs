//! What a rule knows at one place, whether or not anything comes of it there: for an editor, when
//! somebody points at it.

use crate::resolve::budget;
use crate::resolve::names::{NameId, NameTable};
use crate::resolve::origin;
use crate::source::Source;
use crate::summary::Range;
use crate::syntax::Parsed;

use super::engine::Engine;
use super::links::Linking;

/// What is mentioned at a byte of a text, and the smallest expression around the byte that is it.
pub(crate) fn mention_at(
    parsed: &Parsed,
    source: &Source,
    names: &NameTable,
    linking: Linking<'_>,
    offset: u32,
) -> Option<(NameId, Range)> {
    budget::begin(source.text().len());
    origin::begin();
    let mut engine = Engine::new(source.text(), names);
    engine.begin_links(linking);
    engine.probe = Some(Probe { offset, found: None });
    engine.run(parsed);
    budget::end();
    engine.probe.and_then(|probe| probe.found)
}

/// A place that somebody asks about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    /// A byte of the text.
    offset: u32,
    found: Option<(NameId, Range)>,
}

impl Probe {
    /// Something a rule knows is referred to.
    pub(super) fn see(&mut self, id: NameId, range: Range) {
        let width = |range: Range| range.end.saturating_sub(range.start);
        let inside = range.start <= self.offset && self.offset < range.end;
        if inside && self.found.is_none_or(|(_, known)| width(range) < width(known)) {
            self.found = Some((id, range));
        }
    }
}
