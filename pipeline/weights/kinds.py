"""Recognize the format of a weights file by its first bytes."""

from __future__ import annotations

from typing import Literal

from pipeline.fetch.archive import Unavailable, is_page
from pipeline.weights.arrays import Unreadable

Kind = Literal["hdf5", "zip", "pickle", "safetensors"]

HEAD_BYTES = 512
_MAGIC: dict[bytes, Kind] = {
    b"\x89HDF\r\n\x1a\n": "hdf5",
    b"PK\x03\x04": "zip",
    b"\x80\x02": "pickle",
    b"\x80\x03": "pickle",
    b"\x80\x04": "pickle",
    b"\x80\x05": "pickle",
}


def kind_of_weights(head: bytes, content_type: str = "") -> Kind:
    """Kind of the file that starts with `head`; `zip` may be PyTorch, NumPy or any other archive.

    Raises:
        Unreadable: it is a web page, or not a known format of weights.
    """
    if is_page(head, content_type):
        raise Unreadable("is a web page (login, quota or virus warning), not weights")
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    # safetensors: eight bytes of length, then JSON.
    if head[8:9] == b"{":
        return "safetensors"
    raise Unreadable("is neither of PyTorch, HDF5, safetensors nor NumPy")


def recognize(name: str, head: bytes, content_type: str) -> str:
    """Kind of a downloaded file called `name`.

    Raises:
        Unavailable: it is a web page, or not a known format of weights.
    """
    try:
        return kind_of_weights(head, content_type)
    except Unreadable as error:
        raise Unavailable(f"{name}: {error}") from error
