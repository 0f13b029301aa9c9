//! One file, from its bytes to its findings.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hermetic_policy::rule::Construct;
use hermetic_policy::{Level, message};

use super::Outcome;
use super::kept::judge_kept;
use super::linked::{Looked, Offered};
use crate::cache::{Kept, Seen};
use crate::detect::{Linking, summarise};
use crate::diagnostic::{Diagnostic, FixState, RuleRef, Ruling, Span};
use crate::discover::File;
use crate::fingerprint;
use crate::judge::Judgement;
use crate::logical::LogicalLines;
use crate::report::{FileReport, NotAnalysed};
use crate::resolve::names::{NAMES, NameTable};
use crate::source::{FileKind, MagicBody, Reason, Source, Unanalysed, decode};
use crate::summary::{Facts, Range};
use crate::suppress;
use crate::syntax;

/// Files of more bytes than this are analysed one at a time: the tree of a text takes up to a
/// hundred times its memory.
const LARGE: usize = 2 << 20;

static LARGE_FILE: Mutex<()> = Mutex::new(());

impl Outcome {
    pub(crate) fn of(path: &str) -> Self {
        let report = FileReport { path: path.to_owned(), ..FileReport::default() };
        Self { report, ..Self::default() }
    }

    pub(crate) fn sort(&mut self) {
        for findings in [&mut self.report.diagnostics, &mut self.report.suppressed] {
            findings.sort_by(|a, b| {
                let key = |d: &Diagnostic| (d.span.offset, d.rule.0.name, d.span.end);
                key(a).cmp(&key(b))
            });
        }
    }
}

/// One file from its bytes to its findings, and what it offers and takes; what comes between is
/// kept where it is `seen`.
pub(super) fn analyse(
    judgement: &Judgement,
    path: &str,
    read: impl FnOnce() -> Result<Vec<u8>, Unanalysed>,
    kind: FileKind,
    seen: Option<&Seen>,
    linking: Linking<'_>,
) -> Looked {
    let mut outcome = Outcome::of(path);
    let read = read();
    let seen = seen.zip(read.as_ref().ok().filter(|_| seen.is_some()).map(|it| blake3::hash(it)));
    let kept = seen.and_then(|(seen, content)| seen.same(content));
    let (kept, with_text) = match kept {
        Some(kept) if judgement.suppressions && kept.lines.is_some() => (None, Some(kept)),
        kept => (kept, None),
    };
    if let Some(known) = kept.and_then(|kept| judge_kept(judgement, path, kept, None, linking)) {
        return known;
    }
    let _one = one_at_a_time(read.as_ref().map_or(0, Vec::len));
    let source = match read.and_then(|bytes| decode(bytes, kind)) {
        Ok(source) => source,
        Err(unanalysed) => {
            outcome.report.add(judgement, unanalysed, Span::FIRST);
            return Looked { outcome, links: None, identity: None };
        }
    };
    let known =
        with_text.and_then(|kept| judge_kept(judgement, path, kept, Some(&source), linking));
    if let Some(known) = known {
        return known;
    }
    outcome.lines = source.lines();
    // A defect of ours must cost no more than the file that shows it.
    let result = catch_unwind(AssertUnwindSafe(|| {
        let (mut facts, parsed) = analyse_source(judgement, &source, &mut outcome, linking);
        let Some((seen, content)) = seen else { return facts.summary.links.take() };
        let marked = judgement.fingerprints;
        let mut kept = Kept::new(facts, &source, parsed.as_ref(), marked);
        seen.keep(content, &kept);
        kept.facts.summary.links.take()
    }));
    let links = result.unwrap_or_else(|_| {
        let detail = "hermetic-check failed inside on this file; please report it".to_owned();
        let internal = Unanalysed::new(Reason::InternalError, detail);
        outcome.report.add(judgement, internal, Span::FIRST);
        None
    });
    outcome.sort();
    let identity = seen.map(|(seen, content)| seen.identity(content));
    Looked { outcome, links: links.map(Offered::Made), identity }
}

