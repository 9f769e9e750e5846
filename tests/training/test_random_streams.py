"""What the processes of a training draw: weights alike, masks each for itself."""

from __future__ import annotations

import copy
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from support.miniatures import VIEWS, Watcher, compute, narrow, random_scene, recipe, write_store
from support.ranks import CPU, run_ranks
from support.steps import TRAINED, trainee
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.compute.distributed import ALONE, World
from pipeline.config.blocks import Patches
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.errors import Stopped
from pipeline.training.checkpointing import CheckpointPolicy, checkpointing
from pipeline.training.loop import train
from pipeline.training.random_streams import begin_stream, resume_stream, stream_state
from pipeline.training.train_step import TrainStep

HOW: dict[str, Any] = {"epochs": 4, "batch_size": 4, "validations": 1, "max_steps": 6}
MASKED = ("dpdnet", "rdpd-plus", "uformer-b")


class Draws(TorchDispatchMode):
    """Keeps every random tensor that PyTorch makes where a network learns."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not torch.is_grad_enabled():
            return result
        if torch.Tag.nondeterministic_seeded in func.tags and result.is_floating_point():
            self.found.append(result.detach().clone())
        return result


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.drop = narrow(), nn.Dropout(0.1)

    def forward(self, x: Tensor, **place: Any) -> Tensor:
        return self.inner(self.drop(x), **place)


class StopsAfter(Watcher):
    """Asks the process to stop in its second step."""

    def step(self, step: Any, total: int) -> None:
        super().step(step, total)
        if step.number == 1:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streams") / "store"
    scenes = [
        (split, random_scene(24, 40, number)) for number, split in enumerate(("train", "val"))
    ]
    write_store(path, scenes)
    return path


def trained(
    network: nn.Module,
    folder: Path,
    together: World = ALONE,
    state: Path | None = None,
    watcher: Watcher | None = None,
) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Weights after the last step, and what was drawn."""
    store, settings, machine = PixelStore(folder), recipe(**HOW), compute()
    windows = index_windows(store, Patches(size=16, overlap=0.5, discard=0))
    loader = CropLoader(
        store, windows, views=VIEWS, recipe=settings, compute=machine, seed=7, world=together
    )
    train_step = TrainStep(network, settings, machine, CPU, together)
    parts: dict[str, Any] = {"store": store, "loader": loader, "observer": watcher or Watcher()}
    with Draws() as draws:
        if state is None:
            train(train_step, **parts)
        else:
            policy = CheckpointPolicy(state, every_s=1e9)
            with checkpointing(policy, {"a": 1}, together) as checkpointer:
                train(train_step, checkpointer=checkpointer, **parts)
    return copy.deepcopy(network.state_dict()), draws.found


def differ(one: list[Tensor], two: list[Tensor]) -> bool:
    """Whether two processes drew for crops of the same shape, and never the same."""
    assert one
    assert [value.shape for value in one] == [value.shape for value in two]
    return not any(torch.equal(*pair) for pair in zip(one, two, strict=True))


def equal(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, two[name]) for name, value in one.items())


def masked(together: World, folder: Path) -> dict[str, Any]:
    """For each method, weights before and after training, and what was drawn."""
    found = {}
    for name in MASKED:
        network = trainee(name).network
        start = copy.deepcopy(network.state_dict())
        found[name] = (start, *trained(network, folder, together))
    return found


def resumed(together: World, folder: Path, states: Path) -> dict[str, Any]:
    """What was drawn without an interruption, and after that of a single process."""
    weights, drawn = trained(Dropping(), folder, together)
    with pytest.raises(Stopped):
        trained(Dropping(), folder, together, states / "two", StopsAfter())
    again, rest = trained(Dropping(), folder, together, states / "two")
    assert equal(weights, again)
    assert len(rest) == len(drawn) - 2
    assert all(map(torch.equal, drawn[2:], rest))
    _, changed = trained(Dropping(), folder, together, states / "one")
    return {"drawn": drawn, "changed": changed}


