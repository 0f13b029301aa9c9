//! Whether anybody but the rewritten uses can know a name.

use super::candidate::Candidate;
use super::symbols::MODULE;
use super::{Around, Fixer, Safety, has_word};
use crate::syntax::{TextRange, TokenKind};

/// Builtins that look names up by their text.
const LOOK_UP: [&str; 7] = ["globals", "locals", "vars", "dir", "eval", "exec", "__import__"];

/// Whether a name can be rewritten without a look.
pub(super) fn of(fixer: &Fixer<'_>, candidate: &Candidate<'_>, around: Around<'_>) -> Safety {
    match reason(fixer, candidate, around) {
        Some(why) => Safety::Unsafe(why),
        None => Safety::Safe,
    }
}

fn reason(fixer: &Fixer<'_>, candidate: &Candidate<'_>, around: Around<'_>) -> Option<String> {
    let symbols = &fixer.symbols;
    let name = candidate.name;
    let of_module = candidate.scope == MODULE;
    let scope = symbols.scope(candidate.scope);
    let row = |at: TextRange| fixer.row(at.start().to_u32());
    for (site, alias) in &candidate.aliases {
        let import = symbols.imports.get(*site)?;
        if import.tried {
            let row = row(alias.range);
            return Some(format!("the import in row {row} is tried, and may be meant to fail"));
        }
    }
    let looks_up = symbols.references.iter().find(|reference| {
        LOOK_UP.contains(&reference.name)
            && scope.range.contains_range(reference.range)
            && symbols.resolve(reference.name, reference.scope).is_none()
    });
    if let Some(found) = looks_up {
        let row = row(found.range);
        return Some(format!("`{}` in row {row} may look `{name}` up by its text", found.name));
    }
    let text = fixer.source.text();
    let type_comment = fixer.parsed.tokens().find(|(kind, range)| {
        let at = range.start().to_usize()..range.end().to_usize();
        *kind == TokenKind::Comment
            && scope.range.contains_range(*range)
            && text.get(at).is_some_and(|comment| {
                let words = comment.trim_start_matches('#').trim_start();
                words.starts_with("type:") && has_word(words, name)
            })
    });
    if let Some((_, range)) = type_comment {
        return Some(format!("the type comment in row {} names `{name}`", row(range)));
    }
    if !of_module {
        return None;
    }
    let has_exports = !symbols.bindings(MODULE, "__all__").is_empty()
        || symbols.references.iter().any(|reference| reference.name == "__all__");
    for string in &symbols.strings {
        let value = string.value.to_str();
        let row = row(string.range);
        if value.contains(">>>") && has_word(value, name) {
            return Some(format!("the doctest in row {row} may use `{name}`"));
        }
        let exported = value == name && has_exports;
        if exported {
            return Some(format!("`__all__` exports `{name}`"));
        }
    }
    let again = candidate.aliases.iter().find(|(_, alias)| {
        alias.asname.as_ref().is_some_and(|asname| asname.as_str() == alias.name.as_str())
    });
    if again.is_some() {
        return Some(format!("`import {name} as {name}` exports it"));
    }
    match around {
        Around::Unknown(why) => Some(why.to_owned()),
        Around::Whole { mentions, module } => mentions.of(module, name),
    }
}
