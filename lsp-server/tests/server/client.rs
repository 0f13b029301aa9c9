//! A client in the same process: messages over a pair of pipes.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use hermetic_lsp::Ended;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf,
    WriteHalf,
};
use tokio::task::JoinHandle;

/// Longer than anything takes on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// One client with its server.
pub(crate) struct Client {
    to: Option<WriteHalf<DuplexStream>>,
    from: BufReader<ReadHalf<DuplexStream>>,
    server: JoinHandle<std::io::Result<Ended>>,
    next: i64,
    /// What was read and not asked for yet.
    kept: VecDeque<Value>,
    /// What the client answers when it is asked for its settings.
    pub(crate) settings: Value,
    /// Whether requests of the server are answered.
    pub(crate) answers: bool,
}

/// The address of a file.
pub(crate) fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// What an editor can do that can do everything, and asks for nothing.
pub(crate) fn capabilities() -> Value {
    json!({
        "general": {"positionEncodings": ["utf-16"]},
        "notebookDocument": {"synchronization": {}},
        "window": {"workDoneProgress": true},
        "textDocument": {
            "publishDiagnostics": {
                "relatedInformation": true, "codeDescriptionSupport": true, "dataSupport": true,
                "versionSupport": true, "tagSupport": {"valueSet": [1, 2]}},
            "codeAction": {
                "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}},
                "dataSupport": true, "resolveSupport": {"properties": ["edit"]}},
        },
        "workspace": {
            "workspaceEdit": {"documentChanges": true, "resourceOperations": ["create"]},
            "didChangeWatchedFiles": {"dynamicRegistration": true},
            "configuration": true,
        },
    })
}

