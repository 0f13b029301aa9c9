//! `--watch`: a run after each change. Each is the run that the same command line would be without
//! `--watch`, and the cache makes it quick.
//!
//! On Linux every folder is watched by itself, so that what is passed over costs nothing; where the
//! system watches trees, what happens in such folders is left out here. Folders are watched before
//! the files in them are read: what changes meanwhile leads to one run more.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hermetic_check::configuration::{self, Failure};
use hermetic_check::discover::{self, Disk, Texts};
use hermetic_check::project::PerFile as _;
use notify::{ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::args::{Args, Output};
use crate::settings::{Input, Settings};
use crate::{CLOSED, engine, output, run_settled};

/// How long nothing has to happen before a run: an editor that saves and a `git checkout` do many
/// things at once.
const QUIET: Duration = Duration::from_millis(100);

/// How long a run is put off at most while things happen.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the system watches folders one by one.
const SINGLE: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Clear the screen and what has scrolled out of it (ECMA-48, and xterm for the latter).
const CLEAR: &str = "\x1b[2J\x1b[3J\x1b[H";

/// Run, and run again after each change, until nobody reads on.
pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let outputs = args.output.outputs();
    let texts = Arc::new(LastGood::default());
    let mut watched = Watched::new(&outputs)?;
    let mut code = None;
    loop {
        texts.begin();
        let round = round(args, &outputs, &texts, &mut watched, code.is_some());
        match round {
            Ok(ended) => code = Some(ended),
            Err(Ended::By(failure)) => return Err(failure),
            // What cannot even begin is a wrong command line.
            Err(Ended::Round(failure)) if code.is_none() => return Err(failure),
            Err(Ended::Round(failure)) => say(&failure.to_string()),
        }
        if let Some(code) = code.filter(|_| CLOSED.load(Ordering::Relaxed)) {
            return Ok(code);
        }
        // Where a configuration has led to folders that nobody watched, it may have changed since.
        if watched.follow(texts.folders())? {
            continue;
        }
        for failure in texts.failures() {
            say(&format!("{failure} (what it said before holds until this is mended)"));
        }
        let files = watched.files;
        say(&format!(
            "watching {files} {}; Ctrl+C ends",
            if files == 1 { "file" } else { "files" }
        ));
        watched.wait(&texts)?;
    }
}

/// Why a round came to nothing.
enum Ended {
    /// The next may do better.
    Round(Failure),
    /// There is no next.
    By(Failure),
}

fn round(
    args: &Args,
    outputs: &[Output],
    texts: &Arc<LastGood>,
    watched: &mut Watched,
    again: bool,
) -> Result<u8, Ended> {
    if again && io::stdout().is_terminal() {
        // A screen that cannot be cleared is only longer.
        let _ = io::stdout().write_all(CLEAR.as_bytes());
    }
    output::check(outputs, args.output.statistics, args.capabilities).map_err(Ended::Round)?;
    let settings = Settings::resolve_in(args, Arc::clone(texts) as Arc<dyn Texts>);
    let settings = settings.map_err(Ended::Round)?;
    watched.look(&settings)?;
    let mut folders = texts.folders();
    // The baseline is read as the run begins.
    let configured = settings.nearest.common().configuration.baseline.clone();
    for file in args.accept.baseline.iter().map(|it| settings.base.join(it)).chain(configured) {
        folders.extend(file.parent().map(Path::to_owned));
        watched.named.insert(real(&file));
    }
    watched.follow(folders).map_err(Ended::By)?;
    run_settled(args, outputs, settings).map_err(Ended::Round)
}

fn say(line: &str) {
    let mut err = io::stderr().lock();
    // With nobody to hear it, the reports go on.
    let _ = writeln!(err, "{line}");
}

/// What is watched.
struct Watched {
    watcher: RecommendedWatcher,
    events: Receiver<notify::Result<notify::Event>>,
    /// Folders that are watched.
    at: BTreeSet<PathBuf>,
    /// Folders whose files count.
    folders: BTreeSet<PathBuf>,
    /// Files that were named: paths to analyse, baselines.
    named: BTreeSet<PathBuf>,
    /// What the run writes itself.
    own: BTreeSet<PathBuf>,
    /// How many files are analysed.
    files: usize,
}

