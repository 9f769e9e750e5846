"""A local web server for one file, with range requests like the hosts of data sets."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

_CHUNK = 1 << 20


@contextmanager
def served(path: Path, most_s: float = 3600) -> Iterator[str]:
    """Serve `path` on 127.0.0.1 until the block ends, for at most `most_s` seconds.

    Yields:
        The address of the file.
    """
    handler = type("Handler", (_Handler,), {"path_served": path})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    limit = threading.Timer(most_s, server.shutdown)
    limit.daemon = True
    thread.start()
    limit.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{path.name}"
    finally:
        limit.cancel()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    path_served: Path

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: Any) -> None:
        """Log nothing: nobody reads the log."""

    def _answer(self, *, body: bool) -> None:
        if self.path != f"/{self.path_served.name}":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        status = self.path_served.stat()
        size, tag = status.st_size, f'"{status.st_size:x}-{status.st_mtime_ns:x}"'
        start, end = 0, size
        requested = self.headers.get("Range")
        if requested and self.headers.get("If-Range", tag) == tag:
            part = _range(requested, size)
            if part is None:
                self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start, end = part
            self.send_response(HTTPStatus.PARTIAL_CONTENT)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        else:
            self.send_response(HTTPStatus.OK)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(end - start))
        self.send_header("ETag", tag)
        self.end_headers()
        if body:
            # The client may close the connection early.
            with suppress(ConnectionError), self.path_served.open("rb") as stream:
                self._send(stream, start, end)

    def _send(self, stream: BinaryIO, start: int, end: int) -> None:
        stream.seek(start)
        while start < end:
            chunk = stream.read(min(_CHUNK, end - start))
            self.wfile.write(chunk)
            start += len(chunk)


def _range(text: str, size: int) -> tuple[int, int] | None:
    """Start and end (exclusive) of a single byte range; `None` if it cannot be satisfied."""
    parsed = re.fullmatch(r"bytes=(\d*)-(\d*)", text.strip())
    if parsed is None or not any(parsed.groups()):
        return None
    first, last = parsed.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) else None
    start, end = int(first), min(size, int(last) + 1) if last else size
    return (start, end) if start < end else None
