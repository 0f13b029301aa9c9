"""What the tests of the package share: the package itself, and programs run under `hermetic`.

The tests run against the hermetic that is installed. Where none is, they run against the source tree with
`native_double` in place of the native module.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "python" / "hermetic"
REPOSITORY = HERE.parent.parent
INTERRUPTED = (-signal.SIGINT, 130)


def _is_installed() -> bool:
    spec = importlib.util.find_spec("hermetic")
    if spec is None or spec.origin is None:
        return False
    folder = Path(spec.origin).parent
    return any(entry.name.startswith("_native.") and entry.suffix != ".pyi" for entry in folder.iterdir())


def _doubled() -> Path:
    """A folder with the package and the stand-in."""
    folder = Path(tempfile.mkdtemp(prefix="hermetic-double-"))
    shutil.copytree(SOURCE, folder / "hermetic", ignore=shutil.ignore_patterns("__pycache__", "_native*"))
    shutil.copy(HERE / "native_double.py", folder / "hermetic" / "_native.py")
    return folder


REAL = _is_installed()
FOLDER = None if REAL else _doubled()
if FOLDER is not None:
    import atexit

    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
    sys.path.insert(0, str(FOLDER))

needs_native = unittest.skipUnless(REAL, "needs the native module")


def environment(**more: str) -> dict[str, str]:
    """The environment without settings of ours, with the package in reach."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HERMETIC_")}
    environ.pop("PYTHONPATH", None)
    if FOLDER is not None:
        environ["PYTHONPATH"] = str(FOLDER)
    environ.update(more)
    return environ


def other_pythons(*, old: bool = False) -> list[str]:
    """Other interpreters of this machine, by HERMETIC_PYTHONS or below pyenv's root."""
    given = os.environ.get("HERMETIC_PYTHONS", "").split(os.pathsep)
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    below = sorted(root.glob("[23].*/bin/python")) if root.is_dir() else []
    own = (sys.version_info[0], sys.version_info[1])
    found = []
    for python in [*map(Path, filter(None, given)), *below]:
        version = subprocess.run(
            [python, "-c", "import sys; sys.stdout.write('%d %d' % sys.version_info[:2])"],
            capture_output=True,
            encoding="ascii",
            check=False,
        ).stdout.split()
        if len(version) == 2:
            major, minor = int(version[0]), int(version[1])
            if (major, minor) != own and ((major, minor) < (3, 9)) == old:
                found.append(str(python))
    return found


class Project(unittest.TestCase):
    """A test with a folder of its own to run programs in."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="hermetic-test-")
        self.addCleanup(folder.cleanup)
        # A folder's real path, as the paths of programs show it.
        self.folder = Path(folder.name).resolve()

    def write(self, name: str, text: str) -> Path:
        """A file of the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def python(self, *arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """Run this interpreter in the folder."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment(**variables),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def hermetic(self, *arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """The command line, in the folder."""
        return self.python("-m", "hermetic", *arguments, stdin=stdin, **variables)

    def program(self, text: str) -> subprocess.CompletedProcess[str]:
        """A program that uses the package; it has to end well."""
        ran = self.python("-c", textwrap.dedent(text))
        self.assertEqual((ran.returncode, ran.stderr), (0, ""), ran.stdout)
        return ran
