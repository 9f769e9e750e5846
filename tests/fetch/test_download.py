"""Downloads from a real server that breaks, throttles, lies and refuses."""

from __future__ import annotations

import email.utils
import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support import servers
from support.archives import noise, tar_of, zip_of
from support.servers import Act, Site, serving

from pipeline.errors import DataError
from pipeline.fetch.archive import Unavailable
from pipeline.fetch.download import Patience, download
from pipeline.fetch.sources import Archive

CONTENT = zip_of({"train_c/source/1P0A0890.png": noise(300_000)})
OTHER = zip_of({"train_c/source/1P0A0890.png": noise(300_000, seed=1)})
TOTAL = len(CONTENT)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        site.files["/set.zip"] = CONTENT
        yield site


@dataclass
class Lab:
    """Downloads `/set.zip` of a site into a folder, and notes how long it would have waited."""

    site: Site
    folder: Path
    waits: list[float] = field(default_factory=list)

    @property
    def target(self) -> Path:
        return self.folder / "set.zip"

    @property
    def part(self) -> Path:
        return self.folder / "set.zip.part"

    def acts(self, *acts: Act, usual: Act = servers.normal) -> None:
        self.site.acts["/set.zip"] = list(acts)
        self.site.usual["/set.zip"] = usual

    def download(self, path: str = "/set.zip", requests: int = 50, **known: Any) -> None:
        archive = Archive(name="set.zip", address=self.site.address(path), **known)
        patience = Patience(
            connect_s=2, read_s=0.3, tries=3, requests=requests, sleep=self.waits.append
        )
        download(archive, self.target, self.folder, patience=patience, progress=False)

    def fails(self, **known: Any) -> str:
        """Downloads in vain; returns the complaint."""
        with pytest.raises(Unavailable) as caught:
            self.download(**known)
        assert not self.target.exists()
        assert not self.target.with_name("set.zip.sha256").exists()
        line = str(caught.value)
        assert line.startswith("http://127.0.0.1")
        assert "\n" not in line
        return line

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.site.requests]


@pytest.fixture
def lab(site: Site, tmp_path: Path) -> Lab:
    return Lab(site, tmp_path / "archives")


def check(lab: Lab, content: bytes = CONTENT) -> None:
    """The file is here, with its checksum, and nothing else."""
    digest = hashlib.sha256(content).hexdigest()
    assert lab.target.read_bytes() == content
    assert lab.target.with_name("set.zip.sha256").read_text() == f"{digest}  set.zip\n"
    assert {path.name for path in lab.folder.iterdir()} == {"set.zip", "set.zip.sha256"}


def test_a_file_arrives_with_its_checksum(lab: Lab) -> None:
    lab.download(bytes=TOTAL, sha256=hashlib.sha256(CONTENT).hexdigest())
    check(lab)
    assert lab.ranges() == [None]
    assert lab.site.requests[0][1]["Accept-Encoding"] == "identity"
    lab.download()
    assert len(lab.site.requests) == 1


def test_a_broken_connection_goes_on_where_it_stopped(lab: Lab) -> None:
    lab.acts(*[servers.breaks_after(70_000)] * 4)
    lab.download()
    check(lab)
    assert lab.ranges() == [None, *[f"bytes={70_000 * step}-" for step in (1, 2, 3, 4)]]
    assert all("If-Range" in headers for _, headers in lab.site.requests[1:])
    # Each brought something: the waits don't grow.
    assert lab.waits == [1, 1, 1, 1]


def test_another_start_goes_on_where_the_last_stopped(lab: Lab) -> None:
    lab.acts(servers.breaks_after(70_000), usual=servers.status(503))
    assert "answers 503" in lab.fails()
    assert lab.part.read_bytes() == CONTENT[:70_000]
    lab.acts()
    lab.download()
    check(lab)
    assert lab.ranges()[-1] == "bytes=70000-"


def test_a_throttled_server(lab: Lab) -> None:
    lab.acts(usual=servers.throttled(1_000_000))
    lab.download()
    check(lab)


def test_a_stalled_connection_times_out_and_goes_on(lab: Lab) -> None:
    lab.acts(servers.stalls(1 << 16, 1.0))
    lab.download()
    check(lab)
    assert lab.ranges() == [None, "bytes=65536-"]


def test_a_server_that_never_answers(lab: Lab) -> None:
    lab.acts(usual=servers.hangs(0.5))
    assert "does not answer; try again later" in lab.fails()
    assert lab.waits == [2, 4]


def test_nobody_listens(lab: Lab) -> None:
    archive = Archive(name="set.zip", address="http://127.0.0.1:1/set.zip")
    patience = Patience(tries=3, sleep=lab.waits.append)
    with pytest.raises(Unavailable, match="cannot be reached; try again later"):
        download(archive, lab.target, lab.folder, patience=patience, progress=False)
    assert len(lab.waits) == 2


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_failures_that_pass(lab: Lab, code: int) -> None:
    lab.acts(servers.status(code), servers.status(code))
    lab.download()
    check(lab)
    assert lab.waits == [2, 4]


