"""What the guard costs, as ratios in one run: against no guard, and against hermetic-seal.

usage: guard.py [PYTHON]. The wheel is the one in `target/wheels`, which `make bench-guard` builds for release. Both
packages get an environment of their own below `target/bench`. Every figure is the median of many short runs of the
three kinds in turn, so that a machine that gets slower meanwhile slows all of them. Prints each ratio with the target
it is held against; figures inform, and nothing fails.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "target" / "bench"
PEER = "hermetic-seal==1.0.0"
ROUNDS = 15
STARTS = 25

INSTALL = """
from hermetic import hermetic_blocker
blocker = hermetic_blocker({arguments})
blocker.__enter__()
"""

# Seconds for one pass of each loop, the best of several; the loops are functions so that names are fast ones.
MEASURE = """
import json, socket, sys, time, os, colorsys
def attribute(n):
    for _ in range(n): os.path
def call(n):
    f = os.getpid
    for _ in range(n): f()
def cached(n):
    for _ in range(n): import colorsys
def opening(n):
    for _ in range(n): open("/usr/lib/os-release").close()
def denied(n):
    s = socket.socket()
    for _ in range(n):
        try: s.connect(("192.0.2.1", 9))
        except RuntimeError: pass
loops = dict(attribute=(attribute, 100000), call=(call, 100000), cached=(cached, 50000), opening=(opening, 3000))
if {denied}: loops = dict(denied=(denied, 3000))
{install}
result = {{}}
for name, (loop, n) in loops.items():
    loop(n // 10)
    best = []
    for _ in range(5):
        start = time.perf_counter(); loop(n); best.append((time.perf_counter() - start) / n)
    result[name] = min(best)
sys.stdout.write(json.dumps(result))
"""

# All guards but those that deny what is measured.
GUARDS = (
    "block_network=True, block_subprocess=True, block_environment=True, block_interpreter_mutation=True, "
    "deny_imports=['hermetic_bench']"
)
READ_ONLY = f"{GUARDS}, fs_readonly=True"
ROOTED = f"{GUARDS}, fs_readonly=True, fs_root='/usr'"


def environment(python: str, name: str) -> Path:
    """A fresh environment below target/bench; its interpreter."""
    folder = PLACE / name
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", folder], check=True)
    return folder / "bin" / "python"


def prepare(python: str) -> tuple[Path, Path]:
    """Interpreters with hermetic-guard and with hermetic-seal."""
    [wheel] = (ROOT / "target" / "wheels").glob("*.whl")
    guard, seal = environment(python, "guard"), environment(python, "seal")
    site = subprocess.check_output([guard, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site.strip())
    subprocess.run([seal, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER], check=True)
    return guard, seal


def start(python: Path, code: str) -> float:
    """Seconds from start to end of an interpreter that runs this."""
    begin = time.perf_counter()
    subprocess.run([python, "-I", "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def starts(guard: Path, seal: Path) -> None:
    """What the import and the install add to a start."""
    code = INSTALL.format(arguments="block_network=True")
    kinds = {"pass": (guard, "pass"), "guard": (guard, code), "seal": (seal, code)}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(STARTS):
        for kind, (python, text) in kinds.items():
            times[kind].append(start(python, text))
    middle = {kind: statistics.median(values) * 1000 for kind, values in times.items()}
    ours, theirs = middle["guard"] - middle["pass"], middle["seal"] - middle["pass"]
    tell(
        "import and install, beyond `python -c pass`",
        f"+{ours:.1f} ms",
        f"+{theirs:.1f} ms",
        "at most +3 ms",
        ours <= 3,
    )


def loops(python: Path, install: str, *, denied: bool = False) -> dict[str, float]:
    """Seconds of one pass of each loop."""
    text = MEASURE.format(install=install, denied=denied)
    result: dict[str, float] = json.loads(subprocess.check_output([python, "-I", "-c", text]))
    return result


def ratios(guard: Path, seal: Path, arguments: str) -> dict[str, tuple[float, float]]:
    """For each loop, the guard's and hermetic-seal's time by that of no guard."""
    install = INSTALL.format(arguments=arguments)
    runs = [(loops(guard, ""), loops(guard, install), loops(seal, install)) for _ in range(ROUNDS)]
    return {
        name: (
            statistics.median(ours[name] / none[name] for none, ours, _ in runs),
            statistics.median(theirs[name] / none[name] for none, _, theirs in runs),
        )
        for name in runs[0][0]
    }


def tell(what: str, ours: str, theirs: str, target: str, good: bool) -> None:
    """One line of the table."""
    print(f"{what:<46} {ours:>10} {theirs:>14}   {target:<28} {'' if good else 'MISSED'}".rstrip(), flush=True)


def main() -> None:
    """Measure, tell."""
    guard, seal = prepare(sys.argv[1] if len(sys.argv) > 1 else sys.executable)
    print(f"{'':<46} {'guard':>10} {'hermetic-seal':>14}   target")
    starts(guard, seal)
    targets = {
        "cached": ("a cached import statement", 1.05, "1.0x"),
        "attribute": ("an attribute of a module", 1.05, "1.0x"),
        "call": ("a call of a C function", 1.05, "1.0x"),
        "opening": ("open and close", 1.1, "at most 1.1x"),
    }
    for name, (ours, theirs) in ratios(guard, seal, READ_ONLY).items():
        what, limit, target = targets[name]
        tell(what, f"{ours:.2f}x", f"{theirs:.2f}x", target, ours <= limit)
    ours, theirs = ratios(guard, seal, ROOTED)["opening"]
    tell("open and close, with a root", f"{ours:.2f}x", f"{theirs:.2f}x", "at most 2x", ours <= 2)
    install = INSTALL.format(arguments=GUARDS)
    pairs = [(loops(guard, install, denied=True), loops(seal, install, denied=True)) for _ in range(ROUNDS)]
    mine, peer = (statistics.median(pair[side]["denied"] for pair in pairs) * 1e6 for side in (0, 1))
    tell("a denied connect", f"{mine:.2f} us", f"{peer:.2f} us", "no dearer than hermetic-seal's", mine <= peer)


if __name__ == "__main__":
    main()
