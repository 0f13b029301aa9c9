//! Facts against a policy: which of a file's acts are findings, and how they are told.
//!
//! The decision itself is [`Policy::decide`]'s; this module only turns what was found into an
//! [`Act`], and a verdict into a [`Diagnostic`].

use std::collections::BTreeMap;
use std::sync::Arc;

use hermetic_policy::pattern::program::SHELL;
use hermetic_policy::rule::{Construct, Reported, Trigger};
use hermetic_policy::{
    Act, Capability, Endpoint, Host, Level, Operand, Policy, ResolvedPath, Rule, Verb, Verdict,
    Why, message, modules,
};
use rustc_hash::FxHashSet;

use crate::diagnostic::{Diagnostic, FixState, Related, RuleRef, Ruling, Span};
use crate::fix;
use crate::resolve::names::{NAMES, NameTable};
use crate::summary::links::Done;
use crate::summary::{
    Capture, FileSummary, FoundAct, FoundImport, FoundOperand, Keep, LateInstall, Range,
};

/// The most uses of native code listed beside the import they belong to.
const MOST_RELATED: usize = 20;

/// To listen on `""` is to listen everywhere (CPython `Doc/library/socket.rst`).
const EVERY_ADDRESS: &str = "0.0.0.0";

/// What decides which findings are told, and how loudly.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// What is denied.
    pub policy: Policy,
    /// Levels given to rules by name.
    pub levels: BTreeMap<&'static str, Level>,
    /// The level of what the policy cannot decide before the program runs.
    pub undecided: Level,
    /// Top-level modules that are part of what is analysed: pure, and no third party's.
    pub first_party: FxHashSet<String>,
    /// Whether comments suppress findings.
    pub suppressions: bool,
    /// Whether the guard is one that patches, and does not see what is kept past it.
    pub patching_guard: bool,
    /// Whether findings carry a fingerprint, for a baseline.
    pub fingerprints: bool,
    /// The names that are looked for.
    pub names: Arc<NameTable>,
}

impl Default for Judgement {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            levels: BTreeMap::new(),
            undecided: Level::Info,
            first_party: FxHashSet::default(),
            suppressions: true,
            patching_guard: false,
            fingerprints: false,
            names: Arc::clone(&NAMES),
        }
    }
}

/// One file's findings.
#[derive(Debug, Default)]
pub struct Judged {
    /// Sorted by place and rule.
    pub diagnostics: Vec<Diagnostic>,
    /// Capabilities used, whatever the policy.
    pub used: FxHashSet<Capability>,
    /// How many acts were undecided, told or not.
    pub undecided: u64,
}

impl Judgement {
    /// Judge everything found in one file. `span_of` places a byte range.
    pub fn judge(&self, summary: &FileSummary, span_of: &dyn Fn(Range) -> Span) -> Judged {
        let mut bench = Bench {
            judgement: self,
            span_of,
            judged: Judged::default(),
            extensions: FxHashSet::default(),
        };
        for capture in &summary.captures {
            bench.capture(capture);
        }
        let mut once = Vec::new();
        for act in &summary.acts {
            if is_literal(act) && bench.is_used_where_it_stands(act, &summary.acts) {
                continue;
            }
            if is_told_once(act.rule) {
                once.push(act);
            } else {
                bench.act(act);
            }
        }
        bench.once(once);
        for late in &summary.late {
            bench.late(late);
        }
        for import in &summary.imports {
            bench.import(import);
        }
        let mut judged = bench.judged;
        judged.diagnostics.sort_by(|a, b| {
            let key = |d: &Diagnostic| (d.span.offset, d.rule.0.name, d.span.end);
            key(a).cmp(&key(b))
        });
        judged.diagnostics.dedup();
        judged
    }

    /// The level of a denied or advised finding of a rule, before what its operand adds.
    pub fn level(&self, rule: &Rule, otherwise: Level) -> Level {
        self.levels.get(rule.name).copied().unwrap_or(otherwise)
    }

    /// Whether the rule has something to say under this policy and these levels.
    pub fn hears(&self, rule: &Rule) -> bool {
        let asked = rule.reported == Reported::Always || self.policy.guards(rule.capability);
        asked && self.level(rule, rule.level) > Level::Off
    }

    fn undecided_level(&self, rule: &Rule) -> Level {
        let configured = self.levels.get(rule.name).copied().unwrap_or(Level::Error);
        self.undecided.min(configured)
    }
}

struct Bench<'j> {
    judgement: &'j Judgement,
    span_of: &'j dyn Fn(Range) -> Span,
    judged: Judged,
    /// Top-level packages told as native, or as perhaps native.
    extensions: FxHashSet<String>,
}

