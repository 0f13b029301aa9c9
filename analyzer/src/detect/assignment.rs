//! Assignment, deletion, and what is written to by them.

use crate::resolve::scope::Binding;
use crate::resolve::special::Special;
use crate::resolve::value::Value;
use crate::summary::Keep;
use crate::syntax::ast::{self, Expr};

use super::engine::{Engine, Use, range_of};
use super::expressions::{flags_or, is_short_path};

impl<'a> Engine<'a> {
    pub(super) fn assign_statement(&mut self, assign: &'a ast::StmtAssign) {
        // `a, b = os.system, 1` takes one reference each.
        if let [target] = assign.targets.as_slice()
            && let Some((targets, values)) = pairwise(target, &assign.value)
        {
            let values: Vec<_> = targets
                .iter()
                .zip(values)
                .map(|(target, value)| {
                    let used = self.target_use(target);
                    (target, self.expression(value, used), self.taken_by(value, used))
                })
                .collect();
            for (target, value, used) in values {
                self.assign_as(target, value, used);
            }
            return;
        }
        let used = assign.targets.iter().map(|t| self.target_use(t)).reduce(strongest);
        let used = used.unwrap_or(Use::Assigned);
        let value = self.expression(&assign.value, used);
        let used = self.taken_by(&assign.value, used);
        for target in &assign.targets {
            self.assign_as(target, value.clone(), used);
        }
    }

    /// How a value is used, but for a local alias of what is kept already: that keeps nothing.
    fn taken_by(&self, value: &Expr, used: Use) -> Use {
        let kept = match value {
            Expr::Name(name) => self
                .scopes
                .find(self.scope, name.id.as_str())
                .is_some_and(|(binding, ..)| binding.alias_at.is_none()),
            Expr::Attribute(attribute) => match &*attribute.value {
                Expr::Name(owner) => self
                    .scopes
                    .find(self.scope, owner.id.as_str())
                    .is_some_and(|(b, ..)| matches!(b.value, Value::Own(_) | Value::Class(_))),
                _ => false,
            },
            _ => false,
        };
        if kept && used == Use::Assigned { Use::Looked } else { used }
    }

    pub(super) fn annotated_assignment(&mut self, assign: &'a ast::StmtAnnAssign) {
        let annotated = self.annotated(&assign.annotation);
        let Some(value) = &assign.value else {
            // A bare `x: T` in a class body declares an attribute; elsewhere it binds nothing.
            if !self.in_function() {
                self.assign(&assign.target, annotated);
            }
            return;
        };
        let used = self.target_use(&assign.target);
        let value = self.expression(value, used);
        let value = if matches!(value, Value::None) || value.is_unknown() && !annotated.is_unknown()
        {
            annotated
        } else {
            value
        };
        self.assign_as(&assign.target, value, used);
    }

    pub(super) fn augmented_assignment(&mut self, assign: &'a ast::StmtAugAssign) {
        let before = match &*assign.target {
            Expr::Name(_) => self.quietly(|engine| engine.expression(&assign.target, Use::Base)),
            Expr::Attribute(attribute) => {
                let base = self.expression(&attribute.value, Use::Base);
                self.attribute_written(&base, attribute);
                Value::Unknown
            }
            target => {
                self.assign(target, Value::Unknown);
                Value::Unknown
            }
        };
        let value = self.expression(&assign.value, Use::Argument);
        for one in before.each() {
            if let Value::Name(id) = one {
                // `path += [...]`, where `path` is `sys.path`.
                self.write_state(*id, &Value::Unknown, range_of(assign));
            }
        }
        if let Expr::Name(_) = &*assign.target {
            let after = match (before, value) {
                (Value::Text(before), Value::Text(value)) if assign.op == ast::Operator::Add => {
                    Value::Text(before.join(&value))
                }
                (before, value) if self.is_open_flag(&before) => match assign.op {
                    ast::Operator::BitOr => flags_or(&before, &value),
                    _ => Value::Unknown,
                },
                (before @ Value::Name(_), _) => before,
                _ => Value::Unknown,
            };
            self.assign(&assign.target, after);
        }
    }

