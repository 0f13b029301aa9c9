//! The settings as docs/editors.md lists them.

use hermetic_lsp::options::KEYS;

#[test]
fn every_setting_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/editors.md");
    let text = std::fs::read_to_string(path).expect("a document");
    let row =
        |(key, default, what): &(&str, &str, &str)| format!("| `{key}` | {default} | {what} |");
    let rows: Vec<String> = KEYS.iter().map(row).collect();
    let head = "| setting | default | what it does |\n|---|---|---|\n";
    let table = format!("{head}{}\n\n", rows.join("\n"));
    assert!(text.contains(&table), "docs/editors.md has to have\n\n{table}");
}
