//! The walk itself: folders from a list, not by recursion; links last.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::{self, Form};
use super::ignored::{Excludes, Level};
use super::kind::{Named, named};
use super::read::{not_a_file, read_head, unreadable};
use super::shebang::{HEAD, Head, head};
use super::{DiscoverError, DiscoverOptions, Discovered, File, display};
use crate::source::{FileKind, Reason, Unanalysed};

/// Whether what is found counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Active,
    Ignored,
    Excluded,
}

/// A folder or link by its three paths.
#[derive(Clone)]
struct Place {
    /// As the user sees it: the root as given, and the way from there.
    shown: PathBuf,
    /// The same from the canonical root: what `exclude` is matched with.
    logical: PathBuf,
    /// Canonical: what the file is, whatever links lead to it.
    real: PathBuf,
}

impl Place {
    fn join(&self, name: &OsString) -> Self {
        Self {
            shown: self.shown.join(name),
            logical: self.logical.join(name),
            real: self.real.join(name),
        }
    }
}

struct Folder {
    place: Place,
    level: Option<Arc<Level>>,
    state: State,
}

/// What a version control system or this tool keeps for itself; no project counts it as passed
/// over.
fn is_housekeeping(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    matches!(name, Some(".bzr" | ".git" | ".hermetic_cache" | ".hg" | ".svn"))
}

pub(super) struct Walker<'a> {
    options: &'a DiscoverOptions,
    on_file: &'a mut dyn FnMut(&File),
    excludes: Excludes,
    out: Discovered,
    /// Canonical roots.
    roots: Vec<PathBuf>,
    folders: Vec<Folder>,
    links: Vec<Place>,
    ignored: Vec<Place>,
    excluded: Vec<Place>,
    /// Canonical paths of what was found and told.
    seen_files: HashSet<PathBuf>,
    seen_folders: HashSet<PathBuf>,
}

