//! Names that an import captures and that can be rewritten, or why they cannot.

use hermetic_policy::rule::Construct;

use super::symbols::{Binding, How, Import, Reference, ScopeId, ScopeKind};
use super::{Fixer, Refused, has_word, is_import};
use crate::syntax::ast;

/// A name that one or more imports of the same thing bind in a scope.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    /// Whose name it is.
    pub(super) scope: ScopeId,
    /// The name.
    pub(super) name: &'a str,
    /// The module it is imported from.
    pub(super) module: &'a str,
    /// What it is called there.
    pub(super) member: &'a str,
    /// The imports that bind it, in order: the statement, and the alias in it.
    pub(super) aliases: Vec<(usize, &'a ast::Alias)>,
    /// Indexes into the summary's captures.
    pub(super) captures: Vec<usize>,
    /// Where it is read.
    pub(super) uses: Vec<Reference<'a>>,
}

/// Builtins that modules have functions of the same name for, so that a module may have imported
/// one or go on with the other.
const BUILTINS: [&str; 8] =
    ["open", "eval", "exec", "compile", "input", "__import__", "breakpoint", "print"];

/// All names of a file that its captures are about.
pub(super) fn candidates<'a>(fixer: &Fixer<'a>) -> Vec<Result<Candidate<'a>, Refused>> {
    let mut names: Vec<(ScopeId, &'a str, Vec<usize>)> = Vec::new();
    for (index, capture) in fixer.summary.captures.iter().enumerate() {
        let range =
            crate::syntax::TextRange::new(capture.range.start.into(), capture.range.end.into());
        let bound = is_import(capture).then(|| fixer.symbols.bound_at(range)).flatten();
        let Some((scope, name)) = bound else { continue };
        match names.iter_mut().find(|(s, n, _)| (*s, *n) == (scope, name)) {
            Some((.., captures)) => captures.push(index),
            None => names.push((scope, name, vec![index])),
        }
    }
    let candidate = |(scope, name, captures): (ScopeId, &'a str, Vec<usize>)| {
        candidate(fixer, scope, name, captures.clone()).map_err(|why| Refused { captures, why })
    };
    names.into_iter().map(candidate).collect()
}

fn candidate<'a>(
    fixer: &Fixer<'a>,
    scope: ScopeId,
    name: &'a str,
    captures: Vec<usize>,
) -> Result<Candidate<'a>, String> {
    let symbols = &fixer.symbols;
    let row = |at: crate::syntax::TextRange| fixer.row(at.start().to_u32());
    if symbols.scope(scope).kind == ScopeKind::Class {
        return Err(format!("`{name}` is an attribute of a class, which other code may read"));
    }
    if name.starts_with("__") && !name.ends_with("__") {
        return Err(format!("`{name}` is another name inside of classes"));
    }
    let (module, member, aliases) = bindings(fixer, scope, name)?;
    let first = aliases.first().map_or(0, |(_, alias)| alias.range.start().to_u32());
    let star = symbols.scope(scope).stars.iter().find(|at| at.start().to_u32() > first);
    if let Some(at) = star {
        return Err(format!("the star import in row {} may bind `{name}` again", row(*at)));
    }
    let imports = |(site, _): &(usize, _)| symbols.imports.get(*site);
    let conditional = !aliases.iter().filter_map(imports).any(Import::is_unconditional);
    if conditional && BUILTINS.contains(&name) {
        return Err(format!("where the import does not run, `{name}` is the builtin"));
    }
    let uses: Vec<Reference<'a>> = symbols.uses(scope, name).copied().collect();
    for used in &uses {
        let at = row(used.range);
        if used.shown {
            return Err(format!("an f-string shows the name itself in row {at}"));
        }
        let before = used.range.start().to_u32() < first;
        if before && symbols.runs_with(used.scope, scope) {
            return Err(format!("`{name}` is used in row {at}, before it is imported"));
        }
    }
    let passes = |used: &&Reference<'_>| used.name == name && symbols.may_pass(used, scope);
    if let Some(used) = symbols.references.iter().find(passes) {
        let at = row(used.range);
        return Err(format!("`{name}` in row {at} may be an attribute of the class instead"));
    }
    if let Some(unread) = symbols.unread.iter().find(|unread| has_word(unread.text, name)) {
        let at = row(unread.range);
        return Err(format!(
            "the annotation in row {at} may mean `{name}` and cannot be rewritten"
        ));
    }
    replaced(fixer, name, &captures)?;
    Ok(Candidate { scope, name, module, member, aliases, captures, uses })
}

/// The imports that bind a name: they have to be all that does, and to say the same.
#[expect(clippy::type_complexity, reason = "three parts of what it is")]
fn bindings<'a>(
    fixer: &Fixer<'a>,
    scope: ScopeId,
    name: &str,
) -> Result<(&'a str, &'a str, Vec<(usize, &'a ast::Alias)>), String> {
    let mut known: Option<(&'a str, &'a str)> = None;
    let mut aliases = Vec::new();
    for Binding { how, range, outer } in fixer.symbols.bindings(scope, name) {
        let row = fixer.row(range.start().to_u32());
        if *outer {
            return Err(format!("`{name}` is bound from a function in row {row}"));
        }
        let How::ImportFrom(site, alias) = *how else {
            return Err(match how {
                How::Deleted => format!("`{name}` is deleted in row {row}"),
                _ => format!("`{name}` is bound again in row {row}"),
            });
        };
        let from = fixer.symbols.imports.get(site).and_then(|import| import.from);
        let module = from.filter(|from| from.level == 0).and_then(|from| from.module.as_ref());
        let this = module.map(|module| (module.as_str(), alias.name.as_str()));
        if this.is_none() || known.is_some_and(|known| Some(known) != this) {
            return Err(format!("`{name}` is imported from another place in row {row}"));
        }
        known = this;
        aliases.push((site, alias));
    }
    aliases.sort_by_key(|(_, alias)| alias.range.start());
    known
        .map(|(module, member)| (module, member, aliases))
        .ok_or_else(|| "it is no import".to_owned())
}

/// A file that replaces the very API keeps the real one on purpose: looked up late, the
/// replacement would call itself.
fn replaced(fixer: &Fixer<'_>, name: &str, captures: &[usize]) -> Result<(), String> {
    let rule = fixer.names.construct_rule(Construct::GuardedModuleWrite);
    let targets: Vec<&str> = captures
        .iter()
        .filter_map(|&index| fixer.summary.captures.get(index))
        .map(|capture| &*capture.target)
        .collect();
    let written = fixer.summary.acts.iter().find(|act| {
        let of_module = act.target.strip_suffix('*');
        rule.is_some_and(|rule| rule.name == act.rule.name)
            && targets.iter().any(|target| {
                *target == &*act.target || of_module.is_some_and(|of| target.starts_with(of))
            })
    });
    match written {
        None => Ok(()),
        Some(act) => Err(format!(
            "the file replaces `{}` in row {}, and `{name}` keeps what it was",
            act.target,
            fixer.row(act.range.start)
        )),
    }
}
