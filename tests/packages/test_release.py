"""What a release is checked by: each check lets the right pass, and stops the wrong."""

from __future__ import annotations

import json
import re
import shutil
import sys
import zipfile
from pathlib import Path

from common import ROOT, Case, wheel

sys.path.insert(0, str(ROOT / "release"))

import bill
import check
import version


class Version(Case):
    """One version everywhere."""

    def test_here(self) -> None:
        """It is one now."""
        self.assertEqual(version.complaints(), [])

    def test_differences_are_seen(self) -> None:
        """In every file that has it, and in the changes."""
        root = self.folder / "root"
        for name in ["Cargo.toml", "CHANGELOG.md", *version.DYNAMIC]:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
        (root / "editors" / "vscode").mkdir(parents=True)
        now = version.of_cargo(root)
        manifest = root / "editors" / "vscode" / "package.json"
        manifest.write_text(json.dumps({"version": now}), encoding="utf-8")
        self.assertEqual(version.complaints(root), [])
        manifest.write_text('{"version": "99.0.0"}', encoding="utf-8")
        (root / "pyproject.toml").write_text('[project]\nversion = "99.0.0"\n', encoding="utf-8")
        (root / "crate").mkdir()
        (root / "crate" / "Cargo.toml").write_text('[package]\nversion = "99.0.0"\n', encoding="utf-8")
        (root / "CHANGELOG.md").write_text("# Changes\n", encoding="utf-8")
        told = version.complaints(root, tag="v99.0.0")
        self.assertEqual(len(told), 5, told)
        for name in ["editors/vscode/package.json", "pyproject.toml", "crate/Cargo.toml", "CHANGELOG.md", "the tag"]:
            self.assertTrue([line for line in told if line.startswith(name)], name)

    def test_a_release_has_a_date(self) -> None:
        """The changes say when it was."""
        root = self.folder
        for name in ["Cargo.toml", *version.DYNAMIC]:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
        now = version.of_cargo(root)
        for state, count in [("unreleased", 1), ("2026-12-24", 0)]:
            (root / "CHANGELOG.md").write_text(f"# Changes\n\n## {now} ({state})\n", encoding="utf-8")
            self.assertEqual(len(version.complaints(root, tag=f"v{now}")), count, state)


class Package(Case):
    """What release/check.py sees of a wheel that is not right."""

    def changed(self, old: str, new: bytes | None, more: str = "") -> Path:
        """The wheel with a member replaced, left out (`None`), or one more."""
        path = self.folder / wheel().name
        with zipfile.ZipFile(wheel()) as given, zipfile.ZipFile(path, "w") as made:
            for entry in given.infolist():
                # The programs are large, and nothing is asked of them.
                kept = b"" if "/scripts/" in entry.filename else given.read(entry)
                data = new if re.search(old, entry.filename) else kept
                if data is not None:
                    made.writestr(entry, data)
            if more:
                made.writestr(more, b"")
        return path

    def test_mistakes_are_seen(self) -> None:
        """One after the other."""
        start = wheel().name.rpartition("-py3")[0]
        cases: list[tuple[str, bytes | None, str, str]] = [
            ("^$", None, "", ""),
            ("scripts/hermetic-lsp$", None, "", "no scripts/hermetic-lsp"),
            ("licenses/LICENSE$", b"none\n", "", "not the project's licence"),
            ("sboms/", None, "", "0 bills"),
            ("^$", None, "tests/test_a.py", "tests/test_a.py in it"),
            ("hermetic_check/__init__.py$", str(ROOT).encode(), "", "tells where it was built"),
            ("METADATA$", b"Metadata-Version: 2.4\nName: hermetic-check\n\n", "", "License-Expression is None"),
        ]
        for old, new, more, expected in cases:
            told = check.of_one(self.changed(old, new, more), tools=False, shipped=False)
            self.assertEqual(bool(told), bool(expected), told)
            self.assertIn(expected, "\n".join(told))
        renamed = self.folder / f"{start}-cp39-cp39-linux_x86_64.whl"
        shutil.copy(wheel(), renamed)
        self.assertIn(f"{renamed.name}: its tags", check.of_one(renamed, tools=False, shipped=False))

    def test_bill_is_the_same_everywhere(self) -> None:
        """Neither folder nor time nor chance is in it, and all else is."""
        texts = []
        for root, serial, now in [("/a", "1", "2026-01-01T00:00:00Z"), ("/b/c", "2", "2026-01-02T00:00:00Z")]:
            component = {"name": "hermetic-distribution", "version": "0.1.0", "purl": "pkg:cargo/x"}
            component["bom-ref"] = f"path+file://{root}/distribution#hermetic-distribution@0.1.0"
            given = {"serialNumber": f"urn:uuid:{serial}", "metadata": {"timestamp": now, "component": component}}
            texts.append(bill.without_place(json.dumps(given), Path(root), "hermetic-check", "1767225600"))
        self.assertEqual(texts[0], texts[1])
        made = json.loads(texts[0])
        self.assertEqual(made["metadata"]["timestamp"], "2026-01-01T00:00:00Z")
        self.assertEqual(made["metadata"]["component"]["name"], "hermetic-check")
        self.assertRegex(made["serialNumber"], r"^urn:uuid:[0-9a-f-]{36}$")
