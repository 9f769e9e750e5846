"""Overhead of the training loop compared with bare steps: data, logging, checks and states.

    python -m benchmarks.loop_overhead --threads 2 --csv loop.csv

Steps of the loop behind `dmtbench train` alternate with bare steps: forward, loss, backward and
Adam on a batch in memory. Steps of the loop read their crops from a pixel store (without
`--workers`, nothing is read ahead), check loss and gradient, update a progress file and check for a
stop request. Shares are relative to the time of the bare steps. `state`: time to write a state
divided by the interval between states. The first step of each kind does not count; validation is
not overhead and is left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from benchmarks.crop_settings import PATCHES, VIEWS, compute, recipe
from benchmarks.dmtnet_process import PRECISIONS
from benchmarks.images import write_store
from benchmarks.table import as_csv
from benchmarks.timing import timed
from dmtnet import build
from pipeline.compute.device import autocast, memory_format
from pipeline.compute.distributed import ALONE
from pipeline.config.blocks import Compute
from pipeline.config.recipe import Recipe
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.files import write_text
from pipeline.gpu_check.waiting import StopTraining, TimedLoader
from pipeline.training.checkpointing import CheckpointPolicy, FileCheckpointer, checkpointing
from pipeline.training.loop import CurvePoint, Step, TrainState, train
from pipeline.training.loss import charbonnier
from pipeline.training.optimizer import make_optimizer
from pipeline.training.progress import Progress
from pipeline.training.train_step import TrainStep

LIMIT = 0.02
SCENES, SAVES = 4, 3
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Row:
    """One variant and precision: median seconds of a step, and shares of the bare steps' time."""

    variant: str
    precision: str
    steps: int
    loop_s: float
    bare_s: float
    data: float
    logging: float
    checks: float
    state: float
    overhead: float


class AlternatingSteps:
    """An observer that runs a bare step after every step of the loop.

    Args:
        progress: receives every step of the loop; the time it takes is logging.
        bare: a bare step.
        steps: steps to time of each kind, after a first one.
    """

    def __init__(self, progress: Progress, bare: Callable[[], None], steps: int) -> None:
        self.progress, self.bare, self.steps = progress, bare, steps
        self.loop_s: list[float] = []
        self.bare_s: list[float] = []
        self.logging_s: list[float] = []
        self._since = time.perf_counter()

    def step(self, step: Step, total: int) -> None:
        self.logging_s.append(timed(lambda: self.progress.step(step, total))[0])
        self.loop_s.append(time.perf_counter() - self._since)
        self.bare_s.append(timed(self.bare)[0])
        if len(self.loop_s) > self.steps:
            raise StopTraining
        self._since = time.perf_counter()

    def epoch(self, point: CurvePoint) -> None:
        raise AssertionError("too few windows")


class ExposedCheckpointer:
    """A checkpointer that exposes the state it saves."""

    def __init__(self, checkpointer: FileCheckpointer) -> None:
        self.checkpointer = checkpointer
        self.saved: tuple[TrainState, TrainStep] | None = None

    def restore(self, train_step: TrainStep) -> TrainState:
        return self.checkpointer.restore(train_step)

    def after_step(self, state: TrainState, train_step: TrainStep) -> None:
        self.saved = state, train_step
        self.checkpointer.after_step(state, train_step)

    def at_end(self, state: TrainState, train_step: TrainStep) -> None:
        raise AssertionError("too few windows")

    def save_s(self) -> float:
        """Seconds to write a state that includes the best weights."""
        assert self.saved is not None
        state, train_step = self.saved
        state.best_state = train_step.network.state_dict()
        return median(
            timed(lambda: self.checkpointer.at_end(state, train_step))[0] for _ in range(SAVES)
        )


