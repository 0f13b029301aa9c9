"""What was denied, test by test: read from the native record, which only grows.

Nothing is learned by catching: the native module counts each denial where it raises it. Here the counts of before are
compared with those of now. What an exception was caught for is asked of the native module with the exception itself.
"""

from __future__ import annotations

from hermetic import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Violation:
    """An act that was denied, at one place of a program.

    `guard`, `target` and `text` are those of the `PolicyViolation`; `rule` names the rule, `path` and `row` the
    place; `count` is how often it happened.
    """

    __slots__ = ("count", "guard", "path", "row", "rule", "target", "text")

    def __init__(self, entry: dict[str, Any], count: int) -> None:
        self.rule: str = entry["rule"]
        self.guard: str = entry["guard"]
        self.target: str = entry["target"]
        self.text: str = entry["text"]
        self.path: str | None = entry["path"]
        self.row: int | None = entry["row"]
        self.count = count

    def __repr__(self) -> str:
        return f"Violation({self.text!r}, count={self.count})"

    def as_data(self) -> dict[str, Any]:
        """For another process."""
        return {name: getattr(self, name) for name in self.__slots__}


class Ledger:
    """Which denials have been settled: each belongs to one phase of one test."""

    def __init__(self) -> None:
        self.settled = _native.denials()
        self._counts = self._first = self._read()
        self._excused: dict[int, int] = {}
        self._seen: set[int] = set()

    @staticmethod
    def _read() -> list[int]:
        return [int(str(entry["count"])) for entry in _native.violations()]

    def news(self) -> list[tuple[int, Violation]]:
        """What was denied since the last settling, with its place in the record."""
        found: list[tuple[int, Violation]] = []
        for at, entry in enumerate(_native.violations()):
            count: Any = entry["count"]
            before = self._counts[at] if at < len(self._counts) else 0
            if count > before:
                found.append((at, Violation(entry, count - before)))
        return found

    def excuse(self, error: BaseException) -> None:
        """Take note of an exception that was expected, with those in it and those it was raised from."""
        for one in _chain(error, everything=False):
            self._note(one)

    def propagated(self, error: BaseException) -> None:
        """Take note of an exception that a test ends with: its report shows the whole chain."""
        for one in _chain(error, everything=True):
            self._note(one)

    def _note(self, error: BaseException) -> None:
        raised = _native.raised_for(error)
        if raised is not None and raised[1] not in self._seen:
            self._seen.add(raised[1])
            self._excused[raised[0]] = self._excused.get(raised[0], 0) + 1

    def excuse_all(self) -> None:
        """All that was denied up to now has been seen."""
        for at, violation in self.news():
            self._excused[at] = max(self._excused.get(at, 0), violation.count)

    def settle(self) -> tuple[list[Violation], list[Violation]]:
        """Close a phase: what was denied in it, and what of that nobody expected."""
        total = _native.denials()
        if total == self.settled:
            return [], []
        news, lost = self.news(), []
        for at, violation in news:
            rest = violation.count - self._excused.get(at, 0)
            if rest > 0:
                lost.append(Violation(violation.as_data(), rest))
        self.settled = total
        self._counts = self._read()
        self._excused.clear()
        self._seen.clear()
        return [violation for _, violation in news], lost

    def missing(self, told: Iterable[dict[str, Any]]) -> list[Violation]:
        """What the native record has since the beginning and `told` has not."""
        sums: dict[tuple[object, ...], int] = {}
        for one in told:
            key = (one["rule"], one["target"], one["path"], one["row"])
            sums[key] = sums.get(key, 0) + one["count"]
        found: list[Violation] = []
        for at, entry in enumerate(_native.violations()):
            count: Any = entry["count"]
            before = self._first[at] if at < len(self._first) else 0
            rest = count - before - sums.get((entry["rule"], entry["target"], entry["path"], entry["row"]), 0)
            if rest > 0:
                found.append(Violation(entry, rest))
        return found


def _chain(error: BaseException, *, everything: bool) -> list[BaseException]:
    """An exception with the members of groups and its causes; with `everything`, also what it happened in."""
    found: list[BaseException] = []
    rest: list[BaseException | None] = [error]
    while rest:
        one = rest.pop()
        if one is None or any(one is known for known in found):
            continue
        found.append(one)
        rest.append(one.__cause__)
        if everything:
            rest.append(one.__context__)
        members = getattr(one, "exceptions", ())
        if isinstance(members, tuple):
            rest += [member for member in members if isinstance(member, BaseException)]
    return found
