"""The machine that reads pickles as data says what unpickling would give, without calling."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from pipeline.weights.arrays import MAX_RATIO, SMALL_BYTES, Unreadable, check_expansion
from pipeline.weights.keras3 import _ordered
from pipeline.weights.pickle_machine import Made, Named, Stored, read_pickle_as_data
from pipeline.weights.reader import read_weights
from pipeline.weights.state_dict import choose_state
from pipeline.weights.torch_tensors import Tensor

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=300)
)
KEYS = st.text(max_size=5) | st.integers(-(2**40), 2**40)
DATA = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=20,
)


def read(content: bytes, references: list[Any] | None = None) -> Any:
    return read_pickle_as_data(io.BytesIO(content), lambda _: True, references)


def same(one: Any, other: Any) -> bool:
    """Equal in value and in every type."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return [*one] == [*other] and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@given(DATA, st.sampled_from(PROTOCOLS), st.booleans())
def test_plain_data_comes_back(data: Any, protocol: int, optimized: bool) -> None:
    # The same object twice: the second is a reference.
    content = pickle.dumps([data, {"again": data}], protocol)
    if optimized:
        content = pickletools.optimize(content)
    assert same(read(content), [data, {"again": data}])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_long_texts_bytes_and_sets(protocol: int) -> None:
    # Lines of protocol 0 hold names only.
    data = [
        "x" * (70_000 if protocol else 300),
        list(range(3000)),
        {str(n): n for n in range(3000)},
    ]
    assert same(read(pickle.dumps(data, protocol)), data)
    if protocol >= 3:
        assert same(read(pickle.dumps(b"y" * 70_000, protocol)), b"y" * 70_000)
    if protocol >= 4:
        for found in (read(pickle.dumps(kind({1, 2, 3}), protocol)) for kind in (set, frozenset)):
            assert sorted(found) == [1, 2, 3]


class Point:
    """Made by `__new__`, with arguments or with named ones."""

    def __init__(self, named: bool) -> None:
        self.named = named
        self.left = "state"

    def __new__(cls, *_: Any, **__: Any) -> Point:
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (7, 8), ({"scale": 2} if self.named else {})


@pytest.mark.parametrize(("protocol", "named"), [(2, False), (4, False), (4, True), (5, True)])
def test_calls_are_noted_and_their_state_is_dropped(protocol: int, named: bool) -> None:
    before, found, after = read(pickle.dumps([1, Point(named), 2], protocol))
    assert (before, after) == (1, 2)
    assert isinstance(found, Made)
    assert found.callee.text == f"{__name__}.Point"
    assert found.arguments == (7, 8)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_items_of_an_ordered_dict(protocol: int) -> None:
    found = read(pickle.dumps(OrderedDict(a=1, b=[2]), protocol))
    assert isinstance(found, Made)
    assert found.callee.text == "collections.OrderedDict"
    if protocol >= 2:
        assert found.items == {"a": 1, "b": [2]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"(U\x01aI1\nU\x01bI2\nd.", {"a": 1, "b": 2}),
        (b"(I1\nI2\nl.", [1, 2]),
        (b"(I1\nI2\nI3\nt.", (1, 2, 3)),
        (b"I1\nI2\n0.", 1),
        (b"I1\n(I2\nI3\n1.", 1),
        (b"I7\n2\x86.", (7, 7)),
        (b"](I1\nI2\ne.", [1, 2]),
        (b"]I1\na.", [1]),
        (b"}U\x01aI1\ns.", {"a": 1}),
        (b"}(U\x01aI1\nu.", {"a": 1}),
    ],
)
def test_opcodes_that_pickle_no_longer_writes(body: bytes, expected: object) -> None:
    assert pickle.loads(body) == expected
    assert same(read(body), expected)


def test_references_to_what_is_outside() -> None:
    class Pickler(pickle.Pickler):
        def persistent_id(self, item: Any) -> Any:
            return ("storage", len(item)) if isinstance(item, bytes) else None

    stream, references = io.BytesIO(), []
    Pickler(stream, 2).dump([b"1", 5, b"22"])
    one, five, two = read(stream.getvalue(), references)
    assert isinstance(one, Stored)
    assert isinstance(two, Stored)
    assert (one.identifier, five, two.identifier) == (("storage", 1), 5, ("storage", 2))
    assert references == [("storage", 1), ("storage", 2)]


def test_names_are_asked_about() -> None:
    asked: list[str] = []

    def allowed(name: str) -> bool:
        asked.append(name)
        return name.startswith("collections")

    assert isinstance(read_pickle_as_data(io.BytesIO(pickle.dumps(OrderedDict)), allowed), Named)
    for protocol in PROTOCOLS:
        with pytest.raises(Unreadable, match=r"asks for .*getcwd, which is never run here"):
            read_pickle_as_data(io.BytesIO(pickle.dumps(os.getcwd, protocol)), allowed)
    assert asked[0] == "collections.OrderedDict"


def test_several_pickles_of_one_stream() -> None:
    stream = io.BytesIO(pickle.dumps([1], 2) + pickle.dumps({"a": 2}, 4) + b"rest")
    assert [read_pickle_as_data(stream, lambda _: True) for _ in range(2)] == [[1], {"a": 2}]
    assert stream.read() == b"rest"


