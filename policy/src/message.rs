//! Every sentence a user reads about a rule or a denial, so that an act reads the same in the
//! terminal, the editor and the traceback.
//!
//! Lower case, no full stop, backticks round code. Text from the program is shown as it is, long
//! text cut; escaping control characters is the renderer's part, which knows its medium.

use alloc::borrow::Cow;
use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;

use crate::act::Verb;
use crate::capability::Capability;
use crate::operand::Host;
use crate::pattern::url::split_host_port;
use crate::policy::{Verdict, Why};
use crate::rule::{Reported, Rule, Trigger};

mod suppression;

pub use self::suppression::{SuppressionFault, tell_suppression};

/// What a user is told of one finding or denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What was found or done.
    pub what: String,
    /// Which part of the policy spoke, or why it matters without one.
    pub why: String,
    /// Which flag, configuration line or change of code allows it.
    pub remedy: String,
}

/// Tell an act of the rule's own verb. See [`tell_act`].
pub fn tell(rule: &Rule, target: &str, operand: Option<&str>, verdict: Verdict) -> Told {
    tell_act(rule, rule.verb, target, operand, verdict)
}

/// Tell an act.
///
/// `target` is the API, module or literal that gave it away; `operand` what it is done to, as the
/// program spells it, where that is known: a host or `host:port`, a path, a program, a module.
/// [`Verdict::Allow`] is told for rules that speak whatever the policy.
pub fn tell_act(
    rule: &Rule,
    verb: Verb,
    target: &str,
    operand: Option<&str>,
    verdict: Verdict,
) -> Told {
    // An empty string names nothing.
    let operand = operand.filter(|operand| !operand.is_empty());
    let what = if target.is_empty() {
        rule.summary.to_owned()
    } else {
        let undecided = match verdict {
            Verdict::Undecided(why) => Some(why),
            Verdict::Allow | Verdict::Deny(_) => None,
        };
        what(rule, verb, target, operand, undecided)
    };
    let subject = operand.unwrap_or(target);
    match verdict {
        Verdict::Allow => {
            Told { what, why: why_advised(rule).to_owned(), remedy: remedy_advised(rule) }
        }
        Verdict::Deny(why) => Told {
            what,
            why: why_denied(why, subject, operand.is_some()),
            remedy: remedy_denied(rule, why, subject, operand),
        },
        Verdict::Undecided(why) => Told {
            what,
            why: why_undecided(verb, why).to_owned(),
            remedy: remedy_undecided(verb, operand).to_owned(),
        },
    }
}

/// Tell a reference to a guarded API that is taken and kept.
///
/// `enforced` says whether the runtime guard sees the act through a kept reference all the same.
pub fn tell_capture(api: &str, capability: Capability, enforced: bool) -> Told {
    let api = shown(api);
    let why = if enforced {
        format!("the runtime guard of the {capability} capability enforces it all the same")
    } else {
        format!("the runtime guard of the {capability} capability does not see it either")
    };
    let remedy = match api.rsplit_once('.') {
        Some(("builtins", name)) => format!("write `{name}` at the place of use"),
        // A method or attribute of a class is reached through the class's module.
        Some((owner, _)) => {
            let module = owner
                .split_once(|c: char| c.is_uppercase())
                .map_or(owner, |(module, _)| module.trim_end_matches('.'));
            let module = if module.is_empty() { owner } else { module };
            format!("write `import {module}` and `{api}` at the place of use")
        }
        None => format!("write `{api}` at the place of use"),
    };
    Told {
        what: format!("`{api}` is kept here; a patch of `{api}` will not reach it"),
        why,
        remedy,
    }
}

/// Tell a star import that takes guarded APIs, of which `api` is one. See [`tell_capture`].
pub fn tell_star_import(api: &str, capability: Capability, enforced: bool) -> Told {
    let module = api.rsplit_once('.').map_or(api, |(module, _)| module);
    let what = format!(
        "`*` takes `{}` and what else `{}` has that is guarded; a patch of `{}` will not reach it",
        shown(api),
        shown(module),
        shown(module)
    );
    Told { what, ..tell_capture(api, capability, enforced) }
}

/// What a module does that is imported before a guard is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// It keeps a reference; whether the runtime guard enforces it all the same.
    Keeps {
        /// Whether it does.
        enforced: bool,
    },
    /// It loads native code.
    Loads,
    /// It opens a socket.
    Opens,
}

