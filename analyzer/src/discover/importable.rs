//! Folders and archives that modules are imported from, and what is asked for in them.
//!
//! An environment holds far more than a program imports, so nothing is walked: each folder is
//! listed when a module in it is asked for. What is found is what the import system would find
//! (CPython `Lib/importlib/_bootstrap_external.py`), with one difference: where a module is there
//! both as machine code and as source, it is both.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::File;
use super::archive::{self, Archive};
use super::distribution::{Distribution, of_archive};
use super::kind::{Named, named};
use super::read::{read_up_to, unreadable};
use crate::source::{Reason, Unanalysed};

/// Bytes of a `RECORD`, `METADATA` or `.pth` that are read.
const MOST_METADATA: u64 = 20 << 20;

/// Folders that `.pth` files may add.
const MOST_ADDED: usize = 256;

/// Something that can be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// Python.
    Source(File),
    /// Machine code.
    Extension(PathBuf),
    /// What cannot be analysed.
    Unanalysed(PathBuf, Unanalysed),
}

/// A module that was asked for, or a package on the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its dotted name.
    pub name: String,
    /// Whether it is a package.
    pub is_package: bool,
    /// What it is.
    pub module: Module,
    /// Whose it is.
    pub distribution: Option<Arc<Distribution>>,
}

/// Where modules are imported from, in the order in which they are searched.
#[derive(Debug, Default)]
pub struct Importable {
    places: Vec<Place>,
    /// Places that could not be read.
    unanalysed: Vec<(PathBuf, Unanalysed)>,
}

#[derive(Debug)]
struct Place {
    /// What its modules are named from.
    root: PathBuf,
    /// The members of an archive by their path; none for a folder.
    members: Option<HashMap<PathBuf, Module>>,
    /// By folder, the names in it.
    listings: HashMap<PathBuf, Arc<Listing>>,
    /// Folders that could not be listed.
    unanalysed: Vec<(PathBuf, Unanalysed)>,
    owners: Owners,
}

#[derive(Debug, Default)]
struct Listing {
    folders: HashSet<String>,
    /// Files by the name up to the first dot.
    files: BTreeMap<String, Vec<String>>,
}

/// Whose the files of a place are.
#[derive(Debug, Default)]
struct Owners {
    /// All of it.
    all: Option<Arc<Distribution>>,
    files: HashMap<PathBuf, Arc<Distribution>>,
    tops: HashMap<String, Arc<Distribution>>,
}

impl Importable {
    /// Folders, such as `site-packages`, and archives.
    pub fn new(paths: &[PathBuf]) -> Self {
        let mut all = Self::default();
        for path in paths {
            if let Some(form) = archive::form(path).filter(|_| path.is_file()) {
                all.archive(archive::open(path, path, form));
            } else {
                all.folder(path);
            }
        }
        all
    }

    /// Names of its folders, for the modules in them.
    pub fn roots(&self) -> impl Iterator<Item = &Path> {
        self.places.iter().map(|place| &*place.root)
    }

    /// What of the places, and of folders in them, could not be read.
    pub fn unanalysed(&self) -> impl Iterator<Item = &(PathBuf, Unanalysed)> {
        self.unanalysed.iter().chain(self.places.iter().flat_map(|place| &place.unanalysed))
    }

    fn archive(&mut self, archive: Archive) {
        let mut members = HashMap::new();
        for file in archive.files {
            members.insert(file.path.clone(), Module::Source(file));
        }
        for (path, unanalysed) in archive.unanalysed {
            if unanalysed.reason == Reason::ExtensionModule {
                members.insert(path.clone(), Module::Extension(path));
            } else if matches!(unanalysed.reason, Reason::Archive | Reason::ArchiveMember) {
                self.unanalysed.push((path, unanalysed));
            } else {
                members.insert(path.clone(), Module::Unanalysed(path, unanalysed));
            }
        }
        let distribution = archive.distribution;
        for root in archive.roots {
            let mut listings: HashMap<PathBuf, Listing> = HashMap::new();
            let mut own = HashMap::new();
            for (path, module) in &members {
                let Ok(inside) = path.strip_prefix(&root) else { continue };
                let mut at = root.clone();
                let mut parts = inside.iter().map(|part| part.to_string_lossy()).peekable();
                while let Some(part) = parts.next() {
                    let listing = listings.entry(at.clone()).or_default();
                    if parts.peek().is_some() {
                        at.push(&*part);
                        listing.folders.insert(part.into_owned());
                    } else {
                        listing.file(part.into_owned());
                    }
                }
                own.insert(path.clone(), module.clone());
            }
            self.places.push(Place {
                root,
                members: Some(own),
                listings: listings.into_iter().map(|(at, it)| (at, Arc::new(it))).collect(),
                unanalysed: Vec::new(),
                owners: Owners { all: distribution.clone(), ..Owners::default() },
            });
        }
    }

