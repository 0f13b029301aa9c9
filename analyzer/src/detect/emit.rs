//! Facts, written down where a reference turns out to be a name some rule knows.

use hermetic_policy::rule::{Construct, OperandAt, Reported};
use hermetic_policy::{Capability, Rule, Verb};

use crate::resolve::budget;
use crate::resolve::names::{ApiTrigger, NameId};
use crate::resolve::value::Value;
use crate::summary::{Capture, FoundAct, FoundOperand, Keep, Range};
use crate::syntax::ast;

use super::engine::{Engine, Use, range_of};
use super::operands::{Arguments, Truth};

/// Methods that change the list, dict or set they are called on.
const MUTATORS: [&str; 18] = [
    "append",
    "insert",
    "extend",
    "remove",
    "pop",
    "clear",
    "update",
    "setdefault",
    "popitem",
    "sort",
    "reverse",
    "add",
    "discard",
    "__setitem__",
    "__delitem__",
    "__ior__",
    "__iadd__",
    "__imul__",
];

impl<'a> Engine<'a> {
    /// A reference appears in a place of the given use. `fresh` is false where it is only
    /// another mention of a name whose capture has been told.
    pub(super) fn refer(&mut self, value: &Value<'a>, range: Range, used: Use, fresh: bool) {
        if let Some(probe) = &mut self.probe {
            for one in value.each() {
                if let Value::Name(id) = one {
                    probe.see(*id, range);
                }
            }
        }
        if self.quiet > 0 || matches!(used, Use::Base | Use::Callee | Use::Assigned) {
            return;
        }
        if let Use::Kept(form) = used
            && fresh
        {
            self.capture(value, range, form);
        }
        for one in value.each() {
            let Value::Name(id) = one else { continue };
            for trigger in self.names.triggers(*id) {
                self.reference(*id, trigger, range, used);
            }
        }
    }

    fn reference(&mut self, id: NameId, trigger: &ApiTrigger, range: Range, used: Use) {
        if trigger.called {
            // A function passed on is called by whoever takes it; a class may only be compared.
            let called = match used {
                Use::Argument => !self.names.is_class(id),
                // What takes nothing else may only wrap it.
                Use::OnlyArgument | Use::Contained | Use::Returned | Use::Kept(Keep::Container) => {
                    false
                }
                Use::Looked | Use::Kept(_) | Use::Base | Use::Callee | Use::Assigned => return,
            };
            let unknown = Arguments { more: true, ..Arguments::default() };
            let happens = self.holds(trigger.api.condition, &unknown);
            // `{types.CodeType: write}`, `assertIsInstance(x, types.CodeType)`: a mere mention.
            let mention = !called && trigger.rule.reported == Reported::Always;
            if happens == Truth::No || (mention && happens != Truth::Yes) {
                return;
            }
            let certain = called && happens == Truth::Yes;
            self.triggered(id, trigger, FoundOperand::Unknown, certain, range);
        } else if !is_write(trigger.verb()) {
            let certain = !matches!(used, Use::Contained | Use::Returned);
            if !matches!(used, Use::Kept(_)) || !trigger.api.patch_point {
                let operand = fixed_operand(trigger);
                self.triggered(id, trigger, operand, certain, range);
            }
        }
    }

    /// Some attribute of a piece of state is used other than by calling it.
    pub(super) fn read_parts(&mut self, value: &Value<'a>, range: Range) {
        for one in value.each() {
            if let Value::Part(id, _) = one {
                self.read_state(*id, &Value::Unknown, range);
            }
        }
    }

    /// A method of a piece of state is called: `os.environ.get("HOME")`, `sys.path.append(p)`.
    pub(super) fn call_part(&mut self, id: NameId, method: &str, key: &Value<'a>, range: Range) {
        if MUTATORS.contains(&method) {
            self.write_state(id, key, range);
        } else {
            self.read_state(id, key, range);
        }
    }

    /// A piece of state is read at `key`.
    pub(super) fn read_state(&mut self, id: NameId, key: &Value<'a>, range: Range) {
        self.state(id, key, range, false);
    }

    /// A piece of state is written at `key`.
    pub(super) fn write_state(&mut self, id: NameId, key: &Value<'a>, range: Range) {
        self.state(id, key, range, true);
    }

    fn state(&mut self, id: NameId, key: &Value<'a>, range: Range, written: bool) {
        for trigger in self.names.triggers(id) {
            if !trigger.called && is_write(trigger.verb()) == written {
                let operand = match (trigger.api.operand, key.exact_text()) {
                    (OperandAt::Fixed(text), _) => FoundOperand::Name(text.into()),
                    (_, Some(key)) => FoundOperand::Name(key.into()),
                    (_, None) => FoundOperand::Unknown,
                };
                self.triggered(id, trigger, operand, true, range);
            }
        }
    }

    /// An attribute is read on something: `().__class__.__subclasses__`, `frame.f_back`.
    pub(super) fn attribute_read(
        &mut self,
        base: &Value<'a>,
        name: &'a str,
        attribute: &ast::ExprAttribute,
    ) {
        // Most attributes cannot be one of these, and a look-up for each would be felt.
        let bytes = name.as_bytes();
        let candidate = bytes.first() == Some(&b'_') || bytes.iter().take(4).any(|b| *b == b'_');
        if !candidate {
            return;
        }
        for rule in self.names.attribute_rules(name) {
            let aimed = base.each().iter().any(|one| self.is_guard(one));
            self.simple_act(rule, name, range_of(attribute), aimed);
        }
    }

