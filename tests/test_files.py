"""Atomic writes: complete or not at all, whatever goes wrong."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.files import atomic_file, atomic_folder, sha256_of, write_text

Atomic = Callable[[Path], AbstractContextManager[Path]]


def fill(path: Path, text: str) -> None:
    """Puts `text` where both kinds of target can hold it."""
    (path / "text" if path.is_dir() else path).write_text(text)


def content(path: Path) -> str:
    return (path / "text" if path.is_dir() else path).read_text()


@pytest.fixture(params=[atomic_file, atomic_folder])
def atomic(request: pytest.FixtureRequest) -> Atomic:
    return request.param


@pytest.fixture(params=[False, True], ids=["new", "earlier"])
def target(request: pytest.FixtureRequest, tmp_path: Path, atomic: Atomic) -> Path:
    """A target in a folder of its own, with or without an earlier content."""
    path = tmp_path / "there" / "target.txt"
    if request.param:
        with atomic(path) as temporary:
            fill(temporary, "earlier")
    else:
        path.parent.mkdir()
    return path


def state(target: Path) -> list[str]:
    """All that a reader can see: names in the folder, and the content."""
    names = sorted(path.name for path in target.parent.iterdir())
    return [*names, content(target)] if target.exists() else names


def test_the_content_appears_at_the_end(atomic: Atomic, target: Path) -> None:
    before = state(target)
    with atomic(target) as temporary:
        fill(temporary, "new")
        assert temporary.parent == target.parent
        assert target.exists() == bool(before)
        assert not before or content(target) == "earlier"
    assert state(target) == ["target.txt", "new"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, DataError, SystemExit])
def test_an_error_changes_nothing(atomic: Atomic, target: Path, error: type[BaseException]) -> None:
    before = state(target)

    def write() -> None:
        with atomic(target) as temporary:
            fill(temporary, "new")
            raise error("half way")

    with pytest.raises(error, match="half way"):
        write()
    assert state(target) == before


def test_a_full_disk_is_explained(atomic: Atomic, target: Path) -> None:
    before = state(target)

    def write() -> None:
        with atomic(target) as temporary:
            fill(temporary, "half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match=r"cannot be written \(No space left.*free some") as caught:
        write()
    assert str(caught.value).startswith(f"{target}: ")
    assert state(target) == before


def test_a_last_step_that_fails_changes_nothing(
    atomic: Atomic, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(target)
    rename = Path.replace

    def refuse(path: Path, other: Path) -> Path:
        # The new content only: what was moved aside can be moved back.
        if Path(other) == target and content(path) == "new":
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return rename(path, other)

    monkeypatch.setattr(Path, "replace", refuse)

    def write() -> None:
        with atomic(target) as temporary:
            fill(temporary, "new")

    with pytest.raises(DataError, match="Permission denied"):
        write()
    assert state(target) == before


def test_a_folder_that_cannot_be_made(atomic: Atomic, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("I am no folder")

    def write() -> None:
        with atomic(tmp_path / "file" / "deeper" / "target"):
            pytest.fail("nothing can be written there")

    with pytest.raises(DataError, match="cannot be written"):
        write()
    assert state(tmp_path / "file") == ["file", "I am no folder"]


def test_a_folder_does_not_replace_a_file(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("thesis")

    def write() -> None:
        with atomic_folder(target):
            pass

    with pytest.raises(DataError, match="cannot be written"):
        write()
    assert state(target) == ["target", "thesis"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").write_text("old")
    with atomic_folder(target) as temporary:
        (temporary / "new").write_text("new")
    assert [path.name for path in target.iterdir()] == ["new"]


def test_parents_are_made(atomic: Atomic, tmp_path: Path) -> None:
    target = tmp_path / "one" / "two" / "target"
    with atomic(target) as temporary:
        fill(temporary, "new")
    assert content(target) == "new"


def test_others_may_read_as_far_as_the_umask_allows(atomic: Atomic, target: Path) -> None:
    before = os.umask(0o027)
    try:
        with atomic(target) as temporary:
            fill(temporary, "new")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    expected = 0o750 if target.is_dir() else 0o640
    assert target.stat().st_mode & 0o777 == expected


def test_a_file_keeps_its_suffix_while_it_is_written(tmp_path: Path) -> None:
    # Writers of images and plots choose the format by it.
    with atomic_file(tmp_path / "image.png") as temporary:
        assert temporary.suffix == ".png"


def test_text_is_utf_8(tmp_path: Path) -> None:
    write_text(tmp_path / "text", "α ± 1 µm\n")
    assert (tmp_path / "text").read_bytes() == "α ± 1 µm\n".encode()


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"\0\1" * 100_000)
    assert sha256_of(tmp_path / "data") == hashlib.sha256(b"\0\1" * 100_000).hexdigest()
    with pytest.raises(DataError, match=r"gone: cannot be read \(No such file"):
        sha256_of(tmp_path / "gone")
