"""The hooks under the real pre-commit, on fresh git repositories.

pre-commit makes an environment by `pip install .` in a clone of the hooks' repository. In `make test` that is a small
one with the hooks of this one and a build backend that hands out the wheel that is there already; in
`make test-long` it is this one, which takes minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

from common import CAPTURE, LONG, ROOT, Case, copied_sources, tool, wheel

# PEP 517: pip calls these to get a wheel of a folder.
BACKEND = """
import pathlib, shutil
WHEEL = pathlib.Path({wheel!r})

def build_wheel(folder, config_settings=None, metadata_directory=None):
    shutil.copy(WHEEL, folder)
    return WHEEL.name
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "prebuilt"\nbackend-path = ["."]\n'
NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": [CAPTURE.rstrip()]}
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}
POLICY = 'no-network = true\n[check]\nextend-exclude = ["vendored/"]\n'


class Hooks(Case):
    """`pre-commit run` in a repository of somebody who uses the hooks."""

    shared: ClassVar[Path]
    hooks: ClassVar[Path]
    revision: ClassVar[str] = ""

    @classmethod
    def setUpClass(cls) -> None:
        """What all tests share: the repository of the hooks, and pre-commit's folder."""
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.shared = Path(folder.name).resolve()
        cls.hooks = cls.shared / "hooks"

    def setUp(self) -> None:
        """Make the repository, unless it is there."""
        super().setUp()
        self.program = tool("pre-commit")
        if not self.revision:
            self.make_hooks()
            self.git(self.hooks, "init", "--quiet")
            type(self).revision = self.commit(self.hooks)

    def make_hooks(self) -> None:
        """The small repository."""
        self.hooks.mkdir()
        shutil.copy(ROOT / ".pre-commit-hooks.yaml", self.hooks)
        (self.hooks / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
        (self.hooks / "prebuilt.py").write_text(BACKEND.format(wheel=str(wheel())), encoding="utf-8")

    def user(self, hook: str, files: dict[str, str], more: str = "") -> Path:
        """A repository that uses a hook."""
        configuration = f"repos:\n- repo: {self.hooks}\n  rev: {self.revision}\n  hooks:\n  - id: {hook}\n{more}"
        return self.repository(self.folder / "user", {".pre-commit-config.yaml": configuration, **files})

    def pre_commit(self, folder: Path, *words: str, code: int) -> str:
        """Run pre-commit there; what it prints."""
        home = str(self.shared / "pre-commit")
        return self.run_to_end(self.program, *words, cwd=folder, code=code, variables={"PRE_COMMIT_HOME": home}).stdout

    def test_changed_files(self) -> None:
        """What is staged is checked, and nothing else; excludes count though the file is named."""
        files = {"hermetic.toml": POLICY, "old.py": CAPTURE, "clean.py": "import json\n", "vendored/x.py": "\n"}
        folder = self.user("hermetic-check", files)
        self.assertIn("no files to check", self.pre_commit(folder, "run", code=0))
        (folder / "clean.py").write_text("import ast\n", encoding="utf-8")
        (folder / "vendored" / "x.py").write_text(CAPTURE, encoding="utf-8")
        self.git(folder, "add", "clean.py", "vendored")
        self.assertIn("Passed", self.pre_commit(folder, "run", code=0))
        # A script without a suffix is Python by its first line, for pre-commit as for hermetic-check.
        (folder / "script").write_text("#!/usr/bin/env python3\n" + CAPTURE, encoding="utf-8")
        (folder / "script").chmod(0o755)
        (folder / "book.ipynb").write_text(json.dumps(NOTEBOOK), encoding="utf-8")
        (folder / "clean.py").write_text(CAPTURE, encoding="utf-8")
        self.git(folder, "add", "--all")
        told = self.pre_commit(folder, "run", code=1)
        for place in ["clean.py:1:20", "script:2:20", "book.ipynb"]:
            self.assertIn(place, told)
        self.assertIn("Found 3 problems", told)
        self.assertNotIn("old.py", told)

    def test_a_commit_is_stopped(self) -> None:
        """`git commit` with the hook installed."""
        folder = self.user("hermetic-check", {"a.py": "import json\n"}, "    args: [--no-subprocess]\n")
        self.pre_commit(folder, "install", code=0)
        (folder / "a.py").write_text("import os\nos.system('make')\n", encoding="utf-8")
        # What the hook starts is told by the hook where pre-commit keeps what it has made.
        home = {"PRE_COMMIT_HOME": str(self.shared / "pre-commit")}
        commit = ["git", "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--all", "--message", "m"]
        self.assertIn("shell-command", self.run_to_end(*commit, cwd=folder, code=1, variables=home).stdout)
        (folder / "a.py").write_text("import ast\n", encoding="utf-8")
        self.run_to_end(*commit, cwd=folder, variables=home)
        self.assertEqual(self.git(folder, "status", "--porcelain"), "", "and what it keeps is not committed")

    def test_whole_program(self) -> None:
        """What the change of one file makes of another, and the change of the policy alone."""
        using = "from helpers import dial\n\ndial(('example.com', 1))  # hermetic: ignore[network-connect] wanted\n"
        files = {"helpers.py": "import socket\ndial = socket.create_connection\n", "use.py": using}
        folder = self.user("hermetic-check-project", {**files, "hermetic.toml": ""})
        (folder / "hermetic.toml").write_text('no-network = true\ncheck.levels.captured-reference = "off"\n')
        self.git(folder, "add", "--all")
        self.assertIn("Passed", self.pre_commit(folder, "run", code=0))
        (folder / "use.py").write_text(using.partition("  #")[0] + "\n", encoding="utf-8")
        self.commit(folder)
        (folder / "helpers.py").write_text(files["helpers.py"] + "\n", encoding="utf-8")
        self.git(folder, "add", "--all")
        self.assertIn("use.py:3:1", self.pre_commit(folder, "run", code=1))

    def test_a_comment_for_the_whole_program(self) -> None:
        """A comment that is needed only where both files are seen does not stop a commit of one."""
        using = "from helpers import dial\n\ndial(('example.com', 1))  # hermetic: ignore[network-connect] wanted\n"
        folder = self.user("hermetic-check", {"hermetic.toml": POLICY, "use.py": "\n"})
        (folder / "use.py").write_text(using, encoding="utf-8")
        self.git(folder, "add", "--all")
        self.assertIn("Passed", self.pre_commit(folder, "run", code=0))

    def test_excluded_by_pre_commit(self) -> None:
        """`exclude` in the user's configuration of the hook."""
        folder = self.user("hermetic-check", {"legacy/a.py": CAPTURE, "b.py": "\n"}, "    exclude: ^legacy/\n")
        self.assertIn("Passed", self.pre_commit(folder, "run", "--all-files", code=0))

    @unittest.skipIf(os.name == "nt", "permissions of Unix")
    def test_read_only(self) -> None:
        """A repository that cannot be written to costs a warning, and no more."""
        folder = self.user("hermetic-check", {"a.py": "import json\n", "hermetic.toml": POLICY})
        self.pre_commit(folder, "run", "--all-files", code=0)
        shutil.rmtree(folder / ".hermetic_cache")
        # Root may write everywhere; a file of the cache's name stops everyone.
        (folder / ".hermetic_cache").touch()
        (folder / ".git" / "info" / "exclude").write_text(".hermetic_cache\n", encoding="utf-8")
        folder.chmod(0o555)
        self.addCleanup(folder.chmod, 0o755)
        told = self.pre_commit(folder, "run", "--all-files", "--verbose", code=0)
        self.assertEqual(told.count("warning: cache: "), 1, told)
        self.assertIn("Passed", told)

    def test_wrong_configuration(self) -> None:
        """It stops the commit, and says where and what."""
        folder = self.user("hermetic-check", {"a.py": "\n", "hermetic.toml": "no-netwerk = true\n"})
        told = self.pre_commit(folder, "run", "--all-files", code=1)
        self.assertIn("hermetic.toml:1:1: unknown key `no-netwerk`", told)


@unittest.skipUnless(LONG, "builds in release mode; make test-long does it")
class HooksOfThisRepository(Hooks):
    """The same with this repository, built by pre-commit: once, for all of them."""

    # Else it would be inherited.
    revision = ""

    def make_hooks(self) -> None:
        """The sources as they are now."""
        copied_sources(self.hooks)


if __name__ == "__main__":
    unittest.main()
