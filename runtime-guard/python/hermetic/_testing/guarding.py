"""Tests under policies: what pytest calls while it runs them.

A policy is open while code of the tests runs: the body of a test, the setting up and tearing down of a fixture. It is
the one policy of that place, alone, never on top of another. pytest's own work in between (the cache, reports, its
fixtures such as `tmp_path`) is not under it; what holds then is its network part, for the sake of threads that a test
left behind.
"""

from __future__ import annotations

import sys

import pytest

from hermetic import _native
from hermetic._testing import policies
from hermetic._testing.ledger import Ledger, Violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from _pytest.nodes import Node

    from hermetic._native import Standing

FAIL, WARN, IGNORE = "fail", "warn", "ignore"
_MARKS = frozenset(policies.MARKERS)


class HermeticWarning(pytest.PytestWarning):
    """A test was denied something and went on."""


class Hermetic:
    """The fixture `hermetic`: what was denied in a test so far."""

    def __init__(self, guarding: Guarding, node: pytest.Item) -> None:
        self._guarding = guarding
        self._node = node

    @property
    def violations(self) -> tuple[Violation, ...]:
        """What was denied in this test so far. Who reads it has seen it: it is not swallowed."""
        ledger = self._guarding.ledger
        ledger.excuse_all()
        return (*self._guarding.about(self._node), *(violation for _, violation in ledger.news()))


