"""A blocker around functions of every kind."""

from __future__ import annotations

import functools
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any, TypeVar

    from hermetic.blocker import Blocker

    F = TypeVar("F", bound=Callable[..., Any])

# `co_flags` of CPython's code objects (Include/cpython/code.h). The module `inspect` has them under names, and takes
# long to load.
_GENERATOR = 0x20
_COROUTINE = 0x80
_ITERABLE_COROUTINE = 0x100
_ASYNC_GENERATOR = 0x200


def decorate(blocker: Blocker, function: F) -> F:
    """The function with the policy open from its first step to its last, as if its body stood in a `with`.

    Every call opens the policy anew, so calls may overlap and recurse. Generators and coroutines keep it open while
    they are suspended.
    """
    if isinstance(function, type):
        raise TypeError(
            f"a policy cannot be put on the class {function.__name__}; put it on the methods that need it, "
            "or open it with `with` where the class is used"
        )
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(decorate(blocker, function.__func__))
    if not callable(function):
        raise TypeError(f"a policy can be put on a function, not on {type(function).__name__}")
    flags = _flags(function)
    wrapper: Callable[..., Any]
    if flags & _ASYNC_GENERATOR:
        wrapper = _async_generator(blocker, function)
    elif flags & _COROUTINE:

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _fresh(blocker):
                return await function(*args, **kwargs)

    elif flags & (_GENERATOR | _ITERABLE_COROUTINE):

        def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with _fresh(blocker):
                return (yield from function(*args, **kwargs))

    else:

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _fresh(blocker):
                return function(*args, **kwargs)

    return functools.wraps(function)(wrapper)  # type: ignore[return-value]


def _fresh(blocker: Blocker) -> Blocker:
    return type(blocker)(blocker.cfg)


def _flags(function: Any) -> int:
    """The kind of what is called in the end: below partials and bound methods, or `__call__` of an object."""
    inspect = sys.modules.get("inspect")
    # Whoever marked it as a coroutine function (`inspect.markcoroutinefunction`) has loaded the module.
    if inspect is not None and inspect.iscoroutinefunction(function):
        return _COROUTINE
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif hasattr(function, "__func__"):
            function = function.__func__
        else:
            break
    if not hasattr(function, "__code__"):
        function = getattr(type(function), "__call__", None)  # noqa: B004 - the function, not whether there is one
    code = getattr(function, "__code__", None)
    flags: int = getattr(code, "co_flags", 0)
    return flags


def _async_generator(blocker: Blocker, function: Callable[..., AsyncGenerator[Any, Any]]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with _fresh(blocker):
            # What `yield from` does, which asynchronous generators do not have.
            inner = function(*args, **kwargs)
            try:
                step = inner.__anext__()
                while True:
                    try:
                        value = await step
                    except StopAsyncIteration:
                        return
                    try:
                        sent = yield value
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step = inner.athrow(error)
                    else:
                        step = inner.asend(sent)
            finally:
                await inner.aclose()

    return wrapper
