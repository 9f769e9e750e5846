"""Published files of weights: read as data, refused when they are anything else."""

from __future__ import annotations

import os
import pickle
import pickletools
import random
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from baselines import dpdnet, kpac, rdpd
from baselines._shared.keras_order import name_layers
from pipeline.errors import WeightsError
from pipeline.methods import get_method
from pipeline.stages.weights import check_weights
from pipeline.weights.arrays import MAX_BYTES
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


# PyTorch


@pytest.mark.parametrize("wrapper", [None, "params", "state_dict"])
@pytest.mark.parametrize("old", [False, True])
def test_state_dicts_of_pytorch(tmp_path: Path, wrapper: str | None, old: bool) -> None:
    state = OrderedDict(
        {
            "module.a.weight": torch.randn(4, 3, 2, 2).transpose(0, 1),
            "module.a.bias": torch.nn.Parameter(torch.randn(4)),
            "module.half": torch.randn(3).bfloat16(),
            "module.index": torch.arange(6).view(2, 3),
        }
    )
    content = {wrapper: state, "epoch": 3} if wrapper else state
    path = tmp_path / "x.pth"
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    found = read_weights(path)
    assert list(found) == list(state)
    for name, value in state.items():
        assert np.array_equal(found[name], value.detach().to(torch.float64).numpy())
        assert found[name].flags.c_contiguous
        assert found[name].dtype == (np.int64 if name == "module.index" else np.float32)


def test_safetensors(tmp_path: Path) -> None:
    state = {"a": torch.randn(2, 3), "b": torch.randn(4).bfloat16()}
    save_file(state, tmp_path / "x.safetensors")
    found = read_weights(tmp_path / "x.safetensors")
    assert found.keys() == state.keys()
    for name, value in found.items():
        assert torch.equal(torch.from_numpy(value), state[name].float())


