//! Processes: starting, becoming, forking and signalling them with the standard library.
//!
//! Libraries and worker pools that start processes are in [`super::subprocess_library`], what
//! starts one only on the way in [`super::subprocess_incidental`].

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Trigger::{Audit, Call, Slot};
use crate::rule::TypeFact::{self, Alias, Extends, Returns};
use crate::rule::{Level, Reported, Rule, api, arg};

/// This family's rules.
pub static RULES: &[&Rule] = &[
    &SUBPROCESS_RUN,
    &SHELL_COMMAND,
    &PROCESS_EXEC,
    &PROCESS_SPAWN,
    &PROCESS_FORK,
    &PROCESS_SIGNAL,
];

/// `subprocess.Popen` and what is built on it, with the program as an argument of its own.
pub static SUBPROCESS_RUN: Rule = Rule {
    name: "subprocess-run",
    capability: Capability::Subprocess,
    level: Level::Error,
    since: "0.1.0",
    summary: "a program is started with `subprocess` or its `asyncio` twin",
    verb: Verb::Spawn,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/subprocess-run.md"),
    triggers: &[
        Call(api("subprocess.Popen").program(arg(0, "args")).patch_point()),
        Call(api("subprocess.run").program(arg(0, "args")).patch_point()),
        Call(api("subprocess.call").program(arg(0, "args")).patch_point()),
        Call(api("subprocess.check_call").program(arg(0, "args")).patch_point()),
        Call(api("subprocess.check_output").program(arg(0, "args")).patch_point()),
        Call(api("asyncio.create_subprocess_exec").program(arg(0, "program")).patch_point()),
        Call(api("asyncio.AbstractEventLoop.subprocess_exec").program(arg(1, ""))),
        // Raised by `subprocess.Popen.__init__` (CPython, `Lib/subprocess.py`), whoever calls it.
        Audit("subprocess.Popen"),
    ],
};

/// A command line given to the shell.
pub static SHELL_COMMAND: Rule = Rule {
    name: "shell-command",
    capability: Capability::Subprocess,
    level: Level::Error,
    since: "0.1.0",
    summary: "a command line is given to the shell",
    verb: Verb::Spawn,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/shell-command.md"),
    triggers: &[
        Call(api("os.system").command_line(arg(0, "command")).patch_point()),
        Call(api("os.popen").command_line(arg(0, "cmd")).patch_point()),
        Call(api("subprocess.getoutput").command_line(arg(0, "cmd")).patch_point()),
        Call(api("subprocess.getstatusoutput").command_line(arg(0, "cmd")).patch_point()),
        Call(api("asyncio.create_subprocess_shell").command_line(arg(0, "cmd")).patch_point()),
        Call(api("asyncio.AbstractEventLoop.subprocess_shell").command_line(arg(1, "cmd"))),
        Call(api("imaplib.IMAP4_stream").command_line(arg(0, "command"))),
        Audit("os.system"),
    ],
};

/// The process becomes another program.
pub static PROCESS_EXEC: Rule = Rule {
    name: "process-exec",
    capability: Capability::Subprocess,
    level: Level::Error,
    since: "0.1.0",
    summary: "the process is replaced by another program",
    verb: Verb::Spawn,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/process-exec.md"),
    triggers: &[
        Call(api("os.execl").program(arg(0, "file")).patch_point()),
        Call(api("os.execle").program(arg(0, "file")).patch_point()),
        Call(api("os.execlp").program(arg(0, "file")).patch_point()),
        Call(api("os.execlpe").program(arg(0, "file")).patch_point()),
        Call(api("os.execv").program(arg(0, "path")).patch_point()),
        Call(api("os.execve").program(arg(0, "path")).patch_point()),
        Call(api("os.execvp").program(arg(0, "file")).patch_point()),
        Call(api("os.execvpe").program(arg(0, "file")).patch_point()),
        Call(api("os._execvpe").program(arg(0, "file"))),
        Audit("os.exec"),
    ],
};

