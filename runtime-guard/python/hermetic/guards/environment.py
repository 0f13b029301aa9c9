"""The guard of environment variables."""

from __future__ import annotations

from hermetic.blocker import BlockConfig
from hermetic.guards import _installed

__all__ = ["install", "uninstall"]


def install(*, trace: bool = False) -> None:
    """Deny environment variables; `trace` tells each denied act on stderr."""
    _installed.install("environment", BlockConfig(block_environment=True, trace=trace))


def uninstall() -> None:
    """End what `install` began."""
    _installed.uninstall("environment")
