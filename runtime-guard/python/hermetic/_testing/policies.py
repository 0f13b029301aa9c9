"""From markers and settings to the one policy of a test.

A policy here is a dict of the options that the native module takes, without profiles. It begins as what the
configuration and the command line say. Then every marker above the test sets what it names, from the module to the
test, so that the nearest one has the last word; a list takes the place of the list before it.
"""

from __future__ import annotations

import os

from hermetic import _native
from hermetic.errors import HermeticError
from hermetic.flags import POLICY_LISTS, POLICY_SWITCHES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

# The keys of the marker `hermetic`, as the keywords of a blocker, to the options of the policy.
KEYS = {
    "block_network": "no_network",
    "allow_localhost": "allow_localhost",
    "allow_domains": "allow_domain",
    "block_subprocess": "no_subprocess",
    "fs_readonly": "fs_readonly",
    "fs_root": "fs_root",
    "allow_write": "allow_write",
    "block_environment": "no_environment",
    "block_code_exec": "no_code_exec",
    "block_interpreter_mutation": "no_interpreter_mutation",
    "block_native": "block_native",
    "allow_native": "allow_native",
    "deny_imports": "deny_import",
}
# What else the marker takes: a profile, and what is expected to be denied.
PROFILE, EXPECT = "profile", "expect"
GUARDS = ("network", "subprocess", "filesystem", "environment", "code_exec", "interpreter", "imports")
# Markers of their own.
MARKERS = ("hermetic", "allow_network", "allow_hosts", "allow_subprocess", "allow_write", "allow_environment")
_WITHOUT_ARGUMENTS = {"allow_subprocess": "no_subprocess", "allow_environment": "no_environment"}


class MarkerError(HermeticError):
    """A marker says what cannot be meant."""


def nothing() -> dict[str, Any]:
    """The policy that denies nothing."""
    policy: dict[str, Any] = {key: [] for key in POLICY_LISTS}
    policy.update(dict.fromkeys(POLICY_SWITCHES, False), fs_root=None)
    return policy


