"""`--learn`: what it writes, and that a run under it goes as before."""

from __future__ import annotations

import unittest

from support import Project, needs_native

# Programs, and what must stand in the policy that is learned from them.
PROGRAMS = {
    "nothing": ("x = 1", ["no-network = true", 'fs-readonly = "."', "no-environment = true", "no-code-exec = true"]),
    "network": (
        """
        import socket
        server = socket.create_server(("127.0.0.1", 0))
        socket.create_connection(server.getsockname()).close()
        for host in ("192.0.2.1", "2001:db8::1"):
            one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            one.settimeout(0.01)
            try:
                one.connect((host, 9))
            except OSError:
                pass
            one.close()
        """,
        ["allow-localhost = true", '"192.0.2.1:9",', '"[2001:db8::1]:9",', "prog.py:10 (socket.connect)"],
    ),
    "listens": (
        "import socket\nsocket.create_server(('0.0.0.0', 0)).close()",
        ["# no-network is left out; needed by\n#   prog.py:3 (socket.bind)"],
    ),
    "unix": (
        """
        import socket, os
        server = socket.socket(socket.AF_UNIX)
        server.bind("own.sock")
        server.listen()
        """,
        ["# no-network is left out"],
    ),
    "files": (
        """
        import os, shutil, tempfile
        os.makedirs("deep/er", exist_ok=True)
        open("deep/er/x", "w").close()
        open("top.txt", "w").close()
        os.replace("top.txt", "top2.txt")
        with tempfile.TemporaryDirectory() as folder:
            open(os.path.join(folder, "y"), "w").close()
        open(os.devnull, "w").close()
        open("/etc/hosts").close()
        """,
        [
            "fs-readonly = true",
            "# no folder alone can be read; outside of it reads",
            "open /etc/hosts",
            "allow-write = [",
        ],
    ),
    "environment": (
        """
        import os
        assert os.environ.get("PATH") and len(dict(os.environ)) > 1 and os.getenv("NOT_THERE") is None
        os.environ["NEW"] = "1"
        assert os.environ["NEW"] == "1" and os.environ.pop("NEW") == "1"
        """,
        ["# no-environment is left out; needed by\n#   prog.py:4 (os.environ PATH)"],
    ),
    "processes": (
        "import subprocess\nsubprocess.run(['true'], check=True)",
        ["# no-subprocess is left out; needed by", "prog.py:3 (subprocess.Popen true)"],
    ),
    "code": ("assert eval('1 + 1') == 2", ["# no-code-exec is left out; needed by\n#   prog.py:2 (eval)"]),
    "pickle": (
        "import pickle, json\nassert pickle.loads(pickle.dumps([1])) == [1]",
        ["# no-code-exec is left out; needed by\n#   prog.py:2 (import pickle)"],
    ),
    "classes": (
        "import dataclasses, collections, enum\n@dataclasses.dataclass\nclass A:\n    x: int\nA(1)",
        ["no-code-exec = true"],
    ),
    "interpreter": (
        "import sys, os\nsys.path.append('lib')\nsys.path = list(sys.path)\nassert 'lib' in sys.path\nos.chdir('.')",
        ["# no-interpreter-mutation is left out", "prog.py:3 (sys.path"],
    ),
    "native": (
        "import ctypes\nctypes.CDLL(None)",
        ["# block-native is left out; needed by", "prog.py:2 (import ctypes)"],
    ),
    "heap": ("import gc\ngc.get_objects()", ["no-network = true", "# block-native is left out", "gc.get_objects"]),
    "children": (
        """
        import multiprocessing, os, subprocess, sys
        def work(number):
            open(f"by-{number}.txt", "w").close()
        if __name__ == "__main__":
            own = [sys.executable, "-I", "-c"]
            subprocess.run([*own, "open('deeper/by-run.txt', 'w').close()"], env={}, check=True)
            nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import os; os.getenv(chr(88))'])"
            subprocess.run([*own, nested], check=True)
            for how in ("fork", "spawn"):
                child = multiprocessing.get_context(how).Process(target=work, args=(how,))
                child.start()
                child.join()
                assert child.exitcode == 0
            if os.fork() == 0:
                open("by-hand.txt", "w").close()
                os._exit(0)
            os.wait()
            os.system("true")
        """,
        [
            '"deeper",',
            '"by-fork.txt",',
            '"by-spawn.txt",',
            '"by-hand.txt",',
            "# no-environment is left out; needed by\n#   <string>:1 (os.environ X)",
        ],
    ),
    "children that are not Python": (
        "import subprocess\nsubprocess.run(['true'], check=True)",
        ["# not Python, so that what they did is not in it: "],
    ),
    "exits": ("import sys\nopen('out.txt', 'w').close()\nsys.exit(3)", ['"out.txt",']),
    "threads": (
        """
        import threading
        def work(): open("t.txt", "w").close()
        for thread in [threading.Thread(target=work) for _ in range(4)]:
            thread.start()
        """,
        ['"t.txt",'],
    ),
    "at exit": ("import atexit\natexit.register(lambda: open('late.txt', 'w').close())", ['"late.txt",']),
}


