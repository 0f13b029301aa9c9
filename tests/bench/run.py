#!/usr/bin/env python3
"""Time hermetic-check against its peers on real packages.

usage: make bench, or: python3 tests/bench/run.py [--corpus DIR] [--rounds N]

Builds the corpus where it is missing (corpus.py), the release binaries, and a virtual environment with the peers under
target/bench. Every contestant runs once to warm the file cache, then all of them in turn, N times over; the table has
the medians of wall time, CPU time and peak memory, and what they are relative to hermetic-check. Output goes to a pipe
that is read and thrown away. Nothing else should run on the machine meanwhile.

Nobody keeps anything between runs but "hermetic-check, warm", whose cache the warming run fills; the result of a warm
run has to be that of a cold one, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "bench"

# What a project would ban to hold ruff to the same purpose.
BANNED = [
    "socket",
    "ssl",
    "http.client",
    "urllib.request",
    "ftplib",
    "smtplib",
    "telnetlib",
    "requests",
    "httpx",
    "aiohttp",
    "urllib3",
    "subprocess",
    "os.system",
    "os.popen",
    "os.execv",
    "os.execve",
    "os.fork",
    "os.spawnv",
    "os.posix_spawn",
    "multiprocessing",
    "pty",
    "ctypes",
    "cffi",
    "pickle",
    "marshal",
    "shelve",
    "importlib.import_module",
    "runpy",
    "shutil.rmtree",
    "shutil.copy",
    "os.remove",
    "os.unlink",
    "os.rename",
    "os.mkdir",
    "os.makedirs",
    "os.environ",
    "os.getenv",
    "os.putenv",
    "os.chdir",
    "sys.path",
    "sys.meta_path",
]

# Relative to hermetic-check, which joins all files: what the project promises.
WALL_OF_RUFF = 1.0
WALL_OF_PARSE_VISIT = 1.6
WARM_OF_RUFF = 0.2
PEAK_MB = 700
# Of a line of code at the largest size by that at the smallest: files are joined in linear time.
CPU_OF_LINE = 1.3
# Files, as near as whole packages come to it.
SIZES = (1_000, 10_000)
BANDIT_FACTOR = 100

WARM = "hermetic-check, warm"


@dataclass
class Contestant:
    """A command, the folders it reads, and what its runs took."""

    name: str
    part: str
    command: list[str]
    accepted: tuple[int, ...]
    """Exit codes of a run that did its work."""
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)

    def run(self, corpus: Path, count: bool) -> None:
        """Run once; keep what it took."""
        start = time.perf_counter()
        with subprocess.Popen(
            self.command, cwd=corpus, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child:
            out = child.stdout
            assert out is not None

            def drain() -> None:
                while out.read(1 << 20):
                    pass

            reader = threading.Thread(target=drain)
            reader.start()
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - start
            child.returncode = os.waitstatus_to_exitcode(status)
            reader.join()
        if child.returncode not in self.accepted:
            sys.exit(f"{self.name}: exit code {child.returncode}: {' '.join(self.command)}")
        if count:
            self.wall.append(wall)
            self.cpu.append(usage.ru_utime + usage.ru_stime)
            # Kilobytes, but for macOS, which counts bytes.
            self.peak.append(usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10))


def call(command: list[str]) -> None:
    """Run a step of the preparation; stop where it fails."""
    print("+", " ".join(command), flush=True)
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        sys.exit("the step above failed")


def peers() -> Path:
    """The folder of the peers' commands."""
    venv = WORK / "venv"
    bin_dir = venv / ("Scripts" if os.name == "nt" else "bin")
    if not bin_dir.exists():
        call([sys.executable, "-m", "venv", str(venv)])
    for line in (HERE / "peers.txt").read_text().split():
        name = line.partition("==")[0]
        pip = [str(bin_dir / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, line], check=False).returncode != 0:
            print(f"{line} cannot be had; the newest instead")
            call([*pip, name])
    return bin_dir


def ruff_config() -> Path:
    """A configuration that bans what reaches out, and leaves no file out."""
    path = WORK / "ruff.toml"
    bans = "".join(f'"{name}".msg = "reaches out"\n' for name in BANNED)
    path.write_text(
        f"exclude = []\nrespect-gitignore = false\n\n[lint.flake8-tidy-imports.banned-api]\n{bans}", encoding="utf-8"
    )
    return path


