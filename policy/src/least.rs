//! The least policy: everything denied that a program does not need.
//!
//! Both faces write one: the analyzer from what the source tells, the guard from what a run did.
//! What they share is here: how a policy is told with who needs each line of it, and, for acts that
//! are known in every part, how the policy is found. Every guard is tried against every act by
//! [`Policy::decide`]. A guard nothing objects to is kept; where hosts, files or native packages
//! stand against it, they are allowed by name; where anything else does, the guard is left out.

use alloc::borrow::ToOwned as _;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write as _;

use crate::act::{Act, Verb};
use crate::capability::Capability;
use crate::operand::{Endpoint, Host, Operand, ResolvedPath};
use crate::options::PolicyOptions;
use crate::pattern::path;
use crate::policy::Policy;
use crate::rule::Rule;

pub mod places;

pub use self::places::Places;

/// Needs shown for one line.
const MOST_SHOWN: usize = 3;

/// Ports of one host that are allowed one by one; with more, the host is.
const MOST_PORTS: usize = 2;

/// A policy, and why each of its lines is there or is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeastPolicy {
    /// The policy.
    pub options: PolicyOptions,
    /// What needs an exception from a guard that is kept, by the exception.
    pub allowed: BTreeMap<String, Vec<String>>,
    /// What needs that a guard is left out.
    pub left_out: BTreeMap<Capability, Vec<String>>,
    /// Who reads outside a folder, where files are only kept from being changed.
    pub read_outside: Vec<String>,
    /// Packages of which nobody knows whether they are native.
    pub perhaps_native: BTreeSet<String>,
    /// What else there is to say, each a line.
    pub notes: Vec<String>,
}

/// One act of a run, known in every part.
#[derive(Clone, Debug)]
pub struct Need {
    /// The rule that tells it.
    pub rule: &'static Rule,
    /// What was done.
    pub verb: Verb,
    /// The event or function that gave it away.
    pub api: String,
    /// What it was done to.
    pub object: Object,
    /// The name that was looked up for an address.
    pub name: Option<Host>,
    /// Who did it: a file and a line, or as much as is known.
    pub who: String,
}

/// What an act of a run was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// Nothing, or what cannot be said.
    Nothing,
    /// An endpoint.
    Endpoint(Endpoint<'static>),
    /// An absolute path without links.
    Path(String),
    /// A name.
    Name(String),
}

impl Need {
    fn endpoint(&self) -> Operand<Endpoint<'_>> {
        match (&self.object, &self.name) {
            (Object::Endpoint(Endpoint::Inet { port, .. }), Some(name)) => {
                Operand::Exact(Endpoint::Inet { host: name.clone(), port: *port })
            }
            (Object::Endpoint(endpoint), _) => Operand::Exact(endpoint.clone()),
            (Object::Nothing | Object::Path(_) | Object::Name(_), _) => Operand::Unknown,
        }
    }

    fn path(&self) -> Operand<ResolvedPath<'_>> {
        match &self.object {
            Object::Path(path) => {
                ResolvedPath::lexical(path).map_or(Operand::Unknown, Operand::Exact)
            }
            Object::Nothing | Object::Endpoint(_) | Object::Name(_) => Operand::Unknown,
        }
    }

    fn name(&self) -> Operand<&str> {
        match &self.object {
            Object::Name(name) | Object::Path(name) => Operand::Exact(name),
            Object::Nothing | Object::Endpoint(_) => Operand::Unknown,
        }
    }

    /// The act. Without a wildcard arm: a new verb must be thought of.
    fn act(&self) -> Act<'_> {
        match self.verb {
            Verb::Prepare => Act::Prepare(self.endpoint()),
            Verb::Resolve => Act::Resolve(self.endpoint()),
            Verb::Connect => Act::Connect(self.endpoint()),
            Verb::Listen => Act::Listen(self.endpoint()),
            Verb::Spawn => Act::Spawn(self.name()),
            Verb::Signal => Act::Signal,
            Verb::ReadFile => Act::ReadFile(self.path()),
            Verb::WriteFile => Act::WriteFile(self.path()),
            Verb::ListDirectory => Act::ListDirectory(self.path()),
            Verb::ReadEnvironment => Act::ReadEnvironment(self.name()),
            Verb::WriteEnvironment => Act::WriteEnvironment(self.name()),
            Verb::Evaluate => Act::Evaluate,
            Verb::Deserialise => Act::Deserialise,
            Verb::Import => Act::Import(self.name()),
            Verb::ImportExtension => Act::ImportExtension(self.name()),
            Verb::LoadNative => Act::LoadNative(self.name()),
            Verb::MutateInterpreter => Act::MutateInterpreter(self.name()),
            Verb::Introspect => Act::Introspect,
            Verb::Tamper => Act::Tamper,
            Verb::Keep => Act::Keep,
            Verb::Hide => Act::Hide,
        }
    }

    /// Whether a policy allows it. What a policy cannot decide a guard denies.
    fn is_allowed(&self, policy: &Policy) -> bool {
        policy.decide(&self.act()).is_allow()
    }

    /// For a comment: who, and by what.
    fn told(&self) -> String {
        let object = match &self.object {
            Object::Nothing | Object::Endpoint(_) => String::new(),
            Object::Path(name) | Object::Name(name) if *name == self.api => String::new(),
            Object::Path(name) | Object::Name(name) => format!(" {name}"),
        };
        format!("{} ({}{object})", self.who, self.api)
    }
}

