#!/usr/bin/env python3
"""Rebuild the benchmark corpus: 80 released packages and the standard libraries of several CPythons.

usage: python3 tests/bench/corpus.py [DIR]        (default: target/corpus)

The packages and their versions are in corpus.txt beside this file. Everything comes from the package index that pip is
configured for. A version that can no longer be had is replaced by the nearest one and named in the output.

The result:

    DIR/site/          every package, unpacked together; only .py and .pyi files
    DIR/k8s/           the one package that is half of all lines
    DIR/stdlib/NAME/   the standard libraries, with their tests
    DIR/mid/           about 3,000 .py files of well-known packages (hard links into site)
    DIR/small/         a handful of packages (hard links into site)

Running it again does only what is missing. Standard libraries come from --python (default: the pyenv interpreters named
in corpus.txt) and from --stdlib NAME=DIR, where DIR is the folder that has os.py in it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

HERE = Path(__file__).resolve().parent
SUFFIXES = (".py", ".pyi")

# The wheels are those of one platform, whichever machine this runs on.
WHEEL_TAGS = ["--implementation", "cp", "--python-version", "3.11", "--platform", "any", "--platform", "linux_x86_64"]
for glibc in ("2014", "_2_17", "_2_24", "_2_26", "_2_27", "_2_28", "_2_31", "_2_34", "_2_35"):
    WHEEL_TAGS += ["--platform", f"manylinux{glibc}_x86_64"]


@dataclass(frozen=True)
class Recipe:
    """What corpus.txt says."""

    packages: list[tuple[str, str, bool]] = field(default_factory=list)
    """Name, version, whether it comes as an sdist."""
    apart: list[tuple[str, str]] = field(default_factory=list)
    """Top-level name in site, and the part it is moved to."""
    parts: dict[str, list[str]] = field(default_factory=dict)
    """Part, and the top-level names in site that it links."""
    pythons: dict[str, str] = field(default_factory=dict)
    """Name of a standard library, and the pyenv version it comes from."""

    @staticmethod
    def read(path: Path) -> Recipe:
        """Read the recipe; a line is `name==version`, or a keyword and its words."""
        recipe = Recipe()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            if "==" in words[0]:
                name, _, version = words[0].partition("==")
                recipe.packages.append((name, version, words[1:] == ["sdist"]))
            elif words[0] == "apart" and len(words) == 3:
                recipe.apart.append((words[1], words[2]))
            elif words[0] == "part" and len(words) > 2:
                recipe.parts[words[1]] = words[2:]
            elif words[0] == "stdlib" and len(words) == 3:
                recipe.pythons[words[1]] = words[2]
            else:
                sys.exit(f"{path}:{number}: not understood: {line!r}")
        return recipe


def version_key(version: str) -> tuple[int, ...]:
    """A released version as numbers; pre-releases compare below every release."""
    if re.fullmatch(r"[0-9]+(\.[0-9]+)*(\.post[0-9]+)?", version) is None:
        return ()
    return tuple(int(number) for number in re.findall(r"[0-9]+", version))


def nearest(wanted: str, offered: list[str]) -> str | None:
    """The newest release up to `wanted`; where there is none, the oldest after it."""
    releases = sorted((v for v in offered if version_key(v)), key=version_key)
    below = [v for v in releases if version_key(v) <= version_key(wanted)]
    if below:
        return below[-1]
    return releases[0] if releases else None


def pip_download(name: str, version: str, sdist: bool, into: Path) -> tuple[Path | None, str]:
    """Download one file; the file, or nothing and what pip said."""
    into.mkdir(parents=True, exist_ok=True)
    for old in into.iterdir():
        old.unlink()
    kind = ["--no-binary", name] if sdist else ["--only-binary", ":all:", *WHEEL_TAGS]
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps"]
    # An archive that is used once is not worth a second copy in pip's cache.
    command += ["--no-cache-dir", "--progress-bar", "off", "-d", str(into), *kind, f"{name}=={version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    files = sorted(into.iterdir())
    return (files[0], "") if done.returncode == 0 and files else (None, done.stdout + done.stderr)


def fetch(name: str, version: str, sdist: bool, into: Path) -> tuple[Path, str]:
    """Download one package in this version or the nearest; the file and the version it has."""
    file, said = pip_download(name, version, sdist, into)
    if file is not None:
        return file, version
    offered = re.search(r"\(from versions: ([^)]*)\)", said)
    other = nearest(version, offered.group(1).split(", ")) if offered else None
    if other is not None:
        file, said = pip_download(name, other, sdist, into)
        if file is not None:
            return file, other
    raise RuntimeError(f"{name}=={version} cannot be had:\n{said.strip()[-2000:]}")


def write(source: IO[bytes], root: Path, name: PurePosixPath) -> None:
    """Write one member of an archive below `root`."""
    if name.is_absolute() or ".." in name.parts:
        raise RuntimeError(f"the archive has a member outside of itself: {name}")
    target = root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        shutil.copyfileobj(source, out)


def unpack(archive: Path, site: Path, name: str) -> None:
    """Unpack the Python files of a wheel, or the package and the tests of an sdist."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for info in wheel.infolist():
                is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
                if info.filename.endswith(SUFFIXES) and not is_link:
                    with wheel.open(info) as source:
                        write(source, site, PurePosixPath(info.filename))
        return
    folders = {name: name, "tests": f"{name}_tests"}
    with tarfile.open(archive) as sdist:
        for member in sdist:
            parts = PurePosixPath(member.name).parts
            if not (member.isfile() and member.name.endswith(SUFFIXES) and len(parts) > 2 and parts[1] in folders):
                continue
            stream = sdist.extractfile(member)
            if stream is not None:
                with stream:
                    write(stream, site, PurePosixPath(folders[parts[1]], *parts[2:]))


