"""`dmtbench fetch`: from whatever the user names to a folder that is whole or not there."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock
from support import servers
from support.archives import noise, zip_of
from support.servers import Site, serving

from pipeline.cli import main
from pipeline.errors import ConfigError, DataError
from pipeline.fetch.download import Patience
from pipeline.fetch.registry import Published
from pipeline.fetch.sources import Archive, Source
from pipeline.stages.fetch import Fetch

FILES = {
    "train_c/source/1P0A0890.png": noise(3000),
    "train_c/target/1P0A0891.png": noise(2000, seed=1),
}
WRAPPED = zip_of({f"outer/dd_dp_dataset_png/{name}": data for name, data in FILES.items()})


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        site.files["/set.zip"] = WRAPPED
        yield site


@dataclass
class Lab:
    """Fetches a made-up set that has two mirrors on a local site."""

    site: Site
    folder: Path

    @property
    def target(self) -> Path:
        return self.folder / "data" / "raw"

    @property
    def archives(self) -> Path:
        return self.folder / "data" / "archives"

    def fetch(self, *texts: object, keep_archives: bool = True) -> str:
        sources = [
            self.source("official", "browser", "https://example.org/share"),
            self.source("first", "http", self.site.address("/first/set.zip")),
            self.source("second", "http", self.site.address("/set.zip")),
            self.source("third", "http", self.site.address("/third/set.zip")),
            self.source("tests", "http", self.site.address("/set.zip"), part=True),
        ]
        known = Published(title="Made up", licence="none", sources=tuple(sources))
        patience = Patience(tries=2, sleep=lambda _: None)
        return Fetch(
            "canon", known, self.target, self.archives, keep_archives, patience=patience
        ).run([str(text) for text in texts])

    def source(self, name: str, transport: Any, address: str, part: bool = False) -> Source:
        archive = Archive(name="set.zip", address=address)
        return Source(
            name=name, transport=transport, layout="official", archives=(archive,), part=part
        )

    def fails(self, *texts: object) -> str:
        with pytest.raises((DataError, ConfigError)) as caught:
            self.fetch(*texts)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def content(self) -> dict[str, bytes]:
        """What is in the target, without the marker."""
        return {
            str(path.relative_to(self.target)): path.read_bytes()
            for path in self.target.rglob("*")
            if path.is_file() and path.name != "fetched.json"
        }

    def litter(self) -> set[str]:
        """What lies beside the target, but for locks and downloads."""
        return {path.name for path in self.target.parent.iterdir()} - {
            "raw",
            "archives",
            ".raw.lock",
        }


@pytest.fixture
def lab(site: Site, tmp_path: Path) -> Lab:
    return Lab(site, tmp_path)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "mine" / "dd_dp_dataset_canon.zip"
    path.parent.mkdir()
    path.write_bytes(WRAPPED)
    return path


def test_mirrors_are_tried_in_order(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_no_mirror_delivers(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
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
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
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
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    spoilt = bytearray(WRAPPED)
    spoilt[200] ^= 1
    lab.site.files["/first/set.zip"] = bytes(spoilt)
    lab.fetch()
    assert lab.content() == FILES
    assert not lab.litter()
    _, _, failed, *_ = capsys.readouterr().err.splitlines()
    assert failed.startswith(f"first: {lab.archives / 'first' / 'set.zip'}: its member")


def test_a_page_saved_by_a_browser_names_the_manual_way(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(servers.PAGE)
    line = lab.fails(tmp_path / "set.zip")
    assert "set.zip: is a web page" in line
    assert "by hand: open https://example.org/share" in line


def test_a_page_instead_of_an_archive_names_the_manual_way(lab: Lab) -> None:
    lab.site.usual["/set.zip"] = servers.page("application/zip")
    line = lab.fails("second")
    assert "is a web page" in line
    assert "by hand: open https://example.org/share in a browser, download set.zip" in line


def test_what_needs_a_browser_is_explained_or_taken(lab: Lab) -> None:
    line = lab.fails("official")
    assert "decrypt in a browser only; by hand: open https://example.org/share" in line
    (lab.archives / "official").mkdir()
    (lab.archives / "official" / "set.zip").write_bytes(WRAPPED)
    lab.fetch("official")
    assert lab.content() == FILES


def test_an_address(lab: Lab) -> None:
    lab.fetch(lab.site.address("/set.zip"))
    assert lab.content() == FILES
    shutil.rmtree(lab.target)
    # The same name elsewhere is another file.
    lab.site.files["/other/set.zip"] = zip_of({"test_c/source/a.png": b"1"})
    lab.fetch(lab.site.address("/other/set.zip"))
    assert set(lab.content()) == {"test_c/source/a.png"}


def test_an_archive_that_is_here(lab: Lab, archive: Path) -> None:
    before = archive.stat()
    assert lab.fetch(archive, keep_archives=False).startswith(
        f"{lab.target}: official layout, scenes: 1 train; "
    )
    assert lab.content() == FILES
    assert archive.stat().st_mtime_ns == before.st_mtime_ns
    assert not lab.litter()


def test_archives_one_a_split(lab: Lab, tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        (tmp_path / f"{split}.zip").write_bytes(zip_of({"inputL/1.png": split.encode()}))
    lab.fetch(*(tmp_path / f"{split}.zip" for split in ("train", "val", "test")))
    assert lab.content() == {
        f"{split}/inputL/1.png": split.encode() for split in ("train", "val", "test")
    }


def test_a_folder_that_is_here(lab: Lab, tmp_path: Path) -> None:
    for name, data in FILES.items():
        path = tmp_path / "mine" / "dd_dp_dataset_canon" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    lab.fetch(tmp_path / "mine")
    assert lab.content() == FILES
    assert all((lab.target / name).stat().st_nlink == 2 for name in FILES)
    assert not (tmp_path / "mine" / "dd_dp_dataset_canon" / "fetched.json").exists()


@pytest.mark.parametrize("place", ["data", "data/raw/inner", "data/raw"])
def test_a_folder_around_or_within_the_target(lab: Lab, place: str) -> None:
    folder = lab.folder / place
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"x")
    line = lab.fails(folder)
    assert "lies within" in line or "holds something that was not fetched" in line
    assert (folder / "a.png").read_bytes() == b"x"


def test_nothing_is_done_twice(lab: Lab, archive: Path) -> None:
    first = lab.fetch(archive)
    before = {path: path.stat().st_ino for path in lab.target.rglob("*")}
    # Left by a process that was killed after its last step.
    (lab.target.parent / "raw.partial").mkdir()
    assert lab.fetch() == first
    assert {path: path.stat().st_ino for path in lab.target.rglob("*")} == before
    assert not lab.site.requests
    assert not lab.litter()


def test_something_else_is_never_touched(lab: Lab, archive: Path) -> None:
    lab.target.mkdir(parents=True)
    (lab.target / "thesis.txt").write_text("years of work")
    assert "holds something that was not fetched; use it as is" in lab.fails(archive)
    assert lab.content() == {"thesis.txt": b"years of work"}


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"files": null, "bytes": 1}'])
def test_a_damaged_marker(lab: Lab, archive: Path, note: str) -> None:
    lab.fetch(archive)
    (lab.target / "fetched.json").write_text(note)
    assert "holds something that was not fetched" in lab.fails(archive)
    assert lab.content() == FILES


def test_a_file_where_the_target_should_be(lab: Lab, archive: Path) -> None:
    lab.target.parent.mkdir()
    lab.target.write_text("I am no folder")
    assert "holds something that was not fetched" in lab.fails(archive)
    assert lab.target.read_text() == "I am no folder"


def test_an_empty_target_is_as_good_as_none(lab: Lab, archive: Path) -> None:
    lab.target.mkdir(parents=True)
    lab.fetch(archive)
    assert lab.content() == FILES


@pytest.mark.parametrize("spoil", ["removed", "cut"])
def test_files_that_have_gone_since(lab: Lab, archive: Path, spoil: str) -> None:
    lab.fetch(archive)
    victim = lab.target / "train_c/source/1P0A0890.png"
    if spoil == "removed":
        victim.unlink()
    else:
        victim.write_bytes(b"short")
    assert "are missing since it was fetched; remove it and fetch again" in lab.fails(archive)


def test_files_added_since_are_welcome(lab: Lab, archive: Path) -> None:
    lab.fetch(archive)
    (lab.target / "scenes.csv").write_text("mine")
    assert lab.fetch(archive).startswith(f"{lab.target}: official layout, scenes: 1 train; ")


@pytest.mark.parametrize("keep", [True, False])
def test_downloads_stay_or_go(lab: Lab, keep: bool) -> None:
    (lab.archives / "official").mkdir(parents=True)
    (lab.archives / "official" / "set.zip").write_bytes(WRAPPED)
    lab.fetch("second", keep_archives=keep)
    assert (lab.archives / "second" / "set.zip").exists() == keep
    assert (lab.archives / "official" / "set.zip").exists()


def test_an_archive_without_images(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of({"readme.txt": b"x"}))
    assert "no folder train_c" in lab.fails(tmp_path / "a.zip")
    assert not lab.target.exists()


@pytest.mark.parametrize("text", ["officail", "gone.zip", "ftp://example.org/a.zip"])
def test_an_unknown_source(lab: Lab, text: str) -> None:
    line = lab.fails(text)
    assert f"unknown source {text!r}; known: official, first, second" in line
    assert not list(lab.folder.iterdir())


@pytest.mark.parametrize("other", ["first", "folder"])
def test_sources_that_cannot_be_combined(lab: Lab, archive: Path, other: str) -> None:
    text = archive.parent if other == "folder" else other
    assert f"--source {text}: stands for the whole set; name it alone" in lab.fails(archive, text)


@pytest.mark.parametrize("name", ["data/.raw.lock", "data/archives/.lock"])
def test_two_fetches_never_mix(lab: Lab, name: str) -> None:
    lock = lab.folder / name
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        assert "another fetch is at work there" in lab.fails("second")
    lab.fetch("second")
    assert lab.content() == FILES


def test_a_place_that_cannot_be_written(lab: Lab, archive: Path) -> None:
    (lab.folder / "data").write_text("I am no folder")
    assert "cannot be written" in lab.fails(archive)


def test_a_damaged_download_is_named(lab: Lab) -> None:
    spoilt = bytearray(WRAPPED)
    spoilt[200] ^= 1
    lab.site.files["/set.zip"] = bytes(spoilt)
    line = lab.fails("second")
    assert f"{lab.archives / 'second' / 'set.zip'}: its member" in line
    assert "is damaged" in line
    assert "delete it and download it again" in line
    assert not lab.target.exists()


def test_a_hugging_face_copy(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
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


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `dmtbench fetch` in an empty folder; returns exit code, output and complaint."""

    def fetch(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["dmtbench", "fetch", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return fetch


def test_the_command_fetches_to_its_usual_place(run: Run, archive: Path, tmp_path: Path) -> None:
    code, out, err = run("canon", "--source", archive)
    assert code == 0
    assert out == (
        "data/canon/raw: official layout, scenes: 1 train; 3 problems with its names, "
        "check it with: dmtbench doctor --root data/canon/raw\n"
    )
    assert err == f"canon: unpacking {archive}\n"
    assert (tmp_path / "data/canon/raw/train_c/source/1P0A0890.png").is_file()


def test_the_command_lists_sources(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("pixel", "--list")
    assert code == 0
    assert "dd_dp_dataset_pixel.zip" in out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["nikon"], ["canon", "--source", "gone.zip"]])
def test_the_command_complains_in_one_line(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith("error: ")
