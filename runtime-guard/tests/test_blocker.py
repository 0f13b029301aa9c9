"""Scopes: nested, overlapping, in threads and tasks, and around functions of every kind."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import threading
import unittest
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from hermetic import hermetic_blocker, status, with_hermetic
from hermetic.blocker import BlockConfig
from hermetic.errors import HermeticError, PolicyViolation
from support import Project, needs_native

POLICY: dict[str, Any] = {"block_subprocess": True}


def denied() -> bool:
    """Whether starting a process is denied just now."""
    try:
        os.system("true")
    except PolicyViolation:
        return True
    return False


class Scopes(unittest.TestCase):
    def tearDown(self) -> None:
        self.assertFalse(denied(), "a policy was left open")

    def test_any_order(self) -> None:
        first, second, third = (hermetic_blocker(block_subprocess=True) for _ in range(3))
        for order in ((first, second, third), (third, second, first), (second, first, third)):
            for blocker in (first, second, third):
                blocker.__enter__()
            for blocker in order:
                self.assertTrue(denied())
                blocker.__exit__(None, None, None)
            self.assertFalse(denied())

    def test_an_inner_policy_cannot_allow(self) -> None:
        outer = hermetic_blocker(block_network=True, block_subprocess=True)
        with outer, hermetic_blocker(block_network=True, allow_localhost=True, allow_domains=["a.example"]):
            self.assertTrue(denied())
        with outer, hermetic_blocker():
            self.assertTrue(denied())

    def test_the_same_blocker_again(self) -> None:
        blocker = hermetic_blocker(block_subprocess=True)
        with blocker:
            with blocker:
                self.assertTrue(denied())
            self.assertTrue(denied())
        self.assertFalse(denied())

    def test_leaving_without_entering_does_nothing(self) -> None:
        blocker = hermetic_blocker(block_subprocess=True)
        blocker.__exit__(None, None, None)
        with blocker:
            self.assertTrue(denied())
        blocker.__exit__(None, None, None)
        self.assertFalse(denied())

    def test_a_policy_binds_every_thread(self) -> None:
        seen: list[bool] = []
        opened, looked = threading.Event(), threading.Event()

        def look() -> None:
            opened.wait(60)
            seen.append(denied())
            looked.set()

        thread = threading.Thread(target=look)
        thread.start()
        with hermetic_blocker(block_subprocess=True):
            opened.set()
            looked.wait(60)
        thread.join()
        self.assertEqual(seen, [True])

    def test_threads_open_and_close(self) -> None:
        shared = hermetic_blocker(block_subprocess=True)
        wrong: list[str] = []

        def work() -> None:
            for _ in range(50):
                with shared, hermetic_blocker(block_subprocess=True):
                    if not denied():
                        wrong.append("not denied")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_tasks_overlap(self) -> None:
        log: list[tuple[str, bool]] = []

        async def work(name: str, opened: asyncio.Event, may_close: asyncio.Event) -> None:
            async with hermetic_blocker(block_subprocess=True):
                opened.set()
                await may_close.wait()
            log.append((name, denied()))

        async def run() -> None:
            events = [asyncio.Event() for _ in range(4)]
            first = asyncio.ensure_future(work("first", events[0], events[1]))
            second = asyncio.ensure_future(work("second", events[2], events[3]))
            await events[0].wait()
            await events[2].wait()
            events[1].set()
            await first
            events[3].set()
            await second

        asyncio.run(run())
        self.assertEqual(log, [("first", True), ("second", False)])

    def test_a_cancelled_task_closes_its_policy(self) -> None:
        @with_hermetic(block_subprocess=True)
        async def forever() -> None:
            await asyncio.Event().wait()

        async def run() -> None:
            task = asyncio.ensure_future(forever())
            await asyncio.sleep(0)
            self.assertTrue(denied())
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        asyncio.run(run())

    def test_a_policy_that_cannot_open_leaves_nothing(self) -> None:
        blocker = hermetic_blocker(block_subprocess=True, allow_domains=["https://a.example/"], block_network=True)
        for _ in range(2):
            with self.assertRaisesRegex(ValueError, "--allow-domain"):
                blocker.__enter__()
            self.assertFalse(denied())


class Functions(unittest.TestCase):
    def tearDown(self) -> None:
        self.assertFalse(denied(), "a policy was left open")

    def test_recursion(self) -> None:
        @with_hermetic(**POLICY)
        def down(depth: int) -> bool:
            return denied() and (depth == 0 or down(depth - 1)) and denied()

        self.assertTrue(down(3))

    def test_exceptions(self) -> None:
        @with_hermetic(**POLICY)
        def fail() -> None:
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            fail()

    def test_coroutines(self) -> None:
        @with_hermetic(**POLICY)
        async def act(value: int) -> list[object]:
            before = denied()
            await asyncio.sleep(0)
            return [value, before, denied()]

        async def run() -> list[object]:
            waiting = act(3)
            self.assertFalse(denied(), "calling it opens nothing yet")
            return await waiting

        self.assertTrue(asyncio.iscoroutinefunction(act))
        self.assertEqual(asyncio.run(run()), [3, True, True])

    def test_generators(self) -> None:
        @with_hermetic(**POLICY)
        def count() -> Any:
            got = yield denied()
            try:
                yield got
            except KeyError:
                yield denied()
            return "end"

        made = count()
        self.assertFalse(denied(), "calling it opens nothing yet")
        self.assertIs(next(made), True)
        self.assertTrue(denied(), "it is open while the generator is suspended")
        self.assertEqual(made.send(5), 5)
        self.assertIs(made.throw(KeyError), True)
        with self.assertRaises(StopIteration) as stopped:
            next(made)
        self.assertEqual(stopped.exception.value, "end")
        self.assertFalse(denied())
        left = count()
        next(left)
        left.close()
        self.assertFalse(denied())

    def test_asynchronous_generators(self) -> None:
        log: list[str] = []

        @with_hermetic(**POLICY)
        async def count() -> Any:
            try:
                got = yield denied()
                try:
                    yield got
                except KeyError:
                    yield "caught"
            finally:
                log.append(f"end {denied()}")

        async def run() -> None:
            made = count()
            self.assertIs(await made.__anext__(), True)
            self.assertEqual(await made.asend(5), 5)
            self.assertEqual(await made.athrow(KeyError()), "caught")
            with self.assertRaises(StopAsyncIteration):
                await made.__anext__()
            self.assertFalse(denied())
            left = count()
            await left.__anext__()
            await left.aclose()
            self.assertFalse(denied())
            failing = count()
            await failing.__anext__()
            with self.assertRaises(ZeroDivisionError):
                await failing.athrow(ZeroDivisionError())
            self.assertEqual([value async for value in count()], [True, None])

        import inspect

        self.assertTrue(inspect.isasyncgenfunction(count))
        asyncio.run(run())
        self.assertEqual(log, ["end True"] * 4)

    def test_methods(self) -> None:
        class Thing:
            @with_hermetic(**POLICY)
            def method(self) -> tuple[object, bool]:
                return self, denied()

            @with_hermetic(**POLICY)
            @staticmethod
            def static() -> bool:
                return denied()

            @with_hermetic(**POLICY)
            @classmethod
            def of_class(cls) -> tuple[object, bool]:
                return cls, denied()

            @property
            @with_hermetic(**POLICY)
            def value(self) -> bool:
                return denied()

        thing = Thing()
        self.assertEqual(thing.method(), (thing, True))
        self.assertEqual((thing.static(), Thing.static()), (True, True))
        self.assertEqual((thing.of_class(), Thing.of_class()), ((Thing, True),) * 2)
        self.assertTrue(thing.value)

    def test_partials_and_callable_objects(self) -> None:
        class Caller:
            async def __call__(self) -> bool:
                return denied()

        def numbers(count: int) -> Iterator[bool]:
            for _ in range(count):
                yield denied()

        async def letters() -> AsyncIterator[bool]:
            yield denied()

        partial = with_hermetic(**POLICY)(functools.partial(numbers, 2))
        self.assertEqual(list(partial()), [True, True])
        self.assertTrue(asyncio.run(with_hermetic(**POLICY)(Caller())()))

        async def run() -> list[bool]:
            return [value async for value in with_hermetic(**POLICY)(letters)()]

        self.assertEqual(asyncio.run(run()), [True])
        self.assertEqual(with_hermetic(**POLICY)(len)("abc"), 3)

    @unittest.skipIf(sys.version_info < (3, 12), "inspect.markcoroutinefunction is new in 3.12")
    def test_functions_marked_as_coroutines(self) -> None:
        import inspect

        async def act() -> bool:
            return denied()

        def marked() -> Any:
            return act()

        mark = vars(inspect)["markcoroutinefunction"]
        self.assertTrue(asyncio.run(with_hermetic(**POLICY)(mark(marked))()))

    def test_classes_are_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "cannot be put on the class Thing; put it on the methods"):

            @with_hermetic(**POLICY)
            class Thing:
                pass

    def test_other_things_are_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "can be put on a function, not on int"):
            with_hermetic(**POLICY)(3)  # type: ignore[type-var]
        with self.assertRaisesRegex(TypeError, r"not function; write `@with_hermetic\(...\)`"):

            @with_hermetic  # type: ignore[arg-type]
            def act() -> None: ...


class BadInput(unittest.TestCase):
    def test_types(self) -> None:
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("block_network takes True or False, not 'no'", {"block_network": "no"}),
            ("trace takes True or False, not 1", {"trace": 1}),
            ("best_effort takes True or False, not None", {"best_effort": None}),
            ("allow_domains takes a list of strings, not 'a.example'", {"allow_domains": "a.example"}),
            ("allow_domains takes a list of strings, not None", {"allow_domains": None}),
            ("deny_imports takes a list of strings, and 3 is none", {"deny_imports": ["a", 3]}),
            ("allow_native takes a list of strings, not b'a'", {"allow_native": b"a"}),
            ("fs_root takes a path, not 3", {"fs_root": 3}),
            ("fs_root takes a path, not b'/'", {"fs_root": b"/"}),
        ]
        makers: list[Callable[..., object]] = [hermetic_blocker, BlockConfig, BlockConfig.from_kwargs]
        for text, arguments in wrong:
            for maker in makers:
                with self.assertRaises(TypeError) as raised:
                    maker(**arguments)
                self.assertEqual(str(raised.exception), text)

    def test_a_config_changed_later_is_looked_at_again(self) -> None:
        blocker = hermetic_blocker(block_subprocess=True)
        blocker.cfg.allow_domains = "abc"  # type: ignore[assignment]
        with self.assertRaisesRegex(TypeError, "allow_domains takes a list"):
            blocker.__enter__()

    def test_a_root_that_is_not_there(self) -> None:
        with self.assertRaisesRegex(ValueError, "--fs-readonly.*/nowhere/at/all"):
            hermetic_blocker(fs_readonly=True, fs_root="/nowhere/at/all").__enter__()

    def test_profiles(self) -> None:
        with self.assertRaises(ValueError) as raised:
            hermetic_blocker(profile="blockall")
        self.assertEqual(str(raised.exception), "unknown profile: blockall; did you mean `block-all`")

    def test_iterables_are_read_once(self) -> None:
        made = hermetic_blocker(block_network=True, allow_domains=(name for name in ("a", "b"))).cfg
        self.assertEqual((made.allow_domains, made.allow_domains), (["a", "b"], ["a", "b"]))


class Process(Project):
    """What needs a process of its own."""

    def test_sealed(self) -> None:
        ran = self.program(
            """
            import os
            from hermetic import guards, hermetic_blocker, status
            from hermetic.errors import PolicyViolation

            def denied():
                try:
                    os.system("true")
                except PolicyViolation:
                    return True
                return False

            earlier = hermetic_blocker(block_network=True)
            earlier.__enter__()
            with hermetic_blocker(block_subprocess=True, sealed=True):
                print(denied())
            print(denied())
            earlier.__exit__(None, None, None)
            guards.uninstall_all()
            print(denied(), status()["sealed"])
            with hermetic_blocker(block_environment=True):
                pass
            guards.environment.install()
            guards.environment.uninstall()
            print(denied())
            """
        )
        self.assertEqual(ran.stdout, "True\nTrue\nTrue True\nTrue\n")

    @needs_native
    def test_little_is_loaded(self) -> None:
        ran = self.program(
            """
            import sys
            before = set(sys.modules)
            import hermetic
            with hermetic.hermetic_blocker(block_subprocess=True):
                pass
            loaded = {name for name in sys.modules if name not in before}
            print(sorted(name for name in loaded if not name.startswith("hermetic")))
            """
        )
        # The encodings' own table, which look-ups need, is loaded before it might be denied.
        self.assertIn(ran.stdout, ("[]\n", "['unicodedata']\n"))

    def test_bases(self) -> None:
        self.assertIsInstance(status(), dict)
        self.assertTrue(issubclass(PolicyViolation, HermeticError))


if __name__ == "__main__":
    unittest.main()
