"""Damaged archives: a `DataError`, or files that stay within the target."""

from __future__ import annotations

import random
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from support.archives import noise, tar_of, zip_of
from support.fuzz import fuzz
from support.mutations import Inputs, mutations

from pipeline.errors import DataError
from pipeline.fetch.unpack import unpack

FILES = {"set/train_c/a.png": noise(300), "set/b.txt": b"b" * 200, "set/Icon\r": b"", "c": b""}
NAMES = (b"../", b"..\\", b"/etc/", b"C:", b"\\\\host\\", b".DS_Store", b"__MACOSX/", b"set", b"a/")
WORDS = (*NAMES, b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"ustar", b"\0" * 512)
SEEDS = {
    "zip": [zip_of(FILES), zip_of(FILES, zipfile.ZIP_STORED), zip_of(FILES, zipfile.ZIP_LZMA)],
    "tar": [tar_of(FILES), tar_of(FILES, "gz"), tar_of(FILES, "bz2"), tar_of(FILES, "xz")],
}


DAMAGED_TAR = mutations([tar_of(FILES)], words=WORDS).damaged


def damaged_tar(chance: random.Random) -> bytes:
    """A tar archive with damaged headers."""
    content = bytearray(DAMAGED_TAR(chance))
    for start in tar_headers(content):
        field = chance.choice([0, 100, 108, 116, 124, 136, 156, 157, 345])
        if chance.random() < 0.3:
            value = chance.choice([b"\x80", b"\xff" * 8, b"77777777777", b"-1", b"x", b"5"])
            content[start + field : start + field + len(value)] = value
    return bytes(content)


def tar_headers(content: bytes | bytearray) -> list[int]:
    """Offsets of the headers of a tar archive."""
    starts = range(0, len(content) - 511, 512)
    return [start for start in starts if content[start + 257 : start + 262] == b"ustar"]


def summed(archive: bytes) -> bytes:
    """A tar archive whose headers have the right checksums, compressed now and then."""
    content = bytearray(archive)
    for start in tar_headers(content):
        content[start + 148 : start + 156] = b" " * 8
        total = sum(content[start : start + 512])
        content[start + 148 : start + 156] = b"%06o\0 " % total
    # By its content, so that an input is the same each time.
    return zlib.compress(content, wbits=31) if zlib.crc32(content) % 10 == 0 else bytes(content)


def damaged_zip(chance: random.Random) -> bytes:
    """A zip archive with other names, sizes and flags, the same in both places."""
    content = bytearray(zip_of(FILES, chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])))
    fields = ((4, 6, 2), (6, 8, 2), (8, 10, 2), (14, 16, 4), (18, 20, 4), (22, 24, 4), (26, 28, 2))
    for _ in range(chance.randint(1, 2)):
        local, central, width = chance.choice(fields)
        value = chance.choice([0, 1, 8, 0x800, 0xFFFF, 0xFFFFFFFF, 1 << 31, chance.getrandbits(32)])
        packed = struct.pack("<Q", value)[:width]
        for signature, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
            place = content.index(signature) + offset
            content[place : place + width] = packed
    if chance.random() < 0.5:
        name = chance.choice(NAMES)
        return bytes(content).replace(b"set/b.txt"[: len(name)], name)
    return bytes(content)


INPUTS: dict[str, Inputs] = {
    "zip": mutations(SEEDS["zip"], words=WORDS),
    "tar": mutations(SEEDS["tar"], words=WORDS),
    "zip fields": Inputs(SEEDS["zip"], damaged_zip),
    "tar headers": Inputs([tar_of(FILES)], damaged_tar).passed_through(summed),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_archives(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    archive, work = tmp_path / "archive", tmp_path / "deep" / "work"

    def read(content: bytes) -> None:
        archive.write_bytes(content)
        try:
            unpack([archive], work, progress=False)
        finally:
            outside = {path.name for path in tmp_path.iterdir()} - {"archive", "deep"}
            assert not outside
            assert {path.name for path in (tmp_path / "deep").iterdir()} <= {"work"}
            shutil.rmtree(work, ignore_errors=True)

    (tmp_path / "deep").mkdir()
    report = fuzz(read, INPUTS[kind], refusals=(DataError,))
    assert kind in SEEDS or report.outcomes["accepted"]
