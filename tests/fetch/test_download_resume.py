"""Interrupted downloads: what resumes, and what starts over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import servers
from support.download_lab import CONTENT, OTHER, TOTAL, DownloadLab, download_lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[DownloadLab]:
    with download_lab(tmp_path / "archives") as lab:
        yield lab


def test_a_broken_connection_resumes_where_it_stopped(lab: DownloadLab) -> None:
    lab.acts(*[servers.breaks_after(70_000)] * 4)
    lab.download()
    lab.check()
    assert lab.ranges() == [None, *[f"bytes={70_000 * step}-" for step in (1, 2, 3, 4)]]
    assert all("If-Range" in headers for _, headers in lab.site.requests[1:])
    # Each brought something: the waits don't grow.
    assert lab.waits == [1, 1, 1, 1]


def test_another_start_resumes_where_the_last_stopped(lab: DownloadLab) -> None:
    lab.acts(servers.breaks_after(70_000), usual=servers.status(503))
    assert "answers 503" in lab.fails()
    assert lab.part.read_bytes() == CONTENT[:70_000]
    lab.acts()
    lab.download()
    lab.check()
    assert lab.ranges()[-1] == "bytes=70000-"


def test_a_stalled_connection_times_out_and_resumes(lab: DownloadLab) -> None:
    lab.acts(servers.stalls(1 << 16, 1.0))
    lab.download()
    lab.check()
    assert lab.ranges() == [None, "bytes=65536-"]


def test_a_page_does_not_cost_what_has_arrived(lab: DownloadLab) -> None:
    lab.acts(servers.breaks_after(70_000), usual=servers.page("text/html"))
    assert "is a web page" in lab.fails()
    assert lab.part.read_bytes() == CONTENT[:70_000]


def test_a_server_that_sends_more_than_the_range(lab: DownloadLab) -> None:
    def act(request: servers.Request) -> None:
        span = f"bytes {request.start}-{TOTAL - 1}/{TOTAL}"
        request.head(206, Content_Range=span, ETag=request.etag)
        request.wfile.write(CONTENT[request.start :] + b"surplus")

    lab.acts(servers.breaks_after(70_000), act)
    lab.download()
    lab.check()


def test_what_is_whole_already_is_not_asked_for_twice(lab: DownloadLab) -> None:
    # Killed between the last byte and the name.
    lab.acts(servers.breaks_after(70_000), usual=servers.status(503))
    lab.fails()
    lab.part.write_bytes(CONTENT)
    before = len(lab.site.requests)
    lab.download()
    lab.check()
    assert len(lab.site.requests) == before


def test_what_is_whole_although_no_length_was_said(lab: DownloadLab) -> None:
    lab.acts(servers.without_length)
    lab.download()
    lab.target.replace(lab.part)
    note = {"address": lab.site.address("/set.zip"), "etag": None, "modified": None, "total": None}
    lab.part.with_name("set.zip.part.json").write_text(json.dumps(note))
    lab.download()
    lab.check()
    assert lab.ranges()[-1] == f"bytes={TOTAL}-"


def test_a_server_that_ignores_ranges_starts_over(lab: DownloadLab) -> None:
    lab.acts(servers.breaks_after(70_000), servers.ignores_range)
    lab.download()
    lab.check()
    assert lab.ranges() == [None, "bytes=70000-"]


def test_a_server_that_ignores_ranges_and_always_breaks(lab: DownloadLab) -> None:
    def act(request: servers.Request) -> None:
        request.head(200, Content_Length=TOTAL, ETag=request.etag)
        request.wfile.write(CONTENT[:70_000])

    lab.acts(usual=act)
    assert "broke off; try again later, 70000 bytes are kept" in lab.fails()
    assert len(lab.site.requests) == 4


@pytest.mark.parametrize(
    "span",
    [
        f"bytes 60000-{TOTAL - 1}/{TOTAL}",
        f"bytes 70000-{TOTAL}/{TOTAL}",
        f"bytes 70000-69999/{TOTAL}",
        f"bytes 70000-{TOTAL}/{TOTAL + 1}",
        "pieces of eight",
        None,
    ],
    ids=["start", "end", "backwards", "total", "nonsense", "none"],
)
def test_a_wrong_range_is_not_glued_on(lab: DownloadLab, span: str) -> None:
    lab.acts(servers.breaks_after(70_000), servers.partial(span))
    lab.download()
    lab.check()
    assert lab.ranges() == [None, "bytes=70000-", None]


def test_a_server_that_hands_out_pieces(lab: DownloadLab) -> None:
    def act(request: servers.Request) -> None:
        start = request.start or 0
        piece = CONTENT[start : start + 100_000]
        span = f"bytes {start}-{start + len(piece) - 1}/{TOTAL}"
        request.head(206, Content_Range=span, Content_Length=len(piece))
        request.wfile.write(piece)

    lab.acts(servers.breaks_after(70_000), usual=act)
    lab.download()
    lab.check()
    assert lab.ranges() == [None, "bytes=70000-", "bytes=170000-", "bytes=270000-"]


def test_an_answer_that_does_not_repeat_the_date(lab: DownloadLab) -> None:
    def first(request: servers.Request) -> None:
        date = "Tue, 04 Aug 2020 10:00:00 GMT"
        request.head(200, Content_Length=TOTAL, Last_Modified=date)
        request.wfile.write(CONTENT[:70_000])

    def rest(request: servers.Request) -> None:
        assert request.headers["If-Range"] == "Tue, 04 Aug 2020 10:00:00 GMT"
        span = f"bytes 70000-{TOTAL - 1}/{TOTAL}"
        request.head(206, Content_Range=span, Content_Length=TOTAL - 70_000)
        request.wfile.write(CONTENT[70_000:])

    lab.acts(first, rest, usual=servers.status(404))
    lab.download()
    lab.check()


def test_a_range_nobody_asked_for(lab: DownloadLab) -> None:
    lab.acts(usual=servers.partial(f"bytes 0-{TOTAL - 1}/{TOTAL}"))
    assert "another range" in lab.fails()


def test_a_file_that_changed_since(lab: DownloadLab) -> None:
    lab.acts(servers.breaks_after(70_000), usual=servers.status(503))
    lab.fails()
    lab.site.files["/set.zip"] = OTHER
    lab.acts()
    lab.download()
    lab.check(OTHER)


def test_a_file_that_changed_while_the_server_ignores_the_condition(lab: DownloadLab) -> None:
    total = len(OTHER)
    lab.acts(
        servers.breaks_after(70_000),
        servers.partial(f"bytes 70000-{total - 1}/{total}", etag='"other"'),
    )
    lab.download()
    lab.check()
    assert lab.ranges() == [None, "bytes=70000-", None]


def test_a_part_from_elsewhere_is_not_used(lab: DownloadLab) -> None:
    lab.site.files["/mirror/set.zip"] = OTHER
    lab.site.acts["/mirror/set.zip"] = [servers.breaks_after(70_000)] + [servers.status(503)] * 9
    lab.fails(path="/mirror/set.zip")
    lab.download()
    lab.check()
    assert lab.ranges()[-1] is None


@pytest.mark.parametrize("note", ["", "{", '{"address": 1}', "[]"])
def test_a_damaged_note_costs_the_part_only(lab: DownloadLab, note: str) -> None:
    lab.folder.mkdir()
    lab.part.write_bytes(b"of unknown origin")
    lab.part.with_name("set.zip.part.json").write_text(note)
    lab.download()
    lab.check()
