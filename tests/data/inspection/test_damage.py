"""What can be wrong with a set: each cause is reported by name, alone, and nothing is changed.

Each case spoils a sound set and names the files that the report must complain about, with the words
that it must use; complaints about any other file are errors.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import damage_contents, damage_labels, damage_sets
from support.damage import LEFT
from support.image_sets import SCENES, write_set

from pipeline.data.inspection.survey import survey
from pipeline.data.manifest import build_manifest
from pipeline.errors import DataError

CASES = {**damage_contents.CASES, **damage_sets.CASES, **damage_labels.CASES}


def contents(root: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", CASES)
def test_each_cause_is_reported_and_nothing_is_lost(tmp_path: Path, name: str) -> None:
    root = write_set(tmp_path / "set")
    assert survey(root).problems == []
    expected = CASES[name](root)
    before = contents(root)
    found = survey(root)
    problems = list(found.problems)
    for file, words in expected:
        path = str(root / file) if file else str(root)
        messages = [line for line in problems if line.startswith(f"{path}:") and words in line]
        assert messages, f"{words!r} about {path} in {problems}"
        problems.remove(messages[0])
    assert problems == []
    assert all("\n" not in line and ";" in line for line in found.problems)
    # Images that nobody complained about were examined all the same.
    about = {line.split(":")[0] for line in found.problems}
    sound = {str(root / file) for file, _, _ in found.images()}
    images = {str(path) for path in root.rglob("*.png") if str(path) not in about}
    assert images <= sound
    assert contents(root) == before


@pytest.mark.parametrize("name", [b"1P0A\n0917.png", b"1P0A\xff0917.png", "1P0A0917é.png".encode()])
def test_any_file_name_can_be_reported_on_one_line(tmp_path: Path, name: bytes) -> None:
    root = write_set(tmp_path / "set")
    strange = os.fsdecode(os.fsencode(root / "test_l" / "source") + b"/" + name)
    Path(strange).write_bytes((root / LEFT).read_bytes())
    names, same = survey(root).problems
    for line in (names, same):
        assert line.isprintable()
        assert line.encode()
    assert "characters other than letters" in names
    assert "same image as" in same


def test_folders_that_a_manifest_cannot_name_are_refused(tmp_path: Path) -> None:
    write_set(tmp_path / "new\nline")
    with pytest.raises(DataError, match="rename its files or folders"):
        build_manifest(tmp_path)


@pytest.mark.parametrize("folder", ["", "test_l", "test_l/source"])
def test_folders_that_may_not_be_listed_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    phone = folder == "test_l"
    layout, scenes = ("flat", SCENES[3:]) if phone else ("official", SCENES)
    root = write_set(tmp_path / "set", scenes, layout, truth=not phone)
    plain = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path == root / folder:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(DataError) as caught:
        survey(root)
    expected = f"{root / folder}: cannot be read (Permission denied); check its permissions"
    assert str(caught.value) == expected


def test_there_are_many_causes() -> None:
    groups = {name.split("-")[0] for name in CASES}
    assert groups == {"header", "pixels", "names", "pairing", "metadata", "permissions"}
    assert len(CASES) >= 60
