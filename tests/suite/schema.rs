//! The JSON Schema of `hermetic.toml`, made from the keys that are read; `UPDATE=1` rewrites it.

use hermetic_policy::config::Config;
use hermetic_policy::config::schema::{self, KEYS, Takes};
use hermetic_policy::{profile, rules};
use serde_json::{Map, Value, json};

use crate::generated::fresh;
use crate::repository::assert_none;

const PATH: &str = "docs/hermetic.schema.json";

#[test]
fn the_schema_is_fresh() {
    let text = serde_json::to_string_pretty(&document()).expect("JSON");
    fresh(PATH, &(text + "\n"));
}

fn document() -> Value {
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hermetic.toml, or [tool.hermetic] in pyproject.toml",
        "$defs": {
            "level": {"enum": ["error", "warn", "info", "off"]},
            "rule": {"enum": names()},
        },
    });
    let table = table("");
    let Some(object) = document.as_object_mut() else { return table };
    object.extend(table.as_object().cloned().unwrap_or_default());
    document
}

fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = rules::all().map(|rule| rule.name).collect();
    names.sort_unstable();
    names
}

fn table(name: &str) -> Value {
    let mut properties = Map::new();
    for key in KEYS.iter().filter(|key| key.table == name) {
        let mut value = match key.takes {
            Takes::Flag => json!({"type": "boolean"}),
            Takes::Text => json!({"type": "string"}),
            Takes::Texts => texts(&json!({"type": "string"})),
            Takes::TextOrTexts => {
                let one = json!({"enum": profile::PROFILES.iter().map(|profile| profile.name).collect::<Vec<_>>()});
                json!({"anyOf": [one, texts(&one)]})
            }
            Takes::FlagOrText => json!({"type": ["boolean", "string"]}),
            Takes::Level => json!({"$ref": "#/$defs/level"}),
            Takes::Levels => json!({
                "type": "object",
                "propertyNames": {"$ref": "#/$defs/rule"},
                "additionalProperties": {"$ref": "#/$defs/level"},
            }),
            Takes::Ignores => json!({
                "type": "object",
                "additionalProperties": texts(&json!({"$ref": "#/$defs/rule"})),
            }),
            Takes::Swallowed => json!({"enum": ["fail", "warn", "ignore"]}),
            Takes::Capability => json!({"enum": schema::capabilities()}),
            Takes::Table => table(key.name),
            Takes::Tables => {
                let mut item = table(&format!("{name}.{}", key.name));
                item["required"] = json!(["name", "capability"]);
                texts(&item)
            }
        };
        value["description"] = key.summary.into();
        properties.insert(key.name.to_owned(), value);
    }
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn texts(item: &Value) -> Value {
    json!({"type": "array", "items": item})
}

/// What a key takes by the schema is what the reader takes.
#[test]
fn the_reader_takes_what_the_schema_says() {
    let mut complaints = Vec::new();
    for key in KEYS {
        let value = match key.takes {
            Takes::Flag | Takes::FlagOrText => "true",
            Takes::Text if key.name == "name" => "'a.b'",
            Takes::Text => "'a'",
            Takes::Texts => "['a']",
            Takes::TextOrTexts => "'block-all'",
            Takes::Level => "'warn'",
            Takes::Levels => "{ file-read = 'warn' }",
            Takes::Ignores => "{ 'a' = ['file-read'] }",
            Takes::Swallowed => "'warn'",
            Takes::Capability => "'network'",
            Takes::Table => "{}",
            Takes::Tables => "[]",
        };
        let text = match key.table {
            "" => format!("{} = {value}", key.name),
            "check.api" => {
                let all = ["name = 'a.b'", "capability = 'network'"];
                let others = all.iter().filter(|other| !other.starts_with(key.name));
                let others: Vec<&str> = others.copied().collect();
                format!("[[check.api]]\n{}\n{} = {value}", others.join("\n"), key.name)
            }
            table => format!("[{table}]\n{} = {value}", key.name),
        };
        if let Err(error) = Config::from_hermetic_toml(&text) {
            complaints.push(format!("{text}: {error}"));
        }
    }
    assert_none(&complaints);
    let schema = document();
    assert_eq!(
        schema["properties"].as_object().map(Map::len),
        Some(KEYS.iter().filter(|k| k.table.is_empty()).count())
    );
}
