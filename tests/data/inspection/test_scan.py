"""The scan: the same findings on any number of processes, and nothing is looked at twice."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml
from support.fixture_types import Tiny
from support.image_sets import SCENES, random_image, write_image, write_set
from support.kills import kill_repeatedly
from support.paths import REPOSITORY

from pipeline.data.inspection import scan as scanning
from pipeline.data.inspection.inventory import take_inventory
from pipeline.data.inspection.scan import SceneFacts, scan
from pipeline.data.inspection.survey import survey


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set")


def examined(
    root: Path, monkeypatch: pytest.MonkeyPatch, journal: Path
) -> tuple[list[SceneFacts], list[str]]:
    """Facts from a scan with a journal, and the scenes that it had to open."""
    opened: list[str] = []
    examine = scanning.examine

    def spy(root: Path, files: scanning.Files) -> SceneFacts:
        opened.append(files["combined"])
        return examine(root, files)

    monkeypatch.setattr(scanning, "examine", spy)
    files = [scene.files for scene in take_inventory(root).scenes]
    facts = scan(root, files, 1, journal=journal)
    monkeypatch.setattr(scanning, "examine", examine)
    return facts, opened


def test_processes_change_nothing(root: Path) -> None:
    (root / "test_l" / "source" / "1P0A0917_L.png").write_bytes(b"rubbish")
    write_image(root / "val_r" / "source" / "1P0A2027_R.png", random_image(1, "left", (7, 8)))
    one, two = (survey(root, workers=workers) for workers in (1, 2))
    assert one == two
    assert len(one.problems) == 2


def test_every_file_is_read_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    plain = scanning.read_bytes

    def spy(path: Path) -> bytes:
        read.append(path)
        return plain(path)

    monkeypatch.setattr(scanning, "read_bytes", spy)
    survey(root)
    assert sorted(read) == sorted(root.rglob("*.png"))


def test_a_second_scan_opens_only_what_has_changed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "journal"
    first, opened = examined(root, monkeypatch, journal)
    assert len(opened) == len(SCENES)
    again, opened = examined(root, monkeypatch, journal)
    assert (again, opened) == (first, [])
    write_image(root / "val_l" / "source" / "1P0A2027_L.png", random_image(1, "left"))
    changed, opened = examined(root, monkeypatch, journal)
    assert opened == ["val_c/source/1P0A2027.png"]
    assert changed != first
    # Same names elsewhere are other files.
    shutil.copytree(root, tmp_path / "copy")
    assert len(examined(tmp_path / "copy", monkeypatch, journal)[1]) == len(SCENES)


def test_torn_and_foreign_lines_count_as_absent(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "journal"
    first, _ = examined(root, monkeypatch, journal)
    content = journal.read_bytes()
    lines = content.splitlines(keepends=True)
    for cut in (len(content) - 1, len(content) - 30, len(content) - len(lines[-1]) + 3):
        journal.write_bytes(content[:cut])
        facts, opened = examined(root, monkeypatch, journal)
        assert facts == first
        assert len(opened) == 1
        assert examined(root, monkeypatch, journal)[1] == []
    # The header and one scene are sound; what follows rubbish is not trusted.
    journal.write_bytes(b"".join([*lines[:2], b"\xff\xfe\n", *lines[2:]]))
    facts, opened = examined(root, monkeypatch, journal)
    assert facts == first
    assert len(opened) == len(SCENES) - 1


def test_scenes_with_a_problem_are_looked_at_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = root / "test_l" / "source" / "1P0A0917_L.png"
    bad.write_bytes(b"rubbish")
    for _ in range(2):
        facts, opened = examined(root, monkeypatch, tmp_path / "journal")
        assert "not a PNG" in " ".join(facts[3].problems)
    assert opened == ["test_c/source/1P0A0917.png"]


@pytest.fixture
def config(tiny: Tiny, root: Path, tmp_path: Path) -> Path:
    data = yaml.safe_load(tiny.config.read_text())
    data["dataset"] = {"kind": "folder", "name": "mine", "root": str(root)}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(data))
    return tmp_path / "mine.yaml"


def test_a_manifest_survives_being_killed(config: Path, root: Path, tmp_path: Path) -> None:
    scenes = [("train", number, number + 1) for number in range(3000, 3120, 2)]
    write_set(root, scenes, size=(40, 60))
    out = tmp_path / "out"
    manifest, plain = out / "manifest.csv", tmp_path / "plain.csv"
    command = [sys.executable, "-m", "pipeline", "data", "--config", str(config)]
    command += ["--root", str(root), "--workers", "2", "--manifest"]

    def reset() -> None:
        shutil.copy(manifest, plain)
        shutil.rmtree(out)

    kills = kill_repeatedly([*command, str(manifest)], kills=10, reset=reset, cwd=REPOSITORY)
    assert kills == 10
    assert manifest.read_bytes() == plain.read_bytes()
    left = {path.name for path in out.iterdir() if path.name[0] != "."}
    assert left == {"manifest.csv", "manifest.record.json"}
