//! What changed between two programs ([`Difference`]), as text and as JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Serializer, ser::PrettyFormatter};

use super::capabilities::{One, SHOWN_NAMES, VERSION, one, way};
use super::escape::escape;
use crate::capabilities::difference::Difference;
use crate::capabilities::{Entry, Extension, Scope, Step, When};

/// For people: what is gained first, each with its way.
///
/// # Errors
/// Those of `out`.
pub fn text(out: &mut impl Write, difference: &Difference) -> io::Result<()> {
    section(out, "gained", &difference.gained)?;
    section(out, "lost", &difference.lost)?;
    if !difference.new_extensions.is_empty() {
        writeln!(out, "new extension modules")?;
        for module in &difference.new_extensions {
            writeln!(out, "  {}  {}", escape(&module.name), escape(&module.path))?;
        }
        writeln!(out)?;
    }
    for (then, now) in &difference.renamed {
        writeln!(out, "renamed: {} is {} and reaches the same", escape(then), escape(now))?;
    }
    for (path, reason) in &difference.not_analysed {
        let (path, detail) = (escape(path), escape(&reason.detail));
        writeln!(out, "not analysed: {path}: {}: {detail}", reason.reason)?;
    }
    let (gained, lost) = (difference.gained.len(), difference.lost.len());
    if difference.is_gain() || lost > 0 {
        writeln!(out, "{gained} gained, {lost} lost")?;
    } else {
        writeln!(out, "no capability gained or lost")?;
    }
    let (before, now) = difference.unresolved;
    writeln!(out, "calls that could not be followed: {before} before, {now} now")?;
    out.flush()
}

fn section(out: &mut impl Write, title: &str, entries: &[Entry]) -> io::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    writeln!(out, "{title}")?;
    let mut last = "";
    for entry in entries.iter().filter(|entry| entry.scope == Scope::Package) {
        if last != &*entry.name {
            let version = entry.distribution.as_ref().map_or("", |of| &of.version);
            let name = format!("package {} {version}", entry.name);
            writeln!(out, "  {}", escape(name.trim_end()))?;
            last = &entry.name;
        }
        line(out, entry)?;
    }
    // One new call deep down is reached by all that lead to it: told once, with the shortest way.
    let mut groups: BTreeMap<_, Vec<&Entry>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.scope != Scope::Package) {
        let end = entry.via.last();
        groups.entry((entry.reach, entry.when, end.map(Step::key))).or_default().push(entry);
    }
    for group in groups.values() {
        let Some(nearest) = group.iter().min_by_key(|entry| entry.via.len()) else { continue };
        let others: Vec<_> =
            group.iter().filter(|it| it.name != nearest.name).map(|it| &*it.name).collect();
        writeln!(out, "  {} {}", nearest.scope.name(), escape(&nearest.name))?;
        line(out, nearest)?;
        if !others.is_empty() {
            let shown: Vec<_> = others.iter().take(SHOWN_NAMES).map(|name| escape(name)).collect();
            let more = match others.len().saturating_sub(SHOWN_NAMES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            writeln!(out, "      and so do {}{more}", shown.join(", "))?;
        }
    }
    writeln!(out)
}

fn line(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let when = match entry.when {
        When::Import => "on import",
        When::Call => "if called",
    };
    writeln!(out, "    {:<13} {when}  {}", entry.reach.name(), way(&entry.via))
}

impl Step {
    /// What it is, whatever leads to it.
    fn key(&self) -> (&str, &str, u32) {
        (&self.name, &self.path, self.row)
    }
}

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    gained: Vec<One<'a>>,
    lost: Vec<One<'a>>,
    renamed: Vec<Renamed<'a>>,
    new_extension_modules: Vec<Module<'a>>,
    not_analysed: Vec<NotAnalysed<'a>>,
    unresolved_calls: Counts,
}

#[derive(Serialize)]
struct Renamed<'a> {
    old: &'a str,
    new: &'a str,
}

#[derive(Serialize)]
struct Module<'a> {
    name: &'a str,
    path: &'a str,
}

#[derive(Serialize)]
struct NotAnalysed<'a> {
    path: &'a str,
    reason: &'static str,
    detail: &'a str,
}

#[derive(Serialize)]
struct Counts {
    old: u64,
    new: u64,
}

/// For programs: one object.
///
/// # Errors
/// Those of `out`.
pub fn json(out: &mut impl Write, difference: &Difference) -> io::Result<()> {
    let module = |it: &'_ Extension| (it.name.clone(), it.path.clone());
    let modules: Vec<_> = difference.new_extensions.iter().map(module).collect();
    let report = Report {
        version: VERSION,
        gained: difference.gained.iter().map(one).collect(),
        lost: difference.lost.iter().map(one).collect(),
        renamed: difference.renamed.iter().map(|(old, new)| Renamed { old, new }).collect(),
        new_extension_modules: modules.iter().map(|(name, path)| Module { name, path }).collect(),
        not_analysed: difference
            .not_analysed
            .iter()
            .map(|(path, why)| NotAnalysed { path, reason: why.reason, detail: &why.detail })
            .collect(),
        unresolved_calls: Counts { old: difference.unresolved.0, new: difference.unresolved.1 },
    };
    let formatter = PrettyFormatter::with_indent(b" ");
    report.serialize(&mut Serializer::with_formatter(&mut *out, formatter))?;
    writeln!(out)?;
    out.flush()
}
