"""Sums of a network's gradients over two processes on this machine, connected by gloo.

    python -m benchmarks.all_reduce --csv all_reduce.csv

Three ways take turns on gradients of the same shapes: one message per tensor; buckets, as a
training sends them; `DistributedDataParallel`, which sends its buckets during a backward pass (here
that of a sum, which costs next to nothing). Times are those of the slower process; ratios are
medians over the turns. `differ`: largest difference from the sums of one message per tensor.
"""

from __future__ import annotations

import argparse
import os
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from benchmarks.table import as_csv
from benchmarks.timing import timed
from dmtnet import build
from pipeline.compute.distributed import World, world
from pipeline.files import write_text

PROCESSES = 2


@dataclass(frozen=True)
class Row:
    """One variant: gradients in MiB, and medians over the turns in seconds."""

    variant: str
    tensors: int
    mib: float
    one_by_one_s: float
    buckets_s: float
    ddp_s: float
    gain: float
    gain_over_ddp: float
    differ: float
    ddp_differ: float


class Summed(nn.Module):
    """Its output's gradient with respect to each parameter is that parameter's `wanted`."""

    def __init__(self, parameters: Sequence[Tensor], wanted: Sequence[Tensor]) -> None:
        super().__init__()
        self.values = nn.ParameterList(parameters)
        self.wanted = wanted

    def forward(self) -> Tensor:
        products = [
            (value * wanted).sum() for value, wanted in zip(self.values, self.wanted, strict=True)
        ]
        return torch.stack(products).sum()


def one_by_one(gradients: Sequence[Tensor]) -> None:
    for work in [distributed.all_reduce(value, async_op=True) for value in gradients]:
        assert work is not None
        work.wait()


def measure(variant: str, turns: int, together: World) -> Row:
    network = build(variant).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    parameters = list(network.parameters())
    torch.manual_seed(together.rank)
    wanted = [torch.randn_like(value) for value in parameters]
    summed = Summed([value.detach().clone() for value in parameters], wanted)
    parallel = DistributedDataParallel(summed)

    def refill() -> list[Tensor]:
        for value, gradient in zip(parameters, wanted, strict=True):
            value.grad = gradient.clone()
        return [value.grad for value in parameters if value.grad is not None]

    def slowest(work: Callable[[], object]) -> float:
        distributed.barrier()
        return max(together.gather(timed(work)[0]))

    plain: list[Tensor] = []
    times: list[tuple[float, float, float]] = []
    differ = ddp_differ = 0.0
    for _ in range(turns + 1):
        plain = refill()
        first = slowest(partial(one_by_one, plain))
        found = refill()
        second = slowest(lambda: together.all_reduce_gradients(network))
        differ = max(differ, difference(plain, found))
        parallel.zero_grad(set_to_none=True)
        loss = parallel()
        third = slowest(loss.backward)
        # It averages.
        sums = [PROCESSES * value.grad for value in summed.values if value.grad is not None]
        ddp_differ = max(ddp_differ, difference(plain, sums))
        times.append((first, second, third))
    counted = times[1:]
    return Row(
        variant=variant,
        tensors=len(plain),
        mib=sum(value.nbytes for value in plain) / 2**20,
        one_by_one_s=median(time[0] for time in counted),
        buckets_s=median(time[1] for time in counted),
        ddp_s=median(time[2] for time in counted),
        gain=median(time[0] / time[1] for time in counted),
        gain_over_ddp=median(time[2] / time[1] for time in counted),
        differ=differ,
        ddp_differ=ddp_differ,
    )


def difference(one: Sequence[Tensor], two: Sequence[Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, two, strict=True))


def process(rank: int, port: int, variants: Sequence[str], turns: int, target: Path) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(PROCESSES)}
    torch.set_num_threads(1)
    with world(torch.device("cpu")) as together:
        rows = [measure(variant, turns, together) for variant in variants]
    if rank == 0:
        print(as_text(rows))
        write_text(target, as_csv(rows))


def as_text(rows: Sequence[Row]) -> str:
    lines = ["  tensors   MiB  one by one s  buckets s  DDP s  gain  over DDP  differ  DDP differs"]
    lines += [
        f"{row.variant.upper()} {row.tensors:7d} {row.mib:5.0f} {row.one_by_one_s:13.3f} "
        f"{row.buckets_s:10.3f} {row.ddp_s:6.3f} {row.gain:5.1f} {row.gain_over_ddp:9.1f} "
        f"{row.differ:7.0e} {row.ddp_differ:12.0e}"
        for row in rows
    ]
    return "\n".join(lines)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.all_reduce",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--variants", nargs="+", choices=tuple("tsblh"), default=["b", "h"])
    parser.add_argument("--turns", type=int, default=10, help="after a first one")
    parser.add_argument("--csv", type=Path, help="file to write the table to")
    options = parser.parse_args(arguments)
    if options.turns < 1:
        parser.error("--turns must be at least 1")
    return options


def main() -> None:
    options = parse()
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        target = options.csv or Path(folder) / "all_reduce.csv"
        arguments = (port, options.variants, options.turns, target)
        multiprocessing.spawn(process, arguments, PROCESSES)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
