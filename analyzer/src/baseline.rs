//! Findings that were there when hermetic-check was adopted: a file that lists them, so that only
//! new ones are told.
//!
//! An entry is a rule, a path and a [`Fingerprint`], with how often it occurs. A finding matches
//! an entry of its file, or of a file that is gone: then it was renamed. What is listed and no
//! longer found is stale, and told, so that the list only gets shorter.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use hermetic_policy::{Level, rules};
use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Ruling};
use crate::fingerprint::Fingerprint;
use crate::report::{FileReport, Report, Stale};

/// The version of the file. Another one cannot be read.
pub const VERSION: u64 = 1;

/// A baseline: how often each finding is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    entries: BTreeMap<Key, u64>,
}

/// What a finding is recognised by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    path: String,
    rule: String,
    fingerprint: Fingerprint,
}

/// Why a text is no baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaselineError {
    /// Not JSON, or JSON about something else.
    Format(String),
    /// Of a version that is not known.
    Version(u64),
    /// An entry whose fingerprint is none.
    Fingerprint(String),
}

impl fmt::Display for BaselineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = "write it again with --write-baseline";
        match self {
            Self::Format(detail) => write!(f, "is no baseline: {detail}; {again}"),
            Self::Version(version) => {
                write!(
                    f,
                    "is a baseline of version {version}, and only {VERSION} is known; {again}"
                )
            }
            Self::Fingerprint(text) => {
                write!(f, "is no baseline: `{text}` is no fingerprint; {again}")
            }
        }
    }
}

impl std::error::Error for BaselineError {}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document<E> {
    version: u64,
    findings: Vec<E>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    rule: String,
    fingerprint: String,
    count: u64,
}

/// What a run knows of the paths of a baseline.
pub trait Surroundings {
    /// The path of a file of the report, as a baseline has it.
    fn path(&self, file: &FileReport) -> String;
    /// Whether no such file is there any more.
    fn is_gone(&self, path: &str) -> bool;
    /// Whether the run would have found what is in that file by this rule.
    fn would_tell(&self, path: &str, rule: &'static hermetic_policy::Rule) -> bool;
}

impl Baseline {
    /// The findings of level warn and error.
    pub fn of(report: &Report, around: &impl Surroundings) -> Self {
        let mut entries = BTreeMap::new();
        for file in &report.files {
            let path = around.path(file);
            for finding in &file.diagnostics {
                if finding.level >= Level::Warn
                    && let Some(key) = key(&path, finding)
                {
                    *entries.entry(key).or_default() += 1;
                }
            }
        }
        Self { entries }
    }

    /// Read one.
    ///
    /// # Errors
    /// [`BaselineError`] where the text is none.
    pub fn from_json(text: &str) -> Result<Self, BaselineError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let format = |error: serde_json::Error| BaselineError::Format(error.to_string());
        let Versioned { version } = serde_json::from_str(text).map_err(format)?;
        if version != VERSION {
            return Err(BaselineError::Version(version));
        }
        let document: Document<Entry> = serde_json::from_str(text).map_err(format)?;
        let mut entries: BTreeMap<Key, u64> = BTreeMap::new();
        for Entry { path, rule, fingerprint, count } in document.findings {
            let Some(known) = Fingerprint::parse(&fingerprint) else {
                return Err(BaselineError::Fingerprint(fingerprint));
            };
            let listed = entries.entry(Key { path, rule, fingerprint: known }).or_default();
            *listed = listed.saturating_add(count);
        }
        Ok(Self { entries })
    }

    /// As a text with one line for each entry, sorted: a change is a line of a diff.
    pub fn to_json(&self) -> String {
        let mut text = format!("{{\n\"version\": {VERSION},\n\"findings\": [");
        for (at, (key, count)) in self.entries.iter().enumerate() {
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            let comma = if at == 0 { "" } else { "," };
            let (path, rule) = (quoted(&key.path), quoted(&key.rule));
            let fingerprint = key.fingerprint;
            let _ = write!(
                text,
                "{comma}\n{{\"path\": {path}, \"rule\": {rule}, \"fingerprint\": \"{fingerprint}\", \
                 \"count\": {count}}}"
            );
        }
        text.push_str("\n]\n}\n");
        text
    }