/// Tell an import above the install of a guard. `module` is what does it, where that is another
/// than `imported`; `what` is the API or library.
pub fn tell_late_install(imported: &str, module: Option<&str>, what: &str, late: Late) -> Told {
    let (imported, what) = (shown(imported), shown(what));
    let does = match late {
        Late::Keeps { .. } => format!("keeps `{what}`"),
        Late::Loads => format!("loads native code, `{what}`"),
        Late::Opens => format!("opens a socket, `{what}`"),
    };
    let what = match module {
        Some(module) => {
            let module = shown(module);
            format!("`{imported}` is imported before the guard is installed; `{module}` {does}")
        }
        None => format!("this {does}, before the guard is installed"),
    };
    let why = match late {
        Late::Keeps { enforced: true } => {
            "the runtime guard enforces it all the same; one that patches does not see it"
        }
        Late::Keeps { enforced: false } => "the runtime guard does not see it either",
        Late::Loads => "what is loaded already, no guard in the process can take away",
        Late::Opens => "what is open already stays usable",
    };
    Told {
        what,
        why: why.to_owned(),
        remedy: "install the guard first: start the program with `hermetic`, or import below it"
            .to_owned(),
    }
}

/// Tell that a file, or a part of it, is not analysed.
///
/// `reason` is the kebab-case reason, `detail` what exactly was seen.
pub fn tell_unanalysed(reason: &str, detail: &str) -> Told {
    let what = match (reason, detail) {
        (_, "") => format!("not analysed: {reason}"),
        ("syntax-error", _) => format!("not analysed in full: syntax error: {}", shown(detail)),
        _ => format!("not analysed: {}", shown(detail)),
    };
    Told {
        what,
        why: "what it does is not known before it runs".to_owned(),
        remedy: "leave it out with --exclude, or accept it with --level not-analysed=info (or \
                 `not-analysed = \"info\"` in [tool.hermetic.check.levels])"
            .to_owned(),
    }
}

/// The most characters of a program's own text shown in a sentence.
const SHOWN: usize = 120;

