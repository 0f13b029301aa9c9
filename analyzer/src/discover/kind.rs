//! What a file is, by its name.

use std::path::Path;

use crate::source::{FileKind, Reason};

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// Python.
    Source(FileKind),
    /// `.pyi`.
    Stub,
    /// Compiled, packed or another language, with what it is.
    Artefact(Reason, &'static str),
    /// Bytecode: to be told where the source is missing.
    Bytecode,
    /// No suffix: the first bytes decide.
    Unsaid,
    /// Anything else.
    Other,
}

/// The kind of a file that the user named, standard input's stated name among them: Python
/// unless its suffix says otherwise. `None` where it cannot be analysed.
pub fn kind_of(path: &Path) -> Option<FileKind> {
    match named(path) {
        Named::Source(kind) => Some(kind),
        Named::Unsaid | Named::Other => Some(FileKind::Module),
        Named::Stub | Named::Artefact(..) | Named::Bytecode => None,
    }
}

pub(super) fn named(path: &Path) -> Named {
    let extension =
        path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("py" | "pyw") => Named::Source(module(path)),
        Some("ipynb") => Named::Source(FileKind::Notebook),
        Some("pth") => Named::Source(FileKind::StartupLines),
        Some("pyi") => Named::Stub,
        Some("pyc" | "pyo") => Named::Bytecode,
        Some("pyz" | "pyzw") => Named::Artefact(Reason::ZipApplication, "a zip application"),
        Some("egg") => Named::Artefact(Reason::Egg, "a zipped egg"),
        Some("so" | "pyd" | "dylib") => Named::Artefact(Reason::ExtensionModule, "machine code"),
        Some("pyx") => Named::Artefact(Reason::Cython, "Cython source"),
        None => Named::Unsaid,
        // A version, as in `pip3.11`, is no suffix.
        Some(other) if other.bytes().all(|byte| byte.is_ascii_digit()) => Named::Unsaid,
        Some(_) => Named::Other,
    }
}

/// `site` imports these two by name, as a module or a package.
fn module(path: &Path) -> FileKind {
    let is_startup = |name: Option<&std::ffi::OsStr>| {
        name.is_some_and(|name| name == "sitecustomize" || name == "usercustomize")
    };
    let stem = path.file_stem();
    let package = path.parent().and_then(Path::file_name);
    if is_startup(stem) || (stem.is_some_and(|stem| stem == "__init__") && is_startup(package)) {
        FileKind::StartupModule
    } else {
        FileKind::Module
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_file_is() {
        for (name, expected) in [
            ("a.py", Named::Source(FileKind::Module)),
            ("a.PYW", Named::Source(FileKind::Module)),
            ("sitecustomize.py", Named::Source(FileKind::StartupModule)),
            ("usercustomize/__init__.py", Named::Source(FileKind::StartupModule)),
            ("a.ipynb", Named::Source(FileKind::Notebook)),
            ("a.pth", Named::Source(FileKind::StartupLines)),
            ("a.pyi", Named::Stub),
            ("a.cpython-311.pyc", Named::Bytecode),
            ("pip3.11", Named::Unsaid),
            (".profile", Named::Unsaid),
            ("manage", Named::Unsaid),
            ("a.txt", Named::Other),
        ] {
            assert_eq!(named(Path::new(name)), expected, "{name}");
        }
        for (name, expected) in [
            ("a.pyz", Reason::ZipApplication),
            ("a.egg", Reason::Egg),
            ("a.abi3.so", Reason::ExtensionModule),
            ("a.pyd", Reason::ExtensionModule),
            ("a.pyx", Reason::Cython),
        ] {
            assert!(
                matches!(named(Path::new(name)), Named::Artefact(found, _) if found == expected)
            );
        }
    }

    #[test]
    fn a_named_file_is_python_unless_its_suffix_says_otherwise() {
        assert_eq!(kind_of(Path::new("a.txt")), Some(FileKind::Module));
        assert_eq!(kind_of(Path::new("a")), Some(FileKind::Module));
        assert_eq!(kind_of(Path::new("a.ipynb")), Some(FileKind::Notebook));
        assert_eq!(kind_of(Path::new("a.pyi")), None);
        assert_eq!(kind_of(Path::new("a.so")), None);
    }
}
