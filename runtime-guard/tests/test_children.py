"""Children of a guarded program: which are guarded, which are let, which are refused."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import textwrap
import unittest

from support import Project, needs_native, other_pythons

# What a child says of itself: `guarded` where the import is denied to it.
PROBE = """
import sys
try:
    import colorsys
except RuntimeError:
    print("guarded", sys.argv[1:], flush=True)
else:
    print("free", sys.argv[1:], flush=True)
"""
DENY = ("--isolated", "--deny-import=colorsys")


@needs_native
@unittest.skipIf(sys.platform == "win32", "Windows starts programs by other calls")
class Guarded(Project):
    def said(self, code: str, *flags: str) -> list[str]:
        """What a guarded program and its children print; it has to end well."""
        self.write("probe.py", PROBE)
        self.write("parent.py", "import os, subprocess, sys\nPROBE = open('probe.py').read()\n" + textwrap.dedent(code))
        ran = self.hermetic(*(flags or DENY), "--", "./parent.py")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout.splitlines()

    def test_by_any_call_and_option(self) -> None:
        code = """
            python = sys.executable
            def run(*argv, **more):
                subprocess.run(argv, check=True, **more)
            run(python, "probe.py", "script")
            run(python, "-c", PROBE, "code")
            run(python, "-I", "-c", PROBE, "isolated", env={})
            run(python, "-S", "-E", "probe.py", "no site")
            run(python, "-m", "probe", "module")
            run(python, "-X", "utf8", "-Wd", "-u", "probe.py", "options")
            run(python, "-", "stdin", input=PROBE.encode())
            run(python, "-c", PROBE, "list", executable=python)
            subprocess.Popen([python, "probe.py", "close_fds"], close_fds=False).wait()
            os.waitpid(os.posix_spawn(python, [python, "-c", PROBE, "posix_spawn"], {}), 0)
            os.waitpid(os.posix_spawnp(python, [python, "-c", PROBE, "posix_spawnp"], os.environ), 0)
            os.spawnl(os.P_WAIT, python, python, "-c", PROBE, "spawnl")
            for arguments in ([os.execv, python, [python, "probe.py", "execv"]], [os.execve, python, [python, "probe.py", "execve"], {}],
                              [os.execlp, python, python, "probe.py", "execlp"]):
                child = os.fork()
                if not child:
                    arguments[0](*arguments[1:])
                os.waitpid(child, 0)
            child = os.fork()
            if not child:
                exec(compile(PROBE, "fork", "exec"))
                os._exit(0)
            os.waitpid(child, 0)
        """  # noqa: E501
        said = self.said(code)
        self.assertTrue(all(line.startswith("guarded") for line in said), said)
        for word in ("isolated", "no site", "module", "stdin", "posix_spawnp", "spawnl", "execve"):
            self.assertIn(word, " ".join(said))
        self.assertEqual(len(said), 16)

    def test_a_child_finds_what_it_would_without(self) -> None:
        self.write("show.py", "import sys; print(sys.argv, sys.path[0], __name__, __file__)")
        code = """
            subprocess.run([sys.executable, "show.py", "a b", "", "-x"], check=True)
            subprocess.run([sys.executable, "-m", "show", "ä"], check=True)
            subprocess.run([sys.executable, "-c", "import sys; print(sys.argv, repr(sys.path[0]))", "x"], check=True)
            sys.exit(subprocess.run([sys.executable, "-c", "import sys; sys.exit(7)"]).returncode - 7)
        """
        guarded = self.said(code)
        plain = self.python("parent.py")
        self.assertEqual(guarded, plain.stdout.splitlines())

    def test_scripts_by_their_first_line(self) -> None:
        for name, first in (("tool", f"#!{sys.executable} -E"), ("found", "#!/usr/bin/env python3")):
            self.write(name, first + PROBE).chmod(stat.S_IRWXU)
        said = self.said("""
            subprocess.run(["./tool", "tool"], check=True)
            subprocess.run(["./found", "found"], check=True)
            os.waitpid(os.posix_spawn("./tool", ["tool", "spawned"], os.environ), 0)
        """)
        self.assertEqual(said, ["guarded ['tool']", "guarded ['found']", "guarded ['spawned']"])

    def test_multiprocessing(self) -> None:
        self.write(
            "parent.py",
            """
            import multiprocessing, sys
            def work(queue):
                try:
                    import colorsys
                except RuntimeError:
                    queue.put("guarded")
                else:
                    queue.put("free")
            if __name__ == "__main__":
                for method in multiprocessing.get_all_start_methods():
                    context = multiprocessing.get_context(method)
                    queue = context.Queue()
                    child = context.Process(target=work, args=(queue,))
                    child.start()
                    print(method, queue.get(timeout=60))
                    child.join()
        """,
        )
        ran = self.hermetic(*DENY, "--", "./parent.py")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        found = dict(line.split() for line in ran.stdout.splitlines())
        self.assertIn("spawn", found)
        self.assertEqual(set(found.values()), {"guarded"}, found)

    def test_every_policy_at_once(self) -> None:
        """Nothing that the launcher does for a child is denied to it."""
        said = self.said(
            """
            subprocess.run([sys.executable, "-c", "print(1)"], check=True)
            subprocess.run([sys.executable, "probe.py", "all"], check=True)
            """,
            "--isolated",
            "--no-network",
            "--fs-readonly",
            "--no-environment",
            "--no-code-exec",
            "--no-interpreter-mutation",
            "--block-native",
            "--deny-import=colorsys",
            "--seal",
            "--kernel=off",
        )
        self.assertEqual(said, ["1", "guarded ['all']"])
        ran = self.hermetic("--isolated", "--no-environment", "--", sys.executable, "-I", "-c", "print(2)")
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, "2\n", ""))

    def test_grandchildren_and_status(self) -> None:
        said = self.said("""
            code = "import subprocess, sys; subprocess.run([sys.executable, '-I', 'probe.py', 'grandchild'], env={})"
            subprocess.run([sys.executable, "-c", code], check=True)
            import hermetic
            print(hermetic.status()["children"]["guarded"])
        """)
        self.assertEqual(said, ["guarded ['grandchild']", "1"])

    def test_a_blocker_is_for_children_too(self) -> None:
        self.program(f"""
            import subprocess, sys
            from hermetic import hermetic_blocker
            probe = {PROBE!r}
            def child():
                return subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True).stdout.split()[0]
            with hermetic_blocker(deny_imports=["colorsys"]):
                assert child() == "guarded"
            assert child() == "free"
        """)

    def test_the_kernel_layer_is_told_to_children(self) -> None:
        said = self.said(
            "subprocess.run([sys.executable, '-c', 'import hermetic; print(hermetic.status()[\"kernel\"] is None)'])",
            *DENY,
            "--kernel=auto",
            "--fs-readonly",
        )
        self.assertEqual(said, ["False"])

    def test_other_interpreters(self) -> None:
        for python in other_pythons()[:2]:
            said = self.said(f"subprocess.run([{python!r}, '-I', 'probe.py', 'other'], env={{}}, check=True)")
            self.assertEqual(said, ["guarded ['other']"], python)

    def test_what_cannot_be_guarded_is_refused_unless_allowed_in_words(self) -> None:
        old = other_pythons(old=True)
        code = "print(subprocess.run([{python!r}, '-c', 'print(1)'], capture_output=True, text=True))"
        for python in old[:1]:
            said = self.said(code.format(python=python))[0]
            self.assertIn("returncode=1", said)
            self.assertIn("--unguarded-children starts it without the guard", said)
            said = self.said(code.format(python=python), *DENY, "--unguarded-children")[0]
            self.assertIn("returncode=0", said)
        if not old:
            print("SKIPPED children: no Python older than 3.9 here to be refused", file=sys.stderr)

    def test_an_interactive_child_is_refused(self) -> None:
        said = self.said("""
            for more in (["-i"], ["-i", "no-such-file.py"], ["-i", "-c", "1 +"]):
                print(subprocess.run([sys.executable, *more], input=PROBE.encode(), capture_output=True).stdout)
            more = dict(input=b"import colorsys", capture_output=True)
            print(subprocess.run([sys.executable, "-i", "-c", ""], **more).stdout)
        """)
        self.assertEqual(said, ["b''"] * 4)

    def test_other_programs_are_started_and_told(self) -> None:
        self.write("parent.py", "import subprocess; subprocess.run(['true'], check=True)")
        ran = self.hermetic(*DENY, "--", "./parent.py")
        self.assertEqual(ran.returncode, 0)
        self.assertRegex(
            ran.stderr, r"the guard did not go with programs that are not Python.*: /\S+/true; --kernel=auto"
        )

    def test_nothing_is_left_behind(self) -> None:
        before = set(os.listdir(tempfile.gettempdir()))
        self.said("subprocess.run([sys.executable, 'probe.py'], check=True)")
        new = {name for name in set(os.listdir(tempfile.gettempdir())) - before if "hermetic" in name}
        self.assertEqual({name for name in new if not name.startswith("hermetic-test-")}, set())


@needs_native
@unittest.skipIf(sys.platform == "win32", "Windows starts programs by other calls")
class AllowRun(Project):
    def tried(self, code: str, *allowed: str, **variables: str) -> list[str]:
        """What becomes of each statement under `--no-subprocess` with these programs allowed."""
        self.write(
            "parent.py",
            "import os, subprocess, sys\n"
            + textwrap.dedent("""
            def tried(function, *arguments, **more):
                try:
                    function(*arguments, **more)
                except Exception as error:
                    print(type(error).__name__)
                else:
                    print("done")
            quiet = dict(stdout=subprocess.DEVNULL)
        """)
            + textwrap.dedent(code),
        )
        flags = [word for program in allowed for word in ("--allow-run", program)]
        ran = self.hermetic("--isolated", "--no-subprocess", *flags, "--", "./parent.py", **variables)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout.split()

    def test_by_name(self) -> None:
        found = self.tried(
            """
            tried(subprocess.run, ["echo", "a"], **quiet)
            tried(subprocess.run, ["ls"], **quiet)
            tried(subprocess.run, "echo a", shell=True, **quiet)
            tried(os.system, "echo")
            tried(os.fork)
            tried(os.kill, os.getpid(), 0)
            os.mkdir("bin"); open("bin/echo", "w").write("#!/bin/sh\\n"); os.chmod("bin/echo", 0o700)
            os.symlink("/bin/sh", "echo")
            tried(subprocess.run, ["./echo"], **quiet)
            tried(subprocess.run, ["echo"], executable="bin/echo", **quiet)
            tried(subprocess.run, ["echo"], executable="/bin/sh", **quiet)
            os.environ["PATH"] = os.path.abspath("bin") + os.pathsep + os.environ["PATH"]
            tried(subprocess.run, ["echo"], **quiet)
            tried(subprocess.run, ["no-such-program"])
        """,
            "echo",
        )
        self.assertEqual(found, ["done"] + ["PolicyViolation"] * 9 + ["PolicyViolation"])

    def test_by_path(self) -> None:
        import shutil

        true = shutil.which("true") or "/bin/true"
        found = self.tried(
            f"""
            tried(subprocess.run, [{true!r}])
            tried(subprocess.run, ["true"])
            tried(lambda: os.waitpid(os.posix_spawn({true!r}, ["true"], {{}}), 0))
            tried(os.posix_spawn, "/bin/sh", ["true"], {{}})
            import _posixsubprocess
            tried(subprocess.run, ["true"], executable={true!r})
        """,
            true,
        )
        # By its name it is another program to the policy, which `subprocess` tells before it looks for the file.
        self.assertEqual(found, ["done", "PolicyViolation", "done", "PolicyViolation", "done"])

    def test_the_shell(self) -> None:
        found = self.tried(
            """
            tried(subprocess.run, "exit 0", shell=True)
            tried(os.system, "exit 0")
            tried(subprocess.run, ["true"])
        """,
            "sh",
        )
        self.assertEqual(found, ["done", "done", "PolicyViolation"])

    def test_python_is_guarded(self) -> None:
        found = self.tried(
            """
            code = "import os\\ntry: os.fork()\\nexcept RuntimeError: print('guarded')"
            subprocess.run([sys.executable, "-c", code])
        """,
            sys.executable,
        )
        self.assertEqual(found, ["guarded"])

    def test_with_the_kernel_layer(self) -> None:
        from test_kernel import NATIVE, WHOLE

        if not WHOLE:
            self.skipTest("needs Landlock 6 and seccomp")
        code = (
            NATIVE
            + """
