//! Calls: arguments, the acts of known callables, and what they give back.

use std::rc::Rc;

use crate::resolve::names::{ApiTrigger, NameId};
use crate::resolve::special::Special;
use crate::resolve::value::{Getter, Instance, Text, Value};
use crate::summary::{FoundOperand, Range};
use crate::syntax::ast::{self, Expr};

use super::engine::{Engine, Use, range_of};
use super::expressions::until;
use super::operands::{Arguments, Truth, operand};

impl<'a> Engine<'a> {
    pub(super) fn call(&mut self, call: &'a ast::ExprCall, used: Use) -> Value<'a> {
        let callee = self.expression(&call.func, Use::Callee);
        match callee {
            Value::Unknown if !folds_text(&call.func) => {
                self.unknown_call(&call.arguments);
                return Value::Unknown;
            }
            Value::Function(function) => {
                self.unknown_call(&call.arguments);
                return self.returned(function);
            }
            _ => {}
        }
        let special = self.special_of(&callee);
        let arguments = self.arguments(&call.arguments, special);
        let range = range_of(call);
        if let Some(special) = special
            && let Some(value) = self.special_call(special, &arguments, range)
        {
            match &value {
                Value::Partial(function) => self.refer(function, range, used, true),
                _ if special == Special::Identity => {}
                value => self.refer(value, range, used, true),
            }
            // `__import__` and its kin are acts of their own rules as well.
            self.call_each(&callee, &arguments, range);
            return value;
        }
        match &callee {
            Value::Unknown => self.method_of_text(call, &arguments),
            _ => self.call_each(&callee, &arguments, range),
        }
    }

    /// Look at the arguments of a call of something no rule knows: most calls.
    fn unknown_call(&mut self, arguments: &'a ast::Arguments) {
        for argument in &arguments.args {
            self.expression(argument, Use::Argument);
        }
        for keyword in &arguments.keywords {
            self.expression(&keyword.value, Use::Argument);
        }
    }

    /// A decorator is called with the function below it, which tells nothing.
    pub(super) fn call_without_arguments(&mut self, callee: &Value<'a>, at: &'a Expr) {
        let unknown = Arguments { more: true, ..Arguments::default() };
        for one in callee.each() {
            if let Value::Name(_) = one
                && self.special_of(one).is_none()
            {
                self.call_each(one, &unknown, range_of(at));
            }
        }
    }

    fn special_of(&self, callee: &Value<'a>) -> Option<Special> {
        match callee.only() {
            Value::Name(id) => self.names.special(*id),
            _ => None,
        }
    }

    fn arguments(
        &mut self,
        arguments: &'a ast::Arguments,
        special: Option<Special>,
    ) -> Arguments<'a> {
        let used = match special {
            Some(
                Special::TypeTest | Special::Mock | Special::Cast | Special::Super | Special::Vars,
            ) => Use::Looked,
            Some(
                Special::GetAttr
                | Special::SetAttr
                | Special::DelAttr
                | Special::Partial
                | Special::Identity
                | Special::MethodWrapper,
            ) => Use::Base,
            _ => Use::Argument,
        };
        let mut found = Arguments::default();
        for argument in &arguments.args {
            if let Expr::Starred(starred) = argument {
                let items = self.expression(&starred.value, Use::Argument);
                match items {
                    Value::Sequence(items) if !found.more => {
                        found.positional.extend(items.iter().cloned());
                    }
                    _ => found.more = true,
                }
                continue;
            }
            let value = self.expression(argument, used);
            if !found.more {
                found.positional.push(value);
            }
        }
        for keyword in &arguments.keywords {
            let value = self.expression(&keyword.value, used);
            match &keyword.arg {
                Some(name) => found.keywords.push((name.as_str(), value)),
                None => match value {
                    Value::Mapping(items)
                        if items.iter().all(|(key, _)| key.exact_text().is_some()) =>
                    {
                        // The names live as long as the text only when they are borrowed.
                        found.more = true;
                    }
                    _ => found.more = true,
                },
            }
        }
        found
    }