impl Bench<'_> {
    fn capture(&mut self, capture: &Capture) {
        let Some(rule) = NAMES.construct_rule(Construct::KeptReference) else { return };
        let otherwise = if capture.enforced { Level::Warn } else { Level::Error };
        let level = self.judgement.level(rule, otherwise);
        let tell = match capture.form {
            Keep::StarImport => message::tell_star_import,
            _ => message::tell_capture,
        };
        let told = tell(&capture.target, capture.of.capability, capture.enforced);
        let before = self.judged.diagnostics.len();
        self.push(rule, level, Ruling::Advise, capture.range, &capture.target, told);
        if let Some(told) = self.judged.diagnostics.get_mut(before)
            && fix::is_import(capture)
        {
            told.fix = FixState::Perhaps;
        }
    }

    /// What is done above the install of a guard.
    fn late(&mut self, late: &LateInstall) {
        let Some(rule) = NAMES.construct_rule(Construct::LateInstall) else { return };
        let (done, enforced) = match late.done {
            Done::Opened => (message::Late::Opens, false),
            Done::Loaded => (message::Late::Loads, false),
            Done::Kept => (message::Late::Keeps { enforced: false }, false),
            Done::KeptEnforced => {
                let enforced = !(late.patching || self.judgement.patching_guard);
                (message::Late::Keeps { enforced: true }, enforced)
            }
        };
        let otherwise = if enforced { rule.level } else { Level::Warn };
        let level = self.judgement.level(rule, otherwise);
        let module = late.by.as_ref().map(|(module, ..)| &**module);
        let told = message::tell_late_install(&late.imported, module, &late.what, done);
        let before = self.judged.diagnostics.len();
        self.push(rule, level, Ruling::Advise, late.range, &late.what, told);
        let Some(told) = self.judged.diagnostics.get_mut(before) else { return };
        if let Some((_, path, place)) = &late.by {
            told.related.push(Related {
                path: Some(path.to_string()),
                span: place.span(),
                message: format!("`{}` stands here", late.what),
            });
        }
    }

    /// Whether a cloud's metadata address stands in a call that is told as reaching it.
    fn is_used_where_it_stands(&self, literal: &FoundAct, acts: &[FoundAct]) -> bool {
        let why = |act: &FoundAct| self.judgement.policy.decide(&as_act(act)).verdict();
        why(literal) == Verdict::Deny(Why::CloudMetadata)
            && acts.iter().any(|act| {
                act.range != literal.range
                    && act.range.start <= literal.range.start
                    && literal.range.end <= act.range.end
                    && why(act) == Verdict::Deny(Why::CloudMetadata)
            })
    }

    fn act(&mut self, found: &FoundAct) {
        let rule = found.rule;
        let verdict = self.judgement.policy.decide(&as_act(found)).verdict();
        if rule.reported == Reported::ByPolicy && found.verb != Verb::Prepare {
            self.judged.used.insert(rule.capability);
        }
        let (ruling, level) = match (verdict, rule.reported) {
            (Verdict::Allow, Reported::ByPolicy) => return,
            (Verdict::Allow, Reported::Always) => {
                let level = if found.aimed_at_guard { Level::Warn } else { rule.level };
                (Ruling::Advise, self.judgement.level(rule, level.max(rule.level)))
            }
            (Verdict::Deny(_), reported) if found.certain => {
                // Ordinary introspection is worth a warning once there is a guard to get round.
                let level = match reported {
                    Reported::Always => rule.level.max(Level::Warn),
                    Reported::ByPolicy => rule.level,
                };
                (Ruling::Deny, self.judgement.level(rule, level))
            }
            // A socket that is only made reaches nothing; its use is judged where it stands.
            (Verdict::Undecided(_), _) if found.verb == Verb::Prepare => return,
            (Verdict::Deny(_) | Verdict::Undecided(_), _) => {
                self.judged.undecided += 1;
                (Ruling::Undecided, self.judgement.undecided_level(rule))
            }
        };
        let told_verdict = match (verdict, ruling) {
            (Verdict::Deny(why), Ruling::Undecided) => Verdict::Undecided(why),
            (verdict, _) => verdict,
        };
        let shown = shown_operand(&found.operand, found.verb);
        let told =
            message::tell_act(rule, found.verb, &found.target, shown.as_deref(), told_verdict);
        self.push(rule, level, ruling, found.range, &found.target, told);
    }

    /// Findings at the first place; the others are related to it. Native code is one for each
    /// rule, a low-level module one for each module.
    fn once(&mut self, acts: Vec<&FoundAct>) {
        let mut groups: Vec<(&FoundAct, Vec<&FoundAct>)> = Vec::new();
        for act in acts {
            let same = |first: &FoundAct| {
                first.rule.name == act.rule.name
                    && (first.rule.capability == Capability::Native || first.target == act.target)
            };
            match groups.iter_mut().find(|(first, _)| same(first)) {
                Some((_, rest)) => rest.push(act),
                None => groups.push((act, Vec::new())),
            }
        }
        for (first, rest) in groups {
            let before = self.judged.diagnostics.len();
            self.act(first);
            let Some(told) = self.judged.diagnostics.get_mut(before) else { continue };
            told.related = rest
                .iter()
                .filter(|act| act.range != first.range)
                .take(MOST_RELATED)
                .map(|act| Related {
                    path: None,
                    span: (self.span_of)(act.range),
                    message: match &act.operand {
                        FoundOperand::Name(name) if *name == act.target => {
                            format!("`{name}` is imported here")
                        }
                        _ => format!("`{}` is used here", act.target),
                    },
                })
                .collect();
        }
    }

    fn import(&mut self, import: &FoundImport) {
        let policy = &self.judgement.policy;
        if policy.guards(Capability::Imports) {
            self.denied_import(import);
        }
        if policy.guards(Capability::Native) {
            self.extension(import);
        }
    }

    /// The module itself on the deny list, or else what is imported from it.
    fn denied_import(&mut self, import: &FoundImport) {
        let Some(rule) = NAMES.construct_rule(Construct::AnyImport) else { return };
        let denied = |name: &str| {
            let verdict = self.judgement.policy.decide(&Act::Import(Operand::Exact(name)));
            verdict.verdict() == Verdict::Deny(Why::DeniedImport)
        };
        let mut places = Vec::new();
        if denied(&import.module) {
            places.push((import.module.to_string(), import.range));
        } else {
            let joined = |(member, range): &(Box<str>, Range)| {
                (format!("{}.{member}", import.module), *range)
            };
            places.extend(import.members.iter().map(joined).filter(|(name, _)| denied(name)));
        }
        for (name, range) in places {
            let told = message::tell_act(
                rule,
                Verb::Import,
                &name,
                Some(&name),
                Verdict::Deny(Why::DeniedImport),
            );
            let level = self.judgement.level(rule, rule.level);
            self.push(rule, level, Ruling::Deny, range, &name, told);
        }
    }

    /// Under `--block-native`, an import of what is or may be an extension module: one finding a
    /// file for each top-level package.
    fn extension(&mut self, import: &FoundImport) {
        let Some(rule) = NAMES.construct_rule(Construct::UnknownImport) else { return };
        let top = import.module.split('.').next().unwrap_or_default();
        let own = self.judgement.first_party.contains(top);
        if self.extensions.contains(top) {
            return;
        }
        // `ctypes` and its kin have a rule of their own.
        let told_elsewhere = NAMES
            .import_rules(&import.module)
            .iter()
            .any(|(rule, _)| rule.capability == Capability::Native);
        if own || told_elsewhere {
            return;
        }
        let Some(operand) = modules::extension_operand(&import.module) else { return };
        self.extensions.insert(top.to_owned());
        let verdict = self.judgement.policy.decide(&Act::ImportExtension(operand)).verdict();
        let (ruling, level) = match verdict {
            Verdict::Allow => return,
            Verdict::Deny(_) => (Ruling::Deny, self.judgement.level(rule, rule.level)),
            Verdict::Undecided(_) => {
                self.judged.undecided += 1;
                (Ruling::Undecided, self.judgement.undecided_level(rule))
            }
        };
        let told = message::tell_act(
            rule,
            Verb::ImportExtension,
            &import.module,
            Some(&import.module),
            verdict,
        );
        self.push(rule, level, ruling, import.range, &import.module, told);
    }

    fn push(
        &mut self,
        rule: &'static Rule,
        level: Level,
        ruling: Ruling,
        range: Range,
        target: &str,
        told: message::Told,
    ) {
        if level == Level::Off {
            return;
        }
        self.judged.diagnostics.push(Diagnostic {
            rule: RuleRef(rule),
            level,
            ruling,
            span: (self.span_of)(range),
            message: told.what,
            why: told.why,
            remedy: told.remedy,
            target: target.to_owned(),
            related: Vec::new(),
            fingerprint: None,
            fix: FixState::None,
        });
    }
}