def rank(together: World, folder: Path, results: Path) -> None:
    found = {**masked(together, folder), **resumed(together, folder, results)}
    torch.save(found, results / f"{together.rank}.pt")


@pytest.fixture(scope="module")
def ranks(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes found, after one process alone was interrupted."""
    results = tmp_path_factory.mktemp("ranks")
    with pytest.raises(Stopped):
        trained(Dropping(), folder, ALONE, results / "one", StopsAfter())
    run_ranks(rank, 2, folder, results)
    return [torch.load(results / f"{number}.pt") for number in range(2)]


@pytest.mark.parametrize("name", MASKED)
def test_weights_begin_alike_and_masks_differ(ranks: list[dict[str, Any]], name: str) -> None:
    (start, end, drawn), (other_start, other_end, other_drawn) = (found[name] for found in ranks)
    assert equal(start, other_start)
    assert equal(end, other_end)
    assert differ(drawn, other_drawn)
    # The main process draws what a process alone would.
    network = trainee(name).network
    with Draws() as draws:
        network.train()(torch.zeros(2, 6, 16, 16))
    assert draws.found
    assert all(map(torch.equal, draws.found, drawn))


def test_an_interruption_changes_nothing_and_more_processes_draw_anew(
    ranks: list[dict[str, Any]],
) -> None:
    # What each process did by itself, it has compared.
    assert differ(*(found["drawn"] for found in ranks))
    assert len(ranks[0]["changed"]) == 4
    assert differ(*(found["changed"] for found in ranks))
    # Nobody draws the first masks again.
    for found in ranks:
        assert not any(torch.equal(found["changed"][0], one["drawn"][0]) for one in ranks)


@pytest.mark.slow
def test_no_other_method_draws() -> None:
    def count(name: str) -> int:
        with Draws() as draws:
            trainee(name).gradients()
        return len(draws.found)

    # Input and target of the step are drawn too.
    assert [name for name in TRAINED if count(name) > 2] == [*MASKED]


def stream(rank: int, states: list[dict[str, Any]] | None = None, step: int = 0) -> list[float]:
    """The first numbers of a process's stream, after a change to three processes if `states`."""
    torch.manual_seed(9)
    begin_stream(rank)
    if states is not None:
        resume_stream(states, rank=rank, size=3, step=step, device=CPU)
    return torch.rand(3).tolist()


def test_streams_follow_from_seed_rank_and_step() -> None:
    torch.manual_seed(9)
    assert torch.rand(3).tolist() == stream(0)
    states = [stream_state(CPU)] * 2
    found = [
        *(stream(rank) for rank in range(3)),
        *(stream(rank, states, step) for step in (4, 5) for rank in range(3)),
    ]
    assert len({tuple(numbers) for numbers in found}) == 9
    assert stream(2, states, 5) == found[-1]


def test_a_process_saves_the_generator_of_its_own_device(monkeypatch: pytest.MonkeyPatch) -> None:
    second = torch.device("cuda", 1)
    generators = {torch.device("cuda", 0): torch.zeros(1), second: torch.ones(1)}
    monkeypatch.setattr(torch.cuda, "get_rng_state", generators.__getitem__)
    monkeypatch.setattr(
        torch.cuda, "set_rng_state", lambda state, device: generators.update({device: state})
    )
    state = stream_state(second)
    assert state["cuda"] == [torch.ones(1)]
    generators[second] = torch.zeros(1)
    resume_stream([state], rank=0, size=1, step=3, device=second)
    assert generators == {torch.device("cuda", 0): torch.zeros(1), second: torch.ones(1)}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_continues_with_its_stream_or_with_a_new_one() -> None:
    device = torch.device("cuda", torch.cuda.device_count() - 1)

    def draw() -> list[float]:
        return torch.rand(3, device=device).tolist()

    torch.manual_seed(9)
    first = draw()
    state = stream_state(device)
    following = draw()
    for states, expected in (([state], True), ([stream_state(CPU)], False)):
        torch.manual_seed(9)
        resume_stream(states, rank=0, size=1, step=1, device=device)
        numbers = draw()
        assert (numbers == following) is expected
        assert numbers != first
