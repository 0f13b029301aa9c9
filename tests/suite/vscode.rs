//! The extension for VS Code: its manifest against the catalogue of rules, its own checks, and
//! what somebody sees who uses it, in VS Code's server build and headless Chromium.
//!
//! Needs npm, which installs below `target/vscode` what the tests run with: a Node of the version
//! that code-server wants, code-server, and the extension's own tools. The tests in the browser
//! need Chromium (`HERMETIC_CHROMIUM`, or a usual name on the path) as well. Where one is missing
//! the tests are skipped, and say so. Pictures are left in `target/vscode/shots`;
//! `HERMETIC_PICTURES=1` renews those of the extension's page.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use hermetic_policy::profile::PROFILES;
use hermetic_policy::rules;
use serde_json::{Map, Value, json};

use crate::browser::{chromium, on_path};
use crate::generated::fresh;
use crate::process::{Run, built, run_group_within};
use crate::repository::{assert_none, files, read, root, skip};

const FOLDER: &str = "editors/vscode";
const MANIFEST: &str = "editors/vscode/package.json";
/// The Node that code-server wants, as a package for one system.
const NODE: &str = "24.21.0";
const CODE_SERVER: &str = "4.139.1";
/// Parts of code-server that are compiled where it is installed. Others are for what no test does.
const COMPILED: [&str; 4] =
    ["@vscode/spdlog", "@vscode/native-watchdog", "@parcel/watcher", "node-pty"];
/// Longer than an installation takes, or a suite.
const PATIENCE: Duration = Duration::from_mins(15);
/// The pictures of the extension's page.
const PICTURES: [&str; 3] = ["hover", "problems", "broken"];

#[test]
fn the_settings_have_every_rule_and_every_profile() {
    let text = read(MANIFEST);
    let mut names: Vec<_> = rules::all().collect();
    names.sort_by_key(|rule| rule.name);
    let mut levels = Map::new();
    for rule in names {
        let level = json!({
            "type": "string", "enum": ["error", "warn", "info", "off"],
            "description": format!("{} ({}; by default {})", rule.summary, rule.capability, rule.level.name()),
        });
        levels.insert(rule.name.to_owned(), level);
    }
    let profiles: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
    let summaries: Vec<&str> = PROFILES.iter().map(|profile| profile.summary).collect();
    let text = replaced(&text, "hermetic.levels", "properties", &Value::Object(levels));
    let items = json!({"type": "string", "enum": profiles, "enumDescriptions": summaries});
    let text = replaced(&text, "hermetic.profile", "items", &items);
    fresh(MANIFEST, &text);
}

/// The manifest with another value at a key of a setting. It is a text and not parsed and written
/// anew, so that everything else stays in its order.
fn replaced(text: &str, setting: &str, key: &str, value: &Value) -> String {
    let indent = " ".repeat(10);
    let start = text.find(&format!("\"{setting}\": {{")).expect("the setting");
    let head = format!("\n{indent}\"{key}\": ");
    let from = start + text[start..].find(&head).expect("the key") + head.len();
    let rest = &text[from..];
    let to = match rest.find(&format!("\n{indent}}}")) {
        Some(end) if !rest.starts_with("{}") => end + indent.len() + 2,
        _ => 2,
    };
    let pretty = serde_json::to_string_pretty(value).expect("JSON");
    let pretty = pretty.replace('\n', &format!("\n{indent}"));
    format!("{}{pretty}{}", &text[..from], &rest[to..])
}

#[test]
fn the_manifest_agrees_with_the_rest() {
    let manifest: Value = serde_json::from_str(&read(MANIFEST)).expect("JSON");
    let mut complaints = Vec::new();
    if manifest["version"] != env!("CARGO_PKG_VERSION") {
        complaints.push(format!("{MANIFEST} is version {}", manifest["version"]));
    }
    let settings = &manifest["contributes"]["configuration"]["properties"];
    let in_code = read("editors/vscode/src/settings.ts");
    // The server's settings, as its own test holds that table to them.
    let document = read("docs/editors.md");
    let (_, table) = document.split_once("| setting | default |").expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| `"));
    for key in rows.filter_map(|row| row.split('`').nth(1)) {
        let setting = &settings[format!("hermetic.{key}")];
        if setting.is_null() {
            complaints.push(format!("{MANIFEST} has no setting hermetic.{key}"));
        }
        if !in_code.contains(&format!("\"{key}\"")) {
            complaints.push(format!("src/settings.ts does not tell the server {key}"));
        }
        let default = table.split(&format!("| `{key}` | `")).nth(1).expect("its row");
        let default: Value =
            serde_json::from_str(default.split('`').next().unwrap_or_default()).unwrap_or_default();
        if setting["default"] != default {
            complaints.push(format!("{key}: {} here, {default} there", setting["default"]));
        }
    }
    let page = read("editors/vscode/README.md");
    for name in settings.as_object().into_iter().flat_map(Map::keys) {
        if !page.contains(&format!("`{name}`")) {
            complaints.push(format!("editors/vscode/README.md does not tell of {name}"));
        }
    }
    for command in manifest["contributes"]["commands"].as_array().into_iter().flatten() {
        let title = command["title"].as_str().unwrap_or_default();
        if !page.contains(&format!("**{title}**")) {
            complaints.push(format!("editors/vscode/README.md does not tell of {title}"));
        }
    }
    let lock = read("editors/vscode/package-lock.json");
    if lock.contains("\"resolved\"") {
        complaints.push("package-lock.json names a registry: see .npmrc".to_owned());
    }
    assert_none(&complaints);
}

