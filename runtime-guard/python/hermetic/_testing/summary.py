"""The terminal summary: what was blocked where, and what would allow it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

# Lines of one test for one act.
_MOST_TESTS = 3


# By rule, then by guard: the marker that would allow an act, and what to do in the configuration.
_BY_RULE = {
    "network-listen": ("@pytest.mark.allow_network", "listen on 127.0.0.1"),
    "subprocess-import": ("@pytest.mark.allow_subprocess", "leave `no-subprocess` out"),
    "deserialisation-import": ("@pytest.mark.hermetic(block_code_exec=False)", "leave `no-code-exec` out"),
    "denied-import": ("@pytest.mark.hermetic(deny_imports=[])", "take it off `deny-import`"),
}
_BY_GUARD = {
    "network": ("@pytest.mark.allow_network", "leave `no-network` out"),
    "subprocess": ("@pytest.mark.allow_subprocess", "leave `no-subprocess` out"),
    "filesystem": ("@pytest.mark.allow_write", "leave `fs-readonly` out"),
    "environment": ("@pytest.mark.allow_environment", "leave `no-environment` out"),
    "code_exec": ("@pytest.mark.hermetic(block_code_exec=False)", "leave `no-code-exec` out"),
    "interpreter": ("@pytest.mark.hermetic(block_interpreter_mutation=False)", "leave `no-interpreter-mutation` out"),
    "imports": ("@pytest.mark.hermetic(block_native=False)", "leave `block-native` out"),
}


def remedy(violation: dict[str, Any]) -> tuple[str, str]:
    """The marker that would allow an act, and what to write in the configuration."""
    guard, target, text = str(violation["guard"]), str(violation["target"]), str(violation["text"])
    by_rule = _BY_RULE.get(violation["rule"])
    if by_rule is not None:
        return by_rule
    if guard == "network" and "metadata service" not in text:
        if target in ("localhost", "127.0.0.1", "::1"):
            return "@pytest.mark.hermetic(allow_localhost=True)", "allow-localhost = true"
        host = _host(target, text)
        return f'@pytest.mark.allow_network("{host}")', f'allow-domain = ["{host}"]'
    if guard == "filesystem" and text.startswith("read outside"):
        return "@pytest.mark.hermetic(fs_root=None)", "widen `fs-readonly`"
    if guard == "filesystem" and os.path.isabs(target):
        return f'@pytest.mark.allow_write("{target}")', f'allow-write = ["{target}"]'
    top = target.partition(".")[0]
    native = (f'@pytest.mark.hermetic(allow_native=["{top}"])', f'allow-native = ["{top}"]')
    return native if guard == "imports" and top.isidentifier() else _BY_GUARD[guard]


def _host(target: str, text: str) -> str:
    """The name that was looked up for an address, as the violation's own remedy has it."""
    _, found, rest = text.rpartition("--allow-domain ")
    word = rest.split(" ", 1)[0].rstrip(",;)") if found else ""
    return word or target


def lines(told: Iterable[tuple[str, dict[str, Any], str]], folder: str) -> Iterator[str]:
    """The summary of (test, violation, outcome) in the order they happened."""
    acts: dict[tuple[object, ...], dict[str, Any]] = {}
    for test, violation, outcome in told:
        key = (violation["rule"], violation["target"], violation["path"], violation["row"])
        act = acts.setdefault(key, {"violation": violation, "count": 0, "tests": [], "outcomes": []})
        act["count"] += violation["count"]
        if test not in act["tests"]:
            act["tests"].append(test)
        if outcome not in act["outcomes"]:
            act["outcomes"].append(outcome)
    total = sum(act["count"] for act in acts.values())
    what = "act was" if total == 1 else "acts were"
    yield f"{total} {what} blocked, at {len(acts)} {'place' if len(acts) == 1 else 'places'}"
    for act in acts.values():
        violation = act["violation"]
        what = str(violation["text"]).partition(": `")[0]
        place = f"{_relative(violation['path'], folder)}:{violation['row']}" if violation["path"] else "somewhere"
        times = "" if act["count"] == 1 else f" ({act['count']} times)"
        yield f"{place}: {what}{times}; {', '.join(act['outcomes'])}"
        shown = act["tests"][:_MOST_TESTS]
        more = len(act["tests"]) - len(shown)
        yield f"    in {', '.join(shown)}{f' and {more} more' if more else ''}"
        marker, line = remedy(violation)
        yield f"    allow it by {marker}, or in [tool.hermetic]: {line}"


def _relative(path: str, folder: str) -> str:
    below = os.path.relpath(path, folder)
    return path if below.startswith("..") else below
