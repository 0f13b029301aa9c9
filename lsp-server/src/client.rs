//! What is said to the client, in order, without anybody waiting for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower_lsp_server::Client;
use tower_lsp_server::ls_types::notification::Notification;
use tower_lsp_server::ls_types::{MessageType, NumberOrString};

use crate::convert::Published;
use crate::options::LogLevel;
use crate::scans::Running;

/// How long the client may take to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How things stand, for clients that show it; see `status`.
enum Status {}

impl Notification for Status {
    type Params = Value;
    const METHOD: &'static str = "hermetic/status";
}

type Said = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Outgoing {
    /// A notification: the next waits until it is on its way.
    Tell(Box<dyn FnOnce(Client) -> Said + Send>),
    /// A request, or something that takes time.
    Ask(Box<dyn FnOnce(Client) -> Said + Send>),
}

/// The way to the client.
#[derive(Clone)]
pub(crate) struct Outbox(UnboundedSender<Outgoing>);

/// What is to be said; to be run.
pub(crate) struct Talk(UnboundedReceiver<Outgoing>);

/// Both ends.
pub(crate) fn outbox() -> (Outbox, Talk) {
    let (sender, receiver) = unbounded_channel();
    (Outbox(sender), Talk(receiver))
}

impl Talk {
    /// Say it all, until nobody has anything to say any more.
    pub(crate) async fn run(mut self, client: Client) {
        while let Some(outgoing) = self.0.recv().await {
            match outgoing {
                Outgoing::Tell(say) => say(client.clone()).await,
                Outgoing::Ask(say) => drop(tokio::spawn(say(client.clone()))),
            }
        }
    }
}

impl Outbox {
    fn tell(&self, say: impl FnOnce(Client) -> Said + Send + 'static) {
        let _ = self.0.send(Outgoing::Tell(Box::new(say)));
    }

    /// Ask something of the client; what waits for the answer has to have an end.
    pub(crate) fn ask(&self, say: impl FnOnce(Client) -> Said + Send + 'static) {
        let _ = self.0.send(Outgoing::Ask(Box::new(say)));
    }

    pub(crate) fn publish(&self, published: Published) {
        self.tell(move |client| {
            Box::pin(async move {
                let Some(uri) = published.uri.lsp() else { return };
                client.publish_diagnostics(uri, published.diagnostics, published.version).await;
            })
        });
    }

    pub(crate) fn log(&self, level: LogLevel, message: String) {
        let kind = match level {
            LogLevel::Off => return,
            LogLevel::Error => MessageType::ERROR,
            LogLevel::Warn => MessageType::WARNING,
            LogLevel::Info => MessageType::INFO,
            LogLevel::Debug => MessageType::LOG,
        };
        self.tell(move |client| Box::pin(async move { client.log_message(kind, message).await }));
    }

    /// Say how things stand.
    pub(crate) fn status(&self, status: Value) {
        self.tell(move |client| {
            Box::pin(async move { client.send_notification::<Status>(status).await })
        });
    }

    pub(crate) fn refresh_diagnostics(&self) {
        self.ask(|client| {
            Box::pin(async move {
                let _ = tokio::time::timeout(PATIENCE, client.workspace_diagnostic_refresh()).await;
            })
        });
    }

    pub(crate) fn refresh_lenses(&self) {
        self.ask(|client| {
            Box::pin(async move {
                let _ = tokio::time::timeout(PATIENCE, client.code_lens_refresh()).await;
            })
        });
    }

    /// Run something after a while.
    pub(crate) fn later(&self, wait: Duration, run: impl FnOnce() + Send + 'static) {
        self.ask(move |_| {
            Box::pin(async move {
                tokio::time::sleep(wait).await;
                run();
            })
        });
    }

    /// Show how far a scan is.
    pub(crate) fn show_progress(&self, token: String, running: Arc<Running>) {
        self.ask(move |client| {
            Box::pin(async move {
                // Short ones are over before anybody could read it.
                tokio::time::sleep(Duration::from_millis(100)).await;
                if running.ended.load(Ordering::Relaxed) {
                    return;
                }
                let token = NumberOrString::String(token);
                let created = client.create_work_done_progress(token.clone());
                if !matches!(tokio::time::timeout(PATIENCE, created).await, Ok(Ok(()))) {
                    return;
                }
                let progress = client
                    .progress(token, "hermetic: looking at the workspace")
                    .with_percentage(0)
                    .with_cancel_button()
                    .begin()
                    .await;
                while !running.ended.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    let done = running.scan.done.load(Ordering::Relaxed);
                    let total = running.scan.total.load(Ordering::Relaxed).max(1);
                    let percent = u32::try_from(done * 100 / total).unwrap_or(100).min(100);
                    let message = format!("{done} of {total} files");
                    progress.report_with_message(message, percent, None).await;
                }
                progress.finish().await;
            })
        });
    }
}
