//! Who calls what: the steps of a call graph, written down while a file is looked at.
//!
//! A call is followed by what is known of the callee, never by a method's name alone. What is
//! handed to a call may be called by it. Calls of nobody knows what are counted, not dropped.

use rustc_hash::FxHashSet;

use crate::resolve::origin::Origin;
use crate::resolve::scope::{Reach, Scopes};
use crate::resolve::value::{ClassId, FunctionId, Value};
use crate::source::Source;
use crate::summary::Range;
use crate::summary::links::{
    Callee, Class, Edge, EdgeKind, Export, Function, Import, Links, Owner, Place, Thing, Unresolved,
};
use crate::syntax::ast::{self, Expr};

use super::engine::{Engine, range_of};
use super::operands::Arguments;

/// How much has been written down.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LinksMark {
    edges: usize,
    unresolved: usize,
}

/// An edge, apart from where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(EdgeKind, Callee);

/// What an attribute that is called is taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Base {
    /// Nothing is known of it.
    #[default]
    Unknown,
    /// An object of a class of this file; for certain of this class, or perhaps of a subclass.
    Object { class: ClassId, exact: bool },
    /// The object the method belongs to.
    Receiver(ClassId),
    /// `super()` in a method of this class.
    Super(ClassId),
    /// Something else that is known: what it has is known too.
    Known,
}

/// Values in values are followed this far.
const DEEPEST: u8 = 6;

impl<'a> Engine<'a> {
    fn graph(&self) -> bool {
        self.quiet == 0 && self.linked.as_ref().is_some_and(|linked| linked.graph)
    }

    pub(super) fn links_mark(&self) -> LinksMark {
        self.linked.as_ref().map_or_else(LinksMark::default, |linked| LinksMark {
            edges: linked.edges.len(),
            unresolved: linked.unresolved.len(),
        })
    }

    pub(super) fn forget_links(&mut self, mark: LinksMark) {
        let Some(linked) = &mut self.linked else { return };
        for edge in linked.edges.drain(mark.edges..) {
            linked.known_edges.remove(&(edge.owner, Key(edge.kind, edge.to)));
        }
        linked.unresolved.truncate(mark.unresolved);
    }

    /// Write an edge down, once for each owner; its number.
    fn edge(&mut self, owner: Owner, kind: EdgeKind, to: Callee, range: Range) -> Option<u32> {
        let linked = self.linked.as_mut()?;
        let key = (owner, Key(kind, to));
        if let Some(known) = linked.known_edges.get(&key) {
            return Some(*known);
        }
        crate::resolve::budget::spend(2);
        let number = u32::try_from(linked.edges.len()).ok()?;
        let place = Place { row: range.start, ..Place::default() };
        linked.edges.push(Edge { owner, kind, to: key.1.1.clone(), place });
        linked.known_edges.insert(key, number);
        Some(number)
    }

    /// What the base of a called attribute is.
    pub(super) fn base_of(&self, base: &Value<'a>, expression: &'a Expr) -> Base {
        if let Expr::Call(call) = expression
            && matches!(&*call.func, Expr::Name(name) if name.id == *"super")
            && let Some(class) = self.class
        {
            return Base::Super(class);
        }
        match base.only() {
            Value::Own(class) | Value::Class(class) if self.class_way(*class).is_none() => {
                match expression {
                    Expr::Name(name) => match self.scopes.find(self.scope, name.id.as_str()) {
                        Some((_, _, Reach::Own)) if self.is_receiver(name.id.as_str()) => {
                            Base::Receiver(*class)
                        }
                        Some(_) if self.is_parameter(name.id.as_str()) => {
                            Base::Object { class: *class, exact: false }
                        }
                        _ => Base::Object { class: *class, exact: true },
                    },
                    Expr::Call(_) => Base::Object { class: *class, exact: true },
                    _ => Base::Object { class: *class, exact: false },
                }
            }
            Value::Unknown | Value::Foreign(_) => Base::Unknown,
            Value::Either(options) if options.iter().any(Value::is_unknown) => Base::Unknown,
            _ => Base::Known,
        }
    }