    /// Whether it is a flag of `os.open`, or several.
    fn is_open_flag(&self, value: &Value<'a>) -> bool {
        value.each().iter().any(|one| match one {
            Value::Name(id) => matches!(self.names.special(*id), Some(Special::OpenFlag { .. })),
            Value::Flags(_) => true,
            _ => false,
        })
    }

    /// How a value assigned to this target is used.
    pub(super) fn target_use(&self, target: &Expr) -> Use {
        match target {
            Expr::Name(name) => self.assigned_use(name.id.as_str()),
            // `os.rename = saved` puts a patch on or takes it off.
            Expr::Attribute(attribute) if self.is_patch_point_of(attribute) => Use::Assigned,
            Expr::Attribute(_) => Use::Kept(Keep::Attribute),
            Expr::Subscript(_) => Use::Kept(Keep::Container),
            Expr::Tuple(tuple) => {
                let uses = tuple.elts.iter().map(|e| self.target_use(e));
                uses.reduce(strongest).unwrap_or(Use::Assigned)
            }
            Expr::List(list) => {
                let uses = list.elts.iter().map(|e| self.target_use(e));
                uses.reduce(strongest).unwrap_or(Use::Assigned)
            }
            Expr::Starred(starred) => self.target_use(&starred.value),
            _ => Use::Assigned,
        }
    }

    /// Whether the attribute is a patch point of a module: `os.rename`.
    fn is_patch_point_of(&self, attribute: &ast::ExprAttribute) -> bool {
        let Expr::Name(module) = &*attribute.value else { return false };
        let found = self.scopes.find(self.scope, module.id.as_str());
        found.is_some_and(|(binding, ..)| match binding.value {
            Value::Name(id) => self
                .names
                .member(id, attribute.attr.as_str())
                .is_some_and(|member| self.names.patch_point(member).is_some()),
            _ => false,
        })
    }

    /// Assign something that was not written down as a value: a loop's item, a context.
    pub(super) fn assign(&mut self, target: &'a Expr, value: Value<'a>) {
        self.assign_as(target, value, Use::Looked);
    }

    fn assign_as(&mut self, target: &'a Expr, value: Value<'a>, used: Use) {
        match target {
            Expr::Name(name) => {
                let name_text = name.id.as_str();
                let alias = used == Use::Assigned && self.is_patch_point(&value);
                let alias_at = alias.then_some(name.range);
                let binding = Binding { value, alias_at, past: None };
                self.scopes.bind(self.scope, name_text, Some(binding));
            }
            Expr::Tuple(tuple) => self.unpack(&tuple.elts, &value, used),
            Expr::List(list) => self.unpack(&list.elts, &value, used),
            Expr::Starred(starred) => self.assign_as(&starred.value, value, used),
            Expr::Attribute(attribute) => {
                let base = self.expression(&attribute.value, Use::Base);
                self.attribute_written(&base, attribute);
                self.remember_attribute(&base, attribute, value);
            }
            Expr::Subscript(subscript) => self.item_written(subscript),
            _ => {}
        }
    }

