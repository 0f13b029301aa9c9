"""`--learn` for programs nobody wrote: under what was learned they run as before, and no line of it is too much.

A program is some acts of those a policy can deny, chosen and ordered by a seed. Three laws hold for each:

- *enough*: it runs under the learned policy, and nothing is blocked, not even what it would cope with;
- *no exception too many*: with any one entry of the lists, or `allow-localhost`, taken out, something is blocked;
- *no guard too few*: with any one of the guards that are left out added, something is blocked.

What is blocked in a child ends the child, and the program says so.

Each version of Python has seeds of its own, so that all of them together see more. `HERMETIC_LONG` takes many.
"""

from __future__ import annotations

import os
import random
import sys
import unittest
from typing import Callable

from support import Project, needs_native

# In a plain run, of each version.
FEW, MANY = 4, 60

# How a program ends that is blocked: itself, or a child whose end it looks at.
BLOCKED = (2, 1)

# What a program can begin with; acts name those they need.
IMPORTS = {
    "os": "import os",
    "socket": "import socket",
    "subprocess": "import subprocess",
    "sys": "import sys",
    "tempfile": "import tempfile",
    "shutil": "import shutil",
}


def _write(dice: random.Random) -> list[str]:
    folder = dice.choice(["out", "out/deeper", "data", "."])
    name = f"{folder}/{dice.choice(['a', 'b', 'c'])}.txt"
    mode = dice.choice(["w", "a", "wb", "x+"])
    text = "b'x'" if "b" in mode else "'x'"
    lines = [f"os.makedirs({folder!r}, exist_ok=True)"] if dice.random() < 0.8 or folder != "." else []
    if mode == "x+":
        lines += [f"if os.path.exists({name!r}):", f"    os.remove({name!r})"]
    return [*lines, f"with open({name!r}, {mode!r}) as stream:", f"    print(stream.write({text}))"]


def _rename(dice: random.Random) -> list[str]:
    first, second = dice.sample(["moved/one", "moved/two", "elsewhere/three"], 2)
    how = dice.choice(["os.replace", "os.rename", "shutil.move", "shutil.copyfile"])
    return [
        "os.makedirs('moved', exist_ok=True)",
        "os.makedirs('elsewhere', exist_ok=True)",
        f"open({first!r}, 'w').close()",
        f"{how}({first!r}, {second!r})",
        f"print(os.path.exists({second!r}))",
    ]


def _remove(dice: random.Random) -> list[str]:
    name = dice.choice(["gone/a", "gone/b"])
    how = dice.choice([f"os.remove({name!r})", f"os.unlink({name!r})", "shutil.rmtree('gone')"])
    return ["os.makedirs('gone', exist_ok=True)", f"open({name!r}, 'w').close()", how]


def _change(dice: random.Random) -> list[str]:
    how = dice.choice(["os.chmod('kept/f', 0o600)", "os.utime('kept/f')", "os.truncate('kept/f', 0)"])
    return ["os.makedirs('kept', exist_ok=True)", "open('kept/f', 'w').close()", how]


def _temporary(dice: random.Random) -> list[str]:
    if dice.random() < 0.5:
        return ["with tempfile.TemporaryFile() as stream:", "    print(stream.write(b'x'))"]
    return [
        "with tempfile.TemporaryDirectory() as folder:",
        "    with open(os.path.join(folder, 'y'), 'w') as stream:",
        "        print(stream.write('x'))",
    ]


def _read(dice: random.Random) -> list[str]:
    path = dice.choice(["prog.py", "/etc/hosts", "/etc/passwd", os.devnull])
    return [f"with open({path!r}) as stream:", "    print(len(stream.read()) > 0)"]


def _list(dice: random.Random) -> list[str]:
    path = dice.choice([".", "/etc"])
    return [f"print('nothing' in os.listdir({path!r}))"]


def _connect(dice: random.Random) -> list[str]:
    kind = dice.choice(["create_connection", "connect", "connect_ex"])
    lines = ["server = socket.create_server(('127.0.0.1', 0))"]
    if kind == "create_connection":
        return [*lines, "socket.create_connection(server.getsockname()).close()", "server.close()"]
    return [
        *lines,
        "client = socket.socket()",
        f"print(client.{kind}(server.getsockname()))",
        "client.close()",
        "server.close()",
    ]


