"""`--learn`: the least policy of a run that was denied nothing."""

from __future__ import annotations

import os
import sys

from hermetic import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hermetic.settings import Run

_HEAD = """\
# Learned by hermetic from one run of {what}. What did not happen in it is denied: run it in all the
# ways it is used, and read what is allowed before you keep it.
"""


def refuse_to_replace(file: str) -> str | None:
    """Why a policy must not be written to this file; None where it may."""
    if os.path.basename(file) == "pyproject.toml":
        return (
            f"{file} holds more than a policy, and would be replaced; write to hermetic.toml, or print it and paste it"
        )
    return None


def from_children() -> Callable[[], None]:
    """Learn from children, too. Call the result when all is read."""
    fd, path = None, None
    try:
        # Nobody has to remove it: it is gone with this process.
        fd = os.memfd_create("hermetic-learned")
        path = f"/proc/{os.getpid()}/fd/{fd}"
        _native.learn_from_children(path, reads=True)
        return lambda: None
    except (AttributeError, OSError):  # not Linux, or one without /proc
        if fd is not None:
            os.close(fd)
    import tempfile

    fd, path = tempfile.mkstemp(prefix="hermetic-learned-")
    os.close(fd)
    _native.learn_from_children(path, reads=True)
    return lambda: os.unlink(path)


def policy_text(  # noqa: PLR0913 - each is told
    acts: list[dict[str, Any]],
    folder: str,
    *,
    what: str,
    dropped: int = 0,
    programs: list[str] | None = None,
    table: bool = True,
) -> str:
    """The least `[tool.hermetic]` that allows what was done, as TOML; `folder` is where the file is to lie.

    `programs` were started, and nothing was learned from them. Without `table` it is the text of a `hermetic.toml`,
    which has no such table.
    """
    import tempfile

    temporary = {os.path.realpath(tempfile.gettempdir())}
    wide = {os.path.realpath(os.path.expanduser("~")), os.path.realpath(sys.prefix)}
    notes = [f"{dropped} acts found no room and are not in it"] if dropped else []
    if programs:
        notes.append(f"not Python, so that what they did is not in it: {', '.join(map(_one_line, programs))}")
    text = _native.least_policy(acts, os.path.realpath(folder), sorted(temporary), sorted(wide), notes)
    return _HEAD.format(what=_one_line(what)) + (text if table else text.partition("\n")[2])


def at_exit(run: Run, target: str) -> Callable[[], None]:
    """What writes the policy when the process ends."""
    pid = os.getpid()
    output = None if run.output is None else os.path.join(run.folder, run.output)
    folder = run.folder if output is None else os.path.dirname(os.path.abspath(output))
    done = from_children()

    def write() -> None:
        if os.getpid() != pid:  # a fork has all of ours behind it
            return
        acts, dropped = _native.learned()
        programs = _native.unguarded()
        done()
        text = policy_text(acts, folder, what=target, dropped=dropped, programs=programs, table=output is None)
        try:
            if output is None:
                sys.stdout.write(text)
                sys.stdout.flush()
            else:
                with open(output, "w", encoding="utf-8") as stream:
                    stream.write(text)
        except OSError as error:
            sys.stderr.write(f"hermetic: {output or 'standard output'}: {error.strerror}\n")

    return write


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
