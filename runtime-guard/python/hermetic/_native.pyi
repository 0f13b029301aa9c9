"""The guard itself: policies, and the hooks that enforce them."""

from typing import final

@final
class Scope:
    """An open policy. It cannot be made or changed from Python."""

    def close(self) -> bool:
        """End it; once is enough. False, and nothing done, where the process is sealed."""

@final
class Standing:
    """A policy that is opened and closed over and over. While it stands, opening costs little."""

    def enter(self) -> None:
        """Open it, unless it is open."""

    def take_over(self, other: Standing) -> None:
        """Open it in the place of another one, without a moment in which neither is."""

    def leave(self) -> bool:
        """Close it; whether it was open and is closed now. In a sealed process it stays open."""

    def end(self) -> None:
        """Close it for good."""

def open_scope(
    options: dict[str, object],
    *,
    sealed: bool = False,
    trace: bool = False,
    best_effort: bool = False,
    unguarded_children: bool = False,
) -> Scope:
    """Enforce one more policy from now on.

    TypeError for an unknown key or a value of the wrong type, ValueError for a value that means nothing (the text
    names the flag), BootstrapError where it cannot be enforced in full and `best_effort` was not asked for.
    """

def confine(
    policies: list[dict[str, object]],
    mode: str,
    *,
    readable: list[str] = ...,
    programs: list[str] = ...,
    limited: bool = False,
    claim: tuple[int, bool] | None = None,
) -> None:
    """Apply policies to this process by the kernel, for good; `mode` is "auto" or "require".

    `readable` and `programs` stay readable whatever the root. `claim` says for tests that Landlock has at most this
    version, and whether seccomp may be used; it cannot add anything. BootstrapError where `require` is not met.
    """

def inherit(landlock: int, seccomp: bool, gaps: list[tuple[str, str, str, str]]) -> None:
    """Note what the kernel enforces on this process since it did on its parent. It is only told."""

def unguarded() -> list[str]:
    """The programs that were started without the guard, each once."""

BOOT: str

def seal() -> None:
    """No open policy ends before the process does."""

def is_sealed() -> bool:
    """Whether no open policy ends before the process does."""

def status() -> dict[str, object]:
    """What is enforced, what is not, and why."""

def violations() -> list[dict[str, object]]:
    """Every act denied so far: rule, guard, target, text, path, row, count."""

def stand_ready(options: dict[str, object], *, best_effort: bool = False) -> Standing:
    """Make a policy ready to be opened and closed; errors are those of `open_scope`."""

def observer() -> Standing:
    """A policy that denies nothing and notes whatever could be denied."""

def learned() -> tuple[list[dict[str, object]], int]:
    """What observers noted here and in children, as plain data, and how many acts found no room."""

def learn_from_children(path: str, *, reads: bool) -> None:
    """Learn from children, too: they write to this file, and the process that begins it (`reads`) reads it.

    OSError where it cannot be opened.
    """

def least_policy(
    acts: list[dict[str, object]], folder: str, temporary: list[str], wide: list[str], notes: list[str]
) -> str:
    """The least policy that allows all of these acts, as TOML that stands in `folder`."""

def denials() -> int:
    """How often anything was denied so far. It only grows."""

def keep_raised() -> None:
    """Know from now on which exceptions the guard raised."""

def raised_for(error: BaseException) -> tuple[int, int] | None:
    """The place in `violations()` of what this very object was raised for, and the object's own number."""

def trace_to(path: str) -> None:
    """Write each decision to this file from now on, as a line of JSON. OSError where it cannot be opened."""

def read_config(text: str, kind: str) -> dict[str, object] | None:
    """The policy of a configuration text; `kind` is "pyproject" or "hermetic".

    `pytest` is a dict with the `policy` and `swallowed` of the table for pytest.
    `extend`, where it is there, is the other file it names, with the row and column it is named at.
    None for a pyproject.toml without our table. ValueError with `row` and `column` for what is wrong with it.
    """

def profiles() -> dict[str, dict[str, object]]:
    """The options of every named profile."""

__version__: str