/// The same with the guard of one capability.
pub fn with(options: &PolicyOptions, capability: Capability) -> PolicyOptions {
    let mut options = options.clone();
    match capability {
        Capability::Network => options.no_network = true,
        Capability::Subprocess => options.no_subprocess = true,
        Capability::Filesystem => options.fs_readonly = true,
        Capability::Environment => options.no_environment = true,
        Capability::DynamicCode => options.no_code_exec = true,
        Capability::Native => options.block_native = true,
        Capability::Interpreter => options.no_interpreter_mutation = true,
        // A list of names, and what no flag turns on.
        Capability::Imports | Capability::Integrity => {}
    }
    options
}

/// The least policy under which a run that did all of this does it again.
pub fn of_run(needs: &[Need], places: &Places) -> LeastPolicy {
    let mut least = LeastPolicy::default();
    network(&mut least, needs);
    files(&mut least, needs, places);
    native(&mut least, needs);
    for capability in [
        Capability::Subprocess,
        Capability::Environment,
        Capability::DynamicCode,
        Capability::Interpreter,
    ] {
        try_guard(&mut least, needs, capability);
    }
    for capability in Capability::ALL {
        let integrity = needs.iter().filter(|need| need.rule.capability == Capability::Integrity);
        let against: Vec<&Need> =
            integrity.filter(|need| is_against(&need.api, capability)).collect();
        if !against.is_empty() {
            leave_out(&mut least, capability, &against);
        }
    }
    least
}

/// Whether work against guards is denied where this one is on.
fn is_against(api: &str, capability: Capability) -> bool {
    match api.split_once('.') {
        Some(("gc", _)) => hides_in_heap(capability),
        // By itself a code object reaches nothing that other guards do not see.
        Some(("code", _)) => {
            matches!(capability, Capability::DynamicCode | Capability::Native)
        }
        _ => true,
    }
}

/// Whether the heap holds what the guard of this capability rests on or keeps back.
pub const fn hides_in_heap(capability: Capability) -> bool {
    matches!(
        capability,
        Capability::Environment
            | Capability::DynamicCode
            | Capability::Imports
            | Capability::Native
            | Capability::Interpreter
    )
}

fn told(needs: &[&Need]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for need in needs {
        let one = need.told();
        if !told.contains(&one) {
            told.push(one);
        }
    }
    told
}

