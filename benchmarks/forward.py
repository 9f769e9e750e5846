"""Speed and memory of the published networks on this machine.

    python -m benchmarks.forward kpac restormer --size 256 --passes 3 --csv forward.csv

Each network runs at full width, with random weights, on one random image, in its own process.
Time is the median of the passes without the first. A FLOP is one multiplication or one addition:
two per multiply-accumulate in fvcore's count, which leaves activations out. A 3x3 convolution from
64 to 64 channels runs between the passes; its best rate in the whole run represents the machine's
speed. `cores`: CPU time divided by wall time; below the number of threads if the machine was busy.
Memory is the peak of the first pass above the process's memory before it, network and image
included. `--full` adds 1120 x 1680, one pass each. Without METHOD: all networks of the method list,
of the DMTNet series T, B and H.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.forward_process import Forward, ForwardError, forward_in_process
from benchmarks.table import as_csv
from pipeline.config.experiment import Experiment, load_experiment, load_methods
from pipeline.data.canon import CANON_SIZE
from pipeline.errors import UserError
from pipeline.evaluation.complexity import count_complexity
from pipeline.files import write_text
from pipeline.gpu_check.rates import CONVOLUTION_MACS
from pipeline.methods import get_method

Measured = tuple[str, tuple[int, int], int, Forward]
SKIPPED_VARIANTS = ("dmtnet-s", "dmtnet-l")


@dataclass(frozen=True)
class Row:
    """One network at one size.

    `cores`: CPU time divided by wall time; below `threads` if other work ran on the machine.
    `share`: share of the best convolution's rate.
    """

    method: str
    height: int
    width: int
    threads: int
    passes: int
    milliseconds: float
    cores: float
    gflop: float
    gflop_per_s: float
    convolution_gflop_per_s: float
    share: float
    peak_mib: float


def default_methods(experiment: Experiment | None) -> list[str]:
    """All networks; of the DMTNet series the smallest, the middle and the largest."""
    names = [
        name for name in (experiment or load_methods()).methods if name not in SKIPPED_VARIANTS
    ]
    kinds = {name: get_method(name, experiment).entry.kind for name in names}
    return [name for name in names if kinds[name] == "end-to-end"]


def macs_of(name: str, size: tuple[int, int], experiment: Experiment | None, cache: Path) -> int:
    """fvcore's multiply-accumulates; at full size from the records used by the tables."""
    folder = cache if size == CANON_SIZE else cache / f"{size[0]}x{size[1]}"
    return count_complexity(get_method(name, experiment), size, folder).flops_fvcore


def rows_of(measured: Sequence[Measured], threads: int) -> list[Row]:
    """Rates and shares from `(method, size, multiply-accumulates, forward passes)`."""
    seconds = [value for *_, forward in measured for value in forward.convolutions]
    best = 2e-9 * CONVOLUTION_MACS / min(seconds) if seconds else float("nan")
    rows = []
    for name, (height, width), macs, forward in measured:
        warm = slice(1 if len(forward.seconds) > 1 else 0, None)
        times = forward.seconds[warm]
        rate = 2e-9 * macs / median(times)
        rows.append(
            Row(
                method=name,
                height=height,
                width=width,
                threads=threads,
                passes=len(times),
                milliseconds=1e3 * median(times),
                cores=sum(forward.cpu_seconds[warm]) / sum(times),
                gflop=2e-9 * macs,
                gflop_per_s=rate,
                convolution_gflop_per_s=best,
                share=rate / best,
                peak_mib=forward.peak_mib - forward.before_mib,
            )
        )
    return rows


def as_text(rows: Sequence[Row]) -> str:
    head = f"{'method':12s} {'size':>10s} {'ms':>9s} {'cores':>5s} {'GFLOP':>8s} {'GFLOP/s':>8s}"
    lines = [f"{head} {'share':>6s} {'MiB':>7s}"]
    lines += [
        f"{row.method:12s} {row.height:>5d}x{row.width:<4d} {row.milliseconds:9.1f} "
        f"{row.cores:5.2f} {row.gflop:8.1f} {row.gflop_per_s:8.1f} {row.share:6.0%} "
        f"{row.peak_mib:7.0f}"
        for row in rows
    ]
    return "\n".join(lines)


def measure(options: argparse.Namespace) -> tuple[list[Row], bool]:
    """All rows, and whether every network finished; the CSV file is rewritten after each."""
    experiment = None if options.config is None else load_experiment(options.config)
    names = options.methods or default_methods(experiment)
    for name in names:
        get_method(name, experiment)
    sizes = [((options.size, options.size), options.passes)]
    sizes += [(CANON_SIZE, 0)] if options.full else []
    tasks = [(name, size, passes) for size, passes in sizes for name in names]
    measured: list[Measured] = []
    for number, (name, size, passes) in enumerate(tasks, start=1):
        progress = f"[{number}/{len(tasks)}] {name} at {size[0]}x{size[1]}"
        print(f"{progress}: counting, once", file=sys.stderr, flush=True)
        macs = macs_of(name, size, experiment, options.cache)
        print(f"{progress}: running", file=sys.stderr, flush=True)
        try:
            forward = forward_in_process(
                name, size, passes=passes, threads=options.threads, config=options.config
            )
        except ForwardError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            continue
        measured.append((name, size, macs, forward))
        if options.csv:
            write_text(options.csv, as_csv(rows_of(measured, options.threads)))
    return rows_of(measured, options.threads), len(measured) == len(tasks)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.forward",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("methods", nargs="*", metavar="METHOD", help="see `dmtbench methods`")
    parser.add_argument("--size", type=int, default=256, help="side of the image in pixels")
    parser.add_argument("--full", action="store_true", help="also run 1120 x 1680")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--passes", type=int, default=3, help="timed passes at --size; at least 1")
    parser.add_argument("--csv", type=Path, help="file to write the table to")
    parser.add_argument("--config", type=Path, help="experiment file with additional methods")
    parser.add_argument("--cache", type=Path, default=Path("results/complexity"))
    options = parser.parse_args(arguments)
    if min(options.size, options.threads, options.passes) < 1:
        parser.error("--size, --threads and --passes must be at least 1")
    return options


def main() -> None:
    options = parse()
    try:
        rows, complete = measure(options)
        print(as_text(rows))
        if rows:
            print(
                f"share: of the best 3x3 convolution, {rows[0].convolution_gflop_per_s:.1f} GFLOP/s"
            )
    except UserError as error:
        raise SystemExit(f"error: {error}") from error
    if not complete:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
