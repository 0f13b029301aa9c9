//! The one thread that owns all state.
//!
//! Handlers and workers send [`Event`]s; each is a piece of code that runs here, in the order in
//! which they were sent. Nothing here waits: findings are worked out on the analyzer's workers
//! from a snapshot and come back as an event. What comes back for a text that has been edited
//! since is dropped, as the edit has asked for another check.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use hermetic_check::configuration::Failure;
use hermetic_check::workspace::{Change, Name, Workers, Workspace};
use serde_json::Value;

use crate::client::Outbox;
use crate::convert::{self, Context, Features, Published, Uri};
use crate::documents::{Documents, Open, Role};
use crate::log_file::LogFile;
use crate::options::{DiagnosticMode, LogLevel, Options};
use crate::scans::Scans;
use crate::text::Edit;

/// What runs on the owner's thread.
pub(crate) type Event = Box<dyn FnOnce(&mut Owner) + Send>;

/// The way to the owner.
#[derive(Clone, Debug)]
pub(crate) struct Post(Sender<Event>);

impl Post {
    /// Send an event. After the end nobody hears it.
    pub(crate) fn send(&self, event: impl FnOnce(&mut Owner) + Send + 'static) {
        let _ = self.0.send(Box::new(event));
    }
}

/// How a check of one document stands.
#[derive(Debug, Default)]
struct Check {
    running: bool,
    /// Something has changed since it began.
    again: bool,
    /// Counts what its findings hang on.
    generation: u64,
    /// Something else than an edit of its own asked for it: a client that asks for diagnostics
    /// has to be told that there may be others.
    offered: bool,
}

/// All state.
pub(crate) struct Owner {
    pub(crate) workspace: Workspace,
    pub(crate) workers: Workers,
    pub(crate) documents: Documents,
    pub(crate) features: Arc<Features>,
    pub(crate) options: Options,
    pub(crate) client: Outbox,
    pub(crate) post: Post,
    pub(crate) scans: Scans,
    /// What the client was told last of how things stand.
    pub(crate) told: Value,
    log_file: Option<LogFile>,
    checks: BTreeMap<Name, Check>,
    /// What was published last, by address.
    published: BTreeMap<Uri, Published>,
    /// Configuration files that something was said of.
    complained: BTreeSet<PathBuf>,
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Owner").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Start the thread. It ends when nobody can send to it any more.
///
/// # Errors
/// Where threads cannot be had.
pub(crate) fn start(client: Outbox) -> std::io::Result<Post> {
    let (sender, events) = channel::<Event>();
    let post = Post(sender);
    let workers = Workers::start().map_err(std::io::Error::other)?;
    // Its own way to itself keeps the channel open: the thread ends with the process.
    let owner = Owner {
        workspace: Workspace::default(),
        workers,
        documents: Documents::default(),
        features: Arc::default(),
        options: Options::default(),
        client,
        post: post.clone(),
        scans: Scans::default(),
        told: Value::Null,
        log_file: None,
        checks: BTreeMap::new(),
        published: BTreeMap::new(),
        complained: BTreeSet::new(),
    };
    std::thread::Builder::new().name("owner".to_owned()).spawn(move || run(owner, &events))?;
    Ok(post)
}

fn run(mut owner: Owner, events: &Receiver<Event>) {
    for event in events {
        // A defect of ours costs one event, whose answer is dropped with it.
        let done = catch_unwind(AssertUnwindSafe(|| event(&mut owner)));
        if done.is_err() {
            owner.log(LogLevel::Error, "hermetic-lsp failed inside; please report it");
        }
    }
}

impl Owner {
    /// What the client can do is known.
    pub(crate) fn begin(&mut self, mut features: Features, folders: Vec<PathBuf>, options: &Value) {
        if features.code_description {
            features.pages = crate::pages::folder();
        }
        self.features = Arc::new(features);
        self.set_options(options);
        self.workspace.apply(Change::Folders(folders));
    }

