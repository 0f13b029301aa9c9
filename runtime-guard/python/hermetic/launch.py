"""Running a target: in this interpreter, or in another one that hermetic starts.

A target is made ready before the policy opens (found, read, compiled) and started after. Its code is run as a
function over the namespace of `__main__`, as CPython runs a program, and not by `exec`: what the policy says of
dynamic code is for the target alone.
"""

from __future__ import annotations

import builtins
import os
import sys
from _frozen_importlib import BuiltinImporter
from _frozen_importlib_external import PathFinder, SourceFileLoader

from hermetic import _native
from hermetic import target as targets
from hermetic.errors import HermeticError
from hermetic.settings import HANDED_OVER
from hermetic.target import Target, TargetNotFound, find_module, is_safe_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any, NoReturn

    from hermetic.settings import Run

_Function: Any = type(lambda: None)  # `types` has these by name, and loads more
_Module: Any = type(sys)


def hand_over(target: Target, run: Run) -> NoReturn:
    """Become the target's own interpreter, or wait for it where a process cannot become another."""
    assert target.interpreter is not None
    command = target.interpreter
    environ = dict(os.environ)
    if target.kind != targets.PLAIN:
        import json

        folder = os.path.dirname(os.path.abspath(__file__))
        environ[HANDED_OVER] = json.dumps({"run": run.as_data(), "target": target.as_data()})
        boot = _native.BOOT.format(folder=repr(folder), command=None, hint="''", data="")
        command = [*command, "-c", boot, *target.arguments]
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    try:
        if sys.platform == "win32":
            import subprocess

            sys.exit(subprocess.run(command, env=environ, check=False).returncode)
        os.execve(command[0], command, environ)
    except OSError as error:
        raise TargetNotFound(f"{command[0]}: {error.strerror}, and {target.argv0} asks for it") from error


def handed_over() -> tuple[dict[str, Any], Target]:
    """In the other interpreter: what `hand_over` gave. The variable is gone once read."""
    import json

    try:
        data = json.loads(os.environ.pop(HANDED_OVER))
        return data["run"], Target(arguments=sys.argv[1:], **data["target"])
    except (KeyError, TypeError, ValueError) as error:
        raise HermeticError(f"{HANDED_OVER} does not hold what hermetic puts there") from error


def child(kind: str, name: str, arguments: list[str]) -> Target:
    """The target of a child that a guarded program started."""
    if kind == targets.STDIN and (sys.flags.interactive or sys.flags.inspect or _is_terminal()):
        raise HermeticError("an interactive session cannot be guarded; name a script, -m or -c")
    return Target(kind, name, arguments, argv0="-c" if kind == targets.COMMAND else name)


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def prepare(target: Target) -> Callable[[], object]:
    """Everything up to the first step of the target; call the result to take it, with the policy open.

    Sets `sys.argv`, `sys.path[0]` and `__main__` as the target would find them without hermetic.
    """
    main = _Module("__main__")
    main.__builtins__ = builtins
    argv0, first = target.argv0, os.getcwd()
    start: Callable[[], object]
    if target.kind == targets.ATTRIBUTE:
        if target.name not in sys.modules and find_module(target.name.partition(".")[0]) is None:
            raise TargetNotFound(f"{target.name}: there is no such module")
        start = _caller(target)
    elif target.kind == targets.MODULE:
        spec, parents = _module_spec(target.name)
        argv0 = spec.origin or argv0
        code = _code(spec, target.name)
        _describe(main, spec)
        program = _Function(code, vars(main))
        start = _after_imports(parents, program)
    elif target.kind == targets.COMMAND:
        first = ""
        main.__loader__ = BuiltinImporter
        start = _Function(compile(target.name, "<string>", "exec", dont_inherit=True), vars(main))
    elif target.kind == targets.STDIN:
        first = ""
        main.__loader__ = BuiltinImporter
        main.__file__ = "<stdin>"
        source = sys.stdin.buffer.read()
        start = _Function(compile(source, "<stdin>", "exec", dont_inherit=True), vars(main))
    else:
        code, first = _script(target, main)
        start = _Function(code, vars(main))
    sys.modules["__main__"] = main
    sys.argv = [argv0, *target.arguments]
    if not is_safe_path():
        sys.path.insert(0, first)
    elif target.kind == targets.SCRIPT and main.__spec__ is not None:
        sys.path.insert(0, first)  # an archive or a folder is where its program is
    return start


