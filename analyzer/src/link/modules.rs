//! Which file is which module, as the import system would find it (CPython
//! `Doc/reference/import.rst`).
//!
//! A file inside of packages is named from the folder above the topmost one that has an
//! `__init__.py`. Packages may do without (PEP 420), so a file is also known by its path from each
//! folder that was to be analysed, and from a folder `src` in it.

use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

/// A file, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A folder that modules are found in, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RootId(u32);

/// The modules of a program.
#[derive(Debug, Default)]
pub struct Modules {
    roots: Vec<PathBuf>,
    /// Those of them that were to be analysed.
    given: Vec<RootId>,
    named: Vec<Named>,
    /// By root, and by dotted name: a package may have no file of its own (`None`).
    known: Vec<FxHashMap<Box<str>, Option<FileId>>>,
    /// The folders each top-level module is found in, nearest to the top first.
    tops: FxHashMap<Box<str>, SmallVec<[RootId; 2]>>,
}

/// A file's name as a module.
#[derive(Clone, Debug)]
struct Named {
    root: RootId,
    name: Box<str>,
    is_package: bool,
}

/// A module, or a package without a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// A file.
    File(FileId),
    /// A folder, by its dotted name.
    Folder(RootId, Box<str>),
}

/// The folders that modules are named from.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    /// Those that were to be analysed. A package may be anywhere in them.
    pub given: Vec<PathBuf>,
    /// Those the import system searches, as `site-packages`: what is in them is named from there.
    pub searched: Vec<PathBuf>,
}

