//! Code actions: what can be done about findings.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use hermetic_check::diagnostic::{Diagnostic, FixState, Position};
use hermetic_check::fix::Safety;
use hermetic_check::suppress::Reason;
use hermetic_check::workspace::{DocumentFix, Edit, Name, is_acceptable};
use tower_lsp_server::ls_types::{
    self as lsp, CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams,
    CodeActionResponse, TextEdit, WorkspaceEdit,
};

use crate::backend::{ActionData, FIX_ALL, Reply, Wanted};
use crate::convert::{self, Context, Uri};
use crate::owner::Owner;
use crate::pull::answer;
use crate::text::Text;
use crate::toml;

/// Stands where somebody has to say why.
const PLACEHOLDER: &str = "TODO: why this is accepted";

/// One more line for a configuration, as a finding's remedy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    table: String,
    key: String,
    value: String,
}

/// What can be done about what is in a range.
pub(crate) fn offer(
    owner: &mut Owner,
    params: CodeActionParams,
    reply: Reply<Option<CodeActionResponse>>,
) {
    let uri = Uri::from(&params.text_document.uri);
    let Some((name, cell)) = owner.documents.name(&uri) else {
        let _ = reply.send(Ok(None));
        return;
    };
    if !owner.features.code_actions {
        let _ = reply.send(Ok(None));
        return;
    }
    let context = owner.context();
    let only = params.context.only;
    answer(owner, reply, move || {
        let offer = Offer { context: &context, name: &name, uri: &uri, only };
        let range = params.range;
        let inside = |finding: &&Diagnostic| {
            let place = context.range(&name, &finding.span);
            finding.span.cell == cell && place.start <= range.end && range.start <= place.end
        };
        let Some(findings) = context.snapshot.check(&name) else { return Ok(None) };
        let all = &findings.report.diagnostics;
        let here: Vec<&Diagnostic> = all.iter().filter(inside).collect();
        let mut actions = Vec::new();
        if offer.wants(&CodeActionKind::QUICKFIX) {
            actions.extend(offer.fixes(&here));
            for finding in &here {
                actions.extend(offer.allow(finding));
            }
            let mut told = Vec::new();
            for finding in here.iter().filter(|finding| is_acceptable(finding)) {
                if !told.contains(&(finding.rule.0.name, finding.span.start.row)) {
                    told.push((finding.rule.0.name, finding.span.start.row));
                    actions.extend(offer.ignore(finding));
                }
            }
        }
        let fix_all = CodeActionKind::from(FIX_ALL);
        if offer.wants(&fix_all) && all.iter().any(|finding| finding.fix != FixState::None) {
            actions.extend(offer.fix_all(fix_all));
        }
        Ok(Some(actions.into_iter().map(CodeActionOrCommand::CodeAction).collect()))
    });
}

/// Work out what an action does.
pub(crate) fn resolve(owner: &mut Owner, action: CodeAction, reply: Reply<CodeAction>) {
    let wanted = action.data.as_ref().and_then(ActionData::read);
    let known = wanted.and_then(|(uri, wanted)| Some((owner.documents.name(&uri)?.0, wanted)));
    let Some((name, wanted)) = known else {
        let _ = reply.send(Ok(action));
        return;
    };
    let context = owner.context();
    let unsafe_too = owner.options.unsafe_fixes;
    answer(owner, reply, move || {
        let edits = match wanted {
            Wanted::FixAll => context.snapshot.fix_all(&name, unsafe_too),
            Wanted::Fix { row, column } => {
                let start = Position { row, column };
                let fixes = context.snapshot.fixes(&name);
                let fix = fixes.into_iter().find(|fix| fix.span.start == start);
                fix.and_then(|fix| fix.edits.ok()).unwrap_or_default()
            }
        };
        Ok(CodeAction { edit: Some(workspace_edit(context.text_edits(&name, &edits))), ..action })
    });
}