    fn is_receiver(&self, name: &str) -> bool {
        let function = self.owner.as_function().and_then(|at| self.functions.get(at as usize));
        function.is_some_and(|function| {
            function.outer.1.is_some()
                && function
                    .parameters
                    .and_then(|parameters| parameters.iter_non_variadic_params().next())
                    .is_some_and(|first| first.parameter.name.as_str() == name)
        })
    }

    fn is_parameter(&self, name: &str) -> bool {
        self.parameter_of(name).is_some()
    }

    /// The function whose parameter this name is, from the present one outward.
    fn parameter_of(&self, name: &str) -> Option<u32> {
        let mut at = self.owner;
        for _ in 0..8 {
            let number = at.as_function()?;
            let function = self.functions.get(number as usize)?;
            let named = function.parameters.is_some_and(|parameters| {
                parameters.iter().any(|parameter| parameter.name().as_str() == name)
            });
            if named {
                return Some(number);
            }
            at = function.outer.0;
        }
        None
    }

    /// A call: the number of its edge, if it has one.
    pub(super) fn note_call(&mut self, callee: &Value<'a>, call: &'a ast::ExprCall) -> Option<u32> {
        if !self.graph() {
            return None;
        }
        let base = match &*call.func {
            Expr::Attribute(_) => self.linked.as_mut().map(|l| std::mem::take(&mut l.base)),
            _ => None,
        };
        let range = match &*call.func {
            Expr::Attribute(attribute) => range_of(&attribute.attr),
            func => range_of(func),
        };
        for argument in &call.arguments.args {
            if let Expr::Name(name) = argument
                && self
                    .scopes
                    .find(self.scope, name.id.as_str())
                    .is_some_and(|(b, ..)| b.value.is_unknown())
            {
                self.note_parameter_call(name.id.as_str());
            }
        }
        let owner = self.owner;
        if let (Some(base), Expr::Attribute(attribute)) = (base, &*call.func) {
            let name: Box<str> = attribute.attr.as_str().into();
            let number = |class: ClassId| class.0;
            let to = match base {
                Base::Object { class, exact } => {
                    Some(Callee::Method { class: number(class), name, exact })
                }
                Base::Receiver(class) => Some(Callee::OwnMethod { class: number(class), name }),
                Base::Super(class) => Some(Callee::SuperMethod { class: number(class), name }),
                Base::Unknown | Base::Known => None,
            };
            let attribute_of_object = matches!(callee.only(), Value::Own(_) | Value::Class(_));
            if let Some(to) = to
                && !attribute_of_object
            {
                // What an attribute holds that is no method is called as well.
                let first = self.edge(owner, EdgeKind::Call, to, range);
                self.note_callee(callee, owner, range, true);
                return first;
            }
            if base == Base::Known && matches!(callee, Value::Unknown) {
                return None;
            }
        }
        if let Expr::Name(name) = &*call.func
            && callee.is_unknown()
        {
            self.note_parameter_call(name.id.as_str());
        }
        self.note_callee(callee, owner, range, false)
    }

    fn note_parameter_call(&mut self, name: &str) {
        let owner = self.parameter_of(name);
        // What a function inside calls, it calls later.
        if let Some(number) = owner.filter(|number| Owner::function(*number) == self.owner)
            && let Some(function) = self.functions.get_mut(number as usize)
        {
            function.calls_parameter = true;
        }
    }

