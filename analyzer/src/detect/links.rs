//! What a file takes from others, while it is looked at: ways through modules no rule knows.
//!
//! A file is looked at once by itself. If it turns out that such a way leads to something a rule
//! knows (`helper.py` says `from os import system as go`, this file `helper.go(...)`), it is looked
//! at once more, with that known.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::resolve::names::NameId;
use crate::resolve::origin::{Origin, Origins, Step};
use crate::resolve::scope::{ScopeKind, Scopes};
use crate::resolve::value::{ClassId, Value};
use crate::summary::links::{Edge, Owner, Ways};
use crate::summary::{LateInstall, Range};
use crate::syntax::ast::{self, Expr};

use super::engine::{Engine, OwnClass, Use};
use super::expressions::bare_instance;

pub(super) use super::edges::{Base, LinksMark};

/// What is wanted of a file beside its acts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Linking<'l> {
    /// Nothing: it is the only file.
    Off,
    /// What it offers and takes; with every call, for a call graph.
    Facts { graph: bool },
    /// The same, and what others offer is known.
    With { graph: bool, environment: &'l Environment },
}

/// What the ways of one file lead to, where that is something a rule knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// The file's ways, as its first look numbered them.
    pub(crate) ways: Ways,
    /// What each leads to.
    pub(crate) meanings: Vec<Option<Meaning>>,
    /// What is done by imports above the install of a guard.
    pub(crate) late: Vec<LateInstall>,
}

impl Environment {
    /// The same for the same, in every process.
    pub(crate) fn hash(&self) -> blake3::Hash {
        use std::io::Write as _;
        let mut hasher = blake3::Hasher::new();
        // A hasher takes whatever it is given.
        let _ = write!(hasher, "{self:?}");
        hasher.finalize()
    }
}

/// Something a rule knows, or has such things in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It itself.
    Api(NameId),
    /// An object of a class a rule knows.
    Object(NameId),
    /// A class of another file that such a class is a base of, or whose members are such.
    Class(Arc<ClassMeaning>),
    /// An object of such a class.
    ObjectOf(Arc<ClassMeaning>),
    /// A list or the like.
    Items(Vec<Option<Meaning>>),
    /// A table with literal keys.
    Table(Vec<(Box<str>, Meaning)>),
    /// One of these, or perhaps something else.
    Either { options: Vec<Meaning>, open: bool },
}

/// What rules know of a class of another file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClassMeaning {
    /// Classes rules know that it inherits from.
    pub(crate) bases: Vec<NameId>,
    /// What it and its own bases bind: what hides what.
    pub(crate) members: Vec<(Box<str>, Option<Meaning>)>,
}

/// What is known of other files while one is looked at.
pub(super) struct Linked<'a> {
    pub(super) origins: RefCell<Origins<'a>>,
    /// What ways lead to, by number.
    values: Vec<Option<Value<'a>>>,
    /// Whether calls are written down.
    pub(super) graph: bool,
    pub(super) edges: Vec<Edge>,
    /// Where each edge is.
    pub(super) known_edges: FxHashMap<(Owner, super::edges::Key), u32>,
    /// Calls of nobody knows what: who makes them, and where.
    pub(super) unresolved: Vec<(Owner, u32)>,
    /// What the attribute that is called next is taken from.
    pub(super) base: Base,
    /// The attribute that is read.
    pub(super) reading: Range,
    pub(super) stars: Vec<Origin>,
    /// Imports that name a way.
    pub(super) imports: Vec<(Origin, Owner, Range)>,
}

impl<'a> Engine<'a> {
    pub(super) fn begin_links(&mut self, linking: Linking<'a>) {
        let (graph, environment) = match linking {
            Linking::Off => return,
            Linking::Facts { graph } => (graph, None),
            Linking::With { graph, environment } => (graph, Some(environment)),
        };
        let origins =
            environment.map_or_else(Origins::default, |known| Origins::again(&known.ways));
        self.linked = Some(Linked {
            origins: RefCell::new(origins),
            values: Vec::new(),
            graph,
            edges: Vec::new(),
            known_edges: FxHashMap::default(),
            unresolved: Vec::new(),
            base: Base::default(),
            reading: Range::default(),
            stars: Vec::new(),
            imports: Vec::new(),
        });
        let Some(environment) = environment else { return };
        let mut values = Vec::with_capacity(environment.meanings.len());
        for (index, meaning) in environment.meanings.iter().enumerate() {
            let at = Origin::at(index).filter(|_| meaning.is_some());
            values.push(meaning.as_ref().map(|meaning| self.meant(meaning, at)));
        }
        if let Some(linked) = &mut self.linked {
            linked.values = values;
        }
    }

