"""Unpacking: sound archives arrive, an interrupted start resumes, a failing disk is explained."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.archives import tar_of, zip_entry, zip_of
from support.unpacking import FILES, MAKERS, Make, content, unpacked

from pipeline.errors import DataError


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


def test_files_arrive(tmp_path: Path, make: Make) -> None:
    tree = unpacked(tmp_path, make(FILES))
    assert content(tree) == FILES
    assert {path.name for path in tree.parent.iterdir()} == {"tree"}


def test_folders_and_the_litter_of_file_managers(tmp_path: Path, make: Make) -> None:
    litter = {
        "__MACOSX/set/._a.png": b"x",
        "set/._a.png": b"x",
        "set/.DS_Store": b"x",
        "set/Thumbs.db": b"x",
    }
    assert content(unpacked(tmp_path, make({**litter, **FILES}))) == FILES


def test_folders_are_no_files(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as container:
        for name in ("./", "./set"):
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.DIRTYPE
            container.addfile(entry)
        entry = tarfile.TarInfo("./set/a.png")
        entry.size = 3
        container.addfile(entry, io.BytesIO(b"abc"))
    assert content(unpacked(tmp_path, stream.getvalue())) == {"set/a.png": b"abc"}
    assert content(unpacked(tmp_path, zip_of({"set/": b"", "set/a.png": b"abc"}))) == {
        "set/a.png": b"abc"
    }


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone.zip: cannot be read \(No such file"):
        unpacked(tmp_path, tmp_path / "gone.zip")


def test_modes_of_an_archive_are_not_taken_over(tmp_path: Path) -> None:
    tree = unpacked(tmp_path, zip_entry("a.png", stat.S_IFREG | stat.S_ISUID | 0o777, b"abc"))
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tree / "a.png").stat().st_mode) == 0o666 & ~umask


def test_archives_named_after_splits(tmp_path: Path) -> None:
    # With and without the folder inside.
    (tmp_path / "train.zip").write_bytes(zip_of({"inputL/1.png": b"1"}))
    (tmp_path / "val.zip").write_bytes(zip_of({"val/inputL/1.png": b"2"}))
    (tmp_path / "test.tar.gz").write_bytes(tar_of({"inputL/1.png": b"3", "x.npy": b"4"}, "gz"))
    tree = unpacked(
        tmp_path, *(tmp_path / name for name in ("train.zip", "val.zip", "test.tar.gz"))
    )
    assert content(tree) == {
        "train/inputL/1.png": b"1",
        "val/inputL/1.png": b"2",
        "test/inputL/1.png": b"3",
        "test/x.npy": b"4",
    }


def test_archives_that_hold_the_same_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"archive1: its member 'a.png' is there twice"):
        unpacked(tmp_path, zip_of({"a.png": b"1"}), zip_of({"a.png": b"2"}))
    assert not (tmp_path / "raw.partial").exists()


def test_another_start_resumes(tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = unpacked(tmp_path, make(FILES))
    first, second = tree / "set/train_c/source/1P0A0890.png", tree / "set/empty.txt"
    before = first.stat().st_ino
    second.unlink()
    (tree.parent / "incoming").write_bytes(b"half")
    assert content(unpacked(tmp_path, tmp_path / "archive0")) == FILES
    assert first.stat().st_ino == before


@pytest.mark.parametrize("spoil", ["same size", "shorter", "folder", "link"])
def test_what_an_earlier_start_left_is_compared(tmp_path: Path, make: Make, spoil: str) -> None:
    tree = unpacked(tmp_path, make(FILES))
    victim, outside = tree / "set/train_c/source/1P0A0890.png", tmp_path / "outside.png"
    outside.write_bytes(FILES["set/train_c/source/1P0A0890.png"])
    good = victim.read_bytes()
    victim.unlink()
    match spoil:
        case "same size":
            victim.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        case "shorter":
            victim.write_bytes(good[:-1])
        case "folder":
            victim.mkdir()
            (victim / "inner").write_bytes(b"x")
        case "link":
            victim.symlink_to(outside)
    assert content(unpacked(tmp_path, tmp_path / "archive0")) == FILES
    assert not victim.is_symlink()


def test_what_another_archive_left_is_removed(tmp_path: Path, make: Make) -> None:
    unpacked(tmp_path, make({"other/b.png": b"b", "set/other.png": b"b", "set/train_c": b"b"}))
    assert content(unpacked(tmp_path, make(FILES))) == FILES
    tree = tmp_path / "raw.partial" / "tree"
    assert {path.name for path in tree.iterdir()} == {"set"}


def test_space_is_asked_for_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=69_999)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"needs 70.0 kB and has 70.0 kB free; free some space"):
        unpacked(tmp_path, zip_of(FILES))
    assert not content(tmp_path / "raw.partial")


def test_a_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def full(path: Path, *arguments: Any, **options: Any) -> Any:
        return opened(Path("/dev/full") if path.name == "incoming" else path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        with pytest.raises(DataError, match=r"raw.partial: cannot be written \(No space left"):
            unpacked(tmp_path, zip_of(FILES))
    assert content(unpacked(tmp_path, tmp_path / "archive0")) == FILES


def refusing(code: int, name: str) -> Callable[..., Any]:
    """`Path.open` for which `name` is out of bounds: tests may run as root, whom nothing stops."""
    opened = Path.open

    def act(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == name:
            raise OSError(code, os.strerror(code))
        return opened(path, *arguments, **options)

    return act


def test_an_archive_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "set.zip"
    archive.write_bytes(zip_of(FILES))
    monkeypatch.setattr(Path, "open", refusing(errno.EACCES, "set.zip"))
    with pytest.raises(DataError, match=r"set.zip: cannot be read \(Permission denied\); check"):
        unpacked(tmp_path, archive)
    assert not (tmp_path / "raw.partial").exists()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS], ids=["permission", "read-only"])
def test_a_place_that_may_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(Path, "open", refusing(code, "incoming"))
    with pytest.raises(DataError, match=r"raw.partial: cannot be written \(.*choose an output"):
        unpacked(tmp_path, zip_of(FILES))
