//! Statements: what they bind, which way control goes, and the bodies in them.

use crate::resolve::budget;
use crate::resolve::scope::ScopeKind;
use crate::resolve::special::Special;
use crate::resolve::value::{ClassId, FunctionId, Value};
use crate::summary::Keep;
use crate::summary::links::Owner;
use crate::syntax::ast::{self, Expr, Stmt};

use super::engine::{Body, Engine, OwnClass, Use, range_of};
use super::exits::Exits;
use super::outer_writes::{each_target, sets_up};

impl<'a> Engine<'a> {
    /// Run a block; whether control comes out at its end.
    pub(super) fn block(&mut self, statements: &'a [Stmt]) -> bool {
        let mut rest = statements.iter();
        while let Some(statement) = rest.next() {
            if budget::spend(1) {
                return false;
            }
            if self.statement(statement) {
                continue;
            }
            // What stands behind a `return` is looked at all the same, but binds nothing.
            if !rest.as_slice().is_empty() {
                let mark = self.scopes.open();
                for statement in rest {
                    if budget::spend(1) {
                        break;
                    }
                    self.statement(statement);
                }
                self.scopes.take(mark);
            }
            return false;
        }
        true
    }

    fn statement(&mut self, statement: &'a Stmt) -> bool {
        match statement {
            Stmt::Expr(expression) => {
                match &*expression.value {
                    // A docstring, or any other string nobody uses.
                    Expr::StringLiteral(_) | Expr::EllipsisLiteral(_) => {}
                    value => {
                        self.expression(value, Use::Looked);
                    }
                }
                true
            }
            Stmt::Assign(assign) => {
                self.assign_statement(assign);
                true
            }
            Stmt::AnnAssign(assign) => {
                self.annotated_assignment(assign);
                true
            }
            Stmt::AugAssign(assign) => {
                self.augmented_assignment(assign);
                true
            }
            Stmt::Import(import) => {
                self.import(import);
                true
            }
            Stmt::ImportFrom(import) => {
                self.import_from(import);
                true
            }
            Stmt::FunctionDef(function) => {
                let directly_in_class = self.scopes.kind(self.scope) == ScopeKind::Class;
                let class = self.class.filter(|_| directly_in_class);
                self.function(function, class);
                true
            }
            Stmt::ClassDef(class) => {
                self.class_definition(class);
                true
            }
            Stmt::Return(ret) => {
                if let Some(value) = &ret.value {
                    let gives_back = self.is_own_parameter(value);
                    let value = self.expression(value, Use::Returned);
                    self.note_return(value, gives_back);
                }
                self.exits = self.exits.and(Exits::RETURN);
                false
            }
            Stmt::Raise(raise) => {
                for value in [&raise.exc, &raise.cause].into_iter().flatten() {
                    self.expression(value, Use::Looked);
                }
                self.exits = self.exits.and(Exits::RAISE);
                false
            }
            Stmt::Break(_) | Stmt::Continue(_) => {
                self.exits = self.exits.and(Exits::LOOP);
                false
            }
            Stmt::Delete(delete) => {
                for target in &delete.targets {
                    self.delete(target);
                }
                true
            }
            Stmt::For(stmt) => {
                let items = self.expression(&stmt.iter, Use::Looked);
                self.iterated(&items, &stmt.iter);
                self.kept_by_loop(&stmt.target, &stmt.iter, &items);
                self.widen(&stmt.body);
                self.rounds(stmt.range.len().to_usize(), |engine| {
                    let item = engine.any_item(&items);
                    engine.assign(&stmt.target, item);
                    engine.block(&stmt.body);
                });
                self.loop_end(&stmt.orelse);
                true
            }
            Stmt::While(stmt) => {
                self.widen(&stmt.body);
                self.rounds(stmt.range.len().to_usize(), |engine| {
                    engine.expression(&stmt.test, Use::Looked);
                    engine.block(&stmt.body);
                });
                self.loop_end(&stmt.orelse);
                true
            }
            Stmt::If(stmt) => self.if_statement(stmt),
            Stmt::With(with) => {
                // What fails in the body may be held back by the context, and it goes on behind
                // it; not by an open file or socket.
                let mut holds_back = false;
                for item in &with.items {
                    let value = self.expression(&item.context_expr, Use::Looked);
                    let value = self.entered(value, &item.context_expr);
                    holds_back |= !matches!(value, Value::Instance(_));
                    if let Some(target) = &item.optional_vars {
                        self.assign(target, value);
                    }
                }
                let escaped = self.escaped.len();
                let (body, falls_through) = self.stretch(|engine| engine.block(&with.body));
                if holds_back {
                    self.scopes.weaken(&body);
                    self.arrive(escaped, Exits::RAISE);
                } else {
                    self.scopes.apply(&body);
                }
                falls_through || holds_back
            }
            Stmt::Match(stmt) => self.match_statement(stmt),
            Stmt::Try(stmt) => self.try_statement(stmt),
            Stmt::Assert(assert) => {
                self.expression(&assert.test, Use::Looked);
                if let Some(message) = &assert.msg {
                    self.expression(message, Use::Looked);
                }
                true
            }
            Stmt::Global(global) => {
                let block = self.scopes.block(self.scope);
                for name in &global.names {
                    self.scopes.declare_global(block, name.as_str());
                }
                true
            }
            Stmt::Nonlocal(nonlocal) => {
                let block = self.scopes.block(self.scope);
                for name in &nonlocal.names {
                    self.scopes.declare_nonlocal(block, name.as_str());
                }
                true
            }
            Stmt::TypeAlias(alias) => {
                self.quietly(|engine| {
                    engine.expression(&alias.value, Use::Looked);
                });
                self.assign(&alias.name, Value::Unknown);
                true
            }
            Stmt::IpyEscapeCommand(command) => {
                self.notebook_command(command.kind, &command.value, command.range);
                true
            }
            Stmt::Pass(_) => true,
        }
    }