struct Offer<'c> {
    context: &'c Context,
    name: &'c Name,
    uri: &'c Uri,
    only: Option<Vec<CodeActionKind>>,
}

impl Offer<'_> {
    /// Whether actions of a kind were asked for: kinds are a tree.
    fn wants(&self, kind: &CodeActionKind) -> bool {
        let below = |asked: &CodeActionKind| {
            let rest = kind.as_str().strip_prefix(asked.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                || asked.as_str().is_empty()
        };
        self.only.as_ref().is_none_or(|only| only.iter().any(below))
    }

    fn data(&self, wanted: Wanted) -> Option<serde_json::Value> {
        let data = ActionData { uri: self.uri.as_str().to_owned(), hermetic: wanted };
        serde_json::to_value(data).ok()
    }

    fn related(&self, finding: &Diagnostic) -> Vec<lsp::Diagnostic> {
        let all = self.context.published(self.name, std::slice::from_ref(finding));
        all.into_iter().flat_map(|published| published.diagnostics).collect()
    }

    fn edit(&self, edits: &[Edit]) -> WorkspaceEdit {
        workspace_edit(self.context.text_edits(self.name, edits))
    }

    /// Captured references, looked up where they are used.
    fn fixes(&self, here: &[&Diagnostic]) -> Vec<CodeAction> {
        let fixable: Vec<_> =
            here.iter().filter(|finding| finding.fix == FixState::Perhaps).collect();
        if fixable.is_empty() {
            return Vec::new();
        }
        let mut fixes: Vec<DocumentFix> = self.context.snapshot.fixes(self.name);
        fixes.dedup_by(|one, other| one.span == other.span);
        let mut actions: Vec<CodeAction> = Vec::new();
        for finding in fixable {
            let Some(fix) = fixes.iter().find(|fix| fix.span == finding.span) else { continue };
            let Ok(edits) = &fix.edits else { continue };
            let told = match &fix.safety {
                Safety::Safe => String::new(),
                Safety::Unsafe(why) => format!(" (other code may notice: {why})"),
            };
            let Position { row, column } = finding.span.start;
            let lazy = self.context.features.resolves;
            actions.push(CodeAction {
                title: format!("look up `{}` where it is used{told}", finding.target),
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(self.related(finding)),
                edit: (!lazy).then(|| self.edit(edits)),
                is_preferred: Some(fix.safety == Safety::Safe),
                data: lazy.then(|| self.data(Wanted::Fix { row, column })).flatten(),
                ..CodeAction::default()
            });
        }
        actions
    }

    fn fix_all(&self, kind: CodeActionKind) -> Option<CodeAction> {
        let lazy = self.context.features.resolves;
        let edit = if lazy {
            None
        } else {
            let edits = self.context.snapshot.fix_all(self.name, false);
            Some(self.edit(&edits)).filter(|_| !edits.is_empty())
        };
        (lazy || edit.is_some()).then(|| CodeAction {
            title: "hermetic: make all safe fixes".to_owned(),
            kind: Some(kind),
            edit,
            data: lazy.then(|| self.data(Wanted::FixAll)).flatten(),
            ..CodeAction::default()
        })
    }

    /// Comments that accept a finding.
    fn ignore(&self, finding: &Diagnostic) -> Vec<CodeAction> {
        let Ok(reason) = Reason::new(PLACEHOLDER) else { return Vec::new() };
        let rule = finding.rule.0.name;
        let action = |title: String, edits: &[Edit]| CodeAction {
            title,
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(self.related(finding)),
            edit: Some(self.edit(edits)),
            ..CodeAction::default()
        };
        let on_line = self.context.snapshot.ignore(self.name, &[finding], &reason);
        let in_file = self.context.snapshot.ignore_in_file(self.name, rule, &reason);
        let on_line = (!on_line.is_empty())
            .then(|| action(format!("ignore `{rule}` on this line"), &on_line));
        let in_file = in_file.map(|edit| action(format!("ignore `{rule}` in this file"), &[edit]));
        on_line.into_iter().chain(in_file).collect()
    }

    /// The configuration's line that allows it.
    fn allow(&self, finding: &Diagnostic) -> Option<CodeAction> {
        let entry = entry(&finding.remedy)?;
        let (path, edit) = self.with_entry(&entry)?;
        let Entry { key, value, .. } = &entry;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Some(CodeAction {
            title: format!("allow in policy: `{key} = {value}` in {file}"),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(self.related(finding)),
            edit: Some(edit),
            ..CodeAction::default()
        })
    }

    fn with_entry(&self, entry: &Entry) -> Option<(PathBuf, WorkspaceEdit)> {
        let snapshot = &self.context.snapshot;
        let folder = self.name.path().and_then(|path| snapshot.folder_of(path));
        let path = match (snapshot.configuration_of(self.name), folder) {
            (Some(path), _) => path,
            (None, Some(folder)) if folder.join("pyproject.toml").is_file() => {
                folder.join("pyproject.toml")
            }
            (None, folder) => folder?.join("hermetic.toml"),
        };
        let text = snapshot.configuration_text(&path);
        let new = text.is_none();
        let text = text.unwrap_or_default();
        let after = toml::with_entry(&path, &text, &entry.table, &entry.key, &entry.value)?;
        let before = Text::new(text);
        let edit = convert::difference(&before, &after, self.context.features.encoding);
        let uri = Uri::of_path(&path)?;
        if !new {
            return Some((path, workspace_edit([(uri, vec![edit])].into())));
        }
        if !self.context.features.creates_files {
            return None;
        }
        let create = lsp::ResourceOp::Create(lsp::CreateFile {
            uri: uri.lsp()?,
            options: None,
            annotation_id: None,
        });
        let text_document =
            lsp::OptionalVersionedTextDocumentIdentifier { uri: uri.lsp()?, version: None };
        let written = lsp::TextDocumentEdit { text_document, edits: vec![lsp::OneOf::Left(edit)] };
        let operations = vec![
            lsp::DocumentChangeOperation::Op(create),
            lsp::DocumentChangeOperation::Edit(written),
        ];
        let document_changes = Some(lsp::DocumentChanges::Operations(operations));
        Some((path, WorkspaceEdit { document_changes, ..WorkspaceEdit::default() }))
    }
}

