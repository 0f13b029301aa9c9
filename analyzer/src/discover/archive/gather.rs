//! What is taken of an archive, member by member, whatever its form.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::distribution::{Distribution, of_archive};
use super::super::kind::{Named, named};
use super::super::shebang::{HEAD, Head, head};
use super::super::{File, Member, display};
use super::{
    Archive, MOST_MEMBERS, MOST_RATIO, MOST_READ, RATIO_FREE, broken, form, name, refused,
};
use crate::source::{FileKind, Reason, SIZE_LIMIT, Unanalysed};

/// The start of a `METADATA` file has all of its fields.
const MOST_METADATA: u64 = 64 << 10;

/// What a member is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Its text.
    Source(FileKind),
    /// Its text, if its first line says that it is Python.
    Script,
    /// The name and version in it.
    Metadata,
    /// Nothing.
    Nothing,
}

/// An archive being read.
pub(super) struct Gather {
    out: Archive,
    /// `foo.whl!`.
    inside: PathBuf,
    path: Arc<Path>,
    size: u64,
    members: u64,
    /// Bytes of members read.
    read: u64,
    /// Plain names of files, and the file of that number where it was kept.
    names: HashMap<String, Option<usize>>,
    bytecode: Vec<String>,
    is_wheel: bool,
}

impl Gather {
    pub(super) fn new(shown: &Path) -> Self {
        let mut inside = shown.as_os_str().to_owned();
        inside.push("!");
        Self {
            out: Archive { path: shown.to_owned(), ..Archive::default() },
            inside: inside.into(),
            path: shown.into(),
            size: 0,
            members: 0,
            read: 0,
            names: HashMap::new(),
            bytecode: Vec::new(),
            is_wheel: false,
        }
    }

    /// How large the archive is.
    pub(super) const fn of_size(&mut self, size: u64) {
        self.size = size;
    }

    /// One more member.
    pub(super) fn count(&mut self) -> Result<(), Unanalysed> {
        self.members += 1;
        if self.members > MOST_MEMBERS {
            let detail = format!("more than {MOST_MEMBERS} members; the rest was left out");
            return Err(broken(detail));
        }
        Ok(())
    }

    /// Whether so many bytes are too many for an archive of this size.
    pub(super) fn weigh(&self, bytes: u64) -> Result<(), Unanalysed> {
        if bytes > RATIO_FREE && bytes > self.size.saturating_mul(MOST_RATIO) {
            let detail = format!(
                "what is in it is more than {MOST_RATIO} times as large; the rest was left out"
            );
            return Err(broken(detail));
        }
        Ok(())
    }

    /// Tell a member by the name it has.
    pub(super) fn refuse(&mut self, raw: &[u8], detail: &str) {
        let shown = String::from_utf8_lossy(raw);
        let shown: String = shown.chars().take(120).collect();
        // Such a name is told, but not as a path.
        let shown = display(Path::new(&shown), None);
        self.out.unanalysed.push((self.out.path.clone(), refused(format!("`{shown}`: {detail}"))));
    }

    /// A file's plain name, and what it is wanted for. `None` where it is no name to follow.
    pub(super) fn file(&mut self, raw: &[u8]) -> Option<(String, Want)> {
        let name = match name::plain(raw) {
            Ok(name) => name,
            Err(detail) => {
                self.refuse(raw, &detail);
                return None;
            }
        };
        let mut parts = name.split('/');
        let (top, second) = (parts.next().unwrap_or_default(), parts.next());
        let is_second_last = parts.next().is_none();
        if top.ends_with(".dist-info") && second == Some("METADATA") && is_second_last {
            self.is_wheel = true;
            return Some((name, Want::Metadata));
        }
        if second == Some("PKG-INFO") && is_second_last {
            return Some((name, Want::Metadata));
        }
        let shown = self.inside.join(&name);
        let want = match named(&shown) {
            Named::Source(kind) => Want::Source(kind),
            Named::Unsaid => Want::Script,
            Named::Stub => {
                self.out.stubs.push(shown);
                Want::Nothing
            }
            Named::Artefact(Reason::Egg | Reason::ZipApplication, _) => {
                self.nested(shown);
                Want::Nothing
            }
            Named::Artefact(reason, detail) => {
                self.out.unanalysed.push((shown, Unanalysed::new(reason, detail)));
                Want::Nothing
            }
            Named::Bytecode => {
                self.bytecode.push(name.clone());
                Want::Nothing
            }
            Named::Other => {
                if form(&shown).is_some() {
                    self.nested(shown);
                }
                Want::Nothing
            }
        };
        if want == Want::Nothing {
            self.names.entry(name.clone()).or_default();
        }
        Some((name, want))
    }

    fn nested(&mut self, shown: PathBuf) {
        let detail = "an archive in an archive is not opened";
        self.out.unanalysed.push((shown, Unanalysed::new(Reason::NestedArchive, detail)));
    }

