"""Classes that are made by code made from text."""

import dataclasses
import enum
import typing


@dataclasses.dataclass(frozen=True, order=True)
class A:
    """The standard library's."""

    x: int = 1


class Colour(enum.Enum):
    """One of one."""

    RED = 1


class Pair(typing.NamedTuple):
    """Of one."""

    z: int


print(A(), Colour.RED, Pair(3))
