//! The keys of a configuration as data: what [`Config`](super::Config) reads, for editors that
//! complete and check them.

use alloc::string::String;
use alloc::vec::Vec;

use super::api;

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The table it stands in, from the outer one: empty, `check`, `check.api`.
    pub table: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What it does: lower case, no full stop.
    pub summary: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// `true` or `false`.
    Flag,
    /// A string.
    Text,
    /// A list of strings.
    Texts,
    /// A string or a list of strings.
    TextOrTexts,
    /// `true`, `false` or a folder.
    FlagOrText,
    /// A level.
    Level,
    /// A table from rules to levels.
    Levels,
    /// A table from patterns to lists of rules.
    Ignores,
    /// What becomes of a test that went on.
    Swallowed,
    /// The name of a capability.
    Capability,
    /// A table whose keys are listed under its own name.
    Table,
    /// A list of such tables.
    Tables,
}

const fn key(table: &'static str, name: &'static str, takes: Takes, summary: &'static str) -> Key {
    Key { table, name, takes, summary }
}

/// Every key, table by table.
pub static KEYS: &[Key] = &[
    key("", "extend", Takes::Text, "another configuration file that this one adds to"),
    key("", "profile", Takes::TextOrTexts, "named policies"),
    key("", "no-network", Takes::Flag, "deny the network"),
    key(
        "",
        "allow-localhost",
        Takes::Flag,
        "allow loopback addresses although the network is denied",
    ),
    key("", "allow-domain", Takes::Texts, "hosts that are allowed although the network is denied"),
    key("", "no-subprocess", Takes::Flag, "deny starting processes"),
    key(
        "",
        "allow-run",
        Takes::Texts,
        "programs that may be started although subprocesses are denied",
    ),
    key(
        "",
        "fs-readonly",
        Takes::FlagOrText,
        "deny writing files; with a folder, reading outside it too",
    ),
    key(
        "",
        "allow-write",
        Takes::Texts,
        "files and folders that may be changed although writing is denied",
    ),
    key("", "no-environment", Takes::Flag, "deny environment variables"),
    key("", "no-env", Takes::Flag, "the same as no-environment"),
    key("", "no-code-exec", Takes::Flag, "deny running code made from data"),
    key("", "no-interpreter-mutation", Takes::Flag, "deny changing interpreter-wide state"),
    key("", "block-native", Takes::Flag, "deny native interfaces and extension modules"),
    key(
        "",
        "allow-native",
        Takes::Texts,
        "packages whose extension modules are allowed although native code is denied",
    ),
    key("", "deny-import", Takes::Texts, "modules whose import is denied"),
    key("", "check", Takes::Table, "what only the analyzer needs"),
    key("", "pytest", Takes::Table, "what only the plugin for pytest needs"),
    key("", "learn", Takes::Table, "reserved"),
    key("pytest", "profile", Takes::TextOrTexts, "named policies"),
    key("pytest", "no-network", Takes::Flag, "deny the network"),
    key(
        "pytest",
        "allow-localhost",
        Takes::Flag,
        "allow loopback addresses although the network is denied",
    ),
    key(
        "pytest",
        "allow-domain",
        Takes::Texts,
        "hosts that are allowed although the network is denied",
    ),
    key("pytest", "no-subprocess", Takes::Flag, "deny starting processes"),
    key(
        "pytest",
        "allow-run",
        Takes::Texts,
        "programs that may be started although subprocesses are denied",
    ),
    key(
        "pytest",
        "fs-readonly",
        Takes::FlagOrText,
        "deny writing files; with a folder, reading outside it too",
    ),
    key(
        "pytest",
        "allow-write",
        Takes::Texts,
        "files and folders that may be changed although writing is denied",
    ),
    key("pytest", "no-environment", Takes::Flag, "deny environment variables"),
    key("pytest", "no-env", Takes::Flag, "the same as no-environment"),
    key("pytest", "no-code-exec", Takes::Flag, "deny running code made from data"),
    key("pytest", "no-interpreter-mutation", Takes::Flag, "deny changing interpreter-wide state"),
    key("pytest", "block-native", Takes::Flag, "deny native interfaces and extension modules"),
    key(
        "pytest",
        "allow-native",
        Takes::Texts,
        "packages whose extension modules are allowed although native code is denied",
    ),
    key("pytest", "deny-import", Takes::Texts, "modules whose import is denied"),
    key(
        "pytest",
        "swallowed",
        Takes::Swallowed,
        "what becomes of a test that was denied something and went on",
    ),
    key(
        "check",
        "undecided",
        Takes::Level,
        "the level of what cannot be decided before the program runs",
    ),
    key("check", "exclude", Takes::Texts, "what is left out instead of the default excludes"),
    key("check", "extend-exclude", Takes::Texts, "what else is left out"),
    key(
        "check",
        "baseline",
        Takes::Text,
        "the file that lists the findings that were there before",
    ),
    key("check", "levels", Takes::Levels, "the level of each rule"),
    key(
        "check",
        "per-file-ignores",
        Takes::Ignores,
        "rules that are suppressed in the files that match",
    ),
    key("check", "api", Takes::Tables, "names that no rule knows, with what they reach"),
    key("check.api", "name", Takes::Text, "the function, class or method with its module"),
    key("check.api", "capability", Takes::Capability, "what a call of it reaches"),
    key("check.api", "given", Takes::Text, "only where this argument is given"),
    key("check.api", "missing", Takes::Text, "only where this argument is not given"),
    key("check.api", "true", Takes::Text, "only where this argument is true"),
];

/// The capabilities that [`Takes::Capability`] accepts.
pub fn capabilities() -> Vec<String> {
    api::names()
}

#[cfg(test)]
mod tests {
    use super::super::api::API_KEYS;
    use super::super::reader::{CHECK_KEYS, POLICY_KEYS, PYTEST_KEYS};
    use super::*;

    #[test]
    fn it_lists_what_is_read() {
        for (table, names) in [
            ("", POLICY_KEYS),
            ("pytest", PYTEST_KEYS),
            ("check", CHECK_KEYS),
            ("check.api", API_KEYS),
        ] {
            let listed: Vec<_> =
                KEYS.iter().filter(|key| key.table == table).map(|key| key.name).collect();
            let mut names = names.to_vec();
            let mut sorted = listed.clone();
            names.sort_unstable();
            sorted.sort_unstable();
            assert_eq!(sorted, names, "[{table}]");
        }
    }
}
