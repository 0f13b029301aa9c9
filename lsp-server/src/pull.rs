//! Diagnostics for clients that ask for them.

use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use hermetic_check::workspace::Name;
use rustc_hash::FxHasher;
use tower_lsp_server::jsonrpc::Error;
use tower_lsp_server::ls_types::{
    Diagnostic, DocumentDiagnosticParams, DocumentDiagnosticReport, DocumentDiagnosticReportResult,
    FullDocumentDiagnosticReport, RelatedFullDocumentDiagnosticReport,
    RelatedUnchangedDocumentDiagnosticReport, UnchangedDocumentDiagnosticReport,
    WorkspaceDiagnosticParams, WorkspaceDiagnosticReport, WorkspaceDiagnosticReportResult,
    WorkspaceDocumentDiagnosticReport, WorkspaceFullDocumentDiagnosticReport,
    WorkspaceUnchangedDocumentDiagnosticReport,
};

use crate::backend::Reply;
use crate::convert::{Context, Published, Uri};
use crate::documents::Role;
use crate::options::DiagnosticMode;
use crate::owner::Owner;
use crate::transport::failed;

/// What diagnostics are known by.
fn identity(diagnostics: &[Diagnostic]) -> String {
    let mut hasher = FxHasher::default();
    serde_json::to_string(diagnostics).unwrap_or_default().hash(&mut hasher);
    format!("{:x}", hasher.finish())
}

/// Run something on a worker, and answer with it; not where nobody waits any more.
pub(crate) fn answer<T: Send + 'static>(
    owner: &Owner,
    reply: Reply<T>,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) {
    owner.workers.spawn(|| send(reply, work));
}

/// The same for what takes long: nothing that somebody types waits for it.
pub(crate) fn answer_behind<T: Send + 'static>(
    owner: &Owner,
    reply: Reply<T>,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) {
    owner.workers.spawn_behind(|| send(reply, work));
}

fn send<T>(reply: Reply<T>, work: impl FnOnce() -> Result<T, Error>) {
    if reply.is_closed() {
        return;
    }
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(failed()));
    let _ = reply.send(done);
}

/// The diagnostics of one document.
pub(crate) fn document(
    owner: &mut Owner,
    params: DocumentDiagnosticParams,
    reply: Reply<DocumentDiagnosticReportResult>,
) {
    let uri = Uri::from(&params.text_document.uri);
    let previous = params.previous_result_id;
    let role = owner.documents.get(&uri).map(|open| open.role.clone());
    if let Some(Role::Configuration(_)) = role {
        let _ = reply.send(Ok(report(owner.published_at(&uri), previous.as_deref())));
        return;
    }
    let Some((name, _)) = owner.documents.name(&uri) else {
        let _ = reply.send(Ok(report(Vec::new(), previous.as_deref())));
        return;
    };
    let context = owner.context();
    answer(owner, reply, move || {
        let findings = context.snapshot.check(&name);
        let diagnostics = findings.map_or_else(Vec::new, |findings| {
            let all = context.published(&name, &findings.report.diagnostics);
            let own = all.into_iter().find(|published| published.uri == uri);
            own.map(|own| own.diagnostics).unwrap_or_default()
        });
        Ok(report(diagnostics, previous.as_deref()))
    });
}

fn report(items: Vec<Diagnostic>, previous: Option<&str>) -> DocumentDiagnosticReportResult {
    let result_id = identity(&items);
    let report = if previous == Some(result_id.as_str()) {
        DocumentDiagnosticReport::Unchanged(RelatedUnchangedDocumentDiagnosticReport {
            related_documents: None,
            unchanged_document_diagnostic_report: UnchangedDocumentDiagnosticReport { result_id },
        })
    } else {
        DocumentDiagnosticReport::Full(RelatedFullDocumentDiagnosticReport {
            related_documents: None,
            full_document_diagnostic_report: FullDocumentDiagnosticReport {
                result_id: Some(result_id),
                items,
            },
        })
    };
    DocumentDiagnosticReportResult::Report(report)
}

/// The diagnostics of all files, where they are wanted.
pub(crate) fn workspace(
    owner: &mut Owner,
    params: WorkspaceDiagnosticParams,
    reply: Reply<WorkspaceDiagnosticReportResult>,
) {
    let previous: BTreeMap<Uri, String> =
        params.previous_result_ids.into_iter().map(|id| (Uri::from(&id.uri), id.value)).collect();
    if owner.options.diagnostic_mode != DiagnosticMode::Workspace {
        let none = WorkspaceDiagnosticReport { items: Vec::new() };
        let _ = reply.send(Ok(WorkspaceDiagnosticReportResult::Report(none)));
        return;
    }
    let context = owner.context();
    answer(owner, reply, move || {
        let mut items = Vec::new();
        for published in all(&context) {
            let Some(uri) = published.uri.lsp() else { continue };
            let version = published.version.map(i64::from);
            let result_id = identity(&published.diagnostics);
            let known = previous.get(&published.uri);
            if known == Some(&result_id) {
                items.push(WorkspaceDocumentDiagnosticReport::Unchanged(
                    WorkspaceUnchangedDocumentDiagnosticReport {
                        uri,
                        version,
                        unchanged_document_diagnostic_report: UnchangedDocumentDiagnosticReport {
                            result_id,
                        },
                    },
                ));
            } else if known.is_some() || !published.diagnostics.is_empty() {
                items.push(WorkspaceDocumentDiagnosticReport::Full(
                    WorkspaceFullDocumentDiagnosticReport {
                        uri,
                        version,
                        full_document_diagnostic_report: FullDocumentDiagnosticReport {
                            result_id: Some(result_id),
                            items: published.diagnostics,
                        },
                    },
                ));
            }
        }
        Ok(WorkspaceDiagnosticReportResult::Report(WorkspaceDiagnosticReport { items }))
    });
}

/// The findings of all files, open or not.
pub(crate) fn all(context: &Context) -> Vec<Published> {
    let snapshot = &context.snapshot;
    let mut all = Vec::new();
    for name in snapshot.documents() {
        if let Some(findings) = snapshot.check(name) {
            all.extend(context.published(name, &findings.report.diagnostics));
        }
    }
    for path in snapshot.files() {
        let name = Name::File(path);
        if context.targets.contains_key(&name) {
            continue;
        }
        let findings = name.path().and_then(|path| snapshot.check_closed(path));
        if let Some(findings) = findings {
            all.extend(context.published(&name, &findings.diagnostics));
        }
    }
    all
}
