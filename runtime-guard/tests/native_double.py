"""A stand-in for `hermetic._native`, for tests of the Python around it where the native module is not built.

It denies a few acts by a Python audit hook, which is no guard: that hook can be found and emptied.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.0.0+double"

_LISTS = ("profile", "allow_domain", "deny_import", "allow_native", "allow_run")
_SWITCHES = (
    "no_network",
    "allow_localhost",
    "no_subprocess",
    "fs_readonly",
    "no_environment",
    "no_code_exec",
    "no_interpreter_mutation",
    "block_native",
)
_ALL: dict[str, object] = {
    "no_network": True,
    "no_subprocess": True,
    "fs_readonly": True,
    "no_environment": True,
    "no_code_exec": True,
    "no_interpreter_mutation": True,
    "block_native": True,
}
_PROFILES: dict[str, dict[str, object]] = {
    "block-all": _ALL,
    "net-hermetic": {"no_network": True, "allow_localhost": True},
    "exec-deny": {"no_subprocess": True},
    "fs-readonly": {"fs_readonly": True},
    "block-native": {"block_native": True},
}

_open: list[dict[str, Any]] = []
_violations: list[dict[str, object]] = []
_state = {"hooked": False, "sealed": False}


class Scope:
    def __init__(self, policy: dict[str, Any]) -> None:
        self._policy = policy

    def close(self) -> bool:
        if _state["sealed"]:
            return False
        _open[:] = [policy for policy in _open if policy is not self._policy]
        return True


def open_scope(
    options: dict[str, object],
    *,
    sealed: bool = False,
    trace: bool = False,
    best_effort: bool = False,  # noqa: ARG001 - the contract's
    unguarded_children: bool = False,  # noqa: ARG001 - the contract's
) -> Scope:
    policy: dict[str, Any] = {}
    for key, value in options.items():
        if key not in (*_LISTS, *_SWITCHES, "fs_root"):
            raise TypeError(f"unknown option {key}")
        policy[key] = value
    for name in list(policy.get("profile") or ()):
        if name not in _PROFILES:
            raise ValueError(f"--profile: unknown profile `{name}`")
        policy.update(_PROFILES[name])
    for entry in policy.get("allow_domain") or ():
        if "://" in entry:
            raise ValueError(f"--allow-domain: `{entry}` is a URL; write its host alone")
    root = policy.get("fs_root")
    if root is not None and not os.path.isdir(root):
        raise ValueError(f"--fs-readonly: `{root}` is not a folder")
    policy["trace"] = trace
    if not _state["hooked"]:
        _state["hooked"] = True
        sys.addaudithook(_hook)
    _open.append(policy)
    _state["sealed"] = _state["sealed"] or sealed
    return Scope(policy)


BOOT = ""


def confine(*_given: object, **_more: object) -> None:
    """There is no kernel layer here."""


def inherit(*_given: object) -> None:
    """Nothing is told of it."""


def unguarded() -> list[str]:
    """No child is noted."""
    return []


def seal() -> None:
    _state["sealed"] = True


def status() -> dict[str, object]:
    return {"sealed": _state["sealed"], "open": len(_open)}


def violations() -> list[dict[str, object]]:
    return [dict(violation) for violation in _violations]


def read_config(text: str, kind: str) -> dict[str, object] | None:
    """Lines of `key = JSON` below `[tool.hermetic]` or at the top."""
    import json

    options: dict[str, object] = {}
    table = "" if kind == "hermetic" else "other"
    seen = kind == "hermetic"
    for row, line in enumerate(text.splitlines(), start=1):
        if line.startswith("["):
            table = "" if line.strip() == "[tool.hermetic]" else "other"
            seen = seen or not table
        elif table == "" and line.strip():
            name, _, value = line.partition("=")
            key = name.strip().replace("-", "_")
            given = json.loads(value)
            if key == "fs_readonly" and isinstance(given, str):
                options["fs_root"] = given
            elif key in (*_LISTS, *_SWITCHES):
                options[key] = given
            elif key == "extend":
                options[key] = (given, row, len(name) + 3)
            else:
                error = ValueError(f"unknown key `{name.strip()}`")
                error.row, error.column = row, 1  # type: ignore[attr-defined]
                raise error
    return options if seen else None


def profiles() -> dict[str, dict[str, object]]:
    blank: dict[str, object] = {key: [] for key in _LISTS if key != "profile"}
    blank.update(dict.fromkeys(_SWITCHES, False), fs_root=None)
    return {name: {**blank, **options} for name, options in _PROFILES.items()}


def _hook(event: str, args: tuple[Any, ...]) -> None:
    for policy in _open:
        denied = _denial(policy, event, args)
        if denied is not None:
            guard, target, text, trace = denied
            if policy["trace"]:
                sys.stderr.write(f"[hermetic] {trace}\n")
            _violations.append({"rule": "", "guard": guard, "target": target, "text": text, "count": 1})
            from hermetic.errors import PolicyViolation

            raise PolicyViolation(text, guard=guard, target=target)


def _denial(policy: dict[str, Any], event: str, args: tuple[Any, ...]) -> tuple[str, str | None, str, str] | None:
    if event in ("os.system", "subprocess.Popen") and policy.get("no_subprocess"):
        return "subprocess", None, "subprocess disabled", "blocked subprocess reason=no-subprocess"
    if event == "socket.connect" and policy.get("no_network"):
        host = args[1][0]
        text = f"network disabled: connect({host})"
        if host not in (policy.get("allow_domain") or ()):
            return "network", host, text, f"blocked socket.connect host={host} reason=no-network"
    if event == "open" and policy.get("fs_readonly") and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        path = os.fspath(args[0])
        return "filesystem", path, f"filesystem readonly: {path}", f"blocked open write path={path}"
    return None
