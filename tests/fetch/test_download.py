"""Downloads: what arrives is checked; pages, wrong sizes and redirects are found out."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import servers
from support.archives import noise, tar_of
from support.download_lab import CONTENT, TOTAL, DownloadLab, download_lab

from pipeline.errors import DataError
from pipeline.fetch.download import Patience, download
from pipeline.fetch.sources import Archive


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[DownloadLab]:
    with download_lab(tmp_path / "archives") as lab:
        yield lab


def test_a_file_arrives_with_its_checksum(lab: DownloadLab) -> None:
    lab.download(bytes=TOTAL, sha256=hashlib.sha256(CONTENT).hexdigest())
    lab.check()
    assert lab.ranges() == [None]
    assert lab.site.requests[0][1]["Accept-Encoding"] == "identity"
    lab.download()
    assert len(lab.site.requests) == 1


def test_a_throttled_server(lab: DownloadLab) -> None:
    lab.acts(usual=servers.throttled(1_000_000))
    lab.download()
    lab.check()


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/zip"])
def test_a_page_instead_of_the_archive(lab: DownloadLab, content_type: str) -> None:
    lab.acts(usual=servers.page(content_type))
    assert "is a web page (login, quota or virus warning)" in lab.fails()
    assert not list(lab.folder.iterdir())


def test_a_zip_that_is_declared_as_a_page(lab: DownloadLab) -> None:
    def act(request: servers.Request) -> None:
        request.head(200, Content_Type="text/html", Content_Length=TOTAL)
        request.wfile.write(CONTENT)

    lab.acts(usual=act)
    assert "is a web page" in lab.fails()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"7z\xbc\xaf\x27\x1c" + noise(1000), "is a 7z archive; unpack it yourself"),
        (b"Rar!\x1a\x07\x01\x00" + noise(1000), "is a RAR archive; unpack it yourself"),
        (b'{"error": "quota exceeded"}', "is a web page"),
        (b"", "is neither a zip nor a tar archive"),
        (b"\x00" + noise(1000), "is neither a zip nor a tar archive"),
    ],
    ids=["7z", "rar", "json", "empty", "noise"],
)
def test_not_an_archive(lab: DownloadLab, content: bytes, word: str) -> None:
    lab.site.files["/set.zip"] = content
    assert word in lab.fails()
    assert not list(lab.folder.iterdir())


def test_a_server_that_announces_too_much(lab: DownloadLab) -> None:
    lab.acts(usual=servers.announces(TOTAL + 1000))
    assert f"announced {TOTAL + 1000} bytes but has no more than {TOTAL}" in lab.fails()
    assert len(lab.site.requests) <= 8


def test_a_server_that_announces_too_little(lab: DownloadLab) -> None:
    lab.acts(usual=servers.announces(TOTAL - 1000))
    assert f"sent a zip archive of {TOTAL - 1000} bytes without end" in lab.fails()
    assert not lab.part.exists()


def test_a_server_without_length_or_ranges(lab: DownloadLab) -> None:
    lab.acts(usual=servers.without_length)
    lab.download()
    lab.check()


def test_a_packed_answer_is_refused(lab: DownloadLab) -> None:
    lab.acts(usual=servers.packed)
    assert "answers in gzip although asked not to" in lab.fails()


def test_a_compressed_archive_may_be_declared_as_such(lab: DownloadLab) -> None:
    content = tar_of({"a.png": noise(5000)}, "gz")
    lab.site.files["/set.tar.gz"] = content
    lab.site.usual["/set.tar.gz"] = servers.packed
    archive = Archive(name="set.tar.gz", address=lab.site.address("/set.tar.gz"))
    target = lab.folder / archive.name
    download(archive, target, lab.folder, patience=Patience(), progress=False)
    # Not decoded on the way.
    assert target.read_bytes() == content


def test_a_redirect_is_followed(lab: DownloadLab) -> None:
    lab.site.usual["/short"] = servers.redirect("/set.zip")
    lab.download("/short")
    lab.check()


def test_a_redirect_to_a_login_page(lab: DownloadLab) -> None:
    lab.acts(usual=servers.redirect("/login"))
    lab.site.usual["/login"] = servers.page("text/html")
    assert "is a web page" in lab.fails()


def test_a_redirect_loop(lab: DownloadLab) -> None:
    lab.acts(usual=servers.redirect("/set.zip"))
    assert "redirects without end" in lab.fails()
    assert len(lab.site.requests) <= 11


def test_a_redirect_to_something_other_than_a_web_address(lab: DownloadLab) -> None:
    lab.acts(usual=servers.redirect("file:///etc/passwd"))
    assert "cannot be requested" in lab.fails()


def test_a_size_that_is_known(lab: DownloadLab) -> None:
    line = lab.fails(bytes=TOTAL + 1)
    assert f"has {TOTAL} bytes where {TOTAL + 1} are expected" in line
    # Found out before anything was transferred.
    assert not list(lab.folder.iterdir())


def test_a_size_that_is_known_roughly(lab: DownloadLab) -> None:
    assert f"has {TOTAL} bytes where about 15.8 GB are expected" in lab.fails(about_gb=15.8)
    lab.download(about_gb=TOTAL / 1.05e9)
    lab.check()


def test_a_checksum_that_is_known(lab: DownloadLab) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert f"another file than the known one (sha256 {digest})" in lab.fails(sha256="0" * 64)
    assert not lab.part.exists()


def test_space_is_asked_for_first(lab: DownloadLab, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=2 * TOTAL - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"needs 60\d.\d kB and has 60\d.\d kB free; free some"):
        lab.download()
    assert not list(lab.folder.iterdir())
    # What has arrived needs no more room.
    lab.acts(servers.breaks_after(70_000))
    free = iter([2 * TOTAL, 2 * TOTAL - 70_001, 2 * TOTAL - 70_000])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=next(free)))
    with pytest.raises(DataError, match=r"has 530.\d kB free"):
        lab.download()
    lab.download()
    lab.check()


def test_a_full_disk_keeps_what_has_arrived(
    lab: DownloadLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def full(path: Path, *arguments: Any, **options: Any) -> Any:
        # Writing there always fails for lack of space.
        return opened(Path("/dev/full") if path == lab.part else path, *arguments, **options)

    lab.acts(servers.breaks_after(70_000), usual=servers.status(503))
    lab.fails()
    lab.acts()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        with pytest.raises(DataError, match=r"cannot be written \(No space left"):
            lab.download()
    assert lab.part.read_bytes() == CONTENT[:70_000]
    lab.download()
    lab.check()


def test_a_folder_that_cannot_be_made(lab: DownloadLab, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("I am no folder")
    with pytest.raises(DataError, match="cannot be written"):
        DownloadLab(lab.site, tmp_path / "file").download()


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz"])
def test_tar_archives_arrive_too(lab: DownloadLab, compression: str) -> None:
    content = tar_of({"a.png": noise(5000)}, compression)
    lab.site.files["/set.zip"] = content
    lab.download()
    lab.check(content)
