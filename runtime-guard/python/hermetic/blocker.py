"""Policies as context managers and decorators."""

import os

from hermetic._native import open_scope

# The constant of `typing`, without loading it: this module is part of every guarded program's start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Any, ClassVar, TypeVar

    from hermetic._native import Scope

    F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["BlockConfig", "Blocker", "hermetic_blocker", "with_hermetic"]

# The names of the command line, which `from_kwargs` takes as well.
_ALIASES = {
    "no_network": "block_network",
    "no_subprocess": "block_subprocess",
    "no_environment": "block_environment",
    "no_env": "block_environment",
    "no_code_exec": "block_code_exec",
    "no_interpreter_mutation": "block_interpreter_mutation",
}

# Field to the option of the policy; the other fields are not part of a policy.
_OPTIONS = {
    "block_network": "no_network",
    "block_subprocess": "no_subprocess",
    "fs_readonly": "fs_readonly",
    "fs_root": "fs_root",
    "block_environment": "no_environment",
    "block_code_exec": "no_code_exec",
    "block_interpreter_mutation": "no_interpreter_mutation",
    "block_native": "block_native",
    "allow_localhost": "allow_localhost",
    "allow_domains": "allow_domain",
    "deny_imports": "deny_import",
    "allow_native": "allow_native",
    "allow_run": "allow_run",
}
_LISTS = ("allow_domains", "deny_imports", "allow_native", "allow_run")


class Fields:
    """A plain record: equality, representation and union over the attributes that `_fields` names."""

    _fields: "tuple[str, ...]"
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self._fields)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self._fields)

    def _united(self, other: "Fields") -> "dict[str, Any]":
        """What either says: switches by "or", lists joined without repeats, the root of `other` before ours."""
        united: dict[str, Any] = {}
        for name in self._fields:
            ours, theirs = getattr(self, name), getattr(other, name)
            if name in _LISTS:
                united[name] = list(dict.fromkeys([*ours, *theirs]))
            elif name == "fs_root":
                united[name] = theirs if theirs is not None else ours
            else:
                united[name] = ours or theirs
        return united


def checked(name: str, value: object) -> "Any":
    """The value of a field in the type the field has; TypeError where it cannot be meant."""
    if name in _LISTS:
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            raise TypeError(f"{name} takes a list of strings, not {value!r}")
        items = list(value)
        for item in items:
            if not isinstance(item, str):
                raise TypeError(f"{name} takes a list of strings, and {item!r} is none")
        return items
    if name == "fs_root":
        if value is None:
            return None
        root = os.fspath(value) if hasattr(value, "__fspath__") else value
        if not isinstance(root, str):
            raise TypeError(f"fs_root takes a path, not {value!r}")
        return root
    if not isinstance(value, bool):
        raise TypeError(f"{name} takes True or False, not {value!r}")
    return value


class _DataclassFields:
    """`__dataclass_fields__` on demand: `dataclasses.fields`, `asdict` and `replace` work on a record.

    The module `dataclasses` takes longer to load than all of hermetic, so only who uses it pays for it.
    """

    def __get__(self, instance: object, owner: "type[Fields]") -> "dict[str, Any]":
        import dataclasses

        shape: dict[str, Any] = {"__annotations__": dict.fromkeys(owner._fields, "object")}
        for name in owner._fields:
            if name in _LISTS:
                shape[name] = dataclasses.field(default_factory=list)
            else:
                shape[name] = None if name == "fs_root" else False
        fields: dict[str, Any] = vars(dataclasses.dataclass(type(owner.__name__, (), shape)))["__dataclass_fields__"]
        return fields


class BlockConfig(Fields):
    """What a blocker denies, and what it allows all the same."""

    _fields = (
        "block_network",
        "block_subprocess",
        "fs_readonly",
        "fs_root",
        "block_environment",
        "block_code_exec",
        "block_interpreter_mutation",
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
        block_network: bool = False,
        block_subprocess: bool = False,
        fs_readonly: bool = False,
        fs_root: "str | os.PathLike[str] | None" = None,
        block_environment: bool = False,
        block_code_exec: bool = False,
        block_interpreter_mutation: bool = False,
        block_native: bool = False,
        allow_localhost: bool = False,
        allow_domains: "Iterable[str]" = (),
        deny_imports: "Iterable[str]" = (),
        trace: bool = False,
        sealed: bool = False,
        allow_native: "Iterable[str]" = (),
        best_effort: bool = False,
        allow_run: "Iterable[str]" = (),
    ) -> None:
        self.block_network: bool = checked("block_network", block_network)
        self.block_subprocess: bool = checked("block_subprocess", block_subprocess)
        self.fs_readonly: bool = checked("fs_readonly", fs_readonly)
        self.fs_root: str | None = checked("fs_root", fs_root)
        self.block_environment: bool = checked("block_environment", block_environment)
        self.block_code_exec: bool = checked("block_code_exec", block_code_exec)
        self.block_interpreter_mutation: bool = checked("block_interpreter_mutation", block_interpreter_mutation)
        self.block_native: bool = checked("block_native", block_native)
        self.allow_localhost: bool = checked("allow_localhost", allow_localhost)
        self.allow_domains: list[str] = checked("allow_domains", allow_domains)
        self.deny_imports: list[str] = checked("deny_imports", deny_imports)
        self.trace: bool = checked("trace", trace)
        self.sealed: bool = checked("sealed", sealed)
        self.allow_native: list[str] = checked("allow_native", allow_native)
        self.best_effort: bool = checked("best_effort", best_effort)
        self.allow_run: list[str] = checked("allow_run", allow_run)

    @classmethod
    def from_kwargs(cls, **kw: "Any") -> "BlockConfig":
        """Made from the names of the fields or those of the command line; TypeError for any other."""
        named: dict[str, Any] = {}
        for key, value in kw.items():
            name = _ALIASES.get(key, key)
            if name not in cls._fields:
                raise TypeError(f"unknown argument: {key}")
            # Two spellings of one switch: either turns it on.
            named[name] = named.get(name, False) or value
        return cls(**named)

    def merged_with(self, other: "BlockConfig") -> "BlockConfig":
        """What either denies and what either allows; `other`'s root goes before ours.

        This is for putting one policy together. Policies that are open at the same time are never merged.
        """
        if not isinstance(other, BlockConfig):
            raise TypeError(f"merged_with() takes a BlockConfig, not {type(other).__name__}")
        return BlockConfig(**self._united(other))

    def __or__(self, other: "BlockConfig") -> "BlockConfig":
        if not isinstance(other, BlockConfig):
            return NotImplemented
        return self.merged_with(other)

    def __replace__(self, **changes: "Any") -> "BlockConfig":
        return type(self)(**{**vars(self), **changes})