class Command:
    """Unpickled by the plain way, it would make a file."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.flag}",)


@pytest.mark.parametrize("old", [False, True])
def test_a_pth_that_would_run_a_command(tmp_path: Path, old: bool) -> None:
    flag, path = tmp_path / "ran", tmp_path / "x.pth"
    torch.save(
        {"a": torch.ones(2), "b": Command(flag)}, path, _use_new_zipfile_serialization=not old
    )
    refused(path, "system")
    assert not flag.exists()
    torch.load(path, weights_only=False)
    assert flag.exists(), "the file is as malicious as it claims to be"


def test_a_pth_without_a_state_dict(tmp_path: Path) -> None:
    for index, content in enumerate(
        ({"a": 1}, [torch.ones(2)], {}, {"params": {1: torch.ones(2)}})
    ):
        torch.save(content, tmp_path / f"{index}.pth")
        refused(tmp_path / f"{index}.pth", "holds no state dict")


def test_tensors_that_claim_more_than_they_have(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"a": torch.ones(1).expand(1 << 20, 1 << 20)}, path)
    assert path.stat().st_size < 10_000
    refused(path, "claims 4398046511104 bytes")
    torch.save({"a": torch.eye(3).to_sparse()}, path)
    refused(path, "not a plain tensor")
    torch.save({"a": torch.tensor([1.0, np.nan])}, path)
    refused(path, "a holds values that are not finite")
    torch.save({"a": torch.ones(2, dtype=torch.complex64)}, path)
    refused(path, "not numbers")


# KPAC


def test_the_list_of_kpac(tmp_path: Path) -> None:
    for count in (58, 66):
        arrays = kpac_arrays(count)
        np.savez(tmp_path / "x.npz", params=as_objects(arrays))
        found = read_weights(tmp_path / "x.npz")
        assert isinstance(found, list)
        assert all(np.array_equal(a, b) for a, b in zip(found, arrays, strict=True))
        named = kpac.name_list(found)
        assert next(iter(named)) == "deblur_net/deblur/c0/W_conv2d:0"


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_every_protocol_that_numpy_has_used(tmp_path: Path, protocol: int) -> None:
    arrays = kpac_arrays()
    arrays[3] = np.asfortranarray(arrays[3])
    arrays[5] = arrays[5].astype(">f8")
    # Python 3 writes the bytes of protocol 2 by calling a function; Python 2 wrote strings.
    body = python2(arrays) if protocol == 2 else pickle.dumps(as_objects(arrays), protocol)
    found = read_weights(npz(tmp_path / "x.npz", body))
    assert all(np.array_equal(a, b.astype(np.float32)) for a, b in zip(found, arrays, strict=True))


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


def test_the_python_2_pickle_is_one() -> None:
    arrays = kpac_arrays(3)
    loaded = pickle.loads(python2(arrays), encoding="latin1")
    assert loaded.dtype == object
    assert all(np.array_equal(a, b) for a, b in zip(loaded, arrays, strict=True))


def test_an_npz_of_named_arrays(tmp_path: Path) -> None:
    arrays: Arrays = {"a": np.ones((2, 3)), "b": np.asfortranarray(np.arange(6.0).reshape(2, 3))}
    np.savez_compressed(tmp_path / "x.npz", **arrays)  # type: ignore[arg-type]
    found = read_weights(tmp_path / "x.npz")
    assert all(np.array_equal(found[name], value) for name, value in arrays.items())


def test_another_number_of_arrays_is_no_kpac(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", params=as_objects(kpac_arrays(57)))
    assert "has 57 arrays where KPAC has 58" in unfit(tmp_path / "x.npz", "kpac")


class Call:
    """Pickled as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def test_an_npz_that_would_run_a_command(tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    np.savez(tmp_path / "x.npz", params=as_objects([Command(flag), *kpac_arrays(57)]))  # type: ignore[list-item]
    refused(tmp_path / "x.npz", "system, which is never run here")
    assert not flag.exists()
    np.load(tmp_path / "x.npz", allow_pickle=True)["params"]
    assert flag.exists(), "the file is as malicious as it claims to be"


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (np.load, ("x.npy",)),
        (np.fromfile, ("/etc/passwd",)),
        (np.memmap, ("/etc/passwd",)),
        (np.savetxt, ("x.txt", [1])),
        (np.frombuffer, (b"12345678",)),
        (getattr, ("a", "upper")),
        (eval, ("1",)),
        (__import__, ("os",)),
        (np.empty, ((1 << 40,),)),
    ],
)
def test_functions_of_numpy_and_others(
    tmp_path: Path, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    body = pickle.dumps(Call(function, *arguments), protocol=4)
    refused(npz(tmp_path / "x.npz", body), "which is never run here")


NDARRAY = b"cnumpy\nndarray\n"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
FLOAT = python2_type("f4", "<")
EMPTY = RECONSTRUCT + NDARRAY + b"K\x00\x85U\x01b\x87R"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (NDARRAY + b"J\xff\xff\xff\x7f\x85\x85R", "damaged (TypeError)"),
        (NDARRAY + b")\x81", "uses NEWOBJ"),
        (RECONSTRUCT + RECONSTRUCT + b"K\x00\x85U\x01b\x87R", "something else than an array"),
        (RECONSTRUCT + b"}(X\x01\x00\x00\x00aK\x01ub", "uses EMPTY_DICT"),
        (RECONSTRUCT + b"N](K\x01e\x86b", "damaged"),
        (EMPTY + b"(K\x01J\x00\x00\x00\x7fK\x40\x86" + FLOAT + b"\x89U\x04abcdtb", "of 4 where"),
        (EMPTY + b"(K\x01J\xff\xff\xff\xff\x85" + FLOAT + b"\x89U\x04abcdtb", "impossible shape"),
        (EMPTY + b"(K\x01K\x01\x85N\x89U\x04abcdtb", "without type"),
        (EMPTY + b"(K\x01K\x01\x85" + FLOAT + b"\x89K\x05tb", "without data"),
        (
            EMPTY + b"(K\x01K\x01\x85" + python2_type("O8", "|") + b"\x89U\x08abcdefghtb",
            "without data",
        ),
        (EMPTY + b"(K\x01K\x01\x85" + FLOAT + b"\x89U\x04abcdtb", "not a list of arrays"),
        (EMPTY, "not a list of arrays"),
        (b"cnumpy\ndtype\nU\x02V8\x85R", "not a number"),
        (FLOAT[:-2] + b"tb(K\x03U\x01<(U\x01at}NJ\xff\xff\xff\xfftb", "uses EMPTY_DICT"),
        (FLOAT + b"(K\x03U\x01<NU\x01xNK\x04K\x01K\x00tb", "structured type"),
        (b"K\x01r\xff\xff\xff\x7f", "memo"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f", "damaged"),
        (b"\x96\x01\x00\x00\x00\x00\x00\x00\x00a", "BYTEARRAY8"),
        (b"]" * 100_000 + b"a" * 99_999, "not a list of arrays"),
        (b"N" * 300_000, "longer than any"),
        (b"U\x01xQ", "BINPERSID"),
        (b"\x82\x01", "EXT1"),
    ],
)
def test_pickles_made_by_hand(tmp_path: Path, body: bytes, message: str) -> None:
    refused(npz(tmp_path / "x.npz", b"\x80\x02" + body + b"."), message)


