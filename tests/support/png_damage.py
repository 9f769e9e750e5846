"""Damage inside the chunks of PNG files, whose checksums are right: nobody notices early."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress

from support.mutations import Inputs, mutations

NAMES = (b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"acTL", b"zTXt", b"iCCP", b"eXIf", b"cICP")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunks_of(content: bytes) -> list[tuple[bytes, bytes]]:
    """Names and bodies of the chunks of an intact file."""
    found, offset = [], len(_SIGNATURE)
    while offset < len(content):
        length, name = struct.unpack_from(">I4s", content, offset)
        found.append((name, content[offset + 8 : offset + 8 + length]))
        offset += 12 + length
    return found


def with_chunks(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A file of these chunks."""
    blocks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return _SIGNATURE + b"".join(blocks)


def with_checksums(content: bytes) -> bytes:
    """The same file with the right checksum in every chunk that is whole."""
    fixed, offset = bytearray(content), len(_SIGNATURE)
    while offset + 12 <= len(content):
        end = offset + 8 + int.from_bytes(content[offset : offset + 4])
        if end + 4 > len(content):
            break
        fixed[end : end + 4] = struct.pack(">I", zlib.crc32(content[offset + 4 : end]))
        offset = end + 4
    return bytes(fixed)


def rechecked(seeds: Sequence[bytes]) -> Inputs:
    """Damaged bodies, damaged pixels before compression, and chunks moved, added or gone.

    Checksums are right, whatever else damages the file.
    """

    def damaged(chance: random.Random) -> bytes:
        chunks = chunks_of(chance.choice(seeds))
        for _ in range(chance.randint(1, 3)):
            _damage(chunks, chance)
        return with_chunks(chunks)

    return Inputs(seeds, damaged).passed_through(with_checksums)


def _damage(chunks: list[tuple[bytes, bytes]], chance: random.Random) -> None:
    place = chance.randrange(len(chunks))
    name, body = chunks[place]
    kind = chance.randrange(5)
    if kind == 0:
        chunks[place] = name, mutations([body]).damaged(chance)
    elif kind == 1:
        chunks.insert(place, (chance.choice(NAMES), chance.choice([body, b"", bytes(99)])))
    elif kind == 2 and name == b"IDAT":
        with suppress(zlib.error):
            raw = zlib.decompressobj().decompress(body, 1 << 20)
            chunks[place] = name, zlib.compress(mutations([raw]).damaged(chance))
    elif kind == 3 and len(chunks) > 1:
        del chunks[place]
    else:
        chunks[place] = chance.choice(NAMES), body
