"""Hold CPython's own tests with the guard in the process against the same tests without it.

usage: run.py PYTHONS [MODULE ...], where PYTHONS are interpreters that have the guard, separated by `:`. For each and
each module, the tests run with nothing of hermetic, with every guard on and off again, and with a policy open that
denies nothing they do. A test that ends differently is run again all three ways; it counts if it differs again the
same way. Ends with 1 if one does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import cast

MODULES = [
    "test_socket",
    "test_subprocess",
    "test_os",
    "test_pathlib",
    "test_tempfile",
    "test_importlib",
    "test_asyncio",
    "test_audit",
]
MODES = ["none", "closed", "open"]
# Seconds a module may take; none takes a quarter of it.
LIMIT = 900
# Tests that do what a policy denies whatever it allows; `docs/guard/limits.md` says so too.
WALK = "walks the heap, where the token of a policy that is not sealed is"
KNOWN = {
    "test_future_iter_get_referents_segfault": WALK,
    # They count what refers to an exception, by `gc.get_referrers`.
    "test_exception_refcycles_base_error": WALK,
    "test_exception_refcycles_direct": WALK,
    "test_exception_refcycles_errors": WALK,
    "test_exception_refcycles_parent_task": WALK,
    "test_exception_refcycles_parent_task_wr": WALK,
    "test_exception_refcycles_propagate_cancellation_error": WALK,
    "test_future_cancelled_exception_refcycles": WALK,
    "test_future_cancelled_result_refcycles": WALK,
    "test_open_connection_happy_eyeball_refcycles": WALK,
}
ONE = Path(__file__).parent / "one_suite.py"


def outcomes(python: str, mode: str, module: str) -> dict[str, str] | str:
    """What became of each test, or why there is no answer."""
    with tempfile.TemporaryDirectory() as folder:
        # The standard output is the answer's; a group of its own, so that nothing is left of it.
        command = [python, "-I", str(ONE), mode, module]
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, errors="replace",
        )  # fmt: skip
        try:
            answer, errors = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            answer, errors = "", f"longer than {LIMIT} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    try:
        return cast("dict[str, str]", json.loads(answer))
    except ValueError:
        return (errors.strip().splitlines() or ["no answer"])[-1]


def differences(python: str, module: str) -> tuple[set[str], int | str]:
    """Tests that end differently, and how many there are, or why there are none."""
    plain = outcomes(python, MODES[0], module)
    if isinstance(plain, str):
        return set(), plain
    found = set()
    for mode in MODES[1:]:
        guarded = outcomes(python, mode, module)
        if isinstance(guarded, str):
            found.add(f"{module}, {mode}: does not end: {guarded}")
            continue
        for name in sorted({*plain, *guarded}):
            was, now = plain.get(name, "not run"), guarded.get(name, "not run")
            if was != now:
                found.add(f"{module}, {mode}: {name}: {was} without, {now} with")
    return found, len(plain) or "it has no test for this system"


def main() -> None:
    """Compare, tell."""
    bad = False
    for python in sys.argv[1].split(":"):
        for module in sys.argv[2:] or MODULES:
            found, count = differences(python, module)
            if found:
                found &= differences(python, module)[0]
            for name, reason in KNOWN.items():
                known = {line for line in found if f"{module}, open: {name} " in line and "PolicyViolation" in line}
                found -= known
                if known:
                    print(f"{python} {module}: {name} differs: {reason}", flush=True)
            if isinstance(count, str):
                print(f"SKIPPED transparency: {python} {module}: {count}", flush=True)
            else:
                print(f"{python} {module}: {count} tests, {len(found)} differ", flush=True)
            for line in sorted(found):
                bad = True
                print(f"  {line}", flush=True)
    sys.exit(bad)


if __name__ == "__main__":
    main()
