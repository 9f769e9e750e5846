"""The sources of a fetch: mirrors in their order, addresses, archives and folders."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from support import servers
from support.archives import zip_of
from support.fetch_lab import FILES, WRAPPED, FetchLab, fetch_lab, own_archive


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[FetchLab]:
    with fetch_lab(tmp_path) as lab:
        yield lab


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return own_archive(tmp_path)


def test_mirrors_are_tried_in_order(lab: FetchLab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.site.usual["/first/set.zip"] = servers.status(404)
    assert lab.fetch().startswith(f"{lab.target}: official layout, scenes: 1 train; ")
    assert lab.content() == FILES
    assert not lab.litter()
    first, digest, step = capsys.readouterr().err.splitlines()
    assert step == f"canon: unpacking {lab.archives / 'second' / 'set.zip'}"
    assert first.startswith("first: http://127.0.0.1")
    assert "answers 404" in first
    assert "sha256" in digest
    assert {path for path, _ in lab.site.requests} == {"/first/set.zip", "/set.zip"}
    note = json.loads((lab.target / "fetched.json").read_text())
    assert note == {"source": ["second"], "files": 2, "bytes": 5000}


def test_no_mirror_delivers(lab: FetchLab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.site.usual["/first/set.zip"] = servers.status(403)
    lab.site.usual["/set.zip"] = servers.page("text/html")
    lab.site.usual["/third/set.zip"] = servers.status(503)
    line = lab.fails()
    assert "canon: none of first, second, third works (see above); by hand: open https" in line
    assert line.endswith("dmtbench fetch canon --source set.zip")
    shown = capsys.readouterr().err.splitlines()
    again = "set.zip: answers 503; again in 2 s"
    assert [row.partition(":")[0] for row in shown if row != again] == ["first", "second", "third"]
    assert shown.count(again) == 1
    assert not lab.target.exists()


def test_a_mirror_that_needs_a_library_is_passed_over(
    lab: FetchLab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    made = lab.source
    monkeypatch.setattr(
        lab,
        "source",
        lambda name, transport, *rest, **more: made(
            name, "google-drive" if name == "first" else transport, *rest, **more
        ),
    )
    lab.fetch()
    assert lab.content() == FILES
    assert "first: gdown is not installed; pip install 'dmtbench[cloud]'" in capsys.readouterr().err


def test_a_mirror_with_a_damaged_archive_is_passed_over(
    lab: FetchLab, capsys: pytest.CaptureFixture[str]
) -> None:
    spoilt = bytearray(WRAPPED)
    spoilt[200] ^= 1
    lab.site.files["/first/set.zip"] = bytes(spoilt)
    lab.fetch()
    assert lab.content() == FILES
    assert not lab.litter()
    _, _, failed, *_ = capsys.readouterr().err.splitlines()
    assert failed.startswith(f"first: {lab.archives / 'first' / 'set.zip'}: its member")


def test_a_page_saved_by_a_browser_names_the_manual_way(lab: FetchLab, tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(servers.PAGE)
    line = lab.fails(tmp_path / "set.zip")
    assert "set.zip: is a web page" in line
    assert "by hand: open https://example.org/share" in line


def test_a_page_instead_of_an_archive_names_the_manual_way(lab: FetchLab) -> None:
    lab.site.usual["/set.zip"] = servers.page("application/zip")
    line = lab.fails("second")
    assert "is a web page" in line
    assert "by hand: open https://example.org/share in a browser, download set.zip" in line


def test_what_needs_a_browser_is_explained_or_taken(lab: FetchLab) -> None:
    line = lab.fails("official")
    assert "decrypt in a browser only; by hand: open https://example.org/share" in line
    (lab.archives / "official").mkdir()
    (lab.archives / "official" / "set.zip").write_bytes(WRAPPED)
    lab.fetch("official")
    assert lab.content() == FILES


def test_an_address(lab: FetchLab) -> None:
    lab.fetch(lab.site.address("/set.zip"))
    assert lab.content() == FILES
    shutil.rmtree(lab.target)
    # The same name elsewhere is another file.
    lab.site.files["/other/set.zip"] = zip_of({"test_c/source/a.png": b"1"})
    lab.fetch(lab.site.address("/other/set.zip"))
    assert set(lab.content()) == {"test_c/source/a.png"}


def test_an_archive_that_is_here(lab: FetchLab, archive: Path) -> None:
    before = archive.stat()
    assert lab.fetch(archive, keep_archives=False).startswith(
        f"{lab.target}: official layout, scenes: 1 train; "
    )
    assert lab.content() == FILES
    assert archive.stat().st_mtime_ns == before.st_mtime_ns
    assert not lab.litter()


def test_archives_one_a_split(lab: FetchLab, tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        (tmp_path / f"{split}.zip").write_bytes(zip_of({"inputL/1.png": split.encode()}))
    lab.fetch(*(tmp_path / f"{split}.zip" for split in ("train", "val", "test")))
    assert lab.content() == {
        f"{split}/inputL/1.png": split.encode() for split in ("train", "val", "test")
    }


def test_a_folder_that_is_here(lab: FetchLab, tmp_path: Path) -> None:
    for name, data in FILES.items():
        path = tmp_path / "mine" / "dd_dp_dataset_canon" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    lab.fetch(tmp_path / "mine")
    assert lab.content() == FILES
    assert all((lab.target / name).stat().st_nlink == 2 for name in FILES)
    assert not (tmp_path / "mine" / "dd_dp_dataset_canon" / "fetched.json").exists()


def test_an_archive_without_images(lab: FetchLab, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of({"readme.txt": b"x"}))
    assert "no folder train_c" in lab.fails(tmp_path / "a.zip")
    assert not lab.target.exists()


@pytest.mark.parametrize("text", ["officail", "gone.zip", "ftp://example.org/a.zip"])
def test_an_unknown_source(lab: FetchLab, text: str) -> None:
    line = lab.fails(text)
    assert f"unknown source {text!r}; known: official, first, second" in line
    assert not list(lab.folder.iterdir())


@pytest.mark.parametrize("other", ["first", "folder"])
def test_sources_that_cannot_be_combined(lab: FetchLab, archive: Path, other: str) -> None:
    text = archive.parent if other == "folder" else other
    assert f"--source {text}: stands for the whole set; name it alone" in lab.fails(archive, text)


def test_a_damaged_download_is_named(lab: FetchLab) -> None:
    spoilt = bytearray(WRAPPED)
    spoilt[200] ^= 1
    lab.site.files["/set.zip"] = bytes(spoilt)
    line = lab.fails("second")
    assert f"{lab.archives / 'second' / 'set.zip'}: its member" in line
    assert "is damaged" in line
    assert "delete it and download it again" in line
    assert not lab.target.exists()


def test_a_hugging_face_copy(lab: FetchLab, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = ModuleType("huggingface_hub")

    def snapshot_download(local_dir: str, **_: Any) -> str:
        for name, data in FILES.items():
            path = Path(local_dir) / "set.zip" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (Path(local_dir) / ".cache").mkdir()
        return local_dir

    hub.snapshot_download = snapshot_download  # type: ignore[attr-defined]
    utils = SimpleNamespace(disable_progress_bars=lambda: None)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.setitem(sys.modules, "huggingface_hub.utils", utils)
    made = lab.source
    monkeypatch.setattr(
        lab, "source", lambda name, transport, *rest, **more: made(name, "huggingface", *rest)
    )
    lab.fetch("first", keep_archives=False)
    assert lab.content() == FILES
    assert not (lab.archives / "first").exists()
