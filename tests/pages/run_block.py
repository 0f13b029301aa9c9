"""Run one block of a rule page with no guard and say what its lines raised.

The block comes as JSON on standard input: `source`, `skip` (rows not to execute), `min` (oldest version or null),
`needs` (modules), `seconds` (limit). The answer is JSON on what was standard output at the start: `skipped` (a reason)
or `raised` (row, type, names of its bases, text).

Each top-level statement runs in a `try` of its own, with its line numbers kept, so that one that raises does not end
the block. A statement with a row to skip is not executed; what later fails only because a name it would have bound is
missing is not told.
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


def recording(statement: ast.stmt, index: int) -> ast.stmt:
    """The statement in a `try` that records what it raises and goes on."""
    call = ast.Expr(ast.Call(ast.Name(RECORD, ast.Load()), [ast.Constant(index)], []))
    handler = ast.ExceptHandler(type=None, name=None, body=[call])
    wrapped = ast.Try(body=[statement], handlers=[handler], orelse=[], finalbody=[])
    for node in (call, handler, wrapped):
        ast.copy_location(node, statement)
        ast.fix_missing_locations(node)
    return wrapped


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


def run(source: str, skip: set[int]) -> list[dict[str, Any]]:
    """Execute the block; what its lines raised."""
    raised: list[dict[str, Any]] = []
    statements: list[ast.stmt] = []
    unbound: set[str] = set()
    names: dict[int, set[str]] = {}

    def record(index: int) -> None:
        error = sys.exc_info()[1]
        if error is None:
            return
        if missing_name(error) in unbound:
            unbound.update(names[index])
            return
        bases = [base.__name__ for base in type(error).__mro__]
        row = innermost_row(error.__traceback__)
        raised.append({"row": row, "type": type(error).__name__, "bases": bases, "text": str(error)})

    tree = ast.parse(source, FILE)
    for index, statement in enumerate(tree.body):
        rows = range(first_row(statement), (statement.end_lineno or statement.lineno) + 1)
        if skip.intersection(rows):
            unbound |= bound_names(statement)
        elif must_stay_first(statement, index):
            statements.append(statement)
        else:
            names[index] = bound_names(statement)
            statements.append(recording(statement, index))
    tree.body = statements
    scope: dict[str, Any] = {"__name__": "__main__", "__file__": FILE, RECORD: record}
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
        result["raised"] = run(block["source"], set(block["skip"]))
    with os.fdopen(answer, "w", encoding="utf-8") as out:
        json.dump(result, out)
        out.flush()
    # Threads and exit handlers the block left behind are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
