//! The one decision procedure.

use alloc::string::String;
use alloc::vec::Vec;

use crate::act::Act;
use crate::capability::Capability;
use crate::operand::{Endpoint, Host, Operand, ResolvedPath};
use crate::pattern::host::HostPattern;
use crate::pattern::module::ModulePattern;
use crate::pattern::program::ProgramPattern;

/// What is denied, and what is allowed all the same. Built by [`crate::options::PolicyOptions`];
/// the default denies nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub(crate) network: Option<NetworkGuard>,
    pub(crate) subprocess: Option<SubprocessGuard>,
    pub(crate) filesystem: Option<FilesystemGuard>,
    pub(crate) environment: bool,
    pub(crate) code_exec: bool,
    pub(crate) interpreter: bool,
    pub(crate) native: Option<NativeGuard>,
    pub(crate) deny_imports: Vec<ModulePattern>,
}

/// The network is denied but for these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NetworkGuard {
    pub(crate) allow_localhost: bool,
    pub(crate) allow_domains: Vec<HostPattern>,
}

/// How far an allow-list lets a host be reached.
enum Reach {
    Never(Why),
    AnyPort,
    /// Only at the ports of the patterns that cover it.
    Ports,
}

impl NetworkGuard {
    /// Whether nothing is allowed.
    fn is_closed(&self) -> bool {
        !self.allow_localhost && self.allow_domains.is_empty()
    }

    /// Why what is not allowed is denied.
    fn outside(&self) -> Why {
        if self.is_closed() { Why::Denied(Capability::Network) } else { Why::NotAllowListed }
    }

    fn patterns_for(&self, host: &Host) -> impl Iterator<Item = &HostPattern> {
        self.allow_domains.iter().filter(move |pattern| pattern.covers(host))
    }

    fn reach(&self, host: &Host) -> Reach {
        if host.is_cloud_metadata() {
            Reach::Never(Why::CloudMetadata)
        } else if (self.allow_localhost && host.is_localhost())
            || self.patterns_for(host).any(|pattern| pattern.port().is_none())
        {
            Reach::AnyPort
        } else if self.patterns_for(host).next().is_some() {
            Reach::Ports
        } else {
            Reach::Never(self.outside())
        }
    }
}

/// Starting processes is denied but for these programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SubprocessGuard {
    pub(crate) allow: Vec<ProgramPattern>,
}

/// Writing is denied; with a root, reading outside it too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FilesystemGuard {
    pub(crate) root: Option<String>,
}

/// Native code is denied but for the modules named, and what comes with the interpreter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NativeGuard {
    pub(crate) allow: Vec<ModulePattern>,
}

impl NativeGuard {
    fn allows(&self, module: &str) -> bool {
        self.allow.iter().any(|pattern| pattern.matches(module))
    }
}

/// The verdict on one act. Only [`Policy::decide`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    verdict: Verdict,
}

/// A decision's three answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The policy does not object.
    Allow,
    /// The policy denies the act, whatever is not known of it.
    Deny(Why),
    /// It hangs on an operand that is not known here.
    Undecided(Why),
}

/// Which part of the policy spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// The guard of this capability is on.
    Denied(Capability),
    /// The network is on an allow-list and this endpoint is not on it (or may not be).
    NotAllowListed,
    /// Starting processes is denied but for some programs, and this is none of them (or may be
    /// none).
    NotAllowedProgram,
    /// A cloud metadata address, denied whatever is allow-listed.
    CloudMetadata,
    /// A wildcard or public address to listen on; only loopback may be bound.
    NotLoopback,
    /// Outside the read root (or it may be).
    OutsideRoot,
    /// Writing while the filesystem is read-only.
    ReadOnly,
    /// The module is on the deny list (or may be).
    DeniedImport,
    /// A library that starts processes, while subprocesses are denied.
    SubprocessLibrary,
    /// A library that runs code from data, while dynamic code is denied.
    DeserialisationLibrary,
    /// A native interface or an extension module that does not come with the interpreter, while
    /// native code is denied (or it may be one).
    NativeModule,
    /// A guard is on, and this works against guards.
    AgainstGuard,
}

