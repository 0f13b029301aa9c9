"""Options and settings: of hermetic's own, and pytest-socket's."""

from __future__ import annotations

import unittest

from suites import Suite

CLOSED = """
def test_it():
    with pytest.raises(RuntimeError): connect()
"""
OPEN = """
def test_it():
    with pytest.raises(OSError): connect()
"""


class Options(Suite):
    def test_a_path_behind_the_option_is_a_path(self) -> None:
        self.write("test_other.py", "def test_other(): assert 0\n")
        for options in (
            ["--hermetic", "test_one.py"],
            ["test_one.py", "--hermetic"],
            ["--hermetic-learn", "test_one.py"],
        ):
            text = OPEN if "--hermetic-learn" in options else CLOSED
            self.ends(self.pytest(*options, test_one=text), test_it="passed")

    def test_profiles_settings_and_files(self) -> None:
        subprocess = (
            "import subprocess\ndef test_it():\n    with pytest.raises(RuntimeError): subprocess.run(['true'])\n"
        )
        self.ends(self.pytest("--hermetic=exec-deny", test_one=subprocess), test_it="passed")
        self.ends(self.pytest("--hermetic=exec-deny", test_one=OPEN), test_it="passed")
        self.ends(self.pytest("-o", "hermetic=true", test_one=CLOSED), test_it="passed")
        self.ends(self.pytest(test_one=OPEN), test_it="passed")
        self.ends(self.pytest("--hermetic", "-o", "hermetic_no_subprocess=true", test_one=subprocess), test_it="passed")
        self.write(
            "pyproject.toml",
            '[tool.hermetic]\nno-network = true\n[tool.hermetic.pytest]\nallow-domain = ["192.0.2.1"]\n',
        )
        self.ends(self.pytest("--hermetic", test_one=OPEN), test_it="passed")
        self.write("own.toml", "no-network = true\n")
        self.ends(self.pytest("--hermetic", "--hermetic-config=own.toml", test_one=CLOSED), test_it="passed")

    def test_what_is_unknown_is_an_error_that_names_it(self) -> None:
        for options, told in [
            (["--hermetic=net-hermtic"], "unknown profile: net-hermtic; did you mean `net-hermetic`"),
            (
                ["--hermetic", "-o", "hermetic_no_netwrok=true"],
                "unknown setting `hermetic_no_netwrok`; did you mean `hermetic_no_network`",
            ),
            (["--hermetic", "--hermetic-config=none.toml"], "none.toml: No such file"),
            (["--hermetic-learn=pyproject.toml"], "would be replaced"),
            (["--hermetik"], "--hermetik"),
        ]:
            with self.subTest(options=options):
                ran = self.pytest(*options, test_one=CLOSED)
                self.assertEqual(ran.code, 4, ran.text)
                self.assertIn(told, ran.text)
        told = "unknown profile: net-hermtic; did you mean `net-hermetic`"
        self.write("pytest.ini", "[pytest]\naddopts = --hermetic=net-hermtic\n")
        ran = self.pytest(test_one=CLOSED)
        self.assertEqual((ran.code, told in ran.text), (4, True), ran.text)
        self.write("pytest.ini", "[pytest]\n")
        ran = self.pytest(test_one=CLOSED, added="--hermetic=net-hermtic")
        self.assertEqual((ran.code, told in ran.text), (4, True), ran.text)
        ran = self.pytest(test_one="def test_it(): pass", added="--hermetic-learn='a file.toml'")
        self.assertEqual((ran.code, (self.folder / "a file.toml").exists()), (0, True), ran.text)
        self.write("hermetic.toml", "[pytest]\nno-netwrok = true\n")
        ran = self.pytest("--hermetic", test_one=CLOSED)
        self.assertIn("hermetic.toml:2:1: unknown key `no-netwrok` in [pytest]; did you mean `no-network`", ran.text)

    def test_learning_writes_what_lets_the_suite_pass(self) -> None:
        text = """
        import os, subprocess, socket
        def test_files(tmp_path):
            (tmp_path / "x").write_text("y")
            os.makedirs("out/a", exist_ok=True)
            open("out/a/b", "w").close()
        def test_environment(): os.environ["PATH"]
        def test_address():
            with pytest.raises(OSError): connect()
        def test_server():
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(server.getsockname()).close()
        """
        for options in ([], ["-n", "2"]):
            ran = self.pytest("--hermetic-learn=hermetic.toml", *options, test_one=text)
            self.assertEqual(ran.code, 0, ran.text)
            learned = (self.folder / "hermetic.toml").read_text()
            for line in ('"192.0.2.1:9",', "allow-localhost = true", "no-subprocess = true",
                         "# no-environment is left out; needed by\n", " (os.environ PATH)\n"):  # fmt: skip
                self.assertIn(line, learned)
            ran = self.pytest("--hermetic", *options, test_one=text)
            self.assertEqual(ran.code, 0, learned + ran.text)
            (self.folder / "hermetic.toml").unlink()

    def test_children_of_tests_are_learned_from(self) -> None:
        text = """
        import subprocess, sys
        def test_it(): subprocess.run([sys.executable, "-c", "open('by-child.txt', 'w').close()"], check=True)
        """
        for options in ([], ["-n", "1"]):
            ran = self.pytest("--hermetic-learn=hermetic.toml", *options, test_one=text)
            self.assertEqual(ran.code, 0, ran.text)
            self.assertIn('"by-child.txt",', (self.folder / "hermetic.toml").read_text())
            ran = self.pytest("--hermetic", *options, test_one=text)
            self.assertEqual(ran.code, 0, ran.text)
            (self.folder / "hermetic.toml").unlink()


