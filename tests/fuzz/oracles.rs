//! What is held against any bytes whatever. Each function panics where a law is broken; that
//! nothing else panics, hangs or takes all memory is the law they share.
//!
//! Included by the targets of libFuzzer, and by a test that replays what was found.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hermetic_check::baseline::{Baseline, Surroundings};
use hermetic_check::configuration::{self, Configuration, Flags};
use hermetic_check::diagnostic::Diagnostic;
use hermetic_check::discover::{DiscoverOptions, Texts};
use hermetic_check::judge::Judgement;
use hermetic_check::project::{self, Settings, shards};
use hermetic_check::render::json;
use hermetic_check::report::{FileReport, Report};
use hermetic_check::shard::{Common, Part, Shard, Shards};
use hermetic_check::source::{FileKind, decode};
use hermetic_check::suppress::Reason;
use hermetic_check::workspace::{Change, Name, Workspace};
use hermetic_lsp::text::{Edit, Encoding, Place, Text};
use hermetic_policy::config::Config;
use hermetic_policy::{PolicyOptions, Rule};

/// What takes any bytes whatever.
pub(crate) type Oracle = fn(&[u8]);

/// Every target with its name, which is that of its folder of regressions.
pub(crate) const TARGETS: [(&str, Oracle); 6] = [
    ("decoding", decoding),
    ("summary", summary),
    ("configuration", configuration),
    ("suppressions", suppressions),
    ("stored", stored),
    ("edits", edits),
];

const KINDS: [FileKind; 5] = [
    FileKind::Module,
    FileKind::Notebook,
    FileKind::StartupLines,
    FileKind::Script,
    FileKind::StartupModule,
];

fn judgement(suppressions: bool) -> Judgement {
    let policy =
        PolicyOptions { profile: vec!["block-all".to_owned()], ..PolicyOptions::default() };
    let flags = Flags { policy, suppressions, fingerprints: true, ..Flags::default() };
    flags.judgement(&Configuration::default()).expect("a policy")
}

/// Bytes to text: the first byte says what kind of file they are. Every place of the text can be
/// told, and places follow each other.
pub(crate) fn decoding(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let kind = KINDS[usize::from(*first) % KINDS.len()];
    let Ok(source) = decode(bytes.to_vec(), kind) else { return };
    let text = source.text();
    let mut last: Option<(Option<u32>, u32, u32)> = None;
    for (at, _) in text.char_indices().take(4096) {
        let at = u32::try_from(at).expect("short");
        let (cell, place) = source.position(at);
        assert!(place.row >= 1 && place.column >= 1);
        let now = (cell, place.row, place.column);
        // Text between cells belongs to none.
        if let Some((before, ..)) = last
            && before == cell
        {
            assert!(last < Some(now), "{last:?} {now:?}");
        }
        last = Some(now);
        source.span(at..at);
    }
    assert!(source.lines() <= text.len() as u64 + 1);
}

thread_local! {
    /// A folder for files of programs: a run reads the disk.
    static FOLDER: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
}

/// The files of a program in a folder of this thread's own.
fn in_folder<T>(files: &[(&str, &[u8])], run: impl FnOnce(&Path) -> T) -> T {
    FOLDER.with_borrow_mut(|folder| {
        let memory = Path::new("/dev/shm");
        let folder = folder.get_or_insert_with(|| {
            let made =
                if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
            made.expect("a folder")
        });
        for entry in fs::read_dir(folder.path()).expect("a folder").flatten() {
            fs::remove_file(entry.path()).expect("removed");
        }
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).expect("written");
        }
        run(folder.path())
    })
}

fn settings(folder: &Path, shards: Option<Arc<Shards>>) -> Settings {
    Settings {
        discover: DiscoverOptions { roots: vec![folder.to_owned()], ..DiscoverOptions::default() },
        base: folder.to_owned(),
        judgement: judgement(true),
        threads: Some(1),
        shards,
        ..Settings::default()
    }
}