def contestants(args: argparse.Namespace, bin_dir: Path) -> list[Contestant]:
    """Who runs on what."""
    ours = [str(args.binary), "--isolated", "--profile", "block-all", "--output-format", "json"]
    # No file is left out: neither those that git ignores nor those in folders with the names of build products.
    ours += ["--no-ignore", "--exclude", "no-file-has-this-name"]
    ruff = [str(bin_dir / "ruff"), "check", "--no-cache", "--quiet", "--config", str(ruff_config())]
    cold = [*ours, "--no-cache"]
    warm = [*ours, "--cache-dir", str(WORK / "cache")]
    whole = args.whole.split(",")
    mid = args.mid.split(",")
    field = [
        Contestant("hermetic-check", "whole", [*cold, *whole], (0, 1, 3)),
        Contestant(WARM, "whole", [*warm, *whole], (0, 1, 3)),
        Contestant("ruff S,TID251", "whole", [*ruff, "--select", "S,TID251", *whole], (0, 1)),
        Contestant("ruff TID251", "whole", [*ruff, "--select", "TID251", *whole], (0, 1)),
        Contestant("parse-visit", "whole", [str(args.parse_visit), *whole], (0,)),
        Contestant("hermetic-check", "mid", [*cold, *mid], (0, 1, 3)),
        Contestant("bandit", "mid", [str(bin_dir / "bandit"), "-q", "-r", "-f", "json", *mid], (0, 1)),
    ]
    field.extend(
        Contestant("hermetic-check", f"{size}", [*cold, *packages(args.corpus, whole, size)], (0, 1, 3))
        for size in SIZES
    )
    wanted = {"whole", *map(str, SIZES)} if args.only == "linear" else {args.only}
    field = [c for c in field if not args.only or c.part in wanted]
    return [c for c in field if args.only != "linear" or c.name == "hermetic-check"]


def packages(corpus: Path, folders: list[str], most: int) -> list[str]:
    """Whole packages, in the order of their names, with so many files or a few less."""
    chosen: list[str] = []
    count = 0
    for package in sorted(path for folder in folders for path in (corpus / folder).iterdir() if path.is_dir()):
        files = sum(1 for _ in package.rglob("*.py"))
        if count + files <= most:
            chosen.append(str(package.relative_to(corpus)))
            count += files
    return chosen


def size_of(ours: Contestant, corpus: Path) -> tuple[int, int]:
    """Files and lines the analyzer says it read."""
    done = subprocess.run(ours.command, cwd=corpus, capture_output=True, check=False)
    summary = json.loads(done.stdout)["summary"]
    return summary["files"], summary["lines"]


def growth(runs: list[Contestant], corpus: Path) -> list[str]:
    """What a file and a line cost at each size."""
    lines = []
    costs = []
    sized = [c for c in runs if c.name == "hermetic-check" and c.part != "mid"]
    for c in sorted(sized, key=lambda c: statistics.median(c.wall)):
        files, count = size_of(c, corpus)
        wall, cpu, peak = (statistics.median(values) for values in (c.wall, c.cpu, c.peak))
        costs.append(cpu / count)
        lines.append(
            f"{files} files, {count} lines: {wall:.2f} s, {wall / files * 1e6:.0f} us a file, "
            f"{cpu / count * 1e6:.2f} us of CPU a line, peak {peak:.0f} MB"
        )
    if len(costs) > 1:
        ratio = costs[-1] / costs[0]
        word = "kept" if ratio <= CPU_OF_LINE else "MISSED"
        lines.append(f"{word}: CPU of a line at the largest size by the smallest: {ratio:.2f} (at most {CPU_OF_LINE})")
    return lines


def counted_files(ours: Contestant, corpus: Path, folders: list[str]) -> str:
    """How many files and lines the analyzer says it read; stops where it left out what the others read."""
    done = subprocess.run(ours.command, cwd=corpus, capture_output=True, check=False)
    summary = json.loads(done.stdout)["summary"]
    there = sum(1 for folder in folders for _ in (corpus / folder).rglob("*.py"))
    if summary["files"] < there:
        sys.exit(f"hermetic-check read {summary['files']} of {there} files: there is nothing to compare")
    return f"{summary['files']} files, {summary['lines']} lines, {sum(summary['by_rule'].values())} findings"


def without_seconds(report: bytes) -> bytes:
    """A report in JSON without how long it took."""
    return re.sub(rb'"seconds":\s*[0-9.e-]+', b"", report)


def same_when_warm(cold: Contestant, warm: Contestant, corpus: Path) -> None:
    """Fill the cache; stop where a run that has it says anything else than one that has none."""

    def report(c: Contestant) -> tuple[int, bytes]:
        done = subprocess.run(c.command, cwd=corpus, stdout=subprocess.PIPE, check=False)
        return done.returncode, without_seconds(done.stdout)

    before = report(cold)
    for number in ("first", "second"):
        if report(warm) != before:
            sys.exit(f"the {number} run with a cache differs from one without")