impl Decision {
    /// The answer.
    pub const fn verdict(self) -> Verdict {
        self.verdict
    }
    /// Whether the act is allowed.
    pub const fn is_allow(self) -> bool {
        matches!(self.verdict, Verdict::Allow)
    }
    /// Whether the act is denied.
    pub const fn is_deny(self) -> bool {
        matches!(self.verdict, Verdict::Deny(_))
    }
    const fn deny(why: Why) -> Self {
        Self { verdict: Verdict::Deny(why) }
    }
    const fn undecided(why: Why) -> Self {
        Self { verdict: Verdict::Undecided(why) }
    }
    const ALLOW: Self = Self { verdict: Verdict::Allow };

    fn deny_if(denied: bool, why: Why) -> Self {
        if denied { Self::deny(why) } else { Self::ALLOW }
    }
}

impl Policy {
    /// Whether any guard is on.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the guard of this capability is on. Integrity is on with any other.
    pub fn guards(&self, capability: Capability) -> bool {
        match capability {
            Capability::Network => self.network.is_some(),
            Capability::Subprocess => self.subprocess.is_some(),
            Capability::Filesystem => self.filesystem.is_some(),
            Capability::Environment => self.environment,
            Capability::DynamicCode => self.code_exec,
            Capability::Imports => !self.deny_imports.is_empty(),
            Capability::Native => self.native.is_some(),
            Capability::Interpreter => self.interpreter,
            Capability::Integrity => !self.is_empty(),
        }
    }

    /// Judge one act.
    ///
    /// Law (tested as a property): a verdict other than undecided holds for everything the act may
    /// turn out to be, and an act known in every part is never undecided. "More known" is an
    /// order: an unknown endpoint, below it a host whose port is unknown, below that the host and
    /// the port; for every other operand only unknown and exact.
    pub fn decide(&self, act: &Act<'_>) -> Decision {
        match act {
            Act::Prepare(end) => match self.connect(end) {
                // Making a client reaches nothing yet.
                d if d.is_deny() && matches!(end, Operand::Unknown) => {
                    Decision::undecided(Why::Denied(Capability::Network))
                }
                d => d,
            },
            Act::Resolve(end) => self.resolve(end),
            Act::Connect(end) => self.connect(end),
            Act::Listen(end) => self.listen(end),
            Act::Spawn(program) => self.spawn(*program),
            Act::Signal => {
                Decision::deny_if(self.subprocess.is_some(), Why::Denied(Capability::Subprocess))
            }
            Act::ReadFile(path) | Act::ListDirectory(path) => self.read(path),
            Act::WriteFile(_) => Decision::deny_if(self.filesystem.is_some(), Why::ReadOnly),
            Act::ReadEnvironment(_) | Act::WriteEnvironment(_) => {
                Decision::deny_if(self.environment, Why::Denied(Capability::Environment))
            }
            Act::Evaluate | Act::Deserialise => {
                Decision::deny_if(self.code_exec, Why::Denied(Capability::DynamicCode))
            }
            Act::Import(name) => self.import(*name),
            Act::ImportExtension(name) => self.import_extension(*name),
            Act::LoadNative(_) => {
                Decision::deny_if(self.native.is_some(), Why::Denied(Capability::Native))
            }
            Act::MutateInterpreter(_) => {
                Decision::deny_if(self.interpreter, Why::Denied(Capability::Interpreter))
            }
            Act::Introspect | Act::Tamper => Decision::deny_if(!self.is_empty(), Why::AgainstGuard),
            // Told whatever the policy; nothing at run time to deny.
            Act::Keep | Act::Hide => Decision::ALLOW,
        }
    }

    fn spawn(&self, program: Operand<&str>) -> Decision {
        let Some(guard) = &self.subprocess else { return Decision::ALLOW };
        match program {
            _ if guard.allow.is_empty() => Decision::deny(Why::Denied(Capability::Subprocess)),
            Operand::Exact(program) => Decision::deny_if(
                !guard.allow.iter().any(|pattern| pattern.matches(program)),
                Why::NotAllowedProgram,
            ),
            Operand::Unknown => Decision::undecided(Why::NotAllowedProgram),
        }
    }

