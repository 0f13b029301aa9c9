//! Scopes, names and their uses in one file, as the compiler resolves them
//! (CPython `Python/symtable.c`).
//!
//! The engine in [`crate::detect`] asks what a name may be at one point of a run. Rewriting a name
//! asks for all its uses, whatever runs, and this answers it.

mod collect;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::syntax::{Parsed, TextRange, ast};

/// A scope: an index into [`Symbols::scopes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ScopeId(u32);

/// The module itself.
pub(super) const MODULE: ScopeId = ScopeId(0);

/// What a scope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScopeKind {
    /// The module.
    Module,
    /// A function or lambda.
    Function,
    /// A class: its names are not seen by the functions in it.
    Class,
    /// A comprehension or generator expression.
    Comprehension,
    /// Type parameters (PEP 695): they see the names of a class they stand in.
    TypeParameters,
}

/// One scope.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    /// What it is.
    pub(super) kind: ScopeKind,
    /// The one around it.
    parent: Option<ScopeId>,
    /// The statement or expression that makes it.
    pub(super) range: TextRange,
    /// What is bound in it, also by `global` and `nonlocal` of others.
    bound: FxHashMap<&'a str, Vec<Binding<'a>>>,
    globals: FxHashSet<&'a str>,
    nonlocals: FxHashSet<&'a str>,
    /// Where `from x import *` stands.
    pub(super) stars: Vec<TextRange>,
}

/// Something that binds a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding<'a> {
    /// How.
    pub(super) how: How<'a>,
    /// Where.
    pub(super) range: TextRange,
    /// By `global` or `nonlocal`, from another scope.
    pub(super) outer: bool,
}

/// How a name is bound.
#[derive(Clone, Copy, Debug)]
pub(super) enum How<'a> {
    /// `import a.b`, `import a.b as c`.
    Import(&'a ast::Alias),
    /// `from a import b as c`; an index into [`Symbols::imports`].
    ImportFrom(usize, &'a ast::Alias),
    /// `del name`.
    Deleted,
    /// In any other way.
    Other,
}

/// An import statement.
#[derive(Debug)]
pub(super) struct Import<'a> {
    /// `None` for `import a`.
    pub(super) from: Option<&'a ast::StmtImportFrom>,
    /// What it names.
    pub(super) names: &'a [ast::Alias],
    /// Where it stands.
    pub(super) scope: ScopeId,
    /// All of the statement.
    pub(super) range: TextRange,
    /// The blocks it is in, from its scope's body inwards.
    pub(super) blocks: Vec<InBlock>,
    /// In the body of a `try` with handlers.
    pub(super) tried: bool,
}

/// A statement's place in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InBlock {
    /// The block.
    pub(super) block: usize,
    /// Which of its statements.
    index: usize,
    /// How many it has.
    pub(super) length: usize,
}

impl Import<'_> {
    /// Whether it runs whenever its scope's body does.
    pub(super) fn is_unconditional(&self) -> bool {
        self.blocks.len() == 1
    }

    /// Whether it has run wherever the other one does; both of one scope.
    pub(super) fn dominates(&self, other: &Import<'_>) -> bool {
        let Some(last) = self.blocks.last() else { return false };
        let there = other.blocks.iter().find(|place| place.block == last.block);
        there.is_some_and(|there| there.index > last.index)
    }

    /// The innermost block.
    pub(super) fn place(&self) -> Option<InBlock> {
        self.blocks.last().copied()
    }
}

/// A name that is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference<'a> {
    /// The name.
    pub(super) name: &'a str,
    /// Where it is read from.
    pub(super) scope: ScopeId,
    /// Where it stands.
    pub(super) range: TextRange,
    /// In `f"{name=}"`, whose text is part of the outcome.
    pub(super) shown: bool,
}

/// A string that may be an annotation and cannot be read as one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unread<'a> {
    /// What it says.
    pub(super) text: &'a str,
    /// Where.
    pub(super) range: TextRange,
}

