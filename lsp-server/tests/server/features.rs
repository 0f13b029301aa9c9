//! Actions, hover, completion, pulled diagnostics, commands.

use serde_json::{Value, json};

use crate::client::{Client, capabilities, rules, uri};
use crate::folder;

const CAPTURE: &str = "from socket import socket\n\ns = socket()\n";

/// A client, and a document in it of which something was published.
async fn opened(
    files: &[(&str, &str)],
    text: &str,
) -> (Client, tempfile::TempDir, std::path::PathBuf) {
    let folder = folder(files);
    let path = folder.path().join("a.py");
    crate::write(folder.path(), "a.py", text);
    let mut client = Client::of(folder.path()).await;
    client.open(&path, 1, text).await;
    client.published(&path, 1).await;
    (client, folder, path)
}

fn at(line: u32, character: u32) -> Value {
    json!({"line": line, "character": character})
}

async fn actions(
    client: &mut Client,
    path: &std::path::Path,
    line: u32,
    column: u32,
    context: Value,
) -> Vec<Value> {
    let params = json!({
        "textDocument": {"uri": uri(path)},
        "range": {"start": at(line, column), "end": at(line, column)}, "context": context});
    let actions = client.request("textDocument/codeAction", params).await.expect("actions");
    actions.as_array().expect("a list").clone()
}

/// A text after the edits of an action.
fn edited(text: &str, action: &Value, uri: &str) -> String {
    let edits = action["edit"]["changes"][uri].as_array().expect("edits of it").clone();
    let mut text = hermetic_lsp::text::Text::new(text.to_owned());
    let place = |at: &Value| hermetic_lsp::text::Place {
        row: u32::try_from(at["line"].as_u64().expect("a row")).expect("few"),
        column: u32::try_from(at["character"].as_u64().expect("a column")).expect("few"),
    };
    for edit in edits.iter().rev() {
        let range = Some((place(&edit["range"]["start"]), place(&edit["range"]["end"])));
        let new = edit["newText"].as_str().expect("a text").to_owned();
        text.edit(
            vec![hermetic_lsp::text::Edit { range, text: new }],
            hermetic_lsp::text::Encoding::Utf16,
        );
    }
    text.as_str().to_owned()
}

fn titled<'a>(actions: &'a [Value], title: &str) -> &'a Value {
    let found = actions
        .iter()
        .find(|action| action["title"].as_str().is_some_and(|it| it.starts_with(title)));
    found.unwrap_or_else(|| panic!("{title} among {actions:#?}"))
}