    fn connect(&self, end: &Operand<Endpoint<'_>>) -> Decision {
        let Some(guard) = &self.network else { return Decision::ALLOW };
        match end {
            Operand::Exact(Endpoint::Inet { host, port }) => match guard.reach(host) {
                Reach::Never(why) => Decision::deny(why),
                Reach::AnyPort => Decision::ALLOW,
                Reach::Ports => match port {
                    Some(port) => Decision::deny_if(
                        !guard.patterns_for(host).any(|p| p.port() == Some(*port)),
                        Why::NotAllowListed,
                    ),
                    None => Decision::undecided(Why::NotAllowListed),
                },
            },
            Operand::Exact(Endpoint::Unix(path)) => {
                let allowed = guard.allow_domains.iter().any(|p| p.covers_unix(path));
                Decision::deny_if(!allowed, guard.outside())
            }
            Operand::Unknown if guard.is_closed() => Decision::deny(guard.outside()),
            Operand::Unknown => Decision::undecided(Why::NotAllowListed),
        }
    }

    /// A look-up has no port: a host allowed at one port may be looked up.
    fn resolve(&self, end: &Operand<Endpoint<'_>>) -> Decision {
        match (&self.network, end) {
            (Some(guard), Operand::Exact(Endpoint::Inet { host, .. })) => match guard.reach(host) {
                Reach::Never(why) => Decision::deny(why),
                Reach::AnyPort | Reach::Ports => Decision::ALLOW,
            },
            _ => self.connect(end),
        }
    }

    fn listen(&self, end: &Operand<Endpoint<'_>>) -> Decision {
        if self.network.is_none() {
            return Decision::ALLOW;
        }
        match end {
            Operand::Exact(Endpoint::Inet { host, .. }) if host.is_loopback() => Decision::ALLOW,
            Operand::Exact(_) => Decision::deny(Why::NotLoopback),
            Operand::Unknown => Decision::undecided(Why::NotLoopback),
        }
    }

    fn read(&self, path: &Operand<ResolvedPath<'_>>) -> Decision {
        let Some(root) = self.filesystem.as_ref().and_then(|g| g.root.as_deref()) else {
            return Decision::ALLOW;
        };
        match path {
            Operand::Exact(path) => Decision::deny_if(
                !crate::pattern::path::contains(root, path.as_str()),
                Why::OutsideRoot,
            ),
            Operand::Unknown if root == "/" => Decision::ALLOW,
            Operand::Unknown => Decision::undecided(Why::OutsideRoot),
        }
    }

    fn import_extension(&self, name: Operand<&str>) -> Decision {
        use crate::modules;
        let Some(guard) = &self.native else { return Decision::ALLOW };
        match name {
            Operand::Exact(name) => Decision::deny_if(
                (!modules::is_stdlib(name) || modules::is_native_interface(name))
                    && !guard.allows(name),
                Why::NativeModule,
            ),
            Operand::Unknown => Decision::undecided(Why::NativeModule),
        }
    }

    fn import(&self, name: Operand<&str>) -> Decision {
        use crate::modules;
        let Operand::Exact(name) = name else {
            return if !self.deny_imports.is_empty() {
                Decision::undecided(Why::DeniedImport)
            } else if self.native.is_some() {
                Decision::undecided(Why::NativeModule)
            } else if self.subprocess.is_some() {
                Decision::undecided(Why::SubprocessLibrary)
            } else if self.code_exec {
                Decision::undecided(Why::DeserialisationLibrary)
            } else {
                Decision::ALLOW
            };
        };
        if self.deny_imports.iter().any(|p| p.matches(name)) {
            Decision::deny(Why::DeniedImport)
        } else if modules::is_native_interface(name)
            && self.native.as_ref().is_some_and(|guard| !guard.allows(name))
        {
            Decision::deny(Why::NativeModule)
        } else if self.subprocess.is_some() && modules::is_subprocess_library(name) {
            Decision::deny(Why::SubprocessLibrary)
        } else if self.code_exec && modules::is_deserialisation_library(name) {
            Decision::deny(Why::DeserialisationLibrary)
        } else {
            Decision::ALLOW
        }
    }
}

#[cfg(test)]
mod tests;
