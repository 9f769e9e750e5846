"""PNG files whose chunks lie, explode or are out of place; every kind of intact file is read."""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.data.png import decode_png, read_png, write_png16
from pipeline.data.png_chunks import MAX_CHUNKS, image_bytes, unpacked_length, walk_chunks
from pipeline.errors import DataError

Chunk = tuple[bytes, bytes]
END: Chunk = (b"IEND", b"")
WIDTH, HEIGHT = 13, 11
PIXELS = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 3)).astype(np.uint16)


def png(*chunks: Chunk) -> bytes:
    blocks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(blocks)


def head(width: int = WIDTH, height: int = HEIGHT, depth: int = 16, interlace: int = 0) -> Chunk:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, interlace)


def rows(pixels: NDArray[Any]) -> bytes:
    kind = ">u2" if pixels.dtype == np.uint16 else "u1"
    return b"".join(b"\0" + row.astype(kind).tobytes() for row in pixels)


RAW = rows(PIXELS)
DATA = zlib.compress(RAW)


def image(*before: Chunk, data: bytes = DATA, after: tuple[Chunk, ...] = ()) -> bytes:
    return png(head(), *before, (b"IDAT", data), *after, END)


def passes(pixels: NDArray[Any]) -> bytes:
    """An interlaced image's rows."""
    steps = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
             (1, 0, 2, 1))  # fmt: skip
    parts = [pixels[y::step_y, x::step_x] for y, x, step_y, step_x in steps]
    return b"".join(rows(part) for part in parts if part.size)


ZEROS = zlib.compress(bytes(1 << 26), 9)
MANY = (b"zTXt", b"a\0\0" + zlib.compress(bytes(7 << 20)))
ROTATED = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"

INTACT = {
    "plain": image(),
    "interlaced": png(head(interlace=1), (b"IDAT", zlib.compress(passes(PIXELS))), END),
    "bombs of text": image(*[MANY] * 300),
    "bomb of a profile": image((b"iCCP", b"a\0\0" + ZEROS)),
    "bomb of a text behind": image(after=((b"iTXt", b"a\0\1\0\0\0" + ZEROS),)),
    "a thousand texts": image(*[(b"tEXt", b"a\0b")] * 1000),
    "gamma": image((b"gAMA", struct.pack(">I", 100_000))),
    "significant bits": image((b"sBIT", b"\5\5\5")),
    "orientation": image((b"eXIf", ROTATED)),
    "palette": image((b"PLTE", bytes(9))),
    "background": image((b"bKGD", bytes(6))),
    "pieces": png(head(), *[(b"IDAT", DATA[i : i + 1]) for i in range(len(DATA))], END),
    "empty pieces": png(head(), (b"IDAT", b""), (b"IDAT", DATA), (b"IDAT", b""), END),
    "an end that is not empty": png(head(), (b"IDAT", DATA), (b"IEND", b"x")),
    "something behind the end": image() + b"junk" * 9,
}


