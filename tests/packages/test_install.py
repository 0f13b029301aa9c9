"""The packages, installed as their users do, in clean environments and without a package index."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from common import CAPTURE, LONG, ROOT, Case, Words, copied_sources, packages, tool, wheel


def version() -> str:
    """The version that Cargo.toml has."""
    found = re.search(r'(?m)^version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(encoding="utf-8"))
    assert found
    return found[1]


class Installed(Case):
    """What every way of installing has to give."""

    def assert_works(self, check: Words, server: Words | None) -> None:
        """It says which version it is, finds a captured reference, and the server answers."""
        self.assertEqual(self.run_to_end(*check, "--version").stdout.strip(), f"hermetic-check {version()}")
        project = self.folder / "project"
        project.mkdir(exist_ok=True)
        (project / "a.py").write_text(CAPTURE, encoding="utf-8")
        told = self.run_to_end(*check, "--output-format", "concise", cwd=project, code=1).stdout
        self.assertIn("a.py:1:20: warn[captured-reference]", told)
        if server:
            self.assertEqual(self.run_to_end(*server, "--version").stdout.strip(), f"hermetic-lsp {version()}")
            self.assert_serves(server)

    def assert_serves(self, server: Words) -> None:
        """It answers the first request, and ends when it is asked to."""
        parameters: dict[str, object] = {"processId": None, "rootUri": None, "capabilities": {}}
        messages: list[dict[str, object]] = [
            {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters},
            {"jsonrpc": "2.0", "method": "initialized", "params": {}},
            {"jsonrpc": "2.0", "id": 2, "method": "shutdown"},
            {"jsonrpc": "2.0", "method": "exit"},
        ]
        texts = [json.dumps(message) for message in messages]
        sent = "".join(f"Content-Length: {len(text)}\r\n\r\n{text}" for text in texts)
        words = [str(word) for word in server]
        done = subprocess.run(
            words, input=sent, env=self.environment(), capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"serverInfo"', done.stdout)


class Wheel(Installed):
    """The wheel of the analyzer and the language server."""

    def test_pip(self) -> None:
        """Into a clean virtual environment; and run as a module, too."""
        found = wheel()
        venv = self.folder / "venv"
        self.run_to_end(sys.executable, "-m", "venv", venv)
        pip: Words = [venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
        offline: Words = ["--no-index", "--find-links", found.parent]
        self.run_to_end(*pip, "install", *offline, "hermetic-check")
        self.assert_works([venv / "bin" / "hermetic-check"], [venv / "bin" / "hermetic-lsp"])
        python = venv / "bin" / "python"
        self.assert_works([python, "-m", "hermetic_check"], None)
        server = self.run_to_end(python, "-c", "import hermetic_check; print(hermetic_check.find('hermetic-lsp'))")
        self.assertEqual(Path(server.stdout.strip()), venv / "bin" / "hermetic-lsp")
        self.assertEqual(self.run_to_end(*pip, "check").stdout.strip(), "No broken requirements found.")
        for arguments in ["--target"], ["--prefix"]:
            # pip's other layouts; the module finds the command in each.
            folder = self.folder / arguments[0].strip("-")
            self.run_to_end(*pip, "install", *offline, "--ignore-installed", *arguments, folder, "hermetic-check")
            (modules,) = {path.parents[1] for path in folder.rglob("hermetic_check/__main__.py")}
            self.run_to_end(*pip, "uninstall", "--yes", "hermetic-check", code=None)
            bare: Words = [sys.executable, "-S", "-m", "hermetic_check", "--version"]
            self.assertIn(version(), self.run_to_end(*bare, variables={"PYTHONPATH": str(modules)}).stdout)
            (folder / "bin" / "hermetic-check").unlink()
            told = self.run_to_end(*bare, code=2, variables={"PYTHONPATH": str(modules)}).stdout
            self.assertIn("pip install --force-reinstall hermetic-check", told)
        self.assertFalse((venv / "bin" / "hermetic-check").exists())

    def test_uv(self) -> None:
        """`uv tool install`, and `uvx`."""
        uv, found = tool("uv"), wheel()
        folders = {"UV_TOOL_DIR": str(self.folder / "tools"), "UV_TOOL_BIN_DIR": str(self.folder / "bin")}
        folders |= {"UV_CACHE_DIR": str(self.folder / "cache"), "UV_PYTHON": sys.executable}
        offline: Words = ["--offline", "--no-index", "--find-links", found.parent]
        self.run_to_end(uv, "tool", "install", *offline, "hermetic-check", variables=folders)
        self.assert_works([self.folder / "bin" / "hermetic-check"], [self.folder / "bin" / "hermetic-lsp"])
        ran = self.run_to_end(uv, "tool", "run", *offline, "hermetic-check", "--version", variables=folders)
        self.assertIn(version(), ran.stdout)

    def test_pipx(self) -> None:
        """`pipx run` takes the command that has the distribution's name."""
        pipx, found = tool("pipx"), wheel()
        folders = {"PIPX_HOME": str(self.folder / "pipx"), "PIPX_BIN_DIR": str(self.folder / "bin")}
        folders |= {"PIPX_DEFAULT_PYTHON": sys.executable, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(found.parent)}
        ran = self.run_to_end(pipx, "run", "--spec", found, "hermetic-check", "--version", variables=folders)
        self.assertIn(f"hermetic-check {version()}", ran.stdout)

    @unittest.skipUnless(LONG, "builds in release mode; make test-long does it")
    def test_sources(self) -> None:
        """The source distribution, which holds all that a build needs."""
        (source,) = packages("hermetic-check").glob("*.tar.gz")
        venv = self.folder / "venv"
        self.run_to_end(sys.executable, "-m", "venv", venv)
        pip: Words = [venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
        self.run_to_end(*pip, "install", source)
        self.assert_works([venv / "bin" / "hermetic-check"], [venv / "bin" / "hermetic-lsp"])

    @unittest.skipUnless(LONG, "builds in release mode; make test-long does it")
    def test_cargo(self) -> None:
        """`cargo install`, from the folders of the two crates."""
        sources = self.folder / "sources"
        copied_sources(sources)
        for crate in ["analyzer", "lsp-server"]:
            target: Words = ["--target-dir", ROOT / "target" / "installed", "--root", self.folder / "root"]
            self.run_to_end("cargo", "install", "--locked", "--path", sources / crate, *target)
        self.assert_works(
            [self.folder / "root" / "bin" / "hermetic-check"], [self.folder / "root" / "bin" / "hermetic-lsp"]
        )


class Unsupported(Case):
    """Where there is no wheel, and none can be made."""

    def sources(self) -> Path:
        """The source distribution, unpacked."""
        (source,) = packages("hermetic-check").glob("*.tar.gz")
        shutil.unpack_archive(source, self.folder)
        return self.folder / source.name[: -len(".tar.gz")]

    def test_sources_are_whole(self) -> None:
        """Both programs can be built from them."""
        sources = self.sources()
        words = ["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"]
        told = self.run_to_end("cargo", *words, sources / "distribution" / "Cargo.toml").stdout
        (package,) = [one for one in json.loads(told)["packages"] if one["name"] == "hermetic-distribution"]
        self.assertEqual({target["name"] for target in package["targets"]}, {"hermetic-check", "hermetic-lsp"})
        for target in package["targets"]:
            self.assertTrue(Path(target["src_path"]).is_file())

    def asked(self, **variables: str) -> str:
        """What the build says when pip asks what it needs, which is an error."""
        sources = self.sources()
        code = "import backend; backend.get_requires_for_build_wheel()"
        variables["PYTHONPATH"] = str(sources / "distribution")
        tool("maturin")
        return self.run_to_end(sys.executable, "-c", code, cwd=sources, code=1, variables=variables).stdout

    def test_no_rust(self) -> None:
        """It says that it needs Rust, which, and where there are wheels."""
        told = self.asked(PATH="/nowhere", MATURIN_NO_INSTALL_RUST="1").splitlines()[-1]
        manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
        oldest = re.search(r'(?m)^rust-version = "([^"]+)"', manifest)
        assert oldest
        self.assertIn(f"needs Rust {oldest[1]} or later: there is none on PATH; get it from", told)
        self.assertIn("wheels are for Linux", told)

    def test_old_rust(self) -> None:
        """It says which there is, and how to get a newer one."""
        old = self.folder / "rustc"
        old.write_text("#!/bin/sh\necho 'rustc 1.80.1 (3f5fd8dd4 2024-08-06)'\n", encoding="utf-8")
        old.chmod(0o755)
        self.assertIn("here is 1.80; bring it up to date with `rustup update`", self.asked(RUSTC=str(old)))


if __name__ == "__main__":
    unittest.main()