/// The entry that a remedy names: "(or `KEY = VALUE` in [TABLE])".
fn entry(remedy: &str) -> Option<Entry> {
    let (before, rest) = remedy.split_once("` in [tool.hermetic")?;
    let (_, entry) = before.rsplit_once('`')?;
    let (key, value) = entry.split_once(" = ")?;
    let (table, _) = rest.split_once(']')?;
    let table = table.trim_start_matches('.').to_owned();
    Some(Entry { table, key: key.to_owned(), value: value.to_owned() })
}

fn workspace_edit(edits: BTreeMap<Uri, Vec<TextEdit>>) -> WorkspaceEdit {
    let changes: HashMap<lsp::Uri, Vec<TextEdit>> =
        edits.into_iter().filter_map(|(uri, edits)| Some((uri.lsp()?, edits))).collect();
    WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedies_name_entries() {
        let found = entry(
            "allow it by --allow-domain a.example (or `allow-domain = [\"a.example\"]` in \
             [tool.hermetic])",
        );
        let expected = Entry {
            table: String::new(),
            key: "allow-domain".to_owned(),
            value: "[\"a.example\"]".to_owned(),
        };
        assert_eq!(found, Some(expected));
        let found =
            entry("accept it (or `not-analysed = \"info\"` in [tool.hermetic.check.levels])");
        assert_eq!(found.map(|entry| entry.table).as_deref(), Some("check.levels"));
        assert_eq!(
            entry("allow it by dropping --no-network (or `no-network` in [tool.hermetic])"),
            None
        );
    }
}
