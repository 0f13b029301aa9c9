//! Writes that reach out of the block they stand in, found ahead of everything else.
//!
//! Function bodies are looked at one after the other, but run in any order. So those that set what
//! others use come first, and no constant is trusted that somebody changes from elsewhere.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::resolve::scope::{Binding, Reach, ScopeId, ScopeKind};
use crate::resolve::value::{ClassId, Value};
use crate::syntax::ast::{self, Expr, Stmt};

use super::engine::Engine;
use super::statements::each_block;

/// Names that code outside of their own block changes.
#[derive(Debug, Default)]
pub(super) struct Volatile<'a> {
    /// Assigned with `global`, or through `globals()`.
    globals: FxHashSet<&'a str>,
    /// Assigned with `nonlocal`.
    nonlocals: FxHashSet<&'a str>,
    /// `globals()[name] = value`: any name.
    every_global: bool,
}

impl<'a> Engine<'a> {
    /// Note the names that are written to from outside of their own block.
    pub(super) fn note_outer_writes(&mut self) {
        if !self.text.contains("global") && !self.text.contains("nonlocal") {
            return;
        }
        let through_table = self.text.contains("globals()");
        let mut open = self.bodies.clone();
        while let Some(block) = open.pop() {
            for statement in block {
                match statement {
                    Stmt::Global(global) => {
                        let names = global.names.iter().map(ast::Identifier::as_str);
                        self.volatile.globals.extend(names);
                    }
                    Stmt::Nonlocal(nonlocal) => {
                        let names = nonlocal.names.iter().map(ast::Identifier::as_str);
                        self.volatile.nonlocals.extend(names);
                    }
                    statement if through_table => {
                        each_target(statement, &mut |target| self.note_table_write(target));
                    }
                    _ => {}
                }
                each_block(statement, &mut |inner| open.push(inner));
            }
        }
    }

    /// `globals()["name"] = value`.
    fn note_table_write(&mut self, target: &'a Expr) {
        let Expr::Subscript(subscript) = target else { return };
        let Expr::Call(call) = &*subscript.value else { return };
        if matches!(&*call.func, Expr::Name(name) if name.id == *"globals") {
            match &*subscript.slice {
                Expr::StringLiteral(name) => {
                    self.volatile.globals.insert(name.value.to_str());
                }
                _ => self.volatile.every_global = true,
            }
        }
    }

    /// What a name may be by the time this line runs.
    pub(super) fn present_value(
        &self,
        scope: ScopeId,
        name: &'a str,
        binding: &Binding<'a>,
        reach: Reach,
    ) -> Value<'a> {
        let volatile = &self.volatile;
        let changed = match self.scopes.kind(scope) {
            ScopeKind::Module => volatile.every_global || volatile.globals.contains(name),
            ScopeKind::Function => volatile.nonlocals.contains(name),
            ScopeKind::Class | ScopeKind::Comprehension | ScopeKind::TypeParameters => false,
        };
        let all = match reach {
            Reach::Own if !changed => None,
            _ => self.scopes.every_value(scope, name, binding),
        };
        let value = all.unwrap_or_else(|| binding.value.clone());
        if changed { value.references() } else { value }
    }

    /// A name is read here: if a function further up sets it, learn to what.
    pub(super) fn settle_name(&mut self, name: &'a str) {
        let volatile = &self.volatile;
        let block = self.scopes.block(self.scope);
        let set = match self.scopes.kind(block) {
            ScopeKind::Function => volatile.nonlocals.contains(name),
            _ => volatile.globals.contains(name),
        };
        if set && self.scopes.settle(block, name) {
            self.settle_functions(block);
        }
    }

    /// Whether a function sets names or attributes that others may use.
    pub(super) fn writes_outside(
        &self,
        function: &'a ast::StmtFunctionDef,
        class: Option<ClassId>,
    ) -> bool {
        if class.is_none() && self.volatile.is_empty() {
            return false;
        }
        let mut found = false;
        let mut open: Vec<&'a [Stmt]> = vec![&function.body];
        while let Some(block) = open.pop() {
            for statement in block {
                found |= matches!(statement, Stmt::Global(_) | Stmt::Nonlocal(_));
                if class.is_some() {
                    each_target(statement, &mut |target| found |= target.is_attribute_expr());
                }
                if found {
                    return true;
                }
                each_block(statement, &mut |inner| open.push(inner));
            }
        }
        false
    }

    /// Whether something in the file leads an object elsewhere once it is made:
    /// `connection.host = other`.
    pub(super) fn redirects(&mut self) -> bool {
        if let Some(known) = self.redirects {
            return known;
        }
        let mut found = self.text.contains("setattr");
        let mut open = self.bodies.clone();
        while let Some(block) = open.pop() {
            for statement in block {
                each_target(statement, &mut |target| found |= leads_elsewhere(target));
                each_block(statement, &mut |inner| open.push(inner));
            }
        }
        self.redirects = Some(found);
        found
    }

    /// Whether an attribute of this name is assigned to in one place of the file only, so that
    /// what is assigned there is what it holds.
    pub(super) fn is_set_once(&mut self, name: &str) -> bool {
        let (text, bodies) = (self.text, &self.bodies);
        let writes = self.attribute_writes.get_or_insert_with(|| {
            if text.contains("setattr") || text.contains("__dict__") {
                AttributeWrites::Hidden
            } else {
                AttributeWrites::Counted(count_attribute_writes(bodies))
            }
        });
        match writes {
            AttributeWrites::Hidden => false,
            AttributeWrites::Counted(writes) => writes.get(name).is_none_or(|count| *count <= 1),
        }
    }
}

