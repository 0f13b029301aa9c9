//! Expressions: what they may be, and the references in them.

use std::rc::Rc;

use crate::resolve::budget;
use crate::resolve::names::{NameId, NameTable};
use crate::resolve::scope::Reach;
use crate::resolve::value::{Instance, Text, Value};
use crate::summary::Keep;
use crate::syntax::ast::{self, Expr};

use super::engine::{Body, Engine, Use, range_of};

/// Displays with more items than this are tables of data; their items are looked at, and the
/// whole is unknown.
const LONGEST_DISPLAY: usize = 64;

impl<'a> Engine<'a> {
    /// Evaluate an expression that stands in a place of the given use.
    pub(super) fn expression(&mut self, expression: &'a Expr, used: Use) -> Value<'a> {
        if budget::spend(1) {
            return Value::Unknown;
        }
        match expression {
            Expr::Name(name) => self.name(name, used),
            Expr::Attribute(attribute) => self.attribute(attribute, used),
            Expr::Call(call) => self.call(call, used),
            Expr::StringLiteral(string) => {
                let text = string.value.to_str();
                self.literal(text, string.range);
                Value::Text(Text::of_literal(text))
            }
            Expr::FString(string) => self.f_string(&string.value),
            Expr::Subscript(subscript) => self.subscript(subscript, used),
            Expr::BinOp(operation) => self.binary(operation),
            Expr::Tuple(tuple) => self.sequence(&tuple.elts, used),
            Expr::List(list) if stays(used) => kept_list(self.sequence(&list.elts, used)),
            Expr::List(list) => self.sequence(&list.elts, used),
            Expr::Set(set) => kept_list(self.sequence(&set.elts, used)),
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
                let mut values = Vec::with_capacity(operation.values.len());
                for (index, value) in operation.values.iter().enumerate() {
                    // What stands behind the first is evaluated or not.
                    let value = match index {
                        0 => self.expression(value, used),
                        _ => self.perhaps(|engine| engine.expression(value, used)),
                    };
                    values.push(value);
                }
                Value::either(values)
            }
            Expr::If(choice) => {
                self.expression(&choice.test, Use::Looked);
                let body = self.perhaps(|engine| engine.expression(&choice.body, used));
                let orelse = self.perhaps(|engine| engine.expression(&choice.orelse, used));
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
            // What it holds has been looked at where it stands.
            Expr::Lambda(_) if self.again => Value::Function(None),
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    for parameter in parameters.iter_non_variadic_params() {
                        if let Some(default) = &parameter.default {
                            self.expression(default, Use::Kept(Keep::Default));
                        }
                    }
                }
                let id = self.add_function(("<lambda>", lambda.range), None, None, false);
                self.defer(Body::Lambda(lambda), None, Some(id));
                Value::Function(Some(id))
            }
            Expr::Starred(starred) => {
                // `[*os.environ]` reads its names. What stands in a display is kept with the rest.
                let is_display =
                    matches!(*starred.value, Expr::List(_) | Expr::Tuple(_) | Expr::Set(_));
                let used = if is_display { used } else { Use::Argument };
                let items = self.expression(&starred.value, used);
                self.any_item(&items).references()
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
            Expr::DictComp(dict) => self.dict_comprehension(dict, used),
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
        if !self.volatile.is_empty() {
            self.settle_name(text);
        }
        let found = self.scopes.find(self.scope, text);
        let Some((binding, scope, reach)) = found else {
            if self.scopes.loops > 0 {
                self.unbound_here.push(text);
            }
            // `del os` at a module's end is after the functions that use it have run, and what
            // `global` sets need not be set anywhere else.
            let elsewhere = self.in_function() || self.volatile.has_global(text);
            let gone = if elsewhere { self.scopes.gone_global(text) } else { None };
            if let Some(value) = gone {
                // Who knows which of the functions that set it has run.
                let value = if self.volatile.is_empty() { value } else { value.references() };
                self.refer(&value, range_of(name), used, false);
                return value;
            }
            return self.builtin(name, used);
        };
        if reach != Reach::Own && self.scopes.loops > 0 {
            self.unbound_here.push(text);
        }
        // Most names: a parameter, or what some unknown call gave.
        if binding.value.is_unknown() && reach == Reach::Own && self.volatile.is_empty() {
            return binding.value.clone();
        }
        let (mut value, alias_at) =
            (self.present_value(scope, text, binding, reach), binding.alias_at);
        if matches!(value, Value::Instance(_)) && value.is_exact() && self.redirects() {
            value = value.references();
        }
        if !value.is_reference() {
            return value;
        }
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
            return if text == "__name__" {
                Value::text("__name__")
            } else {
                self.bound_elsewhere(text)
            };
        };
        let value = Value::Name(id);
        self.refer(&value, range_of(name), used, true);
        value
    }

