"""Faults: a run that is killed, blockers in many threads, a fork in the middle of one.

What is random comes from a seed, which a failure tells. `HERMETIC_LONG=1` makes it long (`make test-long`).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from support import Project, environment, needs_native

LONG = bool(os.environ.get("HERMETIC_LONG"))
SEED = int(os.environ.get("HERMETIC_SEED", "8"))
TOKEN = "HERMETIC_FAULTS_MARK"


def _processes(mark: str) -> list[int]:
    """The processes whose environment has the mark; children of the killed keep it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in environ:
                found.append(int(entry.name))
    return found


@needs_native
@unittest.skipUnless(sys.platform == "linux", "finds processes in /proc")
class Killed(Project):
    def test_nothing_is_left_and_no_child_runs_unguarded(self) -> None:
        """Killed at any moment, from the launcher's first step to children that start children."""
        # Whoever is not guarded writes.
        self.write(
            "child.py",
            """
            import time
            for number in range(40):
                try:
                    open("unguarded", "a").close()
                except RuntimeError:
                    pass
                time.sleep(0.005)
        """,
        )
        self.write(
            "parent.py",
            """
            import multiprocessing, subprocess, sys
            if __name__ == "__main__":
                while True:
                    subprocess.Popen([sys.executable, "-I", "child.py"], env={"HERMETIC_FAULTS_MARK": sys.argv[1]})
                    subprocess.run([sys.executable, "child.py"])
        """,
        )
        chance = random.Random(SEED)
        temporary = self.folder / "tmp"
        temporary.mkdir()
        for turn in range(100 if LONG else 4):
            mark = f"{os.getpid()}-{SEED}-{turn}"
            before = sorted(path.name for path in self.folder.iterdir())
            # `python` on the search path is another interpreter, so that the launcher hands over.
            target = ["./parent.py"] if turn % 2 else ["python", "parent.py"]
            run = subprocess.Popen(
                [sys.executable, "-m", "hermetic", "--isolated", "--fs-readonly", "--", *target, mark],
                cwd=self.folder,
                env=environment(**{TOKEN: mark, "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            time.sleep(chance.uniform(0, 0.5))
            run.send_signal(signal.SIGKILL)
            run.wait(60)
            with self.subTest(seed=SEED, turn=turn):
                # What it had started goes on, guarded, and comes to its end.
                until = time.monotonic() + 30
                while _processes(mark) and time.monotonic() < until:
                    time.sleep(0.02)
                self.assertEqual(_processes(mark), [])
                self.assertEqual(sorted(path.name for path in self.folder.iterdir()), before)
                self.assertEqual(list(temporary.iterdir()), [])


@needs_native
class Threads(Project):
    def test_blockers_in_many_threads_lose_and_leak_nothing(self) -> None:
        """200 threads open and close policies of their own; each sees its own hold while it is open."""
        seconds = 60 if LONG else 1.5
        ran = self.python(
            "-c",
            f"""
import random, socket, sys, threading, time
import hermetic
from hermetic import hermetic_blocker
from hermetic.errors import PolicyViolation
until, wrong, turns = time.monotonic() + {seconds}, [], [0]
barrier = threading.Barrier(200)

def denied(name):
    try:
        __import__(name)
    except PolicyViolation:
        return True
    return False

def work(number):
    chance = random.Random({SEED} * 1000 + number)
    name = "hermetic_test_module_%d" % number
    own = hermetic_blocker(deny_imports=[name])
    barrier.wait()
    while time.monotonic() < until and not wrong:
        with own:
            if not denied(name):
                wrong.append("thread %d lost its policy" % number)
            if chance.random() < 0.3:
                with hermetic_blocker(block_network=True):
                    try:
                        socket.getaddrinfo("192.0.2.1", 9)
                        wrong.append("thread %d lost the inner policy" % number)
                    except PolicyViolation:
                        pass
            if chance.random() < 0.1:
                time.sleep(chance.random() / 1000)
        try:
            __import__(name)
        except PolicyViolation:
            wrong.append("thread %d still has its policy" % number)
        except ImportError:
            pass
        turns[0] += 1

threads = [threading.Thread(target=work, args=(number,)) for number in range(200)]
for thread in threads: thread.start()
for thread in threads: thread.join()
status = hermetic.status()
if status["active"] or status["scopes"]:
    wrong.append("open at the end: %r" % status["scopes"])
socket.getaddrinfo("127.0.0.1", 9)
print(wrong or "well", turns[0] >= 200)
""",
        )
        self.assertEqual((ran.returncode, ran.stdout), (0, "well True\n"), f"seed {SEED}: {ran.stdout} {ran.stderr}")


@needs_native
@unittest.skipUnless(hasattr(os, "fork"), "needs fork")
class Forks(Project):
    def test_in_the_middle_of_a_blocker(self) -> None:
        """The child has the policies that were open, can close its own, and the parent notices nothing."""
        self.program("""
            import os, threading, time
            from hermetic import hermetic_blocker, status
            from hermetic.errors import PolicyViolation
            def denied():
                try:
                    import colorsys
                except PolicyViolation:
                    return True
                return False
            def in_child(check):
                child = os.fork()
                if not child:
                    os._exit(0 if check() else 1)
                assert os.waitpid(child, 0)[1] == 0, check
            blocker = hermetic_blocker(deny_imports=["colorsys"])
            def leaves():
                blocker.__exit__(None, None, None)
                return not denied() and status()["scopes"] == 0
            with blocker:
                in_child(denied)
                in_child(leaves)
                assert denied()
            assert not denied()
            in_child(lambda: not denied())
        """)

    @unittest.skipIf(sys.version_info >= (3, 15) and not LONG, "forking with threads warns")
    def test_while_others_open_and_close(self) -> None:
        """A fork finds no lock of the guard's taken by a thread that is not there any more."""
        seconds, turns = (20, 400) if LONG else (1, 40)
        ran = self.python(
            "-W",
            "ignore",
            "-c",
            f"""
import os, signal, sys, threading, time
from hermetic import hermetic_blocker
from hermetic.errors import PolicyViolation
stop = threading.Event()
def work():
    while not stop.is_set():
        with hermetic_blocker(block_environment=True, deny_imports=["colorsys"]):
            pass
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
end = time.monotonic() + {seconds}
lost = 0
for _ in range({turns}):
    if time.monotonic() > end: break
    child = os.fork()
    if not child:
        signal.alarm(20)
        try:
            with hermetic_blocker(deny_imports=["audioop_of_nobody"]):
                try:
                    import audioop_of_nobody
                except PolicyViolation:
                    os._exit(0)
        finally:
            os._exit(1)
    lost += os.waitpid(child, 0)[1] != 0
stop.set()
for thread in threads: thread.join()
print(lost)
""",
        )
        self.assertEqual((ran.returncode, ran.stdout), (0, "0\n"), ran.stderr)


if __name__ == "__main__":
    unittest.main()
