"""Run one block of a rule page, with the guard or without, and say what its lines raised.

The block comes as JSON on standard input: `source`, `skip` (rows not to execute), `marked` (rows the guard is to deny
something on), `options` (the policy as `hermetic._native.open_scope` takes it, or null for no guard), `min` (oldest
version or null), `needs` (modules), `seconds` (limit). The answer is JSON on what was standard output at the start:
`skipped` (a reason) or `raised` (row, type, names of its bases, text, rules the guard denied there by).

Each top-level statement runs in a `try` of its own, with its line numbers kept, so that one that raises does not end
the block; so does each marked expression inside a function or block, but only for what the guard raises. All of it is
compiled before the install, since compiling is what some policies deny. A statement with a row to skip is not executed;
what later fails only because a name is missing that a skipped or failed statement would have bound is not told.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import signal
import sys
from types import TracebackType
from typing import Any

RECORD = "__hermetic_record__"
SETTLE = "__hermetic_settle__"
INSTALL = "__hermetic_install__"
VIOLATION = "__hermetic_violation__"
FILE = "block.py"


def bound_names(statement: ast.stmt) -> set[str]:
    """Names a statement may bind."""
    names: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
    return names


def first_row(statement: ast.stmt) -> int:
    """The first row of a statement, its decorators included."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(d.lineno for d in decorators)])


def call(name: str, *arguments: int) -> ast.stmt:
    """A call of one of ours, as a statement."""
    return ast.Expr(ast.Call(ast.Name(name, ast.Load()), [ast.Constant(a) for a in arguments], []))


def recording(statement: ast.stmt, index: int, only: str | None = None) -> ast.stmt:
    """The statement in a `try` that records what it raises (only exceptions of that name) and goes on."""
    kind = ast.Name(only, ast.Load()) if only else None
    handler = ast.ExceptHandler(type=kind, name=None, body=[call(RECORD, index)])
    wrapped = ast.Try(body=[statement], handlers=[handler], orelse=[call(SETTLE, index)], finalbody=[])
    ast.copy_location(handler, statement)
    for node in (*handler.body, *wrapped.orelse, wrapped):
        ast.copy_location(node, statement)
        ast.fix_missing_locations(node)
    return wrapped


class Inner(ast.NodeTransformer):
    """Puts marked expressions below the top level into a `try` of their own."""

    def __init__(self, marked: set[int], statements: list[ast.stmt]) -> None:
        """`statements` numbers what is recorded, and is added to."""
        self.marked = marked
        self.statements = statements

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        """Only what has no value for those after it: the rest of the function can go on."""
        if not self.marked.intersection(range(node.lineno, (node.end_lineno or node.lineno) + 1)):
            return node
        self.statements.append(node)
        return recording(node, len(self.statements) - 1, VIOLATION)


def must_stay_first(statement: ast.stmt, index: int) -> bool:
    """Docstrings and `from __future__` mean something only where they stand."""
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "__future__"
    return index == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def innermost_row(trace: TracebackType | None) -> int:
    """The row of the block the exception comes from."""
    row = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            row = trace.tb_lineno
        trace = trace.tb_next
    return row


def missing_name(error: BaseException) -> str | None:
    """The name a NameError is about."""
    if isinstance(error, NameError):
        quoted = str(error).split("'")
        return quoted[1] if len(quoted) > 1 else None
    return None


def reason_to_skip(block: dict[str, Any]) -> str | None:
    """Why this interpreter cannot run the block."""
    if block["min"] and sys.version_info[:2] < tuple(block["min"]):
        return "needs Python {}.{}".format(*block["min"])
    for module in block["needs"]:
        try:
            if importlib.util.find_spec(module) is None:
                return f"needs {module}"
        except ImportError:
            return f"needs {module}"
    return None


class NoViolationError(Exception):
    """Stands for the guard's exception where there is no guard."""


