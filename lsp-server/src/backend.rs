//! Requests and notifications: each becomes an event of the owner before anything is waited for.

use std::path::PathBuf;
use std::str::FromStr as _;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp_server::jsonrpc::Result;
use tower_lsp_server::ls_types::{
    CodeAction, CodeActionKind, CodeActionOptions, CodeActionParams, CodeActionProviderCapability,
    CodeActionResponse, CodeLens, CodeLensOptions, CodeLensParams, CompletionOptions,
    CompletionParams, CompletionResponse, ConfigurationItem, DiagnosticOptions,
    DiagnosticServerCapabilities, DidChangeConfigurationParams, DidChangeNotebookDocumentParams,
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams,
    DidChangeWatchedFilesRegistrationOptions, DidChangeWorkspaceFoldersParams,
    DidCloseNotebookDocumentParams, DidCloseTextDocumentParams, DidOpenNotebookDocumentParams,
    DidOpenTextDocumentParams, DidSaveTextDocumentParams, DocumentDiagnosticParams,
    DocumentDiagnosticReportResult, ExecuteCommandOptions, ExecuteCommandParams, FileSystemWatcher,
    GlobPattern, Hover, HoverParams, HoverProviderCapability, InitializeParams, InitializeResult,
    InitializedParams, LSPAny, Notebook, NotebookCell, NotebookCellKind, NotebookCellSelector,
    NotebookDocumentSyncOptions, NotebookSelector, OneOf, Registration, SaveOptions,
    ServerCapabilities, ServerInfo, TextDocumentItem, TextDocumentSyncCapability,
    TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Uri as LspUri,
    WorkDoneProgressOptions, WorkspaceDiagnosticParams, WorkspaceDiagnosticReportResult,
    WorkspaceFoldersServerCapabilities, WorkspaceServerCapabilities,
};
use tower_lsp_server::{Client, LanguageServer};

use crate::client::PATIENCE;
use crate::convert::{self, Features, Uri};
use crate::documents::Cell;
use crate::options::DiagnosticMode;
use crate::owner::{Owner, Post};
use crate::transport::failed;
use crate::{actions, commands, completion, hover, parent, pull};

/// The kind of action that makes all safe fixes.
pub(crate) const FIX_ALL: &str = "source.fixAll.hermetic";

/// The end of the owner's line that handlers hold.
#[derive(Debug)]
pub(crate) struct Backend {
    post: Post,
}

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T>>;

impl Backend {
    pub(crate) fn new(post: Post) -> Self {
        Self { post }
    }

    /// Ask the owner. The question is on its way before anything is waited for.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Owner, Reply<T>) + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.post.send(move |owner| question(owner, reply));
        answer.await.unwrap_or_else(|_| Err(failed()))
    }

    /// The user has had enough of something.
    #[expect(clippy::unused_async, reason = "what the library takes as a handler")]
    pub(crate) async fn cancel_progress(&self, params: Value) {
        let token = params.get("token").and_then(Value::as_str).map(str::to_owned);
        if let Some(token) = token {
            self.post.send(move |owner| owner.cancel_progress(&token));
        }
    }
}

/// What the client says of itself in the `initialize` request beside its capabilities.
fn capabilities(features: &Features, all_files: bool) -> ServerCapabilities {
    let sync = TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::INCREMENTAL),
        save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions {
            include_text: Some(false),
        })),
        ..TextDocumentSyncOptions::default()
    };
    let notebooks = NotebookDocumentSyncOptions {
        notebook_selector: vec![NotebookSelector::ByNotebook {
            notebook: Notebook::String("*".to_owned()),
            cells: Some(vec![NotebookCellSelector { language: "python".to_owned() }]),
        }],
        save: Some(false),
    };
    let kinds = [CodeActionKind::QUICKFIX, CodeActionKind::from(FIX_ALL)];
    let actions = CodeActionOptions {
        code_action_kinds: Some(kinds.into()),
        resolve_provider: Some(true),
        work_done_progress_options: WorkDoneProgressOptions::default(),
    };
    ServerCapabilities {
        position_encoding: Some(features.encoding_name()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(sync)),
        notebook_document_sync: features.notebooks.then_some(OneOf::Left(notebooks)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(vec!["[".to_owned(), ",".to_owned()]),
            ..CompletionOptions::default()
        }),
        code_action_provider: Some(CodeActionProviderCapability::Options(actions)),
        code_lens_provider: Some(CodeLensOptions { resolve_provider: Some(false) }),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: commands::ALL.map(str::to_owned).into(),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        }),
        // A client that both asks and is told would show everything twice.
        diagnostic_provider: features.pulls.then(|| {
            DiagnosticServerCapabilities::Options(DiagnosticOptions {
                identifier: Some(convert::SOURCE.to_owned()),
                inter_file_dependencies: true,
                workspace_diagnostics: all_files,
                work_done_progress_options: WorkDoneProgressOptions::default(),
            })
        }),
        workspace: Some(WorkspaceServerCapabilities {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(OneOf::Left(true)),
            }),
            ..WorkspaceServerCapabilities::default()
        }),
        ..ServerCapabilities::default()
    }
}

