"""What the plugin costs a suite: 2,000 empty tests under a policy, and the same without the plugin.

usage: pytest_cost.py PYTHON [ROUNDS]. PYTHON has the guard's release wheel and pytest in reach. The three settings take
turns in one run, and the least of each is compared: what the machine does beside only adds. Instructions are counted
where Linux's `perf` can, since they hardly vary; else processor time. Prints the ratios, and the target they are held
against; ends with 1 above it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable

FILES, TESTS = 20, 100
TARGET = 1.02
SETTINGS = {
    "without the plugin": ["-p", "no:hermetic"],
    "inactive": [],
    "--hermetic": ["--hermetic"],
}


def write_suite(folder: Path) -> None:
    """2,000 tests that do nothing."""
    text = "".join(f"def test_{number}():\n    pass\n\n" for number in range(TESTS))
    for number in range(FILES):
        (folder / f"test_{number}.py").write_text(text)


def processor_time(command: list[str], folder: Path) -> float:
    """Seconds that a command computes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(command, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def instructions(command: list[str], folder: Path) -> float:
    """Millions of instructions that a command executes in user space."""
    with tempfile.NamedTemporaryFile("r") as told:
        run(["perf", "stat", "-x", ",", "-e", "instructions:u", "-o", told.name, *command], folder)
        lines = [line for line in told.read().splitlines() if "instructions" in line]
    return int(lines[0].partition(",")[0]) / 1e6


def run(command: list[str], folder: Path) -> None:
    """Run it to its end."""
    null = subprocess.DEVNULL
    subprocess.run(command, cwd=folder, check=True, env=environment(), stdout=null, stderr=null)


def meter(folder: Path) -> tuple[Callable[[list[str], Path], float], str]:
    """What measures here, and its unit."""
    try:
        instructions([sys.executable, "-c", ""], folder)
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        return processor_time, "s"
    return instructions, "million instructions"


def environment() -> dict[str, str]:
    """Without settings of somebody's."""
    others = ("PYTEST_", "HERMETIC_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    # The order of sets is not to differ from run to run.
    return {**kept, "PYTHONHASHSEED": "0"}


def main() -> int:
    """Measure."""
    python = os.path.abspath(sys.argv[1])
    least: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_suite(folder)
        measure, unit = meter(folder)
        rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3 if measure is instructions else 9
        base = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        for options in SETTINGS.values():
            measure([*base, *options], folder)  # compiles, and warms the files
        for _ in range(rounds):
            for setting, options in SETTINGS.items():
                taken = measure([*base, *options], folder)
                least[setting] = min(taken, least.get(setting, taken))
    without = least["without the plugin"]
    for setting, taken in least.items():
        print(f"{setting:20}{taken:10.3f} {unit}  {taken / without:6.3f}")
    ratio = least["--hermetic"] / without
    print(f"ratio {ratio:.3f}, target {TARGET}")
    return ratio > TARGET


if __name__ == "__main__":
    sys.exit(main())
