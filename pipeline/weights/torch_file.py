"""Read the files of `torch.save`, of today and of before 1.6, and safetensors, as data only."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile, is_zipfile

from safetensors import SafetensorError
from safetensors.torch import load_file

from pipeline.weights.arrays import Array, Unreadable, check_expansion, check_size
from pipeline.weights.pickle_machine import MAX_BYTES, read_pickle_as_data
from pipeline.weights.state_dict import choose_state
from pipeline.weights.torch_names import is_data
from pipeline.weights.torch_tensors import Fetch, Storage, Tensor
from pipeline.weights.zip_members import checked_members

_PICKLE = "data.pkl"
_MAGIC = 0x1950A86A20F9469CFC6C
_ORDERS = {b"little": "<", b"big": ">"}
_MAX_HEADER = 1 << 23


def read_pickle(path: Path, key: str | None = None) -> dict[str, Array]:
    """Read a state dict that `torch.save` wrote, alone or wrapped as training code does it.

    Args:
        path: the file.
        key: see `choose_state`.

    Raises:
        Unreadable: damaged, too large, asks to run code, or `choose_state` finds no state dict.
    """
    opener = _opened_zip if is_zipfile(path) else _opened_stream
    with opener(path) as (content, fetch, order):
        tensors = [Tensor(name, made) for name, made in choose_state(content, key).items()]
        check_size((tensor.shape, tensor.itemsize) for tensor in tensors)
        claimed = sum(tensor.itemsize * math.prod(tensor.shape) for tensor in tensors)
        check_expansion(claimed, path.stat().st_size)
        stored: dict[str, bytes] = {}
        for tensor in tensors:
            if tensor.storage.key not in stored:
                stored[tensor.storage.key] = fetch(tensor.storage)
        return {t.name: t.array(stored[t.storage.key], order) for t in tensors}


Opened = tuple[Any, Fetch, str]


@contextmanager
def _opened_zip(path: Path) -> Iterator[Opened]:
    """Content of the pickle, bytes by storage, and byte order of a file since PyTorch 1.6."""
    with ZipFile(path) as archive:
        members = checked_members(archive)
        names = [name for name in members if name.rpartition("/")[2] == _PICKLE]
        if len(names) != 1:
            raise Unreadable(f"is damaged ({len(names)} pickles)")
        root = names[0].removesuffix(_PICKLE)
        if f"{root}constants.pkl" in members:
            raise Unreadable(
                "is a TorchScript program",
                "save its weights alone: torch.save(torch.jit.load(FILE).state_dict(), NEW)",
            )
        if members[names[0]].file_size > MAX_BYTES:
            raise Unreadable("its pickle is larger than any of weights")
        with archive.open(members[names[0]]) as stream:
            content = read_pickle_as_data(stream, is_data)
        order = "<"
        if f"{root}byteorder" in members:
            order = _ORDERS[archive.read(members[f"{root}byteorder"])]

        def fetch(storage: Storage) -> bytes:
            member = members.get(f"{root}data/{storage.key}")
            if member is None or member.file_size != storage.bytes:
                raise Unreadable(f"is damaged (its storage {storage.key!a:.40})")
            return archive.read(member)

        yield content, fetch, order


@contextmanager
def _opened_stream(path: Path) -> Iterator[Opened]:
    """The same of a file before 1.6: pickles of a magic number, the system and the content, a
    pickle of the storages' keys, and for each its number of elements and its bytes.
    """
    with path.open("rb") as stream:
        if read_pickle_as_data(stream, is_data) != _MAGIC:
            raise Unreadable("is a pickle that torch.save did not write")
        read_pickle_as_data(stream, is_data)
        system = read_pickle_as_data(stream, is_data)
        little = not isinstance(system, dict) or system.get("little_endian", True)
        references: list[Any] = []
        content = read_pickle_as_data(stream, is_data, references)
        keys = read_pickle_as_data(stream, is_data)
        places = _places(stream, keys, [Storage(item) for item in references])

        def fetch(storage: Storage) -> bytes:
            if storage.key not in places:
                raise Unreadable(f"is damaged (its storage {storage.key!a:.40})")
            stream.seek(places[storage.key])
            return stream.read(storage.bytes)

        yield content, fetch, "<" if little else ">"


def _places(stream: IO[bytes], keys: Any, storages: list[Storage]) -> dict[str, int]:
    """Where the bytes of each storage begin: each follows its number of elements."""
    known = {storage.key: storage for storage in storages}
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise Unreadable("is damaged (its storages)")
    end = os.fstat(stream.fileno()).st_size
    places = {}
    for key in keys:
        count = int.from_bytes(stream.read(8), "little")
        if key not in known or count != known[key].count:
            raise Unreadable(f"is damaged (its storage {key!a:.40})")
        places[key] = stream.tell()
        if places[key] + known[key].bytes > end:
            raise Unreadable("is damaged (it ends within its storages)")
        stream.seek(known[key].bytes, os.SEEK_CUR)
    return places


def read_safetensors(path: Path) -> dict[str, Array]:
    """Read tensors by name.

    Raises:
        Unreadable: damaged, or its header is longer than any of weights.
    """
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > min(_MAX_HEADER, stream.seek(0, os.SEEK_END) - 8):
            raise Unreadable(f"is damaged (it claims a header of {length} bytes)")
    try:
        state = load_file(path)
    except (ValueError, OSError, SafetensorError) as error:
        raise Unreadable(f"is damaged ({error})") from error
    check_size((tuple(value.shape), value.element_size()) for value in state.values())
    return {
        name: (value.float() if value.is_floating_point() else value).numpy()
        for name, value in state.items()
    }
