"""What an HTTP response means for a download: resume, restart, try again or give up."""

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
    """A temporary failure, and the seconds the server asks to wait (0 if it does not say)."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


def read_answer(response: Response, partial: Partial) -> Origin | None:
    """Read status and headers of the response to a request for a file, or for the rest of it.

    Returns:
        `None` if the body continues where `partial` ends; otherwise, the file that the body holds
        as a whole.

    Raises:
        TryAgain: the failure is temporary, or `partial` was of another version and was discarded.
        Unavailable: the server refuses, or encodes the body so that lengths mean nothing.
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
    """Check that a 206 continues where the part ends, with the same version of the file.

    It may be shorter than requested, and need not repeat what is known (RFC 9110, 15.3.7).
    """
    origin = partial.origin
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", text)
    first, last, total = (int(number) for number in match.groups()) if match else (-1, -1, -1)
    if origin is None or first != partial.size or not first <= last < total:
        partial.discard()
        raise TryAgain(f"answers with another range ({text or 'none'}) than requested")
    pairs = (origin.etag, etag), (origin.modified, modified), (origin.total, total)
    if any(None not in pair and pair[0] != pair[1] for pair in pairs):
        partial.discard()
        raise TryAgain("now has another version of the file")


def _check_beyond(text: str, partial: Partial) -> None:
    """Handle a 416 to a request for the rest: the file may already be complete."""
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