impl Modules {
    /// Name the files, in order.
    pub fn of<'p>(files: impl Iterator<Item = &'p Path> + Clone, from: &Roots) -> Self {
        let Roots { given, searched } = from;
        let searched: FxHashSet<&Path> = searched.iter().map(PathBuf::as_path).collect();
        let packages: FxHashSet<&Path> = files
            .clone()
            .filter(|file| file.file_name().is_some_and(|name| name == "__init__.py"))
            .filter_map(Path::parent)
            .collect();
        let mut modules = Self::default();
        let mut roots: FxHashMap<PathBuf, RootId> = FxHashMap::default();
        let mut root_of = |modules: &mut Self, folder: &Path| {
            if let Some(known) = roots.get(folder) {
                return *known;
            }
            let root = RootId(u32::try_from(modules.roots.len()).unwrap_or(u32::MAX));
            modules.roots.push(folder.to_owned());
            modules.known.push(FxHashMap::default());
            roots.insert(folder.to_owned(), root);
            root
        };
        // Files below `.` are named without it.
        let given = given.iter().map(|folder| folder.strip_prefix(".").unwrap_or(folder));
        // What is in a package is named from above it.
        let given = given.filter(|folder| !packages.contains(folder));
        let mut others: Vec<PathBuf> = given.clone().map(Path::to_owned).collect();
        others.extend(given.map(|folder| folder.join("src")));
        for (index, file) in files.enumerate() {
            let id = FileId(u32::try_from(index).unwrap_or(u32::MAX));
            let is_package = file.file_name().is_some_and(|name| name == "__init__.py");
            let nearest = file.ancestors().skip(1).find(|folder| searched.contains(folder));
            if let Some(folder) = nearest.filter(|_| !searched.is_empty())
                && let Some(name) = dotted(file, folder)
            {
                let root = root_of(&mut modules, folder);
                modules.add(root, &name, id);
                modules.named.push(Named { root, name, is_package });
                continue;
            }
            let mut top = file;
            while let Some(folder) = top.parent().filter(|folder| packages.contains(folder)) {
                top = folder;
            }
            let folder = top.parent().unwrap_or(Path::new(""));
            let root = root_of(&mut modules, folder);
            let name = dotted(file, folder)
                .unwrap_or_else(|| file.file_stem().unwrap_or_default().to_string_lossy().into());
            let mut shown = name.clone();
            modules.add(root, &name, id);
            for other in &others {
                // Above the packages, folders may be packages too.
                if folder != other.as_path()
                    && let Some(name) = dotted(file, other)
                {
                    let other = root_of(&mut modules, other);
                    modules.add(other, &name, id);
                    if &*shown == "__init__" {
                        shown.clone_from(&name);
                    }
                }
            }
            modules.named.push(Named { root, name: shown, is_package });
        }
        modules.given = others.iter().filter_map(|folder| roots.get(folder).copied()).collect();
        for roots in modules.tops.values_mut() {
            let depth = |root: &RootId| {
                let folder = modules.roots.get(root.0 as usize);
                folder.map_or((0, None), |f| (f.components().count(), Some(f.clone())))
            };
            roots.sort_by_key(depth);
            roots.dedup();
        }
        modules
    }

    fn add(&mut self, root: RootId, name: &str, id: FileId) {
        let top = name.split('.').next().unwrap_or(name);
        let roots = self.tops.entry(top.into()).or_default();
        if !roots.contains(&root) {
            roots.push(root);
        }
        let Some(known) = self.known.get_mut(root.0 as usize) else { return };
        known.entry(name.into()).or_default().get_or_insert(id);
        let mut rest = name;
        while let Some((package, _)) = rest.rsplit_once('.') {
            if known.contains_key(package) {
                break;
            }
            known.insert(package.into(), None);
            rest = package;
        }
    }

    /// A file's dotted name.
    pub fn name(&self, file: FileId) -> &str {
        self.named.get(file.0 as usize).map_or("", |named| &named.name)
    }

    /// The folder a file's module is found in.
    pub fn root(&self, file: FileId) -> Option<&Path> {
        let named = self.named.get(file.0 as usize)?;
        self.roots.get(named.root.0 as usize).map(PathBuf::as_path)
    }

    /// A top-level module as this file imports it: one beside its own package before all others,
    /// else one of each folder that has one.
    pub fn top(&self, from: FileId, name: &str) -> SmallVec<[Module; 2]> {
        let Some(roots) = self.tops.get(name) else { return SmallVec::new() };
        let own = self.named.get(from.0 as usize).map(|named| named.root);
        let own = own.and_then(|root| self.at(root, name));
        if let Some(own) = own {
            return smallvec::smallvec![own];
        }
        roots.iter().filter_map(|root| self.at(*root, name)).take(4).collect()
    }

    /// The package so many levels above a file's module: one is its own.
    pub fn package(&self, from: FileId, level: u32) -> Option<Module> {
        let named = self.named.get(from.0 as usize)?;
        let mut name: &str = &named.name;
        let mut up = level - u32::from(named.is_package && level > 0);
        while up > 0 && !name.is_empty() {
            name = name.rsplit_once('.').map_or("", |(package, _)| package);
            up -= 1;
        }
        if !name.is_empty() {
            return self.at(named.root, name);
        }
        // Above the packages that have a file, folders may be packages too.
        let namespace = self.folder_above(named.root, up);
        // Beside the file: no package, but scripts are written so.
        namespace.or_else(|| (up == 0).then(|| Module::Folder(named.root, "".into())))
    }

    /// The folder so many levels above a root, if it is in one that was to be analysed.
    fn folder_above(&self, root: RootId, up: u32) -> Option<Module> {
        let mut folder = self.roots.get(root.0 as usize)?.as_path();
        for _ in 0..up {
            folder = folder.parent()?;
        }
        self.given.iter().find_map(|given| {
            let inside = folder.strip_prefix(self.roots.get(given.0 as usize)?).ok()?;
            let parts: Option<Vec<&str>> =
                inside.components().map(|part| part.as_os_str().to_str()).collect();
            let name = parts?.join(".");
            if name.is_empty() {
                Some(Module::Folder(*given, "".into()))
            } else {
                self.at(*given, &name)
            }
        })
    }

    /// A module of a module.
    pub fn member(&self, of: &Module, name: &str) -> Option<Module> {
        match of {
            Module::File(file) => {
                let named = self.named.get(file.0 as usize).filter(|named| named.is_package)?;
                self.at(named.root, &[&*named.name, ".", name].concat())
            }
            Module::Folder(root, package) if package.is_empty() => self.at(*root, name),
            Module::Folder(root, package) => self.at(*root, &[&**package, ".", name].concat()),
        }
    }

    /// Top-level modules that more than one folder has, with the files; sorted.
    pub fn ambiguous(&self) -> Vec<(&str, Vec<FileId>)> {
        let several = self.tops.iter().filter(|(_, roots)| roots.len() > 1);
        let files = |name: &str, roots: &[RootId]| -> Vec<FileId> {
            let mut found: Vec<FileId> = Vec::new();
            for root in roots {
                if let Some(Module::File(file)) = self.at(*root, name)
                    && !found.contains(&file)
                {
                    found.push(file);
                }
            }
            found
        };
        let mut named: Vec<(&str, Vec<FileId>)> = several
            .map(|(name, roots)| (&**name, files(name, roots)))
            .filter(|(_, files)| files.len() > 1)
            .collect();
        named.sort_unstable();
        named
    }

    /// Top-level modules named as one of the standard library, sorted.
    pub fn shadowing(&self) -> Vec<(&str, FileId)> {
        let same = self.tops.iter().filter(|(name, _)| hermetic_policy::modules::is_stdlib(name));
        let mut named: Vec<(&str, FileId)> = same
            .filter_map(|(name, roots)| match self.at(*roots.first()?, name)? {
                Module::File(file) => Some((&**name, file)),
                Module::Folder(..) => None,
            })
            .collect();
        named.sort_unstable();
        named
    }

    fn at(&self, root: RootId, name: &str) -> Option<Module> {
        Some(match self.known.get(root.0 as usize)?.get(name)? {
            Some(file) => Module::File(*file),
            None => Module::Folder(root, name.into()),
        })
    }
}