class Guarding:
    """The plugin of a run that is guarded, or that learns."""

    def __init__(
        self, config: pytest.Config, base: dict[str, Any] | None, *, swallowed: str, learns: bool = False
    ) -> None:
        self.config = config
        self.base = base
        self.swallowed = swallowed
        self.learns = learns
        # Of programs that were started, those that nothing was learned from.
        self.programs: list[str] = []
        self.ledger = Ledger()
        # (test, violation, outcome), here and by workers of pytest-xdist.
        self.told: list[tuple[str, dict[str, Any], str]] = []
        self.acts: list[dict[str, object]] = []
        self._earlier: list[Violation] = []
        # What fixtures set for the rest of a test, as markers would.
        self.set: dict[pytest.Item, dict[str, Any]] = {}
        # Markers of another plugin's, with what they set.
        self.others: dict[str, Callable[[Any], dict[str, Any]]] = {}
        # Markers that say what is denied, and not only what is allowed.
        self.asking = {"hermetic"}
        self._standing: dict[str, Standing] = {}
        self._of: dict[Node, dict[str, Any] | None] = {}
        self._at: dict[int, Standing | None] = {}
        self._imports: tuple[dict[str, Any], Standing | None] | None = None
        # The class or module of the test before, and the policy of its tests that have no markers.
        self.last_parent: object = None
        self.last_standing: Standing | None = None
        # The test that `_earlier` is about.
        self._test: object = None
        self.opened: Standing | None = None
        self.at_rest: Standing | None = None
        # What was exchanged in classes of pytest's and the library's: the class, the name and what was there.
        self._restore: list[tuple[Any, str, Any]] = []
        self._room: list[str] | None = None

    # Which policy

    def policy(self, node: Node) -> dict[str, Any] | None:
        """The policy of what a node is made of; None where none was asked for."""
        if isinstance(node, pytest.Item):
            above = self._above(node)
            return self._marked(above, node) if node.own_markers or node in self.set else above
        if node in self._of:
            return self._of[node]
        above = self.policy(node.parent) if node.parent is not None else self.base
        found = self._of[node] = self._marked(above, node) if node.own_markers else above
        return found

    def _above(self, item: pytest.Item) -> dict[str, Any] | None:
        return self.policy(item.parent) if item.parent is not None else self.base

    def of_item(self, item: pytest.Item) -> Standing | None:
        """The policy of a test, ready to be opened. Tests of one class or module follow each other, and are alike."""
        if item.own_markers or self.set:
            return self.standing(self.policy(item))
        if item.parent is not self.last_parent:
            self.last_parent, self.last_standing = item.parent, self.standing(self._above(item))
        return self.last_standing

    def of_imports(self, base: dict[str, Any]) -> Standing | None:
        """What test modules are imported under: the part of the policy that pytest itself does not need."""
        if self.learns:
            return self.standing(None)
        if self._imports is None or self._imports[0] is not base:
            kept = ("no_network", "allow_localhost", "allow_domain", "no_subprocess")
            policy = {**policies.nothing(), **{key: base[key] for key in kept}}
            self._imports = base, self.ready(policy)
        return self._imports[1]

    def _marked(self, above: dict[str, Any] | None, node: Node) -> dict[str, Any] | None:
        own = [mark for mark in node.own_markers if mark.name in _MARKS or mark.name in self.others]
        changes = self.set.get(node, {}) if isinstance(node, pytest.Item) else {}
        if not own and not changes:
            return above
        # A test that says what it is to be denied asks for it; one that says what is allowed does not.
        if above is None and not changes and not any(mark.name in self.asking for mark in own):
            return None
        try:
            policy = above if above is not None else policies.nothing()
            for mark in own:
                if mark.name in self.others:
                    policy = {**policy, **self.others[mark.name](mark)}
            ours = [mark for mark in own if mark.name not in self.others]
            return {**policies.marked(policy, ours, str(self.config.rootpath)), **changes}
        except policies.MarkerError as error:
            raise pytest.UsageError(f"{node.nodeid}: {error}") from None

    def standing(self, policy: dict[str, Any] | None) -> Standing | None:
        """The policy, ready to be opened; None for one that denies nothing."""
        if self.learns:
            if "" not in self._standing:
                self._standing[""] = _native.observer()
            return self._standing[""]
        if policy is None:
            return None
        # The same dict is the same policy: most tests have that of their module.
        at = id(policy)
        if at in self._at:
            return self._at[at]
        found = self.ready(policies.with_room(policy, self._rooms(policy)))
        if policy is self.base or any(policy is known for known in self._of.values()):
            self._at[at] = found
        return found

    def ready(self, policy: dict[str, Any]) -> Standing | None:
        """The same for what is alike."""
        if not policies.denies(policy):
            return None
        key = repr(sorted(policy.items()))
        if key not in self._standing:
            try:
                self._standing[key] = _native.stand_ready(policy)
            except (ValueError, RuntimeError) as error:
                raise pytest.UsageError(f"hermetic: {error}") from None
        return self._standing[key]

    def _rooms(self, policy: dict[str, Any]) -> list[str]:
        """The folders of pytest's own files, made before they are guarded."""
        if self._room is None and (policy["fs_readonly"] or policy["fs_root"]):
            factory = getattr(self.config, "_tmp_path_factory", None)
            self._room = [str(factory.getbasetemp())] if factory is not None else []
            cache = getattr(self.config, "cache", None)
            if cache is not None:
                # The folder is made with the first thing that is kept in it.
                cache.set("hermetic/room", True)
                self._room.append(str(self.config.rootpath / str(self.config.getini("cache_dir"))))
        return self._room or []

    def expected(self, node: Node) -> tuple[str, ...]:
        """The guards whose denials the nearest marker expects."""
        for mark in node.iter_markers("hermetic"):
            if policies.EXPECT in mark.kwargs:
                return policies.expected(mark.kwargs[policies.EXPECT])
        return ()

    def about(self, node: object) -> list[Violation]:
        """What earlier phases of this test were denied."""
        if node is not self._test:
            self._test, self._earlier = node, []
        return self._earlier

    # Opening and closing

    def switch(self, to: Standing | None) -> Standing | None:
        """Open a policy in the place of the one that is open; what was open."""
        before = self.opened
        if to is before:
            return before
        if before is None:
            assert to is not None
            to.enter()
        elif to is None:
            before.leave()
        else:
            to.take_over(before)
        self.opened = to
        return before

    def settle(
        self, node: pytest.Item | pytest.Collector, error: BaseException | None = None, *, where: str = ""
    ) -> None:
        """Account for what was denied in a phase; raises where a test has swallowed a violation."""
        if error is not None:
            self.ledger.propagated(error)
        news, lost = self.ledger.settle()
        if not news:
            return
        self.about(node).extend(news)
        test = f"{node.nodeid or 'the session'}{where}"
        guards = self.expected(node) or _expected_by_doctest(node)
        swallowed = [violation for violation in lost if violation.guard not in guards]
        places = {(violation.path, violation.row, violation.text): violation for violation in swallowed}
        for violation in news:
            is_lost = (violation.path, violation.row, violation.text) in places
            self.told.append((test, violation.as_data(), "swallowed" if is_lost else "seen by the test"))
        if not swallowed or error is not None or self.swallowed == IGNORE:
            return
        text = swallowed_text(swallowed)
        if self.swallowed == WARN:
            node.warn(HermeticWarning(text))
        else:
            pytest.fail(text, pytrace=False)

    def look_at(self, items: list[pytest.Item]) -> None:
        """See that every marker means something, and see to the items that are no plain functions."""
        unittest_case = sys.modules.get("unittest.case")
        if unittest_case is not None:
            self._notice(getattr(unittest_case, "_AssertRaisesContext", None))
        parent: object = None
        for item in items:
            if item.own_markers:
                self.of_item(item)
                self.expected(item)
            elif item.parent is not parent:
                parent = item.parent
                self.of_item(item)
            kind = type(item)
            if kind is not pytest.Function and not _is_called(item):
                # Classes of unittest, doctests and items of other plugins run by themselves.
                item.runtest = _Wrapped(self, item, item.runtest)  # type: ignore[method-assign]

    # What is exchanged in classes of pytest's and the library's

    def begin(self) -> None:
        """Run the bodies of tests under their policies; note what is caught by who says which error he expects."""
        _native.keep_raised()
        # A wrapper of the hook `pytest_pyfunc_call` would be a generator and an exception more for each test.
        self._exchange(pytest.Function, "runtest", _under_policy(pytest.Function.runtest, self))
        raises = pytest.raises(RuntimeError)
        for kind in (type(raises), getattr(pytest, "RaisesGroup", None)):
            self._notice(kind)

    def _notice(self, kind: Any) -> None:
        if kind is not None and all(known is not kind for known, _, _ in self._restore):
            self._exchange(kind, "__exit__", _noticing(kind.__exit__, self.ledger))

    def _exchange(self, kind: Any, name: str, value: object) -> None:
        self._restore.append((kind, name, getattr(kind, name)))
        setattr(kind, name, value)

    def end(self) -> None:
        """Leave the process as it was."""
        for kind, name, original in reversed(self._restore):
            setattr(kind, name, original)
        self._restore.clear()
        for standing in self._standing.values():
            standing.end()
        self._standing.clear()
        self._at.clear()


