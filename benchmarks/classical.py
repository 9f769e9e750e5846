"""Speed and accuracy of the layered deconvolution, the second stage of EBDB, DMENet and JNB.

    python -m benchmarks.classical speed --size 1120 1680 --levels 33
    python -m benchmarks.classical figures

`speed`: compares our implementation on a whole image with the published order of steps
(`classical_plain`) in one run. The plain steps run on one thread, for some levels of one channel
only; their time is scaled to all levels and channels. The two images are compared on those pixels.
Memory is our peak above the process's memory before. `figures`: PSNR on scenes of known blur next
to the reference figures; gains are in dB over the blurred image, with the true map (the upper
bound) and with EBDB's. Exits with status 1 if any bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from baselines._deconvolution import HyperLaplacian
from baselines.ebdb import ebdb_map
from benchmarks.classical_figures import HEAD, VARIANT, DefocusMap, all_figures
from benchmarks.classical_speed import HIGHEST, LOWEST, compare, make_scene
from pipeline.data.canon import CANON_SIZE

RATIO, SECONDS, DB, BYTES = 5, 120, 0.01, 4 << 30


def speed(options: argparse.Namespace) -> bool:
    """Compare our implementation with the plain steps and print both.

    Returns:
        Whether all bounds hold.
    """
    height, width = options.size
    solver = HyperLaplacian(options.lam, options.alpha)
    print(
        f"{height}x{width}, {options.levels} levels of sigma {LOWEST:g} to {HIGHEST:g}, "
        f"{options.map} map; {solver}; {options.threads} threads, {os.cpu_count()} cores",
        file=sys.stderr if options.json else sys.stdout,
        flush=True,
    )
    scene = make_scene((height, width), options.levels, options.map)
    speeds = compare(scene, solver, options.threads, options.plain_levels)
    if options.json:
        print(json.dumps({**asdict(speeds), "ratio": speeds.ratio}))
        return True
    # The time bound applies to whole images only.
    is_whole_image = height * width >= CANON_SIZE[0] * CANON_SIZE[1]
    checks = [
        (
            f"ours   {speeds.wall:8.2f} s, {speeds.cpu_s:.2f} s of CPUs",
            speeds.wall <= SECONDS or not is_whole_image,
        ),
        (
            f"plain  {speeds.plain_seconds:8.2f} s, scaled from {speeds.plain_run} of "
            f"{speeds.plain_all} solutions, one thread",
            True,
        ),
        (f"ratio  {speeds.ratio:8.1f}, at least {RATIO}", speeds.ratio >= RATIO),
        (
            f"PSNR   {speeds.ours_db:8.3f} dB, plain {speeds.plain_db:.3f} dB, at most {DB} apart",
            abs(speeds.ours_db - speeds.plain_db) <= DB,
        ),
        (
            f"memory {speeds.peak_bytes / 2**20:8.0f} MiB, at most {BYTES >> 20}",
            speeds.peak_bytes <= BYTES,
        ),
    ]
    for line, holds in checks:
        print(f"{line:70s}  {'ok' if holds else 'MISS'}")
    return all(holds for _, holds in checks)


def figures(defocus_map: DefocusMap | None = None) -> bool:
    """Print all figures.

    Args:
        defocus_map: estimates `[H, W]` from an image `[H, W, 3]`, for the rows of estimated maps.

    Returns:
        Whether all figures agree with their references.
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
    speed_command = commands.add_parser("speed", help="compare with the published order of steps")
    speed_command.add_argument("--size", type=int, nargs=2, default=CANON_SIZE, metavar=("H", "W"))
    speed_command.add_argument("--levels", type=int, default=33)
    speed_command.add_argument("--map", choices=("smooth", "scattered"), default="smooth")
    speed_command.add_argument("--lam", type=float, default=16.8, help="weight of the data term")
    speed_command.add_argument("--alpha", type=float, default=1.5, help="exponent of the prior")
    speed_command.add_argument("--threads", type=int, default=2)
    speed_command.add_argument(
        "--plain-levels", type=int, default=5, help="levels of the plain steps"
    )
    speed_command.add_argument("--json", action="store_true", help="print JSON")
    commands.add_parser("figures", help="compare with the reference figures")
    options = parser.parse_args(arguments)
    if options.command == "speed":
        if min(options.threads, options.plain_levels) < 1 or options.levels < 2:
            parser.error("--threads and --plain-levels must be at least 1, --levels at least 2")
        if options.plain_levels > options.levels:
            parser.error("--plain-levels must be no more than --levels")
    return options


def main() -> None:
    options = parse()
    # The scenes are blurred in encoded values, not linear light.
    estimate = partial(ebdb_map, linearize=False)
    holds = figures(estimate) if options.command == "figures" else speed(options)
    if not holds:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
