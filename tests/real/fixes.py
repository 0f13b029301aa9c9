"""Fix real packages and run their tests: what passed before `--fix` has to pass after it.

usage: fixes.py CHECK [PACKAGE...]. CHECK is the `hermetic-check` to run. Source distributions are unpacked under
`target/fixes`, what their tests need is installed into an environment there; what cannot be had is skipped aloud.
With `--unsafe-fixes` as well, and that is told but does not count. Ends with 1 if a test that passed fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2] / "target" / "fixes"
PYTHON = ROOT / "venv" / "bin" / "python"
# Seconds all tests of a package may take; none takes half of it.
LIMIT = 1200
PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider"]

# Package, what its tests need besides, the folder of its modules, how they are run.
PACKAGES: dict[str, tuple[list[str], str, list[str]]] = {
    "docker==6.1.3": (["pytest", "paramiko", "requests<2.32", "urllib3<2", "websocket-client", "packaging"], ".",
                      [*PYTEST, "tests/unit"]),
    "tornado": ([], ".", ["-m", "tornado.test", "--verbose"]),
    "uvicorn": (["pytest", "pytest-mock", "anyio", "trustme", "cryptography", "httpx", "a2wsgi", "websockets",
                 "wsproto", "httptools", "watchfiles", "python-dotenv", "PyYAML", "click", "h11"], ".",
                [*PYTEST, "tests"]),
    "scrapy": (["scrapy", "pytest", "testfixtures", "pytest-twisted", "sybil", "pyftpdlib", "pexpect"], ".",
               [*PYTEST, "tests/test_cmdline", "tests/test_command_startproject.py", "tests/test_command_version.py",
                "tests/test_pipeline_images.py"]),
    "twisted": (["twisted[tls]", "hypothesis", "PyHamcrest"], "src",
                ["-m", "twisted.trial", "--reporter=verbose", "twisted.application", "twisted.python",
                 "twisted.internet.test.test_unix", "twisted.internet.test.test_resolver",
                 "twisted.internet.test.test_process", "twisted.test.test_udp", "twisted.test.test_lockfile",
                 "twisted.test.test_paths", "twisted.scripts", "twisted.persisted"]),
}  # fmt: skip


def source(package: str) -> Path | None:
    """The unpacked source of a package; `None` where it cannot be had."""
    folder = ROOT / "sources" / package
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("*.tar.gz")):
        pip = [str(PYTHON), "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", package]
        if subprocess.run(pip, cwd=folder, check=False).returncode:
            return None
    archive = next(folder.glob("*.tar.gz"))
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


def passed(tree: Path, below: str, command: list[str]) -> set[str]:
    """The tests that pass in a tree."""
    xml = tree / "results.xml"
    pytest = "pytest" in command
    if pytest:
        command = [*command, f"--junitxml={xml}"]
    environment = {"PYTHONPATH": str(tree / below), "PYTHONDONTWRITEBYTECODE": "1",
                   "PATH": f"{PYTHON.parent}:/usr/bin:/bin", "LANG": "C.UTF-8"}  # fmt: skip
    run = subprocess.run([str(PYTHON), *command], cwd=tree, env=environment, text=True, errors="replace",
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT, check=False)  # fmt: skip
    if not pytest:
        return set(re.findall(r"^\s*(\S.*?) \.\.\.\s+(?:ok|\[OK\])\s*$", run.stdout, re.MULTILINE))
    if not xml.exists():
        print(run.stdout)
        return set()
    cases = ElementTree.parse(xml).iter("testcase")
    return {f"{case.get('classname')}::{case.get('name')}" for case in cases if len(case) == 0}


def check(hermetic_check: str, package: str) -> bool:
    """Whether all that passed before safe fixes passes after them."""
    needs, below, command = PACKAGES[package]
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *needs]
    if needs and subprocess.run(pip, check=False).returncode:
        print(f"SKIPPED fixes: {package}: what its tests need cannot be installed here")
        return True
    original = source(package)
    if original is None:
        print(f"SKIPPED fixes: {package}: its source cannot be had here")
        return True
    before: set[str] = set()
    whole = True
    for flags in ([], ["--fix"], ["--fix", "--unsafe-fixes"]):
        tree = ROOT / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(original, tree)
        told = ""
        if flags:
            fix = [hermetic_check, "--isolated", "--quiet", *flags, "."]
            run = subprocess.run(fix, cwd=tree, text=True, capture_output=True, check=False)
            told = run.stderr.splitlines()[-1] if run.stderr else f"exit code {run.returncode}"
        now = passed(tree, below, command)
        before = now if not flags else before
        lost = sorted(before - now)
        print(f"{package} {' '.join(flags) or 'as it is'}: {told}: {len(now)} pass, {len(lost)} no longer", flush=True)
        for test in lost[:20]:
            print(f"  {test}")
        if not before or (lost and flags == ["--fix"]):
            whole = False
    return whole


def main() -> int:
    """Fix and test."""
    hermetic_check, *packages = sys.argv[1:]
    subprocess.run([sys.executable, "-m", "venv", str(ROOT / "venv")], check=True)
    results = [check(str(Path(hermetic_check).resolve()), package) for package in packages or PACKAGES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