class PytestSocket(Suite):
    def test_its_options(self) -> None:
        unix = """
        import socket
        def test_it():
            with socket.socket(socket.AF_UNIX) as one, pytest.raises(KIND): one.connect("/nowhere.sock")
        """
        for options, text in [
            (["--disable-socket"], CLOSED),
            ([], OPEN),
            (["--disable-socket", "--force-enable-socket"], OPEN),
            (["--allow-hosts=192.0.2.1"], OPEN),
            (["--allow-hosts=192.0.2.0/24,127.0.0.1"], OPEN),
            (["--allow-hosts=127.0.0.1"], CLOSED),
            (["--disable-socket"], unix.replace("KIND", "RuntimeError")),
            (["--disable-socket", "--allow-unix-socket"], unix.replace("KIND", "OSError")),
        ]:
            with self.subTest(options=options):
                ran = self.pytest("-p", "hermetic.pytest_socket", *options, test_one=text)
                self.ends(ran, test_it="passed")

    def test_its_markers_and_fixtures(self) -> None:
        text = """
        def closed():
            with pytest.raises(RuntimeError): connect()
        def opened():
            with pytest.raises(OSError): connect()
        def test_default(): DEFAULT()
        @pytest.mark.disable_socket
        def test_disabled(): closed()
        @pytest.mark.enable_socket
        def test_enabled(): opened()
        @pytest.mark.allow_hosts(["192.0.2.1"])
        def test_hosts(): opened()
        @pytest.mark.allow_hosts("192.0.2.2")
        def test_other_hosts(): closed()
        def test_fixture_disabled(socket_disabled): closed()
        def test_fixture_enabled(socket_enabled): opened()
        def test_again(): DEFAULT()
        """
        names = [
            "default",
            "disabled",
            "enabled",
            "hosts",
            "other_hosts",
            "fixture_disabled",
            "fixture_enabled",
            "again",
        ]
        for options, default in [([], "opened"), (["--disable-socket"], "closed")]:
            ran = self.pytest("-p", "hermetic.pytest_socket", *options, test_one=text.replace("DEFAULT", default))
            self.ends(ran, **{f"test_{name}": "passed" for name in names})

    def test_it_is_never_loaded_by_itself(self) -> None:
        self.assertEqual(self.pytest("--disable-socket", test_one=CLOSED).code, 4)


if __name__ == "__main__":
    unittest.main()
