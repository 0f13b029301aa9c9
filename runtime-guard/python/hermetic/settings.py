"""From flags, variables and a configuration file to the policies of a run."""

from __future__ import annotations

import os

from hermetic import _native
from hermetic.errors import HermeticError
from hermetic.flags import FLAGS, FOLDER, LIST, OPTIONAL, POLICY_LISTS, POLICY_SWITCHES, SWITCH, VALUE, Flag, spellings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Set for the interpreter that hermetic starts for a target, and no setting of anybody's.
HANDED_OVER = "HERMETIC_FLAGS_JSON"
_PREFIX = "HERMETIC_"
_ON = ("1", "true", "yes", "on")
_OFF = ("", "0", "false", "no", "off")
_ALLOWANCES = ("allow_localhost", "allow_domain", "allow_native", "allow_run", "allow_write")


class UsageError(HermeticError):
    """What was asked for makes no sense; nothing has run yet."""


class Settings:
    """What one source says: options of the policy, and how to run."""

    __slots__ = ("policy", "run")

    def __init__(self) -> None:
        self.policy: dict[str, Any] = {key: [] for key in POLICY_LISTS}
        self.policy.update(dict.fromkeys(POLICY_SWITCHES, False), fs_root=None)
        self.run: dict[str, Any] = {flag.key: False for flag in FLAGS if flag.group != "Policy"}
        self.run["config"] = self.run["output"] = None

    def set(self, flag: Flag, value: str | None, name: str) -> None:
        """Note a flag; `name` is how it was spelled."""
        store = self.policy if flag.group == "Policy" else self.run
        if flag.kind == LIST:
            store[flag.key].append(value)
        elif flag.kind == FOLDER:
            store[flag.key] = True
            if value is not None:
                if not value or "\0" in value:
                    raise UsageError(f"{name}: `{value}` names no folder")
                store["fs_root"] = value
        elif flag.kind == OPTIONAL:
            if (value is not None and not value.startswith("jsonl:")) or value == "jsonl:":
                raise UsageError(f"{name} takes nothing or jsonl:FILE, not `{value}`")
            store[flag.key] = store[flag.key] or True if value is None else value
        else:
            store[flag.key] = True if flag.kind == SWITCH else value


def parse(arguments: list[str]) -> Settings:
    """The flags in front of `--`."""
    known = dict(spellings())
    settings = Settings()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        flag = known.get(name)
        if flag is None:
            raise UsageError(_unknown(argument, name, known))
        given: str | None = value if equals else None
        if flag.kind == SWITCH and given is not None:
            raise UsageError(f"{name} takes no value")
        if flag.kind not in (SWITCH, OPTIONAL) and given is None and rest and not rest[0].startswith("-"):
            given = rest.pop(0)
        if flag.kind not in (SWITCH, FOLDER, OPTIONAL) and not given:
            raise UsageError(f"{name} takes a {flag.metavar}")
        settings.set(flag, given, name)
    return settings


def _unknown(argument: str, name: str, known: Mapping[str, Flag]) -> str:
    if not argument.startswith("-"):
        return f"unexpected argument `{argument}`; the target stands behind `--`"
    from hermetic._suggest import nearest

    near = nearest(name, known)
    advice = f"did you mean {near}" if near is not None else "--help lists them"
    return f"unknown flag {name}; {advice}"


def from_variables(environ: Mapping[str, str]) -> Settings:
    """What `HERMETIC_*` variables say."""
    settings = Settings()
    known = {flag.variable(): flag for flag in FLAGS if flag.group != "Help"}
    known.update({"HERMETIC_NO_ENV": known["HERMETIC_NO_ENVIRONMENT"]})
    for name in sorted(environ):
        if not name.startswith(_PREFIX) or name == HANDED_OVER:
            continue
        flag = known.get(name)
        if flag is None:
            _refuse_nearly(name, known)
        else:
            _set_from_variable(settings, flag, name, environ[name])
    return settings


def _refuse_nearly(name: str, known: Mapping[str, Flag]) -> None:
    """Others may have variables of this prefix. One that is nearly ours would be a guard left off in silence."""
    from hermetic._suggest import nearest

    # The prefix alone makes any two alike.
    near = nearest(name[len(_PREFIX) :], [other[len(_PREFIX) :] for other in known])
    if near is not None:
        raise UsageError(f"unknown variable {name}; did you mean {_PREFIX}{near}")


def _set_from_variable(settings: Settings, flag: Flag, name: str, value: str) -> None:
    if flag.kind == LIST:
        for item in value.split(","):
            if item.strip():
                settings.set(flag, item.strip(), name)
    elif flag.kind == VALUE:
        settings.set(flag, value or None, name)
    elif value.lower() in _ON:
        settings.set(flag, None, name)
    elif value.lower() not in _OFF:
        if flag.kind == OPTIONAL and not value.startswith("jsonl:"):
            raise UsageError(f"{name} is 1, 0 or jsonl:FILE, not `{value}`")
        if flag.kind == SWITCH:
            raise UsageError(f"{name} is 1 or 0, not `{value}`")
        settings.set(flag, value, name)


