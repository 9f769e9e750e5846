"""The limits of the readers, to the byte, and the forms of arrays at their edges."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.weight_files import as_objects, npz, python2, python2_type, refused

from pipeline.weights import hdf5
from pipeline.weights import npz as npz_reader
from pipeline.weights.arrays import Unreadable, check_size, plain
from pipeline.weights.keras2 import layers_of_keras2
from pipeline.weights.own_file import save_weights
from pipeline.weights.pickle_machine import Made, Named, Stored
from pipeline.weights.pickled import read_array_of_arrays
from pipeline.weights.reader import read_weights
from pipeline.weights.torch_tensors import Tensor

Limit = Callable[[int], None]


@pytest.fixture
def most_bytes(monkeypatch: pytest.MonkeyPatch) -> Limit:
    return lambda count: monkeypatch.setattr("pipeline.weights.arrays.MAX_BYTES", count)


def test_bytes_of_all_arrays_together(most_bytes: Limit) -> None:
    shapes: list[tuple[tuple[int, ...], int]] = [((2, 3), 4), ((), 8), ((5,), 1)]
    most_bytes(37)
    check_size(shapes)
    most_bytes(36)
    with pytest.raises(Unreadable, match="claims 37 bytes"):
        check_size(shapes)


def test_the_number_of_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.weights.arrays.MAX_ARRAYS", 3)
    check_size([((1,), 1)] * 3)
    with pytest.raises(Unreadable, match="holds 4 arrays"):
        check_size([((1,), 1)] * 4)


def test_an_archive_is_measured_before_it_is_unpacked(
    tmp_path: Path, most_bytes: Limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, a=np.zeros(1000), b=np.zeros(24))
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    most_bytes(size)
    assert set(read_weights(path)) == {"a", "b"}
    most_bytes(size - 1)
    monkeypatch.setattr(npz_reader.ZipFile, "open", None)
    refused(path, f"claims {size} bytes")


def test_arrays_in_a_pickle_count_eight_bytes_a_number(most_bytes: Limit) -> None:
    body = python2([np.ones((3, 5), np.float32), np.ones(2, np.float32)])
    most_bytes(8 * 17)
    assert len(read_array_of_arrays(body)) == 2
    most_bytes(8 * 17 - 1)
    with pytest.raises(Unreadable, match="claims 136 bytes"):
        read_array_of_arrays(body)


@pytest.mark.parametrize("many", [False, True])
def test_the_number_of_names_in_a_file_of_keras(
    tmp_path: Path, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.weights.keras2.MAX_ARRAYS", 2)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        names = ["a", "b", "c"][: 3 if many else 2]
        file.attrs["layer_names"] = names
        for name in names:
            group = file.create_group(name)
            group.attrs["weight_names"] = ["bias:0"]
            group["bias:0"] = np.ones(2, np.float32)
    with h5py.File(tmp_path / "x.h5") as file:
        if not many:
            assert len(layers_of_keras2(file)) == 2
            return
        with pytest.raises(Unreadable, match="names 3 layers"):
            layers_of_keras2(file)


@pytest.mark.parametrize("index", [0, 99_999, 100_000])
def test_the_memo_of_a_pickle(tmp_path: Path, index: int) -> None:
    begin = b"\x80\x02K\x01r" + index.to_bytes(4, "little") + b"0"
    path = npz(tmp_path / "x.npz", begin + python2([np.ones(2, np.float32)])[2:])
    if index < 100_000:
        assert len(read_weights(path)) == 1
    else:
        refused(path, "memo")


def test_arrays_without_dimensions_and_without_numbers() -> None:
    arrays: list[NDArray[Any]] = [np.array(2.5, np.float32), np.zeros((0, 3)), np.zeros((1,) * 8)]
    found = read_array_of_arrays(pickle.dumps(as_objects(arrays), 4))
    assert [array.shape for array in found] == [(), (0, 3), (1,) * 8]
    assert found[0] == 2.5
    with pytest.raises(Unreadable, match="unknown form"):
        read_array_of_arrays(pickle.dumps(as_objects([np.zeros((1,) * 9)]), 4))


def state(*, number: bytes = b"K\x01", fields: bytes = b"", shape: bytes = b"K\x01\x85") -> bytes:
    """A pickled list of one array of one number, with these parts of its state."""
    start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R("
    kind = python2_type("f4", "<")
    inner = start + number + shape + kind + b"\x89U\x04\x00\x00\x80\x3f" + fields + b"tb"
    return (
        b"\x80\x02"
        + start
        + b"K\x01K\x01\x85"
        + python2_type("O8", "|")
        + b"\x89]("
        + inner
        + (b"etb.")
    )


def test_states_with_and_without_a_version() -> None:
    for body in (state(), state(number=b"")):
        (found,) = read_array_of_arrays(body)
        assert found.tolist() == [1.0]
    for body in (state(fields=b"N"), state(number=b"", shape=b"")):
        with pytest.raises(Unreadable):
            read_array_of_arrays(body)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_versions_of_numpys_format(tmp_path: Path, version: tuple[int, int]) -> None:
    stream = io.BytesIO()
    values = np.arange(6.0).reshape(2, 3)
    np.lib.format.write_array(stream, values, version=version)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", stream.getvalue())
    assert np.array_equal(read_weights(tmp_path / "x.npz")["a"], values)


@pytest.mark.parametrize("kind", ["<U3", "S3", "c8", "M8[s]", "V4"])
def test_arrays_of_anything_but_numbers(kind: str) -> None:
    with pytest.raises(Unreadable, match=r"a is of type .*, not numbers"):
        plain({"a": np.zeros(2, kind)})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<f8", "float32"), (">f4", "float32"), ("f2", "float32"),
        (">i4", "int32"), ("u1", "uint8"), ("?", "bool"),
    ],
)  # fmt: skip
def test_types_that_arrays_get(given: str, kept: str) -> None:
    values = np.asfortranarray(np.array([[0, 1], [1, 0]], given))
    found = plain({"a": values})
    assert isinstance(found, dict)
    assert found["a"].dtype == np.dtype(kept)
    assert found["a"].dtype.isnative
    assert found["a"].flags.c_contiguous
    assert np.array_equal(found["a"], values)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_not_finite(value: float) -> None:
    with pytest.raises(Unreadable, match="array 1 of layer 2 holds values that are not finite"):
        plain([[np.ones(2)], [np.array([1.0, value])]])
    assert plain([[np.ones(2)], [np.ones(1), np.ones(3)]])[1][1].shape == (3,)  # type: ignore[index]


@pytest.mark.parametrize("method", ["a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg"])
def test_tensors_start_at_multiples_of_eight_bytes(tmp_path: Path, method: str) -> None:
    """Readers that map a file need them there."""
    save_weights(tmp_path / "w", {"x": torch.ones(3), "a": torch.zeros(2)}, method, {"width": 2})
    content = (tmp_path / "w").read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    header = json.loads(content[8 : 8 + length])
    assert list(header) == sorted(header)
    assert header["__metadata__"] == {"method": method, "kwargs": '{"width": 2}'}
    assert len(content) == 8 + length + 4 * 5


def test_the_process_that_reads_keras_runs_the_code_of_this_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installed copy elsewhere may be older."""
    asked: list[dict[str, str]] = []

    def refuse(*_: Any, env: dict[str, str], **__: Any) -> Any:
        asked.append(env)
        raise subprocess.TimeoutExpired("python", 1)

    monkeypatch.setattr(hdf5.subprocess, "run", refuse)
    (tmp_path / "x.h5").write_bytes(b"")
    with pytest.raises(Unreadable, match="not read within"):
        hdf5.read_layers(tmp_path / "x.h5")
    first, *_ = asked[0]["PYTHONPATH"].split(os.pathsep)
    assert Path(first, "pipeline", "weights", "hdf5.py").samefile(hdf5.__file__)


@pytest.mark.parametrize(("dimensions", "fits"), [(16, True), (17, False)])
def test_the_dimensions_of_a_tensor(dimensions: int, fits: bool) -> None:
    stored = Stored(("storage", Named("torch.FloatStorage"), "0", "cpu", 1))
    arguments = (stored, 0, (1,) * dimensions, (1,) * dimensions, False, {})
    made = Made(Named("torch._utils._rebuild_tensor_v2"), arguments)
    if fits:
        assert Tensor("w", made).shape == (1,) * dimensions
        return
    with pytest.raises(Unreadable, match="of unknown form"):
        Tensor("w", made)


def test_named_arrays_without_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros((0, 3)), b=np.ones(()))
    found = read_weights(tmp_path / "x.npz")
    assert isinstance(found, dict)
    assert {name: array.shape for name, array in found.items()} == {"a": (0, 3), "b": ()}