/// A program is started without `subprocess`.
pub static PROCESS_SPAWN: Rule = Rule {
    name: "process-spawn",
    capability: Capability::Subprocess,
    level: Level::Error,
    since: "0.1.0",
    summary: "a program is started by a call below `subprocess`",
    verb: Verb::Spawn,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/process-spawn.md"),
    triggers: &[
        Call(api("os.spawnl").program(arg(1, "file")).patch_point()),
        Call(api("os.spawnle").program(arg(1, "file")).patch_point()),
        Call(api("os.spawnlp").program(arg(1, "file")).patch_point()),
        Call(api("os.spawnlpe").program(arg(1, "file")).patch_point()),
        Call(api("os.spawnv").program(arg(1, "file")).patch_point()),
        Call(api("os.spawnve").program(arg(1, "file")).patch_point()),
        Call(api("os.spawnvp").program(arg(1, "file")).patch_point()),
        Call(api("os.spawnvpe").program(arg(1, "file")).patch_point()),
        Call(api("os._spawnvef").program(arg(1, "file"))),
        Call(api("os.posix_spawn").program(arg(0, "path")).patch_point()),
        Call(api("os.posix_spawnp").program(arg(0, "path")).patch_point()),
        Call(api("os.startfile").program(arg(0, "filepath")).patch_point()),
        Call(api("pty.spawn").program(arg(0, "argv")).patch_point()),
        Call(api("multiprocessing.util.spawnv_passfds").program(arg(0, "path"))),
        Call(api("_posixsubprocess.fork_exec").program(arg(0, "")).patch_point()),
        Call(api("_winapi.CreateProcess").program(arg(0, "")).patch_point()),
        Call(api("distutils.spawn.spawn").program(arg(0, "cmd"))),
        Audit("os.posix_spawn"),
        // Windows; elsewhere `os.spawn*` forks and raises `os.fork`.
        Audit("os.spawn"),
        Audit("os.startfile"),
        Audit("os.startfile/2"),
        Audit("pty.spawn"),
        Audit("_winapi.CreateProcess"),
        // The event came with CPython 3.14; before it there is none.
        Audit("_posixsubprocess.fork_exec"),
        Slot("_posixsubprocess.fork_exec"),
    ],
};

/// The process is doubled.
pub static PROCESS_FORK: Rule = Rule {
    name: "process-fork",
    capability: Capability::Subprocess,
    level: Level::Error,
    since: "0.1.0",
    summary: "the process forks",
    verb: Verb::Spawn,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/process-fork.md"),
    triggers: &[
        Call(api("os.fork").patch_point()),
        Call(api("os.forkpty").patch_point()),
        Call(api("pty.fork").patch_point()),
        Call(api("gevent.fork")),
        Call(api("gevent.os.fork")),
        Call(api("gevent.os.forkpty")),
        Call(api("tornado.process.fork_processes")),
        Call(api("daemon.DaemonContext")),
        Audit("os.fork"),
        Audit("os.forkpty"),
    ],
};

/// A signal to a process.
pub static PROCESS_SIGNAL: Rule = Rule {
    name: "process-signal",
    capability: Capability::Subprocess,
    level: Level::Error,
    since: "0.1.0",
    summary: "a process is signalled or stopped",
    verb: Verb::Signal,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/process-signal.md"),
    triggers: &[
        Call(api("os.kill").patch_point()),
        Call(api("os.killpg").patch_point()),
        Call(api("signal.pidfd_send_signal")),
        Call(api("_winapi.TerminateProcess")),
        Call(api("psutil.Process.kill")),
        Call(api("psutil.Process.terminate")),
        Call(api("psutil.Process.send_signal")),
        Call(api("psutil.Process.suspend")),
        Call(api("psutil.Process.resume")),
        Audit("os.kill"),
        Audit("os.killpg"),
        Audit("_winapi.TerminateProcess"),
        Slot("_signal.pidfd_send_signal"),
    ],
};

/// What these names give, inherit and are called elsewhere; the event loops are with the network.
pub static TYPE_FACTS: &[TypeFact] = &[
    Alias { name: "_signal", of: "signal" },
    Alias { name: "subprocess._fork_exec", of: "_posixsubprocess.fork_exec" },
    Alias { name: "subprocess._posixsubprocess", of: "_posixsubprocess" },
    Alias { name: "subprocess._winapi", of: "_winapi" },
    Alias { name: "gevent.subprocess", of: "subprocess" },
    Alias { name: "eventlet.green.subprocess", of: "subprocess" },
    Alias {
        name: "asyncio.subprocess.create_subprocess_exec",
        of: "asyncio.create_subprocess_exec",
    },
    Alias {
        name: "asyncio.subprocess.create_subprocess_shell",
        of: "asyncio.create_subprocess_shell",
    },
    Extends { class: "psutil.Popen", base: "psutil.Process" },
    Returns { api: "psutil.Process.parent", class: "psutil.Process" },
];
