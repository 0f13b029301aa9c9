"""The guard of the filesystem."""

from __future__ import annotations

from hermetic.blocker import BlockConfig
from hermetic.guards import _installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os

__all__ = ["install", "uninstall"]


def install(*, fs_root: str | os.PathLike[str] | None = None, trace: bool = False) -> None:
    """Deny writing, and with a root reading outside it; `trace` tells each denied act on stderr."""
    _installed.install("filesystem", BlockConfig(fs_readonly=True, fs_root=fs_root, trace=trace))


def uninstall() -> None:
    """End what `install` began."""
    _installed.uninstall("filesystem")
