"""Downloads from servers that fail or refuse: how long to wait, and when to stop."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import servers
from support.download_lab import DownloadLab, download_lab

from pipeline.fetch.archive import Unavailable
from pipeline.fetch.download import Patience, download
from pipeline.fetch.sources import Archive


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[DownloadLab]:
    with download_lab(tmp_path / "archives") as lab:
        yield lab


def test_a_server_that_never_answers(lab: DownloadLab) -> None:
    lab.acts(usual=servers.hangs(0.5))
    assert "does not answer; try again later" in lab.fails()
    assert lab.waits == [2, 4]


def test_nobody_listens(lab: DownloadLab) -> None:
    archive = Archive(name="set.zip", address="http://127.0.0.1:1/set.zip")
    patience = Patience(tries=3, sleep=lab.waits.append)
    with pytest.raises(Unavailable, match="cannot be reached; try again later"):
        download(archive, lab.target, lab.folder, patience=patience, progress=False)
    assert len(lab.waits) == 2


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_failures_that_pass(lab: DownloadLab, code: int) -> None:
    lab.acts(servers.status(code), servers.status(code))
    lab.download()
    lab.check()
    assert lab.waits == [2, 4]


def test_retry_after_is_heeded(lab: DownloadLab) -> None:
    later = email.utils.formatdate(time.time() + 30, usegmt=True)
    lab.acts(servers.status(429, Retry_After=7), servers.status(503, Retry_After=later))
    lab.download()
    lab.check()
    assert lab.waits[0] == 7
    assert 20 < lab.waits[1] <= 30


def test_a_retry_after_beyond_all_patience(lab: DownloadLab) -> None:
    lab.acts(usual=servers.status(429, Retry_After=86400))
    assert "answers 429 and asks to wait 86400 s" in lab.fails()
    assert not lab.waits


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_refusals_are_final(lab: DownloadLab, code: int) -> None:
    lab.acts(usual=servers.status(code))
    assert f"answers {code}" in lab.fails()
    assert len(lab.site.requests) == 1
    assert not lab.waits


def test_patience_grows_and_ends(lab: DownloadLab) -> None:
    lab.acts(usual=servers.status(500))
    lab.fails()
    assert lab.waits == [2, 4]
    assert len(lab.site.requests) == 3


def test_an_endless_trickle_is_bounded(lab: DownloadLab) -> None:
    lab.acts(usual=servers.breaks_after(100))
    lab.fails(requests=7)
    assert len(lab.site.requests) == 7
