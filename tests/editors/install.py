"""Debian's Neovim and Emacs with eglot, unpacked below a folder, without root.

Prints the folder. What cannot be had is told on standard error, with exit code 1.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = ["neovim", "emacs-nox", "elpa-eglot"]
PATIENCE = 300


def run(*command: str, cwd: Path | None = None) -> str:
    """Run a command to its end; what it printed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise RuntimeError(f"{command[0]} {command[1]}: {' '.join(last) or 'failed'}")
    return done.stdout


def install(folder: Path) -> None:
    """Unpack the packages, and those they need that are not installed."""
    # It prints what it would do, and needs no rights for that.
    plan = run("apt-get", "--simulate", "--no-install-recommends", "install", *PACKAGES)
    wanted = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
    debs = folder / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    run("apt-get", "download", *wanted, cwd=debs)
    root = folder / "new"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for deb in debs.glob("*.deb"):
        run("dpkg", "-x", str(deb), str(root))
    root.rename(folder / "root")
    shutil.rmtree(debs)


def main() -> int:
    """Unpack them, unless they are there."""
    folder = Path(sys.argv[1]).resolve()
    root = folder / "root"
    if not root.is_dir():
        if not (shutil.which("apt-get") and shutil.which("dpkg")):
            print("there is no apt-get here", file=sys.stderr)
            return 1
        try:
            install(folder)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"Neovim and Emacs cannot be fetched here: {error}", file=sys.stderr)
            return 1
    print(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
