//! What an annotation says of a value.

use crate::resolve::special::Special;
use crate::resolve::value::Value;
use crate::syntax::ast::{self, Expr};

use super::engine::{Engine, Use};
use super::expressions::bare_instance;

impl<'a> Engine<'a> {
    /// The value of something annotated so: an instance, or unknown. Nothing in it is an act.
    pub(super) fn annotated(&mut self, annotation: &'a Expr) -> Value<'a> {
        self.quietly(|engine| engine.annotation(annotation, 0))
    }

    fn annotation(&mut self, annotation: &'a Expr, depth: u8) -> Value<'a> {
        if depth > 8 {
            return Value::Unknown;
        }
        match annotation {
            Expr::Name(_) | Expr::Attribute(_) => {
                let value = self.expression(annotation, Use::Looked);
                match self.class {
                    // From `typing` or a library that has it for older versions.
                    Some(class) if value.is_unknown() && is_self(annotation) => Value::Own(class),
                    _ => self.instance_of(&value),
                }
            }
            // `X | None`
            Expr::BinOp(operation) if operation.op == ast::Operator::BitOr => {
                let left = self.annotation(&operation.left, depth + 1);
                let right = self.annotation(&operation.right, depth + 1);
                Value::either([left, right])
            }
            Expr::Subscript(subscript) => {
                let base = self.expression(&subscript.value, Use::Looked);
                let wrapper = matches!(base.only(), Value::Name(id)
                    if self.names.special(*id) == Some(Special::TypeWrapper));
                if !wrapper {
                    return match self.instance_of(&base) {
                        known if known.is_unknown() && holds_items(&subscript.value) => {
                            match self.annotation(&subscript.slice, depth + 1) {
                                item if !self.is_of_interest(&item) => known,
                                item => Value::List([item].into()),
                            }
                        }
                        known => known,
                    };
                }
                match &*subscript.slice {
                    Expr::Tuple(tuple) => {
                        let options: Vec<_> = tuple
                            .elts
                            .iter()
                            .take(8)
                            .map(|e| self.annotation(e, depth + 1))
                            .collect();
                        Value::either(options)
                    }
                    one => self.annotation(one, depth + 1),
                }
            }
            Expr::NoneLiteral(_) => Value::None,
            // `"socket.socket"`, a forward reference.
            Expr::StringLiteral(string) => self.dotted(string.value.to_str()),
            _ => Value::Unknown,
        }
    }

    fn dotted(&mut self, text: &'a str) -> Value<'a> {
        let text = text.trim();
        let text = text.strip_suffix("| None").unwrap_or(text).trim();
        let mut parts = text.split('.');
        let Some(first) = parts.next() else { return Value::Unknown };
        let Some((binding, ..)) = self.scopes.find(self.scope, first) else {
            return Value::Unknown;
        };
        let mut value = binding.value.clone();
        for part in parts.take(4) {
            value = self.member_of(&value, part);
        }
        self.instance_of(&value)
    }

    fn instance_of(&self, class: &Value<'a>) -> Value<'a> {
        match class {
            Value::Name(id) if self.names.is_class(*id) => Value::Instance(bare_instance(*id)),
            Value::Class(id) => Value::Own(*id),
            Value::Foreign(_) => self.foreign_instance(class),
            Value::Either(options) => {
                let options: Vec<_> = options.iter().map(|v| self.instance_of(v)).collect();
                Value::either(options)
            }
            _ => Value::Unknown,
        }
    }
}

/// `Self` (PEP 673).
fn is_self(annotation: &Expr) -> bool {
    match annotation {
        Expr::Name(name) => name.id == *"Self",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "Self",
        _ => false,
    }
}

/// `list`, `typing.Iterable`: an annotation of what is iterated over.
fn holds_items(annotation: &Expr) -> bool {
    let name = match annotation {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    matches!(
        name,
        "list" | "List" | "set" | "Set" | "Iterable" | "Iterator" | "Sequence" | "Collection"
    )
}