impl Watched {
    fn new(outputs: &[Output]) -> Result<Self, Failure> {
        let (sender, events) = mpsc::channel();
        let watcher = notify::recommended_watcher(move |event| {
            // Nobody waits any more where the program ends.
            let _ = sender.send(event);
        });
        let own = outputs.iter().filter_map(|output| output.file.as_deref()).map(real).collect();
        Ok(Self {
            watcher: watcher.map_err(|error| unwatchable(&error))?,
            events,
            at: BTreeSet::new(),
            folders: BTreeSet::new(),
            named: BTreeSet::new(),
            own,
            files: 0,
        })
    }

    /// Watch the folders that the walk enters.
    fn look(&mut self, settings: &Settings) -> Result<(), Ended> {
        let Input::Paths(roots) = &settings.input else {
            let told = "--watch watches files and folders, not standard input";
            return Err(Ended::By(Failure::new(told)));
        };
        self.named = roots.iter().map(|root| real(&settings.base.join(root))).collect();
        let above: Vec<PathBuf> =
            self.named.iter().filter_map(|root| root.parent().map(Path::to_owned)).collect();
        // Where a root is gone, it may come back.
        let followed = self.follow(above).map_err(Ended::By);
        followed?;
        let found = discover::discover_with_folders(&engine::discover_options(settings));
        let (found, folders) = found.map_err(|error| Ended::Round(Failure::new(error)))?;
        let excluded = |file: &&discover::File| !settings.nearest.of(file.on_disk()).excluded;
        self.files = found.files.iter().filter(excluded).count();
        let gone = self.at.iter().filter(|folder| !folder.is_dir()).cloned().collect::<Vec<_>>();
        for folder in gone {
            // The system has forgotten it already; one of the same name would be another.
            let _ = self.watcher.unwatch(&folder);
            self.at.remove(&folder);
        }
        self.folders = folders;
        self.follow(self.folders.clone()).map_err(Ended::By)?;
        Ok(())
    }

    /// Watch these folders too; whether one of them is new.
    fn follow(&mut self, folders: impl IntoIterator<Item = PathBuf>) -> Result<bool, Failure> {
        let mut new = false;
        for folder in folders {
            let folder = real(&folder);
            let known = self.at.contains(&folder)
                || (!SINGLE
                    && folder
                        .ancestors()
                        .any(|above| self.folders.contains(above) && self.at.contains(above)));
            if known || !folder.is_dir() {
                continue;
            }
            let whole = !SINGLE && self.folders.contains(&folder);
            let mode = if whole { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            match self.watcher.watch(&folder, mode) {
                Ok(()) => {
                    self.at.insert(folder);
                    new = true;
                }
                // Folders come and go, and those above may be closed to us.
                Err(error) if is_about_one(&error) => {}
                Err(error) => return Err(unwatchable(&error)),
            }
        }
        Ok(new)
    }

    /// Wait until something has changed and nothing changes any more.
    fn wait(&self, texts: &LastGood) -> Result<(), Failure> {
        let ended = |_| Failure::new("the system no longer tells what changes; start it again");
        loop {
            let event = self.events.recv().map_err(ended)?;
            if self.counts(event, texts)? {
                break;
            }
        }
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            match self.events.recv_timeout(QUIET) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Timeout) => break,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(ended(mpsc::RecvError)),
            }
        }
        Ok(())
    }

    /// Whether an event may change what is reported.
    fn counts(
        &self,
        event: notify::Result<notify::Event>,
        texts: &LastGood,
    ) -> Result<bool, Failure> {
        let event = match event {
            Ok(event) => event,
            Err(error) if is_about_one(&error) => return Ok(true),
            Err(error) => return Err(unwatchable(&error)),
        };
        // That a file is read, by us too, changes nothing. What was lost may have been anything.
        if matches!(event.kind, EventKind::Access(_)) {
            return Ok(false);
        }
        if event.need_rescan() {
            return Ok(true);
        }
        Ok(event.paths.iter().any(|path| {
            if self.own.contains(path) {
                return false;
            }
            if self.named.contains(path) || texts.asked(path) {
                return true;
            }
            let inside = path.parent().is_some_and(|folder| self.folders.contains(folder));
            let folder = || self.folders.contains(path) || path.is_dir();
            // Python is written by its own name in the end, whatever an editor calls it before.
            (inside && (discover::matters(path) || folder()) && !is_housekeeping(path))
                || (discover::matters(path) && says_what_is_passed_over(path))
        }))
    }
}

