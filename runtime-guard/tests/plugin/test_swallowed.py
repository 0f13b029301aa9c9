"""What a test is told that was denied something and went on."""

from __future__ import annotations

import unittest

from suites import Suite


class Swallowed(Suite):
    def test_it_fails_with_the_place_unless_somebody_expected_it(self) -> None:
        ran = self.pytest(
            "--hermetic",
            test_one="""
            import contextlib, socket, threading
            def test_eaten(): swallow()
            def test_raised(): connect()
            def test_raised_as_another():
                try: connect()
                except Exception: raise ValueError
            def test_expected():
                with pytest.raises(RuntimeError): connect()
            def test_expected_as_function(): pytest.raises(RuntimeError, connect)
            def test_expected_as_cause():
                with pytest.raises(ValueError):
                    try: connect()
                    except Exception as error: raise ValueError from error
            def test_expected_another():
                with pytest.raises(ValueError):
                    swallow()
                    raise ValueError
            def test_one_of_two():
                with pytest.raises(RuntimeError): connect()
                swallow()
            def test_read(hermetic):
                swallow()
                [violation] = hermetic.violations
                assert (violation.guard, violation.target, violation.count) == ("network", "192.0.2.1", 1)
                assert violation.path.endswith("conftest.py") and violation.row
            def test_not_read(hermetic): swallow()
            def test_read_too_early(hermetic):
                assert hermetic.violations == ()
                swallow()
            @pytest.mark.hermetic(expect="network")
            def test_in_words(): swallow()
            @pytest.mark.hermetic(expect="subprocess")
            def test_in_other_words(): swallow()
            def test_return_code():
                with socket.socket() as one: one.connect_ex(("192.0.2.1", 9))
            def test_thread():
                thread = threading.Thread(target=swallow)
                thread.start()
                thread.join()
            @pytest.mark.xfail(strict=True)
            def test_xfail(): connect()
            def test_forged():
                from hermetic.errors import PolicyViolation
                swallow()
                with pytest.raises(PolicyViolation): raise PolicyViolation("network disabled: connect(192.0.2.1)")
            @pytest.fixture
            def eats_before(): swallow()
            @pytest.fixture
            def eats_after():
                yield
                swallow()
            def test_before(eats_before): pass
            def test_after(eats_after): pass
            """,
        )
        passes = ["expected", "expected_as_function", "expected_as_cause", "read", "in_words"]
        fails = [
            "eaten",
            "raised",
            "raised_as_another",
            "expected_another",
            "one_of_two",
            "not_read",
            "read_too_early",
            "in_other_words",
            "return_code",
            "thread",
            "forged",
        ]
        self.ends(
            ran,
            **{f"test_{name}": "passed" for name in passes},
            **{f"test_{name}": "failed" for name in fails},
            test_xfail="xfail",
            test_before="error",
            test_after="passed+error",
        )
        self.assertIn(
            "1 act was denied, and the test went on:\n  network disabled: connect(192.0.2.1)",
            ran.text.replace("E   ", ""),
        )
        self.assertIn("conftest.py:7", ran.summary())
        self.assertIn('@pytest.mark.allow_network("192.0.2.1")', ran.summary())
        self.assertIn('allow-domain = ["192.0.2.1"]', ran.summary())
        self.assertIn("swallowed", ran.summary())

    def test_the_settings(self) -> None:
        text = "def test_it(): swallow()\n"
        for options, ends in [
            (["--hermetic-swallowed=warn"], "passed"),
            (["-o", "hermetic_swallowed=ignore"], "passed"),
            (["-o", "hermetic_swallowed=fail"], "failed"),
            (["--hermetic-swallowed=warn", "-W", "error::hermetic._testing.guarding.HermeticWarning"], "failed"),
        ]:
            with self.subTest(options=options):
                ran = self.pytest("--hermetic", *options, test_one=text)
                self.ends(ran, test_it=ends)
                self.assertIn("1 act was blocked, at 1 place", ran.summary())
                if options == ["--hermetic-swallowed=warn"]:
                    self.assertIn("HermeticWarning", ran.text)
        self.write("hermetic.toml", '[pytest]\nswallowed = "ignore"\n')
        self.ends(self.pytest("--hermetic", test_one=text), test_it="passed")
        ran = self.pytest("--hermetic", "-o", "hermetic_swallowed=warm", test_one=text)
        self.assertIn("unknown value `warm`; did you mean `warn`", ran.text)

    def test_nothing_takes_back_what_was_denied(self) -> None:
        ran = self.pytest(
            "--hermetic",
            test_one="""
            def test_hides(request):
                swallow()
                plugin = request.config.pluginmanager.get_plugin("hermetic-guarding").guarding
                plugin.ledger.settle()
                plugin.told.clear()
                from hermetic import _native
                for name in dir(_native):
                    assert not name.startswith(("clear", "reset", "forget"))
                _native.violations().clear()
            """,
        )
        self.assertIn("1 act was blocked", ran.summary())
        self.assertEqual(ran.code, 1)

    def test_imports_and_what_is_no_test(self) -> None:
        ran = self.pytest("--hermetic", test_one="swallow()\ndef test_it(): pass\n")
        self.assertEqual(ran.code, 2)
        self.assertIn("1 act was denied, and the test went on", ran.text)
        self.write("test_one.py", "def test_it(): pass\n")
        self.write(
            "conftest.py",
            """
            import socket
            def pytest_sessionfinish():
                try: socket.socket().connect(("127.0.0.1", 9))
                except Exception: pass
            """,
        )
        self.assertEqual(self.pytest("--hermetic").code, 0)


