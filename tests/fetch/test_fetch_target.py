"""The target of a fetch: whole or not there, never mixed, and never somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fetch_lab import FILES, WRAPPED, FetchLab, fetch_lab, own_archive

from pipeline.lease import hold


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[FetchLab]:
    with fetch_lab(tmp_path) as lab:
        yield lab


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return own_archive(tmp_path)


@pytest.mark.parametrize("place", ["data", "data/raw/inner", "data/raw"])
def test_a_folder_around_or_within_the_target(lab: FetchLab, place: str) -> None:
    folder = lab.folder / place
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"x")
    line = lab.fails(folder)
    assert "lies within" in line or "holds something that was not fetched" in line
    assert (folder / "a.png").read_bytes() == b"x"


def test_nothing_is_done_twice(lab: FetchLab, archive: Path) -> None:
    first = lab.fetch(archive)
    before = {path: path.stat().st_ino for path in lab.target.rglob("*")}
    # Left by a process that was killed after its last step.
    (lab.target.parent / "raw.partial").mkdir()
    assert lab.fetch() == first
    assert {path: path.stat().st_ino for path in lab.target.rglob("*")} == before
    assert not lab.site.requests
    assert not lab.litter()


def test_something_else_is_never_touched(lab: FetchLab, archive: Path) -> None:
    lab.target.mkdir(parents=True)
    (lab.target / "thesis.txt").write_text("years of work")
    assert "holds something that was not fetched; use it as is" in lab.fails(archive)
    assert lab.content() == {"thesis.txt": b"years of work"}


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"files": null, "bytes": 1}'])
def test_a_damaged_marker(lab: FetchLab, archive: Path, note: str) -> None:
    lab.fetch(archive)
    (lab.target / "fetched.json").write_text(note)
    assert "holds something that was not fetched" in lab.fails(archive)
    assert lab.content() == FILES


def test_a_file_where_the_target_should_be(lab: FetchLab, archive: Path) -> None:
    lab.target.parent.mkdir()
    lab.target.write_text("I am no folder")
    assert "holds something that was not fetched" in lab.fails(archive)
    assert lab.target.read_text() == "I am no folder"


def test_an_empty_target_is_as_good_as_none(lab: FetchLab, archive: Path) -> None:
    lab.target.mkdir(parents=True)
    lab.fetch(archive)
    assert lab.content() == FILES


@pytest.mark.parametrize("spoil", ["removed", "cut"])
def test_files_that_have_gone_since(lab: FetchLab, archive: Path, spoil: str) -> None:
    lab.fetch(archive)
    victim = lab.target / "train_c/source/1P0A0890.png"
    if spoil == "removed":
        victim.unlink()
    else:
        victim.write_bytes(b"short")
    assert "are missing since it was fetched; remove it and fetch again" in lab.fails(archive)


def test_files_added_since_are_welcome(lab: FetchLab, archive: Path) -> None:
    lab.fetch(archive)
    (lab.target / "scenes.csv").write_text("mine")
    assert lab.fetch(archive).startswith(f"{lab.target}: official layout, scenes: 1 train; ")


@pytest.mark.parametrize("keep", [True, False])
def test_downloads_stay_or_go(lab: FetchLab, keep: bool) -> None:
    (lab.archives / "official").mkdir(parents=True)
    (lab.archives / "official" / "set.zip").write_bytes(WRAPPED)
    lab.fetch("second", keep_archives=keep)
    assert (lab.archives / "second" / "set.zip").exists() == keep
    assert (lab.archives / "official" / "set.zip").exists()


@pytest.mark.parametrize("name", ["data/.raw.lock", "data/archives/.lock"])
def test_two_fetches_never_mix(lab: FetchLab, name: str) -> None:
    lock = lab.folder / name
    lock.parent.mkdir(parents=True)
    with hold(lock):
        assert "another fetch is at work there" in lab.fails("second")
    lab.fetch("second")
    assert lab.content() == FILES


def test_a_place_that_cannot_be_written(lab: FetchLab, archive: Path) -> None:
    (lab.folder / "data").write_text("I am no folder")
    assert "cannot be written" in lab.fails(archive)
