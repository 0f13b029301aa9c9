"""Tests that use what plugins give."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.asyncio
async def test_loop() -> None:
    """A test in a loop of its own."""
    await asyncio.sleep(0)


def test_mock(mocker: Any) -> None:
    """A function is replaced."""
    mocker.patch("os.getcwd", return_value="x")
    assert os.getcwd() == "x"


def test_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A variable, a folder."""
    monkeypatch.setenv("A", "b")
    (tmp_path / "x").write_text("y")


def test_network() -> None:
    """Nothing is reached."""
    with pytest.raises(RuntimeError, match="network disabled"):
        socket.create_connection(("192.0.2.1", 9))