/// Our own cache beside what version control keeps: never walked.
fn is_housekeeping(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // What is about to be written in the place of another file is not there yet.
    name.starts_with(".hermetic") || matches!(name, ".git" | ".hg" | ".svn" | ".bzr")
}

/// An ignore file, which may stand above what is analysed.
fn says_what_is_passed_over(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == ".gitignore" || name == ".ignore")
}

/// The path as the system tells of it.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (whole.parent().map(Path::canonicalize), whole.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => whole,
    }
}

/// Whether another folder could be watched all the same.
fn is_about_one(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound | ErrorKind::WatchNotFound => true,
        ErrorKind::Io(error) => {
            matches!(
                error.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::NotADirectory
            )
        }
        _ => false,
    }
}

fn unwatchable(error: &notify::Error) -> Failure {
    let limit = match &error.kind {
        ErrorKind::MaxFilesWatch => Some("fs.inotify.max_user_watches"),
        // `inotify_init(2)`: too many instances of this user.
        ErrorKind::Io(error) if error.raw_os_error() == Some(24) => {
            Some("fs.inotify.max_user_instances")
        }
        _ => None,
    };
    match limit.filter(|_| SINGLE) {
        Some(limit) => Failure::new(format_args!(
            "--watch: the system watches no more folders for you; raise {limit} (sysctl -w \
             {limit}=NUMBER), or leave folders out with --exclude"
        )),
        None => Failure::new(format_args!("--watch: the system cannot tell what changes: {error}")),
    }
}

/// Configuration files, each as it was when it was last one.
#[derive(Debug, Default)]
struct LastGood(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    good: BTreeMap<PathBuf, Vec<u8>>,
    failures: BTreeMap<PathBuf, Vec<Failure>>,
    /// Files that were looked for, there or not.
    asked: BTreeSet<PathBuf>,
}

impl LastGood {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begin a round.
    fn begin(&self) {
        self.known().failures.clear();
    }

    /// What is wrong with files whose last good text was taken.
    fn failures(&self) -> Vec<Failure> {
        let known = self.known();
        let kept = known.failures.iter().filter(|(path, _)| known.good.contains_key(*path));
        kept.flat_map(|(_, failures)| failures.clone()).collect()
    }

    /// The folders in which a configuration is, or would count.
    fn folders(&self) -> Vec<PathBuf> {
        self.known().asked.iter().filter_map(|file| file.parent().map(Path::to_owned)).collect()
    }

    /// Whether the file would be a configuration.
    fn asked(&self, path: &Path) -> bool {
        self.known().asked.contains(path)
    }
}

impl Texts for LastGood {
    fn is_file(&self, path: &Path) -> bool {
        self.known().asked.insert(real(path));
        Disk.is_file(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.known().asked.insert(real(path));
        let read = Disk.read(path);
        let base = std::env::current_dir().unwrap_or_default();
        let failures = configuration::check(path, &base, &Disk);
        let mut known = self.known();
        match read {
            Ok(bytes) if failures.is_empty() => {
                known.good.insert(path.to_owned(), bytes.clone());
                Ok(bytes)
            }
            read => {
                known.failures.insert(path.to_owned(), failures);
                known.good.get(path).map_or(read, |good| Ok(good.clone()))
            }
        }
    }
}
