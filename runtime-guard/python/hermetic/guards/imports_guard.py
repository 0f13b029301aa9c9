"""The guard of imports and native code."""

from __future__ import annotations

from hermetic.blocker import BlockConfig, checked
from hermetic.guards import _installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["install", "uninstall"]

# What the subprocess and dynamic code guards deny to import (policy/src/modules.rs); here each can be had alone.
_SUBPROCESS_LIBRARIES = ("sh", "pexpect", "plumbum", "sarge", "delegator")
_DESERIALISERS = ("pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle")


def install(
    *,
    block_native: bool = True,
    trace: bool = False,
    block_subprocess_libs: bool = False,
    block_pickle: bool = False,
    deny_imports: Iterable[str] = (),
) -> None:
    """Deny importing native code and what is named; `trace` tells each denied act on stderr."""
    denied = list(checked("deny_imports", deny_imports))
    if checked("block_subprocess_libs", block_subprocess_libs):
        denied.extend(_SUBPROCESS_LIBRARIES)
    if checked("block_pickle", block_pickle):
        denied.extend(_DESERIALISERS)
    _installed.install("imports", BlockConfig(block_native=block_native, deny_imports=denied, trace=trace))


def uninstall() -> None:
    """End what `install` began."""
    _installed.uninstall("imports")
