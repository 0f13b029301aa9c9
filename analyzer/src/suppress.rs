//! Comments that accept findings.
//!
//! `# hermetic: ignore[rule, ...] reason` accepts the findings of these rules on its row, and those
//! of a statement whose first or last row it is on. `# hermetic: ignore-file[rule, ...] reason`, on
//! a row of its own, accepts them in the whole file. What is accepted is counted, never dropped in
//! silence; a comment that accepts nothing is a finding.
//!
//! A comment without rules accepts nothing. It would also accept what is written on the line later,
//! which no one has looked at.

mod add;
mod directive;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use hermetic_policy::message::{SuppressionFault, tell_suppression};
use hermetic_policy::rule::Construct;
use hermetic_policy::suggest::did_you_mean;
use hermetic_policy::{Level, Rule, rules};
use memchr::memmem;
use rustc_hash::FxHashMap;

pub use self::add::{Addition, BadReason, Reason};
pub(crate) use self::add::{insertions, plan};

pub(crate) use self::directive::{Kind, directives};

use self::directive::Directive;
use crate::diagnostic::{Diagnostic, FixState, RuleRef, Ruling, Span};
use crate::judge::{Judgement, is_told_once};
use crate::logical::LogicalLines;
use crate::report::FileReport;
use crate::resolve::names::NAMES;
use crate::source::Source;
use crate::summary::{FileSummary, Range};

/// Said of files; only `ignore-file` accepts it.
const NOT_ANALYSED: &str = "not-analysed";
/// Never asked whether it is used itself.
const UNUSED: &str = "unused-suppression";

static PREFIX: LazyLock<memmem::Finder<'static>> =
    LazyLock::new(|| memmem::Finder::new(directive::PREFIX));

/// How many comments of a file are told with what was perhaps meant.
const MOST_ADVICE: usize = 1000;

/// A row of a file: the cell, if any, and the row in it.
type Row = (Option<u32>, u32);

/// What is known of a file when its findings are there.
#[derive(Clone, Copy)]
pub(crate) struct Analysed<'a> {
    pub(crate) judgement: &'a Judgement,
    pub(crate) source: &'a Source,
    /// Asked for only where there are comments to read.
    pub(crate) lines: &'a dyn Fn() -> LogicalLines,
    pub(crate) summary: &'a FileSummary,
    /// Nothing was left out: what has no finding has none.
    pub(crate) whole: bool,
}

/// Whether `--add-ignores` writes a comment for it.
pub fn is_acceptable(finding: &Diagnostic) -> bool {
    let about_comments = |rule: &Rule| {
        use Construct::{
            InvalidSuppression, Unanalysed, UnexplainedSuppression, UnusedSuppression,
        };
        [InvalidSuppression, UnexplainedSuppression, Unanalysed, UnusedSuppression]
            .iter()
            .any(|form| NAMES.construct_rule(*form).is_some_and(|other| other.name == rule.name))
    };
    finding.level >= Level::Warn && !about_comments(finding.rule.0)
}

/// Whether a text may have comments that accept findings.
pub(crate) fn may_suppress(source: &Source) -> bool {
    PREFIX.find(source.text().as_bytes()).is_some()
}

/// Take what comments accept out of a file's findings, and add what there is to say of the
/// comments. Gives the number of undecided acts that are accepted.
pub(crate) fn suppress(analysed: Analysed<'_>, report: &mut FileReport) -> u64 {
    // Nearly no file has one, and looking is cheap.
    if !analysed.judgement.suppressions || !may_suppress(analysed.source) {
        return 0;
    }
    let lines = (analysed.lines)();
    let comments = Comments::new(analysed, &lines);
    if comments.all.is_empty() {
        return 0;
    }
    let mut bench =
        Bench { used: comments.unused(), comments, analysed, lines: &lines, undecided: 0 };
    bench.findings(report);
    bench.related(report);
    bench.faults(report);
    bench.unused(report);
    bench.undecided
}

/// Take what a configuration accepts out of a file's findings. Gives the number of undecided acts
/// that are accepted.
pub(crate) fn ignore(report: &mut FileReport, rules: &[&str]) -> u64 {
    if rules.is_empty() {
        return 0;
    }
    let mut undecided = 0;
    for finding in std::mem::take(&mut report.diagnostics) {
        if rules.contains(&finding.rule.0.name) {
            undecided += u64::from(finding.ruling == Ruling::Undecided);
            report.suppressed.push(finding);
        } else {
            report.diagnostics.push(finding);
        }
    }
    if rules.contains(&NOT_ANALYSED) {
        report.not_analysed.iter_mut().for_each(|part| part.accepted = true);
    }
    undecided
}

/// The directives of a file, by what they are about.
struct Comments<'t> {
    all: Vec<(Directive<'t>, About)>,
    /// The first directive, and the name in it, that accepts a rule on a row.
    rows: FxHashMap<(Row, &'static str), (usize, usize)>,
    /// The first that accepts it in the file.
    file: FxHashMap<&'static str, (usize, usize)>,
}

/// What a directive is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Row,
    File,
    /// The file, but behind code.
    Misplaced,
    Nothing,
}

