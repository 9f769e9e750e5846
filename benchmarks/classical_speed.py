"""Speed of the layered deconvolution compared with its published order of steps, on one image."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import psutil
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage import data

from baselines._deconvolution import HyperLaplacian, deconvolve_layers
from baselines._deconvolution.levels import quantize
from baselines._deconvolution.psf import gaussian_psf
from benchmarks.classical_plain import deconvolve_channel

Floats = NDArray[np.floating]

LOWEST, HIGHEST = 0.3, 5.0
NOISE = 0.002
_EVERY_S = 0.02


@dataclass(frozen=True)
class Scene:
    """A sharp image `[H, W, 3]`, its defocused version, and the quantized map `[H, W]` in px."""

    sharp: Floats
    blurred: Floats
    sigma: Floats


@dataclass(frozen=True)
class Speed:
    """Speed, memory and PSNR of our implementation and of the plain steps.

    `wall`, `cpu_s`: wall and CPU seconds of ours. `peak_bytes`: peak memory of ours above the
    process's memory before. `plain_seconds`: time of the plain steps, scaled from the `plain_run`
    solutions that were run to all `plain_all`. `ours_db`, `plain_db`: PSNR over the pixels of the
    levels and the channel of the plain run.
    """

    wall: float
    cpu_s: float
    peak_bytes: int
    plain_seconds: float
    plain_run: int
    plain_all: int
    ours_db: float
    plain_db: float

    @property
    def ratio(self) -> float:
        return self.plain_seconds / self.wall


def make_scene(size: tuple[int, int], levels: int, kind: str) -> Scene:
    """Astronaut, mirrored to the size, with a map from 0.3 to 5 px.

    Args:
        size: height and width.
        levels: values of the map.
        kind: `smooth`, hills and valleys about 100 px wide; or `scattered`, independent pixels,
            so that every level occurs all over the image.
    """
    tile = data.astronaut() / 255  # type: ignore[no-untyped-call]
    padding = [max(side - available, 0) for side, available in zip(size, tile.shape, strict=False)]
    sharp = np.pad(tile, [(0, padding[0]), (0, padding[1]), (0, 0)], mode="symmetric")
    sharp = sharp[: size[0], : size[1]]
    random = np.random.default_rng(0)
    field = random.standard_normal(size)
    if kind == "smooth":
        field = gaussian_filter(field, 60)
    # Ranks give every sigma the same number of pixels.
    ranks = np.empty(field.size)
    ranks[field.ravel().argsort()] = np.linspace(LOWEST, HIGHEST, field.size)
    sigma = quantize(ranks.reshape(size), levels)
    blurred = sharp.copy()
    for level in np.unique(sigma):
        everywhere = gaussian_filter(sharp, (level, level, 0))
        blurred[sigma == level] = everywhere[sigma == level]
    blurred += NOISE * random.standard_normal(blurred.shape)
    return Scene(sharp, np.clip(blurred, 0, 1), sigma)


def compare(scene: Scene, solver: HyperLaplacian, threads: int, plain_levels: int) -> Speed:
    """Run ours on the whole image, then the plain steps on some levels of the first channel."""
    levels = np.unique(scene.sigma)
    chosen = levels[np.linspace(0, len(levels) - 1, plain_levels).round().astype(int)]
    with _peak() as peak:
        wall, cpu_s = time.perf_counter(), time.process_time()
        ours = deconvolve_layers(
            scene.blurred, scene.sigma, solver=solver, levels=len(levels) + 1, threads=threads
        )
        wall, cpu_s = time.perf_counter() - wall, time.process_time() - cpu_s
    plain = np.zeros_like(scene.sigma)
    started = time.perf_counter()
    for level in chosen:
        kernel = gaussian_psf(float(level))
        sharp = deconvolve_channel(scene.blurred[..., 0], kernel, solver.lam, solver.alpha)
        plain[scene.sigma == level] = sharp[scene.sigma == level]
    seconds = time.perf_counter() - started
    run, everything = len(chosen), len(levels) * scene.blurred.shape[2]
    seen, target = np.isin(scene.sigma, chosen), scene.sharp[..., 0]
    ours_db, plain_db = (
        _psnr(result[seen], target[seen]) for result in (ours[..., 0], np.clip(plain, 0, 1))
    )
    scaled = seconds * everything / run
    return Speed(
        wall=wall,
        cpu_s=cpu_s,
        peak_bytes=peak[0],
        plain_seconds=scaled,
        plain_run=run,
        plain_all=everything,
        ours_db=ours_db,
        plain_db=plain_db,
    )


@contextmanager
def _peak() -> Iterator[list[int]]:
    """Peak memory of the process above its value at the start, in bytes, sampled at 50 Hz."""
    process = psutil.Process()
    before, done, peak = process.memory_info().rss, threading.Event(), [0]

    def watch() -> None:
        while not done.wait(_EVERY_S):
            peak[0] = max(peak[0], process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def _psnr(prediction: Floats, target: Floats) -> float:
    return float(-10 * np.log10(np.mean((prediction - target) ** 2)))
