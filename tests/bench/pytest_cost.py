"""What the plugin costs a suite: 2,000 empty tests under a policy, and the same without the plugin.

usage: pytest_cost.py PYTHON [ROUNDS]. PYTHON has the guard's release wheel and pytest in reach. The three settings take
turns in one run, and the least processor time of each is compared: what the machine does beside only adds. Prints the
ratios, and the target they are held against; ends with 1 above it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

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
    null = subprocess.DEVNULL
    subprocess.run(command, cwd=folder, check=True, env=environment(), stdout=null, stderr=null)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def environment() -> dict[str, str]:
    """Without settings of somebody's."""
    others = ("PYTEST_", "HERMETIC_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)}


def main() -> int:
    """Measure."""
    python = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    least: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_suite(folder)
        base = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        for options in SETTINGS.values():
            processor_time([*base, *options], folder)  # compiles, and warms the files
        for _ in range(rounds):
            for setting, options in SETTINGS.items():
                taken = processor_time([*base, *options], folder)
                least[setting] = min(taken, least.get(setting, taken))
    without = least["without the plugin"]
    for setting, taken in least.items():
        print(f"{setting:20}{taken:8.3f} s  {taken / without:6.3f}")
    ratio = least["--hermetic"] / without
    print(f"ratio {ratio:.3f}, target {TARGET}")
    return ratio > TARGET


if __name__ == "__main__":
    sys.exit(main())
