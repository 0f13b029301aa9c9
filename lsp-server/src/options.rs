//! What an editor can set: `initializationOptions`, or the section `hermetic` of its settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hermetic_check::configuration::{Chosen, Flags, Preference};
use hermetic_policy::{Level, PolicyOptions, rules, suggest};
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
    /// Levels by rule, which go before the configuration's.
    pub levels: BTreeMap<String, String>,
    /// A configuration file; a relative path counts from each folder. Empty is none.
    pub configuration: PathBuf,
    /// How that file stands to those of the project.
    pub configuration_preference: ConfigurationPreference,
    /// What is written to the client's log.
    pub log_level: LogLevel,
    /// A file that the same is written to. Empty is none.
    pub log_file: PathBuf,
}

/// How a configuration file that the editor names stands to those of the project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConfigurationPreference {
    /// It counts where the project has none.
    #[default]
    FilesystemFirst,
    /// It counts for all files; without one, the project's do.
    EditorFirst,
    /// The project's never count.
    EditorOnly,
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
pub const KEYS: [(&str, &str, &str); 9] = [
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
    ("levels", "`{}`", "levels by rule, which go before those of configuration files"),
    (
        "configuration",
        "`\"\"`",
        "a configuration file, from the folder or absolute; see the next setting",
    ),
    (
        "configurationPreference",
        "`\"filesystemFirst\"`",
        "that file counts where the project has none; `\"editorFirst\"`: for all files; \
         `\"editorOnly\"`: as well, and without one nothing does",
    ),
    (
        "logLevel",
        "`\"warn\"`",
        "what is written to the client's log: `\"off\"`, `\"error\"`, `\"warn\"`, `\"info\"` or `\"debug\"`",
    ),
    ("logFile", "`\"\"`", "a file that the same is added to"),
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
                let near = suggest::did_you_mean(key, KEYS.map(|(key, ..)| key));
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

    /// What they say of every file, and what is wrong with that.
    pub fn flags(&self) -> (Flags, Vec<String>) {
        let mut problems = Vec::new();
        let mut levels = Vec::new();
        for (name, level) in &self.levels {
            let Some(rule) = rules::find(name) else {
                let near = suggest::did_you_mean(name, rules::all().map(|rule| rule.name));
                problems.push(match near {
                    Some(near) => {
                        format!("setting `levels`: unknown rule `{name}`; did you mean `{near}`")
                    }
                    None => format!("setting `levels`: unknown rule `{name}`"),
                });
                continue;
            };
            match Level::from_name(level) {
                Some(level) => levels.push((rule.name, level)),
                None => problems.push(format!(
                    "setting `levels`: `{level}` of `{name}` is no level; known are error, warn, \
                     info, off"
                )),
            }
        }
        let preference = match self.configuration_preference {
            ConfigurationPreference::FilesystemFirst => Preference::Project,
            ConfigurationPreference::EditorFirst => Preference::Named,
            ConfigurationPreference::EditorOnly => Preference::NamedOnly,
        };
        let file = Some(self.configuration.clone()).filter(|file| !file.as_os_str().is_empty());
        let policy = PolicyOptions { profile: self.profile.clone(), ..PolicyOptions::default() };
        let chosen = Chosen { file, preference };
        let mut flags = Flags { policy, levels, chosen, ..Flags::default() };
        if let Err(error) = flags.policy.build() {
            problems.push(format!("setting `profile`: {error}"));
            flags.policy = PolicyOptions::default();
        }
        (flags, problems)
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
        let value = json!({"levels": {"shell-comand": "off", "file-write": "loud", "file-read": "warn"},
            "profile": ["block-al"]});
        let (options, problems) = Options::read(&value);
        assert_eq!(problems, Vec::<String>::new());
        let (flags, problems) = options.flags();
        assert_eq!(flags.levels, [("file-read", Level::Warn)]);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[1].ends_with("unknown rule `shell-comand`; did you mean `shell-command`"));
        assert!(problems[2].contains("did you mean `block-all`"), "{problems:?}");
    }
}
