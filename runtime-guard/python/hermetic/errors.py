"""What hermetic raises."""

from __future__ import annotations


class HermeticError(RuntimeError):
    """Base of everything hermetic raises."""


class PolicyViolation(HermeticError):
    """An act that a guard denied."""

    def __init__(self, message: str, *, guard: str | None = None, target: str | None = None) -> None:
        super().__init__(message)
        self.guard = guard
        self.target = target


class BootstrapError(HermeticError):
    """The guard could not be set up."""
