//! All files of a run joined: those that take something a rule knows from another file are looked
//! at once more, and places in different files that belong together are told together.

use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::per_file::Judgements;
use super::{Outcome, Settings, check_file, check_kept};
use crate::cache::{self, Cache, Joined, KeptLinks, Taken, Told};
use crate::detect::Linking;
use crate::diagnostic::{Diagnostic, Related, Span};
use crate::discover::{self, File};
use crate::link::modules::Roots;
use crate::link::{FileId, Program};
use crate::report::{self, FileReport};
use crate::summary::links::{Links, Place};

/// Other files named beside one finding.
const MOST_RELATED: usize = 20;

/// A file, and what one look at it gave.
pub(super) struct Linked {
    pub(super) file: File,
    pub(super) looked: Looked,
}

/// What one look at a file gave.
pub(super) struct Looked {
    pub(super) outcome: Outcome,
    /// What it offers and takes, where that was asked for and can be known.
    pub(super) links: Option<Offered>,
    /// What tells the facts from any others, where there is a cache.
    pub(super) identity: Option<blake3::Hash>,
}

/// What a file offers and takes.
pub(super) enum Offered {
    /// As this run found.
    Made(Box<Links>),
    /// As an earlier run did.
    Kept(KeptLinks),
}

impl Offered {
    /// It; `None` where what is kept cannot be made out.
    fn links(self) -> Option<Box<Links>> {
        match self {
            Self::Made(links) => Some(links),
            Self::Kept(kept) => kept.decode(),
        }
    }
}

/// What a second look gave.
struct Second {
    outcome: Outcome,
    /// The hash of what was told, where there is a cache.
    told: Option<blake3::Hash>,
    taken: Vec<Taken>,
}

/// Judge every file once more for which another knows something. Runs on the threads of the pool
/// it is called from.
pub(super) fn link(
    settings: &Settings,
    roots: &Roots,
    mut linked: Vec<Linked>,
    judgements: &Judgements<'_>,
) -> Vec<Outcome> {
    linked.par_sort_unstable_by(|a, b| a.file.path.cmp(&b.file.path));
    // Files that nothing is known of offer nothing, and take nothing.
    let (mut joined, alone): (Vec<Linked>, Vec<Linked>) =
        linked.into_iter().partition(|one| one.looked.links.is_some());
    let mut outcomes: Vec<Outcome> = alone.into_iter().map(|one| one.looked.outcome).collect();
    let program = program_of(settings, roots, &joined);
    let cache = settings.cache.as_ref();
    let known = cache.filter(|_| !settings.looks_again).zip(program.as_ref());
    let known = known.and_then(|(cache, program)| cache.joined(program));
    let known = known.and_then(|known| kept_looks(settings, &joined, judgements, known));
    let mut seconds = known.unwrap_or_else(|| {
        let seconds = second_looks(settings, roots, &mut joined, judgements);
        if let Some((cache, program)) = cache.zip(program) {
            cache.keep_joined(&program, &told(&seconds));
        }
        seconds
    });

    let shown = |one: &Linked| discover::display(&one.file.path, Some(&settings.base));
    let path = |file: u32| joined.get(file as usize).map(shown);
    let mut uses = Uses::default();
    for (number, second) in seconds.iter_mut().enumerate() {
        let (Some(second), Some(one)) = (second, joined.get(number)) else { continue };
        for taken in &second.taken {
            uses.note(taken, || shown(one));
        }
        name_sources(&mut second.outcome, &one.looked.outcome, &second.taken, &path);
    }
    for (number, (one, second)) in joined.into_iter().zip(seconds).enumerate() {
        let mut outcome = second.map_or(one.looked.outcome, |second| second.outcome);
        uses.tell(&mut outcome.report, number);
        outcomes.push(outcome);
    }
    outcomes
}

/// The rule whose findings name the files that use what was taken.
const CAPTURED: &str = "captured-reference";

/// Who uses what a file takes, by that file and the place.
#[derive(Debug, Default)]
pub(crate) struct Uses(FxHashMap<(usize, Place), Vec<Related>>);

impl Uses {
    /// Note that a file, which is shown so, takes this.
    pub(crate) fn note(&mut self, taken: &Taken, shown: impl FnOnce() -> String) {
        let (Some(at), Some(place)) = (taken.place, taken.import) else { return };
        let message = format!("takes `{}` from there", taken.name);
        let related = Related { path: Some(shown()), span: place.span(), message };
        let known = self.0.entry((taken.from as usize, at)).or_default();
        if known.len() < MOST_RELATED && !known.contains(&related) {
            known.push(related);
        }
    }