impl LanguageServer for Backend {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let features = Features::of(&params);
        let folders = convert::folders(&params);
        let options = params.initialization_options.unwrap_or_default();
        if let Some(process) = params.process_id {
            parent::watch(process);
        }
        self.ask(move |owner, reply| {
            owner.begin(features, folders, &options);
            let all_files = owner.options.diagnostic_mode == DiagnosticMode::Workspace;
            let capabilities = capabilities(&owner.features, all_files);
            let server_info = ServerInfo {
                name: "hermetic-lsp".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            };
            let result = InitializeResult {
                capabilities,
                server_info: Some(server_info),
                ..InitializeResult::default()
            };
            let _ = reply.send(Ok(result));
        })
        .await
    }

    async fn initialized(&self, _: InitializedParams) {
        self.post.send(|owner| {
            // What was said before was not heard.
            owner.told = Value::Null;
            owner.tell_status();
            owner.scan_all();
            owner.ask_for_settings();
            owner.register_watchers();
        });
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let TextDocumentItem { uri, language_id, version, text } = params.text_document;
        self.post.send(move |owner| owner.open(&Uri::from(&uri), &language_id, version, text));
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let uri = Uri::from(&params.text_document.uri);
        let version = params.text_document.version;
        let edits = convert::edits(params.content_changes);
        self.post.send(move |owner| owner.edit(&uri, version, edits));
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        let uri = Uri::from(&params.text_document.uri);
        self.post.send(move |owner| owner.saved(&uri));
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        let uri = Uri::from(&params.text_document.uri);
        self.post.send(move |owner| owner.close(&uri));
    }

    async fn notebook_did_open(&self, params: DidOpenNotebookDocumentParams) {
        let notebook = params.notebook_document;
        let uri = Uri::from(&notebook.uri);
        let cells = cells(&notebook.cells, &params.cell_text_documents);
        self.post.send(move |owner| {
            owner.documents.open_notebook(uri.clone(), notebook.version, cells);
            for text in params.cell_text_documents {
                let cell = Uri::from(&text.uri);
                owner.documents.open_cell(&uri, cell, text.version, text.text);
            }
            owner.take_notebook(&uri);
        });
    }

    async fn notebook_did_change(&self, params: DidChangeNotebookDocumentParams) {
        let uri = Uri::from(&params.notebook_document.uri);
        let version = params.notebook_document.version;
        let change = params.change.cells;
        self.post.send(move |owner| {
            let mut data = Vec::new();
            if let Some(change) = change {
                if let Some(structure) = change.structure {
                    let opened = structure.did_open.unwrap_or_default();
                    let array = structure.array;
                    let added = cells(&array.cells.unwrap_or_default(), &opened);
                    owner.documents.splice(&uri, array.start, array.delete_count, added);
                    for text in opened {
                        let cell = Uri::from(&text.uri);
                        owner.documents.open_cell(&uri, cell, text.version, text.text);
                    }
                    for closed in structure.did_close.unwrap_or_default() {
                        let cell = Uri::from(&closed.uri);
                        owner.documents.close(&cell);
                        owner.unpublish(&cell);
                    }
                }
                data = cells(&change.data.unwrap_or_default(), &[]);
                for text in change.text_content.unwrap_or_default() {
                    let cell = Uri::from(&text.document.uri);
                    let edits = convert::edits(text.changes);
                    let encoding = owner.features.encoding;
                    owner.documents.edit(&cell, text.document.version, edits, encoding);
                }
            }
            owner.documents.set_notebook(&uri, version, data);
            owner.take_notebook(&uri);
        });
    }

    async fn notebook_did_close(&self, params: DidCloseNotebookDocumentParams) {
        let uri = Uri::from(&params.notebook_document.uri);
        self.post.send(move |owner| {
            let Some(notebook) = owner.documents.close_notebook(&uri) else { return };
            owner.closed(&notebook.name);
            for cell in notebook.cells {
                owner.unpublish(&cell.uri);
            }
        });
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        self.post.send(move |owner| {
            if owner.features.configuration {
                owner.ask_for_settings();
            } else {
                owner.set_options(&params.settings);
            }
        });
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        let paths = |folders: Vec<tower_lsp_server::ls_types::WorkspaceFolder>| -> Vec<PathBuf> {
            folders.iter().filter_map(|folder| Uri::from(&folder.uri).path()).collect()
        };
        let (added, removed) = (paths(params.event.added), paths(params.event.removed));
        self.post.send(move |owner| owner.change_folders(added, &removed));
    }

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        let paths: Vec<PathBuf> =
            params.changes.iter().filter_map(|change| Uri::from(&change.uri).path()).collect();
        self.post.send(move |owner| owner.changed_on_disk(&paths));
    }

    async fn diagnostic(
        &self,
        params: DocumentDiagnosticParams,
    ) -> Result<DocumentDiagnosticReportResult> {
        self.ask(move |owner, reply| pull::document(owner, params, reply)).await
    }

    async fn workspace_diagnostic(
        &self,
        params: WorkspaceDiagnosticParams,
    ) -> Result<WorkspaceDiagnosticReportResult> {
        self.ask(move |owner, reply| pull::workspace(owner, params, reply)).await
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        self.ask(move |owner, reply| actions::offer(owner, params, reply)).await
    }

    async fn code_action_resolve(&self, action: CodeAction) -> Result<CodeAction> {
        self.ask(move |owner, reply| actions::resolve(owner, action, reply)).await
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        self.ask(move |owner, reply| hover::hover(owner, params, reply)).await
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        self.ask(move |owner, reply| completion::complete(owner, params, reply)).await
    }

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        self.ask(move |owner, reply| commands::lenses(owner, &params, reply)).await
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
        self.ask(move |owner, reply| commands::run(owner, &params, reply)).await
    }
}

