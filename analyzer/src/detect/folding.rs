//! Methods of plain values that tell more of a name: `"".join`, `"{}".format`, `tools.get`.

use std::borrow::Cow;
use std::rc::Rc;

use crate::resolve::budget;
use crate::resolve::names::NameId;
use crate::resolve::value::{Text, Value};
use crate::summary::{FoundOperand, Range};
use crate::syntax::ast::{self, Expr};

use super::engine::Engine;
use super::operands::Arguments;

const TEXT_METHODS: [&str; 16] = [
    "join",
    "format",
    "lower",
    "upper",
    "casefold",
    "capitalize",
    "title",
    "swapcase",
    "strip",
    "lstrip",
    "rstrip",
    "replace",
    "removeprefix",
    "removesuffix",
    "split",
    "encode",
];
const MAPPING_METHODS: [&str; 7] =
    ["get", "pop", "setdefault", "__getitem__", "values", "items", "copy"];
const LIST_METHODS: [&str; 3] = ["pop", "__getitem__", "copy"];
const NAMESPACE_METHODS: [&str; 6] =
    ["get", "pop", "setdefault", "update", "__getitem__", "__setitem__"];

/// The method of a plain value, where it can be folded.
pub(super) fn method<'a>(base: &Value<'a>, name: &'a str) -> Value<'a> {
    let known = match base {
        Value::Text(_) => TEXT_METHODS.contains(&name),
        Value::Bytes(_) => name == "decode",
        Value::Mapping(_) => MAPPING_METHODS.contains(&name),
        Value::Sequence(_) | Value::List(_) => LIST_METHODS.contains(&name),
        Value::Namespace(_) | Value::Globals => NAMESPACE_METHODS.contains(&name),
        _ => false,
    };
    if known { Value::Plain(Rc::new(base.clone()), name).bounded() } else { Value::Unknown }
}

impl<'a> Engine<'a> {
    /// Call such a method.
    pub(super) fn call_plain(
        &mut self,
        base: &Value<'a>,
        method: &str,
        arguments: &Arguments<'a>,
        range: Range,
    ) -> Value<'a> {
        let first = arguments.positional.first().unwrap_or(&Value::Unknown);
        if let Value::Text(text) = base {
            budget::spend(text.known.len() / 16);
        }
        match (base, method) {
            (Value::Text(text), method) => text_method(text, method, arguments),
            (Value::Bytes(text), _) => Value::text(*text),
            (Value::Mapping(_) | Value::List(_) | Value::Sequence(_), "copy") => base.clone(),
            (Value::Mapping(items), "values") => {
                Value::List(items.iter().map(|(_, value)| value.references()).collect())
            }
            (Value::Mapping(items), "items") => {
                let pair = |(key, value): &(Value<'a>, Value<'a>)| {
                    Value::Sequence([key.references(), value.references()].into())
                };
                Value::List(items.iter().map(pair).collect()).bounded()
            }
            (Value::List(_) | Value::Sequence(_), "pop") if arguments.positional.is_empty() => {
                self.item(base, &Value::Int(-1), range)
            }
            (Value::Namespace(module), "update") => {
                if let Value::Mapping(items) = first {
                    for (name, _) in items.iter() {
                        self.guarded_module_written(*module, name.exact_text(), range);
                    }
                }
                for (name, _) in &arguments.keywords {
                    self.guarded_module_written(*module, Some(name), range);
                }
                Value::None
            }
            (Value::Namespace(module), "pop" | "setdefault" | "__setitem__") => {
                self.guarded_module_written(*module, first.exact_text(), range);
                self.item(base, first, range)
            }
            (Value::Name(_), "__getattribute__") => self.named_member(base, first),
            _ => {
                let item = self.item(base, first, range);
                match arguments.positional.get(1) {
                    Some(default) => Value::either([item, default.clone()]),
                    None => item,
                }
            }
        }
    }

    /// The attribute of a value by a name that was worked out.
    pub(super) fn named_member(&self, base: &Value<'a>, name: &Value<'a>) -> Value<'a> {
        let beginning = match name {
            Value::Text(Text { known, complete: true }) => return self.dotted_member(base, known),
            Value::Text(text) => &*text.known,
            _ => "",
        };
        let each = base.each().iter().map(|one| match one {
            Value::Name(id) if self.any_patch_point(*id, beginning).is_some() => {
                Value::AnyMember(*id)
            }
            _ => Value::Unknown,
        });
        Value::either(each)
    }

    /// A function of a module that a name of this beginning may mean: the one that reaches most.
    fn any_patch_point(&self, module: NameId, beginning: &str) -> Option<NameId> {
        if !self.names.is_guarded_module(module) {
            return None;
        }
        let members = self.names.patch_points_of(self.names.canonical(module));
        let called = members.filter(|id| {
            let last = self.names.name(*id).rsplit('.').next().unwrap_or_default();
            let called = self.names.patch_point(*id).is_some_and(|t| t.called);
            called && last.starts_with(beginning)
        });
        called.min_by_key(|id| self.names.patch_point(*id).map(|t| t.rule.capability))
    }

    /// `getattr(os, name)(...)`: something of the module is called, nobody knows what.
    pub(super) fn call_any_member(&mut self, module: NameId, range: Range) {
        let trigger = self.any_patch_point(module, "").and_then(|id| self.names.patch_point(id));
        if let Some(trigger) = trigger {
            let target = format!("{}.*", self.names.name(module));
            let operand = FoundOperand::Unknown;
            self.act(trigger.rule, trigger.verb(), &target, operand, false, false, range);
        }
    }
}