def table(runs: list[Contestant]) -> str:
    """The medians, and what each is relative to hermetic-check on the same part."""
    ours = {c.part: c for c in runs if c.name == "hermetic-check"}
    lines = [
        "| part | tool | wall s | CPU s | peak MB | wall, relative | CPU, relative | peak, relative |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for c in runs:
        median = [statistics.median(values) for values in (c.wall, c.cpu, c.peak)]
        base = ours[c.part]
        own = [statistics.median(values) for values in (base.wall, base.cpu, base.peak)]
        ratios = " | ".join(f"{value / mine:.2f}" for value, mine in zip(median, own))
        lines.append(f"| {c.part} | {c.name} | {median[0]:.2f} | {median[1]:.2f} | {median[2]:.0f} | {ratios} |")
    return "\n".join(lines)


def promises(runs: list[Contestant]) -> list[str]:
    """What was promised and what was measured."""
    wall = {(c.part, c.name): statistics.median(c.wall) for c in runs}
    lines = []

    def told(what: str, value: float, kept: bool, bound: str) -> None:
        lines.append(f"{'kept' if kept else 'MISSED'}: {what}: {value:.2f} ({bound})")

    ours = wall.get(("whole", "hermetic-check"))
    if ours is not None and ("whole", "parse-visit") in wall:
        ruff = ours / wall["whole", "ruff S,TID251"]
        told("wall time relative to ruff S,TID251", ruff, ruff <= WALL_OF_RUFF, f"at most {WALL_OF_RUFF}")
        floor = ours / wall["whole", "parse-visit"]
        told("wall time relative to parse-visit", floor, floor <= WALL_OF_PARSE_VISIT, f"at most {WALL_OF_PARSE_VISIT}")
        warm = wall["whole", WARM] / wall["whole", "ruff S,TID251"]
        told("warm, wall time relative to ruff S,TID251", warm, warm <= WARM_OF_RUFF, f"at most {WARM_OF_RUFF}")
        peak = max(max(c.peak) for c in runs if c.name.startswith("hermetic-check"))
        told("peak memory in MB", peak, peak <= PEAK_MB, f"at most {PEAK_MB}")
    if ("mid", "bandit") in wall:
        factor = wall["mid", "bandit"] / wall["mid", "hermetic-check"]
        told("times faster than bandit", factor, factor >= BANDIT_FACTOR, f"at least {BANDIT_FACTOR}")
    return lines


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    release = ROOT / "target" / "release"
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, default=ROOT / "target" / "corpus", help="default: target/corpus")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds (default 5)")
    parser.add_argument("--binary", type=Path, help="time this hermetic-check instead of building one")
    parser.add_argument("--parse-visit", type=Path, help="time this parse-visit instead of building one")
    parser.add_argument("--whole", default="site,stdlib", help="folders of the corpus for the whole (by comma)")
    parser.add_argument("--mid", default="mid", help="folders of the corpus for the part bandit is run on (by comma)")
    parser.add_argument("--only", choices=("whole", "mid", "linear"), help="run only one part")
    args = parser.parse_args()
    build = ["cargo", "build", "--release", "--quiet"]
    if args.binary is None:
        args.binary = release / "hermetic-check"
        call([*build, "--package", "hermetic-check", "--bin", "hermetic-check"])
    if args.parse_visit is None:
        args.parse_visit = release / "parse-visit"
        call([*build, "--package", "hermetic-tests", "--bin", "parse-visit"])
    # The runs start in the corpus.
    args.corpus, args.binary, args.parse_visit = (
        path.resolve() for path in (args.corpus, args.binary, args.parse_visit)
    )
    return args


def main() -> int:
    """Prepare, run in turn, print."""
    args = parse_arguments()
    WORK.mkdir(parents=True, exist_ok=True)
    if not args.corpus.exists():
        call([sys.executable, str(HERE / "corpus.py"), str(args.corpus)])
    bin_dir = peers()
    # For the secret that seals the cache.
    os.environ["XDG_CACHE_HOME"] = str(WORK / "user-cache")
    runs = contestants(args, bin_dir)
    by_name = {c.name: c for c in runs if c.part == "whole"}
    if WARM in by_name:
        same_when_warm(by_name["hermetic-check"], by_name[WARM], args.corpus)
    for c in runs:
        if c.name == "hermetic-check" and c.part in {"whole", "mid"}:
            folders: str = args.whole if c.part == "whole" else args.mid
            print(f"{c.part}: {counted_files(c, args.corpus, folders.split(','))}", flush=True)
    for c in runs:
        print(f"warming: {c.part}: {c.name}", flush=True)
        c.run(args.corpus, count=False)
    for number in range(args.rounds):
        print(f"round {number + 1} of {args.rounds}", flush=True)
        for c in runs:
            c.run(args.corpus, count=True)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"\n{cores} cores, medians of {args.rounds} rounds\n")
    print(table(runs))
    print()
    print("\n".join([*promises(runs), *growth(runs, args.corpus)]))
    return 0


if __name__ == "__main__":
    if shutil.which("cargo") is None:
        sys.exit("cargo is needed to build what is timed")
    sys.exit(main())