def test_retry_after_is_heeded(lab: Lab) -> None:
    later = email.utils.formatdate(time.time() + 30, usegmt=True)
    lab.acts(servers.status(429, Retry_After=7), servers.status(503, Retry_After=later))
    lab.download()
    check(lab)
    assert lab.waits[0] == 7
    assert 20 < lab.waits[1] <= 30


def test_a_retry_after_beyond_all_patience(lab: Lab) -> None:
    lab.acts(usual=servers.status(429, Retry_After=86400))
    assert "answers 429 and asks to wait 86400 s" in lab.fails()
    assert not lab.waits


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_refusals_are_final(lab: Lab, code: int) -> None:
    lab.acts(usual=servers.status(code))
    assert f"answers {code}" in lab.fails()
    assert len(lab.site.requests) == 1
    assert not lab.waits


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/zip"])
def test_a_page_instead_of_the_archive(lab: Lab, content_type: str) -> None:
    lab.acts(usual=servers.page(content_type))
    assert "is a web page (login, quota or virus warning)" in lab.fails()
    assert not list(lab.folder.iterdir())


def test_a_page_does_not_cost_what_has_arrived(lab: Lab) -> None:
    lab.acts(servers.breaks_after(70_000), usual=servers.page("text/html"))
    assert "is a web page" in lab.fails()
    assert lab.part.read_bytes() == CONTENT[:70_000]


def test_a_zip_that_is_declared_as_a_page(lab: Lab) -> None:
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
def test_what_is_no_archive(lab: Lab, content: bytes, word: str) -> None:
    lab.site.files["/set.zip"] = content
    assert word in lab.fails()
    assert not list(lab.folder.iterdir())


def test_a_server_that_announces_too_much(lab: Lab) -> None:
    lab.acts(usual=servers.announces(TOTAL + 1000))
    assert f"announced {TOTAL + 1000} bytes but has no more than {TOTAL}" in lab.fails()
    assert len(lab.site.requests) <= 8


def test_a_server_that_announces_too_little(lab: Lab) -> None:
    lab.acts(usual=servers.announces(TOTAL - 1000))
    assert f"sent a zip archive of {TOTAL - 1000} bytes without end" in lab.fails()
    assert not lab.part.exists()


def test_a_server_that_sends_more_than_the_range(lab: Lab) -> None:
    def act(request: servers.Request) -> None:
        span = f"bytes {request.start}-{TOTAL - 1}/{TOTAL}"
        request.head(206, Content_Range=span, ETag=request.etag)
        request.wfile.write(CONTENT[request.start :] + b"surplus")

    lab.acts(servers.breaks_after(70_000), act)
    lab.download()
    check(lab)


def test_a_server_without_length_or_ranges(lab: Lab) -> None:
    lab.acts(usual=servers.without_length)
    lab.download()
    check(lab)


def test_what_is_whole_already_is_not_asked_for_twice(lab: Lab) -> None:
    # Killed between the last byte and the name.
    lab.acts(servers.breaks_after(70_000), usual=servers.status(503))
    lab.fails()
    lab.part.write_bytes(CONTENT)
    before = len(lab.site.requests)
    lab.download()
    check(lab)
    assert len(lab.site.requests) == before


def test_what_is_whole_although_no_length_was_said(lab: Lab) -> None:
    lab.acts(servers.without_length)
    lab.download()
    lab.target.replace(lab.part)
    note = {"address": lab.site.address("/set.zip"), "etag": None, "modified": None, "total": None}
    lab.part.with_name("set.zip.part.json").write_text(json.dumps(note))
    lab.download()
    check(lab)
    assert lab.ranges()[-1] == f"bytes={TOTAL}-"


def test_a_server_that_ignores_ranges_starts_over(lab: Lab) -> None:
    lab.acts(servers.breaks_after(70_000), servers.ignores_range)
    lab.download()
    check(lab)
    assert lab.ranges() == [None, "bytes=70000-"]


def test_a_server_that_ignores_ranges_and_always_breaks(lab: Lab) -> None:
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
def test_a_wrong_range_is_not_glued_on(lab: Lab, span: str) -> None:
    lab.acts(servers.breaks_after(70_000), servers.partial(span))
    lab.download()
    check(lab)
    assert lab.ranges() == [None, "bytes=70000-", None]


def test_a_server_that_hands_out_pieces(lab: Lab) -> None:
    def act(request: servers.Request) -> None:
        start = request.start or 0
        piece = CONTENT[start : start + 100_000]
        span = f"bytes {start}-{start + len(piece) - 1}/{TOTAL}"
        request.head(206, Content_Range=span, Content_Length=len(piece))
        request.wfile.write(piece)

    lab.acts(servers.breaks_after(70_000), usual=act)
    lab.download()
    check(lab)
    assert lab.ranges() == [None, "bytes=70000-", "bytes=170000-", "bytes=270000-"]


