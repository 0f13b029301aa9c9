//! What an extension of an editor shows beside the findings: how things stand, the rules, the
//! findings of all files, settings that stand for a configuration, the log.

use serde_json::{Value, json};

use crate::client::{Client, capabilities, rules, uri};
use crate::{folder, write};

const CALL: &str = "import os\nos.system('ls')\n";

fn shows_status() -> Value {
    let mut all = capabilities();
    all["experimental"] = json!({"hermeticStatus": true});
    all
}

async fn status(client: &mut Client, wanted: impl Fn(&Value) -> bool) -> Value {
    let is_it =
        |message: &Value| message["method"] == "hermetic/status" && wanted(&message["params"]);
    client.wait(is_it).await["params"].clone()
}

#[tokio::test]
async fn how_things_stand_is_told_to_those_who_ask() {
    let folder = folder(&[("a.py", CALL), ("b.py", ""), ("hermetic.toml", "")]);
    let file = folder.path().join("hermetic.toml");
    let mut client = Client::with(&[folder.path()], shows_status(), Value::Null).await;
    let scanning = status(&mut client, |status| status["state"] == "scanning").await;
    assert_eq!(scanning["failures"], json!([]));
    let idle =
        status(&mut client, |status| status["state"] == "idle" && status["files"] == 2).await;
    assert_eq!(idle["failures"], json!([]));
    client.open(&file, 1, "no-netwrk = true\n").await;
    let broken = status(&mut client, |status| status["failures"] != json!([])).await;
    assert_eq!(broken["failures"][0]["uri"], uri(&file));
    let message = broken["failures"][0]["message"].as_str().expect("a message");
    assert!(message.contains("did you mean `no-network`"), "{message}");
    client.replace(&file, 2, "no-network = true\n").await;
    status(&mut client, |status| status["failures"] == json!([])).await;
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn rules_are_listed_and_explained() {
    let folder = folder(&[]);
    let mut client = Client::of(folder.path()).await;
    let mut explain = async |arguments: Value| {
        let params = json!({"command": "hermetic.explainRule", "arguments": arguments});
        client.request("workspace/executeCommand", params).await
    };
    let all = explain(json!([])).await.expect("a list");
    let all = all.as_array().expect("a list");
    assert_eq!(all.len(), hermetic_policy::rules::all().count());
    assert!(all.iter().any(|rule| rule["name"] == "shell-command" && rule["level"] == "error"));
    let page = explain(json!(["shell-command"])).await.expect("a page");
    assert!(page.as_str().is_some_and(|page| page.starts_with("# shell-command")), "{page}");
    let error = explain(json!(["no-such"])).await.expect_err("no rule");
    assert_eq!(error["message"], "unknown rule `no-such`");
}

#[tokio::test]
async fn a_scan_finds_what_no_open_file_has() {
    let files = [("hermetic.toml", "no-subprocess = true\n"), ("a.py", CALL), ("b.py", "x = 1\n")];
    let folder = folder(&files);
    let mut client = Client::of(folder.path()).await;
    let params = json!({"command": "hermetic.scanWorkspace"});
    let found = client.request("workspace/executeCommand", params).await.expect("findings");
    assert_eq!(found["files"], 2);
    let findings = found["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0]["uri"], uri(&folder.path().join("a.py")));
    assert_eq!(findings[0]["diagnostics"][0]["code"], "shell-command");
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn levels_and_a_configuration_file_come_from_the_editor() {
    let files = [("strict.toml", "no-subprocess = true\n"), ("sub/hermetic.toml", "")];
    let folder = folder(&files);
    let (above, below) = (folder.path().join("a.py"), folder.path().join("sub/b.py"));
    let named = |preference: &str| json!({"configuration": "strict.toml", "configurationPreference": preference});
    let mut client = Client::with(&[folder.path()], capabilities(), named("filesystemFirst")).await;
    client.settings = named("filesystemFirst");
    client.open(&above, 1, CALL).await;
    client.until(&above, |all| rules(all) == ["shell-command"]).await;
    client.open(&below, 1, CALL).await;
    // It has a configuration of its own.
    assert_eq!(client.published(&below, 1).await, Vec::<Value>::new());

    let set = async |client: &mut Client, settings: Value| {
        client.settings = settings;
        client.notify("workspace/didChangeConfiguration", json!({"settings": null})).await;
    };
    set(&mut client, named("editorFirst")).await;
    client.until(&below, |all| rules(all) == ["shell-command"]).await;
    set(&mut client, json!({"configurationPreference": "editorOnly"})).await;
    client.until(&below, <[Value]>::is_empty).await;
    let mut settings = named("editorOnly");
    settings["levels"] = json!({"shell-command": "info"});
    set(&mut client, settings).await;
    let found = client.until(&below, |all| rules(all) == ["shell-command"]).await;
    assert_eq!(found[0]["severity"], 3, "{found:#?}");

    // The file counts although nothing else is called so.
    write(folder.path(), "strict.toml", "");
    let changed = uri(&folder.path().join("strict.toml"));
    let params = json!({"changes": [{"uri": changed, "type": 2}]});
    client.notify("workspace/didChangeWatchedFiles", params).await;
    client.until(&below, <[Value]>::is_empty).await;
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn a_configuration_file_that_is_not_there_is_told() {
    let folder = folder(&[]);
    let options = json!({"configuration": "none.toml"});
    let mut client = Client::with(&[folder.path()], shows_status(), options).await;
    let told = status(&mut client, |status| status["failures"] != json!([])).await;
    assert_eq!(told["failures"][0]["uri"], uri(&folder.path().join("none.toml")));
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn the_log_is_written_to_a_file() {
    let folder = folder(&[("a.py", CALL)]);
    let file = folder.path().join("log.txt");
    let options = json!({"logFile": file, "logLevel": "info"});
    let mut client = Client::with(&[folder.path()], capabilities(), options).await;
    let is_told = |message: &Value| message["method"] == "window/logMessage";
    client.wait(is_told).await;
    let text = std::fs::read_to_string(&file).expect("a log");
    assert!(text.starts_with("hermetic-lsp ") && text.contains(" info "), "{text}");
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn what_an_editor_shows_by_itself_is_not_told_twice() {
    let folder = folder(&[("hermetic.toml", "no-subprocess = true\n")]);
    let path = folder.path().join("a.py");
    let mut shows = capabilities();
    shows["experimental"] = json!({"hermeticShowsFindings": true});
    let mut client = Client::with(&[folder.path()], shows, Value::Null).await;
    client.open(&path, 1, CALL).await;
    client.until(&path, |all| rules(all) == ["shell-command"]).await;
    let at = json!({"textDocument": {"uri": uri(&path)}, "position": {"line": 1, "character": 4}});
    let told = client.request("textDocument/hover", at).await.expect("an answer");
    let told = told["contents"]["value"].as_str().expect("the API");
    assert!(told.starts_with("`os.system`: capability **subprocess**"), "{told}");
    assert_eq!(client.end().await.code(), 0);
}
