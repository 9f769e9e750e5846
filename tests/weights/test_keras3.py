"""Keras 3: `.weights.h5` and `.keras`, whose layers are numbered by class."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.weight_files import Arrays, execution_order, keras_file

from baselines import dpdnet, rdpd
from baselines._shared.keras_order import name_layers
from pipeline.errors import WeightsError
from pipeline.weights.reader import read_weights

Layers = list[list[Any]]


def layers_of(folder: Path, module: Any) -> tuple[Arrays, Layers]:
    """A network's state, and its layers as Keras holds them, in the order of execution."""
    state = keras_file(folder / "old.hdf5", module, full=True)
    return state, read_weights(folder / "old.hdf5")  # type: ignore[return-value]


def numbered(layers: Layers) -> list[tuple[str, str, list[Any]]]:
    """Keras 3's name, class and arrays of each layer, and of some that have no arrays."""
    named, counts = [("input_layer", "InputLayer", [])], {"conv2d": 0, "conv_lstm2d": 0}
    for position, arrays in enumerate(layers):
        stem, kind = ("conv2d", "Conv2D") if len(arrays) == 2 else ("conv_lstm2d", "ConvLSTM2D")
        name = f"{stem}_{counts[stem]}" if counts[stem] else stem
        counts[stem] += 1
        number = f"_{position}" if position else ""
        named += [(name, kind, arrays), (f"dropout{number}", "Dropout", [])]
    return named


def write(file: Any, layers: Layers, *, container: str = "layers", place: str = "") -> None:
    for name, kind, arrays in numbered(layers):
        group = file.create_group(f"{place}{container}/{name}")
        cell = group.create_group("cell/vars") if kind == "ConvLSTM2D" else group
        group.create_group("vars")
        if kind == "Dropout":
            group["seed_generator/vars/0"] = np.array([1, 2], np.uint32)
        for index, array in enumerate(arrays):
            (cell if kind == "ConvLSTM2D" else group["vars"])[str(index)] = array
    file.create_group("optimizer/vars")["0"] = np.int64(7)
    file.require_group("vars")


def config(layers: Layers) -> Any:
    """The part of `config.json` that tells the order."""
    listed = [{"class_name": kind, "config": {}} for _, kind, _ in numbered(layers)]
    return {"class_name": "Functional", "config": {"name": "functional", "layers": listed}}


def keras_archive(path: Path, layers: Layers, order: Any) -> Path:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        write(file, layers)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.9.0"}')
        archive.writestr("config.json", json.dumps(order))
        archive.writestr("model.weights.h5", stream.getvalue())
    return path


def matches(found: Any, state: Arrays) -> bool:
    order = execution_order({name.partition(".")[0]: state for name in state})
    named = name_layers(found, order)
    return named.keys() == state.keys() and all(
        np.array_equal(named[name], value) for name, value in state.items()
    )


@pytest.mark.parametrize("container", ["layers", "_layer_checkpoint_dependencies"])
@pytest.mark.parametrize("place", ["", "layers/functional/"])
def test_weights_of_keras_3(tmp_path: Path, container: str, place: str) -> None:
    state, layers = layers_of(tmp_path, dpdnet)
    with h5py.File(tmp_path / "x.weights.h5", "w") as file:
        write(file, layers, container=container, place=place)
    assert matches(read_weights(tmp_path / "x.weights.h5"), state)


@pytest.mark.parametrize("module", [dpdnet, rdpd])
def test_archives_of_keras_3(tmp_path: Path, module: Any) -> None:
    state, layers = layers_of(tmp_path, module)
    assert matches(read_weights(keras_archive(tmp_path / "x.keras", layers, config(layers))), state)


def test_an_order_that_the_file_does_not_tell(tmp_path: Path) -> None:
    _, layers = layers_of(tmp_path, rdpd)
    with h5py.File(tmp_path / "x.weights.h5", "w") as file:
        write(file, layers)
    with pytest.raises(WeightsError, match=r"Keras 3 and mixes conv2d and conv_lstm2d.*\.keras"):
        read_weights(tmp_path / "x.weights.h5")


def test_the_smallest_file_of_keras_3(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.weights.h5", "w") as file:
        group = file.create_group("layers/conv2d/vars")
        group["0"], group["1"] = np.ones((3, 3, 6, 4), "f4"), np.zeros(4, "f4")
    ((kernel, bias),) = read_weights(tmp_path / "x.weights.h5")
    assert (kernel.shape, bias.shape) == ((3, 3, 6, 4), (4,))


def more_variables(file: Any) -> None:
    file["layers/conv2d/vars/2"] = file["layers/conv2d/vars/3"] = np.ones(4, "f4")


def another_owner(file: Any) -> None:
    file["layers/conv2d/backward/vars/0"] = np.ones(4, "f4")


def a_link(file: Any) -> None:
    file["layers/conv2d_30"] = h5py.SoftLink("/")


def an_outer_link(file: Any) -> None:
    file["layers/conv2d_30"] = h5py.ExternalLink("/etc/passwd", "/x")


def a_cycle(file: Any) -> None:
    file["layers/conv2d_30"] = file["layers"]


def a_bomb(file: Any) -> None:
    huge = {"shape": (1 << 28,), "dtype": "f4", "chunks": (1 << 16,), "compression": "gzip"}
    del file["layers/conv2d/vars/1"]
    file["layers/conv2d/vars"].create_dataset("1", **huge)


def whole_numbers(file: Any) -> None:
    del file["layers/conv2d/vars/1"]
    file["layers/conv2d/vars/1"] = np.arange(4)


def no_layers(file: Any) -> None:
    del file["layers"]
    file.create_group("layers")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (more_variables, "not hold the weights of a convolution"),
        (another_owner, "more than the weights of a convolution"),
        (a_link, "a link instead"),
        (an_outer_link, "a link instead"),
        (a_cycle, "has no layers|more than the weights"),
        (a_bomb, r"claims 107\d+ bytes in a file of"),
        (whole_numbers, "not hold the weights of a convolution"),
        (no_layers, "holds no arrays"),
    ],
)
def test_damaged_files_of_keras_3(tmp_path: Path, damage: Any, message: str) -> None:
    _, layers = layers_of(tmp_path, dpdnet)
    with h5py.File(tmp_path / "x.weights.h5", "w") as file:
        write(file, layers)
        damage(file)
    with pytest.raises(WeightsError, match=message):
        read_weights(tmp_path / "x.weights.h5")


@pytest.mark.parametrize(
    "order", [[], {"config": {"layers": [1, {"class_name": 3}]}}, {"config": 5}, None]
)
def test_configurations_that_are_of_no_use(tmp_path: Path, order: Any) -> None:
    _, layers = layers_of(tmp_path, rdpd)
    with pytest.raises(WeightsError, match=r"other layers than its|does not tell"):
        read_weights(keras_archive(tmp_path / "x.keras", layers, order))


def test_a_keras_archive_without_weights(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.keras", "w") as archive:
        for name in ("metadata.json", "config.json"):
            archive.writestr(name, "{}")
    with pytest.raises(WeightsError, match=r"without model.weights.h5"):
        read_weights(tmp_path / "x.keras")