/// What the tests run with.
struct Tools {
    /// Node's folder of programs.
    programs: PathBuf,
    /// A copy of the extension with its own tools installed.
    extension: PathBuf,
}

fn target() -> PathBuf {
    root().join("target/vscode")
}

/// The tools, or why there are none.
fn tools(test: &str) -> Option<&'static Tools> {
    static TOOLS: OnceLock<Result<Tools, String>> = OnceLock::new();
    match TOOLS.get_or_init(install_tools) {
        Ok(tools) => Some(tools),
        Err(reason) => {
            skip(test, reason);
            None
        }
    }
}

fn install_tools() -> Result<Tools, String> {
    let npm = on_path(&["npm"]).ok_or("npm is not installed")?;
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let package = format!("node-{system}-{machine}");
    let node = target().join("node");
    let programs = node.join("node_modules").join(&package).join("bin");
    let wanted = format!("{package}@{NODE}");
    once(&node, &wanted, || {
        let options = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(Command::new(&npm).args(options).arg(&wanted).arg("--prefix").arg(&node)).map(drop)
    })?;
    let extension = target().join("extension");
    copy_extension(&extension)?;
    let tools = Tools { programs, extension };
    let lock = read(format!("{FOLDER}/package-lock.json"));
    once(&tools.extension.join("node_modules"), &lock, || {
        let options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(tools.command("npm").args(options).current_dir(&tools.extension)).map(drop)
    })?;
    Ok(tools)
}

/// Do something once for a folder, and again when it is something else.
fn once(
    folder: &Path,
    what: &str,
    work: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let done = folder.join(".installed");
    if fs::read_to_string(&done).is_ok_and(|text| text == what) {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(failed)?;
    work()?;
    fs::write(done, what).map_err(failed)
}

/// Run to the end; what went wrong as one line.
fn run(command: &mut Command) -> Result<Run, String> {
    command.stdin(Stdio::null());
    let shown = format!("{command:?}");
    let ended = run_group_within(PATIENCE, command, b"");
    if ended.code == Some(0) {
        return Ok(ended);
    }
    let last = ended.stderr.lines().rev().find(|line| line.contains("rror")).unwrap_or_default();
    Err(format!("cannot be installed here: {}: {last}", shown.replace('"', "")))
}

/// Copy what is committed; what is there and is not is taken away, but for what is installed.
fn copy_extension(folder: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut copied = BTreeSet::new();
    for path in files().iter().filter(|path| path.starts_with(FOLDER)) {
        let name = path.strip_prefix(FOLDER).unwrap_or(path);
        let to = folder.join(name);
        fs::create_dir_all(to.parent().unwrap_or(folder)).map_err(failed)?;
        fs::copy(root().join(path), &to).map_err(failed)?;
        copied.insert(to);
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).map_err(failed)?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                let made = ["node_modules", "dist", "bundled"];
                let is_made = made.iter().any(|name| path == folder.join(name));
                folders.extend((!is_made).then_some(path));
            } else if !copied.contains(&path) {
                fs::remove_file(path).map_err(failed)?;
            }
        }
    }
    fs::copy(root().join("LICENSE"), folder.join("LICENSE")).map_err(failed)?;
    Ok(())
}

impl Tools {
    /// A program with our Node before any other.
    fn command(&self, program: &str) -> Command {
        let mut path = OsString::from(&self.programs);
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command.env("PATH", path).env("npm_config_nodedir", self.programs.join(".."));
        command.env("npm_config_update_notifier", "false");
        command
    }

