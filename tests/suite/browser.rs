//! The page of `--output html`, opened in headless Chromium: somebody searches, clicks, and sees
//! the call path.
//!
//! Needs Node with npm, and Chromium (`HERMETIC_CHROMIUM`, or a usual name on the path);
//! playwright-core, which drives it, is installed below `target/browser`. Where one is missing the
//! tests are skipped, and say so. Pictures are left in `target/browser`; `HERMETIC_PICTURES=1`
//! renews those of the documents.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::process::{Project, run_group};
use crate::repository::{root, skip};

/// It brings no browser of its own.
const PLAYWRIGHT: &str = "playwright-core@1.65.1";
/// What draws the flow charts, as its package has it in one file.
const MERMAID: (&str, &str) = ("mermaid@11.17.2", "package/dist/mermaid.min.js");

/// What drives the browser, and the browser.
struct Browser {
    folder: PathBuf,
    chromium: PathBuf,
}

/// The browser, or why there is none.
fn browser(test: &str) -> Option<&'static Browser> {
    static BROWSER: OnceLock<Result<Browser, String>> = OnceLock::new();
    match BROWSER.get_or_init(find_browser) {
        Ok(browser) => Some(browser),
        Err(reason) => {
            skip(test, reason);
            None
        }
    }
}

fn find_browser() -> Result<Browser, String> {
    let chromium = chromium().ok_or("Chromium is not installed")?;
    if on_path(&["node"]).is_none() || on_path(&["npm"]).is_none() {
        return Err("Node with npm is not installed".to_owned());
    }
    let folder = root().join("target/browser");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let version = PLAYWRIGHT.rsplit('@').next().unwrap_or_default();
    let manifest = folder.join("node_modules/playwright-core/package.json");
    let installed = std::fs::read_to_string(manifest)
        .is_ok_and(|text| text.contains(&format!("\"version\": \"{version}\"")));
    if !installed {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]);
        npm.arg("--prefix").arg(&folder).arg(PLAYWRIGHT);
        let ended = npm.stdin(Stdio::null()).output().map_err(|e| format!("npm: {e}"))?;
        if !ended.status.success() {
            return Err(format!("{PLAYWRIGHT} cannot be installed here"));
        }
    }
    Ok(Browser { folder, chromium })
}

/// The browser: `HERMETIC_CHROMIUM`, or one on the path.
pub(crate) fn chromium() -> Option<PathBuf> {
    std::env::var_os("HERMETIC_CHROMIUM")
        .map(PathBuf::from)
        .or_else(|| on_path(&["chromium", "chromium-browser", "google-chrome"]))
}

pub(crate) fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let places = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}

/// What was seen of a page, with nothing on the console and nothing asked for.
#[track_caller]
fn look(browser: &Browser, page: &Path, how: &Value, actions: &Value) -> Vec<Value> {
    let json = open(browser, page, how, actions);
    assert_eq!(json["told"], json!([]), "on the console");
    assert_eq!(json["asked"], json!([]), "asked for");
    json["seen"].as_array().cloned().expect("a list")
}

/// All there is to be said of a page; see `tests/browser/look.mjs`.
#[track_caller]
fn open(browser: &Browser, page: &Path, how: &Value, actions: &Value) -> Value {
    let profile = tempfile::tempdir().expect("a temporary folder");
    let mut task = json!({
        "playwright": browser.folder, "chromium": browser.chromium, "profile": profile.path(),
        "page": page, "width": 1400, "height": 820, "dark": false, "script": true,
        "actions": actions,
    });
    for (key, value) in how.as_object().into_iter().flatten() {
        task[key] = value.clone();
    }
    let mut node = Command::new("node");
    node.arg(root().join("tests/browser/look.mjs"));
    run_group(&mut node, task.to_string().as_bytes()).exits(0).json()
}

