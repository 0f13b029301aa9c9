//! What docs/adr/0006 measured of the library, and what a client can do wrong.

use serde_json::{Value, json};

use crate::client::{Client, capabilities, rules};
use crate::folder;

/// A policy that finds much.
const BLOCK_ALL: (&str, &str) = ("hermetic.toml", "profile = 'block-all'\n");

#[tokio::test]
async fn changes_are_applied_in_their_order() {
    let folder = folder(&[BLOCK_ALL]);
    let path = folder.path().join("a.py");
    let mut client = Client::of(folder.path()).await;
    client.open(&path, 0, "").await;
    // Each character by itself, at its place: out of order they give another text.
    let text = "import os\nos.system('".to_owned() + &"0123456789".repeat(180) + "')\n";
    let (mut row, mut column) = (0, 0);
    for (version, c) in text.chars().enumerate() {
        let at = json!({"line": row, "character": column});
        let change = json!([{"range": {"start": at, "end": at}, "text": c.to_string()}]);
        client.change(&path, i32::try_from(version + 1).expect("few"), change).await;
        (row, column) = if c == '\n' { (row + 1, 0) } else { (row, column + 1) };
    }
    let last = i32::try_from(text.len()).expect("few");
    assert_eq!(rules(&client.published(&path, last).await), ["shell-command"]);
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn a_client_that_never_answers_blocks_nothing() {
    let folder = folder(&[BLOCK_ALL]);
    let path = folder.path().join("a.py");
    let mut client = Client::start();
    client.answers = false;
    client.initialize(&[folder.path()], capabilities(), Value::Null).await;
    client.notify("initialized", json!({})).await;
    // The server asks for settings each time and gets no answer.
    for _ in 0..20 {
        client.notify("workspace/didChangeConfiguration", json!({"settings": {}})).await;
    }
    client.open(&path, 0, "").await;
    for version in 1..=300 {
        client.replace(&path, version, "import os\nos.system('ls')\n").await;
    }
    assert_eq!(rules(&client.published(&path, 300).await), ["shell-command"]);
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn it_exits_with_its_input_left_open() {
    assert_eq!(Client::of(folder(&[]).path()).await.end().await.code(), 0);
}

#[tokio::test]
async fn exit_without_shutdown_is_an_error() {
    assert_eq!(Client::of(folder(&[]).path()).await.exit().await.code(), 1);
    assert_eq!(Client::start().exit().await.code(), 1);
}

#[tokio::test]
async fn the_end_of_the_input_ends_it() {
    assert_eq!(Client::of(folder(&[]).path()).await.hang_up().await.code(), 1);
    assert_eq!(Client::start().hang_up().await.code(), 1);
    let mut client = Client::of(folder(&[]).path()).await;
    client.request("shutdown", Value::Null).await.expect("shut down");
    assert_eq!(client.hang_up().await.code(), 1);
}

#[tokio::test]
async fn nothing_is_answered_before_the_start_or_after_the_end() {
    let mut client = Client::start();
    let early = client.request("textDocument/hover", json!({})).await.expect_err("too early");
    assert_eq!(early["code"], -32002);
    client.initialize(&[], capabilities(), Value::Null).await;
    client.request("initialize", json!({"capabilities": {}})).await.expect_err("twice");
    client.request("shutdown", Value::Null).await.expect("shut down");
    client.request("shutdown", Value::Null).await.expect_err("twice");
    assert_eq!(client.exit().await.code(), 0);
}

#[tokio::test]
async fn what_is_no_message_is_answered_and_the_next_is_read() {
    let folder = folder(&[BLOCK_ALL]);
    let path = folder.path().join("a.py");
    let mut client = Client::of(folder.path()).await;
    for (bytes, code) in [
        (&b"Content-Length: 9\r\n\r\n{\"jsonrpc"[..], -32700),
        (b"Content-Length: 2\r\n\r\n[]", -32600),
        (b"Content-Length: 4\r\n\r\nnull", -32600),
        (b"Content-Length: 17\r\n\r\n{\"jsonrpc\":\"2.0\"}", -32600),
        (b"Content-Length: nine\r\n\r\n", -32700),
        (b"Content-Type: x\r\n\r\n", -32700),
        (b"Content-Length: 3\r\n\r\n\"\xff\"", -32700),
        // Two that end in the middle of each other are two messages all the same.
        (b"content-length:2\r\nContent-Type: y\r\n\r\n{}", -32600),
    ] {
        client.send_raw(bytes).await;
        let answer = client
            .wait(|message| message["id"].is_null() && message["error"]["code"] == code)
            .await;
        assert!(answer["error"]["message"].is_string(), "{bytes:?}");
    }
    client.open(&path, 1, "import os\nos.system('ls')\n").await;
    assert_eq!(rules(&client.published(&path, 1).await), ["shell-command"]);
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn a_message_that_is_too_long_is_passed_over() {
    let mut client = Client::of(folder(&[]).path()).await;
    let length = (256 << 20) + 1;
    client.send_raw(format!("Content-Length: {length}\r\n\r\n").as_bytes()).await;
    let block = vec![b' '; 1 << 20];
    for _ in 0..256 {
        client.send_raw(&block).await;
    }
    client.send_raw(b" ").await;
    let answer = client.wait(|message| message["error"]["code"] == -32600).await;
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("bytes")));
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn wrong_types_and_unknown_methods_are_errors_of_their_own() {
    let folder = folder(&[BLOCK_ALL]);
    let path = folder.path().join("a.py");
    let mut client = Client::of(folder.path()).await;
    let wrong = client.request("textDocument/hover", json!({"textDocument": 3})).await;
    assert_eq!(wrong.expect_err("wrong")["code"], -32602);
    let unknown = client.request("textDocument/teleport", json!({})).await;
    assert_eq!(unknown.expect_err("unknown")["code"], -32601);
    client.notify("textDocument/teleport", json!({})).await;
    client.notify("$/teleport", json!({})).await;
    client.notify("textDocument/didOpen", json!({"textDocument": {"uri": "not a uri"}})).await;
    client.notify("textDocument/didChange", json!([])).await;
    client
        .notify(
            "textDocument/didChange",
            json!({"textDocument": {"uri": "file:///x", "version": "new"}, "contentChanges": []}),
        )
        .await;
    // Of documents nobody opened.
    client.replace(&path, 3, "x").await;
    client.close(&path).await;
    client.open(&path, 1, "import os\nos.system('ls')\n").await;
    assert_eq!(rules(&client.published(&path, 1).await), ["shell-command"]);
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn edits_outside_the_text_and_old_versions_are_taken_as_meant() {
    let folder = folder(&[BLOCK_ALL]);
    let path = folder.path().join("a.py");
    let mut client = Client::of(folder.path()).await;
    client.open(&path, 5, "import os\n").await;
    let far = json!({"line": 900, "character": 900});
    let change = json!([{"range": {"start": far, "end": far}, "text": "os.system('ls')\n"}]);
    client.change(&path, 6, change).await;
    assert_eq!(rules(&client.published(&path, 6).await), ["shell-command"]);
    // An end before its start, and a version that was there.
    let back = json!([{"range": {"start": {"line": 2, "character": 0}, "end": {"line": 1, "character": 0}}, "text": ""}]);
    client.change(&path, 2, back).await;
    client.until(&path, <[Value]>::is_empty).await;
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn a_cancelled_request_is_answered_so() {
    let folder = folder(&[BLOCK_ALL]);
    let path = folder.path().join("a.py");
    let mut client = Client::of(folder.path()).await;
    client.open(&path, 1, &"import os\nos.system('ls')\n".repeat(20_000)).await;
    let params = json!({"textDocument": {"uri": crate::client::uri(&path)}});
    let id = client.ask("textDocument/diagnostic", params).await;
    client.notify("$/cancelRequest", json!({"id": id})).await;
    let cancelled = client.answer(id).await.expect_err("cancelled");
    assert_eq!(cancelled["code"], -32800);
    assert_eq!(client.end().await.code(), 0);
}
