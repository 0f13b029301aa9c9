//! A report that was saved as JSON, read back.

use std::fmt;
use std::sync::Arc;

use hermetic_policy::Capability;
use serde::Deserialize;

use super::{Capabilities, Entry, Extension, Reach, Scope, Step, When};
use crate::discover::Distribution;
use crate::render::capabilities::{Granularity, VERSION};
use crate::report::NotAnalysed;
use crate::source::Reason;

/// Why a text is no report.
#[derive(Debug)]
pub enum BadReport {
    /// Not JSON, or not in this form.
    Form(String),
    /// Of a version that is not known.
    Version(u64),
    /// A word that is not known: what it is, and the word.
    Word(&'static str, String),
}

impl fmt::Display for BadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(detail) => write!(
                f,
                "no report of --capabilities in JSON: {detail}; make one with `hermetic-check \
                 --capabilities --output-format json`"
            ),
            Self::Version(version) => write!(
                f,
                "a report of version {version}, and this hermetic-check reads version {VERSION}; \
                 make both with the same one"
            ),
            Self::Word(what, word) => {
                write!(f, "`{}` is no {what} that is known", word.escape_debug())
            }
        }
    }
}

impl std::error::Error for BadReport {}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    granularity: Option<String>,
    capabilities: Vec<One>,
    #[serde(default)]
    extension_modules: Vec<Module>,
    #[serde(default)]
    not_analysed: Vec<Not>,
    #[serde(default)]
    files: u64,
    #[serde(default)]
    unresolved_calls: u64,
}

#[derive(Deserialize)]
struct One {
    scope: String,
    name: String,
    #[serde(default)]
    distribution: Option<Whose>,
    path: String,
    row: u32,
    #[serde(default)]
    cell: Option<u32>,
    capability: String,
    when: String,
    direct: bool,
    via: Vec<Via>,
    #[serde(default)]
    count: u32,
}

#[derive(Deserialize)]
struct Whose {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Via {
    name: String,
    path: String,
    row: u32,
    #[serde(default)]
    cell: Option<u32>,
}

#[derive(Deserialize)]
struct Module {
    name: String,
    #[serde(default)]
    distribution: Option<Whose>,
    path: String,
}

#[derive(Deserialize)]
struct Not {
    path: String,
    reason: String,
    detail: String,
}

/// Read a report, and how fine it is.
///
/// # Errors
/// [`BadReport`] for everything that is none.
pub fn read(bytes: &[u8]) -> Result<(Capabilities, Granularity), BadReport> {
    let form = |error: serde_json::Error| BadReport::Form(error.to_string());
    let versioned: Versioned = serde_json::from_slice(bytes).map_err(form)?;
    if versioned.version != u64::from(VERSION) {
        return Err(BadReport::Version(versioned.version));
    }
    let report: Report = serde_json::from_slice(bytes).map_err(form)?;
    let granularity = match report.granularity.as_deref() {
        None | Some("function") => Granularity::Function,
        Some("module") => Granularity::Module,
        Some("package") => Granularity::Package,
        Some(word) => return Err(BadReport::Word("granularity", word.to_owned())),
    };
    let read = Capabilities {
        entries: report.capabilities.into_iter().map(entry).collect::<Result<_, _>>()?,
        files: report.files,
        unresolved: report.unresolved_calls,
        extensions: report
            .extension_modules
            .into_iter()
            .map(|module| Extension {
                distribution: module.distribution.map(whose),
                name: module.name.into(),
                path: module.path.into(),
            })
            .collect(),
        not_analysed: report.not_analysed.into_iter().map(not).collect::<Result<_, _>>()?,
        ..Capabilities::default()
    };
    Ok((read, granularity))
}

fn whose(of: Whose) -> Arc<Distribution> {
    Arc::new(Distribution { name: of.name, version: of.version })
}

fn not(not: Not) -> Result<(String, NotAnalysed), BadReport> {
    let reason = Reason::ALL.into_iter().find(|reason| reason.name() == not.reason);
    let reason = reason.ok_or(BadReport::Word("reason", not.reason))?;
    let accepted = reason.is_notice();
    Ok((not.path, NotAnalysed { reason: reason.name(), detail: not.detail, accepted }))
}

fn entry(one: One) -> Result<Entry, BadReport> {
    let scope = match &*one.scope {
        "package" => Scope::Package,
        "module" => Scope::Module,
        "class" => Scope::Class,
        "function" => Scope::Function,
        _ => return Err(BadReport::Word("scope", one.scope)),
    };
    let when = match &*one.when {
        "import" => When::Import,
        "call" => When::Call,
        _ => return Err(BadReport::Word("time", one.when)),
    };
    let known = Capability::ALL.into_iter().find(|known| known.name() == one.capability);
    let reach = match known {
        Some(capability) => Reach::Capability(capability),
        None if one.capability == Reach::Unresolved.name() => Reach::Unresolved,
        None => return Err(BadReport::Word("capability", one.capability)),
    };
    let step = |via: Via| Step {
        name: via.name.into(),
        path: via.path.into(),
        row: via.row,
        cell: via.cell,
    };
    Ok(Entry {
        scope,
        name: one.name.into(),
        distribution: one.distribution.map(whose),
        dependency: false,
        path: one.path.into(),
        row: one.row,
        cell: one.cell,
        reach,
        when,
        direct: one.direct,
        via: one.via.into_iter().map(step).collect(),
        count: one.count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_report_is_told() {
        for (text, told) in [
            ("", "no report"),
            ("{\"version\": 2, \"capabilities\": []}", "version 2"),
            ("{\"version\": 1}", "no report"),
            ("{\"findings\": []}", "no report"),
            ("{\"version\": 1, \"granularity\": \"x\", \"capabilities\": []}", "`x` is no"),
        ] {
            let error = read(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        assert!(read(b"{\"version\": 1, \"capabilities\": []}").is_ok());
    }
}
