//! From a policy and from what a kernel has to what is applied, and to what stays uncovered.
//!
//! Everything here is plain data, so that a plan for a kernel can be looked at on any other.

use hermetic_policy::Capability;
use hermetic_policy::outline::{NetworkOutline, Outline, Ports};

use super::calls::{self, Call};

/// What a kernel has. The default has nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Support {
    /// The version of Landlock's interface, 0 for none.
    pub landlock: u32,
    /// Whether a filter of seccomp can be set.
    pub seccomp: bool,
    /// Whether other threads are running, which Landlock does not bind.
    pub threads: bool,
}

impl Support {
    /// What both have. A claim can only take away.
    pub const fn at_most(self, claim: Self) -> Self {
        let landlock = if claim.landlock < self.landlock { claim.landlock } else { self.landlock };
        Self {
            landlock,
            seccomp: self.seccomp && claim.seccomp,
            threads: self.threads || claim.threads,
        }
    }
}

/// What stays open on every machine; paths as they are, which need not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Read whatever the root: the interpreter's own files.
    pub readable: Vec<String>,
    /// Read where programs may be started: folders of programs and of their libraries.
    pub programs: Vec<String>,
    /// What the programs that are allowed by name or path need to start: themselves, their loaders,
    /// the interpreters of scripts.
    pub runnable: Vec<String>,
}

/// What may be done to files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Read files and list folders.
    Read,
    /// Change, make, move or remove anything.
    Write,
    /// Start as a program.
    Execute,
}

/// A ruleset of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// What is denied wherever no rule allows it.
    pub handled: Vec<Access>,
    /// What is allowed at a path and below it.
    pub rules: Vec<(String, Vec<Access>)>,
}

/// How much of a capability is not covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it, since this kernel lacks what it takes.
    Wholly,
    /// Part of it, by this kernel or by what the policy allows.
    Partly,
    /// Part of it, by every kernel.
    Always,
}

impl Extent {
    /// The word of `hermetic.status()`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wholly => "wholly",
            Self::Partly => "partly",
            Self::Always => "always",
        }
    }

    /// By that word.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Wholly, Self::Partly, Self::Always].into_iter().find(|it| it.name() == name)
    }
}

/// What a policy denies and the kernel will not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The capability.
    pub capability: Capability,
    /// What is not covered: lower case, no full stop.
    pub what: String,
    /// Why.
    pub why: String,
    /// How much of it.
    pub extent: Extent,
}

/// What is applied for one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Landlock: files.
    pub files: Option<Files>,
    /// Landlock: the ports that TCP may connect to. `None` for all.
    pub ports: Option<Vec<u16>>,
    /// Landlock: no signal leaves this process and its children.
    pub signals: bool,
    /// Landlock: no abstract Unix socket of others is connected to.
    pub abstract_sockets: bool,
    /// seccomp: calls that are denied.
    pub calls: Vec<Call>,
    /// seccomp: calls that are told to be missing, so that callers use others.
    pub missing: Vec<&'static str>,
    /// What is not covered.
    pub gaps: Vec<Gap>,
}

/// What the system gives every program to read: how libraries are found, names of places and
/// languages, times, certificates, processors (ld.so(8), locale(5), tzset(3), getrandom(2)).
pub const SYSTEM: &[&str] = &[
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/zoneinfo",
    "/usr/share/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/etc/locale.alias",
    "/usr/share/locale",
    "/usr/share/i18n",
    "/usr/share/terminfo",
    "/etc/terminfo",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/crypto-policies",
    "/usr/share/crypto-policies",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    "/proc/sys/kernel",
    "/proc/sys/vm",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup/cpu.max",
    "/sys/fs/cgroup/cpu",
    "/sys/kernel/mm/transparent_hugepage",
];

/// What looking names up reads (resolv.conf(5), nsswitch.conf(5)).
pub const NAMES: &[&str] = &[
    "/etc/resolv.conf",
    "/run/systemd/resolve",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/usr/etc/services",
    "/usr/etc/protocols",
];