    /// Edges to each thing a callee may be.
    fn note_callee(
        &mut self,
        callee: &Value<'a>,
        owner: Owner,
        range: Range,
        is_method: bool,
    ) -> Option<u32> {
        let mut first = None;
        let mut unresolved = false;
        for one in callee.each() {
            let mut targets = Vec::new();
            match one {
                Value::Unknown => unresolved |= !is_method,
                Value::Function(None) => {}
                one => self.targets(one, &mut targets, 0, false),
            }
            for to in targets {
                // A method is found by the object's class, which may be a subclass.
                if is_method && matches!(to, Callee::Function(_) | Callee::Way(_)) {
                    continue;
                }
                first = first.or(self.edge(owner, EdgeKind::Call, to, range));
            }
        }
        if unresolved && let Some(linked) = &mut self.linked {
            linked.unresolved.push((owner, range.start));
        }
        first
    }

    /// What is called when a value is called; with `deep`, what is in it too.
    fn targets(&self, value: &Value<'a>, found: &mut Vec<Callee>, depth: u8, deep: bool) {
        if depth > DEEPEST || found.len() > 64 {
            return;
        }
        match value {
            Value::Function(Some(FunctionId(number))) => found.push(Callee::Function(*number)),
            Value::Class(class) => match self.class_way(*class) {
                Some(way) => found.extend(ways(way)),
                None => found.push(Callee::Class(class.0)),
            },
            Value::Own(class) if !deep => match self.class_way(*class) {
                Some(_) => {}
                None => found.push(Callee::Method {
                    class: class.0,
                    name: "__call__".into(),
                    exact: false,
                }),
            },
            Value::Foreign(origin) => found.extend(ways(*origin)),
            Value::Partial(partial) => self.targets(&partial.function, found, depth + 1, deep),
            Value::Sequence(items) | Value::List(items) if deep => {
                items.iter().for_each(|item| self.targets(item, found, depth + 1, deep));
            }
            Value::Mapping(items) if deep => {
                items.iter().for_each(|(_, item)| self.targets(item, found, depth + 1, deep));
            }
            Value::Either(options) => {
                options.iter().for_each(|one| self.targets(one, found, depth + 1, deep));
            }
            _ => {}
        }
    }

    /// Something is handed to a call.
    pub(super) fn note_pass(&mut self, value: &Value<'a>, edge: Option<u32>, range: Range) {
        if matches!(value, Value::Unknown | Value::Foreign(Origin::STANDARD)) || !self.graph() {
            return;
        }
        let mut targets = Vec::new();
        self.targets(value, &mut targets, 0, true);
        for to in targets {
            self.edge(self.owner, EdgeKind::Pass(edge), to, range);
        }
    }

    /// All that is handed to a call of something known.
    pub(super) fn note_passed(
        &mut self,
        arguments: &Arguments<'a>,
        edge: Option<u32>,
        range: Range,
    ) {
        if !self.graph() {
            return;
        }
        let keywords = arguments.keywords.iter().map(|(_, value)| value);
        for value in arguments.positional.iter().chain(keywords).chain(&arguments.loose) {
            self.note_pass(value, edge, range);
        }
    }

    /// A property of a class of this file is read.
    pub(super) fn note_property(&mut self, id: FunctionId) {
        if self.graph()
            && let Some(range) = self.linked.as_ref().map(|linked| linked.reading)
        {
            self.edge(self.owner, EdgeKind::Call, Callee::Function(id.0), range);
        }
    }

    /// An attribute of an object of another file's class may be a property.
    pub(super) fn note_foreign_read(
        &mut self,
        base: &Value<'a>,
        value: &Value<'a>,
        attribute: &ast::ExprAttribute,
    ) {
        if !self.graph() {
            return;
        }
        let Some(from) = base.origin() else { return };
        let is_object =
            self.linked.as_ref().is_some_and(|linked| linked.origins.borrow().is_result(from));
        if is_object && let Value::Foreign(origin) = value {
            for to in ways(*origin) {
                self.edge(self.owner, EdgeKind::Read, to, range_of(&attribute.attr));
            }
        }
    }