import subprocess
print(subprocess.run(["echo", "a"], capture_output=True, text=True).stdout.strip(), libc.system(b"true") >> 8)
child = libc.fork()
if not child:
    libc.execv(b"/bin/sh", None)
    os._exit(ctypes.get_errno())
print(errno.errorcode[os.waitpid(child, 0)[1] >> 8])
"""
        )
        ran = self.hermetic(
            "--isolated", "--kernel=require", "--no-subprocess", "--allow-run=echo", "--", "python", "-c", code
        )
        self.assertEqual(ran.stdout.splitlines(), ["a 127", "EACCES"], ran.stderr)

    def test_wrong_values(self) -> None:
        for value in ("bin/git", "git status"):
            ran = self.hermetic("--no-subprocess", f"--allow-run={value}", "--", "python", "-c", "1")
            self.assertEqual(ran.returncode, 1)
            self.assertIn("--allow-run: `" + value, ran.stderr)

    def test_in_python(self) -> None:
        self.program("""
            import subprocess
            from hermetic import hermetic_blocker
            from hermetic.errors import PolicyViolation
            with hermetic_blocker(block_subprocess=True, allow_run=["true"]):
                subprocess.run(["true"], check=True)
                try:
                    subprocess.run(["false"])
                except PolicyViolation as error:
                    assert "--allow-run false" in str(error), error
                else:
                    raise AssertionError
        """)


if __name__ == "__main__":
    unittest.main()
