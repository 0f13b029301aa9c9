//! Comprehensions and generator expressions.

use crate::resolve::scope::ScopeKind;
use crate::resolve::value::Value;
use crate::syntax::ast::{self, Expr};

use super::engine::{Engine, Use};
use super::expressions::item_of;

impl<'a> Engine<'a> {
    pub(super) fn comprehension(
        &mut self,
        generators: &'a [ast::Comprehension],
        elements: &[&'a Expr],
        used: Use,
    ) -> Value<'a> {
        let outer = self.scope;
        let inner = match used {
            Use::Looked => Use::Looked,
            Use::Kept(_) => Use::Kept(crate::summary::Keep::Container),
            _ => Use::Contained,
        };
        let mut scope = None;
        for generator in generators {
            // The first iterable is evaluated outside.
            let items = self.expression(&generator.iter, Use::Looked);
            if scope.is_none() {
                let pushed = self.scopes.push(ScopeKind::Comprehension, Some(outer));
                scope = Some(pushed);
                self.scope = pushed;
            }
            let item = item_of(&items);
            self.assign(&generator.target, item);
            for condition in &generator.ifs {
                self.expression(condition, Use::Looked);
            }
        }
        for element in elements {
            self.expression(element, inner);
        }
        self.scope = outer;
        Value::Unknown
    }
}
