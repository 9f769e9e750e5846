"""Damaged files of weights of every format: a `WeightsError`, or arrays of finite numbers."""

from __future__ import annotations

import argparse
import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save
from support.fuzz import COUNT, from_file, fuzz
from support.mutations import Inputs, mutations, other_values
from support.weight_files import as_objects, python2

from pipeline.errors import WeightsError
from pipeline.weights import hdf5
from pipeline.weights.reader import read_weights

STATE = OrderedDict(a=torch.arange(6.0).view(2, 3), b=torch.ones(3).bfloat16())
CHECKPOINT = {
    "state_dict": STATE,
    "psnr": np.float64(25.1),
    "args": argparse.Namespace(lr=1),
    "paths": [Path("a"), {1, 2}],
    "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "groups": [(0.9, 0.99)]},
}
SAFETENSORS = save({"a": torch.ones(2, 3), "b": torch.ones(4).half()})
ARRAYS = [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(4, np.float32)]
NAMES = (
    b"torch._utils\n_rebuild_tensor_v2\n", b"cos\nsystem\n", b"collections\nOrderedDict\n",
    b"numpy\nndarray\n", b"numpy\ndtype\n", b"FloatStorage", b"params", b"params_ema", b"model",
)  # fmt: skip
OPCODES = tuple(bytes([code]) for code in b"(.012FGIJKLMNPQRSTUVXabcdeghijlopqrstu}])\x80\x81\x82")
COPIED, STARTED = 3, 100
"""An input that needs a copied or a started process counts as this many."""


def torch_file(*, old: bool, content: Any = CHECKPOINT) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=not old)
    return stream.getvalue()


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def repacked(archive: bytes, ending: str) -> Inputs:
    """Damage within one member of a zip archive, whose checksums are right."""
    with zipfile.ZipFile(io.BytesIO(archive)) as container:
        members = {name: container.read(name) for name in container.namelist()}
    (target,) = [name for name in members if name.endswith(ending)]

    def packed(damaged: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as container:
            for name, content in members.items():
                container.writestr(name, damaged if name == target else content)
        return stream.getvalue()

    return mutations([members[target]], words=(*NAMES, *OPCODES)).passed_through(packed)


def headers() -> Inputs:
    """Files of safetensors with other values in their headers."""
    length = int.from_bytes(SAFETENSORS[:8], "little")
    inputs = other_values(json.loads(SAFETENSORS[8 : 8 + length]))
    return inputs.passed_through(
        lambda header: struct.pack("<Q", len(header)) + header + SAFETENSORS[8 + length :]
    )


def of_objects(body: bytes) -> bytes:
    """An `.npz` that holds an array of arrays as this pickle."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }".ljust(117) + b"\n"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as container:
        array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body
        container.writestr("params.npy", array)
    return stream.getvalue()


INPUTS: dict[str, Inputs] = {
    "pytorch": mutations([torch_file(old=False)], words=NAMES),
    "pytorch before 1.6": mutations([torch_file(old=True)], words=(*NAMES, *OPCODES)),
    "pickle of pytorch": repacked(torch_file(old=False), "data.pkl"),
    "safetensors": mutations([SAFETENSORS]),
    "header of safetensors": headers(),
    "npz": mutations([npz(a=ARRAYS[0], b=ARRAYS[1]), npz(params=as_objects(ARRAYS))]),
    "npy": repacked(npz(a=ARRAYS[0]), "a.npy"),
    "pickle of numpy": mutations(
        [python2(ARRAYS), pickle.dumps(as_objects(ARRAYS), 4)], words=(*NAMES, *OPCODES)
    ).passed_through(of_objects),
}


def check(path: Path) -> None:
    weights = read_weights(path)
    found: list[Any] = [*weights.values()] if isinstance(weights, dict) else weights
    flat = [array for item in found for array in (item if isinstance(item, list) else [item])]
    assert all(np.isfinite(array).all() for array in flat)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", INPUTS)
def test_weights(tmp_path: Path, kind: str) -> None:
    fuzz(from_file(tmp_path / "x", check), INPUTS[kind], refusals=(WeightsError,))


def keras2(path: Path, **options: Any) -> bytes:
    with h5py.File(path, "w", **options) as file:
        for number in range(2):
            group = file.create_group(f"conv2d_{number}")
            names = [f"conv2d_{number}/{part}:0" for part in ("kernel", "bias")]
            group.attrs["weight_names"] = names if number else [name.encode() for name in names]
            group.create_dataset(names[0], data=np.ones((3, 3, 2, 4), "f4"), compression="gzip")
            group[names[1]] = np.ones(4, np.float32)
        file.attrs["layer_names"] = [f"conv2d_{number}" for number in range(2)]
    return path.read_bytes()


def keras3(path: Path, **options: Any) -> bytes:
    with h5py.File(path, "w", **options) as file:
        for name in ("conv2d", "conv2d_1"):
            group = file.create_group(f"layers/{name}/vars")
            group["0"], group["1"] = np.ones((3, 3, 2, 4), "f4"), np.ones(4, "f4")
    return path.read_bytes()


def keras_files(folder: Path) -> list[bytes]:
    files = [keras2(folder / "a"), keras2(folder / "b", libver="latest")]
    files += [keras3(folder / "c"), keras3(folder / "d", libver="latest")]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as container:
        for name, content in (("metadata.json", b"{}"), ("config.json", b"{}")):
            container.writestr(name, content)
        container.writestr("model.weights.h5", files[2])
    return [*files, stream.getvalue()]


class EndedByHdf5(WeightsError):
    """What the reader reports as a `WeightsError`: a signal ended the process."""


# Reads each file named on standard input in a copy of itself, and prints the copy's status.
# Less processor time than the reader allows: on a busy machine, it takes much longer by the clock.
COPIES = """
import os, resource, signal, sys
from pathlib import Path
from pipeline.weights.keras_process import layers_in

for line in sys.stdin:
    child = os.fork()
    if not child:
        signal.setitimer(signal.ITIMER_PROF, 0.2)
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        status = 0
        try:
            layers_in(Path(line.rstrip()))
        except Exception:
            status = 3
        finally:
            os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def copies() -> Iterator[Callable[[Path], None]]:
    """The reader of HDF5 without the start of its process, which takes most of the time."""
    command = [sys.executable, "-c", COPIES]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdin
        assert server.stdout

        def read(path: Path) -> None:
            print(path, file=server.stdin, flush=True)
            status = int(server.stdout.readline())  # type: ignore[union-attr]
            if status < 0:
                raise EndedByHdf5(f"signal {-status}")
            if status:
                raise WeightsError("refused")

        yield read
        server.stdin.close()


def test_hdf5_in_copies_of_a_process(tmp_path: Path) -> None:
    inputs = mutations(keras_files(tmp_path))
    with copies() as read:
        reader = from_file(tmp_path / "x", read)
        report = fuzz(reader, inputs, refusals=(WeightsError,), count=COUNT // COPIED)
    assert report.outcomes["accepted"]


def test_hdf5_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "_SECONDS", 0.2)
    inputs, reader = mutations(keras_files(tmp_path)), from_file(tmp_path / "x", check)
    fuzz(reader, inputs, refusals=(WeightsError,), count=COUNT // STARTED)
