"""maturin, which says what is missing where the package has to be built because there is no wheel for the platform.

pip and its kin call these functions (PEP 517). Where there is no Rust at all, maturin fetches one for the build, unless
`MATURIN_NO_INSTALL_RUST` forbids it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from typing import Any

import maturin  # type: ignore[import-untyped]
from maturin import (
    build_editable,
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

# `rust-version` of Cargo.toml.
OLDEST = (1, 95)
WHEELS = (
    "wheels are for Linux (x86_64 and aarch64, glibc 2.28 or musl 1.2 or later), macOS (x86_64 and arm64) and "
    "Windows (x86_64), if pip is not told to do without (--no-binary)"
)


class CannotBuildError(Exception):
    """Why the package cannot be built here."""

    def __init__(self, reason: str) -> None:
        """With what to do about it."""
        oldest = ".".join(map(str, OLDEST))
        super().__init__(
            f"hermetic-check has to be built for {sysconfig.get_platform()}, which needs Rust {oldest} or later: "
            f"{reason}; {WHEELS}"
        )


def found() -> tuple[int, ...] | None:
    """The version of the Rust at hand."""
    compiler = os.environ.get("RUSTC") or shutil.which("rustc")
    if not (compiler and shutil.which("cargo")):
        return None
    said = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"rustc (\d+)\.(\d+)", said)
    return tuple(map(int, version.groups())) if version else None


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """What building needs, if it can be done."""
    version = found()
    if version is None and os.environ.get("MATURIN_NO_INSTALL_RUST"):
        raise CannotBuildError("there is none on PATH; get it from https://rustup.rs")
    if version is not None and version < OLDEST:
        raise CannotBuildError(f"here is {'.'.join(map(str, version))}; bring it up to date with `rustup update`")
    return list(maturin.get_requires_for_build_wheel(config_settings))


def prepare_metadata_for_build_wheel(folder: str, config_settings: dict[str, Any] | None = None) -> str:
    """The metadata; the first step that needs Rust."""
    try:
        return str(maturin.prepare_metadata_for_build_wheel(folder, config_settings))
    except (SystemExit, Exception) as error:
        if found() is None:
            raise CannotBuildError("it could not be fetched; get it from https://rustup.rs") from error
        raise


def build_wheel(
    folder: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """The wheel."""
    return str(maturin.build_wheel(folder, config_settings, metadata_directory))
