//! Attributes: what they may be.

use std::rc::Rc;

use crate::resolve::budget;
use crate::resolve::names::NameId;
use crate::resolve::special::Special;
use crate::resolve::value::{ClassId, Instance, Value};
use crate::syntax::ast;

use super::engine::{Engine, Use, range_of};
use super::expressions::{bare_instance, is_short_path};

impl<'a> Engine<'a> {
    pub(super) fn attribute(&mut self, attribute: &'a ast::ExprAttribute, used: Use) -> Value<'a> {
        let base = self.expression(&attribute.value, Use::Base);
        let name = attribute.attr.as_str();
        if self.quiet == 0 {
            self.attribute_read(&base, name, attribute);
        }
        if let Some(value) = self.place(attribute) {
            self.refer(&value, range_of(attribute), used, false);
            return value;
        }
        self.note_base(&base, attribute, used);
        if base.is_unknown() {
            return self.foreign_attribute(&base, attribute);
        }
        let value = self.members_of(&base, name);
        // A read of `os.environ.x` reads the environment, unless the call around it says more.
        if used != Use::Callee {
            self.read_parts(&value, range_of(attribute));
        }
        if matches!(name, "__class__" | "__init__") {
            // A look at an object's class takes nothing that was not there.
            return value;
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

    /// The attribute `name` of a value, which may be one of several.
    fn members_of(&mut self, base: &Value<'a>, name: &'a str) -> Value<'a> {
        let mut own = false;
        for one in base.each() {
            if let Value::Own(id) | Value::Class(id) = one {
                self.settle_class(*id);
                own |= matches!(one, Value::Own(_));
            }
        }
        let value = match base {
            Value::Either(values) => {
                let members: Vec<_> = values.iter().map(|v| self.member_of(v, name)).collect();
                Value::either(members)
            }
            one => self.member_of(one, name),
        };
        if own { self.read_property(value) } else { value }
    }

    /// What reading an attribute gives that may be a property of a class of this file.
    fn read_property(&mut self, value: Value<'a>) -> Value<'a> {
        let property = |engine: &Self, one: &Value<'a>| match one {
            Value::Function(Some(id)) => {
                let function = engine.functions.get(id.0 as usize);
                function.is_some_and(|function| function.property).then_some(*id)
            }
            _ => None,
        };
        let found: Vec<_> = value.each().iter().map(|one| property(self, one)).collect();
        if found.iter().all(Option::is_none) {
            return value;
        }
        let each: Vec<_> = value
            .each()
            .iter()
            .zip(found)
            .map(|(one, property)| match property {
                Some(id) => {
                    self.settle_function(id);
                    self.note_property(id);
                    self.returned(Some(id))
                }
                None => one.clone(),
            })
            .collect();
        Value::either(each)
    }

    /// The attribute `name` of a value.
    pub(super) fn member_of(&self, base: &Value<'a>, name: &'a str) -> Value<'a> {
        match base {
            Value::Name(_) | Value::Method(..) | Value::Partial(_) | Value::Plain(..)
                if name == "__call__" =>
            {
                base.clone()
            }
            Value::Name(id) => self.member_of_name(*id, name),
            Value::Instance(instance) if name != "__class__" => {
                self.member_of_instance(instance, name)
            }
            Value::Method(id, _) => match self.names.returns(*id) {
                Some(class) => self.member_of_instance(&bare_instance(class), name),
                None => Value::Unknown,
            },
            Value::Foreign(_) => self.foreign_member(base, name),
            Value::Own(id) if name == "__class__" => Value::Class(*id),
            Value::Instance(instance) if name == "__class__" => Value::Name(instance.class),
            Value::Class(id) | Value::Own(id) => self.member_of_class(*id, name, 0),
            // `sys.modules[__name__].os`
            Value::Globals => match self.global(name) {
                Value::Unknown | Value::Foreign(_) => super::folding::method(base, name),
                value => value,
            },
            plain => super::folding::method(plain, name),
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
        if name == "__getattribute__" {
            return Value::Plain(Rc::new(Value::Name(id)), name);
        }
        if self.is_builtins(id) {
            // `__builtins__` is a dict in every module but the first.
            return super::folding::method(&Value::Namespace(id), name);
        }
        let keeps_state = self.names.triggers(id).iter().any(|t| !t.called);
        if keeps_state || self.names.special(id) == Some(Special::Modules) {
            return Value::Part(id, name);
        }
        self.foreign_part(id, name)
    }

    fn member_of_instance(&self, instance: &Rc<Instance<'a>>, name: &str) -> Value<'a> {
        match self.names.member(instance.class, name) {
            Some(member) => Value::Method(member, Rc::clone(instance)),
            // `super().__init__(...)` does what making one does.
            None if name == "__init__" => Value::Name(instance.class),
            None => self.foreign_part_of_object(instance.class, name),
        }
    }

    pub(super) fn member_of_class(&self, id: ClassId, name: &str, depth: u8) -> Value<'a> {
        let Some(class) = self.classes.get(id.0 as usize) else { return Value::Unknown };
        let set = class.attributes.get(name).cloned();
        // A constant, or what a constant makes, may be another one in a subclass.
        let defined = self.scopes.own(class.scope, name).map(|b| match &b.value {
            // Of a class of another file, what a member is may be known by now.
            Value::Foreign(origin) => self.foreign(*origin),
            value => value.references(),
        });
        match (set.clone(), defined) {
            (Some(set), Some(defined)) => return Value::either([set, defined]),
            (Some(set), None) if !set.is_unknown() => return set,
            (None, Some(defined)) => return defined,
            (Some(_) | None, None) => {}
        }
        if depth > 8 {
            return Value::Unknown;
        }
        if budget::spend(1 + class.bases.len()) {
            return Value::Unknown;
        }
        let inherited = class.bases.iter().flat_map(Value::each).map(|base| match base {
            Value::Name(base) => {
                let class = bare_instance(*base);
                self.member_of_instance(&class, name)
            }
            Value::Class(base) => self.member_of_class(*base, name, depth + 1),
            Value::Foreign(_) => self.foreign_inherited(base, name),
            _ => Value::Unknown,
        });
        let mut elsewhere = set.unwrap_or_default();
        for value in inherited {
            if !value.is_unknown() {
                return value;
            }
            if elsewhere.origin().is_none() {
                elsewhere = value;
            }
        }
        elsewhere
    }
}
