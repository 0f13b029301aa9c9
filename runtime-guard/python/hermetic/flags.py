"""The flags of the command line, as data.

One table makes the parser, `--help`, the names of the `HERMETIC_*` variables and of the configuration's keys. The
policy's flags are those of hermetic-check, word for word.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCH, LIST, VALUE, FOLDER = "switch", "list", "value", "folder"


class Flag:
    """One flag.

    `key` is what it sets: an option of the policy where `group` is "Policy", else a property of the run. `kind` says
    what it takes: nothing, a value each time it is given, one value, or a folder that may be left out.
    """

    __slots__ = ("aliases", "group", "help", "key", "kind", "metavar", "name")

    def __init__(  # noqa: PLR0913 - a row of the table
        self,
        name: str,
        key: str,
        help: str,  # noqa: A002 - the column's name
        *,
        group: str = "Policy",
        kind: str = SWITCH,
        metavar: str = "",
        aliases: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.key = key
        self.help = help
        self.group = group
        self.kind = kind
        self.metavar = metavar
        self.aliases = aliases

    def spelled(self) -> str:
        """The flag with what it takes, as `--help` shows it."""
        if self.kind == SWITCH:
            return self.name
        return f"{self.name}[={self.metavar}]" if self.kind == FOLDER else f"{self.name} {self.metavar}"

    def variable(self) -> str:
        """The environment variable that says the same."""
        return "HERMETIC_" + self.name.lstrip("-").replace("-", "_").upper()


FLAGS = (
    Flag("--no-network", "no_network", "Deny the network"),
    Flag("--allow-localhost", "allow_localhost", "Allow loopback addresses although the network is denied"),
    Flag(
        "--allow-domain",
        "allow_domain",
        "Allow a domain and what is below it although the network is denied; repeatable",
        kind=LIST,
        metavar="DOMAIN",
    ),
    Flag("--no-subprocess", "no_subprocess", "Deny starting processes"),
    Flag(
        "--allow-run",
        "allow_run",
        "Allow starting a program, by name or absolute path, although subprocesses are denied; repeatable",
        kind=LIST,
        metavar="PROGRAM",
    ),
    Flag(
        "--fs-readonly",
        "fs_readonly",
        "Deny writing files; with =ROOT, reading outside that folder too",
        kind=FOLDER,
        metavar="ROOT",
    ),
    Flag("--no-environment", "no_environment", "Deny environment variables", aliases=("--no-env",)),
    Flag("--no-code-exec", "no_code_exec", "Deny running code made from data, and unsafe deserialisation"),
    Flag(
        "--no-interpreter-mutation",
        "no_interpreter_mutation",
        "Deny changing interpreter-wide state such as sys.path and the working directory",
    ),
    Flag("--block-native", "block_native", "Deny native interfaces and extension modules"),
    Flag(
        "--allow-native",
        "allow_native",
        "Allow the extension modules of a package all the same; repeatable",
        kind=LIST,
        metavar="NAME",
    ),
    Flag(
        "--deny-import",
        "deny_import",
        "Deny importing a module and what is below it; repeatable",
        kind=LIST,
        metavar="NAME",
    ),
    Flag("--profile", "profile", "Add a named policy; repeatable", kind=LIST, metavar="NAME"),
    Flag("--trace", "trace", "Tell each blocked act on stderr", group="Run"),
    Flag("--seal", "sealed", "Let nothing in the process end the policy", group="Run"),
    Flag(
        "--fail-on-blocked",
        "fail_on_blocked",
        "Exit with 2 if anything was blocked, even if the target coped with it",
        group="Run",
    ),
    Flag(
        "--best-effort",
        "best_effort",
        "Run the target even where part of the policy cannot be enforced",
        group="Run",
    ),
    Flag(
        "--unguarded-children",
        "unguarded_children",
        "Let the target start Python programs that cannot be guarded, such as those of PyPy",
        group="Run",
    ),
    Flag(
        "--kernel",
        "kernel",
        "Enforce the policy by the kernel as well: off, auto (what it has) or require (or do not run); auto with "
        "--seal, else off",
        group="Kernel",
        kind=VALUE,
        metavar="MODE",
    ),
    Flag(
        "--max-memory",
        "max_memory",
        "Limit the memory of each process, in bytes or as in 512M",
        group="Kernel",
        kind=VALUE,
        metavar="SIZE",
    ),
    Flag(
        "--max-cpu-time",
        "max_cpu_time",
        "Limit the processor time of each process",
        group="Kernel",
        kind=VALUE,
        metavar="SECONDS",
    ),
    Flag(
        "--max-processes",
        "max_processes",
        "Limit the processes and threads of this user",
        group="Kernel",
        kind=VALUE,
        metavar="NUMBER",
    ),
    Flag(
        "--config",
        "config",
        "Take this configuration file (hermetic.toml or pyproject.toml), and what it allows, instead of searching "
        "for one that may only deny",
        group="Configuration",
        kind=VALUE,
        metavar="FILE",
    ),
    Flag("--isolated", "isolated", "Read no configuration file", group="Configuration"),
    Flag("--help", "help", "Print this help", group="Help", aliases=("-h",)),
    Flag("--version", "version", "Print the version", group="Help", aliases=("-V",)),
)

POLICY_LISTS = tuple(flag.key for flag in FLAGS if flag.group == "Policy" and flag.kind == LIST)
POLICY_SWITCHES = tuple(flag.key for flag in FLAGS if flag.group == "Policy" and flag.kind != LIST)

_HEAD = """\
Usage: hermetic [FLAGS] -- TARGET [ARGUMENTS]

Run a Python program and deny it what the flags say.

TARGET is module:attribute, a console script, an executable that is python or begins with a Python
shebang, or a module. What follows it is the target's own.
"""
_TAIL = """\
Each flag but --help and --version is also an environment variable, such as HERMETIC_NO_NETWORK=1
or HERMETIC_ALLOW_DOMAIN=a.example,b.example. A configuration file says the policy in the same
words.

Exit codes: that of the target; 2 if it ended because an act was blocked; 1 for wrong usage and
errors of hermetic's own; 127 if there is no such target.
"""
_WIDTH = 100


def spellings() -> Iterator[tuple[str, Flag]]:
    """Every spelling with its flag."""
    for flag in FLAGS:
        yield flag.name, flag
        for alias in flag.aliases:
            yield alias, flag


def help_text() -> str:
    """What `--help` prints."""
    lines = [_HEAD]
    group = ""
    for flag in FLAGS:
        if flag.group != group:
            group = flag.group
            lines.append(f"{group}:")
        spelled = ", ".join((flag.spelled(), *flag.aliases))
        lines.append(
            f"  {spelled:<27}{_wrapped(flag.help, 29)}" if len(spelled) < 27 else _two_rows(spelled, flag.help)
        )
        if flag is FLAGS[-1] or FLAGS[FLAGS.index(flag) + 1].group != group:
            lines.append("")
    lines.append(_TAIL)
    return "\n".join(lines)


def _two_rows(spelled: str, text: str) -> str:
    return f"  {spelled}\n{'':29}{_wrapped(text, 29)}"


def _wrapped(text: str, indent: int) -> str:
    rows = [""]
    for word in text.split():
        if rows[-1] and indent + len(rows[-1]) + 1 + len(word) > _WIDTH:
            rows.append("")
        rows[-1] += (" " if rows[-1] else "") + word
    return ("\n" + " " * indent).join(rows)
