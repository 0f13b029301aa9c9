"""Refuses, when hermetic is imported, the interpreters and folders it cannot work in."""

import sys

from hermetic.errors import BootstrapError

# Files of hermetic-seal 1.0 whose names nothing of ours has.
_FOREIGN_FILES = ("__about__.py", "bootstrap.py", "resolver.py", "runner.py")


def _refusal() -> "str | None":
    """Why this interpreter cannot be guarded, or None."""
    name = sys.implementation.name
    if name != "cpython":
        return f"hermetic guards CPython alone (3.9 or later, its default build), and this interpreter is {name}"
    # PEP 703; `sys.abiflags` is not everywhere, and `sys._is_gil_enabled` speaks of the run, not of the build.
    if "free-threading" in sys.version or "t" in getattr(sys, "abiflags", ""):
        return (
            "hermetic does not guard free-threaded builds of CPython yet; "
            f"run it with the default build of {sys.version_info[0]}.{sys.version_info[1]}"
        )
    return None


def _mixture(folder: str) -> "str | None":
    """Why the package's own folder is not ours alone, or None."""
    # `os` is loaded by the time any program runs, except under `python -S`, where it costs little.
    import os

    try:
        found = [name for name in os.listdir(folder) if name in _FOREIGN_FILES]
    except OSError:  # a zip archive, or a folder closed to listing
        return None
    if not found:
        return None
    return (
        f"{folder} holds files of hermetic-seal ({', '.join(sorted(found))}), which has the same import name; "
        "run `pip uninstall hermetic-seal`, then `pip install --force-reinstall hermetic-guard`"
    )


def check(folder: str) -> None:
    """BootstrapError where hermetic cannot work."""
    problem = _refusal() or _mixture(folder)
    if problem is not None:
        raise BootstrapError(problem)


check(__file__[: -len("_platform.py")].rstrip("/\\"))
