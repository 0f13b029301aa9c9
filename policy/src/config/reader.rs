//! The tables of a text, read key by key.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::options::PolicyOptions;
use crate::pattern::host::HostPattern;
use crate::pattern::module::ModulePattern;
use crate::pattern::program::ProgramPattern;
use crate::suggest::did_you_mean;
use crate::{Level, profile, rules};

use super::{
    CheckConfig, Config, ConfigError, ConfigErrorKind, Extend, Place, PytestConfig, Swallowed,
};

pub(super) type Key<'i> = Spanned<toml::de::DeString<'i>>;
pub(super) type Value<'i> = Spanned<DeValue<'i>>;

pub(super) const POLICY_KEYS: &[&str] = &[
    "extend",
    "profile",
    "no-network",
    "allow-localhost",
    "allow-domain",
    "no-subprocess",
    "allow-run",
    "fs-readonly",
    "allow-write",
    "no-environment",
    "no-env",
    "no-code-exec",
    "no-interpreter-mutation",
    "block-native",
    "allow-native",
    "deny-import",
    "check",
    "pytest",
    "learn",
];
/// The keys of the policy itself, and one more.
pub(super) const PYTEST_KEYS: &[&str] = &[
    "profile",
    "no-network",
    "allow-localhost",
    "allow-domain",
    "no-subprocess",
    "allow-run",
    "fs-readonly",
    "allow-write",
    "no-environment",
    "no-env",
    "no-code-exec",
    "no-interpreter-mutation",
    "block-native",
    "allow-native",
    "deny-import",
    "swallowed",
];
pub(super) const CHECK_KEYS: &[&str] =
    &["undecided", "exclude", "extend-exclude", "baseline", "levels", "per-file-ignores", "api"];

pub(super) fn find<'t, 'i>(
    table: &'t DeTable<'i>,
    name: &str,
) -> Option<(&'t Key<'i>, &'t Value<'i>)> {
    table.iter().find(|(key, _)| key.get_ref() == name)
}

