"""What is to be run: from the words behind `--` to a target, without running any of it."""

from __future__ import annotations

import os
import sys
from _frozen_importlib_external import PathFinder

from hermetic.errors import HermeticError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from typing import Any

# Kinds of target. PLAIN runs no code of anybody's: `python --version`.
ATTRIBUTE, SCRIPT, MODULE, COMMAND, STDIN, PLAIN = "attribute", "script", "module", "command", "stdin", "plain"

# CPython's own command line (Python/initconfig.c): options that take a value, and those that end in a message.
_TAKES_VALUE = "cmWX"
_MESSAGE = "hV?"


class TargetNotFound(HermeticError):  # noqa: N818 - it is a fact about the target
    """There is no such target."""


class TargetRefused(HermeticError):  # noqa: N818 - it is a fact about the target
    """There is one, and it cannot be run under the guard."""


class Target:
    """One program to run.

    `name` is the module, the file or the code; `attribute` what is called in the module. `interpreter` is the
    command of another interpreter that has to run it, None for this one.
    """

    __slots__ = ("arguments", "argv0", "attribute", "interpreter", "kind", "name")

    def __init__(  # noqa: PLR0913 - plain data
        self,
        kind: str,
        name: str,
        arguments: list[str],
        *,
        argv0: str | None = None,
        attribute: str = "",
        interpreter: list[str] | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.arguments = arguments
        self.argv0 = name if argv0 is None else argv0
        self.attribute = attribute
        self.interpreter = interpreter

    def as_data(self) -> dict[str, Any]:
        """For another interpreter's `Target(**data)`; the arguments travel as arguments."""
        return {"kind": self.kind, "name": self.name, "argv0": self.argv0, "attribute": self.attribute}


def resolve(name: str, arguments: list[str]) -> Target:
    """The target of that name. TargetNotFound where there is none."""
    if os.sep in name or (os.altsep is not None and os.altsep in name):
        return _path(name, arguments)
    module, colon, attribute = name.partition(":")
    if colon and _dotted(module) and _dotted(attribute):
        return Target(ATTRIBUTE, module, arguments, argv0=name, attribute=attribute)
    files = [_own_script(name), _on_path(name)]
    if _is_python(name):
        # The one a shell would start: hermetic may be installed apart from what it runs.
        files.reverse()
    for file in files:
        if file is not None:
            found = _executable(file, file, arguments)
            if found is not None:
                return found
    # The Windows scripts are programs without a readable shebang. Elsewhere the search through what is installed,
    # which is slow and loads much, can wait until there is no module of that name.
    found = _entry_point(name, arguments) if sys.platform == "win32" else None
    found = found or _module(name, arguments)
    if found is None and sys.platform != "win32":
        found = _entry_point(name, arguments)
    if found is not None:
        return found
    if os.path.exists(name):
        raise TargetNotFound(f"{name}: is no module; to run the file, write `python {name}` or ./{name}")
    raise TargetNotFound(f"{name}: is no console script, executable or module")


def _dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _path(name: str, arguments: list[str]) -> Target:
    if not os.path.exists(name):
        raise TargetNotFound(f"{name}: there is no such file")
    found = None if os.path.isdir(name) else _executable(name, name, arguments)
    if found is not None:
        return found
    if os.path.isfile(os.path.join(name, "__main__.py")) or name.endswith((".py", ".pyw", ".pyz")):
        return Target(SCRIPT, name, arguments)
    raise TargetRefused(f"{name}: is not a Python program, and hermetic guards no other")


def _own_script(name: str) -> str | None:
    """A console script beside this interpreter."""
    if not sys.executable:
        return None
    file = os.path.join(os.path.dirname(sys.executable), name)
    return file if os.path.isfile(file) else None


def _on_path(name: str) -> str | None:
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        for suffix in ("", ".exe") if sys.platform == "win32" else ("",):
            file = os.path.join(folder, name + suffix)
            if os.path.isfile(file) and os.access(file, os.X_OK):
                return file
    return None


def _executable(file: str, argv0: str, arguments: list[str]) -> Target | None:
    """A target of an executable file, or None where it is neither python nor Python."""
    if _is_python(file):
        return _command_line([file], arguments)
    interpreter = shebang(file)
    if interpreter is None:
        return None
    return Target(SCRIPT, file, arguments, argv0=argv0, interpreter=_unless_own(interpreter))


def _is_python(file: str) -> bool:
    """Whether a program is an interpreter, by its name: python, python3.12, pypy3 and so on."""
    name = os.path.basename(file)
    if name.lower().endswith(".exe"):
        name = name[:-4]
    for start in ("python", "pypy"):
        if name.startswith(start):
            return name[len(start) :].rstrip("tdmw").replace(".", "").isdecimal() or name.rstrip("w") == start
    return False


def shebang(file: str) -> list[str] | None:
    """The Python command in a file's first line, or None where it has no such line."""
    try:
        with open(file, "rb") as stream:
            lines = stream.read(4096).splitlines()
    except OSError:
        return None
    if not lines or not lines[0].startswith(b"#!"):
        return None
    words = os.fsdecode(lines[0][2:]).strip()
    # What installers write where the path is too long for a kernel, or has a space: a shell program that is also a
    # Python string.
    if words == "/bin/sh" and len(lines) > 1 and lines[1].startswith(b"'''exec' "):
        words = os.fsdecode(lines[1][len(b"'''exec' ") :]).partition(' "$0"')[0]
    command = [words.strip('"')] if words.startswith('"') else words.split(None, 1)
    if command and os.path.basename(command[0]) == "env":
        command = [word for word in " ".join(command[1:]).split() if word != "-S" and "=" not in word]
        if command and os.path.dirname(command[0]) == "":
            command[0] = _on_path(command[0]) or command[0]
    if not command or not _is_python(command[0]):
        return None
    return [command[0], *" ".join(command[1:]).split()]


def _unless_own(interpreter: list[str]) -> list[str] | None:
    """The command, or None where it is this interpreter without options.

    Two environments often share one binary: which one it is shows in the folder it is started from.
    """
    if len(interpreter) > 1 or not sys.executable:
        return interpreter
    theirs, ours = os.path.abspath(interpreter[0]), os.path.abspath(sys.executable)
    same = os.path.realpath(os.path.dirname(theirs)) == os.path.realpath(os.path.dirname(ours))
    return None if same and os.path.realpath(theirs) == os.path.realpath(ours) else interpreter


def _command_line(python: list[str], arguments: list[str]) -> Target:
    """What `python ARGUMENTS` runs."""
    options, mode, value, rest = _options(arguments)
    if mode == PLAIN:
        return Target(PLAIN, "", [], interpreter=[*python, *arguments])
    interpreter = _unless_own([*python, *options])
    if mode == COMMAND:
        return Target(COMMAND, value, rest, argv0="-c", interpreter=interpreter)
    if mode == MODULE:
        return Target(MODULE, value, rest, interpreter=interpreter)
    if rest and rest[0] != "-":
        if not os.path.exists(rest[0]):
            raise TargetNotFound(f"{rest[0]}: there is no such file")
        return Target(SCRIPT, rest[0], rest[1:], interpreter=interpreter)
    if sys.stdin is not None and sys.stdin.isatty():
        raise TargetRefused("python: an interactive session cannot be guarded; name a script, -m or -c")
    return Target(STDIN, "<stdin>", rest[1:], argv0=rest[0] if rest else "", interpreter=interpreter)


def _options(arguments: list[str]) -> tuple[list[str], str, str, list[str]]:
    """The options of the interpreter, what they select with its value, and what is left."""
    options: list[str] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        argument = rest.pop(0)
        if argument == "--":
            break
        if argument == "--check-hash-based-pycs" and rest:
            options += [argument, rest.pop(0)]
            continue
        if argument.startswith("--"):
            return options, PLAIN, "", rest
        for place, letter in enumerate(argument[1:], start=1):
            if letter in _MESSAGE:
                return options, PLAIN, "", rest
            if letter not in _TAKES_VALUE:
                options.append("-" + letter)
                continue
            value = argument[place + 1 :]
            if not value and not rest:
                raise TargetRefused(f"python: -{letter} takes a value")
            value = value or rest.pop(0)
            if letter in "cm":
                return options, COMMAND if letter == "c" else MODULE, value, rest
            options += ["-" + letter, value]
            break
    return options, SCRIPT, "", rest


def _entry_point(name: str, arguments: list[str]) -> Target | None:
    """A console script of this environment whose file is elsewhere, or is no text."""
    from importlib.metadata import entry_points

    points: Any = entry_points()
    scripts = (
        points.select(group="console_scripts", name=name)
        if hasattr(points, "select")
        else [point for point in points.get("console_scripts", ()) if point.name == name]
    )
    for point in scripts:
        module, _, attribute = point.value.partition(":")
        return Target(
            ATTRIBUTE,
            module.strip(),
            arguments,
            argv0=_on_path(name) or name,
            attribute=attribute.partition("[")[0].strip(),
        )
    return None


def _module(name: str, arguments: list[str]) -> Target | None:
    # `app.py` is a file to who writes it, though it could be the module `py` of the package `app`.
    if not _dotted(name) or (name.endswith(".py") and os.path.exists(name)):
        return None
    if find_module(name.partition(".")[0]) is None:
        return None
    return Target(MODULE, name, arguments)


def find_module(name: str, within: list[str] | None = None) -> ModuleSpec | None:
    """Where a module is, without importing anything; `within` are the folders of its package.

    The working directory counts as the first folder, as for `python -m`. It is not on `sys.path` yet: what hermetic
    itself imports must not come from there.
    """
    path = [*([] if is_safe_path() else [os.getcwd()]), *sys.path] if within is None else within
    for finder in sys.meta_path:
        # Only this finder looks through folders; others know their modules by name.
        given = path if finder is PathFinder else within
        spec = finder.find_spec(name, given)
        if spec is not None:
            return spec
    return None


def is_safe_path() -> bool:
    """Whether this interpreter puts no folder of the program on `sys.path` (-P, -I, PYTHONSAFEPATH)."""
    return bool(getattr(sys.flags, "safe_path", False) or sys.flags.isolated)
