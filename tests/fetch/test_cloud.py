"""Cloud drives: what is asked of their libraries, and what their failures become.

The libraries and their servers are not here: stand-ins record the calls. Names and meaning of the
arguments are those of gdown 6.5.1 and huggingface_hub 2.4.0.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from support.archives import noise, zip_of

from pipeline.errors import ConfigError, DataError
from pipeline.fetch.archive import Unavailable
from pipeline.fetch.cloud import download_drive, download_snapshot
from pipeline.fetch.sources import Archive, Source

CONTENT = zip_of({"inputL/1.png": noise(2000)})
DRIVE = Archive(name="train.zip", address="1bl5i1cDQ")


class Library(ModuleType):
    """Stands for a library; `answer` does what its one function should do."""

    def __init__(self, name: str, answer: Callable[..., Any]) -> None:
        super().__init__(name)
        self.calls: list[dict[str, Any]] = []
        self.bars = True
        self.answer = answer

    def _call(self, **arguments: Any) -> Any:
        self.calls.append(arguments)
        return self.answer(**arguments)

    download = snapshot_download = _call


Install = Callable[[str, Callable[..., Any]], Library]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    def put(name: str, answer: Callable[..., Any]) -> Library:
        library = Library(name, answer)
        utils = SimpleNamespace(disable_progress_bars=lambda: setattr(library, "bars", False))
        monkeypatch.setitem(sys.modules, name, library)
        monkeypatch.setitem(sys.modules, f"{name}.utils", utils)
        return library

    return put


def delivers(output: str, progress: Callable[[int, int | None], None], **_: Any) -> str:
    Path(output).write_bytes(CONTENT)
    progress(len(CONTENT), None)
    progress(len(CONTENT), len(CONTENT))
    return output


def test_a_drive_delivers(install: Install, tmp_path: Path) -> None:
    gdown = install("gdown", delivers)
    target = tmp_path / "archives" / "train.zip"
    download_drive(DRIVE, target, tmp_path, progress=False)
    assert target.read_bytes() == CONTENT
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert target.with_name("train.zip.sha256").read_text() == f"{digest}  train.zip\n"
    (call,) = gdown.calls
    assert call["id"] == "1bl5i1cDQ"
    # Never under its final name before it is checked; the same name every time, to resume.
    assert call["output"] == str(target) + ".drive"
    assert (call["resume"], call["quiet"]) == (True, True)
    assert call["timeout"] > 0
    assert call["retries"] > 0
    download_drive(DRIVE, target, tmp_path, progress=False)
    assert len(gdown.calls) == 1


def test_a_drive_refuses(install: Install, tmp_path: Path) -> None:
    def refuses(**_: Any) -> str:
        raise RuntimeError("Too many users have viewed or downloaded\n" + "see our advice " * 99)

    install("gdown", refuses)
    with pytest.raises(Unavailable) as caught:
        download_drive(DRIVE, tmp_path / "train.zip", tmp_path, progress=False)
    line = (
        "Google Drive 1bl5i1cDQ: refused (Too many users have viewed or downloaded see our advice"
    )
    assert str(caught.value).startswith(line)
    assert len(str(caught.value)) < 300
    assert not (tmp_path / "train.zip").exists()


def test_a_drive_sends_its_quota_page(install: Install, tmp_path: Path) -> None:
    def page(output: str, **_: Any) -> str:
        Path(output).write_text("<!DOCTYPE html><title>Google Drive - Quota exceeded</title>")
        return output

    install("gdown", page)
    with pytest.raises(Unavailable, match="is a web page"):
        download_drive(DRIVE, tmp_path / "train.zip", tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["gdown", "huggingface_hub"])
def test_a_library_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    # `None` makes the import fail, installed or not.
    monkeypatch.setitem(sys.modules, name, None)
    jobs = {
        "gdown": lambda: download_drive(DRIVE, tmp_path / "a.zip", tmp_path, progress=False),
        "huggingface_hub": lambda: download_snapshot(SNAPSHOT, tmp_path, tmp_path, progress=False),
    }
    with pytest.raises(ConfigError, match=rf"{name} is not installed; pip install 'dmtbench\[cl"):
        jobs[name]()
    assert not list(tmp_path.iterdir())


CARD = b"a data set card"
SNAPSHOT = Source(
    name="huggingface",
    transport="huggingface",
    layout="official",
    revision="52e4035a",
    archives=(Archive(name="images", address="somebody/DPDD"),),
    checked=(Archive(name="README.md", sha256=hashlib.sha256(CARD).hexdigest()),),
)


def snapshot(card: bytes = CARD) -> Callable[..., str]:
    def answer(local_dir: str, **_: Any) -> str:
        (Path(local_dir) / "images").mkdir()
        (Path(local_dir) / "README.md").write_bytes(card)
        return local_dir

    return answer


def test_a_snapshot_is_of_the_pinned_revision(install: Install, tmp_path: Path) -> None:
    hub = install("huggingface_hub", snapshot())
    folder = download_snapshot(SNAPSHOT, tmp_path / "hub", tmp_path, progress=False)
    assert folder == tmp_path / "hub" / "images"
    assert hub.calls == [
        {
            "repo_id": "somebody/DPDD",
            "repo_type": "dataset",
            "revision": "52e4035a",
            "allow_patterns": ["images/**", "README.md"],
            "local_dir": str(tmp_path / "hub"),
        }
    ]
    assert not hub.bars


def test_a_snapshot_with_other_files(install: Install, tmp_path: Path) -> None:
    install("huggingface_hub", snapshot(b"another card"))
    with pytest.raises(Unavailable, match=r"README.md: is not the known file; delete .*hub"):
        download_snapshot(SNAPSHOT, tmp_path / "hub", tmp_path, progress=True)


@pytest.mark.parametrize("error", [OSError("offline"), ValueError("bad name"), KeyError()])
def test_a_snapshot_that_fails(install: Install, tmp_path: Path, error: Exception) -> None:
    def fails(**_: Any) -> str:
        raise error

    install("huggingface_hub", fails)
    with pytest.raises(Unavailable, match=r"Hugging Face somebody/DPDD: refused \(.+\)$"):
        download_snapshot(SNAPSHOT, tmp_path / "hub", tmp_path, progress=False)


def test_space_is_asked_for_first(install: Install, tmp_path: Path) -> None:
    gdown, hub = install("gdown", delivers), install("huggingface_hub", snapshot())
    huge = Archive(name="a.zip", address="id", about_gb=1e9)
    with pytest.raises(DataError, match=r"needs 2\.0 EB and has"):
        download_drive(huge, tmp_path / "a.zip", tmp_path, progress=False)
    source = SNAPSHOT.model_copy(update={"archives": (huge,)})
    with pytest.raises(DataError, match=r"needs 1\.0 EB and has"):
        download_snapshot(source, tmp_path / "hub", tmp_path, progress=False)
    assert not gdown.calls + hub.calls
