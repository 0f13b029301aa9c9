"""The server as a child process, with the capabilities of real clients (pytest-lsp).

The client checks every message of the server against what the client said it can do.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

SERVER = os.environ["HERMETIC_LSP"]
CAPTURE = "from socket import socket\n\ns = socket()\n"
# Which clients ask for diagnostics.
asks: dict[int, bool] = {}
PROFILES = ["neovim@v0.7", "neovim@v0.11", "visual_studio_code", "emacs"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A program of three files."""
    (tmp_path / "hermetic.toml").write_text("no-subprocess = true\n")
    (tmp_path / "a.py").write_text(CAPTURE)
    (tmp_path / "helper.py").write_text("from os import system as go\n")
    (tmp_path / "main.py").write_text("import helper\nhelper.go('ls')\n")
    return tmp_path


@pytest_lsp.fixture(config=ClientServerConfig(server_command=[SERVER, "--stdio"]), params=PROFILES)
async def client(request: pytest.FixtureRequest, lsp_client: LanguageClient, project: Path) -> AsyncIterator[None]:
    """A client of each kind, with a server of its own."""
    lsp_client.feature(types.CLIENT_REGISTER_CAPABILITY)(lambda *_: None)
    started = await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=client_capabilities(request.param),
            process_id=os.getpid(),
            root_uri=project.as_uri(),
            workspace_folders=[types.WorkspaceFolder(project.as_uri(), "project")],
        )
    )
    asks[id(lsp_client)] = started.capabilities.diagnostic_provider is not None
    yield
    await lsp_client.shutdown_session()


def opened(client: LanguageClient, path: Path) -> str:
    """Open a file; its address."""
    document = types.TextDocumentItem(path.as_uri(), "python", 1, path.read_text())
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    return path.as_uri()


def pulls(client: LanguageClient) -> bool:
    """Whether the client asks for diagnostics."""
    return asks[id(client)]


async def rules(client: LanguageClient, uri: str, wanted: list[str]) -> list[types.Diagnostic]:
    """The diagnostics of a document, once they are of these rules."""
    identity = types.TextDocumentIdentifier(uri)
    for _ in range(200):
        if pulls(client):
            report = await client.text_document_diagnostic_async(types.DocumentDiagnosticParams(identity))
            found = list(report.items)
        else:
            found = list(client.diagnostics.get(uri, []))
        if [one.code for one in found] == wanted:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{uri}: {found}, not {wanted}")


@pytest.mark.asyncio
async def test_a_finding_is_told_and_fixed(client: LanguageClient, project: Path) -> None:
    """A captured reference is told and rewritten."""
    uri = opened(client, project / "a.py")
    (found,) = await rules(client, uri, ["captured-reference"])
    actions = await client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(uri),
            found.range,
            types.CodeActionContext([found]),
        )
    )
    fix = next(action for action in actions or [] if action.title.startswith("look up"))
    if fix.edit is None:
        fix = await client.code_action_resolve_async(fix)
    edits = sorted(fix.edit.changes[uri], key=lambda edit: edit.range.start.line)
    assert [edit.new_text for edit in edits] == ["import socket", "socket.socket"]


@pytest.mark.asyncio
async def test_other_files_are_known(client: LanguageClient, project: Path) -> None:
    """An edit in one file changes what is told of another."""
    uri = opened(client, project / "main.py")
    await rules(client, uri, ["shell-command"])
    helper = opened(client, project / "helper.py")
    client.text_document_did_change(
        types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(version=2, uri=helper),
            [types.TextDocumentContentChangeWholeDocument("def go(x):\n    return x\n")],
        )
    )
    await rules(client, uri, [])


@pytest.mark.asyncio
async def test_hover_tells_the_rule(client: LanguageClient, project: Path) -> None:
    """Pointing at a finding tells its rule."""
    uri = opened(client, project / "a.py")
    await rules(client, uri, ["captured-reference"])
    place = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(0, 20))
    hover = await client.text_document_hover_async(place)
    assert hover is not None
    assert "captured-reference" in hover.contents.value
