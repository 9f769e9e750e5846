"""A real HTTP server on this machine, and all the ways in which it can misbehave."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = b"<!DOCTYPE html><html><body>Quota exceeded, please sign in</body></html>"


class Request(BaseHTTPRequestHandler):
    """One request to a `Site`; `Act`s answer by its methods."""

    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        site, path = self.server, self.path
        site.requests.append((path, dict(self.headers)))
        act = site.acts[path].pop(0) if site.acts[path] else site.usual.get(path, normal)
        self.close_connection = True
        act(self)

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    @property
    def content(self) -> bytes:
        return self.server.files[self.path]

    @property
    def start(self) -> int | None:
        """First byte of the requested range, if any, and if the condition holds."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        return int(match[1]) if match and condition in (None, self.etag) else None

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'

    def head(self, status: int, **headers: object) -> None:
        """Status and headers; a `_` in a name stands for `-`."""
        self.send_response(status)
        self.send_header("Connection", "close")
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def page(self, status: int, **headers: object) -> None:
        self.head(status, Content_Length=len(PAGE), **headers)
        self.wfile.write(PAGE)

    def body(self) -> bytes:
        """Sends correct headers for the request; returns the bytes that belong to them."""
        start, total = self.start, len(self.content)
        if start is None:
            self.head(200, Content_Length=total, ETag=self.etag, Accept_Ranges="bytes")
        elif start >= total:
            self.head(416, Content_Range=f"bytes */{total}", Content_Length=0)
        else:
            span = f"bytes {start}-{total - 1}/{total}"
            self.head(206, Content_Range=span, Content_Length=total - start, ETag=self.etag)
        return self.content[start or 0 :]


Act = Callable[[Request], None]


@dataclass(eq=False)
class Site(ThreadingHTTPServer):
    """`files` by path; `acts` answer the next requests for a path, `usual` all after them."""

    files: dict[str, bytes] = field(default_factory=dict)
    acts: defaultdict[str, list[Act]] = field(default_factory=lambda: defaultdict(list))
    usual: dict[str, Act] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    daemon_threads = True

    def __post_init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request: object, client: object) -> None:
        """Clients hang up here on purpose."""


@contextmanager
def serving() -> Iterator[Site]:
    """A running site."""
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()


def normal(request: Request) -> None:
    request.wfile.write(request.body())


def breaks_after(count: int) -> Act:
    """Sends `count` bytes of what was requested, then hangs up."""
    return lambda request: void(request.wfile.write(request.body()[:count]))


def throttled(bytes_per_s: float, piece: int = 1 << 14) -> Act:
    def act(request: Request) -> None:
        body = request.body()
        for offset in range(0, len(body), piece):
            request.wfile.write(body[offset : offset + piece])
            time.sleep(piece / bytes_per_s)

    return act


def status(code: int, **headers: object) -> Act:
    return lambda request: request.page(code, Content_Type="text/html", **headers)


def page(content_type: str) -> Act:
    return lambda request: request.page(200, Content_Type=content_type)


def announces(count: int) -> Act:
    """Says that the file has `count` bytes, and sends what it has."""

    def act(request: Request) -> None:
        start = request.start or 0
        if start >= len(request.content):
            request.body()
            return
        if request.start is None:
            request.head(200, Content_Length=count, ETag=request.etag)
        else:
            span = f"bytes {start}-{count - 1}/{count}"
            request.head(206, Content_Range=span, Content_Length=count - start, ETag=request.etag)
        request.wfile.write(request.content[start:count])

    return act


def without_length(request: Request) -> None:
    """The whole file in chunks; no length, no version, no ranges."""
    request.head(200, Transfer_Encoding="chunked")
    for offset in range(0, len(request.content), 5000):
        piece = request.content[offset : offset + 5000]
        request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    request.wfile.write(b"0\r\n\r\n")


def ignores_range(request: Request) -> None:
    request.head(200, Content_Length=len(request.content), ETag=request.etag)
    request.wfile.write(request.content)


def partial(span: str, etag: str | None = None, skip: int = 0) -> Act:
    """A 206 that claims `span`, independent of the request."""

    def act(request: Request) -> None:
        rest = request.content[(request.start or 0) + skip :]
        request.head(206, Content_Range=span, ETag=etag or request.etag, Content_Length=len(rest))
        request.wfile.write(rest)

    return act


def packed(request: Request) -> None:
    request.head(200, Content_Length=len(request.content), Content_Encoding="gzip")
    request.wfile.write(request.content)


def redirect(path: str) -> Act:
    return lambda request: request.head(302, Location=path, Content_Length=0)


def hangs(seconds: float) -> Act:
    """Says nothing for a while, and nothing after it."""
    return lambda request: time.sleep(seconds)


def stalls(count: int, seconds: float) -> Act:
    """Sends `count` bytes, then nothing for a while."""

    def act(request: Request) -> None:
        request.wfile.write(request.body()[:count])
        request.wfile.flush()
        time.sleep(seconds)

    return act


def void(_: object) -> None:
    pass
