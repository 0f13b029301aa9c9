"""The kernel layer, for real: what native code may do, what it is told, what `require` and `auto` say.

What a plan is made of is a test of the crate (`src/kernel/plan/tests.rs`), for kernels of every kind. Here the kernel
at hand is asked, and a lesser one is played by a claim, which can only take away.
"""

from __future__ import annotations

import sys
import unittest

from support import REAL, Project, needs_native


def _layer() -> tuple[int, bool]:
    """What this kernel has: the version of Landlock, and seccomp."""
    if not REAL or sys.platform != "linux":
        return 0, False
    import subprocess

    code = (
        "from hermetic import _native, status\n"
        "_native.confine([{'no_subprocess': True}], 'auto')\n"
        "layer = status()['kernel']; print(layer['landlock'], int(layer['seccomp']))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    words = ran.stdout.split()
    return (int(words[0]), words[1] == "1") if len(words) == 2 else (0, False)


LANDLOCK, SECCOMP = _layer()
WHOLE = LANDLOCK >= 6 and SECCOMP
if REAL and not WHOLE:
    print(f"SKIPPED kernel layer: this kernel has Landlock {LANDLOCK}, seccomp {SECCOMP}", file=sys.stderr)

# Calls of the C library, past everything Python could see.
NATIVE = """
import ctypes, errno, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    return errno.errorcode[ctypes.get_errno()] if result < 0 else "done"
"""


@needs_native
@unittest.skipUnless(WHOLE, "needs Landlock 6 and seccomp")
class Layer(Project):
    def told(self, code: str, *flags: str) -> str:
        """What a program prints that the kernel is to stop; it has to end well."""
        ran = self.hermetic("--isolated", "--kernel=require", *flags, "--", "python", "-c", NATIVE + code)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout.strip()

    def test_a_closed_network(self) -> None:
        code = """
address = struct.pack("=HH4s8x", 2, 9, bytes([127, 0, 0, 1]))
tcp, anywhere = libc.socket(2, 1, 0), address[:2] + bytes(2) + address[4:]
print(call("connect", tcp, address, 16), call("socket", 2, 2, 0), call("socket", 1, 1, 0), call("socket", 17, 3, 0),
      call("sendto", tcp, b"x", 1, 0x20000000, address, 16), call("bind", tcp, anywhere, 16))
import socket, asyncio
socket.socketpair(); socket.if_nameindex(); asyncio.run(asyncio.sleep(0))
"""
        self.assertEqual(self.told(code, "--no-network"), "EACCES EACCES EACCES EACCES EACCES done")

    def test_an_allowed_port(self) -> None:
        code = """
found = []
for port in (443, 80):
    tcp = libc.socket(2, 1, 0)
    address = struct.pack("=H", 2) + struct.pack("!H", port) + bytes([127, 0, 0, 1]) + bytes(8)
    found.append(call("connect", tcp, address, 16))
print(*found, call("socket", 2, 3, 1))
"""
        ran = self.hermetic(
            "--kernel=require", "--no-network", "--allow-domain=192.0.2.1:443", "--", "python", "-c", NATIVE + code
        )
        # Nobody listens at the port that is allowed.
        self.assertEqual(ran.stdout.split(), ["ECONNREFUSED", "EACCES", "EACCES"], ran.stderr)
        self.assertIn("does not cover which hosts are reached at the allowed ports", ran.stderr)

    def test_processes(self) -> None:
        code = """
import threading
thread = threading.Thread(target=lambda: print("thread"))
thread.start(); thread.join()
print(call("fork"), call("vfork"), call("execv", b"/bin/true", None), call("kill", os.getppid(), 0),
      call("kill", os.getpid(), 0), call("ioctl", 0, 0x5412, b"x"), libc.system(b"true") != 0)
"""
        self.assertEqual(self.told(code, "--no-subprocess"), "thread\nEACCES EACCES EACCES EPERM done EACCES True")

    def test_files(self) -> None:
        self.write("there", "x")
        code = """
print(call("open", b"new", 0o101, 0o600), call("open", b"there", 1), call("open", b"there", 0o1000), call("unlink", b"there"),
      call("rename", b"there", b"b"), call("mkdir", b"d"), call("symlink", b"a", b"b"), call("link", b"there", b"b"),
      call("chmod", b"there", 0), call("chown", b"there", 0, 0), call("utime", b"there", None), call("truncate", b"there", 0),
      call("setxattr", b"there", b"user.a", b"b", 1, 0), call("open", b"/dev/null", 1), call("open", b"there", 0))
"""  # noqa: E501
        found = self.told(code, "--fs-readonly").split()
        self.assertEqual(found, ["EACCES"] * 13 + ["done"] * 2)
        self.assertEqual((self.folder / "there").read_text(), "x")

    def test_some_files_may_be_changed(self) -> None:
        self.write("there", "x")
        own = self.folder / "own"
        own.mkdir()
        code = f"""
print(call("open", b"there", 1), call("open", b"{own}/new", 0o101, 0o600), call("chmod", b"{own}/new", 0o640),
      call("rename", b"{own}/new", b"{own}/other"), call("rename", b"{own}/other", b"here"),
      call("open_by_handle_at", -1, None, 0), call("ioctl", 0, 0x40086602, None), call("swapon", b"there", 0))
"""
        ran = self.hermetic(
            "--kernel=require", "--fs-readonly", f"--allow-write={own}", "--", "python", "-c", NATIVE + code
        )
        self.assertEqual(ran.stdout.split(), ["EACCES", *["done"] * 3, *["EACCES"] * 4], ran.stderr)
        self.assertIn("owners, permissions, times and attributes of files", ran.stderr)
        self.assertEqual((own / "other").stat().st_mode & 0o777, 0o640)

    def test_what_may_be_changed_has_to_be_there(self) -> None:
        self.write("there", "x")
        out = self.folder / "out"
        code = "open('there', 'w').close()\nopen('out', 'w').close()\n"
        flags = ("--fs-readonly", f"--allow-write={self.folder / 'there'}", f"--allow-write={out}")
        ran = self.hermetic("--kernel=auto", *flags, "--", "python", "-c", code)
        self.assertEqual(ran.returncode, 1)
        told = f"hermetic: {out} of --allow-write is not there yet, and the kernel layer lets nobody make it"
        self.assertEqual([line[: len(told)] for line in ran.stderr.splitlines()][1], told, ran.stderr)
        self.assertIn("PermissionError", ran.stderr)
        self.assertNotIn("there of", ran.stderr)
        out.touch()
        ran = self.hermetic("--kernel=auto", *flags, "--", "python", "-c", code)
        self.assertEqual((ran.returncode, "not there" in ran.stderr), (0, False), ran.stderr)

    def test_a_root(self) -> None:
        root = self.folder / "root"
        root.mkdir()
        self.write("root/there", "x")
        outside = self.write("elsewhere/outside", "x")
        # The folder a program is run from is one it imports from.
        self.folder = root
        code = f"""
print(call("open", b"{root}/there", 0), call("open", b"{outside}", 0), call("open", b"/etc/passwd", 0),
      call("opendir", b"/home") and "list")
import asyncio, ctypes.util, decimal, email, json, locale, sqlite3, ssl, zoneinfo
locale.setlocale(locale.LC_ALL, "")
ssl.create_default_context()
zoneinfo.ZoneInfo("UTC")
os.urandom(1)
"""
        found = self.told(code, f"--fs-readonly={root}").split()
        self.assertEqual(found[:3], ["done", "EACCES", "EACCES"])

    def test_sqlite_writes_no_second_file(self) -> None:
        code = """
import sqlite3
try:
    sqlite3.connect(":memory:").execute("ATTACH 'proof.db' AS other").execute("CREATE TABLE other.a (b)")
except sqlite3.OperationalError as error:
    print("OperationalError")
"""
        self.assertEqual(self.told(code, "--fs-readonly"), "OperationalError")
        self.assertFalse((self.folder / "proof.db").exists())

    def test_children_are_in_it(self) -> None:
        ran = self.hermetic(
            "--kernel=require",
            "--fs-readonly",
            "--",
            "python",
            "-c",
            """
import subprocess
print(subprocess.run(["touch", "proof"], capture_output=True).returncode)
""",
        )
        self.assertEqual((ran.stdout, ran.stderr), ("1\n", ""))
        self.assertFalse((self.folder / "proof").exists())

    def test_a_refusal_is_told_as_the_kernels(self) -> None:
        code = (
            NATIVE
            + """
if libc.mkdir(b"d", 0) < 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""
        )
        ran = self.hermetic("--kernel=auto", "--fs-readonly", "--", "python", "-c", code)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("hermetic: the kernel refused this (PermissionError: Permission denied)", ran.stderr)
        without = self.hermetic("--fs-readonly", "--", "python", "-c", "raise PermissionError(13, 'no')")
        self.assertNotIn("kernel", without.stderr)

    def test_seal_turns_it_on(self) -> None:
        code = "import hermetic; print(hermetic.status()['kernel'] is not None)"
        for flags, is_on in (
            (["--seal"], True),
            (["--seal", "--kernel=off"], False),
            ([], False),
            (["--kernel=auto"], True),
        ):
            ran = self.hermetic(*flags, "--no-subprocess", "--", "python", "-c", code)
            self.assertEqual((ran.stdout, ran.stderr), (f"{is_on}\n", ""), flags)
        ran = self.hermetic("--no-subprocess", "--", "python", "-c", code, HERMETIC_KERNEL="auto")
        self.assertEqual(ran.stdout, "True\n")
        ran = self.hermetic("--seal", "--no-subprocess", "--", "python", "-c", code, HERMETIC_KERNEL="off")
        self.assertEqual(ran.stdout, "True\n")

    def test_threads_from_before_are_told(self) -> None:
        self.program("""
            import threading
            from hermetic import _native
            from hermetic.errors import BootstrapError
            stop = threading.Event()
            threading.Thread(target=stop.wait, daemon=True).start()
            try:
                _native.confine([{"fs_readonly": True}], "require")
            except BootstrapError as error:
                assert "threads that are running already" in str(error), error
            else:
                raise AssertionError("not refused")
            stop.set()
        """)


@needs_native
class Lacking(Project):
    """Kernels without it, played by a claim."""

    def with_claim(self, claim: str, *flags: str) -> tuple[int, str, str]:
        """A run whose kernel has no more than the claim."""
        code = f"""
import sys
from hermetic import _native, cli
real = _native.confine
_native.confine = lambda *a, **k: real(*a, claim={claim}, **k)
sys.exit(cli.main([{", ".join(map(repr, flags))}, "--", "./program.py"]))
"""
        self.write("program.py", "print('ran')")
        ran = self.python("-c", code)
        return ran.returncode, ran.stdout, ran.stderr

    def test_require_refuses_and_names_what_is_missing(self) -> None:
        for flag, told in (
            ("--no-network", "the network (this kernel has no seccomp)"),
            ("--no-subprocess", "starting processes (this kernel has neither seccomp nor Landlock)"),
            ("--fs-readonly", "writing files (this kernel has no Landlock)"),
        ):
            code, out, err = self.with_claim("(0, False)", "--kernel=require", flag)
            self.assertEqual((code, out), (1, ""), flag)
            self.assertIn(f"--kernel=require: not covered here: {told}", err)

    def test_auto_runs_and_tells_in_one_line(self) -> None:
        code, out, err = self.with_claim("(0, False)", "--kernel=auto", "--no-network", "--fs-readonly")
        self.assertEqual((code, out, len(err.splitlines())), (0, "ran\n", 1), err)
        self.assertIn("the kernel layer does not cover the network", err)
        self.assertIn("; writing files (this kernel has no Landlock)", err)

    def test_what_the_kernel_never_knows_is_no_reason(self) -> None:
        found = self.with_claim("(0, False)", "--kernel=require", "--no-environment", "--deny-import=ctypes")
        self.assertEqual(found, (0, "ran\n", ""))

    @unittest.skipUnless(SECCOMP, "needs seccomp")
    def test_older_kernels_do_what_they_can(self) -> None:
        code, out, err = self.with_claim("(0, True)", "--kernel=require", "--no-network", "--no-subprocess")
        self.assertEqual((code, out), (0, "ran\n"), err)
        self.assertIn("signals to other processes (this kernel has no Landlock for signals (version 6))", err)

    def test_modes(self) -> None:
        ran = self.hermetic("--kernel=maybe", "--", "python", "-c", "1")
        self.assertEqual(
            (ran.returncode, ran.stderr), (1, "hermetic: --kernel takes off, auto or require, not `maybe`\n")
        )


@needs_native
@unittest.skipIf(sys.platform == "win32", "needs setrlimit")
class Limits(Project):
    def test_memory(self) -> None:
        ran = self.hermetic("--max-memory=400M", "--", "python", "-c", "bytearray(1 << 30)")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("MemoryError", ran.stderr)

    def test_processor_time(self) -> None:
        import signal

        ran = self.hermetic("--max-cpu-time=1", "--", "python", "-c", "while True: pass")
        self.assertEqual(ran.returncode, -signal.SIGXCPU, ran.stderr)

    def test_processes(self) -> None:
        code = "import resource; print(resource.getrlimit(resource.RLIMIT_NPROC))"
        ran = self.hermetic("--max-processes=77", "--", "python", "-c", code)
        self.assertEqual(ran.stdout, "(77, 77)\n", ran.stderr)

    def test_values(self) -> None:
        for flag in ("--max-memory=much", "--max-memory=0", "--max-cpu-time=1.5", "--max-processes=-1"):
            ran = self.hermetic(flag, "--", "python", "-c", "1")
            self.assertEqual(ran.returncode, 1, flag)
            self.assertIn(flag.partition("=")[0], ran.stderr)

    @unittest.skipUnless(WHOLE, "needs Landlock 6 and seccomp")
    def test_they_cannot_be_raised(self) -> None:
        code = NATIVE + "print(call('setrlimit', 9, struct.pack('QQ', 1 << 40, 1 << 40)))"
        ran = self.hermetic("--kernel=require", "--max-memory=400M", "--", "python", "-c", code)
        self.assertEqual((ran.returncode, ran.stdout), (0, "EACCES\n"), ran.stderr)


if __name__ == "__main__":
    unittest.main()
