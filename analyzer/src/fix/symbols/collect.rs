//! One walk over the tree that fills [`Symbols`].

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    Binding, How, Import, InBlock, MODULE, Reference, Scope, ScopeId, ScopeKind, Symbols, Unread,
};
use crate::syntax::visitor::{self, Visitor};
use crate::syntax::{Parsed, Ranged, TextRange, ast, names_in_annotation};

pub(super) fn collect<'a>(text: &'a str, parsed: &'a Parsed) -> Symbols<'a> {
    let whole = TextRange::up_to(crate::syntax::TextSize::of(text));
    let mut collector = Collector {
        text,
        symbols: Symbols::default(),
        scope: MODULE,
        blocks: Vec::new(),
        next_block: 0,
        tried: false,
        annotation: false,
        shown: false,
        nonlocals: Vec::new(),
    };
    collector.push(ScopeKind::Module, None, whole);
    for body in parsed.bodies() {
        collector.visit_body(body);
    }
    collector.finish()
}

struct Collector<'a> {
    text: &'a str,
    symbols: Symbols<'a>,
    scope: ScopeId,
    /// The blocks open in the scope.
    blocks: Vec<InBlock>,
    next_block: usize,
    /// In the body of a `try` with handlers.
    tried: bool,
    /// A string is an annotation here.
    annotation: bool,
    /// In `f"{name=}"`.
    shown: bool,
    /// What `nonlocal` binds elsewhere, known when all is seen.
    nonlocals: Vec<(ScopeId, &'a str, Binding<'a>)>,
}

impl<'a> Collector<'a> {
    fn push(&mut self, kind: ScopeKind, parent: Option<ScopeId>, range: TextRange) -> ScopeId {
        let id = ScopeId(u32::try_from(self.symbols.scopes.len()).unwrap_or(u32::MAX));
        self.symbols.scopes.push(Scope {
            kind,
            parent,
            range,
            bound: FxHashMap::default(),
            globals: FxHashSet::default(),
            nonlocals: FxHashSet::default(),
            stars: Vec::new(),
        });
        id
    }

    /// Walk something in a scope of its own.
    fn within(&mut self, kind: ScopeKind, range: TextRange, walk: impl FnOnce(&mut Self)) {
        let inner = self.push(kind, Some(self.scope), range);
        let outer = std::mem::replace(&mut self.scope, inner);
        let state = (std::mem::take(&mut self.tried), std::mem::take(&mut self.blocks));
        walk(self);
        (self.tried, self.blocks) = state;
        self.scope = outer;
    }

    /// Walk something in the scope of its type parameters, if it has any.
    fn within_type_parameters(
        &mut self,
        parameters: Option<&'a ast::TypeParams>,
        walk: impl FnOnce(&mut Self),
    ) {
        let Some(parameters) = parameters else { return walk(self) };
        self.within(ScopeKind::TypeParameters, parameters.range, |this| {
            for parameter in &parameters.type_params {
                let name = parameter.name();
                this.bind(name.as_str(), How::Other, name.range());
                this.visit_type_param(parameter);
            }
            walk(this);
        });
    }

    fn bind(&mut self, name: &'a str, how: How<'a>, range: TextRange) {
        let mut to = self.scope;
        let scope = &self.symbols.scopes[to.0 as usize];
        let outer = scope.globals.contains(name) && to != MODULE;
        if scope.nonlocals.contains(name) {
            self.nonlocals.push((to, name, Binding { how, range, outer: true }));
            return;
        }
        if outer {
            to = MODULE;
        }
        let bound = &mut self.symbols.scopes[to.0 as usize].bound;
        bound.entry(name).or_default().push(Binding { how, range, outer });
    }

    fn declare(&mut self, names: &'a [ast::Identifier], global: bool) {
        let scope = &mut self.symbols.scopes[self.scope.0 as usize];
        let declared = if global { &mut scope.globals } else { &mut scope.nonlocals };
        declared.extend(names.iter().map(ast::Identifier::as_str));
    }

    fn name(&mut self, name: &'a ast::ExprName) {
        let text = name.id.as_str();
        match name.ctx {
            ast::ExprContext::Store => self.bind(text, How::Other, name.range),
            ast::ExprContext::Del => self.bind(text, How::Deleted, name.range),
            ast::ExprContext::Load | ast::ExprContext::Invalid => self.read(text, name.range),
        }
    }

    fn read(&mut self, name: &'a str, range: TextRange) {
        let reference = Reference { name, scope: self.scope, range, shown: self.shown };
        self.symbols.references.push(reference);
    }