class Hooks:
    """What pytest calls while it runs tests, and nothing else: it looks at each name of a plugin, several times."""

    __slots__ = ("guarding",)

    def __init__(self, guarding: Guarding) -> None:
        self.guarding = guarding

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """See that every marker means something, before the first test runs."""
        self.guarding.look_at(items)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Set a fixture up under the policy of what it belongs to, and see to its end."""
        guarding = self.guarding
        node = request.node
        standing = guarding.at_rest if _is_of_pytest(fixturedef) else guarding.standing(guarding.policy(node))
        # Finalizers run in the reverse order of their adding: this one is the last, `begin` the first.
        left: list[Standing | None] = []

        def end() -> None:
            if left:
                guarding.switch(left.pop())
                guarding.settle(node, where=" (teardown)")

        def begin() -> None:
            left.append(guarding.switch(standing))

        fixturedef.addfinalizer(end)
        before = guarding.switch(standing)
        try:
            result = yield
        except BaseException as error:
            guarding.switch(before)
            guarding.settle(node, error, where=f" (fixture {fixturedef.argname})")
            raise
        guarding.switch(before)
        fixturedef.addfinalizer(begin)
        if _native.denials() != guarding.ledger.settled and before is guarding.at_rest:
            guarding.settle(node, where=f" (fixture {fixturedef.argname})")
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Import test modules under the part of the policy that pytest itself does not need."""
        guarding = self.guarding
        if guarding.base is None or not isinstance(collector, pytest.Module):
            return (yield)
        before = guarding.switch(guarding.of_imports(guarding.base))
        try:
            report = yield
        finally:
            guarding.switch(before)
        if _native.denials() != guarding.ledger.settled:
            failed = report.outcome == "failed"
            try:
                guarding.settle(collector, collector_error(report), where=" (import)")
            except pytest.fail.Exception as error:
                if not failed:
                    report.outcome = "failed"
                    report.longrepr = str(error)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """What of the policy holds between tests."""
        guarding = self.guarding
        if guarding.base is not None and guarding.base["no_network"] and not guarding.learns:
            # Where that is the whole policy, nothing has to be exchanged between tests.
            guarding.at_rest = guarding.ready(policies.at_rest(guarding.base))
            guarding.switch(guarding.at_rest)
        try:
            return (yield)
        finally:
            guarding.switch(None)
            guarding.at_rest = None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell what was denied outside of any test; tell the controller of pytest-xdist everything."""
        guarding = self.guarding
        # All that was ever denied, whatever became of the account of it.
        lost = guarding.ledger.missing(one for _, one, _ in guarding.told)
        guarding.told += [("no test", violation.as_data(), "swallowed") for violation in lost]
        if lost and guarding.swallowed == FAIL and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        output = getattr(guarding.config, "workeroutput", None)
        if guarding.learns:
            guarding.acts += _native.learned()[0]
            guarding.programs += _native.unguarded()
        if output is not None:
            output["hermetic"] = {
                "told": guarding.told,
                "acts": guarding.acts,
                "lost": bool(lost),
                "programs": guarding.programs,
            }

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of pytest-xdist tells."""
        guarding = self.guarding
        given = getattr(node, "workeroutput", {}).get("hermetic")
        if given:
            guarding.told += [tuple(one) for one in given["told"]]
            guarding.acts += given["acts"]
            guarding.programs += given["programs"]
            if given["lost"] and guarding.swallowed == FAIL:
                session = guarding.config.pluginmanager.get_plugin("session")
                if session is not None and session.exitstatus == pytest.ExitCode.OK:
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What was blocked where."""
        guarding = self.guarding
        if guarding.told:
            from hermetic._testing.summary import lines

            terminalreporter.section("hermetic", sep="=")
            for line in lines(guarding.told, str(guarding.config.rootpath)):
                terminalreporter.line(line)

    def pytest_report_header(self) -> str | None:
        """What is denied."""
        guarding = self.guarding
        if guarding.learns:
            return "hermetic: learning, nothing is denied"
        return f"hermetic: {policies.told(guarding.base)}" if guarding.base is not None else None

    def pytest_unconfigure(self) -> None:
        """Leave the process as it was."""
        self.guarding.end()


def _under_policy(original: Callable[[pytest.Function], None], guarding: Guarding) -> Callable[[pytest.Function], None]:
    """`runtest` of plain functions."""

    def runtest(self: pytest.Function) -> None:
        __tracebackhide__ = True
        if self.config is not guarding.config:  # of a pytest that a test runs in this process
            original(self)
            return
        # Nothing is called for a test that is like the one before it: this is what each test costs.
        if self.parent is guarding.last_parent and not self.own_markers and not guarding.set:
            standing = guarding.last_standing
        else:
            standing = guarding.of_item(self)
        before = guarding.opened
        if standing is not before:
            guarding.switch(standing)
        try:
            original(self)
        except BaseException as error:
            guarding.switch(before)
            guarding.settle(self, error)
            raise
        if guarding.opened is not before:
            guarding.switch(before)
        if _native.denials() != guarding.ledger.settled:
            guarding.settle(self)

    return runtest


class _Wrapped:
    """`runtest` of an item that is no plain function."""

    def __init__(self, guarding: Guarding, item: pytest.Item, runtest: Callable[[], None]) -> None:
        self._guarding = guarding
        self._item = item
        self._runtest = runtest

    def __call__(self) -> None:
        guarding, item = self._guarding, self._item
        before = guarding.switch(guarding.of_item(item))
        try:
            self._runtest()
        except BaseException as error:
            guarding.switch(before)
            guarding.settle(item, error)
            raise
        guarding.switch(before)
        # Where another runner keeps the error for itself, as unittest's does, it is with the item.
        for kept in getattr(item, "_excinfo", None) or ():
            value = getattr(kept, "value", None)
            if isinstance(value, BaseException):
                guarding.settle(item, value)
        if _native.denials() != guarding.ledger.settled:
            guarding.settle(item)


def _expected_by_doctest(node: object) -> tuple[str, ...]:
    """The guards whose denials a doctest shows among what it prints."""
    examples = getattr(getattr(node, "dtest", None), "examples", ())
    shown = any("PolicyViolation" in (getattr(example, "exc_msg", None) or "") for example in examples)
    return policies.GUARDS if shown else ()


def _is_called(item: pytest.Item) -> bool:
    """Whether a test is run by `runtest` of plain functions."""
    return isinstance(item, pytest.Function) and type(item).runtest is pytest.Function.runtest


def _is_of_pytest(fixturedef: pytest.FixtureDef[Any]) -> bool:
    """Whether a fixture is the test runner's own, and none of the tests'."""
    module = getattr(fixturedef.func, "__module__", None) or ""
    return not fixturedef.baseid and module.partition(".")[0] in ("_pytest", "pytest_asyncio", "anyio", "xdist")


def _noticing(original: Callable[..., bool | None], ledger: Ledger) -> Callable[..., bool | None]:
    def __exit__(  # noqa: N807 - what it stands for
        self: object, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> bool | None:
        caught = original(self, kind, error, trace)
        if caught and error is not None:
            ledger.excuse(error)
        return caught

    return __exit__


def swallowed_text(violations: list[Violation]) -> str:
    """What a test fails with that swallowed violations."""
    times = sum(violation.count for violation in violations)
    lines = [f"hermetic: {times} {'act was' if times == 1 else 'acts were'} denied, and the test went on:"]
    for violation in violations:
        more = f" ({violation.count} times)" if violation.count > 1 else ""
        lines.append(f"  {violation.text}{more}")
    lines.append(
        "expect it by pytest.raises, read it from the fixture `hermetic`, mark the test with "
        "@pytest.mark.hermetic(expect=...), or set hermetic_swallowed"
    )
    return "\n".join(lines)


def collector_error(report: pytest.CollectReport) -> BaseException | None:
    """The error a module was collected with, as far as anybody can say: its text alone is kept."""
    return RuntimeError(str(report.longrepr)) if report.outcome == "failed" else None
