//! What is known of a place in a document: what an editor shows when somebody points at it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hermetic_policy::rule::{Api, Trigger};
use hermetic_policy::{Rule, rules};

use super::{Name, Snapshot};
use crate::detect::{Linking, mention_at};
use crate::diagnostic::{Diagnostic, Position, Span};
use crate::project::file::tree;
use crate::resolve::names::NameTable;
use crate::source::Source;
use crate::summary::{FileSummary, Range};

/// One thing known of a place.
#[derive(Clone, Debug)]
pub enum Known {
    /// A finding is there.
    Finding(Box<Diagnostic>),
    /// Something is used there that a rule knows.
    Api(KnownApi),
    /// The name of a rule is there, in a comment that accepts findings.
    Rule(&'static Rule, Span),
}

/// Something that a rule knows.
#[derive(Clone, Debug)]
pub struct KnownApi {
    /// Its fully qualified name.
    pub name: String,
    /// The rule.
    pub rule: &'static Rule,
    /// Whether the runtime guard enforces it when a reference to it is kept; `None` where nothing
    /// is said of that.
    pub enforced_when_kept: Option<bool>,
    /// Where.
    pub span: Span,
}

impl Snapshot {
    /// What is known of a place, the nearest first; to be run on [`super::Workers`].
    pub fn known_at(&self, name: &Name, cell: Option<u32>, at: Position) -> Vec<Known> {
        let Some(findings) = self.check(name) else { return Vec::new() };
        let Some(document) = self.documents.get(name) else { return Vec::new() };
        let mut known = Vec::new();
        let inside = |span: &Span| span.cell == cell && span.start <= at && at < span.end;
        let around = findings.report.diagnostics.iter().filter(|finding| inside(&finding.span));
        known.extend(around.map(|finding| Known::Finding(Box::new(finding.clone()))));
        let first = document.first();
        let Some(source) = &first.source else { return known };
        if let Some((rule, span)) = rule_at(source, cell, at) {
            known.insert(0, Known::Rule(rule, span));
            return known;
        }
        let root = name.path().and_then(|path| self.root_of(path));
        let taking = root
            .filter(|root| document.settings.joins && root.files.is_some())
            .map(|root| root.joined(self))
            .and_then(|joined| Some(Arc::clone(joined.taking(joined.place_of(name.path()?)?)?)));
        let second = taking.as_ref().and_then(|taking| document.looked_again(taking));
        let summary = second.as_ref().map_or(&first.summary, |second| &second.summary);
        let api = api_at(source, summary, &inside).or_else(|| {
            let linking = match &taking {
                Some(taking) => Linking::With { graph: false, environment: &taking.environment },
                None => Linking::Facts { graph: false },
            };
            mentioned_at(source, &document.settings.judgement.names, linking, (cell, at))
        });
        known.extend(api.map(Known::Api));
        known
    }
}

/// The smallest expression around a place that is something a rule knows and nothing comes of:
/// `isinstance(s, socket.socket)`. The text is looked at once more for that.
fn mentioned_at(
    source: &Source,
    names: &NameTable,
    linking: Linking<'_>,
    (cell, at): (Option<u32>, Position),
) -> Option<KnownApi> {
    let offset = offset_of(source, cell, at)?;
    let look = || {
        let parsed = tree(source).ok()?;
        mention_at(&parsed, source, names, linking, offset)
    };
    let (id, range) = catch_unwind(AssertUnwindSafe(look)).ok()??;
    let trigger = names.triggers(id).first()?;
    Some(KnownApi {
        name: names.name(id).to_owned(),
        rule: trigger.rule,
        enforced_when_kept: enforced_when_kept(trigger.rule, names.name(names.canonical(id))),
        span: source.span(range.start..range.end),
    })
}

/// The smallest use around a place of something a rule knows.
fn api_at(
    source: &Source,
    summary: &FileSummary,
    inside: &dyn Fn(&Span) -> bool,
) -> Option<KnownApi> {
    let acts = summary.acts.iter().map(|act| (act.range, &*act.target, act.rule, None));
    let captures = summary
        .captures
        .iter()
        .map(|capture| (capture.range, &*capture.target, capture.of, Some(capture.enforced)));
    let mut best: Option<(Range, KnownApi)> = None;
    for (range, target, rule, enforced) in acts.chain(captures) {
        let narrower = best.as_ref().is_none_or(|(best, _)| {
            range.end.saturating_sub(range.start) < best.end.saturating_sub(best.start)
        });
        let span = source.span(range.start..range.end);
        if narrower && !target.is_empty() && inside(&span) {
            let name = target.to_owned();
            let enforced_when_kept = enforced.or_else(|| enforced_when_kept(rule, target));
            best = Some((range, KnownApi { name, rule, enforced_when_kept, span }));
        }
    }
    best.map(|(_, known)| known)
}

fn offset_of(source: &Source, cell: Option<u32>, at: Position) -> Option<u32> {
    let line = source.line(cell, at.row)?;
    let start = line.as_ptr().addr().checked_sub(source.text().as_ptr().addr())?;
    let column = (at.column as usize).checked_sub(1)?;
    let (inside, _) = line.char_indices().nth(column)?;
    u32::try_from(start + inside).ok()
}

fn enforced_when_kept(rule: &Rule, name: &str) -> Option<bool> {
    let api = |trigger: &Trigger| -> Option<Api> {
        match trigger {
            Trigger::Call(api) | Trigger::Reference(api) => Some(*api),
            Trigger::Import(_)
            | Trigger::Construct(_)
            | Trigger::Literal(_)
            | Trigger::Audit(_)
            | Trigger::Slot(_) => None,
        }
    };
    let found = rule.triggers.iter().filter_map(api).find(|api| api.name == name)?;
    found.patch_point.then_some(found.enforced_when_kept)
}

/// The rule whose name a comment that accepts findings has at a place.
fn rule_at(source: &Source, cell: Option<u32>, at: Position) -> Option<(&'static Rule, Span)> {
    let line = source.line(cell, at.row)?;
    let comment = line.find('#')?;
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let column = (at.column as usize).checked_sub(1)?;
    let offset = line.char_indices().nth(column).map_or(line.len(), |(offset, _)| offset);
    let (before, behind) = line.split_at_checked(offset)?;
    let start = before.trim_end_matches(is_name).len();
    let end = offset + behind.find(|c| !is_name(c)).unwrap_or(behind.len());
    let head = line.get(comment..start)?;
    let (_, directive) = head.rsplit_once("hermetic:")?;
    if !directive.trim_start().starts_with("ignore") || !directive.contains('[') {
        return None;
    }
    let rule = rules::find(line.get(start..end)?)?;
    let place = |offset: usize| Position {
        row: at.row,
        column: narrow(line.get(..offset).unwrap_or_default().chars().count()) + 1,
    };
    Some((rule, Span { cell, offset: 0, start: place(start), end: place(end) }))
}

fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