    fn folder(&mut self, root: &Path) {
        if self.places.iter().any(|place| &*place.root == root) {
            return;
        }
        let mut place = Place {
            root: root.to_owned(),
            members: None,
            listings: HashMap::new(),
            unanalysed: Vec::new(),
            owners: Owners::default(),
        };
        let listing = place.listing(root);
        place.owners = Owners::of(root, &listing);
        self.places.push(place);
        // `Lib/site.py`: a line that is a folder is searched as well, a line that imports is run.
        let mut added = Vec::new();
        for name in listing.files.values().flatten().filter(|name| has_suffix(name, "pth")) {
            let Ok(bytes) = read_up_to(&root.join(name), MOST_METADATA) else { continue };
            for line in String::from_utf8_lossy(&bytes).lines() {
                let line = line.trim();
                let is_code = line.starts_with("import ") || line.starts_with("import\t");
                let folder = root.join(line);
                if !line.is_empty() && !line.starts_with('#') && !is_code && folder.is_dir() {
                    added.push(folder);
                }
            }
        }
        for folder in added {
            if self.places.len() < MOST_ADDED {
                self.folder(&folder);
            }
        }
    }

    /// What every program that uses these folders runs as it starts: lines of `.pth` files, and
    /// `sitecustomize` and `usercustomize`.
    pub fn at_start(&mut self) -> Vec<Found> {
        let mut found = Vec::new();
        for place in &mut self.places {
            if place.members.is_some() {
                continue;
            }
            let root = place.root.clone();
            let listing = place.listing(&root);
            for name in listing.files.values().flatten().filter(|name| has_suffix(name, "pth")) {
                let path = root.join(name);
                let Named::Source(kind) = named(&path) else { continue };
                let runs = read_up_to(&path, MOST_METADATA).is_ok_and(|bytes| {
                    let text = String::from_utf8_lossy(&bytes);
                    text.lines().any(|it| it.starts_with("import ") || it.starts_with("import\t"))
                });
                if runs {
                    let distribution = place.owners.of_file(&root, &path);
                    let stem = name.strip_suffix(".pth").unwrap_or(name).to_owned();
                    let module = Module::Source(File { path, kind, member: None });
                    found.push(Found { name: stem, is_package: false, module, distribution });
                }
            }
        }
        for name in ["sitecustomize", "usercustomize"] {
            found.extend(self.find(name));
        }
        found
    }

    /// A dotted name: the packages on the way, and the module. What follows a module's name is
    /// its attribute. Empty where there is no such top-level module.
    pub fn find(&mut self, dotted: &str) -> Vec<Found> {
        let mut found = Vec::new();
        for place in &mut self.places {
            let (here, is_whole) = place.find(dotted);
            found.extend(here);
            // A package without a file of its own may have parts elsewhere (PEP 420).
            if is_whole {
                break;
            }
        }
        found
    }

    /// Whether a top-level module or a folder of this name is there.
    pub fn has_top(&mut self, name: &str) -> bool {
        self.places.iter_mut().any(|place| {
            let root = place.root.clone();
            let listing = place.listing(&root);
            listing.folders.contains(name) || !place.modules(&root, name, &listing).is_empty()
        })
    }
}

impl Place {
    fn listing(&mut self, folder: &Path) -> Arc<Listing> {
        if let Some(known) = self.listings.get(folder) {
            return Arc::clone(known);
        }
        let mut listing = Listing::default();
        if self.members.is_none() {
            match fs::read_dir(folder) {
                Ok(entries) => entries.flatten().for_each(|entry| listing.entry(folder, &entry)),
                Err(error) => self.unanalysed.push((folder.to_owned(), unreadable(&error))),
            }
        }
        for names in listing.files.values_mut() {
            names.sort();
        }
        let listing = Arc::new(listing);
        self.listings.insert(folder.to_owned(), Arc::clone(&listing));
        listing
    }

    /// What is found of a dotted name; whether nothing of it can be elsewhere.
    fn find(&mut self, dotted: &str) -> (Vec<Found>, bool) {
        let mut found = Vec::new();
        let mut folder = self.root.clone();
        let mut name = String::new();
        let mut is_whole = false;
        for part in dotted.split('.') {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(part);
            let listing = self.listing(&folder);
            if listing.folders.contains(part) {
                let inside = folder.join(part);
                let own = self.listing(&inside);
                let modules = self.modules(&inside, "__init__", &own);
                if !modules.is_empty() {
                    is_whole = true;
                    found.extend(self.found(&name, true, modules));
                    folder = inside;
                    continue;
                }
                let beside = self.modules(&folder, part, &listing);
                if beside.is_empty() {
                    folder = inside;
                    continue;
                }
            }
            let modules = self.modules(&folder, part, &listing);
            is_whole |= !modules.is_empty();
            found.extend(self.found(&name, false, modules));
            break;
        }
        (found, is_whole)
    }

