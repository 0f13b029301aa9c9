//! What an editor can set: `initializationOptions`, or the section `hermetic` of its settings.

use serde::Deserialize;
use serde_json::Value;

/// The settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Which files findings are told of.
    pub diagnostic_mode: DiagnosticMode,
    /// Whether functions show the capabilities they reach.
    pub code_lens: bool,
    /// Whether fixes that other code may notice are made by `source.fixAll.hermetic`, too.
    pub unsafe_fixes: bool,
    /// Named policies that apply beside what configuration files say.
    pub profile: Vec<String>,
    /// What is written to the client's log.
    pub log_level: LogLevel,
}

/// Which files findings are told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DiagnosticMode {
    /// Those that are open.
    #[default]
    OpenFiles,
    /// All of the workspace.
    Workspace,
}

/// What is written to the client's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What went wrong.
    Error,
    /// What was left out, too.
    #[default]
    Warn,
    /// What is done, too.
    Info,
    /// How long it took, too.
    Debug,
}

/// Every key with what it does and takes, for the documentation.
pub const KEYS: [(&str, &str, &str); 5] = [
    (
        "diagnosticMode",
        "`\"openFiles\"`",
        "`\"workspace\"` tells the findings of all files, to clients that ask for them",
    ),
    ("codeLens", "`false`", "shows above each function which capabilities it reaches"),
    (
        "unsafeFixes",
        "`false`",
        "`source.fixAll.hermetic` makes fixes, too, that other code may notice",
    ),
    ("profile", "`[]`", "named policies that apply beside what configuration files say"),
    (
        "logLevel",
        "`\"warn\"`",
        "what is written to the client's log: `\"off\"`, `\"error\"`, `\"warn\"`, `\"info\"` or `\"debug\"`",
    ),
];

impl Options {
    /// Read them; what is wrong with them is told beside those that are right.
    pub fn read(value: &Value) -> (Self, Vec<String>) {
        // Some clients send the whole section, some what is in it.
        let value = match value.get("hermetic").or_else(|| value.get("settings")) {
            Some(inner) if inner.is_object() => inner,
            _ => value,
        };
        let mut problems = Vec::new();
        let Some(object) = value.as_object() else { return (Self::default(), problems) };
        let mut kept = serde_json::Map::new();
        for (key, value) in object {
            if !KEYS.iter().any(|(known, ..)| known == key) {
                let near = hermetic_policy::suggest::did_you_mean(key, KEYS.map(|(key, ..)| key));
                problems.push(match near {
                    Some(near) => format!("unknown setting `{key}`; did you mean `{near}`"),
                    None => format!("unknown setting `{key}`"),
                });
                continue;
            }
            let one = Value::Object([(key.clone(), value.clone())].into_iter().collect());
            match serde_json::from_value::<Self>(one) {
                Ok(_) => drop(kept.insert(key.clone(), value.clone())),
                Err(error) => problems.push(format!("setting `{key}`: {error}")),
            }
        }
        (serde_json::from_value(Value::Object(kept)).unwrap_or_default(), problems)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_right_is_taken_and_what_is_wrong_is_told() {
        let value = json!({"hermetic": {"codeLens": true, "diagnosticMod": "x", "profile": 3}});
        let (options, problems) = Options::read(&value);
        assert!(options.code_lens);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(problems[0], "unknown setting `diagnosticMod`; did you mean `diagnosticMode`");
        assert!(problems[1].starts_with("setting `profile`: "), "{problems:?}");
        assert_eq!(Options::read(&Value::Null), (Options::default(), Vec::new()));
    }
}