const NO_SIGNALS: (&str, &str) =
    ("signals to other processes", "this kernel has no Landlock for signals (version 6)");

const NULL_DEVICE: &str = "/dev/null";

impl Plan {
    /// What is applied for a policy. `limited` says that limits of resources were set, which are
    /// then kept.
    pub fn of(outline: &Outline, places: &Places, support: Support, limited: bool) -> Self {
        let mut plan = Self::default();
        if let Some(network) = &outline.network {
            plan.network(network, support);
        }
        if let Some(guard) = &outline.subprocess {
            plan.subprocess(!guard.programs.is_empty(), support);
        }
        plan.files(outline, places, support);
        if support.seccomp {
            if plan != Self::default() || limited {
                plan.calls.extend(calls::around());
            }
            if limited {
                plan.calls.extend(calls::limits());
            }
        } else {
            plan.calls.clear();
            plan.missing.clear();
        }
        if support.threads && plan.needs_landlock() {
            plan.gap(
                Capability::Integrity,
                "threads that are running already",
                "Landlock binds those that are started later",
                Extent::Wholly,
            );
        }
        plan
    }

    /// Whether anything of it is Landlock's.
    pub fn needs_landlock(&self) -> bool {
        self.files.is_some() || self.ports.is_some() || self.signals || self.abstract_sockets
    }

    /// Whether anything of it is seccomp's.
    pub fn needs_seccomp(&self) -> bool {
        !self.calls.is_empty() || !self.missing.is_empty()
    }

    fn gap(&mut self, capability: Capability, what: &str, why: &str, extent: Extent) {
        self.gaps.push(Gap { capability, what: what.to_owned(), why: why.to_owned(), extent });
    }

    fn network(&mut self, network: &NetworkOutline, support: Support) {
        use Capability::Network;
        let is_closed = network.ports == Ports::None;
        if support.landlock >= 4 {
            self.ports = match &network.ports {
                Ports::None => Some(Vec::new()),
                Ports::Only(ports) => Some(ports.clone()),
                Ports::Any => None,
            };
        }
        self.abstract_sockets = support.landlock >= 6 && !network.abstract_unix;
        self.calls.extend(calls::network(is_closed, network.unix));
        match (support.seccomp, &self.ports) {
            (true, _) => {}
            (false, Some(_)) => self.gap(
                Network,
                "sockets that are not TCP",
                "this kernel has no seccomp",
                Extent::Partly,
            ),
            (false, None) => {
                self.gap(Network, "the network", "this kernel has no seccomp", Extent::Wholly);
            }
        }
        match &network.ports {
            Ports::None => {}
            Ports::Only(_) if self.ports.is_some() => self.gap(
                Network,
                "which hosts are reached at the allowed ports, and by UDP at any",
                "the kernel knows ports, not hosts",
                Extent::Partly,
            ),
            Ports::Only(_) => self.gap(
                Network,
                "which hosts and ports are reached",
                "this kernel has no Landlock for TCP (version 4)",
                Extent::Partly,
            ),
            Ports::Any => self.gap(
                Network,
                "which hosts are reached",
                "the kernel knows ports, not hosts, and some host is allowed at every port",
                Extent::Partly,
            ),
        }
        if network.unix {
            self.gap(
                Network,
                "which Unix sockets are connected to",
                "some are allowed, and seccomp cannot read a path",
                Extent::Partly,
            );
        }
        self.gap(
            Network,
            "listening on other addresses than loopback",
            "loopback is allowed, and the kernel knows ports, not addresses",
            Extent::Always,
        );
    }