    pub(super) fn builtins(&self) -> Option<NameId> {
        self.names.member(NameTable::ROOT, "builtins")
    }

    pub(super) fn is_builtins(&self, id: NameId) -> bool {
        Some(self.names.canonical(id)) == self.builtins()
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
            (ast::Operator::Mod, Value::Text(left), right) => {
                Value::Text(super::folding::percent(left, &right))
            }
            (ast::Operator::Div, Value::Instance(left), right) => self.joined_path(&left, &right),
            (ast::Operator::Div, _, Value::Instance(right)) => {
                // `"root" / path`
                self.joined_path(&Rc::new(Instance::bare(right.class)), &Value::Unknown)
            }
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
        if values.iter().all(|value| !self.is_of_interest(value)) {
            return self.container();
        }
        // `[*a, b]`: the places of the items are not known.
        if starred {
            return kept_list(Value::Sequence(values.into()).bounded());
        }
        Value::Sequence(values.into()).bounded()
    }

    fn mapping(&mut self, dict: &'a ast::ExprDict, used: Use) -> Value<'a> {
        let inner = contained(used);
        let short = dict.items.len() <= LONGEST_DISPLAY;
        let mut items = Vec::new();
        for item in &dict.items {
            let key = item.key.as_ref().map(|key| self.expression(key, Use::Looked));
            // `{**os.environ}` reads all of it.
            let used = if key.is_some() { inner } else { Use::Argument };
            let value = self.expression(&item.value, used);
            if let Some(key) = key
                && short
                && self.is_of_interest(&value)
            {
                items.push((key, value));
            }
        }
        if items.is_empty() {
            return self.container();
        }
        let mapping = Value::Mapping(items.into()).bounded();
        if stays(used) { mapping.references() } else { mapping }
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
        let binding = crate::resolve::scope::Binding { value: value.clone(), alias_at, past: None };
        self.scopes.bind(block, target.id.as_str(), Some(binding));
        value
    }
}

/// What iterating over a value gives.
pub(super) fn item_of<'a>(items: &Value<'a>) -> Value<'a> {
    match items.only() {
        Value::Sequence(items) => Value::either(items.iter().cloned()),
        Value::List(items) => any_of(items.iter()),
        _ => Value::Unknown,
    }
}

/// Whether a display in this place is kept by somebody, who may change it.
const fn stays(used: Use) -> bool {
    match used {
        Use::Looked | Use::Base | Use::Callee | Use::Argument | Use::OnlyArgument => false,
        Use::Contained | Use::Assigned | Use::Returned | Use::Kept(_) => true,
    }
}

/// The items of a display that is kept.
fn kept_list(items: Value<'_>) -> Value<'_> {
    match items {
        Value::Sequence(items) => Value::List(items),
        other => other,
    }
}

/// An item of a display is used as the display is.
fn contained(used: Use) -> Use {
    match used {
        Use::Kept(_) => Use::Kept(Keep::Container),
        Use::Looked => Use::Looked,
        Use::Assigned | Use::Base | Use::Callee => Use::Assigned,
        Use::Argument | Use::OnlyArgument | Use::Contained | Use::Returned => Use::Contained,
    }
}

/// One of several, by an index that is not known.
pub(super) fn any_of<'v, 'a: 'v>(values: impl Iterator<Item = &'v Value<'a>>) -> Value<'a> {
    Value::either(values.map(Value::references))
}

/// An instance nothing more is known of.
pub(super) fn bare_instance<'a>(class: NameId) -> Rc<Instance<'a>> {
    Rc::new(Instance::bare(class))
}

/// `os.O_CREAT | os.O_WRONLY`: the names stay readable for the conditions on flags.
pub(super) fn flags_or<'a>(left: &Value<'a>, right: &Value<'a>) -> Value<'a> {
    if left.is_unknown() && right.is_unknown() {
        return Value::Unknown;
    }
    Value::Flags(vec![left.clone(), right.clone()].into()).bounded()
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
    let plain = inner.len() <= Text::LONGEST && inner.is_ascii();
    (plain && !inner.contains(['\\', quote])).then_some(inner)
}
