//! State of the interpreter and of the process it runs in.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Trigger::{Audit, Call, Reference, Slot};
use crate::rule::TypeFact::{self, Extends, Returns};
use crate::rule::{Condition, Level, Reported, Rule, api, arg};

/// This family's rules.
pub static RULES: &[&Rule] = &[
    &IMPORT_PATH_WRITE,
    &WORKING_DIRECTORY,
    &INTERPRETER_HOOK,
    &INTERPRETER_SETTING,
    &PROCESS_STATE,
];

/// What `import` finds is changed.
///
/// Of the references only writes count: assignment, deletion, a method that changes the list or
/// dictionary, `+=`, rebinding. Reading `sys.path` is no act.
pub static IMPORT_PATH_WRITE: Rule = Rule {
    name: "import-path-write",
    capability: Capability::Interpreter,
    level: Level::Error,
    since: "0.1.0",
    summary: "the import path or an import hook is changed",
    verb: Verb::MutateInterpreter,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/import-path-write.md"),
    triggers: &[
        Reference(api("sys.path").fixed("sys.path")),
        Reference(api("sys.meta_path").fixed("sys.meta_path")),
        Reference(api("sys.path_hooks").fixed("sys.path_hooks")),
        Reference(api("sys.path_importer_cache").fixed("sys.path_importer_cache")),
        Call(api("site.addsitedir").fixed("addsitedir")),
        Call(api("site.addpackage").fixed("sys.path")),
        Call(api("site.addsitepackages").fixed("sys.path")),
        Call(api("site.addusersitepackages").fixed("sys.path")),
        Call(api("site.main").fixed("sys.path")),
        Call(api("pytest.MonkeyPatch.syspath_prepend").fixed("sys.path")),
        Slot("sys.path"),
        Slot("sys.meta_path"),
        Slot("sys.path_hooks"),
        Slot("sys.path_importer_cache"),
    ],
};

/// The folder relative paths start from is changed.
pub static WORKING_DIRECTORY: Rule = Rule {
    name: "working-directory",
    capability: Capability::Interpreter,
    level: Level::Error,
    since: "0.1.0",
    summary: "the working directory is changed",
    verb: Verb::MutateInterpreter,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/working-directory.md"),
    triggers: &[
        Call(api("os.chdir").fixed("chdir").patch_point()),
        Call(api("os.fchdir").fixed("fchdir").patch_point()),
        Call(api("contextlib.chdir").fixed("chdir")),
        Call(api("pytest.MonkeyPatch.chdir").fixed("chdir")),
        Call(api("test.support.os_helper.change_cwd").fixed("chdir")),
        Call(api("test.support.os_helper.temp_cwd").fixed("chdir")),
        // Raised by `os.fchdir` too, with a descriptor (CPython, `Modules/posixmodule.c`).
        Audit("os.chdir"),
    ],
};

/// Code is hung into the interpreter to run at every call, line or event.
pub static INTERPRETER_HOOK: Rule = Rule {
    name: "interpreter-hook",
    capability: Capability::Interpreter,
    level: Level::Error,
    since: "0.1.0",
    summary: "a trace, profile, monitoring or audit hook is set",
    verb: Verb::MutateInterpreter,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/interpreter-hook.md"),
    triggers: &[
        Call(api("sys.settrace").fixed("settrace")),
        Call(api("sys.setprofile").fixed("setprofile")),
        Call(api("sys._settraceallthreads").fixed("settrace")),
        Call(api("sys._setprofileallthreads").fixed("setprofile")),
        Call(api("threading.settrace").fixed("settrace")),
        Call(api("threading.setprofile").fixed("setprofile")),
        Call(api("threading.settrace_all_threads").fixed("settrace")),
        Call(api("threading.setprofile_all_threads").fixed("setprofile")),
        Call(api("sys.addaudithook").fixed("addaudithook")),
        Call(api("sys.monitoring.register_callback").fixed("sys.monitoring")),
        Call(api("sys.monitoring.set_events").fixed("sys.monitoring")),
        Call(api("sys.monitoring.set_local_events").fixed("sys.monitoring")),
        Call(api("bdb.Bdb.set_trace").fixed("settrace")),
        Call(api("pdb.set_trace").fixed("settrace")),
        Call(api("cProfile.Profile.enable").fixed("setprofile")),
        Audit("sys.settrace"),
        Audit("sys.setprofile"),
        Audit("sys.addaudithook"),
        Audit("sys.monitoring.register_callback"),
        Slot("sys.monitoring.set_events"),
        Slot("sys.monitoring.set_local_events"),
    ],
};