impl Client {
    /// Start a server and nothing else.
    pub(crate) fn start() -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::split(theirs);
        let server = tokio::spawn(hermetic_lsp::serve(input, output));
        let (from, to) = tokio::io::split(ours);
        Self {
            to: Some(to),
            from: BufReader::new(from),
            server,
            next: 0,
            kept: VecDeque::new(),
            settings: Value::Null,
            answers: true,
        }
    }

    /// Start one and introduce the client.
    pub(crate) async fn with(folders: &[&Path], capabilities: Value, options: Value) -> Self {
        let mut client = Self::start();
        client.initialize(folders, capabilities, options).await;
        client.notify("initialized", json!({})).await;
        client
    }

    /// Start one for a folder.
    pub(crate) async fn of(folder: &Path) -> Self {
        Self::with(&[folder], capabilities(), Value::Null).await
    }

    pub(crate) async fn initialize(
        &mut self,
        folders: &[&Path],
        capabilities: Value,
        options: Value,
    ) -> Value {
        let folder = |folder: &&Path| json!({"uri": uri(folder), "name": "folder"});
        let folders: Vec<Value> = folders.iter().map(folder).collect();
        let params = json!({
            "processId": null, "rootUri": null, "workspaceFolders": folders,
            "capabilities": capabilities, "initializationOptions": options,
            "clientInfo": {"name": "test", "version": "1"},
        });
        self.request("initialize", params).await.expect("initialised")
    }

    /// Send bytes as they are.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        let to = self.to.as_mut().expect("open");
        // A server that has ended reads nothing.
        let _ = to.write_all(bytes).await;
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let head = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.send_raw(head.as_bytes()).await;
    }

    pub(crate) async fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params})).await;
    }

    /// Send a request; its number.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        let id = self.next;
        let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        if message["params"].is_null() {
            message.as_object_mut().expect("an object").remove("params");
        }
        self.send(&message).await;
        id
    }

    pub(crate) async fn answer(&mut self, id: i64) -> Result<Value, Value> {
        let is_it = |message: &Value| message["id"] == id && message.get("method").is_none();
        let mut message = self.wait(is_it).await;
        match message.get("error") {
            Some(error) if !error.is_null() => Err(error.clone()),
            _ => Ok(message["result"].take()),
        }
    }

    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.ask(method, params).await;
        self.answer(id).await
    }

    /// The first message, of those kept and those to come, that is wanted.
    pub(crate) async fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.kept.iter().position(&wanted) {
            return self.kept.remove(at).expect("just found");
        }
        loop {
            let message = self.read().await.expect("the server still speaks");
            if wanted(&message) {
                return message;
            }
            self.kept.push_back(message);
        }
    }

    /// One message; requests of the server are answered. `None` at the end.
    pub(crate) async fn read(&mut self) -> Option<Value> {
        let message = tokio::time::timeout(PATIENCE, self.read_one()).await.expect("in time")?;
        if self.answers && message.get("method").is_some() && message.get("id").is_some() {
            let result = match message["method"].as_str() {
                Some("workspace/configuration") => json!([self.settings]),
                _ => Value::Null,
            };
            let reply = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
            self.send(&reply).await;
        }
        Some(message)
    }

    async fn read_one(&mut self) -> Option<Value> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.from.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.from.read_exact(&mut body).await.ok()?;
        Some(serde_json::from_slice(&body).expect("JSON"))
    }

    pub(crate) async fn open(&mut self, path: &Path, version: i32, text: &str) {
        self.open_uri(&uri(path), version, text).await;
    }

    pub(crate) async fn open_uri(&mut self, uri: &str, version: i32, text: &str) {
        let language = if uri.contains(".toml") { "toml" } else { "python" };
        let document =
            json!({"uri": uri, "languageId": language, "version": version, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document})).await;
    }

    /// Replace all of a document.
    pub(crate) async fn replace(&mut self, path: &Path, version: i32, text: &str) {
        let changes = json!([{"text": text}]);
        self.change(path, version, changes).await;
    }

    pub(crate) async fn change(&mut self, path: &Path, version: i32, changes: Value) {
        let document = json!({"uri": uri(path), "version": version});
        let params = json!({"textDocument": document, "contentChanges": changes});
        self.notify("textDocument/didChange", params).await;
    }

    pub(crate) async fn close(&mut self, path: &Path) {
        let params = json!({"textDocument": {"uri": uri(path)}});
        self.notify("textDocument/didClose", params).await;
    }

    /// What is published of a version of a document.
    pub(crate) async fn published(&mut self, path: &Path, version: i32) -> Vec<Value> {
        let uri = uri(path);
        let message = self
            .wait(|message| {
                message["method"] == "textDocument/publishDiagnostics"
                    && message["params"]["uri"] == uri
                    && message["params"]["version"] == version
            })
            .await;
        message["params"]["diagnostics"].as_array().expect("a list").clone()
    }

    /// Wait until what is published of a document is as wanted.
    pub(crate) async fn until(
        &mut self,
        path: &Path,
        wanted: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let uri = uri(path);
        let message = self
            .wait(|message| {
                message["method"] == "textDocument/publishDiagnostics"
                    && message["params"]["uri"] == uri
                    && message["params"]["diagnostics"].as_array().is_some_and(|all| wanted(all))
            })
            .await;
        message["params"]["diagnostics"].as_array().expect("a list").clone()
    }

    /// Shut down and exit; how it ended.
    pub(crate) async fn end(mut self) -> Ended {
        self.request("shutdown", Value::Null).await.expect("shut down");
        self.exit().await
    }

    /// Exit, with standard input left open; how it ended.
    pub(crate) async fn exit(mut self) -> Ended {
        self.send(&json!({"jsonrpc": "2.0", "method": "exit"})).await;
        self.ended().await
    }

    /// How it ended.
    pub(crate) async fn ended(self) -> Ended {
        let ended = tokio::time::timeout(PATIENCE, self.server).await;
        ended.expect("in time").expect("no panic").expect("threads")
    }

    /// Say nothing more.
    pub(crate) async fn hang_up(mut self) -> Ended {
        let mut to = self.to.take().expect("open");
        to.shutdown().await.expect("closed");
        // The reading half holds the other direction open.
        self.ended().await
    }
}

/// The rules of diagnostics, in order.
pub(crate) fn rules(diagnostics: &[Value]) -> Vec<&str> {
    diagnostics.iter().filter_map(|diagnostic| diagnostic["code"].as_str()).collect()
}