/// Whether it is a string that names a place, not something done there.
fn is_literal(act: &FoundAct) -> bool {
    act.rule.capability == Capability::Network
        && act
            .rule
            .triggers
            .iter()
            .any(|trigger| matches!(trigger, Trigger::Literal(text) if **text == *act.target))
}

/// Whether a file has one finding of the rule, where it first imports what the rule names.
pub(crate) fn is_told_once(rule: &Rule) -> bool {
    let native = rule.capability == Capability::Native && rule.reported == Reported::Always;
    native
        || (rule.capability == Capability::Integrity
            && rule.triggers.iter().any(|trigger| matches!(trigger, Trigger::Import(_))))
}

/// The act, with an operand where what was found is one in full.
pub(crate) fn as_act(found: &FoundAct) -> Act<'_> {
    let operand = &found.operand;
    match found.verb {
        Verb::Prepare => Act::Prepare(endpoint(operand)),
        Verb::Resolve => Act::Resolve(endpoint(operand)),
        Verb::Connect => Act::Connect(endpoint(operand)),
        Verb::Listen => Act::Listen(endpoint(operand)),
        Verb::Spawn => Act::Spawn(program(found.rule, operand)),
        Verb::Signal => Act::Signal,
        Verb::ReadFile => Act::ReadFile(path(operand)),
        Verb::WriteFile => Act::WriteFile(path(operand)),
        Verb::ListDirectory => Act::ListDirectory(path(operand)),
        Verb::ReadEnvironment => Act::ReadEnvironment(name(operand)),
        Verb::WriteEnvironment => Act::WriteEnvironment(name(operand)),
        Verb::Evaluate => Act::Evaluate,
        Verb::Deserialise => Act::Deserialise,
        Verb::Import => Act::Import(name(operand)),
        Verb::ImportExtension => Act::ImportExtension(name(operand)),
        Verb::LoadNative => Act::LoadNative(name(operand)),
        Verb::MutateInterpreter => Act::MutateInterpreter(name(operand)),
        Verb::Introspect => Act::Introspect,
        Verb::Tamper => Act::Tamper,
        Verb::Keep => Act::Keep,
        Verb::Hide => Act::Hide,
    }
}

