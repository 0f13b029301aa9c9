//! Several files, their configuration, and documents that are no files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hermetic_check::baseline::{Baseline, Surroundings};
use hermetic_check::configuration::{Flags, Nearest};
use hermetic_check::discover::DiscoverOptions;
use hermetic_check::judge::Judgement;
use hermetic_check::project::{self, PerFile};
use hermetic_check::report::FileReport;
use hermetic_policy::Rule;
use serde_json::{Value, json};

use crate::client::{Client, capabilities, rules, uri};
use crate::{folder, write};

const BLOCK_ALL: (&str, &str) = ("hermetic.toml", "profile = 'block-all'\n");
const CALL: &str = "import os\nos.system('ls')\n";

#[tokio::test]
async fn what_one_file_offers_is_known_in_another() {
    let taken = "from os import system as go\n";
    let caller = "import helper\nhelper.go('ls')\n";
    let folder = folder(&[BLOCK_ALL, ("helper.py", taken), ("main.py", caller)]);
    let (helper, main) = (folder.path().join("helper.py"), folder.path().join("main.py"));
    let mut client = Client::of(folder.path()).await;
    client.open(&main, 1, caller).await;
    let found = client.until(&main, |all| rules(all) == ["shell-command"]).await;
    // The place it is taken from is named.
    let related = &found[0]["relatedInformation"][0];
    assert_eq!(related["location"]["uri"], uri(&helper));
    assert_eq!(related["location"]["range"]["start"]["line"], 0);

    // An edit in the other, open or not yet saved, changes what is told here.
    client.open(&helper, 1, taken).await;
    let captured = client.until(&helper, |all| !all.is_empty()).await;
    assert_eq!(rules(&captured), ["captured-reference"]);
    assert_eq!(captured[0]["relatedInformation"][0]["location"]["uri"], uri(&main));
    client.replace(&helper, 2, "def go(text):\n    return text\n").await;
    client.until(&main, <[Value]>::is_empty).await;
    client.replace(&helper, 3, taken).await;
    client.until(&main, |all| rules(all) == ["shell-command"]).await;
    // Closed, the file counts again.
    client.replace(&helper, 4, "").await;
    client.until(&main, <[Value]>::is_empty).await;
    client.close(&helper).await;
    client.until(&main, |all| rules(all) == ["shell-command"]).await;
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn files_that_change_on_the_disk_are_looked_at() {
    let caller = "import helper\nhelper.go('ls')\n";
    let folder = folder(&[("hermetic.toml", "no-subprocess = true\n"), ("main.py", caller)]);
    let (helper, main) = (folder.path().join("helper.py"), folder.path().join("main.py"));
    let mut client = Client::of(folder.path()).await;
    client.open(&main, 1, caller).await;
    assert_eq!(client.published(&main, 1).await, Vec::<Value>::new());
    write(folder.path(), "helper.py", "from os import system as go\n");
    let changed = json!({"changes": [{"uri": uri(&helper), "type": 1}]});
    client.notify("workspace/didChangeWatchedFiles", changed).await;
    client.until(&main, |all| rules(all) == ["shell-command"]).await;
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn each_file_obeys_the_nearest_configuration() {
    let folder = folder(&[
        ("pyproject.toml", "[tool.hermetic]\nno-subprocess = true\n"),
        ("open/hermetic.toml", "no-network = true\n"),
        ("left/out.py", CALL),
        ("a.py", CALL),
    ]);
    let mut client = Client::of(folder.path()).await;
    for (name, expected) in [("a.py", &["shell-command"][..]), ("open/b.py", &[])] {
        let path = folder.path().join(name);
        client.open(&path, 1, CALL).await;
        assert_eq!(rules(&client.published(&path, 1).await), expected, "{name}");
    }
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn a_broken_configuration_says_so_and_the_last_good_one_goes_on() {
    let good = "[tool.hermetic]\nno-subprocess = true\n";
    let folder = folder(&[("pyproject.toml", good)]);
    let (code, file) = (folder.path().join("a.py"), folder.path().join("pyproject.toml"));
    let mut client = Client::of(folder.path()).await;
    client.open(&code, 1, CALL).await;
    client.until(&code, |all| rules(all) == ["shell-command"]).await;
    client.open(&file, 1, good).await;
    client.replace(&file, 2, "[tool.hermetic]\nno-subproces = true\n").await;
    let told = client.until(&file, |all| !all.is_empty()).await;
    let message = told[0]["message"].as_str().expect("a text");
    assert!(message.contains("did you mean `no-subprocess`"), "{message}");
    let range = json!({"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 12}});
    assert_eq!(told[0]["range"], range);
    // Still as before; a text that is new is judged by it, too.
    client.replace(&code, 2, &format!("{CALL}os.system('ls')\n")).await;
    assert_eq!(client.published(&code, 2).await.len(), 2);
    // What is typed counts when it is right, before it is saved.
    client.replace(&file, 3, "[tool.hermetic]\n").await;
    client.until(&file, <[Value]>::is_empty).await;
    client.until(&code, <[Value]>::is_empty).await;
    // Everything that is wrong is told, each at its place.
    let wrong = "[tool.hermetic]\nno-subproces = true\nno-network = 3\n[tool.hermetic.check]\nundecided = 'wrn'\n";
    client.replace(&file, 33, wrong).await;
    let told = client.until(&file, |all| all.len() == 3).await;
    let lines: Vec<_> = told.iter().map(|one| one["range"]["start"]["line"].as_u64()).collect();
    assert_eq!(lines, [Some(1), Some(2), Some(4)]);
    // What is not TOML is nothing better.
    client.replace(&file, 44, "[tool.hermetic\n").await;
    client.until(&file, |all| !all.is_empty()).await;
    // Closed without saving, the disk's counts again.
    client.close(&file).await;
    client.until(&code, |all| all.len() == 2).await;
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn a_configuration_that_is_broken_on_the_disk_is_told_without_being_open() {
    let folder = folder(&[("hermetic.toml", "no-subprocess = true\n")]);
    let (code, file) = (folder.path().join("a.py"), folder.path().join("hermetic.toml"));
    let mut client = Client::of(folder.path()).await;
    client.open(&code, 1, CALL).await;
    client.until(&code, |all| rules(all) == ["shell-command"]).await;
    write(folder.path(), "hermetic.toml", "no-subprocess = 3\n");
    let changed = json!({"changes": [{"uri": uri(&file), "type": 2}]});
    client.notify("workspace/didChangeWatchedFiles", changed.clone()).await;
    client.until(&file, |all| all.len() == 1).await;
    client.replace(&code, 2, CALL).await;
    assert_eq!(rules(&client.published(&code, 2).await), ["shell-command"]);
    write(folder.path(), "hermetic.toml", "");
    client.notify("workspace/didChangeWatchedFiles", changed).await;
    client.until(&file, <[Value]>::is_empty).await;
    client.until(&code, <[Value]>::is_empty).await;
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn each_root_is_a_program_of_its_own() {
    let helper = ("helper.py", "from os import system as go\n");
    let one = folder(&[("hermetic.toml", "no-subprocess = true\n"), helper]);
    let two = folder(&[("hermetic.toml", "no-network = true\n"), helper]);
    let three = folder(&[("hermetic.toml", "no-subprocess = true\n")]);
    let text = "import helper\nhelper.go('ls')\n";
    let mut client = Client::with(&[one.path(), two.path()], capabilities(), Value::Null).await;
    let main = |folder: &Path| folder.join("main.py");
    client.open(&main(one.path()), 1, text).await;
    client.until(&main(one.path()), |all| rules(all) == ["shell-command"]).await;
    client.open(&main(two.path()), 1, text).await;
    client.published(&main(two.path()), 1).await;
    client.open(&main(three.path()), 1, CALL).await;
    // A file outside of all roots obeys its own configuration, and is joined with nothing.
    assert_eq!(rules(&client.published(&main(three.path()), 1).await), ["shell-command"]);
    let event = json!({"event": {
        "added": [{"uri": uri(three.path()), "name": "three"}],
        "removed": [{"uri": uri(one.path()), "name": "one"}]}});
    client.notify("workspace/didChangeWorkspaceFolders", event).await;
    client.until(&main(one.path()), <[Value]>::is_empty).await;
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn what_is_excluded_says_nothing_and_what_is_ignored_stands_alone() {
    let folder = folder(&[
        ("hermetic.toml", "no-subprocess = true\n[check]\nextend-exclude = ['left']\n"),
        ("left/out.py", CALL),
        ("venv/lib.py", CALL),
        (".ignore", "generated.py\n"),
        ("generated.py", CALL),
        ("a.py", ""),
    ]);
    let mut client = Client::of(folder.path()).await;
    // When this is told, the folder has been looked at.
    client
        .notify(
            "workspace/didChangeWorkspaceFolders",
            json!({"event": {"added": [], "removed": []}}),
        )
        .await;
    for (name, expected) in [("left/out.py", 0), ("venv/lib.py", 0), ("generated.py", 1)] {
        let path = folder.path().join(name);
        client.open(&path, 1, CALL).await;
        client.until(&path, |all| all.len() == expected).await;
    }
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn an_untitled_buffer_obeys_the_first_root() {
    let folder = folder(&[BLOCK_ALL]);
    let mut client = Client::of(folder.path()).await;
    client.open_uri("untitled:Untitled-1", 1, CALL).await;
    let told = client.wait(|message| message["params"]["uri"] == "untitled:Untitled-1").await;
    let told = told["params"]["diagnostics"].as_array().expect("a list").clone();
    assert_eq!(rules(&told), ["shell-command"]);
    assert_eq!(client.end().await.code(), 0);
}

/// The cells of a notebook as an editor sends them.
fn cells(folder: &Path, names: &[(&str, i32)]) -> Vec<Value> {
    let cell = |(name, kind): &(&str, i32)| json!({"kind": kind, "document": format!("vscode-notebook-cell:{}/n.ipynb#{name}", folder.display())});
    names.iter().map(cell).collect()
}

#[tokio::test]
async fn a_notebook_is_one_program_in_cells() {
    let folder = folder(&[BLOCK_ALL]);
    let notebook = uri(&folder.path().join("n.ipynb"));
    let cell =
        |name: &str| format!("vscode-notebook-cell:{}/n.ipynb#{name}", folder.path().display());
    let text = |name: &str, text: &str| json!({"uri": cell(name), "languageId": "python", "version": 1, "text": text});
    let mut client = Client::of(folder.path()).await;
    let params = json!({
        "notebookDocument": {
            "uri": notebook, "notebookType": "jupyter-notebook", "version": 1,
            "cells": cells(folder.path(), &[("a", 2), ("m", 1), ("b", 2)])},
        "cellTextDocuments": [text("a", "import os"), text("b", "# \u{1f600}\n'\u{1f600}', os.system('ls')")],
    });
    client.notify("notebookDocument/didOpen", params).await;
    let published = |name: &str, wanted: usize| {
        let address = cell(name);
        move |message: &Value| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == address
                && message["params"]["diagnostics"]
                    .as_array()
                    .is_some_and(|all| all.len() == wanted)
        }
    };
    let told = client.wait(published("b", 1)).await;
    let start = json!({"line": 1, "character": 6});
    assert_eq!(told["params"]["diagnostics"][0]["range"]["start"], start);
    client.wait(published("a", 0)).await;
    // A cell is edited, then another is put before it.
    let change = json!({
        "notebookDocument": {"uri": notebook, "version": 2},
        "change": {"cells": {"textContent": [{
            "document": {"uri": cell("a"), "version": 2},
            "changes": [{"range": {"start": {"line": 0, "character": 9}, "end": {"line": 0, "character": 9}}, "text": "\nos.system('ls')"}]}]}}});
    client.notify("notebookDocument/didChange", change).await;
    client.wait(published("a", 1)).await;
    let change = json!({
        "notebookDocument": {"uri": notebook, "version": 3},
        "change": {"cells": {"structure": {
            "array": {"start": 0, "deleteCount": 1, "cells": cells(folder.path(), &[("c", 2)])},
            "didOpen": [text("c", "!ls")],
            "didClose": [{"uri": cell("a")}]}}}});
    client.notify("notebookDocument/didChange", change).await;
    client.wait(published("c", 1)).await;
    client.wait(published("a", 0)).await;
    // `os` is no longer imported.
    client.wait(published("b", 0)).await;
    let close = json!({"notebookDocument": {"uri": notebook}, "cellTextDocuments": []});
    client.notify("notebookDocument/didClose", close).await;
    client.wait(published("c", 0)).await;
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn places_are_told_in_the_encoding_agreed_on() {
    let folder = folder(&[BLOCK_ALL]);
    let text =
        "import os\r\n'\u{1f600}\u{e9}'; os.system('ls')\rx = 1\r\n'\u{1f600}'; os.system('ls')";
    for (offered, agreed, columns) in [
        (json!(["utf-8", "utf-16"]), "utf-8", (10, 8)),
        (json!(["utf-32"]), "utf-32", (6, 5)),
        (json!(["utf-7", "utf-16"]), "utf-16", (7, 6)),
        (Value::Null, "utf-16", (7, 6)),
    ] {
        let mut with = capabilities();
        with["general"] = json!({"positionEncodings": offered});
        if offered.is_null() {
            with["general"] = json!({});
        }
        let mut client = Client::start();
        let result = client.initialize(&[folder.path()], with, Value::Null).await;
        assert_eq!(result["capabilities"]["positionEncoding"], agreed);
        let path = folder.path().join("a.py");
        client.open(&path, 1, text).await;
        let told = client.published(&path, 1).await;
        let start = |at: usize| told[at]["range"]["start"].clone();
        assert_eq!(start(0), json!({"line": 1, "character": columns.0}), "{agreed}");
        assert_eq!(start(1), json!({"line": 3, "character": columns.1}), "{agreed}");
        assert_eq!(client.end().await.code(), 0);
    }
}

#[tokio::test]
async fn a_text_the_editor_has_decoded_is_not_decoded_again() {
    let folder = folder(&[BLOCK_ALL]);
    let path = folder.path().join("a.py");
    let mut client = Client::of(folder.path()).await;
    client.open(&path, 1, "# coding: latin-1\nimport os\n'\u{e9}'; os.system('ls')\n").await;
    let told = client.published(&path, 1).await;
    assert_eq!(told[0]["range"]["start"], json!({"line": 2, "character": 5}));
    client.replace(&path, 2, "# coding: nonsense\n").await;
    assert_eq!(rules(&client.published(&path, 2).await), ["not-analysed"]);
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn a_baseline_is_obeyed() {
    let folder = folder(&[
        ("hermetic.toml", "no-subprocess = true\n[check]\nbaseline = 'known.json'\n"),
        ("known.json", "{\"version\": 1, \"findings\": []}\n"),
        ("a.py", CALL),
    ]);
    let path = folder.path().join("a.py");
    let mut client = Client::of(folder.path()).await;
    client.open(&path, 1, CALL).await;
    client.until(&path, |all| rules(all) == ["shell-command"]).await;
    assert_eq!(client.end().await.code(), 0);

    write(folder.path(), "known.json", &baseline_of(folder.path()));
    let mut client = Client::of(folder.path()).await;
    client.open(&path, 1, CALL).await;
    assert_eq!(client.published(&path, 1).await, Vec::<Value>::new());
    // What is new is told, and the line that was there before is known further down, too.
    client.replace(&path, 2, &format!("import os\nos.popen('x')\n{CALL}")).await;
    assert_eq!(client.published(&path, 2).await.len(), 1);
    assert_eq!(client.end().await.code(), 0);
}

/// A baseline of what the command line finds in a folder.
fn baseline_of(folder: &Path) -> String {
    let flags = Flags { fingerprints: true, ..Flags::default() };
    let nearest = Arc::new(Nearest::search(flags, folder).expect("right"));
    let settings = project::Settings {
        discover: DiscoverOptions { roots: vec![folder.to_owned()], ..DiscoverOptions::default() },
        base: folder.to_owned(),
        judgement: Judgement::clone(&nearest.common().judgement),
        per_file: Some(Arc::clone(&nearest) as Arc<dyn PerFile>),
        ..project::Settings::default()
    };
    let report = project::check(&settings, &AtomicUsize::new(0)).expect("threads");
    let findings = report.files.iter().map(|file| file.diagnostics.len()).sum::<usize>();
    assert_eq!(findings, 1, "{report:?}");
    Baseline::of(&report, &Plain).to_json()
}

/// Paths as they are shown.
struct Plain;

impl Surroundings for Plain {
    fn path(&self, file: &FileReport) -> String {
        file.path.clone()
    }

    fn is_gone(&self, _path: &str) -> bool {
        false
    }

    fn would_tell(&self, _path: &str, _rule: &'static Rule) -> bool {
        true
    }
}

#[tokio::test]
async fn the_way_through_other_files_is_told() {
    let folder = folder(&[
        ("hermetic.toml", "no-subprocess = true\n"),
        ("package/__init__.py", "from .helper import run\n"),
        ("package/helper.py", "\nfrom os import system as run\n"),
    ]);
    let path = folder.path().join("main.py");
    let text = "from package import run\nrun('x')\n";
    let mut client = Client::of(folder.path()).await;
    client.open(&path, 1, text).await;
    let told = client.until(&path, |all| rules(all) == ["shell-command"]).await;
    let related = told[0]["relatedInformation"].as_array().expect("a way");
    let steps: Vec<(&str, Option<u64>)> = related
        .iter()
        .map(|one| {
            let uri = one["location"]["uri"].as_str().expect("a file");
            let name = uri.rsplit('/').next().unwrap_or_default();
            (name, one["location"]["range"]["start"]["line"].as_u64())
        })
        .collect();
    assert_eq!(steps, [("__init__.py", Some(0)), ("helper.py", Some(1))], "{related:?}");
    assert_eq!(client.end().await.code(), 0);
}
