"""Weights files: what fits is loaded, what does not is refused with its name, nothing is run."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from support.miniatures import narrow
from torch import nn

from pipeline.errors import DataError, WeightsError
from pipeline.weights.own_file import load_weights, save_weights


def save(path: Path, network: nn.Module, method: str = "mine") -> Path:
    save_weights(path, network.state_dict(), method, {"variant": "b", "channels": 8})
    return path


def refused(path: Path, network: nn.Module) -> str:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_weights(path, network, "mine")
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), "refused weights must not be half loaded"
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert "train again" in message
    return message


def test_round_trip(tmp_path: Path) -> None:
    one, two = narrow(seed=0), narrow(seed=1)
    path = save(tmp_path / "deep" / "weights.safetensors", one)
    load_weights(path, two, "mine")
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name]), name


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    # The library puts the header into one of several orders, at random.
    network = narrow()
    contents = {save(tmp_path / str(n), network).read_bytes() for n in range(12)}
    assert len(contents) == 1


def test_the_header_says_what_it_is(tmp_path: Path) -> None:
    with safe_open(save(tmp_path / "weights", narrow()), framework="pt") as file:
        header = file.metadata()
    assert header["method"] == "mine"
    assert json.loads(header["kwargs"]) == {"variant": "b", "channels": 8}


def test_tensors_in_any_layout_are_kept(tmp_path: Path) -> None:
    network = narrow().to(memory_format=torch.channels_last)
    load_weights(save(tmp_path / "weights", network), other := narrow(seed=1), "mine")
    for name, value in network.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        # The first by name of: another shape, missing, surplus.
        ({"channels": 12}, "bottleneck.weight"),
        ({"selection": "mean"}, "dmssrms.0.selection.score.bias"),
        ({"variant": "l"}, "dmssrms.2.fusion.bias"),
        ({"num_blocks": 1}, "extraction.blocks.1.attention.projection.bias"),
    ],
)
def test_another_architecture_names_the_first_difference(
    tmp_path: Path, changes: dict[str, Any], difference: str
) -> None:
    path = save(tmp_path / "weights", narrow(**changes), "theirs")
    message = refused(path, narrow())
    assert f"first difference: {difference})" in message
    assert 'holds theirs {"channels": 8, "variant": "b"}' in message
    assert difference in refused(save(path, narrow()), narrow(**changes))


def test_another_method_with_the_same_shapes(tmp_path: Path) -> None:
    path = save(tmp_path / "weights", narrow(shift="alternate"), "shifted")
    assert "holds weights of shifted, not of mine" in refused(path, narrow())


@pytest.mark.parametrize(
    "content", [b"", b"garbage" * 100, b"\xff" * 64, b"PK\x03\x04" + 100 * b"\0"]
)
def test_garbage(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    assert "not a readable weights file" in refused(path, narrow())


def test_a_file_cut_short(tmp_path: Path) -> None:
    path = save(tmp_path / "weights.safetensors", narrow())
    path.write_bytes(path.read_bytes()[:-8])
    assert "not a readable weights file" in refused(path, narrow())


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert "not a readable weights file" in refused(tmp_path / "gone.safetensors", narrow())
    assert "not a readable weights file" in refused(tmp_path, narrow())


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "save_trap", [torch.save, lambda trap, path: path.write_bytes(pickle.dumps(trap))]
)
def test_a_pickle_in_disguise_is_not_executed(tmp_path: Path, save_trap: Any) -> None:
    path, sign = tmp_path / "weights.safetensors", tmp_path / "executed"
    save_trap(Trap(sign), path)
    assert "not a readable weights file" in refused(path, narrow())
    assert not sign.exists()
    # The trap does work.
    pickle.loads(pickle.dumps(Trap(sign)))
    assert sign.exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        save(tmp_path / "file" / "weights.safetensors", narrow())