def test_a_file_may_unpack_to_so_much_and_no_more() -> None:
    for size, file_bytes in ((SMALL_BYTES, 1), (MAX_RATIO * SMALL_BYTES, SMALL_BYTES)):
        check_expansion(size, file_bytes)
        with pytest.raises(Unreadable, match=f"claims {size + 1} bytes in a file of {file_bytes}"):
            check_expansion(size + 1, file_bytes)


def test_views_to_the_end_of_their_numbers(tmp_path: Path) -> None:
    numbers = torch.arange(24.0)
    views = {
        "last": numbers[23:],
        "tail": numbers[5:],
        "grid": numbers.view(4, 6)[1:, ::5],
        "turned": numbers.view(4, 6).T,
        "spread": numbers[23:].expand(3, 1),
        "none": numbers[24:],
    }
    torch.save(views, tmp_path / "x.pth")
    found = read_weights(tmp_path / "x.pth")
    assert isinstance(found, dict)
    for name, view in views.items():
        assert np.array_equal(found[name], view.numpy()), name


@pytest.mark.parametrize(("length", "shown"), [(59, True), (60, False)])
def test_names_that_are_proposed_are_short(length: int, shown: bool) -> None:
    tensor = Made(Named("torch._utils._rebuild_tensor_v2"), ())
    with pytest.raises(Unreadable) as caught:
        choose_state(
            {
                "n" * length: {"weight": tensor},
                "bad\n": {"w": tensor},
                3: {"w": tensor},
                "empty": {},
            },
            None,
        )
    assert ("n" * length in caught.value.remedy) == shown
    assert "bad" not in caught.value.remedy
    assert "empty" not in caught.value.remedy


def test_layers_without_a_configuration_are_counted() -> None:
    names = ["conv_10", "conv_1", "conv", "conv_2"]
    assert _ordered(names, []) == ["conv", "conv_1", "conv_2", "conv_10"]
    assert _ordered(names, [*reversed(names), "other"]) == names[::-1]
    with pytest.raises(Unreadable, match="mixes conv and dense"):
        _ordered(["conv", "dense_1"], [])
    with pytest.raises(Unreadable, match=r"other layers than its config\.json"):
        _ordered(["conv", "dense"], ["conv"])


def test_a_header_of_safetensors_may_fill_the_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(save({"empty": torch.zeros(0), "none": torch.zeros(2, 0)}))
    found = read_weights(tmp_path / "x")
    assert isinstance(found, dict)
    assert {name: value.shape for name, value in found.items()} == {"empty": (0,), "none": (2, 0)}


@pytest.mark.parametrize("little", [True, False])
def test_old_files_of_either_byte_order(tmp_path: Path, little: bool) -> None:
    values = torch.tensor([1.0, -2.5, 3e-5, 4e7])
    stream = io.BytesIO()
    torch.save({"a": values}, stream, _use_new_zipfile_serialization=False)
    stream.seek(0)
    magic, version, system = (pickle.load(stream) for _ in range(3))
    rest, numbers = stream.read()[:-16], values.numpy()
    system["little_endian"] = little
    head = b"".join(pickle.dumps(part, 2) for part in (magic, version, system))
    (tmp_path / "x").write_bytes(head + rest + numbers.astype("<f4" if little else ">f4").tobytes())
    found = read_weights(tmp_path / "x")
    assert isinstance(found, dict)
    assert np.array_equal(found["a"], numbers)


def tensor_of(**changes: Any) -> Tensor:
    parts = {"offset": 0, "shape": (2, 2), "strides": (2, 1), **changes}
    kind = Named(f"torch.{changes.get('storage', 'Float')}Storage")
    stored = Stored(("storage", kind, "0", "cpu", 4))
    arguments = (stored, parts["offset"], parts["shape"], parts["strides"], False, {})
    return Tensor("w", Made(Named("torch._utils._rebuild_tensor_v2"), arguments))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strides": (2,)}, r"is damaged \(w\)"),
        ({"strides": (2, 1, 1)}, r"is damaged \(w\)"),
        ({"offset": -1}, r"is damaged \(w\)"),
        ({"offset": True}, r"is damaged \(w\)"),
        ({"offset": None}, r"is damaged \(w\)"),
        ({"shape": (2, -2)}, "an impossible shape"),
        ({"strides": (2, -1)}, "an impossible shape"),
        ({"shape": [2, 2]}, "of unknown form"),
        ({"storage": "Quantized"}, "not plain"),
    ],
)
def test_tensors_that_do_not_fit_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        tensor_of(**changes)


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"offset": 1}, False),
        ({"strides": (2, 2)}, False),
        ({"strides": (1, 2)}, True),
        ({"shape": (5, 1), "strides": (1, 9)}, False),
        ({"shape": (4, 1), "strides": (1, 9)}, True),
        ({"shape": (3, 1), "strides": (1, 9), "offset": 1}, True),
        ({"shape": (0, 7), "strides": (9, 9)}, True),
    ],
)
def test_tensors_within_their_numbers(changes: dict[str, Any], fits: bool) -> None:
    content = np.arange(4, dtype="<f4").tobytes()
    tensor = tensor_of(**changes)
    if not fits:
        with pytest.raises(Unreadable, match="w is larger than its numbers"):
            tensor.array(content, "<")
        return
    found = tensor.array(content, "<")
    assert found.shape == tensor.shape
    if found.size:
        assert found.flat[0] == changes.get("offset", 0)
        assert found.flat[-1] == 3
