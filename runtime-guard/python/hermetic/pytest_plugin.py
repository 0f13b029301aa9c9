"""The plugin for pytest: tests under a policy. Inactive until asked.

It is asked by `--hermetic`, by `hermetic = true` among pytest's settings, or by the marker `hermetic` on a test.
"""

from __future__ import annotations

import pytest

from hermetic.flags import FLAGS, FOLDER, LIST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hermetic._testing.guarding import Guarding, Hermetic

NAME = "hermetic-guarding"
# What `--hermetic` alone means where no configuration denies anything.
DEFAULT_PROFILE = "net-hermetic"
_SWALLOWED = ("fail", "warn", "ignore")
_MARKERS = (
    "hermetic(*profiles, **keys): what the test is denied; keys are those of hermetic_blocker, and `expect`",
    "allow_network(*hosts): allow these hosts; without any, the whole network",
    "allow_hosts(*hosts): allow these hosts",
    "allow_subprocess: allow starting processes",
    "allow_write(*paths): allow changing these files and folders; without any, all",
    "allow_environment: allow environment variables",
)
_POLICY = tuple(flag for flag in FLAGS if flag.group == "Policy")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """The options and settings."""
    group = parser.getgroup("hermetic", "hermetic")
    group.addoption(
        "--hermetic",
        action="append_const",
        const="",
        dest="hermetic",
        help="run tests under a policy: --hermetic=PROFILE, or that of the configuration, or net-hermetic",
    )
    # `--hermetic test_a.py` is to read a path: so no value is taken but behind `=`, which argparse has no word for.
    # An option costs each run something; those that are not there are not asked for.
    given = _given(pluginmanager)
    for profile in dict.fromkeys(_behind(given, "--hermetic=")):
        group.addoption(
            f"--hermetic={profile}", action="append_const", const=profile, dest="hermetic", help=_suppressed()
        )
    group.addoption(
        "--hermetic-config", metavar="FILE", default=None, help="take the policy from this file instead of searching"
    )
    group.addoption(
        "--hermetic-learn",
        action="store_const",
        const="",
        dest="hermetic_learn",
        help="deny nothing, and write the least policy that the tests need; to FILE with --hermetic-learn=FILE",
    )
    for file in dict.fromkeys(_behind(given, "--hermetic-learn=")):
        group.addoption(
            f"--hermetic-learn={file}", action="store_const", const=file, dest="hermetic_learn", help=_suppressed()
        )
    group.addoption(
        "--hermetic-swallowed",
        choices=_SWALLOWED,
        default=None,
        help="what becomes of a test that was denied something and went on",
    )
    parser.addini("hermetic", "run tests under a policy", type="bool", default=False)
    parser.addini("hermetic_swallowed", "fail, warn or ignore", default="")
    for flag in _POLICY:
        kind: Any = "linelist" if flag.kind == LIST else "string" if flag.kind == FOLDER else "bool"
        parser.addini(f"hermetic_{flag.key}", flag.help, type=kind, default=None)


def _given(pluginmanager: pytest.PytestPluginManager) -> list[str]:
    """The arguments of the command line, of PYTEST_ADDOPTS and of the setting `addopts`."""
    import os
    import shlex

    config: Any = pluginmanager.get_plugin("pytestconfig")
    arguments = [str(one) for one in getattr(getattr(config, "invocation_params", None), "args", ())]
    try:
        return [*arguments, *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *config.getini("addopts")]
    except (AttributeError, KeyError, ValueError):  # pytest itself says what is wrong with them
        return arguments


def _behind(given: list[str], start: str) -> list[str]:
    return [one[len(start) :] for one in given if one.startswith(start)]


def _suppressed() -> str:
    import argparse

    return argparse.SUPPRESS


