"""A real PyPy, which cannot be guarded, as a target, as a child and as who imports hermetic."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest

from support import SOURCE, Project, environment, needs_native

PYPY = os.environ.get("HERMETIC_PYPY", "")
REFUSED = f"hermetic guards CPython alone (3.9 or later), and {PYPY} is pypy"


@needs_native
@unittest.skipUnless(PYPY, "HERMETIC_PYPY names no PyPy")
class RealPyPy(Project):
    def setUp(self) -> None:
        super().setUp()
        self.write("app.py", "import sys\nprint('ran on', sys.implementation.name)\n")

    def test_it_is_one(self) -> None:
        ran = subprocess.run([PYPY, "app.py"], cwd=self.folder, capture_output=True, encoding="utf-8", check=False)
        self.assertEqual(ran.stdout, "ran on pypy\n", ran.stderr)

    def test_a_target_is_not_run(self) -> None:
        self.write("by-shebang", f"#!{PYPY}\nprint('ran')\n").chmod(0o755)
        for target in ([PYPY, "app.py"], [PYPY, "-I", "-S", "app.py"], [PYPY, "-c", "print('ran')"], ["./by-shebang"]):
            for policy in (["--no-network"], ["--no-network", "--seal"], ["--no-network", "--unguarded-children"]):
                with self.subTest(target=target[1:], policy=policy):
                    ran = self.hermetic(*policy, "--", *target)
                    self.assertEqual((ran.returncode, ran.stdout), (1, ""), ran.stderr)
                    self.assertEqual(ran.stderr, f"hermetic: {REFUSED}\n")

    def test_a_child_is_not_run_unless_that_was_asked_for(self) -> None:
        self.write(
            "parent.py",
            """
            import os, subprocess, sys
            how, pypy = sys.argv[1:]
            if how == "run":
                print(subprocess.run([pypy, "app.py"], env={}).returncode, flush=True)
            elif how == "spawn":
                number = os.posix_spawn(pypy, [pypy, "-E", "app.py"], {})
                print(os.WEXITSTATUS(os.waitpid(number, 0)[1]), flush=True)
            else:
                os.execv(pypy, [pypy, "app.py"])
            """,
        )
        for how in ("run", "spawn", "exec"):
            with self.subTest(how=how):
                ran = self.hermetic("--no-network", "--", sys.executable, "parent.py", how, PYPY)
                self.assertNotIn("ran on", ran.stdout)
                self.assertIn(f"{REFUSED}; --unguarded-children starts it without the guard", ran.stderr)
                code = ran.returncode if how == "exec" else int(ran.stdout)
                self.assertEqual(code, 1)
                ran = self.hermetic(
                    "--no-network", "--unguarded-children", "--", sys.executable, "parent.py", how, PYPY
                )
                self.assertIn("ran on pypy", ran.stdout, ran.stderr)

    def test_learning_goes_on_without_it(self) -> None:
        self.write("parent.py", "import subprocess, sys\nsubprocess.run([sys.argv[1], 'app.py'], check=True)\n")
        ran = self.hermetic("--learn", "-o", "p.toml", "--", sys.executable, "parent.py", PYPY)
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, "ran on pypy\n", ""))

    def test_importing_hermetic_says_what_is_wrong(self) -> None:
        ran = subprocess.run(
            [PYPY, "-c", f"import sys\nsys.path.insert(0, {str(SOURCE.parent)!r})\nimport hermetic"],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("hermetic guards CPython alone (3.9 or later, its default build)", ran.stderr)
        self.assertIn("this interpreter is pypy", ran.stderr)


if __name__ == "__main__":
    unittest.main()
