//! What a program can reach ([`Capabilities`]), as text and as JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::escape::escape;
use super::record::write_document;
use crate::capabilities::{Capabilities, Entry, Reach, Scope, Step, When};

/// The version of the JSON form.
pub const VERSION: u32 = 1;

/// The longest way that is shown in full on one line: steps.
const SHOWN_STEPS: usize = 6;

/// The finest scope that is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Granularity {
    /// Top-level packages.
    Package,
    /// Modules.
    #[default]
    Module,
    /// Classes and functions too.
    Function,
}

impl Granularity {
    /// Whether it lists scopes of that kind; text lists just one kind, JSON all down to it.
    pub const fn lists(self, scope: Scope, all: bool) -> bool {
        match (self, scope) {
            (Self::Package, Scope::Package)
            | (Self::Module, Scope::Module)
            | (Self::Function, Scope::Module | Scope::Class | Scope::Function) => true,
            (Self::Module | Self::Function, Scope::Package) => all,
            _ => false,
        }
    }
}

/// For people: scopes, each with its capabilities, and a way to each.
///
/// # Errors
/// Those of `out`.
pub fn text(
    out: &mut impl Write,
    capabilities: &Capabilities,
    granularity: Granularity,
) -> io::Result<()> {
    let mut last: Option<(&str, &str)> = None;
    let entries = capabilities
        .entries
        .iter()
        .filter(|entry| granularity.lists(entry.scope, false) && entry.reach != Reach::Unresolved);
    for entry in entries {
        let of = (&*entry.name, &*entry.path);
        if last != Some(of) {
            if last.is_some() {
                writeln!(out)?;
            }
            let (name, path) = (escape(&entry.name), escape(&entry.path));
            match entry.scope {
                Scope::Package => writeln!(out, "{name}")?,
                Scope::Module => writeln!(out, "{name}  {path}")?,
                Scope::Class | Scope::Function => writeln!(out, "{name}  {path}:{}", entry.row)?,
            }
            last = Some(of);
        }
        let when = match entry.when {
            When::Import => "on import",
            When::Call => "if called",
        };
        writeln!(out, "  {:<13} {when}  {}", entry.reach.name(), way(&entry.via))?;
    }
    if last.is_none() {
        writeln!(out, "no capability reached")?;
    }
    writeln!(out)?;
    let (files, scopes) = (capabilities.files, capabilities.scopes);
    let calls = capabilities.unresolved;
    writeln!(out, "{files} {}, {scopes} modules, classes and functions", plural(files, "file"))?;
    writeln!(
        out,
        "{calls} {} could not be followed; what they reach is not known (JSON lists them by \
         function)",
        plural(calls, "call")
    )?;
    for note in &capabilities.notes {
        writeln!(out, "note: {}", escape(note))?;
    }
    for line in unanalysed(capabilities) {
        writeln!(out, "not analysed: {line}")?;
    }
    out.flush()
}

/// What was not analysed in whole, and why.
pub(super) fn unanalysed(capabilities: &Capabilities) -> impl Iterator<Item = String> {
    capabilities
        .not_analysed
        .iter()
        .map(|(path, not)| format!("{}: {}: {}", escape(path), not.reason, escape(&not.detail)))
}

pub(super) fn plural(count: u64, one: &str) -> String {
    if count == 1 { one.to_owned() } else { format!("{one}s") }
}

/// `x.py:3`, `n.ipynb:cell 2:1`.
pub(super) fn location(step: &Step) -> String {
    let path = escape(&step.path);
    match step.cell {
        Some(cell) => format!("{path}:cell {cell}:{}", step.row),
        None => format!("{path}:{}", step.row),
    }
}

/// `a.b (x.py:3) → os.system (y.py:7)`.
fn way(via: &[Step]) -> String {
    let step = |step: &Step| format!("{} ({})", escape(&step.name), location(step));
    if via.len() <= SHOWN_STEPS {
        return via.iter().map(step).collect::<Vec<_>>().join(" → ");
    }
    let (first, rest) = via.split_at(SHOWN_STEPS - 2);
    let first: Vec<_> = first.iter().map(step).collect();
    let last = rest.last().map(step).unwrap_or_default();
    format!("{} → {} more → {last}", first.join(" → "), rest.len() - 1)
}

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    capabilities: Vec<One<'a>>,
    not_analysed: Vec<NotAnalysed<'a>>,
    notes: &'a [String],
    files: u64,
    unresolved_calls: u64,
}

#[derive(Serialize)]
struct One<'a> {
    scope: &'static str,
    name: &'a str,
    path: &'a str,
    row: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<u32>,
    capability: &'static str,
    when: &'static str,
    direct: bool,
    via: Vec<Via<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
}

#[derive(Serialize)]
struct Via<'a> {
    name: &'a str,
    path: &'a str,
    row: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<u32>,
}

#[derive(Serialize)]
struct NotAnalysed<'a> {
    path: &'a str,
    reason: &'static str,
    detail: &'a str,
}

/// For programs: one object.
///
/// # Errors
/// Those of `out`.
pub fn json(
    out: &mut impl Write,
    capabilities: &Capabilities,
    granularity: Granularity,
) -> io::Result<()> {
    let listed = |entry: &&Entry| granularity.lists(entry.scope, true);
    let report = Report {
        version: VERSION,
        capabilities: capabilities.entries.iter().filter(listed).map(one).collect(),
        not_analysed: capabilities
            .not_analysed
            .iter()
            .map(|(path, not)| NotAnalysed { path, reason: not.reason, detail: &not.detail })
            .collect(),
        notes: &capabilities.notes,
        files: capabilities.files,
        unresolved_calls: capabilities.unresolved,
    };
    write_document(out, &report)?;
    out.flush()
}

fn one(entry: &Entry) -> One<'_> {
    let via = entry.via.iter().map(|step| Via {
        name: &step.name,
        path: &step.path,
        row: step.row,
        cell: step.cell,
    });
    One {
        scope: entry.scope.name(),
        name: &entry.name,
        path: &entry.path,
        row: entry.row,
        cell: entry.cell,
        capability: entry.reach.name(),
        when: entry.when.name(),
        direct: entry.direct,
        via: via.collect(),
        count: (entry.reach == Reach::Unresolved).then_some(entry.count),
    }
}

#[cfg(test)]
pub(super) mod fixture;
