"""The command line: targets, exit codes, what is told."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from support import INTERRUPTED, Project, environment, needs_native, other_pythons

BLOCKED = "import os\nos.system('true')\n"


class Usage(Project):
    def refused(self, text: str, *arguments: str, **variables: str) -> None:
        ran = self.hermetic(*arguments, **variables)
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (1, "", f"hermetic: {text}\n"))

    def test_help_and_version(self) -> None:
        ran = self.hermetic("--help")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertIn("--allow-domain DOMAIN", ran.stdout)
        self.assertEqual(self.hermetic("-h").stdout, ran.stdout)
        ran = self.hermetic("--version")
        self.assertRegex(ran.stdout, r"\Ahermetic \d\S+\n\Z")

    def test_what_makes_no_sense(self) -> None:
        self.refused("unknown flag --no-netwrok; did you mean --no-network", "--no-netwrok", "--", "json.tool")
        self.refused("unknown flag --zzzzz; --help lists them", "--zzzzz=1", "--", "json.tool")
        self.refused("--no-network takes no value", "--no-network=1", "--", "json.tool")
        self.refused("--allow-domain takes a DOMAIN", "--allow-domain", "--", "json.tool")
        self.refused("--allow-domain takes a DOMAIN", "--allow-domain", "--no-network", "--", "json.tool")
        self.refused("--fs-readonly: `` names no folder", "--fs-readonly=", "--", "json.tool")
        self.refused("unexpected argument `json.tool`; the target stands behind `--`", "--no-network", "json.tool")
        missing = "name a target behind `--`: hermetic [FLAGS] -- TARGET [ARGUMENTS]"
        self.refused(missing)
        self.refused(missing, "--no-network", "--")
        self.refused("--config and --isolated exclude each other", "--config=x", "--isolated", "--", "json.tool")

    def test_values_that_mean_nothing(self) -> None:
        ran = self.hermetic("--profile", "blockall", "--", "json.tool")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("unknown profile `blockall`", ran.stderr)
        ran = self.hermetic("--no-network", "--allow-domain=https://a.example/", "--", "json.tool")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("--allow-domain: `https://a.example/` is a URL", ran.stderr)
        ran = self.hermetic("--fs-readonly=nowhere", "--", "json.tool")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("--fs-readonly", ran.stderr)
        self.assertIn(str(self.folder / "nowhere"), ran.stderr)

    def test_no_such_target(self) -> None:
        self.write("app.py", "value = 3\n")
        self.write("package/__init__.py", "")
        for target, text in [
            ("nowhere_at_all", "nowhere_at_all: is no console script, executable or module"),
            ("nowhere_at_all:main", "nowhere_at_all: there is no such module"),
            ("app:main", "app:main: app has no main"),
            ("app:value", "app:value: is int, and cannot be called"),
            ("app.main", "app.main: app is no package"),
            ("package.main", "package.main: there is no module package.main"),
            ("package", "package: is a package, and has no package.__main__ to run"),
            ("package.main:run", "package.main:run: there is no module package.main"),
            ("./nowhere", "./nowhere: there is no such file"),
            ("app.py", "app.py: is no module; to run the file, write `python app.py` or ./app.py"),
            ("./package/nowhere", "./package/nowhere: there is no such file"),
        ]:
            with self.subTest(target):
                ran = self.hermetic("--no-subprocess", "--", target)
                self.assertEqual((ran.returncode, ran.stderr), (127, f"hermetic: {text}\n"))

    def test_a_program_that_is_not_python(self) -> None:
        self.write("tool", "#!/bin/sh\necho shell\n").chmod(0o755)
        ran = self.hermetic("--", "./tool")
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertIn("is not a Python program", ran.stderr)

    def test_help_into_a_closed_pipe(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as closed:
            ran = subprocess.run(
                [sys.executable, "-m", "hermetic", "--help"],
                stdout=closed,
                stderr=subprocess.PIPE,
                env=environment(),
                check=False,
            )
        self.assertEqual((ran.returncode, ran.stderr), (0, b""))


class ExitCodes(Project):
    def code(self, body: str, *flags: str) -> tuple[int, str]:
        self.write("app.py", f"import os, sys\ndef main():\n    {body}\n")
        ran = self.hermetic(*flags, "--", "app:main")
        return ran.returncode, ran.stderr

    def test_what_the_target_returns(self) -> None:
        for body, expected in [
            ("return None", (0, "")),
            ("return 7", (7, "")),
            ("return True", (1, "")),
            ("return 'no'", (1, "no\n")),
            ("sys.exit()", (0, "")),
            ("sys.exit(3)", (3, "")),
            ("sys.exit(2)", (2, "")),
            ("sys.exit('bye')", (1, "bye\n")),
            ("sys.exit((1, 2))", (1, "(1, 2)\n")),
            ("sys.exit(256 + 5)", (5, "")),
            ("os._exit(9)", (9, "")),
        ]:
            for flags in ([], ["--no-subprocess"], ["--no-subprocess", "--fail-on-blocked"]):
                with self.subTest(body, flags=flags):
                    self.assertEqual(self.code(body, *flags), expected)

    def test_errors_are_told_as_python_tells_them(self) -> None:
        code, text = self.code("raise ValueError('boom')")
        self.assertEqual(code, 1)
        self.assertTrue(text.startswith("Traceback (most recent call last):\n"), text)
        self.assertTrue(text.endswith("ValueError: boom\n"), text)
        self.assertNotIn("hermetic", text.replace(str(self.folder), ""))
        self.assertEqual(text.count('File "'), 1)

    def test_a_syntax_error(self) -> None:
        self.write("broken.py", "x = (\n")
        for target in (["broken"], ["./broken.py"], ["broken:main"]):
            ran = self.hermetic("--no-subprocess", "--", *target)
            self.assertEqual(ran.returncode, 1)
            self.assertIn("SyntaxError", ran.stderr)

    def test_an_interrupt(self) -> None:
        code, text = self.code("raise KeyboardInterrupt")
        self.assertIn(code, INTERRUPTED)
        self.assertTrue(text.endswith("KeyboardInterrupt\n"), text)

    def test_a_blocked_act(self) -> None:
        code, text = self.code("os.system('true')", "--no-subprocess")
        self.assertEqual(code, 2)
        self.assertTrue(text.startswith("hermetic: blocked action: subprocess disabled"), text)
        self.assertEqual(text.count("\n"), 1)

    def test_a_blocked_act_in_a_group(self) -> None:
        if sys.version_info < (3, 11):
            self.skipTest("exception groups are new in 3.11")
        body = (
            "groups = []\n"
            "    for _ in range(2):\n"
            "        try: os.system('true')\n"
            "        except RuntimeError as error: groups.append(error)\n"
        )
        code, text = self.code(f"{body}    raise ExceptionGroup('both', groups)", "--no-subprocess")
        self.assertEqual((code, text.count("hermetic: blocked action: ")), (2, 2), text)
        code, text = self.code(f"{body}    raise ExceptionGroup('x', [*groups, OSError()])", "--no-subprocess")
        self.assertEqual(code, 1)
        self.assertIn("Traceback", text)

    def test_a_swallowed_violation(self) -> None:
        swallowed = "\n    try: os.system('true')\n    except RuntimeError: pass\n    return 4"
        code, text = self.code(swallowed, "--no-subprocess")
        self.assertEqual(code, 4)
        self.assertTrue(
            text.startswith(
                "hermetic: 1 action was blocked and the target went on; "
                "--fail-on-blocked exits with 2 for this: subprocess disabled"
            ),
            text,
        )
        self.assertEqual(text.count("\n"), 1)
        code, text = self.code(swallowed, "--no-subprocess", "--fail-on-blocked")
        self.assertEqual(code, 2)
        self.assertTrue(text.startswith("hermetic: 1 action was blocked and the target went on: "), text)
        self.assertEqual(self.code(swallowed, "--fs-readonly", "--fail-on-blocked"), (4, ""))

    def test_violations_in_threads_and_exit_functions_count(self) -> None:
        thread = "import threading; threading.Thread(target=lambda: os.system('true')).start()"
        late = "import atexit; atexit.register(os.system, 'true')"
        for body in (thread, late):
            with self.subTest(body):
                code, text = self.code(body, "--no-subprocess")
                self.assertEqual(code, 0)
                self.assertIn("hermetic: 1 action was blocked", text)
                code, text = self.code(body, "--no-subprocess", "--fail-on-blocked")
                self.assertEqual(code, 2)
                self.assertEqual(text.count("hermetic: 1 action was blocked"), 1)

    def test_executors_end(self) -> None:
        body = (
            "from concurrent.futures import ThreadPoolExecutor\n"
            "    pool = ThreadPoolExecutor(); pool.submit(print, 1)\n    return 6"
        )
        self.assertEqual(self.code(body, "--no-subprocess", "--fail-on-blocked"), (6, ""))

    def test_a_fork_does_not_speak_for_its_parent(self) -> None:
        body = (
            "\n    try: open('x', 'w')\n    except RuntimeError: pass"
            "\n    pid = os.fork()\n    if pid: os.waitpid(pid, 0)\n    return 0"
        )
        code, text = self.code(body, "--fs-readonly")
        self.assertEqual((code, text.count("hermetic: 1 action was blocked")), (0, 1), text)

    def test_a_closed_pipe_is_the_targets_affair(self) -> None:
        self.write("app.py", "print('x' * 100000)\n")
        for command in (["app.py"], ["-m", "hermetic", "--no-subprocess", "--", "./app.py"]):
            reading, writing = os.pipe()
            os.close(reading)
            with os.fdopen(writing, "wb") as closed:
                ran = subprocess.run(
                    [sys.executable, *command],
                    cwd=self.folder,
                    stdout=closed,
                    stderr=subprocess.PIPE,
                    env=environment(),
                    check=False,
                )
            self.assertIn(b"BrokenPipeError", ran.stderr)
            self.assertIn(ran.returncode, (1, 120))

    def test_no_standard_streams(self) -> None:
        self.write("app.py", "import os, sys\nsys.stderr = None\ntry: os.system('true')\nexcept RuntimeError: pass\n")
        ran = self.hermetic("--no-subprocess", "--", "./app.py")
        self.assertEqual(ran.returncode, 0)

    @needs_native
    def test_a_traceback_is_nobodys_attempt(self) -> None:
        """To show a line Python opens the file it is in, which may lie outside the root."""
        (self.folder / "data").mkdir()
        for flags in (["--fs-readonly=data"], ["--fs-readonly=data", "--fail-on-blocked"]):
            code, text = self.code("raise ValueError('boom')", *flags)
            self.assertEqual((code, text.splitlines()[-1]), (1, "ValueError: boom"))

    @needs_native
    def test_lines_of_source_can_be_shown(self) -> None:
        """What formats tracebacks reads sources through linecache. That is no way to read anything else."""
        (self.folder / "data").mkdir()
        (self.folder / "secret.txt").write_text("secret")
        (self.folder / "data" / "other.py").write_text("inside\n")
        outside = tempfile.TemporaryDirectory()
        self.addCleanup(outside.cleanup)
        elsewhere = Path(outside.name, "module.py")
        elsewhere.write_text("outside\n")
        self.write(
            "app.py",
            f"""
            import ast, linecache, logging, traceback

            def main():
                try:
                    ast.parse("x = (")
                except SyntaxError:
                    print("print(" in traceback.format_exc() or "ast.parse" in traceback.format_exc())
                    logging.exception("told")
                print(linecache.getlines("data/other.py"), linecache.getlines({str(elsewhere)!r}))
                try:
                    print(linecache.getlines({str(self.folder / "secret.txt")!r}))
                except RuntimeError as error:
                    print(type(error).__name__)
                namespace = {{"__file__": linecache.__file__}}
                code = compile("import os\\ndef updatecache(name): return os.stat(name)", linecache.__file__, "exec")
                exec(code, namespace)
                try:
                    print(namespace["updatecache"]({str(elsewhere)!r}))
                except RuntimeError as error:
                    print(type(error).__name__)
            """,
        )
        ran = self.hermetic("--fs-readonly=data", "--", "app:main")
        self.assertEqual(ran.stdout, "True\n['inside\\n'] []\nPolicyViolation\nPolicyViolation\n", ran.stderr)
        self.assertIn("hermetic: 2 actions were blocked", ran.stderr)
        self.assertEqual(ran.returncode, 0)

    @needs_native
    def test_the_place_is_in_the_target(self) -> None:
        ran = self.hermetic("--no-network", "--", "http.server", "--bind", "192.0.2.1", "0")
        self.assertEqual(ran.returncode, 2)
        self.assertRegex(
            ran.stderr, r"\Ahermetic: blocked action: network disabled: DNS\(192\.0\.2\.1\): .* at \S+\.py:\d+; "
        )
        self.assertNotIn("hermetic/", ran.stderr)
        self.assertNotIn("runpy", ran.stderr)

    def test_trace(self) -> None:
        code, text = self.code("os.system('true')", "--no-subprocess", "--trace")
        self.assertEqual(code, 2)
        self.assertTrue(text.startswith("[hermetic] blocked subprocess reason=no-subprocess\nhermetic: "), text)

    def test_seal(self) -> None:
        body = "import hermetic.guards as g; g.uninstall_all(); os.system('true')"
        self.assertEqual(self.code(body, "--no-subprocess", "--seal")[0], 2)
        # Nor does it end what the command line began.
        self.assertEqual(self.code(body, "--no-subprocess")[0], 2)


SHOW = """
import sys
main = sys.modules["__main__"]
print(sys.argv)
print(repr(sys.path[0]))
print(__name__, main.__dict__ is globals(), __package__, __spec__ and __spec__.name)
print(globals().get("__file__"), __builtins__ is not None, __loader__ and type(__loader__).__name__)
print(sorted(name for name in globals() if not name.startswith("__")))
"""


class Targets(Project):
    """What a target sees is what it would see if Python ran it."""

    def alike(self, python: list[str], target: list[str]) -> None:
        plain = self.python(*python)
        self.assertEqual((plain.returncode, plain.stderr), (0, ""))
        ran = self.hermetic("--no-subprocess", "--", *target)
        self.assertEqual((ran.returncode, ran.stderr, ran.stdout), (0, "", plain.stdout))

    def test_a_module(self) -> None:
        self.write("app.py", SHOW)
        self.alike(["-m", "app", "a", "--no-network", "--"], ["app", "a", "--no-network", "--"])

    def test_a_package(self) -> None:
        self.write("package/__init__.py", "")
        self.write("package/__main__.py", SHOW)
        self.write("package/inner/__init__.py", "")
        self.write("package/inner/tool.py", SHOW)
        self.alike(["-m", "package"], ["package"])
        self.alike(["-m", "package.inner.tool"], ["package.inner.tool"])

    def test_a_namespace_package(self) -> None:
        self.write("space/tool.py", SHOW)
        self.alike(["-m", "space.tool"], ["space.tool"])

    def test_parents_are_imported_under_the_policy(self) -> None:
        self.write("package/__init__.py", BLOCKED)
        self.write("package/tool.py", "print('reached')\n")
        ran = self.hermetic("--no-subprocess", "--", "package.tool")
        self.assertEqual((ran.returncode, ran.stdout), (2, ""))
        self.assertEqual(self.hermetic("--no-subprocess", "--", "package.tool:x").returncode, 2)

    def test_a_script(self) -> None:
        self.write("bin/app.py", SHOW)
        self.alike(["bin/app.py", "a"], ["./bin/app.py", "a"] if os.sep == "\\" else ["bin/app.py", "a"])
        self.write("bin/app", f"#!{sys.executable}\n{SHOW}").chmod(0o755)
        self.alike(["bin/app", "-c"], ["bin/app", "-c"])

    def test_a_link_to_a_script(self) -> None:
        self.write("real/app.py", SHOW)
        (self.folder / "app.py").symlink_to(self.folder / "real" / "app.py")
        self.alike(["./app.py"], ["./app.py"])

    def test_a_folder_and_an_archive(self) -> None:
        import zipfile

        self.write("folder/__main__.py", SHOW)
        self.alike(["./folder"], ["./folder"])
        with zipfile.ZipFile(self.folder / "app.pyz", "w") as archive:
            archive.writestr("__main__.py", SHOW)
        self.alike(["./app.pyz"], ["./app.pyz"])

    def test_python_itself(self) -> None:
        self.write("app.py", SHOW)
        self.alike(
            ["-c", SHOW, "a", "-m"],
            [sys.executable, "-c", SHOW, "a", "-m"],
        )
        self.alike(["-m", "app", "a"], [sys.executable, "-m", "app", "a"])
        self.alike(["app.py", "a"], [sys.executable, "app.py", "a"])
        self.alike(["--version"], [sys.executable, "--version"])
        self.alike(["-V"], [sys.executable, "-V"])

    def test_standard_input(self) -> None:
        for arguments in ([], ["-", "a"]):
            plain = self.python(*arguments, stdin=SHOW)
            ran = self.hermetic("--no-subprocess", "--", sys.executable, *arguments, stdin=SHOW)
            self.assertEqual((ran.stdout, ran.stderr), (plain.stdout, ""))

    def test_another_interpreter(self) -> None:
        """Options make it another one: only a new process can have them."""
        self.write("app.py", SHOW + "print(sys.flags)\n")
        for options in (["-B"], ["-E"], ["-OO", "-X", "utf8"], ["-Wignore", "-u"]):
            with self.subTest(options):
                self.alike([*options, "app.py", "a"], [sys.executable, *options, "app.py", "a"])
                self.alike([*options, "-m", "app", "a"], [sys.executable, *options, "-m", "app", "a"])
        self.alike(["-B", "-c", SHOW, "a"], [sys.executable, "-Bc", SHOW, "a"])

    def test_another_interpreter_is_guarded(self) -> None:
        self.write("app", f"#!{sys.executable} -E\n{BLOCKED}").chmod(0o755)
        ran = self.hermetic("--no-subprocess", "--", "./app")
        self.assertEqual(ran.returncode, 2)
        self.assertTrue(ran.stderr.startswith("hermetic: blocked action: subprocess disabled"), ran.stderr)
        ran = self.hermetic("--no-network", "--", "./app")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        for code in (
            "raise SystemExit(7)",
            "import os; print('HERMETIC_FLAGS_JSON' in os.environ); raise SystemExit(7)",
        ):
            ran = self.hermetic("--no-network", "--", sys.executable, "-B", "-c", code)
            self.assertEqual((ran.returncode, ran.stderr), (7, ""))
            self.assertNotIn("True", ran.stdout)

    def test_an_environment_without_hermetic(self) -> None:
        venv.create(self.folder / "venv", with_pip=False)
        python = self.folder / "venv" / "bin" / "python"
        self.write("app", f"#!{python}\nimport sys; print(sys.prefix)\nimport hermetic.errors\n{BLOCKED}").chmod(0o755)
        ran = self.hermetic("--no-subprocess", "--", "./app")
        self.assertEqual((ran.returncode, ran.stdout), (2, f"{self.folder / 'venv'}\n"), ran.stderr)

    @needs_native
    def test_every_other_cpython(self) -> None:
        """One wheel serves them all: what is installed here guards them there."""
        pythons = other_pythons()
        if not pythons:
            self.skipTest("needs another CPython: none in HERMETIC_PYTHONS, none below pyenv's root")
        for python in pythons:
            with self.subTest(python):
                self.write("app", f"#!{python}\n{SHOW}import json, hermetic\n{BLOCKED}").chmod(0o755)
                ran = self.hermetic("--no-subprocess", "--", "./app", "a")
                self.assertEqual(ran.returncode, 2, ran.stderr)
                self.assertTrue(ran.stderr.startswith("hermetic: blocked action: subprocess disabled"), ran.stderr)
                self.assertEqual(ran.stdout.splitlines()[:2], [str(["./app", "a"]), repr(str(self.folder))])

    def test_an_interpreter_that_is_too_old(self) -> None:
        old = [python for python in other_pythons(old=True) if "/3.8" in python or "/2.7" in python]
        if not old:
            self.skipTest("needs a Python older than 3.9 below pyenv's root")
        for python in old:
            self.write("app", f"#!{python}\nprint('ran')\n").chmod(0o755)
            ran = self.hermetic("--no-subprocess", "--", "./app")
            self.assertEqual((ran.returncode, ran.stdout), (1, ""))
            self.assertRegex(ran.stderr, r"\Ahermetic: hermetic needs CPython 3.9 or later, and \S+ is \d\.\d+\n\Z")

    def test_a_script_whose_interpreter_is_gone(self) -> None:
        self.write("app", "#!/nowhere/bin/python3\n").chmod(0o755)
        ran = self.hermetic("--", "./app")
        self.assertEqual(ran.returncode, 127)
        self.assertIn("/nowhere/bin/python3", ran.stderr)

    def test_a_script_on_the_path(self) -> None:
        self.write("bin/hermetic-test-app", f"#!/usr/bin/env {Path(sys.executable).name}\n{SHOW}").chmod(0o755)
        path = os.pathsep.join([str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        ran = self.hermetic("--no-subprocess", "--", "hermetic-test-app", "a", PATH=path)
        file = self.folder / "bin" / "hermetic-test-app"
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertEqual(ran.stdout.splitlines()[0], str([str(file), "a"]))
        self.assertEqual(ran.stdout.splitlines()[1], repr(str(file.parent)))

    def test_python_is_the_one_on_the_path(self) -> None:
        venv.create(self.folder / "venv", with_pip=False)
        path = os.pathsep.join([str(self.folder / "venv" / "bin"), os.environ["PATH"]])
        code = f"import sys; print(sys.prefix)\n{BLOCKED}"
        ran = self.hermetic("--no-subprocess", "--", "python", "-c", code, PATH=path)
        self.assertEqual((ran.returncode, ran.stdout), (2, f"{self.folder / 'venv'}\n"), ran.stderr)
        ran = self.hermetic("--no-subprocess", "--", "python", "-c", "print(1)", PATH=str(self.folder))
        self.assertEqual((ran.returncode, ran.stdout), (0, "1\n"), ran.stderr)

    def test_long_shebangs(self) -> None:
        self.write("app", f"#!/bin/sh\n'''exec' {sys.executable} \"$0\" \"$@\"\n' '''\n{SHOW}").chmod(0o755)
        self.alike(["./app"], ["./app"])

    @needs_native
    def test_a_console_script_of_this_environment(self) -> None:
        """Ours is one, and is a target as any other."""
        self.write("app.py", BLOCKED)
        for arguments, code in [(["--version"], 0), (["--no-subprocess", "--", "app"], 2), (["--", "app"], 0)]:
            plain = self.python("-m", "hermetic", *arguments)
            ran = self.hermetic("--no-network", "--", "hermetic", *arguments)
            self.assertEqual((ran.returncode, ran.stdout), (code, plain.stdout), ran.stderr)
        self.assertEqual(self.hermetic("--no-subprocess", "--", "hermetic", "--", "app").returncode, 2)

    def test_an_attribute(self) -> None:
        self.write("package/__init__.py", "")
        self.write(
            "package/app.py",
            "import sys\nclass App:\n    @staticmethod\n    def main(): print(sys.argv, repr(sys.path[0]))\n",
        )
        ran = self.hermetic("--no-subprocess", "--", "package.app:App.main", "a")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertEqual(ran.stdout, f"{['package.app:App.main', 'a']} {str(self.folder)!r}\n")

    def test_a_missing_dependency_is_the_targets_error(self) -> None:
        self.write("app.py", "import nowhere_at_all\n")
        for target in ("app", "app:main"):
            ran = self.hermetic("--", target)
            self.assertEqual(ran.returncode, 1)
            self.assertIn("ModuleNotFoundError: No module named 'nowhere_at_all'", ran.stderr)

    def test_nothing_of_the_folder_is_imported_before_the_policy_opens(self) -> None:
        for name in ("json", "difflib", "unicodedata", "importlib_metadata", "textwrap", "threading", "argparse"):
            self.write(f"{name}.py", "import os, sys\nsys.stderr.write(__name__ + ' was imported\\n')\n")
        self.write("app.py", "print('ran')\n")
        for target in (["app"], ["./app.py"], [sys.executable, "-B", "app.py"]):
            ran = self.hermetic("--no-subprocess", "--no-network", "--", *target)
            self.assertEqual((ran.returncode, ran.stderr, ran.stdout), (0, "", "ran\n"))

    def test_few_modules_are_loaded_before_the_target(self) -> None:
        self.write("app.py", "import sys\nprint(*sorted(sys.modules))\n")
        plain = set(self.python("app.py").stdout.split())
        loaded = set(self.hermetic("--no-subprocess", "--", "./app.py").stdout.split()) - plain
        outside = {name for name in loaded if name.partition(".")[0] != "hermetic"}
        # `python -m` itself brings runpy and what that needs.
        known = {"__future__", "atexit", "unicodedata"}
        by_runpy = set(self.python("-m", "app").stdout.split())
        self.assertLessEqual(outside, known | by_runpy)