fn shown(mut report: Report) -> String {
    report.summary.seconds = 0.0;
    let mut text = Vec::new();
    json::write(&mut text, &report).expect("memory");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// Up to four files, separated by NUL bytes, to findings of the program that they are. A run in
/// parts says the same.
pub(crate) fn summary(data: &[u8]) {
    let names = ["m0.py", "m1.py", "m2.py", "n.ipynb"];
    let files: Vec<(&str, &[u8])> = names.into_iter().zip(data.split(|byte| *byte == 0)).collect();
    in_folder(&files, |folder| {
        let done = AtomicUsize::new(0);
        let whole = project::check(&settings(folder, None), &done).expect("a run");
        let mut all: Option<Shard> = None;
        for part in ["2/2", "1/2"] {
            let part: Part = part.parse().expect("a part");
            let common = Common::new(part, Vec::new(), false);
            let made = shards::make(&settings(folder, None), part, common, &done).expect("a run");
            let read = Shard::from_bytes(&made.shard.to_bytes()).expect("a shard");
            match &mut all {
                None => all = Some(read),
                Some(all) => all.merge(read).expect("of one run"),
            }
        }
        let shards = all.and_then(Shards::new).map(Arc::new);
        let merged = project::check(&settings(folder, shards), &done).expect("the same files");
        assert_eq!(shown(merged), shown(whole));
    });
}

/// One configuration file that is not on the disk.
#[derive(Debug)]
struct One(PathBuf, Vec<u8>);

impl Texts for One {
    fn is_file(&self, path: &Path) -> bool {
        path == self.0
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == self.0 { Ok(self.1.clone()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

/// A configuration: what is wrong with it stands at a place in it.
pub(crate) fn configuration(data: &[u8]) {
    for name in ["hermetic.toml", "pyproject.toml"] {
        let path = Path::new("/nowhere").join(name);
        let texts = One(path.clone(), data.to_vec());
        let failures = configuration::check(&path, Path::new("/nowhere"), &texts);
        let Ok(text) = std::str::from_utf8(data) else {
            assert!(!failures.is_empty(), "it is no text");
            continue;
        };
        let read = if name == "hermetic.toml" {
            Config::from_hermetic_toml(text).map(Some)
        } else {
            Config::from_pyproject(text)
        };
        match read {
            Err(_) => {
                assert!(!failures.is_empty(), "what is no configuration is told");
                for failure in failures {
                    let (_, place) = failure.file().expect("the file is known");
                    let Some(place) = place.map(|place| place.to_string()) else { continue };
                    let row = place.split(':').next().and_then(|row| row.parse::<usize>().ok());
                    let rows = text.split('\n').count();
                    assert!(row.is_some_and(|row| (1..=rows).contains(&row)), "{place} of {rows}");
                }
            }
            Ok(None) => assert!(failures.is_empty(), "it is about other things"),
            // Patterns and policies may still be none.
            Ok(Some(_)) => {}
        }
    }
}

/// A module with comments that accept findings: every finding is told or accepted, never both and
/// never neither. Comments that are written accept what they are written for.
pub(crate) fn suppressions(data: &[u8]) {
    let check = |judgement: &Judgement, bytes: &[u8]| {
        let kind = FileKind::Module;
        let report = project::check_bytes(judgement, &[], "a.py", Ok(bytes.to_vec()), kind);
        let mut report = report.expect("a thread");
        report.files.pop().unwrap_or_default()
    };
    let (obeys, hears) = (judgement(true), judgement(false));
    let (with, without) = (check(&obeys, data), check(&hears, data));
    let about_comments =
        ["invalid-suppression", "unused-suppression", "reason-required", "not-analysed"];
    let places = |lists: &[&[Diagnostic]]| {
        let all = lists.iter().flat_map(|list| list.iter());
        let mut places: Vec<_> = all
            .filter(|finding| !about_comments.contains(&finding.rule.0.name))
            .map(|finding| (finding.span, finding.rule.0.name))
            .collect();
        places.sort_unstable();
        places
    };
    assert!(without.suppressed.is_empty());
    assert_eq!(places(&[&with.diagnostics, &with.suppressed]), places(&[&without.diagnostics]));
    let reason = Reason::new("known").expect("a reason");
    let added = project::add_ignores(&obeys, Path::new("a.py"), data, &with, &reason);
    if let Some(added) = added.expect("a thread") {
        let after = check(&obeys, &added.bytes);
        let left = places(&[&after.diagnostics]).len();
        assert!(left < places(&[&with.diagnostics]).len(), "{left} left");
    }
}

/// The run around a baseline.
struct Around;

impl Surroundings for Around {
    fn path(&self, file: &FileReport) -> String {
        file.path.clone()
    }

    fn is_gone(&self, _: &str) -> bool {
        false
    }

    fn would_tell(&self, _: &str, _: &'static Rule) -> bool {
        true
    }
}

const PROGRAM: [(&str, &[u8]); 3] = [
    ("m0.py", b"import os\nfrom socket import socket as S\nRUN = [os.system, {'a': S}]\n"),
    ("m1.py", b"from m0 import *\n\n\nclass C(S):\n    def go(self):\n        return RUN\n\n\nC().connect(1)\n"),
    ("m2.py", b"from m1 import C, RUN\nRUN[0]('x')  # hermetic: ignore[shell-command] known\nC().go()[0]('y')\n"),
];

/// A file that another run has written: a baseline, or the body of a shard with the right hash.
pub(crate) fn stored(data: &[u8]) {
    if let Some((b'{', _)) = data.split_first() {
        let Ok(text) = std::str::from_utf8(data) else { return };
        let Ok(baseline) = Baseline::from_json(text) else { return };
        let again = Baseline::from_json(&baseline.to_json()).expect("what was written is read");
        assert_eq!(again.to_json(), baseline.to_json());
        let mut report = Report::default();
        baseline.apply(&mut report, &Around);
        assert_eq!(baseline.without(&report.stale).findings(), 0);
        return;
    }
    in_folder(&PROGRAM, |folder| {
        let done = AtomicUsize::new(0);
        let bytes = [&header(data)[..], data].concat();
        let Ok(shard) = Shard::from_bytes(&bytes) else { return };
        assert_eq!(Shard::from_bytes(&shard.to_bytes()), Ok(shard.clone()));
        let graph = shard.common().graph;
        let Some(shards) = Shards::new(shard).map(Arc::new) else { return };
        let settings = settings(folder, Some(shards));
        if graph {
            if let Ok(looked) = project::program::look(&settings, &done) {
                let finest = hermetic_check::capabilities::Scope::Function;
                hermetic_check::capabilities::capabilities(&looked, finest);
            }
        } else if let Ok(report) = project::check(&settings, &done) {
            shown(report);
        }
    });
}

/// What stands before a body in a shard: the hash is that of this body.
fn header(body: &[u8]) -> Vec<u8> {
    let part: Part = "1/1".parse().expect("a part");
    let empty = Settings { threads: Some(1), ..Settings::default() };
    let common = Common::new(part, Vec::new(), false);
    let made = shards::make(&empty, part, common, &AtomicUsize::new(0)).expect("a run");
    let bytes = made.shard.to_bytes();
    // The mark and the number of the form; then, after the length and the hash, who wrote it: two
    // short texts, each behind its length.
    let (mark, writer) = (&bytes[..20], &bytes[60..]);
    let code = 1 + usize::from(writer[0]);
    let end = code + 1 + usize::from(writer[code]);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&writer[..end]).update(body);
    let length = (end + body.len()) as u64;
    let hash = hasher.finalize();
    [mark, &length.to_le_bytes(), hash.as_bytes(), &writer[..end]].concat()
}

/// Edits of two open documents, in any units: the text is that of the same edits made by hand, and
/// the findings are those of the texts opened as they are.
pub(crate) fn edits(data: &[u8]) {
    let names = ["helper", "main"].map(|name| Name::Untitled(name.to_owned()));
    let encodings = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];
    let mut texts = [Text::default(), Text::default()];
    let mut workspace = Workspace::default();
    let encoding = encodings[data.len() % 3];
    for step in data.chunks(8).take(64) {
        let &[of, row, column, rows, columns, piece, ..] = step else { break };
        let of = usize::from(of % 2);
        let start = Place { row: u32::from(row % 12), column: u32::from(column % 32) };
        let end = Place {
            row: start.row + u32::from(rows % 3),
            column: if rows % 3 == 0 { start.column } else { 0 } + u32::from(columns % 16),
        };
        let new = PIECES[usize::from(piece) % PIECES.len()];
        let text = &mut texts[of];
        let by_hand = {
            let (from, to) =
                (offset(text.as_str(), start, encoding), offset(text.as_str(), end, encoding));
            let old = text.as_str();
            format!("{}{new}{}", &old[..from.min(to)], &old[from.max(to)..])
        };
        text.edit(vec![Edit { range: Some((start, end)), text: new.to_owned() }], encoding);
        assert_eq!(text.as_str(), by_hand);
        assert_eq!(*text, Text::new(by_hand), "its lines");
        let name = names[of].clone();
        let text = Arc::from(text.as_str());
        workspace.apply(Change::Text { name, kind: FileKind::Module, text });
    }
    let warm = workspace.snapshot();
    let mut cold = Workspace::default();
    for (name, text) in names.iter().zip(&texts) {
        let (name, text) = (name.clone(), Arc::from(text.as_str()));
        cold.apply(Change::Text { name, kind: FileKind::Module, text });
    }
    let cold = cold.snapshot();
    for name in &names {
        if let (Some(warm), Some(cold)) = (warm.check(name), cold.check(name)) {
            assert_eq!(warm.report.diagnostics, cold.report.diagnostics);
        }
    }
}

/// The offset of a place, found one character after the other.
fn offset(text: &str, place: Place, encoding: Encoding) -> usize {
    let (mut row, mut units) = (0, 0);
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let ends = character == '\n' || character == '\r';
        if row == place.row {
            if ends || units + encoding.units(character) > place.column {
                return at;
            }
            units += encoding.units(character);
        }
        if character == '\n'
            || (character == '\r' && characters.peek().map(|it| it.1) != Some('\n'))
        {
            row += 1;
        }
    }
    text.len()
}

const PIECES: [&str; 20] = [
    "import os\n",
    "from os import system as go\n",
    "os.system('ls')\n",
    "go('x')\n",
    "def f():\n    ",
    "class C(",
    "\r\n",
    "\r",
    "\n",
    "é",
    "\u{1f600}",
    "'",
    "# hermetic: ignore[shell-command] why\n",
    "(",
    ")",
    " ",
    "x = 1\n",
    "from socket import socket\n",
    "",
    "\u{2028}",
];
