"""Guards one by one, for programs that put a policy together themselves.

What `install` begins, `uninstall` ends: a policy opened by a blocker or by the command line is not touched, and
in a sealed process nothing ends.
"""

from __future__ import annotations

from hermetic.guards import (
    _installed,
    code_exec,
    environment,
    filesystem,
    imports_guard,
    interpreter,
    network,
    subprocess_guard,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "code_exec",
    "environment",
    "filesystem",
    "imports_guard",
    "install_all",
    "interpreter",
    "network",
    "subprocess_guard",
    "uninstall_all",
]

_GUARDS = (code_exec, environment, filesystem, imports_guard, interpreter, network, subprocess_guard)


def install_all(  # noqa: PLR0913 - one for each guard
    *,
    net: dict[str, Any] | None = None,
    subproc: dict[str, Any] | None = None,
    fs: dict[str, Any] | None = None,
    env: dict[str, Any] | None = None,
    code: dict[str, Any] | None = None,
    interp: dict[str, Any] | None = None,
    imports: dict[str, Any] | None = None,
) -> None:
    """Install each guard for which there is a dict, of that guard's `install` keywords. All, or on an error none."""
    before = _installed.count()
    try:
        if net is not None:
            network.install(**net)
        if subproc is not None:
            subprocess_guard.install(**subproc)
        if fs is not None:
            filesystem.install(**fs)
        if env is not None:
            environment.install(**env)
        if code is not None:
            code_exec.install(**code)
        if interp is not None:
            interpreter.install(**interp)
        if imports is not None:
            imports_guard.install(**imports)
    except BaseException:
        for guard in _installed.count():
            _installed.uninstall(guard, before.get(guard, 0))
        raise


def uninstall_all() -> None:
    """End what the guards' `install` began."""
    for guard in _GUARDS:
        guard.uninstall()