fn text_method<'a>(text: &Text<'a>, method: &str, arguments: &Arguments<'a>) -> Value<'a> {
    if method == "format" {
        return Value::Text(formatted(text, arguments));
    }
    let Some(whole) = text.exact() else { return Value::Unknown };
    let given = |at: usize| arguments.positional.get(at).and_then(Value::exact_text);
    let folded = match (method, arguments.positional.len()) {
        ("join", 1) => return joined(text, arguments.positional.first()),
        ("lower" | "casefold", 0) => whole.to_lowercase(),
        ("upper", 0) => whole.to_uppercase(),
        ("swapcase", 0) if whole.is_ascii() => whole.chars().map(swapped).collect(),
        ("capitalize", 0) if whole.is_ascii() => capitalised(whole),
        ("strip", 0) => whole.trim().to_owned(),
        ("lstrip", 0) => whole.trim_start().to_owned(),
        ("rstrip", 0) => whole.trim_end().to_owned(),
        ("strip" | "lstrip" | "rstrip" | "removeprefix" | "removesuffix", 1) => {
            let Some(what) = given(0) else { return Value::Unknown };
            let any = |c: char| what.contains(c);
            match method {
                "strip" => whole.trim_matches(any),
                "lstrip" => whole.trim_start_matches(any),
                "rstrip" => whole.trim_end_matches(any),
                "removeprefix" => whole.strip_prefix(what).unwrap_or(whole),
                _ => whole.strip_suffix(what).unwrap_or(whole),
            }
            .to_owned()
        }
        ("replace", 2) => match (given(0), given(1)) {
            (Some(from), Some(to)) if !from.is_empty() && to.len() <= from.len().max(16) => {
                whole.replace(from, to)
            }
            _ => return Value::Unknown,
        },
        ("split", 1) => {
            let Some(by) = given(0).filter(|by| !by.is_empty()) else { return Value::Unknown };
            let parts = whole.split(by).take(64).map(|part| Value::text(part.to_owned()));
            return Value::Sequence(parts.collect());
        }
        _ => return Value::Unknown,
    };
    // The chain of calls is as long as the text, and so must the folded one be.
    if folded.len() > Text::LONGEST { Value::Unknown } else { Value::text(folded) }
}

fn swapped(c: char) -> char {
    if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars.map(|c| c.to_ascii_lowercase())).collect()
}

fn joined<'a>(separator: &Text<'a>, items: Option<&Value<'a>>) -> Value<'a> {
    let Some(Value::Sequence(items)) = items else { return Value::Unknown };
    let mut joined = Text::complete("");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            joined = joined.join(separator);
        }
        joined = joined.join(&shown(Some(item)));
    }
    Value::Text(joined)
}

/// What a value shows in a formatted string.
fn shown<'a>(value: Option<&Value<'a>>) -> Text<'a> {
    match value {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Int(n)) => Text::complete(n.to_string()),
        _ => Text { complete: false, ..Text::complete("") },
    }
}