/// A shop with a mailer, jobs, a notebook, a file in Latin-1, and an HTTP client of its own.
fn shop() -> Project {
    let notebook = json!({
        "nbformat": 4, "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "language": "python"}},
        "cells": [
            {"cell_type": "markdown", "source": "# Sales"},
            {"cell_type": "code", "source": "import shop.storage\n"},
            {"cell_type": "code", "source": "def sales():\n    return shop.storage.load('sales')\n\n\nsales()\n"},
        ],
    });
    let project = Project::new(&[
        ("shop/__init__.py", "from shop.app import main\n"),
        (
            "shop/app.py",
            "from shop import jobs, mail, orders, settings\n\n\ndef main():\n    \
             for order in orders.pending():\n        mail.confirm(order, settings.SENDER)\n    \
             jobs.archive('orders.json')\n",
        ),
        (
            "shop/jobs.py",
            "import subprocess\n\n\ndef archive(name):\n    # One file a night.\n    \
             subprocess.run(['gzip', name], check=True)\n",
        ),
        (
            "shop/mail.py",
            "import tinyhttp\n\n\ndef confirm(order, sender):\n    text = f'{sender}: {order}'\n    \
             tinyhttp.post('https://mail.example.com/send', text)\n",
        ),
        (
            "shop/orders.py",
            "from shop import plugins, storage\n\n\ndef pending():\n    \
             for hook in plugins.hooks():\n        hook()\n    return storage.load('orders.json')\n",
        ),
        (
            "shop/plugins.py",
            "import importlib\nimport os\n\n\ndef hooks():\n    \
             return [importlib.import_module(name).hook for name in os.environ['HOOKS'].split()]\n",
        ),
        ("shop/settings.py", "import os\n\nSENDER = os.environ['SENDER']\n"),
        (
            "shop/storage.py",
            "import pickle\n\n\ndef load(name):\n    with open(name, 'rb') as file:\n        \
             return pickle.load(file)\n",
        ),
        (
            "tinyhttp/__init__.py",
            "from tinyhttp.client import Client\n\n\ndef post(url, text):\n    \
             client = Client(url)\n    return client.send(text)\n",
        ),
        (
            "tinyhttp/client.py",
            "import socket\n\n\nclass Client:\n    def __init__(self, url):\n        \
             self.host = url.split('/')[2]\n\n    def send(self, text):\n        \
             with socket.create_connection((self.host, 443)) as link:\n            \
             link.sendall(text.encode())\n",
        ),
        ("deploy.py", "import os\n\nos.system('rsync -a shop/ server:')\n"),
        ("sales.ipynb", &notebook.to_string()),
    ]);
    let latin =
        b"# -*- coding: latin-1 -*-\nimport os\n\n# Gr\xf6\xdfe\nos.remove('gr\xf6\xdfe')\n";
    project.write("shop/legacy.py", latin);
    project
}

fn page_of(project: &Project) -> PathBuf {
    project.run(&["--capabilities", "--output", "html=page.html"]).exits(0);
    project.path().join("page.html")
}

#[test]
fn somebody_searches_clicks_and_sees_the_path() {
    let Some(browser) = browser("browser") else { return };
    let project = shop();
    let page = page_of(&project);
    let picture = browser.folder.join("capabilities.png");
    let seen = look(
        browser,
        &page,
        &json!({}),
        &json!([
            ["rows"],
            ["fill", "mail"],
            ["rows"],
            ["evaluate", "document.getElementById('count').textContent"],
            ["fill", ""],
            ["click", "#reach button:has-text('subprocess')"],
            ["click", "#when label:has-text('on import')"],
            ["rows"],
            ["click", "#when label:has-text('any time')"],
            ["click", "#reach button:has-text('subprocess')"],
            ["cell", "shop.app", "network", "call"],
            ["detail"],
            ["shot", picture],
            ["cell", "sales", "filesystem", "import"],
            ["detail"],
            ["cell", "shop.legacy", "filesystem", "import"],
            ["detail"],
            ["cell", "shop.orders", "unresolved", "call"],
            ["detail"],
            ["click", "#close"],
            ["detail"],
        ]),
    );
    let rows = |at: usize| seen[at].as_array().cloned().unwrap_or_default();
    assert_eq!(rows(0).len(), 15, "packages and modules: {:?}", seen[0]);
    assert_eq!(seen[1], json!(["shop", "shop.mail"]));
    assert_eq!(seen[2], "1 of 13");
    assert_eq!(seen[3], json!(["deploy"]));

    let network = &seen[4];
    assert_eq!(network["name"], "shop.app");
    assert_eq!(network["what"], "network, if called, in 5 steps");
    let steps = network["steps"].as_array().expect("steps");
    let names: Vec<_> = steps.iter().map(|step| step["name"].as_str().unwrap_or("")).collect();
    assert_eq!(
        names,
        [
            "shop.app.main",
            "shop.mail.confirm",
            "tinyhttp.post",
            "tinyhttp.client.Client.send",
            "socket.create_connection"
        ]
    );
    let last = &steps[4];
    assert_eq!(last["place"], "tinyhttp/client.py:9");
    let marked = "        with socket.create_connection((self.host, 443)) as link:";
    assert_eq!(last["marked"], json!([marked]));
    assert_eq!(last["rows"].as_array().map(Vec::len), Some(4), "two rows above, one below: {last}");
    assert!(picture.is_file());

    let notebook = seen[5]["steps"].as_array().expect("steps");
    assert_eq!(notebook[0]["place"], "sales.ipynb:cell 3:5");
    assert_eq!(notebook[0]["marked"], json!(["sales()"]));
    let latin = &seen[6]["steps"][0];
    assert_eq!(latin["marked"], json!(["os.remove('größe')"]));
    assert_eq!(latin["rows"][1], "4# Größe");
    assert!(seen[7]["what"].as_str().is_some_and(|what| what.contains("could not be followed")));
    assert_eq!(seen[7]["steps"][0]["marked"], json!(["        hook()"]));
    assert_eq!(seen[8], Value::Null);

    if std::env::var_os("HERMETIC_PICTURES").is_some() {
        let place = root().join("docs/images/capabilities.png");
        std::fs::copy(&picture, place).expect("the picture is renewed");
    }
}

