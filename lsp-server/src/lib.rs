//! The language server: what a Python program can reach, told while it is written.
//!
//! It is a thin layer over [`hermetic_check::workspace`], which works out the findings; what it
//! says is what the command line says of the same files.
//!
//! # The way of a message
//!
//! [`transport`] reads it and hands it to a handler (`backend`), which makes an event of it. One
//! thread owns all state and runs the events in order (`owner`). What takes time is worked out on
//! the analyzer's workers from a snapshot that does not change, and comes back as an event. What
//! is said to the client goes through one queue (`client`), so that nobody waits for the client.
//!
//! So an edit is applied in the moment it arrives, whatever else is going on, and what is told of
//! a text is told of its newest version.

#![forbid(unsafe_code)]

mod actions;
mod backend;
mod client;
mod commands;
mod completion;
mod convert;
mod documents;
mod hover;
mod log_file;
pub mod options;
mod owner;
pub mod pages;
mod parent;
mod pull;
mod scans;
mod status;
pub mod text;
mod toml;
pub mod transport;

use tokio::io::{AsyncRead, AsyncWrite};
use tower_lsp_server::LspService;

pub use self::transport::Ended;

use self::backend::Backend;

/// Serve one client until it exits or its messages end.
///
/// # Errors
/// Where threads cannot be had.
pub async fn serve<I, O>(input: I, output: O) -> std::io::Result<Ended>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin + Send + 'static,
{
    let (outbox, talk) = client::outbox();
    let post = owner::start(outbox)?;
    let mut to_client = None;
    let (service, socket) = LspService::build(|client| {
        to_client = Some(client);
        Backend::new(post)
    })
    .custom_method("window/workDoneProgress/cancel", Backend::cancel_progress)
    .finish();
    let talking = to_client.map(|client| tokio::spawn(talk.run(client)));
    let ended = transport::serve(input, output, service, socket).await;
    if let Some(talking) = talking {
        talking.abort();
    }
    Ok(ended)
}