/// A limit or switch of the whole interpreter is changed.
pub static INTERPRETER_SETTING: Rule = Rule {
    name: "interpreter-setting",
    capability: Capability::Interpreter,
    level: Level::Error,
    since: "0.1.0",
    summary: "a limit or switch of the whole interpreter is changed",
    verb: Verb::MutateInterpreter,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/interpreter-setting.md"),
    triggers: &[
        Call(api("sys.setrecursionlimit").fixed("setrecursionlimit")),
        Call(api("sys.setswitchinterval").fixed("setswitchinterval")),
        Call(api("sys.setdlopenflags").fixed("setdlopenflags")),
        Call(api("sys.set_int_max_str_digits").fixed("set_int_max_str_digits")),
        Call(api("sys.activate_stack_trampoline").fixed("activate_stack_trampoline")),
        Call(api("sys.deactivate_stack_trampoline").fixed("deactivate_stack_trampoline")),
        Call(api("sys._enablelegacywindowsfsencoding").fixed("_enablelegacywindowsfsencoding")),
        // Writes into built-in types through `ctypes`.
        Call(api("forbiddenfruit.curse").fixed("built-in types")),
        Call(api("forbiddenfruit.reverse").fixed("built-in types")),
        Slot("sys.setrecursionlimit"),
        Slot("sys.setswitchinterval"),
        Slot("sys.setdlopenflags"),
        Slot("sys.set_int_max_str_digits"),
        Slot("sys.activate_stack_trampoline"),
        Slot("sys.deactivate_stack_trampoline"),
        Slot("sys._enablelegacywindowsfsencoding"),
    ],
};

/// What the operating system keeps for the process is changed: its user, root, limits, session.
pub static PROCESS_STATE: Rule = Rule {
    name: "process-state",
    capability: Capability::Interpreter,
    level: Level::Error,
    since: "0.1.0",
    summary: "the user, root, limits or scheduling of the process is changed",
    verb: Verb::MutateInterpreter,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/process-state.md"),
    triggers: &[
        Call(api("os.setuid").fixed("setuid")),
        Call(api("os.setgid").fixed("setgid")),
        Call(api("os.seteuid").fixed("seteuid")),
        Call(api("os.setegid").fixed("setegid")),
        Call(api("os.setreuid").fixed("setreuid")),
        Call(api("os.setregid").fixed("setregid")),
        Call(api("os.setresuid").fixed("setresuid")),
        Call(api("os.setresgid").fixed("setresgid")),
        Call(api("os.setgroups").fixed("setgroups")),
        Call(api("os.initgroups").fixed("initgroups")),
        Call(api("os.chroot").fixed("chroot")),
        Call(api("os.umask").fixed("umask")),
        Call(api("os.setns").fixed("setns")),
        Call(api("os.unshare").fixed("unshare")),
        Call(api("os.nice").fixed("nice")),
        Call(api("os.setpriority").fixed("setpriority")),
        Call(api("os.sched_setaffinity").fixed("sched_setaffinity")),
        Call(api("os.sched_setscheduler").fixed("sched_setscheduler")),
        Call(api("os.sched_setparam").fixed("sched_setparam")),
        Call(api("os.setsid").fixed("setsid")),
        Call(api("os.setpgid").fixed("setpgid")),
        Call(api("os.setpgrp").fixed("setpgrp")),
        Call(api("os.tcsetpgrp").fixed("tcsetpgrp")),
        Call(api("os.plock").fixed("plock")),
        Call(api("os.login_tty").fixed("login_tty")),
        Call(api("resource.setrlimit").fixed("setrlimit")),
        // Without limits it only reads them.
        Call(api("resource.prlimit").fixed("prlimit").when(Condition::Given(arg(2, "limits")))),
        Audit("resource.setrlimit"),
        Audit("resource.prlimit"),
        Slot("posix.setuid"),
        Slot("posix.setgid"),
        Slot("posix.seteuid"),
        Slot("posix.setegid"),
        Slot("posix.setreuid"),
        Slot("posix.setregid"),
        Slot("posix.setresuid"),
        Slot("posix.setresgid"),
        Slot("posix.setgroups"),
        Slot("posix.initgroups"),
        Slot("posix.chroot"),
        Slot("posix.umask"),
        Slot("posix.setns"),
        Slot("posix.unshare"),
        Slot("posix.nice"),
        Slot("posix.setpriority"),
        Slot("posix.sched_setaffinity"),
        Slot("posix.sched_setscheduler"),
        Slot("posix.sched_setparam"),
        Slot("posix.setsid"),
        Slot("posix.setpgid"),
        Slot("posix.setpgrp"),
        Slot("posix.tcsetpgrp"),
        Slot("posix.plock"),
        Slot("posix.login_tty"),
    ],
};

/// What these names inherit and are called elsewhere.
pub static TYPE_FACTS: &[TypeFact] = &[
    Extends { class: "pdb.Pdb", base: "bdb.Bdb" },
    // Classes with no trigger of their own.
    Returns { api: "cProfile.Profile", class: "cProfile.Profile" },
];
