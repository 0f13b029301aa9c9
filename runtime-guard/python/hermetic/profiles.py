"""Named policies, under the names of the command line."""

from __future__ import annotations

from hermetic import _native
from hermetic.blocker import Fields, _DataclassFields, checked

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import Any, ClassVar

__all__ = ["PROFILES", "GuardConfig", "apply_profile", "unknown_profile"]


class GuardConfig(Fields):
    """A policy under the names of the command line's flags; `block_*` read the same switches."""

    _fields = (
        "no_network",
        "no_subprocess",
        "fs_readonly",
        "fs_root",
        "no_environment",
        "no_code_exec",
        "no_interpreter_mutation",
        "block_native",
        "allow_localhost",
        "allow_domains",
        "deny_imports",
        "trace",
        "sealed",
        "allow_native",
        "best_effort",
        "allow_run",
    )
    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Any]]
    else:
        __dataclass_fields__ = _DataclassFields()

    # The first thirteen parameters stand in hermetic-seal's order.
    def __init__(  # noqa: PLR0913, PLR0917 - one for each thing there is to say
        self,
        no_network: bool = False,
        no_subprocess: bool = False,
        fs_readonly: bool = False,
        fs_root: str | os.PathLike[str] | None = None,
        no_environment: bool = False,
        no_code_exec: bool = False,
        no_interpreter_mutation: bool = False,
        block_native: bool = False,
        allow_localhost: bool = False,
        allow_domains: Iterable[str] = (),
        deny_imports: Iterable[str] = (),
        trace: bool = False,
        sealed: bool = False,
        allow_native: Iterable[str] = (),
        best_effort: bool = False,
        allow_run: Iterable[str] = (),
    ) -> None:
        self.no_network: bool = checked("no_network", no_network)
        self.no_subprocess: bool = checked("no_subprocess", no_subprocess)
        self.fs_readonly: bool = checked("fs_readonly", fs_readonly)
        self.fs_root: str | None = checked("fs_root", fs_root)
        self.no_environment: bool = checked("no_environment", no_environment)
        self.no_code_exec: bool = checked("no_code_exec", no_code_exec)
        self.no_interpreter_mutation: bool = checked("no_interpreter_mutation", no_interpreter_mutation)
        self.block_native: bool = checked("block_native", block_native)
        self.allow_localhost: bool = checked("allow_localhost", allow_localhost)
        self.allow_domains: list[str] = checked("allow_domains", allow_domains)
        self.deny_imports: list[str] = checked("deny_imports", deny_imports)
        self.trace: bool = checked("trace", trace)
        self.sealed: bool = checked("sealed", sealed)
        self.allow_native: list[str] = checked("allow_native", allow_native)
        self.best_effort: bool = checked("best_effort", best_effort)
        self.allow_run: list[str] = checked("allow_run", allow_run)

    @property
    def block_network(self) -> bool:
        """`no_network`."""
        return self.no_network

    @property
    def block_subprocess(self) -> bool:
        """`no_subprocess`."""
        return self.no_subprocess

    @property
    def block_environment(self) -> bool:
        """`no_environment`."""
        return self.no_environment

    @property
    def block_code_exec(self) -> bool:
        """`no_code_exec`."""
        return self.no_code_exec

    @property
    def block_interpreter_mutation(self) -> bool:
        """`no_interpreter_mutation`."""
        return self.no_interpreter_mutation

    def __replace__(self, **changes: Any) -> GuardConfig:
        return type(self)(**{**vars(self), **changes})


def _profile(options: dict[str, object]) -> GuardConfig:
    """The policy's options under the names of the fields."""
    plural = {"allow_domain": "allow_domains", "deny_import": "deny_imports"}
    named: dict[str, Any] = {plural.get(key, key): value for key, value in options.items() if key != "profile"}
    return GuardConfig(**named)


PROFILES: dict[str, GuardConfig] = {name: _profile(options) for name, options in _native.profiles().items()}


def unknown_profile(name: str) -> str:
    """What to say of a name that is no profile's."""
    from hermetic._suggest import advice

    return f"unknown profile: {name}; {advice(str(name), PROFILES)}"


def apply_profile(base: GuardConfig, name: str) -> GuardConfig:
    """What `base` says and what the profile says; SystemExit where there is no such profile."""
    if name not in PROFILES:
        raise SystemExit(unknown_profile(name))
    return GuardConfig(**base._united(PROFILES[name]))
