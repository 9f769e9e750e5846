"""Methods that fit themselves: what they are shown, what is kept, what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.fixture_types import Tiny
from support.miniatures import compute, random_scene, write_store
from torch import Tensor, nn

from pipeline.config.methods import MethodEntry
from pipeline.data.store.reader import PixelStore
from pipeline.errors import DataError
from pipeline.methods import Method
from pipeline.run import Run
from pipeline.training.fit import ScenePairs, fit
from pipeline.training.loop import validate, whole_scene

CPU = torch.device("cpu")
SPLITS = ("train", "val", "train", "val")


class Gain(nn.Module):
    """Learns one factor for the first view."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.fails = fails
        self.gain = nn.Buffer(torch.zeros(()))

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        return self.gain * x[:, :3]

    def fit(
        self, train: Iterable[tuple[Tensor, Tensor]], val: Iterable[tuple[Tensor, Tensor]]
    ) -> dict[str, float]:
        if self.fails:
            raise ValueError("too few scenes")
        # Twice over the training pairs: each pass begins anew.
        sums = [sum((x[:, :3] * y).mean() for x, y in train) for _ in range(2)]
        assert sums[0] == sums[1]
        powers = sum(x[:, :3].square().mean() for x, _ in train)
        self.gain.copy_(sums[0] / powers)
        self.seen = list(train), list(val)
        return {"gain": self.gain.item(), "scenes": float(len(self.seen[0]))}


class Fitting(Method):
    """The method of `Gain`, made for 8 bits."""

    views = ("left", "right")
    input_bits = 8
    network: Gain

    def build(self, **kwargs: Any) -> nn.Module:
        return self.network


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    scenes = [(split, random_scene(12, 20, seed)) for seed, split in enumerate(SPLITS)]
    return write_store(tmp_path_factory.mktemp("fit") / "store", scenes)


def run_of(tiny: Tiny, network: Gain) -> Run:
    method = Fitting("gain", MethodEntry(module="gain", row="Gain"))
    object.__setattr__(method, "network", network)
    experiment = tiny.experiment.model_copy(update={"compute": compute()})
    run = Run(experiment, method)
    object.__setattr__(run, "kwargs", {})
    return run


def equal(found: list[tuple[Tensor, Tensor]], store: PixelStore, numbers: list[int]) -> bool:
    expected = [whole_scene(store, number, ("left", "right")) for number in numbers]
    return len(found) == len(expected) and all(
        torch.equal(one, two)
        for pair, wanted in zip(found, expected, strict=True)
        for one, two in zip(pair, wanted, strict=True)
    )


def test_pairs_are_those_of_a_split_at_every_pass(store: PixelStore) -> None:
    pairs = ScenePairs(store, "val", ("left", "right"))
    assert equal(list(pairs), store, [1, 3])
    assert equal(list(pairs), store, [1, 3])


def test_a_method_fits_itself_and_is_scored(tiny: Tiny, store: PixelStore) -> None:
    network = Gain()
    trained = fit(run_of(tiny, network), store, CPU)
    train, val = network.seen
    assert equal(train, store, [0, 2])
    assert equal(val, store, [1, 3])
    assert trained.learned == {"gain": network.gain.item(), "scenes": 2.0}
    assert 0.5 < trained.learned["gain"] < 1.5
    assert (trained.epoch, trained.curve) == (0, [])
    assert trained.state.keys() == {"gain"}
    assert torch.equal(trained.state["gain"], network.gain)
    expected = {
        bits: validate(
            network,
            store=store,
            views=("left", "right"),
            input_bits=bits,
            compute=compute(),
            device=CPU,
        )
        for bits in (8, 16)
    }
    # With the bits that the method is made for.
    assert trained.psnr == expected[8] != expected[16]


def test_a_fit_that_is_impossible_names_method_and_remedy(tiny: Tiny, store: PixelStore) -> None:
    with pytest.raises(DataError, match=r"^gain cannot be fitted .*: too few scenes; .*`not_run:`"):
        fit(run_of(tiny, Gain(fails=True)), store, CPU)


def test_a_split_without_scenes_is_an_error(tmp_path: Path) -> None:
    only = write_store(tmp_path / "store", [("train", random_scene(12, 20))])
    with pytest.raises(DataError, match="no scene of split 'val'"):
        list(ScenePairs(only, "val", ("left",)))
