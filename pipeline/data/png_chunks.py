"""The chunks of a PNG file: lengths, checksums and order, and how long the image data are."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

MAX_CHUNKS = 100_000
"""Most chunks of a file: twice what the largest image needs in the usual pieces of 8 KiB."""

_SIGNATURE_BYTES, _HEADER_END, _AROUND = 8, 33, 12
_INTERLACE = 28
_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_PIECE = 1 << 20
# First column and row, and steps, of the passes of an interlaced image.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
           (0, 1, 1, 2))  # fmt: skip
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))


@dataclass
class Chunks:
    """What a file holds: names of its chunks, and its image data, whole chunks one by one."""

    interlaced: bool
    names: set[bytes] = field(default_factory=set)
    data: list[memoryview] = field(default_factory=list)

    @property
    def data_bytes(self) -> int:
        """Bytes of compressed image data."""
        return sum(len(chunk) - _AROUND for chunk in self.data)

    def essential(self, content: bytes) -> bytes:
        """The same file with nothing but header, image data and end."""
        if self.names <= {b"IDAT", b"IEND"} and content.endswith(_END):
            return content
        return b"".join([content[:_HEADER_END], *self.data, _END])


def walk_chunks(content: bytes) -> Chunks:
    """Check every chunk behind the header of a PNG file, without decoding any.

    Raises:
        ValueError: a checksum is wrong, the file is truncated, or chunks are out of place; the
            message says what is wrong.
    """
    view = memoryview(content)
    found = Chunks(interlaced=bool(content[_INTERLACE]))
    offset, last, count = _HEADER_END, b"IHDR", 0
    while offset + _AROUND <= len(view):
        length, name = struct.unpack_from(">I4s", view, offset)
        end = offset + _AROUND + length
        if end > len(view):
            break
        (crc,) = struct.unpack_from(">I", view, end - 4)
        if crc != zlib.crc32(view[offset + 4 : end - 4]):
            raise ValueError(f"the checksum of a chunk at byte {offset} is wrong")
        found.names.add(name)
        if name == b"IEND":
            return found
        _check_place(name, last, offset, found)
        if name == b"IDAT":
            found.data.append(view[offset:end])
        offset, last, count = end, name, count + 1
        if count > MAX_CHUNKS:
            raise ValueError(f"it has more than {MAX_CHUNKS} chunks")
    raise ValueError("it is truncated")


def _check_place(name: bytes, last: bytes, offset: int, found: Chunks) -> None:
    unknown = name[:1].isupper() and name not in _CRITICAL
    if unknown or name == b"IHDR" or (name == b"IDAT" and last != name and found.data):
        raise ValueError(f"a chunk at byte {offset} is out of place")


def image_bytes(width: int, height: int, depth: int, *, interlaced: bool, samples: int = 3) -> int:
    """Bytes of the unpacked image data: rows of pixels, each after a filter.

    Args:
        width, height: of the image, in pixels.
        depth: bits per sample.
        interlaced: whether the image is stored in seven passes.
        samples: per pixel; 3 for RGB.
    """
    sizes = [(width, height)]
    if interlaced:
        sizes = [
            (len(range(x, width, step_x)), len(range(y, height, step_y)))
            for x, y, step_x, step_y in _PASSES
        ]
    return sum(
        rows * (1 + -(-samples * depth * columns // 8)) for columns, rows in sizes if columns
    )


def unpacked_length(chunks: Chunks, most: int) -> int | None:
    """Bytes of the unpacked image data, or a number beyond `most` if they are more than that.

    `None` if they are damaged, or something follows them.
    """
    stream, total = zlib.decompressobj(), 0
    try:
        for chunk in chunks.data:
            left: bytes | memoryview = chunk[8:-4]
            # What it has taken in may give more than one piece.
            while piece := stream.decompress(left, _PIECE):
                total += len(piece)
                left = stream.unconsumed_tail
                if total > most:
                    return total
            if stream.unused_data:
                return None
    except zlib.error:
        return None
    return total if stream.eof else None