def united(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The policy either asks for; the second's root goes before the first's."""
    both: dict[str, Any] = {key: list(dict.fromkeys([*first[key], *second[key]])) for key in POLICY_LISTS}
    both.update({key: first[key] or second[key] for key in POLICY_SWITCHES})
    both["fs_root"] = second["fs_root"] or first["fs_root"]
    return both


def guards(policy: dict[str, Any]) -> bool:
    """Whether it denies anything."""
    return any(value for key, value in policy.items() if key not in _ALLOWANCES)


class Run:
    """Everything about a run but its target."""

    __slots__ = (
        "best_effort",
        "fail_on_blocked",
        "folder",
        "journal",
        "kernel",
        "learn",
        "limits",
        "output",
        "policies",
        "sealed",
        "trace",
        "unguarded_children",
    )

    def __init__(  # noqa: PLR0913 - plain data
        self,
        policies: list[dict[str, Any]],
        *,
        trace: bool | str,
        sealed: bool,
        fail_on_blocked: bool,
        best_effort: bool,
        kernel: str = "off",
        limits: dict[str, int] | None = None,
        unguarded_children: bool = False,
        learn: bool = False,
        output: str | None = None,
        folder: str = "",
        journal: str | None = None,
    ) -> None:
        self.policies = policies
        self.trace = trace
        self.sealed = sealed
        self.fail_on_blocked = fail_on_blocked
        self.best_effort = best_effort
        self.kernel = kernel
        self.limits = limits or {}
        self.unguarded_children = unguarded_children
        # Where `learn` writes, None for standard output, and the folder that the policy is for.
        self.learn = learn
        self.output = output
        self.folder = folder
        # In a child of a process that learns: where it writes.
        self.journal = journal

    def open(self) -> list[str]:
        """Enforce all of it, for as long as the process lives; what the user is to be told of it."""
        if isinstance(self.trace, str):
            file = self.trace.partition(":")[2]
            try:
                _native.trace_to(os.path.join(self.folder, file))
            except OSError as error:
                raise UsageError(f"--trace: {file}: {error}") from error
        if self.journal is not None:
            try:
                _native.learn_from_children(self.journal, reads=False)
                _native.observer().enter()
            except OSError:
                self._open_scopes()
                return ["who learns is gone, or cannot be told: what this process does is not learned"]
        if self.learn:
            _native.observer().enter()
        # What is watched is let through, by the kernel too.
        kernel = "off" if self.learn else self.kernel
        if kernel == "off" and not self.limits:
            self._open_scopes()
            return []
        from hermetic import _kernel

        told = list(_kernel.limit(self.limits)) if self.limits else []
        kept = _kernel.places(self.policies)
        self._open_scopes()
        if kernel != "off":
            told += _kernel.confine(self.policies, kernel, kept, limited=bool(self.limits))
        return told

    def _open_scopes(self) -> None:
        for policy in self.policies:
            last = policy is self.policies[-1]
            _native.open_scope(
                policy,
                sealed=self.sealed and last,
                trace=self.trace is True,
                best_effort=self.best_effort,
                unguarded_children=self.unguarded_children,
            )

    def as_data(self) -> dict[str, Any]:
        """For another interpreter's `Run(**data)`."""
        return {name: getattr(self, name) for name in self.__slots__}


def gather(flags: Settings, environ: Mapping[str, str], folder: str) -> Run:
    """Join the configuration file, the variables and the flags."""
    variables = from_variables(environ)
    asked = united(_resolved(variables.policy, folder), _resolved(flags.policy, folder))
    run = {key: flags.run[key] or variables.run[key] for key in flags.run}
    if run["kernel"] == "off" and not flags.run["kernel"]:
        run["kernel"] = None  # variables add, and take nothing away that --seal turns on
    file, isolated = flags.run["config"], flags.run["isolated"]
    if file and isolated:
        raise UsageError("--config and --isolated exclude each other")
    if not file and not isolated:
        file, isolated = variables.run["config"], variables.run["isolated"]
    if run["output"] and not run["learn"]:
        raise UsageError("--output is where --learn writes, and --learn is not given")
    if run["output"]:
        from hermetic.learn import refuse_to_replace

        problem = refuse_to_replace(run["output"])
        if problem is not None:
            raise UsageError(f"--output: {problem}")
    if run["learn"]:
        # A file found by itself only denies, and nothing is to be.
        if guards(asked) or file:
            raise UsageError("--learn denies nothing; leave out the flags and variables that deny, and --config")
        policies = []
    elif isolated:
        policies = [asked]
    elif file:
        policies = [united(_read(os.path.join(folder, file), file, named=True) or asked, asked)]
    else:
        found = _search(folder)
        # A guarded project must not grant itself anything. What its file allows makes holes in what the file denies;
        # what was asked for here stands beside it as a policy of its own, and an act needs the consent of both.
        policies = [asked] if found is None else [united(found, asked), asked]
    return Run(
        [policy for policy in policies if guards(policy)],
        trace=run["trace"],
        sealed=run["sealed"],
        fail_on_blocked=run["fail_on_blocked"],
        best_effort=run["best_effort"],
        kernel=_kernel_mode(run["kernel"], sealed=run["sealed"]),
        limits=_limits(run),
        unguarded_children=run["unguarded_children"],
        learn=run["learn"],
        output=run["output"],
        folder=folder,
    )


def _kernel_mode(mode: str | None, *, sealed: bool) -> str:
    if not mode:
        return "auto" if sealed else "off"
    from hermetic._kernel import MODES

    if mode not in MODES:
        raise UsageError(f"--kernel takes {', '.join(MODES[:-1])} or {MODES[-1]}, not `{mode}`")
    return mode


def _limits(run: dict[str, Any]) -> dict[str, int]:
    keys = [key for key in ("max_memory", "max_cpu_time", "max_processes") if run[key]]
    if not keys:
        return {}
    from hermetic._kernel import number

    try:
        return {key: number("--" + key.replace("_", "-"), run[key]) for key in keys}
    except ValueError as error:
        raise UsageError(str(error)) from None


def _resolved(policy: dict[str, Any], folder: str) -> dict[str, Any]:
    if policy["fs_root"] is not None:
        policy["fs_root"] = os.path.abspath(os.path.join(folder, policy["fs_root"]))
    policy["allow_write"] = [os.path.abspath(os.path.join(folder, path)) for path in policy["allow_write"]]
    return policy


def for_tests(folder: str, file: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """The policy of tests in that folder, by `file` or the nearest one, and what becomes of swallowed violations."""
    tests: list[tuple[dict[str, Any], str | None]] = []
    found = _read(os.path.join(folder, file), file, named=True, tests=tests) if file else _search(folder, tests)
    swallowed = None
    for policy, said in tests:
        found = united(found, policy) if found is not None else policy
        swallowed = said or swallowed
    return found, swallowed


def _search(folder: str, tests: list[tuple[dict[str, Any], str | None]] | None = None) -> dict[str, Any] | None:
    """The nearest file, from the folder upward: hermetic.toml, or a pyproject.toml with our table."""
    above = os.path.abspath(folder)
    while True:
        for name in ("hermetic.toml", "pyproject.toml"):
            file = os.path.join(above, name)
            if os.path.isfile(file):
                shown = os.path.relpath(file, folder) if above == folder else file
                found = _read(file, shown, named=False, tests=tests)
                if found is not None:
                    return found
        parent = os.path.dirname(above)
        if parent == above:
            return None
        above = parent


def _read(
    file: str,
    shown: str,
    *,
    named: bool,
    above: tuple[str, ...] = (),
    tests: list[tuple[dict[str, Any], str | None]] | None = None,
) -> dict[str, Any] | None:
    """The policy of a file and of those it extends; None for a pyproject.toml that is about other things.

    `named` says that somebody names it, so that it must be about us; `above` are the files that led here. `tests`
    gets what each says of tests, the file's own last.
    """
    try:
        with open(file, "rb") as stream:
            text = stream.read().decode("utf-8")
    except OSError as error:
        raise UsageError(f"{shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown}: is not UTF-8") from error
    kind = "pyproject" if os.path.basename(file) == "pyproject.toml" else "hermetic"
    try:
        options = _native.read_config(text, kind)
    except ValueError as error:
        row, column = getattr(error, "row", None), getattr(error, "column", None)
        place = f"{shown}:{row}:{column}" if row is not None else shown
        raise UsageError(f"{place}: {error}") from error
    if options is None:
        if named:
            raise UsageError(f"{shown}: has no [tool.hermetic] table")
        return None
    extend: Any = options.pop("extend", None)
    pytest: Any = options.pop("pytest", None)
    folder = os.path.dirname(os.path.abspath(file))
    own = _resolved({**Settings().policy, **options}, folder)
    said = []
    if tests is not None and pytest is not None:
        said.append((_resolved({**Settings().policy, **pytest["policy"]}, folder), pytest["swallowed"]))
    if extend is None:
        if tests is not None:
            tests.extend(said)
        return own
    path, row, column = extend
    place = f"{shown}:{row}:{column}"
    other, chain = os.path.realpath(os.path.join(folder, path)), (*above, os.path.realpath(file))
    if other in chain:
        raise UsageError(f"{place}: `extend` leads back to itself: {' -> '.join([*chain, other])}")
    if not os.path.isfile(other):
        raise UsageError(f"{place}: `extend`: cannot read `{path}`: there is no such file")
    base = _read(other, other, named=True, above=chain, tests=tests)
    if tests is not None:
        tests.extend(said)
    return united(base, own) if base is not None else own