/// Cells, code where their text is Python.
fn cells(cells: &[NotebookCell], texts: &[TextDocumentItem]) -> Vec<Cell> {
    let cell = |cell: &NotebookCell| {
        let text = texts.iter().find(|text| text.uri == cell.document);
        // Only cells in Python are sent with their text.
        let python = text.is_none_or(|text| text.language_id.eq_ignore_ascii_case("python"));
        Cell {
            uri: Uri::from(&cell.document),
            is_code: cell.kind == NotebookCellKind::CODE && python,
        }
    };
    cells.iter().map(cell).collect()
}

impl Owner {
    /// Ask the client for its settings, where it has some to give.
    fn ask_for_settings(&mut self) {
        if !self.features.configuration {
            return;
        }
        let post = self.post.clone();
        self.client.ask(move |client: Client| {
            Box::pin(async move {
                let section = Some(convert::SOURCE.to_owned());
                let items = vec![ConfigurationItem { scope_uri: None, section }];
                let asked = tokio::time::timeout(PATIENCE, client.configuration(items)).await;
                if let Ok(Ok(values)) = asked
                    && let Some(value) = values.into_iter().next()
                    && value.is_object()
                {
                    post.send(move |owner| owner.set_options(&value));
                }
            })
        });
    }

    /// Ask to be told when files change.
    fn register_watchers(&mut self) {
        if !self.features.watches {
            return;
        }
        let globs = ["**/*.{py,pyw,ipynb,pth}", "**/*.toml"];
        let watchers = globs.map(|glob| FileSystemWatcher {
            glob_pattern: GlobPattern::String(glob.to_owned()),
            kind: None,
        });
        let options = DidChangeWatchedFilesRegistrationOptions { watchers: watchers.into() };
        let registration = Registration {
            id: "hermetic/watch".to_owned(),
            method: "workspace/didChangeWatchedFiles".to_owned(),
            register_options: serde_json::to_value(options).ok(),
        };
        self.client.ask(move |client: Client| {
            Box::pin(async move {
                let asked = client.register_capability(vec![registration]);
                let _ = tokio::time::timeout(PATIENCE, asked).await;
            })
        });
    }
}

/// What we put into an action, to know it again.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActionData {
    /// The document, as the client spells it.
    pub(crate) uri: String,
    /// What is wanted.
    pub(crate) hermetic: Wanted,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Wanted {
    /// The fix of the finding that begins there: row and column as we count, from 1.
    Fix {
        /// The row.
        row: u32,
        /// The column.
        column: u32,
    },
    /// All safe fixes.
    FixAll,
}

impl ActionData {
    /// Ours, or nothing: what somebody else put there means nothing to us.
    pub(crate) fn read(data: &Value) -> Option<(Uri, Wanted)> {
        let data: Self = serde_json::from_value(data.clone()).ok()?;
        let uri = LspUri::from_str(&data.uri).ok()?;
        Some((Uri::from(&uri), data.hermetic))
    }
}
