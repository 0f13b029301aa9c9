//! Processes: libraries and worker pools that start them, and notebooks.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Trigger::{Call, Construct, Import};
use crate::rule::TypeFact::{self, Alias, Extends, Returns};
use crate::rule::{Condition, Construct as Form, Level, Reported, Rule, api, arg};

/// This family's rules.
pub static RULES: &[&Rule] =
    &[&PROCESS_WORKER, &SUBPROCESS_LIBRARY, &SUBPROCESS_IMPORT, &NOTEBOOK_SHELL];

/// A worker process, or a pool of them.
///
/// `multiprocessing` names its API twice: as functions of the package and as methods of a context
/// (`Lib/multiprocessing/context.py`). A process object is told where it is made: the
/// `start` that follows is often out of sight, in a loop over a list.
pub static PROCESS_WORKER: Rule = Rule {
    name: "process-worker",
    capability: Capability::Subprocess,
    level: Level::Error,
    since: "0.1.0",
    summary: "a worker process or a pool of worker processes is made",
    verb: Verb::Spawn,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/process-worker.md"),
    triggers: &[
        Call(api("multiprocessing.Process")),
        Call(api("multiprocessing.Pool")),
        Call(api("multiprocessing.Manager")),
        Call(api("multiprocessing.context.BaseContext.Process")),
        Call(api("multiprocessing.context.BaseContext.Pool")),
        Call(api("multiprocessing.context.BaseContext.Manager")),
        Call(api("multiprocessing.managers.BaseManager.start")),
        Call(api("multiprocessing.popen_fork.Popen")),
        Call(api("multiprocessing.popen_spawn_posix.Popen")),
        Call(api("multiprocessing.popen_spawn_win32.Popen")),
        Call(api("multiprocessing.popen_forkserver.Popen")),
        Call(api("multiprocessing.forkserver.ensure_running")),
        Call(api("multiprocessing.forkserver.connect_to_new_process")),
        Call(api("multiprocessing.resource_tracker.ensure_running")),
        Call(api("concurrent.futures.ProcessPoolExecutor")),
        Call(api("joblib.Parallel").when(Condition::True(arg(0, "n_jobs")))),
        Call(api("loky.ProcessPoolExecutor")),
        Call(api("loky.get_reusable_executor")),
        Call(api("billiard.Process")),
        Call(api("billiard.Pool")),
        Call(api("pathos.multiprocessing.ProcessPool")),
        Call(api("pathos.multiprocessing.ProcessingPool")),
        Call(api("pebble.ProcessPool")),
        Call(api("pebble.concurrent.process")),
        Call(api("mpire.WorkerPool")),
        Call(api("torch.multiprocessing.spawn")),
        Call(api("torch.multiprocessing.start_processes")),
        Call(api("torch.utils.data.DataLoader").when(Condition::True(arg(5, "num_workers")))),
        Call(api("distributed.LocalCluster")),
        Call(api("anyio.to_process.run_sync")),
        Call(api("watchfiles.run_process")),
        Call(api("watchfiles.arun_process")),
    ],
};