impl<'t> Comments<'t> {
    fn new(analysed: Analysed<'t>, lines: &LogicalLines) -> Self {
        let source = analysed.source;
        let mut found =
            Self { all: vec![], rows: FxHashMap::default(), file: FxHashMap::default() };
        for comment in &lines.comments {
            let range = comment.range.start as usize..comment.range.end as usize;
            let Some(text) = source.text().get(range) else { continue };
            for directive in directives(text, comment.range.start) {
                let index = found.all.len();
                let about = match directive.kind {
                    Kind::Line => About::Row,
                    Kind::File if comment.alone => About::File,
                    Kind::File => About::Misplaced,
                    Kind::Bare | Kind::Malformed => About::Nothing,
                };
                let row = row_at(source, directive.range.start);
                for (at, name) in directive.names.iter().enumerate() {
                    let Some(rule) = name.rule else { continue };
                    let place = (index, at);
                    match about {
                        About::Row => found.rows.entry((row, rule.name)).or_insert(place),
                        About::File => found.file.entry(rule.name).or_insert(place),
                        About::Misplaced | About::Nothing => continue,
                    };
                }
                found.all.push((directive, about));
            }
        }
        found
    }

    /// For each name of each directive that nothing has needed it yet.
    fn unused(&self) -> Vec<Vec<bool>> {
        self.all.iter().map(|(directive, _)| vec![false; directive.names.len()]).collect()
    }
}

struct Bench<'a> {
    analysed: Analysed<'a>,
    lines: &'a LogicalLines,
    comments: Comments<'a>,
    /// For each name of each directive.
    used: Vec<Vec<bool>>,
    undecided: u64,
}

