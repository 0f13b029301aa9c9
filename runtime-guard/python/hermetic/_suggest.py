"""Did you mean. Loaded only once something has gone wrong."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was perhaps meant."""
    import difflib

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.75)
    return found[0] if found else None


def advice(name: str, known: Iterable[str]) -> str:
    """The name that was perhaps meant, or all there are."""
    known = list(known)
    near = nearest(name, known)
    return f"did you mean `{near}`" if near is not None else f"known are {', '.join(known)}"
