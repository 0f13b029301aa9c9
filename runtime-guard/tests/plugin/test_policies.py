"""Which policy a test has, and that it has no other."""

from __future__ import annotations

import unittest

from suites import Suite


class Markers(Suite):
    def test_the_nearest_marker_wins(self) -> None:
        ran = self.pytest(
            "--hermetic",
            test_one="""
            def closed():
                with pytest.raises(RuntimeError, match="network disabled"):
                    connect()

            def opened():
                with pytest.raises(OSError):
                    connect()

            def test_session(): closed()

            @pytest.mark.allow_network
            class TestClass:
                def test_open(self): opened()
                @pytest.mark.hermetic(block_network=True)
                def test_narrow(self): closed()
                @pytest.mark.hermetic("net-hermetic")
                def test_profile(self): closed()
                @pytest.mark.allow_network("192.0.2.7")
                def test_still_open(self): opened()

            def test_after(): closed()

            @pytest.mark.allow_network("192.0.2.1")
            def test_host(): opened()

            @pytest.mark.allow_hosts(["192.0.2.0/24"])
            def test_network(): opened()

            @pytest.mark.allow_network("192.0.2.2")
            @pytest.mark.allow_network("192.0.2.1")
            def test_both(): opened()

            @pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.allow_network)])
            def test_param(n): closed() if n == 1 else opened()

            def test_last(): closed()
            """,
            test_two="""
            pytestmark = pytest.mark.allow_network("192.0.2.1")
            def test_module():
                with pytest.raises(OSError):
                    connect()
            @pytest.mark.allow_hosts("192.0.2.2")
            def test_replaced():
                with pytest.raises(RuntimeError):
                    connect()
            """,
        )
        names = [
            "session",
            "open",
            "narrow",
            "profile",
            "still_open",
            "after",
            "host",
            "network",
            "both",
            "param_1",
            "param_2",
            "last",
            "module",
            "replaced",
        ]
        self.ends(ran, **{f"test_{name}": "passed" for name in names})
        self.assertEqual(ran.code, 0)

    def test_every_guard_has_a_marker_that_opens_it(self) -> None:
        ran = self.pytest(
            "--hermetic",
            "-p",
            "no:cacheprovider",
            test_one="""
            import os, subprocess
            pytestmark = pytest.mark.hermetic(
                block_subprocess=True, fs_readonly=True, block_environment=True, block_code_exec=True
            )
            def acts():
                return [lambda: subprocess.run(["true"]), lambda: open("x", "w").close(),
                        lambda: os.environ["PATH"], lambda: eval("1")]
            def denied(*numbers):
                for number, act in enumerate(acts()):
                    if number in numbers:
                        with pytest.raises(RuntimeError, match="disabled|readonly"):
                            act()
                    else:
                        act()
            def test_all(): denied(0, 1, 2, 3)
            @pytest.mark.allow_subprocess
            def test_subprocess(): denied(1, 2, 3)
            @pytest.mark.allow_write
            def test_write(): denied(0, 2, 3)
            @pytest.mark.allow_write("x")
            def test_write_one():
                denied(0, 2, 3)
                with pytest.raises(RuntimeError, match="filesystem readonly"):
                    open("y", "w")
            @pytest.mark.allow_environment
            def test_environment(): denied(0, 1, 3)
            @pytest.mark.hermetic(block_code_exec=False)
            def test_code(): denied(0, 1, 2)
            def test_all_again(): denied(0, 1, 2, 3)
            """,
        )
        names = ["all", "subprocess", "write", "write_one", "environment", "code", "all_again"]
        self.ends(ran, **{f"test_{name}": "passed" for name in names})

    def test_what_cannot_be_meant_is_an_error_that_names_it(self) -> None:
        for marker, told in [
            ("hermetic(block_netwrok=True)", "unknown key `block_netwrok`; did you mean `block_network`"),
            ("hermetic('blockall')", "unknown profile: blockall; did you mean `block-all`"),
            ("hermetic(block_network=1)", "block_network takes True or False"),
            ("hermetic(expect='networks')", "unknown guard `networks`; did you mean `network`"),
            ("allow_subprocess('git')", "allow_subprocess takes no argument"),
            ("allow_network(hosts=['a'])", "takes no keyword, and `hosts` is one"),
            ("allow_network(3)", "takes texts, and 3 is none"),
            ("allow_hosts", "takes the hosts to allow"),
            ("allow_network('https://a.example/')", "is a URL; write its host alone"),
        ]:
            with self.subTest(marker=marker):
                ran = self.pytest("--hermetic", test_one=f"@pytest.mark.{marker}\ndef test_it(): pass\n")
                self.assertEqual(ran.code, 4, ran.text)
                self.assertIn(told, ran.text)

    def test_the_marker_asks_by_itself_and_what_only_allows_does_not(self) -> None:
        ran = self.pytest(
            test_one="""
            @pytest.mark.hermetic(block_network=True)
            def test_marked(): connect()
            @pytest.mark.hermetic(block_network=True)
            def test_swallows(): swallow()
            @pytest.mark.allow_network("a.example")
            def test_allowing():
                with pytest.raises(OSError): connect()
            def test_unmarked():
                with pytest.raises(OSError): connect()
            """,
        )
        self.ends(ran, test_marked="failed", test_swallows="failed", test_allowing="passed", test_unmarked="passed")

    def test_a_pytest_within_a_test_is_part_of_that_test(self) -> None:
        ran = self.pytest(
            "--hermetic",
            test_outer="""
            def inner(path, name):
                file = path / name
                file.write_text(
                    "import pytest\\n"
                    "from test_outer import connect\\n"
                    "def test_it():\\n"
                    "    with pytest.raises(OSError):\\n"
                    "        connect()\\n"
                )
                return pytest.main(["-p", "no:terminal", "--rootdir", str(path), str(file)])

            # Its test has no marker, so what the outer run has for such tests would deny it this.
            @pytest.mark.allow_network
            def test_open(tmp_path):
                assert inner(tmp_path, "test_first.py") == 0

            @pytest.mark.hermetic(expect="network")
            def test_closed(tmp_path):
                assert inner(tmp_path, "test_second.py") == 1

            def test_after():
                with pytest.raises(RuntimeError):
                    connect()
            """,
        )
        self.ends(ran, test_open="passed", test_closed="passed", test_after="passed")


