"""Run real programs under the guard: what they need works, and what they must not do is denied.

usage: under_guard.py WHEEL. Installs the wheel and `requirements.txt` into an environment under `target/real`; skips
loudly where that cannot be done. Each case is a command line and what must be in what it prints, with its exit code.
Some run by the command, others in a process that opens the policy itself. Ends with 1 if one is different.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / "target" / "real"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
PROGRAMS = Path(__file__).parent / "programs"
INSIDE = Path(__file__).parent / "inside.py"
# Seconds a program may take; none takes a quarter of it.
LIMIT = 240
PYTEST = ["pytest", "-q", "-p", "no:cacheprovider"]

# Flags (`@` is the folder of the case), target, exit code, what is printed.
CASES: list[tuple[list[str], list[str], int, str]] = [
    (["--no-network"], ["pip", "list"], 0, "requests"),
    (["--no-network"], ["pip", "download", "--retries", "0", "--index-url", "https://registry.invalid", "six"], 2,
     "network disabled: DNS(registry.invalid)"),
    (["--no-network", "--no-subprocess"], [*PYTEST, "suite.py"], 0, "passed"),
    (["--no-interpreter-mutation"], [*PYTEST, "suite.py"], 2, "sys.meta_path"),
    (["--no-network"], [*PYTEST, "-n", "2", "--cov=suite", "suite.py", "--deselect", "suite.py::test_network"], 0,
     "passed"),
    (["--no-network", "--allow-localhost"], ["python", "web.py"], 0, "hello 2\ndenied network disabled: DNS("),
    (["--no-network", "--allow-localhost", "--no-subprocess", "--fs-readonly"], ["python", "web.py"], 0, "hello 2"),
    (["--no-network"], ["python", "web.py"], 2, "allow it by --allow-localhost"),
    (["--no-network", "--allow-localhost"], ["python", "streams.py"], 0, "b'HI\\n'\ndenied network disabled: connect("),
    (["--no-network"], ["python", "streams.py"], 2, "network disabled: DNS(localhost)"),
    (["--fs-readonly=@"], ["python", "frames.py"], 0, "4\ndenied read outside sandbox root: /etc/passwd"),
    (["--fs-readonly=@"], ["python", "files.py"], 0, "served 12"),
    (["--fs-readonly=@"], ["python", "models.py"], 0, "x=1"),
    (["--fs-readonly=@"], ["flask", "--version"], 0, "Flask"),
    (["--fs-readonly"], ["python", "database.py"], 0, "1\ndenied filesystem mutation disabled"),
    (["--no-network", "--fs-readonly"], ["python", "children.py"], 0, "4\n5\n[1, 2]"),
    (["--no-subprocess"], ["python", "children.py"], 2, "subprocess disabled"),
    (["--no-network", "--no-subprocess"], ["mypy", "--cache-dir=/dev/null", "typed.py"], 0, "Success"),
    (["--no-network", "--no-subprocess"], ["black", "--check", "typed.py"], 0, "1 file would be left unchanged"),
    (["--block-native", "--allow-native", "charset_normalizer"], ["python", "-c", "import requests"], 0, ""),
    (["--block-native"], ["python", "-c", "import requests"], 2, "--allow-native charset_normalizer"),
    (["--block-native"], ["python", "models.py"], 2, "--allow-native pydantic_core"),
    (["--no-code-exec"], ["python", "classes.py"], 0, "A(x=1)"),
    (["--no-code-exec"], ["python", "-c", "import attrs; attrs.make_class('B', ['x'])"], 2, "by --no-code-exec"),
    (["--no-code-exec"], ["python", "models.py"], 2, "by --no-code-exec"),
    (["--no-code-exec"], ["python", "templates.py"], 2, "by --no-code-exec"),
]  # fmt: skip


# The same for a policy that the program itself opens: keywords of the blocker, target, exit code, what is printed.
OWN_CASES: list[tuple[dict[str, object], list[str], int, str]] = [
    ({"block_network": True}, ["pip", "list"], 0, "requests"),
    ({"block_network": True, "block_subprocess": True, "block_environment": False, "fs_readonly": True},
     ["pip", "show", "flask"], 0, "Name: Flask"),
    ({"block_network": True, "block_subprocess": True}, [*PYTEST, "suite.py"], 0, "passed"),
    ({"block_network": True},
     [*PYTEST, "-n", "2", "--cov=suite", "suite.py", "--deselect", "suite.py::test_network"], 0, "passed"),
    ({"block_network": True, "allow_localhost": True}, ["web.py"], 0, "hello 2\ndenied network disabled: DNS("),
    ({"block_network": True, "allow_localhost": True, "block_subprocess": True, "fs_readonly": True}, ["web.py"], 0,
     "hello 2"),
    ({"block_network": True, "allow_domains": ["127.0.0.1", "localhost"]}, ["streams.py"], 0,
     "b'HI\\n'\ndenied network disabled: connect("),
    ({"block_network": True}, ["streams.py"], 1, "network disabled: DNS(localhost)"),
    ({"fs_root": "@"}, ["frames.py"], 0, "4\ndenied read outside sandbox root: /etc/passwd"),
    ({"fs_root": "@", "block_network": True, "block_subprocess": True}, ["frames.py"], 0, "4\ndenied read outside"),
    ({"fs_root": "@"}, ["files.py"], 0, "served 12"),
    ({"fs_root": "@"}, ["models.py"], 0, "x=1"),
    ({"fs_readonly": True}, ["database.py"], 0, "1\ndenied filesystem mutation disabled"),
    ({"block_network": True, "fs_readonly": True}, ["children.py"], 0, "4\n5\n[1, 2]"),
    ({"block_subprocess": True}, ["children.py"], 1, "subprocess disabled"),
    ({"block_code_exec": True}, ["import classes"], 0, "A(x=1)"),
    # Under --no-code-exec `runpy` is the command's alone.
    ({"block_code_exec": True}, ["classes.py"], 1, "dynamic code execution disabled: compile"),
    ({"block_native": True, "allow_native": ["charset_normalizer"]}, ["templates.py"], 1, "markupsafe"),
    ({"block_interpreter_mutation": True, "block_network": True, "allow_localhost": True}, ["web.py"], 0, "hello 2"),
]  # fmt: skip


def install(wheel: str) -> bool:
    """Make the environment; whether it could be made."""
    subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=False).returncode:
        return False
    subprocess.run([*pip, "--force-reinstall", "--no-deps", wheel], check=True)
    return True


def by_command(flags: list[str], target: list[str]) -> list[str]:
    """A command that opens the policy and runs the target."""
    return [str(ENVIRONMENT / "bin" / "hermetic"), "--isolated", *flags, "--", *target]


def by_itself(keywords: dict[str, object], target: list[str]) -> list[str]:
    """A program that opens the policy itself."""
    return [str(ENVIRONMENT / "bin" / "python"), str(INSIDE), json.dumps(keywords), *target]


def wrong(command: list[str], code: int, *texts: str) -> str | None:
    """What is different from what is expected. `@` is the folder of the case."""
    with tempfile.TemporaryDirectory() as folder:
        for program in PROGRAMS.iterdir():
            if program.is_file():
                (Path(folder) / program.name).write_bytes(program.read_bytes())
        # Whose home that is, and its settings, is no matter of the guard.
        environment = {"HOME": folder, "PATH": f"{ENVIRONMENT / 'bin'}:/usr/bin:/bin", "LANG": "en_US.UTF-8"}
        done = subprocess.run(
            [word.replace("@", folder) for word in command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT, check=False,
        )  # fmt: skip
    if done.returncode == code and all(text in done.stdout for text in texts):
        return None
    return f"exit {done.returncode}, not {code} with {texts!r}:\n{done.stdout}"


def main() -> None:
    """Install, run, tell."""
    if not install(sys.argv[1]):
        print("SKIPPED real programs: what they need cannot be installed here")
        return
    bad = 0
    for flags, target, code, text in CASES:
        difference = wrong(by_command(flags, target), code, text)
        bad += difference is not None
        print("FAILED" if difference else "ok", *flags, "--", *target, difference or "", flush=True)
    for keywords, target, code, text in OWN_CASES:
        command = by_itself(keywords, target)
        difference = wrong(command, code, text, "restored\n")
        bad += difference is not None
        print("FAILED" if difference else "ok", json.dumps(keywords), *target, difference or "", flush=True)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