    /// Settings of the editor.
    pub(crate) fn set_options(&mut self, value: &Value) {
        let (options, problems) = Options::read(value);
        for problem in problems {
            self.log(LogLevel::Error, &problem);
        }
        if options == self.options {
            return;
        }
        let (flags, problems) = options.flags();
        let others = |of: &Options| {
            let preference = of.configuration_preference;
            (of.profile.clone(), of.levels.clone(), of.configuration.clone(), preference)
        };
        let flags_changed = others(&options) != others(&self.options);
        if options.log_file != self.options.log_file {
            self.log_to(&options.log_file);
        }
        let mode_changed = options.diagnostic_mode != self.options.diagnostic_mode;
        let lenses_changed = options.code_lens != self.options.code_lens;
        self.options = options;
        if lenses_changed && self.features.lens_refresh {
            self.client.refresh_lenses();
        }
        for problem in problems {
            self.log(LogLevel::Error, &problem);
        }
        if flags_changed {
            self.workspace.apply(Change::Flags(flags));
            self.reconfigured();
        }
        if mode_changed {
            let all = self.options.diagnostic_mode == DiagnosticMode::Workspace;
            self.workspace.apply(Change::KeepAll(all));
            self.scan_all();
        }
    }

    /// What conversions need to know, as things are now.
    pub(crate) fn context(&self) -> Context {
        Context {
            snapshot: self.workspace.snapshot(),
            features: Arc::clone(&self.features),
            targets: self.documents.targets(),
        }
    }

    pub(crate) fn log(&self, level: LogLevel, message: &str) {
        if level <= self.options.log_level && level != LogLevel::Off {
            if let Some(file) = &self.log_file {
                file.write(level, message);
            }
            self.client.log(level, message.to_owned());
        }
    }

    /// Write the log to a file from now on.
    fn log_to(&mut self, path: &Path) {
        self.log_file = None;
        if path.as_os_str().is_empty() {
            return;
        }
        match LogFile::open(path) {
            Ok(file) => self.log_file = Some(file),
            Err(error) => {
                let told = format!("setting `logFile`: cannot write {}: {error}", path.display());
                self.log(LogLevel::Error, &told);
            }
        }
    }

    /// A document was opened.
    pub(crate) fn open(&mut self, uri: &Uri, language: &str, version: i32, text: String) {
        let open = self.documents.open(uri, language, version, text);
        self.take(&open);
    }

    /// A document was edited.
    pub(crate) fn edit(&mut self, uri: &Uri, version: i32, edits: Vec<Edit>) {
        let encoding = self.features.encoding;
        let Some(open) = self.documents.edit(uri, version, edits, encoding) else { return };
        if let Role::Python(name, kind) = &open.role {
            // Without a copy of what may be large.
            let (name, kind) = (name.clone(), *kind);
            let text = Arc::from(open.text.as_str());
            self.workspace.apply(Change::Text { name: name.clone(), kind, text });
            self.check(&name);
        } else {
            let open = open.clone();
            self.take(&open);
        }
    }

    /// The text of a document is another.
    fn take(&mut self, open: &Open) {
        match &open.role {
            Role::Python(name, kind) => {
                let text = Arc::from(open.text.as_str());
                self.workspace.apply(Change::Text { name: name.clone(), kind: *kind, text });
                self.check(name);
            }
            Role::Configuration(path) => {
                let text = Some(Arc::from(open.text.as_str()));
                self.workspace.apply(Change::Configuration { path: path.clone(), text });
                self.reconfigured();
            }
            Role::Cell(notebook) => {
                let notebook = notebook.clone();
                self.take_notebook(&notebook);
            }
            Role::Other => {}
        }
    }

    /// The text of a notebook is another.
    pub(crate) fn take_notebook(&mut self, uri: &Uri) {
        let Some((name, text)) = self.documents.notebook_text(uri) else { return };
        let kind = hermetic_check::source::FileKind::Notebook;
        self.workspace.apply(Change::Text { name: name.clone(), kind, text: Arc::from(text) });
        self.check(&name);
    }

    /// A document was closed.
    pub(crate) fn close(&mut self, uri: &Uri) {
        let Some(open) = self.documents.close(uri) else { return };
        match open.role {
            Role::Python(name, _) => self.closed(&name),
            Role::Configuration(path) => {
                self.workspace.apply(Change::Configuration { path, text: None });
                self.reconfigured();
            }
            Role::Cell(_) | Role::Other => {}
        }
        self.unpublish(uri);
    }

    /// Nothing of a document is open any more.
    pub(crate) fn closed(&mut self, name: &Name) {
        self.checks.remove(name);
        self.workspace.apply(Change::Close(name.clone()));
        // What is on the disk may be something else than when it was opened.
        if let Some(folder) = name.path().and_then(|path| self.folder_of(path)) {
            self.rescan(&folder);
            self.check_in(&folder);
        }
    }