class Fixtures(Suite):
    def test_a_fixture_has_the_policy_of_what_it_belongs_to(self) -> None:
        text = """
            def closed():
                with pytest.raises(RuntimeError): connect()
            def opened():
                with pytest.raises(OSError): connect()
            @pytest.fixture(scope="session")
            def of_session():
                closed()
                yield
                closed()
            @pytest.fixture(scope="module")
            def of_module():
                opened()
                yield
                opened()
            @pytest.fixture(scope="class")
            def of_class(of_session):
                closed()
                yield
                closed()
            @pytest.fixture
            def of_test():
                opened()
                yield
                opened()
            @pytest.fixture
            def fails(): connect("192.0.2.9")
            @pytest.fixture
            def fails_later():
                yield
                connect("192.0.2.9")
            pytestmark = pytest.mark.allow_network("192.0.2.1")
            @pytest.mark.hermetic(allow_domains=[])
            class TestClass:
                @pytest.mark.allow_network("192.0.2.1")
                def test_all(self, of_session, of_module, of_class, of_test): opened()
                def test_fails(self, fails): pass
                def test_fails_later(self, fails_later): pass
                def test_asks_late(self, request):
                    closed()
                    request.getfixturevalue("of_module")
                    closed()
            def test_open(of_module, of_session): opened()
            """
        ran = self.pytest("--hermetic", test_one=text)
        self.ends(
            ran, test_all="passed", test_fails="error", test_fails_later="passed+error", test_asks_late="passed",
            test_open="passed",
        )  # fmt: skip
        self.assertEqual(ran.text.count("network disabled: connect(192.0.2.9)") > 1, True)

    def test_setup_functions_and_classes_of_unittest(self) -> None:
        ran = self.pytest(
            "--hermetic",
            test_one="""
            import unittest
            def setup_module():
                with pytest.raises(RuntimeError): connect()
            class TestPlain:
                def setup_method(self):
                    with pytest.raises(RuntimeError): connect()
                def test_plain(self): pass
            class TestUnit(unittest.TestCase):
                @classmethod
                def setUpClass(cls): connect()
                def test_never(self): pass
            class TestMore(unittest.TestCase):
                def setUp(self):
                    with self.assertRaises(RuntimeError): connect()
                def test_fails(self): connect()
                def test_expects(self):
                    with self.assertRaisesRegex(RuntimeError, "network"): connect()
                def test_swallows(self): swallow()
                @pytest.mark.allow_network
                def test_allowed(self):
                    with self.assertRaises(RuntimeError): raise RuntimeError
            """,
        )
        self.ends(
            ran, test_plain="passed", test_never="error", test_fails="failed", test_expects="passed",
            test_swallows="failed", test_allowed="failed",
        )  # fmt: skip

    def test_pytests_own_files_are_written_under_guards(self) -> None:
        for keyword in ("fs_readonly=True", "fs_root='.'"):
            ran = self.pytest(
                "--hermetic",
                test_one=f"""
                import os, sys
                pytestmark = pytest.mark.hermetic({keyword}, block_environment=True)
                def test_tmp(tmp_path, tmp_path_factory):
                    (tmp_path / "a").mkdir()
                    (tmp_path / "a" / "b").write_text("c")
                    assert os.path.realpath(tmp_path) and (tmp_path / "a" / "b").read_text() == "c"
                    assert [one.name for one in tmp_path.iterdir()] == ["a"]
                    (tmp_path_factory.mktemp("more") / "d").write_text("e")
                def test_captured(capfd, capsys_or_none):
                    print("out"); os.write(1, b"fd")
                    assert "fd" in capfd.readouterr().out
                @pytest.fixture
                def capsys_or_none(): return None
                def test_cache(pytestconfig):
                    pytestconfig.cache.set("x/y", 1)
                    assert pytestconfig.cache.get("x/y", 0) == 1
                def test_elsewhere():
                    with pytest.raises(RuntimeError): open("elsewhere", "w")
                def test_monkeypatch(monkeypatch):
                    monkeypatch.setattr(os, "linesep", "x")
                def test_fails(): assert 0
                """,
            )
            self.ends(
                ran, test_tmp="passed", test_captured="passed", test_cache="passed", test_elsewhere="passed",
                test_monkeypatch="passed", test_fails="failed",
            )  # fmt: skip
            self.assertTrue((self.folder / ".pytest_cache" / "v" / "x" / "y").exists())
            self.assertIn("test_fails", (self.folder / ".pytest_cache/v/cache/lastfailed").read_text())