    /// Run something whose findings do not count.
    pub(super) fn quietly<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.quiet += 1;
        let result = run(self);
        self.quiet -= 1;
        result
    }

    /// `for run in (os.system, print)` outside of a function keeps the last of them.
    fn kept_by_loop(&mut self, target: &Expr, iter: &'a Expr, items: &Value<'a>) {
        let Use::Kept(form) = self.target_use(target) else { return };
        let (Value::Sequence(items) | Value::List(items)) = items else { return };
        for item in items.iter() {
            match item {
                Value::Sequence(parts) => {
                    parts.iter().for_each(|part| self.capture(part, range_of(iter), form));
                }
                one => self.capture(one, range_of(iter), form),
            }
        }
    }

    /// The `else` of a loop, which `break` leaves out.
    fn loop_end(&mut self, orelse: &'a [Stmt]) {
        if !orelse.is_empty() {
            let way = self.way(|engine| engine.block(orelse));
            self.scopes.merge(way.into_iter().collect(), true);
        }
    }

    fn if_statement(&mut self, stmt: &'a ast::StmtIf) -> bool {
        let mut ways = Vec::new();
        let mut exhaustive = false;
        let mut only_typing = false;
        let mut test = Some(&*stmt.test);
        let mut body: &'a [Stmt] = &stmt.body;
        let mut rest = stmt.elif_else_clauses.iter();
        loop {
            let runs = if let Some(test) = test {
                let value = self.expression(test, Use::Looked);
                self.runs(test, &value)
            } else {
                exhaustive = true;
                Runs::Perhaps
            };
            // `if not TYPE_CHECKING: ... else: ...`
            let typing = only_typing || runs == Runs::Never;
            only_typing |= runs == Runs::Always;
            self.quiet += u32::from(typing);
            let owner = self.owner;
            if owner == Owner::MODULE && test.is_some_and(is_main_test) {
                self.owner = Owner::MAIN;
            }
            let way = self.way(|engine| engine.block(body));
            self.owner = owner;
            self.quiet -= u32::from(typing);
            match way {
                // It is there for annotations; whatever else binds these names counts.
                Some(delta) if typing => self.scopes.apply_unbound(&delta),
                Some(delta) => ways.push(delta),
                None => {}
            }
            exhaustive |= runs == Runs::Always;
            let Some(clause) = rest.next() else { break };
            test = clause.test.as_ref();
            body = &clause.body;
        }
        let falls_through = !ways.is_empty() || !exhaustive;
        self.scopes.merge(ways, !exhaustive);
        falls_through
    }

    /// Whether a test is about type checkers only.
    fn runs(&mut self, test: &'a Expr, value: &Value<'a>) -> Runs {
        match test {
            Expr::UnaryOp(not) if not.op == ast::UnaryOp::Not => {
                let inner = self.value_of_name(&not.operand);
                if self.is_type_checking(&not.operand, &inner) {
                    Runs::Always
                } else {
                    Runs::Perhaps
                }
            }
            Expr::BoolOp(all) if all.op == ast::BoolOp::And => {
                let never = all.values.iter().any(|test| {
                    let value = self.value_of_name(test);
                    self.is_type_checking(test, &value)
                });
                if never { Runs::Never } else { Runs::Perhaps }
            }
            test if self.is_type_checking(test, value) => Runs::Never,
            _ => Runs::Perhaps,
        }
    }

    /// `typing.TYPE_CHECKING`, or the `TYPE_CHECKING = False` that saves importing it.
    fn is_type_checking(&self, test: &Expr, value: &Value<'a>) -> bool {
        match value.only() {
            Value::Name(id) => self.names.special(*id) == Some(Special::TypeChecking),
            Value::Bool(false) => match test {
                Expr::Name(name) => matches!(name.id.as_str(), "TYPE_CHECKING" | "MYPY"),
                test => test.is_boolean_literal_expr(),
            },
            _ => false,
        }
    }

    fn value_of_name(&mut self, test: &'a Expr) -> Value<'a> {
        match test {
            Expr::Name(_) | Expr::Attribute(_) | Expr::BooleanLiteral(_) => {
                self.quietly(|engine| engine.expression(test, Use::Looked))
            }
            _ => Value::Unknown,
        }
    }

    fn try_statement(&mut self, stmt: &'a ast::StmtTry) -> bool {
        let escaped = self.escaped.len();
        let (body, body_falls_through) = self.stretch(|engine| engine.block(&stmt.body));
        let mut ways = Vec::new();
        for handler in &stmt.handlers {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            ways.extend(self.way(|engine| {
                engine.scopes.weaken(&body);
                engine.arrive(escaped, Exits::RAISE);
                if let Some(kind) = &handler.type_ {
                    engine.expression(kind, Use::Looked);
                }
                if let Some(name) = &handler.name {
                    engine.bind(name.as_str(), Value::Unknown);
                }
                engine.block(&handler.body)
            }));
        }
        ways.extend(self.way(|engine| {
            engine.scopes.apply(&body);
            engine.block(&stmt.orelse) && body_falls_through
        }));
        let mut finished = None;
        if !stmt.finalbody.is_empty() {
            // Control comes to `finally` from anywhere.
            let (_, comes_out) = self.stretch(|engine| {
                engine.scopes.weaken(&body);
                for way in &ways {
                    engine.scopes.weaken(way);
                }
                engine.arrive(escaped, Exits::ANY);
                let (last, comes_out) = engine.stretch(|engine| engine.block(&stmt.finalbody));
                finished = Some(last);
                comes_out
            });
            if !comes_out {
                self.scopes.weaken(&body);
                for way in ways.iter().chain(&finished) {
                    self.scopes.weaken(way);
                }
                return false;
            }
        }
        let falls_through = !ways.is_empty();
        if falls_through {
            self.scopes.merge(ways, false);
        } else {
            self.scopes.weaken(&body);
        }
        if let Some(finished) = finished {
            self.scopes.apply(&finished);
        }
        falls_through
    }

    fn function(&mut self, function: &'a ast::StmtFunctionDef, class: Option<ClassId>) {
        let decorators: Vec<_> =
            function.decorator_list.iter().map(|decorator| self.decorator(decorator)).collect();
        for parameter in function.parameters.iter_non_variadic_params() {
            if let Some(default) = &parameter.default {
                self.expression(default, Use::Kept(Keep::Default));
            }
        }
        let id = self.bind_function(function, class);
        self.note_decorated(id, decorators);
        let outer = self.scope;
        self.type_parameters(function.type_params.as_deref());
        self.defer(Body::Function(function), class, Some(id));
        self.scope = outer;
    }

    /// Bind a function's name.
    fn bind_function(
        &mut self,
        function: &'a ast::StmtFunctionDef,
        class: Option<ClassId>,
    ) -> FunctionId {
        let returned = match function.returns.as_deref() {
            None | Some(Expr::NoneLiteral(_)) => None,
            Some(annotation) => {
                Some(self.annotated(annotation)).filter(|value| self.is_of_interest(value))
            }
        };
        let part = property_part(function);
        let name = (function.name.as_str(), function.name.range);
        let property = part.is_some_and(|part| part != "overload");
        let id = self.add_function(name, class, returned, property);
        // `@x.setter` adds to the property `x`, which is read as before; `@overload` is for type
        // checkers.
        if !matches!(part, Some("setter" | "deleter" | "overload")) {
            self.bind(function.name.as_str(), Value::Function(Some(id)));
        }
        id
    }

    /// Type parameters have a scope of their own around what they belong to (PEP 695).
    fn type_parameters(&mut self, parameters: Option<&'a ast::TypeParams>) {
        let Some(parameters) = parameters else { return };
        self.scope = self.scopes.push(ScopeKind::TypeParameters, Some(self.scope));
        for parameter in &parameters.type_params {
            let name = match parameter {
                ast::TypeParam::TypeVar(parameter) => &parameter.name,
                ast::TypeParam::ParamSpec(parameter) => &parameter.name,
                ast::TypeParam::TypeVarTuple(parameter) => &parameter.name,
            };
            self.bind(name.as_str(), Value::Unknown);
        }
    }

    fn decorator(&mut self, decorator: &'a ast::Decorator) -> Value<'a> {
        let installs = self.installs.len();
        let value = self.expression(&decorator.expression, Use::Kept(Keep::Decorator));
        // A guard around a function is there when it is called.
        for install in self.installs.iter_mut().skip(installs) {
            install.at = u32::MAX;
        }
        self.call_decorator(&value, &decorator.expression);
        value
    }

    fn class_definition(&mut self, class: &'a ast::StmtClassDef) {
        let decorators: Vec<_> =
            class.decorator_list.iter().map(|decorator| self.decorator(decorator)).collect();
        let outer = self.scope;
        let outer_class = self.class;
        self.type_parameters(class.type_params.as_deref());
        let mut bases = Vec::new();
        if let Some(arguments) = &class.arguments {
            for base in &arguments.args {
                bases.push(self.expression(base, Use::Kept(Keep::BaseClass)));
            }
            for keyword in &arguments.keywords {
                self.expression(&keyword.value, Use::Argument);
            }
        }
        let scope = self.scopes.push(ScopeKind::Class, Some(self.scope));
        let id = ClassId(u32::try_from(self.classes.len()).unwrap_or(u32::MAX));
        let setup = class.body.iter().filter_map(|statement| match statement {
            Stmt::FunctionDef(function) if sets_up(function) => Some(function),
            _ => None,
        });
        self.classes.push(OwnClass {
            name: class.name.as_str(),
            outer: (self.owner, outer_class),
            at: class.name.range,
            foreign: None,
            bases,
            scope,
            attributes: rustc_hash::FxHashMap::default(),
            setup: setup.collect(),
            settled: false,
        });
        self.scope = scope;
        self.class = Some(id);
        self.block(&class.body);
        self.scope = outer;
        self.class = outer_class;
        self.bind(class.name.as_str(), Value::Class(id));
        self.note_decorated_class(id, &decorators);
    }

    /// Forget the constants of every name a loop body assigns: they differ on the next round. The
    /// rarer ways to bind are found by a second round.
    fn widen(&mut self, body: &'a [Stmt]) {
        let mut open: Vec<&'a [Stmt]> = vec![body];
        while let Some(block) = open.pop() {
            for statement in block {
                each_target(statement, &mut |target| {
                    if let Expr::Name(name) = target {
                        self.widen_name(name.id.as_str());
                    }
                });
                // An inner function has names of its own.
                if !matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                    each_block(statement, &mut |inner| open.push(inner));
                }
            }
        }
    }

    fn widen_name(&mut self, name: &'a str) {
        let Some(binding) = self.scopes.own(self.scope, name) else { return };
        if binding.value.is_exact() {
            let value = binding.value.references();
            self.bind(name, value);
        }
    }
}

