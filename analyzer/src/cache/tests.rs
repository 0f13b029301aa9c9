//! What is kept, when it is believed, and what becomes of a cache that is not as we left it.

use std::fs::{self, File};
use std::sync::atomic::AtomicUsize;

use hermetic_policy::config::{DeclaredApi, DeclaredCondition};
use hermetic_policy::{Capability, PolicyOptions};
use tempfile::TempDir;

use super::store::Store;
use super::*;
use crate::discover::DiscoverOptions;
use crate::project::{self, Settings};
use crate::report::Report;
use crate::resolve::names::NameTable;

const RUNS: &str = "import os\nos.system('ls')\n";
const IDLE: &str = "import os\nos.getcwd('ls')\n";

/// A folder of sources, and a place for a cache.
struct Bench {
    folder: TempDir,
    judgement: Judgement,
}

impl Bench {
    fn new(files: &[(&str, &str)]) -> Self {
        let options =
            PolicyOptions { profile: vec!["block-all".to_owned()], ..PolicyOptions::default() };
        let judgement =
            Judgement { policy: options.build().expect("a profile"), ..Judgement::default() };
        let bench = Self { folder: TempDir::new().expect("a folder"), judgement };
        fs::create_dir(bench.sources()).expect("a folder");
        for (name, text) in files {
            bench.write(name, text);
        }
        bench
    }

    fn sources(&self) -> PathBuf {
        self.folder.path().join("src")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.sources().join(name), text).expect("written");
    }

    fn options(&self) -> Options {
        let folder = self.folder.path();
        Options { folder: folder.join("cache"), secret: folder.join("user") }
    }

    fn store(&self) -> Store {
        Store::open(&self.options()).expect("a store")
    }

    /// What is kept of a file.
    fn entry(&self, name: &str) -> Option<Entry> {
        let pack = self.store().read(&self.sources()).expect("read")?;
        pack.entries.get(name.as_bytes()).cloned()
    }

    /// The only pack.
    fn pack(&self) -> PathBuf {
        let mut packs: Vec<_> = fs::read_dir(self.options().folder)
            .expect("a cache")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|it| it == "pack"))
            .collect();
        assert_eq!(packs.len(), 1, "{packs:?}");
        packs.remove(0)
    }

    fn run(&self, cache: Option<Cache>) -> (Report, Option<CacheError>) {
        let cache = cache.map(Arc::new);
        let settings = Settings {
            discover: DiscoverOptions { roots: vec![self.sources()], ..Default::default() },
            base: self.folder.path().to_owned(),
            judgement: self.judgement.clone(),
            threads: Some(2),
            cache: cache.clone(),
            ..Settings::default()
        };
        let mut report = project::check(&settings, &AtomicUsize::new(0)).expect("a run");
        report.summary.seconds = 0.0;
        (report, cache.and_then(|cache| cache.trouble()))
    }

    fn cold(&self) -> Report {
        self.run(None).0
    }

    /// With a cache that believes in files at once.
    fn warm(&self) -> Report {
        let (report, trouble) = self.warm_in_trouble();
        assert_eq!(trouble, None);
        report
    }

    fn warm_in_trouble(&self) -> (Report, Option<CacheError>) {
        let cache = Cache::open(&self.options()).expect("a cache");
        self.run(Some(Cache { grain: Duration::ZERO, ..cache }))
    }

    #[track_caller]
    fn agrees(&self) {
        let cold = format!("{:?}", self.cold());
        assert_eq!(format!("{:?}", self.warm()), cold);
        assert_eq!(format!("{:?}", self.warm()), cold);
    }

    /// Have it that the file does nothing, as if we had found so.
    fn without_acts(&self, name: &str) {
        self.tamper(name, |kept| kept.facts.summary.acts.clear());
    }

    fn tamper(&self, name: &str, change: impl FnOnce(&mut Kept)) {
        let store = self.store();
        let pack = store.read(&self.sources()).expect("read").expect("kept");
        let entry = pack.entries.get(name.as_bytes()).expect("kept");
        let facts = pack.bytes(entry.facts).expect("facts");
        let mut kept: Kept = postcard::from_bytes(facts).expect("read");
        change(&mut kept);
        let changed = postcard::to_allocvec(&kept).expect("facts");
        let none = BTreeMap::new();
        let mut all = known(&pack, &none);
        all.get_mut(name.as_bytes()).expect("kept").1.facts = &changed;
        store.write(&self.sources(), all).expect("written");
    }
}

