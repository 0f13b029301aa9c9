//! Imports a policy names, and imports whose name is not known before the program runs.
//!
//! A call with a constant name (`importlib.import_module("ctypes")`) is that import, judged like
//! the statement by every rule with an `Import`, `AnyImport` or `UnknownImport` trigger. What
//! [`DYNAMIC_IMPORT`] adds is the computed name.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Condition::Computed;
use crate::rule::Trigger::{Audit, Call, Construct};
use crate::rule::TypeFact::{self, Alias};
use crate::rule::{Api, Construct as Form, Level, Reported, Rule, api, arg};

/// This family's rules.
pub static RULES: &[&Rule] = &[&DENIED_IMPORT, &DYNAMIC_IMPORT];

/// A module the policy's `deny-import` names.
pub static DENIED_IMPORT: Rule = Rule {
    name: "denied-import",
    capability: Capability::Imports,
    level: Level::Error,
    since: "0.1.0",
    summary: "a module the policy denies is imported",
    verb: Verb::Import,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/denied-import.md"),
    triggers: &[Construct(Form::AnyImport), Audit("import")],
};

/// An import whose name is computed.
pub static DYNAMIC_IMPORT: Rule = Rule {
    name: "dynamic-import",
    capability: Capability::Imports,
    level: Level::Error,
    since: "0.1.0",
    summary: "a module is imported by a name computed while the program runs",
    verb: Verb::Import,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/dynamic-import.md"),
    triggers: &[
        Call(by_name("builtins.__import__", "name").patch_point()),
        Call(by_name("importlib.import_module", "name")),
        Call(by_name("importlib._bootstrap._gcd_import", "name")),
        Call(by_name("pytest.importorskip", "modname")),
        Call(by_name("pkgutil.resolve_name", "name")),
        Call(by_name("pydoc.locate", "path")),
        Call(by_name("pydoc.safeimport", "path")),
        Call(by_name("pydoc.resolve", "thing")),
        Call(by_name("test.support.import_helper.import_fresh_module", "name")),
        Call(by_name("test.support.import_helper.import_module", "name")),
        Call(by_name("django.utils.module_loading.import_string", "dotted_path")),
        Call(by_name("werkzeug.utils.import_string", "import_name")),
        Call(by_name("hydra.utils.get_class", "path")),
        Call(by_name("hydra.utils.get_method", "path")),
        // What these import is written in metadata or in a configuration.
        Call(api("pkgutil.walk_packages")),
        Call(api("importlib.metadata.EntryPoint.load")),
        Call(api("pkg_resources.EntryPoint.load")),
        Call(api("pkg_resources.load_entry_point")),
        Call(api("hydra.utils.instantiate")),
        Call(api("hydra.utils.call")),
    ],
};

/// Imports the module its first argument names; this rule speaks where the name is computed.
const fn by_name(name: &'static str, parameter: &'static str) -> Api {
    let module = arg(0, parameter);
    api(name).module(module).when(Computed(module))
}

/// Other names.
pub static TYPE_FACTS: &[TypeFact] = &[
    Alias { name: "importlib.__import__", of: "builtins.__import__" },
    Alias { name: "importlib._bootstrap.__import__", of: "builtins.__import__" },
    Alias { name: "importlib_metadata.EntryPoint", of: "importlib.metadata.EntryPoint" },
    Alias {
        name: "hydra._internal.instantiate._instantiate2.instantiate",
        of: "hydra.utils.instantiate",
    },
];
