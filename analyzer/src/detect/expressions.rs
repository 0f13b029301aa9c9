//! Expressions: what they may be, and the references in them.

use std::borrow::Cow;
use std::rc::Rc;

use crate::resolve::names::{NameId, NameTable};
use crate::resolve::scope::Reach;
use crate::resolve::special::Special;
use crate::resolve::value::{ClassId, Instance, Text, Value};
use crate::summary::Keep;
use crate::syntax::ast::{self, Expr};

use super::engine::{Body, Engine, Use, range_of};

/// Displays with more items than this are tables of data; their items are looked at, and the
/// whole is unknown.
const LONGEST_DISPLAY: usize = 64;

impl<'a> Engine<'a> {
    /// Evaluate an expression that stands in a place of the given use.
    pub(super) fn expression(&mut self, expression: &'a Expr, used: Use) -> Value<'a> {
        match expression {
            Expr::Name(name) => self.name(name, used),
            Expr::Attribute(attribute) => self.attribute(attribute, used),
            Expr::Call(call) => self.call(call, used),
            Expr::StringLiteral(string) => {
                let text = string.value.to_str();
                self.literal(text, string.range);
                Value::text(text)
            }
            Expr::FString(string) => self.f_string(&string.value),
            Expr::Subscript(subscript) => self.subscript(subscript, used),
            Expr::BinOp(operation) => self.binary(operation),
            Expr::Tuple(tuple) => self.sequence(&tuple.elts, used),
            Expr::List(list) => self.sequence(&list.elts, used),
            Expr::Set(set) => self.sequence(&set.elts, used),
            Expr::Dict(dict) => self.mapping(dict, used),
            Expr::NumberLiteral(number) => match &number.value {
                ast::Number::Int(int) => int.as_i64().map_or(Value::Unknown, Value::Int),
                ast::Number::Float(_) | ast::Number::Complex { .. } => Value::Unknown,
            },
            Expr::BooleanLiteral(boolean) => Value::Bool(boolean.value),
            Expr::NoneLiteral(_) => Value::None,
            Expr::EllipsisLiteral(_) => Value::Unknown,
            Expr::BytesLiteral(bytes) => {
                let ascii = bytes.as_single_part_bytestring().map(|part| part.range);
                ascii
                    .and_then(|range| plain_bytes(self.slice(range)))
                    .map_or(Value::Unknown, Value::Bytes)
            }
            Expr::BoolOp(operation) => {
                let values: Vec<_> =
                    operation.values.iter().map(|v| self.expression(v, used)).collect();
                Value::either(values)
            }
            Expr::If(choice) => {
                self.expression(&choice.test, Use::Looked);
                let body = self.expression(&choice.body, used);
                let orelse = self.expression(&choice.orelse, used);
                Value::choice(body, orelse)
            }
            Expr::Named(named) => self.walrus(named, used),
            Expr::UnaryOp(operation) => {
                let value = self.expression(&operation.operand, Use::Looked);
                match (operation.op, value) {
                    (ast::UnaryOp::USub, Value::Int(n)) => {
                        n.checked_neg().map_or(Value::Unknown, Value::Int)
                    }
                    (ast::UnaryOp::Not, Value::Bool(b)) => Value::Bool(!b),
                    _ => Value::Unknown,
                }
            }
            Expr::Compare(compare) => self.compare(compare),
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    for parameter in parameters.iter_non_variadic_params() {
                        if let Some(default) = &parameter.default {
                            self.expression(default, Use::Kept(Keep::Default));
                        }
                    }
                }
                self.defer(Body::Lambda(lambda), None, None);
                Value::Function(None)
            }
            Expr::Starred(starred) => {
                self.expression(&starred.value, used);
                Value::Unknown
            }
            Expr::Await(wait) => self.expression(&wait.value, used),
            Expr::Yield(yielded) => {
                if let Some(value) = &yielded.value {
                    self.expression(value, Use::Returned);
                }
                Value::Unknown
            }
            Expr::YieldFrom(yielded) => {
                self.expression(&yielded.value, Use::Returned);
                Value::Unknown
            }
            Expr::ListComp(list) => self.comprehension(&list.generators, &[&list.elt], used),
            Expr::SetComp(set) => self.comprehension(&set.generators, &[&set.elt], used),
            Expr::Generator(generator) => {
                self.comprehension(&generator.generators, &[&generator.elt], used)
            }
            Expr::DictComp(dict) => match &dict.key {
                Some(key) => self.comprehension(&dict.generators, &[key, &dict.value], used),
                None => self.comprehension(&dict.generators, &[&dict.value], used),
            },
            Expr::TString(string) => {
                for part in string.value.elements() {
                    self.interpolation(part);
                }
                Value::Unknown
            }
            Expr::Slice(slice) => {
                for part in [&slice.lower, &slice.upper, &slice.step].into_iter().flatten() {
                    self.expression(part, Use::Looked);
                }
                Value::Unknown
            }
            Expr::IpyEscapeCommand(command) => {
                self.notebook_command(command.kind, &command.value, command.range);
                Value::Unknown
            }
        }
    }

    fn name(&mut self, name: &'a ast::ExprName, used: Use) -> Value<'a> {
        let text = name.id.as_str();
        let found = self.scopes.find(self.scope, text);
        let Some((binding, _, reach)) = found else {
            return self.builtin(name, used);
        };
        let value = &binding.value;
        if !value.is_reference() {
            let stale = reach != Reach::Own && self.volatile.contains(text);
            return if stale { Value::Unknown } else { value.clone() };
        }
        let (value, alias_at) = (value.clone(), binding.alias_at);
        let range = range_of(name);
        if let Some(at) = alias_at
            && self.is_patch_point(&value)
        {
            match (reach, used) {
                // A function inside this one holds on to it.
                (Reach::Enclosing, _) => {
                    self.capture(&value, super::engine::bytes(at), Keep::Closure);
                }
                (_, Use::Kept(form)) => self.capture(&value, range, form),
                (_, Use::Returned) => self.capture(&value, range, Keep::Closure),
                _ => {}
            }
        }
        self.refer(&value, range, used, false);
        value
    }

    fn builtin(&mut self, name: &'a ast::ExprName, used: Use) -> Value<'a> {
        let text = name.id.as_str();
        let Some(id) = self.builtins().and_then(|builtins| self.names.member(builtins, text))
        else {
            if matches!(text, "__builtins__" | "builtins") && text != "builtins" {
                return self.builtins().map_or(Value::Unknown, Value::Name);
            }
            return Value::Unknown;
        };
        let value = Value::Name(id);
        self.refer(&value, range_of(name), used, true);
        value
    }

    pub(super) fn builtins(&self) -> Option<NameId> {
        self.names.member(NameTable::ROOT, "builtins")
    }

    fn attribute(&mut self, attribute: &'a ast::ExprAttribute, used: Use) -> Value<'a> {
        let base = self.expression(&attribute.value, Use::Base);
        let name = attribute.attr.as_str();
        if self.quiet == 0 {
            self.attribute_read(&base, name, attribute);
        }
        if let Some(value) = self.place(attribute) {
            self.refer(&value, range_of(attribute), used, false);
            return value;
        }
        if base.is_unknown() {
            return Value::Unknown;
        }
        let value = match &base {
            Value::Either(values) => {
                let members: Vec<_> = values.iter().map(|v| self.member_of(v, name)).collect();
                Value::either(members)
            }
            one => self.member_of(one, name),
        };
        // A read of `os.environ.x` reads the environment, unless the call around it says more.
        if used != Use::Callee {
            self.read_parts(&value, range_of(attribute));
        }
        // What an object of this file keeps has been told where it was taken.
        let fresh = !matches!(base.only(), Value::Own(_) | Value::Class(_));
        self.refer(&value, range_of(attribute), used, fresh);
        value
    }

    /// The value last assigned to `a.b`, where `a` is something no rule knows.
    fn place(&self, attribute: &'a ast::ExprAttribute) -> Option<Value<'a>> {
        if !self.has_places || !is_short_path(attribute) {
            return None;
        }
        let key = self.slice(attribute.range);
        self.scopes.find(self.scope, key).map(|(binding, ..)| binding.value.clone())
    }

    /// What reading an attribute gives that may be a property of a class of this file.
    fn read_property(&self, value: Value<'a>) -> Value<'a> {
        let is_property = |one: &Value<'a>| match one {
            Value::Function(Some(id)) => {
                self.functions.get(id.0 as usize).is_some_and(|function| function.property)
            }
            _ => false,
        };
        if !value.each().iter().any(is_property) {
            return value;
        }
        Value::either(value.each().iter().map(|one| match one {
            Value::Function(id) if is_property(one) => self.returned(*id),
            other => other.clone(),
        }))
    }

    /// The attribute `name` of a value.
    pub(super) fn member_of(&self, base: &Value<'a>, name: &'a str) -> Value<'a> {
        match base {
            Value::Name(id) => self.member_of_name(*id, name),
            Value::Instance(instance) => self.member_of_instance(instance, name),
            Value::Method(id, _) => match self.names.returns(*id) {
                Some(class) => self.member_of_instance(&bare_instance(class), name),
                None => Value::Unknown,
            },
            Value::Class(id) => self.member_of_class(*id, name, 0),
            Value::Own(id) => self.read_property(self.member_of_class(*id, name, 0)),
            _ => Value::Unknown,
        }
    }

    fn member_of_name(&self, id: NameId, name: &'a str) -> Value<'a> {
        if let Some(member) = self.names.member(id, name) {
            return Value::Name(member);
        }
        if name == "__dict__" {
            return Value::Namespace(id);
        }
        if let Some(class) = self.names.returns(id) {
            return self.member_of_instance(&bare_instance(class), name);
        }
        let keeps_state = self.names.triggers(id).iter().any(|t| !t.called);
        if keeps_state || self.names.special(id) == Some(Special::Modules) {
            return Value::Part(id, name);
        }
        Value::Unknown
    }

    fn member_of_instance(&self, instance: &Rc<Instance<'a>>, name: &str) -> Value<'a> {
        match self.names.member(instance.class, name) {
            Some(member) => Value::Method(member, Rc::clone(instance)),
            None => Value::Unknown,
        }
    }

    fn member_of_class(&self, id: ClassId, name: &'a str, depth: u8) -> Value<'a> {
        let Some(class) = self.classes.get(id.0 as usize) else { return Value::Unknown };
        let set = class.attributes.get(name).cloned();
        let defined = self.scopes.own(class.scope, name).map(|binding| &binding.value);
        match (set, defined) {
            (Some(set), Some(defined)) if defined.is_reference() => {
                return Value::either([set, defined.clone()]);
            }
            (Some(set), _) => return set,
            // A constant may be another one in a subclass or on the instance.
            (None, Some(defined)) => {
                return if defined.is_reference() { defined.clone() } else { Value::Unknown };
            }
            (None, None) => {}
        }
        if depth > 8 {
            return Value::Unknown;
        }
        let inherited = class.bases.iter().flat_map(Value::each).map(|base| match base {
            Value::Name(base) => {
                let class = bare_instance(*base);
                self.member_of_instance(&class, name)
            }
            Value::Class(base) => self.member_of_class(*base, name, depth + 1),
            _ => Value::Unknown,
        });
        inherited.into_iter().find(|value| !value.is_unknown()).unwrap_or_default()
    }

    fn subscript(&mut self, subscript: &'a ast::ExprSubscript, used: Use) -> Value<'a> {
        let base = self.expression(&subscript.value, Use::Base);
        let index = self.expression(&subscript.slice, Use::Looked);
        if base.is_unknown() {
            return Value::Unknown;
        }
        let range = range_of(subscript);
        let values: Vec<_> = base.each().iter().map(|one| self.item(one, &index, range)).collect();
        let value = Value::either(values);
        self.refer(&value, range, used, true);
        value
    }

    fn item(
        &mut self,
        base: &Value<'a>,
        index: &Value<'a>,
        range: crate::summary::Range,
    ) -> Value<'a> {
        match base {
            Value::Name(id) if self.names.special(*id) == Some(Special::Modules) => {
                match index.exact_text() {
                    Some(module) => self.module_from_table(module, range),
                    None => Value::Unknown,
                }
            }
            Value::Name(id) => {
                let has_state = self.names.triggers(*id).iter().any(|t| !t.called);
                if has_state {
                    self.read_state(*id, index, range);
                    Value::Unknown
                } else if self.names.is_class(*id) {
                    // `Popen[bytes]` (PEP 585).
                    Value::Name(*id)
                } else {
                    Value::Unknown
                }
            }
            Value::Namespace(id) => match index.exact_text() {
                Some(name) => self.names.member(*id, name).map_or(Value::Unknown, Value::Name),
                None => Value::Unknown,
            },
            Value::Globals => match index.exact_text() {
                Some(name) => self.global(name),
                None => Value::Unknown,
            },
            Value::Sequence(items) => match index {
                Value::Int(n) => {
                    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                    let at = if *n < 0 { n + length } else { *n };
                    usize::try_from(at)
                        .ok()
                        .and_then(|at| items.get(at))
                        .cloned()
                        .unwrap_or_default()
                }
                _ => one_of(items.iter()),
            },
            Value::Mapping(items) => {
                let hit = items.iter().find(|(key, _)| match (key, index) {
                    (Value::Int(a), Value::Int(b)) => a == b,
                    (key, index) => {
                        key.exact_text().is_some() && key.exact_text() == index.exact_text()
                    }
                });
                match hit {
                    Some((_, value)) => value.clone(),
                    None if index.is_unknown() => one_of(items.iter().map(|(_, v)| v)),
                    None => Value::Unknown,
                }
            }
            _ => Value::Unknown,
        }
    }

    pub(super) fn global(&self, name: &str) -> Value<'a> {
        let module = crate::resolve::scope::Scopes::MODULE;
        let own = self.scopes.own(module, name).map(|binding| binding.value.clone());
        let builtins = || self.builtins().filter(|_| name == "__builtins__").map(Value::Name);
        own.or_else(builtins).unwrap_or_default()
    }

    fn compare(&mut self, compare: &'a ast::ExprCompare) -> Value<'a> {
        let left = self.expression(&compare.left, Use::Looked);
        for (operator, value) in compare.ops.iter().zip(&compare.comparators) {
            if matches!(operator, ast::CmpOp::In | ast::CmpOp::NotIn) {
                // `"HOME" in os.environ` reads one variable.
                let mapping = self.expression(value, Use::Base);
                for one in mapping.each() {
                    if let Value::Name(id) = one {
                        self.read_state(*id, &left, range_of(value));
                    }
                }
            } else {
                self.expression(value, Use::Looked);
            }
        }
        Value::Unknown
    }

    fn binary(&mut self, operation: &'a ast::ExprBinOp) -> Value<'a> {
        let left = self.expression(&operation.left, Use::Looked);
        let right = self.expression(&operation.right, Use::Looked);
        let left = match (&left, left.only()) {
            // One thing it may be; what that was made from is not sure.
            (Value::Either(_), Value::Instance(one)) => Value::Instance(bare_instance(one.class)),
            _ => left,
        };
        match (operation.op, left, right) {
            (ast::Operator::Add, Value::Text(left), Value::Text(right)) => {
                Value::Text(left.join(&right))
            }
            (ast::Operator::Add, Value::Text(left), _) => {
                Value::Text(Text { complete: false, ..left })
            }
            (ast::Operator::Mod, Value::Text(left), _) => Value::Text(until(left, '%')),
            (ast::Operator::Div, Value::Instance(left), right) => self.joined_path(&left, &right),
            (ast::Operator::Div, Value::Method(id, _), right) => match self.names.returns(id) {
                Some(class) => self.joined_path(&bare_instance(class), &right),
                None => Value::Unknown,
            },
            (ast::Operator::BitOr, Value::Int(left), Value::Int(right)) => Value::Int(left | right),
            (ast::Operator::BitOr, left, right) => flags_or(&left, &right),
            _ => Value::Unknown,
        }
    }

    fn sequence(&mut self, items: &'a [Expr], used: Use) -> Value<'a> {
        let inner = contained(used);
        if items.len() > LONGEST_DISPLAY {
            for item in items {
                self.expression(item, inner);
            }
            return Value::Unknown;
        }
        let mut values = Vec::with_capacity(items.len());
        let mut starred = false;
        for item in items {
            starred |= item.is_starred_expr();
            values.push(self.expression(item, inner));
        }
        // `[*a, b]`: the places of the items are not known.
        if starred || values.iter().all(Value::is_unknown) {
            return Value::Unknown;
        }
        Value::Sequence(values.into())
    }

    fn mapping(&mut self, dict: &'a ast::ExprDict, used: Use) -> Value<'a> {
        let inner = contained(used);
        let short = dict.items.len() <= LONGEST_DISPLAY;
        let mut items = Vec::new();
        for item in &dict.items {
            let key = item.key.as_ref().map(|key| self.expression(key, Use::Looked));
            let value = self.expression(&item.value, inner);
            if let Some(key) = key
                && short
                && !value.is_unknown()
            {
                items.push((key, value));
            }
        }
        if items.is_empty() { Value::Unknown } else { Value::Mapping(items.into()) }
    }

    fn f_string(&mut self, string: &'a ast::FStringValue) -> Value<'a> {
        let mut text = Text::complete("");
        for part in string {
            match part {
                ast::FStringPart::Literal(literal) => {
                    self.literal(&literal.value, literal.range);
                    text = text.join(&Text::complete(&*literal.value));
                }
                ast::FStringPart::FString(inner) => {
                    for element in &inner.elements {
                        match element {
                            ast::InterpolatedStringElement::Literal(literal) => {
                                self.literal(&literal.value, literal.range);
                                text = text.join(&Text::complete(&*literal.value));
                            }
                            ast::InterpolatedStringElement::Interpolation(_) => {
                                text = match self.interpolation(element) {
                                    Value::Text(known) => text.join(&known),
                                    Value::Int(n) => text.join(&Text::complete(n.to_string())),
                                    _ => Text { complete: false, ..text },
                                };
                            }
                        }
                    }
                }
            }
        }
        Value::Text(text)
    }

    fn interpolation(&mut self, element: &'a ast::InterpolatedStringElement) -> Value<'a> {
        let ast::InterpolatedStringElement::Interpolation(inner) = element else {
            return Value::Unknown;
        };
        let value = self.expression(&inner.expression, Use::Looked);
        let mut plain = matches!(inner.conversion, ast::ConversionFlag::None);
        if let Some(spec) = &inner.format_spec {
            plain = false;
            for element in &spec.elements {
                self.interpolation(element);
            }
        }
        // `{x!r}`, `{x:>8}` and `{x=}` show something else.
        if plain && inner.debug_text.is_none() { value } else { Value::Unknown }
    }

    fn walrus(&mut self, named: &'a ast::ExprNamed, used: Use) -> Value<'a> {
        let Expr::Name(target) = &*named.target else {
            return self.expression(&named.value, used);
        };
        let assigned = self.assigned_use(target.id.as_str());
        let value = self.expression(&named.value, assigned);
        let block = self.scopes.block(self.scope);
        let alias_at = (assigned == Use::Assigned).then_some(named.range);
        let binding = crate::resolve::scope::Binding { value: value.clone(), alias_at };
        self.scopes.bind(block, target.id.as_str(), Some(binding));
        value
    }
}

/// What iterating over a value gives.
pub(super) fn item_of<'a>(items: &Value<'a>) -> Value<'a> {
    match items {
        Value::Sequence(items) => Value::either(items.iter().cloned()),
        _ => Value::Unknown,
    }
}

/// An item of a display is used as the display is.
fn contained(used: Use) -> Use {
    match used {
        Use::Kept(_) => Use::Kept(Keep::Container),
        Use::Looked => Use::Looked,
        Use::Assigned | Use::Base | Use::Callee => Use::Assigned,
        Use::Argument | Use::Contained | Use::Returned => Use::Contained,
    }
}

/// One of several values, at an index that is not known.
fn one_of<'v, 'a: 'v>(values: impl Iterator<Item = &'v Value<'a>>) -> Value<'a> {
    Value::either(values.cloned())
}

/// An instance nothing more is known of.
pub(super) fn bare_instance<'a>(class: NameId) -> Rc<Instance<'a>> {
    Rc::new(Instance { class, origin: crate::summary::FoundOperand::Unknown, text: None })
}

/// A text up to the first `stop`: what comes of a format string whatever is put in.
pub(super) fn until(text: Text<'_>, stop: char) -> Text<'_> {
    let Some(at) = text.known.find(stop) else {
        return Text { complete: false, ..text };
    };
    let known = match text.known {
        Cow::Borrowed(known) => Cow::Borrowed(known.get(..at).unwrap_or_default()),
        Cow::Owned(mut known) => {
            known.truncate(at);
            Cow::Owned(known)
        }
    };
    Text { known, complete: false }
}

/// `os.O_CREAT | os.O_WRONLY`: the names stay readable for the conditions on flags.
pub(super) fn flags_or<'a>(left: &Value<'a>, right: &Value<'a>) -> Value<'a> {
    if left.is_unknown() && right.is_unknown() {
        return Value::Unknown;
    }
    Value::Flags(vec![left.clone(), right.clone()].into())
}

/// Whether it is `a.b` or `a.b.c`: names and dots only, and few of them.
pub(super) fn is_short_path(attribute: &ast::ExprAttribute) -> bool {
    let mut base = &*attribute.value;
    for _ in 0..3 {
        match base {
            Expr::Name(_) => return true,
            Expr::Attribute(inner) => base = &inner.value,
            _ => return false,
        }
    }
    false
}

/// The content of a plain ASCII bytes literal, from its source.
fn plain_bytes(source: &str) -> Option<&str> {
    let inner = source.trim_start_matches(['b', 'B']);
    let quote = inner.chars().next().filter(|q| matches!(q, '"' | '\''))?;
    let inner = inner.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains(['\\', quote]) && inner.is_ascii()).then_some(inner)
}
