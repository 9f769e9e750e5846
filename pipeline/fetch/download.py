"""Download one file over HTTP, with resuming, retries and a check before it gets its name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from zipfile import is_zipfile

import requests
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import SSLError, Timeout
from rich.progress import Progress
from urllib3.exceptions import HTTPError

from pipeline.fetch.answer import TryAgain, read_answer
from pipeline.fetch.archive import HEAD_BYTES, Unavailable, kind_of
from pipeline.fetch.partial import Origin, Partial
from pipeline.fetch.sources import Archive
from pipeline.files import need_room, sha256_of, write_text, writing
from pipeline.progress_bars import byte_bar

Recognize = Callable[[str, bytes, str], str]
"""Recognizes a file by its name, first bytes and content type, like `kind_of`."""

_CHUNK = 1 << 16
_REDIRECTS = 10


@dataclass(frozen=True)
class Patience:
    """Limits on waiting for a server.

    `connect_s`, `read_s`: seconds without any response. `tries`: consecutive failures without a new
    byte. `requests`: total number of requests. `longest_wait_s`: longest Retry-After to wait for.
    """

    connect_s: float = 15
    read_s: float = 60
    tries: int = 8
    requests: int = 1000
    longest_wait_s: float = 300
    sleep: Callable[[float], None] = time.sleep


def download(
    archive: Archive,
    target: Path,
    unpacked: Path,
    *,
    patience: Patience,
    progress: bool,
    recognize: Recognize = kind_of,
) -> None:
    """Download `archive` to `target`; do nothing if `target` exists.

    Received bytes stay in `NAME.part` until the file is complete, so that an interrupted download
    resumes where it stopped. `NAME.sha256` is written next to the finished file.

    Args:
        archive: address, and size and checksum if they are known.
        target: file to create.
        unpacked: folder for the unpacked archive: there must be space for both before the first
            byte is written.
        patience: limits on waiting.
        progress: whether to show a progress bar.
        recognize: raises `Unavailable` for a file of an unexpected kind.

    Raises:
        Unavailable: the server does not send the file, or sends another one.
        DataError: there is no space or permission to write.
    """
    with writing(target):
        partial = Partial(target, archive.address)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with requests.Session() as session, byte_bar(progress) as bar:
                session.max_redirects = _REDIRECTS
                _Download(session, partial, archive, unpacked, patience, recognize).run(bar)
            accept(partial.path, target, archive, recognize)
        partial.forget()


def accept(arrived: Path, target: Path, archive: Archive, recognize: Recognize = kind_of) -> None:
    """Rename a downloaded file to its own name if it is the expected archive.

    Raises:
        Unavailable: it is a web page, truncated, or not the known file; it is removed.
    """
    try:
        with arrived.open("rb") as stream:
            kind = recognize(archive.address, stream.read(HEAD_BYTES), "")
        size = arrived.stat().st_size
        _check_size(archive, size)
        # Only the end of a zip archive can be checked without unpacking it.
        if kind == "zip" and not is_zipfile(arrived):
            raise Unavailable(f"{archive.address}: sent a zip archive of {size} bytes without end")
        digest = sha256_of(arrived)
        if archive.sha256 not in (None, digest):
            raise Unavailable(
                f"{archive.address}: sent another file than the known one (sha256 {digest})"
            )
    except Unavailable:
        arrived.unlink()
        raise
    write_text(target.with_name(f"{target.name}.sha256"), f"{digest}  {target.name}\n")
    arrived.replace(target)


def _check_size(archive: Archive, size: int) -> None:
    # Printed figures are rounded, and do not say whether a GB is 1000 or 1024 MB.
    if (archive.bytes and size != archive.bytes) or size < 0.9e9 * (archive.about_gb or 0):
        expected = archive.bytes or f"about {archive.about_gb} GB"
        raise Unavailable(f"{archive.address}: has {size} bytes where {expected} are expected")


@dataclass(frozen=True)
class _Download:
    session: requests.Session
    partial: Partial
    archive: Archive
    unpacked: Path
    patience: Patience
    recognize: Recognize

    def run(self, bar: Progress) -> None:
        """Request the file or its rest until it is complete or `patience` is exhausted."""
        partial, patience = self.partial, self.patience
        task = bar.add_task(self.archive.name, total=None)
        most, idle, last = partial.size, 0, TryAgain("was never asked")
        for _ in range(patience.requests):
            try:
                for size in self._receive():
                    total = partial.origin.total if partial.origin else None
                    bar.update(task, completed=size, total=total)
                return
            except TryAgain as failure:
                last = failure
            idle = 0 if partial.size > most else idle + 1
            most = max(most, partial.size)
            if idle >= patience.tries or last.wait > patience.longest_wait_s:
                break
            pause = last.wait or min(60, 2**idle)
            bar.console.out(f"{self.archive.name}: {last}; again in {pause:.0f} s", highlight=False)
            patience.sleep(pause)
        wait = f" and asks to wait {last.wait:.0f} s" if last.wait else ""
        kept = f", {partial.size} bytes are kept" if partial.size else ""
        raise Unavailable(f"{partial.address}: {last}{wait}; try again later{kept}")

    def _receive(self) -> Iterator[int]:
        """Make one request; yield the growing number of received bytes."""
        partial = self.partial
        if partial.complete:
            return
        headers = {"Accept-Encoding": "identity"}
        if partial.size:
            headers["Range"] = f"bytes={partial.size}-"
            if partial.origin and partial.origin.condition:
                headers["If-Range"] = partial.origin.condition
        with self._ask(headers) as response:
            origin = read_answer(response, partial)
            if response.status_code == 416:
                return
            body = _body(response)
            self._check_room(origin)
            if origin is not None:
                body = self._begin(origin, response, body)
            with partial.path.open("ab") as stream:
                for chunk in body:
                    stream.write(chunk)
                    stream.flush()
                    yield partial.size
        total = partial.origin.total if partial.origin else None
        if total is not None and partial.size != total:
            raise TryAgain(f"ended after {partial.size} of {total} bytes")

    def _begin(
        self, origin: Origin, response: requests.Response, body: Iterator[bytes]
    ) -> Iterator[bytes]:
        """Restart the file, unless the response is not an archive."""
        if origin.total is not None:
            _check_size(self.archive, origin.total)
        head = next(body, b"")
        self.recognize(origin.address, head, response.headers.get("Content-Type", ""))
        self.partial.start(origin)
        return chain([head], body)

    def _check_room(self, origin: Origin | None) -> None:
        """Make sure that there is space for the file, or its rest, and its unpacked contents."""
        whole = origin or self.partial.origin
        if whole is not None and whole.total is not None:
            missing = whole.total - (0 if origin else self.partial.size)
            need_room((self.partial.path.parent, missing), (self.unpacked, whole.total))

    def _ask(self, headers: dict[str, str]) -> requests.Response:
        address, patience = self.partial.address, self.patience
        limits = (patience.connect_s, patience.read_s)
        try:
            return self.session.get(address, headers=headers, stream=True, timeout=limits)
        except SSLError as error:
            raise Unavailable(f"{address}: its certificate is not valid") from error
        except Timeout as error:
            raise TryAgain("does not answer") from error
        except NoConnection as error:
            raise TryAgain("cannot be reached") from error
        except requests.TooManyRedirects as error:
            raise Unavailable(f"{address}: redirects without end") from error
        except requests.RequestException as error:
            raise Unavailable(f"{address}: cannot be requested ({error})") from error


def _body(response: requests.Response) -> Iterator[bytes]:
    """Bytes as sent, without decoding."""
    try:
        yield from response.raw.stream(_CHUNK, decode_content=False)
    except HTTPError as error:
        raise TryAgain("broke off") from error
