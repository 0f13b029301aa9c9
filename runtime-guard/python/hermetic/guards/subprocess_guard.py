"""The guard of starting processes."""

from __future__ import annotations

from hermetic.blocker import BlockConfig
from hermetic.guards import _installed

__all__ = ["install", "uninstall"]


def install(*, trace: bool = False) -> None:
    """Deny starting processes; `trace` tells each denied act on stderr."""
    _installed.install("subprocess", BlockConfig(block_subprocess=True, trace=trace))


def uninstall() -> None:
    """End what `install` began."""
    _installed.uninstall("subprocess")
