//! Statements: what they bind, which way control goes, and the bodies in them.

use crate::resolve::scope::{Delta, ScopeKind};
use crate::resolve::special::Special;
use crate::resolve::value::{ClassId, FunctionId, Value};
use crate::summary::Keep;
use crate::syntax::ast::{self, Expr, Stmt};

use super::engine::{Body, Engine, OwnClass, OwnFunction, Use};
use super::expressions::item_of;

impl<'a> Engine<'a> {
    /// Run a block; whether control comes out at its end.
    pub(super) fn block(&mut self, statements: &'a [Stmt]) -> bool {
        let mut falls_through = true;
        for statement in statements {
            // What stands behind a `return` is looked at all the same.
            falls_through &= self.statement(statement);
        }
        falls_through
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
                    let value = self.expression(value, Use::Returned);
                    self.note_return(value);
                }
                false
            }
            Stmt::Raise(raise) => {
                for value in [&raise.exc, &raise.cause].into_iter().flatten() {
                    self.expression(value, Use::Looked);
                }
                false
            }
            Stmt::Break(_) | Stmt::Continue(_) => false,
            Stmt::Delete(delete) => {
                for target in &delete.targets {
                    self.delete(target);
                }
                true
            }
            Stmt::For(stmt) => {
                let items = self.expression(&stmt.iter, Use::Looked);
                self.widen(&stmt.body);
                self.loop_body(|engine| {
                    let item = item_of(&items);
                    engine.assign(&stmt.target, item);
                    engine.block(&stmt.body)
                });
                self.block(&stmt.orelse);
                true
            }
            Stmt::While(stmt) => {
                self.widen(&stmt.body);
                self.expression(&stmt.test, Use::Looked);
                self.loop_body(|engine| engine.block(&stmt.body));
                self.block(&stmt.orelse);
                true
            }
            Stmt::If(stmt) => self.if_statement(stmt),
            Stmt::With(with) => {
                for item in &with.items {
                    let value = self.expression(&item.context_expr, Use::Looked);
                    if let Some(target) = &item.optional_vars {
                        self.assign(target, value);
                    }
                }
                self.block(&with.body)
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

    /// Run a branch and take back what it changed; `None` if control does not come out of it.
    fn branch(&mut self, run: impl FnOnce(&mut Self) -> bool) -> (Delta<'a>, bool) {
        let mark = self.scopes.open();
        let falls_through = run(self);
        (self.scopes.take(mark), falls_through)
    }

    fn loop_body(&mut self, run: impl FnOnce(&mut Self) -> bool) {
        // `break` and `continue` leave the body with what it has bound so far.
        let (delta, _) = self.branch(run);
        self.scopes.merge(vec![delta], true);
    }

    fn if_statement(&mut self, stmt: &'a ast::StmtIf) -> bool {
        let mut ways = Vec::new();
        let mut exhaustive = false;
        let mut test = Some(&*stmt.test);
        let mut body: &'a [Stmt] = &stmt.body;
        let mut rest = stmt.elif_else_clauses.iter();
        loop {
            let mut type_checking = false;
            if let Some(test) = test {
                let value = self.expression(test, Use::Looked);
                type_checking = matches!(value.only(), Value::Name(id)
                    if self.names.special(*id) == Some(Special::TypeChecking));
            } else {
                exhaustive = true;
            }
            self.quiet += u32::from(type_checking);
            let (delta, falls_through) = self.branch(|engine| engine.block(body));
            self.quiet -= u32::from(type_checking);
            if falls_through {
                ways.push(delta);
            }
            let Some(clause) = rest.next() else { break };
            test = clause.test.as_ref();
            body = &clause.body;
        }
        let falls_through = !ways.is_empty() || !exhaustive;
        self.scopes.merge(ways, !exhaustive);
        falls_through
    }

    fn try_statement(&mut self, stmt: &'a ast::StmtTry) -> bool {
        let (body, body_falls_through) = self.branch(|engine| engine.block(&stmt.body));
        let mut ways = Vec::new();
        for handler in &stmt.handlers {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            let (delta, falls_through) = self.branch(|engine| {
                // The body may have failed anywhere: before or after what it binds.
                let (partly, _) = engine.branch(|engine| {
                    engine.scopes.apply(&body);
                    true
                });
                engine.scopes.merge(vec![partly], true);
                if let Some(kind) = &handler.type_ {
                    engine.expression(kind, Use::Looked);
                }
                if let Some(name) = &handler.name {
                    engine.bind(name.as_str(), Value::Unknown);
                }
                engine.block(&handler.body)
            });
            if falls_through {
                ways.push(delta);
            }
        }
        let (delta, falls_through) = self.branch(|engine| {
            engine.scopes.apply(&body);
            engine.block(&stmt.orelse) && body_falls_through
        });
        if falls_through {
            ways.push(delta);
        }
        let falls_through = !ways.is_empty();
        if falls_through {
            self.scopes.merge(ways, false);
        } else {
            self.scopes.apply(&body);
        }
        self.block(&stmt.finalbody) && falls_through
    }

    fn match_statement(&mut self, stmt: &'a ast::StmtMatch) -> bool {
        self.expression(&stmt.subject, Use::Looked);
        let mut ways = Vec::new();
        let mut exhaustive = false;
        for case in &stmt.cases {
            exhaustive |= case.guard.is_none() && case.pattern.is_irrefutable();
            let (delta, falls_through) = self.branch(|engine| {
                engine.pattern(&case.pattern);
                if let Some(guard) = &case.guard {
                    engine.expression(guard, Use::Looked);
                }
                engine.block(&case.body)
            });
            if falls_through {
                ways.push(delta);
            }
        }
        let falls_through = !ways.is_empty() || !exhaustive;
        self.scopes.merge(ways, !exhaustive);
        falls_through
    }

    fn pattern(&mut self, pattern: &'a ast::Pattern) {
        use ast::Pattern as P;
        match pattern {
            P::MatchValue(value) => {
                self.expression(&value.value, Use::Looked);
            }
            P::MatchSingleton(_) => {}
            P::MatchSequence(sequence) => {
                sequence.patterns.iter().for_each(|p| self.pattern(p));
            }
            P::MatchMapping(mapping) => {
                for key in &mapping.keys {
                    self.expression(key, Use::Looked);
                }
                mapping.patterns.iter().for_each(|p| self.pattern(p));
                if let Some(rest) = &mapping.rest {
                    self.bind(rest.as_str(), Value::Unknown);
                }
            }
            P::MatchClass(class) => {
                self.expression(&class.cls, Use::Looked);
                class.arguments.patterns.iter().for_each(|p| self.pattern(p));
                class.arguments.keywords.iter().for_each(|k| self.pattern(&k.pattern));
            }
            P::MatchStar(star) => {
                if let Some(name) = &star.name {
                    self.bind(name.as_str(), Value::Unknown);
                }
            }
            P::MatchAs(capture) => {
                if let Some(inner) = &capture.pattern {
                    self.pattern(inner);
                }
                if let Some(name) = &capture.name {
                    self.bind(name.as_str(), Value::Unknown);
                }
            }
            P::MatchOr(or) => or.patterns.iter().for_each(|p| self.pattern(p)),
        }
    }

    fn function(&mut self, function: &'a ast::StmtFunctionDef, class: Option<ClassId>) {
        for decorator in &function.decorator_list {
            self.decorator(decorator);
        }
        for parameter in function.parameters.iter_non_variadic_params() {
            if let Some(default) = &parameter.default {
                self.expression(default, Use::Kept(Keep::Default));
            }
        }
        let id = self.bind_function(function);
        let outer = self.scope;
        self.type_parameters(function.type_params.as_deref());
        self.defer(Body::Function(function), class, Some(id));
        self.scope = outer;
    }

    /// Bind a function's name.
    fn bind_function(&mut self, function: &'a ast::StmtFunctionDef) -> FunctionId {
        let returned = match function.returns.as_deref() {
            None | Some(Expr::NoneLiteral(_)) => None,
            Some(annotation) => Some(self.annotated(annotation)).filter(|v| !v.is_unknown()),
        };
        let part = property_part(function);
        let id = FunctionId(u32::try_from(self.functions.len()).unwrap_or(u32::MAX));
        let annotated = returned.is_some();
        let property = part.is_some();
        self.functions.push(OwnFunction { returned, annotated, property });
        // `@x.setter` adds to the property `x`, which is read as before.
        if !matches!(part, Some("setter" | "deleter")) {
            self.bind(function.name.as_str(), Value::Function(Some(id)));
        }
        id
    }

    /// Type parameters have a scope of their own around what they belong to (PEP 695).
    fn type_parameters(&mut self, parameters: Option<&'a ast::TypeParams>) {
        let Some(parameters) = parameters else { return };
        self.scope = self.scopes.push(ScopeKind::Comprehension, Some(self.scope));
        for parameter in &parameters.type_params {
            let name = match parameter {
                ast::TypeParam::TypeVar(parameter) => &parameter.name,
                ast::TypeParam::ParamSpec(parameter) => &parameter.name,
                ast::TypeParam::TypeVarTuple(parameter) => &parameter.name,
            };
            self.bind(name.as_str(), Value::Unknown);
        }
    }

    fn decorator(&mut self, decorator: &'a ast::Decorator) {
        let value = self.expression(&decorator.expression, Use::Kept(Keep::Decorator));
        self.call_without_arguments(&value, &decorator.expression);
    }

    fn class_definition(&mut self, class: &'a ast::StmtClassDef) {
        for decorator in &class.decorator_list {
            self.decorator(decorator);
        }
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
        self.classes.push(OwnClass { bases, scope, attributes: rustc_hash::FxHashMap::default() });
        self.scope = scope;
        self.class = Some(id);
        // `__init__` sets the attributes the other methods use, wherever it stands.
        let sets_up = |s: &&'a Stmt| matches!(s, Stmt::FunctionDef(f) if sets_up(f));
        for statement in class.body.iter().filter(sets_up) {
            if let Stmt::FunctionDef(function) = statement {
                self.function(function, Some(id));
            }
        }
        for statement in &class.body {
            match statement {
                // Bound already.
                Stmt::FunctionDef(_) if sets_up(&statement) => {}
                Stmt::FunctionDef(function) => self.function(function, Some(id)),
                _ => {
                    self.statement(statement);
                }
            }
        }
        self.scope = outer;
        self.class = outer_class;
        self.bind(class.name.as_str(), Value::Class(id));
    }

    /// Forget the constants of every name a loop body assigns: they differ on the next round.
    fn widen(&mut self, body: &'a [Stmt]) {
        let mut open: Vec<&'a [Stmt]> = vec![body];
        while let Some(block) = open.pop() {
            for statement in block {
                match statement {
                    Stmt::Assign(assign) => {
                        assign.targets.iter().for_each(|t| self.widen_target(t));
                    }
                    Stmt::AugAssign(assign) => self.widen_target(&assign.target),
                    Stmt::AnnAssign(assign) => self.widen_target(&assign.target),
                    // An inner loop or function widens its own names when it is reached, but
                    // they are this loop's names too.
                    _ => {}
                }
                if !matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                    each_block(statement, &mut |inner| open.push(inner));
                }
            }
        }
    }

    fn widen_target(&mut self, target: &'a Expr) {
        match target {
            Expr::Name(name) => {
                let name = name.id.as_str();
                let constant =
                    self.scopes.own(self.scope, name).is_some_and(|b| !b.value.is_reference());
                if constant {
                    self.bind(name, Value::Unknown);
                }
            }
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|e| self.widen_target(e)),
            Expr::List(list) => list.elts.iter().for_each(|e| self.widen_target(e)),
            Expr::Starred(starred) => self.widen_target(&starred.value),
            _ => {}
        }
    }
}

/// The decorator that makes a method a property or part of one, by its last name.
fn property_part(function: &ast::StmtFunctionDef) -> Option<&str> {
    function.decorator_list.iter().find_map(|decorator| {
        let name = match &decorator.expression {
            Expr::Name(name) => name.id.as_str(),
            Expr::Attribute(attribute) => attribute.attr.as_str(),
            _ => return None,
        };
        matches!(name, "property" | "cached_property" | "setter" | "deleter").then_some(name)
    })
}

fn sets_up(function: &ast::StmtFunctionDef) -> bool {
    matches!(
        function.name.as_str(),
        "__new__"
            | "__init__"
            | "__post_init__"
            | "__enter__"
            | "__aenter__"
            | "setUp"
            | "setUpClass"
            | "asyncSetUp"
            | "setup_method"
            | "setup_class"
            | "setup"
    )
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
