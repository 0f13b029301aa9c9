"""The policies that `install` opened, for `uninstall` to close."""

from __future__ import annotations

from hermetic.blocker import BlockConfig, open_config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hermetic._native import Scope

_open: dict[str, list[Scope]] = {}


def install(guard: str, config: BlockConfig) -> None:
    """Open one more policy under the name of a guard."""
    scope = open_config(config)
    _open.setdefault(guard, []).append(scope)


def count() -> dict[str, int]:
    """How many policies each guard has open."""
    return {guard: len(scopes) for guard, scopes in _open.items()}


def uninstall(guard: str, keep: int = 0) -> None:
    """Close the policies of a guard, but for the first `keep`; nothing happens in a sealed process."""
    scopes = _open.get(guard, [])
    while len(scopes) > keep:
        scopes.pop().close()