fn count(report: &Report) -> usize {
    report.files.iter().map(|file| file.diagnostics.len()).sum()
}

#[test]
fn what_is_kept_is_believed_as_long_as_the_file_is_the_same() {
    let bench = Bench::new(&[("a.py", RUNS), ("b.py", RUNS)]);
    bench.agrees();
    bench.without_acts("a.py");
    assert_eq!(count(&bench.warm()), 1);
    // Touched, but of the same bytes.
    bench.write("a.py", RUNS);
    assert_eq!(count(&bench.warm()), 1);
    bench.write("a.py", &RUNS.replace("ls", "sl"));
    assert_eq!(count(&bench.warm()), 2);
    bench.agrees();
}

#[test]
fn an_edit_that_keeps_size_and_time_is_seen() {
    let bench = Bench::new(&[("a.py", RUNS)]);
    assert_eq!(count(&bench.warm()), 1);
    let path = bench.sources().join("a.py");
    let time = fs::metadata(&path).and_then(|it| it.modified()).expect("a time");
    assert_eq!(RUNS.len(), IDLE.len());
    bench.write("a.py", IDLE);
    let file = File::options().write(true).open(&path).expect("opened");
    file.set_modified(time).expect("set");
    assert_eq!(count(&bench.warm()), 0);
}

#[test]
fn the_times_of_a_young_file_say_nothing() {
    let bench = Bench::new(&[("a.py", RUNS)]);
    let cache = || Cache::open(&bench.options()).expect("a cache");
    bench.run(Some(cache()));
    let entry = bench.entry("a.py").expect("kept");
    assert!(!entry.settled);
    // Even if they are the same.
    let seen = cache().see(&bench.sources().join("a.py"), FileKind::Module, &bench.judgement, None);
    let seen = seen.expect("seen");
    assert_eq!(seen.stamp, entry.stamp);
    assert!(seen.unchanged().is_none());
    assert!(seen.same(blake3::hash(RUNS.as_bytes())).is_some());
    assert!(seen.same(blake3::hash(b"")).is_none());
    // It is read again, and nothing is written for it, until it is old enough.
    let before = fs::metadata(bench.pack()).and_then(|it| it.modified()).expect("a time");
    bench.run(Some(cache()));
    assert_eq!(fs::metadata(bench.pack()).and_then(|it| it.modified()).ok(), Some(before));
    bench.warm();
    assert_eq!(bench.entry("a.py").map(|it| it.settled), Some(cfg!(unix)));
}

#[test]
fn a_folder_s_entries_are_those_of_files_that_are_there() {
    let bench = Bench::new(&[("a.py", RUNS), ("b.py", RUNS)]);
    bench.warm();
    fs::rename(bench.sources().join("a.py"), bench.sources().join("c.py")).expect("renamed");
    bench.agrees();
    assert!(bench.entry("a.py").is_none());
    fs::remove_file(bench.sources().join("b.py")).expect("removed");
    bench.agrees();
    bench.write("d.py", IDLE);
    bench.agrees();
    assert!(bench.entry("b.py").is_none());
    assert!(bench.entry("c.py").is_some() && bench.entry("d.py").is_some());
}

#[test]
fn facts_are_the_same_under_every_policy_and_level() {
    let mut bench = Bench::new(&[("a.py", RUNS)]);
    bench.warm();
    let pack = fs::read(bench.pack()).expect("kept");
    bench.judgement.policy = PolicyOptions::default().build().expect("valid");
    bench.agrees();
    bench.judgement.levels.insert("shell-command", hermetic_policy::Level::Info);
    bench.agrees();
    assert_eq!(fs::read(bench.pack()).expect("kept"), pack);
}

