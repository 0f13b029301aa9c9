//! What is kept of one file, complete: facts, their places, and what findings there are
//! recognised by.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Folder;
use crate::diagnostic::{Diagnostic, Span};
use crate::fingerprint::{self, Fingerprint};
use crate::logical::LogicalLines;
use crate::source::Source;
use crate::summary::links::Links;
use crate::summary::{Facts, Range};
use crate::suppress::may_suppress;
use crate::syntax::Parsed;

/// The facts of a file, and the place of every range in them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) facts: Facts,
    /// Sorted by range.
    places: Vec<(Range, Span)>,
    /// What comments are about, where some may accept findings.
    pub(crate) lines: Option<LogicalLines>,
    /// Where they were asked for and the file has a tree.
    marks: Option<Marks>,
    /// What the file offers and takes, where an earlier run looked for it.
    #[serde(skip)]
    pub(crate) links: Option<KeptLinks>,
    /// What tells these facts from any others.
    #[serde(skip)]
    pub(crate) identity: Option<blake3::Hash>,
}

/// What a file offers and takes, not decoded yet: files that are joined as before need it no more.
#[derive(Clone, Debug)]
pub(crate) struct KeptLinks {
    pub(super) folder: Arc<Folder>,
    pub(super) place: (u32, u32),
}

impl KeptLinks {
    /// It, decoded.
    pub(crate) fn decode(&self) -> Option<Box<Links>> {
        postcard::from_bytes(self.folder.pack.get()?.bytes(self.place)?).ok()
    }
}

/// The fingerprints of findings that the facts can lead to.
#[derive(Debug, Serialize, Deserialize)]
struct Marks {
    /// For each place.
    places: Vec<Fingerprint>,
    /// For each part that was not analysed.
    unanalysed: Vec<Fingerprint>,
}

impl Kept {
    /// Everything a later run needs; `marked` if there is to be a fingerprint for each finding.
    pub(crate) fn new(
        facts: Facts,
        source: &Source,
        parsed: Option<&Parsed>,
        marked: bool,
    ) -> Self {
        let mut ranges = facts.ranges();
        ranges.sort_unstable();
        ranges.dedup();
        let place = |range: Range| (range, source.span(range.start..range.end));
        let places: Vec<_> = ranges.into_iter().map(place).collect();
        let lines = parsed.filter(|_| may_suppress(source));
        let lines = lines.map(|parsed| LogicalLines::new(parsed, source.text()));
        let marks = parsed.filter(|_| marked).map(|parsed| {
            let of = fingerprint::Places::new(source, parsed);
            let target = |unanalysed: &crate::source::Unanalysed| unanalysed.reason.name();
            let parts = facts.unanalysed.iter();
            Marks {
                places: places.iter().map(|(_, span)| of.at(span)).collect(),
                unanalysed: parts
                    .map(|(part, _)| fingerprint::of_file(source, target(part)))
                    .collect(),
            }
        });
        Self { facts, places, lines, marks, links: None, identity: None }
    }

    #[cfg(test)]
    pub(super) fn forget_places(&mut self) {
        self.places.clear();
    }

    /// The place of a range of these facts.
    pub(crate) fn span(&self, range: Range) -> Option<Span> {
        let found = self.places.binary_search_by_key(&range, |&(range, _)| range).ok()?;
        self.places.get(found).map(|&(_, span)| span)
    }

    /// Give each finding its fingerprint, as [`fingerprint::mark`] does. Whether all have one, or
    /// none is to be had of this file.
    pub(crate) fn mark(&self, findings: &mut [Diagnostic]) -> bool {
        let Some(marks) = &self.marks else { return true };
        for finding in findings {
            finding.fingerprint = if fingerprint::is_about_file(finding) {
                let mut parts = self.facts.unanalysed.iter();
                let at = parts.position(|(part, _)| part.reason.name() == finding.target);
                at.and_then(|at| marks.unanalysed.get(at)).copied()
            } else {
                let offset = finding.span.offset;
                let at = self.places.partition_point(|(range, _)| range.start < offset);
                let here = self.places.get(at).is_some_and(|(range, _)| range.start == offset);
                marks.places.get(at).copied().filter(|_| here)
            };
            if finding.fingerprint.is_none() {
                return false;
            }
        }
        true
    }
}
