"""The examples of docs/guard/pytest.md."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

from suites import Suite

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from examples import DOCUMENTS, fences

# What the text calls the program under test: it catches everything.
CLIENT = """
from conftest import connect

class client:
    @staticmethod
    def status():
        try:
            connect()
        except Exception:
            return "offline"
"""


class Documents(Suite):
    def test_examples_pass(self) -> None:
        (document,) = [document for document in DOCUMENTS if document.name == "pytest.md"]
        self.write("client.py", CLIENT)
        seen = 0
        for number, fence in enumerate(fences(document)):
            if fence.info != "py":
                continue
            body = fence.body.replace('"api.example.com"', '"192.0.2.1"')
            if fence.decorates:
                tests = [line + "\n" + fence.decorates.replace("test_it", f"test_{at}")
                         for at, line in enumerate(body.splitlines())]  # fmt: skip
                body = "\n".join(tests)
            with self.subTest(example=fence.body):
                name = f"test_{number}"
                ran = self.pytest("--hermetic", f"{name}.py", **{name: f"{fence.needs or ''}\n{body}"})
                self.assertEqual(ran.code, 0, ran.text)
                seen += len(ran.outcomes)
        self.assertGreaterEqual(seen, 9 + 2 + 1)


if __name__ == "__main__":
    unittest.main()
