"""Damaged images: a `DataError`, or pixels of the size that the file states."""

from __future__ import annotations

import random
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.fuzz import fuzz
from support.mutations import mutations

from pipeline.data.png import decode_png
from pipeline.errors import DataError

IMAGE = np.random.default_rng(0).integers(0, 65536, (9, 14, 3)).astype(np.uint16)
NAMES = (b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"acTL", b"zTXt", b"iCCP", b"eXIf", b"cICP")
HEAD = 8


def seeds() -> list[bytes]:
    kinds = [IMAGE, (IMAGE >> 8).astype(np.uint8), IMAGE[:1, :1], np.zeros((40, 50, 3), np.uint16)]
    kinds += [IMAGE[..., 0], np.dstack([IMAGE, IMAGE[..., :1]])]
    return [cv2.imencode(".png", kind)[1].tobytes() for kind in kinds]


def read(content: bytes) -> None:
    image = decode_png(Path("a.png"), content)
    assert image.pixels.shape == (image.header.height, image.header.width, 3)


def chunks_of(content: bytes) -> list[tuple[bytes, bytes]]:
    found, offset = [], HEAD
    while offset < len(content):
        length, name = struct.unpack_from(">I4s", content, offset)
        found.append((name, content[offset + 8 : offset + 8 + length]))
        offset += 12 + length
    return found


def with_chunks(chunks: list[tuple[bytes, bytes]]) -> bytes:
    blocks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(blocks)


def rechecked(chance: random.Random) -> bytes:
    """Damage within chunks, and chunks moved, whose checksums are right: nobody notices early."""
    chunks = chunks_of(chance.choice(seeds()))
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(chunks))
        name, body = chunks[place]
        kind = chance.randrange(5)
        if kind == 0:
            chunks[place] = name, mutations([body])(chance)
        elif kind == 1:
            chunks.insert(place, (chance.choice(NAMES), chance.choice([body, b"", bytes(99)])))
        elif kind == 2 and name == b"IDAT":
            with suppress(zlib.error):
                raw = zlib.decompressobj().decompress(body, 1 << 20)
                chunks[place] = name, zlib.compress(mutations([raw])(chance))
        elif kind == 3 and len(chunks) > 1:
            del chunks[place]
        else:
            chunks[place] = chance.choice(NAMES), body
    return with_chunks(chunks)


def test_the_parts_make_the_whole() -> None:
    for content in seeds():
        assert with_chunks(chunks_of(content)) == content


@pytest.mark.parametrize("kind", ["bytes", "chunks"])
def test_images(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    inputs = rechecked if kind == "chunks" else mutations(seeds(), words=NAMES)
    report = fuzz(read, inputs, refusals=(DataError,))
    assert report.outcomes["accepted"]