def open_config(config: BlockConfig) -> "Scope":
    """Enforce what `config` says now; it may have been changed since it was made."""
    options: dict[str, object] = {}
    for name, option in _OPTIONS.items():
        options[option] = checked(name, getattr(config, name))
    root = options["fs_root"]
    if isinstance(root, str):
        options["fs_root"] = os.path.abspath(root)
    return open_scope(
        options,
        sealed=checked("sealed", config.sealed),
        trace=checked("trace", config.trace),
        best_effort=checked("best_effort", config.best_effort),
    )


class Blocker:
    """A policy to be opened: by `with`, by `async with`, or as a decorator. Made by `hermetic_blocker`.

    An open policy binds the whole process, every thread and task. Any number may be open and they may close in any
    order: an act needs the consent of all of them. The same blocker may be opened again while it is open.
    """

    __slots__ = ("__weakref__", "_scopes", "cfg")

    def __init__(self, cfg: BlockConfig) -> None:
        self.cfg = cfg
        self._scopes: list[Scope] = []

    def __enter__(self) -> "Blocker":
        self._scopes.append(open_config(self.cfg))
        return self

    def __exit__(
        self,
        exc_type: "type[BaseException] | None",
        exc: "BaseException | None",
        tb: "TracebackType | None",
    ) -> None:
        # Those open at once are alike, so it does not matter which one this block opened.
        if self._scopes:
            self._scopes.pop().close()

    async def __aenter__(self) -> "Blocker":
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: "type[BaseException] | None",
        exc: "BaseException | None",
        tb: "TracebackType | None",
    ) -> None:
        self.__exit__(exc_type, exc, tb)

    def __call__(self, function: "F") -> "F":
        from hermetic._decorate import decorate

        return decorate(self, function)


def hermetic_blocker(  # noqa: PLR0913 - one for each thing there is to say
    config: "BlockConfig | None" = None,
    *,
    block_network: bool = False,
    block_subprocess: bool = False,
    fs_readonly: bool = False,
    fs_root: "str | os.PathLike[str] | None" = None,
    block_environment: bool = False,
    block_code_exec: bool = False,
    block_interpreter_mutation: bool = False,
    block_native: bool = False,
    allow_localhost: bool = False,
    allow_domains: "Iterable[str]" = (),
    deny_imports: "Iterable[str]" = (),
    trace: bool = False,
    sealed: bool = False,
    profile: "str | None" = None,
    allow_native: "Iterable[str]" = (),
    best_effort: bool = False,
    allow_run: "Iterable[str]" = (),
) -> "Blocker":
    """A policy to be opened by `with`, `async with` or as a decorator: all that the arguments say together.

    `config` gives several of them at once, `profile` a named set. No configuration file is read.
    `sealed` keeps the policy to the end of the process; `best_effort` accepts that part of it cannot be enforced
    here, which is a BootstrapError otherwise and which `hermetic.status()` tells.
    """
    if config is not None and not isinstance(config, BlockConfig):
        hint = "; write `@with_hermetic(...)`, with parentheses" if callable(config) else ""
        raise TypeError(f"hermetic_blocker() takes a BlockConfig first, not {type(config).__name__}{hint}")
    merged = BlockConfig(
        block_network=block_network,
        block_subprocess=block_subprocess,
        fs_readonly=fs_readonly,
        fs_root=fs_root,
        block_environment=block_environment,
        block_code_exec=block_code_exec,
        block_interpreter_mutation=block_interpreter_mutation,
        block_native=block_native,
        allow_localhost=allow_localhost,
        allow_domains=allow_domains,
        deny_imports=deny_imports,
        trace=trace,
        sealed=sealed,
        allow_native=allow_native,
        best_effort=best_effort,
        allow_run=allow_run,
    )
    if config is not None:
        merged = config.merged_with(merged)
    if profile is not None:
        from hermetic.profiles import PROFILES, unknown_profile

        if profile not in PROFILES:
            raise ValueError(unknown_profile(profile))
        named = PROFILES[profile]
        merged = merged.merged_with(
            BlockConfig(**{name: getattr(named, name) for name in BlockConfig._fields}),
        )
    return Blocker(merged)


def with_hermetic(config: "BlockConfig | None" = None, **kwargs: "Any") -> "Blocker":
    """`hermetic_blocker` under the name that reads well as a decorator."""
    return hermetic_blocker(config, **kwargs)