def pytest_configure(config: pytest.Config) -> None:
    """Begin to guard, if that was asked for."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    _refuse_unknown(config)
    file = config.getoption("hermetic_learn", None)
    learns = file is not None
    if file:
        from hermetic.learn import refuse_to_replace

        problem = refuse_to_replace(file)
        if problem is not None:
            raise pytest.UsageError(f"--hermetic-learn: {problem}")
    if learns:
        from hermetic.learn import from_children

        config.add_cleanup(from_children())
    asked = config.getoption("hermetic", None)
    if asked or learns or config.getini("hermetic"):
        activate(config, list(asked or ()), learns=learns)


def _refuse_unknown(config: pytest.Config) -> None:
    """A setting that is nearly ours would be a guard left off in silence."""
    known = ["hermetic", "hermetic_swallowed", *(f"hermetic_{flag.key}" for flag in _POLICY)]
    # pytest 9 has it under this name, and warns of the other.
    settings = config._inicfg if hasattr(config, "_inicfg") else config.inicfg
    overrides = config.getoption("override_ini", None) or ()
    for name in [*settings, *(one.partition("=")[0] for one in overrides)]:
        if name.startswith("hermetic") and name not in known:
            from hermetic._suggest import advice

            raise pytest.UsageError(f"unknown setting `{name}`; {advice(name, known)}")


def guarding(config: pytest.Config) -> Guarding | None:
    """The plugin that guards this run."""
    hooks = config.pluginmanager.get_plugin(NAME)
    found: Guarding | None = getattr(hooks, "guarding", None)
    return found


def activate(
    config: pytest.Config,
    profiles: list[str],
    *,
    learns: bool = False,
    only_marked: bool = False,
    more: dict[str, Any] | None = None,
) -> Guarding:
    """Guard this run from now on. `more` is what another plugin adds to the policy."""
    from hermetic import _native
    from hermetic._testing import policies
    from hermetic._testing.guarding import Guarding, Hooks
    from hermetic.errors import HermeticError
    from hermetic.settings import for_tests, united

    if _native.is_sealed():
        raise pytest.UsageError(
            "this process is sealed, and policies of tests could not end; run pytest under `hermetic` without --seal"
        )
    try:
        file = config.getoption("hermetic_config", None)
        found, swallowed = for_tests(str(config.rootpath), file) if not only_marked else (None, None)
        policy = policies.expanded(_from_settings(config))
        if found is not None:
            policy = united(policies.expanded(found), policy)
        for name in profiles:
            if name:
                policy = united(policy, {**policies.nothing(), **policies.named_profile(name)})
        if more:
            policy = united(policy, {**policies.nothing(), **more})
        elif not only_marked and not policies.denies(policy):
            policy = united(policy, {**policies.nothing(), **policies.named_profile(DEFAULT_PROFILE)})
    except HermeticError as error:
        raise pytest.UsageError(str(error)) from None
    said = config.getoption("hermetic_swallowed", None) or config.getini("hermetic_swallowed") or swallowed or "fail"
    if said not in _SWALLOWED:
        from hermetic._suggest import advice

        raise pytest.UsageError(f"hermetic_swallowed: unknown value `{said}`; {advice(str(said), _SWALLOWED)}")
    plugin = Guarding(config, None if only_marked else policy, swallowed=str(said), learns=learns)
    plugin.begin()
    config.pluginmanager.register(Hooks(plugin), NAME)
    return plugin


def _from_settings(config: pytest.Config) -> dict[str, Any]:
    """The policy that pytest's own settings say."""
    import os

    from hermetic._testing import policies

    policy = policies.nothing()
    for flag in _POLICY:
        value: Any = config.getini(f"hermetic_{flag.key}")
        if not value:
            continue
        if flag.kind == FOLDER:
            policy["fs_readonly"] = value.lower() not in ("false", "0", "no", "off")
            if value.lower() not in ("true", "1", "yes", "on", "false", "0", "no", "off"):
                policy["fs_root"] = os.path.join(str(config.rootpath), value)
        elif flag.key == "allow_write":
            policy[flag.key] = [os.path.join(str(config.rootpath), path) for path in value]
        else:
            policy[flag.key] = value
    return policy


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Guard the tests that say what they are to be denied, where nothing else asks for it."""
    if guarding(config) is not None:
        return
    # Most suites have no such test, and tests of one class or module follow each other.
    last = None
    for item in items:
        own = item.own_markers
        if item.parent is not last:
            last = item.parent
            own = [mark for node in item.listchain() for mark in node.own_markers]
        if own and any(mark.name == "hermetic" for mark in own):
            activate(config, [], only_marked=True).look_at(items)
            return


@pytest.fixture
def hermetic(request: pytest.FixtureRequest) -> Hermetic:
    """What was denied in this test so far: `hermetic.violations`. Who reads it has seen it."""
    from hermetic._testing.guarding import Hermetic

    plugin = guarding(request.config)
    if plugin is None:
        raise pytest.UsageError("the fixture `hermetic` needs a policy: run pytest with --hermetic, or mark the test")
    return Hermetic(plugin, request.node)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write what was learned."""
    plugin = guarding(config)
    file = config.getoption("hermetic_learn", None)
    if plugin is None or file is None or hasattr(config, "workerinput"):
        return
    from hermetic.learn import policy_text

    programs = list(dict.fromkeys(plugin.programs))
    text = policy_text(plugin.acts, str(config.rootpath), what="pytest", programs=programs, table=not file)
    if file:
        with open(file, "w", encoding="utf-8") as stream:
            stream.write(text)
        terminalreporter.section("hermetic", sep="=")
        terminalreporter.line(f"the least policy is in {file}")
    else:
        terminalreporter.section("hermetic: the least policy", sep="=")
        terminalreporter.write(text)