    /// `some` says that some programs are allowed.
    fn subprocess(&mut self, some: bool, support: Support) {
        use Capability::Subprocess;
        self.calls.extend(calls::processes(some));
        if !some {
            self.missing.push("clone3");
        }
        self.signals = support.landlock >= 6;
        if some {
            self.gap(
                Subprocess,
                "what an allowed program does, and forks",
                "a program that is allowed may do what it can",
                Extent::Always,
            );
            if support.landlock == 0 {
                self.gap(
                    Subprocess,
                    "which programs are started",
                    "this kernel has no Landlock, and seccomp cannot read a path",
                    Extent::Wholly,
                );
                return;
            }
            if support.landlock < 6 {
                self.gap(Subprocess, NO_SIGNALS.0, NO_SIGNALS.1, Extent::Partly);
            }
            return;
        }
        match (support.seccomp, support.landlock) {
            (true, _) => {}
            (false, 0) => self.gap(
                Subprocess,
                "starting processes",
                "this kernel has neither seccomp nor Landlock",
                Extent::Wholly,
            ),
            (false, _) => self.gap(
                Subprocess,
                "forking",
                "this kernel has no seccomp; programs are denied by Landlock",
                Extent::Partly,
            ),
        }
        if support.landlock < 6 {
            self.gap(Subprocess, NO_SIGNALS.0, NO_SIGNALS.1, Extent::Partly);
        }
    }

    /// The one ruleset of files: reading and writing for the files' guard, starting for that of
    /// processes.
    fn files(&mut self, outline: &Outline, places: &Places, support: Support) {
        use Capability::Filesystem;
        let mut files = Files::default();
        if outline.subprocess.is_some() {
            files.handled.push(Access::Execute);
            let run = |path: &String| (path.clone(), vec![Access::Read, Access::Execute]);
            files.rules.extend(places.runnable.iter().map(run));
        }
        if let Some(guard) = &outline.filesystem {
            // seccomp knows no paths: what some files allow, it cannot deny of others.
            let none_writable = guard.writable.is_empty();
            self.calls.extend(calls::files(support.landlock, !none_writable));
            if support.landlock > 0 && support.landlock < 3 {
                self.missing.push("openat2");
            }
            files.handled.push(Access::Write);
            files.rules.push((NULL_DEVICE.to_owned(), vec![Access::Read, Access::Write]));
            let change = |path: &String| (path.clone(), vec![Access::Read, Access::Write]);
            files.rules.extend(guard.writable.iter().map(change));
            let root = guard.root.as_deref().filter(|root| *root != "/");
            if let Some(root) = root {
                files.handled.push(Access::Read);
                let names: &[&str] = match &outline.network {
                    Some(network) if network.ports == Ports::None => &[],
                    _ => NAMES,
                };
                let programs: &[String] =
                    if outline.subprocess.is_some() { &[] } else { &places.programs };
                let mut readable: Vec<String> = vec![root.to_owned()];
                readable.extend(SYSTEM.iter().chain(names).map(|path| (*path).to_owned()));
                readable.extend(places.readable.iter().chain(programs).cloned());
                readable.retain(|path| path != "/" && path != NULL_DEVICE);
                readable.dedup();
                files.rules.extend(readable.into_iter().map(|path| (path, vec![Access::Read])));
            }
            if support.landlock == 0 {
                self.gap(
                    Filesystem,
                    if root.is_some() { "reading and writing files" } else { "writing files" },
                    "this kernel has no Landlock",
                    Extent::Wholly,
                );
            } else {
                if !support.seccomp || !none_writable {
                    let why = if support.seccomp {
                        "some files may be changed, and seccomp knows no paths"
                    } else {
                        "this kernel has no seccomp"
                    };
                    let what = "owners, permissions, times and attributes of files";
                    self.gap(Filesystem, what, why, Extent::Partly);
                }
                if support.landlock < 3 && (!support.seccomp || !none_writable) {
                    self.gap(
                        Filesystem,
                        "cutting files short",
                        "this kernel has no Landlock for it (version 3)",
                        Extent::Partly,
                    );
                }
            }
            if root.is_some() {
                self.gap(
                    Filesystem,
                    "whether a file is there, its size and its times",
                    "Landlock knows contents, not descriptions",
                    Extent::Always,
                );
            }
            self.gap(
                Filesystem,
                "files that were open before",
                "a descriptor is judged when it is opened",
                Extent::Always,
            );
        }
        if support.landlock > 0 && !files.handled.is_empty() {
            files.handled.sort_unstable();
            self.files = Some(files);
        }
    }
}

#[cfg(test)]
mod tests;
