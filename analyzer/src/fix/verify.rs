//! Whether edits do what they are for, seen by analysing the outcome.

use super::Fixer;
use super::candidate::Candidate;
use crate::detect::{Linking, summarise};
use crate::rewrite::{Edit, edited};
use crate::source::Source;
use crate::summary::{Capture, FileSummary, FoundAct, FoundOperand, Keep};
use crate::syntax;

/// Make the edits and compare: what these candidates capture must be gone, all else be as before.
pub(super) fn verify(
    fixer: &Fixer<'_>,
    candidates: &[&Candidate<'_>],
    edits: &[Edit],
) -> Result<(), String> {
    let text = edited(fixer.source.text(), edits).ok_or("its edits overlap")?;
    let source = Source::of_module(text, fixer.source.kind());
    let parts = source.parts().iter().map(|part| part.start..part.end);
    let parsed = syntax::parse(source.text(), parts, false).map_err(|_| "it nests too deeply")?;
    if parsed.errors().next().is_some() {
        return Err("the outcome would not parse".to_owned());
    }
    let after = summarise(&parsed, &source, fixer.names, Linking::Off);
    let gone: Vec<usize> = candidates.iter().flat_map(|c| c.captures.iter().copied()).collect();
    let kept = fixer.summary.captures.iter().enumerate();
    let kept = kept.filter(|(index, _)| !gone.contains(index)).map(|(_, capture)| capture);
    compare_captures(kept, &after, |capture| fixer.row(before(edits, capture.range.start)))?;
    compare(fixer.summary, &after)
}

fn compare_captures<'s>(
    before: impl Iterator<Item = &'s Capture>,
    after: &'s FileSummary,
    row: impl Fn(&Capture) -> u32,
) -> Result<(), String> {
    let mut before: Vec<_> = before.map(|capture| (&capture.target, capture.form)).collect();
    for capture in &after.captures {
        let known = before.iter().position(|one| *one == (&capture.target, capture.form));
        let Some(known) = known else {
            let how = words(capture.form);
            return Err(format!("row {} keeps it {how}", row(capture)));
        };
        before.swap_remove(known);
    }
    if before.is_empty() {
        return Ok(());
    }
    Err("another reference would no longer be found".to_owned())
}

const fn words(form: Keep) -> &'static str {
    match form {
        Keep::FromImport | Keep::StarImport => "by an import",
        Keep::Assignment => "by an assignment",
        Keep::ClassAttribute => "as an attribute of a class",
        Keep::BaseClass => "as a base class",
        Keep::Default => "as a default argument",
        Keep::Container => "in a container",
        Keep::Decorator => "as a decorator",
        Keep::Attribute => "as an attribute of an object",
        Keep::Closure => "by a function that outlives its own",
    }
}

/// The same acts, as often as before, but for those that an import statement is: there may be
/// more or fewer such statements.
fn compare(before: &FileSummary, after: &FileSummary) -> Result<(), String> {
    let acts = |summary: &FileSummary| {
        let mut acts: Vec<String> = summary.acts.iter().map(key).collect();
        acts.sort_unstable();
        acts.dedup_by(|a, b| a == b && a.starts_with(IMPORT));
        acts
    };
    let modules = |summary: &FileSummary| {
        let mut modules: Vec<_> = summary.imports.iter().map(|i| i.module.clone()).collect();
        modules.sort_unstable();
        modules.dedup();
        modules
    };
    if acts(before) == acts(after) && modules(before) == modules(after) {
        return Ok(());
    }
    Err("its uses would be understood in another way".to_owned())
}

const IMPORT: &str = "import ";

fn key(act: &FoundAct) -> String {
    let FoundAct { rule, verb, target, operand, certain, aimed_at_guard, .. } = act;
    let import = *operand == FoundOperand::Name(target.clone());
    let prefix = if import { IMPORT } else { "" };
    format!("{prefix}{} {verb:?} {target} {operand:?} {certain} {aimed_at_guard}", rule.name)
}

/// Where an offset of the outcome was before the edits.
fn before(edits: &[Edit], at: u32) -> u32 {
    let mut shift = 0_i64;
    for edit in edits {
        let length = i64::try_from(edit.text.len()).unwrap_or(i64::MAX);
        let start = i64::from(edit.range.start) + shift;
        if i64::from(at) < start {
            break;
        }
        if i64::from(at) < start + length {
            return edit.range.start;
        }
        shift += length - i64::from(edit.range.end - edit.range.start);
    }
    u32::try_from(i64::from(at) - shift).unwrap_or(at)
}
