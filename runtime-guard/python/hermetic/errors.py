"""What hermetic raises."""


class HermeticError(RuntimeError):
    """The base of everything hermetic raises on its own account."""


class PolicyViolation(HermeticError):  # noqa: N818 - the name is part of the interface
    """An act that an open policy denies.

    `guard` is the guard that denied it: network, subprocess, filesystem, environment, code_exec, interpreter or
    imports. `target` is what the act was done to, where there is a name for it: a host, a path, a module.
    """

    guard: "str | None"
    target: "str | None"

    def __init__(self, message: str, *, guard: "str | None" = None, target: "str | None" = None) -> None:
        super().__init__(message)
        self.guard = guard
        self.target = target


class BootstrapError(HermeticError):
    """The guard cannot be put in place, or not in full."""