    /// A module, or a name of one, is imported.
    pub(super) fn note_import(&mut self, way: Origin, range: Range) {
        if self.graph() {
            self.edge(self.owner, EdgeKind::Import, Callee::Way(way), range);
        }
    }

    /// A decorator is called with a function.
    pub(super) fn note_decorator_call(&mut self, decorator: &Value<'a>, range: Range) {
        if self.graph() && !matches!(decorator, Value::Unknown) {
            self.note_callee(decorator, self.owner, range, true);
            let mut targets = Vec::new();
            self.targets(decorator, &mut targets, 0, false);
            for to in targets {
                self.edge(self.owner, EdgeKind::Call, to, range);
            }
        }
    }

    /// `with` calls two methods of its context.
    pub(super) fn note_context(&mut self, context: &Value<'a>, expression: &'a Expr) {
        if self.graph() {
            self.note_methods(
                context,
                expression,
                &["__enter__", "__exit__", "__aenter__", "__aexit__"],
            );
        }
    }

    /// A loop calls methods of what it goes over.
    pub(super) fn iterated(&mut self, items: &Value<'a>, expression: &'a Expr) {
        if self.graph() {
            self.note_methods(
                items,
                expression,
                &["__iter__", "__next__", "__aiter__", "__anext__"],
            );
        }
    }

    fn note_methods(&mut self, value: &Value<'a>, expression: &'a Expr, names: &[&str]) {
        let range = range_of(expression);
        for one in value.each() {
            let Value::Own(class) = one else { continue };
            if self.class_way(*class).is_some() {
                continue;
            }
            let exact = matches!(expression, Expr::Call(_));
            for name in names {
                if !self.member_of_class(*class, name, 0).is_unknown() {
                    let to = Callee::Method { class: class.0, name: (*name).into(), exact };
                    self.edge(self.owner, EdgeKind::Call, to, range);
                }
            }
        }
    }

    /// Everything other files may want to know.
    pub(super) fn finish_links(&mut self, source: &Source) -> Option<Box<Links>> {
        let mut linked = self.linked.take()?;
        let graph = linked.graph;
        let place = |offset: u32| {
            let span = source.span(offset..offset);
            let cell = span.cell.unwrap_or_default();
            Place { row: span.start.row, column: span.start.column, cell }
        };
        // Of most only the row is told.
        let row = |offset: u32| {
            let (cell, row) = source.row(offset);
            Place { row, column: 1, cell: cell.unwrap_or_default() }
        };
        let mut decorated = Vec::new();
        if graph {
            for (number, function) in self.functions.iter().enumerate() {
                let Ok(number) = u32::try_from(number) else { break };
                for value in &function.decorated {
                    let made = match value {
                        Value::Function(id) => self.returned(*id),
                        Value::Foreign(Origin::STANDARD) => continue,
                        Value::Foreign(origin) => {
                            let mut origins = linked.origins.borrow_mut();
                            match origins.step(*origin, &crate::resolve::origin::Step::Called) {
                                Some(way) => Value::Foreign(way),
                                None => continue,
                            }
                        }
                        _ => continue,
                    };
                    let mut targets = Vec::new();
                    self.targets(&made, &mut targets, 0, false);
                    let at = super::engine::bytes(function.at);
                    decorated.extend(targets.into_iter().map(|to| Edge {
                        owner: Owner::function(number),
                        kind: EdgeKind::Call,
                        to,
                        place: Place { row: at.start, ..Place::default() },
                    }));
                }
            }
        }
        linked.edges.extend(decorated);
        let mut links = Links { edges: linked.edges, stars: linked.stars, ..Links::default() };
        for edge in &mut links.edges {
            edge.place = row(edge.place.row);
        }
        for (owner, offset) in linked.unresolved {
            match links.unresolved.iter_mut().rev().find(|one| one.owner == owner) {
                Some(one) => one.count += 1,
                None => links.unresolved.push(Unresolved { owner, place: row(offset), count: 1 }),
            }
        }
        let mut named = FxHashSet::default();
        for (way, owner, range) in linked.imports {
            for one in way.each() {
                if let Some(number) = one.index().and_then(|at| u32::try_from(at).ok())
                    && named.insert((number, owner))
                {
                    links.imports.push(Import {
                        way: number,
                        owner,
                        place: place(range.start),
                        range,
                    });
                }
            }
        }
        links.kept = self.kept_on_import(&place);
        links.installs = std::mem::take(&mut self.installs);
        if graph {
            links.act_places = self.found.acts.iter().map(|act| row(act.range.start)).collect();
            links.import_places =
                self.found.imports.iter().map(|import| row(import.range.start)).collect();
        }
        self.offer(&mut links, graph, &place, &row);
        let origins = linked.origins.into_inner();
        links.ways = origins.all().map(|(from, step)| (from, step.clone().into_owned())).collect();
        Some(Box::new(links))
    }

