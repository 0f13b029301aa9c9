"""In a Helix with the configuration under test: opens a file, sees a finding, takes the quick fix as a user does, ends.

Helix has no mode without a screen: it runs in a pseudo-terminal (pexpect), and its screen is read (pyte). What was seen
goes to the file named in HERMETIC_SEEN, one line each. The arguments are Helix's command.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte

PATIENCE = 60
ROWS, COLUMNS = 40, 160


class Helix:
    """Helix and its screen."""

    def __init__(self, command: list[str]) -> None:
        """Start it."""
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        folder = os.environ["HERMETIC_ROOT"]
        self.process = pexpect.spawn(command[0], command[1:], dimensions=(ROWS, COLUMNS), cwd=folder)

    def say(self, text: str) -> None:
        """Write a line for the test."""
        with Path(os.environ["HERMETIC_SEEN"]).open("a") as seen:
            print(text, file=seen)

    def read(self) -> str:
        """What the screen shows now."""
        with contextlib.suppress(pexpect.TIMEOUT):
            self.stream.feed(self.process.read_nonblocking(65536, timeout=0.1))
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait(self, what: str, condition: Callable[[str], bool]) -> str:
        """Read on until the screen shows it."""
        end = time.monotonic() + PATIENCE
        while not condition(shown := self.read()):
            if time.monotonic() > end:
                self.say(f"never: {what}\n{shown}")
                sys.exit(1)
        return shown

    def type(self, keys: str) -> None:
        """Press keys."""
        self.process.send(keys)


def main() -> None:
    """See, fix, end."""
    root = Path(os.environ["HERMETIC_ROOT"])
    helix = Helix([*sys.argv[1:], str(root / "a.py")])
    helix.wait("the file", lambda shown: "from socket import socket" in shown)
    # The count of findings in the status line; the text is shown where the cursor is on it.
    helix.wait("the count of findings", lambda shown: "\u25cf 1 " in shown)
    helix.type("20l")
    shown = helix.wait("a finding", lambda shown: "(captured-reference)" in shown)
    helix.say("finding: captured-reference")
    helix.type(" a")
    shown = helix.wait("the quick fix", lambda shown: "look up" in shown)
    if title := re.search(r"look up `[\w.]+` where it is used", shown):
        helix.say("fixed: " + title[0])
    # It stands first in the menu, and so is what Enter takes.
    helix.type("\r")
    helix.wait("the fix", lambda shown: "s = socket.socket()" in shown and "import socket" in shown)
    helix.wait("no finding any more", lambda shown: "kept here" not in shown)
    helix.type(":write-quit\r")
    helix.process.expect(pexpect.EOF, timeout=PATIENCE)
    for line in (root / "a.py").read_text().splitlines():
        helix.say(f"line: {line}")


if __name__ == "__main__":
    main()