    fn function(&mut self, function: &'a ast::StmtFunctionDef) {
        for decorator in &function.decorator_list {
            self.visit_decorator(decorator);
        }
        self.bind(function.name.as_str(), How::Other, function.name.range());
        self.defaults(&function.parameters);
        self.within_type_parameters(function.type_params.as_deref(), |this| {
            for parameter in &function.parameters {
                this.visit_parameter(parameter.as_parameter());
            }
            if let Some(returns) = &function.returns {
                this.visit_annotation(returns);
            }
            this.within(ScopeKind::Function, function.range, |this| {
                this.bind_parameters(&function.parameters);
                // A `global` binds what stands before it, too.
                this.visit_body(&function.body);
            });
        });
    }

    fn defaults(&mut self, parameters: &'a ast::Parameters) {
        for parameter in parameters.iter_non_variadic_params() {
            if let Some(default) = &parameter.default {
                self.visit_expr(default);
            }
        }
    }

    fn bind_parameters(&mut self, parameters: &'a ast::Parameters) {
        for parameter in parameters {
            let name = &parameter.as_parameter().name;
            self.bind(name.as_str(), How::Other, name.range());
        }
    }

    fn class(&mut self, class: &'a ast::StmtClassDef) {
        for decorator in &class.decorator_list {
            self.visit_decorator(decorator);
        }
        self.bind(class.name.as_str(), How::Other, class.name.range());
        self.within_type_parameters(class.type_params.as_deref(), |this| {
            if let Some(arguments) = &class.arguments {
                this.visit_arguments(arguments);
            }
            this.within(ScopeKind::Class, class.range, |this| this.visit_body(&class.body));
        });
    }

    fn comprehension(
        &mut self,
        range: TextRange,
        generators: &'a [ast::Comprehension],
        elements: &[&'a ast::Expr],
    ) {
        if let Some(first) = generators.first() {
            self.visit_expr(&first.iter);
        }
        self.within(ScopeKind::Comprehension, range, |this| {
            for (index, generator) in generators.iter().enumerate() {
                if index > 0 {
                    this.visit_expr(&generator.iter);
                }
                this.visit_expr(&generator.target);
                generator.ifs.iter().for_each(|test| this.visit_expr(test));
            }
            for element in elements {
                this.visit_expr(element);
            }
        });
    }

    /// `:=` binds in the function around comprehensions.
    fn walrus(&mut self, named: &'a ast::ExprNamed) {
        self.visit_expr(&named.value);
        let inner = self.scope;
        while self.symbols.scope(self.scope).kind == ScopeKind::Comprehension {
            let Some(parent) = self.symbols.scope(self.scope).parent else { break };
            self.scope = parent;
        }
        self.visit_expr(&named.target);
        self.scope = inner;
    }

    fn imports(&mut self, statement: &'a ast::Stmt) {
        let at = self.symbols.imports.len();
        let (names, from) = match statement {
            ast::Stmt::Import(import) => (&import.names, None),
            ast::Stmt::ImportFrom(import) => (&import.names, Some(import)),
            _ => return,
        };
        self.symbols.imports.push(Import {
            from,
            names,
            scope: self.scope,
            range: statement.range(),
            blocks: self.blocks.clone(),
            tried: self.tried,
        });
        for alias in names {
            let name = alias.name.as_str();
            if name == "*" {
                self.symbols.scopes[self.scope.0 as usize].stars.push(alias.range);
                continue;
            }
            let bound = match (&alias.asname, from) {
                (Some(asname), _) => asname.as_str(),
                (None, Some(_)) => name,
                (None, None) => name.split('.').next().unwrap_or(name),
            };
            let how = match from {
                Some(_) => How::ImportFrom(at, alias),
                None => How::Import(alias),
            };
            self.bind(bound, how, alias.range);
        }
    }

    fn string(&mut self, string: &'a ast::ExprStringLiteral) {
        if !self.annotation {
            self.symbols.strings.push(string);
        } else if let Some(names) = names_in_annotation(self.text, string) {
            for (name, range) in names {
                self.read(name, range);
            }
        } else {
            let text = string.value.to_str();
            self.symbols.unread.push(Unread { text, range: string.range });
        }
    }

    fn annotated(&mut self, annotation: bool, walk: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.annotation, annotation);
        walk(self);
        self.annotation = outer;
    }

    fn subscript_in_annotation(&mut self, subscript: &'a ast::ExprSubscript) {
        self.visit_expr(&subscript.value);
        match (last_name(&subscript.value), &*subscript.slice) {
            (Some("Literal"), slice) => self.annotated(false, |this| this.visit_expr(slice)),
            (Some("Annotated"), ast::Expr::Tuple(tuple)) => {
                for (index, element) in tuple.elts.iter().enumerate() {
                    self.annotated(index == 0, |this| this.visit_expr(element));
                }
            }
            (_, slice) => self.visit_expr(slice),
        }
    }

    fn finish(mut self) -> Symbols<'a> {
        for (from, name, binding) in std::mem::take(&mut self.nonlocals) {
            let to = self.symbols.resolve(name, from);
            if let Some(to) = to {
                let bound = &mut self.symbols.scopes[to.0 as usize].bound;
                bound.entry(name).or_default().push(binding);
            }
        }
        self.symbols
    }
}

