//! What a program wants to do.

use crate::operand::{Endpoint, Operand, ResolvedPath};

/// An act without its operand: what a rule's triggers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Make a socket or client that could connect, but has not.
    Prepare,
    /// Look a host name up.
    Resolve,
    /// Connect or send to an endpoint.
    Connect,
    /// Bind or listen on an endpoint.
    Listen,
    /// Start or become another program, or fork.
    Spawn,
    /// Signal or stop a process.
    Signal,
    /// Open a file for reading.
    ReadFile,
    /// Create, write, remove, rename or re-label a file.
    WriteFile,
    /// List a directory.
    ListDirectory,
    /// Read an environment variable.
    ReadEnvironment,
    /// Set or remove an environment variable.
    WriteEnvironment,
    /// Run code made from data.
    Evaluate,
    /// Load data in a form that can run code.
    Deserialise,
    /// Import a module.
    Import,
    /// Load an extension module: native code found as a module.
    ImportExtension,
    /// Load a native library by name or path, or call into native code.
    LoadNative,
    /// Change process-wide interpreter state.
    MutateInterpreter,
    /// Walk objects, frames or the heap.
    Introspect,
    /// Reach under or take apart a guard.
    Tamper,
    /// Keep a reference past a patch.
    Keep,
    /// Be a file that cannot be analysed.
    Hide,
}

impl Verb {
    /// Every verb, in order of declaration.
    pub const ALL: [Self; 21] = [
        Self::Prepare,
        Self::Resolve,
        Self::Connect,
        Self::Listen,
        Self::Spawn,
        Self::Signal,
        Self::ReadFile,
        Self::WriteFile,
        Self::ListDirectory,
        Self::ReadEnvironment,
        Self::WriteEnvironment,
        Self::Evaluate,
        Self::Deserialise,
        Self::Import,
        Self::ImportExtension,
        Self::LoadNative,
        Self::MutateInterpreter,
        Self::Introspect,
        Self::Tamper,
        Self::Keep,
        Self::Hide,
    ];
}

/// One act with its operand. [`crate::Policy::decide`] is the only judge of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act<'a> {
    /// See [`Verb::Prepare`].
    Prepare(Operand<Endpoint<'a>>),
    /// See [`Verb::Resolve`].
    Resolve(Operand<Endpoint<'a>>),
    /// See [`Verb::Connect`].
    Connect(Operand<Endpoint<'a>>),
    /// See [`Verb::Listen`].
    Listen(Operand<Endpoint<'a>>),
    /// See [`Verb::Spawn`]; the program: a name without a folder as it was written, any other by its
    /// path, [`SHELL`](crate::pattern::program::SHELL) for what runs a command line, and nothing
    /// (`""`) for a fork.
    Spawn(Operand<&'a str>),
    /// See [`Verb::Signal`].
    Signal,
    /// See [`Verb::ReadFile`].
    ReadFile(Operand<ResolvedPath<'a>>),
    /// See [`Verb::WriteFile`].
    WriteFile(Operand<ResolvedPath<'a>>),
    /// See [`Verb::ListDirectory`].
    ListDirectory(Operand<ResolvedPath<'a>>),
    /// See [`Verb::ReadEnvironment`]; the variable.
    ReadEnvironment(Operand<&'a str>),
    /// See [`Verb::WriteEnvironment`]; the variable.
    WriteEnvironment(Operand<&'a str>),
    /// See [`Verb::Evaluate`].
    Evaluate,
    /// See [`Verb::Deserialise`].
    Deserialise,
    /// See [`Verb::Import`]; the dotted module name.
    Import(Operand<&'a str>),
    /// See [`Verb::ImportExtension`]; the dotted module name.
    ///
    /// A second act beside [`Act::Import`], which is judged by the name alone. The guard asks it
    /// when the module it is about to load is native, and passes `Exact` with a name of the
    /// standard library only for the interpreter's own file. The analyzer asks it with
    /// [`crate::modules::extension_operand`]: not at all for a module known to be pure, unknown
    /// where the name does not tell.
    ImportExtension(Operand<&'a str>),
    /// See [`Verb::LoadNative`]; the library.
    LoadNative(Operand<&'a str>),
    /// See [`Verb::MutateInterpreter`]; which state.
    MutateInterpreter(Operand<&'a str>),
    /// See [`Verb::Introspect`].
    Introspect,
    /// See [`Verb::Tamper`].
    Tamper,
    /// See [`Verb::Keep`].
    Keep,
    /// See [`Verb::Hide`].
    Hide,
}

impl Act<'_> {
    /// The act without its operand.
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Prepare(_) => Verb::Prepare,
            Self::Resolve(_) => Verb::Resolve,
            Self::Connect(_) => Verb::Connect,
            Self::Listen(_) => Verb::Listen,
            Self::Spawn(_) => Verb::Spawn,
            Self::Signal => Verb::Signal,
            Self::ReadFile(_) => Verb::ReadFile,
            Self::WriteFile(_) => Verb::WriteFile,
            Self::ListDirectory(_) => Verb::ListDirectory,
            Self::ReadEnvironment(_) => Verb::ReadEnvironment,
            Self::WriteEnvironment(_) => Verb::WriteEnvironment,
            Self::Evaluate => Verb::Evaluate,
            Self::Deserialise => Verb::Deserialise,
            Self::Import(_) => Verb::Import,
            Self::ImportExtension(_) => Verb::ImportExtension,
            Self::LoadNative(_) => Verb::LoadNative,
            Self::MutateInterpreter(_) => Verb::MutateInterpreter,
            Self::Introspect => Verb::Introspect,
            Self::Tamper => Verb::Tamper,
            Self::Keep => Verb::Keep,
            Self::Hide => Verb::Hide,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verb;

    #[test]
    fn no_verb_is_forgotten() {
        for (index, verb) in Verb::ALL.into_iter().enumerate() {
            assert_eq!(verb as usize, index, "{verb:?}");
        }
        assert_eq!(Verb::Hide as usize + 1, Verb::ALL.len());
    }
}
