//! String literals that name a place: cloud metadata addresses, DNS-over-HTTPS endpoints.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use hermetic_policy::Rule;

use crate::resolve::names::NAMES;
use crate::summary::FoundOperand;
use crate::syntax::TextRange;

use super::engine::{Engine, bytes};

/// Every literal trigger, searched for at once.
#[derive(Debug)]
pub(super) struct LiteralIndex {
    automaton: AhoCorasick,
    literals: &'static [(&'static str, &'static Rule)],
}

static INDEX: LazyLock<Option<LiteralIndex>> = LazyLock::new(|| {
    let literals = NAMES.literals();
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(literals.iter().map(|(text, _)| text))
        .ok()?;
    (!literals.is_empty()).then_some(LiteralIndex { automaton, literals })
});

impl LiteralIndex {
    /// The index, if the text has any of its literals at all.
    pub(super) fn for_text(text: &str) -> Option<&'static Self> {
        INDEX.as_ref().filter(|index| index.automaton.is_match(text))
    }
}

impl Engine<'_> {
    /// Note the places a string literal names.
    pub(super) fn literal(&mut self, text: &str, range: TextRange) {
        let Some(index) = self.literals else { return };
        if self.quiet > 0 {
            return;
        }
        for found in index.automaton.find_iter(text) {
            let whole = whole_name(text, found.start(), found.end());
            let Some((name, rule)) = index.literals.get(found.pattern().as_usize()) else {
                continue;
            };
            if whole {
                let host = !name.contains('/');
                let operand = if host {
                    FoundOperand::Inet { host: (*name).into(), port: None }
                } else {
                    FoundOperand::Unknown
                };
                self.act(rule, rule.verb, name, operand, true, false, bytes(range));
            }
        }
    }
}

/// Whether the match is not a part of a longer host name, number or word.
fn whole_name(text: &str, start: usize, end: usize) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let before = text.get(..start).and_then(|t| t.chars().next_back());
    let mut after = text.get(end..).unwrap_or_default().chars();
    let next = after.next();
    let longer = match next {
        // `169.254.169.254.nip.io`, but not the end of a sentence.
        Some('.') => after.next().is_some_and(part_of_name),
        Some(c) => part_of_name(c),
        None => false,
    };
    !longer && !before.is_some_and(|c| part_of_name(c) || c == '.')
}