impl<'a> Walker<'a> {
    pub(super) fn new(
        options: &'a DiscoverOptions,
        excludes: Excludes,
        on_file: &'a mut dyn FnMut(&File),
    ) -> Self {
        Self {
            options,
            on_file,
            excludes,
            out: Discovered::default(),
            roots: Vec::new(),
            folders: Vec::new(),
            links: Vec::new(),
            ignored: Vec::new(),
            excluded: Vec::new(),
            seen_files: HashSet::new(),
            seen_folders: HashSet::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<Discovered, DiscoverError> {
        self.walk()?;
        Ok(self.finish())
    }

    /// What is found, and the real paths of the folders whose files count.
    pub(super) fn run_with_folders(
        mut self,
    ) -> Result<(Discovered, BTreeSet<PathBuf>), DiscoverError> {
        self.walk()?;
        let folders = self.seen_folders.iter().cloned().collect();
        Ok((self.finish(), folders))
    }

    fn walk(&mut self) -> Result<(), DiscoverError> {
        for path in &self.options.roots {
            self.root(path)?;
        }
        loop {
            while let Some(folder) = self.folders.pop() {
                self.folder(folder);
            }
            // Links come last, so that a file is known by its own path where it has one.
            self.links.sort_by(|one, other| other.shown.cmp(&one.shown));
            let Some(link) = self.links.pop() else { break };
            self.link(link);
        }
        Ok(())
    }

    /// A path given by the user; only what is not there is an error.
    fn root(&mut self, path: &Path) -> Result<(), DiscoverError> {
        let shown = || match path.strip_prefix(".") {
            Ok(rest) => rest.to_owned(),
            Err(_) => path.to_owned(),
        };
        let found = fs::metadata(path).and_then(|metadata| Ok((metadata, path.canonicalize()?)));
        let (metadata, real) = match found {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                self.out.unanalysed.push((shown(), unreadable(&error)));
                return Ok(());
            }
            Err(error) => return Err(DiscoverError::Root { path: path.to_owned(), error }),
        };
        let place = Place { shown: shown(), logical: real.clone(), real };
        if self.excludes.root(&place.real, metadata.is_dir()) {
            self.excluded.push(place);
            return Ok(());
        }
        self.roots.push(place.real.clone());
        if metadata.is_dir() {
            let level = self.above(&place.real);
            self.folders.push(Folder { place, level, state: State::Active });
        } else if metadata.is_file() {
            if let Some(form) = archive::form(path) {
                self.archive(&place, form);
                return Ok(());
            }
            match named(path) {
                Named::Bytecode => {
                    self.tell(&place, Reason::Bytecode, "bytecode, named as a file to analyse");
                }
                Named::Unsaid | Named::Other => self.sniff(&place, Some(FileKind::Module)),
                Named::Source(_) | Named::Stub | Named::Artefact(..) => {
                    self.file(&place, named(path), None);
                }
            }
        } else {
            self.refuse(&place, not_a_file(metadata.file_type()));
        }
        Ok(())
    }

    /// An archive that the user named: everything in it, whatever is excluded.
    fn archive(&mut self, place: &Place, form: Form) {
        if !self.seen_files.insert(place.real.clone()) {
            return;
        }
        let mut archive = archive::open(&place.real, &place.shown, form);
        for file in &archive.files {
            (self.on_file)(file);
        }
        self.out.files.append(&mut archive.files);
        self.out.unanalysed.append(&mut archive.unanalysed);
        self.out.stubs.append(&mut archive.stubs);
        self.out.archives.push(archive);
    }

    fn above(&self, folder: &Path) -> Option<Arc<Level>> {
        if self.options.ignore_files { Level::above(folder) } else { None }
    }

    fn folder(&mut self, folder: Folder) {
        let Folder { place, level, state } = folder;
        if state == State::Active && !self.seen_folders.insert(place.real.clone()) {
            return;
        }
        let mut entries = Vec::new();
        let listed = fs::read_dir(&place.real).and_then(|listing| {
            for entry in listing {
                let entry = entry?;
                entries.push((entry.file_name(), entry.file_type()?));
            }
            Ok(())
        });
        if let (Err(error), State::Active) = (listed, state) {
            self.refuse(&place, unreadable(&error));
        }
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        let exists = |name: &str| {
            entries.binary_search_by(|(known, _)| known.as_os_str().cmp(name.as_ref())).is_ok()
        };
        let level = match state {
            State::Active if self.options.ignore_files => Level::enter(level, &place.real, exists),
            _ => level,
        };
        for (name, kind) in &entries {
            let entry = place.join(name);
            let is_folder = kind.is_dir()
                || (kind.is_symlink() && fs::metadata(&entry.real).is_ok_and(|it| it.is_dir()));
            let state = self.state(state, &entry, is_folder, kind.is_symlink(), level.as_deref());
            if kind.is_symlink() && state == State::Active {
                self.links.push(entry);
            } else if is_folder {
                self.subfolder(entry, level.clone(), state, kind.is_symlink());
            } else if kind.is_file() || kind.is_symlink() {
                let real = entry.real.clone();
                self.entry(entry, state, || bytecode(&real, exists));
            } else if state == State::Active && matches!(named(&entry.real), Named::Source(_)) {
                self.refuse(&entry, not_a_file(*kind));
            }
        }
    }

    fn state(
        &self,
        outer: State,
        entry: &Place,
        folder: bool,
        link: bool,
        level: Option<&Level>,
    ) -> State {
        if outer == State::Excluded || self.excludes.entry(&entry.logical, folder) {
            State::Excluded
        } else if outer == State::Ignored
            // Git takes a link for a file, wherever it leads.
            || level.is_some_and(|level| level.ignores(&entry.real, folder && !link))
        {
            State::Ignored
        } else {
            State::Active
        }
    }

    fn subfolder(&mut self, place: Place, level: Option<Arc<Level>>, state: State, link: bool) {
        match state {
            State::Excluded if is_housekeeping(&place.real) => {}
            State::Excluded if !self.options.list_excluded || link => {
                self.excluded.push(place);
            }
            State::Ignored if link => {}
            State::Active | State::Ignored | State::Excluded => {
                self.folders.push(Folder { place, level, state });
            }
        }
    }

    /// A file below a root, or a link that is passed over.
    fn entry(&mut self, entry: Place, state: State, source: impl Fn() -> Option<Reason>) {
        let named = named(&entry.real);
        let counts = matches!(named, Named::Source(_) | Named::Artefact(..));
        match state {
            State::Active => {
                let missing = if named == Named::Bytecode { source() } else { None };
                self.file(&entry, named, missing);
            }
            State::Ignored if counts => self.ignored.push(entry),
            State::Excluded if counts => self.excluded.push(entry),
            State::Ignored | State::Excluded => {}
        }
    }

    /// A file by what its name says; for bytecode, the reason to tell it.
    fn file(&mut self, place: &Place, named: Named, bytecode: Option<Reason>) {
        match named {
            Named::Source(kind) => self.found(place, kind),
            Named::Stub => {
                if self.seen_files.insert(place.real.clone()) {
                    self.out.stubs.push(place.shown.clone());
                }
            }
            Named::Artefact(reason, detail) => self.tell(place, reason, detail),
            Named::Bytecode => match bytecode {
                Some(Reason::StaleBytecode) => {
                    self.tell(place, Reason::StaleBytecode, "cached bytecode whose source is gone");
                }
                Some(reason) => self.tell(place, reason, "importable bytecode without source"),
                None => {}
            },
            Named::Unsaid => self.sniff(place, None),
            Named::Other => {}
        }
    }

    /// A file whose first bytes decide, and what it is where they say nothing.
    fn sniff(&mut self, place: &Place, otherwise: Option<FileKind>) {
        match read_head(&place.real, HEAD).map(|bytes| head(&bytes)) {
            Ok(Head::Python) => self.found(place, FileKind::Script),
            Ok(Head::ZipApplication) => {
                let detail = "a zip application behind a Python shebang";
                self.tell(place, Reason::ZipApplication, detail);
            }
            Ok(Head::Other) => {
                if let Some(kind) = otherwise {
                    self.found(place, kind);
                }
            }
            Err(refused) => self.refuse(place, refused),
        }
    }

    fn found(&mut self, place: &Place, kind: FileKind) {
        if self.seen_files.insert(place.real.clone()) {
            let file = File { path: place.shown.clone(), kind, member: None };
            (self.on_file)(&file);
            self.out.files.push(file);
        }
    }

    fn tell(&mut self, place: &Place, reason: Reason, detail: &str) {
        self.refuse(place, Unanalysed::new(reason, detail));
    }

    fn refuse(&mut self, place: &Place, refused: Unanalysed) {
        if self.seen_files.insert(place.real.clone()) {
            let shown =
                if place.shown.as_os_str().is_empty() { ".".into() } else { place.shown.clone() };
            self.out.unanalysed.push((shown, refused));
        }
    }

    /// A link below a root. It is followed once, and only to what is below some root.
    fn link(&mut self, link: Place) {
        let by_name = named(&link.real);
        let python = matches!(by_name, Named::Source(_) | Named::Artefact(..));
        let found = link.real.canonicalize().and_then(|real| Ok((fs::metadata(&real)?, real)));
        let (metadata, target) = match found {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                self.refuse(&link, unreadable(&error));
                return;
            }
            // A link to nothing that is not Python by name either is nothing.
            Err(error) => {
                if python || error.kind() != ErrorKind::NotFound {
                    self.tell(&link, Reason::BrokenLink, &error.to_string().to_lowercase());
                }
                return;
            }
        };
        if !self.roots.iter().any(|root| target.starts_with(root)) {
            let is_script = || {
                by_name == Named::Unsaid
                    && read_head(&target, HEAD).is_ok_and(|bytes| head(&bytes) != Head::Other)
            };
            let its_name = || matches!(named(&target), Named::Source(_) | Named::Artefact(..));
            if metadata.is_dir() || python || its_name() || is_script() {
                let detail = format!("leads to {}", display(&target, None));
                self.tell(&link, Reason::LinkOutside, &detail);
            }
            return;
        }
        let place = Place { real: target, ..link };
        if metadata.is_dir() {
            let level = self.above(&place.real);
            self.folders.push(Folder { place, level, state: State::Active });
        } else if metadata.is_file() {
            // The link's name counts. Bytecode is told where it lies.
            self.file(&place, by_name, None);
        } else if python {
            self.refuse(&place, not_a_file(metadata.file_type()));
        }
    }

