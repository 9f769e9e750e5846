"""Speed of DMTNet compared with a plain eager implementation and with the convolution rate.

    python -m benchmarks.dmtnet --threads 2 --csv dmtnet.csv
    python -m benchmarks.dmtnet --variants b --tasks training

Runs a forward pass at 1120 x 1680 and a training step (forward, loss and backward) at
8 x 6 x 128 x 128, in float32 and under bfloat16 autocast, each in its own process. Passes of ours,
of `benchmarks.plain_dmtnet` with the same weights, and of a 3x3 convolution from 64 to 64 channels
alternate; times are medians without the first pass. A FLOP is one multiplication or one addition:
two per multiply-accumulate in fvcore's count, three times as many in a training step. `share`:
share of the convolution's best rate in the whole run, in the same precision and in the faster of
two memory layouts. `cores`: CPU time divided by wall time; below the number of threads if the
machine was busy. `MiB`: peak memory of our first pass above the memory before it. `differ`: the
largest difference of an output, or of a gradient, from the plain implementation's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.dmtnet_process import PRECISIONS, TASKS, Job, Times, in_process
from benchmarks.forward import macs_of
from benchmarks.forward_process import ForwardError
from benchmarks.table import as_csv
from pipeline.data.canon import CANON_SIZE
from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.gpu_check.rates import CONVOLUTION_MACS

VARIANTS = ("t", "b", "h")
STEP_COST = 3
"""Operations of a training step divided by those of a forward pass.

The gradients of maps and of weights cost one forward pass each.
"""


@dataclass(frozen=True)
class Row:
    """One variant, task and precision; times are medians in milliseconds."""

    variant: str
    task: str
    precision: str
    size: str
    threads: int
    passes: int
    ours_ms: float
    plain_ms: float
    ratio: float
    cores: float
    gflop: float
    gflop_per_s: float
    convolution_gflop_per_s: float
    share: float
    peak_mib: float
    difference: float


def jobs(options: argparse.Namespace) -> list[Job]:
    shapes = {
        "forward": (1, 6, *options.size),
        "training": (options.batch, 6, options.crop, options.crop),
    }
    return [
        Job(variant, task, precision, shapes[task], options.passes, options.threads)
        for task in options.tasks
        for variant in options.variants
        for precision in options.precisions
    ]


def macs_of_job(job: Job, cache: Path) -> int:
    batch, _, *size = job.shape
    macs = batch * macs_of(f"dmtnet-{job.variant}", (size[0], size[1]), None, cache)
    return macs * (STEP_COST if job.task == "training" else 1)


def rows_of(measured: Sequence[tuple[Job, int, Times]]) -> list[Row]:
    """Rates and shares from `(job, multiply-accumulates, times)`."""
    best = {
        precision: 2e-9 * CONVOLUTION_MACS / min(times)
        for precision in PRECISIONS
        if (times := [each.convolution for job, _, each in measured if job.precision == precision])
    }
    rows = []
    for job, macs, each in measured:
        ours, plain = median(each.ours), median(each.plain)
        rate = 2e-9 * macs / ours
        rows.append(
            Row(
                variant=job.variant,
                task=job.task,
                precision=job.precision,
                size="x".join(map(str, job.shape)),
                threads=job.threads,
                passes=job.passes,
                ours_ms=1e3 * ours,
                plain_ms=1e3 * plain,
                ratio=plain / ours,
                cores=sum(each.cpu_s) / sum(each.ours),
                gflop=2e-9 * macs,
                gflop_per_s=rate,
                convolution_gflop_per_s=best[job.precision],
                share=rate / best[job.precision],
                peak_mib=each.peak_mib,
                difference=each.difference,
            )
        )
    return rows


def as_text(rows: Sequence[Row]) -> str:
    lines = [
        f"  {'task':8s} {'precision':9s} {'size':>13s} {'ms':>9s} {'plain ms':>9s} "
        f"{'ratio':>5s} {'cores':>5s} {'GFLOP':>8s} {'GFLOP/s':>8s} {'share':>5s} "
        f"{'MiB':>6s} differ"
    ]
    lines += [
        f"{row.variant.upper():1s} {row.task:8s} {row.precision:9s} {row.size:>13s} "
        f"{row.ours_ms:9.1f} {row.plain_ms:9.1f} {row.ratio:5.2f} {row.cores:5.2f} "
        f"{row.gflop:8.1f} {row.gflop_per_s:8.1f} {row.share:5.0%} {row.peak_mib:6.0f} "
        f"{row.difference:.0e}"
        for row in rows
    ]
    rates = {row.precision: row.convolution_gflop_per_s for row in rows}
    lines += [f"3x3 convolution, {name}: {rate:.1f} GFLOP/s" for name, rate in rates.items()]
    times = {(row.variant, row.task, row.precision): row.ours_ms for row in rows}
    for (variant, task, precision), milliseconds in times.items():
        other = times.get((variant, task, "float32"))
        if precision == "bfloat16" and other is not None:
            gain = f"{other / milliseconds:.2f} times as fast as float32"
            lines.append(f"{variant.upper()}, {task}: bfloat16 is {gain}")
    return "\n".join(lines)


def measure(options: argparse.Namespace) -> tuple[list[Row], bool]:
    """All rows, and whether every job finished; the CSV file is rewritten after each job."""
    todo = jobs(options)
    measured: list[tuple[Job, int, Times]] = []
    for number, job in enumerate(todo, start=1):
        where = f"[{number}/{len(todo)}] DMTNet-{job.variant.upper()}, {job.task}, {job.precision}"
        print(where, file=sys.stderr, flush=True)
        try:
            measured.append((job, macs_of_job(job, options.cache), in_process(job)))
        except ForwardError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            continue
        if options.csv:
            write_text(options.csv, as_csv(rows_of(measured)))
    return rows_of(measured), len(measured) == len(todo)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.dmtnet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--variants", nargs="+", choices=("t", "s", "b", "l", "h"))
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument(
        "--size", nargs=2, type=int, default=CANON_SIZE, help="size in the forward pass"
    )
    parser.add_argument("--batch", type=int, default=8, help="batch in the training step")
    parser.add_argument("--crop", type=int, default=128, help="side in the training step")
    parser.add_argument("--passes", type=int, default=5, help="timed passes, after a first one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--csv", type=Path, help="file to write the table to")
    parser.add_argument("--cache", type=Path, default=Path("results/complexity"))
    options = parser.parse_args(arguments)
    options.variants = options.variants or list(VARIANTS)
    if min(options.batch, options.passes, options.threads) < 1:
        parser.error("--batch, --passes and --threads must be at least 1")
    if min(*options.size, options.crop) < 16:
        parser.error("--size and --crop must be at least 16")
    return options


def main() -> None:
    options = parse()
    try:
        rows, complete = measure(options)
    except UserError as error:
        raise SystemExit(f"error: {error}") from error
    print(as_text(rows))
    if not complete:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
