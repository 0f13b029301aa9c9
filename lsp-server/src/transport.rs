//! Messages over standard input and output.
//!
//! The library's own loop reads requests and the client's replies in one place, stops at the first
//! message it cannot read, and waits for whatever is still being worked out when it is told to
//! exit (docs/adr/0006). So its service is driven from here: what is read is handed on at once, in
//! order, and never waits for an answer to something else.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::future::{FutureExt as _, poll_fn};
use futures::{SinkExt as _, StreamExt as _};
use serde::Serialize;
use serde_json::Value;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tower_lsp_server::ClientSocket;
use tower_lsp_server::jsonrpc::{Error, Id, Request, Response};
use tower_service::Service;

/// Bytes beyond which a message is not read: several times the largest file that is analysed, as
/// JSON.
const LARGEST: u64 = 256 << 20;
/// Bytes of a message's head.
const LONGEST_HEAD: u64 = 16 << 10;
/// How long what was written last may take to be read.
const FLUSH: Duration = Duration::from_secs(1);

/// How it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The client asked for it first (`shutdown`).
    pub asked: bool,
    /// The client said so (`exit`); otherwise its messages ended.
    pub exited: bool,
}

impl Ended {
    /// The process's exit code: 0 only after both `shutdown` and `exit`.
    pub fn code(self) -> u8 {
        u8::from(!(self.asked && self.exited))
    }
}

/// One message, as far as it could be read.
enum Read {
    Message(Value),
    /// Something else, and what to answer.
    Broken(Error),
    End,
}

/// Serve until the client exits or its messages end.
pub async fn serve<I, O, S>(input: I, output: O, mut service: S, socket: ClientSocket) -> Ended
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin + Send + 'static,
    S: Service<Request, Response = Option<Response>>,
    S::Future: Send + 'static,
    S::Error: Send,
{
    let (requests, mut replies) = socket.split();
    let (out, mut written) = unbounded_channel::<Vec<u8>>();
    let writer = tokio::spawn(async move {
        let mut output = output;
        while let Some(mut bytes) = written.recv().await {
            // What has piled up goes out at once.
            while let Ok(more) = written.try_recv() {
                bytes.extend(more);
            }
            if output.write_all(&bytes).await.is_err() || output.flush().await.is_err() {
                break;
            }
        }
    });
    let asking = out.clone();
    let asker = tokio::spawn(async move {
        let mut requests = requests;
        while let Some(request) = requests.next().await {
            send(&asking, &request);
        }
    });
    let mut ended = Ended::default();
    let mut input = tokio::io::BufReader::with_capacity(64 << 10, input);
    loop {
        let message = match read(&mut input).await {
            Read::Message(message) => message,
            Read::Broken(error) => {
                send(&out, &Response::from_error(Id::Null, error));
                continue;
            }
            Read::End => break,
        };
        let request = match sort(message) {
            Ok(Sorted::Request(request)) => request,
            Ok(Sorted::Reply(reply)) => {
                let _ = replies.send(reply).await;
                continue;
            }
            Err((id, error)) => {
                send(&out, &Response::from_error(id, error));
                continue;
            }
        };
        if poll_fn(|cx| service.poll_ready(cx)).await.is_err() {
            break;
        }
        let (initializes, shuts_down, exits) = {
            let method = request.method();
            (method == "initialize", method == "shutdown", method == "exit")
        };
        let id = request.id().cloned();
        // Calling it makes a future and runs nothing yet.
        let call = AssertUnwindSafe(service.call(request)).catch_unwind();
        let answered = async move {
            match call.await {
                Ok(Ok(response)) => response,
                Ok(Err(_)) => None,
                Err(_) => id.map(|id| Response::from_error(id, failed())),
            }
        };
        let mut answered = Box::pin(answered);
        // The first step of each runs before the next message is read: that keeps their order.
        let response = match futures::poll!(&mut answered) {
            std::task::Poll::Ready(response) => Some(response),
            // Nothing else may be asked before it is answered.
            std::task::Poll::Pending if initializes || shuts_down => Some(answered.await),
            std::task::Poll::Pending => {
                let out = out.clone();
                tokio::spawn(async move {
                    if let Some(response) = answered.await {
                        send(&out, &response);
                    }
                });
                None
            }
        };
        if let Some(Some(response)) = response {
            ended.asked |= shuts_down && response.is_ok();
            send(&out, &response);
        }
        if exits {
            ended.exited = true;
            break;
        }
    }
    asker.abort();
    drop(out);
    // Answers that are still being worked out hold the other end; nobody waits for them.
    let _ = tokio::time::timeout(FLUSH, flushed(writer, ended.exited)).await;
    ended
}