fn leave_out(least: &mut LeastPolicy, capability: Capability, against: &[&Need]) {
    let options = &mut least.options;
    match capability {
        Capability::Network => {
            options.no_network = false;
            options.allow_localhost = false;
            options.allow_domain.clear();
        }
        Capability::Subprocess => options.no_subprocess = false,
        Capability::Filesystem => {
            options.fs_readonly = false;
            options.fs_root = None;
            options.allow_write.clear();
        }
        Capability::Environment => options.no_environment = false,
        Capability::DynamicCode => options.no_code_exec = false,
        Capability::Native => {
            options.block_native = false;
            options.allow_native.clear();
        }
        Capability::Interpreter => options.no_interpreter_mutation = false,
        Capability::Imports | Capability::Integrity => return,
    }
    least.left_out.entry(capability).or_default().extend(told(against));
}

/// The needs that these options do not allow. Imports are judged by several guards at once.
fn against<'n>(options: &PolicyOptions, needs: &'n [Need]) -> Vec<&'n Need> {
    let policy = options.build().unwrap_or_default();
    let of = needs.iter().filter(|need| need.rule.capability != Capability::Integrity);
    of.filter(|need| !need.is_allowed(&policy)).collect()
}

fn try_guard(least: &mut LeastPolicy, needs: &[Need], capability: Capability) {
    let alone = with(&PolicyOptions::default(), capability);
    let against = against(&alone, needs);
    if against.is_empty() {
        least.options = with(&least.options, capability);
    } else {
        leave_out(least, capability, &against);
    }
}

fn network(least: &mut LeastPolicy, needs: &[Need]) {
    let closed = with(&PolicyOptions::default(), Capability::Network);
    let mut hosts: BTreeMap<String, BTreeSet<Option<u16>>> = BTreeMap::new();
    let mut options = closed.clone();
    for need in against(&closed, needs) {
        match need.endpoint() {
            // Ports of servers on this machine change from run to run.
            Operand::Exact(Endpoint::Inet { host, .. }) if host.is_localhost() => {
                options.allow_localhost = true;
            }
            Operand::Exact(Endpoint::Inet { host, port }) => {
                let ports = hosts.entry(host.as_str().to_owned()).or_default();
                // A look-up has no port, and is allowed with any.
                if need.verb != Verb::Resolve || ports.is_empty() {
                    ports.insert(port);
                }
            }
            Operand::Exact(Endpoint::Unix(path)) => {
                options.allow_domain.push(unix(&path));
            }
            Operand::Unknown => {}
        }
    }
    for (host, ports) in &mut hosts {
        if ports.len() > 1 {
            ports.remove(&None);
        }
        let is_many = ports.len() > MOST_PORTS;
        for port in &*ports {
            let entry = match port.filter(|_| !is_many) {
                Some(port) if host.contains(':') => format!("[{host}]:{port}"),
                Some(port) => format!("{host}:{port}"),
                None => host.clone(),
            };
            options.allow_domain.push(entry);
        }
    }
    // A host nobody can write a pattern for is none to allow.
    options.allow_domain.retain(|host| {
        PolicyOptions { allow_domain: vec![host.clone()], ..PolicyOptions::default() }
            .build()
            .is_ok()
    });
    options.allow_domain.sort();
    options.allow_domain.dedup();
    widen(&mut options, needs);
    let still = against(&options, needs);
    if !still.is_empty() {
        leave_out(least, Capability::Network, &still);
        return;
    }
    for entry in &options.allow_domain {
        let without = PolicyOptions {
            allow_domain: options.allow_domain.iter().filter(|e| *e != entry).cloned().collect(),
            ..options.clone()
        };
        least.allowed.insert(entry.clone(), told(&against(&without, needs)));
    }
    if options.allow_localhost {
        let without = PolicyOptions { allow_localhost: false, ..options.clone() };
        least.allowed.insert("allow-localhost".to_owned(), told(&against(&without, needs)));
    }
    least.options.no_network = true;
    least.options.allow_localhost = options.allow_localhost;
    least.options.allow_domain = options.allow_domain;
}