/// A third-party library starts a program.
pub static SUBPROCESS_LIBRARY: Rule = Rule {
    name: "subprocess-library",
    capability: Capability::Subprocess,
    level: Level::Error,
    since: "0.1.0",
    summary: "a library call starts a program",
    verb: Verb::Spawn,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/subprocess-library.md"),
    triggers: &[
        Call(api("psutil.Popen").program(arg(0, "args"))),
        Call(api("anyio.run_process").program(arg(0, "command"))),
        Call(api("anyio.open_process").program(arg(0, "command"))),
        Call(api("trio.run_process").program(arg(0, "command"))),
        Call(api("trio.lowlevel.open_process").program(arg(0, "command"))),
        Call(api("tornado.process.Subprocess").program(arg(0, "args"))),
        Call(api("twisted.internet.utils.getProcessOutput").program(arg(0, "executable"))),
        Call(api("twisted.internet.utils.getProcessValue").program(arg(0, "executable"))),
        Call(api("twisted.internet.utils.getProcessOutputAndValue").program(arg(0, "executable"))),
        Call(api("twisted.internet.reactor.spawnProcess").program(arg(1, "executable"))),
        Call(api("sh.Command").program(arg(0, "path"))),
        Call(api("pexpect.spawn").command_line(arg(0, "command"))),
        Call(api("pexpect.spawnu").command_line(arg(0, "command"))),
        Call(api("pexpect.run").command_line(arg(0, "command"))),
        Call(api("pexpect.runu").command_line(arg(0, "command"))),
        Call(api("pexpect.popen_spawn.PopenSpawn").command_line(arg(0, "cmd"))),
        Call(api("ptyprocess.PtyProcess.spawn").program(arg(0, "argv"))),
        Call(api("ptyprocess.PtyProcessUnicode.spawn").program(arg(0, "argv"))),
        Call(api("delegator.run").command_line(arg(0, "command"))),
        Call(api("delegator.chain").command_line(arg(0, "command"))),
        Call(api("envoy.run").command_line(arg(0, "command"))),
        Call(api("sarge.run").command_line(arg(0, "cmd"))),
        Call(api("sarge.capture_stdout").command_line(arg(0, "cmd"))),
        Call(api("sarge.capture_stderr").command_line(arg(0, "cmd"))),
        Call(api("sarge.capture_both").command_line(arg(0, "cmd"))),
        Call(api("sarge.get_stdout").command_line(arg(0, "cmd"))),
        Call(api("sarge.get_stderr").command_line(arg(0, "cmd"))),
        Call(api("sarge.get_both").command_line(arg(0, "cmd"))),
        Call(api("sarge.Command").command_line(arg(0, "args"))),
        Call(api("sarge.Pipeline").command_line(arg(0, "source"))),
        Call(api("invoke.run").command_line(arg(0, "command"))),
        Call(api("invoke.sudo").command_line(arg(0, "command"))),
        Call(api("invoke.Context.run").command_line(arg(0, "command"))),
        Call(api("invoke.Context.sudo").command_line(arg(0, "command"))),
        Call(api("fabric.Connection.local").command_line(arg(0, "command"))),
        Call(api("git.Repo.clone_from").fixed("git")),
        Call(api("git.Repo.clone").fixed("git")),
        Call(api("git.Repo.init").fixed("git")),
        Call(api("git.Git.execute").program(arg(0, "command"))),
        Call(api("gnupg.GPG").fixed("gpg")),
        Call(api("ffmpeg.run").fixed("ffmpeg")),
        Call(api("ffmpeg.run_async").fixed("ffmpeg")),
        Call(api("ffmpeg.probe").fixed("ffprobe")),
        Call(api("graphviz.Digraph.render").fixed("dot")),
        Call(api("graphviz.Digraph.pipe").fixed("dot")),
        Call(api("graphviz.Digraph.view").fixed("dot")),
        Call(api("graphviz.Graph.render").fixed("dot")),
        Call(api("graphviz.Graph.pipe").fixed("dot")),
        Call(api("graphviz.Graph.view").fixed("dot")),
        Call(api("graphviz.Source.render").fixed("dot")),
        Call(api("graphviz.Source.pipe").fixed("dot")),
        Call(api("graphviz.Source.view").fixed("dot")),
        Call(api("selenium.webdriver.Chrome")),
        Call(api("selenium.webdriver.Edge")),
        Call(api("selenium.webdriver.Firefox")),
        Call(api("selenium.webdriver.Safari")),
        Call(api("playwright.sync_api.sync_playwright")),
        Call(api("playwright.async_api.async_playwright")),
        Call(api("pyspark.SparkContext").fixed("java")),
        Call(api("pyspark.sql.SparkSession.Builder.getOrCreate").fixed("java")),
        Call(api("torch.utils.cpp_extension.load")),
        Call(api("torch.utils.cpp_extension.load_inline")),
        Call(api("numpy.f2py.compile")),
        Call(api("ansible.module_utils.basic.AnsibleModule.run_command").program(arg(0, "args"))),
        Call(api("nox.Session.run").program(arg(0, ""))),
        Call(api("nox.Session.run_always").program(arg(0, ""))),
        Call(api("nox.Session.install").fixed("pip")),
        Call(api("tox.main")),
        Call(api("tox.run.main")),
        Call(api("pip.main").fixed("pip")),
        Call(api("pip._internal.cli.main.main").fixed("pip")),
        Call(api("test.support.script_helper.assert_python_ok")),
        Call(api("test.support.script_helper.assert_python_failure")),
        Call(api("test.support.script_helper.run_python_until_end")),
        Call(api("test.support.script_helper.spawn_python")),
    ],
};

