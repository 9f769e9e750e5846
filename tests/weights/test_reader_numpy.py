"""Weights in `.npz` files: arrays and lists of arrays, their pickles read as data only."""

from __future__ import annotations

import pickle
import pickletools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.weight_files import (
    Arrays,
    Command,
    as_objects,
    kpac_arrays,
    npz,
    python2,
    python2_type,
    refused,
    unfit,
)

from baselines import kpac
from pipeline.errors import WeightsError
from pipeline.weights.reader import read_weights


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


def test_another_number_of_arrays_is_refused_as_kpac(tmp_path: Path) -> None:
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
