//! The least policy: everything denied that a program does not need, as far as its source tells.
//!
//! Every guard is tried alone against every act of the program, by the decision procedure that
//! judges findings. A guard nothing objects to is kept. Where only literal hosts or native packages
//! stand against it, they are allowed by name; where anything else does, the guard is left out, and
//! the text says what needs that and by which calls.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use hermetic_policy::options::PolicyOptions;
use hermetic_policy::{Act, Capability, Operand, Policy, Verb, Verdict, modules};

use crate::judge::as_act;
use crate::link::graph::Node;
use crate::project::program::Looked;
use crate::summary::links::{Owner, Place};
use crate::summary::{FoundAct, FoundOperand};

/// Needs shown for one line.
const MOST_SHOWN: usize = 3;

/// Calls shown of one way.
const MOST_STEPS: usize = 6;

/// A policy, and why each of its lines is there or is not.
#[derive(Clone, Debug, Default)]
pub struct LeastPolicy {
    /// The policy.
    pub options: PolicyOptions,
    /// What needs an exception from a guard that is kept, by the exception.
    pub allowed: BTreeMap<String, Vec<String>>,
    /// What needs that a guard is left out.
    pub left_out: BTreeMap<Capability, Vec<String>>,
    /// Packages of which nobody knows whether they are native.
    pub perhaps_native: BTreeSet<String>,
    /// Files that were not analysed in whole: they may need more.
    pub not_analysed: Vec<String>,
}

/// One act and who does it.
struct Need<'l> {
    act: &'l FoundAct,
    file: usize,
    place: Place,
}

/// What a program needs, and nothing more.
pub fn least_policy(looked: &Looked) -> LeastPolicy {
    let mut least = LeastPolicy::default();
    let ways = Ways::find(looked);
    let mut needs = Vec::new();
    for (file, of) in looked.files.iter().enumerate() {
        let Some(links) = &of.summary.links else { continue };
        for (act, place) in of.summary.acts.iter().zip(&links.act_places) {
            needs.push(Need { act, file, place: *place });
        }
        if !of.not_analysed.is_empty() {
            least.not_analysed.push(of.path.clone());
        }
    }
    least.not_analysed.extend(looked.unanalysed.iter().map(|(path, _)| path.clone()));
    network(&mut least, &needs, &ways);
    native(&mut least, looked, &needs, &ways);
    let rest = [
        Capability::Subprocess,
        Capability::Filesystem,
        Capability::Environment,
        Capability::DynamicCode,
        Capability::Interpreter,
    ];
    for capability in rest {
        let alone = with(&PolicyOptions::default(), capability);
        let against = against(&alone, &needs, capability);
        if against.is_empty() {
            least.options = with(&least.options, capability);
        } else {
            least.left_out.insert(capability, ways.told(&against));
        }
    }
    least
}

fn with(options: &PolicyOptions, capability: Capability) -> PolicyOptions {
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

/// The needs that a policy does not allow.
fn against<'n, 'l>(
    options: &PolicyOptions,
    needs: &'n [Need<'l>],
    capability: Capability,
) -> Vec<&'n Need<'l>> {
    let policy = options.build().unwrap_or_default();
    let of = needs.iter().filter(|need| need.act.rule.capability == capability);
    of.filter(|need| objects(&policy, need.act)).collect()
}

fn objects(policy: &Policy, act: &FoundAct) -> bool {
    match policy.decide(&as_act(act)).verdict() {
        Verdict::Allow => false,
        // A socket that is only made reaches nothing.
        Verdict::Undecided(_) => act.verb != Verb::Prepare,
        Verdict::Deny(_) => true,
    }
}

