//! Who calls what: the steps of a call graph, written down while a file is looked at.
//!
//! A call is followed by what is known of the callee, never by a method's name alone. What is
//! handed to a call may be called by it. Calls of nobody knows what are counted, not dropped.

use crate::resolve::origin::Origin;
use crate::resolve::scope::Reach;
use crate::resolve::value::{ClassId, FunctionId, Value};
use crate::summary::Range;
use crate::summary::links::{Callee, Edge, EdgeKind, Owner, Place};
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
pub(super) const DEEPEST: u8 = 6;

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

    /// Whether it names a parameter of the present function.
    pub(super) fn is_own_parameter(&self, expression: &Expr) -> bool {
        let Expr::Name(name) = expression else { return false };
        let owner = self.parameter_of(name.id.as_str());
        owner.is_some_and(|number| Owner::function(number) == self.owner)
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
        let edge = self.called(callee, call);
        if !keeps_or_looks(callee, &call.func) {
            let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
            for argument in call.arguments.args.iter().chain(keywords) {
                if let Expr::Name(name) = argument {
                    self.note_parameter_call(name.id.as_str(), edge);
                }
            }
        }
        edge
    }

    fn called(&mut self, callee: &Value<'a>, call: &'a ast::ExprCall) -> Option<u32> {
        let base = match &*call.func {
            Expr::Attribute(_) => self.linked.as_mut().map(|l| std::mem::take(&mut l.base)),
            _ => None,
        };
        let range = match &*call.func {
            Expr::Attribute(attribute) => range_of(&attribute.attr),
            func => range_of(func),
        };
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
            self.note_parameter_call(name.id.as_str(), None);
        }
        self.note_callee(callee, owner, range, false)
    }

    /// A parameter is called, or handed on to a call of which the edge is known.
    fn note_parameter_call(&mut self, name: &str, edge: Option<u32>) {
        let unknown = self.scopes.find(self.scope, name).is_some_and(|(b, ..)| {
            b.value.is_unknown() || b.value.each().iter().any(Value::is_unknown)
        });
        // What a function inside calls, it calls later.
        let owner =
            self.parameter_of(name).filter(|n| unknown && Owner::function(*n) == self.owner);
        let function = owner.and_then(|number| self.functions.get_mut(number as usize));
        match (function, edge) {
            (Some(function), Some(edge)) if !function.hands_on.contains(&edge) => {
                function.hands_on.push(edge);
            }
            (Some(function), None) => function.calls_parameter = true,
            _ => {}
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
                Value::Foreign(origin) if may_be_anything(*origin) => {
                    unresolved |= !is_method;
                    self.targets(one, &mut targets, 0, false);
                }
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
    pub(super) fn targets(
        &self,
        value: &Value<'a>,
        found: &mut Vec<Callee>,
        depth: u8,
        deep: bool,
    ) {
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
        if matches!(value, Value::Unknown) || !self.graph() {
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
            let class = match one {
                Value::Own(class) if self.class_way(*class).is_none() => class,
                Value::Foreign(_) => {
                    self.note_foreign_methods(one, names, range);
                    continue;
                }
                _ => continue,
            };
            let exact = matches!(expression, Expr::Call(_));
            for name in names {
                if !self.member_of_class(*class, name, 0).is_unknown() {
                    let to = Callee::Method { class: class.0, name: (*name).into(), exact };
                    self.edge(self.owner, EdgeKind::Call, to, range);
                }
            }
        }
    }

    /// Methods of an object of another file's class, which may have them.
    fn note_foreign_methods(&mut self, object: &Value<'a>, names: &[&str], range: Range) {
        for name in names {
            if let Value::Foreign(origin) = self.foreign_member(object, name) {
                for to in ways(origin) {
                    self.edge(self.owner, EdgeKind::Implied, to, range);
                }
            }
        }
    }
}

/// Whether a call of something of the language or its library calls nothing that it is given: a
/// container keeps it, most builtins look at it.
fn keeps_or_looks(callee: &Value<'_>, func: &Expr) -> bool {
    let standard = match callee {
        Value::Foreign(origin) => origin.is_standard(),
        Value::Name(_) => true,
        _ => false,
    };
    standard
        && match func {
            Expr::Attribute(method) => stores(method.attr.as_str()),
            Expr::Name(name) => !matches!(
                name.id.as_str(),
                "map" | "filter" | "sorted" | "min" | "max" | "iter" | "reduce" | "partial"
            ),
            _ => false,
        }
}

/// Whether a method of a container puts something into it.
fn stores(method: &str) -> bool {
    matches!(
        method,
        "add" | "append" | "appendleft" | "extend" | "insert" | "put" | "setdefault" | "update"
    )
}

fn ways(origin: Origin) -> impl Iterator<Item = Callee> {
    let all = origin.each();
    all.into_iter().filter(|one| !is_nowhere(*one)).map(Callee::Way)
}

/// Whether no way of this file leads there.
pub(super) fn is_nowhere(origin: Origin) -> bool {
    origin.is_standard() || origin == Origin::UNKNOWN
}

/// Whether a call of it is one of nobody knows what: it is such a thing for certain, or perhaps.
fn may_be_anything(origin: Origin) -> bool {
    origin == Origin::CONTAINER || origin.each().contains(&Origin::UNKNOWN)
}