class Kinds(Suite):
    def test_asynchronous_tests(self) -> None:
        ran = self.pytest(
            "--hermetic",
            test_one="""
            import asyncio, pytest_asyncio
            pytestmark = pytest.mark.hermetic(block_subprocess=True)
            @pytest_asyncio.fixture
            async def fixture():
                with pytest.raises(RuntimeError): connect()
                yield
                with pytest.raises(RuntimeError): connect()
            @pytest_asyncio.fixture
            async def eats():
                yield
                swallow()
            @pytest.mark.asyncio
            async def test_expects(fixture):
                await asyncio.sleep(0)
                with pytest.raises(RuntimeError): connect()
            @pytest.mark.asyncio
            async def test_eats():
                await asyncio.sleep(0)
                swallow()
            @pytest.mark.asyncio
            async def test_eats_later(eats): pass
            @pytest.mark.asyncio
            @pytest.mark.allow_network
            async def test_open():
                with pytest.raises(OSError): connect()
            @pytest.fixture
            def anyio_backend(): return "asyncio"
            @pytest.mark.anyio
            async def test_anyio():
                with pytest.raises(RuntimeError): connect()
            @pytest.mark.anyio
            async def test_anyio_eats(): swallow()
            """,
        )
        self.ends(
            ran, test_expects="passed", test_eats="failed", test_eats_later="passed+error", test_open="passed",
            test_anyio="passed", test_anyio_eats="failed",
        )  # fmt: skip

    def test_doctests(self) -> None:
        self.write(
            "lib.py",
            '''
            from conftest import connect, swallow
            def shows():
                """
                >>> connect()
                Traceback (most recent call last):
                hermetic.errors.PolicyViolation: network disabled ...
                """
            def eats():
                """
                >>> swallow()
                """
            def fails():
                """
                >>> connect()
                """
            ''',
        )
        ran = self.pytest("--hermetic", "--doctest-modules", "--doctest-continue-on-failure", "lib.py")
        found = {name.rpartition(".")[2]: ends for name, ends in ran.outcomes.items()}
        self.assertEqual(found["eats"], {"FAILED"}, ran.text)
        self.assertEqual(found["fails"], {"FAILED"}, ran.text)

    def test_workers_of_xdist(self) -> None:
        modules = {
            f"test_{number}": """
            def test_pass(): pass
            def test_eats(): swallow()
            @pytest.mark.allow_network
            def test_open():
                with pytest.raises(OSError): connect()
            def test_tmp(tmp_path): (tmp_path / "x").write_text("y")
            """
            for number in range(3)
        }
        ran = self.pytest("--hermetic=net-hermetic", "--hermetic=fs-readonly", "-n", "2", **modules)
        self.assertIn("3 failed, 9 passed", ran.text)
        self.assertIn("3 acts were blocked, at 1 place", ran.summary())


if __name__ == "__main__":
    unittest.main()
