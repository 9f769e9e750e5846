"""States with the right checksum and the wrong content: passed over before anything is restored."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.states import checkpointer, content_of, packed, save, sealed, tiny_step
from torch import nn

from pipeline.errors import ConfigError, DataError

Change = Callable[[dict[str, Any]], Any]


def put(*place: Any, value: Any = ...) -> Change:
    """Replaces the value at `place` in a snapshot, or removes it."""

    def change(snapshot: dict[str, Any]) -> None:
        block: Any = snapshot
        for key in place[:-1]:
            block = block[key]
        if value is ...:
            del block[place[-1]]
        else:
            block[place[-1]] = value

    return change


GROUP = ("optimizer", "param_groups", 0)
ADAM = ("optimizer", "state", 0)
CHANGES: dict[str, Change] = {
    "no network": put("network"),
    "no tensors": put("network", value="weights"),
    "a parameter is missing": put("network", "0.weight"),
    "a parameter too many": put("network", "1.other", value=torch.zeros(1)),
    "another shape": put("network", "0.weight", value=torch.zeros(3, 6, 3, 3)),
    "another type of number": put("network", "0.weight", value=torch.zeros(3, 6, 1, 1).double()),
    "no tensor": put("network", "0.weight", value=[0.0]),
    "a learnable tensor": put("network", "0.bias", value=nn.Parameter(torch.zeros(3))),
    "a sparse tensor": put("network", "0.bias", value=torch.zeros(3).to_sparse()),
    "no optimizer": put("optimizer"),
    "an optimizer of nothing": put("optimizer", value={}),
    "no moments": put(*ADAM, "exp_avg"),
    "moments of another shape": put(*ADAM, "exp_avg", value=torch.zeros(2)),
    "a step that is no tensor": put(*ADAM, "step", value=1),
    "moments of a parameter too many": put("optimizer", "state", 99, value={}),
    "other betas": put(*GROUP, "betas", value=(0.5, 0.5)),
    "other parameters": put(*GROUP, "params", value=[0, 1]),
    "two groups": lambda snapshot: snapshot["optimizer"]["param_groups"].append({}),
    "a rate that is no number": put(*GROUP, "lr", value="fast"),
    "a switch that is a tensor": put(*GROUP, "fused", value=torch.zeros(2)),
    "a way that no training takes": put(*GROUP, "capturable", value=True),
    "no scaler": put("scaler", value=None),
    "no average": put("average", value=None),
    "an average of other weights": put("average", "module.0.bias", value=torch.zeros(4)),
    "parts that are no list": put("passes", value={}),
    "parts of nothing": put("passes", 0, value={}),
    "parts of no device": put("passes", 0, "device", value=None),
    "parts of no crops": put("passes", 0, "limits", value={"16": 0}),
    "parts by number": put("passes", 0, "used", value={16: 4}),
    "no generators": put("rng_state", value=[]),
    "a generator of nothing": put("rng_state", 0, "cpu", value=torch.zeros(1, dtype=torch.uint8)),
    "a generator in no state": put("rng_state", 0, "cpu", value=torch.ones(5056).byte()),
    "generators that are no list": put("rng_state", 0, "cuda", value=None),
    "no progress": put("state"),
    "no step": put("state", "step"),
    "half a step": put("state", "step", value=0.5),
    "fewer steps than epochs": put("state", "step", value=0),
    "a loss that is none": put("state", "loss_sum", value=math.nan),
    "a curve that is none": put("state", "curve", value={}),
    "a point without psnr": put("state", "curve", 0, "psnr"),
    "another epoch": put("state", "curve", 0, "epoch", value=2),
    "a psnr that is text": put("state", "curve", 0, "psnr", value="20"),
    "no best weights": put("state", "best_state", value={}),
    "best weights of another net": put("state", "best_state", "0.bias", value=torch.zeros(1)),
    "a best epoch to come": put("state", "best_epoch", value=2),
    "a best psnr that is none": put("state", "best_psnr", value=math.nan),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_generation_before_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    older, newer = save(tmp_path, 1), save(tmp_path, 2)
    content = content_of(newer)
    CHANGES[name](content["snapshot"])
    newer.write_bytes(packed(content))
    train_step = tiny_step(7)
    assert checkpointer(tmp_path).restore(train_step).step == 1
    assert capsys.readouterr().err == f"warning: damaged: {newer}; resuming from {older}\n"
    kept = content_of(older)["snapshot"]["network"]
    assert all(
        torch.equal(kept[key], value) for key, value in train_step.network.state_dict().items()
    )


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_is_restored_if_none_is_intact(tmp_path: Path, name: str) -> None:
    path = save(tmp_path, 1)
    content = content_of(path)
    CHANGES[name](content["snapshot"])
    path.write_bytes(packed(content))
    train_step = tiny_step(7)
    before = copy.deepcopy(train_step.network.state_dict())
    with pytest.raises(DataError, match="every state is damaged; remove the folder, train anew"):
        checkpointer(tmp_path).restore(train_step)
    assert all(
        torch.equal(before[key], value) for key, value in train_step.network.state_dict().items()
    )


def test_an_intact_state_is_restored(tmp_path: Path) -> None:
    save(tmp_path, 5)
    one, two = tiny_step(7), tiny_step(5)
    state = checkpointer(tmp_path).restore(one)
    assert (state.step, len(state.curve), state.best_epoch) == (5, 1, 1)
    assert str(one.optimizer.state_dict()) == str(two.optimizer.state_dict())
    assert one.average is not None
    assert str(one.average.state_dict()) == str(two.average and two.average.state_dict())


WRONG_CONTENT = {
    "a list": packed([1]),
    "no snapshot": packed({"fingerprint": "{}"}),
    "a snapshot of text": packed({"fingerprint": "{}", "snapshot": "x"}),
    "a fingerprint that is a list": packed({"fingerprint": "[]", "snapshot": {}}),
    "a fingerprint that is no text": packed({"fingerprint": 3, "snapshot": {}}),
    "a fingerprint that is no JSON": packed({"fingerprint": "{", "snapshot": {}}),
    "a deep fingerprint": packed({"fingerprint": "[" * 100_000, "snapshot": {}}),
    "nothing": sealed(b""),
    "text": sealed(b"text"),
    "an old pickle": sealed(b"\x80\x02}q\x00."),
    "a short zip": sealed(b"PK\x03\x04"),
    "an empty zip": sealed(b"PK\x05\x06" + bytes(18)),
}


@pytest.mark.parametrize("name", WRONG_CONTENT)
def test_files_that_hold_no_state(tmp_path: Path, name: str) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2).write_bytes(WRONG_CONTENT[name])
    assert checkpointer(tmp_path).restore(tiny_step()).step == 1


def test_a_file_cut_or_changed_anywhere_with_the_right_checksum(tmp_path: Path) -> None:
    save(tmp_path, 1)
    path = save(tmp_path, 2)
    content = path.read_bytes()[64:]
    for place in range(0, len(content), len(content) // 60):
        path.write_bytes(sealed(content[:place]))
        assert checkpointer(tmp_path).restore(tiny_step()).step == 1


def test_a_folder_in_place_of_a_state(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "step-000000002.state").mkdir()
    assert checkpointer(tmp_path).restore(tiny_step()).step == 1


def test_a_fork_of_another_network_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 1)
    fork = checkpointer(tmp_path, fork=True, data="other")
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path}: its weights do not fit")):
        fork.restore(tiny_step(width=4))
    fork.restore(tiny_step(width=3))
    assert fork.store.foreign


def test_long_differences_are_cut(tmp_path: Path) -> None:
    save(tmp_path, 1)
    with pytest.raises(ConfigError) as caught:
        checkpointer(tmp_path, data="x" * 10_000).restore(tiny_step())
    assert len(str(caught.value)) < 1000
