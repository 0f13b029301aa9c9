"""One version everywhere, and a word about it in CHANGELOG.md.

usage: version.py [--released TAG]

Cargo.toml has the version. The wheels take it from there, and so do the crates; what cannot is compared. `--released`
demands, too, that the tag is the version's and that the changes have a date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# npm knows no version that is taken from elsewhere.
MANIFESTS = ["editors/vscode/package.json"]
# Where the version is Cargo.toml's, and must not be written.
DYNAMIC = ["pyproject.toml", "runtime-guard/pyproject.toml"]


def of_cargo(root: Path = ROOT) -> str:
    """The version in Cargo.toml."""
    text = (root / "Cargo.toml").read_text(encoding="utf-8")
    found = re.search(r'(?ms)^\[workspace\.package\]\n[^\[]*?^version = "([^"]+)"', text)
    if not found:
        raise SystemExit("Cargo.toml has no version in [workspace.package]")
    return found[1]


def complaints(root: Path = ROOT, tag: str | None = None) -> list[str]:
    """What does not agree with it."""
    version = of_cargo(root)
    found = []
    for name in MANIFESTS:
        if (root / name).exists():
            other = json.loads((root / name).read_text(encoding="utf-8")).get("version")
            if other != version:
                found.append(f"{name} has version {other}, and Cargo.toml {version}")
    taken = [(root / name, r'(?m)^dynamic = \["version"\]$') for name in DYNAMIC]
    taken += [(path, r"(?m)^version\.workspace = true$") for path in sorted(root.glob("*/Cargo.toml"))]
    without = [path for path, pattern in taken if not re.search(pattern, path.read_text(encoding="utf-8"))]
    found += [f"{path.relative_to(root).as_posix()} does not take its version from Cargo.toml" for path in without]
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(rf"(?m)^## {re.escape(version)} \((unreleased|\d{{4}}-\d\d-\d\d)\)$", changes)
    if not heading:
        found.append(f"CHANGELOG.md has no line `## {version} (unreleased)`, or with a date")
    if tag is not None:
        if tag != f"v{version}":
            found.append(f"the tag is {tag}, and Cargo.toml has version {version}")
        if heading and heading[1] == "unreleased":
            found.append(f"CHANGELOG.md calls {version} unreleased; write the date")
    return found


def main() -> int:
    """Compare, and tell."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--released", metavar="TAG")
    found = complaints(tag=parser.parse_args().released)
    print("\n".join(found) or of_cargo(), file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
