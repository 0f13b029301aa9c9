"""Run one attack of the escape corpus, with the guard or without, and hand on what it proves.

The attack comes as JSON on standard input:

* `source`: what runs after the install; `before`: what runs before it. Both are one code object, compiled before the
  install, since compiling it later would itself be denied under some policies.
* `options`: the policy as `hermetic._native.open_scope` takes it, or null to run with no guard.
* `guard`, `kernel`: whether the guard and the kernel layer enforce it.
* `sealed`: whether the policy is sealed, as it is unless the attack is about a scope that is not.
* `names`: what the attack finds as globals (`LISTENER`, `SCRATCH`, ...); `ran`: what `prove()` writes.
* `needs`: modules without which it means nothing; `seconds`: the limit.

Standard output gets what the attack proves, and at its end one line `outcome: ` with JSON. An attack is told nothing
of the secrets the caller looks for in that output: it has them from where it should not have come, or not at all.
"""

from __future__ import annotations

import builtins
import importlib.util
import json
import os
import signal
import sys
from typing import Any

INSTALL = "__hermetic_install__"
ADDRESSES = ("LISTENER", "LISTENER6", "UDP")


class InapplicableError(Exception):
    """What the attack is about is not there."""


def enforce(task: dict[str, Any]) -> list[Any]:
    """Enforce the policy of the task as the launcher does; how denials are asked for, and the scope."""
    from hermetic import _native  # noqa: PLC0415
    from hermetic._kernel import places  # noqa: PLC0415

    # What stays readable is looked for first, and the kernel comes last.
    kept, installed = places([task["options"]]), []
    if task["guard"]:
        # Held as a caller would hold it, so that whoever walks the heap may find it.
        scope = _native.open_scope(task["options"], sealed=bool(task["sealed"]))
        installed = [_native.violations, scope]
    if task["kernel"]:
        _native.confine([task["options"]], "auto", readable=kept["readable"], programs=kept["programs"])
    return installed


def main() -> None:
    """Run the attack; return normally, so that what it left for the end of the interpreter runs too."""
    task: dict[str, Any] = json.load(sys.stdin)
    # What the attack and its children print is no proof.
    answer = os.dup(1)
    os.dup2(2, 1)
    signal.alarm(int(task["seconds"]))
    ran, options = str(task["ran"]), task["options"]
    outcome: dict[str, Any] = {"refused": None, "inapplicable": None, "error": None, "denied": 0}
    installed: list[Any] = []

    def prove(evidence: object = ran) -> None:
        data = evidence if isinstance(evidence, (bytes, bytearray)) else str(evidence).encode()
        os.write(answer, b"proof: " + bytes(data) + b"\n")

    def inapplicable(reason: str) -> None:
        raise InapplicableError(reason)

    class RefusedError(Exception):
        """The guard would not be installed."""

    def install() -> None:
        if options is None:
            return
        try:
            installed.extend(enforce(task))
        except Exception as error:
            raise RefusedError(f"{type(error).__name__}: {error}") from None

    scope: dict[str, Any] = {"__name__": "attack", "__builtins__": builtins, INSTALL: install}
    names = {name: tuple(value) if name in ADDRESSES else value for name, value in task["names"].items() if value}
    scope.update(names, prove=prove, inapplicable=inapplicable, ANSWER=answer)
    code = compile(f"{task['before']}\n{INSTALL}()\n{task['source']}", "attack.py", "exec", dont_inherit=True)
    try:
        for module in task["needs"]:
            if importlib.util.find_spec(module) is None:
                inapplicable(f"needs {module}")
        exec(code, scope)
    except InapplicableError as error:
        outcome["inapplicable"] = str(error)
    except RefusedError as error:
        outcome["refused"] = str(error)
    except BaseException as error:
        bases = [base.__name__ for base in type(error).__mro__]
        outcome["error"] = {"type": type(error).__name__, "bases": bases, "text": str(error)}
    if installed:
        try:
            outcome["denied"] = len(installed[0]())
        except BaseException as error:
            outcome["denied"] = -1
            outcome["error"] = outcome["error"] or {"type": type(error).__name__, "bases": [], "text": str(error)}
    os.write(answer, b"\noutcome: " + json.dumps(outcome).encode() + b"\n")


if __name__ == "__main__":
    main()
