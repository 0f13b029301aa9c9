"""The kernel layer of a run: what the launcher asks of the system before the target starts.

Limits of resources come first, since the guard lets nobody change one. The layer itself is applied when everything of
hermetic's is loaded, and is never lifted again.
"""

from __future__ import annotations

import os
import sys

from hermetic import _native
from hermetic.errors import BootstrapError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

MODES = ("off", "auto", "require")

# The options of a run with the limit of the system each sets, as `resource` calls it.
_LIMITS = {"max_memory": "RLIMIT_AS", "max_cpu_time": "RLIMIT_CPU", "max_processes": "RLIMIT_NPROC"}
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}

# A prefix of these holds more than an interpreter.
_SHARED_PREFIXES = ("/", "/usr", "/usr/local", "/opt", "/home")
_PROGRAMS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/libexec")


def number(flag: str, text: str) -> int:
    """The value of a limit; ValueError where it is none. Sizes are bytes, or K, M, G or T (powers of 1024)."""
    digits, unit = text, ""
    if flag == "--max-memory" and text[-1:].upper() in _UNITS:
        digits, unit = text[:-1], text[-1].upper()
    if not (digits.isascii() and digits.isdecimal() and int(digits)):
        takes = "a size such as 512M" if flag == "--max-memory" else "a whole number above 0"
        raise ValueError(f"{flag} takes {takes}, not `{text}`")
    return int(digits) * _UNITS[unit]


def limit(limits: dict[str, int]) -> Iterator[str]:
    """Set limits of resources for this process and all it starts; what is to be told of it."""
    try:
        import resource
    except ImportError:
        raise BootstrapError("hermetic: limits of resources need a system with setrlimit(2)") from None
    for key, value in limits.items():
        kind = getattr(resource, _LIMITS[key], None)
        flag = "--" + key.replace("_", "-")
        if kind is None:
            raise BootstrapError(f"hermetic: {flag}: this system has no such limit")
        hard = resource.getrlimit(kind)[1]
        wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # With both limits at one number the end would be SIGKILL, which says nothing (setrlimit(2)).
        last = wanted + 1 if key == "max_cpu_time" and hard in (resource.RLIM_INFINITY, wanted + 1) else wanted
        try:
            resource.setrlimit(kind, (wanted, last))
        except (OSError, ValueError) as error:
            raise BootstrapError(f"hermetic: {flag}: {error}") from error
    if "max_processes" in limits and hasattr(os, "geteuid") and os.geteuid() == 0:
        yield "--max-processes does not bind the superuser"


def places(policies: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """What stays readable under a root, and what may be changed but is not there yet.

    Looking for it is reading, so it comes before the policies open.
    """
    absent = [path for policy in policies for path in policy.get("allow_write", ()) if not os.path.exists(path)]
    return {"readable": list(_readable()), "programs": [*_folders(), *_PROGRAMS], "absent": absent}


def confine(
    policies: Sequence[dict[str, Any]],
    mode: str,
    kept: dict[str, list[str]],
    *,
    limited: bool,
) -> Iterator[str]:
    """Hand the policies to the kernel; what is to be told of it. BootstrapError where `require` is not met."""
    _native.confine(
        [dict(policy) for policy in policies],
        mode,
        readable=kept["readable"],
        programs=kept["programs"],
        limited=limited,
    )
    open_ = [f"{gap['what']} ({gap['why']})" for gap in not_covered() if gap["extent"] != "always"]
    if open_:
        yield f"the kernel layer does not cover {'; '.join(open_)}"
    layer: Any = _native.status()["kernel"]
    if layer and layer["landlock"]:
        for path in dict.fromkeys(kept["absent"]):
            yield f"{path} of --allow-write is not there yet, and the kernel layer lets nobody make it: make it before"


def not_covered() -> list[dict[str, str]]:
    """What the layer leaves open; nothing where there is no layer."""
    layer: Any = _native.status()["kernel"]
    return list(layer["not_covered"]) if layer else []


def _readable() -> Iterator[str]:
    """The interpreter's own files, and what it imports from."""
    yield os.path.dirname(os.path.abspath(__file__))
    version = "python{}.{}".format(*sys.version_info)
    library = os.path.dirname(os.__file__) if getattr(os, "__file__", None) else ""
    prefixes = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
    places = [library, *(os.path.join(prefix, getattr(sys, "platlibdir", "lib"), version) for prefix in prefixes)]
    places += [entry or os.getcwd() for entry in sys.path]
    places += [prefix for prefix in prefixes if prefix.rstrip("/") not in _SHARED_PREFIXES and prefix != "/"]
    if sys.executable:
        places += [sys.executable, os.path.realpath(sys.executable)]
        places.append(os.path.join(os.path.dirname(os.path.dirname(sys.executable)), "pyvenv.cfg"))
    # Where certificates and time zones are, if somebody said it (OpenSSL, SSL_CTX_load_verify_locations(3); PEP 615).
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONTZPATH"):
        places += os.environ.get(name, "").split(os.pathsep)
    for place in dict.fromkeys(places):
        if os.path.isabs(place) and os.path.realpath(place) != "/":
            yield place


def _folders() -> Iterator[str]:
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if os.path.isabs(folder) and os.path.realpath(folder) != "/":
            yield folder