    /// A script of the extension's manifest; it has to end well.
    fn script(&self, arguments: &[&str]) {
        let mut npm = self.command("npm");
        npm.args(["run", "--silent"]).args(arguments).current_dir(&self.extension);
        let ended = run_group_within(PATIENCE, &mut npm, b"");
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    }
}

#[test]
fn its_code_is_in_order() {
    let Some(tools) = tools("the code of the extension for VS Code") else { return };
    tools.script(&["check"]);
    tools.script(&["test"]);
}

/// VS Code's server build, or why there is none.
fn code_server(test: &str, tools: &Tools) -> Option<&'static Path> {
    static SERVER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match SERVER.get_or_init(|| install_code_server(tools)) {
        Ok(folder) => Some(folder),
        Err(reason) => {
            skip(test, reason);
            None
        }
    }
}

fn install_code_server(tools: &Tools) -> Result<PathBuf, String> {
    let folder = target().join("server");
    let package = format!("code-server@{CODE_SERVER}");
    once(&folder, &package, || {
        // By itself it compiles parts as well that need libraries few machines have.
        let options = ["install", "--ignore-scripts", "--no-audit", "--no-fund"];
        let outer = ["--no-save", &package, "--prefix"];
        run(tools.command("npm").args(options).args(outer).arg(&folder))?;
        let inner = folder.join("node_modules/code-server/lib/vscode");
        run(tools.command("npm").args(options).arg("--omit=dev").current_dir(&inner))?;
        run(tools.command("npm").arg("rebuild").args(COMPILED).current_dir(&inner))?;
        let outer = folder.join("node_modules/code-server");
        run(tools.command("npm").args(["rebuild", "argon2"]).current_dir(outer)).map(drop)
    })?;
    Ok(folder)
}

/// The extension with the server of this workspace, packed once.
fn packed(tools: &Tools) -> &'static Path {
    static PACKED: OnceLock<PathBuf> = OnceLock::new();
    PACKED.get_or_init(|| {
        let vsix = target().join("hermetic.vsix");
        let server = stripped(&built("hermetic-lsp"));
        let (os, machine) = (std::env::consts::OS, std::env::consts::ARCH);
        let system = if os == "macos" { "darwin" } else { os };
        let machine = if machine == "aarch64" { "arm64" } else { "x64" };
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let target = format!("{system}-{machine}");
        let words = ["--target", &target, "--server", &text(&server), "--out", &text(&vsix)];
        tools.script(&[&["package", "--"], &words[..]].concat());
        vsix
    })
}

/// A copy of a program without what only a debugger needs, where it can be had: it is packed and
/// unpacked several times.
fn stripped(program: &Path) -> PathBuf {
    let to = target().join(program.file_name().expect("a name"));
    let mut strip = Command::new("strip");
    let done = strip.arg("-o").arg(&to).arg(program).stderr(Stdio::null()).status();
    if done.is_ok_and(|status| status.success()) { to } else { program.to_owned() }
}

/// Run one of the suites that need VS Code and a browser.
fn suite(name: &str, file: &str) -> bool {
    let Some(tools) = tools(name) else { return false };
    let Some(chromium) = chromium() else {
        skip(name, "Chromium is not installed");
        return false;
    };
    let Some(server) = code_server(name, tools) else { return false };
    let mut node = tools.command("node");
    node.args(["--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--test", file]);
    node.current_dir(&tools.extension);
    node.env("HERMETIC_NODE", tools.programs.join("node")).env("HERMETIC_CODE_SERVER", server);
    node.env("HERMETIC_CHROMIUM", chromium).env("HERMETIC_VSIX", packed(tools));
    node.env("HERMETIC_SHOTS", target().join("shots"));
    let ended = run_group_within(PATIENCE, &mut node, b"");
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    true
}

#[test]
fn somebody_uses_it_in_a_window() {
    if !suite("VS Code in a browser", "test/browser/window.test.ts") {
        return;
    }
    if std::env::var_os("HERMETIC_PICTURES").is_some() {
        let shots = target().join("shots");
        for name in PICTURES {
            let to = root().join(FOLDER).join(format!("images/{name}.png"));
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder is made");
            fs::copy(shots.join(format!("{name}.png")), to).expect("the picture is renewed");
        }
        let icon = root().join(FOLDER).join("icon.png");
        fs::copy(shots.join("icon.png"), icon).expect("the icon is renewed");
    }
}

#[test]
fn its_suite_inside_the_extension_host_passes() {
    suite("VS Code's extension host", "test/browser/host.test.ts");
}
