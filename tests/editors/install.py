"""Editors from several Debian suites, unpacked below a folder, never installed.

Prints the root of the suite that is asked for. What cannot be had is told on standard error, with exit code 1.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pythons"))
import debian

PACKAGES = {
    "bookworm": ["neovim", "emacs-nox", "elpa-eglot", "vim-nox", "vim-ale"],
    "trixie": ["neovim", "hx"],
    "sid": ["neovim"],
}
PROGRAMS = ["nvim", "emacs-nox", "vim.nox", "hx"]
# `/usr/bin/hx` is a link in some suites; the program is where this says.
ELSEWHERE = ["usr/lib/hx/hx"]


def install(suite: str, folder: Path) -> None:
    """Unpack a suite's packages, with those they need."""
    new = folder / f"{suite}.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    debian.Suite(suite, folder / f"{suite}.apt").unpack(PACKAGES[suite], folder / f"{suite}.debs", new)
    root = folder / suite
    # The loader that a program is told to use has to be where it will stay.
    new.rename(root)
    try:
        for path in [*(root / "usr" / "bin" / name for name in PROGRAMS), *(root / name for name in ELSEWHERE)]:
            if path.is_file() and not path.is_symlink():
                debian.own_libraries(path, root, debian.patchelf(folder / "patchelf"))
    except BaseException:
        shutil.rmtree(root)
        raise
    shutil.rmtree(folder / f"{suite}.debs")


def main() -> int:
    """Unpack them, unless they are there."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("suite", choices=PACKAGES)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if not (folder / arguments.suite).is_dir():
        try:
            install(arguments.suite, folder)
        except (debian.CannotFetchError, OSError) as error:
            print(f"{', '.join(PACKAGES[arguments.suite])} cannot be fetched here: {error}", file=sys.stderr)
            return 1
    print(folder / arguments.suite)
    return 0


if __name__ == "__main__":
    sys.exit(main())
