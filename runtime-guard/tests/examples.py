"""The examples of docs/guard, as their fences have them.

- `py file=NAME` and `toml file=NAME` are files of a folder that the rest of the document shares.
- `console` is commands behind `$ `, each with what it prints; `...` stands for anything. Run can be `hermetic`,
  `pytest`, `python`, `cat` and `echo $?`.
- `py` is run by itself. A comment above it, `<!-- needs: CODE -->`, has what it needs and a reader does not.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from support import REPOSITORY, environment

DOCUMENTS = sorted((REPOSITORY / "docs" / "guard").glob("*.md"))


class Fence:
    """One block of a document."""

    def __init__(self, info: str, above: str, body: str) -> None:
        self.info = info
        self.body = body
        self.file = next((word[5:] for word in info.split() if word.startswith("file=")), None)
        self.needs = _comment(above, "needs")
        self.decorates = _comment(above, "each line decorates")

    def commands(self) -> list[tuple[str, str]]:
        """The commands, each with what it is to print."""
        parts = re.split(r"(?m)^\$ (.*)\n", self.body)
        return list(zip(parts[1::2], parts[2::2]))


def _comment(above: str, kind: str) -> str | None:
    found = re.fullmatch(rf"<!-- {kind}: (.*) -->", above)
    return found[1] if found else None


def fences(document: Path) -> list[Fence]:
    """The blocks of a document."""
    text = document.read_text(encoding="utf-8")
    found = re.findall(r"(?ms)^([^\n]*)\n```([^\n`]+)\n(.*?)^```$", text)
    return [Fence(info, above, body) for above, info, body in found]


def matches(printed: str, expected: str) -> bool:
    """Whether it was printed, where `...` stands for anything."""
    pattern = ".*".join(map(re.escape, expected.split("...")))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


class Shell:
    """Runs commands in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code: int | None = None

    def run(self, command: str) -> str:
        """What it prints, with what it complains of at the end."""
        words = shlex.split(command)
        if command == "echo $?":
            return f"{self.code}\n"
        if words[0] == "cat":
            return "".join((self.folder / name).read_text(encoding="utf-8") for name in words[1:])
        if words[0] in ("hermetic", "pytest"):
            words[:1] = [sys.executable, "-m", words[0]]
        elif words[0] == "python":
            words[0] = sys.executable
        else:
            raise ValueError(f"only hermetic, pytest, python and cat are run: {command}")
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        self.code = done.returncode
        return done.stdout + done.stderr