fn shown(text: &str) -> Cow<'_, str> {
    // No text has more characters than bytes.
    if text.len() <= SHOWN {
        return Cow::Borrowed(text);
    }
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => Cow::Owned(format!("{}...", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

fn what(
    rule: &Rule,
    verb: Verb,
    target: &str,
    operand: Option<&str>,
    undecided: Option<Why>,
) -> String {
    // An import's operand is often the target itself.
    let operand = operand.filter(|operand| *operand != target).map(shown);
    if rule.triggers.iter().any(|t| matches!(t, Trigger::Literal(text) if *text == target)) {
        return format!("`{}`: {}", shown(target), rule.summary);
    }
    let is_builtin = target.starts_with("builtins.");
    // What is replaced is the attribute of the module; what is called has its everyday name.
    let target = match verb {
        Verb::Tamper => shown(target),
        _ => shown(target.strip_prefix("builtins.").unwrap_or(target)),
    };
    let told_by_rule = || format!("`{target}`: {}", rule.summary);
    let with = |verb: &str, unnamed: &str| match &operand {
        Some(operand) => format!("`{target}` {verb} `{operand}`"),
        None => format!("`{target}` {unnamed}"),
    };
    let mut text = match verb {
        Verb::Prepare => with("makes a client for", "makes a socket or client"),
        Verb::Resolve => with("looks up", "looks up a host"),
        Verb::Connect => with("connects to", "connects to an endpoint"),
        Verb::Listen => with("listens on", "listens on an endpoint"),
        Verb::Spawn => with("starts", "starts a process"),
        Verb::Signal => format!("`{target}` signals a process"),
        Verb::ReadFile => with("reads", "reads a file"),
        Verb::WriteFile if operand.is_none() => told_by_rule(),
        Verb::WriteFile => with("changes", "changes a file"),
        Verb::ListDirectory => with("lists", "lists a directory"),
        Verb::ReadEnvironment => with("reads the variable", "reads the environment"),
        Verb::WriteEnvironment => with("changes the variable", "changes the environment"),
        Verb::Evaluate if !is_builtin => told_by_rule(),
        Verb::Evaluate => format!("`{target}` runs code made from data"),
        Verb::Deserialise => format!("`{target}` loads data that can run code"),
        Verb::Import if undecided.is_some() => with("imports", "imports a module"),
        Verb::Import => with("imports", "is imported"),
        Verb::ImportExtension if undecided.is_some() => {
            with("may load native code for", "may load native code")
        }
        Verb::ImportExtension => with("loads native code for", "loads native code"),
        Verb::LoadNative if operand.is_none() && rule.reported == Reported::ByPolicy => {
            told_by_rule()
        }
        Verb::LoadNative => with("loads native code from", "reaches native code"),
        // What is changed is the rule's to say; the operand only repeats the target.
        Verb::MutateInterpreter | Verb::Tamper => told_by_rule(),
        Verb::Introspect => format!("`{target}` looks inside objects, frames or the heap"),
        Verb::Keep => format!("`{target}` is kept past any patch of it"),
        Verb::Hide => format!("`{target}` cannot be analysed"),
    };
    if let Some(why) = undecided {
        text.push_str(open_question(verb, operand.as_deref(), why));
    }
    text
}

/// What of an act is not known before the program runs: what it is done to, or whether it
/// happens at all.
fn open_question(verb: Verb, operand: Option<&str>, why: Why) -> &'static str {
    match (verb, operand) {
        // The sentence says "may" already.
        (Verb::ImportExtension, _) => "",
        (Verb::Prepare, None) => "; where it connects is not known here",
        (Verb::Import, None) => ", by a name that is not known before the program runs",
        (Verb::Prepare | Verb::Connect, Some(operand))
            if host_of(operand).is_some_and(|(_, port)| port.is_none()) =>
        {
            ", at a port that is not known before the program runs"
        }
        (Verb::Resolve | Verb::Connect | Verb::Listen, None)
            if why != Why::Denied(Capability::Network) =>
        {
            " that is not known before the program runs"
        }
        (Verb::ReadFile | Verb::ListDirectory, None) => {
            " that is not known before the program runs"
        }
        (
            Verb::Prepare
            | Verb::Resolve
            | Verb::Listen
            | Verb::ReadFile
            | Verb::ListDirectory
            | Verb::Import,
            Some(_),
        ) => "; what it comes to is not known before the program runs",
        _ => "; whether that happens is not known before the program runs",
    }
}

/// What a capability's flag denies, as the subject of a sentence with "denied".
const fn denied_subject(capability: Capability) -> &'static str {
    match capability {
        Capability::Network => "the network is",
        Capability::Subprocess => "subprocesses are",
        Capability::Filesystem => "changes of files are",
        Capability::Environment => "the environment is",
        Capability::DynamicCode => "code made from data is",
        Capability::Imports => "this import is",
        Capability::Native => "native code is",
        Capability::Interpreter => "changes of the interpreter are",
        Capability::Integrity => "work against a guard is",
    }
}

fn why_denied(why: Why, subject: &str, known: bool) -> String {
    let subject = shown(subject);
    match why {
        Why::Denied(capability) => match capability.flag() {
            Some(flag) => format!("{} denied by {flag}", denied_subject(capability)),
            None => format!("{} denied while a guard is on", denied_subject(capability)),
        },
        Why::NotAllowListed if known => {
            format!("the network is denied by --no-network, and `{subject}` is not allow-listed")
        }
        Why::NotAllowListed => {
            "the network is denied by --no-network but for allow-listed hosts".to_owned()
        }
        Why::NotAllowedProgram if known => format!(
            "subprocesses are denied by --no-subprocess, and `{subject}` is not allowed by \
             --allow-run"
        ),
        Why::NotAllowedProgram => {
            "subprocesses are denied by --no-subprocess but for programs that are named".to_owned()
        }
        Why::CloudMetadata => format!(
            "`{subject}` is a cloud's metadata service, which --no-network denies whatever is \
             allow-listed"
        ),
        Why::NotLoopback => {
            "--no-network lets a program listen on 127.0.0.0/8, ::1 and localhost only".to_owned()
        }
        Why::OutsideRoot => "reading outside the root is denied by --fs-readonly=ROOT".to_owned(),
        Why::ReadOnly => "changes of files are denied by --fs-readonly".to_owned(),
        Why::DeniedImport => format!("`{subject}` is denied by --deny-import"),
        Why::SubprocessLibrary => {
            format!("`{subject}` starts processes, and subprocesses are denied by --no-subprocess")
        }
        Why::DeserialisationLibrary => format!(
            "`{subject}` runs code from data, and code made from data is denied by --no-code-exec"
        ),
        Why::NativeModule => "native code is denied by --block-native".to_owned(),
        Why::AgainstGuard => "it can undo or get round the guards that are on".to_owned(),
    }
}

