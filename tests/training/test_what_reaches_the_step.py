"""What a recipe and a batch say arrives where it acts: optimizer, clipping, modes, clips, bits."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.miniatures import VIEWS, compute, random_scene, recipe, write_store
from support.steps import CPU, make_train_step
from torch import Tensor, nn

from pipeline.config.blocks import Patches
from pipeline.config.recipe import Recipe
from pipeline.data.sampling.loader import Batch, CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.training.loop import NullObserver, train, validate
from pipeline.training.loss import edges
from pipeline.training.optimizer import make_optimizer
from pipeline.training.train_step import forward


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    scenes = [(split, random_scene(16, 32, seed)) for seed, split in enumerate(("train", "val"))]
    return write_store(tmp_path_factory.mktemp("reaches") / "store", scenes)


class Small(nn.Module):
    """One convolution after a dropout; notes its mode at each call."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.drop = nn.Dropout(0.5)
        self.layer = nn.Conv2d(6, 3, 3, padding=1)
        self.calls: list[tuple[bool, bool, bool]] = []

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        dropped = self.drop(x)
        self.calls.append((torch.is_grad_enabled(), self.training, torch.equal(dropped, x)))
        return self.layer(dropped)


def crops(count: int = 4, frames: int = 1, side: int = 16) -> Batch:
    """Every crop has another place in an image of another size."""
    generator = torch.Generator().manual_seed(11)
    x, target = (torch.rand(count, n, side, side, generator=generator) for n in (6, 3))
    clips = torch.arange(count) // frames
    origin = torch.stack([3 * clips, 5 * clips], dim=1)
    full_size = torch.stack([100 + clips, 200 - clips], dim=1)
    return Batch(x, target, origin, full_size, frames, ("a.png",) * count)


def trained(store: PixelStore, network: nn.Module, plan: Recipe) -> None:
    loader = CropLoader(
        store,
        index_windows(store, Patches(size=16, overlap=0.5, discard=0)),
        views=VIEWS,
        recipe=plan,
        compute=compute(),
        seed=7,
    )
    train(
        make_train_step(network, plan, compute()),
        store=store,
        loader=loader,
        observer=NullObserver(),
    )


