"""Files of weights, good and malicious, and how reading them must fail."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import WeightsError
from pipeline.methods import get_method
from pipeline.stages.weights import check_weights
from pipeline.weights.reader import read_weights

Arrays = dict[str, NDArray[Any]]


def kpac_arrays(count: int = 58) -> list[NDArray[np.float32]]:
    generator = np.random.default_rng(0)
    shapes = [(3, 3, 2, 1 + index % 3) if index % 2 else (4,) for index in range(count)]
    return [generator.standard_normal(shape).astype(np.float32) for shape in shapes]


def npz(path: Path, body: bytes, kind: str = "|O", shape: str = "(58,)") -> Path:
    """An `.npz` whose one entry has this header and body."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    padded = header.ljust(128 - 10 - 1).encode() + b"\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "params.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + padded + body
        )
    return path


def as_objects(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    outer = np.empty(len(arrays), dtype=object)
    outer[:] = arrays
    return outer


def refused(path: Path, message: str = "") -> str:
    with pytest.raises(WeightsError) as caught:
        read_weights(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.endswith("download the file again from the authors' own address")
    assert "\n" not in text
    assert message in text
    return text


def unfit(path: Path, method: str) -> str:
    """The one-line error over a readable file whose weights do not fit a method."""
    with pytest.raises(WeightsError) as caught:
        check_weights(get_method(method), path)
    text = str(caught.value)
    assert text.startswith(f"{path}: method {method!r}: ")
    assert text.endswith("use the file that `dmtbench weights list` names for it")
    assert "\n" not in text
    return text


class Command:
    """Unpickled by the plain way, it would make a file."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.flag}",)


def python2(arrays: list[NDArray[Any]]) -> bytes:
    """The pickle of protocol 2 that NumPy under Python 2 wrote for an array of arrays."""
    made = b"\x80\x02"
    for array in [None, *arrays]:
        made += b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        if array is None:
            made += b"K" + bytes([len(arrays)]) + b"\x85" + python2_type("O8", "|") + b"\x89]("
            continue
        made += b"(" + b"".join(b"K" + bytes([side]) for side in array.shape) + b"t"
        order = ">" if array.dtype.byteorder == ">" else "<"
        made += python2_type(f"f{array.itemsize}", order)
        fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        data = array.tobytes(order="F" if fortran else "C")
        made += (b"\x88" if fortran else b"\x89") + b"T" + struct.pack("<i", len(data)) + data
        made += b"tb"
    return made + b"etb."


def python2_type(code: str, order: str) -> bytes:
    made = b"cnumpy\ndtype\nU" + bytes([len(code)]) + code.encode() + b"K\x00K\x01\x87R(K\x03U\x01"
    flags = b"K\x3f" if code == "O8" else b"K\x00"
    rest = b"J\xff\xff\xff\xffJ\xff\xff\xff\xff" + flags
    return made + order.encode() + b"NNN" + rest + b"tb"


def keras_file(path: Path, module: Any, width: int = 2, *, full: bool) -> Arrays:
    """A file in Keras' structure; returns the state that it stands for."""
    state = {name: value.numpy() for name, value in module.build(width=width).state_dict().items()}
    state = {
        name: np.random.default_rng(1).standard_normal(a.shape, np.float32)
        for name, a in state.items()
    }
    layers: dict[str, Arrays] = {}
    for name, value in state.items():
        layer, _, part = name.partition(".")
        kind = {
            "weight": "kernel",
            "input.weight": "kernel",
            "recurrent.weight": "recurrent_kernel",
        }
        kernel = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
        layers.setdefault(layer, {})[kind.get(part, part)] = kernel
    names = ["conv2d", *(f"conv2d_{index}" for index in range(2, 25))]
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if full else file
        order = []
        for automatic, layer in zip(names, execution_order(layers), strict=True):
            order += [f"pool_{automatic}", automatic]
            root.create_group(f"pool_{automatic}").attrs["weight_names"] = []
            group = root.create_group(automatic)
            paths = [f"{automatic}/{part}:0" for part in layers[layer]]
            group.attrs["weight_names"] = [path.encode() for path in paths]
            for weight, kernel in zip(paths, layers[layer].values(), strict=True):
                group[weight] = kernel
        root.attrs["layer_names"] = [name.encode() for name in order]
        if full:
            file.create_group("optimizer_weights")["Adam/m"] = np.zeros(7)
    return state


def execution_order(layers: Arrays | dict[str, Arrays]) -> list[str]:
    down = ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv4_1", "conv4_2"]
    bottom = ["conv5_1", "convlstm" if "convlstm" in layers else "conv5_2"]
    up = ["up6 conv6_1 conv6_2 up7 conv7_1 conv7_2 up8 conv8_1 conv8_2 up9 conv9_1 conv9_2"]
    return [*down, *bottom, *up[0].split(), "conv9_3", "conv10"]