/// Whether the body under a test runs, as far as type checkers and constants tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    Perhaps,
    /// `if not TYPE_CHECKING`.
    Always,
    /// `if TYPE_CHECKING`: for type checkers only.
    Never,
}

/// `__name__ == "__main__"`.
fn is_main_test(test: &Expr) -> bool {
    let Expr::Compare(compare) = test else { return false };
    let is_name = |one: &Expr| matches!(one, Expr::Name(name) if name.id == *"__name__");
    let is_main =
        |one: &Expr| matches!(one, Expr::StringLiteral(s) if s.value.to_str() == "__main__");
    match (&*compare.ops, &*compare.comparators) {
        ([ast::CmpOp::Eq], [right]) => {
            let left = &*compare.left;
            is_name(left) && is_main(right) || is_main(left) && is_name(right)
        }
        _ => false,
    }
}

/// The decorator that makes a method a property or part of one, or a mere signature, by its last
/// name.
fn property_part(function: &ast::StmtFunctionDef) -> Option<&str> {
    function.decorator_list.iter().find_map(|decorator| {
        let name = match &decorator.expression {
            Expr::Name(name) => name.id.as_str(),
            Expr::Attribute(attribute) => attribute.attr.as_str(),
            _ => return None,
        };
        let known = ["property", "cached_property", "setter", "deleter", "overload"];
        known.contains(&name).then_some(name)
    })
}

/// Every block directly inside a statement.
pub(super) fn each_block<'a>(statement: &'a Stmt, visit: &mut impl FnMut(&'a [Stmt])) {
    match statement {
        Stmt::FunctionDef(inner) => visit(&inner.body),
        Stmt::ClassDef(inner) => visit(&inner.body),
        Stmt::For(inner) => {
            visit(&inner.body);
            visit(&inner.orelse);
        }
        Stmt::While(inner) => {
            visit(&inner.body);
            visit(&inner.orelse);
        }
        Stmt::If(inner) => {
            visit(&inner.body);
            inner.elif_else_clauses.iter().for_each(|clause| visit(&clause.body));
        }
        Stmt::With(inner) => visit(&inner.body),
        Stmt::Match(inner) => inner.cases.iter().for_each(|case| visit(&case.body)),
        Stmt::Try(inner) => {
            visit(&inner.body);
            for handler in &inner.handlers {
                let ast::ExceptHandler::ExceptHandler(handler) = handler;
                visit(&handler.body);
            }
            visit(&inner.orelse);
            visit(&inner.finalbody);
        }
        _ => {}
    }
}