    /// How many findings it accepts.
    pub fn findings(&self) -> u64 {
        self.entries.values().sum()
    }

    /// Take the findings it lists out of a report, and note there what is stale.
    pub fn apply(&self, report: &mut Report, around: &impl Surroundings) {
        let mut left = self.entries.clone();
        let paths: Vec<String> = report.files.iter().map(|file| around.path(file)).collect();
        for (file, path) in report.files.iter_mut().zip(&paths) {
            accept(file, |finding| key(path, finding).is_some_and(|key| take(&mut left, &key)));
        }
        // Under another name, where the file is gone.
        left.retain(|_, count| *count > 0);
        let mut moved: BTreeMap<(String, Fingerprint), Vec<Key>> = BTreeMap::new();
        let mut gone: BTreeMap<String, bool> = BTreeMap::new();
        for key in left.keys() {
            if *gone.entry(key.path.clone()).or_insert_with(|| around.is_gone(&key.path)) {
                let place = (key.rule.clone(), key.fingerprint);
                moved.entry(place).or_default().push(key.clone());
            }
        }
        if !moved.is_empty() {
            for file in &mut report.files {
                accept(file, |finding| {
                    let Some(fingerprint) = finding.fingerprint else { return false };
                    let place = (finding.rule.0.name.to_owned(), fingerprint);
                    let keys = moved.get(&place).into_iter().flatten();
                    keys.into_iter().any(|key| take(&mut left, key))
                });
            }
        }
        let in_part: Vec<&String> = report
            .files
            .iter()
            .zip(&paths)
            .filter(|(file, _)| !file.not_analysed.is_empty())
            .map(|(_, path)| path)
            .collect();
        let stale = |(key, count): (Key, u64)| {
            let Key { path, rule, fingerprint } = key;
            // What was not analysed in whole may hold it still.
            let told = match rules::find(&rule) {
                Some(rule) => around.would_tell(&path, rule) && !in_part.contains(&&path),
                None => true,
            };
            (count > 0 && told).then_some(Stale { path, rule, fingerprint, count })
        };
        report.stale = left.into_iter().filter_map(stale).collect();
        report.recount();
    }

    /// Without what is stale.
    pub fn without(mut self, stale: &[Stale]) -> Self {
        for Stale { path, rule, fingerprint, count } in stale {
            let key = Key { path: path.clone(), rule: rule.clone(), fingerprint: *fingerprint };
            if let Some(listed) = self.entries.get_mut(&key) {
                *listed = listed.saturating_sub(*count);
            }
        }
        self.entries.retain(|_, count| *count > 0);
        self
    }
}

fn key(path: &str, finding: &Diagnostic) -> Option<Key> {
    let fingerprint = finding.fingerprint?;
    Some(Key { path: path.to_owned(), rule: finding.rule.0.name.to_owned(), fingerprint })
}

fn take(left: &mut BTreeMap<Key, u64>, key: &Key) -> bool {
    match left.get_mut(key) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}

/// Move what is listed.
fn accept(file: &mut FileReport, mut listed: impl FnMut(&Diagnostic) -> bool) {
    for finding in std::mem::take(&mut file.diagnostics) {
        if !listed(&finding) {
            file.diagnostics.push(finding);
            continue;
        }
        for part in &mut file.not_analysed {
            part.accepted |= finding.rule.0.name == "not-analysed" && part.reason == finding.target;
        }
        file.baselined.push(finding);
    }
}

impl Report {
    /// Count the findings again after some were taken out as listed in a baseline.
    fn recount(&mut self) {
        let mut baselined = 0;
        self.summary.by_rule.clear();
        self.summary.by_capability.clear();
        for file in &self.files {
            self.summary.count(&file.diagnostics);
            baselined += file.baselined.len() as u64;
            let undecided = file.baselined.iter().filter(|d| d.ruling == Ruling::Undecided).count();
            self.summary.undecided = self.summary.undecided.saturating_sub(undecided as u64);
        }
        self.summary.baselined = baselined;
        self.summary.stale = self.stale.iter().map(|stale| stale.count).sum();
    }
}

#[cfg(test)]
mod tests;