/// A table's entries in the order of the text, so that the first error told is the first there.
pub(super) fn entries<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Key<'i>, &'t Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// One text on its way to a [`Config`]. A key that is wrong is told, and the next is read.
pub(super) struct Reader<'a> {
    text: &'a str,
    /// The dotted name of the outer table.
    base: &'static str,
    /// What was wrong so far.
    errors: RefCell<Vec<ConfigError>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, base: &'static str) -> Self {
        Self { text, base, errors: RefCell::default() }
    }

    /// Read the outer table.
    pub(super) fn read(self, table: &DeTable<'a>) -> Result<Config, Vec<ConfigError>> {
        let config = self.config(table);
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|error| error.place);
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }

    /// Something that was read; what is wrong with it is noted, and the rest is read on.
    pub(super) fn kept<T>(&self, read: Result<T, ConfigError>) -> Option<T> {
        read.map_err(|error| self.errors.borrow_mut().push(error)).ok()
    }

    /// Read every entry of a table.
    fn each<'t, 'i>(
        &self,
        table: &'t DeTable<'i>,
        mut read: impl FnMut(&'t Key<'i>, &'t Value<'i>) -> Result<(), ConfigError>,
    ) {
        for (key, value) in entries(table) {
            self.kept(read(key, value));
        }
    }

    pub(super) fn document(&self) -> Result<Spanned<DeTable<'a>>, ConfigError> {
        DeTable::parse(self.text).map_err(|error| {
            let problem = error.message().lines().collect::<Vec<_>>().join("; ");
            let span = error.span().unwrap_or_default();
            self.error(&span, ConfigErrorKind::Syntax(format!("not valid TOML: {problem}")))
        })
    }

    fn config(&self, table: &DeTable<'a>) -> Config {
        let mut config = Config::default();
        self.each(table, |key, value| {
            let name = key.get_ref().as_ref();
            match name {
                "extend" => {
                    let path = self.string(name, value, "a string", &|text| match text {
                        "" => Err("names no file".to_owned()),
                        _ => Ok(()),
                    })?;
                    let place = place(self.text, value.span().start);
                    config.extend = Some(Extend { path, place });
                }
                "check" => config.check = self.check(self.table(name, value)?),
                "pytest" => config.pytest = self.pytest(self.table(name, value)?),
                // A known table without settings yet: a key in it is a typo, or written for a
                // later version that this one would silently not obey.
                "learn" => {
                    if let Some((key, _)) = entries(self.table(name, value)?).first() {
                        return Err(self.unknown_key(key, name, &[]));
                    }
                }
                _ if self.policy(&mut config.policy, name, value)? => {}
                _ => return Err(self.unknown_key(key, "", POLICY_KEYS)),
            }
            Ok(())
        });
        config
    }

    fn pytest(&self, table: &DeTable<'_>) -> PytestConfig {
        let mut pytest = PytestConfig::default();
        self.each(table, |key, value| {
            let name = key.get_ref().as_ref();
            match name {
                "swallowed" => {
                    let text = self.string(name, value, Swallowed::EXPECTED, &|_| Ok(()))?;
                    let found = Swallowed::ALL.into_iter().find(|one| one.name() == text);
                    pytest.swallowed = Some(found.ok_or_else(|| {
                        let names = Swallowed::ALL.map(Swallowed::name);
                        let advice = match did_you_mean(&text, names) {
                            Some(near) => format!("did you mean `{near}`"),
                            None => format!("known are {}", names.join(", ")),
                        };
                        self.value(value, name, &format!("`{text}` is unknown; {advice}"))
                    })?);
                }
                _ if self.policy(&mut pytest.policy, name, value)? => {}
                _ => return Err(self.unknown_key(key, "pytest", PYTEST_KEYS)),
            }
            Ok(())
        });
        pytest
    }

    /// Read a key of the policy; whether it is one.
    fn policy(
        &self,
        policy: &mut PolicyOptions,
        name: &str,
        value: &Value<'_>,
    ) -> Result<bool, ConfigError> {
        match name {
            "profile" => {
                policy.profile = self.strings_or_one(name, value, |text| {
                    profile::find(text).map(|_| ()).map_err(|error| error.to_string())
                })?;
            }
            "no-network" => policy.no_network = self.flag(name, value)?,
            "allow-localhost" => policy.allow_localhost = self.flag(name, value)?,
            "allow-domain" => {
                policy.allow_domain = self.strings(name, value, |text| {
                    HostPattern::parse(text).map(|_| ()).map_err(|error| error.to_string())
                })?;
            }
            "no-subprocess" => policy.no_subprocess = self.flag(name, value)?,
            "allow-run" => {
                policy.allow_run = self.strings(name, value, |text| {
                    ProgramPattern::parse(text).map(|_| ()).map_err(|error| error.to_string())
                })?;
            }
            "fs-readonly" => match value.get_ref() {
                DeValue::Boolean(on) => policy.fs_readonly = *on,
                DeValue::String(root) if root.is_empty() || root.contains('\0') => {
                    return Err(self.value(value, name, "names no folder"));
                }
                DeValue::String(root) => policy.fs_root = Some(root.as_ref().to_owned()),
                _ => return Err(self.wrong_type(value, name, "true, false or a folder")),
            },
            "allow-write" => {
                policy.allow_write = self.strings(name, value, |text| match text {
                    "" => Err("names no file or folder".to_owned()),
                    text if text.contains('\0') => Err("names no file or folder".to_owned()),
                    _ => Ok(()),
                })?;
            }
            // Either spelling turns it on; neither undoes the other.
            "no-environment" | "no-env" => policy.no_environment |= self.flag(name, value)?,
            "no-code-exec" => policy.no_code_exec = self.flag(name, value)?,
            "no-interpreter-mutation" => {
                policy.no_interpreter_mutation = self.flag(name, value)?;
            }
            "block-native" => policy.block_native = self.flag(name, value)?,
            "allow-native" => {
                policy.allow_native = self.strings(name, value, |text| {
                    ModulePattern::parse(text).map(|_| ()).map_err(|error| error.to_string())
                })?;
            }
            "deny-import" => {
                policy.deny_import = self.strings(name, value, |text| {
                    ModulePattern::parse(text).map(|_| ()).map_err(|error| error.to_string())
                })?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn check(&self, table: &DeTable<'_>) -> CheckConfig {
        let mut check = CheckConfig::default();
        self.each(table, |key, value| {
            let name = key.get_ref().as_ref();
            match name {
                "undecided" => check.undecided = Some(self.level(name, value)?),
                "exclude" => check.exclude = Some(self.strings(name, value, glob)?),
                "extend-exclude" => check.extend_exclude = self.strings(name, value, glob)?,
                "baseline" => {
                    check.baseline =
                        Some(self.string(name, value, "a file", &|text| match text {
                            "" => Err("names no file".to_owned()),
                            _ => Ok(()),
                        })?);
                }
                "levels" => {
                    self.each(self.table("check.levels", value)?, |key, value| {
                        let name = key.get_ref().as_ref();
                        let rule = self.rule(name, &key.span())?;
                        check.levels.push((rule, self.level(name, value)?));
                        Ok(())
                    });
                }
                "per-file-ignores" => {
                    self.each(self.table("check.per-file-ignores", value)?, |key, value| {
                        check.per_file_ignores.push(self.ignores(key, value)?);
                        Ok(())
                    });
                }
                "api" => check.api = self.apis(value)?,
                _ => return Err(self.unknown_key(key, "check", CHECK_KEYS)),
            }
            Ok(())
        });
        check
    }

    fn rule(&self, name: &str, span: &Range<usize>) -> Result<&'static str, ConfigError> {
        rules::find(name).map(|rule| rule.name).ok_or_else(|| {
            let suggestion = did_you_mean(name, rules::all().map(|rule| rule.name));
            self.error(span, ConfigErrorKind::UnknownRule { name: name.to_owned(), suggestion })
        })
    }

    /// A pattern with the rules that are suppressed in what it matches.
    fn ignores(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Result<(String, Vec<&'static str>), ConfigError> {
        let pattern = key.get_ref().as_ref();
        glob(pattern).map_err(|problem| self.value(value, "per-file-ignores", &problem))?;
        let Some(items) = value.get_ref().as_array() else {
            return Err(self.wrong_type(value, pattern, "a list of rules"));
        };
        let rule = |item: &Value<'_>| match item.get_ref().as_str() {
            Some(name) => self.rule(name, &item.span()),
            None => Err(self.wrong_type(item, pattern, "a list of rules")),
        };
        let rules = items.iter().filter_map(|item| self.kept(rule(item)));
        Ok((pattern.to_owned(), rules.collect()))
    }

    pub(super) fn table<'t, 'i>(
        &self,
        name: &str,
        value: &'t Value<'i>,
    ) -> Result<&'t DeTable<'i>, ConfigError> {
        value.get_ref().as_table().ok_or_else(|| self.wrong_type(value, name, "a table"))
    }

    fn flag(&self, key: &str, value: &Value<'_>) -> Result<bool, ConfigError> {
        value.get_ref().as_bool().ok_or_else(|| self.wrong_type(value, key, "true or false"))
    }

    fn level(&self, key: &str, value: &Value<'_>) -> Result<Level, ConfigError> {
        const LEVELS: [&str; 4] = ["error", "warn", "info", "off"];
        let expected = "\"error\", \"warn\", \"info\" or \"off\"";
        let Some(text) = value.get_ref().as_str() else {
            return Err(self.wrong_type(value, key, expected));
        };
        Level::from_name(text).ok_or_else(|| {
            let advice = match did_you_mean(text, LEVELS) {
                Some(level) => format!("did you mean `{level}`"),
                None => format!("known are {}", LEVELS.join(", ")),
            };
            self.value(value, key, &format!("unknown level `{text}`; {advice}"))
        })
    }

    fn strings(
        &self,
        key: &str,
        value: &Value<'_>,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Vec<String>, ConfigError> {
        let Some(items) = value.get_ref().as_array() else {
            return Err(self.wrong_type(value, key, "a list of strings"));
        };
        let string = |item| self.kept(self.string(key, item, "a list of strings", &check));
        Ok(items.iter().filter_map(string).collect())
    }

    fn strings_or_one(
        &self,
        key: &str,
        value: &Value<'_>,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Vec<String>, ConfigError> {
        if value.get_ref().is_array() {
            self.strings(key, value, check)
        } else {
            Ok(vec![self.string(key, value, "a string or a list of strings", &check)?])
        }
    }

    pub(super) fn string(
        &self,
        key: &str,
        value: &Value<'_>,
        expected: &'static str,
        check: &impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, ConfigError> {
        let Some(text) = value.get_ref().as_str() else {
            return Err(self.wrong_type(value, key, expected));
        };
        check(text).map_err(|problem| self.value(value, key, &problem))?;
        Ok(text.to_owned())
    }

    pub(super) fn unknown_key(&self, key: &Key<'_>, table: &str, known: &[&str]) -> ConfigError {
        let name = key.get_ref().as_ref();
        let advice = if self.base.is_empty() && table.is_empty() && name == "tool" {
            "hermetic.toml has these tables at its top level, without `tool.hermetic`".to_owned()
        } else if known.is_empty() {
            "it has no settings in this version".to_owned()
        } else if let Some(near) = did_you_mean(name, known.iter().copied()) {
            format!("did you mean `{near}`")
        } else {
            format!("known are {}", known.join(", "))
        };
        let table = match (self.base, table) {
            ("", "") => "the top level".to_owned(),
            ("", table) => format!("[{table}]"),
            (base, "") => format!("[{base}]"),
            (base, table) => format!("[{base}.{table}]"),
        };
        let key_text = name.to_owned();
        self.error(&key.span(), ConfigErrorKind::UnknownKey { key: key_text, table, advice })
    }

    pub(super) fn wrong_type(
        &self,
        value: &Value<'_>,
        key: &str,
        expected: &'static str,
    ) -> ConfigError {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(true) => "true",
            DeValue::Boolean(false) => "false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let key = key.to_owned();
        self.error(&value.span(), ConfigErrorKind::Type { key, expected, found })
    }

    pub(super) fn value(&self, value: &Value<'_>, key: &str, problem: &str) -> ConfigError {
        let (key, problem) = (key.to_owned(), problem.to_owned());
        self.error(&value.span(), ConfigErrorKind::Value { key, problem })
    }

    fn error(&self, span: &Range<usize>, kind: ConfigErrorKind) -> ConfigError {
        ConfigError { place: place(self.text, span.start), kind }
    }
}

fn glob(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("an empty pattern matches nothing".to_owned()) } else { Ok(()) }
}

/// The place of a byte offset; one beyond the end, or inside a character, counts as before it.
fn place(text: &str, offset: usize) -> Place {
    let mut before = offset.min(text.len());
    while !text.is_char_boundary(before) {
        before -= 1;
    }
    let before = text.get(..before).unwrap_or_default();
    let before = before.strip_prefix('\u{feff}').unwrap_or(before);
    let line = before.rsplit('\n').next().unwrap_or_default();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
    Place { row: count(before.matches('\n').count()), column: count(line.chars().count()) }
}