const fn why_undecided(verb: Verb, why: Why) -> &'static str {
    match why {
        Why::NotAllowListed | Why::CloudMetadata => {
            "the network is denied by --no-network but for allow-listed hosts"
        }
        Why::NotAllowedProgram => {
            "subprocesses are denied by --no-subprocess but for programs that are named"
        }
        Why::Denied(Capability::Network) if matches!(verb, Verb::Prepare) => {
            "the network is denied by --no-network, but making a client reaches nothing yet"
        }
        Why::Denied(Capability::Network) => "the network is denied by --no-network",
        Why::NotLoopback => {
            "--no-network lets a program listen on 127.0.0.0/8, ::1 and localhost only"
        }
        Why::OutsideRoot => "reading outside the root is denied by --fs-readonly=ROOT",
        Why::DeniedImport => "some modules are denied by --deny-import",
        Why::SubprocessLibrary => "libraries that start processes are denied by --no-subprocess",
        Why::DeserialisationLibrary => {
            "libraries that run code from data are denied by --no-code-exec"
        }
        Why::NativeModule => "native code is denied by --block-native",
        // Also where a condition on the arguments, not the operand, is what is not known.
        Why::ReadOnly | Why::Denied(Capability::Filesystem) => {
            "changes of files are denied by --fs-readonly"
        }
        Why::Denied(Capability::Subprocess) => "subprocesses are denied by --no-subprocess",
        Why::Denied(Capability::Environment) => "the environment is denied by --no-environment",
        Why::Denied(Capability::DynamicCode) => "code made from data is denied by --no-code-exec",
        Why::Denied(Capability::Imports) => "some modules are denied by --deny-import",
        Why::Denied(Capability::Native) => "native code is denied by --block-native",
        Why::Denied(Capability::Interpreter) => {
            "changes of the interpreter are denied by --no-interpreter-mutation"
        }
        Why::AgainstGuard | Why::Denied(Capability::Integrity) => {
            "it can undo or get round the guards that are on"
        }
    }
}

const fn why_advised(rule: &Rule) -> &'static str {
    match rule.capability {
        Capability::Native => "native code reaches past any guard inside the interpreter",
        Capability::Integrity => match rule.verb {
            Verb::Introspect => "what a guard hides can be reached this way",
            _ => "a guard can be undone or got round this way",
        },
        _ => rule.summary,
    }
}

fn remedy_advised(rule: &Rule) -> String {
    let name = rule.name;
    match rule.capability {
        Capability::Native => format!(
            "deny it by --block-native, or accept it by --level {name}=off (or `{name} = \"off\"` \
             in [tool.hermetic.check.levels])"
        ),
        _ => format!(
            "leave it out, or accept it by --level {name}=off (or `{name} = \"off\"` in \
             [tool.hermetic.check.levels])"
        ),
    }
}

fn remedy_denied(rule: &Rule, why: Why, subject: &str, operand: Option<&str>) -> String {
    match why {
        Why::Denied(Capability::Network) | Why::NotAllowListed => match operand {
            Some(operand) => allow_host(operand, why),
            None => "allow the host by --allow-domain HOST, or drop --no-network (or `no-network` \
                     in [tool.hermetic])"
                .to_owned(),
        },
        Why::NotAllowedProgram => allow_run(rule, operand),
        Why::CloudMetadata => {
            "only dropping --no-network (or `no-network` in [tool.hermetic]) allows it".to_owned()
        }
        Why::NotLoopback => "listen on 127.0.0.1 or ::1".to_owned(),
        Why::OutsideRoot => "widen ROOT in --fs-readonly=ROOT (or `fs-readonly` in \
                             [tool.hermetic]), or read below it"
            .to_owned(),
        Why::DeniedImport => "allow it by taking it off --deny-import (or `deny-import` in \
                              [tool.hermetic])"
            .to_owned(),
        Why::ReadOnly => drop_flag("--fs-readonly"),
        Why::SubprocessLibrary => drop_flag("--no-subprocess"),
        Why::DeserialisationLibrary => drop_flag("--no-code-exec"),
        Why::NativeModule => match crate::modules::purity(subject) {
            crate::modules::Purity::Native(built_on) => {
                format!("{}; `{}` is {built_on}", allow_native(subject), shown(subject))
            }
            crate::modules::Purity::Pure | crate::modules::Purity::Unknown => allow_native(subject),
        },
        Why::Denied(capability) => match capability.flag() {
            Some(flag) => drop_flag(flag),
            None => remedy_advised(rule),
        },
        Why::AgainstGuard => remedy_advised(rule),
    }
}