def python_files(root: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Regular files below `root`, links not followed; sorted."""
    found: list[Path] = []
    for folder, _, names in os.walk(root):
        paths = (Path(folder, n) for n in names if n.endswith(suffixes))
        found += [p for p in paths if p.is_file() and not p.is_symlink()]
    return sorted(found)


def copy_stdlib(source: Path, target: Path) -> None:
    """Copy a standard library without the packages installed into it."""
    if target.exists():
        return
    unfinished = target.with_name(target.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    for path in python_files(source, SUFFIXES):
        name = path.relative_to(source)
        if name.parts[0] in ("site-packages", "dist-packages"):
            continue
        copy = unfinished / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    unfinished.rename(target)


def link_part(site: Path, names: list[str], target: Path) -> None:
    """Hard-link the .py files of some packages."""
    for name in names:
        for path in python_files(site / name, (".py",)):
            link = target / path.relative_to(site)
            if not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, link)


def move_apart(site: Path, name: str, target: Path) -> None:
    """Move a package out of site; what an earlier run moved stays."""
    if (site / name).exists():
        shutil.rmtree(target / name, ignore_errors=True)
        target.mkdir(parents=True, exist_ok=True)
        (site / name).rename(target / name)


def digest(root: Path, files: list[Path]) -> str:
    """SHA-256 over the sorted lines `sha256sum` would print for the files, from within `root`."""
    lines = sorted(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(root)}\n" for p in files)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def get_packages(root: Path, recipe: Recipe, jobs: int) -> list[str]:
    """Download and unpack what is missing; a sentence for each package that could not be had."""
    state = root / "state"
    state.mkdir(parents=True, exist_ok=True)
    missing: list[str] = []

    def one(package: tuple[str, str, bool]) -> tuple[Path, str]:
        name, version, sdist = package
        return fetch(name, version, sdist, root / "download" / name)

    todo = [p for p in recipe.packages if not (state / f"{p[0]}=={p[1]}.json").exists()]
    with ThreadPoolExecutor(jobs) as pool:
        running = [(package, pool.submit(one, package)) for package in todo]
        # Unpacked in the order of the list: where two packages bring the same file, the later one wins in every run.
        for (name, version, _), future in running:
            try:
                archive, got = future.result()
                unpack(archive, root / "site", name)
            except (RuntimeError, OSError, zipfile.BadZipFile, tarfile.TarError) as error:
                missing.append(str(error))
                print(f"  {name}=={version}: missing", flush=True)
                continue
            shutil.rmtree(archive.parent)
            (state / f"{name}=={version}.json").write_text(json.dumps({"name": name, "wanted": version, "got": got}))
            print(f"  {name}=={got}", flush=True)
    return missing


def replaced(root: Path) -> list[str]:
    """The packages that came in another version than the list has."""
    records = [json.loads(path.read_text()) for path in sorted((root / "state").glob("*.json"))]
    return [f"{r['name']}: {r['got']} instead of {r['wanted']}" for r in records if r["got"] != r["wanted"]]


def pyenv_python(version: str) -> str | None:
    """The interpreter of that version under pyenv, if it is there."""
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return None
    root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True).stdout.strip()
    python = Path(root, "versions", version, "bin", "python")
    return str(python) if python.exists() else None


def stdlib_of(python: str) -> tuple[str, Path]:
    """Name (`py311`) and folder of an interpreter's standard library."""
    code = "import sys, sysconfig; print('py%d%d' % sys.version_info[:2]); print(sysconfig.get_path('stdlib'))"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    name, path = done.stdout.splitlines()
    return name, Path(path)


def get_libraries(root: Path, recipe: Recipe, pythons: list[str], pairs: list[str]) -> list[str]:
    """Copy the standard libraries that are missing; a sentence for each that could not be had."""
    missing: list[str] = []
    libraries = dict(stdlib_of(python) for python in pythons)
    for pair in pairs:
        name, equals, folder = pair.partition("=")
        if not equals or not Path(folder, "os.py").exists():
            sys.exit(f"--stdlib {pair}: not NAME=DIR with an os.py in DIR")
        libraries[name] = Path(folder)
    for name, version in recipe.pythons.items():
        if name not in libraries and not (root / "stdlib" / name).exists():
            python = pyenv_python(version)
            if python is None:
                missing.append(f"stdlib/{name}: pyenv has no {version}; pass --python or --stdlib {name}=DIR")
            else:
                libraries[name] = stdlib_of(python)[1]
    (root / "stdlib").mkdir(exist_ok=True)
    for name, source in libraries.items():
        copy_stdlib(source, root / "stdlib" / name)
    return missing


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dir", nargs="?", type=Path, default=HERE.parent.parent / "target" / "corpus", metavar="DIR")
    parser.add_argument("--list", type=Path, default=HERE / "corpus.txt", help="the list of packages and parts")
    parser.add_argument("--python", action="append", default=[], help="take this interpreter's standard library")
    parser.add_argument("--stdlib", action="append", default=[], metavar="NAME=DIR", help="take this standard library")
    parser.add_argument("--jobs", type=int, default=4, help="downloads at a time (default 4)")
    return parser.parse_args()


def main() -> int:
    """Build the corpus and say what it holds."""
    args = parse_arguments()
    recipe = Recipe.read(args.list)
    root: Path = args.dir.resolve()
    root.mkdir(parents=True, exist_ok=True)
    print(f"corpus in {root}", flush=True)
    missing = get_packages(root, recipe, args.jobs)
    missing += get_libraries(root, recipe, args.python, args.stdlib)
    for name, part in recipe.apart:
        move_apart(root / "site", name, root / part)
    for part, names in recipe.parts.items():
        link_part(root / "site", names, root / part)

    whole: list[Path] = []
    for part in ["site", "stdlib"]:
        files = python_files(root / part, (".py",))
        print(f"{part:8} {len(files):6} .py files")
        whole += files
    print(f"{'whole':8} {len(whole):6} .py files (site and stdlib), sha256 {digest(root, whole)}")
    for part in sorted({part for _, part in recipe.apart}):
        print(f"{part:8} {len(python_files(root / part, ('.py',))):6} .py files, apart")
    for part in recipe.parts:
        print(f"{part:8} {len(python_files(root / part, ('.py',))):6} .py files (links)")
    for line in replaced(root):
        print(f"replaced {line}")
    for line in missing:
        print(f"missing {line}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
