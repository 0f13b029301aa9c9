"""`--learn`: the least policy of a run that was denied nothing."""

from __future__ import annotations

import os
import sys

from hermetic import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HEAD = """\
# Learned by hermetic from one run of {what}. What did not happen in it is denied: run it in all the
# ways it is used, and read what is allowed before you keep it.
"""


def policy_text(acts: list[dict[str, Any]], folder: str, *, what: str, dropped: int = 0) -> str:
    """The least `[tool.hermetic]` that allows what was done, as TOML; `folder` is where the file is to lie."""
    import tempfile

    temporary = {os.path.realpath(tempfile.gettempdir())}
    wide = {os.path.realpath(os.path.expanduser("~")), os.path.realpath(sys.prefix)}
    notes = [f"{dropped} acts found no room and are not in it"] if dropped else []
    text = _native.least_policy(acts, os.path.realpath(folder), sorted(temporary), sorted(wide), notes)
    return _HEAD.format(what=_one_line(what)) + text


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
