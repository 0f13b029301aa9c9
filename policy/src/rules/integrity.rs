//! Integrity: ways around a guard, and files nobody looked into.
//!
//! Told with or without a policy. No flag denies these acts by themselves; any guard that is on
//! makes them acts against it.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Condition::Given;
use crate::rule::Trigger::{Audit, Call, Construct, Import};
use crate::rule::TypeFact::{self, Alias};
use crate::rule::{Construct as Form, Level, Reported, Rule, api, arg};

/// This family's rules.
pub static RULES: &[&Rule] = &[
    &CAPTURED_REFERENCE,
    &CODE_OBJECT,
    &GUARD_REMOVAL,
    &GUARDED_MODULE_WRITE,
    &INTROSPECTION,
    &INVALID_SUPPRESSION,
    &LATE_INSTALL,
    &LOW_LEVEL_TWIN,
    &MODULE_TABLE_WRITE,
    &NOT_ANALYSED,
    &REASON_REQUIRED,
    &UNUSED_SUPPRESSION,
];

/// A reference to a guarded API taken and kept, so that a patch misses it.
pub static CAPTURED_REFERENCE: Rule = Rule {
    name: "captured-reference",
    capability: Capability::Integrity,
    level: Level::Warn,
    since: "0.1.0",
    summary: "a reference to a guarded API is kept past any patch of it",
    verb: Verb::Keep,
    reported: Reported::Always,
    page: include_str!("../../rules/captured-reference.md"),
    triggers: &[Construct(Form::KeptReference)],
};

/// A guard taken off from inside.
pub static GUARD_REMOVAL: Rule = Rule {
    name: "guard-removal",
    capability: Capability::Integrity,
    level: Level::Warn,
    since: "0.1.0",
    summary: "a guard is taken off by the program it guards",
    verb: Verb::Tamper,
    reported: Reported::Always,
    page: include_str!("../../rules/guard-removal.md"),
    triggers: &[
        Call(api("hermetic.guards.uninstall_all")),
        Call(api("pytest_socket.enable_socket")),
        Call(api("pytest_socket._remove_restrictions")),
    ],
};

/// Something a guard would have stopped, done by an import above it.
pub static LATE_INSTALL: Rule = Rule {
    name: "late-install",
    capability: Capability::Integrity,
    level: Level::Info,
    since: "0.1.0",
    summary: "a module is imported before the guard that would have stopped what it does",
    verb: Verb::Keep,
    reported: Reported::Always,
    page: include_str!("../../rules/late-install.md"),
    triggers: &[Construct(Form::LateInstall)],
};

/// The C module under a guarded one.
pub static LOW_LEVEL_TWIN: Rule = Rule {
    name: "low-level-twin",
    capability: Capability::Integrity,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the low-level module under a guarded one is imported",
    verb: Verb::Tamper,
    reported: Reported::Always,
    page: include_str!("../../rules/low-level-twin.md"),
    triggers: &[
        Import("_socket"),
        Import("posix"),
        Import("nt"),
        Import("_posixsubprocess"),
        Import("_posixshmem"),
        Import("_winapi"),
        Import("_overlapped"),
        Import("_io"),
        Import("_pyio"),
        Import("_imp"),
        Import("_frozen_importlib"),
        Import("_frozen_importlib_external"),
        // Only in builds with the test suite; they do what the C API can.
        Import("_testcapi"),
        Import("_testinternalcapi"),
        Import("_testlimitedcapi"),
    ],
};

/// Code objects and functions put together by hand, or swapped.
pub static CODE_OBJECT: Rule = Rule {
    name: "code-object",
    capability: Capability::Integrity,
    level: Level::Warn,
    since: "0.1.0",
    summary: "a code object is built or exchanged by hand",
    verb: Verb::Tamper,
    reported: Reported::Always,
    page: include_str!("../../rules/code-object.md"),
    triggers: &[
        // The conditions keep a mere mention of the type, `{types.FunctionType: f}`, apart.
        Call(api("types.CodeType").when(Given(arg(0, "")))),
        Call(api("types.FunctionType").when(Given(arg(0, "code")))),
        Call(api("types.CodeType.replace")),
        // Python 2.
        Call(api("new.code")),
        Call(api("new.function")),
        Construct(Form::AttributeWrite("__code__")),
        Construct(Form::AttributeWrite("func_code")),
        Construct(Form::AttributeWrite("cell_contents")),
        Audit("code.__new__"),
    ],
};

