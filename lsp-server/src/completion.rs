//! Completion: rule names in comments that accept findings, keys and values in configurations.

use std::path::Path;

use hermetic_policy::config::Swallowed;
use hermetic_policy::config::schema::{self, Takes};
use hermetic_policy::{profile, rules};
use tower_lsp_server::ls_types::{
    CompletionItem, CompletionItemKind, CompletionParams, CompletionResponse, CompletionTextEdit,
    Documentation, MarkupContent, MarkupKind, Range, TextEdit,
};

use crate::backend::Reply;
use crate::convert::{self, Uri};
use crate::documents::{Open, Role};
use crate::hover::of_rule;
use crate::owner::Owner;
use crate::text::{Encoding, Place};
use crate::toml;

/// Answer, with nothing where there is nothing to complete.
pub(crate) fn complete(
    owner: &mut Owner,
    params: CompletionParams,
    reply: Reply<Option<CompletionResponse>>,
) {
    let at = params.text_document_position;
    let place = convert::place(at.position);
    let encoding = owner.features.encoding;
    let open = owner.documents.get(&Uri::from(&at.text_document.uri));
    let items = open.and_then(|open| match &open.role {
        Role::Configuration(path) => of_configuration(path, open, place, encoding),
        Role::Python(..) | Role::Cell(_) => of_comment(open, place, encoding),
        Role::Other => None,
    });
    let _ = reply.send(Ok(items.map(CompletionResponse::Array)));
}

/// Names of rules, inside the bracket of `# hermetic: ignore[...]`.
fn of_comment(open: &Open, place: Place, encoding: Encoding) -> Option<Vec<CompletionItem>> {
    let line = open.text.line(place.row)?;
    let characters = encoding.characters(line, place.column) as usize;
    let before: String = line.chars().take(characters).collect();
    let comment = before.rsplit_once('#').map(|(_, comment)| comment.trim_start())?;
    let directive = comment.strip_prefix("hermetic:")?.trim_start();
    let (word, list) = directive.split_once('[')?;
    if !matches!(word.trim_end(), "ignore" | "ignore-file") || list.contains(']') {
        return None;
    }
    let typed = list.rsplit([',', ' ']).next().unwrap_or_default();
    let range = word_range(place, typed, encoding);
    Some(rule_items(range, false))
}

/// The range of a word that ends at a place.
fn word_range(place: Place, word: &str, encoding: Encoding) -> Range {
    let units: u32 = word.chars().map(|c| encoding.units(c)).sum();
    let start = Place { column: place.column.saturating_sub(units), ..place };
    Range { start: convert::position(start), end: convert::position(place) }
}

fn rule_items(range: Range, value: bool) -> Vec<CompletionItem> {
    let item = |rule: &'static hermetic_policy::Rule| {
        let text = if value { format!("{} = ", rule.name) } else { rule.name.to_owned() };
        CompletionItem {
            documentation: Some(Documentation::MarkupContent(MarkupContent {
                kind: MarkupKind::Markdown,
                value: of_rule(rule),
            })),
            ..item(rule.name, &text, rule.summary, range, CompletionItemKind::VALUE)
        }
    };
    rules::all().map(item).collect()
}

fn item(
    label: &str,
    text: &str,
    detail: &str,
    range: Range,
    kind: CompletionItemKind,
) -> CompletionItem {
    CompletionItem {
        label: label.to_owned(),
        kind: Some(kind),
        detail: Some(detail.to_owned()),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text: text.to_owned() })),
        ..CompletionItem::default()
    }
}

fn of_configuration(
    path: &Path,
    open: &Open,
    place: Place,
    encoding: Encoding,
) -> Option<Vec<CompletionItem>> {
    let here = toml::at(path, &open.text, place, encoding)?;
    let line = open.text.line(place.row)?;
    let characters = encoding.characters(line, place.column) as usize;
    let before: String = line.chars().take(characters).collect();
    let typed = before.get(here.before.len()..).unwrap_or_default();
    let range = word_range(place, typed, encoding);
    let quoted = here.before.ends_with(['"', '\'']);
    let value = |name: &str, detail: &str| {
        let text = if quoted { name.to_owned() } else { format!("\"{name}\"") };
        item(name, &text, detail, range, CompletionItemKind::ENUM_MEMBER)
    };
    let levels = || {
        let level = |name| value(name, "level");
        Some(["error", "warn", "info", "off"].map(level).into())
    };
    if here.before.trim_start().starts_with(['[', '#']) {
        return None;
    }
    if here.table == "check.levels" {
        return if here.key.is_some() { levels() } else { Some(rule_items(range, true)) };
    }
    if here.table == "check.per-file-ignores" {
        let names = rules::all().map(|rule| value(rule.name, rule.summary));
        return here.key.map(|_| names.collect());
    }
    let Some(key) = &here.key else {
        let keys = schema::KEYS.iter().filter(|key| key.table == here.table);
        let keys = keys.filter(|key| !matches!(key.takes, Takes::Table | Takes::Tables));
        return Some(
            keys.map(|key| {
                let text = format!("{} = ", key.name);
                item(key.name, &text, key.summary, range, CompletionItemKind::PROPERTY)
            })
            .collect(),
        );
    };
    let key = schema::KEYS.iter().find(|known| known.table == here.table && known.name == key)?;
    match key.takes {
        Takes::Flag | Takes::FlagOrText => {
            let kind = CompletionItemKind::VALUE;
            Some(["true", "false"].map(|word| item(word, word, key.summary, range, kind)).into())
        }
        Takes::Level => levels(),
        Takes::Capability => {
            Some(schema::capabilities().iter().map(|name| value(name, "capability")).collect())
        }
        Takes::Swallowed => Some(Swallowed::ALL.map(|one| value(one.name(), key.summary)).into()),
        Takes::TextOrTexts => Some(
            profile::PROFILES.iter().map(|profile| value(profile.name, profile.summary)).collect(),
        ),
        Takes::Text | Takes::Texts | Takes::Levels | Takes::Ignores => None,
        Takes::Table | Takes::Tables => None,
    }
}