    fn found(&self, name: &str, is_package: bool, modules: Vec<Module>) -> Vec<Found> {
        let one = |module: Module| {
            let path = match &module {
                Module::Source(file) => &file.path,
                Module::Extension(path) | Module::Unanalysed(path, _) => path,
            };
            let distribution = self.owners.of_file(&self.root, path);
            Found { name: name.to_owned(), is_package, module, distribution }
        };
        modules.into_iter().map(one).collect()
    }

    /// The files that are this module in a folder.
    fn modules(&self, folder: &Path, stem: &str, listing: &Listing) -> Vec<Module> {
        let names = listing.files.get(stem).map_or(&[] as &[_], Vec::as_slice);
        let mut found = Vec::new();
        let mut bytecode = None;
        for name in names {
            let path = folder.join(name);
            if let Some(members) = &self.members {
                found.extend(members.get(&path).filter(|_| is_module(name, stem)).cloned());
                continue;
            }
            match named(&path) {
                Named::Source(kind) if is_module(name, stem) => {
                    found.push(Module::Source(File { path, kind, member: None }));
                }
                Named::Artefact(Reason::ExtensionModule, _) => found.push(Module::Extension(path)),
                Named::Bytecode if name.strip_suffix(".pyc") == Some(stem) => bytecode = Some(path),
                _ => {}
            }
        }
        if let (true, Some(path)) = (found.is_empty(), bytecode) {
            let detail = "importable bytecode without source";
            let why = match fs::metadata(&path) {
                Ok(_) => Unanalysed::new(Reason::Bytecode, detail),
                Err(error) => unreadable(&error),
            };
            found.push(Module::Unanalysed(path, why));
        }
        found
    }
}

/// Whether a file of that name is imported as that module: `a.py`, `a.cpython-312-darwin.so`.
fn is_module(name: &str, stem: &str) -> bool {
    let rest = name.strip_prefix(stem).unwrap_or_default();
    matches!(rest, ".py" | ".pyw" | ".pyc")
        || (rest.starts_with('.') && (has_suffix(name, "so") || has_suffix(name, "pyd")))
}

fn has_suffix(name: &str, suffix: &str) -> bool {
    Path::new(name).extension().is_some_and(|own| own == suffix)
}

impl Listing {
    fn entry(&mut self, folder: &Path, entry: &fs::DirEntry) {
        // What is no UTF-8 has no name as a module.
        let Ok(name) = entry.file_name().into_string() else { return };
        let is_folder = entry
            .file_type()
            .is_ok_and(|kind| kind.is_dir() || (kind.is_symlink() && folder.join(&name).is_dir()));
        if is_folder {
            self.folders.insert(name);
        } else {
            self.file(name);
        }
    }

    fn file(&mut self, name: String) {
        let stem = name.split('.').next().unwrap_or_default().to_owned();
        self.files.entry(stem).or_default().push(name);
    }
}

impl Owners {
    /// What the folders of metadata in `site-packages` say (PEP 376, PEP 627): `RECORD` lists the
    /// files, `top_level.txt` the modules where that is not there.
    fn of(root: &Path, listing: &Listing) -> Self {
        let mut owners = Self::default();
        let mut infos: Vec<&String> = listing
            .folders
            .iter()
            .filter(|name| name.ends_with(".dist-info") || name.ends_with(".egg-info"))
            .collect();
        infos.sort();
        for info in infos {
            let folder = root.join(info);
            let text = |name: &str| {
                let bytes = read_up_to(&folder.join(name), MOST_METADATA).ok()?;
                Some(String::from_utf8_lossy(&bytes).into_owned())
            };
            let metadata = text("METADATA").or_else(|| text("PKG-INFO"));
            let of =
                metadata.as_deref().and_then(Distribution::read).or_else(|| of_archive(&folder));
            let Some(of) = of.map(Arc::new) else { continue };
            if let Some(record) = text("RECORD") {
                for path in record.lines().filter_map(first_field) {
                    owners.files.insert(root.join(path), Arc::clone(&of));
                }
            } else if let Some(tops) = text("top_level.txt") {
                for top in tops.lines().map(str::trim).filter(|top| !top.is_empty()) {
                    owners.tops.insert(top.to_owned(), Arc::clone(&of));
                }
            }
        }
        owners
    }

