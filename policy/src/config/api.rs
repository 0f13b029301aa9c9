//! `[[check.api]]`: names of a project or a library that no rule knows, with what they reach.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::ConfigError;
use super::reader::{Reader, Value, entries};
use crate::Capability;
use crate::pattern::module::ModulePattern;
use crate::suggest::did_you_mean;

/// A function, class or method with what a call of it reaches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeclaredApi {
    /// Fully qualified: `acme.transport.send`.
    pub name: String,
    /// What it reaches.
    pub capability: Capability,
    /// What has to hold of its arguments.
    pub condition: DeclaredCondition,
}

/// What has to hold of a call's arguments for it to reach anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeclaredCondition {
    /// Nothing.
    #[default]
    Always,
    /// `given`: this keyword is given and is not `None`.
    Given(String),
    /// `missing`: this keyword is not given or is `None`.
    Missing(String),
    /// `true`: this keyword is given and true.
    True(String),
}

/// What a declared name can reach: what some rule tells of a library's calls.
pub(super) const CAPABILITIES: [Capability; 6] = [
    Capability::Network,
    Capability::Subprocess,
    Capability::Filesystem,
    Capability::Environment,
    Capability::DynamicCode,
    Capability::Interpreter,
];
pub(super) const API_KEYS: &[&str] = &["name", "capability", "given", "missing", "true"];

impl Reader<'_> {
    pub(super) fn apis(&self, value: &Value<'_>) -> Result<Vec<DeclaredApi>, ConfigError> {
        let Some(items) = value.get_ref().as_array() else {
            return Err(self.wrong_type(value, "api", "a list of tables, [[check.api]]"));
        };
        Ok(items.iter().filter_map(|item| self.kept(self.api(item))).collect())
    }

    fn api(&self, item: &Value<'_>) -> Result<DeclaredApi, ConfigError> {
        let (mut name, mut capability) = (None, None);
        let mut condition = DeclaredCondition::Always;
        for (key, value) in entries(self.table("check.api", item)?) {
            let key_name = key.get_ref().as_ref();
            let argument = || {
                self.string(key_name, value, "the name of an argument", &|text| {
                    let word = |c: char| c.is_alphanumeric() || c == '_';
                    if !text.is_empty() && text.chars().all(word) {
                        Ok(())
                    } else {
                        Err(format!("`{text}` is no name of an argument"))
                    }
                })
            };
            let stated = match key_name {
                "name" => {
                    name = Some(self.string(key_name, value, "a dotted name", &|text| {
                        if !text.contains('.') {
                            let problem = "is no name with its module, as in `acme.send`";
                            return Err(format!("`{text}` {problem}"));
                        }
                        ModulePattern::parse(text).map(|_| ()).map_err(|error| format!("{error}"))
                    })?);
                    continue;
                }
                "capability" => {
                    capability = Some(self.capability(value)?);
                    continue;
                }
                "given" => DeclaredCondition::Given(argument()?),
                "missing" => DeclaredCondition::Missing(argument()?),
                "true" => DeclaredCondition::True(argument()?),
                _ => return Err(self.unknown_key(key, "check.api", API_KEYS)),
            };
            if condition != DeclaredCondition::Always {
                return Err(self.value(value, key_name, "a second condition; one is taken"));
            }
            condition = stated;
        }
        match (name, capability) {
            (Some(name), Some(capability)) => Ok(DeclaredApi { name, capability, condition }),
            (None, _) => Err(self.value(item, "api", "`name` is missing")),
            (_, None) => Err(self.value(item, "api", "`capability` is missing")),
        }
    }

    fn capability(&self, value: &Value<'_>) -> Result<Capability, ConfigError> {
        let Some(text) = value.get_ref().as_str() else {
            return Err(self.wrong_type(value, "capability", "the name of a capability"));
        };
        CAPABILITIES.into_iter().find(|capability| capability.name() == text).ok_or_else(|| {
            let names = CAPABILITIES.map(Capability::name);
            let advice = match did_you_mean(text, names) {
                Some(near) => format!("did you mean `{near}`"),
                None => format!("known are {}", names.join(", ")),
            };
            self.value(value, "capability", &format!("unknown capability `{text}`; {advice}"))
        })
    }
}

impl DeclaredCondition {
    /// The key it is written under, and the argument.
    pub fn entry(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Always => None,
            Self::Given(argument) => Some(("given", argument)),
            Self::Missing(argument) => Some(("missing", argument)),
            Self::True(argument) => Some(("true", argument)),
        }
    }
}

/// The name of a capability, as it is configured.
pub(super) fn names() -> Vec<String> {
    CAPABILITIES.iter().map(|capability| capability.name().to_owned()).collect()
}