def _datagram(dice: random.Random) -> list[str]:
    return [
        "receiver = socket.socket(type=socket.SOCK_DGRAM)",
        "receiver.bind(('127.0.0.1', 0))",
        "sender = socket.socket(type=socket.SOCK_DGRAM)",
        f"print(sender.sendto(b'{'x' * dice.randint(1, 9)}', receiver.getsockname()))",
        "sender.close()",
        "receiver.close()",
    ]


def _away(dice: random.Random) -> list[str]:
    # Addresses of documentation (RFC 5737), to which nothing gets.
    host, port = dice.choice(["192.0.2.1", "198.51.100.7"]), dice.choice([9, 443, 8080])
    return [
        "client = socket.socket(type=socket.SOCK_DGRAM)",
        "try:",
        f"    client.sendto(b'x', ({host!r}, {port}))",
        "except OSError:",
        "    pass",
        "client.close()",
    ]


def _pair(dice: random.Random) -> list[str]:
    byte = bytes([dice.randrange(65, 91)])
    lines = ["one, other = socket.socketpair()", f"one.sendall({byte!r})", "print(other.recv(1))"]
    return [*lines, "one.close()", "other.close()"]


def _run(dice: random.Random) -> list[str]:
    return [
        dice.choice(
            [
                "print(subprocess.run(['true']).returncode)",
                "print(subprocess.check_output(['echo', 'x']))",
                "print(os.system('true'))",
                "print(subprocess.call('true', shell=True))",
                "print(os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)[1])",
                "print(subprocess.run([sys.executable, '-I', '-c', 'print(1)'], stdout=subprocess.PIPE).stdout)",
            ]
        )
    ]


def _child(dice: random.Random) -> list[str]:
    kinds = [_write, _rename, _read, _list, _datagram, _away, _environment, _code, _harmless, _run]
    body = "\n".join(dice.choice(kinds)(dice))
    text = "\n".join([*imports(body), body])
    options = dice.choice(["", "'-I', ", "'-S', "])
    return [f"print(subprocess.check_output([sys.executable, {options}'-c', {text!r}]))"]


def _fork(dice: random.Random) -> list[str]:
    body = dice.choice([_write, _read, _environment, _code])(dice)
    inside = [f"    {line}" for line in body]
    return [
        "sys.stdout.flush()",
        "if os.fork() == 0:",
        *inside,
        "    sys.stdout.flush()",
        "    os._exit(0)",
        "assert os.wait()[1] == 0",
    ]


def _environment(dice: random.Random) -> list[str]:
    return [
        dice.choice(
            [
                "print(os.environ.get('NOT_THERE'))",
                "print('PATH' in os.environ)",
                "print(os.getenv('PATH') is None)",
                "os.environ['NEW'] = '1'",
                "print(len(dict(os.environ)) > 0)",
                "print(os.environb.get(b'NOT_THERE'))",
            ]
        )
    ]


def _code(dice: random.Random) -> list[str]:
    return [
        dice.choice(
            [
                "print(eval('1 + 1'))",
                "exec('print(2)')",
                "print(compile('1', 'x', 'eval').co_name)",
                "import pickle; print(pickle.loads(pickle.dumps(1)))",
                "import marshal; print(marshal.loads(marshal.dumps(1)))",
            ]
        )
    ]


def _interpreter(dice: random.Random) -> list[str]:
    return [
        dice.choice(
            [
                "sys.path.append('lib')",
                "os.chdir('.')",
                "sys.path = [*sys.path]",
                "sys.meta_path.append(sys.meta_path[0])",
                "sys.settrace(None)",
            ]
        )
    ]


def _native(dice: random.Random) -> list[str]:
    return [dice.choice(["import ctypes; print(ctypes.sizeof(ctypes.c_int))", "import ctypes; ctypes.CDLL(None)"])]


