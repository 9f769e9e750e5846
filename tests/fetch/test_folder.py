"""A folder that is here already is linked, never moved or changed."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.fetch.folder import link_folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    (folder / "train_c" / "source").mkdir(parents=True)
    for name in ("1P0A0890.png", "1P0A0892.png"):
        (folder / "train_c" / "source" / name).write_bytes(name.encode())
    (folder / "._litter").write_bytes(b"x")
    return folder


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def link(source: Path) -> Path:
    return link_folder(source, source.parent / "raw.partial", progress=False)


def names(tree: Path) -> set[str]:
    return {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}


WANTED = {"train_c/source/1P0A0890.png", "train_c/source/1P0A0892.png"}


def test_files_are_linked(source: Path) -> None:
    before = snapshot(source)
    tree = link(source)
    assert names(tree) == WANTED
    assert all((tree / name).samefile(source / name) for name in WANTED)
    assert snapshot(source) == before
    assert names(link(source)) == WANTED


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, other: Path) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(Path, "hardlink_to", refuse)


@pytest.mark.usefixtures("no_links")
def test_files_are_copied_to_another_file_system(source: Path) -> None:
    tree = link(source)
    assert names(tree) == WANTED
    for name in WANTED:
        assert not (tree / name).samefile(source / name)
        assert (tree / name).read_bytes() == (source / name).read_bytes()


@pytest.mark.usefixtures("no_links")
def test_copies_are_not_made_twice(source: Path) -> None:
    tree = link(source)
    first, second = (tree / name for name in sorted(WANTED))
    before = first.stat().st_ino
    second.write_bytes(b"half")
    (tree / "other.png").write_bytes(b"of an earlier source")
    link(source)
    assert first.stat().st_ino == before
    assert second.read_bytes() == second.name.encode()
    assert names(tree) == WANTED


@pytest.mark.usefixtures("no_links")
def test_a_full_disk_is_explained(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(DataError, match=r"raw.partial: cannot be written \(No space left"):
        link(source)


def test_a_link_within_the_folder_is_followed(source: Path) -> None:
    (source / "alias.png").symlink_to("train_c/source/1P0A0890.png")
    tree = link(source)
    assert names(tree) == {*WANTED, "alias.png"}
    assert not (tree / "alias.png").is_symlink()


@pytest.mark.parametrize("inside", ["a.png", "train_c/source/a.png"])
def test_a_link_that_leaves_the_folder(source: Path, inside: str) -> None:
    (source.parent / "secret").write_text("secret")
    (source / inside).symlink_to(source.parent / "secret")
    with pytest.raises(DataError, match=r"a.png: is a link that leaves .*; put the file itself"):
        link(source)
    assert not (source.parent / "raw.partial").exists()


def test_a_linked_folder(source: Path) -> None:
    (source / "loop").symlink_to(source)
    with pytest.raises(DataError, match=r"loop: is a link to a folder; put the folder itself"):
        link(source)


def test_a_broken_link(source: Path) -> None:
    (source / "a.png").symlink_to("gone.png")
    with pytest.raises(DataError, match=r"a.png: is not a readable file"):
        link(source)


def test_a_device(source: Path) -> None:
    os.mkfifo(source / "a.png")
    with pytest.raises(DataError, match=r"a.png: is not a readable file"):
        link(source)


def test_a_file_without_permission(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests may run as root, who may read everything.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "1P0A0892.png")
    with pytest.raises(DataError, match=r"1P0A0892.png: .*; check its permissions"):
        link(source)
    assert not (source.parent / "raw.partial").exists()


def test_a_folder_without_permission(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "train_c":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"train_c: cannot be read \(Permission denied\)"):
        link(source)
    monkeypatch.undo()
    assert not (source.parent / "raw.partial").exists()