/// The dotted name of a file, from a folder; `None` where it is not in it, or no name.
fn dotted(file: &Path, from: &Path) -> Option<Box<str>> {
    let inside = file.strip_prefix(from).ok()?;
    let suffix = inside.extension().and_then(|suffix| suffix.to_str()).unwrap_or("py");
    // `_speedups.cpython-312-x86_64-linux-gnu.so`
    let is_native = matches!(suffix, "so" | "pyd" | "dylib");
    if !is_native && suffix != "py" && suffix != "pyw" {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in inside.components() {
        let std::path::Component::Normal(text) = part else { return None };
        parts.push(text.to_str()?);
    }
    if let Some(last) = parts.last_mut() {
        let cut = if is_native { last.split_once('.') } else { last.rsplit_once('.') };
        *last = cut.map_or(*last, |(stem, _)| stem);
    }
    if parts.is_empty() || parts.iter().any(|part| part.is_empty() || part.contains('.')) {
        return None;
    }
    if parts.len() > 1 && parts.last() == Some(&"__init__") {
        parts.pop();
    }
    Some(parts.join(".").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(files: &[&str]) -> Modules {
        let given = vec![PathBuf::from("/p")];
        Modules::of(files.iter().map(Path::new), &Roots { given, searched: Vec::new() })
    }

    #[test]
    fn a_package_is_named_from_above_its_topmost_init() {
        let modules = modules(&[
            "/p/src/pkg/__init__.py",
            "/p/src/pkg/sub/__init__.py",
            "/p/src/pkg/sub/mod.py",
            "/p/tool.py",
            "/p/ns/inner/mod.py",
        ]);
        let names: Vec<_> = (0..5).map(|i| modules.name(FileId(i)).to_owned()).collect();
        assert_eq!(names, ["pkg", "pkg.sub", "pkg.sub.mod", "tool", "mod"]);
        let tool = FileId(3);
        assert_eq!(modules.top(tool, "pkg").as_slice(), [Module::File(FileId(0))]);
        let namespace = modules.top(tool, "ns").into_iter().next().expect("a folder");
        let inner = modules.member(&namespace, "inner").expect("a folder");
        assert_eq!(modules.member(&inner, "mod"), Some(Module::File(FileId(4))));
    }

    #[test]
    fn what_is_installed_is_named_from_where_it_is_searched() {
        let files = ["/s/ns/a/b.py", "/s/p/__init__.py", "/s/p/_c.cpython-312-darwin.so"];
        let roots = Roots { given: vec!["/p".into()], searched: vec!["/s".into()] };
        let modules = Modules::of(files.iter().map(Path::new), &roots);
        let names: Vec<_> = (0..3).map(|i| modules.name(FileId(i)).to_owned()).collect();
        assert_eq!(names, ["ns.a.b", "p", "p._c"]);
    }

    #[test]
    fn relative_imports_go_up_the_packages() {
        let modules = modules(&["/p/a/__init__.py", "/p/a/b/__init__.py", "/p/a/b/c.py"]);
        let (a, b, c) = (FileId(0), FileId(1), FileId(2));
        assert_eq!(modules.package(c, 1), Some(Module::File(b)));
        assert_eq!(modules.package(c, 2), Some(Module::File(a)));
        assert_eq!(modules.package(b, 1), Some(Module::File(b)));
        assert_eq!(modules.package(b, 2), Some(Module::File(a)));
    }

    #[test]
    fn a_module_beside_the_file_comes_first() {
        let modules = modules(&["/p/x/helper.py", "/p/y/helper.py", "/p/y/main.py"]);
        let found = modules.top(FileId(2), "helper");
        assert_eq!(found.as_slice(), [Module::File(FileId(1))]);
        assert_eq!(modules.ambiguous(), [("helper", vec![FileId(0), FileId(1)])]);
    }
}