class Nothing(Suite):
    def test_nothing_leaks_to_the_next_test(self) -> None:
        text = """
            import os, sys, subprocess
            from hermetic import status
            KEEP = {}
            def state():
                return (type(os.environ._data), dict(os.environ), type(sys.path), sys.dont_write_bytecode,
                        os.environ.__class__.__getitem__.__code__)
            def test_before(): KEEP["state"] = state()
            @pytest.mark.hermetic("block-all", block_interpreter_mutation=True)
            def test_all():
                assert status()["scopes"] == 1
                raise ValueError("in the middle")
            @pytest.mark.hermetic("block-all")
            def test_skips(): pytest.skip()
            @pytest.mark.hermetic("block-all")
            def test_exits(): raise SystemExit(3)
            def test_after():
                now = state()
                assert now[0] is dict and now[2:] == KEEP["state"][2:]
                assert now[1]["PATH"] == KEEP["state"][1]["PATH"]
                subprocess.run(["true"], check=True)
                assert status()["scopes"] <= 1
            """
        ran = self.pytest("--hermetic", test_one=text)
        self.assertIn("2 failed, 2 passed, 1 skipped", ran.text)
        stopped = self.pytest("--hermetic", "-x", test_one=text)
        self.assertIn("1 failed, 1 passed", stopped.text)
        self.assertNotIn("INTERNALERROR", stopped.text)


if __name__ == "__main__":
    unittest.main()
