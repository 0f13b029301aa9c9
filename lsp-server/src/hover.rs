//! What is shown when somebody points at something.

use std::fmt::Write as _;

use hermetic_check::diagnostic::Span;
use hermetic_check::workspace::{Known, KnownApi};
use hermetic_policy::config::schema;
use hermetic_policy::{Capability, Rule, rules};
use tower_lsp_server::ls_types::{
    Hover, HoverContents, HoverParams, MarkupContent, MarkupKind, Range,
};

use crate::backend::Reply;
use crate::convert::{self, Uri};
use crate::documents::{Open, Role};
use crate::owner::Owner;
use crate::pull::answer;
use crate::text::Place;
use crate::toml::{self, Here};

/// Answer, with nothing where there is nothing to say.
pub(crate) fn hover(owner: &mut Owner, params: HoverParams, reply: Reply<Option<Hover>>) {
    let at = params.text_document_position_params;
    let uri = Uri::from(&at.text_document.uri);
    let open = owner.documents.get(&uri);
    if let Some(open) = open
        && matches!(open.role, Role::Configuration(_))
    {
        let found = of_configuration(open, convert::place(at.position), owner.features.encoding);
        let _ = reply.send(Ok(found));
        return;
    }
    let Some((name, cell)) = owner.documents.name(&uri) else {
        let _ = reply.send(Ok(None));
        return;
    };
    let context = owner.context();
    answer(owner, reply, move || {
        let place = context.place(&name, cell, at.position);
        let known = context.snapshot.known_at(&name, cell, place);
        let mut text = String::new();
        let mut span: Option<Span> = None;
        // Some show the findings of a place above what is told here.
        let told =
            |one: &&Known| !(context.features.shows_findings && matches!(one, Known::Finding(_)));
        for one in known.iter().filter(told) {
            if !text.is_empty() {
                text.push_str("\n\n---\n\n");
            }
            let of = match one {
                Known::Finding(finding) => {
                    let rule = finding.rule.0;
                    let _ = write!(text, "**{}**: {}", rule.name, finding.message);
                    for more in [&finding.why, &finding.remedy] {
                        if !more.is_empty() {
                            let _ = write!(text, "\n\n{more}");
                        }
                    }
                    &finding.span
                }
                Known::Api(api) => {
                    text.push_str(&of_api(api));
                    &api.span
                }
                Known::Rule(rule, span) => {
                    text.push_str(&of_rule(rule));
                    span
                }
            };
            span.get_or_insert(*of);
        }
        Ok(span.map(|span| markdown(text, Some(context.range(&name, &span)))))
    });
}

fn markdown(value: String, range: Option<Range>) -> Hover {
    let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value });
    Hover { contents, range }
}

/// What guards it, and what of that holds where it is kept.
fn of_api(api: &KnownApi) -> String {
    let capability = api.rule.capability;
    let flag = match capability.flag() {
        Some(flag) => format!("governed by `{flag}`"),
        None => "told under every policy".to_owned(),
    };
    let mut text =
        format!("`{}`: capability **{capability}**, {flag} (rule `{}`)", api.name, api.rule.name);
    match api.enforced_when_kept {
        Some(true) => text.push_str(
            "\n\na reference that is kept misses a patch of it; the runtime guard enforces it all \
             the same",
        ),
        Some(false) => text.push_str(
            "\n\na reference that is kept misses a patch of it, and the runtime guard does not \
             see it either",
        ),
        None => {}
    }
    text
}

/// A rule's page, as far as its examples.
pub(crate) fn of_rule(rule: &Rule) -> String {
    let page = rule.page;
    let end = page.find("\n## Examples").unwrap_or(page.len());
    page.get(..end).unwrap_or(page).trim_end().to_owned()
}

fn of_configuration(open: &Open, place: Place, encoding: crate::text::Encoding) -> Option<Hover> {
    let Role::Configuration(path) = &open.role else { return None };
    let here = toml::at(path, &open.text, place, encoding)?;
    let Here { table, word, .. } = &here;
    if let Some(rule) = rules::find(word) {
        return Some(markdown(of_rule(rule), None));
    }
    let key = schema::KEYS.iter().find(|key| key.table == table && key.name == *word)?;
    Some(markdown(format!("`{}`: {}", key.name, key.summary), None))
}

/// The name of a capability with what it covers.
pub(crate) fn names(capabilities: &[Capability]) -> String {
    capabilities.iter().map(|capability| capability.name()).collect::<Vec<_>>().join(", ")
}