@pytest.mark.parametrize("content", INTACT.values(), ids=INTACT)
def test_intact_files(content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    np.testing.assert_array_equal(decode_png(Path("a.png"), content).pixels, PIXELS)
    np.testing.assert_array_equal(decode_png(Path("a.png"), content, known=True).pixels, PIXELS)
    assert time.monotonic() - started < 5
    assert capfd.readouterr().err == ""


FRAME = (b"fcTL", struct.pack(">IIIIIHHBB", 0, WIDTH, HEIGHT, 0, 0, 1, 1, 0, 0))
DAMAGED = {
    "more rows": (image(data=zlib.compress(RAW + RAW)), "are not of 13x11 pixels"),
    "one byte more": (image(data=zlib.compress(RAW + b"x")), "are not of 13x11 pixels"),
    "one byte less": (image(data=zlib.compress(RAW[:-1])), "are not of 13x11 pixels"),
    "narrower": (png(head(WIDTH - 1), (b"IDAT", DATA), END), "are not of 12x11 pixels"),
    "lower": (png(head(WIDTH, 10), (b"IDAT", DATA), END), "are not of 13x10 pixels"),
    "higher": (png(head(WIDTH, 12), (b"IDAT", DATA), END), "are not of 13x12 pixels"),
    "8 bits": (png(head(2 * WIDTH, depth=8), (b"IDAT", DATA), END), "a.png"),
    "checksum of the data": (image(data=DATA[:-1] + b"\0"), "cannot be decoded"),
    "no checksum of the data": (image(data=DATA[:-4]), "cannot be decoded"),
    "something behind the data": (image(data=DATA + b"junk"), "cannot be decoded"),
    "a bomb for data": (image(data=ZEROS), "are not of 13x11 pixels"),
    "not interlaced": (png(head(interlace=1), (b"IDAT", DATA), END), "are not of 13x11 pixels"),
    "filter": (image(data=zlib.compress(b"\7" + RAW[1:])), "cannot be decoded"),
    "raw deflate": (image(data=DATA[2:-4]), "cannot be decoded"),
    "split data": (
        png(head(), (b"IDAT", DATA[:9]), (b"tEXt", b"a\0b"), (b"IDAT", DATA[9:]), END),
        "out of place",
    ),
    "two headers": (image(head(12)), "out of place"),
    "unknown critical chunk": (image((b"ABCD", b"x")), "out of place"),
    "header of Apple": (png((b"CgBI", b"x" * 13), head(), END), "header is not valid"),
    "no data": (png(head(), END), "cannot hold"),
    "transparency": (image((b"tRNS", bytes(6))), "has transparency"),
    "transparency behind": (image(after=((b"tRNS", bytes(6)),)), "has transparency"),
    "animation": (
        image((b"acTL", struct.pack(">II", 1, 0)), FRAME),
        "has an animation; export it again",
    ),
    "too many chunks": (image(*[(b"tEXt", b"")] * (MAX_CHUNKS + 1)), "more than 100000 chunks"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    if message == "a.png":
        # 26 pixels of 8 bits have the very bytes of 13 of 16.
        assert read_png(tmp_path / "a.png").header[:3] == (2 * WIDTH, HEIGHT, 8)
        return
    started = time.monotonic()
    with pytest.raises(DataError, match=message) as caught:
        read_png(tmp_path / "a.png")
    assert time.monotonic() - started < 5
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize(
    ("color", "name"), [(0, "gray"), (3, "palette"), (4, "gray with alpha"), (6, "RGB with alpha")]
)
def test_other_kinds_are_named(color: int, name: str, depth: int) -> None:
    header = b"IHDR", struct.pack(">IIBBBBB", 8, 8, depth, color, 0, 0, 0)
    content = png(header, (b"PLTE", bytes(3)), (b"IDAT", zlib.compress(bytes(999))), END)
    with pytest.raises(DataError, match=f"{depth}-bit {name}, not 16-bit RGB|PNG does not define"):
        decode_png(Path("a.png"), content)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([8, 16]), st.booleans())
def test_lengths_of_images(width: int, height: int, depth: int, interlaced: bool) -> None:
    pixels = np.zeros((height, width, 3), np.uint8 if depth == 8 else np.uint16)
    raw = passes(pixels) if interlaced else rows(pixels)
    assert image_bytes(width, height, depth, interlaced=interlaced) == len(raw)


def test_a_large_image_has_the_length_that_it_should(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 65536, (700, 900, 3)).astype(np.uint16)
    for pixels in (noise, np.zeros_like(noise), np.repeat(noise[:1], 700, axis=0)):
        write_png16(tmp_path / "a.png", pixels)
        np.testing.assert_array_equal(read_png(tmp_path / "a.png").pixels, pixels)
    encoded = cv2.imencode(".png", noise, [cv2.IMWRITE_PNG_COMPRESSION, 0])[1].tobytes()
    expected = image_bytes(900, 700, 16, interlaced=False)
    assert unpacked_length(walk_chunks(encoded), expected) == expected
    assert (unpacked_length(walk_chunks(encoded), 1000) or 0) > 1000
