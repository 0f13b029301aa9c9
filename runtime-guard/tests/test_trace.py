"""`--trace=jsonl:FILE`: lines as the schema has them, and no secret in them."""

from __future__ import annotations

import json
import unittest
from pathlib import Path

from support import REPOSITORY, Project, needs_native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SCHEMA = REPOSITORY / "docs" / "guard" / "trace.schema.json"
_TYPES = {"string": str, "integer": int, "number": (int, float), "null": type(None)}


def complaints(value: Any, schema: dict[str, Any]) -> list[str]:
    """What of a line is not as the schema says: the keywords it uses, and no other."""
    found = [f"no {name}" for name in schema["required"] if name not in value]
    for name, one in value.items():
        rule = schema["properties"].get(name)
        if rule is None:
            found.append(f"unknown {name}")
            continue
        unknown = set(rule) - {"type", "enum", "const", "description", "minimum", "pattern"}
        assert not unknown, unknown
        types = [rule["type"]] if isinstance(rule.get("type"), str) else rule.get("type", [])
        if types and not any(isinstance(one, _TYPES[kind]) for kind in types):
            found.append(f"{name}: {one!r} is no {types}")
        if "enum" in rule and one not in rule["enum"]:
            found.append(f"{name}: {one!r} is not among {rule['enum']}")
        if "const" in rule and one != rule["const"]:
            found.append(f"{name}: {one!r} is not {rule['const']!r}")
        if "minimum" in rule and one is not None and one < rule["minimum"]:
            found.append(f"{name}: {one!r} is too small")
    return found


@needs_native
class Trace(Project):
    def traced(self, program: str, *flags: str) -> list[dict[str, Any]]:
        """Run a program; the lines, each checked against the schema."""
        self.write("prog.py", program)
        ran = self.hermetic(*flags, "--trace=jsonl:trace.jsonl", "--", "python", "prog.py")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.text = (self.folder / "trace.jsonl").read_text()
        lines = [json.loads(line) for line in self.text.splitlines()]
        schema = json.loads(SCHEMA.read_text())
        for line in lines:
            self.assertEqual(complaints(line, schema), [], line)
        return lines

    def test_each_decision_is_a_line(self) -> None:
        lines = self.traced(
            """
            import socket, subprocess
            server = socket.create_server(("127.0.0.1", 0))
            socket.create_connection(server.getsockname()).close()
            try:
                socket.socket().connect(("192.0.2.1", 9))
            except RuntimeError:
                pass
            """,
            "--no-network",
            "--allow-localhost",
        )
        told = [(line["decision"], line["verb"], line["operand"], line["row"]) for line in lines]
        self.assertIn(("deny", "connect", "192.0.2.1:9", 6), told)
        self.assertTrue(any(one[:2] == ("allow", "connect") and one[2].startswith("127.0.0.1:") for one in told), told)
        denied = next(line for line in lines if line["decision"] == "deny")
        self.assertEqual((denied["rule"], denied["why"]), ("network-connect", "not-allow-listed"))
        self.assertTrue(denied["path"].endswith("prog.py"))

    def test_nothing_secret_is_in_it(self) -> None:
        self.traced(
            """
            import os, subprocess, webbrowser, urllib.request
            def attempt(act):
                try:
                    act()
                except Exception:
                    pass
            attempt(lambda: os.environ.update(SECRET_VALUE="sesame-1"))
            attempt(lambda: os.environ["SECRET_VALUE"])
            attempt(lambda: os.system("tool --password=sesame-2 --token sesame-3 API_KEY=sesame-4"))
            attempt(lambda: os.system("curl -H 'Authorization: Bearer sesame-5' https://me:sesame-6@a.invalid/?k=sesame-7"))
            attempt(lambda: subprocess.run(["tool", "sesame-8"], env={"A": "sesame-9"}))
            attempt(lambda: urllib.request.urlopen("https://me:sesame-10@a.invalid/x?key=sesame-11"))
            attempt(lambda: eval("'sesame-12'"))
            """,
            "--profile=block-all",
        )
        self.assertIn("[redacted]", self.text)
        self.assertNotIn("sesame", self.text)

    def test_it_is_appended_and_the_other_trace_stays(self) -> None:
        self.write("trace.jsonl", '{"mine": 1}\n')
        self.write("prog.py", "try: open('x', 'w')\nexcept RuntimeError: pass\n")
        self.hermetic("--fs-readonly", "--trace=jsonl:trace.jsonl", "--", "python", "prog.py")
        lines = (self.folder / "trace.jsonl").read_text().splitlines()
        self.assertEqual((lines[0], json.loads(lines[-1])["operand"]), ('{"mine": 1}', "x"))
        ran = self.hermetic("--fs-readonly", "--trace", "--", "python", "prog.py")
        self.assertIn("[hermetic] blocked open write path=x", ran.stderr)
        ran = self.hermetic("--fs-readonly", "--", "python", "prog.py", HERMETIC_TRACE="jsonl:by-variable.jsonl")
        self.assertEqual(len((self.folder / "by-variable.jsonl").read_text().splitlines()) > 0, True, ran.stderr)

    def test_what_makes_no_sense(self) -> None:
        for value, told in [("x", "takes nothing or jsonl:FILE"), ("jsonl:", "takes nothing or jsonl:FILE"),
                            ("jsonl:none/x", "none/x: No such file")]:  # fmt: skip
            ran = self.hermetic("--no-network", f"--trace={value}", "--", "python", "-c", "1")
            self.assertEqual(ran.returncode, 1)
            self.assertIn(told, ran.stderr)

    def test_the_schema_lists_what_there_is(self) -> None:
        schema = json.loads(Path(SCHEMA).read_text())
        self.assertEqual(set(schema["required"]), set(schema["properties"]))
        self.assertIs(schema["additionalProperties"], False)


if __name__ == "__main__":
    unittest.main()
