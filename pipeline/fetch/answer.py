"""What an HTTP server's answer means for a download: go on, begin anew, try again or give up."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from requests import Response

from pipeline.fetch.archive import Unavailable
from pipeline.fetch.partial import Origin, Partial

_PASSING = {408, 425, 429, 500, 502, 503, 504}
_PACKED = (".gz", ".tgz")


class TryAgain(Exception):
    """A failure that may pass, and how many seconds the server asks to wait (0: doesn't say)."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


def read_answer(response: Response, partial: Partial) -> Origin | None:
    """Read status and headers of the answer to a request for (the rest of) a file.

    Returns:
        `None` if the body goes on where `partial` ends; else what the body is the whole of.

    Raises:
        TryAgain: the failure may pass, or `partial` was of another version and is gone.
        Unavailable: the server refuses, or packs the body so that lengths mean nothing.
    """
    status, headers = response.status_code, response.headers
    if status in _PASSING:
        raise TryAgain(f"answers {status}", _retry_after(headers.get("Retry-After", "")))
    if status == 416:
        _check_beyond(headers.get("Content-Range", ""), partial)
        return None
    if status not in (200, 206):
        raise Unavailable(f"{partial.address}: answers {status} {response.reason}")
    encoding = headers.get("Content-Encoding", "identity")
    if encoding != "identity" and not partial.path.stem.endswith(_PACKED):
        raise Unavailable(f"{partial.address}: answers in {encoding} although asked not to")
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    if status == 200:
        length = headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        return Origin(partial.address, etag, modified, total)
    _check_rest(headers.get("Content-Range", ""), etag, modified, partial)
    return None


def _check_rest(text: str, etag: str | None, modified: str | None, partial: Partial) -> None:
    """Check that a 206 goes on where the part ends, with the same version of the file.

    It may be shorter than asked for, and need not repeat what is known (RFC 9110, 15.3.7).
    """
    origin = partial.origin
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", text)
    first, last, total = (int(number) for number in match.groups()) if match else (-1, -1, -1)
    if origin is None or first != partial.size or not first <= last < total:
        partial.discard()
        raise TryAgain(f"answers with another range ({text or 'none'}) than asked for")
    pairs = (origin.etag, etag), (origin.modified, modified), (origin.total, total)
    if any(None not in pair and pair[0] != pair[1] for pair in pairs):
        partial.discard()
        raise TryAgain("has another version of the file since")


def _check_beyond(text: str, partial: Partial) -> None:
    """A 416 to the request for the rest: all is here already if the server says so."""
    origin, size = partial.origin, partial.size
    if origin is not None and origin.total is None and text == f"bytes */{size}":
        return
    partial.discard()
    announced = f"announced {origin.total} bytes" if origin else "refuses a range"
    raise TryAgain(f"{announced} but has no more than {size}")


def _retry_after(text: str) -> float:
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
