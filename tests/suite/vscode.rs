//! The extension for VS Code: its manifest against the catalogue of rules, its own checks, and
//! what somebody sees who uses it, in VS Code's server build and headless Chromium.
//!
//! Needs npm, which installs below `target/vscode` what the tests run with: a Node of the version
//! that code-server wants, code-server, and the extension's own tools. The tests in the browser
//! need Chromium (`HERMETIC_CHROMIUM`, or a usual name on the path) as well. Where one is missing
//! the tests are skipped, and say so. Pictures are left in `target/vscode/shots`;
//! `HERMETIC_PICTURES=1` renews those of the extension's page.

use std::fs;
use std::path::{Path, PathBuf};

use hermetic_policy::profile::PROFILES;
use hermetic_policy::rules;
use serde_json::{Map, Value, json};

use crate::generated::fresh;
use crate::repository::{assert_none, read};

const MANIFEST: &str = "editors/vscode/package.json";

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
