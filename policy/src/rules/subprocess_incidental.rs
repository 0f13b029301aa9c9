//! Processes: calls that start one on the way to something else.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Trigger::Call;
use crate::rule::TypeFact::{self, Alias, Extends};
use crate::rule::{Condition, Level, Reported, Rule, api, arg};

/// This family's rules.
pub static RULES: &[&Rule] = &[&SUBPROCESS_INCIDENTAL, &BROWSER_OPEN];

/// A call that may run a program although its name does not say so.
///
/// Whether it does hangs on the platform and on what is cached, hence `warn`.
pub static SUBPROCESS_INCIDENTAL: Rule = Rule {
    name: "subprocess-incidental",
    capability: Capability::Subprocess,
    level: Level::Warn,
    since: "0.1.0",
    summary: "a call may run a program on the way to its answer",
    verb: Verb::Spawn,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/subprocess-incidental.md"),
    triggers: &[
        // `uname -p` or `file` (CPython, `Lib/platform.py`).
        Call(api("platform.processor").fixed("uname")),
        Call(api("platform.platform").fixed("uname")),
        Call(api("platform.architecture").fixed("file")),
        // `ifconfig`, `ip`, `arp`, `lanscan` or `netstat` (`Lib/uuid.py`).
        Call(api("uuid.getnode")),
        Call(api("uuid._ifconfig_getter").fixed("ifconfig")),
        Call(api("uuid._ip_getter").fixed("ip")),
        Call(api("uuid._arp_getter").fixed("arp")),
        Call(api("uuid._lanscan_getter").fixed("lanscan")),
        Call(api("uuid._netstat_getter").fixed("netstat")),
        // `ldconfig`, a C compiler or `ld` (`Lib/ctypes/util.py`).
        Call(api("ctypes.util.find_library")),
        // `$PAGER` or `less` (`Lib/pydoc.py`).
        Call(api("pydoc.pager")),
        Call(api("pydoc.pipepager").command_line(arg(1, "cmd"))),
        Call(api("pydoc.tempfilepager").command_line(arg(1, "cmd"))),
        // pip in the new environment (`Lib/venv/__init__.py`, `Lib/ensurepip/__init__.py`).
        Call(api("venv.create").when(Condition::True(arg(4, "with_pip")))),
        Call(api("venv.EnvBuilder").when(Condition::True(arg(4, "with_pip")))),
        Call(api("venv.main")),
        Call(api("ensurepip.bootstrap")),
        Call(api("idlelib.pyshell.main")),
        // The resource tracker's process, unless workers are forked
        // (`Lib/multiprocessing/synchronize.py`, `shared_memory.py`).
        Call(api("multiprocessing.shared_memory.SharedMemory")),
        Call(api("multiprocessing.shared_memory.ShareableList")),
        Call(api("multiprocessing.Queue")),
        Call(api("multiprocessing.JoinableQueue")),
        Call(api("multiprocessing.SimpleQueue")),
        Call(api("multiprocessing.Lock")),
        Call(api("multiprocessing.RLock")),
        Call(api("multiprocessing.Semaphore")),
        Call(api("multiprocessing.BoundedSemaphore")),
        Call(api("multiprocessing.Condition")),
        Call(api("multiprocessing.Event")),
        Call(api("multiprocessing.Barrier")),
        Call(api("multiprocessing.Value")),
        Call(api("multiprocessing.Array")),
        Call(api("multiprocessing.context.BaseContext.Queue")),
        Call(api("multiprocessing.context.BaseContext.JoinableQueue")),
        Call(api("multiprocessing.context.BaseContext.SimpleQueue")),
        Call(api("multiprocessing.context.BaseContext.Lock")),
        Call(api("multiprocessing.context.BaseContext.RLock")),
        Call(api("multiprocessing.context.BaseContext.Semaphore")),
        Call(api("multiprocessing.context.BaseContext.BoundedSemaphore")),
        Call(api("multiprocessing.context.BaseContext.Condition")),
        Call(api("multiprocessing.context.BaseContext.Event")),
        Call(api("multiprocessing.context.BaseContext.Barrier")),
        Call(api("multiprocessing.context.BaseContext.Value")),
        Call(api("multiprocessing.context.BaseContext.Array")),
        // `lsb_release`.
        Call(api("distro.id")),
        Call(api("distro.info")),
        Call(api("distro.linux_distribution")),
        Call(api("distro.name")),
        Call(api("distro.version")),
        Call(api("shellingham.detect_shell")),
        Call(api("click.edit")),
        Call(api("click.launch")),
        Call(api("click.echo_via_pager")),
        Call(api("pyperclip.copy")),
        Call(api("pyperclip.paste")),
        Call(api("PIL.Image.Image.show")),
        Call(api("PIL.ImageGrab.grab")),
    ],
};

/// A web browser is started.
///
/// Its event, `webbrowser.open`, belongs to the network's rule; here `subprocess.Popen` speaks.
pub static BROWSER_OPEN: Rule = Rule {
    name: "browser-open",
    capability: Capability::Subprocess,
    level: Level::Error,
    since: "0.1.0",
    summary: "a web browser is started",
    verb: Verb::Spawn,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/browser-open.md"),
    triggers: &[
        Call(api("webbrowser.open")),
        Call(api("webbrowser.open_new")),
        Call(api("webbrowser.open_new_tab")),
        Call(api("webbrowser.BaseBrowser.open")),
        Call(api("webbrowser.BaseBrowser.open_new")),
        Call(api("webbrowser.BaseBrowser.open_new_tab")),
    ],
};

/// What these names give, inherit and are called elsewhere; most browsers are with the network.
pub static TYPE_FACTS: &[TypeFact] = &[
    Extends { class: "webbrowser.UnixBrowser", base: "webbrowser.BaseBrowser" },
    Extends { class: "webbrowser.Mozilla", base: "webbrowser.BaseBrowser" },
    Extends { class: "webbrowser.Chrome", base: "webbrowser.BaseBrowser" },
    Extends { class: "webbrowser.Chromium", base: "webbrowser.BaseBrowser" },
    Alias { name: "click.termui.edit", of: "click.edit" },
    Alias { name: "click.termui.launch", of: "click.launch" },
    Alias { name: "click.termui.echo_via_pager", of: "click.echo_via_pager" },
];
