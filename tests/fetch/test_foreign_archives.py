"""Archives as other systems write them: backslashes, by-products, encodings of names."""

from __future__ import annotations

import io
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.archives import noise, tar_of, zip_of
from support.unpacking import FILES, Make, content, refused, unpacked

from pipeline.errors import DataError
from pipeline.fetch.folder import link_folder


def named(files: dict[str, bytes], flag: int = 0) -> bytes:
    """A zip archive with these names, byte by byte, and flags for them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as container:
        for number, (name, text) in enumerate(files.items()):
            placeholder = f"{number:0{len(name.encode())}d}"
            container.writestr(zipfile.ZipInfo(placeholder), text)
    made = stream.getvalue()
    for number, name in enumerate(files):
        made = made.replace(f"{number:0{len(name.encode())}d}".encode(), name.encode())
    if flag:
        changed = bytearray(made)
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            place = changed.find(signature)
            while place >= 0:
                changed[place + offset + 1] |= flag >> 8
                place = changed.find(signature, place + 1)
        made = bytes(changed)
    return made


def windows(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as container:
        for name, text in files.items():
            entry = zipfile.ZipInfo("x")
            entry.filename = name.replace("/", "\\")
            container.writestr(entry, text)
    return stream.getvalue()


def test_backslashes_of_windows_are_separators(tmp_path: Path) -> None:
    archive = windows({"set/": b"", "set/train_c/": b"", **FILES})
    assert content(unpacked(tmp_path, archive)) == FILES


def test_slashes_and_backslashes_that_name_one_file(tmp_path: Path) -> None:
    stream = io.BytesIO(windows({"set/a.png": b"1"}))
    with zipfile.ZipFile(stream, "a") as container:
        container.writestr("set/a.png", b"2")
    assert "is there twice" in refused(tmp_path, stream.getvalue())


JUNK = [
    "set/Icon\r",
    "set/.DS_Store",
    "__MACOSX/set/._train_c",
    "__MACOSX/set/train_c/._a\tb.png",
    "set/Thumbs.db",
    "set/train_c/desktop.ini",
    "set/._1P0A0890.png",
    "$RECYCLE.BIN/S-1-5-21/desktop.ini",
    "System Volume Information/IndexerVolumeGuid",
    "set/@eaDir/1P0A0890.png/SYNOFILE_THUMB_M.png",
    "set/.fseventsd/0000",
]


@pytest.mark.parametrize("maker", [zip_of, tar_of, windows])
def test_files_that_no_system_needs(
    tmp_path: Path, maker: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = maker({**FILES, **dict.fromkeys(JUNK, b"x")})
    assert content(unpacked(tmp_path, archive)) == FILES
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"{tmp_path / 'archive0'}: skipped {len(JUNK)} files of file managers "
        "(.DS_Store, ._1P0A0890.png, ._a\\tb.png, ...)"
    )


@pytest.mark.parametrize("name", JUNK)
def test_each_of_them_alone(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert content(unpacked(tmp_path, zip_of({**FILES, name: b"x"}))) == FILES
    assert "skipped 1 file of file managers" in capsys.readouterr().err


def test_nothing_is_said_where_nothing_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unpacked(tmp_path, zip_of(FILES))
    assert capsys.readouterr().err == ""


def test_they_are_skipped_in_a_folder_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("set/a.png", "set/Icon\r", "set/.DS_Store"):
        (tmp_path / "given" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "given" / name).write_bytes(b"x")
    tree = link_folder(tmp_path / "given", tmp_path / "work", progress=False)
    assert content(tree) == {"set/a.png": b"x"}
    assert "given: skipped 2 files of file managers (.DS_Store, Icon\\r)" in capsys.readouterr().err


def test_names_that_only_look_alike_are_kept(tmp_path: Path) -> None:
    files = {"set/Icon.png": b"1", "set/DS_Store.png": b"2", "set/thumbs.db.png": b"3"}
    assert content(unpacked(tmp_path, zip_of(files))) == files


TEXT = "Aufl\u00f6sung/\u5199\u771f.png"


@pytest.mark.parametrize("flag", [0, 0x800], ids=["macOS", "flagged"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_utf_8(tmp_path: Path, flag: int, form: str) -> None:
    name = unicodedata.normalize(form, TEXT)  # type: ignore[arg-type]
    files = content(unpacked(tmp_path, named({name: b"x"}, flag)))
    assert files == {TEXT: b"x"}


def test_names_of_dos(tmp_path: Path) -> None:
    archive = zip_of({"set/a_b.png": b"x"}).replace(b"a_b", b"a\x94b")
    assert content(unpacked(tmp_path, archive)) == {"set/a\u00f6b.png": b"x"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_tar_archives(tmp_path: Path, form: str) -> None:
    name = unicodedata.normalize(form, TEXT)  # type: ignore[arg-type]
    assert content(unpacked(tmp_path, tar_of({name: b"x"}))) == {TEXT: b"x"}


def large_zip(files: dict[str, bytes]) -> bytes:
    """A zip64 archive, as tools write it that do not know a size in advance."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as container:
        for name, text in files.items():
            with container.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(text)
    return stream.getvalue()


def streamed(files: dict[str, bytes]) -> bytes:
    """A zip archive written to a pipe: sizes follow the data."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.made = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.made += bytes(data)  # type: ignore[call-overload]
            return len(data)  # type: ignore[arg-type]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as container:  # type: ignore[arg-type]
        for name, text in files.items():
            container.writestr(name, text)
    return bytes(pipe.made)


def tar_as(kind: int) -> Make:
    def make(files: dict[str, bytes]) -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=kind) as container:
            for name, text in files.items():
                entry = tarfile.TarInfo(f"./{name}")
                entry.size = len(text)
                container.addfile(entry, io.BytesIO(text))
        return stream.getvalue()

    return make


VARIANTS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "zip64": large_zip,
    "streamed": streamed,
    "bzip2": lambda files: zip_of(files, zipfile.ZIP_BZIP2),
    "ustar": tar_as(tarfile.USTAR_FORMAT),
    "gnu": tar_as(tarfile.GNU_FORMAT),
    "pax": tar_as(tarfile.PAX_FORMAT),
}


@pytest.mark.parametrize("make", VARIANTS.values(), ids=VARIANTS)
def test_variants_of_the_formats(tmp_path: Path, make: Make) -> None:
    assert content(unpacked(tmp_path, make(FILES))) == FILES


@pytest.mark.parametrize("maker", [zip_of, tar_of])
def test_an_archive_of_archives(tmp_path: Path, maker: Make) -> None:
    inner = {f"set/{name}.zip": zip_of({"a.png": noise(99)}) for name in ("train", "val", "test")}
    line = refused(tmp_path, maker(inner))
    assert "holds other archives ('set/train.zip', 'set/val.zip', 'set/test.zip'); unpack" in line


def test_an_archive_beside_images_is_a_file(tmp_path: Path) -> None:
    files = {**FILES, "set/code.zip": noise(99)}
    assert content(unpacked(tmp_path, zip_of(files))) == files


def test_an_archive_with_by_products_only(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(zip_of(dict.fromkeys(JUNK, b"x")))
    with pytest.raises(DataError, match="holds no files"):
        unpacked(tmp_path, tmp_path / "x.zip")
