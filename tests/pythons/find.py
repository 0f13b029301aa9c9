"""Find a CPython of every version the guard is made for, and fetch the newest where a machine lacks them.

Prints a line `VERSION PATH` for each version found, oldest first, and `SKIPPED python VERSION: reason` on standard
error for each that is missing. A version is looked for on PATH, among pyenv's, and in `target/pythons`. With `--fetch`,
3.14 and 3.15 are downloaded there from Debian's unstable distribution when nothing else has them: unpacked, never
installed, with a private state of apt, so that the system stays as it is. The mirror and the keys are those the
system's apt already uses.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import debian

ROOT = Path(__file__).resolve().parents[2]
FETCHED = ROOT / "target" / "pythons"
VERSIONS = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"]
FETCHABLE = ["3.14", "3.15"]
# What is asked of a candidate: itself, and whether it is a CPython with a GIL that has what the tests import.
PROBE = (
    "import sqlite3, ssl, sys, sysconfig; "
    "assert sys.implementation.name == 'cpython' and not sysconfig.get_config_var('Py_GIL_DISABLED'); "
    "print('%d.%d' % sys.version_info[:2], sys.executable)"
)


def probe(python: Path, version: str) -> Path | None:
    """The real interpreter behind `python`, if it is a whole CPython of that version."""
    try:
        answer = subprocess.run([python, "-I", "-c", PROBE], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found, _, path = answer.stdout.strip().partition(" ")
    return Path(path) if found == version else None


def candidates(version: str) -> list[Path]:
    """Where an interpreter of that version may be."""
    places: list[Path] = []
    names = [f"python{version}"]
    if version == "{}.{}".format(*sys.version_info):
        places.append(Path(sys.executable))
        names.append("python3")
    places += [Path(path) for name in names if (path := shutil.which(name))]
    pyenv = os.environ.get("PYENV_ROOT") or (shutil.which("pyenv") and subprocess.getoutput("pyenv root"))
    if pyenv:
        places += sorted(Path(pyenv, "versions").glob(f"{version}.*/bin/python"), reverse=True)
    places.append(FETCHED / version / "usr" / "bin" / f"python{version}")
    return places


def find(version: str) -> Path | None:
    """An interpreter of that version."""
    return next((found for place in candidates(version) if (found := probe(place, version))), None)


def fetch(versions: list[str]) -> None:
    """Unpack these versions below target/pythons."""
    if platform.machine() != "x86_64":
        raise debian.CannotFetchError("only an x86-64 machine can fetch it")
    suite = debian.Suite("sid", FETCHED / "apt")
    for version in versions:
        root, packages = FETCHED / version, FETCHED / "packages" / version
        wanted = [f"python{version}", f"python{version}-venv", f"libpython{version}-testsuite"]
        suite.unpack(wanted, packages, root)
        program = root / "usr" / "bin" / f"python{version}"
        debian.own_libraries(program, root, debian.patchelf(FETCHED / "patchelf"))


def main() -> None:
    """Find, fetch what is missing, tell."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--fetch", action="store_true", help="download 3.14 and 3.15 where they are missing")
    parser.add_argument("versions", nargs="*", default=VERSIONS, metavar="VERSION")
    arguments = parser.parse_args()
    found = {version: find(version) for version in arguments.versions}
    reason = "not on PATH, not among pyenv's, not in target/pythons"
    missing = [version for version in FETCHABLE if version in found and not found[version]]
    if missing and arguments.fetch:
        try:
            fetch(missing)
            found.update({version: find(version) for version in missing})
        except debian.CannotFetchError as error:
            reason = str(error)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = f"fetching it failed: {getattr(error, 'stderr', None) or error}".strip().replace("\n", "; ")
    for version, path in found.items():
        if path:
            print(version, path)
        else:
            print(f"SKIPPED python {version}: {reason}", file=sys.stderr)


if __name__ == "__main__":
    main()
