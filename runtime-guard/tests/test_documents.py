"""The examples of docs/guard do what they say."""

from __future__ import annotations

import json
import unittest

from examples import DOCUMENTS, Shell, fences, matches
from support import REPOSITORY, Project, needs_native


@needs_native
class Documents(Project):
    def test_examples(self) -> None:
        ran = 0
        for document in DOCUMENTS:
            shell = Shell(self.folder / document.stem)
            shell.folder.mkdir()
            for fence in fences(document):
                with self.subTest(document=document.name, example=fence.body):
                    if fence.file:
                        (shell.folder / fence.file).write_text(fence.body, encoding="utf-8")
                    elif fence.info == "console":
                        for command, expected in fence.commands():
                            printed = shell.run(command)
                            self.assertTrue(matches(printed, expected), f"$ {command}\n{printed}")
                            ran += 1
                    elif fence.info == "py" and document.name != "pytest.md":  # what pytest runs has a test of its own
                        done = self.python("-c", f"{fence.needs or ''}\n{fence.body}")
                        self.assertEqual((done.returncode, done.stderr), (0, ""))
                        ran += 1
        # Were the form of the blocks another, this would see nothing.
        self.assertGreaterEqual(ran, 8)

    def test_commands_that_are_only_shown_have_flags_there_are(self) -> None:
        from hermetic.settings import parse

        shown = 0
        for document in DOCUMENTS:
            for fence in fences(document):
                for command, _ in fence.commands() if fence.info == "text" else []:
                    words = command.split()
                    if words[0] == "hermetic" and "--" in words:
                        with self.subTest(document=document.name, command=command):
                            parse(words[1 : words.index("--")])
                            shown += 1
        self.assertGreaterEqual(shown, 2)

    def test_the_line_of_a_trace_has_the_members_of_the_schema(self) -> None:
        folder = REPOSITORY / "docs" / "guard"
        schema = json.loads((folder / "trace.schema.json").read_text(encoding="utf-8"))
        lines = [json.loads(fence.body) for fence in fences(folder / "tracing.md") if fence.info == "json"]
        self.assertEqual([list(line) for line in lines], [list(schema["properties"])])


if __name__ == "__main__":
    unittest.main()
