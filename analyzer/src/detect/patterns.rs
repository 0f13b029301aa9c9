//! `match`: what its patterns bind.

use std::rc::Rc;

use crate::resolve::value::Value;
use crate::syntax::ast::{self, Pattern};

use super::engine::{Engine, Use};

impl<'a> Engine<'a> {
    pub(super) fn match_statement(&mut self, stmt: &'a ast::StmtMatch) -> bool {
        let subject = self.expression(&stmt.subject, Use::Looked);
        let mut ways = Vec::new();
        let mut exhaustive = false;
        for case in &stmt.cases {
            exhaustive |= case.guard.is_none() && case.pattern.is_irrefutable();
            ways.extend(self.way(|engine| {
                engine.pattern(&case.pattern, &subject);
                if let Some(guard) = &case.guard {
                    engine.expression(guard, Use::Looked);
                }
                engine.block(&case.body)
            }));
        }
        let falls_through = !ways.is_empty() || !exhaustive;
        self.scopes.merge(ways, !exhaustive);
        falls_through
    }

    /// Bind the names of a pattern that `subject` has matched.
    fn pattern(&mut self, pattern: &'a Pattern, subject: &Value<'a>) {
        match pattern {
            Pattern::MatchValue(value) => {
                self.expression(&value.value, Use::Looked);
            }
            Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(sequence) => self.sequence_pattern(&sequence.patterns, subject),
            Pattern::MatchMapping(mapping) => {
                for (key, pattern) in mapping.keys.iter().zip(&mapping.patterns) {
                    let key = self.expression(key, Use::Looked);
                    let item = self.item(subject, &key, super::engine::range_of(pattern));
                    self.pattern(pattern, &item);
                }
                if let Some(rest) = &mapping.rest {
                    self.bind(rest.as_str(), Value::Unknown);
                }
            }
            Pattern::MatchClass(class) => {
                self.expression(&class.cls, Use::Looked);
                let arguments = &class.arguments;
                arguments.patterns.iter().for_each(|p| self.pattern(p, &Value::Unknown));
                arguments.keywords.iter().for_each(|k| self.pattern(&k.pattern, &Value::Unknown));
            }
            Pattern::MatchStar(star) => {
                if let Some(name) = &star.name {
                    self.bind(name.as_str(), subject.references());
                }
            }
            Pattern::MatchAs(capture) => {
                let mut value = subject.clone();
                if let Some(inner) = &capture.pattern {
                    self.pattern(inner, subject);
                    if value.is_unknown() {
                        value = self.matched_class(inner);
                    }
                }
                if let Some(name) = &capture.name {
                    self.bind(name.as_str(), value);
                }
            }
            Pattern::MatchOr(or) => or.patterns.iter().for_each(|p| self.pattern(p, subject)),
        }
    }

    fn sequence_pattern(&mut self, patterns: &'a [Pattern], subject: &Value<'a>) {
        let starred = patterns.iter().position(Pattern::is_match_star);
        let items: Rc<[Value<'a>]> = match subject {
            Value::Sequence(items) if starred.is_none() && items.len() == patterns.len() => {
                Rc::clone(items)
            }
            Value::Sequence(items) | Value::List(items) => {
                let any = super::expressions::any_of(items.iter());
                patterns.iter().map(|_| any.clone()).collect()
            }
            _ => Rc::new([]),
        };
        for (index, pattern) in patterns.iter().enumerate() {
            let item = items.get(index).cloned().unwrap_or_default();
            let item = match pattern {
                Pattern::MatchStar(_) if !item.is_unknown() => Value::List([item].into()),
                _ => item,
            };
            self.pattern(pattern, &item);
        }
    }

    /// `case Path() as p`: one of those.
    fn matched_class(&mut self, pattern: &'a Pattern) -> Value<'a> {
        match pattern {
            Pattern::MatchClass(class) => self.annotated(&class.cls),
            Pattern::MatchOr(or) => {
                let each: Vec<_> = or.patterns.iter().map(|p| self.matched_class(p)).collect();
                Value::either(each)
            }
            _ => Value::Unknown,
        }
    }
}
