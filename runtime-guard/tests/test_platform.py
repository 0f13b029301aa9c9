"""Interpreters and folders that hermetic refuses."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import hermetic
from support import Project

PACKAGE = Path(hermetic.__file__).parent
LOAD = """
try:
    import hermetic
except RuntimeError as error:
    print(type(error).__name__, error)
"""


class Refusals(Project):
    def test_another_implementation(self) -> None:
        ran = self.program("import sys\nsys.implementation.name = 'pypy'" + LOAD)
        self.assertEqual(
            ran.stdout,
            "BootstrapError hermetic guards CPython alone (3.9 or later, its default build), "
            "and this interpreter is pypy\n",
        )

    def test_free_threaded_builds(self) -> None:
        # How 3.13 and later spell it (Modules/getbuildinfo.c and Python/getversion.c).
        for version in ("3.13.1 experimental free-threading build (main)", "3.14.0 free-threading build (main)"):
            ran = self.program(f"import sys\nsys.version = {version!r}" + LOAD)
            self.assertRegex(ran.stdout, r"\ABootstrapError hermetic does not guard free-threaded builds of CPython")

    def test_a_folder_with_files_of_hermetic_seal(self) -> None:
        shutil.copytree(PACKAGE, self.folder / "hermetic", ignore=shutil.ignore_patterns("__pycache__"))
        ran = self.program("import sys\nsys.path.insert(0, '')" + LOAD + "print(hermetic.__file__)\n")
        self.assertEqual(ran.stdout, f"{self.folder / 'hermetic' / '__init__.py'}\n")
        for name in ("runner.py", "resolver.py", "__about__.py", "bootstrap.py"):
            foreign = self.write(f"hermetic/{name}", "")
            ran = self.program("import sys\nsys.path.insert(0, '')" + LOAD)
            self.assertEqual(
                ran.stdout,
                f"BootstrapError {self.folder / 'hermetic'} holds files of hermetic-seal ({name}), which has the same "
                "import name; run `pip uninstall hermetic-seal`, then `pip install --force-reinstall hermetic-guard`\n",
            )
            foreign.unlink()

    def test_nothing_of_ours_has_those_names(self) -> None:
        from hermetic._platform import _FOREIGN_FILES

        own = {path.name for path in Path(__file__).parent.parent.joinpath("python", "hermetic").iterdir()}
        self.assertEqual(own & set(_FOREIGN_FILES), set())

    def test_interpreters_started_for_a_target(self) -> None:
        """What another interpreter is loaded with says so if it cannot be guarded."""
        fake = self.write(
            "site/sitecustomize.py",
            "import sys\nif '-c' in sys.orig_argv: sys.implementation.name = 'pypy'\n"
            if sys.version_info >= (3, 10)
            else "import sys\nsys.implementation.name = 'pypy' if sys.argv == ['-c'] else 'cpython'\n",
        )
        self.write("app.py", "print('ran')\n")
        from support import environment

        path = environment().get("PYTHONPATH", "")
        ran = self.hermetic(
            "--no-network", "--", sys.executable, "-B", "app.py", PYTHONPATH=f"{path}:{fake.parent}".strip(":")
        )
        self.assertEqual(
            (ran.returncode, ran.stdout, ran.stderr),
            (1, "", f"hermetic: hermetic guards CPython alone (3.9 or later), and {sys.executable} is pypy\n"),
        )