#[tokio::test]
async fn a_captured_reference_is_rewritten() {
    let (mut client, _folder, path) = opened(&[("pyproject.toml", "")], CAPTURE).await;
    let offered = actions(&mut client, &path, 0, 21, json!({"diagnostics": []})).await;
    let fix = titled(&offered, "look up `socket.socket` where it is used").clone();
    assert_eq!(fix["isPreferred"], true, "{fix:#?}");
    assert!(fix["edit"].is_null());
    let resolved = client.request("codeAction/resolve", fix).await.expect("resolved");
    let after = edited(CAPTURE, &resolved, &uri(&path));
    assert_eq!(after, "import socket\n\ns = socket.socket()\n");
    // All at once.
    let only = json!({"diagnostics": [], "only": ["source.fixAll"]});
    let offered = actions(&mut client, &path, 0, 21, only).await;
    assert_eq!(offered.len(), 1);
    assert_eq!(offered[0]["kind"], "source.fixAll.hermetic");
    let resolved =
        client.request("codeAction/resolve", offered[0].clone()).await.expect("resolved");
    assert_eq!(edited(CAPTURE, &resolved, &uri(&path)), after);
    client.replace(&path, 2, &after).await;
    assert_eq!(client.published(&path, 2).await, Vec::<Value>::new());
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn a_name_that_others_import_is_not_rewritten_in_silence() {
    let files = [("pyproject.toml", ""), ("b.py", "from a import socket\n")];
    let (mut client, _folder, path) = opened(&files, CAPTURE).await;
    let offered = actions(&mut client, &path, 0, 21, json!({"diagnostics": []})).await;
    let fix = titled(&offered, "look up `socket.socket` where it is used (other code may notice");
    assert_eq!(fix["isPreferred"], false);
    let only = json!({"diagnostics": [], "only": ["source.fixAll.hermetic"]});
    let offered = actions(&mut client, &path, 0, 21, only).await;
    let resolved =
        client.request("codeAction/resolve", offered[0].clone()).await.expect("resolved");
    assert_eq!(resolved["edit"]["changes"], json!({}));
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn actions_of_others_mean_nothing_to_us() {
    let (mut client, _folder, path) = opened(&[("pyproject.toml", "")], CAPTURE).await;
    for data in [
        json!(null),
        json!(3),
        json!({"uri": uri(&path)}),
        json!({"uri": uri(&path), "hermetic": {"fix": {"row": -1, "column": 1}}}),
        json!({"uri": "::", "hermetic": "fix-all"}),
        json!({"uri": "file:///nowhere.py", "hermetic": "fix-all"}),
        json!({"uri": uri(&path), "hermetic": "fix-all", "more": 1}),
    ] {
        let action = json!({"title": "theirs", "data": data});
        let resolved =
            client.request("codeAction/resolve", action.clone()).await.expect("resolved");
        assert!(resolved["edit"].is_null(), "{resolved}");
    }
    // Diagnostics of other servers in the context are not ours to fix.
    let foreign = json!({"diagnostics": [{"range": {"start": at(2, 0), "end": at(2, 1)}, "message": "x", "data": {"hermetic": {"rule": 7}}}]});
    let offered = actions(&mut client, &path, 2, 0, foreign).await;
    assert_eq!(offered.len(), 1, "{offered:#?}");
    assert_eq!(offered[0]["kind"], "source.fixAll.hermetic");
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn findings_are_accepted_by_comments() {
    let text = "#!/usr/bin/env python\nimport os\nos.system('ls')\n";
    let (mut client, _folder, path) =
        opened(&[("hermetic.toml", "no-subprocess = true\n")], text).await;
    let offered = actions(&mut client, &path, 2, 6, json!({"diagnostics": []})).await;
    let line = titled(&offered, "ignore `shell-command` on this line");
    let after = edited(text, line, &uri(&path));
    assert!(
        after.ends_with(
            "os.system('ls')  # hermetic: ignore[shell-command] TODO: why this is accepted\n"
        ),
        "{after}"
    );
    client.replace(&path, 2, &after).await;
    assert_eq!(client.published(&path, 2).await, Vec::<Value>::new());
    let file = titled(&offered, "ignore `shell-command` in this file");
    let after = edited(text, file, &uri(&path));
    assert!(
        after.starts_with("#!/usr/bin/env python\n# hermetic: ignore-file[shell-command] TODO"),
        "{after}"
    );
    client.replace(&path, 3, text).await;
    client.published(&path, 3).await;
    client.replace(&path, 4, &after).await;
    assert_eq!(client.published(&path, 4).await, Vec::<Value>::new());
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn a_host_is_allowed_in_the_policy() {
    let text = "import socket\nsocket.create_connection(('api.example.com', 443))\n";
    let policy = "[tool.hermetic]\nno-network = true\n";
    let (mut client, folder, path) = opened(&[("pyproject.toml", policy)], text).await;
    let offered = actions(&mut client, &path, 1, 6, json!({"diagnostics": []})).await;
    let allow = titled(&offered, "allow in policy: `allow-domain = [\"api.example.com\"]`");
    let file = folder.path().join("pyproject.toml");
    let after = edited(policy, allow, &uri(&file));
    assert_eq!(after, format!("{policy}allow-domain = [\"api.example.com\"]\n"));
    // Taken, it allows: the finding goes when the file says so.
    client.open(&file, 1, policy).await;
    client.replace(&file, 2, &after).await;
    client.until(&path, <[Value]>::is_empty).await;
    assert_eq!(client.end().await.code(), 0);
}

async fn hover(
    client: &mut Client,
    path: &std::path::Path,
    line: u32,
    character: u32,
) -> Option<String> {
    let params = json!({"textDocument": {"uri": uri(path)}, "position": at(line, character)});
    let hover = client.request("textDocument/hover", params).await.expect("an answer");
    hover["contents"]["value"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn hover_tells_what_is_known_and_nothing_else() {
    let text = "import os, socket\nx = 1\nsocket.create_connection(('a.example', 1))\nos.system('x')  # hermetic: ignore[shell-command] known\n";
    let policy = "no-subprocess = true\n\n[check.levels]\nshell-command = \"warn\"\n";
    let (mut client, folder, path) = opened(&[("hermetic.toml", policy)], text).await;
    let told = hover(&mut client, &path, 2, 10).await.expect("an API");
    assert!(
        told.contains("`socket.create_connection`")
            && told.contains("**network**")
            && told.contains("`--no-network`"),
        "{told}"
    );
    let told = hover(&mut client, &path, 3, 40).await.expect("a rule");
    assert!(told.starts_with("# shell-command"), "{told}");
    assert_eq!(hover(&mut client, &path, 1, 0).await, None);
    assert_eq!(hover(&mut client, &path, 900, 0).await, None);
    // A mere mention, of which there is nothing to find.
    let mention = "import socket as s\nprint(isinstance(1, s.socket))\n";
    client.replace(&path, 2, mention).await;
    assert_eq!(client.published(&path, 2).await, Vec::<Value>::new());
    let told = hover(&mut client, &path, 1, 24).await.expect("an API");
    assert!(told.starts_with("`socket.socket`: capability **network**"), "{told}");
    assert_eq!(hover(&mut client, &path, 1, 20).await, None, "the module itself");
    assert_eq!(hover(&mut client, &path, 1, 8).await, None, "what no rule knows");
    client.replace(&path, 3, "import os\nos.system('x')\n").await;
    client.published(&path, 3).await;
    let told = hover(&mut client, &path, 1, 4).await.expect("a finding");
    assert!(told.contains("**shell-command**"), "{told}");
    let file = folder.path().join("hermetic.toml");
    client.open(&file, 1, policy).await;
    let told = hover(&mut client, &file, 0, 3).await.expect("a key");
    assert!(told.contains("deny starting processes"), "{told}");
    let told = hover(&mut client, &file, 3, 3).await.expect("a rule");
    assert!(told.starts_with("# shell-command"), "{told}");
    assert_eq!(hover(&mut client, &file, 1, 0).await, None);
    assert_eq!(client.end().await.code(), 0);
}

async fn complete(
    client: &mut Client,
    path: &std::path::Path,
    line: u32,
    character: u32,
) -> Vec<String> {
    let params = json!({"textDocument": {"uri": uri(path)}, "position": at(line, character)});
    let items = client.request("textDocument/completion", params).await.expect("an answer");
    let items = items.as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|item| item["label"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn names_are_completed_where_they_stand() {
    let text = "x = 1  # hermetic: ignore[she\ny = 2  # other [\n";
    let policy = "no-\nprofile = \"\"\n[check]\nundecided = \n[check.levels]\nshe\nfile-write = \"\"\n[other]\nx\n";
    let (mut client, folder, path) = opened(&[], text).await;
    let rules = complete(&mut client, &path, 0, 29).await;
    assert!(rules.iter().any(|rule| rule == "shell-command"), "{rules:?}");
    assert_eq!(complete(&mut client, &path, 0, 3).await, Vec::<String>::new());
    assert_eq!(complete(&mut client, &path, 1, 16).await, Vec::<String>::new());
    let file = folder.path().join("hermetic.toml");
    client.open(&file, 1, policy).await;
    for (line, character, expected) in [
        (0, 3, "no-network"),
        (1, 11, "block-all"),
        (3, 12, "warn"),
        (5, 3, "shell-command"),
        (6, 14, "off"),
    ] {
        let all = complete(&mut client, &file, line, character).await;
        assert!(all.iter().any(|it| it == expected), "{line}: {all:?}");
    }
    assert_eq!(complete(&mut client, &file, 8, 1).await, Vec::<String>::new());
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn a_client_that_asks_is_not_told() {
    let folder = folder(&[("hermetic.toml", "no-subprocess = true\n"), ("b.py", "")]);
    let path = folder.path().join("a.py");
    let mut with = capabilities();
    with["textDocument"]["diagnostic"] = json!({});
    // Without a refresh, what changes in other files would be missed: it is told as ever.
    let mut client = Client::start();
    let result = client.initialize(&[folder.path()], with.clone(), Value::Null).await;
    assert!(result["capabilities"]["diagnosticProvider"].is_null());
    client.notify("initialized", json!({})).await;
    client.open(&path, 1, "import os\nos.system('x')\n").await;
    assert_eq!(rules(&client.published(&path, 1).await), ["shell-command"]);
    assert_eq!(client.end().await.code(), 0);

    with["workspace"]["diagnostics"] = json!({"refreshSupport": true});
    let mut client = Client::start();
    let result = client.initialize(&[folder.path()], with, Value::Null).await;
    assert_eq!(result["capabilities"]["diagnosticProvider"]["interFileDependencies"], true);
    client.notify("initialized", json!({})).await;
    client.open(&path, 1, "import os\nos.system('x')\n").await;
    let params = json!({"textDocument": {"uri": uri(&path)}});
    let first = client.request("textDocument/diagnostic", params.clone()).await.expect("a report");
    assert_eq!(rules(first["items"].as_array().expect("a list")), ["shell-command"]);
    let mut again = params.clone();
    again["previousResultId"] = first["resultId"].clone();
    let second = client.request("textDocument/diagnostic", again).await.expect("a report");
    assert_eq!(second["kind"], "unchanged");
    client.wait(|message| message["method"] == "workspace/diagnostic/refresh").await;
    let workspace = client.request("workspace/diagnostic", json!({"previousResultIds": []})).await;
    assert_eq!(workspace.expect("a report")["items"], json!([]));
    // All that came was asked for.
    client.ask("shutdown", Value::Null).await;
    while let Some(message) = client.read().await {
        assert_ne!(message["method"], "textDocument/publishDiagnostics", "{message}");
        if message["result"].is_null() && message.get("method").is_none() {
            break;
        }
    }
    assert_eq!(client.exit().await.code(), 0);
}

#[tokio::test]
async fn diagnostics_carry_what_the_client_can_show() {
    let text = "import os\nos.system('x')\nx = 1  # hermetic: ignore[file-write] no longer\n";
    let (client, _folder, path) =
        opened(&[("hermetic.toml", "profile = 'block-all'\n")], text).await;
    assert_eq!(client.end().await.code(), 0);
    let folder = folder(&[("hermetic.toml", "profile = 'block-all'\n")]);
    let path = folder.path().join(path.file_name().expect("a name"));
    let mut client = Client::of(folder.path()).await;
    client.open(&path, 1, text).await;
    let told = client.published(&path, 1).await;
    assert_eq!(rules(&told), ["shell-command", "unused-suppression"]);
    assert_eq!(told[0]["source"], "hermetic");
    assert_eq!(told[0]["severity"], 1);
    assert_eq!(told[0]["data"], json!({"hermetic": {"rule": "shell-command"}}));
    let link = told[0]["codeDescription"]["href"].as_str().expect("a link");
    let page =
        std::fs::read_to_string(link.strip_prefix("file://").expect("a file")).expect("there");
    assert!(page.starts_with("# shell-command"));
    assert_eq!(told[1]["tags"], json!([1]));
    assert_eq!(client.end().await.code(), 0);
    // And nothing more than it can.
    let mut client = Client::with(&[folder.path()], json!({}), Value::Null).await;
    client.open(&path, 1, text).await;
    let told = client.published(&path, 1).await;
    for key in ["data", "codeDescription", "tags", "relatedInformation"] {
        assert!(told.iter().all(|one| one.get(key).is_none()), "{key}");
    }
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn commands_and_lenses() {
    let text = "import os\n\n\ndef f():\n    os.system('x')\n\n\ndef g():\n    f()\n";
    let folder = folder(&[("a.py", text)]);
    let path = folder.path().join("a.py");
    let mut client = Client::of(folder.path()).await;
    client.open(&path, 1, text).await;
    client.published(&path, 1).await;
    let run = |command: &str, arguments: Value| json!({"command": command, "arguments": arguments});
    let known = client
        .request("workspace/executeCommand", run("hermetic.debugInformation", json!([])))
        .await;
    assert_eq!(known.expect("known")["version"], env!("CARGO_PKG_VERSION"));
    let params = run("hermetic.suggestPolicy", json!([uri(folder.path())]));
    let policy = client.request("workspace/executeCommand", params).await.expect("a policy");
    assert!(policy.as_str().is_some_and(|text| text.contains("no-network = true")), "{policy}");
    client
        .request("workspace/executeCommand", run("hermetic.nothing", json!([])))
        .await
        .expect_err("unknown");
    let lenses = |document: &std::path::Path| json!({"textDocument": {"uri": uri(document)}});
    assert_eq!(
        client.request("textDocument/codeLens", lenses(&path)).await.expect("none"),
        Value::Null
    );
    // Switched on in the editor's settings.
    client.settings = json!({"codeLens": true});
    client.notify("workspace/didChangeConfiguration", json!({"settings": null})).await;
    client.wait(|message| message["method"] == "workspace/configuration").await;
    client.wait(|message| message["method"] == "workspace/configuration").await;
    let told = loop {
        let told = client.request("textDocument/codeLens", lenses(&path)).await.expect("lenses");
        if !told.is_null() {
            break told;
        }
    };
    let titles: Vec<(u64, &str)> = told
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|lens| {
            Some((lens["range"]["start"]["line"].as_u64()?, lens["command"]["title"].as_str()?))
        })
        .collect();
    assert_eq!(titles, [(3, "reaches subprocess"), (7, "reaches subprocess")]);
    // What is typed counts before it is saved.
    client
        .replace(
            &path,
            2,
            "import socket\n\n\ndef f():\n    socket.create_connection(('a.example', 1))\n",
        )
        .await;
    let told = client.request("textDocument/codeLens", lenses(&path)).await.expect("lenses");
    assert_eq!(told[0]["command"]["title"], "reaches network", "{told}");
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    let params = run("hermetic.suggestPolicy", json!([uri(folder.path())]));
    let policy = client.request("workspace/executeCommand", params).await.expect("a policy");
    assert!(policy.as_str().is_some_and(|text| text.contains("no-subprocess = true")), "{policy}");
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn a_long_scan_shows_how_far_it_is_and_can_be_cut_short() {
    // Short scans are not shown, and what is short is up to the machine: until one is long.
    let mut files = 300;
    while !is_shown_and_cut_short(files).await {
        files *= 4;
        assert!(files < 100_000, "no scan is ever shown");
    }
}

/// Scan that many files; whether the scan took long enough to be shown.
async fn is_shown_and_cut_short(count: usize) -> bool {
    let files: Vec<(String, String)> = (0..count)
        .map(|number| {
            (format!("m{number}.py"), format!("def f(x):\n    return x + {number}\n").repeat(400))
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let folder = folder(&files);
    let options = json!({"logLevel": "info"});
    let mut client = Client::with(&[folder.path()], capabilities(), options.clone()).await;
    client.settings = options;
    // Open documents are told of meanwhile, and one may be closed again.
    let path = folder.path().join("m1.py");
    client.open(&path, 1, "from socket import socket\n").await;
    assert_eq!(rules(&client.published(&path, 1).await), ["captured-reference"]);
    client.replace(&path, 2, "").await;
    client.close(&path).await;
    let is_log = |message: &Value| {
        let text = message["params"]["message"].as_str().unwrap_or_default();
        message["method"] == "window/logMessage" && text.contains(" files in ")
    };
    let is_shown = |message: &Value| message["method"] == "window/workDoneProgress/create";
    let first = client.wait(|message| is_log(message) || is_shown(message)).await;
    let shown = is_shown(&first);
    if shown {
        let token = first["params"]["token"].clone();
        let is = |message: &Value, kind: &str| {
            message["params"]["token"] == token && message["params"]["value"]["kind"] == kind
        };
        client.wait(|message| is(message, "begin")).await;
        client.notify("window/workDoneProgress/cancel", json!({"token": token})).await;
        client.wait(|message| is(message, "end")).await;
    }
    assert_eq!(client.end().await.code(), 0);
    shown
}
