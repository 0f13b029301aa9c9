"""The guard of running code made from data."""

from __future__ import annotations

from hermetic.blocker import BlockConfig
from hermetic.guards import _installed

__all__ = ["install", "uninstall"]


def install(*, trace: bool = False) -> None:
    """Deny running code made from data; `trace` tells each denied act on stderr."""
    _installed.install("code_exec", BlockConfig(block_code_exec=True, trace=trace))


def uninstall() -> None:
    """End what `install` began."""
    _installed.uninstall("code_exec")
