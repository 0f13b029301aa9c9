"""hermetic-lsp beside `ruff server`, in one run on the same files.

Each edit is timed from the write of `didChange` to the diagnostics of that version. The servers
take turns, edit by edit, so that what else the machine does strikes both. With `pull` they are
asked for the diagnostics behind each edit, as VS Code does, and the answer is waited for. The
second part edits what one module of a large workspace exports and waits for the open files that
depend on it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from queue import Empty, Queue
from typing import Any

Message = dict[str, Any]
PATIENCE = 60.0


class Server:
    """A language server as a child process."""

    def __init__(self, command: list[str], root: Path, *, pull: bool = False) -> None:
        """Start it and introduce the client, one that asks for diagnostics or one that is told."""
        self.pull = pull
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=root,
        )
        self.messages: Queue[tuple[float, Message]] = Queue()
        self.next = 0
        threading.Thread(target=self.read, daemon=True).start()
        document: Message = {"publishDiagnostics": {"versionSupport": True}}
        if pull:
            document["diagnostic"] = {"relatedDocumentSupport": True}
        self.request(
            "initialize",
            {
                "processId": None,
                "rootUri": root.as_uri(),
                "workspaceFolders": [{"uri": root.as_uri(), "name": "root"}],
                "capabilities": {
                    "general": {"positionEncodings": ["utf-16"]},
                    "textDocument": document,
                    "workspace": {"diagnostics": {"refreshSupport": pull}},
                },
            },
        )
        self.notify("initialized", {})

    def read(self) -> None:
        """Read messages until there are no more; answer requests."""
        stdout = self.process.stdout
        assert stdout is not None
        while True:
            length = 0
            while line := stdout.readline().strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if not length:
                return
            body = stdout.read(length)
            message = json.loads(body)
            if "method" in message and "id" in message:
                reply = {"jsonrpc": "2.0", "id": message["id"], "result": None}
                self.send(reply)
            self.messages.put((time.perf_counter(), message))

    def send(self, message: Message) -> None:
        """Write one message."""
        stdin = self.process.stdin
        assert stdin is not None
        body = json.dumps(message).encode()
        stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        stdin.flush()

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def request(self, method: str, params: Any) -> Any:
        """Send a request and wait for its result."""
        self.next += 1
        number = self.next
        message = {"jsonrpc": "2.0", "id": number, "method": method}
        if params is not None:
            message["params"] = params
        self.send(message)
        while True:
            _, answer = self.messages.get(timeout=PATIENCE)
            if answer.get("id") == number and "method" not in answer:
                return answer.get("result")

    def open(self, path: Path, text: str) -> None:
        """Open a document and wait for its diagnostics."""
        document = {
            "uri": path.as_uri(),
            "languageId": "python",
            "version": 0,
            "text": text,
        }
        self.notify("textDocument/didOpen", {"textDocument": document})
        self.diagnosed(path, 0)

    def diagnosed(self, path: Path, version: int) -> float:
        """When the diagnostics of a version are there."""
        if not self.pull:
            return self.published(path, version)
        report = self.request("textDocument/diagnostic", {"textDocument": {"uri": path.as_uri()}})
        assert report["kind"] == "full", report
        return time.perf_counter()

    def change(self, path: Path, version: int, change: Message) -> float:
        """Edit; the seconds until the diagnostics of this version."""
        start = time.perf_counter()
        self.edit(path, version, change)
        return self.diagnosed(path, version) - start

    def edit(self, path: Path, version: int, change: Message) -> None:
        """Send an edit and wait for nothing."""
        document = {"uri": path.as_uri(), "version": version}
        params = {"textDocument": document, "contentChanges": [change]}
        self.notify("textDocument/didChange", params)

    def published(self, path: Path, version: int) -> float:
        """When the diagnostics of a version came."""
        while True:
            at, message = self.messages.get(timeout=PATIENCE)
            params = message.get("params") or {}
            if (
                message.get("method") == "textDocument/publishDiagnostics"
                and params["uri"] == path.as_uri()
                and params.get("version") == version
            ):
                return at

    def until(self, wanted: dict[str, int]) -> float:
        """When each address last had as many diagnostics as are wanted."""
        left = dict(wanted)
        at = 0.0
        while left:
            at, message = self.messages.get(timeout=PATIENCE)
            params = message.get("params") or {}
            if message.get("method") == "textDocument/publishDiagnostics" and left.get(params["uri"]) == len(
                params["diagnostics"]
            ):
                del left[params["uri"]]
        return at

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def drain(self) -> None:
        """Drop what still comes."""
        try:
            while True:
                self.messages.get(timeout=0.2)
        except Empty:
            pass

    def end(self) -> None:
        """Shut it down."""
        self.request("shutdown", None)
        self.notify("exit", None)
        self.process.wait(PATIENCE)


def module(lines: int) -> str:
    """A module as people write them: imports, functions, calls."""
    out = ["import json", "import os", "import socket", "from subprocess import run", "", ""]
    number = 0
    while len(out) < lines:
        out += [
            f"def function_{number}(value, other=None):",
            f'    """Number {number}."""',
            f"    total = value + {number}",
            f"    items = [x * {number} for x in range(total)]",
            "    if other is not None:",
            "        total += len(other)",
            "    for item in items:",
            f"        total = total + item * {number % 7}",
            '    data = json.dumps({"total": total, "items": items})',
            "    return data",
            "",
            "",
        ]
        number += 1
    return "\n".join(out[:lines]) + "\n"


def percentile(values: list[float], part: float) -> float:
    """The value that so many are below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def single(servers: dict[str, list[str]], lines: int, edits: int, *, pull: bool) -> None:
    """Edits in one large file: a character put in and taken out, somewhere in the middle."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        path = root / "module.py"
        text = module(lines)
        path.write_text(text)
        (root / "hermetic.toml").write_text("profile = 'block-all'\n")
        started = {name: Server(command, root, pull=pull) for name, command in servers.items()}
        times: dict[str, list[float]] = {name: [] for name in servers}
        for server in started.values():
            server.open(path, text)
            server.drain()
        rows = [row for row, line in enumerate(text.split("\n")) if "total = value" in line]
        for version in range(1, edits + 1):
            row = rows[(version * 7919 // 2) % len(rows)]
            at = {"line": row, "character": 12}
            if version % 2:
                change = {"range": {"start": at, "end": at}, "text": "1 + "}
                last = at
            else:
                change = {
                    "range": {"start": last, "end": {**last, "character": 16}},
                    "text": "",
                }
            for name, server in started.items():
                times[name].append(server.change(path, version, change) * 1000)
        for name, server in started.items():
            p50, p99 = statistics.median(times[name]), percentile(times[name], 0.99)
            way = "pull" if pull else "push"
            print(
                f"{lines:>6} lines  {way}  {name:<12} p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  {server.memory():6.1f} MB"
            )
            server.end()


def workspace(command: list[str], files: int, edits: int) -> None:
    """Edits of what a module exports, in a workspace with open files that depend on it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        (root / "hermetic.toml").write_text("profile = 'block-all'\n")
        body = module(120)
        helper = root / "helper.py"
        export = "from os import system as go\n"
        helper.write_text(export)
        for number in range(files - 1):
            package = root / f"package_{number % 50}"
            package.mkdir(exist_ok=True)
            (package / "__init__.py").touch()
            before = f"from package_{(number + 1) % 50} import module_{number + 1}\n"
            uses = "import helper\n\n\ndef use():\n    helper.go('x')\n" if number % 10 == 0 else ""
            (package / f"module_{number}.py").write_text(before + uses + body)
        server = Server(command, root)
        dependants = [root / f"package_{n % 50}" / f"module_{n}.py" for n in (0, 10, 20, 30, 40)]
        for path in [helper, *dependants]:
            server.open(path, path.read_text())
        while True:
            params = {"command": "hermetic.debugInformation", "arguments": []}
            if server.request("workspace/executeCommand", params)["scanned"]:
                break
            time.sleep(0.05)
        server.drain()
        # How many findings there are with the export and without.
        counts: list[dict[str, int]] = []
        for version, text in enumerate(["x = 1\n", export], start=1):
            server.edit(helper, version, {"text": text})
            found: dict[str, int] = {}
            try:
                while True:
                    _, message = server.messages.get(timeout=1.0)
                    if message.get("method") == "textDocument/publishDiagnostics":
                        found[message["params"]["uri"]] = len(message["params"]["diagnostics"])
            except Empty:
                pass
            found.pop(helper.as_uri(), None)
            counts.append(found)
        times = []
        for version in range(3, edits + 3):
            start = time.perf_counter()
            server.edit(helper, version, {"text": export if version % 2 == 0 else "x = 1\n"})
            times.append((server.until(counts[0 if version % 2 else 1]) - start) * 1000)
        assert len(counts[0]) == len(dependants), counts
        p50, p99 = statistics.median(times), percentile(times, 0.99)
        print(
            f"{files:>6} files  export edit to {len(dependants)} open dependants"
            f"  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  {server.memory():6.1f} MB"
        )
        server.end()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", help="the hermetic-lsp to measure, a release build")
    parser.add_argument("--ruff", help="the ruff to measure beside it")
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--files", type=int, default=3000)
    args = parser.parse_args()
    servers = {"hermetic-lsp": [args.server]}
    if args.ruff:
        servers["ruff server"] = [args.ruff, "server"]
    for lines in (5000, 20000):
        for pull in (False, True):
            single(servers, lines, args.edits, pull=pull)
    if args.files:
        workspace([args.server], args.files, args.edits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
