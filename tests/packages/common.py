"""What the tests of the packages share: the wheels, clean environments, and fresh repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import List, Union

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = Path(os.environ.get("HERMETIC_PACKAGES", ROOT / "target" / "packages")).resolve()
# Whether what takes many minutes is tested, too.
LONG = os.environ.get("HERMETIC_LONG") == "1"
# Longer than anything here takes, so that what hangs has a name.
PATIENCE = 3600 if LONG else 600
Words = List[Union[str, Path]]
CAPTURE = "from socket import socket\n"
# Variables that would let this environment, or the user's settings, into another.
FOREIGN = ("PIP_", "UV_", "PIPX_", "PYTHON", "VIRTUAL_ENV", "GIT_", "PRE_COMMIT", "CARGO", "HERMETIC_", "XDG_", "TOX")
# All the same: where packages are installed from, and where Cargo keeps what it has and builds.
KEPT = ("PIP_CERT", "PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_DEFAULT_TIMEOUT")
KEPT_CARGO = ("CARGO_HOME", "CARGO_BUILD_JOBS", "CARGO_TARGET_DIR")


def packages(name: str) -> Path:
    """The folder of the packages of a project."""
    return PACKAGES / name


def wheel(name: str = "hermetic-check") -> Path:
    """The wheel of a project, as release/build.py leaves it."""
    found = list(packages(name).glob("*.whl"))
    if len(found) != 1:
        raise unittest.SkipTest(f"{packages(name)} has {len(found)} wheels; release/build.py makes one")
    return found[0]


def tool(name: str) -> str:
    """A command of the environment that this runs in."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise unittest.SkipTest(f"{name} is not installed beside {sys.executable}")
    return str(path)


class Case(unittest.TestCase):
    """A test with a folder of its own, which is also its home."""

    def setUp(self) -> None:
        """Make the folder."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        (self.folder / "home").mkdir()

    def environment(self, more: dict[str, str] | None = None) -> dict[str, str]:
        """The variables of a user who has set none for the tools at hand."""
        own = {
            name: value
            for name, value in os.environ.items()
            if name in KEPT + KEPT_CARGO or not name.startswith(FOREIGN)
        }
        # rustup's and Cargo's folders are found by the home that it was before.
        home = Path.home()
        own.setdefault("CARGO_HOME", str(home / ".cargo"))
        own.setdefault("RUSTUP_HOME", str(home / ".rustup"))
        return {**own, "HOME": str(self.folder / "home"), "NO_COLOR": "1", **(more or {})}

    def run_to_end(
        self,
        *command: str | Path,
        cwd: Path | None = None,
        code: int | None = 0,
        variables: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, which has to be this one."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd or self.folder,
            env=self.environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if code is not None:
            self.assertEqual(done.returncode, code, f"{command}\n{done.stdout}")
        return done

    def repository(self, folder: Path, files: dict[str, str]) -> Path:
        """A git repository with these files, committed."""
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        self.git(folder, "init", "--quiet")
        self.commit(folder)
        return folder

    def git(self, folder: Path, *words: str) -> str:
        """Run git in a folder."""
        return self.run_to_end("git", *words, cwd=folder).stdout.strip()

    def commit(self, folder: Path) -> str:
        """Commit all there is, past the hooks; which commit that is."""
        self.git(folder, "add", "--all")
        who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        self.git(folder, *who, "commit", "--quiet", "--no-verify", "--allow-empty", "--message", "all")
        return self.git(folder, "rev-parse", "HEAD")


def copied_sources(to: Path) -> None:
    """The sources as git would commit them, in another folder."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
