"""The guard of changing interpreter-wide state."""

from __future__ import annotations

from hermetic.blocker import BlockConfig
from hermetic.guards import _installed

__all__ = ["install", "uninstall"]


def install(*, trace: bool = False) -> None:
    """Deny changing interpreter-wide state; `trace` tells each denied act on stderr."""
    _installed.install("interpreter", BlockConfig(block_interpreter_mutation=True, trace=trace))


def uninstall() -> None:
    """End what `install` began."""
    _installed.uninstall("interpreter")