    /// Nothing is to be seen at an address any more.
    pub(crate) fn unpublish(&mut self, uri: &Uri) {
        if let Some(published) = self.published.remove(uri)
            && !self.features.pulls
            && !published.diagnostics.is_empty()
        {
            self.client.publish(Published::new(uri.clone(), None));
        }
    }

    pub(crate) fn folder_of(&self, path: &Path) -> Option<PathBuf> {
        self.workspace.snapshot().folder_of(path).map(Path::to_owned)
    }

    /// Configuration files have changed, and have been read anew.
    pub(crate) fn reconfigured(&mut self) {
        self.tell_failures();
        self.tell_status();
        self.check_all();
        self.scan_all();
    }

    /// Say in configuration files what is wrong with them.
    fn tell_failures(&mut self) {
        let snapshot = self.workspace.snapshot();
        let mut failures: BTreeMap<PathBuf, Vec<Failure>> = BTreeMap::new();
        for failure in snapshot.failures() {
            if let Some((file, _)) = failure.file() {
                let of_file = failures.entry(file.to_owned()).or_default();
                // Who reads it for use stops at the first.
                *of_file = snapshot.configuration_failures(file);
                if of_file.is_empty() {
                    of_file.push(failure);
                }
            }
        }
        let open: Vec<PathBuf> = self
            .documents
            .all()
            .filter_map(|open| match &open.role {
                Role::Configuration(path) => Some(path.clone()),
                _ => None,
            })
            .collect();
        for path in &open {
            failures.entry(path.clone()).or_insert_with(|| snapshot.configuration_failures(path));
        }
        failures.retain(|_, failures| !failures.is_empty());
        let before = std::mem::take(&mut self.complained);
        let mut all: BTreeSet<PathBuf> = before.into_iter().chain(open).collect();
        all.extend(failures.keys().cloned());
        for path in all {
            let known = self.documents.all().find(|open| open.uri.path().as_ref() == Some(&path));
            let Some(uri) = known.map(|open| open.uri.clone()).or_else(|| Uri::of_path(&path))
            else {
                continue;
            };
            let text = known.map_or_else(
                || {
                    let bytes = hermetic_check::discover::read(&path).unwrap_or_default();
                    crate::text::Text::new(String::from_utf8_lossy(&bytes).into_owned())
                },
                |open| open.text.clone(),
            );
            let version = known.map(|open| open.version);
            let mut published = Published::new(uri, version);
            if let Some(failures) = failures.get(&path) {
                let encoding = self.features.encoding;
                let shown = failures.iter().map(|one| convert::failure(one, &text, encoding));
                published.diagnostics.extend(shown);
                self.complained.insert(path);
            }
            self.publish(published, true);
        }
    }

    /// Check a document that something else than an edit of its own may have changed.
    fn check_again(&mut self, name: &Name) {
        self.checks.entry(name.clone()).or_default().offered = true;
        self.check(name);
    }

    /// Check a document, now or when the check that runs is done.
    pub(crate) fn check(&mut self, name: &Name) {
        let check = self.checks.entry(name.clone()).or_default();
        check.generation += 1;
        if check.running {
            check.again = true;
            return;
        }
        self.start_check(name);
    }

    fn start_check(&mut self, name: &Name) {
        let Some(check) = self.checks.get_mut(name) else { return };
        check.running = true;
        check.again = false;
        let generation = check.generation;
        let (context, post, name) = (self.context(), self.post.clone(), name.clone());
        let began = Instant::now();
        self.workers.spawn(move || {
            let checked = catch_unwind(AssertUnwindSafe(|| {
                let changes = context.snapshot.changes_others(&name);
                let findings = context.snapshot.check(&name);
                let findings =
                    findings.map(|findings| context.published(&name, &findings.report.diagnostics));
                (changes, findings)
            }));
            let took = began.elapsed();
            post.send(move |owner| {
                let (changes, findings) = checked.unwrap_or_default();
                owner.checked(&name, generation, findings, changes, took);
            });
        });
    }

