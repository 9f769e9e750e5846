"""Time of the metrics on images of Canon's size, and SSIM compared with scikit-image.

    python -m benchmarks.metrics --threads 2

Our SSIM, scikit-image's and the other metrics alternate with a 3x3 convolution from 64 to 64
channels, whose best rate represents the machine's speed. `ratio` is the median of the ratios of
passes that followed each other. Wall time is the result; CPU time next to it shows how much other
work on the machine disturbed the run. `--images` pairs, each another one, are then scored one after
the other as in an evaluation, with the checks of range and size; making them does not count. LPIPS
is left out. Exits 1 if the two SSIM differ by more than 1e-9.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from benchmarks.timing import timed
from pipeline.config.methods import MetricEntry
from pipeline.data.canon import CANON_SCENES, CANON_SIZE
from pipeline.evaluation.metrics import load_metrics, mae, psnr, score_image, ssim
from pipeline.gpu_check.rates import CONVOLUTION_MACS, convolution

Image = NDArray[np.float64]

RATIO, TOLERANCE, LIMIT_S = 5, 1e-9, 60
SCORED = ("psnr", "ssim", "mae")


def image_pair(size: tuple[int, int]) -> tuple[Image, Image]:
    """A prediction and its target: smooth structures with noise, and other noise on top."""
    random = np.random.default_rng(0)
    structures = gaussian_filter(random.standard_normal((*size, 3)), (3, 3, 0))
    target = np.clip(0.5 + structures + 0.01 * random.standard_normal(structures.shape), 0, 1)
    return np.clip(target + 0.05 * random.standard_normal(target.shape), 0, 1), target


def reference(prediction: Image, target: Image) -> float:
    value = structural_similarity(  # type: ignore[no-untyped-call]
        target, prediction, data_range=1.0, channel_axis=-1, win_size=7
    )
    return float(value)


def compare(pair: tuple[Image, Image], passes: int) -> dict[str, Any]:
    """Time all metrics and the convolution in turn, after a first pass of each."""
    runs: dict[str, Callable[[], object]] = {
        "ssim": lambda: ssim.score(*pair),
        "scikit-image": lambda: reference(*pair),
        "psnr": lambda: psnr.score(*pair),
        "mae": lambda: mae.score(*pair),
        "convolution": convolution(),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    difference = abs(ssim.score(*pair) - reference(*pair))
    with torch.inference_mode():
        for _ in range(passes + 1):
            for name, run in runs.items():
                times[name].append(timed(run))
    measured = {name: values[1:] for name, values in times.items()}
    walls, cpus = ({n: [v[k] for v in values] for n, values in measured.items()} for k in (0, 1))
    return {
        "seconds": {name: median(values) for name, values in walls.items()},
        "cpu_seconds": {name: median(values) for name, values in cpus.items()},
        "ratio": _ratio(walls),
        "cpu_ratio": _ratio(cpus),
        "difference": difference,
        "convolution_gflop_per_s": 2 * CONVOLUTION_MACS / min(walls["convolution"]) / 1e9,
    }


def _ratio(times: dict[str, list[float]]) -> float:
    pairs = zip(times["scikit-image"], times["ssim"], strict=True)
    return median(slow / fast for slow, fast in pairs)


def whole_set(pair: tuple[Image, Image], images: int) -> tuple[float, float]:
    """Wall and CPU seconds to score so many pairs of images."""
    modules = {name: f"pipeline.evaluation.metrics.{name}" for name in SCORED}
    metrics = load_metrics({n: MetricEntry(module=module) for n, module in modules.items()})
    times = [
        timed(lambda pair=moved: score_image(metrics, *pair))  # type: ignore[misc]
        for moved in _moved(pair, images)
    ]
    return sum(wall for wall, _ in times), sum(cpu for _, cpu in times)


def _moved(pair: tuple[Image, Image], images: int) -> Iterator[tuple[Image, Image]]:
    for number in range(images):
        prediction, target = (np.roll(image, 7 * number, axis=(0, 1)) for image in pair)
        yield prediction, target


def as_text(found: dict[str, Any], options: argparse.Namespace) -> str:
    seconds, cpu = found["seconds"], found["cpu_seconds"]
    height, width = options.size
    return "\n".join(
        [
            f"{height} x {width}, threads: {options.threads}, medians of {options.passes} passes",
            f"SSIM: {seconds['ssim']:.3f} s, scikit-image {seconds['scikit-image']:.3f} s, "
            f"{found['ratio']:.1f} times as fast (target: {RATIO}); CPU time {cpu['ssim']:.3f} and "
            f"{cpu['scikit-image']:.3f} s, {found['cpu_ratio']:.1f}",
            f"  values differ by {found['difference']:.1e} (at most {TOLERANCE:.0e})",
            f"PSNR: {seconds['psnr']:.3f} s, MAE: {seconds['mae']:.3f} s",
            f"{options.images} images, all three metrics: {found['set_s']:.1f} s "
            f"(limit for {CANON_SCENES['test']}: {LIMIT_S} s), CPU time {found['set_cpu_s']:.1f} s",
            f"3x3 convolution, float32: {found['convolution_gflop_per_s']:.1f} GFLOP/s",
        ]
    )


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.metrics",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--passes", type=int, default=7, help="of each kind, after a first one")
    parser.add_argument("--images", type=int, default=CANON_SCENES["test"])
    parser.add_argument("--size", type=int, nargs=2, default=list(CANON_SIZE), help="in pixels")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    if min(options.threads, options.passes, options.images) < 1 or min(options.size) < 7:
        parser.error("--threads, --passes and --images must be at least 1, --size at least 7")
    return options


def main() -> int:
    options = parse()
    torch.set_num_threads(options.threads)
    pair = image_pair((options.size[0], options.size[1]))
    found = compare(pair, options.passes)
    found["set_s"], found["set_cpu_s"] = whole_set(pair, options.images)
    print(json.dumps({**vars(options), **found}) if options.json else as_text(found, options))
    return int(found["difference"] > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
