//! Sets of module names decisions need.

/// `ctypes`, `cffi` and their cores.
pub fn is_native_interface(name: &str) -> bool {
    matches!(top(name), "ctypes" | "_ctypes" | "cffi" | "_cffi_backend")
}

/// Libraries that start processes.
pub fn is_subprocess_library(name: &str) -> bool {
    matches!(top(name), "sh" | "pexpect" | "plumbum" | "sarge" | "delegator")
}

/// Libraries that run code from data.
pub fn is_deserialisation_library(name: &str) -> bool {
    matches!(
        top(name),
        "pickle"
            | "_pickle"
            | "cPickle"
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