    fn call_each(
        &mut self,
        callee: &Value<'a>,
        arguments: &Arguments<'a>,
        range: Range,
    ) -> Value<'a> {
        if let Value::Either(options) = callee {
            let values: Vec<_> =
                options.iter().map(|one| self.call_one(one, arguments, range)).collect();
            return Value::either(values);
        }
        self.call_one(callee, arguments, range)
    }

    fn call_one(
        &mut self,
        callee: &Value<'a>,
        arguments: &Arguments<'a>,
        range: Range,
    ) -> Value<'a> {
        match callee {
            Value::Name(id) => self.call_name(*id, arguments, range),
            Value::Method(id, receiver) => {
                self.call_triggers(*id, arguments, Some(receiver), range);
                self.result(*id, arguments, Some(receiver))
            }
            Value::Part(id, method) => {
                let key = arguments.positional.first().cloned().unwrap_or_default();
                if self.names.special(*id) == Some(Special::Modules) {
                    return self.call_module_table(*id, method, &key, range);
                }
                self.call_part(*id, method, &key, range);
                Value::Unknown
            }
            Value::Class(id) => {
                // Calling a subclass of a known class makes one of those too.
                let bases: Vec<NameId> = self.known_bases(*id, 0);
                for base in bases {
                    self.call_triggers(base, arguments, None, range);
                }
                Value::Own(*id)
            }
            Value::Function(function) => self.returned(*function),
            Value::Getter(getter, name) => self.call_getter(*getter, name, arguments, range),
            Value::Partial(function) => {
                // The arguments given before come first; which they were is not kept.
                let unknown = Arguments { more: true, ..Arguments::default() };
                self.call_each(function, &unknown, range)
            }
            _ => Value::Unknown,
        }
    }

    fn call_name(&mut self, id: NameId, arguments: &Arguments<'a>, range: Range) -> Value<'a> {
        // `socket.socket.connect(s, address)`: the receiver comes first.
        if let Some(Value::Instance(receiver)) = arguments.positional.first().map(Value::only)
            && self
                .names
                .member_class(id)
                .is_some_and(|c| self.names.is_subclass(receiver.class, c))
        {
            let receiver = Rc::clone(receiver);
            let rest = arguments.without_first();
            self.call_triggers(id, &rest, Some(&receiver), range);
            return self.result(id, &rest, Some(&receiver));
        }
        self.call_triggers(id, arguments, None, range);
        self.result(id, arguments, None)
    }

    fn known_bases(&self, id: crate::resolve::value::ClassId, depth: u8) -> Vec<NameId> {
        let Some(class) = self.classes.get(id.0 as usize) else { return Vec::new() };
        let own_init = self.scopes.own(class.scope, "__init__").is_some();
        if depth > 8 || own_init {
            return Vec::new();
        }
        let bases = class.bases.iter().flat_map(Value::each);
        bases
            .flat_map(|base| match base {
                Value::Name(base) => vec![*base],
                Value::Class(base) => self.known_bases(*base, depth + 1),
                _ => Vec::new(),
            })
            .collect()
    }

    fn call_triggers(
        &mut self,
        id: NameId,
        arguments: &Arguments<'a>,
        receiver: Option<&Rc<Instance<'a>>>,
        range: Range,
    ) {
        for trigger in self.names.triggers(id) {
            if trigger.called {
                self.call_trigger(id, trigger, arguments, receiver, range);
            }
        }
    }

    fn call_trigger(
        &mut self,
        id: NameId,
        trigger: &'static ApiTrigger,
        arguments: &Arguments<'a>,
        receiver: Option<&Rc<Instance<'a>>>,
        range: Range,
    ) {
        let happens = self
            .holds(trigger.api.condition, arguments)
            .and(self.reaches_nothing(trigger.api, arguments).not());
        let certain = match happens {
            Truth::No => return,
            Truth::Yes => true,
            Truth::Unknown => false,
        };
        let operand = operand(trigger.api.operand, arguments, receiver);
        if operand == FoundOperand::Nothing {
            return;
        }
        self.triggered(id, trigger, operand, certain, range);
    }

    /// What a call of a known callable gives.
    fn result(
        &mut self,
        id: NameId,
        arguments: &Arguments<'a>,
        receiver: Option<&Rc<Instance<'a>>>,
    ) -> Value<'a> {
        if let Some(class) = self.names.returns(id) {
            if self.names.special(class) == Some(Special::Path) {
                return self.path_result(id, class, arguments, receiver);
            }
            let mut instance =
                Instance { class, origin: self.origin(id, arguments, receiver), text: None };
            if instance.origin == FoundOperand::Unknown
                && let Some(receiver) = receiver
                && self.names.is_subclass(class, receiver.class)
                && self.names.name(id).ends_with("__enter__")
            {
                instance.origin = receiver.origin.clone();
            }
            return Value::Instance(Rc::new(instance));
        }
        if self.names.special(id) == Some(Special::Path) {
            let text = match path_of(arguments) {
                Value::Text(text) => Some(text),
                _ => None,
            };
            return Value::Instance(Rc::new(path_instance(id, text)));
        }
        if self.names.is_class(id) {
            let class = self.names.canonical(id);
            let origin = self.origin(id, arguments, receiver);
            return Value::Instance(Rc::new(Instance { class, origin, text: None }));
        }
        Value::Unknown
    }

    /// What a method of a path object gives: another one, known where the text alone tells it.
    fn path_result(
        &self,
        id: NameId,
        class: NameId,
        arguments: &Arguments<'a>,
        receiver: Option<&Rc<Instance<'a>>>,
    ) -> Value<'a> {
        let before = receiver.and_then(|receiver| receiver.text.clone());
        let text = match before {
            Some(before) if self.names.name(id).ends_with(".joinpath") => {
                let mut parts = vec![Value::Text(before)];
                parts.extend(arguments.positional.iter().cloned());
                match super::specials::joined(&parts, arguments.more) {
                    Value::Text(text) => Some(text),
                    _ => None,
                }
            }
            _ => None,
        };
        Value::Instance(Rc::new(path_instance(class, text)))
    }

    /// The endpoint or path something is made with: the first trigger that has one.
    fn origin(
        &self,
        id: NameId,
        arguments: &Arguments<'a>,
        receiver: Option<&Rc<Instance<'a>>>,
    ) -> FoundOperand {
        let mut operands = self
            .names
            .triggers(id)
            .iter()
            .filter(|t| t.called)
            .map(|t| operand(t.api.operand, arguments, receiver));
        operands.find(|o| *o != FoundOperand::Unknown).unwrap_or_default()
    }

    /// `root / "name"`.
    pub(super) fn joined_path(&self, left: &Rc<Instance<'a>>, right: &Value<'a>) -> Value<'a> {
        let is_path = self.names.special(left.class) == Some(Special::Path);
        if !is_path {
            return Value::Unknown;
        }
        let text = match (&left.text, right) {
            (Some(left), Value::Text(right)) => Some(join_path(left, right)),
            _ => None,
        };
        Value::Instance(Rc::new(path_instance(left.class, text)))
    }

    /// Methods of strings that fold: `"".join([...])`, `"...".format(...)`.
    fn method_of_text(&mut self, call: &'a ast::ExprCall, arguments: &Arguments<'a>) -> Value<'a> {
        let Expr::Attribute(attribute) = &*call.func else { return Value::Unknown };
        let base = self.quietly(|engine| match &*attribute.value {
            Expr::StringLiteral(_) | Expr::Name(_) | Expr::FString(_) | Expr::BinOp(_) => {
                engine.expression(&attribute.value, Use::Base)
            }
            _ => Value::Unknown,
        });
        let Value::Text(base) = base else { return Value::Unknown };
        if attribute.attr.as_str() == "format" {
            return Value::Text(until(base, '{'));
        }
        let Some(Value::Sequence(items)) = arguments.positional.first() else {
            return Value::Unknown;
        };
        let mut joined = Text::complete("");
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                joined = joined.join(&base);
            }
            joined = match item {
                Value::Text(text) => joined.join(text),
                _ => Text { complete: false, ..joined },
            };
        }
        Value::Text(joined)
    }

    fn call_getter(
        &mut self,
        getter: Getter,
        name: &Text<'a>,
        arguments: &Arguments<'a>,
        range: Range,
    ) -> Value<'a> {
        let Some(base) = arguments.positional.first() else { return Value::Unknown };
        let Some(name) = name.exact() else { return Value::Unknown };
        match getter {
            Getter::Attribute => self.dotted_member(base, name),
            Getter::Method => {
                let method = self.dotted_member(base, name);
                let unknown = Arguments { more: true, ..Arguments::default() };
                self.call_each(&method, &unknown, range)
            }
            Getter::Item => match base {
                Value::Namespace(id) => {
                    self.names.member(*id, name).map_or(Value::Unknown, Value::Name)
                }
                Value::Globals => self.global(name),
                _ => Value::Unknown,
            },
        }
    }

    /// `base.a.b` by the text `a.b`.
    pub(super) fn dotted_member(&self, base: &Value<'a>, dotted: &str) -> Value<'a> {
        let values: Vec<_> = base
            .each()
            .iter()
            .map(|one| {
                let mut value = one.clone();
                for part in dotted.split('.').take(8) {
                    value = match &value {
                        Value::Name(id) => match self.names.member(*id, part) {
                            Some(member) => Value::Name(member),
                            None if part == "__dict__" => Value::Namespace(*id),
                            None => Value::Unknown,
                        },
                        Value::Instance(instance) => {
                            match self.names.member(instance.class, part) {
                                Some(member) => Value::Method(member, Rc::clone(instance)),
                                None => Value::Unknown,
                            }
                        }
                        _ => Value::Unknown,
                    };
                }
                value
            })
            .collect();
        Value::either(values)
    }
}

/// Whether it may be `"".join` or `"{}".format`.
fn folds_text(callee: &Expr) -> bool {
    match callee {
        Expr::Attribute(attribute) => matches!(attribute.attr.as_str(), "join" | "format"),
        _ => false,
    }
}

/// Two parts of a path, as `pathlib` and `os.path.join` put them together.
pub(super) fn join_path<'a>(left: &Text<'a>, right: &Text<'a>) -> Text<'a> {
    if right.known.starts_with('/') {
        return right.clone();
    }
    // An unknown right part may be absolute.
    if right.known.is_empty() && !right.complete {
        return Text { complete: false, ..Text::complete("") };
    }
    left.clone().join(&Text::complete("/")).join(right)
}

/// The text of `Path(a, b, ...)`.
fn path_of<'a>(arguments: &Arguments<'a>) -> Value<'a> {
    super::specials::joined(&arguments.positional, arguments.more)
}

/// A path object of a known or unknown text.
pub(super) fn path_instance(class: NameId, text: Option<Text<'_>>) -> Instance<'_> {
    let origin = match text.as_ref().and_then(Text::exact) {
        Some(exact) => FoundOperand::Path(exact.into()),
        None => FoundOperand::Unknown,
    };
    Instance { class, origin, text }
}
