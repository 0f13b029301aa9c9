//! Captured references, rewritten so that they are looked up where they are used.
//!
//! `from socket import socket` becomes `import socket`, and each use of the name `socket.socket`.
//! A [`Fixer`] works this out for one file from its text, tree and facts, and touches nothing
//! else: the command line writes what it says, an editor offers it.
//!
//! All bindings and uses of the name have to be known ([`symbols`]); where one of them is not what
//! an import and its uses are, the fix is refused with the reason. The edits ([`plan`]) change
//! stretches of the text, never its layout. Before a fix is proposed it is made, and the outcome
//! analysed: it must parse, the finding must be gone, and nothing new may be there ([`verify`]).
//!
//! A fix is safe where nobody else can know the name: it is a function's own, or the program was
//! searched as a whole and mentions it nowhere else ([`Mentions`]).

mod candidate;
mod import;
mod mentions;
mod plan;
mod safety;
mod symbols;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use self::mentions::module_of;
pub use self::mentions::{Mentions, Wanted};

use hermetic_policy::Rule;
use hermetic_policy::rule::Construct;

use self::candidate::Candidate;
use self::symbols::Symbols;
use crate::resolve::names::{NAMES, NameTable};
use crate::rewrite::{Edit, is_editable};
use crate::source::Source;
use crate::summary::{Capture, FileSummary, Keep, Range};
use crate::syntax::Parsed;

/// Whether a fix can change what the program does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Safety {
    /// Only in that a patch of the API is seen.
    Safe,
    /// Perhaps, for this reason.
    Unsafe(String),
}

/// How a finding goes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The edits, in order; they do not overlap.
    pub edits: Vec<Edit>,
    /// Whether somebody should look at it.
    pub safety: Safety,
}

/// What can be done about one captured reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The place of the capture.
    pub range: Range,
    /// The fix, or why there is none.
    pub fix: Result<Fix, String>,
}

/// What is known of the program around a file.
#[derive(Clone, Copy, Debug)]
pub enum Around<'m> {
    /// It was searched as a whole.
    Whole {
        /// What other places mention.
        mentions: &'m Mentions,
        /// The last part of the module's dotted name.
        module: &'m str,
    },
    /// It was not, for this reason.
    Unknown(&'m str),
}

/// Bytes that are analysed at most to try the fixes of one file: as of one with a hundred captures
/// and 16,000 lines.
const MOST_ANALYSED: usize = 64 << 20;

/// Whether a capture is of a kind that can be rewritten, as far as can be told without trying.
pub(crate) const fn is_import(capture: &Capture) -> bool {
    matches!(capture.form, Keep::FromImport | Keep::Closure)
}

/// The fixes of one file.
#[derive(Debug)]
pub struct Fixer<'a> {
    source: &'a Source,
    parsed: &'a Parsed,
    summary: &'a FileSummary,
    names: &'a NameTable,
    symbols: Symbols<'a>,
    /// Names that can be rewritten, as far as can be told without trying, or why they cannot.
    candidates: Vec<Result<Candidate<'a>, Refused>>,
}

/// Captures of a name that is not rewritten.
#[derive(Debug)]
struct Refused {
    /// Indexes into the summary's captures.
    captures: Vec<usize>,
    why: String,
}

impl<'a> Fixer<'a> {
    /// Look at a file: its text, its tree, and its facts, which were found with these names.
    pub fn new(
        source: &'a Source,
        parsed: &'a Parsed,
        summary: &'a FileSummary,
        names: &'a NameTable,
    ) -> Self {
        let symbols = Symbols::new(source.text(), parsed);
        let mut fixer = Self { source, parsed, summary, names, symbols, candidates: Vec::new() };
        fixer.candidates = match fixer.unreadable() {
            Some(why) => {
                let imports = summary.captures.iter().enumerate().filter(|(_, c)| is_import(c));
                let captures = imports.map(|(index, _)| index).collect();
                vec![Err(Refused { captures, why: why.to_owned() })]
            }
            None => candidate::candidates(&fixer),
        };
        fixer
    }

    /// Why nothing in the file can be rewritten.
    fn unreadable(&self) -> Option<&'static str> {
        if !is_editable(self.source.kind()) {
            return Some(match self.source.mode() {
                crate::source::Mode::Ipython => "cells of notebooks are not rewritten",
                crate::source::Mode::Python => "`.pth` files are not rewritten",
            });
        }
        if self.summary.exhausted || self.parsed.errors().next().is_some() {
            return Some("the file was not analysed in whole");
        }
        // Each is tried by itself, and the whole file analysed for it.
        let captures = self.summary.captures.iter().filter(|capture| is_import(capture)).count();
        let bytes = captures.saturating_mul(self.source.text().len());
        (bytes > MOST_ANALYSED).then_some("the file has too many captures to try each of them")
    }

    /// Add what another file must not mention for the fixes of this file to be safe.
    pub fn want(&self, wanted: &mut Wanted) {
        for candidate in self.candidates.iter().flatten() {
            if candidate.scope == symbols::MODULE {
                wanted.add(candidate.name);
            }
        }
    }

    /// What can be done about each capture that an import makes, one by one.
    pub fn proposals(&self, around: Around<'_>) -> Vec<Proposal> {
        let mut proposals = Vec::new();
        for candidate in &self.candidates {
            let (captures, fix) = match candidate {
                Ok(candidate) => (&candidate.captures, self.fix(candidate, around)),
                Err(refused) => (&refused.captures, Err(refused.why.clone())),
            };
            let ranges = captures.iter().filter_map(|&index| self.summary.captures.get(index));
            proposals
                .extend(ranges.map(|capture| Proposal { range: capture.range, fix: fix.clone() }));
        }
        proposals.sort_by_key(|proposal| proposal.range);
        proposals
    }

    fn fix(&self, candidate: &Candidate<'a>, around: Around<'_>) -> Result<Fix, String> {
        let edits = self.verified(&[candidate])?;
        let safety = safety::of(self, candidate, around);
        Ok(Fix { edits, safety })
    }

    /// The edits that make all these fixes at once, as many of them as go together.
    pub fn together(&self, ranges: &[Range]) -> Vec<Edit> {
        let chosen: Vec<&Candidate<'a>> = self
            .candidates
            .iter()
            .flatten()
            .filter(|candidate| {
                let mut captures = candidate.captures.iter();
                captures.any(|&index| {
                    let capture = self.summary.captures.get(index);
                    capture.is_some_and(|capture| ranges.contains(&capture.range))
                })
            })
            .collect();
        if let Ok(edits) = self.verified(&chosen) {
            return edits;
        }
        let mut taken = Vec::new();
        let mut edits = Vec::new();
        for candidate in chosen {
            taken.push(candidate);
            match self.verified(&taken) {
                Ok(made) => edits = made,
                Err(_) => drop(taken.pop()),
            }
        }
        edits
    }

    /// The edits of fixes, seen to work.
    fn verified(&self, candidates: &[&Candidate<'a>]) -> Result<Vec<Edit>, String> {
        let edits = plan::plan(self, candidates)?;
        verify::verify(self, candidates, &edits)?;
        Ok(edits)
    }

    /// The row of a byte offset, from 1.
    fn row(&self, offset: u32) -> u32 {
        self.source.position(offset).1.row
    }
}

/// The rule whose findings can be fixed.
pub fn fixable_rule() -> Option<&'static Rule> {
    NAMES.construct_rule(Construct::KeptReference)
}

/// Whether a text has a word in it, as Python splits words.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c == '_' || c.is_alphanumeric();
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}