@pytest.mark.parametrize("ema", [None, 0.5])
def test_every_epoch_trains_in_training_mode_and_scores_in_the_other(
    store: PixelStore, ema: float | None
) -> None:
    network = Small()
    plan = recipe(epochs=3, validations=3, ema=ema)
    trained(store, network, plan)
    steps = [call for call in network.calls if call[0]]
    assert len(steps) == 6
    assert set(steps) == {(True, True, False)}
    # With an average, a copy of the network is scored.
    assert {call for call in network.calls if not call[0]} <= {(False, False, True)}
    assert len(network.calls) == (9 if ema is None else 6)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "radam": partial(torch.optim.RAdam, decoupled_weight_decay=True),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_weights_follow_the_optimizer_of_the_recipe(kind: str) -> None:
    """Three steps equal those of PyTorch's optimizer with the recipe's numbers."""
    torch.manual_seed(1)
    ours = nn.Linear(3, 2)
    reference = copy.deepcopy(ours)
    numbers: dict[str, Any] = {"betas": (0.5, 0.7), "eps": 0.02, "weight_decay": 0.3}
    plan = recipe(optimizer=kind, learning_rate=0.05, **numbers)
    optimizer = make_optimizer(ours, plan)
    optimizer.param_groups[0]["lr"] = 0.05
    expected = OPTIMIZERS[kind](reference.parameters(), lr=0.05, **numbers)
    for number in range(3):
        for network, chosen in ((ours, optimizer), (reference, expected)):
            network(torch.full((1, 3), float(number + 1))).square().sum().backward()
            chosen.step()
            chosen.zero_grad()
    for one, two in zip(ours.parameters(), reference.parameters(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize(
    "changes",
    [
        {"betas": (0.5, 0.999)},
        {"betas": (0.9, 0.5)},
        {"eps": 0.1},
        {"weight_decay": 0.5},
        {"optimizer": "adamw", "weight_decay": 0.5},
        {"optimizer": "radam"},
        {"max_grad_norm": 1e-3, "eps": 0.1},
        {"learning_rate": 2e-3},
        {"losses": {"mse": 1.0}},
        {"losses": {"charbonnier": 1.0, "mse": 1.0}},
        {"charbonnier_eps": 0.5},
        {"ema": 0.9},
    ],
)
def test_every_number_of_a_recipe_changes_the_weights(changes: dict[str, Any]) -> None:
    def weights(plan: Recipe) -> Tensor:
        torch.manual_seed(1)
        step = make_train_step(Small().eval(), plan, compute())
        for rate in (plan.learning_rate, plan.learning_rate / 2):
            step.step(crops(), 4, rate, "a step")
        return torch.cat([value.flatten() for value in step.learned.parameters()])

    base = {"eps": 0.1} if "max_grad_norm" in changes else {}
    plain, other = weights(recipe(**base)), weights(recipe(**changes))
    assert not torch.allclose(plain, other, rtol=1e-4, atol=1e-7)


def moved(limit: float | None) -> Tensor:
    """How far a plain descent of rate 1 moves the weights: minus the gradient that it saw."""
    network = Small().eval()
    before = nn.utils.parameters_to_vector(network.parameters()).detach().clone()
    step = make_train_step(network, recipe(max_grad_norm=limit), compute())
    step.optimizer = torch.optim.SGD(network.parameters(), 0.0)
    step.step(crops(), 4, 1.0, "a step")
    return nn.utils.parameters_to_vector(network.parameters()).detach() - before


def test_long_gradients_are_shortened_and_others_left_alone() -> None:
    free = moved(None)
    length = free.norm().item()
    assert length > 0.05
    for limit in (length / 10, length / 1.5):
        torch.testing.assert_close(moved(limit), free * (limit / length), rtol=1e-4, atol=1e-6)
    assert torch.equal(moved(2 * length), free)


class Clips(nn.Module):
    """Notes the clips that it is given; the prediction depends on the place."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.7))
        self.seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward_sequence(self, clips: Tensor, *, origin: Tensor, full_size: Tensor) -> Tensor:
        self.seen.append((clips, origin, full_size))
        place = (origin / full_size).sum(1)[:, None, None, None, None]
        return self.gain * clips[:, :, :3] + place


def test_a_clip_keeps_its_frames_and_its_place() -> None:
    batch, network = crops(count=6, frames=2), Clips()
    place = {"recipe": recipe(), "compute": compute(), "device": CPU}
    output = forward(network, batch, **place)["output"]
    ((clips, origin, full_size),) = network.seen
    assert origin.tolist() == [[0, 0], [3, 5], [6, 10]]
    assert full_size.tolist() == [[100, 200], [101, 199], [102, 198]]
    assert torch.equal(clips, batch.x.unflatten(0, (3, 2)))
    for number in range(6):
        shift = (batch.origin[number] / batch.full_size[number]).sum()
        torch.testing.assert_close(output[number], 0.7 * batch.x[number, :3] + shift)


@pytest.mark.parametrize("accumulate", [1, 2, 3])
def test_the_edge_loss_sees_every_frame_of_the_first_clip(accumulate: int) -> None:
    batch, network = crops(count=6, frames=2), Clips()
    losses = {"mse": 1.0, "edge_3": 2.0, "edge_11": 1.0}
    step = make_train_step(network, recipe(losses=losses, accumulate=accumulate), compute())
    terms = step.step(batch, 6, 1e-3, "a step")
    # The first clip lies at the corner.
    output = 0.7 * batch.x[:2, :3]
    for name, factor, size, divisor in (("edge_3", 2, 3, 2.0), ("edge_11", 1, 11, 12096.0)):
        frames = [edges(output[n : n + 1], batch.target[n : n + 1], size, divisor) for n in (0, 1)]
        assert frames[0] != frames[1]
        expected = factor * torch.stack(frames).mean().item()
        assert terms[name] == pytest.approx(expected, rel=1e-5)
    shift = (batch.origin / batch.full_size).sum(1)[:, None, None, None]
    error = (0.7 * batch.x[:, :3] + shift - batch.target).square().mean().item()
    assert terms["mse"] == pytest.approx(error, rel=1e-5)


def test_the_checkpoint_is_chosen_with_all_16_bits_of_the_truth(tmp_path: Path) -> None:
    """The input of an 8-bit method is truncated, the ground truth never."""
    pixels = random_scene(16, 16)
    # Within one 8-bit step of the target: truncation of the target would be seen.
    pixels[2] = pixels[3] & 0xFF00
    store = write_store(tmp_path / "store", [("val", pixels)])

    class Left(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, 3:]

    views = ("left", "right")
    found = validate(Left(), store=store, views=views, input_bits=8, compute=compute(), device=CPU)
    error = (pixels[2] >> 8) / 255 - pixels[3] / 65535
    assert found == pytest.approx(-10 * math.log10(np.mean(np.square(error))), abs=1e-3)
    assert found < 60