/// A library whose purpose is to start programs.
///
/// The five names are hermetic-seal's.
pub static SUBPROCESS_IMPORT: Rule = Rule {
    name: "subprocess-import",
    capability: Capability::Subprocess,
    level: Level::Error,
    since: "0.1.0",
    summary: "a library made to start programs is imported",
    verb: Verb::Import,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/subprocess-import.md"),
    triggers: &[
        Import("sh"),
        Import("pexpect"),
        Import("plumbum"),
        Import("sarge"),
        Import("delegator"),
    ],
};

/// The magics, of a line or a cell, that start another program: a shell, an installer, an editor,
/// the interpreter of another language. `IPython/core/magics/{osm,script,packaging,execution}.py`,
/// the aliases of `IPython/core/alias.py`, and well-known extensions.
pub static STARTING_MAGICS: &[&str] = &[
    "!",
    "!!",
    "R",
    "bash",
    "cat",
    "cmd",
    "conda",
    "cp",
    "ed",
    "edit",
    "julia",
    "ldir",
    "lf",
    "lk",
    "ll",
    "ls",
    "lx",
    "mamba",
    "man",
    "micromamba",
    "mkdir",
    "mv",
    "node",
    "perl",
    "pip",
    "powershell",
    "pypy",
    "python",
    "python2",
    "python3",
    "rm",
    "rmdir",
    "ruby",
    "run",
    "sc",
    "script",
    "sh",
    "sx",
    "system",
    "uv",
];

/// A notebook gives a line to the shell.
pub static NOTEBOOK_SHELL: Rule = Rule {
    name: "notebook-shell",
    capability: Capability::Subprocess,
    level: Level::Error,
    since: "0.1.0",
    summary: "a notebook or IPython line is given to the shell",
    verb: Verb::Spawn,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/notebook-shell.md"),
    triggers: &[
        Construct(Form::NotebookShell),
        Call(
            api("IPython.core.interactiveshell.InteractiveShell.system")
                .command_line(arg(0, "cmd")),
        ),
        Call(
            api("IPython.core.interactiveshell.InteractiveShell.system_raw")
                .command_line(arg(0, "cmd")),
        ),
        Call(
            api("IPython.core.interactiveshell.InteractiveShell.system_piped")
                .command_line(arg(0, "cmd")),
        ),
        Call(
            api("IPython.core.interactiveshell.InteractiveShell.getoutput")
                .command_line(arg(0, "cmd")),
        ),
        Call(
            api("IPython.core.interactiveshell.InteractiveShell.run_line_magic")
                .when(Condition::OneOf(arg(0, "magic_name"), STARTING_MAGICS)),
        ),
        Call(
            api("IPython.core.interactiveshell.InteractiveShell.run_cell_magic")
                .when(Condition::OneOf(arg(0, "magic_name"), STARTING_MAGICS)),
        ),
        Call(api("IPython.utils.process.system").command_line(arg(0, "cmd"))),
        Call(api("IPython.utils.process.getoutput").command_line(arg(0, "cmd"))),
        Call(api("IPython.utils.process.getoutputerror").command_line(arg(0, "cmd"))),
    ],
};