/// `"{}.{name}".format(...)`, up to the first field that is not plain.
fn formatted<'a>(format: &Text<'a>, arguments: &Arguments<'a>) -> Text<'a> {
    let unknown = || Text { complete: false, ..Text::complete("") };
    let mut text = Text::complete("");
    let mut rest = &*format.known;
    let mut next = 0;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, field) = rest.split_at(at);
        text = text.join(&Text::complete(before.to_owned()));
        let doubled = field.get(1..2) == field.get(..1);
        if doubled {
            text = text.join(&Text::complete(field.get(..1).unwrap_or_default().to_owned()));
            rest = field.get(2..).unwrap_or_default();
            continue;
        }
        let Some((name, after)) = field.get(1..).and_then(|field| field.split_once('}')) else {
            return text.join(&unknown());
        };
        let value = if name.is_empty() {
            next += 1;
            arguments.positional.get(next - 1)
        } else if let Ok(index) = name.parse::<usize>() {
            arguments.positional.get(index)
        } else {
            arguments.keyword(name)
        };
        text = text.join(&shown(value.filter(|_| !arguments.more)));
        rest = after;
    }
    let text = text.join(&Text::complete(rest.to_owned()));
    if format.complete { text } else { Text { complete: false, ..text } }
}

/// `"%s.%d" % (...)`, up to the first field that is not plain.
pub(super) fn percent<'a>(format: Text<'a>, values: &Value<'a>) -> Text<'a> {
    if !format.known.contains('%') {
        return format;
    }
    let one = std::slice::from_ref(values);
    let mut values = match values {
        Value::Sequence(items) => items.iter(),
        _ => one.iter(),
    };
    let mut text = Text::complete("");
    let mut rest = &*format.known;
    while let Some((before, field)) = rest.split_once('%') {
        text = text.join(&Text::complete(before.to_owned()));
        let shown = match field.as_bytes().first() {
            Some(b'%') => Text::complete("%"),
            Some(b's') => shown(values.next()),
            Some(b'd' | b'i') => shown(values.next().filter(|v| matches!(v, Value::Int(_)))),
            _ => return Text { complete: false, ..text },
        };
        text = text.join(&shown);
        rest = field.get(1..).unwrap_or_default();
    }
    let text = text.join(&Text::complete(rest.to_owned()));
    if format.complete { text } else { Text { complete: false, ..text } }
}

/// `text[a:b:c]` with constant bounds.
pub(super) fn sliced<'a>(text: &Text<'a>, slice: &ast::ExprSlice) -> Value<'a> {
    let bound = |part: &Option<Box<Expr>>| part.as_deref().map(constant);
    let (Some(whole), lower, upper, step) =
        (text.exact(), bound(&slice.lower), bound(&slice.upper), bound(&slice.step))
    else {
        return Value::Unknown;
    };
    if !whole.is_ascii() || whole.len() > Text::LONGEST {
        return Value::Unknown;
    }
    budget::spend(whole.len() / 16);
    let length = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    let place = |bound: Option<Option<i64>>, missing: i64| -> Option<i64> {
        match bound {
            None => Some(missing),
            Some(n) => n.map(|n| (if n < 0 { n + length } else { n }).clamp(-1, length)),
        }
    };
    let step = match step {
        None => 1,
        Some(Some(step)) if step != 0 => step,
        Some(_) => return Value::Unknown,
    };
    let (first, last) = if step > 0 { (0, length) } else { (length - 1, -1) };
    let (Some(mut at), Some(end)) = (place(lower, first), place(upper, last)) else {
        return Value::Unknown;
    };
    if step > 0 {
        at = at.max(0);
    } else {
        at = at.min(length - 1);
    }
    let mut sliced = String::new();
    while if step > 0 { at < end } else { at > end && at >= 0 } {
        let char = usize::try_from(at).ok().and_then(|at| whole.get(at..=at));
        sliced.push_str(char.unwrap_or_default());
        at = at.saturating_add(step);
    }
    Value::Text(Text { known: Cow::Owned(sliced), complete: true })
}

/// An integer constant as it is written.
fn constant(expression: &Expr) -> Option<i64> {
    match expression {
        Expr::NumberLiteral(ast::ExprNumberLiteral { value: ast::Number::Int(n), .. }) => {
            n.as_i64()
        }
        Expr::UnaryOp(minus) if minus.op == ast::UnaryOp::USub => {
            constant(&minus.operand)?.checked_neg()
        }
        _ => None,
    }
}
