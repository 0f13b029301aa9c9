//! The server finds what the command line finds, after whatever edits.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hermetic_check::configuration::{Flags, Nearest};
use hermetic_check::discover::DiscoverOptions;
use hermetic_check::judge::Judgement;
use hermetic_check::project::{self, PerFile};
use hermetic_lsp::text::{Edit, Encoding, Place, Text};
use serde_json::{Value, json};

use crate::client::{Client, capabilities};
use crate::{folder, write};

/// What the command line finds below a folder: path, place and rule, as the protocol counts.
fn command_line(folder: &Path) -> Vec<(PathBuf, u64, u64, String, String)> {
    let nearest = Arc::new(Nearest::search(Flags::default(), folder).expect("right"));
    let common = &nearest.common().configuration;
    let settings = project::Settings {
        discover: DiscoverOptions {
            roots: vec![folder.to_owned()],
            ignore_files: true,
            exclude: common.exclude.clone(),
            extend_exclude: common.extend_exclude.clone(),
            ..DiscoverOptions::default()
        },
        base: folder.to_owned(),
        judgement: Judgement::clone(&nearest.common().judgement),
        per_file: Some(Arc::clone(&nearest) as Arc<dyn PerFile>),
        threads: Some(2),
        ..project::Settings::default()
    };
    let report = project::check(&settings, &AtomicUsize::new(0)).expect("threads");
    let mut all = Vec::new();
    for file in report.files {
        let path = file.source.expect("a file");
        for finding in file.diagnostics {
            let start = finding.span.start;
            let (row, column) = (u64::from(start.row) - 1, u64::from(start.column) - 1);
            let related: Vec<String> =
                finding.related.iter().map(|related| related.message.clone()).collect();
            let told = format!("{} {} {related:?}", finding.rule.0.name, finding.message);
            all.push((path.clone(), row, column, told, finding.level.name().to_owned()));
        }
    }
    all.sort();
    all
}

/// What the server says of all open files.
async fn server(
    client: &mut Client,
    files: &[PathBuf],
) -> Vec<(PathBuf, u64, u64, String, String)> {
    let mut all = Vec::new();
    for path in files {
        let params = json!({"textDocument": {"uri": crate::client::uri(path)}});
        let report = client.request("textDocument/diagnostic", params).await.expect("a report");
        for told in report["items"].as_array().expect("a list") {
            let related = told["relatedInformation"].as_array().cloned().unwrap_or_default();
            let related: Vec<&str> =
                related.iter().filter_map(|related| related["message"].as_str()).collect();
            let message = told["message"].as_str().expect("a text").lines().next();
            let level = match told["severity"].as_u64() {
                Some(1) => "error",
                Some(2) => "warn",
                _ => "info",
            };
            all.push((
                path.clone(),
                told["range"]["start"]["line"].as_u64().expect("a row"),
                told["range"]["start"]["character"].as_u64().expect("a column"),
                format!(
                    "{} {} {related:?}",
                    told["code"].as_str().expect("a rule"),
                    message.unwrap_or_default()
                ),
                level.to_owned(),
            ));
        }
    }
    all.sort();
    all
}

/// A client that counts characters, as the analyzer does.
fn in_characters() -> Value {
    let mut with = capabilities();
    with["general"] = json!({"positionEncodings": ["utf-32"]});
    with
}