/// What these names give, inherit and are called elsewhere.
pub static TYPE_FACTS: &[TypeFact] = &[
    Alias { name: "multiprocessing.context.Process", of: "multiprocessing.Process" },
    Alias { name: "multiprocessing.context.ForkProcess", of: "multiprocessing.Process" },
    Alias { name: "multiprocessing.context.SpawnProcess", of: "multiprocessing.Process" },
    Alias { name: "multiprocessing.context.ForkServerProcess", of: "multiprocessing.Process" },
    Alias { name: "multiprocessing.process.BaseProcess", of: "multiprocessing.Process" },
    Alias { name: "multiprocessing.pool.Pool", of: "multiprocessing.Pool" },
    Alias {
        name: "concurrent.futures.process.ProcessPoolExecutor",
        of: "concurrent.futures.ProcessPoolExecutor",
    },
    Alias { name: "torch.multiprocessing", of: "multiprocessing" },
    Alias { name: "multiprocess", of: "multiprocessing" },
    Alias { name: "dask.distributed", of: "distributed" },
    Alias { name: "billiard.process.Process", of: "billiard.Process" },
    Alias { name: "billiard.pool.Pool", of: "billiard.Pool" },
    Alias { name: "pathos.pools.ProcessPool", of: "pathos.multiprocessing.ProcessPool" },
    Alias { name: "git.cmd.Git", of: "git.Git" },
    Alias { name: "invoke.context.Context", of: "invoke.Context" },
    Alias { name: "nox.sessions.Session", of: "nox.Session" },
    Alias { name: "pexpect.pty_spawn.spawn", of: "pexpect.spawn" },
    Alias { name: "psutil._common.Popen", of: "psutil.Popen" },
    Alias { name: "IPython.core.getipython.get_ipython", of: "IPython.get_ipython" },
    // Bound by IPython and Jupyter in every cell's namespace.
    Alias { name: "builtins.get_ipython", of: "IPython.get_ipython" },
    Alias {
        name: "IPython.InteractiveShell",
        of: "IPython.core.interactiveshell.InteractiveShell",
    },
    Returns { api: "IPython.get_ipython", class: "IPython.core.interactiveshell.InteractiveShell" },
    Extends {
        class: "ipykernel.zmqshell.ZMQInteractiveShell",
        base: "IPython.core.interactiveshell.InteractiveShell",
    },
    Extends {
        class: "multiprocessing.context.DefaultContext",
        base: "multiprocessing.context.BaseContext",
    },
    Extends {
        class: "multiprocessing.context.ForkContext",
        base: "multiprocessing.context.BaseContext",
    },
    Extends {
        class: "multiprocessing.context.SpawnContext",
        base: "multiprocessing.context.BaseContext",
    },
    Extends {
        class: "multiprocessing.context.ForkServerContext",
        base: "multiprocessing.context.BaseContext",
    },
    Extends { class: "invoke.MockContext", base: "invoke.Context" },
    Returns { api: "git.Repo.git", class: "git.Git" },
    Returns { api: "git.Repo.init", class: "git.Repo" },
    Returns { api: "pyspark.sql.SparkSession.builder", class: "pyspark.sql.SparkSession.Builder" },
    Returns {
        api: "pyspark.sql.SparkSession.Builder.appName",
        class: "pyspark.sql.SparkSession.Builder",
    },
    Returns {
        api: "pyspark.sql.SparkSession.Builder.master",
        class: "pyspark.sql.SparkSession.Builder",
    },
    Returns {
        api: "pyspark.sql.SparkSession.Builder.config",
        class: "pyspark.sql.SparkSession.Builder",
    },
    Returns {
        api: "pyspark.sql.SparkSession.Builder.enableHiveSupport",
        class: "pyspark.sql.SparkSession.Builder",
    },
    // Classes with no trigger of their own.
    Returns {
        api: "ansible.module_utils.basic.AnsibleModule",
        class: "ansible.module_utils.basic.AnsibleModule",
    },
    Returns { api: "fabric.Connection", class: "fabric.Connection" },
    Returns { api: "graphviz.Digraph", class: "graphviz.Digraph" },
    Returns { api: "graphviz.Graph", class: "graphviz.Graph" },
    Returns { api: "graphviz.Source", class: "graphviz.Source" },
    Returns { api: "nox.Session", class: "nox.Session" },
];
