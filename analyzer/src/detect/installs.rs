//! What is done above the install of a guard.

use hermetic_policy::{Capability, Verb, modules};

use crate::resolve::value::Value;
use crate::summary::links::{Done, Install, Kept, Owner, Place};
use crate::summary::{FoundAct, LateInstall, Range};

use super::engine::Engine;
use super::links::Linking;
use super::operands::Arguments;

/// Things of one kind told of one module.
const MOST_KEPT: usize = 8;

impl<'a> Engine<'a> {
    /// A call installs a guard.
    pub(super) fn guard_installed(
        &mut self,
        arguments: &Arguments<'a>,
        patching: bool,
        range: Range,
    ) {
        if self.quiet > 0 {
            return;
        }
        let mut guards = 0;
        // `disable_socket()`, `hermetic_blocker(config)`, `profile="block-all"`.
        let mut all = !arguments.positional.is_empty() || arguments.more;
        for (name, value) in &arguments.keywords {
            let given = !matches!(value, Value::Bool(false) | Value::None);
            match guard_named(name) {
                Some(capability) if given => guards |= 1 << capability as u16,
                Some(_) => {}
                None => all |= given && matches!(*name, "config" | "profile"),
            }
        }
        let guards = match (patching, all) {
            (true, _) => 1 << Capability::Network as u16,
            (false, true) => u16::MAX,
            (false, false) => guards,
        };
        let at = if self.owner == Owner::MODULE { range.start } else { u32::MAX };
        self.installs.push(Install { at, guards, patching });
    }

    /// What this file does above an install, and what files do that it imports there.
    pub(super) fn late_installs(&self, linking: &Linking<'a>) -> Vec<LateInstall> {
        let mut late = match linking {
            Linking::With { environment, .. } => environment.late.clone(),
            Linking::Off | Linking::Facts { .. } => Vec::new(),
        };
        for act in &self.found.acts {
            let Some((capability, done)) = unenforceable(act) else { continue };
            let install = self.installs.iter().find(|install| {
                act.range.start < install.at && install.guards(capability) && !install.patching
            });
            if let Some(install) = install {
                late.push(LateInstall {
                    imported: act.target.clone(),
                    by: None,
                    what: act.target.clone(),
                    done,
                    patching: install.patching,
                    range: act.range,
                });
            }
        }
        late.sort_by_key(|late| late.range);
        late.dedup();
        late
    }

    /// What is done while this module is imported that a guard would stop.
    pub(super) fn kept_on_import(&self, place: &dyn Fn(u32) -> Place) -> Vec<Kept> {
        let captures = self.found.captures.iter().map(|capture| Kept {
            what: capture.target.clone(),
            capability: capture.of.capability as u16,
            done: if capture.enforced { Done::KeptEnforced } else { Done::Kept },
            place: place(capture.range.start),
        });
        let acts = self.found.acts.iter().filter_map(|act| {
            let (capability, done) = unenforceable(act)?;
            let what = act.target.clone();
            Some(Kept { what, capability: capability as u16, done, place: place(act.range.start) })
        });
        let native = self.found.imports.iter().filter_map(|import| {
            let native = matches!(modules::purity(&import.module), modules::Purity::Native(_));
            let loads = native && import.owner == Owner::MODULE;
            loads.then(|| Kept {
                what: import.module.clone(),
                capability: Capability::Native as u16,
                done: Done::Loaded,
                place: place(import.range.start),
            })
        });
        let mut kept: Vec<Kept> = Vec::new();
        for one in acts.chain(native).chain(captures) {
            let like = |other: &&Kept| (other.done, other.capability) == (one.done, one.capability);
            if kept.iter().filter(like).count() == 0 && kept.len() < MOST_KEPT {
                kept.push(one);
            }
        }
        kept
    }
}

/// The capability that a keyword of `hermetic_blocker` guards.
fn guard_named(keyword: &str) -> Option<Capability> {
    Some(match keyword {
        "block_network" => Capability::Network,
        "block_subprocess" => Capability::Subprocess,
        "fs_readonly" | "fs_root" => Capability::Filesystem,
        "block_environment" => Capability::Environment,
        "block_code_exec" => Capability::DynamicCode,
        "block_interpreter_mutation" => Capability::Interpreter,
        "block_native" => Capability::Native,
        "deny_imports" => Capability::Imports,
        _ => return None,
    })
}

/// What no guard in the process can undo, done while the module is imported.
fn unenforceable(act: &FoundAct) -> Option<(Capability, Done)> {
    if act.owner != Owner::MODULE {
        return None;
    }
    let socket = act.target.starts_with("socket.");
    match (act.rule.capability, act.verb) {
        (Capability::Native, _) => Some((Capability::Native, Done::Loaded)),
        (Capability::Network, Verb::Prepare | Verb::Connect | Verb::Listen) if socket => {
            Some((Capability::Network, Done::Opened))
        }
        _ => None,
    }
}
