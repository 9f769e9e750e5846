"""Recognize a file by its first bytes: an archive, or a web page sent in its place."""

from __future__ import annotations

from typing import Literal

from pipeline.errors import DataError

Kind = Literal["zip", "gz", "bz2", "xz", "tar"]

HEAD_BYTES = 512
"""Bytes needed to recognize a file: one block of a tar archive."""

_MAGIC: dict[bytes, Kind] = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
}
_FOREIGN = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "RAR", b"\x28\xb5\x2f\xfd": "zstd"}
_PAGE = (b"<!doctype", b"<html", b"<head", b"<script", b"<?xml", b"<!--", b"{")
_PAGE_TYPES = ("text/html", "application/xhtml+xml", "application/json")


class Unavailable(DataError):
    """A source failed to provide the file; another source may have it."""


def is_page(head: bytes, content_type: str = "") -> bool:
    """Whether a file that starts with `head` is a web page (or a JSON response)."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return text.startswith(_PAGE) or content_type.partition(";")[0].strip() in _PAGE_TYPES


def kind_of(name: str, head: bytes, content_type: str = "") -> Kind:
    """Kind of the archive that starts with `head`.

    Args:
        name: its path or address, for error messages.
        head: its first `HEAD_BYTES`, or all of it if it is shorter.
        content_type: content type stated by a server, if any.

    Raises:
        Unavailable: it is a web page, an archive of an unsupported kind, or not an archive.
    """
    if is_page(head, content_type):
        raise Unavailable(f"{name}: is a web page (login, quota or virus warning), not an archive")
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return "tar"
    for magic, foreign in _FOREIGN.items():
        if head.startswith(magic):
            raise Unavailable(
                f"{name}: is a {foreign} archive; unpack it yourself and name its folder"
            )
    raise Unavailable(f"{name}: is neither a zip nor a tar archive; check where it came from")