    /// Say of each reference that a file keeps who takes it from there.
    pub(crate) fn tell(&self, report: &mut FileReport, file: usize) {
        for finding in &mut report.diagnostics {
            if finding.rule.0.name == CAPTURED {
                let start = finding.span.start;
                let cell = finding.span.cell.unwrap_or_default();
                let place = Place { row: start.row, column: start.column, cell };
                let users = self.0.get(&(file, place));
                finding.related.extend(users.into_iter().flatten().cloned());
            }
        }
    }
}

/// What tells the program from any other; `None` where a file of it is in no cache.
fn program_of(settings: &Settings, roots: &Roots, joined: &[Linked]) -> Option<cache::Program> {
    settings.cache.as_ref()?;
    let identities: Option<Vec<_>> = joined.iter().map(|one| one.looked.identity).collect();
    let files = joined.iter().map(|one| one.file.path.as_path()).zip(identities?);
    Cache::program(&settings.base, roots, &settings.judgement.names.identity(), files)
}

/// What came of joining, to be kept.
fn told(seconds: &[Option<Second>]) -> Joined {
    let told = |(file, second): (u32, &Option<Second>)| {
        let second = second.as_ref()?;
        Some(Told { file, what: *second.told?.as_bytes(), taken: second.taken.clone() })
    };
    Joined { told: (0..).zip(seconds).filter_map(told).collect() }
}

/// The second looks of an earlier run at the same files; `None` where one of them is not kept.
fn kept_looks(
    settings: &Settings,
    joined: &[Linked],
    judgements: &Judgements<'_>,
    known: Joined,
) -> Option<Vec<Option<Second>>> {
    let looks: Option<Vec<(u32, Second)>> = known
        .told
        .into_par_iter()
        .map(|told| {
            let one = joined.get(told.file as usize)?;
            let applies = settings.applies(one.file.on_disk());
            let (judgement, what) = (judgements.of(&applies), blake3::Hash::from(told.what));
            let outcome = check_kept(judgement, &applies.ignored, &one.file, settings, what)?;
            Some((told.file, Second { outcome, told: Some(what), taken: told.taken }))
        })
        .collect();
    let mut seconds: Vec<Option<Second>> = joined.iter().map(|_| None).collect();
    for (number, second) in looks? {
        *seconds.get_mut(number as usize)? = Some(second);
    }
    Some(seconds)
}

fn second_looks(
    settings: &Settings,
    roots: &Roots,
    joined: &mut [Linked],
    judgements: &Judgements<'_>,
) -> Vec<Option<Second>> {
    let links: Vec<Option<Box<Links>>> = joined
        .par_iter_mut()
        .map(|one| {
            let offered = one.looked.links.take()?.links();
            if offered.is_some() {
                return offered;
            }
            // What is kept of it is damaged; the file itself is there.
            let without = Settings { cache: None, ..settings.clone() };
            let applies = settings.applies(one.file.on_disk());
            let linking = Linking::Facts { graph: false };
            let judgement = judgements.of(&applies);
            let looked = check_file(judgement, &applies.ignored, &one.file, &without, linking);
            one.looked.outcome = looked.outcome;
            looked.links.and_then(Offered::links)
        })
        .collect();
    let joined = &*joined;
    let files = joined.iter().zip(&links).map(|(one, links)| {
        (one.file.path.as_path(), links.as_deref().unwrap_or(Links::nothing()))
    });
    let program = Program::of(files, roots, &settings.judgement.names);
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
        let mut looked = check_file(judgement, &applies.ignored, &one.file, settings, linking);
        let own = links.get(number as usize).and_then(Option::as_deref);
        let taken = taken.into_iter().map(|taken| Taken {
            import: own.and_then(|own| own.import_of(taken.way)),
            name: taken.name.into(),
            from: taken.file.0,
            place: taken.place,
            through: taken.through.into_iter().map(|(file, at)| (file.0, at)).collect(),
        });
        let told = settings.cache.is_some().then(|| environment.hash());
        looked.outcome.report.told =
            settings.looks_again.then(|| report::Told(Arc::new(environment)));
        Some(Second { outcome: looked.outcome, told, taken: taken.collect() })
    });
    let seconds = looks.collect();
    drop(program);
    // Giving back so many small pieces takes a while, and nobody need wait for it.
    rayon::spawn(move || drop(links));
    seconds
}

/// Say of each finding that only the second look gave where the API was taken.
pub(crate) fn name_sources(
    outcome: &mut Outcome,
    before: &Outcome,
    taken: &[Taken],
    path: &dyn Fn(u32) -> Option<String>,
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
        let name = &source.name;
        let through = source
            .through
            .iter()
            .map(|(file, at)| (*file, at.span(), format!("`{name}` comes through here")));
        let at = source.place.map_or(Span::FIRST, Place::span);
        let taken = (source.from, at, format!("`{name}` is taken here"));
        for (file, span, message) in through.chain([taken]) {
            if let Some(path) = path(file) {
                finding.related.push(Related { path: Some(path), span, message });
            }
        }
    }
}
