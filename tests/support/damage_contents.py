"""Causes within one file: header, pixels, permissions."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from support.damage import LEFT, TARGET, Cases, Complaint, Spoil
from support.image_sets import random_image, write_image

CASES = Cases()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    blocks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(blocks)


def head(width: int, height: int, depth: int = 16, color: int = 2, *rest: int) -> bytes:
    return struct.pack(">IIBBBBB", width, height, depth, color, *(rest or (0, 0, 0)))


def encoded(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


RAW = zlib.compress(bytes(6 * (1 + 8 * 6)))
END = (b"IEND", b"")
CONTENTS: dict[str, tuple[bytes, str]] = {
    "header-empty file": (b"", "not a PNG"),
    "header-zeroed file": (bytes(900), "not a PNG"),
    "header-another format": (
        cv2.imencode(".jpg", np.zeros((6, 8, 3), np.uint8))[1].tobytes(),
        "not a PNG",
    ),
    "header-login page": (b"<!DOCTYPE html><title>Sign in</title>", "not a PNG"),
    "header-ends early": (png((b"IHDR", head(8, 6)))[:20], "ends within its header"),
    "header-first chunk is another": (png((b"gAMA", bytes(13)), END), "header is not valid"),
    "header-wrong checksum": (png((b"IHDR", head(8, 6)))[:-1] + b"!", "header is not valid"),
    "header-no width": (png((b"IHDR", head(0, 6)), END), "size of 0x6"),
    "header-unknown depth": (png((b"IHDR", head(8, 6, 7)), END), "does not define"),
    "header-unknown color type": (png((b"IHDR", head(8, 6, 16, 5)), END), "does not define"),
    "header-unknown interlace": (png((b"IHDR", head(8, 6, 16, 2, 0, 0, 2)), END), "not define"),
    "header-unknown compression": (png((b"IHDR", head(8, 6, 16, 2, 1, 0, 0)), END), "not define"),
    "header-absurd size": (png((b"IHDR", head(60000, 60000)), END), "claims 60000x60000"),
    "header-gray": (encoded(np.zeros((6, 8), np.uint16)), "16-bit gray"),
    "header-8-bit gray": (encoded(np.zeros((6, 8), np.uint8)), "8-bit gray"),
    "header-transparency": (encoded(np.zeros((6, 8, 4), np.uint16)), "with alpha"),
    "header-palette": (png((b"IHDR", head(8, 6, 8, 3)), END), "8-bit palette"),
    "header-transparent color": (
        png((b"IHDR", head(8, 6)), (b"tRNS", bytes(6)), (b"IDAT", RAW), END),
        "has transparency",
    ),
    "pixels-none": (png((b"IHDR", head(8, 6)), END), "cannot hold"),
    "pixels-fewer than claimed": (
        png((b"IHDR", head(800, 600)), (b"IDAT", RAW), END),
        "cannot hold",
    ),
    "pixels-too few rows": (
        png((b"IHDR", head(8, 9)), (b"IDAT", RAW), END),
        "damaged PNG",
    ),
    "pixels-no end": (png((b"IHDR", head(8, 6)), (b"IDAT", RAW)), "truncated"),
    "pixels-broken stream": (
        png((b"IHDR", head(8, 6)), (b"IDAT", RAW[:4] + b"????" + RAW[8:]), END),
        "cannot be decoded",
    ),
}


def replaced(content: bytes, word: str) -> Spoil:
    def spoil(root: Path) -> list[Complaint]:
        (root / LEFT).write_bytes(content)
        return [(LEFT, word)]

    return spoil


CASES |= {name: replaced(*what) for name, what in CONTENTS.items()}


@CASES.add("pixels-truncated")
def _(root: Path) -> list[Complaint]:
    content = (root / LEFT).read_bytes()
    (root / LEFT).write_bytes(content[:-30])
    return [(LEFT, "truncated")]


@CASES.add("pixels-flipped bit")
def _(root: Path) -> list[Complaint]:
    content = bytearray((root / LEFT).read_bytes())
    content[len(content) // 2] ^= 4
    (root / LEFT).write_bytes(content)
    return [(LEFT, "checksum of a chunk")]


@CASES.add("pixels-another size")
def _(root: Path) -> list[Complaint]:
    write_image(root / LEFT, random_image(917, "left", (8, 6)))
    return [(LEFT, "is 6x8, its combined view 8x6")]


@CASES.add("pixels-fewer bits than the others")
def _(root: Path) -> list[Complaint]:
    write_image(root / LEFT, random_image(917, "left"), 8)
    return [(LEFT, "has 8 bits per channel, 19 others have 16")]


@CASES.add("pixels-several at once")
def _(root: Path) -> list[Complaint]:
    for name in (LEFT, TARGET, "val_r/source/1P0A2027_R.png"):
        (root / name).write_bytes(b"rubbish")
    return [(name, "not a PNG") for name in (LEFT, TARGET, "val_r/source/1P0A2027_R.png")]


@CASES.add("permissions-unreadable image")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).chmod(0)
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    return [(LEFT, "cannot be read (Permission denied)")]


@CASES.add("permissions-link to nowhere")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).unlink()
    (root / LEFT).symlink_to(root / "gone.png")
    return [(LEFT, "cannot be read (No such file")]


@CASES.add("permissions-link to itself")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).unlink()
    (root / LEFT).symlink_to(root / LEFT)
    return [(LEFT, "cannot be read (Too many levels")]


@CASES.add("permissions-folder in place of an image")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).unlink()
    (root / LEFT).mkdir()
    return [(LEFT, "not a file")]


@CASES.add("permissions-pipe in place of an image")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).unlink()
    os.mkfifo(root / LEFT)
    return [(LEFT, "not a file")]


@CASES.add("permissions-device in place of an image")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).unlink()
    (root / LEFT).symlink_to("/dev/zero")
    return [(LEFT, "not a file")]
