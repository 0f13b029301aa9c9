"""From flags, variables and a configuration file to the policies of a run."""

from __future__ import annotations

import os

from hermetic import _native
from hermetic.errors import HermeticError
from hermetic.flags import FLAGS, FOLDER, LIST, POLICY_LISTS, POLICY_SWITCHES, SWITCH, VALUE, Flag, spellings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Set for the interpreter that hermetic starts for a target, and no setting of anybody's.
HANDED_OVER = "HERMETIC_FLAGS_JSON"
_PREFIX = "HERMETIC_"
_ON = ("1", "true", "yes", "on")
_OFF = ("", "0", "false", "no", "off")
_ALLOWANCES = ("allow_localhost", "allow_domain", "allow_native", "allow_run")


class UsageError(HermeticError):
    """What was asked for makes no sense; nothing has run yet."""


class Settings:
    """What one source says: options of the policy, and how to run."""

    __slots__ = ("policy", "run")

    def __init__(self) -> None:
        self.policy: dict[str, Any] = {key: [] for key in POLICY_LISTS}
        self.policy.update(dict.fromkeys(POLICY_SWITCHES, False), fs_root=None)
        self.run: dict[str, Any] = {flag.key: False for flag in FLAGS if flag.group != "Policy"}
        self.run["config"] = None

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
        if flag.kind != SWITCH and given is None and rest and not rest[0].startswith("-"):
            given = rest.pop(0)
        if flag.kind not in (SWITCH, FOLDER) and not given:
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
        "kernel",
        "limits",
        "policies",
        "sealed",
        "trace",
        "unguarded_children",
    )

    def __init__(  # noqa: PLR0913 - plain data
        self,
        policies: list[dict[str, Any]],
        *,
        trace: bool,
        sealed: bool,
        fail_on_blocked: bool,
        best_effort: bool,
        kernel: str = "off",
        limits: dict[str, int] | None = None,
        unguarded_children: bool = False,
    ) -> None:
        self.policies = policies
        self.trace = trace
        self.sealed = sealed
        self.fail_on_blocked = fail_on_blocked
        self.best_effort = best_effort
        self.kernel = kernel
        self.limits = limits or {}
        self.unguarded_children = unguarded_children

    def open(self) -> list[str]:
        """Enforce all of it, for as long as the process lives; what the user is to be told of it."""
        if self.kernel == "off" and not self.limits:
            self._open_scopes()
            return []
        from hermetic import _kernel

        told = list(_kernel.limit(self.limits)) if self.limits else []
        kept = _kernel.places()
        self._open_scopes()
        if self.kernel != "off":
            told += _kernel.confine(self.policies, self.kernel, kept, limited=bool(self.limits))
        return told

    def _open_scopes(self) -> None:
        for policy in self.policies:
            last = policy is self.policies[-1]
            _native.open_scope(
                policy,
                sealed=self.sealed and last,
                trace=self.trace,
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
    if isolated:
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
    return policy


def _search(folder: str) -> dict[str, Any] | None:
    """The nearest file, from the folder upward: hermetic.toml, or a pyproject.toml with our table."""
    above = os.path.abspath(folder)
    while True:
        for name in ("hermetic.toml", "pyproject.toml"):
            file = os.path.join(above, name)
            if os.path.isfile(file):
                found = _read(file, os.path.relpath(file, folder) if above == folder else file, named=False)
                if found is not None:
                    return found
        parent = os.path.dirname(above)
        if parent == above:
            return None
        above = parent


def _read(file: str, shown: str, *, named: bool, above: tuple[str, ...] = ()) -> dict[str, Any] | None:
    """The policy of a file and of those it extends; None for a pyproject.toml that is about other things.

    `named` says that somebody names it, so that it must be about us; `above` are the files that led here.
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
    folder = os.path.dirname(os.path.abspath(file))
    own = _resolved({**Settings().policy, **options}, folder)
    if extend is None:
        return own
    path, row, column = extend
    place = f"{shown}:{row}:{column}"
    other, chain = os.path.realpath(os.path.join(folder, path)), (*above, os.path.realpath(file))
    if other in chain:
        raise UsageError(f"{place}: `extend` leads back to itself: {' -> '.join([*chain, other])}")
    if not os.path.isfile(other):
        raise UsageError(f"{place}: `extend`: cannot read `{path}`: there is no such file")
    base = _read(other, other, named=True, above=chain)
    return united(base, own) if base is not None else own
