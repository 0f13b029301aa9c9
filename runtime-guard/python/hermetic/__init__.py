"""Deny a Python program the network, processes, files and more, from inside its interpreter.

    from hermetic import hermetic_blocker

    with hermetic_blocker(block_network=True, allow_domains=["api.example.com"]):
        ...

The policy is enforced in native code, for the whole process: kept references, threads and captured functions are
no way around it. `python -m hermetic` and the command `hermetic` run a program under a policy.
"""

from hermetic import _platform as _platform  # first: it refuses what the rest cannot run on
from hermetic._native import __version__, status
from hermetic.blocker import hermetic_blocker, with_hermetic

__all__ = ["__version__", "hermetic_blocker", "status", "with_hermetic"]


def __getattr__(name: str) -> object:
    # `import hermetic` alone has always given these; most programs never use them, and loading them takes time.
    if name in ("guards", "profiles"):
        from importlib import import_module

        return import_module("hermetic." + name)
    raise AttributeError(f"module 'hermetic' has no attribute '{name}'")