    /// What this file offers to others.
    fn offer(
        &self,
        links: &mut Links,
        graph: bool,
        place: &dyn Fn(u32) -> Place,
        row: &dyn Fn(u32) -> Place,
    ) {
        let module = Scopes::MODULE;
        for (name, binding) in self.scopes.names(module) {
            // A place: `a.b`.
            if name.contains('.') {
                continue;
            }
            let every = self.scopes.every_value(module, name, binding);
            let value = every.as_ref().unwrap_or(&binding.value);
            if name == "__all__" {
                links.all = listed(value);
                continue;
            }
            let thing = self.thing(value, 0);
            if thing != Thing::Unknown {
                let place = self.taken_at(&thing).map(place);
                links.exports.push(Export { name: name.into(), thing, place });
            }
        }
        links.exports.sort_by(|a, b| a.name.cmp(&b.name));
        for function in &self.functions {
            let returned = function.returned.as_ref();
            let returned = returned.map_or(Thing::Unknown, |value| self.thing(value, 0));
            let mut one = Function {
                returned,
                property: function.property,
                class: function.outer.1.map(|class| class.0),
                ..Function::default()
            };
            if graph {
                one.name = self.qualified(function.outer, function.name).into();
                one.place = row(super::engine::bytes(function.at).start);
                one.calls_parameter = function.calls_parameter;
                one.looked_at = function.looked_at;
            }
            if function.name == "__getattr__" && function.outer == (Owner::MODULE, None) {
                links.getattr = Some(one.returned.clone());
            }
            links.functions.push(one);
        }
        for class in &self.classes {
            if class.foreign.is_some() {
                links.classes.push(Class::default());
                continue;
            }
            let mut members: Vec<(Box<str>, Thing)> = Vec::new();
            let bound = self.scopes.names(class.scope).map(|(name, b)| (name, &b.value));
            let set = class.attributes.iter().map(|(name, value)| (*name, value));
            // A member that is something else hides what a base says of it.
            let all = bound.chain(set).map(|(name, value)| (name.into(), self.thing(value, 0)));
            members.extend(all);
            members.sort_by(|a, b| a.0.cmp(&b.0));
            members.dedup_by(|(name, thing), (first, known)| {
                if name != first {
                    return false;
                }
                if *known == Thing::Unknown {
                    *known = std::mem::take(thing);
                } else if *known != *thing && *thing != Thing::Unknown {
                    *known = Thing::Either(vec![std::mem::take(known), std::mem::take(thing)]);
                }
                true
            });
            let mut one = Class {
                bases: class.bases.iter().map(|base| self.thing(base, 0)).collect(),
                members,
                ..Class::default()
            };
            if graph {
                one.name = self.qualified(class.outer, class.name).into();
                one.place = row(super::engine::bytes(class.at).start);
            }
            links.classes.push(one);
        }
    }