def _harmless(dice: random.Random) -> list[str]:
    return [
        dice.choice(
            [
                "import json; print(json.dumps([1]))",
                "import dataclasses, enum, re, collections",
                "print(sum(range(10)))",
                "import threading; thread = threading.Thread(target=print, args=('x',)); thread.start(); thread.join()",
                "import sqlite3, ssl, hashlib; print(hashlib.sha256(b'').hexdigest())",
            ]
        )
    ]


ACTS: list[Callable[[random.Random], list[str]]] = [
    _write, _write, _rename, _remove, _change, _temporary, _read, _list, _connect, _datagram, _away, _pair, _run,
    _child, _fork, _environment, _code, _interpreter, _native, _harmless,
]  # fmt: skip

# The guards, each with its line where nothing stands against it.
GUARDS = {
    "no-network": "no-network = true",
    "no-subprocess": "no-subprocess = true",
    "fs-readonly": "fs-readonly = true",
    "no-environment": "no-environment = true",
    "no-code-exec": "no-code-exec = true",
    "block-native": "block-native = true",
    "no-interpreter-mutation": "no-interpreter-mutation = true",
}


def imports(body: str) -> list[str]:
    """What a text needs."""
    return [line for name, line in IMPORTS.items() if f"{name}." in body]


def program(seed: str) -> str:
    """A program of one to six acts."""
    dice = random.Random(seed)
    lines = [line for _ in range(dice.randint(1, 6)) for line in dice.choice(ACTS)(dice)]
    body = "\n".join(lines)
    return "\n".join([*imports(body), body, "print('done')", ""])


def without_each_exception(policy: str) -> list[tuple[str, str]]:
    """The policy without one entry of a list, or `allow-localhost`, for each of them: what is gone, the rest."""
    lines = policy.splitlines()
    entries = [at for at, line in enumerate(lines) if line.startswith('  "') or line.startswith("allow-localhost")]
    return [(lines[at].strip(), "\n".join([*lines[:at], *lines[at + 1 :]])) for at in entries]


def with_each_guard(policy: str) -> list[tuple[str, str]]:
    """The policy with one guard more, for each that it leaves out: what is new, the whole."""
    lines = policy.splitlines()
    present = {line.partition(" ")[0] for line in lines}
    more = [line for name, line in GUARDS.items() if name not in present]
    wider = [(line, f"{line}\n{policy}") for line in more]
    if "fs-readonly = true" in lines:
        root = 'fs-readonly = "."'
        wider.append((root, policy.replace("fs-readonly = true", root)))
    return wider


@needs_native
class Generated(Project):
    def blocked(self, policy: str) -> tuple[int, str]:
        """How the program ends under a policy, where anything that is blocked counts; and what it prints."""
        self.write("tried.toml", policy)
        ran = self.hermetic("--fail-on-blocked", "--config", "tried.toml", "--", "python", "prog.py")
        return ran.returncode, ran.stdout + ran.stderr

    def test_what_is_learned_is_enough_and_no_line_too_much(self) -> None:
        count = MANY if os.environ.get("HERMETIC_LONG") else FEW
        for number in range(count):
            seed = f"{sys.version_info[1]}-{number}"
            with self.subTest(seed=seed):
                text = program(seed)
                self.write("prog.py", text)
                before = self.python("prog.py")
                self.assertEqual(before.returncode, 0, text + before.stderr)
                learned = self.hermetic("--learn", "-o", "learned.toml", "--", "python", "prog.py")
                self.assertEqual((learned.returncode, learned.stdout), (0, before.stdout), text + learned.stderr)
                policy = (self.folder / "learned.toml").read_text(encoding="utf-8")
                told = f"{text}\n{policy}"
                code, output = self.blocked(policy)
                self.assertEqual(code, 0, told + output)
                for what, less in without_each_exception(policy):
                    self.assertIn(self.blocked(less)[0], BLOCKED, f"{told}\nwithout {what}")
                for what, more in with_each_guard(policy):
                    self.assertIn(self.blocked(more)[0], BLOCKED, f"{told}\nwith {what}")


if __name__ == "__main__":
    unittest.main()
