"""Write seeds for the fuzz targets: examples of the rule pages and of the corpus, real files at hand.

    python3 tests/fuzz/seeds.py FOLDER

FOLDER gets a folder for each target. Nothing but the standard library is needed.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(py|toml)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST = 8192


def blocks(kind: str) -> list[bytes]:
    """The fenced blocks of all pages."""
    found: list[bytes] = []
    for folder in ("policy/rules", "tests/corpus", "tests/corpus/programs", "docs"):
        for page in sorted((ROOT / folder).glob("*.md")):
            matches = BLOCK.finditer(page.read_text(encoding="utf-8"))
            found.extend(match[2].encode() for match in matches if match[1] == kind)
    return found


def pages() -> list[bytes]:
    """The Python of each page of programs, as one program of up to four files."""
    found = []
    for page in sorted((ROOT / "tests/corpus/programs").glob("*.md")):
        for section in page.read_text(encoding="utf-8").split("\n## ")[1:]:
            files = [match[2].encode() for match in BLOCK.finditer(section) if match[1] == "py"]
            found.append(b"\0".join(files[:4]))
    return found


def bodies(checker: str) -> list[bytes]:
    """Bodies of shards of the program that the target has on the disk."""
    source = (ROOT / "tests/fuzz/oracles.rs").read_text(encoding="utf-8")
    program = source.split("const PROGRAM", 1)[1].split("];", 1)[0]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, text in re.findall(r'\("(m\d\.py)", b"(.*?)"\)', program):
            Path(folder, name).write_bytes(text.encode().decode("unicode_escape").encode())
        for options in ([], ["--capabilities"]):
            command = [checker, "--shard=1/1", "-o", "shard", "--no-cache", "--quiet", *options]
            subprocess.run(command, cwd=folder, check=True)
            written = Path(folder, "shard").read_bytes()[60:]
            for _ in range(2):
                written = written[1 + written[0] :]
            # The oracle asks for no particular settings.
            found.append(written)
    return found


def decoding() -> list[bytes]:
    """Texts in several encodings, behind the byte that says what they are."""
    found = [bytes([number % 5]) + block for number, block in enumerate(blocks("py"))]
    text = "# coding: {}\nx = 'é'\n"
    for codec in ("latin-1", "cp1252", "utf-16", "utf-7", "gbk", "shift_jis", "iso2022_jp", "hz"):
        found.append(b"\0" + text.format(codec).encode(codec, "replace"))
        found.append(b"\0" + text.format(codec).encode())
    found.append(b"\0\xef\xbb\xbfx = 1\r\ny = 2\r")
    notebook = '{"cells": [{"cell_type": "code", "source": ["%%bash\\n", "!ls\\n"]}], "nbformat": 4}'
    found.append(b"\1" + notebook.encode())
    return found


def main() -> None:
    """Write them."""
    folder = Path(sys.argv[1])
    checker = sys.argv[2] if len(sys.argv) > 2 else "target/debug/hermetic-check"
    python = blocks("py")
    comments = [b"# hermetic: ignore[shell-command] a\n", b"# hermetic: ignore-file[dynamic-eval]\n"]
    seeds = {
        "decoding": decoding(),
        "summary": python + pages(),
        "configuration": [*blocks("toml"), b"[tool.hermetic]\nno-network = true\n"],
        "suppressions": [block for block in python if b"hermetic:" in block]
        + [comments[number % 2] + block for number, block in enumerate(python)],
        "stored": [
            b'{"version": 1, "findings": [{"path": "a.py", "rule": "x", "fingerprint": '
            b'"0123456789abcdef0123456789abcdef", "count": 2}]}',
        ],
        "edits": [hashlib.sha256(bytes([number])).digest() * 8 for number in range(64)],
    }
    if Path(ROOT / checker).is_file():
        seeds["stored"] += bodies(str(ROOT / checker))
    for target, texts in seeds.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for text in texts:
            if len(text) <= LONGEST * 4:
                name = hashlib.sha256(text).hexdigest()[:20]
                (folder / target / name).write_bytes(text)
        print(f"{target}: {len(texts)} seeds")


if __name__ == "__main__":
    main()