/// All of a file.
#[derive(Debug, Default)]
pub(super) struct Symbols<'a> {
    scopes: Vec<Scope<'a>>,
    /// Names read, in no order to rely on.
    pub(super) references: Vec<Reference<'a>>,
    /// Import statements.
    pub(super) imports: Vec<Import<'a>>,
    /// Strings in place of annotations.
    pub(super) unread: Vec<Unread<'a>>,
    /// All strings that are no annotations.
    pub(super) strings: Vec<&'a ast::ExprStringLiteral>,
}

impl<'a> Symbols<'a> {
    /// Read a file.
    pub(super) fn new(text: &'a str, parsed: &'a Parsed) -> Self {
        collect::collect(text, parsed)
    }

    /// A scope.
    pub(super) fn scope(&self, id: ScopeId) -> &Scope<'a> {
        &self.scopes[id.0 as usize]
    }

    /// What binds a name in a scope.
    pub(super) fn bindings(&self, scope: ScopeId, name: &str) -> &[Binding<'a>] {
        self.scope(scope).bound.get(name).map_or(&[], Vec::as_slice)
    }

    /// The scope and the name that an alias of a from-import binds.
    pub(super) fn bound_at(&self, alias: TextRange) -> Option<(ScopeId, &'a str)> {
        let here = |binding: &Binding<'_>| {
            matches!(binding.how, How::ImportFrom(..)) && binding.range == alias
        };
        self.scopes.iter().enumerate().find_map(|(index, scope)| {
            let (name, _) = scope.bound.iter().find(|(_, bound)| bound.iter().any(here))?;
            Some((ScopeId(u32::try_from(index).unwrap_or(u32::MAX)), *name))
        })
    }

    /// Whether something in a scope runs when the other scope's body does, not later.
    pub(super) fn runs_with(&self, scope: ScopeId, body: ScopeId) -> bool {
        let mut at = scope;
        while at != body {
            let scope = self.scope(at);
            match (scope.kind, scope.parent) {
                (ScopeKind::Function, _) | (_, None) => return false,
                (_, Some(parent)) => at = parent,
            }
        }
        true
    }

    /// Whether the scope declares a name as another's.
    pub(super) fn is_declared(&self, scope: ScopeId, name: &str) -> bool {
        let scope = self.scope(scope);
        scope.globals.contains(name) || scope.nonlocals.contains(name)
    }

    /// The scope whose name is read; `None` for a builtin or what nobody binds.
    pub(super) fn resolve(&self, name: &str, from: ScopeId) -> Option<ScopeId> {
        self.resolve_with(name, from, None)
    }

    /// As [`resolve`](Self::resolve), were the name bound in one more scope.
    pub(super) fn resolve_with(
        &self,
        name: &str,
        from: ScopeId,
        more: Option<ScopeId>,
    ) -> Option<ScopeId> {
        let binds = |id: ScopeId| more == Some(id) || self.scope(id).bound.contains_key(name);
        let module = || binds(MODULE).then_some(MODULE);
        let own = self.scope(from);
        if own.globals.contains(name) {
            return module();
        }
        if binds(from) && !own.nonlocals.contains(name) {
            return Some(from);
        }
        let mut sees_class = own.kind == ScopeKind::TypeParameters;
        let mut at = own.parent;
        while let Some(id) = at {
            let scope = self.scope(id);
            let visible = scope.kind != ScopeKind::Class || sees_class;
            if visible && id != MODULE && scope.globals.contains(name) {
                return module();
            }
            if visible && binds(id) && !scope.nonlocals.contains(name) {
                return Some(id);
            }
            sees_class &= scope.kind == ScopeKind::TypeParameters;
            at = scope.parent;
        }
        None
    }

    /// Whether the name may be read from further out than [`resolve`](Self::resolve) says: in a
    /// class that binds it, up to where it does so.
    pub(super) fn may_pass(&self, reference: &Reference<'_>, to: ScopeId) -> bool {
        let scope = self.scope(reference.scope);
        let own = scope.kind == ScopeKind::Class && scope.bound.contains_key(reference.name);
        own && scope.parent.is_some_and(|parent| self.resolve(reference.name, parent) == Some(to))
    }

    /// The uses of a scope's name.
    pub(super) fn uses<'s>(
        &'s self,
        scope: ScopeId,
        name: &'s str,
    ) -> impl Iterator<Item = &'s Reference<'a>> {
        self.references.iter().filter(move |reference| {
            reference.name == name && self.resolve(name, reference.scope) == Some(scope)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse_module;

    /// The kinds of scopes the uses of `x` resolve to, in the order of the text.
    fn of(text: &str) -> Vec<Option<ScopeKind>> {
        let parsed = parse_module(text).expect("shallow");
        assert_eq!(parsed.errors().count(), 0, "{text}");
        let symbols = Symbols::new(text, &parsed);
        let mut uses: Vec<_> = symbols.references.iter().filter(|r| r.name == "x").collect();
        uses.sort_by_key(|reference| reference.range.start());
        uses.into_iter()
            .map(|r| symbols.resolve("x", r.scope).map(|id| symbols.scope(id).kind))
            .collect()
    }

    #[test]
    fn scopes_are_those_of_the_compiler() {
        use ScopeKind::{Class, Comprehension, Function, Module, TypeParameters};
        for (text, scopes) in [
            ("x\n", &[None][..]),
            ("import x\nx\n", &[Some(Module)]),
            ("import x\ndef f():\n  x\n  x = 1\n", &[Some(Function)]),
            ("import x\ndef f():\n  global x\n  x\n  x = 1\n", &[Some(Module)]),
            (
                "def f():\n  import x\n  def g():\n    nonlocal x\n    x\n    x = 1\n",
                &[Some(Function)],
            ),
            ("import x\nclass C:\n  x = 1\n  x\n  def f(self): x\n", &[Some(Class), Some(Module)]),
            ("import x\ndef f(x, y=x): x\n", &[Some(Module), Some(Function)]),
            ("import x\nlambda x=x: x\n", &[Some(Module), Some(Function)]),
            ("import x\n[x for x in x]\n", &[Some(Comprehension), Some(Module)]),
            ("import x\nclass C:\n  x = 1\n  [x for i in x]\n", &[Some(Module), Some(Class)]),
            ("import x\ndef f():\n  [y for i in j if (x := i)]\n  x\n", &[Some(Function)]),
            ("import x\ndef f[x](a: x) -> x: x\n", &[Some(TypeParameters); 3]),
            ("class C:\n  x = 1\n  def f[T](a: x): x\n", &[Some(Class), None]),
            ("import x\n@x\nclass C[x](x): pass\n", &[Some(Module), Some(TypeParameters)]),
            ("def f():\n  try: pass\n  except E as x: x\n", &[Some(Function)]),
            ("def f(a):\n  match a:\n    case x: x\n", &[Some(Function)]),
            ("def f(a):\n  match a:\n    case {**x}: x\n", &[Some(Function)]),
            ("import x\ndef f(a: 'x[x]', b: 'y') -> \"x\": pass\n", &[Some(Module); 3]),
            ("import x\ndef f(): print(f'{x!r:{x}}')\n", &[Some(Module); 2]),
            ("from typing import cast\nimport x\ncast('x', 1)\n'x'\n", &[Some(Module)]),
            ("from a import x\na: Literal['x']\n", &[]),
            ("def f():\n  global x\n  def g(): x\nimport x\n", &[Some(Module)]),
            ("import x\ntype A[T] = x\n", &[Some(Module)]),
        ] {
            assert_eq!(of(text), scopes, "{text}");
        }
    }

    #[test]
    fn imports_know_which_has_run_before() {
        let text = "import a\nif b:\n  import c\n  for d in e:\n    import f\nelse:\n  import g\nimport h\n";
        let parsed = parse_module(text).expect("shallow");
        let symbols = Symbols::new(text, &parsed);
        let name = |import: &Import<'_>| &text[import.range.end().to_usize() - 1..][..1];
        let pairs: Vec<String> = symbols
            .imports
            .iter()
            .flat_map(|one| symbols.imports.iter().map(move |other| (one, other)))
            .filter(|(one, other)| one.dominates(other))
            .map(|(one, other)| format!("{}{}", name(one), name(other)))
            .collect();
        assert_eq!(pairs, ["ac", "af", "ag", "ah", "cf"]);
    }
}
