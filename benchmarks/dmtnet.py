"""How fast DMTNet is: against a plain eager implementation, and the convolution rate.

    python -m benchmarks.dmtnet --threads 2 --csv dmtnet.csv
    python -m benchmarks.dmtnet --variants b --tasks training

A forward pass at 1120 x 1680 and a training step (forward, loss and backward) at 8 x 6 x 128 x 128,
in float32 and under bfloat16 autocast, each in a process of its own. Passes of ours, of
`benchmarks.plain_dmtnet` with the same weights, and of a 3x3 convolution from 64 to 64 channels
take turns; times are medians after a first pass. A FLOP is one multiplication or one addition: two
for each multiply-accumulate in fvcore's count, three times as many in a training step. `share`: of
the convolution's best rate in the whole run, in the same precision and in the better of two memory
layouts. `cores`, CPU time by wall time, is below the threads where the machine was busy.
`MiB`: peak of our first pass above what was there before it. `differ`: the largest difference of
an output, or of a gradient, from the plain one's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.convolution import CONVOLUTION_MACS
from benchmarks.dmtnet_process import PRECISIONS, TASKS, Found, Job, in_process
from benchmarks.forward import macs_of
from benchmarks.forward_process import ForwardError
from benchmarks.table import as_csv
from pipeline.data.canon import CANON_SIZE
from pipeline.errors import UserError
from pipeline.files import write_text

VARIANTS = ("t", "b", "h")
STEP_COST = 3
"""A training step over a forward pass, in operations: gradients of maps and of weights beside."""


@dataclass(frozen=True)
class Row:
    """One variant, task and precision; times in milliseconds, medians."""

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
        for precision in PRECISIONS
    ]


def macs_of_job(job: Job, cache: Path) -> int:
    batch, _, *size = job.shape
    macs = batch * macs_of(f"dmtnet-{job.variant}", (size[0], size[1]), None, cache)
    return macs * (STEP_COST if job.task == "training" else 1)


def rows_of(found: Sequence[tuple[Job, int, Found]]) -> list[Row]:
    """Rates and shares of `(job, multiply-accumulates, times)`."""
    best = {
        precision: 2e-9 * CONVOLUTION_MACS / min(times)
        for precision in PRECISIONS
        if (times := [each.convolution for job, _, each in found if job.precision == precision])
    }
    rows = []
    for job, macs, each in found:
        ours, plain = median(each.ours), median(each.plain)
        rate = 2e-9 * macs / ours
        rows.append(
            Row(
                job.variant,
                job.task,
                job.precision,
                "x".join(map(str, job.shape)),
                job.threads,
                job.passes,
                1e3 * ours,
                1e3 * plain,
                plain / ours,
                sum(each.cpu_s) / sum(each.ours),
                2e-9 * macs,
                rate,
                best[job.precision],
                rate / best[job.precision],
                each.peak_mib,
                each.difference,
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
    """All rows, and whether every job came to its end; the CSV file grows on the way."""
    todo = jobs(options)
    found: list[tuple[Job, int, Found]] = []
    for number, job in enumerate(todo, start=1):
        where = f"[{number}/{len(todo)}] DMTNet-{job.variant.upper()}, {job.task}, {job.precision}"
        print(where, file=sys.stderr, flush=True)
        try:
            found.append((job, macs_of_job(job, options.cache), in_process(job)))
        except ForwardError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            continue
        if options.csv:
            write_text(options.csv, as_csv(rows_of(found)))
    return rows_of(found), len(found) == len(todo)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.dmtnet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--variants", nargs="+", choices=("t", "s", "b", "l", "h"))
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--size", nargs=2, type=int, default=CANON_SIZE, help="of the forward pass")
    parser.add_argument("--batch", type=int, default=8, help="of the training step")
    parser.add_argument("--crop", type=int, default=128, help="side, of the training step")
    parser.add_argument("--passes", type=int, default=5, help="after a first one")
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
        rows, whole = measure(options)
    except UserError as error:
        raise SystemExit(f"error: {error}") from error
    print(as_text(rows))
    if not whole:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
