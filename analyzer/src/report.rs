//! The outcome of a run, as plain data: what the renderers and the exit code are made from.

use std::collections::BTreeMap;
use std::sync::Arc;

use hermetic_policy::Capability;

use crate::detect::Environment;
use crate::diagnostic::Diagnostic;
use crate::fingerprint::Fingerprint;

/// Everything one run has to say. Sorted; the same for any number of threads.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Files with at least one finding, by path.
    pub files: Vec<FileReport>,
    /// Entries of the baseline that no finding matches any more.
    pub stale: Vec<Stale>,
    /// Counts over the whole run.
    pub summary: Summary,
}

/// An entry of a baseline that is no longer needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The path, from the baseline's folder.
    pub path: String,
    /// The rule's name, which may be one of another version.
    pub rule: String,
    /// The finding's fingerprint.
    pub fingerprint: Fingerprint,
    /// How many findings fewer than the entry says.
    pub count: u64,
}

/// One file's findings, sorted by offset and rule.
#[derive(Clone, Debug, Default)]
pub struct FileReport {
    /// Relative to the working directory where it is below it, with `/`; control and non-UTF-8
    /// bytes replaced.
    pub path: String,
    /// The path as the system has it, to read an excerpt from; `None` for standard input.
    pub source: Option<std::path::PathBuf>,
    /// Its content, where it is in an archive.
    pub member: Option<crate::discover::Member>,
    /// The findings, `not-analysed` among them.
    pub diagnostics: Vec<Diagnostic>,
    /// The findings that comments or configuration suppress, in the same order.
    pub suppressed: Vec<Diagnostic>,
    /// The findings that a baseline lists.
    pub baselined: Vec<Diagnostic>,
    /// Why this file was not analysed in whole, if so.
    pub not_analysed: Vec<NotAnalysed>,
    /// What other files have that made a difference, where it is to be looked at again.
    pub told: Option<Told>,
}

/// What other files have, as one was told of it.
#[derive(Clone, Debug)]
pub struct Told(pub(crate) Arc<Environment>);

/// One reason a file, or a part of it, was not analysed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnalysed {
    /// Kebab-case reason: `unreadable`, `encoding`, `syntax-error`, `too-deep`, `too-large` ...
    pub reason: &'static str,
    /// What exactly was seen.
    pub detail: String,
    /// Accepted by configuration (level `info` or `off`): no exit code 3.
    pub accepted: bool,
}

/// Counts over a run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Files analysed (wholly or in part).
    pub files: u64,
    /// Lines of them.
    pub lines: u64,
    /// Findings by rule.
    pub by_rule: BTreeMap<&'static str, u64>,
    /// Findings by capability.
    pub by_capability: BTreeMap<&'static str, u64>,
    /// Acts the policy could not decide, whether or not they are listed.
    pub undecided: u64,
    /// Findings that comments or configuration suppress.
    pub suppressed: u64,
    /// Findings that a baseline lists.
    pub baselined: u64,
    /// Findings that a baseline lists and that are gone.
    pub stale: u64,
    /// Files passed over because of `.gitignore` and kin.
    pub ignored: u64,
    /// Files and folders passed over because of `exclude` (default or configured).
    pub excluded: u64,
    /// Stub files (`.pyi`), which never run and are not analysed.
    pub stubs: u64,
    /// Capabilities used anywhere, whatever the policy: the closing line of a run without one.
    pub used: Vec<Capability>,
    /// Wall time in seconds.
    pub seconds: f64,
}
