"""The guard of the network."""

from __future__ import annotations

from hermetic.blocker import BlockConfig
from hermetic.guards import _installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["install", "uninstall"]


def install(*, allow_localhost: bool, allow_domains: Iterable[str], trace: bool = False) -> None:
    """Deny the network but for what is allowed; `trace` tells each denied act on stderr."""
    _installed.install(
        "network",
        BlockConfig(block_network=True, allow_localhost=allow_localhost, allow_domains=allow_domains, trace=trace),
    )


def uninstall() -> None:
    """End what `install` began."""
    _installed.uninstall("network")
