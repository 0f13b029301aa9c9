"""Put the guard's wheel into a virtual environment for every CPython that `find.py` finds.

Prints the interpreters of these environments, oldest first, separated by `:`: what `HERMETIC_GUARDED` takes. With
versions as arguments, only those. The environments are in `target/guarded`, and are filled again when the wheel is
another one. `--needs` also installs the distributions of the first column of a CSV file, as far as they have wheels.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / "target" / "guarded"


def interpreters(versions: list[str]) -> list[tuple[str, str]]:
    """Versions and interpreters; what is missing has been told on standard error."""
    command = [sys.executable, str(ROOT / "tests" / "pythons" / "find.py"), "--fetch", *versions]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return [(version, path) for version, _, path in (line.partition(" ") for line in lines)]


def fill(version: str, python: str, wheel: Path) -> Path:
    """An environment of that interpreter with the wheel in it."""
    folder = ENVIRONMENTS / version
    inside, mark = folder / "bin" / "python", folder / "wheel"
    want = f"{python} {hashlib.sha256(wheel.read_bytes()).hexdigest()}"
    if inside.exists() and mark.exists() and mark.read_text() == want:
        return inside
    shutil.rmtree(folder, ignore_errors=True)
    # Debian's interpreters have no ensurepip, and no one pip runs on all versions; unpacking a wheel installs it but
    # for its commands (the binary distribution format, "Installing a wheel").
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "lib" / f"python{version}" / "site-packages")
    command = folder / "bin" / "hermetic"
    command.write_text(f"#!{inside}\nimport sys\nfrom hermetic.cli import main\nsys.exit(main())\n")
    command.chmod(0o755)
    mark.write_text(want)
    return inside


def supply(version: str, inside: Path, needs: Path) -> None:
    """Install what examples need; what cannot be had is told."""
    mark = inside.parent.parent / "needs"
    if mark.exists() and mark.read_text() == needs.read_text():
        return
    site = inside.parent.parent / "lib" / f"python{version}" / "site-packages"
    # The pip at hand installs for any version, so long as it has nothing to build.
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    with needs.open(newline="") as file:
        for row in csv.DictReader(file):
            command = [*pip, "--python-version", version, "--target", str(site), "--upgrade", row["distribution"]]
            if subprocess.run(command, capture_output=True, check=False).returncode:
                print(f"SKIPPED pages on Python {version}: {row['distribution']} cannot be installed", file=sys.stderr)
    mark.write_text(needs.read_text())


def main() -> None:
    """Fill them, tell them."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--needs", type=Path, metavar="CSV")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("versions", nargs="*", metavar="VERSION")
    arguments = parser.parse_args()
    found = interpreters(arguments.versions)
    filled = [(version, fill(version, python, arguments.wheel.resolve())) for version, python in found]
    for version, inside in filled:
        if arguments.needs:
            supply(version, inside, arguments.needs)
    print(":".join(str(inside) for _, inside in filled))


if __name__ == "__main__":
    main()
