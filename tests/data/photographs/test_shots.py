"""Images of folders and patterns, paired by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.data.photographs.shots import find_shots, is_many
from pipeline.errors import DataError


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("l/a_L.png", "l/b.tif", "l/._b.tif", "l/notes.txt", "r/a_R.png", "r/b.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def named(sources: dict[str, str]) -> tuple[list[dict[str, str]], list[str]]:
    found = find_shots(sources)
    shots = [{view: str(path) for view, path in shot.images.items()} for shot in found.shots]
    return shots, found.problems


@pytest.mark.usefixtures("make")
def test_two_folders() -> None:
    shots, problems = named({"left": "l", "right": "r"})
    assert shots == [
        {"left": "l/a_L.png", "right": "r/a_R.png"},
        {"left": "l/b.tif", "right": "r/b.jpg"},
    ]
    assert not problems


def test_what_has_no_partner(make: Path) -> None:
    (make / "l/c_L.png").touch()
    (make / "r/b_R.png").touch()
    shots, problems = named({"left": "l", "right": "r"})
    assert len(shots) == 2
    assert problems == [
        "r/b_R.png: r/b.jpg is the right view of this name; left out",
        "l/c_L.png: has no right view; left out",
    ]


def test_one_folder_for_all_views(make: Path) -> None:
    folder = make / "one"
    folder.mkdir()
    for name in ("a.left.png", "a.right.png", "flower.png"):
        (folder / name).touch()
    shots, problems = named({"left": "one", "right": "one/"})
    assert shots == [{"left": "one/a.left.png", "right": "one/a.right.png"}]
    assert problems == ["one/flower.png: its name ends in no view (_L, _R); left out"]


@pytest.mark.usefixtures("make")
def test_patterns() -> None:
    shots, _ = named({"left": "l/*_L.*", "right": "r/*_R.*"})
    assert shots == [{"left": "l/a_L.png", "right": "r/a_R.png"}]


def test_what_cannot_be_paired(make: Path) -> None:
    (make / "empty").mkdir()
    cases = {
        ("l", "empty"): "empty: has no PNG, TIFF or JPEG images",
        ("l", "r/a_R.png"): "r/a_R.png: not a folder or a pattern",
        ("l/a_L*", "r/b*"): "no images pair up by name; name the views of a shot alike",
        ("l", "gone*"): "gone.*has no PNG",
    }
    for (left, right), message in cases.items():
        with pytest.raises(DataError, match=message):
            find_shots({"left": left, "right": right})


def test_brackets_in_the_name_of_a_file(make: Path) -> None:
    (make / "a[1].png").touch()
    assert not is_many("a[1].png")
    assert is_many("b[1].png")
