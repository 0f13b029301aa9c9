//! Environment variables.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Trigger::{Audit, Call, Literal, Reference, Slot};
use crate::rule::TypeFact::{self, Alias, Returns};
use crate::rule::{Condition, Level, Reported, Rule, api, arg, keyword};

/// This family's rules.
pub static RULES: &[&Rule] =
    &[&ENVIRONMENT_READ, &ENVIRONMENT_WRITE, &ENVIRONMENT_LIBRARY, &ENVIRONMENT_INCIDENTAL];

/// A variable is read.
///
/// Of the references only reads count here: a subscript, a method that gives values, iteration,
/// `in`, or the mapping handed on whole. The variable of a reference is its subscript or the first
/// argument of the method.
pub static ENVIRONMENT_READ: Rule = Rule {
    name: "environment-read",
    capability: Capability::Environment,
    level: Level::Error,
    since: "0.1.0",
    summary: "an environment variable is read",
    verb: Verb::ReadEnvironment,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/environment-read.md"),
    triggers: &[
        Reference(api("os.environ").variable(arg(0, "key")).patch_point()),
        Reference(api("os.environb").variable(arg(0, "key")).patch_point()),
        Call(api("os.getenv").variable(arg(0, "key")).patch_point()),
        Call(api("os.getenvb").variable(arg(0, "key")).patch_point()),
        Call(api("os.get_exec_path").fixed("PATH").when(Condition::Missing(arg(0, "env")))),
        Call(api("os.reload_environ")),
        Call(api("os.path.expandvars")),
        // The environment a Linux process was started with, as a file (proc_pid_environ(5)).
        Literal("/proc/self/environ"),
        Slot("os._Environ.__getitem__"),
        Slot("os._Environ.__iter__"),
        Slot("os._Environ.copy"),
    ],
};

/// A variable is set or removed.
///
/// Of the references only writes count here: assignment to or deletion of a subscript, a method
/// that changes the mapping, `|=`, rebinding.
pub static ENVIRONMENT_WRITE: Rule = Rule {
    name: "environment-write",
    capability: Capability::Environment,
    level: Level::Error,
    since: "0.1.0",
    summary: "an environment variable is set or removed",
    verb: Verb::WriteEnvironment,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/environment-write.md"),
    triggers: &[
        Reference(api("os.environ").variable(arg(0, "key")).patch_point()),
        Reference(api("os.environb").variable(arg(0, "key")).patch_point()),
        Call(api("os.putenv").variable(arg(0, "name")).patch_point()),
        Call(api("os.unsetenv").variable(arg(0, "name")).patch_point()),
        Call(api("pytest.MonkeyPatch.setenv").variable(arg(0, "name"))),
        Call(api("pytest.MonkeyPatch.delenv").variable(arg(0, "name"))),
        // Assignments to `os.environ` end here too (CPython, `Lib/os.py`).
        Audit("os.putenv"),
        Audit("os.unsetenv"),
    ],
};

/// A settings library reads variables, or a file of them.
pub static ENVIRONMENT_LIBRARY: Rule = Rule {
    name: "environment-library",
    capability: Capability::Environment,
    level: Level::Error,
    since: "0.1.0",
    summary: "a settings library reads or sets environment variables",
    verb: Verb::ReadEnvironment,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/environment-library.md"),
    triggers: &[
        Call(api("dotenv.load_dotenv").act(Verb::WriteEnvironment)),
        Call(api("dotenv.dotenv_values").when(Condition::NotFalse(keyword("interpolate")))),
        Call(api("environs.Env")),
        Call(api("environ.Env")),
        Call(api("environ.Env.read_env").act(Verb::WriteEnvironment)),
        Call(api("environ.FileAwareEnv")),
        Call(api("decouple.config").variable(arg(0, "option"))),
        Call(api("decouple.AutoConfig")),
        Call(api("dynaconf.Dynaconf")),
        Call(api("dynaconf.FlaskDynaconf")),
        Call(api("pydantic_settings.BaseSettings")),
        Call(api("pydantic.BaseSettings")),
        Call(api("starlette.config.Config")),
        Call(api("flask.Config.from_envvar").variable(arg(0, "variable_name"))),
        Call(api("flask.Config.from_prefixed_env")),
    ],
};

/// A call whose answer comes from variables although its name does not say so.
///
/// Whether it does hangs on the platform and the arguments, hence `warn`.
pub static ENVIRONMENT_INCIDENTAL: Rule = Rule {
    name: "environment-incidental",
    capability: Capability::Environment,
    level: Level::Warn,
    since: "0.1.0",
    summary: "a call may read `HOME`, `PATH` or the user's name from the environment",
    verb: Verb::ReadEnvironment,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/environment-incidental.md"),
    triggers: &[
        Call(api("os.path.expanduser").fixed("HOME")),
        Call(api("pathlib.Path.home").fixed("HOME")),
        Call(api("pathlib.Path.expanduser").fixed("HOME")),
        Call(api("getpass.getuser").fixed("LOGNAME")),
        Call(api("shutil.which").fixed("PATH").when(Condition::Missing(arg(2, "path")))),
    ],
};

/// What these names are called elsewhere.
pub static TYPE_FACTS: &[TypeFact] = &[
    Alias { name: "posixpath", of: "os.path" },
    Alias { name: "ntpath", of: "os.path" },
    Alias { name: "_pytest.monkeypatch.MonkeyPatch", of: "pytest.MonkeyPatch" },
    Alias { name: "dotenv.main.load_dotenv", of: "dotenv.load_dotenv" },
    Alias { name: "dotenv.main.dotenv_values", of: "dotenv.dotenv_values" },
    Alias { name: "pydantic_settings.main.BaseSettings", of: "pydantic_settings.BaseSettings" },
    Alias { name: "flask.config.Config", of: "flask.Config" },
    // Classes with no trigger of their own.
    Returns { api: "pytest.MonkeyPatch", class: "pytest.MonkeyPatch" },
    Returns { api: "flask.Config", class: "flask.Config" },
];
