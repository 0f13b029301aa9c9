//! Wheels and source distributions, read in place: nothing is written to the disk.
//!
//! An archive is somebody else's, so nothing it says of itself is believed. What is read is
//! bounded in number, size and ratio; a member that is not a plain file with a plain name is told
//! and not read. Members that are Python are held in memory from then on.
//!
//! A member is shown as `foo-1.0-py3-none-any.whl!/foo/client.py`.

mod gather;
mod name;
mod tar;
#[cfg(test)]
mod tests;
mod zip;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::distribution::Distribution;
use super::{File, read};
use crate::source::{Reason, Unanalysed};

/// Members of one archive, folders among them.
pub const MOST_MEMBERS: u64 = 100_000;

/// Bytes of all members that are read, together.
pub const MOST_READ: u64 = 256 << 20;

/// Bytes that a compressed tar archive may unpack to, since it cannot be read without that.
pub const MOST_UNPACKED: u64 = 4 << 30;

/// How many times as large as the archive what is read of it may be.
pub const MOST_RATIO: u64 = 200;

/// What may be read of an archive whatever the ratio: small ones of generated tables are
/// harmless.
pub const RATIO_FREE: u64 = 64 << 20;

/// Folders in folders.
pub const DEEPEST: usize = 64;

/// What an archive holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// The archive itself, as shown.
    pub path: PathBuf,
    /// The folders in it that its modules are imported from, as its members are shown.
    pub roots: Vec<PathBuf>,
    /// Whose archive it says it is.
    pub distribution: Option<Arc<Distribution>>,
    /// What is to be analysed.
    pub files: Vec<File>,
    /// What cannot be analysed, and why.
    pub unanalysed: Vec<(PathBuf, Unanalysed)>,
    /// Stub files.
    pub stubs: Vec<PathBuf>,
}

impl Archive {
    /// Whether a path, as shown, is that of a member.
    pub fn has(&self, shown: &Path) -> bool {
        let mut inside = self.path.as_os_str().to_owned();
        inside.push("!");
        shown.starts_with(inside)
    }
}

/// How an archive is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Zip,
    TarGz,
    /// One that is not read.
    Other,
}

/// Suffixes of archives, longest first.
const FORMS: [(&str, Form); 14] = [
    (".tar.gz", Form::TarGz),
    (".tar.bz2", Form::Other),
    (".tar.xz", Form::Other),
    (".tar.zst", Form::Other),
    (".conda", Form::Other),
    (".tgz", Form::TarGz),
    (".tbz2", Form::Other),
    (".txz", Form::Other),
    (".whl", Form::Zip),
    (".zip", Form::Zip),
    (".tar", Form::Other),
    (".7z", Form::Other),
    (".rar", Form::Other),
    (".rpm", Form::Other),
];

/// Whether a name is that of an archive, and of which form.
pub(super) fn form(path: &Path) -> Option<Form> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    FORMS.iter().find(|(suffix, _)| name.ends_with(suffix)).map(|(_, form)| *form)
}

/// Whether a path is named as a wheel, a zip or a compressed tar archive, which are read in place.
pub fn is_archive(path: &Path) -> bool {
    matches!(form(path), Some(Form::Zip | Form::TarGz))
}

/// Everything in an archive: `real` is where it lies, `shown` how it is called. Never fails; what
/// cannot be read is in [`Archive::unanalysed`].
pub(super) fn open(real: &Path, shown: &Path, form: Form) -> Archive {
    let mut gather = gather::Gather::new(shown);
    let result = match form {
        Form::Zip => read::open_regular(real).and_then(|(file, size)| {
            gather.of_size(size);
            zip::read(file, &mut gather)
        }),
        Form::TarGz => read::open_regular(real).and_then(|(file, size)| {
            gather.of_size(size);
            tar::read(file, &mut gather)
        }),
        Form::Other => Err(broken("of the archives, .whl, .zip, .tar.gz and .tgz are read")),
    };
    gather.finish(result)
}

fn broken(detail: impl Into<String>) -> Unanalysed {
    Unanalysed::new(Reason::Archive, detail)
}

fn refused(detail: impl Into<String>) -> Unanalysed {
    Unanalysed::new(Reason::ArchiveMember, detail)
}