#[test]
fn other_names_make_other_facts() {
    let mut bench = Bench::new(&[("a.py", "import acme\nacme.send('x')\n")]);
    assert_eq!(count(&bench.warm()), count(&bench.cold()));
    let before = count(&bench.cold());
    bench.judgement.names = NameTable::with(&[DeclaredApi {
        name: "acme.send".to_owned(),
        capability: Capability::Network,
        condition: DeclaredCondition::Always,
    }]);
    bench.agrees();
    assert_eq!(count(&bench.warm()), before + 1);
    bench.judgement.names = Arc::clone(&crate::resolve::names::NAMES);
    bench.agrees();
}

#[test]
fn fingerprints_are_kept_once_they_are_asked_for() {
    let broken = "import os\nos.system('a')\nx = (\n";
    let comments = "import os\n# text\nos.system('b')  # hermetic: ignore[shell-command] r\n";
    let files = [("a.py", RUNS), ("broken.py", broken), ("comments.py", comments)];
    let mut bench = Bench::new(&files);
    bench.warm();
    assert_eq!(bench.entry("a.py").map(|it| it.fingerprints), Some(false));
    bench.judgement.fingerprints = true;
    bench.agrees();
    let warm = bench.warm();
    let mut found = warm.files.iter().flat_map(|file| &file.diagnostics);
    assert!(found.all(|finding| finding.fingerprint.is_some()), "{warm:?}");
    let entry = bench.entry("a.py");
    assert_eq!(entry.as_ref().map(|it| it.fingerprints), Some(true));
    // A run that wants none takes none away.
    bench.judgement.fingerprints = false;
    bench.agrees();
    assert_eq!(bench.entry("a.py"), entry);
}

#[test]
fn comments_are_read_where_they_are() {
    let accepted = "import os\nos.system('b')  # hermetic: ignore[shell-command] r\n";
    let mut bench = Bench::new(&[("a.py", accepted)]);
    bench.agrees();
    assert_eq!(bench.warm().summary.suppressed, 1);
    bench.judgement.suppressions = false;
    bench.agrees();
    assert_eq!(count(&bench.warm()), 1);
    // The facts are believed here as well: without them the comment accepts nothing.
    bench.judgement.suppressions = true;
    bench.agrees();
    bench.without_acts("a.py");
    let report = bench.warm();
    let rules: Vec<_> = report.files.iter().flat_map(|file| &file.diagnostics).collect();
    assert_eq!(rules.iter().map(|it| it.rule.0.name).collect::<Vec<_>>(), ["unused-suppression"]);
}

#[test]
fn facts_without_all_their_places_are_not_enough() {
    let bench = Bench::new(&[("a.py", RUNS)]);
    bench.warm();
    bench.tamper("a.py", Kept::forget_places);
    bench.agrees();
}

#[test]
fn a_damaged_pack_is_told_and_made_anew() {
    let bench = Bench::new(&[("a.py", RUNS)]);
    let cold = format!("{:?}", bench.cold());
    bench.warm();
    let whole = fs::read(bench.pack()).expect("kept");
    let mut turned = whole.clone();
    *turned.last_mut().expect("bytes") ^= 1;
    let half = whole[..whole.len() / 2].to_vec();
    for damaged in [half, turned, vec![], vec![0; 31], vec![7; 4000]] {
        fs::write(bench.pack(), &damaged).expect("written");
        let (report, trouble) = bench.warm_in_trouble();
        assert_eq!(format!("{report:?}"), cold);
        let told = trouble.expect("told").to_string();
        assert!(told.contains("is damaged"), "{told}");
        bench.agrees();
        assert_eq!(fs::read(bench.pack()).expect("kept").len(), whole.len());
    }
}

