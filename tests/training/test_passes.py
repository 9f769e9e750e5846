"""Batches that go through the network in parts: how many, what they add up to, and no memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support.miniatures import compute, recipe
from support.states import checkpointer, tiny_step
from support.steps import CPU, SIDE, TRAINED, experiment, trainee
from torch import Tensor, nn

from pipeline.compute.distributed import World
from pipeline.data.sampling.loader import Batch
from pipeline.errors import NoMemory
from pipeline.planning.memory import USABLE, TrainingMemory
from pipeline.training import passes
from pipeline.training.loop import TrainState
from pipeline.training.train_step import TrainStep

WITHOUT_DROPOUT = {
    "dpdnet": {"dropout": 0.0},
    "rdpd-plus": {"dropout": 0.0},
    "uformer-b": {"drop_path": 0.0},
}


def crops(count: int, frames: int = 1, channels: int = 6, side: int = 16) -> Batch:
    generator = torch.Generator().manual_seed(5)
    x, target = (torch.rand(count, c, side, side, generator=generator) for c in (channels, 3))
    place = torch.zeros(count, 2).long()
    return Batch(x, target, place, place + side, frames, tuple(f"{n}.png" for n in range(count)))


class Net(nn.Module):
    """Runs out of memory where more than `room` crops come at once; draws random numbers."""

    def __init__(self, room: int = 99) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.room = nn.Conv2d(6, 3, 3, padding=1), room
        self.seen: list[int] = []
        self.drawn: list[float] = []

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        self.seen.append(len(x))
        self.drawn.append(torch.rand(()).item())
        if len(x) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        output: Tensor = self.layer(x)
        return output


class Fits:
    """In place of the accounting: `room` crops fit."""

    def __init__(self, room: int) -> None:
        self.room, self.asked = room, list[tuple[int, int, int]]()

    def crops_that_fit(self, side: int, frames: int, free: int) -> int:
        self.asked.append((side, frames, free))
        return self.room


def step_of(network: nn.Module, memory: Any = None, **changes: Any) -> TrainStep:
    settings = compute(**changes.pop("settings", {}))
    return TrainStep(network, recipe(**changes), settings, CPU, memory=memory)


def take(train_step: TrainStep, batch: Batch) -> list[Tensor]:
    train_step.network.train()
    train_step.step(batch, len(batch.target), 1e-3, "step 0")
    return [value.detach().clone() for value in train_step.network.parameters()]


@pytest.mark.parametrize(
    ("setting", "accumulate", "sizes"),
    [
        (None, 1, [7]), ("auto", 1, [7]), (7, 1, [7]), (4, 1, [4, 3]), (3, 1, [3, 2, 2]),
        (1, 1, [1] * 7), (4, 3, [3, 2, 2]), (None, 3, [3, 2, 2]), (99, 9, [1] * 7),
    ],
)  # fmt: skip
def test_at_most_so_many_crops_at_once(setting: Any, accumulate: int, sizes: list[int]) -> None:
    network = Net()
    settings = {"max_crops_per_pass": setting}
    train_step = step_of(network, accumulate=accumulate, settings=settings)
    take(train_step, crops(7))
    assert network.seen == sizes
    assert train_step.passes.used == {"16": max(sizes)}


def test_clips_stay_whole() -> None:
    for most, expected in ((1, [4, 4, 4]), (4, [4, 4, 4]), (7, [4, 4, 4]), (8, [8, 4]), (12, [12])):
        train_step = step_of(Net(), settings={"max_crops_per_pass": most})
        parts = train_step.passes.parts(crops(12, frames=4))
        assert [len(part.target) for part in parts] == expected
    assert train_step.passes.parts(crops(0)) == []


def test_auto_asks_for_each_size_of_crop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "free_bytes", lambda _: 5000)
    memory, network = Fits(4), Net()
    train_step = step_of(network, memory)
    for side in (16, 24, 16):
        take(train_step, crops(6, side=side))
    train_step.passes.parts(crops(8, frames=4, side=24))
    assert network.seen == [3, 3] * 3
    assert memory.asked == [(16, 1, 5000), (24, 1, 5000), (24, 4, 5000)]


def test_on_a_cpu_auto_is_no_limit() -> None:
    memory, network = Fits(1), Net()
    take(step_of(network, memory), crops(8))
    assert (network.seen, memory.asked) == ([8], [])
    assert passes.free_bytes(CPU) is None


def test_the_accounting_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = trainee("dmtnet-b")
    kwargs = experiment().trained_kwargs("dmtnet-b")
    memory = TrainingMemory(subject.method, kwargs, subject.recipe, compute())
    batch = subject.recipe.batch_size
    need = memory.state + memory.one_pass(SIDE, 1, batch).of(2)
    for free, largest in ((need / USABLE + 1000, 2), (need / USABLE - 1000, 1), (0, 1)):
        monkeypatch.setattr(passes, "free_bytes", lambda _, free=free: int(free))
        train_step = TrainStep(subject.network, subject.recipe, compute(), CPU, memory=memory)
        parts = train_step.passes.parts(crops(4, side=SIDE))
        assert max(len(part.target) for part in parts) == largest


@pytest.mark.parametrize("name", [*TRAINED, "rdpd-plus clips"])
def test_parts_add_up_to_the_batch(name: str) -> None:
    name, _, clips = name.partition(" ")
    subject = trainee(name)
    kwargs = {**experiment().trained_kwargs(name), **subject.recipe.kwargs}
    torch.manual_seed(0)
    network = subject.method.build(**{**kwargs, **WITHOUT_DROPOUT.get(name, {})})
    frames = 2 if clips else 1
    single = crops(3 * frames, frames, 3 * len(subject.method.views), SIDE)
    # In double precision, what is left of rounding is far below any other difference.
    batch, network = replace(single, x=single.x.double()), network.double()

    def gradients(most: int) -> list[Tensor]:
        settings = compute(max_crops_per_pass=most)
        train_step = TrainStep(network, subject.recipe, settings, CPU)
        parts = train_step.passes.parts(batch)
        assert len(parts) == (1 if most > 3 else 3)
        train_step._gradients(parts, len(batch.target))
        found = [value.grad.clone() for value in network.parameters() if value.grad is not None]
        train_step.optimizer.zero_grad(set_to_none=True)
        return found

    network.train()
    whole, parts = gradients(9), gradients(frames)
    assert len(whole) == len(parts) > 0
    scale = max(value.abs().max().item() for value in whole)
    for one, two in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6 * scale)


def test_out_of_memory_halves_once_and_repeats_the_same_step() -> None:
    network = Net(room=4)
    train_step = step_of(network)
    after = take(train_step, crops(8))
    assert network.seen == [8, 4, 4]
    # The same random numbers, and gradients of this attempt alone.
    assert network.drawn[0] == network.drawn[1]
    alone = take(step_of(Net(), settings={"max_crops_per_pass": 4}), crops(8))
    assert all(torch.equal(one, two) for one, two in zip(after, alone, strict=True))
    assert train_step.passes.used == {"16": 4}
    take(train_step, crops(8))
    assert network.seen == [8, 4, 4, 4, 4]
    # Crops of another size have a chance of their own.
    take(train_step, crops(8, side=24))
    assert network.seen[-3:] == [8, 4, 4]


def test_gradients_of_a_failed_attempt_are_forgotten() -> None:
    """The first part fits, the second does not."""
    network = Net()
    train_step = step_of(network, accumulate=2)
    fail = iter([False, True])

    def forward(x: Tensor, **_: Any) -> Tensor:
        if next(fail, False):
            raise torch.OutOfMemoryError
        result: Tensor = network.layer(x)
        return result

    network.forward = forward  # type: ignore[method-assign, assignment]
    found = take(train_step, crops(8))
    expected = take(step_of(Net(), accumulate=4), crops(8))
    assert all(torch.equal(one, two) for one, two in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("room", "setting", "remedy"),
    [
        (3, "auto", "4 crops of 16 pixels at once; in the experiment file, set {}: 2, "),
        (0, 1, "1 crops of 16 pixels at once; in the experiment file, set compute.activation"),
        (4, 8, "8 crops of 16 pixels at once; in the experiment file, set {}: 4, "),
        (4, None, "8 crops of 16 pixels at once; in the experiment file, set {}: 4, "),
    ],
)  # fmt: skip
def test_no_memory_is_one_clear_error(room: int, setting: Any, remedy: str) -> None:
    network = Net(room)
    train_step = step_of(network, settings={"max_crops_per_pass": setting})
    with pytest.raises(NoMemory) as caught:
        take(train_step, crops(8))
    text = str(caught.value)
    assert text.startswith("out of memory on cpu with ")
    assert remedy.format("compute.max_crops_per_pass") in text
    assert "compute.activation_checkpointing: true or compute.precision: bfloat16" in text
    assert "\n" not in text


def test_batch_statistics_are_never_divided_by_themselves() -> None:
    network = Net(room=4)
    network.norm = nn.BatchNorm2d(6)
    with pytest.raises(NoMemory, match=r"set compute\.max_crops_per_pass: 4"):
        take(step_of(network), crops(8))
    assert network.seen == [8]


def test_other_errors_pass() -> None:
    class Broken(Net):
        def forward(self, x: Tensor, **_: Any) -> Tensor:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        take(step_of(Broken()), crops(8))


def test_a_resumed_training_keeps_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "free_bytes", lambda _: 5000)
    first = step_of(Net(), Fits(4))
    take(first, crops(8))
    state = first.passes.state_dict()
    # More is free now; the same device takes the same number.
    second, network = Fits(8), Net()
    resumed = step_of(network, second)
    resumed.passes.load_state_dict(state)
    take(resumed, crops(8))
    assert (network.seen, second.asked) == ([4, 4], [])
    # Another device chooses anew.
    monkeypatch.setattr(passes, "device_name", lambda _: "another GPU")
    network = Net()
    moved = step_of(network, second)
    moved.passes.load_state_dict(state)
    take(moved, crops(8))
    assert network.seen == [8]
    assert moved.passes.used == {"16": 8}


def test_the_state_on_disk_holds_the_parts(tmp_path: Path) -> None:
    first = tiny_step()
    first.passes.load_state_dict({"device": "cpu", "limits": {"16": 2}, "used": {"16": 1}})
    checkpointer(tmp_path).at_end(TrainState(step=1), first)
    resumed = tiny_step()
    checkpointer(tmp_path).restore(resumed)
    assert resumed.passes.state_dict() == first.passes.state_dict()


@pytest.mark.parametrize("rank", [0, 1])
def test_only_the_first_part_of_the_main_process_comes_first(
    rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Terms of the first sample are counted once."""
    train_step = step_of(Net(), settings={"max_crops_per_pass": 2})
    train_step.world, seen = World(rank, 2), list[bool]()

    def backward(part: Batch, share: float, first: bool) -> Tensor:
        seen.append(first)
        return torch.zeros(1).double()

    monkeypatch.setattr(train_step, "_backward", backward)
    train_step._gradients(train_step.passes.parts(crops(4)), 8)
    assert seen == [rank == 0, False]


def test_no_memory_in_the_step_of_the_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    train_step = step_of(Net())

    def fail(closure: None = None) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    # Adam allocates its moments in the first step.
    monkeypatch.setattr(train_step.optimizer, "step", fail)
    with pytest.raises(NoMemory, match="in the step of the optimizer; take a device with more"):
        take(train_step, crops(2))