/// The findings of a file that an earlier run analysed knowing the same; `None` where that is not
/// known.
pub(super) fn analysed_before(
    judgement: &Judgement,
    path: &str,
    file: &File,
    seen: &Seen,
    told: Linking<'_>,
) -> Option<Outcome> {
    if let Some(kept) = seen.unchanged() {
        return judge_kept(judgement, path, kept, None, told).map(|looked| looked.outcome);
    }
    let bytes = file.read().ok()?;
    let kept = seen.same(blake3::hash(&bytes))?;
    let with_text = judgement.suppressions && kept.lines.is_some();
    let source = if with_text { Some(decode(bytes, file.kind).ok()?) } else { None };
    judge_kept(judgement, path, kept, source.as_ref(), told).map(|looked| looked.outcome)
}

/// What is kept of a file with these bytes; `None` where it has no text, or a defect of ours shows.
pub(super) fn facts(
    judgement: &Judgement,
    bytes: Vec<u8>,
    kind: FileKind,
    linking: Linking<'_>,
) -> Option<Kept> {
    let _one = one_at_a_time(bytes.len());
    let source = decode(bytes, kind).ok()?;
    let made = catch_unwind(AssertUnwindSafe(|| {
        let (facts, parsed) = examine(&judgement.names, &source, linking);
        Kept::new(facts, &source, parsed.as_ref(), judgement.fingerprints)
    }));
    made.ok()
}

