//! What a program can reach: the nine capabilities every rule belongs to.

use core::fmt;

/// One kind of reach. A rule has exactly one; a policy guards each on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Sockets, name look-ups, servers, and the libraries built on them.
    Network,
    /// Starting, replacing or signalling processes.
    Subprocess,
    /// Reading, writing and listing files.
    Filesystem,
    /// Environment variables.
    Environment,
    /// Code made from data: `eval`, `exec`, pickles, templates.
    DynamicCode,
    /// Imports a policy names.
    Imports,
    /// Code outside the interpreter: `ctypes`, `cffi`, extension modules.
    Native,
    /// Process-wide interpreter state: import path, working directory, trace hooks.
    Interpreter,
    /// Ways around a guard: kept references, low-level twins, tampering.
    Integrity,
}

impl Capability {
    /// Every capability, in the order reports list them.
    pub const ALL: [Self; 9] = [
        Self::Network,
        Self::Subprocess,
        Self::Filesystem,
        Self::Environment,
        Self::DynamicCode,
        Self::Imports,
        Self::Native,
        Self::Interpreter,
        Self::Integrity,
    ];

    /// The name used in output and configuration, in kebab case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Subprocess => "subprocess",
            Self::Filesystem => "filesystem",
            Self::Environment => "environment",
            Self::DynamicCode => "dynamic-code",
            Self::Imports => "imports",
            Self::Native => "native",
            Self::Interpreter => "interpreter",
            Self::Integrity => "integrity",
        }
    }

    /// The flag that denies this capability; `None` for integrity, which no flag turns on.
    pub const fn flag(self) -> Option<&'static str> {
        match self {
            Self::Network => Some("--no-network"),
            Self::Subprocess => Some("--no-subprocess"),
            Self::Filesystem => Some("--fs-readonly"),
            Self::Environment => Some("--no-environment"),
            Self::DynamicCode => Some("--no-code-exec"),
            Self::Imports => Some("--deny-import"),
            Self::Native => Some("--block-native"),
            Self::Interpreter => Some("--no-interpreter-mutation"),
            Self::Integrity => None,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
