"""The command `hermetic`: a Python program under a policy."""

from __future__ import annotations

import os
import sys

from hermetic import _native, launch
from hermetic.errors import HermeticError, PolicyViolation
from hermetic.settings import Run, UsageError, gather, parse
from hermetic.target import Target, TargetNotFound, is_safe_path, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

OWN_ERROR, BLOCKED, NOT_FOUND = 1, 2, 127


def main(argv: list[str] | None = None) -> int:
    """Run the command line (`sys.argv[1:]` if none is given); the exit code, or what the target raised."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if not is_safe_path() and sys.path:
        # The folder of the script `hermetic`, or the working directory: neither is where our imports are to come from.
        del sys.path[0]
    try:
        flags = parse(arguments[: arguments.index("--")] if "--" in arguments else arguments)
        if flags.run["help"] or flags.run["version"]:
            return _print(flags.run["help"])
        target = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
        if not target:
            raise UsageError("name a target behind `--`: hermetic [FLAGS] -- TARGET [ARGUMENTS]")
        run = gather(flags, os.environ, os.getcwd())
        found = resolve(target[0], target[1:])
        if found.interpreter is not None:
            launch.hand_over(found, run)
        return _run(found, run)
    except TargetNotFound as error:
        return _complain(error, NOT_FOUND)
    except (HermeticError, ValueError, TypeError) as error:
        if isinstance(error, PolicyViolation):
            raise
        return _complain(error, OWN_ERROR)


def take_over(child: dict[str, Any] | None = None) -> int:
    """The same in the interpreter that `hand_over` started, or that a guarded program started.

    `child` is what the guard of that program gives its child; the program's name is the first argument.
    """
    # Asked before a policy may deny it.
    goes_on = bool(sys.flags.inspect or os.environ.get("PYTHONINSPECT"))
    try:
        return _taken_over(child)
    finally:
        # With -i an interactive session follows whatever comes of this. It is guarded, or it is not there.
        if goes_on and not _native.status()["active"]:
            error = sys.exc_info()[1]
            if error is not None and not isinstance(error, SystemExit):
                _traceback(error)
            os._exit(OWN_ERROR)


def _taken_over(child: dict[str, Any] | None) -> int:
    try:
        if child is None:
            data, target = launch.handed_over()
            return _run(target, Run(**data))
        if child["kernel"] is not None:
            _native.inherit(*child["kernel"])
        return _run(launch.child(child["kind"], sys.argv[1], sys.argv[2:]), Run(**child["run"]))
    except TargetNotFound as error:
        return _complain(error, NOT_FOUND)
    except HermeticError as error:
        return _complain(error, OWN_ERROR)


def _print(help_wanted: bool) -> int:
    from hermetic.flags import help_text

    try:
        print(help_text() if help_wanted else f"hermetic {_native.__version__}", flush=True)
    except BrokenPipeError:
        # Who reads has seen enough. Standard output must not be flushed again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _complain(error: object, code: int) -> int:
    _tell(f"hermetic: {error}")
    return code


def _tell(line: str) -> None:
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):  # no stderr, or a closed one
        pass


def _run(target: Target, run: Run) -> int:
    import atexit

    # Whatever the target registers runs before: what it does there counts.
    closing = _Closing(run)
    atexit.register(closing)
    try:
        start = launch.prepare(target)
    except SyntaxError as error:
        _traceback(error)
        return OWN_ERROR
    for line in run.open():
        _tell(f"hermetic: {line}")
    try:
        start()
    except (KeyboardInterrupt, TargetNotFound):
        raise
    except SystemExit as leaving:
        if not run.fail_on_blocked or not closing.settle():
            raise
        if leaving.code is not None and not isinstance(leaving.code, int):
            _tell(str(leaving.code))
        return BLOCKED
    except BaseException as error:
        violations = _violations(error)
        if violations is None:
            closing.telling(error)
            _note_kernel(error)
            code = OWN_ERROR
        else:
            for violation in violations:
                _tell(f"hermetic: blocked action: {violation}")
                closing.told(str(violation))
            return BLOCKED
    else:
        code = 0
    return BLOCKED if run.fail_on_blocked and closing.settle() else code


def _kernel_is_active() -> bool:
    # Nothing is imported for it: a policy is open.
    layer: Any = _native.status().get("kernel")
    return bool(layer and (layer["landlock"] or layer["seccomp"]))


def _note_kernel(error: BaseException) -> None:
    """Say of a refusal that the system made who may have made it. It has no more to tell than its number."""
    # `OSError` with EACCES or EPERM is this class (PEP 3151).
    if isinstance(error, PermissionError) and _kernel_is_active():
        _tell(
            f"hermetic: the kernel refused this ({type(error).__name__}: {error.strerror}), which may be the policy "
            "that the kernel layer enforces below Python; --kernel=off tells them apart",
        )


def _violations(error: BaseException) -> list[PolicyViolation] | None:
    """The violations an exception is, alone or as a group of nothing else (PEP 654); None for any other."""
    if isinstance(error, PolicyViolation):
        return [error]
    members = getattr(error, "exceptions", None)
    if type(error).__name__ not in ("ExceptionGroup", "BaseExceptionGroup") or not isinstance(members, tuple):
        return None
    found: list[PolicyViolation] = []
    for member in members:
        inner = _violations(member)
        if inner is None:
            return None
        found.extend(inner)
    return found


def _traceback(error: BaseException) -> None:
    """Tell an error of the target as Python would, without the frames that are ours."""
    own = os.path.dirname(os.path.abspath(__file__))
    trace: TracebackType | None = error.__traceback__
    while trace is not None and os.path.dirname(trace.tb_frame.f_code.co_filename) == own:
        trace = trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)


class _Closing:
    """The last line: what was blocked and did not end the target."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._pid = os.getpid()
        self._told: dict[str, int] = {}

    def told(self, text: str, times: int = 1) -> None:
        """Note what needs no telling at the end."""
        self._told[text] = self._told.get(text, 0) + times

    def settle(self) -> bool:
        """End the target's threads and exit functions as the interpreter would; whether anything was blocked.

        What they do counts, and the exit code can only be chosen before the interpreter ends.
        """
        threading = sys.modules.get("threading")
        atexit = sys.modules["atexit"]
        for finish in (getattr(threading, "_shutdown", None), getattr(atexit, "_run_exitfuncs", None)):
            try:
                if finish is not None:
                    finish()
            except Exception as error:
                self.telling(error)
        return bool(self._coped())

    def telling(self, error: BaseException) -> None:
        """Tell an error of the target. To show its lines Python opens its files, and may be denied."""
        before = _counts()
        _traceback(error)
        for text, times in _counts().items():
            if text.startswith("read outside sandbox root: "):
                self.told(text, times - before.get(text, 0))

    def _coped(self) -> dict[str, int]:
        """The text of every act that was blocked and has not been told, and how often it was."""
        counts = {text: times - self._told.get(text, 0) for text, times in _counts().items()}
        return {text: times for text, times in counts.items() if times > 0}

    def __call__(self) -> None:
        """Tell what the target coped with."""
        coped = self._coped() if os.getpid() == self._pid else {}  # a fork has all of ours behind it
        if coped:
            times = sum(coped.values())
            what = "1 action was" if times == 1 else f"{times} actions were"
            advice = "" if self._run.fail_on_blocked else "; --fail-on-blocked exits with 2 for this"
            _tell(f"hermetic: {what} blocked and the target went on{advice}: {next(iter(coped))}")
        programs = _native.unguarded() if os.getpid() == self._pid and self._run.policies else []
        if programs and not _kernel_is_active():
            _tell(
                "hermetic: the guard did not go with programs that are not Python, and no kernel layer was on: "
                f"{', '.join(programs[:5])}{', ...' if len(programs) > 5 else ''}; --kernel=auto covers them",
            )


def _counts() -> dict[str, int]:
    """The text of each violation so far, and how often it happened; in the order they first did."""
    counts: dict[str, int] = {}
    for violation in _native.violations():
        text, count = str(violation["text"]), violation["count"]
        counts[text] = counts.get(text, 0) + (count if isinstance(count, int) else 1)
    return counts
