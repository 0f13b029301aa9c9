"""One table of flags: it agrees with hermetic-check, the records, the native options and the documents."""

from __future__ import annotations

import inspect
import re
import unittest

from hermetic import _native, blocker
from hermetic.blocker import BlockConfig, hermetic_blocker
from hermetic.flags import FLAGS, LIST, SWITCH, help_text, spellings
from hermetic.profiles import GuardConfig
from support import REPOSITORY, needs_native

POLICY = [flag for flag in FLAGS if flag.group == "Policy"]


def analyzer_flags(group: str) -> dict[str, tuple[str, str]]:
    """A group of `hermetic-check --help`: flag to what it takes and what it says. The document is tested elsewhere."""
    text = (REPOSITORY / "docs" / "command-line.md").read_text(encoding="utf-8")
    body = re.search(rf"\n{group}:\n(.*?)\n(?=[A-Z][a-z]+:\n|Exit codes)", text, re.DOTALL)
    assert body is not None, group
    found = {}
    for entry in re.split(r"\n\n(?= {2,6}-)", body[1]):
        head, *lines = entry.strip("\n").splitlines()
        name, _, takes = head.strip().partition("--")[2].partition(" ")
        if "[=" in name:
            name, _, takes = name.partition("[=")
        words = " ".join(line.strip() for line in lines if not line.strip().startswith("[")).strip()
        found["--" + name] = (takes.strip("<>]"), words)
    return found


class Table(unittest.TestCase):
    def test_the_policy_flags_are_the_analyzers(self) -> None:
        known = analyzer_flags("Policy")
        self.assertGreater(len(known), 10)
        for flag in POLICY:
            self.assertEqual((flag.metavar, flag.help), known.pop(flag.name), flag.name)
        self.assertEqual(known, {})

    def test_the_configuration_flags_are_the_analyzers(self) -> None:
        known = analyzer_flags("Configuration")
        ours = {flag.name: flag.metavar for flag in FLAGS if flag.group == "Configuration"}
        # The guard has no settings to show that are not policy.
        known.pop("--show-settings")
        self.assertEqual(ours, {name: takes for name, (takes, _) in known.items()})

    def test_spellings_are_unique(self) -> None:
        names = [name for name, _ in spellings()]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(len({flag.key for flag in FLAGS}), len(FLAGS))

    def test_the_records_have_every_option(self) -> None:
        options = {flag.key for flag in POLICY} - {"profile"} | {"fs_root"}
        self.assertEqual(set(blocker._OPTIONS.values()), options)
        run = {"trace", "sealed", "best_effort"}
        self.assertLessEqual(run, {flag.key for flag in FLAGS if flag.group == "Run"})
        self.assertEqual(set(BlockConfig._fields), set(blocker._OPTIONS) | run)
        for record in (BlockConfig, GuardConfig):
            self.assertEqual(tuple(inspect.signature(record).parameters), record._fields)
        arguments = set(inspect.signature(hermetic_blocker).parameters) - {"config", "profile"}
        self.assertEqual(arguments, set(BlockConfig._fields))
        for name, option in blocker._OPTIONS.items():
            in_profiles = name if name in ("fs_readonly", "fs_root", "block_native") else name.replace("block_", "no_")
            self.assertIn(in_profiles, GuardConfig._fields)
            flag = next((flag for flag in POLICY if flag.key == option), None)
            if flag is not None and flag.kind in (SWITCH, LIST):
                self.assertEqual(flag.name.lstrip("-").replace("-", "_"), option)

    def test_the_native_module_has_every_option(self) -> None:
        for name, options in _native.profiles().items():
            known = set(options) - {"profile"}
            self.assertEqual(known, set(blocker._OPTIONS.values()), name)

    @needs_native
    def test_configuration_keys_are_the_flags(self) -> None:
        values = {SWITCH: "true", LIST: '["x"]'}
        for flag in POLICY:
            value = '"exec-deny"' if flag.key == "profile" else values.get(flag.kind, "true")
            read = _native.read_config(f"{flag.name.lstrip('-')} = {value}\n", "hermetic")
            assert read is not None
            self.assertTrue(read[flag.key], flag.name)

    def test_help_names_everything(self) -> None:
        text = help_text()
        for name, flag in spellings():
            self.assertIn(name, text)
            self.assertIn(" ".join(flag.help.split()), " ".join(text.split()))
        self.assertLessEqual(max(map(len, text.splitlines())), 100)

    def test_the_document_shows_the_help(self) -> None:
        text = (REPOSITORY / "docs" / "guard" / "command-line.md").read_text(encoding="utf-8")
        shown = re.search(r"```text\n\$ hermetic --help\n(.*?)```", text, re.DOTALL)
        assert shown is not None
        self.assertEqual(shown[1].rstrip("\n"), help_text().rstrip("\n"))
        rows = dict(re.findall(r"^\| `(HERMETIC_\w+)` \| (.*?) \|$", text, re.MULTILINE))
        self.assertEqual(set(rows), {flag.variable() for flag in FLAGS if flag.group != "Help"})


if __name__ == "__main__":
    unittest.main()
