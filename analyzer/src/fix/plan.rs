//! The edits that rewrite names: their uses, and the imports that bound them.

use std::collections::BTreeMap;

use super::Fixer;
use super::candidate::Candidate;
use super::import::{self, Statement};
use super::symbols::{Binding, How, Import, MODULE, ScopeId, ScopeKind};
use crate::rewrite::Edit;
use crate::summary::Range;
use crate::syntax::ast;

/// How a module is reached where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Access {
    /// `socket`, `urllib.request`, `_socket_module`.
    expression: String,
    /// The import that binds it; `None` where one is there already, for all of the scope.
    import: Option<String>,
}

/// The edits that rewrite these names, in order.
pub(super) fn plan(fixer: &Fixer<'_>, candidates: &[&Candidate<'_>]) -> Result<Vec<Edit>, String> {
    let mut edits = Vec::new();
    let mut removed: BTreeMap<usize, Vec<&ast::Alias>> = BTreeMap::new();
    let mut accesses: BTreeMap<(ScopeId, &str), Access> = BTreeMap::new();
    for candidate in candidates {
        let key = (candidate.scope, candidate.module);
        let choose = || Chooser::new(fixer, candidates, candidate).access();
        let access = accesses.entry(key).or_insert_with(choose);
        let late = format!("{}.{}", access.expression, candidate.member);
        for used in &candidate.uses {
            let range =
                Range { start: used.range.start().to_u32(), end: used.range.end().to_u32() };
            edits.push(Edit { range, text: late.clone() });
        }
        for (site, alias) in &candidate.aliases {
            removed.entry(*site).or_default().push(alias);
        }
    }
    // Of each block, how many statements are gone.
    let mut gone: BTreeMap<usize, usize> = BTreeMap::new();
    let mut binding: Vec<(&(ScopeId, &str), &Import<'_>)> = Vec::new();
    for (site, aliases) in &removed {
        let Some(import) = fixer.symbols.imports.get(*site) else { continue };
        let Some((key, access)) = access_of(candidates, *site, &accesses) else { continue };
        let there = binding.iter().any(|(of, before)| *of == key && before.dominates(import));
        let new = access.import.as_deref().filter(|_| !there);
        if new.is_some() {
            binding.push((key, import));
        }
        let place = import.place();
        let left = place
            .map_or(0, |place| place.length - gone.get(&place.block).copied().unwrap_or_default());
        let statement = Statement { fixer, import, removed: aliases, new, deletable: left > 1 };
        let rewritten = import::rewrite(&statement)?;
        if let Some(place) = place.filter(|_| rewritten.deleted) {
            *gone.entry(place.block).or_default() += 1;
        }
        edits.extend(rewritten.edits);
    }
    edits.sort();
    Ok(edits)
}

type Key<'k> = (ScopeId, &'k str);

fn access_of<'k>(
    candidates: &[&Candidate<'_>],
    site: usize,
    accesses: &'k BTreeMap<Key<'k>, Access>,
) -> Option<(&'k Key<'k>, &'k Access)> {
    let of = candidates.iter().find(|c| c.aliases.iter().any(|(at, _)| *at == site))?;
    accesses.iter().find(|((scope, module), _)| (*scope, *module) == (of.scope, of.module))
}

/// Finds a name for a module in a scope.
struct Chooser<'c, 'a> {
    fixer: &'c Fixer<'a>,
    all: &'c [&'c Candidate<'a>],
    scope: ScopeId,
    module: &'a str,
    /// Those that use it.
    ours: Vec<&'c Candidate<'a>>,
}

impl<'c, 'a> Chooser<'c, 'a> {
    fn new(fixer: &'c Fixer<'a>, all: &'c [&'c Candidate<'a>], of: &Candidate<'a>) -> Self {
        let (scope, module) = (of.scope, of.module);
        let ours = all.iter().filter(|c| c.scope == scope && c.module == module);
        Self { fixer, all, scope, module, ours: ours.copied().collect() }
    }