fn endpoint(operand: &FoundOperand) -> Operand<Endpoint<'_>> {
    let (host, port) = match operand {
        FoundOperand::Inet { host, port } => (&**host, *port),
        FoundOperand::Name(host) => (&**host, None),
        FoundOperand::Unix(path) => return Operand::Exact(Endpoint::Unix(path.as_ref().into())),
        FoundOperand::Unknown
        | FoundOperand::Nothing
        | FoundOperand::Path(_)
        | FoundOperand::CommandLine(_) => {
            return Operand::Unknown;
        }
    };
    match Host::parse(host) {
        Some(host) => Operand::Exact(Endpoint::Inet { host, port }),
        None => Operand::Unknown,
    }
}

fn path(operand: &FoundOperand) -> Operand<ResolvedPath<'_>> {
    match operand {
        FoundOperand::Path(path) => {
            ResolvedPath::lexical(path).map_or(Operand::Unknown, Operand::Exact)
        }
        _ => Operand::Unknown,
    }
}

fn name(operand: &FoundOperand) -> Operand<&str> {
    match operand {
        FoundOperand::Name(name) | FoundOperand::Path(name) => Operand::Exact(name),
        _ => Operand::Unknown,
    }
}

/// What is started: a shell where there is a command line, and nothing by a fork.
fn program<'f>(rule: &Rule, operand: &'f FoundOperand) -> Operand<&'f str> {
    match operand {
        FoundOperand::CommandLine(_) => Operand::Exact(SHELL),
        _ if rule.name == "shell-command" => Operand::Exact(SHELL),
        FoundOperand::Unknown if rule.name == "process-fork" => Operand::Exact(""),
        _ => name(operand),
    }
}

/// The operand as a message shows it.
fn shown_operand(operand: &FoundOperand, verb: Verb) -> Option<String> {
    match operand {
        FoundOperand::Inet { host, port } if host.is_empty() && verb == Verb::Listen => {
            let port = port.map_or(String::new(), |port| format!(":{port}"));
            Some(format!("{EVERY_ADDRESS}{port}"))
        }
        FoundOperand::Unknown | FoundOperand::Nothing => None,
        FoundOperand::Inet { host, .. } if host.is_empty() => None,
        FoundOperand::Inet { host, port: Some(port) } if host.contains(':') => {
            Some(format!("[{host}]:{port}"))
        }
        FoundOperand::Inet { host, port: Some(port) } => Some(format!("{host}:{port}")),
        FoundOperand::Inet { host, port: None } => Some(host.to_string()),
        FoundOperand::Unix(path) | FoundOperand::Path(path) => Some(path.to_string()),
        FoundOperand::Name(name) | FoundOperand::CommandLine(name) => Some(name.to_string()),
    }
}