/// Wait until the folder has been looked at.
async fn scanned(client: &mut Client) {
    loop {
        let params = json!({"command": "hermetic.debugInformation"});
        let known = client.request("workspace/executeCommand", params).await.expect("known");
        if known["scanned"] == true {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

fn python_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("listed").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "py") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// A program whose files take from each other.
fn program() -> tempfile::TempDir {
    folder(&[
        ("hermetic.toml", "profile = 'block-all'\n"),
        ("inner/hermetic.toml", "no-network = true\n"),
        (
            "inner/net.py",
            "import socket, os\nsocket.create_connection(('a.example', 1))\nos.system('x')\n",
        ),
        (
            "helper.py",
            "from os import system as go\nfrom socket import socket\n\n\nclass Base(socket):\n    pass\n",
        ),
        ("facade.py", "from helper import *\nfrom helper import go as run\n"),
        (
            "main.py",
            "import helper, facade\nfrom facade import run\n\n\ndef main():\n    helper.go('a')\n    facade.run('b')\n    run('c')\n    helper.Base().connect(('a.example', 1))\n",
        ),
        ("accepted.py", "import os\nos.system('x')  # hermetic: ignore[shell-command] known\n"),
        ("broken.py", "import os\nos.system('x')\ndef (:\n"),
    ])
}

#[tokio::test]
async fn a_program_has_the_findings_of_the_command_line() {
    let folder = program();
    let files = python_files(folder.path());
    let mut client = Client::with(&[folder.path()], in_characters(), Value::Null).await;
    scanned(&mut client).await;
    for path in &files {
        let text = std::fs::read_to_string(path).expect("a file");
        client.open(path, 1, &text).await;
    }
    let expected = command_line(folder.path());
    assert!(expected.len() > 8, "{expected:?}");
    assert_eq!(server(&mut client, &files).await, expected);
    // Of files that are not open, too.
    for path in &files {
        client.close(path).await;
    }
    assert_eq!(client.end().await.code(), 0);
}

/// Real files: those of the folder that `HERMETIC_FILES` names, or else some of the standard
/// library.
#[tokio::test]
async fn real_files_have_the_findings_of_the_command_line() {
    const OF_THE_LIBRARY: usize = 150;
    let named = std::env::var_os("HERMETIC_FILES").map(|folder| (folder.into(), usize::MAX));
    let library = || Some((standard_library()?, OF_THE_LIBRARY));
    let Some((from, most)) = named.or_else(library) else {
        crate::skip("real_files_have_the_findings_of_the_command_line", "no python3");
        return;
    };
    let folder = folder(&[("hermetic.toml", "profile = 'block-all'\n")]);
    for path in python_files(&from).iter().take(most) {
        let to = folder.path().join("code").join(path.strip_prefix(&from).expect("inside"));
        std::fs::create_dir_all(to.parent().expect("inside")).expect("a folder");
        std::fs::copy(path, to).expect("copied");
    }
    let expected = command_line(folder.path());
    assert!(expected.len() > 20, "{expected:?}");
    let mut client = Client::with(&[folder.path()], in_characters(), Value::Null).await;
    scanned(&mut client).await;
    let (mut found, mut looked) = (Vec::new(), 0);
    // A window moves over them: most are not open, as in an editor.
    for paths in python_files(folder.path()).chunks(20) {
        for path in paths {
            // What is not UTF-8 an editor would decode.
            let Ok(text) = std::fs::read_to_string(path) else { continue };
            client.open(path, 1, &text).await;
            looked += 1;
            found.extend(server(&mut client, std::slice::from_ref(path)).await);
        }
        for path in paths {
            client.close(path).await;
        }
    }
    let is_text = |path: &Path| std::fs::read_to_string(path).is_ok();
    let expected: Vec<_> = expected.into_iter().filter(|(path, ..)| is_text(path)).collect();
    found.sort();
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
    assert!(looked > 50, "{looked}");
    assert_eq!(client.end().await.code(), 0);
}

/// The standard library of the Python that is there.
fn standard_library() -> Option<PathBuf> {
    let mut python = std::process::Command::new("python3");
    python.args(["-I", "-c", "import os; print(os.path.dirname(os.__file__))"]);
    let told = python.output().ok().filter(|output| output.status.success())?;
    Some(PathBuf::from(String::from_utf8(told.stdout).ok()?.trim()))
}

#[tokio::test]
async fn workspace_diagnostics_are_those_of_the_command_line() {
    let folder = program();
    let options = json!({"diagnosticMode": "workspace"});
    let mut with = in_characters();
    with["textDocument"]["diagnostic"] = json!({"relatedInformation": true});
    with["workspace"]["diagnostics"] = json!({"refreshSupport": true});
    let mut client = Client::with(&[folder.path()], with, options).await;
    scanned(&mut client).await;
    let expected = command_line(folder.path()).len();
    let params = json!({"previousResultIds": []});
    let report = client.request("workspace/diagnostic", params).await.expect("a report");
    let items = report["items"].as_array().expect("a list").clone();
    let count: usize = items.iter().filter_map(|item| Some(item["items"].as_array()?.len())).sum();
    assert_eq!(count, expected);
    // Asked again, nothing has changed.
    let known: Vec<Value> =
        items.iter().map(|item| json!({"uri": item["uri"], "value": item["resultId"]})).collect();
    let params = json!({"previousResultIds": known});
    let report = client.request("workspace/diagnostic", params).await.expect("a report");
    let items = report["items"].as_array().expect("a list");
    assert!(items.iter().all(|item| item["kind"] == "unchanged"), "{items:?}");
    assert_eq!(client.end().await.code(), 0);
}

/// A random number generator that is the same everywhere (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % (limit.max(1) as u64)).expect("below a usize")
    }
}

