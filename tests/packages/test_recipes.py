"""The recipes for continuous integration: their form by the schemas of those who read them, and their commands run."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import unittest
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from common import CAPTURE, ROOT, Case, tool, wheel

FENCE = re.compile(r"(?ms)^```\w+ file=(\S+)\n(.*?)^```$")
# Files by the schema that they have to follow, as check-jsonschema calls them.
SCHEMAS = {
    "action.yml": ["vendor.github-actions"],
    ".github/workflows/ci.yml": ["vendor.github-workflows"],
    ".github/workflows/release.yml": ["vendor.github-workflows"],
    "ci/gitlab.yml": ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
}
IN_DOCUMENTS = {
    "docs/ci.md": {
        ".github/workflows/hermetic.yml": ["vendor.github-workflows"],
        ".gitlab-ci.yml": ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
    },
}


def written(document: str) -> dict[str, str]:
    """The files that a document shows."""
    return dict(FENCE.findall((ROOT / document).read_text(encoding="utf-8")))


class Form(Case):
    """What can be told without running them."""

    def test_schemas(self) -> None:
        """Files of the repository, and those that documents show."""
        checker = tool("check-jsonschema")
        checked = [(ROOT / name, words) for name, words in SCHEMAS.items()]
        for document, files in IN_DOCUMENTS.items():
            for number, (name, words) in enumerate(files.items()):
                path = self.folder / f"{number}.yml"
                path.write_text(written(document)[name], encoding="utf-8")
                checked.append((path, words))
        for path, words in checked:
            self.run_to_end(checker, "--builtin-schema", *words, path)

    def test_a_mistake_is_seen(self) -> None:
        """The schemas are not so wide that they let everything pass."""
        path = self.folder / "action.yml"
        path.write_text((ROOT / "action.yml").read_text(encoding="utf-8").replace("using:", "use:"), encoding="utf-8")
        self.run_to_end(tool("check-jsonschema"), "--builtin-schema", "vendor.github-actions", path, code=1)

    def test_pre_commit(self) -> None:
        """The hooks, and the configurations that the document shows, which name hooks that there are."""
        program = tool("pre-commit")
        home = {"PRE_COMMIT_HOME": str(self.folder / "pre-commit")}
        manifest = ROOT / ".pre-commit-hooks.yaml"
        self.run_to_end(program, "validate-manifest", manifest, variables=home)
        hooks = {hook["id"]: hook for hook in yaml.safe_load(manifest.read_text(encoding="utf-8"))}
        files = written("docs/pre-commit.md")
        self.assertEqual(len(files), 2)
        for text in files.values():
            path = self.folder / "configuration.yaml"
            path.write_text(text, encoding="utf-8")
            self.run_to_end(program, "validate-config", path, variables=home)
            for repository in yaml.safe_load(text)["repos"]:
                for hook in repository["hooks"]:
                    self.assertIn(hook["id"], hooks)
                    if repository["repo"] == "local":
                        # It says the same as the manifest.
                        same = {key: hooks[hook["id"]][key] for key in hook if key != "additional_dependencies"}
                        self.assertEqual({key: hook[key] for key in same}, same)

    def test_workflows_are_safe(self) -> None:
        """zizmor: no template in a script, no credential left behind, no permission that is not needed."""
        files = [ROOT / "action.yml", *sorted((ROOT / ".github" / "workflows").iterdir())]
        self.run_to_end(tool("zizmor"), "--offline", "--quiet", "--config", ROOT / ".github" / "zizmor.yml", *files)
        example = self.folder / ".github" / "workflows" / "hermetic.yml"
        example.parent.mkdir(parents=True)
        example.write_text(written("docs/ci.md")[".github/workflows/hermetic.yml"], encoding="utf-8")
        self.run_to_end(tool("zizmor"), "--offline", "--quiet", "--config", ROOT / ".github" / "zizmor.yml", example)

    def test_no_commit_is_invented(self) -> None:
        """Actions are named by tags."""
        for path in [ROOT / "action.yml", *(ROOT / ".github" / "workflows").iterdir()]:
            for action in re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8")):
                self.assertRegex(action, r"@(v\d+|release/v\d+)$", path.name)


class Run(Case):
    """What they do."""

    def offline(self, **more: str) -> dict[str, str]:
        """What makes pip take the wheel at hand, and ask nobody."""
        return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel().parent), **more}

    def project(self, text: str = CAPTURE) -> Path:
        """A program to look at."""
        folder = self.folder / "project"
        folder.mkdir()
        (folder / "a.py").write_text(text, encoding="utf-8")
        return folder

    def action(self, folder: Path, **inputs: str) -> tuple[int, str, dict[str, str]]:
        """Run the steps of action.yml as a runner does: its exit code, what it prints, and its outputs."""
        action: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
        unknown = set(inputs) - set(action["inputs"])
        self.assertFalse(unknown)
        values = {f"inputs.{name}": inputs.get(name, one["default"]) for name, one in action["inputs"].items()}
        values["github.action_path"] = str(ROOT)
        outputs = self.folder / "outputs"
        printed = ""
        for step in action["runs"]["steps"]:
            if "run" not in step:
                continue
            outputs.write_text("", encoding="utf-8")
            variables = {name: self.filled(text, values) for name, text in step["env"].items()}
            variables |= self.offline(RUNNER_TEMP=str(self.folder), GITHUB_OUTPUT=str(outputs))
            done = self.run_to_end(
                "bash", "-e", "-o", "pipefail", "-c", step["run"], cwd=folder, code=None, variables=variables
            )
            printed += done.stdout
            for line in outputs.read_text(encoding="utf-8").splitlines():
                name, _, value = line.partition("=")
                values[f"steps.{step['id']}.outputs.{name}"] = value
            if done.returncode:
                break
        told = {name: self.filled(one["value"], values) for name, one in action["outputs"].items()}
        return done.returncode, printed, told

    @staticmethod
    def filled(text: str, values: dict[str, str]) -> str:
        """A text with its expressions filled in; what no step has said is empty."""
        return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: values.get(found[1], ""), text)

    def test_action(self) -> None:
        """Findings are annotations, SARIF, and the verdict."""
        folder = self.project()
        package = {"package": str(wheel()), "python": sys.executable}
        code, printed, outputs = self.action(folder, **package, **{"upload-sarif": "true"})
        self.assertEqual((code, outputs["exit-code"]), (1, "1"), printed)
        self.assertIn("::warning file=a.py,line=1", printed)
        sarif = json.loads(Path(outputs["sarif-file"]).read_text(encoding="utf-8"))
        self.assertEqual(sarif["runs"][0]["results"][0]["ruleId"], "captured-reference")
        code, printed, outputs = self.action(folder, **package, fail="false")
        self.assertEqual((code, outputs["exit-code"], outputs["sarif-file"]), (0, "1", ""), printed)

    def test_inputs_of_the_action(self) -> None:
        """Several paths, with blanks; arguments are words and never scripts; wrong usage always fails."""
        folder = self.project("import json\n")
        (folder / "with blank").mkdir()
        (folder / "with blank" / "b.py").write_text(CAPTURE, encoding="utf-8")
        package = {"package": str(wheel()), "python": sys.executable}
        code, printed, _ = self.action(
            folder, **package, paths="a.py\nwith blank\n", args=" --level  captured-reference=error "
        )
        self.assertEqual(code, 1, printed)
        self.assertIn("::error file=with blank/b.py", printed)
        code, printed, _ = self.action(folder, **package, paths="a.py", args="$(touch made) `touch made`")
        self.assertEqual(code, 2, printed)
        self.assertFalse((folder / "made").exists())
        code, printed, outputs = self.action(folder, **package, fail="false", args="--no-such-flag")
        self.assertEqual((code, outputs["exit-code"]), (2, "2"), printed)
        code, printed, _ = self.action(folder, version="99.0", python=sys.executable)
        self.assertNotEqual(code, 0)
        self.assertIn("hermetic-check==99.0", printed)

    def test_gitlab(self) -> None:
        """The script of the job, and the report that it hands over."""
        template = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text(encoding="utf-8"))
        folder = self.project()
        job = template["hermetic-check"]
        variables = self.offline(**template["variables"], CI_PROJECT_DIR=str(folder))
        variables["HERMETIC_CHECK_ARGS"] = "--level captured-reference=error"
        script = "set -eu\n" + "\n".join(job["script"])
        printed = self.run_to_end("sh", "-c", script, cwd=folder, code=1, variables=variables).stdout
        self.assertIn("Found 1 problem (1 error", printed)
        report = json.loads((folder / job["artifacts"]["reports"]["codequality"]).read_text(encoding="utf-8"))
        self.assertEqual([entry["check_name"] for entry in report], ["captured-reference"])

    def recipe(self, *names: str) -> Path:
        """A program with files of docs/ci.md."""
        folder = self.project()
        for name in names:
            (folder / name).write_text(written("docs/ci.md")[name], encoding="utf-8")
        return folder

    def test_tox(self) -> None:
        """`tox`."""
        folder = self.recipe("tox.ini")
        told = self.run_to_end(tool("tox"), "run", "-e", "hermetic", cwd=folder, code=1, variables=self.offline())
        self.assertIn("a.py:1:20", told.stdout)
        words = ["-e", "hermetic", "--", "--level", "captured-reference=off"]
        self.run_to_end(tool("tox"), "run", *words, cwd=folder, variables=self.offline())

    def test_nox(self) -> None:
        """`nox`."""
        folder = self.recipe("noxfile.py")
        told = self.run_to_end(tool("nox"), cwd=folder, code=1, variables=self.offline())
        self.assertIn("a.py:1:20", told.stdout)
        self.run_to_end(tool("nox"), "--", "--level", "captured-reference=off", cwd=folder, variables=self.offline())

    @unittest.skipUnless(shutil.which("make"), "there is no make")
    def test_make(self) -> None:
        """`make hermetic`."""
        folder = self.recipe("Makefile")
        # As in no other make.
        variables = self.offline(MAKEFLAGS="", MAKELEVEL="", PATH=os.environ["PATH"])
        self.assertIn("a.py:1:20", self.run_to_end("make", "hermetic", cwd=folder, code=2, variables=variables).stdout)
        words = ["hermetic", "HERMETIC_ARGS=--level captured-reference=off"]
        self.run_to_end("make", *words, cwd=folder, variables=variables)


if __name__ == "__main__":
    unittest.main()
