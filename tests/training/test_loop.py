"""The training loop: what it learns, keeps, repeats and refuses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from support.miniatures import VIEWS, Watcher, compute, narrow, random_scene, recipe, write_store
from torch import Tensor, nn

from pipeline.config.blocks import Patches
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.errors import UserError
from pipeline.training import loop, optimizer
from pipeline.training.loop import Trained, train, validate, whole_scene
from pipeline.training.train_step import TrainStep

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    # Small nets on many threads are slow, and sums depend on their number.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    """Two training scenes of ten windows of 16 pixels and one to validate; each a smooth ramp.

    The target is the mean of the views times 0.8: there is something to learn.
    """
    scenes = []
    for number, split in enumerate(("train", "train", "val")):
        smooth = random_scene(2, 5, number).repeat(8, 1).repeat(8, 2)
        views = smooth[1].astype(int), smooth[2].astype(int)
        smooth[3] = np.rint(0.4 * (views[0] + views[1])).astype(np.uint16)
        scenes.append((split, smooth))
    return write_store(tmp_path_factory.mktemp("loop") / "store", scenes)


WINDOWS = Patches(size=16, overlap=0.5, discard=0)


def run(
    store: PixelStore,
    network: nn.Module,
    seed: int = 7,
    settings: dict[str, Any] | None = None,
    observer: Watcher | None = None,
    **changes: Any,
) -> Trained:
    train_step = TrainStep(network, recipe(**changes), compute(**(settings or {})), CPU)
    loader = CropLoader(
        store,
        index_windows(store, WINDOWS),
        views=VIEWS,
        recipe=train_step.recipe,
        compute=train_step.compute,
        seed=seed,
    )
    return train(train_step, store=store, loader=loader, observer=observer or Watcher())


def validated(network: nn.Module, store: PixelStore) -> float:
    return validate(network, store=store, views=VIEWS, input_bits=16, compute=compute(), device=CPU)


class Small(nn.Conv2d):
    """A method of one layer."""

    def forward(self, x: Tensor, **_: Any) -> Tensor:  # type: ignore[override]
        return super().forward(x)


def small(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return Small(6, 3, 3, padding=1)


def equal(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    assert list(one) == list(two)
    return all(torch.equal(one[name], two[name]) for name in one)


def test_the_loss_falls(store: PixelStore) -> None:
    watcher = Watcher()
    trained = run(store, narrow(), observer=watcher, epochs=8, learning_rate=3e-3)
    losses = [point.loss for point in trained.curve]
    assert losses[-1] < 0.7 * losses[0]
    assert trained.psnr > validated(narrow(), store) + 1


def test_the_observer_sees_every_step_and_epoch(store: PixelStore) -> None:
    watcher = Watcher()
    trained = run(store, small(), observer=watcher, epochs=3, batch_size=3, validations=2)
    windows = len(index_windows(store, WINDOWS))
    assert windows == 8
    assert [step.samples for step in watcher.steps] == [3, 6, 8, 11, 14, 16, 19, 22, 24]
    assert [step.number for step in watcher.steps] == list(range(9))
    assert watcher.total == 24
    assert watcher.points == trained.curve
    assert [point.epoch for point in trained.curve] == [1, 2, 3]
    assert [point.samples for point in trained.curve] == [8, 16, 24]
    assert [point.psnr is None for point in trained.curve] == [True, False, False]
    # The epoch's loss is the mean over its crops, not over its batches.
    batches = [step.loss for step in watcher.steps[:3]]
    expected = np.average(batches, weights=[3, 3, 2])
    assert trained.curve[0].loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("steps", "curve"), [(2, [6]), (3, [8]), (4, [8, 11]), (99, [8, 16, 24])])
def test_a_cut_off_training_is_the_beginning_of_the_whole_one(
    store: PixelStore, steps: int, curve: list[int]
) -> None:
    whole, cut = Watcher(), Watcher()
    changes = {"epochs": 3, "batch_size": 3, "validations": 1}
    run(store, small(), observer=whole, **changes)
    trained = run(store, small(), observer=cut, max_steps=steps, **changes)
    assert cut.steps == whole.steps[:steps]
    assert [point.samples for point in trained.curve] == curve
    assert cut.steps[-1].samples == cut.total
    # What was learned is scored, whatever epoch it ends in.
    assert (trained.epoch, trained.psnr) == (len(curve), trained.curve[-1].psnr)
    ends = [0, *curve]
    sizes = np.diff([0, *(step.samples for step in cut.steps)])
    last = [step.number for step in cut.steps if step.samples > ends[-2]]
    expected = np.average([cut.steps[i].loss for i in last], weights=[sizes[i] for i in last])
    assert trained.curve[-1].loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("make", [small, narrow])
def test_one_seed_gives_one_result(store: PixelStore, make: Callable[[], nn.Module]) -> None:
    one, two, other = (run(store, make(), seed) for seed in (7, 7, 8))
    assert equal(one.state, two.state)
    assert one.curve == two.curve
    assert not equal(one.state, other.state)


def test_workers_do_not_change_the_result(store: PixelStore) -> None:
    alone, helped = (
        run(store, small(), settings={"loader_workers": workers}, crop=16, passes_per_epoch=2)
        for workers in (0, 2)
    )
    assert equal(alone.state, helped.state)
    assert alone.curve == helped.curve


def gradients(
    store: PixelStore, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> tuple[list[list[Tensor]], Trained]:
    """Gradients that every optimizer step saw."""
    seen: list[list[Tensor]] = []

    class Recording(torch.optim.SGD):
        def __init__(self, parameters: Any, lr: float, **_: Any) -> None:
            super().__init__(parameters, lr)

        def step(self) -> None:  # type: ignore[override]
            group = self.param_groups[0]["params"]
            seen.append([parameter.grad.clone() for parameter in group])
            super().step()

    monkeypatch.setattr(optimizer.optim, "Adam", Recording)
    return seen, run(store, small(), **changes)


def test_accumulation_is_one_large_batch(
    store: PixelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Eight windows in total batches of six: the last of an epoch is smaller.
    changes = {"learning_rate": 1e-2, "epochs": 2}
    whole, one = gradients(store, monkeypatch, batch_size=6, accumulate=1, **changes)
    parts, two = gradients(store, monkeypatch, batch_size=6, accumulate=2, **changes)
    assert len(whole) == len(parts) == 4
    for large, summed in zip(whole, parts, strict=True):
        for first, second in zip(large, summed, strict=True):
            assert first.abs().max() > 1e-3
            torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-6)
    for before, after in zip(one.curve, two.curve, strict=True):
        assert before.loss == pytest.approx(after.loss, abs=1e-6)
        assert before.learning_rate == after.learning_rate


def test_the_best_checkpoint_is_kept(store: PixelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, states = iter([10.0, 30.0, 20.0, 30.0]), []

    def scripted(network: nn.Module, **_: Any) -> float:
        states.append({k: v.detach().clone() for k, v in network.state_dict().items()})
        return next(scores)

    monkeypatch.setattr(loop, "validate", scripted)
    trained = run(store, small(), epochs=4, validations=4)
    # Of equals, the earlier.
    assert (trained.epoch, trained.psnr) == (2, 30.0)
    assert equal(trained.state, states[1])
    assert not equal(trained.state, states[2])


def test_the_reported_psnr_is_that_of_the_kept_weights(store: PixelStore) -> None:
    # A rate so high that the last epoch is not the best.
    trained = run(store, small(), epochs=6, validations=6, learning_rate=0.5)
    scores = [point.psnr for point in trained.curve]
    assert trained.psnr == max(scores) > scores[-1]
    assert trained.epoch == 1 + scores.index(trained.psnr)
    network = small(1)
    network.load_state_dict(trained.state)
    assert validated(network, store) == trained.psnr


def test_validation_by_hand(store: PixelStore) -> None:
    class Loud(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 3 * x[:, 3:] - 1

    x, _ = whole_scene(store, 2, VIEWS)
    assert x.shape == (1, 6, 16, 40)
    scene = store.read(2)
    np.testing.assert_array_equal(x[0, 3].numpy(), scene["left"][..., 0] / np.float32(65535))
    clamped = np.clip(3 * (scene["left"] / 65535) - 1, 0, 1)
    mse = np.mean((clamped - scene["target"] / 65535) ** 2)
    found = validated(Loud(), store)
    assert found == pytest.approx(-10 * math.log10(mse), abs=1e-4)


class Broken(nn.Module):
    """Loses its mind: at once, or only in its gradient."""

    def __init__(self, at_once: bool) -> None:
        super().__init__()
        self.at_once = at_once
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        # The slope of a square root at 0 is infinite.
        shift = self.weight.abs().sqrt()
        return x[:, :3] + (shift * torch.nan if self.at_once else shift)


@pytest.mark.parametrize(("at_once", "what"), [(True, "loss"), (False, "norm of the gradient")])
def test_what_is_not_finite_ends_the_training(store: PixelStore, at_once: bool, what: str) -> None:
    network, watcher = Broken(at_once), Watcher()
    expected = rf"the {what} became (nan|inf) in epoch 1, step 0 \(0.png, 1.png\): .*lower learning"
    with pytest.raises(UserError, match=expected):
        run(store, network, observer=watcher, batch_size=8)
    # The step was not taken.
    assert network.weight.item() == 0
    assert not watcher.steps


class Overflowing(Small):
    """Its weights are of use in training only."""

    def forward(self, x: Tensor, **_: Any) -> Tensor:  # type: ignore[override]
        return super().forward(x) * (1 if self.training else torch.nan)


def test_weights_that_overflow_in_the_last_step_are_noticed(store: PixelStore) -> None:
    with pytest.raises(UserError, match="the validation PSNR became nan in epoch 1"):
        run(store, Overflowing(6, 3, 3, padding=1), epochs=1, batch_size=8)


def test_bfloat16_stays_close_to_float32(store: PixelStore) -> None:
    full, half = (
        run(store, narrow(), settings={"precision": precision}, epochs=1, validations=1)
        for precision in ("float32", "bfloat16")
    )
    assert all(value.dtype == torch.float32 for value in half.state.values())
    assert half.curve[0].loss == pytest.approx(full.curve[0].loss, rel=0.05)
    assert not equal(full.state, half.state)


def test_channels_last_means_the_same(store: PixelStore) -> None:
    plain, last = (
        run(store, narrow(), settings={"channels_last": layout}, epochs=1, validations=1)
        for layout in (False, True)
    )
    assert last.curve[0].loss == pytest.approx(plain.curve[0].loss, rel=1e-4)
    assert last.psnr == pytest.approx(plain.psnr, abs=0.05)