def bare_step(variant: str, settings: Recipe, machine: Compute) -> Callable[[], None]:
    """A training step on a batch of random numbers, in the memory layout of the loop's."""
    assert isinstance(settings.crop, int)
    layout = memory_format(machine)
    network = build(variant).train().to(memory_format=layout)  # type: ignore[call-overload]
    optimizer = make_optimizer(network, settings)
    x = torch.rand(settings.batch_size, 3 * len(VIEWS), settings.crop, settings.crop)
    x = x.contiguous(memory_format=layout)
    target = torch.rand(settings.batch_size, 3, settings.crop, settings.crop)

    def step() -> None:
        with autocast(machine, CPU):
            prediction = network(x)
        charbonnier(prediction.float(), target, settings.charbonnier_eps).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def measure(
    variant: str, precision: str, store: PixelStore, folder: Path, options: argparse.Namespace
) -> Row:
    windows = index_windows(store, PATCHES)
    passes = -(-(options.steps + 1) * options.batch // len(windows))
    settings = recipe(options.batch, options.crop, passes)
    machine = Compute.model_validate(
        compute(options.workers).model_dump()
        | {"torch_threads": options.threads, "precision": precision, "channels_last": True}
    )
    loader = TimedLoader(store, windows, views=VIEWS, recipe=settings, compute=machine, seed=0)
    train_step = TrainStep(build(variant), settings, machine, CPU)
    every_s = machine.save_every_s
    with (
        checkpointing(CheckpointPolicy(folder / "state", every_s), {}, ALONE) as checkpointer,
        Progress(variant, folder / "progress.json") as progress,
    ):
        observer = AlternatingSteps(progress, bare_step(variant, settings, machine), options.steps)
        exposed = ExposedCheckpointer(checkpointer)
        with suppress(StopTraining):
            train(train_step, store=store, loader=loader, observer=observer, checkpointer=exposed)
        save_s = exposed.save_s()
        checkpointer.store.remove()
    looped, bare = sum(observer.loop_s[1:]), sum(observer.bare_s[1:])
    data, logging = sum(loader.waits[1:]) / bare, sum(observer.logging_s[1:]) / bare
    beyond, state = looped / bare - 1, save_s / every_s
    return Row(
        variant=variant,
        precision=precision,
        steps=options.steps,
        loop_s=median(observer.loop_s[1:]),
        bare_s=median(observer.bare_s[1:]),
        data=data,
        logging=logging,
        checks=beyond - data - logging,
        state=state,
        overhead=beyond + state,
    )


def as_text(rows: Sequence[Row]) -> str:
    lines = ["  precision  loop s  bare s    data logging  checks   state overhead"]
    lines += [
        f"{row.variant.upper()} {row.precision:9s} {row.loop_s:7.3f} {row.bare_s:7.3f} "
        f"{row.data:7.2%} {row.logging:7.2%} {row.checks:7.2%} {row.state:7.2%} "
        f"{row.overhead:8.2%}"
        for row in rows
    ]
    return "\n".join([*lines, f"overhead: limit {LIMIT:.0%}"])


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.loop_overhead",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--variants", nargs="+", choices=tuple("tsblh"))
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument(
        "--steps", type=int, default=30, help="steps of each kind, after a first one"
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=128, help="side in pixels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="processes that read crops ahead")
    parser.add_argument("--csv", type=Path, help="file to write the table to")
    options = parser.parse_args(arguments)
    options.variants = options.variants or ["t", "b"]
    if min(options.steps, options.batch, options.threads) < 1 or options.crop < 16:
        parser.error("--steps, --batch and --threads must be at least 1, --crop at least 16")
    return options


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        store = write_store(Path(name) / "store", SCENES)
        for variant in options.variants:
            for precision in options.precisions:
                print(f"DMTNet-{variant.upper()}, {precision}", file=sys.stderr, flush=True)
                rows.append(measure(variant, precision, store, Path(name), options))
                if options.csv:
                    write_text(options.csv, as_csv(rows))
    print(as_text(rows))


if __name__ == "__main__":
    main()