    /// Take what is wanted of a member. An error ends the archive.
    pub(super) fn take(
        &mut self,
        name: String,
        want: Want,
        mut content: impl Read,
    ) -> Result<(), Unanalysed> {
        let mut bytes = Vec::new();
        let mut fill = |bytes: &mut Vec<u8>, limit: u64| {
            let more = limit.saturating_sub(bytes.len() as u64);
            content.by_ref().take(more).read_to_end(bytes)
        };
        let kind = match want {
            Want::Nothing => return Ok(()),
            Want::Metadata => {
                match fill(&mut bytes, MOST_METADATA) {
                    Ok(_) => self.metadata(&name, &bytes),
                    Err(error) => self.refuse(name.as_bytes(), &error.to_string().to_lowercase()),
                }
                return Ok(());
            }
            Want::Script => match fill(&mut bytes, HEAD as u64).map(|_| head(&bytes)) {
                Ok(Head::Python) => FileKind::Script,
                Ok(Head::ZipApplication) => {
                    self.nested(self.inside.join(&name));
                    return Ok(());
                }
                Ok(Head::Other) => return Ok(()),
                Err(error) => {
                    self.refuse(name.as_bytes(), &error.to_string().to_lowercase());
                    return Ok(());
                }
            },
            Want::Source(kind) => kind,
        };
        let filled = fill(&mut bytes, SIZE_LIMIT + 1);
        self.read += bytes.len() as u64;
        let shown = self.inside.join(&name);
        if let Err(error) = filled {
            let detail = error.to_string().to_lowercase();
            self.out.unanalysed.push((shown, refused(detail)));
        } else if bytes.len() as u64 > SIZE_LIMIT {
            let detail = format!("more than the limit of {SIZE_LIMIT} bytes");
            self.out.unanalysed.push((shown, Unanalysed::new(Reason::TooLarge, detail)));
        } else {
            self.keep(name, shown, kind, bytes);
        }
        if self.read > MOST_READ {
            let detail =
                format!("more than {MOST_READ} bytes of Python in it; the rest was left out");
            return Err(broken(detail));
        }
        self.weigh(self.read)
    }

    fn keep(&mut self, name: String, shown: PathBuf, kind: FileKind, bytes: Vec<u8>) {
        let member = Member { archive: Arc::clone(&self.path), bytes: bytes.into() };
        let known = self.names.get(&name).copied().flatten();
        if let Some(before) = known.and_then(|at| self.out.files.get_mut(at)) {
            // The last one is what is unpacked in the end; which one runs is not for sure.
            if before.member.as_ref() != Some(&member) {
                before.member = Some(member);
                let detail = "it is there twice, and the two differ; the last one was analysed";
                self.out.unanalysed.push((shown, refused(detail)));
            }
            return;
        }
        self.names.insert(name, Some(self.out.files.len()));
        self.out.files.push(File { path: shown, kind, member: Some(member) });
    }

    fn metadata(&mut self, name: &str, bytes: &[u8]) {
        let read = Distribution::read(&String::from_utf8_lossy(bytes)).map(Arc::new);
        // Of a wheel, the one of its own; of a source distribution, the one at the top.
        if self.out.distribution.is_none() || name.ends_with("METADATA") {
            self.out.distribution = read.or_else(|| self.out.distribution.take());
        }
    }

    /// All there is, and why not more, if so.
    pub(super) fn finish(mut self, result: Result<(), Unanalysed>) -> Archive {
        if let Err(reason) = result {
            self.out.unanalysed.push((self.out.path.clone(), reason));
        }
        for name in std::mem::take(&mut self.bytecode) {
            if let Some(reason) = self.without_source(&name) {
                let shown = self.inside.join(&name);
                let detail = "bytecode without its source";
                self.out.unanalysed.push((shown, Unanalysed::new(reason, detail)));
            }
        }
        self.out.roots = self.roots();
        if self.out.distribution.is_none() {
            self.out.distribution = of_archive(&self.out.path).map(Arc::new);
        }
        self.out.files.sort();
        self.out.unanalysed.sort();
        self.out.stubs.sort();
        self.out
    }

    fn without_source(&self, name: &str) -> Option<Reason> {
        let path = Path::new(name);
        let (folder, file) = (path.parent()?, path.file_name()?.to_str()?);
        let cached = folder.file_name().is_some_and(|folder| folder == "__pycache__");
        let stem = if cached { file.split('.').next()? } else { file.rsplit_once('.')?.0 };
        let folder = if cached { folder.parent()? } else { folder };
        let there = ["py", "pyw"].iter().any(|suffix| {
            let source = folder.join(format!("{stem}.{suffix}"));
            source.to_str().is_some_and(|source| self.names.contains_key(source))
        });
        match (there, cached) {
            (true, _) => None,
            (false, true) => Some(Reason::StaleBytecode),
            (false, false) => Some(Reason::Bytecode),
        }
    }

    /// Where modules are imported from: of a wheel its top and what `.data` folders put there
    /// (the binary distribution format of packaging.python.org); of a source distribution its one folder.
    fn roots(&self) -> Vec<PathBuf> {
        let mut tops = BTreeSet::new();
        let mut data = BTreeSet::new();
        let others = self.out.unanalysed.iter().map(|(path, _)| path);
        let below = |path: &PathBuf| path.strip_prefix(&self.inside).ok().map(Path::to_owned);
        let listed = self.out.files.iter().map(|file| &file.path).chain(others).filter_map(below);
        for path in listed {
            let mut parts = path.iter();
            let (Some(top), Some(second)) = (parts.next(), parts.next()) else {
                tops.insert(None);
                continue;
            };
            if top.to_string_lossy().ends_with(".data")
                && (second == "purelib" || second == "platlib")
            {
                data.insert(self.inside.join(top).join(second));
            }
            tops.insert(Some(top.to_owned()));
        }
        if !self.is_wheel
            && tops.len() == 1
            && let Some(Some(top)) = tops.first()
        {
            let folder = self.inside.join(top);
            let has = |path: &Path| self.out.files.iter().any(|file| file.path == path);
            if !has(&folder.join("__init__.py")) {
                // Many projects keep their packages one folder down.
                let down = ["src", "lib", "python"].map(|name| folder.join(name));
                let holds = |down: &PathBuf| {
                    !has(&down.join("__init__.py"))
                        && self.out.files.iter().any(|file| file.path.starts_with(down))
                };
                let down = down.into_iter().filter(holds);
                return std::iter::once(folder.clone()).chain(down).collect();
            }
        }
        std::iter::once(self.inside.clone()).chain(data).collect()
    }
}