class Denials:
    """What the guard has denied since it was last asked."""

    def __init__(self) -> None:
        """Not installed yet."""
        self.ask: Any = list
        self.seen: dict[tuple[str, str, int, str], int] = {}
        self.held: Any = None
        self.violation: type[BaseException] = NoViolationError

    def prepare(self, options: dict[str, Any]) -> Any:
        """Import the guard; what installs it."""
        from hermetic import _native  # noqa: PLC0415
        from hermetic.errors import PolicyViolation  # noqa: PLC0415

        self.violation = PolicyViolation

        def install() -> None:
            self.held = _native.open_scope(options)
            self.ask = _native.violations

        return install

    def take(self) -> list[dict[str, Any]]:
        """Those that are new."""
        new = []
        for entry in self.ask():
            key = entry["rule"], entry["path"], entry["row"], entry["text"]
            if self.seen.get(key, 0) < entry["count"]:
                self.seen[key] = entry["count"]
                new.append(entry)
        return new


def run(source: str, skip: set[int], marked: set[int], options: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Execute the block; what its lines raised."""
    raised: list[dict[str, Any]] = []
    tree = ast.parse(source, FILE)
    recorded: list[ast.stmt] = list(tree.body)
    unbound: set[str] = set()
    denials = Denials()

    def settle(index: int, row: int = 0) -> list[str]:
        """Note what was denied and did not come out as an exception; the rules of what did."""
        outside = []
        statement = recorded[index]
        rows = range(first_row(statement), (statement.end_lineno or statement.lineno) + 1)
        for entry in denials.take():
            place = entry["row"] if entry["path"] == FILE else 0
            # Denied in code the block called: the line with a mark, if there is one.
            place = place or row or next((r for r in rows if r in marked), rows[0])
            if place == row:
                outside.append(entry["rule"])
            else:
                raised.append({"row": place, "type": "", "bases": [], "text": entry["text"], "rules": [entry["rule"]]})
        return outside

    def record(index: int) -> None:
        error = sys.exc_info()[1]
        if error is None:
            return
        if missing_name(error) in unbound:
            unbound.update(bound_names(recorded[index]))
            return
        bases = [base.__name__ for base in type(error).__mro__]
        row = innermost_row(error.__traceback__)
        rules = settle(index, row)
        if rules:
            unbound.update(bound_names(recorded[index]))
        kind = type(error).__name__
        raised.append({"row": row, "type": kind, "bases": bases, "text": str(error), "rules": rules})

    scope: dict[str, Any] = {"__name__": "__main__", "__file__": FILE, RECORD: record, SETTLE: settle}
    first: list[ast.stmt] = []
    statements: list[ast.stmt] = []
    inner = Inner(marked, recorded)
    for index, statement in enumerate(tree.body):
        rows = range(first_row(statement), (statement.end_lineno or statement.lineno) + 1)
        if skip.intersection(rows):
            unbound |= bound_names(statement)
        elif must_stay_first(statement, index):
            first.append(statement)
        else:
            nested = statement if isinstance(statement, ast.Expr) else inner.visit(statement)
            statements.append(recording(nested, index))
    if options is not None:
        scope[INSTALL] = denials.prepare(options)
        first.append(ast.fix_missing_locations(call(INSTALL)))
    scope[VIOLATION] = denials.violation
    tree.body = first + statements
    code = compile(tree, FILE, "exec", dont_inherit=True)
    exec(code, scope)
    return raised


def main() -> None:
    """Read the block, run it, answer."""
    block: dict[str, Any] = json.load(sys.stdin)
    # What the block prints is none of the answer.
    answer = os.dup(1)
    os.dup2(2, 1)
    if hasattr(signal, "alarm"):
        signal.alarm(int(block["seconds"]))
    reason = reason_to_skip(block)
    result: dict[str, Any] = {"skipped": reason}
    if reason is None:
        result["raised"] = run(block["source"], set(block["skip"]), set(block["marked"]), block["options"])
    # Opening anything is what the guard may deny by now.
    data = json.dumps(result).encode()
    while data:
        data = data[os.write(answer, data) :]
    # Threads and exit handlers the block left behind are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