/// Wait until what was written is on its way.
async fn flushed(writer: tokio::task::JoinHandle<()>, exited: bool) {
    if exited {
        // The writer runs whenever it can; it ends when nobody can write any more.
        for _ in 0..20 {
            if writer.is_finished() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        writer.abort();
        return;
    }
    let _ = writer.await;
}

/// What is answered where a request failed inside.
pub(crate) fn failed() -> Error {
    Error {
        message: "hermetic-lsp failed inside on this request; please report it".into(),
        ..Error::internal_error()
    }
}

fn send(out: &UnboundedSender<Vec<u8>>, message: &impl Serialize) {
    // A length in front of it is all the framing there is (LSP 3.17, base protocol).
    let Ok(body) = serde_json::to_vec(message) else { return };
    let mut bytes = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend(body);
    let _ = out.send(bytes);
}

enum Sorted {
    Request(Request),
    Reply(Response),
}

/// A request, or the reply to one of ours.
fn sort(message: Value) -> Result<Sorted, (Id, Error)> {
    let Some(object) = message.as_object() else {
        return Err((Id::Null, Error::invalid_request()));
    };
    let id = match object.get("id") {
        Some(Value::Number(number)) => number.as_i64().map(Id::Number),
        Some(Value::String(text)) => Some(Id::String(text.clone())),
        _ => None,
    };
    let is_reply = object.contains_key("result") || object.contains_key("error");
    let wrong = |_| (id.clone().unwrap_or(Id::Null), Error::invalid_request());
    if object.contains_key("method") {
        return serde_json::from_value(message).map(Sorted::Request).map_err(wrong);
    }
    if is_reply {
        return serde_json::from_value(message).map(Sorted::Reply).map_err(wrong);
    }
    Err((id.unwrap_or(Id::Null), Error::invalid_request()))
}

async fn read<I: AsyncRead + Unpin>(input: &mut tokio::io::BufReader<I>) -> Read {
    let mut length: Option<u64> = None;
    let mut line = Vec::new();
    let mut head = 0;
    loop {
        line.clear();
        let mut limited = (&mut *input).take(LONGEST_HEAD);
        match limited.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return Read::End,
            Ok(count) => head += count as u64,
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            match length {
                Some(_) => break,
                // Stray line ends between messages.
                None if head <= 2 => {
                    head = 0;
                    continue;
                }
                None => return Read::Broken(Error::parse_error()),
            }
        }
        if head > LONGEST_HEAD {
            return Read::Broken(Error::parse_error());
        }
        let text = String::from_utf8_lossy(text);
        if let Some((name, value)) = text.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
            if length.is_none() {
                return Read::Broken(Error::parse_error());
            }
        }
    }
    let length = length.unwrap_or_default();
    if length > LARGEST {
        let mut rest = (&mut *input).take(length);
        let skipped = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
        if skipped.is_ok_and(|skipped| skipped == length) {
            let message = format!("a message of {length} bytes, more than {LARGEST}");
            return Read::Broken(Error { message: message.into(), ..Error::invalid_request() });
        }
        return Read::End;
    }
    // As much as is there, not as much as is promised.
    let mut body = Vec::new();
    match (&mut *input).take(length).read_to_end(&mut body).await {
        Ok(count) if count as u64 == length => {}
        _ => return Read::End,
    }
    match serde_json::from_slice(&body) {
        Ok(message) => Read::Message(message),
        Err(_) => Read::Broken(Error::parse_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;
    use tower_lsp_server::jsonrpc::Result;
    use tower_lsp_server::ls_types::{Hover, HoverParams, InitializeParams, InitializeResult};
    use tower_lsp_server::{LanguageServer, LspService};

    use super::*;

    struct Fragile;

    impl LanguageServer for Fragile {
        async fn initialize(&self, _: InitializeParams) -> Result<InitializeResult> {
            Ok(InitializeResult::default())
        }

        async fn shutdown(&self) -> Result<()> {
            Ok(())
        }

        async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
            let line = params.text_document_position_params.position.line;
            if line == 2 {
                // After its first step, where nobody waits for it.
                tokio::task::yield_now().await;
            }
            assert_eq!(line, 0, "a defect");
            Ok(None)
        }
    }

    #[tokio::test]
    async fn a_panic_is_answered_and_the_server_lives() {
        let (service, socket) = LspService::build(|_| Fragile).finish();
        let hover = |id: u32, line: u32| {
            json!({"jsonrpc": "2.0", "id": id, "method": "textDocument/hover", "params": {
                "textDocument": {"uri": "file:///a.py"}, "position": {"line": line, "character": 0}}})
        };
        let start = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"capabilities": {}}});
        let mut input = String::new();
        for message in [start, hover(1, 1), hover(2, 2), hover(3, 0)] {
            let body = message.to_string();
            write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("a string");
        }
        let (output, mut written) = tokio::io::duplex(1 << 16);
        let ended = serve(input.as_bytes(), output, service, socket).await;
        assert_eq!(ended, Ended::default());
        let mut text = String::new();
        written.read_to_string(&mut text).await.expect("text");
        for id in [1, 2] {
            assert!(text.contains(&format!("\"id\":{id}")), "{text}");
        }
        assert_eq!(text.matches("failed inside on this request").count(), 2, "{text}");
        assert!(text.contains("{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":3}"), "{text}");
    }
}