    fn access(&self) -> Access {
        if let Some(expression) = self.bound_here().or_else(|| self.bound_outside()) {
            return Access { expression, import: None };
        }
        let top = self.module.split('.').next().unwrap_or(self.module);
        if self.is_free(top, true) {
            let import = Some(format!("import {}", self.module));
            return Access { expression: self.module.to_owned(), import };
        }
        let last = self.module.rsplit('.').next().unwrap_or(self.module);
        let stem = format!("_{}_module", last.trim_matches('_'));
        let numbered = (2..).map(|number| format!("{stem}_{number}"));
        let name = std::iter::once(stem.clone()).chain(numbered).find(|n| self.is_free(n, false));
        let expression = name.unwrap_or(stem);
        let import = Some(format!("import {} as {expression}", self.module));
        Access { expression, import }
    }

    /// An import of the module that has run before those that go.
    fn bound_here(&self) -> Option<String> {
        self.imports_in(self.scope).find_map(|(import, expression)| {
            let sites = self.ours.iter().flat_map(|c| &c.aliases);
            let mut sites = sites.filter_map(|(site, _)| self.fixer.symbols.imports.get(*site));
            let before = sites.all(|site| import.dominates(site));
            (before && self.reaches(&expression, self.scope)).then_some(expression)
        })
    }

    /// An import at the module's top, for a function below it.
    fn bound_outside(&self) -> Option<String> {
        let scope = self.fixer.symbols.scope(self.scope);
        if scope.kind != ScopeKind::Function {
            return None;
        }
        self.imports_in(MODULE).find_map(|(import, expression)| {
            let before = import.is_unconditional() && import.range.end() <= scope.range.start();
            (before && self.reaches(&expression, MODULE)).then_some(expression)
        })
    }

    /// The imports of the module in a scope, and what they bind it to.
    fn imports_in(&self, scope: ScopeId) -> impl Iterator<Item = (&'c Import<'a>, String)> {
        let imports = self.fixer.symbols.imports.iter();
        let imports = imports.filter(move |import| import.scope == scope && import.from.is_none());
        let module = self.module;
        imports.flat_map(move |import| {
            let names = import.names.iter().filter(move |alias| alias.name.as_str() == module);
            names.map(move |alias| {
                let bound = alias.asname.as_ref().unwrap_or(&alias.name);
                (import, bound.as_str().to_owned())
            })
        })
    }

    /// Whether what an expression begins with is that module alone, everywhere it is used.
    fn reaches(&self, expression: &str, scope: ScopeId) -> bool {
        let symbols = &self.fixer.symbols;
        let top = expression.split('.').next().unwrap_or(expression);
        let bindings = symbols.bindings(scope, top);
        let same = bindings.iter().all(|binding| self.is_same(binding, expression));
        let stars = symbols.scope(scope).stars.is_empty();
        same && stars
            && symbols.resolve(top, self.scope) == Some(scope)
            && self.uses().all(|from| symbols.resolve(top, from) == Some(scope))
    }

    /// Whether a binding is an import of the same: of the module under that name, or of the
    /// package it is in.
    fn is_same(&self, binding: &Binding<'_>, expression: &str) -> bool {
        let How::Import(alias) = binding.how else { return false };
        let as_it_is = expression == self.module && alias.asname.is_none();
        !binding.outer && (as_it_is || alias.name.as_str() == self.module)
    }

    /// Whether a name can be bound in the scope and reaches every use, and nobody else's.
    fn is_free(&self, name: &str, plain: bool) -> bool {
        let symbols = &self.fixer.symbols;
        let going = |binding: &Binding<'_>| {
            let mut aliases = self.all.iter().flat_map(|c| &c.aliases);
            aliases.any(|(_, alias)| alias.range == binding.range)
        };
        let bindings = symbols.bindings(self.scope, name);
        let same = |binding: &Binding<'_>| plain && self.is_same(binding, self.module);
        let bound = bindings.iter().all(|binding| going(binding) || same(binding));
        let taken = |reference: &super::symbols::Reference<'_>| {
            reference.name == name
                && symbols.resolve(name, reference.scope) != Some(self.scope)
                && symbols.resolve_with(name, reference.scope, Some(self.scope)) == Some(self.scope)
        };
        bound
            && !symbols.is_declared(self.scope, name)
            && (!plain || symbols.scope(self.scope).stars.is_empty())
            && self
                .uses()
                .all(|from| symbols.resolve_with(name, from, Some(self.scope)) == Some(self.scope))
            && !symbols.references.iter().any(taken)
    }

    /// Where it is used from.
    fn uses(&self) -> impl Iterator<Item = ScopeId> {
        self.ours.iter().flat_map(|candidate| candidate.uses.iter().map(|used| used.scope))
    }
}
