//! Comprehensions and generator expressions.

use crate::resolve::scope::ScopeKind;
use crate::resolve::value::Value;
use crate::syntax::ast::{self, Expr};

use super::engine::{Engine, Use};

impl<'a> Engine<'a> {
    pub(super) fn comprehension(
        &mut self,
        generators: &'a [ast::Comprehension],
        elements: &[&'a Expr],
        used: Use,
    ) -> Value<'a> {
        let inner = match used {
            Use::Looked => Use::Looked,
            Use::Kept(_) => Use::Kept(crate::summary::Keep::Container),
            _ => Use::Contained,
        };
        self.comprehension_of(generators, elements, inner)
    }

    /// One of a dictionary. `{**each for each in all}` (PEP 798) has a value alone, whose items are
    /// taken.
    pub(super) fn dict_comprehension(
        &mut self,
        dict: &'a ast::ExprDictComp,
        used: Use,
    ) -> Value<'a> {
        match &dict.key {
            Some(key) => self.comprehension(&dict.generators, &[key, &dict.value], used),
            None => self.comprehension_of(&dict.generators, &[&dict.value], Use::Argument),
        }
    }

    fn comprehension_of(
        &mut self,
        generators: &'a [ast::Comprehension],
        elements: &[&'a Expr],
        inner: Use,
    ) -> Value<'a> {
        let outer = self.scope;
        let [first, others @ ..] = generators else { return Value::Unknown };
        // The first iterable is evaluated outside.
        let items = self.expression(&first.iter, Use::Looked);
        self.rounds(self.slice(first.range).len(), |engine| {
            engine.scope = engine.scopes.push(ScopeKind::Comprehension, Some(outer));
            engine.generator(first, &items);
            for generator in others {
                let items = engine.expression(&generator.iter, Use::Looked);
                engine.generator(generator, &items);
            }
            for element in elements {
                engine.expression(element, inner);
            }
            engine.scope = outer;
        });
        Value::Unknown
    }

    fn generator(&mut self, generator: &'a ast::Comprehension, items: &Value<'a>) {
        let item = self.any_item(items);
        self.assign(&generator.target, item);
        for condition in &generator.ifs {
            self.expression(condition, Use::Looked);
        }
    }
}
