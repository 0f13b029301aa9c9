//! What a file offers to others, written down once it has been looked at.

use rustc_hash::FxHashSet;

use crate::resolve::origin::Origin;
use crate::resolve::scope::Scopes;
use crate::resolve::value::{ClassId, Value};
use crate::source::Source;
use crate::summary::links::{
    Called, Class, Edge, EdgeKind, Export, Function, Import, Links, Owner, Place, Thing,
    Unresolved, Ways,
};

use super::edges::{DEEPEST, is_nowhere};
use super::engine::{Engine, OwnFunction};

impl<'a> Engine<'a> {
    /// The function whose body is looked at returns this somewhere.
    pub(super) fn note_return(&mut self, value: Value<'a>, gives_back: bool) {
        let mut function = self.function.and_then(|id| self.functions.get_mut(id.0 as usize));
        if let Some(function) = &mut function {
            function.gives_back |= gives_back;
        }
        let says = |function: &&mut OwnFunction<'a>| {
            !(function.annotated || function.promised && value.is_unknown())
        };
        if let Some(function) = function.filter(says) {
            let before = function.returned.take();
            let each = before.into_iter().chain([value]);
            function.returned = Some(Value::either(each).bounded());
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
                        Value::Function(Some(id)) => {
                            let made = self.returned(Some(*id));
                            let of = self.functions.get(id.0 as usize);
                            if made.is_unknown() && !of.is_some_and(|of| of.gives_back) {
                                let at = super::engine::bytes(function.at).start;
                                linked.unresolved.push((Owner::function(number), at));
                            }
                            made
                        }
                        Value::Foreign(origin) if origin.is_standard() => continue,
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
                        kind: EdgeKind::Made,
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
        links.ways = Ways::of(origins.all());
        links.shrink();
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
            let called = || Called {
                name: self.qualified(function.outer, function.name).into(),
                place: row(super::engine::bytes(function.at).start),
                class: function.outer.1.map(|class| class.0),
                calls_parameter: function.calls_parameter,
                hands_on: function.hands_on.clone(),
                gives_back: function.gives_back,
                looked_at: function.looked_at,
            };
            let called = graph.then(|| Box::new(called()));
            let one = Function { returned, property: function.property, called };
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
                    *known = Thing::Either([std::mem::take(known), std::mem::take(thing)].into());
                }
                true
            });
            let mut one = Class {
                bases: class.bases.iter().map(|base| self.base(base)).collect(),
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

    /// A base of a class: a builtin is known too.
    fn base(&self, value: &Value<'a>) -> Thing {
        match value {
            Value::Foreign(origin) if origin.is_standard() => Thing::Way(Origin::STANDARD),
            value => self.thing(value, 0),
        }
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
                    Thing::Items(items.into())
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
                if items.is_empty() { Thing::Unknown } else { Thing::Table(items.into()) }
            }
            Value::Either(options) => {
                let options: Vec<_> =
                    options.iter().map(|one| self.thing(one, depth + 1)).collect();
                if options.iter().all(|one| *one == Thing::Unknown) {
                    Thing::Unknown
                } else {
                    Thing::Either(options.into())
                }
            }
            _ => Thing::Unknown,
        }
    }
}

fn thing_of(origin: Origin) -> Thing {
    let mut all: Vec<_> =
        origin.each().into_iter().filter(|one| !is_nowhere(*one)).map(Thing::Way).collect();
    if all.len() > 1 { Thing::Either(all.into()) } else { all.pop().unwrap_or_default() }
}

/// The names of a literal list.
fn listed(value: &Value<'_>) -> Option<Vec<Box<str>>> {
    let (Value::List(items) | Value::Sequence(items)) = value else { return None };
    items.iter().map(|item| item.exact_text().map(Into::into)).collect()
}
