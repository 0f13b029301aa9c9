//! Findings of a file that was analysed in an earlier run.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Outcome;
use super::file::{accept, judge_facts};
use super::linked::{Looked, Offered};
use crate::cache::Kept;
use crate::detect::Linking;
use crate::diagnostic::Span;
use crate::judge::Judgement;
use crate::source::Source;

/// The findings that facts of an earlier run come to; `None` where they are not enough. The text
/// is wanted where comments may accept findings.
pub(super) fn judge_kept(
    judgement: &Judgement,
    path: &str,
    mut kept: Kept,
    source: Option<&Source>,
    linking: Linking<'_>,
) -> Option<Looked> {
    let links = kept.links.take();
    // A run over this file alone did not look for them.
    let wanted = matches!(linking, Linking::Facts { .. });
    if links.is_none() && wanted && !kept.facts.has_no_tree() {
        return None;
    }
    // A defect of ours shows again where the file is analysed anew.
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let mut outcome = Outcome::of(path);
        let whole = Cell::new(true);
        judge_facts(judgement, &kept.facts, &mut outcome, &|range| {
            kept.span(range).unwrap_or_else(|| {
                whole.set(false);
                Span::FIRST
            })
        });
        if let Some((source, lines)) = source.zip(kept.lines.as_ref()) {
            accept(judgement, source, &kept.facts, &|| lines.clone(), &mut outcome);
        }
        let marked = !judgement.fingerprints || kept.mark(&mut outcome.report.diagnostics);
        outcome.sort();
        let links = links.map(Offered::Kept);
        (whole.get() && marked).then_some(Looked { outcome, links, identity: kept.identity })
    }));
    judged.ok().flatten()
}