    fn of_file(&self, root: &Path, path: &Path) -> Option<Arc<Distribution>> {
        let of_top = || {
            let top = path.strip_prefix(root).ok()?.iter().next()?.to_str()?;
            self.tops.get(top.split('.').next()?)
        };
        self.all.as_ref().or_else(|| self.files.get(path)).or_else(of_top).cloned()
    }
}

/// The path of a line of `RECORD`, which is CSV.
fn first_field(line: &str) -> Option<String> {
    match line.strip_prefix('"') {
        Some(quoted) => {
            let end = quoted.rfind("\",").or_else(|| quoted.rfind('"'))?;
            Some(quoted.get(..end)?.replace("\"\"", "\""))
        }
        None => line.split(',').next().filter(|path| !path.is_empty()).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn place(files: &[(&str, &str)]) -> (TempDir, Importable) {
        let folder = TempDir::new().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("below")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let all = Importable::new(&[folder.path().to_owned()]);
        (folder, all)
    }

    fn names(found: &[Found]) -> Vec<(&str, bool)> {
        found.iter().map(|one| (&*one.name, one.is_package)).collect()
    }

    #[test]
    fn a_dotted_name_is_its_packages_and_its_module() {
        let (_folder, mut all) = place(&[
            ("a/__init__.py", ""),
            ("a/b/__init__.py", ""),
            ("a/b/c.py", ""),
            ("a/other.py", ""),
            ("space/part/mod.py", ""),
            ("single.py", ""),
            ("fast.cpython-312-x86_64-linux-gnu.so", ""),
            ("fast.py", ""),
            ("old.pyc", ""),
        ]);
        assert_eq!(
            names(&all.find("a.b.c.attribute")),
            [("a", true), ("a.b", true), ("a.b.c", false)]
        );
        assert_eq!(names(&all.find("a.attribute")), [("a", true)]);
        assert_eq!(names(&all.find("space.part.mod")), [("space.part.mod", false)]);
        assert_eq!(names(&all.find("space")), []);
        assert!(all.has_top("space") && all.has_top("single") && !all.has_top("nowhere"));
        let fast = all.find("fast");
        assert!(fast.iter().any(|one| matches!(one.module, Module::Extension(_))));
        assert!(fast.iter().any(|one| matches!(one.module, Module::Source(_))));
        let old = all.find("old");
        assert!(
            matches!(&old[0].module, Module::Unanalysed(_, why) if why.reason == Reason::Bytecode)
        );
    }

    #[test]
    fn parts_of_a_namespace_may_be_in_several_places() {
        let (one, _) = place(&[("space/a.py", "")]);
        let (two, _) = place(&[("space/b.py", "")]);
        let mut all = Importable::new(&[one.path().to_owned(), two.path().to_owned()]);
        assert_eq!(names(&all.find("space.a")), [("space.a", false)]);
        assert_eq!(names(&all.find("space.b")), [("space.b", false)]);
    }

    #[test]
    fn folders_of_pth_files_are_searched_and_lines_that_import_run() {
        let (folder, mut all) = place(&[
            ("more.pth", "# comment\nextra\nnowhere\n"),
            ("run.pth", "import run_me\n"),
            ("extra/found.py", ""),
            ("sitecustomize.py", ""),
        ]);
        assert_eq!(names(&all.find("found")), [("found", false)]);
        let start = all.at_start();
        let mut started: Vec<_> = names(&start).into_iter().map(|(name, _)| name).collect();
        started.sort_unstable();
        assert_eq!(started, ["run", "sitecustomize"]);
        assert_eq!(all.roots().count(), 2, "{folder:?}");
    }

    #[test]
    fn files_belong_to_the_distribution_that_lists_them() {
        let (_folder, mut all) = place(&[
            ("a.py", ""),
            ("b.py", ""),
            ("c.py", ""),
            ("x-1.0.dist-info/METADATA", "Name: X\nVersion: 1.0\n"),
            ("x-1.0.dist-info/RECORD", "a.py,sha256=x,1\n\"with, comma.py\",,\n"),
            ("y-2.0.egg-info/PKG-INFO", "Name: y\nVersion: 2.0\n"),
            ("y-2.0.egg-info/top_level.txt", "b\n"),
        ]);
        let mut whose = |name: &str| {
            let found = all.find(name);
            found.first().and_then(|one| one.distribution.as_ref()).map(|of| of.name.clone())
        };
        assert_eq!(whose("a").as_deref(), Some("X"));
        assert_eq!(whose("b").as_deref(), Some("y"));
        assert_eq!(whose("c"), None);
        assert_eq!(first_field("\"with, comma.py\",,").as_deref(), Some("with, comma.py"));
    }
}