/// Walks over objects, frames and the heap.
pub static INTROSPECTION: Rule = Rule {
    name: "introspection",
    capability: Capability::Integrity,
    level: Level::Info,
    since: "0.1.0",
    summary: "a walk over objects, frames or the heap, which can reach what a guard hides",
    verb: Verb::Introspect,
    reported: Reported::Always,
    page: include_str!("../../rules/introspection.md"),
    triggers: &[
        Call(api("gc.get_objects")),
        Call(api("gc.get_referrers")),
        Call(api("gc.get_referents")),
        Call(api("sys._getframe")),
        Call(api("sys._current_frames")),
        Call(api("sys._current_exceptions")),
        // Debug builds (`Py_TRACE_REFS`).
        Call(api("sys.getobjects")),
        Call(api("inspect.currentframe")),
        Call(api("inspect.stack")),
        Call(api("inspect.trace")),
        Call(api("inspect.getouterframes")),
        Call(api("inspect.getinnerframes")),
        Call(api("inspect.getclosurevars")),
        Call(api("inspect.getgeneratorlocals")),
        Call(api("inspect.getcoroutinelocals")),
        Call(api("inspect.getasyncgenlocals")),
        Call(api("traceback.walk_stack")),
        Call(api("traceback.walk_tb")),
        Call(api("_remote_debugging.RemoteUnwinder")),
        Construct(Form::Attribute("__subclasses__")),
        Construct(Form::Attribute("__globals__")),
        Construct(Form::Attribute("__builtins__")),
        Construct(Form::Attribute("__closure__")),
        Construct(Form::Attribute("f_back")),
        Construct(Form::Attribute("f_globals")),
        Construct(Form::Attribute("f_locals")),
        Construct(Form::Attribute("f_builtins")),
        Construct(Form::Attribute("tb_frame")),
        Construct(Form::Attribute("gi_frame")),
        Construct(Form::Attribute("cr_frame")),
        Construct(Form::Attribute("ag_frame")),
        // The heap walks; frames have too many ordinary readers to be denied while running.
        Audit("gc.get_objects"),
        Audit("gc.get_referrers"),
        Audit("gc.get_referents"),
    ],
};

/// An attribute of a guarded module replaced.
pub static GUARDED_MODULE_WRITE: Rule = Rule {
    name: "guarded-module-write",
    capability: Capability::Integrity,
    level: Level::Warn,
    since: "0.1.0",
    summary: "an attribute of a guarded module is replaced or deleted",
    verb: Verb::Tamper,
    reported: Reported::Always,
    page: include_str!("../../rules/guarded-module-write.md"),
    triggers: &[
        Construct(Form::GuardedModuleWrite),
        Call(api("gevent.monkey.patch_all")),
        Call(api("gevent.monkey.patch_socket")),
        Call(api("gevent.monkey.patch_os")),
        Call(api("gevent.monkey.patch_subprocess")),
        Call(api("eventlet.monkey_patch")),
    ],
};

/// The entry of a guarded module in `sys.modules` exchanged.
pub static MODULE_TABLE_WRITE: Rule = Rule {
    name: "module-table-write",
    capability: Capability::Integrity,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the entry of a guarded module in sys.modules is replaced or deleted",
    verb: Verb::Tamper,
    reported: Reported::Always,
    page: include_str!("../../rules/module-table-write.md"),
    triggers: &[Construct(Form::ModuleTableWrite)],
};

/// A file that could not be read, decoded or parsed in whole.
pub static NOT_ANALYSED: Rule = Rule {
    name: "not-analysed",
    capability: Capability::Integrity,
    level: Level::Error,
    since: "0.1.0",
    summary: "a file could not be analysed in whole",
    verb: Verb::Hide,
    reported: Reported::Always,
    page: include_str!("../../rules/not-analysed.md"),
    triggers: &[Construct(Form::Unanalysed)],
};

/// A comment that was meant to suppress findings, and does not.
pub static INVALID_SUPPRESSION: Rule = Rule {
    name: "invalid-suppression",
    capability: Capability::Integrity,
    level: Level::Error,
    since: "0.1.0",
    summary: "a comment meant to suppress findings names no rule that there is",
    verb: Verb::Hide,
    reported: Reported::Always,
    page: include_str!("../../rules/invalid-suppression.md"),
    triggers: &[Construct(Form::InvalidSuppression)],
};

/// A suppression without a reason; told only where the rule is given a level.
pub static REASON_REQUIRED: Rule = Rule {
    name: "reason-required",
    capability: Capability::Integrity,
    level: Level::Off,
    since: "0.1.0",
    summary: "a comment suppresses findings and gives no reason",
    verb: Verb::Hide,
    reported: Reported::Always,
    page: include_str!("../../rules/reason-required.md"),
    triggers: &[Construct(Form::UnexplainedSuppression)],
};

/// A suppression that suppresses nothing.
pub static UNUSED_SUPPRESSION: Rule = Rule {
    name: "unused-suppression",
    capability: Capability::Integrity,
    level: Level::Warn,
    since: "0.1.0",
    summary: "a comment suppresses a finding that is not there",
    verb: Verb::Hide,
    reported: Reported::Always,
    page: include_str!("../../rules/unused-suppression.md"),
    triggers: &[Construct(Form::UnusedSuppression)],
};

/// Other names.
pub static TYPE_FACTS: &[TypeFact] = &[
    Alias { name: "hermetic.uninstall_all", of: "hermetic.guards.uninstall_all" },
    Alias { name: "types.LambdaType", of: "types.FunctionType" },
    Alias { name: "new", of: "types" },
];
