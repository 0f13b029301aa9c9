"""Open a policy as a program would, and run another program inside of it, in the same process.

usage: inside.py KEYWORDS TARGET [ARGUMENTS], where KEYWORDS are JSON for `hermetic_blocker` and TARGET is a module, a
file that ends in `.py`, or `import` and a module that is only imported. At the end, says whether everything is as it
was before.
"""

from __future__ import annotations

import json
import os
import runpy
import socket
import sys

from hermetic import hermetic_blocker, status


def unguarded() -> list[object]:
    """What the guards exchange, as it is just now."""
    functions = (os.environ.__getitem__.__code__, os.open, os.stat, socket.socket.listen, compile)
    return [type(sys.path), type(sys.meta_path), dict(os.environ), *map(hash, functions)]


keywords, target, *arguments = sys.argv[1:]
sys.argv = [target, *arguments]
sys.path[0] = os.getcwd()
before = unguarded()
try:
    with hermetic_blocker(**json.loads(keywords)):
        if target.endswith(".py"):
            runpy.run_path(target, run_name="__main__")
        elif target.startswith("import "):
            __import__(target.split()[1])
        else:
            runpy.run_module(target, run_name="__main__", alter_sys=True)
finally:
    is_closed = not status()["active"]
    print("restored" if is_closed and before == unguarded() else "NOT RESTORED", flush=True)
