"""Archives that unpack to more than they should: nothing of them touches the disk."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.archives import noise, tar_of, zip_of
from support.unpacking import MAKERS, Make, content, refused, unpacked

from pipeline.errors import DataError
from pipeline.fetch import containers, members


@pytest.mark.parametrize("maker", [zip_of, tar_of])
def test_too_many_members(tmp_path: Path, maker: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_MEMBERS", 10)
    names = [f"{number}.png" for number in range(11)]
    assert content(unpacked(tmp_path, maker(dict.fromkeys(names[:10], b"x"))))
    shutil.rmtree(tmp_path / "raw.partial")
    (tmp_path / "archive0").unlink()
    assert "more than 10 members" in refused(tmp_path, maker(dict.fromkeys(names, b"x")))


BOMB = {"bomb.png": bytes(12 << 20)}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_bombs(tmp_path: Path, make: Make) -> None:
    archive = make(BOMB)
    if len(archive) > 1 << 20:
        assert content(unpacked(tmp_path, archive)) == BOMB
        return
    line = refused(tmp_path, archive)
    assert "unpacks to 12582912 bytes" in line or "expands too far" in line


def test_a_thousand_small_bombs(tmp_path: Path) -> None:
    bomb = zip_of({f"{number}.png": bytes(1 << 20) for number in range(40)})
    assert "would unpack to 41943040 bytes" in refused(tmp_path, bomb)


def test_overlapping_members(tmp_path: Path) -> None:
    # Two entries that point to the same bytes: a quadratic bomb.
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as container:
        for name in ("a.png", "b.png"):
            container.writestr(zipfile.ZipInfo(name), noise(5000))
        container.infolist()[1].header_offset = 0
    with pytest.raises(DataError, match="is damaged"):
        unpacked(tmp_path, stream.getvalue())


def test_a_header_that_asks_for_all_memory(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("././@PaxHeader")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 32
    archive = entry.tobuf(tarfile.USTAR_FORMAT) + bytes(2048)
    assert "expands too far" in refused(tmp_path, archive)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_size_below_zero(tmp_path: Path, kind: bytes) -> None:
    entry = tarfile.TarInfo("a.png")
    entry.type, entry.size = kind, -512
    archive = tar_of({"b.png": b"x"})[:1024] + entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
    line = refused(tmp_path, archive)
    assert "'a.png' has a size of -512" in line or "expands too far" in line


def test_a_bound_holds_for_members_too(tmp_path: Path) -> None:
    # An exact bound: as tight as allowed passes, one byte more doesn't.
    entry = zipfile.ZipInfo("a.png")
    entry.compress_size = 1 << 20
    entry.file_size = members.MAX_RATIO << 20
    members.check_zip_entry(tmp_path, entry)
    entry.file_size += 1
    with pytest.raises(DataError, match="unpacks to"):
        members.check_zip_entry(tmp_path, entry)