    /// Where the file takes something a rule knows.
    fn taken_at(&self, thing: &Thing) -> Option<u32> {
        let id = match thing {
            Thing::Api(id) | Thing::ApiObject(id) => *id,
            Thing::Either(options) => return options.iter().find_map(|one| self.taken_at(one)),
            _ => return None,
        };
        let name = self.names.name(self.names.canonical(id));
        let captured = self.found.captures.iter().find(|capture| *capture.target == *name);
        let imported = || {
            self.found.imports.iter().find(|import| {
                let rest = name.strip_prefix(&*import.module);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        captured.map(|c| c.range.start).or_else(|| imported().map(|import| import.range.start))
    }

    fn qualified(&self, (owner, class): (Owner, Option<ClassId>), name: &str) -> String {
        let mut parts = vec![name.to_owned()];
        let (mut owner, mut class) = (owner, class);
        for _ in 0..32 {
            if let Some(outer) = class.and_then(|id| self.classes.get(id.0 as usize)) {
                parts.push(outer.name.to_owned());
                (owner, class) = outer.outer;
            } else if let Some(outer) =
                owner.as_function().and_then(|at| self.functions.get(at as usize))
            {
                parts.push("<locals>".to_owned());
                parts.push(outer.name.to_owned());
                (owner, class) = outer.outer;
            } else {
                break;
            }
        }
        parts.reverse();
        parts.join(".")
    }

    /// A value as other files are told of it.
    fn thing(&self, value: &Value<'a>, depth: u8) -> Thing {
        if depth > DEEPEST {
            return Thing::Unknown;
        }
        match value {
            Value::Name(id) | Value::Method(id, _) => Thing::Api(*id),
            Value::Instance(instance) => Thing::ApiObject(instance.class),
            Value::Function(Some(id)) => Thing::Function(id.0),
            Value::Class(id) => match self.class_way(*id) {
                Some(way) => thing_of(way),
                None => Thing::Class(id.0),
            },
            Value::Own(id) => match self.class_way(*id) {
                Some(_) => Thing::Unknown,
                None => Thing::Object(id.0),
            },
            Value::Foreign(origin) => thing_of(*origin),
            Value::Partial(partial) => self.thing(&partial.function, depth + 1),
            Value::Sequence(items) | Value::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.thing(item, depth + 1)).collect();
                if items.iter().all(|item| *item == Thing::Unknown) {
                    Thing::Unknown
                } else {
                    Thing::Items(items)
                }
            }
            Value::Mapping(items) => {
                let items: Vec<_> = items
                    .iter()
                    .filter_map(|(key, item)| {
                        let thing = self.thing(item, depth + 1);
                        (thing != Thing::Unknown)
                            .then(|| (key.exact_text().unwrap_or_default().into(), thing))
                    })
                    .collect();
                if items.is_empty() { Thing::Unknown } else { Thing::Table(items) }
            }
            Value::Either(options) => {
                let options: Vec<_> =
                    options.iter().map(|one| self.thing(one, depth + 1)).collect();
                if options.iter().all(|one| *one == Thing::Unknown) {
                    Thing::Unknown
                } else {
                    Thing::Either(options)
                }
            }
            _ => Thing::Unknown,
        }
    }
}

fn ways(origin: Origin) -> impl Iterator<Item = Callee> {
    let all = origin.each();
    all.into_iter().filter(|one| *one != Origin::STANDARD).map(Callee::Way)
}

fn thing_of(origin: Origin) -> Thing {
    let mut all: Vec<_> =
        origin.each().into_iter().filter(|one| *one != Origin::STANDARD).map(Thing::Way).collect();
    if all.len() > 1 { Thing::Either(all) } else { all.pop().unwrap_or_default() }
}

/// The names of a literal list.
fn listed(value: &Value<'_>) -> Option<Vec<Box<str>>> {
    let (Value::List(items) | Value::Sequence(items)) = value else { return None };
    items.iter().map(|item| item.exact_text().map(Into::into)).collect()
}
