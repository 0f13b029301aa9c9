"""Where a policy comes from: the configuration file, the variables, the flags."""

from __future__ import annotations

import os
import unittest
from typing import Any

from hermetic.settings import Run, UsageError, from_variables, gather, parse
from support import Project

LIST_KEYS = ("allow_domain", "allow_native", "deny_import", "profile")


def said(policy: dict[str, Any]) -> dict[str, Any]:
    """The options that are not at their default."""
    return {key: value for key, value in policy.items() if value}


class Sources(Project):
    def gather(self, *flags: str, **variables: str) -> Run:
        return gather(parse(list(flags)), variables, str(self.folder))

    def policies(self, *flags: str, **variables: str) -> list[dict[str, Any]]:
        return [said(policy) for policy in self.gather(*flags, **variables).policies]

    def test_nothing(self) -> None:
        self.assertEqual(self.policies(), [])
        # What only allows is no policy.
        self.assertEqual(self.policies("--allow-localhost", "--allow-domain=a.example", "--allow-native=numpy"), [])

    def test_flags(self) -> None:
        self.assertEqual(
            self.policies(
                "--no-network",
                "--allow-localhost",
                "--allow-domain",
                "a.example",
                "--allow-domain=b.example",
                "--no-subprocess",
                "--no-env",
                "--no-code-exec",
                "--no-interpreter-mutation",
                "--block-native",
                "--allow-native=numpy",
                "--deny-import",
                "json.tool",
                "--profile=exec-deny",
            ),
            [
                {
                    "no_network": True,
                    "allow_localhost": True,
                    "allow_domain": ["a.example", "b.example"],
                    "no_subprocess": True,
                    "no_environment": True,
                    "no_code_exec": True,
                    "no_interpreter_mutation": True,
                    "block_native": True,
                    "allow_native": ["numpy"],
                    "deny_import": ["json.tool"],
                    "profile": ["exec-deny"],
                }
            ],
        )

    def test_the_root(self) -> None:
        data = str(self.folder / "data")
        self.assertEqual(self.policies("--fs-readonly"), [{"fs_readonly": True}])
        for flags in (["--fs-readonly", "data"], ["--fs-readonly=data"], [f"--fs-readonly={data}"]):
            self.assertEqual(self.policies(*flags), [{"fs_readonly": True, "fs_root": data}])
        self.assertEqual(self.policies("--fs-readonly=a", "--fs-readonly=data")[0]["fs_root"], data)
        self.assertEqual(self.policies("--fs-readonly", "--no-network"), [{"fs_readonly": True, "no_network": True}])

    def test_variables(self) -> None:
        self.assertEqual(
            self.policies(
                HERMETIC_NO_NETWORK="1",
                HERMETIC_ALLOW_DOMAIN="a.example, b.example,",
                HERMETIC_NO_SUBPROCESS="0",
                HERMETIC_NO_ENV="yes",
                HERMETIC_FS_READONLY="data",
                HERMETIC_PROFILE="",
                HERMETIC_FLAGS_JSON="no setting",
                HERMETIC_OF_SOMEBODY_ELSE="1",
                HERMETIC_SKIPPED="1",
            ),
            [
                {
                    "no_network": True,
                    "allow_domain": ["a.example", "b.example"],
                    "no_environment": True,
                    "fs_readonly": True,
                    "fs_root": str(self.folder / "data"),
                }
            ],
        )
        self.assertEqual(self.policies(HERMETIC_FS_READONLY="true"), [{"fs_readonly": True}])
        self.assertEqual(self.policies(HERMETIC_FS_READONLY="off"), [])
        run = self.gather(HERMETIC_TRACE="on", HERMETIC_SEAL="1", HERMETIC_FAIL_ON_BLOCKED="1")
        self.assertTrue(run.trace and run.sealed and run.fail_on_blocked and not run.best_effort)

    def test_wrong_variables(self) -> None:
        for name, value, text in [
            ("HERMETIC_NO_NETWROK", "1", "unknown variable HERMETIC_NO_NETWROK; did you mean HERMETIC_NO_NETWORK"),
            ("HERMETIC_NO_NETWORK", "perhaps", "HERMETIC_NO_NETWORK is 1 or 0, not `perhaps`"),
        ]:
            with self.assertRaises(UsageError) as raised:
                from_variables({name: value})
            self.assertEqual(str(raised.exception), text)

    def test_flags_go_before_variables(self) -> None:
        self.assertEqual(
            self.policies("--fs-readonly=b", "--allow-domain=b", HERMETIC_FS_READONLY="a", HERMETIC_ALLOW_DOMAIN="a"),
            [{"fs_readonly": True, "fs_root": str(self.folder / "b"), "allow_domain": ["a", "b"]}],
        )

    def test_a_file_found_by_itself_only_tightens(self) -> None:
        self.write("hermetic.toml", 'no-network = true\nallow-domain = ["a.example"]\nfs-readonly = "data"\n')
        file = {
            "no_network": True,
            "allow_domain": ["a.example"],
            "fs_root": str(self.folder / "data"),
        }
        self.assertEqual(self.policies(), [file])
        # What was asked for here keeps its own holes alone.
        self.assertEqual(self.policies("--no-network"), [file, {"no_network": True}])
        # And what is allowed here, which no project can do, is allowed by both.
        self.assertEqual(
            self.policies("--no-network", "--allow-domain=b.example"),
            [
                {**file, "allow_domain": ["a.example", "b.example"]},
                {"no_network": True, "allow_domain": ["b.example"]},
            ],
        )
        self.assertEqual(self.policies("--isolated", "--no-subprocess"), [{"no_subprocess": True}])
        self.assertEqual(self.policies(HERMETIC_ISOLATED="1"), [])

    def test_a_named_file_may_allow(self) -> None:
        self.write("hermetic.toml", "no-subprocess = true\n")
        self.write("etc/guard.toml", 'no-network = true\nallow-domain = ["a.example"]\nfs-readonly = "data"\n')
        expected = [
            {
                "no_network": True,
                "allow_domain": ["a.example"],
                "fs_root": str(self.folder / "etc" / "data"),
            }
        ]
        self.assertEqual(self.policies("--config=etc/guard.toml", "--no-network"), expected)
        self.assertEqual(self.policies("--no-network", HERMETIC_CONFIG="etc/guard.toml"), expected)

    def test_a_file_adds_to_another(self) -> None:
        self.write("hermetic.toml", 'extend = "etc/base.toml"\nno-network = true\nallow-domain = ["a.example"]\n')
        base = 'extend = "far.toml"\nno-subprocess = true\nallow-domain = ["b.example"]\n'
        self.write("etc/base.toml", base)
        self.write("etc/far.toml", 'fs-readonly = "data"\n')
        self.assertEqual(
            self.policies(),
            [
                {
                    "no_network": True,
                    "no_subprocess": True,
                    "allow_domain": ["b.example", "a.example"],
                    "fs_root": str(self.folder / "etc" / "data"),
                },
            ],
        )
        for text, told in [
            ('extend = "../hermetic.toml"\n', "base.toml:1:10: `extend` leads back to itself: "),
            (
                'extend = "nowhere.toml"\n',
                "base.toml:1:10: `extend`: cannot read `nowhere.toml`: there is no such file",
            ),
            ('extend = "pyproject.toml"\n', "pyproject.toml: has no .tool.hermetic. table"),
        ]:
            self.write("etc/base.toml", text)
            self.write("etc/pyproject.toml", "[tool.other]\nx = 1\n")
            with self.subTest(text), self.assertRaisesRegex(UsageError, told):
                self.gather()

    def test_which_file_is_found(self) -> None:
        inner = self.folder / "a" / "b"
        inner.mkdir(parents=True)
        self.write("pyproject.toml", "[tool.hermetic]\nno-network = true\n")
        self.write("a/pyproject.toml", "[tool.other]\nx = 1\n")

        def found() -> list[dict[str, Any]]:
            return [said(policy) for policy in gather(parse([]), {}, str(inner)).policies]

        self.assertEqual(found(), [{"no_network": True}])
        self.write("hermetic.toml", "no-subprocess = true\n")
        self.assertEqual(found(), [{"no_subprocess": True}])
        self.write("a/hermetic.toml", "")
        self.assertEqual(found(), [])

    def test_mistakes_in_files(self) -> None:
        self.write("hermetic.toml", "\nno-netwerk = true\n")
        self.write("other/pyproject.toml", "[tool.other]\nx = 1\n")
        (self.folder / "latin.toml").write_bytes(b"# \xe9\n")
        for flags, text in [
            ([], r"\Ahermetic.toml:2:1: unknown key `no-netwerk`"),
            (["--config=other/pyproject.toml"], r"\Aother/pyproject.toml: has no \[tool.hermetic\] table\Z"),
            (["--config=nowhere.toml"], r"\Anowhere.toml: No such file or directory\Z"),
            (["--config=latin.toml"], r"\Alatin.toml: is not UTF-8\Z"),
            (["--config=other"], r"\Aother: Is a directory\Z"),
        ]:
            with self.subTest(flags), self.assertRaisesRegex(UsageError, text):
                self.gather(*flags)
        ran = self.hermetic("--", "json.tool")
        self.assertEqual(ran.returncode, 1)
        self.assertTrue(ran.stderr.startswith("hermetic: hermetic.toml:2:1: "), ran.stderr)

    def test_on_the_command_line(self) -> None:
        self.write("app.py", "import os\nos.system('true')\n")
        self.assertEqual(self.hermetic("--", "app").returncode, 0)
        self.assertEqual(self.hermetic("--", "app", HERMETIC_NO_SUBPROCESS="1").returncode, 2)
        self.write("pyproject.toml", "[tool.hermetic]\nno-subprocess = true\n")
        self.assertEqual(self.hermetic("--", "app").returncode, 2)
        self.assertEqual(self.hermetic("--isolated", "--", "app").returncode, 0)
        ran = self.program("import os\nimport hermetic\nwith hermetic.hermetic_blocker(): print(os.system('true'))\n")
        self.assertEqual(ran.stdout, "0\n", "the blocker reads no file")

    def test_other_interpreters_get_every_policy(self) -> None:
        self.write("pyproject.toml", "[tool.hermetic]\nno-subprocess = true\n")
        import sys

        for code, expected in [("import os; os.system('true')", 2), ("open('x', 'w')", 2), ("pass", 0)]:
            ran = self.hermetic("--fs-readonly", "--", sys.executable, "-B", "-c", code)
            self.assertEqual(ran.returncode, expected, ran.stderr)
        self.assertFalse(os.path.exists(self.folder / "x"))


if __name__ == "__main__":
    unittest.main()
