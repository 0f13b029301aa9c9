"""Put the guard's wheel and pytest into environments of their own, for the oldest and the newest CPython.

usage: testing.py WHEEL [VERSION ...]. Prints the interpreters, separated by `:`: what `HERMETIC_TESTING` takes. The
environments are in `target/testing`, and are filled again when the wheel is another one. What cannot be had is told.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import environments

ROOT = Path(__file__).resolve().parents[2]
NEEDS = ["pytest", "pytest-xdist", "pytest-asyncio", "anyio"]
# What these need below 3.11, which the pip that installs for another version does not see.
OLD = ["exceptiongroup", "tomli", "backports-asyncio-runner"]


def supply(version: str, inside: Path) -> bool:
    """Install pytest and the plugins; whether that could be done."""
    folder = inside.parent.parent
    mark = folder / "testing"
    if mark.exists():
        return True
    old = OLD if tuple(map(int, version.split("."))) < (3, 11) else []
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    site = folder / "lib" / f"python{version}" / "site-packages"
    command = [*pip, "--python-version", version, "--target", str(site), "--upgrade", *NEEDS, *old]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"SKIPPED tests of the plugin on Python {version}: pytest cannot be installed", file=sys.stderr)
        return False
    mark.touch()
    return True


def main() -> None:
    """Fill them, tell them."""
    wheel, *versions = sys.argv[1:]
    environments.ENVIRONMENTS = ROOT / "target" / "testing"
    found = environments.interpreters(versions)
    if not versions:
        found = found[:1] + found[1:][-1:]
    filled = [(version, environments.fill(version, python, Path(wheel).resolve())) for version, python in found]
    print(":".join(str(inside) for version, inside in filled if supply(version, inside)))


if __name__ == "__main__":
    main()
