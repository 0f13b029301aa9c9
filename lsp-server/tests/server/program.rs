//! The program itself.

use std::io::BufReader;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

fn send(to: &mut impl std::io::Write, message: &Value) {
    let text = message.to_string();
    write!(to, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("written");
    to.flush().expect("written");
}

fn receive(from: &mut impl std::io::BufRead) -> Value {
    let mut length = 0;
    loop {
        let mut line = String::new();
        from.read_line(&mut line).expect("a line");
        if line.trim().is_empty() {
            break;
        }
        if let Some(number) = line.strip_prefix("Content-Length: ") {
            length = number.trim().parse().expect("a number");
        }
    }
    let mut text = vec![0; length];
    from.read_exact(&mut text).expect("a message");
    serde_json::from_slice(&text).expect("JSON")
}

/// What the client says it can do makes the server write the pages of the rules.
#[test]
fn it_leaves_nothing_behind() {
    let scratch = tempfile::tempdir().expect("a folder");
    let entries = || std::fs::read_dir(scratch.path()).expect("a folder").count();
    let mut server = Command::new(env!("CARGO_BIN_EXE_hermetic-lsp"))
        .env("TMPDIR", scratch.path())
        .env("TMP", scratch.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut input = server.stdin.take().expect("piped");
    let mut output = BufReader::new(server.stdout.take().expect("piped"));
    let capabilities =
        json!({"textDocument": {"publishDiagnostics": {"codeDescriptionSupport": true}}});
    let parameters = json!({"processId": null, "rootUri": null, "capabilities": capabilities});
    send(
        &mut input,
        &json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters}),
    );
    assert_eq!(receive(&mut output)["id"], 1);
    send(&mut input, &json!({"jsonrpc": "2.0", "method": "initialized", "params": {}}));
    send(&mut input, &json!({"jsonrpc": "2.0", "id": 2, "method": "shutdown"}));
    while receive(&mut output)["id"] != 2 {}
    assert_eq!(entries(), 1, "the pages");
    send(&mut input, &json!({"jsonrpc": "2.0", "method": "exit"}));
    assert!(server.wait().expect("ended").success());
    assert_eq!(entries(), 0);
}