#[test]
fn the_keyboard_is_enough() {
    let Some(browser) = browser("browser") else { return };
    let project = shop();
    let page = page_of(&project);
    let seen = look(
        browser,
        &page,
        &json!({"dark": true}),
        &json!([
            ["press", "/"],
            ["focus"],
            ["fill", "tinyhttp"],
            ["evaluate", "document.querySelector('#matrix button[tabindex=\"0\"]').focus()"],
            ["focus"],
            ["press", "Enter"],
            ["evaluate", "document.activeElement.ariaExpanded"],
            ["press", "Enter"],
            ["press", "ArrowDown"],
            ["focus"],
            ["press", "Enter"],
            ["detail"],
            ["press", "ArrowDown"],
            ["press", "Escape"],
            ["detail"],
            ["focus"],
            ["evaluate", "document.querySelectorAll('#matrix button[tabindex=\"0\"]').length"],
            ["evaluate", "getComputedStyle(document.body).backgroundColor"],
            ["shot", browser.folder.join("dark.png")],
        ]),
    );
    assert_eq!(seen[0], json!(["", "search"]));
    assert_eq!(seen[1], Value::Null);
    assert_eq!(seen[2], json!(["tinyhttp", "tinyhttp"]), "the only stop of the tab key");
    assert_eq!(seen[3], "false", "folded");
    assert_eq!(seen[4], json!(["tinyhttp", "call"]), "the nearest below");
    assert_eq!(seen[5]["what"], "network, if called, in 3 steps");
    assert_eq!(seen[6], Value::Null, "closed");
    assert_eq!(seen[7], json!(["tinyhttp", "call"]), "back where it was opened");
    assert_eq!(seen[8], 1);
    assert_eq!(seen[9], "rgb(15, 20, 27)");
}

#[test]
fn a_path_has_an_address_and_a_narrow_page_shows_it() {
    let Some(browser) = browser("browser") else { return };
    let project = shop();
    let page = page_of(&project);
    let seen = look(
        browser,
        &page,
        &json!({"width": 420, "height": 800}),
        &json!([
            ["evaluate", "location.hash = '#subprocess/0/deploy'"],
            ["evaluate", "new Promise((done) => setTimeout(done, 100))"],
            ["detail"],
            ["evaluate", "document.getElementById('detail').getBoundingClientRect().bottom"],
            ["evaluate", "document.documentElement.scrollWidth"],
            ["shot", browser.folder.join("narrow.png")],
        ]),
    );
    assert_eq!(seen[2]["steps"][0]["marked"], json!(["os.system('rsync -a shop/ server:')"]));
    assert_eq!(seen[3], 800);
    assert_eq!(seen[4], 420, "nothing hangs out of the page but inside the table");
}

#[test]
fn without_scripts_it_is_a_table() {
    let Some(browser) = browser("browser") else { return };
    let project = shop();
    let page = page_of(&project);
    // The browser's own scripts run all the same.
    let seen = look(
        browser,
        &page,
        &json!({"script": false}),
        &json!([
            ["rows"],
            ["evaluate", "document.querySelector('#filter').offsetParent"],
            ["evaluate", "document.querySelector('tbody.modules td button').offsetWidth > 20"],
        ]),
    );
    assert_eq!(seen[0].as_array().map(Vec::len), Some(15), "nothing is folded: {:?}", seen[0]);
    assert_eq!(seen[1], Value::Null, "controls that do nothing are not there");
    assert_eq!(seen[2], true);
}

