"""Checkpoints as they are found: wrapped, beside other values, made by any version of PyTorch."""

from __future__ import annotations

import argparse
import collections
import datetime
import pathlib
import random
import re
import types
from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.weight_files import Command, refused
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ConfigError, WeightsError
from pipeline.evaluation.loading import check_origin
from pipeline.methods import get_method
from pipeline.run import WeightsOrigin
from pipeline.weights.reader import read_weights
from pipeline.weights.state_dict import WRAPPERS

STATE = OrderedDict((f"layer{i}.weight", torch.arange(6.0).reshape(2, 3) + i) for i in range(3))
OTHER = {name: value + 10 for name, value in STATE.items()}


def saved(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


def same(found: Any, state: Any) -> bool:
    return list(found) == list(state) and all(
        np.array_equal(found[name], value.numpy()) for name, value in state.items()
    )


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("outer", ["", "model", "state_dict", "params"])
def test_wrappers_that_training_code_writes(tmp_path: Path, wrapper: str, outer: str) -> None:
    content: dict[str, Any] = {wrapper: STATE, "epoch": 1, "lr": 1e-4}
    if outer:
        content = {outer: content, "args": argparse.Namespace(lr=1)}
    assert same(read_weights(saved(tmp_path / "x.pth", content)), STATE)


def test_two_levels_of_nesting_are_too_many(tmp_path: Path) -> None:
    content = {"model": {"net": {"params": STATE}}}
    refused(saved(tmp_path / "x.pth", content), "holds no state dict, neither alone nor under")


CHOICES: list[tuple[Any, dict[str, Any]]] = [
    ({"params": STATE, "params_ema": OTHER}, {"params": STATE, "params_ema": OTHER}),
    ({"model": {"params": STATE, "params_ema": OTHER}}, {"model.params_ema": OTHER}),
    ({"netG": STATE, "state_dict": OTHER, "netD": OTHER}, {"netG": STATE, "netD": OTHER}),
    ({"net": {"a.b": STATE}, "generator": OTHER}, {"net.a.b": STATE, "generator": OTHER}),
]


@pytest.mark.parametrize(("content", "choices"), CHOICES, ids=range(len(CHOICES)))
def test_the_user_says_which_of_several(
    tmp_path: Path, content: Any, choices: dict[str, Any]
) -> None:
    path = saved(tmp_path / "x.pth", content)
    if "net.a.b" not in choices:
        with pytest.raises(WeightsError, match=r"holds 2 state dicts: .*; choose one with --key "):
            read_weights(path)
    for key, state in choices.items():
        assert same(read_weights(path, key), state)
    with pytest.raises(WeightsError, match="holds no state dict under 'nowhere'"):
        read_weights(path, "nowhere")


def test_a_name_of_ones_own(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.pth", {"my_net": STATE, "epoch": 3})
    with pytest.raises(WeightsError, match=r"; choose one with --key my_net$"):
        read_weights(path)
    assert same(read_weights(path, "my_net"), STATE)


def test_a_key_is_for_pytorch_only(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.ones(2))
    with pytest.raises(WeightsError, match=r"; leave out --key$"):
        read_weights(tmp_path / "x.npz", "params")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ([], "choose one with --key params or --key params_ema"),
        (["--key", "params"], "the weights lack"),
        (["--key", "model"], "holds no state dict under 'model'"),
    ],
)
def test_the_option_reaches_the_reader(tmp_path: Path, key: list[str], message: str) -> None:
    path = saved(tmp_path / "x.pth", {"params": STATE, "params_ema": OTHER})
    done = CliRunner().invoke(app, ["weights", "check", "restormer", str(path), *key])
    assert message in str(done.exception)


def test_a_key_without_a_file_of_weights() -> None:
    with pytest.raises(ConfigError, match="give it with --weights"):
        check_origin(get_method("ebdb"), WeightsOrigin(key="params"))


class Options(argparse.Namespace):
    """Training options of a class of one's own."""


def optimizer_state() -> Any:
    network = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    return [optimizer.state_dict(), scheduler.state_dict(), scheduler]