/// Allow a host at any port where one that is allowed at some is used without one.
fn widen(options: &mut PolicyOptions, needs: &[Need]) {
    let hosts: BTreeSet<String> = against(options, needs)
        .iter()
        .filter_map(|need| match need.endpoint() {
            Operand::Exact(Endpoint::Inet { host, .. }) => Some(host.as_str().to_owned()),
            _ => None,
        })
        .collect();
    for host in hosts {
        let (name, address) = (format!("{host}:"), format!("[{host}]:"));
        let before = options.allow_domain.len();
        options
            .allow_domain
            .retain(|entry| !(entry.starts_with(&address) || is_at_port(entry, &name)));
        if options.allow_domain.len() < before {
            options.allow_domain.push(host);
        }
    }
}

fn is_at_port(entry: &str, name: &str) -> bool {
    entry.strip_prefix(name).is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The pattern of a Unix socket.
fn unix(path: &str) -> String {
    match path.strip_prefix('\0') {
        Some(name) => format!("unix:@{name}"),
        None => format!("unix:{path}"),
    }
}

fn files(least: &mut LeastPolicy, needs: &[Need], places: &Places) {
    let mut options = with(&PolicyOptions::default(), Capability::Filesystem);
    options.allow_write =
        places.writable(against(&options, needs).iter().filter_map(|need| match &need.object {
            Object::Path(path) => Some(path.as_str()),
            Object::Nothing | Object::Endpoint(_) | Object::Name(_) => None,
        }));
    let still = against(&options, needs);
    if !still.is_empty() {
        leave_out(least, Capability::Filesystem, &still);
        return;
    }
    for entry in &options.allow_write {
        let alone = PolicyOptions { allow_write: vec![entry.clone()], ..options.clone() };
        let none = PolicyOptions { allow_write: Vec::new(), ..options.clone() };
        let alone = alone.build().unwrap_or_default();
        let needs: Vec<&Need> =
            against(&none, needs).into_iter().filter(|need| need.is_allowed(&alone)).collect();
        least.allowed.insert(entry.clone(), told(&needs));
    }
    let root = places.folder();
    let rooted = PolicyOptions { fs_root: Some(root.to_owned()), ..options.clone() };
    let outside: Vec<&Need> =
        against(&rooted, needs).into_iter().filter(|need| !leads_to(need, root)).collect();
    let is_root = root != "/" && outside.is_empty();
    least.options.fs_readonly = true;
    least.options.fs_root = is_root.then(|| root.to_owned());
    least.options.allow_write = options.allow_write;
    least.read_outside = told(&outside);
}

/// Whether an act only looks at a folder on the way to the root, which is always let.
fn leads_to(need: &Need, root: &str) -> bool {
    let is_look = matches!(
        need.api.rsplit('.').next().unwrap_or_default(),
        "stat" | "lstat" | "access" | "readlink"
    );
    is_look && matches!(&need.object, Object::Path(path) if path::contains(path, root))
}

fn native(least: &mut LeastPolicy, needs: &[Need]) {
    let mut options = with(&PolicyOptions::default(), Capability::Native);
    let mut packages: BTreeMap<String, Vec<&Need>> = BTreeMap::new();
    for need in against(&options, needs) {
        if need.verb == Verb::ImportExtension
            && let Object::Name(name) = &need.object
        {
            let top = name.split('.').next().unwrap_or_default();
            packages.entry(top.to_owned()).or_default().push(need);
        }
    }
    options.allow_native = packages.keys().cloned().collect();
    // A path in a name's place is no package.
    options.allow_native.retain(|name| {
        PolicyOptions { allow_native: vec![name.clone()], ..PolicyOptions::default() }
            .build()
            .is_ok()
    });
    let still = against(&options, needs);
    if !still.is_empty() {
        leave_out(least, Capability::Native, &still);
        return;
    }
    for (package, needs) in packages {
        least.allowed.insert(package, told(&needs));
    }
    least.options.block_native = true;
    least.options.allow_native = options.allow_native;
}

impl LeastPolicy {
    /// As `[tool.hermetic]` of a `pyproject.toml`, with comments that say who needs each line.
    ///
    /// `shown` makes a text fit for a line of a file and of a terminal; `folder` is where the file
    /// will lie: what is below it is written relative to it.
    pub fn toml(&self, shown: &dyn Fn(&str) -> String, folder: Option<&str>) -> String {
        let mut text = String::from("[tool.hermetic]\n");
        let options = &self.options;
        let flags = [
            (options.no_network, "no-network", Capability::Network),
            (options.no_subprocess, "no-subprocess", Capability::Subprocess),
            (
                options.fs_readonly || options.fs_root.is_some(),
                "fs-readonly",
                Capability::Filesystem,
            ),
            (options.no_environment, "no-environment", Capability::Environment),
            (options.no_code_exec, "no-code-exec", Capability::DynamicCode),
            (options.block_native, "block-native", Capability::Native),
            (options.no_interpreter_mutation, "no-interpreter-mutation", Capability::Interpreter),
        ];
        for (kept, key, capability) in flags {
            if kept {
                match &options.fs_root {
                    Some(root) if capability == Capability::Filesystem => {
                        let root = quoted(&places::relative(root, folder));
                        let _ = writeln!(text, "{key} = {root}");
                    }
                    _ => {
                        let _ = writeln!(text, "{key} = true");
                    }
                }
            } else {
                let needs = self.left_out.get(&capability).map_or(&[] as &[_], Vec::as_slice);
                let _ = writeln!(text, "# {key} is left out; needed by");
                comment(&mut text, needs, "", shown);
            }
            match capability {
                Capability::Network if kept => {
                    if options.allow_localhost {
                        if let Some(needs) = self.allowed.get("allow-localhost") {
                            comment(&mut text, needs, "", shown);
                        }
                        text.push_str("allow-localhost = true\n");
                    }
                    self.list(&mut text, "allow-domain", &options.allow_domain, shown, None);
                }
                Capability::Filesystem if kept => {
                    if options.fs_root.is_none() && !self.read_outside.is_empty() {
                        text.push_str("# no folder alone can be read; outside of it reads\n");
                        comment(&mut text, &self.read_outside, "", shown);
                    }
                    self.list(&mut text, "allow-write", &options.allow_write, shown, folder);
                }
                Capability::Native if kept => {
                    self.list(&mut text, "allow-native", &options.allow_native, shown, None);
                    if !self.perhaps_native.is_empty() {
                        let names: Vec<_> =
                            self.perhaps_native.iter().map(|name| shown(name)).collect();
                        let _ = writeln!(
                            text,
                            "# whether these are native is not known; add those that are refused \
                             to allow-native: {}",
                            names.join(", ")
                        );
                    }
                }
                _ => {}
            }
        }
        for note in &self.notes {
            let _ = writeln!(text, "# {}", shown(note));
        }
        text
    }

    fn list(
        &self,
        text: &mut String,
        key: &str,
        items: &[String],
        shown: &dyn Fn(&str) -> String,
        folder: Option<&str>,
    ) {
        if items.is_empty() {
            return;
        }
        let _ = writeln!(text, "{key} = [");
        for item in items {
            if let Some(needs) = self.allowed.get(item) {
                comment(text, needs, "  ", shown);
            }
            let item = match folder {
                Some(_) => places::relative(item, folder),
                None => item.clone(),
            };
            let _ = writeln!(text, "  {},", quoted(&item));
        }
        text.push_str("]\n");
    }
}

fn comment(text: &mut String, needs: &[String], indent: &str, shown: &dyn Fn(&str) -> String) {
    for need in needs.iter().take(MOST_SHOWN) {
        let _ = writeln!(text, "{indent}#   {}", shown(need));
    }
    if needs.len() > MOST_SHOWN {
        let _ = writeln!(text, "{indent}#   and {} more", needs.len() - MOST_SHOWN);
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
