"""Unpacking: what is honest arrives, what is not never touches the disk."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.archives import noise, tar_of, zip_of

from pipeline.errors import DataError
from pipeline.fetch import containers, members
from pipeline.fetch.unpack import unpack

FILES = {
    "set/train_c/source/1P0A0890.png": noise(40_000),
    "set/train_c/target/1P0A0891.png": noise(30_000, seed=1),
    "set/empty.txt": b"",
}
MAKERS = {
    "zip": zip_of,
    "stored": lambda files: zip_of(files, zipfile.ZIP_STORED),
    "lzma": lambda files: zip_of(files, zipfile.ZIP_LZMA),
    "tar": tar_of,
    "tar.gz": lambda files: tar_of(files, "gz"),
    "tar.bz2": lambda files: tar_of(files, "bz2"),
    "tar.xz": lambda files: tar_of(files, "xz"),
}

Make = Callable[[dict[str, bytes]], bytes]


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run(folder: Path, *archives: bytes | Path) -> Path:
    paths = []
    for number, archive in enumerate(archives):
        path = archive if isinstance(archive, Path) else folder / f"archive{number}"
        if not isinstance(archive, Path):
            path.write_bytes(archive)
        paths.append(path)
    return unpack(paths, folder / "raw.partial", progress=False)


def refused(folder: Path, archive: bytes) -> str:
    """Unpacks in vain; makes sure that nothing was written; returns the complaint."""
    folder = folder / "deep" / "down"
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.raises(DataError) as caught:
        run(folder, archive)
    assert [path.name for path in folder.parent.parent.rglob("*")] == ["deep", "down", "archive0"]
    line = str(caught.value)
    assert line.startswith(str(folder / "archive0"))
    assert "\n" not in line
    return line


def test_files_arrive(tmp_path: Path, make: Make) -> None:
    tree = run(tmp_path, make(FILES))
    assert content(tree) == FILES
    assert {path.name for path in tree.parent.iterdir()} == {"tree"}


def test_folders_and_the_litter_of_file_managers(tmp_path: Path, make: Make) -> None:
    litter = {
        "__MACOSX/set/._a.png": b"x",
        "set/._a.png": b"x",
        "set/.DS_Store": b"x",
        "set/Thumbs.db": b"x",
    }
    assert content(run(tmp_path, make({**litter, **FILES}))) == FILES


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
    assert content(run(tmp_path, stream.getvalue())) == {"set/a.png": b"abc"}
    assert content(run(tmp_path, zip_of({"set/": b"", "set/a.png": b"abc"}))) == {
        "set/a.png": b"abc"
    }


ESCAPES = {
    "absolute": "/etc/cron.d/job",
    "parent": "../../job",
    "inner-parent": "set/../../../job",
    "drive": "C:/job",
    "drive-relative": "c:job",
    "backslash": "..\\..\\job",
    "inner-backslash": "set\\job",
}


@pytest.mark.parametrize("name", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize("maker", [zip_of, tar_of])
def test_no_member_leaves_the_target(tmp_path: Path, maker: Make, name: str) -> None:
    line = refused(tmp_path, maker({**FILES, name: b"x"}))
    assert f"its member {name!a} would leave the target" in line


IMPOSSIBLE = {"newline": "a\nb", "escape": "a\x1b[2Jb", "long": "x" * 256, "deep": "x/" * 600 + "x"}


@pytest.mark.parametrize("name", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
@pytest.mark.parametrize("maker", [zip_of, tar_of])
def test_impossible_names(tmp_path: Path, maker: Make, name: str) -> None:
    assert "has an impossible name" in refused(tmp_path, maker({**FILES, name: b"x"}))


def test_a_name_with_a_nul(tmp_path: Path) -> None:
    # The library would cut it: "a.png".
    spoilt = zip_of({"a.png_exe": b"x"}).replace(b"a.png_exe", b"a.png\0exe")
    assert r"'a.png\x00exe' has an impossible name" in refused(tmp_path, spoilt)


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    spoilt = tar_of({"a.png": b"x"})
    header = bytearray(spoilt[:512])
    header[0] = 0xFF
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    assert "has an impossible name" in refused(tmp_path, bytes(header) + spoilt[512:])


def zip_entry(name: str, mode: int, text: bytes = b"/etc/passwd") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as container:
        entry = zipfile.ZipInfo(name)
        entry.create_system, entry.external_attr = 3, mode << 16
        container.writestr(entry, text)
    return stream.getvalue()


def tar_entry(name: str, kind: bytes, link: str = "") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as container:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, link
        container.addfile(entry)
    return stream.getvalue()


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
    assert "'a.png' is encrypted" in refused(tmp_path, bytes(spoilt))


@pytest.mark.parametrize("maker", [zip_of, tar_of])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.png", "./a.png"),
        ("a.png", "A.PNG"),
        ("\u00e9.png", "e\u0301.png"),
        ("b/a.png", "B//a.png"),
    ],
    ids=["dot", "case", "accent", "folder-case"],
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


@pytest.mark.parametrize("maker", [zip_of, tar_of])
def test_too_many_members(tmp_path: Path, maker: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_MEMBERS", 10)
    names = [f"{number}.png" for number in range(11)]
    assert content(run(tmp_path, maker(dict.fromkeys(names[:10], b"x"))))
    shutil.rmtree(tmp_path / "raw.partial")
    (tmp_path / "archive0").unlink()
    assert "more than 10 members" in refused(tmp_path, maker(dict.fromkeys(names, b"x")))


BOMB = {"bomb.png": bytes(12 << 20)}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_bombs(tmp_path: Path, make: Make) -> None:
    archive = make(BOMB)
    if len(archive) > 1 << 20:
        assert content(run(tmp_path, archive)) == BOMB
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
        run(tmp_path, stream.getvalue())


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
        run(tmp_path, archive)
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


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone.zip: cannot be read \(No such file"):
        run(tmp_path, tmp_path / "gone.zip")


def test_modes_of_an_archive_are_not_taken_over(tmp_path: Path) -> None:
    tree = run(tmp_path, zip_entry("a.png", stat.S_IFREG | stat.S_ISUID | 0o777, b"abc"))
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tree / "a.png").stat().st_mode) == 0o666 & ~umask


def test_archives_named_after_splits(tmp_path: Path) -> None:
    # With and without the folder inside.
    (tmp_path / "train.zip").write_bytes(zip_of({"inputL/1.png": b"1"}))
    (tmp_path / "val.zip").write_bytes(zip_of({"val/inputL/1.png": b"2"}))
    (tmp_path / "test.tar.gz").write_bytes(tar_of({"inputL/1.png": b"3", "x.npy": b"4"}, "gz"))
    tree = run(tmp_path, *(tmp_path / name for name in ("train.zip", "val.zip", "test.tar.gz")))
    assert content(tree) == {
        "train/inputL/1.png": b"1",
        "val/inputL/1.png": b"2",
        "test/inputL/1.png": b"3",
        "test/x.npy": b"4",
    }


def test_archives_that_hold_the_same_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"archive1: its member 'a.png' is there twice"):
        run(tmp_path, zip_of({"a.png": b"1"}), zip_of({"a.png": b"2"}))
    assert not (tmp_path / "raw.partial").exists()


def test_another_start_goes_on(tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = run(tmp_path, make(FILES))
    first, second = tree / "set/train_c/source/1P0A0890.png", tree / "set/empty.txt"
    before = first.stat().st_ino
    second.unlink()
    (tree.parent / "incoming").write_bytes(b"half")
    assert content(run(tmp_path, tmp_path / "archive0")) == FILES
    assert first.stat().st_ino == before


@pytest.mark.parametrize("spoil", ["same size", "shorter", "folder", "link"])
def test_what_an_earlier_start_left_is_compared(tmp_path: Path, make: Make, spoil: str) -> None:
    tree = run(tmp_path, make(FILES))
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
    assert content(run(tmp_path, tmp_path / "archive0")) == FILES
    assert not victim.is_symlink()


def test_what_another_archive_left_is_removed(tmp_path: Path, make: Make) -> None:
    run(tmp_path, make({"other/b.png": b"b", "set/other.png": b"b", "set/train_c": b"b"}))
    assert content(run(tmp_path, make(FILES))) == FILES
    tree = tmp_path / "raw.partial" / "tree"
    assert {path.name for path in tree.iterdir()} == {"set"}


def test_space_is_asked_for_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=69_999)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"needs 70.0 kB and has 70.0 kB free; free some space"):
        run(tmp_path, zip_of(FILES))
    assert not content(tmp_path / "raw.partial")


def test_a_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def full(path: Path, *arguments: Any, **options: Any) -> Any:
        return opened(Path("/dev/full") if path.name == "incoming" else path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        with pytest.raises(DataError, match=r"raw.partial: cannot be written \(No space left"):
            run(tmp_path, zip_of(FILES))
    assert content(run(tmp_path, tmp_path / "archive0")) == FILES


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
        run(tmp_path, archive)
    assert not (tmp_path / "raw.partial").exists()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS], ids=["permission", "read-only"])
def test_a_place_that_may_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(Path, "open", refusing(code, "incoming"))
    with pytest.raises(DataError, match=r"raw.partial: cannot be written \(.*choose an output"):
        run(tmp_path, zip_of(FILES))


def test_a_bound_holds_for_members_too(tmp_path: Path) -> None:
    # An exact bound: as tight as allowed passes, one byte more doesn't.
    entry = zipfile.ZipInfo("a.png")
    entry.compress_size = 1 << 20
    entry.file_size = members.MAX_RATIO << 20
    members.check_zip_entry(tmp_path, entry)
    entry.file_size += 1
    with pytest.raises(DataError, match="unpacks to"):
        members.check_zip_entry(tmp_path, entry)
