"""Run one of CPython's own test modules in this process and print what became of each test, as JSON on one line.

usage: one_suite.py MODE MODULE, where MODE is what of hermetic is in the process:

* `none`: nothing,
* `closed`: every guard was on and is off again, so that the hook is there, all is put back, and no guard is active,
* `open`: a policy is open that denies nothing the tests do.
"""

from __future__ import annotations

import json
import os
import sys
import unittest
from typing import Any

# What is patched for any guard is patched, and nothing the tests do is denied: only imports can be guarded like that,
# since the others deny something whatever is allowed (a wildcard bind, a write).
NOTHING: dict[str, object] = {"deny_import": ["hermetic_transparency"]}
EVERYTHING: dict[str, object] = {"profile": ["block-all"], **NOTHING}


class Outcomes(unittest.TestResult):
    """The end of each test by its name."""

    def __init__(self) -> None:
        """Nothing has run."""
        super().__init__()
        self.by_name: dict[str, str] = {}

    def note(self, test: Any, word: str) -> None:
        """The worst thing a test's parts end in is its end."""
        name = str(getattr(test, "test_case", test))
        self.by_name[name] = max(self.by_name.get(name, ""), word)

    def addSuccess(self, test: Any) -> None:
        """It passed."""
        self.note(test, "passed")

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: ARG002
        """It does not apply."""
        self.note(test, "a skip")

    def addError(self, test: Any, err: Any) -> None:
        """It ended in an exception."""
        self.note(test, f"raised {err[0].__name__}")

    def addFailure(self, test: Any, err: Any) -> None:
        """It failed."""
        self.note(test, f"raised {err[0].__name__}")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: ARG002
        """A part of it failed."""
        if err is not None:
            self.addError(test, err)

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: ARG002
        """It failed as it should."""
        self.note(test, "passed")

    def addUnexpectedSuccess(self, test: Any) -> None:
        """It passed and should not."""
        self.note(test, "succeeded")


def main() -> None:
    """Install, run, tell."""
    mode, module = sys.argv[1:]
    answer = os.dup(1)
    os.dup2(2, 1)
    held = None
    if mode != "none":
        from hermetic import _native  # noqa: PLC0415

        held = _native.open_scope(NOTHING if mode == "open" else EVERYTHING)
        if mode == "closed":
            held.close()
    try:
        suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{module}")
    except unittest.SkipTest:
        suite = unittest.TestSuite()
    if unittest.defaultTestLoader.errors:
        # A module that cannot be loaded would count as one test that ends the same way each time.
        sys.exit(str(unittest.defaultTestLoader.errors[0]))
    for name, made in vars(sys.modules.get(f"test.{module}", unittest)).items():
        # To 3.12 these wait for ever in a virtual machine that has the device and nobody behind it.
        if "VSOCK" in name and isinstance(made, type):
            unittest.skip("needs another machine")(made)
    outcomes = Outcomes()
    suite.run(outcomes)
    data = json.dumps(outcomes.by_name).encode()
    while data:
        data = data[os.write(answer, data) :]
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