    /// Whether a value is a guarded module, a patch point, or part of hermetic itself.
    pub(super) fn is_guard(&self, value: &Value<'a>) -> bool {
        match value {
            Value::Name(id) => {
                self.names.is_guarded_module(*id)
                    || self.names.patch_point(*id).is_some()
                    || self.names.name(*id).split('.').next() == Some("hermetic")
            }
            _ => false,
        }
    }

    /// `socket.socket = Fake`, `setattr(socket, "socket", Fake)`, `del os.system`.
    pub(super) fn guarded_module_written(&mut self, id: NameId, name: Option<&str>, range: Range) {
        if self.quiet > 0 {
            return;
        }
        let Some(rule) = self.names.construct_rule(Construct::GuardedModuleWrite) else { return };
        let target = match name {
            Some(name) => {
                let Some(member) = self.names.member(id, name) else { return };
                let guarded = self.names.patch_point(member).is_some_and(|t| t.called);
                if !guarded {
                    return;
                }
                self.names.name(self.names.canonical(member)).to_owned()
            }
            None if self.names.is_guarded_module(id) => format!("{}.*", self.names.name(id)),
            None => return,
        };
        self.simple_act(rule, &target, range, true);
    }

    /// `sys.modules["socket"] = fake`, `del sys.modules["os"]`, `sys.modules.pop("hermetic")`.
    pub(super) fn module_table_written(&mut self, id: NameId, key: &Value<'a>, range: Range) {
        for trigger in self.names.triggers(id) {
            if !trigger.called && is_write(trigger.verb()) {
                let operand = fixed_operand(trigger);
                self.triggered(id, trigger, operand, true, range);
            }
        }
        let Some(rule) = self.names.construct_rule(Construct::ModuleTableWrite) else { return };
        let Some(module) = key.exact_text() else { return };
        let guarded = self.names.find(module).is_some_and(|id| self.is_guard(&Value::Name(id)));
        if guarded || module == "hermetic" || module.starts_with("hermetic.") {
            let target = format!("sys.modules[\"{module}\"]");
            self.simple_act(rule, &target, range, true);
        }
    }

    /// Whether any of the things a value may be is a patch point.
    pub(super) fn is_patch_point(&self, value: &Value<'a>) -> bool {
        value
            .each()
            .iter()
            .any(|one| matches!(one, Value::Name(id) if self.names.patch_point(*id).is_some()))
    }

    /// A reference is taken and kept.
    pub(super) fn capture(&mut self, value: &Value<'a>, range: Range, form: Keep) {
        if self.quiet > 0 {
            return;
        }
        for one in value.each() {
            let Value::Name(id) = one else { continue };
            let Some(trigger) = self.names.patch_point(*id) else { continue };
            let told = self.found.captures.iter().rev().take(16);
            if told.into_iter().any(|c| c.range == range) {
                continue;
            }
            self.found.captures.push(Capture {
                target: trigger.api.name.into(),
                of: trigger.rule,
                enforced: trigger.api.enforced_when_kept,
                form,
                range,
            });
        }
    }

    /// A trigger with its operand.
    pub(super) fn triggered(
        &mut self,
        id: NameId,
        trigger: &ApiTrigger,
        operand: FoundOperand,
        certain: bool,
        range: Range,
    ) {
        let target = self.names.name(self.names.canonical(id)).to_owned();
        self.act(trigger.rule, trigger.verb(), &target, operand, certain, false, range);
    }

    /// An act of a construct: no operand, certain.
    pub(super) fn simple_act(
        &mut self,
        rule: &'static Rule,
        target: &str,
        range: Range,
        aimed: bool,
    ) {
        self.act(rule, rule.verb, target, FoundOperand::Unknown, true, aimed, range);
    }

    /// Write an act down, once for each rule and place.
    #[expect(clippy::too_many_arguments, reason = "an act has as many parts")]
    pub(super) fn act(
        &mut self,
        rule: &'static Rule,
        verb: Verb,
        target: &str,
        operand: FoundOperand,
        certain: bool,
        aimed_at_guard: bool,
        range: Range,
    ) {
        if self.quiet > 0 {
            return;
        }
        let aimed_at_guard = aimed_at_guard && rule.capability == Capability::Integrity;
        let again = |act: &&mut FoundAct| {
            act.range == range && act.rule.name == rule.name && act.verb == verb
        };
        if let Some(act) = self.found.acts.iter_mut().rev().take(8).find(again) {
            // Two ways to the same place: certain if one is, exact only if both agree.
            act.certain |= certain;
            if act.operand != operand {
                act.operand = FoundOperand::Unknown;
            }
            return;
        }
        // What is kept of the text many times over counts many times.
        budget::spend(operand.text_length());
        self.found.acts.push(FoundAct {
            rule,
            verb,
            target: target.into(),
            operand,
            certain,
            aimed_at_guard,
            owner: self.owner,
            range,
        });
    }
}

fn fixed_operand(trigger: &ApiTrigger) -> FoundOperand {
    match trigger.api.operand {
        OperandAt::Fixed(text) => FoundOperand::Name(text.into()),
        _ => FoundOperand::Unknown,
    }
}

/// Whether a reference trigger of this act means writing the state, not reading it.
pub(super) fn is_write(verb: Verb) -> bool {
    match verb {
        Verb::WriteEnvironment | Verb::MutateInterpreter | Verb::WriteFile | Verb::Tamper => true,
        Verb::Prepare
        | Verb::Resolve
        | Verb::Connect
        | Verb::Listen
        | Verb::Spawn
        | Verb::Signal
        | Verb::ReadFile
        | Verb::ListDirectory
        | Verb::ReadEnvironment
        | Verb::Evaluate
        | Verb::Deserialise
        | Verb::Import
        | Verb::ImportExtension
        | Verb::LoadNative
        | Verb::Introspect
        | Verb::Keep
        | Verb::Hide => false,
    }
}