fn network(least: &mut LeastPolicy, needs: &[Need<'_>], ways: &Ways<'_>) {
    let mut options = with(&PolicyOptions::default(), Capability::Network);
    let mut hosts: BTreeMap<String, Vec<&Need<'_>>> = BTreeMap::new();
    for need in against(&options, needs, Capability::Network) {
        if let Some(host) = host(&need.act.operand) {
            hosts.entry(host).or_default().push(need);
        }
    }
    options.allow_domain = hosts.keys().cloned().collect();
    // A host nobody can write a pattern for is none to allow.
    options.allow_domain.retain(|host| {
        PolicyOptions { allow_domain: vec![host.clone()], ..PolicyOptions::default() }
            .build()
            .is_ok()
    });
    let still = against(&options, needs, Capability::Network);
    if !still.is_empty() {
        least.left_out.insert(Capability::Network, ways.told(&still));
        return;
    }
    for (host, needs) in hosts {
        if options.allow_domain.contains(&host) {
            least.allowed.insert(host, ways.told(&needs));
        }
    }
    least.options.no_network = true;
    least.options.allow_domain = options.allow_domain;
}

/// The pattern that allows a literal endpoint.
fn host(operand: &FoundOperand) -> Option<String> {
    match operand {
        FoundOperand::Inet { host, .. } if host.is_empty() => None,
        FoundOperand::Inet { host, port: Some(port) } if host.contains(':') => {
            Some(format!("[{host}]:{port}"))
        }
        FoundOperand::Inet { host, port: Some(port) } => Some(format!("{host}:{port}")),
        FoundOperand::Inet { host, port: None } => Some(host.to_string()),
        FoundOperand::Unix(path) => Some(format!("unix:{path}")),
        FoundOperand::Unknown
        | FoundOperand::Nothing
        | FoundOperand::Path(_)
        | FoundOperand::Name(_)
        | FoundOperand::CommandLine(_) => None,
    }
}

fn native(least: &mut LeastPolicy, looked: &Looked, needs: &[Need<'_>], ways: &Ways<'_>) {
    let mut options = with(&PolicyOptions::default(), Capability::Native);
    let blocked = against(&options, needs, Capability::Native);
    if !blocked.is_empty() {
        least.left_out.insert(Capability::Native, ways.told(&blocked));
        return;
    }
    let own: BTreeSet<&str> =
        looked.modules.iter().filter_map(|name| name.split('.').next()).collect();
    let mut packages: BTreeMap<&str, String> = BTreeMap::new();
    for (file, of) in looked.files.iter().enumerate() {
        let Some(links) = &of.summary.links else { continue };
        for (import, place) in of.summary.imports.iter().zip(&links.import_places) {
            let top = import.module.split('.').next().unwrap_or_default();
            if own.contains(top) || packages.contains_key(top) {
                continue;
            }
            match modules::extension_operand(&import.module) {
                None => {}
                Some(Operand::Exact(_)) => {
                    let step = format!("import {}", import.module);
                    packages.insert(top, ways.told_step(file, import.owner, *place, &step));
                }
                Some(Operand::Unknown) => {
                    least.perhaps_native.insert(top.to_owned());
                }
            }
        }
    }
    options.allow_native = packages.keys().map(|name| (*name).to_owned()).collect();
    let policy = options.build().unwrap_or_default();
    for (package, told) in packages {
        let act = Act::ImportExtension(Operand::Exact(package));
        if policy.decide(&act).verdict() == Verdict::Allow {
            least.allowed.insert(package.to_owned(), vec![told]);
        }
    }
    least.options.block_native = true;
    least.options.allow_native = options.allow_native;
}

/// From the modules a program begins with to all its code: how it comes to be called.
struct Ways<'l> {
    looked: &'l Looked,
    numbers: BTreeMap<Node, u32>,
    /// By node, the arc it is first reached by.
    reached: Vec<Option<u32>>,
}

impl<'l> Ways<'l> {
    fn find(looked: &'l Looked) -> Self {
        let graph = &looked.graph;
        let numbers = graph.nodes.iter().copied().zip(0..).collect();
        let mut reached: Vec<Option<u32>> = vec![None; graph.nodes.len()];
        let mut seen = vec![false; graph.nodes.len()];
        let mut queue = VecDeque::new();
        for (number, node) in graph.nodes.iter().enumerate() {
            if matches!(node, Node::Import(_) | Node::Main(_)) {
                seen[number] = true;
                queue.push_back(number);
            }
        }
        let mut leaving: Vec<Vec<u32>> = vec![Vec::new(); graph.nodes.len()];
        for (number, arc) in (0..).zip(&graph.arcs) {
            if let Some(of) = leaving.get_mut(arc.from as usize) {
                of.push(number);
            }
        }
        while let Some(at) = queue.pop_front() {
            for number in leaving.get(at).into_iter().flatten() {
                let Some(arc) = graph.arcs.get(*number as usize) else { continue };
                let to = arc.to as usize;
                if let Some(seen) = seen.get_mut(to)
                    && !std::mem::replace(seen, true)
                {
                    if let Some(slot) = reached.get_mut(to) {
                        *slot = Some(*number);
                    }
                    queue.push_back(to);
                }
            }
        }
        Self { looked, numbers, reached }
    }

    fn told(&self, needs: &[&Need<'_>]) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        for need in needs {
            let one = self.told_step(need.file, need.act.owner, need.place, &need.act.target);
            if !told.contains(&one) {
                told.push(one);
            }
        }
        told
    }

    /// `main → pkg.fetch (main.py:3) → requests.get (pkg/net.py:7)`.
    fn told_step(&self, file: usize, owner: Owner, place: Place, what: &str) -> String {
        let of = crate::link::FileId(u32::try_from(file).unwrap_or(u32::MAX));
        let node = match owner.as_function() {
            Some(number) => Node::Function(of, number),
            None if owner == Owner::MAIN => Node::Main(of),
            None => Node::Import(of),
        };
        let mut steps = vec![format!("{what} ({}:{})", self.path(node), place.row)];
        let graph = &self.looked.graph;
        let mut at = self.numbers.get(&node).copied();
        let mut first = node;
        while let Some(number) = at {
            let Some(here) = graph.nodes.get(number as usize) else { break };
            first = *here;
            let arc = self.reached.get(number as usize).copied().flatten();
            let Some(arc) = arc.and_then(|arc| graph.arcs.get(arc as usize)) else { break };
            let Some(from) = graph.nodes.get(arc.from as usize) else { break };
            let path = self.path(*from);
            steps.push(format!("{} ({path}:{})", self.name(*here), arc.place.row));
            if steps.len() >= MOST_STEPS {
                steps.push("...".to_owned());
                break;
            }
            at = Some(arc.from);
        }
        steps.push(self.name(first));
        steps.reverse();
        steps.join(" → ")
    }

    fn path(&self, node: Node) -> &str {
        self.looked.files.get(node.file().0 as usize).map_or("", |file| &file.path)
    }

    fn name(&self, node: Node) -> String {
        let file = node.file().0 as usize;
        let module = self.looked.modules.get(file).map_or("", String::as_str);
        let links = self.looked.files.get(file).and_then(|file| file.summary.links.as_ref());
        let number = node.owner().and_then(Owner::as_function);
        match links.zip(number).and_then(|(links, at)| links.functions.get(at as usize)) {
            Some(function) => format!("{module}.{}", function.called().name),
            None => module.to_owned(),
        }
    }
}

impl LeastPolicy {
    /// As `[tool.hermetic]` of a `pyproject.toml`, with comments that say who needs each line.
    pub fn toml(&self) -> String {
        let mut text = String::from("[tool.hermetic]\n");
        let options = &self.options;
        let flags = [
            (options.no_network, "no-network", Capability::Network),
            (options.no_subprocess, "no-subprocess", Capability::Subprocess),
            (options.fs_readonly, "fs-readonly", Capability::Filesystem),
            (options.no_environment, "no-environment", Capability::Environment),
            (options.no_code_exec, "no-code-exec", Capability::DynamicCode),
            (options.block_native, "block-native", Capability::Native),
            (options.no_interpreter_mutation, "no-interpreter-mutation", Capability::Interpreter),
        ];
        for (kept, key, capability) in flags {
            if kept {
                let _ = writeln!(text, "{key} = true");
            } else {
                let needs = self.left_out.get(&capability).map_or(&[] as &[_], Vec::as_slice);
                let _ = writeln!(text, "# {key} is left out; needed by");
                comment(&mut text, needs, "");
            }
            match capability {
                Capability::Network if kept => {
                    self.list(&mut text, "allow-domain", &options.allow_domain);
                }
                Capability::Native if kept => {
                    self.list(&mut text, "allow-native", &options.allow_native);
                    if !self.perhaps_native.is_empty() {
                        let names: Vec<_> =
                            self.perhaps_native.iter().map(|name| one_line(name)).collect();
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
        for path in &self.not_analysed {
            let _ =
                writeln!(text, "# not analysed in whole, and may need more: {}", one_line(path));
        }
        text
    }

    fn list(&self, text: &mut String, key: &str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        let _ = writeln!(text, "{key} = [");
        for item in items {
            if let Some(needs) = self.allowed.get(item) {
                comment(text, needs, "  ");
            }
            // A string of JSON is one of TOML, too.
            let _ = writeln!(text, "  {},", serde_json::Value::from(item.as_str()));
        }
        text.push_str("]\n");
    }
}

fn comment(text: &mut String, needs: &[String], indent: &str) {
    for need in needs.iter().take(MOST_SHOWN) {
        let _ = writeln!(text, "{indent}#   {}", one_line(need));
    }
    if needs.len() > MOST_SHOWN {
        let _ = writeln!(text, "{indent}#   and {} more", needs.len() - MOST_SHOWN);
    }
}

/// It, with nothing in it that ends a comment or that a terminal acts on.
fn one_line(text: &str) -> String {
    crate::render::escape::escape(text).into_owned()
}
