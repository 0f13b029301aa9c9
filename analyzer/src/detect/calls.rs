//! Calls: arguments, the acts of known callables, and what they give back.

use std::borrow::Cow;
use std::rc::Rc;

use crate::resolve::budget;
use crate::resolve::names::{ApiTrigger, NameId};
use crate::resolve::special::Special;
use crate::resolve::value::{Getter, Instance, Partial, Text, Value};
use crate::summary::{FoundOperand, Range};
use crate::syntax::ast::{self, Expr};

use super::engine::{Engine, Use, range_of};
use super::expressions::bare_instance;
use super::operands::{Arguments, Truth, operand, path_text};

impl<'a> Engine<'a> {
    pub(super) fn call(&mut self, call: &'a ast::ExprCall, used: Use) -> Value<'a> {
        let callee = self.expression(&call.func, Use::Callee);
        let edge = self.note_call(&callee, call);
        match callee {
            Value::Unknown | Value::Foreign(_) => {
                self.unknown_call(call, edge);
                return self.foreign_result(&callee, call);
            }
            Value::Function(function) => {
                self.unknown_call(call, edge);
                if let Some(id) = function
                    && used != Use::Looked
                {
                    self.settle_function(id);
                }
                return self.returned(function);
            }
            _ => {}
        }
        let special = self.special_of(&callee);
        let arguments = self.arguments(&call.arguments, special);
        let range = range_of(call);
        if !special.is_some_and(only_looks) {
            self.note_passed(&arguments, edge, range);
        }
        if let Some(special) = special
            && let Some(value) = self.special_call(special, &arguments, range)
        {
            match &value {
                Value::Partial(partial) => {
                    // What is given arguments is there to be called.
                    let used = if used == Use::OnlyArgument { Use::Argument } else { used };
                    self.refer(&partial.function, range, used, true);
                }
                _ if matches!(special, Special::Identity | Special::TypeOf) => {}
                value => self.refer(value, range, used, true),
            }
            // `__import__` and its kin are acts of their own rules as well.
            self.call_each(&callee, &arguments, range);
            return value;
        }
        let value = self.call_each(&callee, &arguments, range);
        if matches!(callee, Value::Plain(..) | Value::Getter(..)) {
            // `tools.get("run")` mentions what it gives.
            self.refer(&value, range, used, true);
        }
        value
    }

    /// Look at the arguments of a call of something no rule knows: most calls.
    fn unknown_call(&mut self, call: &'a ast::ExprCall, edge: Option<u32>) {
        let arguments = &call.arguments;
        let used = match (arguments.args.len(), arguments.keywords.len()) {
            (0, 0) => return,
            // `Thread(target=os.abort)` says by the keyword what it is for.
            (1, 0) => Use::OnlyArgument,
            _ if compares(&call.func) => Use::Looked,
            _ => Use::Argument,
        };
        for argument in &arguments.args {
            let value = self.expression(argument, used);
            self.note_pass(&value, edge, range_of(argument));
        }
        for keyword in &arguments.keywords {
            let value = self.expression(&keyword.value, used);
            self.note_pass(&value, edge, range_of(&keyword.value));
        }
    }

    /// A decorator is called with the function below it.
    pub(super) fn call_decorator(&mut self, callee: &Value<'a>, at: &'a Expr) {
        let function =
            Arguments { positional: vec![Value::Function(None)], ..Arguments::default() };
        for one in callee.each() {
            if let Value::Name(_) = one
                && self.special_of(one).is_none()
            {
                self.call_each(one, &function, range_of(at));
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
                Special::TypeTest
                | Special::TypeOf
                | Special::Text
                | Special::Mock
                | Special::Cast
                | Special::Super
                | Special::Vars,
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
                    Value::List(items) if !found.more => {
                        // Where in the list they are by now is not known.
                        found.more = true;
                        found.loose.extend(items.iter().map(Value::references));
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
                    Value::Mapping(items) => {
                        let items = items.iter().map(|(key, value)| match key {
                            Value::Text(Text { known: Cow::Borrowed(key), complete: true }) => {
                                Some((*key, value.clone()))
                            }
                            _ => None,
                        });
                        match items.collect::<Option<Vec<_>>>() {
                            Some(items) => {
                                found.more |= !is_whole(&keyword.value, items.len());
                                found.keywords.extend(items);
                            }
                            _ => found.more = true,
                        }
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
                    return self.call_module_table(*id, method, arguments, range);
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
            Value::Function(function) => {
                if let Some(id) = function {
                    self.settle_function(*id);
                }
                self.returned(*function)
            }
            Value::Getter(getter, name) => self.call_getter(*getter, name, arguments, range),
            Value::Partial(partial) => {
                let arguments = given_before(partial, arguments);
                self.call_each(&partial.function, &arguments, range)
            }
            Value::Plain(base, method) => self.call_plain(base, method, arguments, range),
            Value::AnyMember(id) => {
                self.call_any_member(*id, range);
                Value::Unknown
            }
            Value::Foreign(_) => self.foreign_called(callee),
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
        if depth > 8 || own_init || budget::spend(1 + class.bases.len()) {
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
        trigger: &ApiTrigger,
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
        if self.names.special(id) == Some(Special::Paths)
            && let Some(class) = self.names.member_class(id)
        {
            return Value::List([Value::Instance(bare_instance(class))].into());
        }
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
        match self.names.special(id) {
            // What it gives is what a name stands for that is not known.
            Some(
                Special::Import | Special::ImportModule | Special::ResolveName | Special::GetAttr,
            ) => Value::Unknown,
            _ => self.foreign_result_of(id),
        }
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
        let unknown = Text { complete: false, ..Text::complete("") };
        let text =
            path_text(right).map(|right| join_path(left.text.as_ref().unwrap_or(&unknown), &right));
        Value::Instance(Rc::new(path_instance(left.class, text)))
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
                let rest = arguments.without_first();
                self.call_each(&method, &rest, range)
            }
            Getter::Item => self.item(base, &Value::text(name.to_owned()), range),
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
                        Value::Own(id) | Value::Class(id) => self.member_of_class(*id, part, 0),
                        Value::Foreign(_) => self.foreign_member(&value, part),
                        Value::Globals => self.global(part),
                        _ => Value::Unknown,
                    };
                }
                value
            })
            .collect();
        Value::either(values)
    }
}

/// The arguments of a call of a partial: those given before, and those given now.
fn given_before<'a>(partial: &Partial<'a>, now: &Arguments<'a>) -> Arguments<'a> {
    let mut positional = partial.positional.clone();
    if !partial.more {
        positional.extend(now.positional.iter().cloned());
    }
    let keywords = now.keywords.iter().chain(&partial.keywords).cloned().collect();
    Arguments { positional, keywords, more: now.more || partial.more, loose: now.loose.clone() }
}

/// Whether it is a dict display of which every item is known.
fn is_whole(display: &Expr, known: usize) -> bool {
    matches!(display, Expr::Dict(dict) if dict.items.len() == known)
}

/// Two parts of a path, as `pathlib` and `os.path.join` put them together.
pub(super) fn join_path<'a>(left: &Text<'a>, right: &Text<'a>) -> Text<'a> {
    if right.known.starts_with('/') {
        return right.clone();
    }
    // Windows: a drive or a backslash starts anew.
    if right.known.starts_with('\\') || right.known.get(1..2) == Some(":") {
        return Text { complete: false, ..Text::complete("") };
    }
    if left.known.is_empty() && left.complete {
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

/// Whether what it is given is neither called by it nor kept.
const fn only_looks(special: Special) -> bool {
    matches!(
        special,
        Special::TypeTest
            | Special::TypeOf
            | Special::Cast
            | Special::Identity
            | Special::Partial
            | Special::Super
            | Special::Vars
    )
}

/// Whether a method of that name compares what it is given: `self.assertIs(f, os.remove)`
/// (`unittest.TestCase`).
fn compares(callee: &Expr) -> bool {
    let Expr::Attribute(method) = callee else { return false };
    let name = method.attr.as_str();
    ["assertIs", "assertNotIs", "assertEqual", "assertNotEqual", "assertIn", "assertNotIn"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}