    /// The value of what a way leads to.
    fn meant(&mut self, meaning: &'a Meaning, at: Option<Origin>) -> Value<'a> {
        match meaning {
            Meaning::Api(id) => Value::Name(*id),
            Meaning::Object(id) => Value::Instance(bare_instance(*id)),
            Meaning::Class(class) => {
                let object = at.and_then(|way| self.object_way(way));
                Value::Class(self.foreign_class(class, at, object))
            }
            Meaning::ObjectOf(class) => Value::Own(self.foreign_class(class, None, at)),
            Meaning::Items(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| item.as_ref().map_or(Value::Unknown, |item| self.meant(item, None)))
                    .collect();
                Value::List(items.into())
            }
            Meaning::Table(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|(key, item)| (Value::text(&**key), self.meant(item, None)))
                    .collect();
                Value::Mapping(items.into())
            }
            Meaning::Either { options, open } => {
                let rest = match at {
                    Some(origin) => Value::Foreign(origin),
                    None => Value::Unknown,
                };
                let rest = open.then_some(rest);
                let options: Vec<_> = options.iter().map(|one| self.meant(one, at)).collect();
                Value::either(options.into_iter().chain(rest))
            }
        }
    }

    /// The way to an object of a class, as the first look went it.
    fn object_way(&self, class: Origin) -> Option<Origin> {
        let mut origins = self.linked.as_ref()?.origins.borrow_mut();
        let known = origins.known(class, &Step::Called);
        known.or_else(|| origins.step(class, &Step::Instance))
    }

    /// A class of another file, as if it stood here.
    fn foreign_class(
        &mut self,
        class: &'a ClassMeaning,
        foreign: Option<Origin>,
        object: Option<Origin>,
    ) -> ClassId {
        let bases = class.bases.iter().copied().map(Value::Name).collect();
        let scope = self.scopes.push(ScopeKind::Class, Some(Scopes::MODULE));
        // What no rule knows of it is known by the way to it.
        let object = object.map_or(Value::Unknown, Value::Foreign);
        let members: Vec<_> = class
            .members
            .iter()
            .map(|(name, member)| {
                let value = match member {
                    Some(member) => self.meant(member, None),
                    None => self.further(&object, &Step::Attribute(Cow::Borrowed(name))),
                };
                (&**name, value)
            })
            .collect();
        for (name, value) in members {
            self.scopes.bind(scope, name, Some(value.into()));
        }
        let id = ClassId(u32::try_from(self.classes.len()).unwrap_or(u32::MAX));
        self.classes.push(OwnClass {
            name: "",
            outer: (self.owner, None),
            at: crate::syntax::TextRange::default(),
            foreign: Some(foreign.unwrap_or(Origin::STANDARD)),
            bases,
            scope,
            attributes: FxHashMap::default(),
            setup: Vec::new(),
            settled: true,
        });
        id
    }

    /// What a way leads to, if that is known; else the way.
    pub(super) fn foreign(&self, origin: Origin) -> Value<'a> {
        let Some(linked) = &self.linked else { return Value::Unknown };
        if linked.values.is_empty() {
            return Value::Foreign(origin);
        }
        let known = |one: Origin| {
            let value = one.index().and_then(|at| linked.values.get(at)).cloned().flatten();
            value.unwrap_or(Value::Foreign(one))
        };
        Value::either(origin.each().into_iter().map(known))
    }

    /// The value of one step further.
    fn further(&self, value: &Value<'a>, step: &Step<'a>) -> Value<'a> {
        let (Some(linked), Some(from)) = (&self.linked, value.origin()) else {
            return Value::Unknown;
        };
        let next = linked.origins.borrow_mut().step(from, step);
        next.map_or(Value::Unknown, |next| self.foreign(next))
    }

    /// A module no rule knows.
    pub(super) fn foreign_module(&self, level: u32, dotted: &'a str) -> Value<'a> {
        self.module_way(level, dotted.split('.').map(Cow::Borrowed))
    }

    /// A module no rule knows, by a text that was put together.
    pub(super) fn foreign_text_module(&self, dotted: &str) -> Value<'a> {
        self.module_way(0, dotted.split('.').map(|part| Cow::Owned(part.to_owned())))
    }

    fn module_way(&self, level: u32, mut parts: impl Iterator<Item = Cow<'a, str>>) -> Value<'a> {
        let Some(linked) = &self.linked else { return Value::Unknown };
        let first = parts.next().unwrap_or_default();
        let way = linked.origins.borrow_mut().module(level, first);
        let value = self.foreign(way);
        parts.fold(value, |value, part| match value {
            Value::Foreign(_) => self.further(&value, &Step::Attribute(part)),
            known => self.member_of_text(&known, &part),
        })
    }

    fn member_of_text(&self, value: &Value<'a>, name: &str) -> Value<'a> {
        self.dotted_member(value, name)
    }

    /// A name of a module, or the like, no rule knows.
    pub(super) fn foreign_member(&self, base: &Value<'a>, name: &str) -> Value<'a> {
        match base {
            Value::Foreign(Origin::STANDARD) => base.clone(),
            Value::Foreign(_) => self.further(base, &Step::Attribute(Cow::Owned(name.to_owned()))),
            Value::Unknown => Value::Unknown,
            known => self.dotted_member(known, name),
        }
    }

    /// `base.name`, where nothing is known of `base` but perhaps where it is from.
    pub(super) fn foreign_attribute(
        &mut self,
        base: &Value<'a>,
        attribute: &'a ast::ExprAttribute,
    ) -> Value<'a> {
        match base {
            Value::Foreign(Origin::STANDARD) => base.clone(),
            Value::Foreign(_) => {
                let name = Cow::Borrowed(attribute.attr.as_str());
                let value = self.further(base, &Step::Attribute(name));
                self.note_foreign_read(base, &value, attribute);
                value
            }
            _ => Value::Unknown,
        }
    }

    /// What a class inherits from a base of another file.
    pub(super) fn foreign_inherited(&self, base: &Value<'a>, name: &str) -> Value<'a> {
        let object = self.foreign_instance(base);
        self.foreign_member(&object, name)
    }

    /// An object of a class of another file.
    pub(super) fn foreign_instance(&self, class: &Value<'a>) -> Value<'a> {
        self.further(class, &Step::Instance)
    }

    /// What calling something of another file gives.
    pub(super) fn foreign_called(&self, callee: &Value<'a>) -> Value<'a> {
        self.further(callee, &Step::Called)
    }

    /// What a call of something unknown gives.
    pub(super) fn foreign_result(&self, callee: &Value<'a>, _call: &ast::ExprCall) -> Value<'a> {
        self.foreign_called(callee)
    }

    /// `base[index]`, where nothing is known of `base` but perhaps where it is from.
    pub(super) fn foreign_item(&self, base: &Value<'a>, index: &Value<'a>) -> Value<'a> {
        if base.origin().is_none() {
            return Value::Unknown;
        }
        let step = match index.exact_text() {
            Some(key) if key.len() <= 64 => Step::Item(Cow::Owned(key.to_owned())),
            _ => Step::AnyItem,
        };
        self.further(base, &step)
    }

    /// What a loop over something gives.
    pub(super) fn any_item(&self, items: &Value<'a>) -> Value<'a> {
        match items {
            Value::Foreign(_) => self.foreign_item(items, &Value::Unknown),
            known => super::expressions::item_of(known),
        }
    }

    /// A part no rule speaks of of something a rule knows.
    pub(super) fn foreign_part(&self, of: NameId, name: &str) -> Value<'a> {
        match self.way_of(of) {
            Value::Unknown => Value::Unknown,
            way => self.foreign_member(&way, name),
        }
    }

    /// A part no rule speaks of of an object of a class a rule knows.
    pub(super) fn foreign_part_of_object(&self, class: NameId, name: &str) -> Value<'a> {
        match self.way_of(class) {
            Value::Unknown => Value::Unknown,
            way => self.foreign_member(&self.foreign_instance(&way), name),
        }
    }

    /// What calling something a rule knows gives, where no rule says it.
    pub(super) fn foreign_result_of(&self, id: NameId) -> Value<'a> {
        match self.way_of(id) {
            Value::Unknown => Value::Unknown,
            way => self.foreign_called(&way),
        }
    }

    /// The way to something a rule knows; what it leads to is not looked up.
    fn way_of(&self, id: NameId) -> Value<'a> {
        let Some(linked) = &self.linked else { return Value::Unknown };
        let name = self.names.name(id);
        if let Some(builtin) = name.strip_prefix("builtins.") {
            return Value::Foreign(Origin::builtin(builtin));
        }
        let mut parts = name.split('.').map(Cow::Borrowed);
        let mut origins = linked.origins.borrow_mut();
        let mut way = origins.module(0, parts.next().unwrap_or_default());
        if way.is_standard() {
            return Value::Foreign(way);
        }
        for part in parts {
            match origins.step(way, &Step::Attribute(part)) {
                Some(next) => way = next,
                None => return Value::Unknown,
            }
        }
        Value::Foreign(way)
    }

    /// Names of another module are bound here, and nobody knows which.
    pub(super) fn foreign_star(&mut self, module: &Value<'a>) {
        if let (Some(linked), Some(origin)) = (&mut self.linked, module.origin())
            && !origin.is_standard()
        {
            linked.stars.push(origin);
        }
    }

    /// A name that nothing in this file binds: a star import may, else it is a builtin.
    pub(super) fn bound_elsewhere(&self, name: &'a str) -> Value<'a> {
        let Some(linked) = &self.linked else { return Value::Unknown };
        let step = Step::Starred(Cow::Borrowed(name));
        let ways: Vec<_> = linked
            .stars
            .iter()
            .filter_map(|star| linked.origins.borrow_mut().step(*star, &step))
            .collect();
        if ways.is_empty() {
            return Value::Foreign(Origin::builtin(name));
        }
        Value::either(ways.into_iter().map(|way| self.foreign(way)))
    }

    /// A display that nothing of interest is in yet.
    pub(super) fn container(&self) -> Value<'a> {
        if self.linked.is_some() { Value::Foreign(Origin::CONTAINER) } else { Value::Unknown }
    }

    /// Whether something is known of it, or may be by another file.
    pub(super) fn is_of_interest(&self, value: &Value<'a>) -> bool {
        match value {
            Value::Unknown => false,
            Value::Foreign(origin) => !origin.is_standard() && self.linked.is_some(),
            _ => true,
        }
    }

    /// Note where an import statement names a way, and that what it names is imported.
    pub(super) fn link_import(
        &mut self,
        level: u32,
        module: &'a str,
        member: Option<&'a str>,
        range: Range,
    ) {
        let Some(linked) = &mut self.linked else { return };
        let mut origins = linked.origins.borrow_mut();
        let mut parts = module.split('.');
        let mut way = origins.module(level, Cow::Borrowed(parts.next().unwrap_or_default()));
        for part in parts.chain(member.filter(|name| *name != "*")) {
            match origins.step(way, &Step::Attribute(Cow::Borrowed(part))) {
                Some(next) => way = next,
                None => return,
            }
        }
        drop(origins);
        if way.is_standard() {
            return;
        }
        linked.imports.push((way, self.owner, range));
        if self.quiet == 0 {
            self.note_import(way, range);
        }
    }

    /// What a decorator is, for who calls the function below it.
    pub(super) fn note_decorated(
        &mut self,
        id: crate::resolve::value::FunctionId,
        decorators: Vec<Value<'a>>,
    ) {
        if !self.linked.as_ref().is_some_and(|linked| linked.graph) {
            return;
        }
        let at = self.functions.get(id.0 as usize).map(|function| function.at);
        let Some(at) = at else { return };
        for value in &decorators {
            self.note_decorator_call(value, super::engine::bytes(at));
        }
        if let Some(function) = self.functions.get_mut(id.0 as usize) {
            function.decorated = decorators;
        }
    }

    /// A class is handed to its decorators.
    pub(super) fn note_decorated_class(&mut self, class: ClassId, decorators: &[Value<'a>]) {
        let at = self.classes.get(class.0 as usize).map(|class| class.at);
        for value in decorators {
            if let Some(at) = at {
                self.note_decorator_call(value, super::engine::bytes(at));
            }
        }
    }

    /// What `with` makes of a context: of another file's, what entering it gives.
    pub(super) fn entered(&mut self, value: Value<'a>, context: &'a Expr) -> Value<'a> {
        self.note_context(&value, context);
        match value {
            Value::Foreign(origin) if origin.is_standard() => value,
            Value::Foreign(_) => {
                let enter = self.further(&value, &Step::Attribute(Cow::Borrowed("__enter__")));
                match self.foreign_called(&enter) {
                    Value::Unknown => value,
                    entered => entered,
                }
            }
            value => value,
        }
    }

    /// The use of an attribute's base: what is called on it needs to know what it is.
    pub(super) fn note_base(
        &mut self,
        base: &Value<'a>,
        attribute: &'a ast::ExprAttribute,
        used: Use,
    ) {
        if self.linked.as_ref().is_some_and(|linked| linked.graph) {
            let base = match used {
                Use::Callee => self.base_of(base, &attribute.value),
                _ => Base::Unknown,
            };
            if let Some(linked) = &mut self.linked {
                linked.base = base;
                linked.reading = super::engine::range_of(&attribute.attr);
            }
        }
    }

    pub(super) fn class_way(&self, id: ClassId) -> Option<Origin> {
        self.classes.get(id.0 as usize).and_then(|class| class.foreign)
    }
}