def test_an_answer_that_does_not_repeat_the_date(lab: Lab) -> None:
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
    check(lab)


def test_a_range_nobody_asked_for(lab: Lab) -> None:
    lab.acts(usual=servers.partial(f"bytes 0-{TOTAL - 1}/{TOTAL}"))
    assert "another range" in lab.fails()


def test_a_file_that_changed_since(lab: Lab) -> None:
    lab.acts(servers.breaks_after(70_000), usual=servers.status(503))
    lab.fails()
    lab.site.files["/set.zip"] = OTHER
    lab.acts()
    lab.download()
    check(lab, OTHER)


def test_a_file_that_changed_while_the_server_ignores_the_condition(lab: Lab) -> None:
    total = len(OTHER)
    lab.acts(
        servers.breaks_after(70_000),
        servers.partial(f"bytes 70000-{total - 1}/{total}", etag='"other"'),
    )
    lab.download()
    check(lab)
    assert lab.ranges() == [None, "bytes=70000-", None]


def test_what_came_from_elsewhere_is_no_part_of_this(lab: Lab) -> None:
    lab.site.files["/mirror/set.zip"] = OTHER
    lab.site.acts["/mirror/set.zip"] = [servers.breaks_after(70_000)] + [servers.status(503)] * 9
    lab.fails(path="/mirror/set.zip")
    lab.download()
    check(lab)
    assert lab.ranges()[-1] is None


@pytest.mark.parametrize("note", ["", "{", '{"address": 1}', "[]"])
def test_a_damaged_note_costs_the_part_only(lab: Lab, note: str) -> None:
    lab.folder.mkdir()
    lab.part.write_bytes(b"of unknown origin")
    lab.part.with_name("set.zip.part.json").write_text(note)
    lab.download()
    check(lab)


def test_a_packed_answer_is_refused(lab: Lab) -> None:
    lab.acts(usual=servers.packed)
    assert "answers in gzip although asked not to" in lab.fails()


def test_a_compressed_archive_may_be_declared_as_such(lab: Lab) -> None:
    content = tar_of({"a.png": noise(5000)}, "gz")
    lab.site.files["/set.tar.gz"] = content
    lab.site.usual["/set.tar.gz"] = servers.packed
    archive = Archive(name="set.tar.gz", address=lab.site.address("/set.tar.gz"))
    target = lab.folder / archive.name
    download(archive, target, lab.folder, patience=Patience(), progress=False)
    # Not decoded on the way.
    assert target.read_bytes() == content


def test_a_redirect_is_followed(lab: Lab) -> None:
    lab.site.usual["/short"] = servers.redirect("/set.zip")
    lab.download("/short")
    check(lab)


def test_a_redirect_to_a_login_page(lab: Lab) -> None:
    lab.acts(usual=servers.redirect("/login"))
    lab.site.usual["/login"] = servers.page("text/html")
    assert "is a web page" in lab.fails()


def test_a_redirect_loop(lab: Lab) -> None:
    lab.acts(usual=servers.redirect("/set.zip"))
    assert "redirects without end" in lab.fails()
    assert len(lab.site.requests) <= 11


def test_a_redirect_to_something_that_is_no_web_address(lab: Lab) -> None:
    lab.acts(usual=servers.redirect("file:///etc/passwd"))
    assert "cannot be requested" in lab.fails()


def test_an_endless_trickle_is_bounded(lab: Lab) -> None:
    lab.acts(usual=servers.breaks_after(100))
    lab.fails(requests=7)
    assert len(lab.site.requests) == 7


def test_a_size_that_is_known(lab: Lab) -> None:
    line = lab.fails(bytes=TOTAL + 1)
    assert f"has {TOTAL} bytes where {TOTAL + 1} are expected" in line
    # Found out before anything was transferred.
    assert not list(lab.folder.iterdir())


def test_a_size_that_is_known_roughly(lab: Lab) -> None:
    assert f"has {TOTAL} bytes where about 15.8 GB are expected" in lab.fails(about_gb=15.8)
    lab.download(about_gb=TOTAL / 1.05e9)
    check(lab)


def test_a_checksum_that_is_known(lab: Lab) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert f"another file than the known one (sha256 {digest})" in lab.fails(sha256="0" * 64)
    assert not lab.part.exists()


def test_space_is_asked_for_first(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
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
    check(lab)


def test_a_full_disk_keeps_what_has_arrived(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
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
    check(lab)


def test_a_folder_that_cannot_be_made(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("I am no folder")
    with pytest.raises(DataError, match="cannot be written"):
        Lab(site, tmp_path / "file").download()


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz"])
def test_tar_archives_arrive_too(lab: Lab, compression: str) -> None:
    content = tar_of({"a.png": noise(5000)}, compression)
    lab.site.files["/set.zip"] = content
    lab.download()
    check(lab, content)


def test_patience_grows_and_ends(lab: Lab) -> None:
    lab.acts(usual=servers.status(500))
    lab.fails()
    assert lab.waits == [2, 4]
    assert len(lab.site.requests) == 3