@needs_native
class Learn(Project):
    def test_the_same_run_passes_under_what_was_learned(self) -> None:
        for name, (text, lines) in PROGRAMS.items():
            with self.subTest(program=name):
                for left in self.folder.glob("own.sock"):
                    left.unlink()
                self.write("prog.py", "\n" + text)
                (self.folder / "deeper").mkdir(exist_ok=True)
                before = self.python("prog.py")
                for left in self.folder.glob("own.sock"):
                    left.unlink()
                learned = self.hermetic("--learn", "-o", "learned.toml", "--", "python", "prog.py")
                self.assertEqual(
                    (learned.returncode, learned.stdout), (before.returncode, before.stdout), learned.stderr
                )
                policy = (self.folder / "learned.toml").read_text()
                for line in lines:
                    self.assertIn(line, policy)
                for left in self.folder.glob("own.sock"):
                    left.unlink()
                again = self.hermetic("--fail-on-blocked", "--config", "learned.toml", "--", "python", "prog.py")
                self.assertEqual(
                    (again.returncode, again.stdout), (before.returncode, before.stdout), policy + again.stderr
                )

    def test_nothing_is_left_behind(self) -> None:
        self.write("prog.py", "import subprocess, sys\nsubprocess.run([sys.executable, '-c', '1'])\n")
        (self.folder / "tmp").mkdir()
        ran = self.hermetic("--learn", "--", "python", "prog.py", TMPDIR=str(self.folder / "tmp"))
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertEqual(list((self.folder / "tmp").iterdir()), [])

    def test_a_child_that_outlives_who_learns_goes_on(self) -> None:
        self.write(
            "prog.py",
            """
            import subprocess, sys
            late = "import sys; print(flush=True); sys.stdin.read(); open('late.txt', 'w').close()"
            pipe = subprocess.PIPE
            child = subprocess.Popen([sys.executable, "-c", late], stdin=pipe, stdout=pipe)
            child.stdout.readline()
            """,
        )
        ran = self.hermetic("--learn", "-o", "p.toml", "--", "python", "prog.py")
        # Its standard error is read to the end, and so it has ended.
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, "", ""))
        self.assertTrue((self.folder / "late.txt").exists())

    def test_what_did_not_happen_is_denied(self) -> None:
        self.write("prog.py", "import sys, socket\nif len(sys.argv) > 1: socket.socket().connect(('192.0.2.1', 9))\n")
        self.assertEqual(self.hermetic("--learn", "-o", "p.toml", "--", "python", "prog.py").returncode, 0)
        ran = self.hermetic("--config", "p.toml", "--", "python", "prog.py", "more")
        self.assertEqual(ran.returncode, 2)
        self.assertIn("network disabled: connect(192.0.2.1)", ran.stderr)

    def test_without_a_file_it_is_printed_with_its_table(self) -> None:
        self.write("prog.py", "print('first')\n")
        ran = self.hermetic("--learn", "--", "python", "prog.py")
        self.assertTrue(ran.stdout.startswith("first\n# Learned by hermetic"), ran.stdout)
        self.assertIn("\n[tool.hermetic]\nno-network = true\n", ran.stdout)

    def test_a_configuration_of_the_project_does_not_deny_meanwhile(self) -> None:
        self.write("hermetic.toml", "fs-readonly = true\n")
        self.write("prog.py", "open('x', 'w').close()\n")
        ran = self.hermetic("--learn", "-o", "new.toml", "--", "python", "prog.py")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))

    def test_what_makes_no_sense(self) -> None:
        for flags, told in [
            (["--learn", "--no-network"], "--learn denies nothing"),
            (["--learn", "--config", "x.toml"], "--learn denies nothing"),
            (["-o", "x"], "--learn is not given"),
            (["--learn", "-o", "pyproject.toml"], "would be replaced"),
        ]:
            ran = self.hermetic(*flags, "--", "python", "-c", "1")
            self.assertEqual(ran.returncode, 1)
            self.assertIn(told, ran.stderr)

    def test_a_policy_of_the_programs_own_is_enforced_meanwhile(self) -> None:
        self.write(
            "prog.py",
            """
            import os
            from hermetic import hermetic_blocker
            with hermetic_blocker(block_environment=True, block_network=True):
                try:
                    os.environ["PATH"]
                except RuntimeError as error:
                    print("denied")
                import socket
                try:
                    socket.socket().connect(("192.0.2.1", 9))
                except RuntimeError as error:
                    print("denied")
            assert os.environ["PATH"]
            """,
        )
        ran = self.hermetic("--learn", "-o", "p.toml", "--", "python", "prog.py")
        self.assertEqual((ran.returncode, ran.stdout), (0, "denied\ndenied\n"), ran.stderr)


if __name__ == "__main__":
    unittest.main()
