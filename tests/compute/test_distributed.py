"""One definition of a batch: processes and parts change nothing but the rounding."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from support.miniatures import VIEWS, Watcher, compute, narrow, random_scene, recipe, write_store
from torch import Tensor, multiprocessing, nn

from pipeline.compute.device import prepare_device
from pipeline.compute.distributed import ALONE, World, world
from pipeline.config.blocks import Patches
from pipeline.data.sampling.loader import Batch, CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.errors import Stopped, UserError
from pipeline.training.checkpointing import CheckpointPolicy, checkpointing
from pipeline.training.loop import Step, train
from pipeline.training.train_step import TrainStep

CPU = torch.device("cpu")
STEPS = 50
# Batches of three of eight windows: uneven parts, and a last one of two.
HOW: dict[str, Any] = {
    "epochs": 17,
    "batch_size": 3,
    "validations": 2,
    "max_steps": STEPS,
    "max_grad_norm": 1.0,
    "learning_rate": 1e-3,
}
Result = tuple[dict[str, Tensor], list[float], float]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two training scenes and three to validate."""
    scenes = [
        (split, random_scene(2, 5, number).repeat(8, 1).repeat(8, 2))
        for number, split in enumerate(("train", "train", "val", "val", "val"))
    ]
    path = tmp_path_factory.mktemp("distributed") / "store"
    write_store(path, scenes)
    return path


def trained(
    folder: Path,
    together: World = ALONE,
    device: torch.device = CPU,
    precision: str = "float32",
    state: Path | None = None,
    watcher: Watcher | None = None,
    **changes: Any,
) -> Result:
    """Weights after the last step, the losses of the steps and the last validation PSNR.

    With `state`, the training is saved there after every step, and resumed from there.
    """
    torch.set_num_threads(1)
    store, settings = PixelStore(folder), recipe(**HOW).model_copy(update=changes)
    machine = compute(precision=precision, device=device.type)
    windows = index_windows(store, Patches(size=16, overlap=0.5, discard=0))
    loader = CropLoader(
        store, windows, views=VIEWS, recipe=settings, compute=machine, seed=7, world=together
    )
    network, watcher = narrow(), watcher or Watcher()
    train_step = TrainStep(network, settings, machine, device, together)
    with ExitStack() as kept:
        checkpointer = state and kept.enter_context(
            checkpointing(CheckpointPolicy(state, every_s=0), {}, together)
        )
        result = train(
            train_step, store=store, loader=loader, observer=watcher, checkpointer=checkpointer
        )
    weights = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
    assert result.curve[-1].psnr is not None
    return weights, [step.loss for step in watcher.steps], result.curve[-1].psnr


class Ends(Watcher):
    """Ends the training in its step 20."""

    def step(self, step: Step, total: int) -> None:
        super().step(step, total)
        if step.number == 20:
            raise Stopped("here")


def one_of(
    rank: int, size: int, port: int, folder: Path, kind: str, changes: dict[str, Any]
) -> None:
    """A process of several, as `torchrun` starts it; writes what it found."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
    device = prepare_device(compute(device=kind), 0)
    with world(device) as together:
        assert together == World(rank, size)
        if "state" in changes:
            with pytest.raises(Stopped, match="here"):
                trained(folder, together, device, watcher=Ends(), **changes)
        torch.save(trained(folder, together, device, **changes), folder / f"found-{rank}.pt")


def together(folder: Path, size: int, kind: str = "cpu", **changes: Any) -> list[Result]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(one_of, (size, port, folder, kind, changes), size)  # type: ignore[no-untyped-call]
    return [torch.load(folder / f"found-{rank}.pt") for rank in range(size)]


def agree(one: Result, two: Result) -> None:
    assert len(one[1]) == STEPS
    for name, value in one[0].items():
        torch.testing.assert_close(two[0][name], value, rtol=0, atol=1e-5)
    torch.testing.assert_close(two[1], one[1], rtol=0, atol=1e-5)
    assert two[2] == pytest.approx(one[2], abs=1e-3)


def test_two_processes_and_two_parts_agree_with_one_process(folder: Path) -> None:
    alone = trained(folder)
    # The weights have moved further than they may differ.
    start = narrow().state_dict()
    assert max(float((alone[0][name] - start[name]).abs().max()) for name in start) > 1e-2
    first, second = together(folder, 2)
    assert all(torch.equal(first[0][name], second[0][name]) for name in first[0])
    assert first[1:] == second[1:]
    agree(alone, first)
    agree(alone, trained(folder, accumulate=2))


def test_two_processes_resume_bit_by_bit(folder: Path, tmp_path: Path) -> None:
    changes = {"optimizer": "adamw", "weight_decay": 0.01, "ema": 0.9}
    undisturbed = together(folder, 2, **changes)
    resumed = together(folder, 2, state=tmp_path / "state", **changes)
    for one, two in zip(undisturbed, resumed, strict=True):
        assert all(torch.equal(one[0][name], two[0][name]) for name in one[0])
        assert one[1][20:] == two[1]
        assert one[2] == two[2]


def test_in_float16_processes_scale_and_skip_together(folder: Path) -> None:
    first, second = together(folder, 2, precision="float16")
    assert all(torch.equal(first[0][name], second[0][name]) for name in first[0])
    assert first[1:] == second[1:]
    assert first[1][-1] < first[1][0]


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_two_gpus_agree_with_one(folder: Path) -> None:
    agree(trained(folder, device=torch.device("cuda", 0)), together(folder, 2, "cuda")[0])


def test_more_processes_than_crops(folder: Path) -> None:
    # Of each batch of one crop, one of two processes gets nothing.
    changes = {"batch_size": 1, "epochs": 7}
    agree(trained(folder, **changes), together(folder, 2, **changes)[0])


def test_terms_of_the_first_sample_count_once(folder: Path) -> None:
    changes = {"losses": {"charbonnier": 1.0, "edge_3": 5.0}}
    alone = trained(folder, **changes)
    agree(alone, trained(folder, accumulate=3, **changes))
    agree(alone, together(folder, 2, **changes)[0])


def test_a_batch_in_parts() -> None:
    numbers = torch.arange(12.0)
    batch = Batch(
        numbers.view(6, 2),
        numbers.view(6, 2),
        numbers.view(6, 2),
        numbers.view(6, 2),
        2,
        (*"aabbcc",),
    )
    for count, sizes in ((1, [6]), (2, [4, 2]), (3, [2, 2, 2]), (5, [2, 2, 2])):
        parts = batch.parts(count)
        assert [len(part.target) for part in parts] == sizes
        assert torch.cat([part.x for part in parts]).equal(batch.x)
        assert "".join("".join(part.scenes) for part in parts) == "aabbcc"
        assert all(part.frames == 2 for part in parts)
    empty = torch.empty(0, 2)
    assert Batch(empty, empty, empty, empty).parts(3) == []


def test_a_parameter_without_gradients_stays_so() -> None:
    network = nn.Linear(2, 2)
    World(0, 1).all_reduce_gradients(network)
    assert network.weight.grad is None


def test_alone_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with world(CPU) as found:
        assert found is ALONE
        assert found.is_main
        assert found.gather(3) == [3]
        assert found.share([4, 5]) == [4, 5]
        assert found.any(True)
        assert not found.any(False)


def test_a_training_that_diverges_ends_in_every_process(folder: Path) -> None:
    with pytest.raises(UserError, match="became"):
        trained(folder, learning_rate=1e30)
