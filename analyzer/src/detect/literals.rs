//! String literals that name a place: cloud metadata addresses, DNS-over-HTTPS endpoints.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use hermetic_policy::pattern::url::{UrlHost, split_host_port};
use hermetic_policy::{Host, Rule};

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
    // Told apart by case, which lets the search run on vectors: an address spelt otherwise is told
    // where it is used, after normalising.
    let automaton = AhoCorasick::builder()
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
        // One text names one host and one path, however often.
        let mut seen: Vec<usize> = Vec::new();
        for found in index.automaton.find_iter(text) {
            let pattern = found.pattern().as_usize();
            if seen.contains(&pattern) {
                continue;
            }
            seen.push(pattern);
            let Some((name, rule)) = index.literals.get(pattern) else { continue };
            if names_place(text, name) {
                let host = Host::parse(name).is_some();
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

/// Whether a literal is this place: the whole of it, or a URL whose host (or path) it is.
fn names_place(text: &str, place: &str) -> bool {
    if text == place {
        return true;
    }
    if place.starts_with('/') {
        let rest =
            text.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        let path = rest.unwrap_or(text);
        return path.split(['?', '#']).next() == Some(place);
    }
    // What is written in a sentence or a comment is no URL; a beginning of one may be.
    let host = match UrlHost::parse_prefix(text) {
        UrlHost::Unknown => UrlHost::parse(text),
        known => known,
    };
    match (host, Host::parse(place)) {
        (UrlHost::Endpoint { host, .. }, Some(place)) => host == place,
        (UrlHost::Relative | UrlHost::Local | UrlHost::Unknown, Some(place)) => {
            split_host_port(text).is_some_and(|(host, _)| host == place)
        }
        (_, None) => false,
    }
}
