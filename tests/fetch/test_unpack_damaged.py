"""Archives that are damaged or cut short."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest
from support.archives import noise, tar_of, zip_of
from support.unpacking import FILES, MAKERS, Make, content, refused, unpacked

from pipeline.errors import DataError


def central(archive: bytes, offset: int, value: int) -> bytes:
    """An archive of one member, with a 32-bit field of its central directory changed."""
    spoilt = bytearray(archive)
    struct.pack_into("<I", spoilt, spoilt.index(b"PK\x01\x02") + offset, value)
    return bytes(spoilt)


ONE = zip_of({"a.png": noise(3000)})
DAMAGED = {
    "zip-checksum": central(ONE, 16, 12345),
    "zip-size-too-large": central(ONE, 24, 4000),
    "zip-size-too-small": central(ONE, 24, 2000),
    "zip-packed-size": central(ONE, 20, 2000),
    "zip-stored-size": central(zip_of({"a.png": noise(3000)}, zipfile.ZIP_STORED), 24, 2000),
    "zip-content": ONE.replace(noise(3000)[1000:1100], bytes(100)),
    "zip-method": ONE.replace(b"\x14\x00\x00\x00\x08\x00", b"\x14\x00\x00\x00\x63\x00"),
    "zip-name": ONE.replace(b"a.png", b"b.png", 1),
    "zip-offset": central(ONE, 42, 1 << 20),
}


@pytest.mark.parametrize("archive", DAMAGED.values(), ids=DAMAGED)
def test_damaged_members(tmp_path: Path, archive: bytes) -> None:
    with pytest.raises(DataError, match=r"'a.png' is damaged \(.*delete it and download it again"):
        unpacked(tmp_path, archive)
    # Nothing bears its final name.
    assert not content(tmp_path / "raw.partial" / "tree")


def cut(maker: Make, share: float) -> bytes:
    archive = maker(FILES)
    return archive[: int(len(archive) * share)]


@pytest.mark.parametrize("share", [0.3, 0.6, 0.85], ids=["early", "middle", "late"])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_truncated_archives(tmp_path: Path, make: Make, share: float) -> None:
    assert "is damaged" in refused(tmp_path, cut(make, share))


def test_a_tar_cut_between_two_members(tmp_path: Path) -> None:
    first = tar_of({"a.png": noise(512)})[:1024]
    assert "it has no end mark" in refused(tmp_path, first)


def test_a_tar_with_a_broken_header_in_the_middle(tmp_path: Path) -> None:
    archive = bytearray(tar_of({"a.png": noise(512), "b.png": noise(512)}))
    archive[1024:1030] = b"\xff" * 6
    assert "is damaged" in refused(tmp_path, bytes(archive))


def test_a_compressed_tar_with_a_wrong_checksum(tmp_path: Path) -> None:
    archive = bytearray(tar_of(FILES, "gz"))
    archive[-6] ^= 1
    assert "is damaged" in refused(tmp_path, bytes(archive))


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_an_empty_archive(tmp_path: Path, make: Make) -> None:
    assert refused(tmp_path, make({}))


def test_a_page_saved_by_a_browser(tmp_path: Path) -> None:
    assert "is a web page" in refused(tmp_path, b"<html><body>Quota exceeded</body></html>")


def test_a_message_does_not_quote_the_whole_archive(tmp_path: Path) -> None:
    line = refused(tmp_path, zip_of({"\x01" * 20_000: b"2"}))
    assert len(line) < len(str(tmp_path)) + 600
    # The name of a member in its own header: longer, with what follows it.
    spoilt = bytearray(zip_of({"a.png": noise(3000)}, zipfile.ZIP_STORED))
    spoilt[26:28] = (2000).to_bytes(2, "little")
    with pytest.raises(DataError) as caught:
        unpacked(tmp_path, bytes(spoilt))
    line = str(caught.value)
    assert len(line) < len(str(tmp_path)) + 600
    assert line.isprintable()


def test_an_lzma_member_that_asks_for_all_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("zipfile.ZipExtFile.read", explode)
    with pytest.raises(DataError, match=r"is damaged \(MemoryError\)"):
        unpacked(tmp_path, zip_of({"a.png": b"x"}, zipfile.ZIP_LZMA))