    fn finish(self) -> Discovered {
        let Self { mut out, mut ignored, mut excluded, seen_files, seen_folders, .. } = self;
        // What one root passes over, another may name.
        for list in [&mut ignored, &mut excluded] {
            list.retain(|it| !seen_files.contains(&it.real) && !seen_folders.contains(&it.real));
        }
        out.ignored = ignored.into_iter().map(|place| place.shown).collect();
        out.excluded = excluded.into_iter().map(|place| place.shown).collect();
        out.files.sort();
        out.unanalysed.sort();
        for list in [&mut out.ignored, &mut out.excluded, &mut out.stubs] {
            list.sort();
            list.dedup();
        }
        out
    }
}

/// Whether bytecode lacks its source: beside it, or above `__pycache__`
/// (`Lib/importlib/_bootstrap_external.py`, PEP 3147).
fn bytecode(path: &Path, exists: impl Fn(&str) -> bool) -> Option<Reason> {
    let name = path.file_name()?.to_string_lossy();
    let folder = path.parent()?;
    if folder.file_name().is_some_and(|name| name == "__pycache__") {
        // `module.cpython-311.opt-1.pyc`
        let module = name.split('.').next()?;
        let source =
            |suffix: &str| folder.parent().map(|above| above.join(format!("{module}.{suffix}")));
        let there = ["py", "pyw"]
            .iter()
            .any(|suffix| source(suffix).is_some_and(|path| path.symlink_metadata().is_ok()));
        return if there { None } else { Some(Reason::StaleBytecode) };
    }
    let module = path.file_stem()?.to_string_lossy();
    let there = ["py", "pyw"].iter().any(|suffix| exists(&format!("{module}.{suffix}")));
    if there { None } else { Some(Reason::Bytecode) }
}