#[test]
fn a_pack_counts_for_one_user_one_folder_and_one_version() {
    let bench = Bench::new(&[("a.py", RUNS)]);
    bench.warm();
    bench.without_acts("a.py");
    let options = bench.options();
    // Another user does not find it, and does not believe it under the name it would have.
    let other = Options { secret: bench.folder.path().join("other"), ..options.clone() };
    let store = Store::open(&other).expect("a store");
    assert!(store.read(&bench.sources()).expect("nothing").is_none());
    fs::copy(bench.pack(), store.pack(&bench.sources())).expect("copied");
    assert!(store.read(&bench.sources()).is_err());
    fs::remove_file(store.pack(&bench.sources())).expect("removed");
    // Nor is it that of another folder.
    let store = bench.store();
    let elsewhere = bench.folder.path().join("elsewhere");
    fs::copy(bench.pack(), store.pack(&elsewhere)).expect("copied");
    assert!(store.read(&elsewhere).is_err());
    fs::remove_file(store.pack(&elsewhere)).expect("removed");
    // Code that makes other facts has other keys.
    let store = store.of_other_code();
    assert!(store.read(&bench.sources()).expect("nothing").is_none());
}

#[test]
fn what_is_left_behind_is_swept_up_once_in_a_while() {
    let bench = Bench::new(&[("a.py", RUNS)]);
    bench.warm();
    let pack = bench.pack();
    let folder = bench.options().folder;
    let aged = |name: &str, days: u64| {
        let path = folder.join(name);
        if !path.exists() {
            fs::write(&path, "x").expect("written");
        }
        let time = SystemTime::now() - Duration::from_hours(24 * days);
        File::options().write(true).open(&path).and_then(|it| it.set_modified(time)).expect("set");
        path
    };
    aged(&pack.file_name().expect("a name").to_string_lossy(), 40);
    let useless = [aged("0.pack", 40), aged("1.scratch", 2)];
    let young = [aged("2.pack", 1), aged("3.scratch", 0)];
    let all = |paths: &[PathBuf]| paths.iter().all(|path| path.exists());
    let touch = |text: &str| {
        bench.write("a.py", text);
        bench.warm();
    };
    touch(IDLE);
    assert!(all(&useless), "not every run looks");
    aged("CACHEDIR.TAG", 8);
    touch(RUNS);
    assert!(!useless.iter().any(|path| path.exists()) && all(&young) && pack.exists());
    // The pack of a folder that is gone.
    let more = bench.sources().join("more");
    fs::create_dir(&more).expect("a folder");
    bench.write("more/b.py", RUNS);
    bench.warm();
    let gone = bench.store().pack(&more);
    for again in [true, false] {
        aged(&gone.file_name().expect("a name").to_string_lossy(), 40);
        aged("CACHEDIR.TAG", 8);
        if !again {
            fs::remove_dir_all(&more).expect("removed");
        }
        touch(if again { IDLE } else { RUNS });
        assert_eq!(gone.exists(), again);
    }
    assert!(pack.exists());
}

#[test]
fn only_a_cache_is_used_or_cleaned() {
    let bench = Bench::new(&[("a.py", RUNS)]);
    let Options { folder, .. } = bench.options();
    assert_eq!(clean(&folder), Ok(None));
    bench.warm();
    fs::write(folder.join("notes.txt"), "mine").expect("written");
    // Tag, .gitignore, one pack, and what came of joining.
    assert_eq!(clean(&folder), Ok(Some(4)));
    assert_eq!(fs::read_dir(&folder).expect("there").count(), 1);
    assert!(clean(&folder).is_err());
    let error = Cache::open(&bench.options()).map(|_| ()).expect_err("not ours");
    assert!(error.to_string().ends_with("holds other files, and is no cache of hermetic-check"));
    fs::remove_file(folder.join("notes.txt")).expect("removed");
    bench.warm();
    assert_eq!(clean(&folder), Ok(Some(4)));
    assert!(!folder.exists());
    // An ignore file of the user's is not ours.
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join(".gitignore"), "*.log\n").expect("written");
    assert!(clean(&folder).is_err() && Cache::open(&bench.options()).is_err());
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_links() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new(&[("a.py", RUNS)]);
    let Options { folder, .. } = bench.options();
    let elsewhere = bench.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    symlink(&elsewhere, &folder).expect("linked");
    assert!(Cache::open(&bench.options()).is_err() && clean(&folder).is_err());
    assert_eq!(fs::read_dir(&elsewhere).expect("there").count(), 0);
    fs::remove_file(&folder).expect("removed");
    fs::create_dir(&folder).expect("made");
    let precious = elsewhere.join("precious");
    fs::write(&precious, "mine").expect("written");
    symlink(&precious, folder.join("0.pack")).expect("linked");
    symlink(elsewhere.join("new"), folder.join(".gitignore")).expect("linked");
    // The second is no file that we wrote.
    assert!(Cache::open(&bench.options()).is_err());
    fs::remove_file(folder.join(".gitignore")).expect("removed");
    bench.warm();
    clean(&folder).expect("cleaned");
    assert_eq!(fs::read(&precious).expect("there"), b"mine");
    assert_eq!(fs::read_dir(&elsewhere).expect("there").count(), 1);
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_know_is_none() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new(&[]);
    let open = || Cache::open(&bench.options()).map(|_| ()).map_err(|error| error.to_string());
    let file = bench.options().secret.join("secret");
    assert_eq!(open(), Ok(()));
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    let secret = fs::read(&file).expect("a secret");
    assert_eq!((secret.len(), open()), (32, Ok(())));
    assert_eq!(fs::read(&file).expect("a secret"), secret);
    // As a checkout would bring it.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    assert!(open().expect_err("open to others").contains("read or written by others"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    fs::write(&file, "short").expect("written");
    assert!(open().expect_err("short").contains("is not 32 bytes long"));
    fs::remove_dir_all(bench.options().secret).expect("removed");
    fs::write(bench.options().secret, "").expect("written");
    assert!(open().is_err());
}

