"""What the tests of the plugin share: suites that are written, run by a real pytest, and looked at."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

# What suites try: a connection that leads nowhere should it be made.
CONFTEST = """
import socket

def connect(host="192.0.2.1"):
    with socket.socket() as one:
        one.settimeout(0.05)
        one.connect((host, 9))

def swallow(host="192.0.2.1"):
    try:
        connect(host)
    except Exception:
        pass
"""
_LINE = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\s+(\S+)", re.MULTILINE)


class Ran:
    """A run that is over."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
        self.outcomes: dict[str, set[str]] = {}
        for outcome, test in _LINE.findall(text):
            self.outcomes.setdefault(test.partition("::")[2] or test, set()).add(outcome)

    def summary(self) -> str:
        """Hermetic's own part of the end."""
        return self.text.rpartition("= hermetic =")[2].partition("= short test summary")[0]


class Suite(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="hermetic-suite-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        self.write("conftest.py", CONFTEST)
        self.write("pytest.ini", "[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    def write(self, name: str, text: str) -> None:
        """A file of the suite."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")

    def pytest(self, *options: str, added: str = "", **files: str) -> Ran:
        """Write these modules and run the suite; `added` is PYTEST_ADDOPTS."""
        for name, text in files.items():
            start = "import pytest\nfrom conftest import connect, swallow\n"
            self.write(f"{name}.py", start + textwrap.dedent(text))
        environ = {n: v for n, v in os.environ.items() if not n.startswith(("HERMETIC_", "PYTEST_", "PYTHONPATH"))}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-rA", "--tb=short", *options],
            cwd=self.folder,
            env={**environ, "COLUMNS": "400", "PYTEST_ADDOPTS": added},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout)

    def ends(self, ran: Ran, **outcomes: str) -> None:
        """Each test by its last name ended so: passed, failed, error, or several with `+` between them."""
        found = {
            name.rpartition("::")[2].replace("[", "_").replace("]", ""): ends for name, ends in ran.outcomes.items()
        }
        expected = {name: {end.upper() for end in ends.split("+")} for name, ends in outcomes.items()}
        self.assertEqual({name: found.get(name) for name in expected}, expected, ran.text)
        self.assertEqual(set(found) - set(expected), set(), ran.text)
