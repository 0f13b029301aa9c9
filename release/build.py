"""Build the packages: for each of the two projects a wheel and a source distribution, and check them.

usage: build.py [--profile NAME] [--out FOLDER] [--target-dir FOLDER] [--project NAME] [--only KIND] [--twice]

They are put below FOLDER, `target/packages` if not given. `--twice` builds them a second time from a copy of the
sources in another folder, and demands the same bytes. What has to be installed for it is in release/requirements.txt.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bill
import check
import version

ROOT = Path(__file__).resolve().parents[1]
# The folder of each project's pyproject.toml.
PROJECTS = {"hermetic-check": ".", "hermetic-guard": "runtime-guard"}
# Longer than a build takes.
PATIENCE = 3600


def epoch() -> str:
    """What stands in the packages for every time: `SOURCE_DATE_EPOCH`, or the time of the last commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    command = ["git", "log", "-1", "--format=%ct"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    # Without git, the start of 2026: a zip archive knows no time before 1980.
    return done.stdout.strip() or "1767225600"


def environment(root: Path, times: str, clean: bool) -> dict[str, str]:
    """The variables of a build: nothing of where it happens, and when, gets into what is shipped."""
    variables = {**os.environ, "SOURCE_DATE_EPOCH": times, "CARGO_TERM_COLOR": "never"}
    if not clean:
        # What Cargo has built with its usual flags is used as it is.
        return variables
    # A later pair goes before an earlier one, and Cargo's folder may lie in the sources.
    remapped = [f"--remap-path-prefix={root}=/hermetic", f"--remap-path-prefix={check.CARGO}=/cargo"]
    flags = [*os.environ.get("RUSTFLAGS", "").split(), *remapped]
    # The compiler of mimalloc's C is told the same.
    prefixes = f"-ffile-prefix-map={root}=/hermetic -ffile-prefix-map={check.CARGO}=/cargo"
    variables["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
    if sys.platform != "win32":
        variables["CFLAGS"] = f"{os.environ.get('CFLAGS', '')} {prefixes}".strip()
    return variables


def shipped(arguments: argparse.Namespace) -> bool:
    """Whether somebody else may get what is built, or it is compared."""
    return bool(arguments.twice or arguments.profile != "dev")


def build(root: Path, name: str, arguments: argparse.Namespace, out: Path, times: str) -> list[Path]:
    """The source distribution and the wheel of a project, in a folder of their own."""
    shutil.rmtree(out, ignore_errors=True)
    # An archive has the permissions of its files, and these the mask of whoever checked them out.
    os.umask(0o022)
    maturin = [sys.executable, "-m", "maturin"]
    target = arguments.target_dir if root == ROOT else root / "target"
    variables = environment(root, times, shipped(arguments))
    command = ["build", "--quiet", "--locked", "--profile", arguments.profile, "--target-dir", str(target)]
    commands = {"sdist": ["sdist"], "wheel": [*command, *arguments.maturin]}
    for words in [commands[arguments.only]] if arguments.only else commands.values():
        line = [*maturin, *words, "--out", str(out)]
        subprocess.run(line, cwd=root / PROJECTS[name], env=variables, check=True, timeout=PATIENCE)
    for wheel in out.glob("*.whl"):
        bill.settle(wheel, root, name, times)
    return sorted(out.iterdir())


def copied(folder: Path) -> Path:
    """The sources that git would commit, in another place."""
    root = folder / "another" / "place"
    # What Cargo has built there may stay.
    for entry in root.iterdir() if root.is_dir() else []:
        if entry.name != "target":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    return root


def differences(first: Path, second: Path) -> list[str]:
    """The members of two archives that are not the same, or the archives themselves."""
    if first.read_bytes() == second.read_bytes():
        return []
    members = [check.members(path) for path in (first, second)]
    names = sorted(name for name in {*members[0], *members[1]} if members[0].get(name) != members[1].get(name))
    return [f"{first.name}: {name}" for name in names] or [f"{first.name}: the archive, and none of its members"]


def main() -> int:
    """Build, check, and say what there is."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--profile", default="release", metavar="NAME", help="Cargo's profile")
    parser.add_argument("--out", type=Path, default=ROOT / "target" / "packages", metavar="FOLDER")
    parser.add_argument("--target-dir", type=Path, default=ROOT / "target", metavar="FOLDER")
    parser.add_argument("--project", choices=PROJECTS, action="append", help="only this; repeatable")
    parser.add_argument("--only", choices=["sdist", "wheel"], help="not both")
    parser.add_argument("--twice", action="store_true", help="build again elsewhere, and compare")
    parser.add_argument("--again", type=Path, metavar="FOLDER", help="where; a temporary folder if not given")
    parser.add_argument("maturin", nargs="*", help="further arguments of maturin build, after --")
    arguments = parser.parse_args()
    times = epoch()
    out = arguments.out.resolve()
    arguments.target_dir = arguments.target_dir.resolve()
    complaints = []
    for name in arguments.project or PROJECTS:
        start = time.monotonic()
        built = build(ROOT, name, arguments, out / name, times)
        complaints += [] if arguments.only or len(built) == 2 else [f"{name}: {built}, and not one of each kind"]
        complaints += check.complaints(name, version.of_cargo(), built, shipped=shipped(arguments))
        for path in built:
            print(f"{path.relative_to(out)}: {path.stat().st_size / 1e6:.1f} MB")
        print(f"{name}: built in {time.monotonic() - start:.0f} s")
        if arguments.twice:
            with tempfile.TemporaryDirectory() as folder:
                place = arguments.again or Path(folder)
                again = build(copied(place), name, arguments, place / "out", times)
                if [path.name for path in built] != [path.name for path in again]:
                    complaints.append(f"{name}: other names the second time: {again}")
                pairs = list(zip(built, again))
                complaints += [f"not reproducible: {one}" for pair in pairs for one in differences(*pair)]
            print(f"{name}: built again in another folder")
    print("\n".join(complaints) or "no complaints", file=sys.stderr if complaints else sys.stdout)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
