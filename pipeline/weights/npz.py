"""Read NumPy's `.npz`: arrays by name, or one list of arrays without names."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from pipeline.weights.arrays import MAX_BYTES, Array, Unreadable
from pipeline.weights.pickled import read_array_of_arrays
from pipeline.weights.zip_members import checked_members

_MAX_HEADER = 10_000
_SUFFIX = ".npy"


def read_npz(path: Path) -> dict[str, Array] | list[Array]:
    """Read arrays by name, or a list if the only entry is an array of arrays.

    Raises:
        Unreadable: damaged, too large, or not arrays of numbers.
        OSError, zipfile.BadZipFile: the file cannot be read.
    """
    with ZipFile(path) as archive:
        contents: dict[str, bytes] = {}
        for member in checked_members(archive).values():
            with archive.open(member) as stream:
                content = stream.read(MAX_BYTES)
            contents[member.filename.removesuffix(_SUFFIX)] = content
    parts = {name: _split(content) for name, content in contents.items()}
    if len(parts) == 1:
        ((_, _, kind), body) = next(iter(parts.values()))
        if kind.hasobject:
            return read_array_of_arrays(body)
    return {name: _plain(name, header, body) for name, (header, body) in parts.items()}


_Header = tuple[tuple[int, ...], bool, "np.dtype[Any]"]


def _split(content: bytes) -> tuple[_Header, bytes]:
    """Header of an `.npy` (shape, whether in Fortran order, type), and the bytes that follow."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        header = read(stream, max_header_size=_MAX_HEADER)
    except Exception as error:
        raise Unreadable("holds an entry that is not a NumPy array") from error
    return header, stream.read()


def _plain(name: str, header: _Header, body: bytes) -> Array:
    shape, fortran, kind = header
    if kind.hasobject or kind.names or kind.subdtype or not kind.itemsize:
        raise Unreadable(f"{name} is of type {kind}, not numbers")
    if any(side < 0 for side in shape) or math.prod(shape) * kind.itemsize != len(body):
        raise Unreadable(f"{name} claims the shape {shape} and has {len(body)} bytes")
    return np.frombuffer(body, kind).reshape(shape, order="F" if fortran else "C")