BESIDE: dict[str, Callable[[], Any]] = {
    "numpy float": lambda: np.float64(25.1),
    "numpy numbers": lambda: [np.float32(1), np.int64(2), np.bool_(True), np.uint8(3)],
    "numpy arrays": lambda: [np.arange(4.0), np.array("text"), np.zeros((2, 2), ">f4")],
    "numpy types": lambda: [np.dtype("f4"), np.float32, np.dtype("M8[s]")],
    "numpy random": lambda: np.random.default_rng(0),
    "numpy old random": lambda: np.random.RandomState(0).get_state(),
    "random state": lambda: random.Random(0).getstate(),
    "dates": lambda: [
        datetime.datetime(2024, 1, 2, 3, tzinfo=datetime.UTC),
        datetime.date(2024, 1, 2),
        datetime.timedelta(1),
    ],
    "namespace": lambda: argparse.Namespace(lr=1e-4, path=Path("a"), nested=argparse.Namespace()),
    "simple namespace": lambda: types.SimpleNamespace(a=1),
    "paths": lambda: [pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("a"), Path("b")],
    "collections": lambda: [
        OrderedDict(a=1),
        collections.defaultdict(list, a=[1]),
        collections.Counter("aab"),
        collections.deque([1, 2]),
    ],
    "sets": lambda: [{1, 2}, frozenset("ab"), {(1, 2): 3}, 1j, bytearray(b"x"), slice(1, 2)],
    "torch values": lambda: [torch.Size([1, 2]), torch.float32, torch.device("cpu"), torch.strided],
    "torch tensors": lambda: {"sparse": torch.eye(3).to_sparse(), "rng": torch.get_rng_state()},
    "training": optimizer_state,
    "numbers": lambda: [Decimal("1.5"), 10**30, -1, 1.5, None, True, "text", b"bytes"],
}


@pytest.mark.parametrize("kind", BESIDE)
@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_harmless_values_beside_the_weights(
    tmp_path: Path, kind: str, options: Any, protocol: int
) -> None:
    content = {"first": BESIDE[kind](), "state_dict": STATE, "last": BESIDE[kind]()}
    path = saved(tmp_path / "x.pth", content, pickle_protocol=protocol, **options)
    assert same(read_weights(path), STATE)


def test_values_within_the_state_dict_are_skipped(tmp_path: Path) -> None:
    content = {**STATE, "epoch": 3, "psnr": np.float64(25.1), "name": "x"}
    assert same(read_weights(saved(tmp_path / "x.pth", content)), STATE)


@pytest.mark.parametrize("beside", [Options(), torch.nn.Linear(1, 1), Callable], ids=repr)
def test_other_names_are_refused_and_named(tmp_path: Path, beside: Any) -> None:
    path = saved(tmp_path / "x.pth", {"state_dict": STATE, "other": beside})
    assert re.search(r"asks for [\w.]+, which is never run here", refused(path))


def test_nothing_is_imported_or_run(tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    refused(saved(tmp_path / "x.pth", {"state_dict": STATE, "b": Command(flag)}), "system")
    assert not flag.exists()


def test_every_type_of_number_and_view(tmp_path: Path) -> None:
    base = torch.arange(24, dtype=torch.float32)
    state = {
        "view": base.view(4, 6)[1:3, ::2],
        "transposed": base.view(4, 6).t(),
        "tied": base,
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(2.5),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "bfloat16": torch.tensor([1.5, -2.0]).bfloat16(),
        "uint16": torch.tensor([1, 60000], dtype=torch.uint16),
        **{
            str(kind): torch.tensor([0, 1, 1]).to(kind)
            for kind in (torch.float64, torch.float16, torch.int8, torch.int16, torch.int32)
        },
        "bool": torch.tensor([True, False]),
    }
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        found = read_weights(saved(tmp_path / "x.pth", state, **options))
        for name, value in state.items():
            assert np.array_equal(found[name], value.detach().to(torch.float64).numpy()), name