/// A program is allowed with all its arguments, and a command line by the shell that reads it.
fn allow_run(rule: &Rule, program: Option<&str>) -> String {
    use crate::pattern::program::{ProgramPattern, SHELL};
    let program = if rule.name == "shell-command" { Some(SHELL) } else { program };
    match program.and_then(|program| ProgramPattern::parse(program).ok()) {
        Some(program) if program.as_str().chars().count() <= SHOWN => {
            let program = program.as_str();
            let quoted = program.replace('\\', "\\\\").replace('"', "\\\"");
            format!(
                "allow it by --allow-run {program} (or `allow-run = [\"{quoted}\"]` in \
                 [tool.hermetic])"
            )
        }
        _ => drop_flag("--no-subprocess"),
    }
}

/// A distribution is allowed as a whole, by its top-level module.
fn allow_native(module: &str) -> String {
    let top = module.split('.').next().unwrap_or(module);
    let is_name = top.chars().all(|c| c.is_alphanumeric() || c == '_');
    if top.is_empty() || !is_name || top.chars().count() > SHOWN {
        return drop_flag("--block-native");
    }
    format!("allow it by --allow-native {top} (or `allow-native = [\"{top}\"]` in [tool.hermetic])")
}

/// The flag and its configuration key have one name.
fn drop_flag(flag: &str) -> String {
    let key = flag.trim_start_matches('-');
    format!("allow it by dropping {flag} (or `{key}` in [tool.hermetic])")
}

fn allow_localhost() -> String {
    "allow it by --allow-localhost (or `allow-localhost = true` in [tool.hermetic])".to_owned()
}

fn allow_host(operand: &str, why: Why) -> String {
    let socket = match operand.as_bytes() {
        [b'/', ..] => Some(format!("unix:{operand}")),
        [0, ..] => Some(format!("unix:@{}", operand.trim_start_matches('\0'))),
        _ => None,
    };
    let entry = match (socket, host_of(operand)) {
        (Some(socket), _) => socket,
        // A closed network is opened for localhost by its own flag.
        (None, Some((host, _))) if host.is_localhost() && why != Why::NotAllowListed => {
            return allow_localhost();
        }
        // DNS has no longer names (RFC 1035, 2.3.4).
        (None, Some((host, _))) if matches!(host.as_str().len(), 1..=253) => {
            host.as_str().to_owned()
        }
        (None, _) => return drop_flag("--no-network"),
    };
    format!(
        "allow it by --allow-domain {entry} (or `allow-domain = [\"{entry}\"]` in [tool.hermetic])"
    )
}

fn host_of(operand: &str) -> Option<(Host, Option<u16>)> {
    split_host_port(operand)
}

fn remedy_undecided(verb: Verb, operand: Option<&str>) -> &'static str {
    match (verb, operand) {
        (Verb::Prepare | Verb::Connect, Some(operand))
            if host_of(operand).is_some_and(|(_, port)| port.is_none()) =>
        {
            "the runtime guard decides; write the port as a number to have it decided here"
        }
        (Verb::Prepare | Verb::Resolve | Verb::Connect | Verb::Listen, _) => {
            "the runtime guard decides; write the host as a literal to have it decided here"
        }
        (Verb::ReadFile | Verb::ListDirectory, _) => {
            "the runtime guard decides; write an absolute path to have it decided here"
        }
        (Verb::Import, _) => {
            "the runtime guard decides; write the module's name to have it decided here"
        }
        _ => "the runtime guard decides when the program runs",
    }
}

#[cfg(test)]
mod tests;
