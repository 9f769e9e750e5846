"""Archives whose members have forbidden names or types: nothing of them touches the disk."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest
from support.archives import tar_entry, tar_of, zip_entry, zip_of
from support.unpacking import FILES, Make, refused

ESCAPES = {
    "absolute": "/etc/cron.d/job",
    "parent": "../../job",
    "inner-parent": "set/../../../job",
    "drive": "C:/job",
    "drive-relative": "c:job",
    "backslash": "..\\..\\job",
    "inner-parent-backslash": "set\\..\\..\\..\\job",
    "absolute-backslash": "\\job",
    "share": "\\\\host\\share\\job",
    "drive-backslash": "C:\\job",
}


@pytest.mark.parametrize("name", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize("maker", [zip_of, tar_of])
def test_no_member_leaves_the_target(tmp_path: Path, maker: Make, name: str) -> None:
    line = refused(tmp_path, maker({**FILES, name: b"x"}))
    shown = name.replace("\\", "/") if maker is zip_of else name
    assert f"its member {shown!a} would leave the target" in line


def test_a_backslash_is_no_separator_in_a_tar_archive(tmp_path: Path) -> None:
    assert "would leave the target" in refused(tmp_path, tar_of({"set\\job": b"x"}))


IMPOSSIBLE = {"newline": "a\nb", "escape": "a\x1b[2Jb", "long": "x" * 256, "deep": "x/" * 600 + "x"}


@pytest.mark.parametrize("name", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
@pytest.mark.parametrize("maker", [zip_of, tar_of])
def test_impossible_names(tmp_path: Path, maker: Make, name: str) -> None:
    assert "has an impossible name" in refused(tmp_path, maker({**FILES, name: b"x"}))


def test_a_name_with_a_nul(tmp_path: Path) -> None:
    # The library would cut it: "a.png".
    spoilt = zip_of({"a.png_exe": b"x"}).replace(b"a.png_exe", b"a.png\0exe")
    assert r"'a.png\x00exe' has an impossible name" in refused(tmp_path, spoilt)


def test_a_name_that_is_not_text(tmp_path: Path) -> None:
    spoilt = tar_of({"a.png": b"x"})
    header = bytearray(spoilt[:512])
    header[0] = 0xFF
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    assert "has an impossible name" in refused(tmp_path, bytes(header) + spoilt[512:])


SPECIAL = {
    "zip-symlink": zip_entry("link", stat.S_IFLNK | 0o777),
    "zip-device": zip_entry("device", stat.S_IFCHR | 0o666),
    "zip-fifo": zip_entry("fifo", stat.S_IFIFO | 0o666),
    "tar-symlink": tar_entry("link", tarfile.SYMTYPE, "/etc/passwd"),
    "tar-symlink-inside": tar_entry("link", tarfile.SYMTYPE, "a.png"),
    "tar-hardlink": tar_entry("link", tarfile.LNKTYPE, "../../job"),
    "tar-device": tar_entry("device", tarfile.CHRTYPE),
    "tar-block-device": tar_entry("device", tarfile.BLKTYPE),
    "tar-fifo": tar_entry("fifo", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("archive", SPECIAL.values(), ids=SPECIAL)
def test_links_and_devices_are_refused(tmp_path: Path, archive: bytes) -> None:
    assert "is a link" in refused(tmp_path, archive)


def test_sparse_files_are_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as container:
        entry = tarfile.TarInfo("huge.png")
        entry.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 40)}
        entry.size = 1
        container.addfile(entry, io.BytesIO(b"x"))
    assert "a sparse file" in refused(tmp_path, stream.getvalue())


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    spoilt = bytearray(zip_of({"a.png": b"secret"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        spoilt[spoilt.index(signature) + offset] |= 1
    line = refused(tmp_path, bytes(spoilt))
    assert "'a.png' is encrypted; unpack it yourself" in line


@pytest.mark.parametrize("maker", [zip_of, tar_of])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.png", "./a.png"),
        ("a.png", "A.PNG"),
        ("\u00e9.png", "e\u0301.png"),
        ("b/a.png", "B//a.png"),
        ("a.png", "a.png. "),
        ("b/a.png", "b ./a.png"),
        ("stra\u00dfe", "STRASSE"),
    ],
    ids=["dot", "case", "accent", "folder-case", "trailing", "trailing-folder", "long-s"],
)
def test_two_members_of_one_name(tmp_path: Path, maker: Make, first: str, second: str) -> None:
    assert "is there twice" in refused(tmp_path, maker({first: b"1", second: b"2"}))


def test_two_members_of_the_very_same_name(tmp_path: Path) -> None:
    twice = zip_of({"a.png": b"1", "b.png": b"2"}).replace(b"b.png", b"a.png")
    assert "'a.png' is there twice" in refused(tmp_path, twice)


@pytest.mark.parametrize("maker", [zip_of, tar_of])
@pytest.mark.parametrize("order", [1, -1])
def test_a_file_where_a_folder_should_be(tmp_path: Path, maker: Make, order: int) -> None:
    names = ["Set", "set/a.png"][::order]
    assert "is both a file and a folder" in refused(tmp_path, maker(dict.fromkeys(names, b"x")))


def test_a_file_where_a_bare_folder_should_be(tmp_path: Path) -> None:
    line = refused(tmp_path, zip_of({"set/": b"", "SET": b"x"}))
    assert "is both a file and a folder" in line
