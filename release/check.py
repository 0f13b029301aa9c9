"""What every package has to be, whoever built it, and for which platform.

usage: check.py FILE...
"""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
CARGO = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
SUFFIX = r"(\.exe)?"
# The names of the files, after the version.
TAGS = {
    "hermetic-check": r"py3-none-(any|\w*(linux|macosx|win)\w*)\.whl",
    "hermetic-guard": r"cp39-abi3-\w*(linux|macosx|win)\w*\.whl",
}
# What is in a wheel, beside its metadata; `{}` is the name and version.
CONTENTS = {
    "hermetic-check": [
        rf"{{}}\.data/scripts/hermetic-check{SUFFIX}",
        rf"{{}}\.data/scripts/hermetic-lsp{SUFFIX}",
        r"hermetic_check/(__init__|__main__)\.py",
        r"hermetic_check/py\.typed",
    ],
    "hermetic-guard": [
        r"hermetic/([a-z_]+/)*[a-z_]+\.pyi?",
        r"hermetic/py\.typed",
        r"hermetic/_native\.(abi3\.so|pyd)",
    ],
}
METADATA = [
    r"METADATA",
    r"WHEEL",
    r"RECORD",
    r"entry_points\.txt",
    r"licenses/LICENSE",
    r"sboms/[\w-]+\.cyclonedx\.json",
]
# A wheel that lacks one of these, or a source distribution without one of those, is not whole.
NEEDED = {
    "hermetic-check": ["scripts/hermetic-check", "scripts/hermetic-lsp", "hermetic_check/__main__.py"],
    "hermetic-guard": ["hermetic/_native.", "hermetic/cli.py", "entry_points.txt"],
}
SOURCES = ["PKG-INFO", "pyproject.toml", "Cargo.toml", "Cargo.lock", "LICENSE", "README.md"]
# A crate whose absence from the bill of materials would show that it is of something else.
LINKED = {"hermetic-check": ["ruff_python_parser", "tower-lsp-server"], "hermetic-guard": ["pyo3", "hermetic-policy"]}


def members(archive: Path) -> dict[str, bytes]:
    """What is in a wheel or a source distribution."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(archive) as source:
        files = ((entry.name, source.extractfile(entry)) for entry in source if entry.isfile())
        return {name: file.read() for name, file in files if file}


def complaints(name: str, version: str, built: list[Path], *, shipped: bool) -> list[str]:
    """What is wrong with the packages of a project that were built here."""
    start = f"{name.replace('-', '_')}-{Version(version)}"
    found = [f"{path.name}: not {name} {version}" for path in built if not path.name.startswith(start)]
    return found + [complaint for path in built for complaint in of_one(path, shipped=shipped)]


def of_one(path: Path, *, tools: bool = True, shipped: bool = True) -> list[str]:
    """What is wrong with a package, by what is here and by what others have made for it."""
    name = path.name.partition("-")[0].replace("_", "-")
    if name not in TAGS:
        return [f"{path.name}: a package of another project"]
    inside = members(path)
    found = of_wheel(name, path, inside) if path.suffix == ".whl" else of_source(path, inside)
    places = [ROOT, *([CARGO / "registry"] if shipped else [])]
    found += [f"tells where it was built: {member}" for member, data in inside.items() if leaks(data, places)]
    found += tool("twine", "check", "--strict", str(path)) if tools else []
    if tools and path.suffix == ".whl" and "abi3" in path.name:
        found += tool("abi3audit", "--strict", "--report", str(path))
    return [f"{path.name}: {complaint}" for complaint in found]


def leaks(data: bytes, places: list[Path]) -> bool:
    """Whether it names one of these folders; the root of a container is a word that means nothing."""
    return any(str(place).encode() in data for place in places if len(place.parts) > 2)


def of_wheel(name: str, path: Path, inside: dict[str, bytes]) -> list[str]:
    """What is wrong with the name and the contents of a wheel."""
    stem = "-".join(path.name.split("-")[:2])
    found = [] if re.fullmatch(re.escape(stem) + "-" + TAGS[name], path.name) else ["its tags"]
    patterns = [pattern.format(re.escape(stem)) for pattern in CONTENTS[name]]
    patterns += [rf"{re.escape(stem)}\.dist-info/{pattern}" for pattern in METADATA]
    found += [f"{member} in it" for member in inside if not any(re.fullmatch(p, member) for p in patterns)]
    found += [f"no {needed} in it" for needed in NEEDED[name] if not any(needed in member for member in inside)]
    info = f"{stem}.dist-info"
    metadata = email.message_from_bytes(inside.get(f"{info}/METADATA", b""))
    expected: dict[str, str | None] = {
        "Name": name,
        "License-Expression": "MIT",
        "License-File": "LICENSE",
        "Requires-Python": ">=3.9",
    }
    expected |= {"Requires-Dist": None, "Description-Content-Type": "text/markdown; charset=UTF-8; variant=GFM"}
    found += [f"{key} is {metadata[key]}" for key, value in expected.items() if metadata[key] != value]
    if inside.get(f"{info}/licenses/LICENSE") != (ROOT / "LICENSE").read_bytes():
        found.append("not the project's licence")
    bills = [data for member, data in inside.items() if member.startswith(f"{info}/sboms/")]
    return found + (of_bill(name, stem.partition("-")[2], bills[0]) if len(bills) == 1 else [f"{len(bills)} bills"])


def of_bill(name: str, version: str, text: bytes) -> list[str]:
    """What is wrong with a bill of materials: CycloneDX, of this, and with what Cargo.lock has."""
    bill = json.loads(text)
    found = [] if bill.get("bomFormat") == "CycloneDX" else ["a bill of materials that is not CycloneDX"]
    if bill["metadata"]["component"]["name"] != name:
        found.append("a bill of materials of another project")
    if Version(bill["metadata"]["component"]["version"]) != Version(version):
        found.append("a bill of materials of another version")
    lock = (ROOT / "Cargo.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r'\[\[package\]\]\nname = "([^"]+)"\nversion = "([^"]+)"', lock))
    components = [(component["name"], component["version"]) for component in bill["components"]]
    found += [f"{component} is not in Cargo.lock" for component in components if component not in locked]
    found += [f"no {crate} in the bill" for crate in LINKED[name] if crate not in dict(components)]
    without = [component["name"] for component in bill["components"] if not component.get("licenses")]
    return found + [f"no licence of {component} in the bill" for component in without]


def of_source(path: Path, inside: dict[str, bytes]) -> list[str]:
    """What is wrong with the contents of a source distribution."""
    folder = path.name[: -len(".tar.gz")]
    found = [f"no {needed}" for needed in SOURCES if f"{folder}/{needed}" not in inside]
    return found + [f"{name} in it" for name in inside if not name.startswith(f"{folder}/")]


def tool(module: str, *arguments: str) -> list[str]:
    """What a checker says, if it is not content."""
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    return [f"{module}: {done.stdout.strip()} {done.stderr.strip()}"] if done.returncode else []


def main() -> int:
    """Check them, and tell."""
    found = [complaint for path in sys.argv[1:] for complaint in of_one(Path(path))]
    print("\n".join(found) or f"{len(sys.argv) - 1} packages, no complaints", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
