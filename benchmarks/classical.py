"""Layered deconvolution, the second stage of EBDB, DMENet and JNB: its speed and its figures.

    python -m benchmarks.classical speed --size 1120 1680 --levels 33
    python -m benchmarks.classical figures

`speed`: ours on a whole image against the published order of steps (`classical_plain`), in one
run. Of the plain steps only some levels of one channel are run, and their time is scaled to all;
they use one thread. Both images are compared on those pixels. Memory is the peak of ours above
what the process held before. `figures`: PSNR on scenes of known blur beside the reference figures;
gains are in dB over the blurred image, with the true map (the ceiling) and with EBDB's. Status 1
if anything misses its bound.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import partial

from baselines._deconvolution import HyperLaplacian
from baselines.ebdb import ebdb_map
from benchmarks.classical_figures import HEAD, VARIANT, DefocusMap, all_figures
from benchmarks.classical_speed import HIGHEST, LOWEST, compare, make_scene
from pipeline.data.canon import CANON_SIZE

RATIO, SECONDS, DB, BYTES = 5, 120, 0.01, 4 << 30


def speed(options: argparse.Namespace) -> bool:
    """Print ours against the plain steps; whether all bounds hold."""
    height, width = options.size
    solver = HyperLaplacian(options.lam, options.alpha)
    print(
        f"{height}x{width}, {options.levels} levels of sigma {LOWEST:g} to {HIGHEST:g}, "
        f"{options.map} map; {solver}; {options.threads} threads, {os.cpu_count()} cores",
        flush=True,
    )
    scene = make_scene((height, width), options.levels, options.map)
    found = compare(scene, solver, options.threads, options.plain_levels)
    # The bound on the time is that of a whole image.
    whole = height * width >= CANON_SIZE[0] * CANON_SIZE[1]
    checks = [
        (
            f"ours   {found.wall:8.2f} s, {found.cpu_s:.2f} s of CPUs",
            found.wall <= SECONDS or not whole,
        ),
        (
            f"plain  {found.plain_seconds:8.2f} s, scaled from {found.plain_run} of "
            f"{found.plain_all} solutions, one thread",
            True,
        ),
        (f"ratio  {found.ratio:8.1f}, at least {RATIO}", found.ratio >= RATIO),
        (
            f"PSNR   {found.ours_db:8.3f} dB, plain {found.plain_db:.3f} dB, at most {DB} apart",
            abs(found.ours_db - found.plain_db) <= DB,
        ),
        (
            f"memory {found.peak_bytes / 2**20:8.0f} MiB, at most {BYTES >> 20}",
            found.peak_bytes <= BYTES,
        ),
    ]
    for line, holds in checks:
        print(f"{line:70s}  {'ok' if holds else 'MISS'}")
    return all(holds for _, holds in checks)


def figures(defocus_map: DefocusMap | None = None) -> bool:
    """Print all figures; whether they agree with their references.

    Args:
        defocus_map: estimates `[H, W]` from an image `[H, W, 3]`, for the rows of estimated maps.
    """
    print(f"{VARIANT}\n{HEAD}", flush=True)
    agree = []
    for figure in all_figures(defocus_map):
        print(figure, flush=True)
        agree.append(figure.agrees)
    print(f"{sum(agree)} of {len(agree)} figures agree")
    return all(agree)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classical",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    timed = commands.add_parser("speed", help="ours against the published order of steps")
    timed.add_argument("--size", type=int, nargs=2, default=CANON_SIZE, metavar=("H", "W"))
    timed.add_argument("--levels", type=int, default=33)
    timed.add_argument("--map", choices=("smooth", "scattered"), default="smooth")
    timed.add_argument("--lam", type=float, default=16.8, help="weight of the data term")
    timed.add_argument("--alpha", type=float, default=1.5, help="exponent of the prior")
    timed.add_argument("--threads", type=int, default=2)
    timed.add_argument("--plain-levels", type=int, default=5, help="levels of the plain steps")
    commands.add_parser("figures", help="reference figures and ours")
    options = parser.parse_args(arguments)
    if options.command == "speed":
        if min(options.threads, options.plain_levels) < 1 or options.levels < 2:
            parser.error("--threads and --plain-levels must be at least 1, --levels at least 2")
        if options.plain_levels > options.levels:
            parser.error("--plain-levels must be no more than --levels")
    return options


def main() -> None:
    options = parse()
    # The scenes are blurred in their encoded values.
    estimate = partial(ebdb_map, linearize=False)
    holds = figures(estimate) if options.command == "figures" else speed(options)
    if not holds:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