    fn unpack(&mut self, targets: &'a [Expr], value: &Value<'a>, used: Use) {
        let starred = targets.iter().position(Expr::is_starred_expr);
        let (items, extra): (&[Value<'a>], usize) = match (value.only(), starred) {
            (Value::Sequence(items), None) if items.len() == targets.len() => (items, 0),
            (Value::Sequence(items), Some(_)) if items.len() + 1 >= targets.len() => {
                (items, items.len() + 1 - targets.len())
            }
            // A list may have been sorted by now: each of them may be any.
            (Value::List(items), _) => {
                let any = super::expressions::any_of(items.iter());
                for target in targets {
                    self.assign_as(target, any.clone(), used);
                }
                return;
            }
            _ => (&[], 0),
        };
        let mut items = items.iter();
        for target in targets {
            let item = if target.is_starred_expr() {
                let rest: Vec<_> = items.by_ref().take(extra).map(Value::references).collect();
                Value::List(rest.into())
            } else {
                items.next().cloned().unwrap_or_default()
            };
            self.assign_as(target, item, used);
        }
    }

    fn remember_attribute(
        &mut self,
        base: &Value<'a>,
        attribute: &'a ast::ExprAttribute,
        value: Value<'a>,
    ) {
        let name = attribute.attr.as_str();
        match base {
            Value::Own(id) | Value::Class(id) => {
                // Another assignment may put another object in its place.
                let once = !value.is_exact()
                    || value.is_reference() && self.is_set_once(name) && !self.redirects();
                let value = if once { value } else { value.references() };
                let Some(class) = self.classes.get_mut(id.0 as usize) else { return };
                if let Some(entry) = class.attributes.get_mut(name) {
                    if !entry.same_options(&value) {
                        let joined = Value::either([std::mem::take(entry), value]);
                        self.scopes.news |= !joined.is_unknown();
                        *entry = joined;
                    }
                } else {
                    // A class further up may say something else of it.
                    self.scopes.news |= !value.is_unknown()
                        || !class.bases.is_empty()
                        || self.scopes.own(class.scope, name).is_some();
                    class.attributes.insert(name, value);
                }
            }
            Value::Unknown | Value::Foreign(_) | Value::Function(_) => {
                let known = self.has_places && is_short_path(attribute);
                let value = value.references();
                if !value.is_unknown() && is_short_path(attribute) {
                    self.has_places = true;
                    self.bind(self.slice(attribute.range), value);
                } else if known
                    && self.scopes.own(self.scope, self.slice(attribute.range)).is_some()
                {
                    self.scopes.bind(self.scope, self.slice(attribute.range), None);
                }
            }
            _ => {}
        }
    }

    /// `target` has an attribute or item of a guarded module under it.
    fn item_written(&mut self, subscript: &'a ast::ExprSubscript) {
        let base = self.expression(&subscript.value, Use::Base);
        let index = self.expression(&subscript.slice, Use::Looked);
        let range = range_of(subscript);
        for one in base.each() {
            match one {
                Value::Name(id) if self.names.special(*id) == Some(Special::Modules) => {
                    self.module_table_written(*id, &index, range);
                }
                Value::Name(id) => self.write_state(*id, &index, range),
                Value::Namespace(id) => match index.exact_text() {
                    Some(name) => self.guarded_module_written(*id, Some(name), range),
                    None => self.guarded_module_written(*id, None, range),
                },
                _ => {}
            }
        }
    }

    fn attribute_written(&mut self, base: &Value<'a>, attribute: &'a ast::ExprAttribute) {
        let range = range_of(attribute);
        let name = attribute.attr.as_str();
        // `self.__code__ = ...` in a class of this file: no function's and no cell's.
        if !matches!(base, Value::Own(_) | Value::Class(_) | Value::Instance(_)) {
            for rule in self.names.attribute_write_rules(name) {
                self.simple_act(rule, name, range, false);
            }
        }
        for one in base.each() {
            if let Value::Name(id) = one {
                if let Some(member) = self.names.member(*id, name) {
                    self.write_state(member, &Value::Unknown, range);
                }
                self.guarded_module_written(*id, Some(name), range);
            }
        }
    }

    pub(super) fn delete(&mut self, target: &'a Expr) {
        match target {
            Expr::Name(name) => self.scopes.bind(self.scope, name.id.as_str(), None),
            Expr::Attribute(attribute) => {
                let base = self.expression(&attribute.value, Use::Base);
                self.attribute_written(&base, attribute);
            }
            Expr::Subscript(subscript) => self.item_written(subscript),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|e| self.delete(e)),
            Expr::List(list) => list.elts.iter().for_each(|e| self.delete(e)),
            _ => {}
        }
    }
}

/// Targets and values of equal number, none of them starred.
fn pairwise<'a>(target: &'a Expr, value: &'a Expr) -> Option<(&'a [Expr], &'a [Expr])> {
    let targets = items(target)?;
    let values = items(value)?;
    let starred = targets.iter().chain(values).any(Expr::is_starred_expr);
    (targets.len() == values.len() && !starred).then_some((targets, values))
}

fn items(expression: &Expr) -> Option<&[Expr]> {
    match expression {
        Expr::Tuple(tuple) => Some(&tuple.elts),
        Expr::List(list) => Some(&list.elts),
        _ => None,
    }
}

/// Of two uses the one that keeps.
fn strongest(a: Use, b: Use) -> Use {
    if matches!(a, Use::Kept(_)) { a } else { b }
}