impl Volatile<'_> {
    /// Whether somebody assigns this name with `global`.
    pub(super) fn has_global(&self, name: &str) -> bool {
        self.globals.contains(name)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.globals.is_empty() && self.nonlocals.is_empty()
    }
}

/// How often attributes of each name are assigned to in a file.
pub(super) enum AttributeWrites<'a> {
    /// By their names, too.
    Hidden,
    /// In so many places each.
    Counted(FxHashMap<&'a str, u32>),
}

fn count_attribute_writes<'a>(bodies: &[&'a [Stmt]]) -> FxHashMap<&'a str, u32> {
    let mut writes: FxHashMap<&'a str, u32> = FxHashMap::default();
    let mut open = bodies.to_vec();
    while let Some(block) = open.pop() {
        for statement in block {
            if let Stmt::ClassDef(class) = statement {
                // A name bound in a class body is an attribute too.
                for statement in &class.body {
                    each_target(statement, &mut |target| {
                        if let Expr::Name(name) = target {
                            *writes.entry(name.id.as_str()).or_default() += 1;
                        }
                    });
                }
            }
            each_target(statement, &mut |target| {
                if let Expr::Attribute(attribute) = target {
                    *writes.entry(attribute.attr.as_str()).or_default() += 1;
                }
            });
            each_block(statement, &mut |inner| open.push(inner));
        }
    }
    writes
}

/// Whether a target is an attribute that may say where an object leads.
fn leads_elsewhere(target: &Expr) -> bool {
    const WORDS: [&str; 8] = ["host", "port", "url", "uri", "addr", "base", "server", "path"];
    let Expr::Attribute(attribute) = target else { return false };
    let own =
        matches!(&*attribute.value, Expr::Name(name) if matches!(name.id.as_str(), "self" | "cls"));
    let name = attribute.attr.as_str().to_ascii_lowercase();
    !own && WORDS.iter().any(|word| name.contains(word))
}

/// Whether a method runs before all others of its object.
pub(super) fn sets_up(function: &ast::StmtFunctionDef) -> bool {
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

/// Every target a statement assigns to or deletes; not those inside its blocks, and no walrus.
pub(super) fn each_target<'a>(statement: &'a Stmt, visit: &mut impl FnMut(&'a Expr)) {
    match statement {
        Stmt::Assign(assign) => assign.targets.iter().for_each(|t| each_part(t, visit)),
        Stmt::AugAssign(assign) => each_part(&assign.target, visit),
        Stmt::AnnAssign(assign) => each_part(&assign.target, visit),
        Stmt::Delete(delete) => delete.targets.iter().for_each(|t| each_part(t, visit)),
        Stmt::For(stmt) => each_part(&stmt.target, visit),
        Stmt::With(with) => {
            let targets = with.items.iter().filter_map(|item| item.optional_vars.as_deref());
            targets.for_each(|t| each_part(t, visit));
        }
        _ => {}
    }
}

fn each_part<'a>(target: &'a Expr, visit: &mut impl FnMut(&'a Expr)) {
    match target {
        Expr::Tuple(tuple) => tuple.elts.iter().for_each(|e| each_part(e, visit)),
        Expr::List(list) => list.elts.iter().for_each(|e| each_part(e, visit)),
        Expr::Starred(starred) => each_part(&starred.value, visit),
        target => visit(target),
    }
}