impl<'a> Visitor<'a> for Collector<'a> {
    fn visit_body(&mut self, body: &'a [ast::Stmt]) {
        let block = self.next_block;
        self.next_block += 1;
        // What a function declares counts from its first line on.
        for (index, statement) in body.iter().enumerate() {
            self.blocks.push(InBlock { block, index, length: body.len() });
            self.visit_stmt(statement);
            self.blocks.pop();
        }
    }

    fn visit_stmt(&mut self, statement: &'a ast::Stmt) {
        match statement {
            ast::Stmt::FunctionDef(function) => self.function(function),
            ast::Stmt::ClassDef(class) => self.class(class),
            ast::Stmt::Global(global) => self.declare(&global.names, true),
            ast::Stmt::Nonlocal(nonlocal) => self.declare(&nonlocal.names, false),
            ast::Stmt::Import(_) | ast::Stmt::ImportFrom(_) => self.imports(statement),
            ast::Stmt::TypeAlias(alias) => {
                self.visit_expr(&alias.name);
                self.within_type_parameters(alias.type_params.as_deref(), |this| {
                    this.within(ScopeKind::TypeParameters, alias.range, |this| {
                        this.visit_annotation(&alias.value);
                    });
                });
            }
            ast::Stmt::Try(statement) => {
                let outer = self.tried;
                self.tried |= !statement.handlers.is_empty();
                self.visit_body(&statement.body);
                self.tried = outer;
                for handler in &statement.handlers {
                    self.visit_except_handler(handler);
                }
                self.visit_body(&statement.orelse);
                self.visit_body(&statement.finalbody);
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_annotation(&mut self, annotation: &'a ast::Expr) {
        self.annotated(true, |this| this.visit_expr(annotation));
    }

    fn visit_expr(&mut self, expression: &'a ast::Expr) {
        match expression {
            ast::Expr::Name(name) => self.name(name),
            ast::Expr::StringLiteral(string) => self.string(string),
            ast::Expr::Named(named) => self.walrus(named),
            ast::Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    self.defaults(parameters);
                }
                self.within(ScopeKind::Function, lambda.range, |this| {
                    if let Some(parameters) = &lambda.parameters {
                        this.bind_parameters(parameters);
                    }
                    this.visit_expr(&lambda.body);
                });
            }
            ast::Expr::ListComp(of) => self.comprehension(of.range, &of.generators, &[&of.elt]),
            ast::Expr::SetComp(of) => self.comprehension(of.range, &of.generators, &[&of.elt]),
            ast::Expr::Generator(of) => self.comprehension(of.range, &of.generators, &[&of.elt]),
            ast::Expr::DictComp(of) => match &of.key {
                Some(key) => self.comprehension(of.range, &of.generators, &[key, &of.value]),
                None => self.comprehension(of.range, &of.generators, &[&of.value]),
            },
            ast::Expr::Subscript(subscript) if self.annotation => {
                self.subscript_in_annotation(subscript);
            }
            ast::Expr::Call(call) if last_name(&call.func) == Some("cast") => {
                self.visit_expr(&call.func);
                for (index, argument) in call.arguments.args.iter().enumerate() {
                    self.annotated(index == 0, |this| this.visit_expr(argument));
                }
                for keyword in &call.arguments.keywords {
                    self.visit_keyword(keyword);
                }
            }
            // Given an object, they look nothing up by its name here.
            ast::Expr::Call(call)
                if matches!(last_name(&call.func), Some("vars" | "dir"))
                    && !call.arguments.is_empty()
                    && call.func.is_name_expr() =>
            {
                self.visit_arguments(&call.arguments);
            }
            // A call in an annotation is no longer one.
            ast::Expr::Call(_) if self.annotation => {
                self.annotated(false, |this| visitor::walk_expr(this, expression));
            }
            _ => visitor::walk_expr(self, expression),
        }
    }

    fn visit_interpolated_string_element(&mut self, element: &'a ast::InterpolatedStringElement) {
        let outer = self.shown;
        if let ast::InterpolatedStringElement::Interpolation(part) = element {
            self.shown |= part.debug_text.is_some();
        }
        visitor::walk_interpolated_string_element(self, element);
        self.shown = outer;
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.bind(name.as_str(), How::Other, name.range());
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a ast::Pattern) {
        let name = match pattern {
            ast::Pattern::MatchAs(of) => of.name.as_ref(),
            ast::Pattern::MatchStar(of) => of.name.as_ref(),
            ast::Pattern::MatchMapping(of) => of.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = name {
            self.bind(name.as_str(), How::Other, name.range());
        }
        visitor::walk_pattern(self, pattern);
    }
}

/// `cast` of `typing.cast`.
fn last_name(expression: &ast::Expr) -> Option<&str> {
    match expression {
        ast::Expr::Name(name) => Some(name.id.as_str()),
        ast::Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}