    fn checked(
        &mut self,
        name: &Name,
        generation: u64,
        findings: Option<Vec<Published>>,
        changes: bool,
        took: Duration,
    ) {
        // Closed since.
        let Some(check) = self.checks.get_mut(name) else { return };
        check.running = false;
        let current = check.generation == generation;
        let again = check.again;
        if current && let Some(findings) = findings {
            let offered = std::mem::take(&mut check.offered);
            for published in findings {
                self.publish(published, offered);
            }
        }
        if again {
            self.start_check(name);
        }
        if changes && let Some(folder) = name.path().and_then(|path| self.folder_of(path)) {
            self.check_others(&folder, name);
        }
        self.log(LogLevel::Debug, &format!("checked {name:?} in {took:?}"));
    }

    /// Tell the client, unless it knows or asks for itself.
    fn publish(&mut self, published: Published, offered: bool) {
        let before = self.published.get(&published.uri);
        let known = match before {
            Some(before) => *before == published,
            None => false,
        };
        if known {
            return;
        }
        let same = before.is_some_and(|before| before.diagnostics == published.diagnostics);
        self.published.insert(published.uri.clone(), published.clone());
        if self.features.pulls {
            // What an edit changes in its own file is asked for; the rest has to be offered.
            if !same && offered {
                self.refresh();
            }
            return;
        }
        self.client.publish(published);
    }

    /// Ask a client that asks for diagnostics to ask again.
    pub(crate) fn refresh(&mut self) {
        self.client.refresh_diagnostics();
    }

    /// Check every open document.
    pub(crate) fn check_all(&mut self) {
        let names: Vec<Name> = self.workspace.snapshot().documents().cloned().collect();
        for name in names {
            self.check_again(&name);
        }
    }

    /// Check every open document of a folder.
    pub(crate) fn check_in(&mut self, folder: &Path) {
        let snapshot = self.workspace.snapshot();
        let inside =
            |name: &&Name| name.path().is_some_and(|path| snapshot.folder_of(path) == Some(folder));
        let names: Vec<Name> = snapshot.documents().filter(inside).cloned().collect();
        for name in names {
            self.check_again(&name);
        }
    }

    fn check_others(&mut self, folder: &Path, but: &Name) {
        let snapshot = self.workspace.snapshot();
        let inside = |name: &&Name| {
            let path = name.path();
            *name != but && path.is_some_and(|path| snapshot.folder_of(path) == Some(folder))
        };
        let names: Vec<Name> = snapshot.documents().filter(inside).cloned().collect();
        for name in names {
            self.check_again(&name);
        }
    }

    /// What was said last of an address.
    pub(crate) fn published_at(&self, uri: &Uri) -> Vec<convert::LspDiagnostic> {
        self.published.get(uri).map(|known| known.diagnostics.clone()).unwrap_or_default()
    }

    /// A document was saved.
    pub(crate) fn saved(&mut self, uri: &Uri) {
        // Clients that watch files tell of it there.
        if !self.features.watches
            && let Some(path) = uri.path()
        {
            self.changed_on_disk(&[path]);
        }
        if self.options.code_lens && self.features.lens_refresh {
            self.client.refresh_lenses();
        }
    }

    /// Folders came and went.
    pub(crate) fn change_folders(&mut self, added: Vec<PathBuf>, removed: &[PathBuf]) {
        let snapshot = self.workspace.snapshot();
        let known = snapshot.folders().map(Path::to_owned);
        let left = known.filter(|folder| !removed.contains(folder));
        let folders = left.chain(added).collect();
        self.workspace.apply(Change::Folders(folders));
        self.check_all();
        self.scan_all();
    }

    /// Files were saved, made or taken away.
    pub(crate) fn changed_on_disk(&mut self, paths: &[PathBuf]) {
        // What a configuration extends, and what the editor names, may be called anything.
        let is_toml = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "toml");
        if paths.iter().any(is_toml) {
            self.workspace.apply(Change::Reconfigured);
            self.reconfigured();
        }
        let folders: BTreeSet<PathBuf> = paths
            .iter()
            .filter(|path| !is_toml(path))
            .filter_map(|path| self.folder_of(path))
            .collect();
        for folder in folders {
            self.rescan(&folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_fails_costs_itself() {
        let (outbox, _talk) = crate::client::outbox();
        let post = start(outbox).expect("threads");
        let (answer, answered) = channel();
        let kept = answer.clone();
        post.send(move |_| {
            let _kept = kept;
            panic!("a defect");
        });
        post.send(move |owner| {
            let _ = answer.send(owner.documents.all().count());
        });
        assert_eq!(answered.recv_timeout(Duration::from_mins(1)), Ok(0));
    }
}