const PIECES: [&str; 22] = [
    "import os\n",
    "import helper\n",
    "from helper import go\n",
    "from helper import *\n",
    "from os import system as go\n",
    "os.system('ls')\n",
    "helper.go('x')\n",
    "go('x')\n",
    "def f():\n    ",
    "class C(",
    "\r\n",
    "\r",
    "\n",
    "é",
    "\u{1f600}",
    "'",
    "# hermetic: ignore[shell-command] why\n",
    "(",
    ")",
    " ",
    "x = 1\n",
    "from socket import socket\n",
];

/// Edits one file of a program at random, and now and then compares everything.
async fn law(encoding: Encoding, offered: &str, edits: usize, compare_every: usize) {
    let files = ["helper.py", "main.py"];
    let folder =
        folder(&[("hermetic.toml", "profile = 'block-all'\n"), (files[0], ""), (files[1], "")]);
    let paths = files.map(|file| folder.path().join(file));
    let mut with = capabilities();
    with["general"] = json!({"positionEncodings": [offered]});
    let mut client = Client::with(&[folder.path()], with, Value::Null).await;
    scanned(&mut client).await;
    let mut texts = [Text::default(), Text::default()];
    for path in &paths {
        client.open(path, 0, "").await;
    }
    let mut random = Random(0x6865_726d_6574_6963);
    for step in 1..=edits {
        let of = random.below(2);
        let text = &mut texts[of];
        let place = |random: &mut Random| Place {
            row: u32::try_from(random.below(text.rows() + 1)).expect("few"),
            column: u32::try_from(random.below(24)).expect("few"),
        };
        let start = place(&mut random);
        // Texts stay short: much is taken away.
        let end = if random.below(3) == 0 || text.as_str().len() > 400 {
            place(&mut random)
        } else {
            start
        };
        let (start, end) = (start.min(end), start.max(end));
        let new = if text.as_str().len() > 600 { "" } else { PIECES[random.below(PIECES.len())] };
        let at = |place: Place| json!({"line": place.row, "character": place.column});
        let change = json!([{"range": {"start": at(start), "end": at(end)}, "text": new}]);
        let version = i32::try_from(step).expect("few");
        client.change(&paths[of], version, change).await;
        text.edit(vec![Edit { range: Some((start, end)), text: new.to_owned() }], encoding);
        if step % compare_every == 0 || step == edits {
            // A cold server, given the texts as a whole.
            let mut cold = capabilities();
            cold["general"] = json!({"positionEncodings": [offered]});
            let mut cold = Client::with(&[folder.path()], cold, Value::Null).await;
            scanned(&mut cold).await;
            for (path, text) in paths.iter().zip(&texts) {
                write(
                    folder.path(),
                    path.file_name().and_then(|it| it.to_str()).expect("a name"),
                    text.as_str(),
                );
                cold.open(path, 0, text.as_str()).await;
            }
            let (warm, cold_found) =
                (server(&mut client, &paths).await, server(&mut cold, &paths).await);
            assert_eq!(warm, cold_found, "after {step} edits: {texts:?}");
            if encoding == Encoding::Utf32 {
                assert_eq!(warm, command_line(folder.path()), "after {step} edits: {texts:?}");
            }
            assert_eq!(cold.end().await.code(), 0);
        }
    }
    assert_eq!(client.end().await.code(), 0);
}

#[tokio::test]
async fn ten_thousand_edits_in_utf8() {
    law(Encoding::Utf8, "utf-8", 10_000, 200).await;
}

#[tokio::test]
async fn ten_thousand_edits_in_utf16() {
    law(Encoding::Utf16, "utf-16", 10_000, 200).await;
}

#[tokio::test]
async fn ten_thousand_edits_in_utf32() {
    law(Encoding::Utf32, "utf-32", 10_000, 200).await;
}