const HELPER: &str = "from os import system as go\n";
const USES: &str = "from helper import go\ngo('ls')\n";

#[test]
fn what_came_of_joining_is_kept_until_a_file_changes() {
    let bench = Bench::new(&[("helper.py", HELPER), ("main.py", USES), ("other.py", IDLE)]);
    bench.agrees();
    let before = count(&bench.warm());
    // Found by the second look alone, and kept beside the first.
    bench.without_acts("main.py\0");
    assert_eq!(count(&bench.warm()), before - 1);
    bench.write("main.py", &USES.replace("ls", "sl"));
    assert_eq!(count(&bench.warm()), before);
    // A file that takes nothing from the others.
    bench.write("other.py", RUNS);
    assert_eq!(count(&bench.warm()), before + 1);
    bench.agrees();
    bench.write("helper.py", "def go(what): pass\n");
    bench.agrees();
    fs::remove_file(bench.sources().join("helper.py")).expect("removed");
    bench.agrees();
}

#[test]
fn of_a_program_joined_before_nothing_else_is_read() {
    let bench = Bench::new(&[("helper.py", HELPER), ("main.py", USES)]);
    bench.agrees();
    let store = bench.store();
    let pack = store.read(&bench.sources()).expect("read").expect("kept");
    // Nobody could join these.
    let none = BTreeMap::new();
    let mut all = known(&pack, &none);
    for parts in all.values_mut() {
        parts.1.links = if parts.1.links.is_empty() { b"" } else { b"\xff\xff" };
    }
    store.write(&bench.sources(), all).expect("written");
    let cold = format!("{:?}", bench.cold());
    assert_eq!(format!("{:?}", bench.warm()), cold);
    // They are asked for where something is new; then the files themselves are looked at.
    bench.write("new.py", IDLE);
    let cold = format!("{:?}", bench.cold());
    assert_eq!(format!("{:?}", bench.warm()), cold);
}

#[test]
fn what_came_of_joining_is_believed_only_if_we_wrote_it() {
    let bench = Bench::new(&[("helper.py", HELPER), ("main.py", USES)]);
    bench.agrees();
    let folder = bench.options().folder;
    let joined = fs::read_dir(&folder)
        .expect("a cache")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|it| it == "joined"))
        .expect("kept");
    let mut bytes = fs::read(&joined).expect("read");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&joined, bytes).expect("written");
    let cold = format!("{:?}", bench.cold());
    let (report, trouble) = bench.warm_in_trouble();
    assert_eq!(format!("{report:?}"), cold);
    assert!(trouble.expect("told").to_string().ends_with("is damaged, and made anew"));
    bench.agrees();
    // Of another program, and in its place.
    let other = folder.join("0123456789abcdef0123456789abcdef.joined");
    fs::copy(&joined, other).expect("copied");
    bench.agrees();
}
