"""What processes send each other: sums of gradients in few messages, and the state of rank 0."""

from __future__ import annotations

import os
import resource
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from support.miniatures import compute, narrow, recipe
from torch import Tensor, distributed, multiprocessing, nn

from pipeline.compute import buckets
from pipeline.compute.distributed import ALONE, World, _backends, world
from pipeline.data.sampling.loader import Batch
from pipeline.errors import ConfigError, Disconnected
from pipeline.training.train_step import TrainStep

CPU = torch.device("cpu")
STATE_MIB, TENSORS = 192, 48


class Various(nn.Module):
    """Parameters of two types and several layouts, one of them larger than a bucket."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(8, 8, 3)
        self.large = nn.Parameter(torch.zeros(50, 100))
        self.precise = nn.Parameter(torch.zeros(7, dtype=torch.float64))
        self.here_only = nn.Parameter(torch.zeros(3))
        self.nowhere = nn.Parameter(torch.zeros(3))
        self.fixed = nn.Parameter(torch.zeros(3), requires_grad=False)
        self.last = nn.Linear(5, 5)


def run(rank: int, size: int, port: int, task: Callable[[World, Path], object], to: Path) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size)}
    torch.set_num_threads(1)
    with world(CPU) as together:
        torch.save(task(together, to), to / f"{rank}.pt")


def on_each_rank(task: Callable[[World, Path], object], folder: Path, size: int = 2) -> list[Any]:
    """What `task` returns in each of several processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(run, (size, port, task, folder), size)  # type: ignore[no-untyped-call]
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(size)]


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Counts collectives."""
    names, counts = ("all_reduce", "all_gather_object", "broadcast"), Counter[str]()
    originals = {name: getattr(distributed, name) for name in names}

    def counting(name: str) -> Callable[..., object]:
        def call(*arguments: Any, **options: Any) -> object:
            counts[name] += 1
            return originals[name](*arguments, **options)

        return call

    for name in names:
        setattr(distributed, name, counting(name))
    try:
        yield counts
    finally:
        for name, original in originals.items():
            setattr(distributed, name, original)


def sums(together: World, _: Path) -> dict[str, Any]:
    """Sums in buckets of 8 KiB, and one by one, as a plain loop makes them."""
    buckets.BUCKET_BYTES = 8192
    torch.manual_seed(together.rank)
    network = Various()
    for name, value in network.named_parameters():
        absent = name in ("nowhere", "fixed") or (name == "here_only" and together.rank == 1)
        if not absent:
            value.grad = torch.randn(value.shape, dtype=value.dtype)
    weight = network.first.weight
    if together.rank == 0 and weight.grad is not None:
        weight.grad = weight.grad.to(memory_format=torch.channels_last)
    plain = {
        name: torch.zeros_like(value)
        if value.grad is None
        else value.grad.clone(memory_format=torch.contiguous_format)
        for name, value in network.named_parameters()
    }
    for value in plain.values():
        distributed.all_reduce(value)
    with counted() as counts:
        together.all_reduce_gradients(network)
    grads = {name: value.grad for name, value in network.named_parameters()}
    return {"plain": plain, "grads": grads, "counts": counts}


@pytest.mark.parametrize("size", [2, 3])
def test_sums_in_buckets_are_those_of_a_plain_loop(tmp_path: Path, size: int) -> None:
    found = on_each_rank(sums, tmp_path, size)
    again = on_each_rank(sums, tmp_path, size)
    for one, two in zip(found, again, strict=True):
        # What is present; the large parameter; the others; those of the other type.
        assert one["counts"] == {"all_reduce": 4}
        for name, grad in one["grads"].items():
            if name in ("nowhere", "fixed"):
                assert grad is None
                continue
            torch.testing.assert_close(grad, one["plain"][name], rtol=0, atol=1e-6)
            # Of two numbers there is only one sum; of more, only the order may differ.
            assert size > 2 or torch.equal(grad, one["plain"][name])
            assert torch.equal(grad, found[0]["grads"][name])
            assert torch.equal(grad, two["grads"][name])


def some_steps(together: World, _: Path) -> Counter[str]:
    """Three steps with crops on the main process only; the collectives that they took."""
    train_step = TrainStep(narrow(), recipe(), compute(), CPU, together)
    count = 2 if together.is_main else 0
    x, place = torch.rand(count, 6, 16, 16), torch.zeros(count, 2, dtype=torch.int64)
    batch = Batch(x, x[:, :3], place, place + 16)
    with counted() as counts:
        for number in range(3):
            train_step.step(batch, 2, 1e-3, f"step {number}")
    return counts


def test_a_step_takes_three_collectives(tmp_path: Path) -> None:
    # What is present, gradients, loss.
    assert on_each_rank(some_steps, tmp_path) == [{"all_reduce": 9}] * 2


def nested(together: World, _: Path) -> tuple[object, list[tuple[int, ...]]]:
    image = torch.arange(120.0).view(1, 2, 3, 20).to(memory_format=torch.channels_last)
    tensors = {"image": image, "step": torch.tensor(3.0), "bytes": torch.arange(5).byte()}
    sent = {"state": {0: tensors}, "curve": [1.5, None], "empty": torch.empty(0)}
    got: Any = together.broadcast(sent if together.is_main else None)
    return got, [got["state"][0]["image"].stride()]


def test_nested_data_of_the_main_process(tmp_path: Path) -> None:
    (first, strides), (second, same) = on_each_rank(nested, tmp_path)
    assert strides == same
    assert first["curve"] == second["curve"] == [1.5, None]
    for name, value in first["state"][0].items():
        assert torch.equal(value, second["state"][0][name])
        assert value.dtype == second["state"][0][name].dtype
    assert second["empty"].shape == (0,)
    assert ALONE.broadcast(3) == 3


def growth(together: World, _: Path) -> float:
    """MiB by which the peak memory of a process grows while it takes part in a broadcast."""
    count = STATE_MIB * 2**18 // TENSORS
    state: list[Tensor] | None = None
    if together.is_main:
        state = [torch.rand(count) for _ in range(TENSORS)]
    together.gather(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    together.broadcast(state)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def test_the_main_process_holds_no_second_copy(tmp_path: Path) -> None:
    sends, receives = on_each_rank(growth, tmp_path)
    # Two buckets, and what the first messages allocate once.
    assert sends < STATE_MIB / 2
    assert receives < 1.5 * STATE_MIB


def fails(together: World, _: Path) -> None:
    if together.is_main:
        raise ConfigError("of the main process")
    with pytest.raises(Disconnected):
        together.broadcast(None)


def test_who_waits_for_a_broadcast_learns_of_a_failure(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="of the main process"):
        on_each_rank(fails, tmp_path)
    assert (tmp_path / "1.pt").exists()


def test_the_host_never_waits_for_a_gpu() -> None:
    kinds = distributed.BackendConfig(distributed.Backend(_backends(torch.device("cuda"))))
    assert kinds.get_device_backend_map() == {"cpu": "gloo", "cuda": "nccl"}
    assert _backends(CPU) == "cpu:gloo"