impl Bench<'_> {
    /// The ordinary findings.
    fn findings(&mut self, report: &mut FileReport) {
        for finding in std::mem::take(&mut report.diagnostics) {
            if !self.accepts(&finding) {
                report.diagnostics.push(finding);
                continue;
            }
            self.undecided += u64::from(finding.ruling == Ruling::Undecided);
            if finding.rule.0.name == NOT_ANALYSED {
                // Still listed, as everywhere where it is accepted.
                report.not_analysed.iter_mut().for_each(|part| part.accepted = true);
            }
            report.suppressed.push(finding);
        }
    }

    /// A comment at a place that belongs to a finding takes that place off it. Of what is told
    /// once in a file not every place is listed.
    fn related(&mut self, report: &mut FileReport) {
        for finding in &mut report.diagnostics {
            let rule = finding.rule.0;
            finding
                .related
                .retain(|related| related.path.is_some() || !self.on_rows(rule, &related.span));
        }
        let again: Vec<_> = self
            .analysed
            .summary
            .acts
            .iter()
            .filter(|act| is_told_once(act.rule))
            .map(|act| (act.rule, act.range))
            .collect();
        for (rule, range) in again {
            self.on_rows(rule, &self.analysed.source.span(range.start..range.end));
        }
    }

    fn accepts(&mut self, finding: &Diagnostic) -> bool {
        let rule = finding.rule.0;
        let about_file = rule.name == NOT_ANALYSED;
        (!about_file && self.on_rows(rule, &finding.span)) || self.in_file(rule)
    }

    /// Whether a comment accepts the rule on the first or last row of the place or its statement.
    fn on_rows(&mut self, rule: &Rule, span: &Span) -> bool {
        let mut rows = vec![(span.cell, span.start.row), (span.cell, span.end.row)];
        if let Some(line) = self.lines.at(span.offset) {
            rows.push(row_at(self.analysed.source, line.range.end));
            rows.push(row_at(self.analysed.source, line.range.start));
        }
        rows.iter().any(|row| {
            let place = self.comments.rows.get(&(*row, rule.name));
            place.is_some_and(|place| needs(&mut self.used, *place))
        })
    }

    fn in_file(&mut self, rule: &Rule) -> bool {
        let place = self.comments.file.get(rule.name);
        place.is_some_and(|place| needs(&mut self.used, *place))
    }

    /// What is wrong with the comments themselves.
    fn faults(&mut self, report: &mut FileReport) {
        let mut told = Vec::new();
        let invalid = Construct::InvalidSuppression;
        for (directive, about) in &self.comments.all {
            let range = directive.range;
            // Advice takes time; a file that needs it this often is not written by hand.
            let advises = told.len() < MOST_ADVICE;
            match directive.kind {
                Kind::Bare => {
                    let here = if advises { self.rules_at(range, report) } else { Vec::new() };
                    told.push((invalid, SuppressionFault::NoRules { here: &here }, range).owned());
                }
                Kind::Malformed => {
                    let text = directive.text;
                    told.push((invalid, SuppressionFault::Malformed { text }, range).owned());
                }
                Kind::Line | Kind::File => {}
            }
            if *about == About::Misplaced {
                told.push((invalid, SuppressionFault::NotAlone, range).owned());
            }
            for name in &directive.names {
                let fault = match name.rule {
                    None => {
                        let all = rules::all().filter(|_| advises).map(|rule| rule.name);
                        let near = did_you_mean(name.text, all);
                        SuppressionFault::UnknownRule { name: name.text, near }
                    }
                    Some(rule) if rule.name == NOT_ANALYSED && directive.kind == Kind::Line => {
                        SuppressionFault::AboutFiles { rule: rule.name }
                    }
                    Some(_) => continue,
                };
                told.push((invalid, fault, name.range).owned());
            }
            let followed = matches!(directive.kind, Kind::Line | Kind::File);
            if followed && directive.reason.is_empty() {
                let form = Construct::UnexplainedSuppression;
                told.push((form, SuppressionFault::NoReason, range).owned());
            }
        }
        for fault in told {
            // A comment cannot accept that comments are wrong.
            let acceptable = fault.form != invalid;
            self.tell(fault, acceptable, report);
        }
    }

    /// Names that nothing needed.
    fn unused(&mut self, report: &mut FileReport) {
        if !self.analysed.whole {
            return;
        }
        let mut told = Vec::new();
        for (index, (directive, about)) in self.comments.all.iter().enumerate() {
            if !matches!(about, About::Row | About::File) {
                continue;
            }
            let file = *about == About::File;
            let of = |(at, name): (usize, &directive::Name<'_>)| {
                let used = self.used.get(index).and_then(|used| used.get(at)).copied();
                let rule = name.rule.filter(|rule| {
                    rule.name != UNUSED
                        && (file || rule.name != NOT_ANALYSED)
                        && self.analysed.judgement.hears(rule)
                })?;
                (used == Some(false)).then_some(rule.name)
            };
            let rules: Vec<&'static str> =
                directive.names.iter().enumerate().filter_map(of).collect();
            if rules.is_empty() {
                continue;
            }
            let whole = rules.len() == directive.names.len();
            let fault = SuppressionFault::Unused { rules: &rules, whole, file };
            told.push((Construct::UnusedSuppression, fault, directive.range).owned());
        }
        for fault in told {
            self.tell(fault, true, report);
        }
    }

    fn tell(&mut self, fault: Fault, acceptable: bool, report: &mut FileReport) {
        let Some(rule) = NAMES.construct_rule(fault.form) else { return };
        let level = self.analysed.judgement.level(rule, rule.level);
        if level == Level::Off {
            return;
        }
        let finding = Diagnostic {
            rule: RuleRef(rule),
            level,
            ruling: Ruling::Advise,
            span: self.analysed.source.span(fault.range.start..fault.range.end),
            message: fault.told.what,
            why: fault.told.why,
            remedy: fault.told.remedy,
            target: fault.target,
            related: Vec::new(),
            fingerprint: None,
            fix: FixState::None,
        };
        if acceptable && self.accepts(&finding) {
            report.suppressed.push(finding);
        } else {
            report.diagnostics.push(finding);
        }
    }

    /// The rules with a finding on the row or statement of a place.
    fn rules_at(&self, range: Range, report: &FileReport) -> Vec<&'static str> {
        let source = self.analysed.source;
        let (cell, row) = row_at(source, range.start);
        let line = self.lines.at(range.start).map(|line| line.range);
        let near = |finding: &&Diagnostic| {
            let on_row = finding.span.cell == cell && finding.span.start.row == row;
            let in_line =
                line.is_some_and(|line| (line.start..=line.end).contains(&finding.span.offset));
            finding.rule.0.name != NOT_ANALYSED && (on_row || in_line)
        };
        let mut rules: Vec<_> =
            report.diagnostics.iter().filter(near).map(|finding| finding.rule.0.name).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}

/// Something to say of a comment.
struct Fault {
    form: Construct,
    told: hermetic_policy::message::Told,
    target: String,
    range: Range,
}

trait Owned {
    fn owned(self) -> Fault;
}

impl Owned for (Construct, SuppressionFault<'_>, Range) {
    fn owned(self) -> Fault {
        let (form, fault, range) = self;
        let target = match fault {
            SuppressionFault::UnknownRule { name, .. } => name.to_owned(),
            SuppressionFault::AboutFiles { rule } => rule.to_owned(),
            SuppressionFault::Unused { rules, .. } => rules.join(", "),
            SuppressionFault::NoRules { .. }
            | SuppressionFault::Malformed { .. }
            | SuppressionFault::NotAlone
            | SuppressionFault::NoReason => String::new(),
        };
        Fault { form, told: tell_suppression(fault), target, range }
    }
}

/// Note that a name is needed.
fn needs(used: &mut [Vec<bool>], (directive, name): (usize, usize)) -> bool {
    if let Some(used) = used.get_mut(directive).and_then(|used| used.get_mut(name)) {
        *used = true;
    }
    true
}

fn row_at(source: &Source, offset: u32) -> Row {
    let (cell, place) = source.position(offset);
    (cell, place.row)
}
