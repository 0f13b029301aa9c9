//! Why a file, or a part of it, was not analysed.

use serde::{Deserialize, Serialize};

use crate::report::NotAnalysed;

/// Everything that can stand in the way, from finding a file to analysing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// The operating system refused to read it.
    Unreadable,
    /// A FIFO, socket or device; never opened.
    NotAFile,
    /// Larger than [`SIZE_LIMIT`](super::SIZE_LIMIT).
    TooLarge,
    /// Not decodable as `CPython` decodes it, or the encoding is not supported.
    Encoding,
    /// Contains NUL, which `CPython` rejects ("source code cannot contain null bytes"); older
    /// versions read a script up to the NUL of each line.
    NulBytes,
    /// `CPython` reads it in two ways: when run and when imported, or by version.
    Ambiguous,
    /// A notebook that is not valid JSON, or not of a known format.
    Notebook,
    /// A notebook of another language.
    NotebookLanguage,
    /// A notebook cell handed to a cell magic that is not known.
    CellMagic,
    /// An importable `.pyc` or `.pyo` without source.
    Bytecode,
    /// A cached `.pyc` in `__pycache__` whose source is gone; not importable from there.
    StaleBytecode,
    /// A zip application: `.pyz`, or a zip after a Python shebang.
    ZipApplication,
    /// A zipped `.egg`.
    Egg,
    /// Machine code with a Python module's name: `.so`, `.pyd`.
    ExtensionModule,
    /// Cython source: `.pyx`.
    Cython,
    /// A `.pth` that looks like saved model weights, with no line that `site` would execute.
    Checkpoint,
    /// An archive that cannot be read in whole: broken, over a limit, or made to deceive.
    Archive,
    /// A member of an archive that is not read: its name leads out, it is a link, encrypted, there
    /// twice, or not what the archive says of it.
    ArchiveMember,
    /// An archive in an archive.
    NestedArchive,
    /// A link that leads out of every root.
    LinkOutside,
    /// A link to nothing.
    BrokenLink,
    /// The parser objects; what it made of the file is analysed all the same.
    SyntaxError,
    /// Nested more deeply than [`crate::syntax::DEEPEST`].
    TooDeep,
    /// The analysis would have taken more steps than that of any ordinary file; what was found until
    /// then is told.
    TooComplex,
    /// A defect of the analyzer.
    InternalError,
}

impl Reason {
    /// Every reason, in the order of this enum.
    pub const ALL: [Self; 25] = [
        Self::Unreadable,
        Self::NotAFile,
        Self::TooLarge,
        Self::Encoding,
        Self::NulBytes,
        Self::Ambiguous,
        Self::Notebook,
        Self::NotebookLanguage,
        Self::CellMagic,
        Self::Bytecode,
        Self::StaleBytecode,
        Self::ZipApplication,
        Self::Egg,
        Self::ExtensionModule,
        Self::Cython,
        Self::Checkpoint,
        Self::Archive,
        Self::ArchiveMember,
        Self::NestedArchive,
        Self::LinkOutside,
        Self::BrokenLink,
        Self::SyntaxError,
        Self::TooDeep,
        Self::TooComplex,
        Self::InternalError,
    ];

    /// The kebab-case name used in output and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NotAFile => "not-a-file",
            Self::TooLarge => "too-large",
            Self::Encoding => "encoding",
            Self::NulBytes => "nul-bytes",
            Self::Ambiguous => "ambiguous",
            Self::Notebook => "notebook",
            Self::NotebookLanguage => "notebook-language",
            Self::CellMagic => "cell-magic",
            Self::Bytecode => "bytecode",
            Self::StaleBytecode => "stale-bytecode",
            Self::ZipApplication => "zip-application",
            Self::Egg => "egg",
            Self::ExtensionModule => "extension-module",
            Self::Cython => "cython",
            Self::Checkpoint => "checkpoint",
            Self::Archive => "archive",
            Self::ArchiveMember => "archive-member",
            Self::NestedArchive => "nested-archive",
            Self::LinkOutside => "link-outside",
            Self::BrokenLink => "broken-link",
            Self::SyntaxError => "syntax-error",
            Self::TooDeep => "too-deep",
            Self::TooComplex => "too-complex",
            Self::InternalError => "internal-error",
        }
    }

    /// Whether it is only told, by default, and does not fail the run: what nearly every
    /// installed package has, and what Python does not run from where it lies.
    pub const fn is_notice(self) -> bool {
        match self {
            Self::Unreadable
            | Self::NotAFile
            | Self::TooLarge
            | Self::Encoding
            | Self::NulBytes
            | Self::Ambiguous
            | Self::Notebook
            | Self::Bytecode
            | Self::ZipApplication
            | Self::Egg
            | Self::Archive
            | Self::ArchiveMember
            | Self::NestedArchive
            | Self::SyntaxError
            | Self::TooDeep
            | Self::TooComplex
            | Self::InternalError => false,
            Self::NotebookLanguage
            | Self::CellMagic
            | Self::StaleBytecode
            | Self::ExtensionModule
            | Self::Cython
            | Self::Checkpoint
            | Self::LinkOutside
            | Self::BrokenLink => true,
        }
    }
}

/// One file, or part of it, that cannot be analysed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unanalysed {
    /// Which kind of obstacle.
    pub reason: Reason,
    /// What exactly was seen: lower case, no full stop.
    pub detail: String,
}

impl Unanalysed {
    /// With a reason and what was seen.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl From<Unanalysed> for NotAnalysed {
    /// Accepted where the reason is a notice by default; configuration may say otherwise.
    fn from(it: Unanalysed) -> Self {
        Self { reason: it.reason.name(), detail: it.detail, accepted: it.reason.is_notice() }
    }
}

#[cfg(test)]
mod tests {
    use hermetic_policy::rules;

    use super::*;

    #[test]
    fn the_page_of_the_rule_names_every_reason() {
        let page = rules::find("not-analysed").expect("a rule of this name").page;
        for reason in Reason::ALL {
            assert!(page.contains(&format!("`{}`", reason.name())), "{reason:?}");
        }
    }
}