def expanded(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The same with its profiles taken apart."""
    from hermetic.settings import united

    whole = {**nothing(), **policy, "profile": []}
    for name in policy.get("profile", ()):
        whole = united(whole, {**nothing(), **named_profile(name)})
    whole["profile"] = []
    return whole


def named_profile(name: object) -> dict[str, Any]:
    """The options of a profile; MarkerError where there is none of that name."""
    known = _native.profiles()
    if not isinstance(name, str) or name not in known:
        from hermetic.profiles import unknown_profile

        raise MarkerError(unknown_profile(str(name)))
    return {key: value for key, value in known[name].items() if value not in (False, None) and value != []}


def denies(policy: Mapping[str, Any]) -> bool:
    """Whether it denies anything."""
    from hermetic.settings import guards

    return guards(dict(policy))


def marked(policy: Mapping[str, Any], markers: Iterable[Any], folder: str) -> dict[str, Any]:
    """The policy with what the markers of one class, module or function say; MarkerError for what they cannot mean.

    The marker `hermetic` comes before those that allow. Several markers of one kind on the same place are one.
    """
    changed = dict(policy)
    lists: dict[str, list[str]] = {}
    of = [mark for mark in markers if mark.name in MARKERS]
    for mark in [*(m for m in of if m.name == "hermetic"), *(m for m in of if m.name != "hermetic")]:
        for key, value in _settings(mark, folder).items():
            if isinstance(value, list):
                lists[key] = [*lists.get(key, []), *value]
            changed[key] = lists.get(key, value)
    return changed


def _settings(mark: Any, folder: str) -> dict[str, Any]:
    """What one marker sets."""
    if mark.name == "hermetic":
        return _from_keys(mark, folder)
    if mark.kwargs:
        raise MarkerError(f"@pytest.mark.{mark.name} takes no keyword, and `{next(iter(mark.kwargs))}` is one")
    words = _words(mark)
    if mark.name in _WITHOUT_ARGUMENTS:
        if words:
            raise MarkerError(f"@pytest.mark.{mark.name} takes no argument")
        return {_WITHOUT_ARGUMENTS[mark.name]: False}
    if mark.name == "allow_write":
        if not words:
            return {"fs_readonly": False, "fs_root": None}
        return {"allow_write": [_absolute(word, folder) for word in words]}
    if not words:
        if mark.name == "allow_hosts":
            raise MarkerError("@pytest.mark.allow_hosts takes the hosts to allow; allow_network() allows all")
        return {"no_network": False}
    return {"allow_domain": words}


def _words(mark: Any) -> list[str]:
    """The arguments of a marker: texts, or one list of them."""
    given = mark.args
    if len(given) == 1 and isinstance(given[0], (list, tuple)):
        given = given[0]
    words = [os.fspath(word) if hasattr(word, "__fspath__") else word for word in given]
    for word in words:
        if not isinstance(word, str):
            raise MarkerError(f"@pytest.mark.{mark.name} takes texts, and {word!r} is none")
    return words


def _from_keys(mark: Any, folder: str) -> dict[str, Any]:
    from hermetic.blocker import _ALIASES

    said: dict[str, Any] = {}
    profiles = [*mark.args]
    for key, value in mark.kwargs.items():
        name = _ALIASES.get(key, key)
        if name == PROFILE:
            profiles += [value] if isinstance(value, str) else value
        elif name == EXPECT:
            expected(value)
        elif name not in KEYS:
            from hermetic._suggest import advice

            raise MarkerError(
                f"@pytest.mark.hermetic: unknown key `{key}`; {advice(key, [*KEYS, *_ALIASES, PROFILE, EXPECT])}"
            )
        else:
            said[KEYS[name]] = _checked(name, value, folder)
    named: dict[str, Any] = {}
    for profile in profiles:
        named.update(named_profile(profile))
    return {**named, **said}


def _checked(name: str, value: object, folder: str) -> Any:
    """The value of a key, with paths made absolute."""
    from hermetic.blocker import checked

    try:
        whole = checked(name, value)
    except TypeError as error:
        raise MarkerError(f"@pytest.mark.hermetic: {error}") from None
    if name == "fs_root" and whole is not None:
        return _absolute(whole, folder)
    return [_absolute(path, folder) for path in whole] if name == "allow_write" else whole


def expected(value: object) -> tuple[str, ...]:
    """The guards whose denials a marker expects."""
    if value is True:
        return GUARDS
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)):
        raise MarkerError(f"@pytest.mark.hermetic: expect takes True or names of guards, not {value!r}")
    for name in names:
        if name not in GUARDS:
            from hermetic._suggest import advice

            raise MarkerError(f"@pytest.mark.hermetic: expect: unknown guard `{name}`; {advice(str(name), GUARDS)}")
    return tuple(names)


def _absolute(path: str, folder: str) -> str:
    return os.path.abspath(os.path.join(folder, path))


def with_room(policy: Mapping[str, Any], folders: Iterable[str]) -> dict[str, Any]:
    """The policy with the folders that the test runner's own files are in, where files are guarded."""
    if not policy["fs_readonly"] and policy["fs_root"] is None:
        return dict(policy)
    return {**policy, "allow_write": list(dict.fromkeys([*policy["allow_write"], *folders]))}


def at_rest(policy: Mapping[str, Any]) -> dict[str, Any]:
    """What of a policy holds between tests, while threads of theirs may go on: the network, which pytest needs not."""
    kept = ("no_network", "allow_localhost", "allow_domain")
    return {**nothing(), **{key: policy[key] for key in kept}}


def told(policy: Mapping[str, Any]) -> str:
    """A policy in the words of the flags."""
    words: list[str] = []
    for key, value in policy.items():
        name = key.replace("_", "-")
        if value is True and not (key == "fs_readonly" and policy["fs_root"]):
            words.append(name)
        elif key == "fs_root" and value:
            words.append(f"fs-readonly={value}")
        elif isinstance(value, list) and value:
            words.append(f"{name}={','.join(value)}")
    return ", ".join(words) or "nothing denied"
