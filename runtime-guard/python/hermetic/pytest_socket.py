"""pytest-socket's options, markers and fixtures, enforced by hermetic: `pytest -p hermetic.pytest_socket`.

It is never loaded by itself. What stands for what is a table in the documentation.
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hermetic._testing.guarding import Guarding

_ANY_UNIX = "unix:*"
_MARKERS = (
    "disable_socket(allow_unix_socket=False): deny the test the network",
    "enable_socket: allow the test the network",
    "allow_hosts([hosts]): allow the test these hosts alone",
)


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """pytest-socket's options."""
    if pluginmanager.has_plugin("socket") or pluginmanager.has_plugin("pytest_socket"):
        raise pytest.UsageError("pytest-socket is installed and has these options, too; add `-p no:socket`")
    group = parser.getgroup("socket", "pytest-socket's options, by hermetic")
    group.addoption("--disable-socket", action="store_true", dest="disable_socket", help="deny the network")
    group.addoption(
        "--force-enable-socket", action="store_true", dest="force_enable_socket", help="deny the network to no test"
    )
    group.addoption(
        "--allow-hosts",
        dest="allow_hosts",
        metavar="HOSTS",
        default=None,
        help="allow these hosts alone: names, addresses, networks, with commas between them",
    )
    group.addoption(
        "--allow-unix-socket", action="store_true", dest="allow_unix_socket", help="allow Unix sockets all the same"
    )


def _hosts(given: object) -> list[str]:
    parts = given.split(",") if isinstance(given, str) else list(given) if isinstance(given, (list, tuple)) else None
    if parts is None or not all(isinstance(part, str) for part in parts):
        raise pytest.UsageError(f"allow_hosts takes hosts, as text or a list of it, not {given!r}")
    return [part.strip() for part in parts if part.strip()]


def _closed(config: pytest.Config, *, unix: bool = False) -> dict[str, Any]:
    """The network denied, but for Unix sockets where they are allowed."""
    is_unix = unix or bool(config.getoption("allow_unix_socket"))
    return {"no_network": True, "allow_localhost": False, "allow_domain": [_ANY_UNIX] if is_unix else []}


def _restricted(config: pytest.Config, hosts: object) -> dict[str, Any]:
    closed = _closed(config)
    return {**closed, "allow_domain": [*_hosts(hosts), *closed["allow_domain"]]}


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Guard what the options and markers name."""
    from hermetic.pytest_plugin import activate, guarding

    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    plugin = guarding(config)
    if plugin is None:
        plugin = activate(config, [], only_marked=True)
    if config.getoption("force_enable_socket"):
        return
    hosts = config.getoption("allow_hosts")
    if hosts:
        _add(plugin, _restricted(config, hosts))
    elif config.getoption("disable_socket"):
        _add(plugin, _closed(config))

    def disable(mark: Any) -> dict[str, Any]:
        return _closed(config, unix=bool(mark.kwargs.get("allow_unix_socket", False)))

    def enable(_: Any) -> dict[str, Any]:
        return {"no_network": False}

    def allow(mark: Any) -> dict[str, Any]:
        given = mark.args[0] if len(mark.args) == 1 else list(mark.args)
        return _restricted(config, given)

    plugin.others.update(disable_socket=disable, enable_socket=enable, allow_hosts=allow)
    plugin.asking.update(("disable_socket", "allow_hosts"))


def _add(plugin: Guarding, policy: dict[str, Any]) -> None:
    from hermetic._testing import policies

    plugin.base = {**(plugin.base if plugin.base is not None else policies.nothing()), **policy}


def _set(request: pytest.FixtureRequest, policy: dict[str, Any]) -> None:
    from hermetic.pytest_plugin import guarding

    plugin = guarding(request.config)
    if plugin is not None and not request.config.getoption("force_enable_socket"):
        plugin.set[request.node] = {**plugin.set.get(request.node, {}), **policy}


@pytest.fixture
def socket_disabled(request: pytest.FixtureRequest) -> None:
    """Deny the rest of the test the network."""
    _set(request, _closed(request.config))


@pytest.fixture
def socket_enabled(request: pytest.FixtureRequest) -> None:
    """Allow the rest of the test the network."""
    _set(request, {"no_network": False})
