//! Sets of module names decisions need. Every question is answered by the top-level name.

use crate::operand::Operand;

mod stdlib;
mod third_party;

/// Whether importing a module loads native code of its own.
///
/// It is about the module's own files, not about what it imports in turn: that import is an act
/// of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purity {
    /// Python source, or part of the interpreter: built in, frozen, or an extension module that
    /// comes with it (`math`, `_json`). Refusing the interpreter's own parts would guard nothing
    /// and break nearly every program.
    Pure,
    /// Native code, and what it is built on.
    Native(&'static str),
    /// Not known by name.
    Unknown,
}

/// What is known of a dotted module name.
pub fn purity(module: &str) -> Purity {
    let top = top(module);
    if is_native_interface(top) {
        Purity::Native("a way to call any native code")
    } else if is_stdlib(top) {
        Purity::Pure
    } else if let Ok(at) = third_party::NATIVE.binary_search_by(|(name, _)| (*name).cmp(top)) {
        Purity::Native(third_party::NATIVE.get(at).map_or("", |(_, why)| why))
    } else if third_party::PURE.binary_search(&top).is_ok() {
        Purity::Pure
    } else {
        Purity::Unknown
    }
}

/// The operand of [`crate::Act::ImportExtension`] for an import that is known only by its name:
/// `None` where it loads no extension module, unknown where it may.
pub fn extension_operand(module: &str) -> Option<Operand<&str>> {
    match purity(module) {
        Purity::Pure => None,
        Purity::Native(_) => Some(Operand::Exact(module)),
        Purity::Unknown => Some(Operand::Unknown),
    }
}

/// Whether the module comes with the interpreter.
pub fn is_stdlib(name: &str) -> bool {
    let top = top(name);
    let Some(first) = top.bytes().next().map(usize::from) else { return false };
    let begin = STARTS.get(first).copied().unwrap_or_default();
    let end = STARTS.get(first + 1).copied().unwrap_or_default();
    let same = stdlib::STDLIB.get(usize::from(begin)..usize::from(end)).unwrap_or_default();
    same.binary_search(&top).is_ok()
}

/// Where in the sorted names those begin that have each byte in front. Every import of every file
/// is asked about.
static STARTS: [u16; 257] = {
    let mut starts = [0; 257];
    let mut at = 0;
    while at < stdlib::STDLIB.len() {
        let first = stdlib::STDLIB[at].as_bytes()[0] as usize;
        starts[first + 1] += 1;
        at += 1;
    }
    let mut byte = 0;
    while byte < 256 {
        starts[byte + 1] += starts[byte];
        byte += 1;
    }
    starts
};

/// Modules whose purpose is to call native code by name or address: `ctypes`, `cffi`, their cores,
/// and Python front ends that are nothing without them.
pub fn is_native_interface(name: &str) -> bool {
    matches!(
        top(name),
        "ctypes"
            | "_ctypes"
            | "_ctypes_test"
            | "cffi"
            | "_cffi_backend"
            | "comtypes"
            | "cppyy"
            | "pymem"
            | "pyximport"
            | "rubicon"
            | "weave"
    )
}

/// Libraries that start processes.
pub fn is_subprocess_library(name: &str) -> bool {
    matches!(top(name), "sh" | "pexpect" | "plumbum" | "sarge" | "delegator")
}

/// Libraries whose format can run code when it is loaded.
///
/// Libraries that load such a format among much else (`joblib`, `torch`, `yaml`) are not here: the
/// loading call is the act, not the import.
pub fn is_deserialisation_library(name: &str) -> bool {
    matches!(
        top(name),
        "pickle"
            | "_pickle"
            | "cPickle"
            | "pickle5"
            | "zodbpickle"
            | "marshal"
            | "shelve"
            | "dill"
            | "cloudpickle"
            | "jsonpickle"
    )
}

fn top(name: &str) -> &str {
    name.split_once('.').map_or(name, |(top, _)| top)
}

#[cfg(test)]
mod tests {
    use super::{Purity, extension_operand, purity, stdlib, third_party};
    use crate::operand::Operand;

    #[test]
    fn lists_are_sorted_and_apart() {
        assert!(stdlib::STDLIB.is_sorted_by(|a, b| a < b));
        assert!(third_party::PURE.is_sorted_by(|a, b| a < b));
        assert!(third_party::NATIVE.is_sorted_by(|a, b| a.0 < b.0));
        for (name, why) in third_party::NATIVE {
            assert!(!why.is_empty());
            assert!(third_party::PURE.binary_search(name).is_err(), "{name}");
            assert!(stdlib::STDLIB.binary_search(name).is_err(), "{name}");
        }
    }

    #[test]
    fn what_names_tell() {
        for pure in ["os.path", "math", "_json", "_socket", "zlib", "requests.adapters", "django"] {
            assert_eq!(purity(pure), Purity::Pure, "{pure}");
        }
        for native in ["ctypes.util", "_cffi_backend", "numpy.linalg", "nacl.public", "_yaml"] {
            assert!(matches!(purity(native), Purity::Native(_)), "{native}");
        }
        for unknown in ["yaml", "my_own", "_testcapi", "numpy_financial", ""] {
            assert_eq!(purity(unknown), Purity::Unknown, "{unknown}");
        }
        assert_eq!(extension_operand("json"), None);
        assert_eq!(extension_operand("bcrypt"), Some(Operand::Exact("bcrypt")));
        assert_eq!(extension_operand("my_own"), Some(Operand::Unknown));
    }
}
