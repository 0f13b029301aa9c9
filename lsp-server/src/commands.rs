//! Commands, and the code lens that shows what functions reach.

use std::path::{Path, PathBuf};

use hermetic_check::workspace::Change;
use hermetic_policy::rules;
use serde_json::json;
use tower_lsp_server::jsonrpc::Error;
use tower_lsp_server::ls_types::{
    CodeLens, CodeLensParams, Command, ExecuteCommandParams, LSPAny, Position, Range,
};

use crate::backend::Reply;
use crate::convert::{Context, Published, Uri};
use crate::hover::names;
use crate::owner::Owner;
use crate::pull::{self, answer_behind};

/// Says what the server knows, for reports of defects.
const DEBUG_INFORMATION: &str = "hermetic.debugInformation";
/// Gives the page of a rule; without one, all rules.
const EXPLAIN_RULE: &str = "hermetic.explainRule";
/// Gives the findings of all files, whatever `diagnosticMode` says.
const SCAN_WORKSPACE: &str = "hermetic.scanWorkspace";
/// Gives the least policy of a folder, as a configuration.
const SUGGEST_POLICY: &str = "hermetic.suggestPolicy";

/// The commands. `hermetic.restart` is the client's: it starts the server.
pub(crate) const ALL: [&str; 4] = [DEBUG_INFORMATION, EXPLAIN_RULE, SCAN_WORKSPACE, SUGGEST_POLICY];

/// Run a command.
pub(crate) fn run(owner: &mut Owner, params: &ExecuteCommandParams, reply: Reply<Option<LSPAny>>) {
    match params.command.as_str() {
        DEBUG_INFORMATION => {
            let _ = reply.send(Ok(Some(information(owner))));
        }
        EXPLAIN_RULE => {
            let wanted = params.arguments.first().and_then(LSPAny::as_str);
            let _ = reply.send(explain(wanted).map(Some));
        }
        SCAN_WORKSPACE => scan_workspace(owner, reply),
        SUGGEST_POLICY => {
            let snapshot = owner.workspace.snapshot();
            let wanted = params.arguments.first().and_then(LSPAny::as_str).map(str::to_owned);
            let folder: Option<PathBuf> = match wanted {
                Some(wanted) => {
                    let uri: Option<tower_lsp_server::ls_types::Uri> = wanted.parse().ok();
                    let path = uri.and_then(|uri| Uri::from(&uri).path());
                    let path = path.unwrap_or_else(|| PathBuf::from(wanted));
                    snapshot.folder_of(&path).map(ToOwned::to_owned)
                }
                None => snapshot.folders().next().map(ToOwned::to_owned),
            };
            let Some(folder) = folder else {
                let told = "name a folder of the workspace, or open one";
                let _ = reply.send(Err(Error::invalid_params(told)));
                return;
            };
            answer_behind(owner, reply, move || {
                Ok(snapshot.suggest_policy(&folder).map(LSPAny::String))
            });
        }
        other => {
            let _ = reply.send(Err(Error::invalid_params(format!("unknown command `{other}`"))));
        }
    }
}

/// The page of a rule, or a list of all of them.
fn explain(wanted: Option<&str>) -> Result<LSPAny, Error> {
    let Some(wanted) = wanted else {
        let rule = |rule: &hermetic_policy::Rule| {
            json!({
                "name": rule.name, "summary": rule.summary, "level": rule.level.name(),
                "capability": rule.capability.name(),
            })
        };
        let mut all: Vec<_> = rules::all().collect();
        all.sort_by_key(|rule| rule.name);
        return Ok(all.into_iter().map(rule).collect());
    };
    match rules::find(wanted) {
        Some(rule) => Ok(LSPAny::String(rule.page.to_owned())),
        None => Err(Error::invalid_params(format!("unknown rule `{wanted}`"))),
    }
}

/// Look at all files, open or not, and answer with all there is to say of them.
fn scan_workspace(owner: &mut Owner, reply: Reply<Option<LSPAny>>) {
    let mut workspace = owner.workspace.clone();
    let context = owner.context();
    let running = owner.watched_scan();
    answer_behind(owner, reply, move || {
        // Ended, too, where this fails.
        let _ended = running.ends();
        workspace.apply(Change::KeepAll(true));
        let snapshot = workspace.snapshot();
        let folders: Vec<PathBuf> = snapshot.folders().map(Path::to_owned).collect();
        for folder in folders {
            // Nothing where the user has had enough of it.
            let Some(scanned) = snapshot.scan(&folder, &running.scan) else { return Ok(None) };
            workspace.apply(Change::Scanned(scanned));
        }
        let context = Context { snapshot: workspace.snapshot(), ..context };
        let files = context.snapshot.files().len();
        let of = |published: Published| {
            let uri = published.uri.as_str().to_owned();
            json!({"uri": uri, "diagnostics": published.diagnostics})
        };
        let told = pull::all(&context).into_iter().filter(|it| !it.diagnostics.is_empty());
        Ok(Some(json!({"files": files, "findings": told.map(of).collect::<Vec<_>>()})))
    });
}

fn information(owner: &Owner) -> LSPAny {
    let snapshot = owner.workspace.snapshot();
    let failures: Vec<String> = snapshot.failures().iter().map(ToString::to_string).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "process": std::process::id(),
        "client": owner.features.client,
        "encoding": format!("{:?}", owner.features.encoding),
        "pull": owner.features.pulls,
        "folders": snapshot.folders().collect::<Vec<_>>(),
        "scanned": snapshot.is_complete(),
        "files": snapshot.files().len(),
        "documents": snapshot.documents().count(),
        "options": format!("{:?}", owner.options),
        "configurationFailures": failures,
    })
}

/// What the functions of a document reach, where that is wanted.
pub(crate) fn lenses(
    owner: &mut Owner,
    params: &CodeLensParams,
    reply: Reply<Option<Vec<CodeLens>>>,
) {
    let path = Uri::from(&params.text_document.uri).path();
    let Some(path) = path.filter(|_| owner.options.code_lens) else {
        let _ = reply.send(Ok(None));
        return;
    };
    let snapshot = owner.workspace.snapshot();
    answer_behind(owner, reply, move || {
        let lenses = snapshot.lenses(&path).unwrap_or_default();
        let lens = |lens: hermetic_check::workspace::Lens| {
            let start = Position { line: lens.row.saturating_sub(1), character: 0 };
            let title = format!("reaches {}", names(&lens.capabilities));
            let command = Command { title, ..Command::default() };
            CodeLens { range: Range { start, end: start }, command: Some(command), data: None }
        };
        Ok(Some(lenses.into_iter().map(lens).collect()))
    });
}