def test_arrays_within_arrays_within_arrays(tmp_path: Path) -> None:
    begin = EMPTY + b"(K\x01K\x01\x85" + python2_type("O8", "|") + b"\x89]("
    body = b"\x80\x02" + begin * 3000 + b"etb" * 3000 + b"."
    refused(npz(tmp_path / "x.npz", body), "an array of 0 where 1 belong")
    number = EMPTY + b"(K\x01K\x01\x85" + FLOAT + b"\x89U\x04abcdtb"
    body = b"\x80\x02" + begin * 3000 + number + b"etb" * 3000 + b"."
    refused(npz(tmp_path / "x.npz", body), "something else than arrays of numbers")


def test_one_piece_of_data_in_a_thousand_arrays(tmp_path: Path) -> None:
    data = np.zeros(1 << 20, dtype=np.uint8)
    body = pickle.dumps(as_objects([data] * 10), protocol=4)
    assert "BINGET" in {code.name for code, *_ in pickletools.genops(body)}
    assert len(read_weights(npz(tmp_path / "x.npz", body))) == 10
    many = pickle.dumps(as_objects([data] * 3000), protocol=4)
    refused(npz(tmp_path / "x.npz", many), "more than any published network")


def test_spoilt_pickles(tmp_path: Path) -> None:
    arrays, chance, refusals = kpac_arrays(), random.Random(1), 0
    for good in (python2(arrays), pickle.dumps(as_objects(arrays), 4)):
        for _ in range(200):
            body = bytearray(good)
            for _ in range(chance.randrange(1, 8)):
                body[chance.randrange(len(body))] = chance.randrange(256)
            try:
                read_weights(npz(tmp_path / "x.npz", bytes(body)))
            except WeightsError:
                refusals += 1
    assert refusals > 100


def test_without_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras_file(tmp_path / "x.hdf5", dpdnet, full=False)
    monkeypatch.delitem(sys.modules, "pipeline.weights.hdf5", raising=False)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(WeightsError, match="install this project's dependencies"):
        read_weights(tmp_path / "x.hdf5")


@pytest.mark.parametrize(
    ("kind", "shape", "message"),
    [
        ("<f4", "(1000000000000,)", "claims the shape"),
        ("<f4", "(-1,)", "claims the shape"),
        ("|V8", "(1,)", "not numbers"),
        ("<U2", "(1,)", "not numbers"),
        ("<f4", "(" + "9" * 100 + ",)", "not a NumPy array"),
        ("<f4", "__import__('os')", "not a NumPy array"),
    ],
)
def test_headers_that_lie(tmp_path: Path, kind: str, shape: str, message: str) -> None:
    path = npz(tmp_path / "x.npz", b"12345678", kind, shape)
    if message == "not a NumPy array":
        refused(path)
    else:
        refused(path, message)


def test_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.weights.arrays.MAX_BYTES", 1 << 20)
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(1 << 20))
    assert (tmp_path / "x.npz").stat().st_size < 1 << 14
    refused(tmp_path / "x.npz", "more than any published network")


# Keras


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


# All of them


def test_what_is_no_file_of_weights(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    with pytest.raises(WeightsError, match="cannot be read"):
        read_weights(path)
    with pytest.raises(WeightsError, match="cannot be read"):
        read_weights(tmp_path)
    for content, message in (
        (b"", "is neither"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"PK\x03\x04", "not a zip file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "is neither"),
    ):
        path.write_bytes(content)
        refused(path, message)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("checkpoints/IFAN_dual.pytorch", b"x")
    refused(path, "is an archive: unpack it")


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"
    with path.open("wb") as stream:
        stream.write(b"\x89HDF\r\n\x1a\n")
        stream.truncate(MAX_BYTES + 1)
    refused(path, "more than any published network")


@pytest.mark.parametrize("kind", ["pth", "old.pth", "npz", "safetensors", "hdf5"])
def test_spoilt_files_end_in_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"good.{kind}"
    state = {"a.weight": torch.randn(8, 4, 3, 3), "a.bias": torch.randn(8)}
    if kind.endswith("pth"):
        torch.save(state, path, _use_new_zipfile_serialization=kind == "pth")
    elif kind == "npz":
        np.savez(path, params=as_objects(kpac_arrays()))
    elif kind == "safetensors":
        save_file(state, path)
    else:
        keras_file(path, dpdnet, full=True)
    content, chance = path.read_bytes(), random.Random(0)
    bad, errors = tmp_path / "bad", []
    for _ in range(60):
        spoilt = bytearray(content)
        if chance.random() < 0.4:
            spoilt = spoilt[: chance.randrange(len(spoilt))]
        else:
            for _ in range(chance.randrange(1, 30)):
                spoilt[chance.randrange(min(len(spoilt), 3000))] = chance.randrange(256)
        bad.write_bytes(spoilt)
        try:
            read_weights(bad)
        except WeightsError as error:
            errors.append(str(error))
    assert len(errors) > 20
    assert not [line for line in errors if "\n" in line or not line.startswith(f"{bad}: ")]
