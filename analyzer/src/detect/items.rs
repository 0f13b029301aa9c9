//! Items: what stands at an index, in a mapping, a list or a namespace.

use crate::resolve::scope::Scopes;
use crate::resolve::special::Special;
use crate::resolve::value::Value;
use crate::summary::Range;
use crate::syntax::ast::{self, Expr};

use super::engine::{Engine, Use, range_of};
use super::expressions::any_of;

impl<'a> Engine<'a> {
    /// `base[index]`.
    pub(super) fn subscript(&mut self, subscript: &'a ast::ExprSubscript, used: Use) -> Value<'a> {
        let base = self.expression(&subscript.value, Use::Base);
        let index = self.expression(&subscript.slice, Use::Looked);
        if base.is_unknown() {
            return self.foreign_item(&base, &index);
        }
        if let (Value::Text(text), Expr::Slice(slice)) = (&base, &*subscript.slice) {
            return super::folding::sliced(text, slice);
        }
        let range = range_of(subscript);
        let values: Vec<_> = base.each().iter().map(|one| self.item(one, &index, range)).collect();
        let value = Value::either(values);
        self.refer(&value, range, used, true);
        value
    }

    /// The item of a value at an index.
    pub(super) fn item(&mut self, base: &Value<'a>, index: &Value<'a>, range: Range) -> Value<'a> {
        match base {
            Value::Name(id) if self.names.special(*id) == Some(Special::Modules) => {
                self.table_entry(index, range)
            }
            Value::Name(id) => {
                let has_state = self.names.triggers(*id).iter().any(|t| !t.called);
                if self.is_builtins(*id) {
                    // `__builtins__` is a dict in every module but the first.
                    return self.named_member(base, index);
                }
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
            Value::Namespace(id) => self.named_member(&Value::Name(*id), index),
            Value::Globals => match index.exact_text() {
                Some(name) => self.global(name),
                None => Value::Unknown,
            },
            // A list may have been sorted, or have others in it.
            Value::List(items) => Value::either(items.iter().map(Value::references)),
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
                _ => any_of(items.iter()),
            },
            Value::Mapping(items) => {
                let mut loose = Vec::new();
                for (key, value) in items.iter().rev() {
                    match (key, index) {
                        (Value::Int(a), Value::Int(b)) if a == b => return value.clone(),
                        (Value::Int(_), Value::Int(_)) => {}
                        (key, index) => match (key.exact_text(), index.exact_text()) {
                            (Some(a), Some(b)) if a == b => return value.clone(),
                            (Some(_), Some(_)) => {}
                            _ => loose.push(value),
                        },
                    }
                }
                any_of(loose.into_iter())
            }
            Value::Foreign(_) => self.foreign_item(base, index),
            _ => Value::Unknown,
        }
    }

    /// What a global name of this module is, by its name.
    pub(super) fn global(&self, name: &str) -> Value<'a> {
        let module = Scopes::MODULE;
        let own = self.scopes.own(module, name).map(|binding| binding.value.clone());
        let builtins = || self.builtins().filter(|_| name == "__builtins__").map(Value::Name);
        own.or_else(builtins).unwrap_or_default()
    }
}
