"""Weights in the files of Keras: layers in the order of execution, nothing but arrays read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.weight_files import (
    Arrays,
    as_objects,
    execution_order,
    keras_file,
    kpac_arrays,
    refused,
    unfit,
)

from baselines import dpdnet, rdpd
from baselines._shared.keras_order import name_layers
from pipeline.weights.reader import read_weights


@pytest.mark.parametrize("module", [dpdnet, rdpd])
@pytest.mark.parametrize("full", [True, False])
def test_files_of_keras(tmp_path: Path, module: Any, full: bool) -> None:
    state = keras_file(tmp_path / "x.hdf5", module, full=full)
    found = read_weights(tmp_path / "x.hdf5")
    assert isinstance(found, list)
    check_layers(found, state)
    for weights in (found, state):
        loaded = module.load_official(weights, width=2).state_dict()
        assert loaded.keys() == state.keys()
        assert all(np.array_equal(loaded[name].numpy(), value) for name, value in state.items())


def check_layers(layers: Any, state: Arrays) -> None:
    """Make sure that `layers` are those of `state` in the order of execution."""
    order = execution_order({name.partition(".")[0]: state for name in state})
    named = name_layers(layers, order)
    assert named.keys() == state.keys()
    assert all(np.array_equal(named[name], value) for name, value in state.items())


@pytest.mark.parametrize(("held", "asked"), [(dpdnet, "rdpd-plus"), (rdpd, "dpdnet")])
def test_the_file_of_another_network_of_keras(tmp_path: Path, held: Any, asked: str) -> None:
    keras_file(tmp_path / "x.hdf5", held, full=True)
    assert "24 layers" in unfit(tmp_path / "x.hdf5", asked)


def test_lists_are_refused_by_methods_whose_files_have_names(tmp_path: Path) -> None:
    keras_file(tmp_path / "x.hdf5", dpdnet, full=True)
    np.savez(tmp_path / "x.npz", params=as_objects(kpac_arrays(66)))
    for path in (tmp_path / "x.hdf5", tmp_path / "x.npz"):
        for method in ("restormer", "ifan", "uformer-b", "dmenet"):
            assert "the weights have no names" in unfit(path, method)
    assert "has 24 arrays where KPAC has 58" in unfit(tmp_path / "x.hdf5", "kpac")
    assert "has 66 arrays that are not grouped" in unfit(tmp_path / "x.npz", "dpdnet")


def test_names_that_keras_splits(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"
    state = keras_file(path, dpdnet, full=False)
    with h5py.File(path, "a") as file:
        names = list(file.attrs["layer_names"])
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = names[:5], names[5:]
    check_layers(read_weights(path), state)


def test_a_model_that_holds_the_model_as_one_layer(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"
    state = keras_file(path, dpdnet, full=False)
    with h5py.File(path, "a") as file:
        outer, paths = file.create_group("model_1"), []
        for name in file.attrs["layer_names"]:
            for weight in file[name].attrs["weight_names"]:
                outer[weight] = file[name][weight][()]
                paths.append(weight)
        outer.attrs["weight_names"] = paths
        file.attrs["layer_names"] = [b"model_1"]
    check_layers(read_weights(path), state)


def damage_link(file: Any) -> None:
    del file["conv2d_9/conv2d_9/kernel:0"]
    file["conv2d_9/conv2d_9/kernel:0"] = h5py.ExternalLink("/etc/passwd", "/x")


def damage_soft_link(file: Any) -> None:
    del file["conv2d_9"]
    file["conv2d_9"] = h5py.SoftLink("/conv2d_8")


def damage_external(file: Any) -> None:
    del file["conv2d_9/conv2d_9/bias:0"]
    storage = [("/etc/passwd", 0, 16)]
    file["conv2d_9/conv2d_9"].create_dataset("bias:0", (4,), "f4", external=storage)


def damage_text(file: Any) -> None:
    del file["conv2d_9/conv2d_9/bias:0"]
    file["conv2d_9/conv2d_9/bias:0"] = ["a", "b"]


def damage_bomb(file: Any) -> None:
    del file["conv2d_9/conv2d_9/bias:0"]
    huge = {"shape": (1 << 40,), "dtype": "f4", "chunks": (1 << 16,), "compression": "gzip"}
    file["conv2d_9/conv2d_9"].create_dataset("bias:0", **huge)


def damage_names(file: Any) -> None:
    del file.attrs["layer_names"]


def damage_absent(file: Any) -> None:
    del file["conv2d_9/conv2d_9/bias:0"]


def damage_kind(file: Any) -> None:
    group = file["conv2d_9"]
    group["conv2d_9/gamma:0"] = np.ones(3)
    group.attrs["weight_names"] = [b"conv2d_9/gamma:0"]


def damage_layer(file: Any) -> None:
    file.attrs["layer_names"] = list(file.attrs["layer_names"])[:-2]


def damage_shape(file: Any) -> None:
    del file["conv2d_9/conv2d_9/kernel:0"]
    file["conv2d_9/conv2d_9/kernel:0"] = np.ones((3, 3))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_link, "a link instead"),
        (damage_soft_link, "a link instead"),
        (damage_external, "not weights of a convolution"),
        (damage_text, "not weights of a convolution"),
        (damage_bomb, "more than any published network"),
        (damage_names, "no attribute layer_names"),
        (damage_absent, "lacks 'bias:0'"),
        (damage_kind, "not weights of a convolution"),
    ],
)
def test_damaged_files_of_keras(
    tmp_path: Path, damage: Callable[[Any], None], message: str
) -> None:
    keras_file(tmp_path / "x.hdf5", dpdnet, full=False)
    with h5py.File(tmp_path / "x.hdf5", "a") as file:
        damage(file)
    refused(tmp_path / "x.hdf5", message)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_layer, "has 23 layers with 46 arrays"),
        (damage_shape, "conv5_1.weight has 2 dimensions"),
    ],
)
def test_layers_that_do_not_fit(
    tmp_path: Path, damage: Callable[[Any], None], message: str
) -> None:
    keras_file(tmp_path / "x.hdf5", dpdnet, full=False)
    with h5py.File(tmp_path / "x.hdf5", "a") as file:
        damage(file)
    assert message in unfit(tmp_path / "x.hdf5", "dpdnet")