def _describe(main: ModuleType, spec: ModuleSpec) -> None:
    """What the import system says of a module in the module itself."""
    main.__spec__ = spec
    main.__loader__ = spec.loader
    main.__package__ = spec.parent
    if spec.has_location:
        main.__file__ = spec.origin
    main.__cached__ = spec.cached  # type: ignore[attr-defined]


def _code(spec: ModuleSpec, name: str) -> CodeType:
    get_code = getattr(spec.loader, "get_code", None)
    code: CodeType | None = get_code(spec.name) if get_code is not None else None
    if code is None:
        raise TargetNotFound(f"{name}: has no Python code to run")
    return code


def _module_spec(name: str) -> tuple[ModuleSpec, list[str]]:
    """Where `python -m NAME` finds its code, and the packages that are imported before it runs."""
    parents: list[str] = []
    within: list[str] | None = None
    full = ""
    for part in name.split("."):
        full = f"{full}.{part}" if full else part
        spec = find_module(full, within)
        if spec is None:
            raise TargetNotFound(f"{name}: there is no module {full}")
        within = spec.submodule_search_locations
        if within is None:
            if full != name:
                raise TargetNotFound(f"{name}: {full} is no package")
            return spec, parents
        within = list(within)
        parents.append(full)
    spec = find_module(f"{name}.__main__", within)
    if spec is None:
        raise TargetNotFound(f"{name}: is a package, and has no {name}.__main__ to run")
    return spec, parents


def _script(target: Target, main: ModuleType) -> tuple[CodeType, str]:
    """The code of a file, or of the `__main__` in an archive or a folder; and its `sys.path[0]`."""
    # Not normalised: CPython puts the working directory in front, and that is all (Python/initconfig.c).
    file = os.path.join(os.getcwd(), target.name)
    if os.path.isdir(file) or not _is_text(file):
        spec = PathFinder.find_spec("__main__", [file])
        if spec is None:
            raise TargetNotFound(f"{target.name}: has no __main__.py to run")
        _describe(main, spec)
        return _code(spec, target.name), file
    with open(file, "rb") as stream:
        source = stream.read()
    main.__file__ = file
    main.__loader__ = SourceFileLoader("__main__", file)
    main.__cached__ = None  # type: ignore[attr-defined]
    main.__package__ = None
    code: CodeType = compile(source, file, "exec", dont_inherit=True)
    return code, os.path.dirname(os.path.realpath(target.name))


def _is_text(file: str) -> bool:
    """Not an archive. An archive may begin with a shebang; its directory is at its end."""
    with open(file, "rb") as stream:
        head = stream.read(4096)
    if b"\0" not in head and b"PK\x03\x04" not in head:
        return True
    from zipimport import ZipImportError, zipimporter

    try:
        zipimporter(file)
    except ZipImportError:
        return True
    return False


def _caller(target: Target) -> Callable[[], NoReturn]:
    return lambda: _call(target)


def _call(target: Target) -> NoReturn:
    """What a console script does."""
    try:
        module = __import__(target.name, fromlist=["__name__"])
    except ModuleNotFoundError as error:
        if error.name is not None and f"{target.name}.".startswith(f"{error.name}."):
            raise TargetNotFound(f"{target.argv0}: there is no module {error.name}") from None
        raise
    function: Any = module
    for part in target.attribute.split("."):
        if not hasattr(function, part):
            raise TargetNotFound(f"{target.argv0}: {target.name} has no {target.attribute}")
        function = getattr(function, part)
    if not callable(function):
        raise TargetNotFound(f"{target.argv0}: is {type(function).__name__}, and cannot be called")
    sys.exit(function())


def _after_imports(parents: list[str], program: Callable[[], object]) -> Callable[[], object]:
    def start() -> object:
        for parent in parents:
            __import__(parent)
        return program()

    return start
