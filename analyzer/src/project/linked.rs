//! All files of a run joined: those that take something a rule knows from another file are looked
//! at once more, and places in different files that belong together are told together.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::per_file::Judgements;
use super::{Outcome, Settings, check_file};
use crate::detect::Linking;
use crate::diagnostic::{Diagnostic, Related, Span};
use crate::discover::{self, File};
use crate::link::environment::Taken;
use crate::link::modules::Roots;
use crate::link::{FileId, Program};
use crate::summary::links::{Links, Place};

/// Other files named beside one finding.
pub(crate) const MOST_RELATED: usize = 20;

/// A file, its findings, and what it offers and takes.
pub(super) struct Linked {
    pub(super) file: File,
    pub(super) outcome: Outcome,
    pub(super) links: Option<Box<Links>>,
}

/// What a second look gave.
struct Second {
    outcome: Outcome,
    taken: Vec<Taken>,
}

/// Judge every file once more for which another knows something. Runs on the threads of the pool it is called from.
pub(super) fn link(
    settings: &Settings,
    roots: &Roots,
    mut linked: Vec<Linked>,
    judgements: &Judgements<'_>,
) -> Vec<Outcome> {
    linked.par_sort_unstable_by(|a, b| a.file.path.cmp(&b.file.path));
    // Files that nothing is known of offer nothing, and take nothing.
    let (mut joined, alone): (Vec<Linked>, Vec<Linked>) =
        linked.into_iter().partition(|one| one.links.is_some());
    let mut outcomes: Vec<Outcome> = alone.into_iter().map(|one| one.outcome).collect();
    let mut seconds = second_looks(settings, roots, &joined, judgements);

    let shown = |one: &Linked| discover::display(&one.file.path, Some(&settings.base));
    let mut paths: FxHashMap<usize, String> = FxHashMap::default();
    // Uses of what a file takes, by that file and the place.
    let mut uses: FxHashMap<(usize, Place), Vec<Related>> = FxHashMap::default();
    for (number, second) in seconds.iter_mut().enumerate() {
        let (Some(second), Some(one)) = (second, joined.get(number)) else { continue };
        for taken in &second.taken {
            let from = taken.file.0 as usize;
            if let Some(source) = joined.get(from) {
                paths.entry(from).or_insert_with(|| shown(source));
            }
            let place = one.links.as_deref().and_then(|links| import_of(links, taken.way));
            if let (Some(at), Some(place)) = (taken.place, place) {
                let message = format!("takes `{}` from there", taken.name);
                let related = Related { path: Some(shown(one)), span: place.span(), message };
                let known = uses.entry((from, at)).or_default();
                if known.len() < MOST_RELATED && !known.contains(&related) {
                    known.push(related);
                }
            }
        }
        name_sources(&mut second.outcome, &one.outcome, &second.taken, &paths);
    }
    // Giving back so many small pieces takes a while, and nobody need wait for it.
    let links: Vec<_> = joined.iter_mut().map(|one| one.links.take()).collect();
    rayon::spawn(move || drop(links));
    for (number, (one, second)) in joined.into_iter().zip(seconds).enumerate() {
        let mut outcome = second.map_or(one.outcome, |second| second.outcome);
        for finding in &mut outcome.report.diagnostics {
            if finding.rule.0.name == CAPTURED {
                let start = finding.span.start;
                let cell = finding.span.cell.unwrap_or_default();
                let place = Place { row: start.row, column: start.column, cell };
                let importers = uses.remove(&(number, place)).unwrap_or_default();
                finding.related.extend(importers);
            }
        }
        outcomes.push(outcome);
    }
    outcomes
}

/// The rule whose findings name the files that use what was taken.
pub(crate) const CAPTURED: &str = "captured-reference";

fn second_looks(
    settings: &Settings,
    roots: &Roots,
    joined: &[Linked],
    judgements: &Judgements<'_>,
) -> Vec<Option<Second>> {
    let files = joined
        .iter()
        .map(|one| (one.file.path.as_path(), one.links.as_deref().unwrap_or(Links::nothing())));
    let program = Program::of(files, roots, settings.judgement.names);
    let numbers = 0..u32::try_from(joined.len()).unwrap_or(u32::MAX);
    let looks = numbers.into_par_iter().map(|number| {
        let one = joined.get(number as usize)?;
        let path = |file: FileId| {
            joined.get(file.0 as usize).map_or_else(String::new, |one| {
                discover::display(&one.file.path, Some(&settings.base))
            })
        };
        let (environment, taken) = program.environment(FileId(number), &path)?;
        let applies = settings.applies(one.file.on_disk());
        let linking = Linking::With { graph: false, environment: &environment };
        let judgement = judgements.of(&applies);
        let (outcome, _) = check_file(judgement, &applies.ignored, &one.file, settings, linking);
        Some(Second { outcome, taken })
    });
    looks.collect()
}

/// Say of each finding that only the second look gave where the API was taken.
pub(crate) fn name_sources(
    outcome: &mut Outcome,
    before: &Outcome,
    taken: &[Taken],
    paths: &FxHashMap<usize, String>,
) {
    let same = |a: &Diagnostic, b: &Diagnostic| a.span == b.span && a.rule == b.rule;
    for finding in &mut outcome.report.diagnostics {
        let old = before.report.diagnostics.iter().any(|before| same(before, finding));
        if old {
            continue;
        }
        let source = taken.iter().find(|taken| {
            let rest = finding.target.strip_prefix(&*taken.name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        let Some(source) = source else { continue };
        let Some(path) = paths.get(&(source.file.0 as usize)) else { continue };
        finding.related.push(Related {
            path: Some(path.clone()),
            span: source.place.map_or(Span::FIRST, Place::span),
            message: format!("`{}` is taken here", source.name),
        });
    }
}

/// Where an import statement of the file names a way, or what it goes on from.
pub(crate) fn import_of(links: &Links, way: usize) -> Option<Place> {
    let mut at = Some(way);
    while let Some(way) = at {
        let named = links.imports.iter().find(|import| import.way as usize == way);
        if let Some(import) = named {
            return Some(import.place);
        }
        at = links.ways.get(way).and_then(|(from, _)| (*from)?.index());
    }
    None
}
