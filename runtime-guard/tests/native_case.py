"""`hermetic._native` on the interpreter that runs this file.

Policies are process-wide and captured references matter, so every case runs in a process of its
own: its text is compiled before the guard is installed, and what it raises is compared with what
it is expected to raise.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import unittest

# Runs a case: `before` without a guard, then `code` under one. Violations are told by their rule.
HARNESS = """
import sys
sys.path[:0] = {path!r}
before = compile({before!r}, "before.py", "exec")
code = compile({code!r}, "case.py", "exec")
names = {{"__name__": "__main__"}}
exec(before, names)
run = exec
import types
body = types.FunctionType(code, names)
from hermetic import _native
from hermetic.errors import PolicyViolation
names["scope"] = scope = _native.open_scope({options!r})
try:
    body()
except PolicyViolation as error:
    told = "denied: " + _native.violations()[-1]["rule"]
except BaseException as error:
    told = "raised: " + type(error).__name__ + ": " + str(error)
else:
    told = "done"
scope.close()
print(told)
"""

LINUX = sys.platform == "linux"


def outcome(code: str, before: str = "", **options: object) -> str:
    path = [os.environ.get("HERMETIC_PACKAGE", os.path.join(os.path.dirname(__file__), "..", "python"))]
    text = HARNESS.format(path=path, before=textwrap.dedent(before), code=textwrap.dedent(code), options=options)
    done = subprocess.run([sys.executable, "-I", "-c", text], capture_output=True, text=True, timeout=120, check=False)
    lines = done.stdout.splitlines()
    if not lines:
        raise AssertionError(f"no answer (exit {done.returncode}): {done.stderr}")
    return lines[-1]


class Case(unittest.TestCase):
    def denied(self, rule: str, code: str, before: str = "", **options: object) -> None:
        with self.subTest(code=code, options=options):
            self.assertEqual(outcome(code, before, **options), f"denied: {rule}")

    def done(self, code: str, before: str = "", **options: object) -> None:
        with self.subTest(code=code, options=options):
            self.assertEqual(outcome(code, before, **options), "done")

    def raised(self, name: str, code: str, before: str = "", **options: object) -> None:
        with self.subTest(code=code, options=options):
            told = outcome(code, before, **options)
            self.assertTrue(told.startswith(f"raised: {name}"), told)