#[test]
fn what_a_program_says_is_never_run() {
    let Some(browser) = browser("browser") else { return };
    let name = "x\"><img src=x onerror=pwned=1><script>pwned=1<%2fscript>'.py";
    let line = "os.system('</script><script>pwned=1</script><!--<script>\u{202e}') # \u{2028}\n";
    let text = format!("import os\n{line}");
    let project = Project::new(&[(name, &text)]);
    let page = page_of(&project);
    let module = name.strip_suffix(".py").unwrap_or(name);
    let seen = look(
        browser,
        &page,
        &json!({}),
        &json!([
            ["evaluate", "typeof pwned"],
            ["cell", module, "subprocess", "import"],
            ["detail"],
            ["evaluate", "typeof pwned + document.images.length + document.scripts.length"],
        ]),
    );
    assert_eq!(seen[0], "undefined");
    let step = &seen[1]["steps"][0];
    assert_eq!(step["place"], json!(format!("{name}:2")));
    let shown = line
        .trim_end_matches('\n')
        .replace('\u{202e}', "\\u{202e}")
        .replace('\u{2028}', "\\u{2028}");
    assert_eq!(step["marked"], json!([shown]));
    assert_eq!(seen[2], "undefined02");
}

#[test]
fn markup_that_gets_in_all_the_same_does_not_run() {
    let Some(browser) = browser("browser") else { return };
    let project = shop();
    let page = page_of(&project);
    let text = std::fs::read_to_string(&page).expect("a page");
    let markup = "<b id=x onclick='pwned=1'>x</b><script>pwned=1</script>\
                  <img src='http://192.0.2.1/x'>";
    std::fs::write(&page, text.replace("</h1>", &format!("</h1>{markup}"))).expect("written");
    let actions = json!([["click", "#x"], ["evaluate", "typeof pwned"], ["rows"]]);
    let json = open(browser, &page, &json!({}), &actions);
    assert_eq!(json["seen"][0], "undefined");
    assert!(json["told"].to_string().contains("Content Security Policy"), "{json}");
    assert_eq!(json["asked"], json!([]), "no request leaves");
    assert_eq!(json["refused"], json!(["http://192.0.2.1/x"]));
    assert_eq!(json["seen"][1].as_array().map(Vec::len), Some(15), "and the page works");
}

/// The library that draws flow charts, or why there is none.
fn mermaid(browser: &Browser) -> Result<PathBuf, String> {
    let (package, member) = MERMAID;
    let folder = browser.folder.join(package);
    let script = folder.join(member);
    if script.is_file() {
        return Ok(script);
    }
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let ran = |command: &mut Command| {
        command
            .current_dir(&folder)
            .stdin(Stdio::null())
            .output()
            .is_ok_and(|it| it.status.success())
    };
    let archive = format!("{}.tgz", package.replace('@', "-"));
    let packed = ran(Command::new("npm").args(["pack", "--silent", package]));
    if packed && ran(Command::new("tar").args(["-xzf", &archive, member])) {
        return Ok(script);
    }
    Err(format!("{package} cannot be had here"))
}

#[test]
fn mermaid_draws_the_flow_chart() {
    let Some(browser) = browser("browser") else { return };
    let script = match mermaid(browser) {
        Ok(script) => script,
        Err(reason) => return skip("browser", &reason),
    };
    let project = shop();
    let hostile = "a\"]; end <b> & \\n #quot; `x` {y} %% click";
    project.write(format!("{hostile}.py"), b"import os\nos.system('true')\n");
    project.write("end.py", b"import os\nos.system('true')\n");
    let chart = project.run(&["--capabilities", "--output", "mermaid"]).exits(0).stdout;
    project.write("blank.html", b"<!doctype html><meta charset=utf-8><title>x</title>");
    let draw = format!(
        "mermaid.render('chart', {}).then((drawn) => {{ document.body.innerHTML = drawn.svg; \
         return Array.from(document.querySelectorAll('.nodeLabel'), (it) => it.textContent); }})",
        Value::from(chart.as_str())
    );
    let page = project.path().join("blank.html");
    let actions = json!([
        ["script", script],
        ["evaluate", "mermaid.initialize({ startOnLoad: false })"],
        ["evaluate", draw],
        ["evaluate", "document.querySelectorAll('.edgePaths path').length"],
        ["shot", browser.folder.join("mermaid.png")],
    ]);
    let seen = look(browser, &page, &json!({}), &actions);
    let labels: Vec<&str> =
        seen[1].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for name in [hostile, "end", "shop.app", "tinyhttp.client", "network", "subprocess"] {
        assert!(labels.contains(&name), "{name}: {labels:?}");
    }
    let arrows = chart.lines().filter(|line| line.contains("->")).count();
    assert_eq!(seen[2], json!(arrows));
}