/// Trees of large files are many times as large, and one at a time is enough to hold.
fn one_at_a_time(bytes: usize) -> Option<MutexGuard<'static, ()>> {
    (bytes > LARGE).then(|| LARGE_FILE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The findings of a text; gives its facts and its tree.
pub(super) fn analyse_source(
    judgement: &Judgement,
    source: &Source,
    outcome: &mut Outcome,
    linking: Linking<'_>,
) -> (Facts, Option<syntax::Parsed>) {
    let (facts, parsed) = examine(&judgement.names, source, linking);
    judge_facts(judgement, &facts, outcome, &|range| source.span(range.start..range.end));
    let Some(parsed) = parsed else { return (facts, None) };
    let lines = || LogicalLines::new(&parsed, source.text());
    accept(judgement, source, &facts, &lines, outcome);
    if judgement.fingerprints {
        fingerprint::mark(source, &parsed, &mut outcome.report.diagnostics);
    }
    (facts, Some(parsed))
}

/// The findings that a file's facts come to before any comment is read.
pub(crate) fn judge_facts(
    judgement: &Judgement,
    facts: &Facts,
    outcome: &mut Outcome,
    span_of: &dyn Fn(Range) -> Span,
) {
    let judged = judgement.judge(&facts.summary, span_of);
    outcome.lines = facts.lines;
    outcome.report.diagnostics = judged.diagnostics;
    outcome.used = judged.used;
    outcome.undecided = judged.undecided;
    for (unanalysed, range) in &facts.unanalysed {
        outcome.report.add(judgement, unanalysed.clone(), range.map_or(Span::FIRST, span_of));
    }
}

/// Take out what comments accept.
pub(crate) fn accept(
    judgement: &Judgement,
    source: &Source,
    facts: &Facts,
    lines: &dyn Fn() -> LogicalLines,
    outcome: &mut Outcome,
) {
    let summary = &facts.summary;
    let broken = facts.unanalysed.iter().any(|(part, _)| part.reason == Reason::SyntaxError);
    let whole = !summary.exhausted && !broken;
    let analysed = suppress::Analysed { judgement, source, lines, summary, whole };
    let accepted = suppress::suppress(analysed, &mut outcome.report);
    outcome.undecided = outcome.undecided.saturating_sub(accepted);
}

/// What a text does, and what of it could not be analysed; its tree, if it could be made.
pub(crate) fn examine(
    names: &NameTable,
    source: &Source,
    linking: Linking<'_>,
) -> (Facts, Option<syntax::Parsed>) {
    let parsed = match tree(source) {
        Ok(parsed) => parsed,
        Err(facts) => return (*facts, None),
    };
    (facts_of(names, source, &parsed, linking), Some(parsed))
}

/// The tree of a text, or what is to be said of one that has none.
pub(crate) fn tree(source: &Source) -> Result<syntax::Parsed, Box<Facts>> {
    let parts = source.parts().iter().map(|part| part.start..part.end);
    let notebook = kind_is_notebook(source.kind());
    syntax::parse(source.text(), parts, notebook).map_err(|deep| {
        let range = Range { start: deep.offset, end: deep.offset.saturating_add(1) };
        let mut facts = Facts { lines: source.lines(), ..Facts::default() };
        facts.unanalysed.push((too_deep(), Some(range)));
        Box::new(facts)
    })
}

/// What a text does, and what of it could not be analysed.
pub(crate) fn facts_of(
    names: &NameTable,
    source: &Source,
    parsed: &syntax::Parsed,
    linking: Linking<'_>,
) -> Facts {
    let mut facts = Facts { lines: source.lines(), ..Facts::default() };
    facts.summary = summarise(parsed, source, names, linking);
    if facts.summary.exhausted {
        facts.unanalysed.push((too_complex(), None));
    }
    if let Some((detail, range)) = first_error(parsed) {
        facts.unanalysed.push((Unanalysed::new(Reason::SyntaxError, detail), Some(range)));
    }
    for magic in source.cell_magics() {
        if magic.body == MagicBody::Unknown {
            let detail = format!("the cell is handed to `%%{}`", magic.name);
            let range = Range { start: magic.offset, end: magic.offset.saturating_add(2) };
            facts.unanalysed.push((Unanalysed::new(Reason::CellMagic, detail), Some(range)));
        }
    }
    facts
}

fn too_deep() -> Unanalysed {
    let detail = format!(
        "nested more deeply than the limit of {} expressions, {} blocks and {} formatted strings",
        syntax::DEEPEST,
        syntax::MOST_BLOCKS,
        syntax::MOST_STRINGS
    );
    Unanalysed::new(Reason::TooDeep, detail)
}

fn too_complex() -> Unanalysed {
    let detail = "it takes more steps than any ordinary file; the rest was left out";
    Unanalysed::new(Reason::TooComplex, detail)
}

/// The first thing the parser objected to, and how many more there are.
fn first_error(parsed: &syntax::Parsed) -> Option<(String, Range)> {
    let mut errors = parsed.errors();
    let first = errors.next()?;
    let more = match errors.count() {
        0 => String::new(),
        1 => " (and 1 more syntax error)".to_owned(),
        n => format!(" (and {n} more syntax errors)"),
    };
    let range = Range { start: first.range.start().to_u32(), end: first.range.end().to_u32() };
    Some((format!("{}{more}", lower_first(&first.message)), range))
}

pub(crate) fn kind_is_notebook(kind: FileKind) -> bool {
    kind.mode() == crate::source::Mode::Ipython
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

impl FileReport {
    /// Note that the file, or a part of it, is not analysed, as a finding of its own.
    pub(crate) fn add(&mut self, judgement: &Judgement, unanalysed: Unanalysed, span: Span) {
        let mut noted = NotAnalysed::from(unanalysed);
        let Some(rule) = NAMES.construct_rule(Construct::Unanalysed) else {
            self.not_analysed.push(noted);
            return;
        };
        let otherwise = if noted.accepted { Level::Info } else { rule.level };
        let level = judgement.level(rule, otherwise);
        noted.accepted = level <= Level::Info;
        if level > Level::Off {
            let told = message::tell_unanalysed(noted.reason, &noted.detail);
            self.diagnostics.push(Diagnostic {
                rule: RuleRef(rule),
                level,
                ruling: Ruling::Advise,
                span,
                message: told.what,
                why: told.why,
                remedy: told.remedy,
                target: noted.reason.to_owned(),
                related: Vec::new(),
                fingerprint: None,
                fix: FixState::None,
            });
        }
        self.not_analysed.push(noted);
    }
}
