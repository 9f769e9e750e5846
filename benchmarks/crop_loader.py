"""How fast training crops come: the pixel store against pre-cut patches decoded one by one.

    python -m benchmarks.crop_loader --scenes 16 --workers 2

Both ways give the same crops (256 pixels; left, right and target as float32 in [0, 1]) through a
`DataLoader` with the same number of workers. The usual way decodes three pre-cut 512-pixel 16-bit
PNG patches with OpenCV and cuts the crop out. Passes alternate; each is one or more whole epochs,
with workers that run already. A cold pass is one epoch after every page of the files was dropped
from the cache, which `mincore` confirms; a cache of the machine's host cannot be dropped from
here. The last figure is the share of the training of DMTNet-T that is spent waiting for batches.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.cache import drop
from benchmarks.images import write_patches, write_store
from dmtnet import build
from pipeline.config.blocks import Compute, Patches
from pipeline.config.recipe import Cosine, Recipe
from pipeline.data.sampling.loader import Batch, CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PIXELS, PixelStore
from pipeline.training import loop
from pipeline.training.train_step import TrainStep

CROP, VIEWS, PREFETCH = 256, ("left", "right"), 4
PATCHES = Patches(size=512, overlap=0.6, discard=0)
TARGETS = {"warm_ratio": 20, "cold_ratio": 3, "waiting_share": 0.02}


class DecodedPatches(Dataset[tuple[Tensor, Tensor]]):
    """The usual way: one PNG file per patch and view."""

    def __init__(self, folder: Path, patches: int) -> None:
        self.folder = folder
        self.patches = patches

    def __len__(self) -> int:
        return self.patches

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        top, left = torch.randint(0, PATCHES.size - CROP + 1, (2,)).tolist()
        axes = [axis for axis in (0, 1) if torch.rand(()) < 0.5]
        views = []
        for view in (*VIEWS, "target"):
            patch = cv2.imread(str(self.folder / f"{number:05d}_{view}.png"), cv2.IMREAD_UNCHANGED)
            crop = np.flip(patch[top : top + CROP, left : left + CROP, ::-1], axes)
            planes = np.ascontiguousarray(crop.transpose(2, 0, 1), dtype=np.float32)
            planes /= np.float32(65535)
            views.append(torch.from_numpy(planes))
        return torch.cat(views[:-1]), views[-1]


def single_thread(_: int) -> None:
    cv2.setNumThreads(1)


def usual_way(folder: Path, patches: int, workers: int, batch: int) -> DataLoader[Any]:
    return DataLoader(
        DecodedPatches(folder, patches),
        batch_size=batch,
        shuffle=True,
        num_workers=workers,
        prefetch_factor=PREFETCH if workers else None,
        persistent_workers=workers > 0,
        worker_init_fn=single_thread,
    )


def recipe(batch: int, crop: int, passes: int) -> Recipe:
    return Recipe(
        epochs=1,
        passes_per_epoch=passes,
        batch_size=batch,
        crop=crop,
        losses={"charbonnier": 1.0},
        optimizer="adam",
        betas=(0.9, 0.999),
        learning_rate=1e-4,
        schedule=Cosine(kind="cosine", final_learning_rate=0.0),
        flip_horizontal=True,
        flip_vertical=True,
        validations=1,
    )


def compute(workers: int) -> Compute:
    return Compute(
        device="cpu",
        torch_threads=1,
        loader_workers=workers,
        prefetch=PREFETCH,
        precision="float32",
        channels_last=False,
    )


def our_way(folder: Path, workers: int, batch: int, passes: int) -> CropLoader:
    store = PixelStore(folder)
    loader = CropLoader(
        store,
        index_windows(store, PATCHES),
        views=VIEWS,
        recipe=recipe(batch, CROP, passes),
        compute=compute(workers),
        seed=0,
    )
    # An epoch of which all was seen: starts the workers.
    assert not list(loader.epoch(1, start=len(store.scenes) * 28 * passes // batch + 1))
    return loader


def crops(batch: Any) -> int:
    return len(batch.target if isinstance(batch, Batch) else batch[1])


def rate(epochs: Iterator[Any], seconds: float) -> float:
    """Samples per second over whole epochs, at least this long."""
    count, started = 0, time.perf_counter()
    for epoch in epochs:
        count += sum(map(crops, epoch))
        if time.perf_counter() - started >= seconds:
            break
    return count / (time.perf_counter() - started)


def copy_speed(batch: int) -> float:
    """Bytes per second of a plain copy of a batch."""
    source = np.ones((batch, 9, CROP, CROP), np.float32)
    target, times = np.zeros_like(source), []
    for _ in range(20):
        started = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - started)
    return source.nbytes / median(times)


class Enough(Exception):
    """The training has run for as many steps as were wanted."""


class Timed(CropLoader):
    """A crop loader that measures how long its user waits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waits: list[float] = []

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        batches = super().epoch(number, start)
        while True:
            started = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            self.waits.append(time.perf_counter() - started)
            yield batch


class Steps:
    """Notes when each step ended, and ends the training after the last one."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.ends: list[float] = []

    def step(self, step: loop.Step, total: int) -> None:
        self.ends.append(time.perf_counter())
        if len(self.ends) > self.steps:
            raise Enough

    def epoch(self, point: loop.CurvePoint) -> None:
        raise AssertionError("too few windows")


def waiting_share(store: PixelStore, workers: int, crop: int, steps: int) -> dict[str, float]:
    """Time of a training step of DMTNet-T, and the share of it that is spent waiting."""
    torch.set_num_threads(1)
    watch = Steps(steps)
    windows = index_windows(store, PATCHES)
    settings, machine = recipe(1, crop, -(-(steps + 1) // len(windows))), compute(workers)
    loader = Timed(store, windows, views=VIEWS, recipe=settings, compute=machine, seed=0)
    train_step = TrainStep(build("t"), settings, machine, torch.device("cpu"))
    with suppress(Enough):
        loop.train(train_step, store=store, loader=loader, observer=watch)
    # The first step starts the workers.
    whole = watch.ends[-1] - watch.ends[0]
    waited = sum(loader.waits[1 : steps + 1])
    return {"step_s": whole / steps, "waiting_share": waited / whole}


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    workers, batch, passes = options.workers, options.batch, options.passes
    store = write_store(folder / "store", options.scenes)
    windows = index_windows(store, PATCHES)
    files = write_patches(folder / "patches", store, windows, (*VIEWS, "target"), 2)
    sizes = {"patches_bytes": sum(path.stat().st_size for path in files)}
    del store
    os.sync()
    usual = usual_way(folder / "patches", len(windows), workers, batch)
    pixels = [folder / "store" / PIXELS]
    found: dict[str, list[float]] = {
        name: [] for name in ("usual", "ours", "usual_cold", "ours_cold")
    }
    stayed = 0.0
    for number in range(passes):
        stayed = max(stayed, drop(files), drop(pixels))
        found["usual_cold"].append(rate(iter([usual]), 0))
        loader = our_way(folder / "store", workers, batch, 1)
        found["ours_cold"].append(rate(iter([loader.epoch(number + 1)]), 0))
        del loader
    loader = our_way(folder / "store", workers, batch, 8)
    for _ in range(passes):
        found["usual"].append(rate(repeat(usual), options.seconds))
        found["ours"].append(rate(map(loader.epoch, range(1, 10**6)), options.seconds))
    del loader, usual
    rates = {name: median(values) for name, values in found.items()}
    delivered = rates["ours"] * 9 * CROP * CROP * 4
    trained = waiting_share(
        PixelStore(folder / "store"), workers, options.train_crop, options.steps
    )
    return {
        **{f"{name}_samples_per_s": value for name, value in rates.items()},
        "passes": found,
        "warm_ratio": rates["ours"] / rates["usual"],
        "cold_ratio": rates["ours_cold"] / rates["usual_cold"],
        "pages_left_after_drop": stayed,
        "delivered_bytes_per_s": delivered,
        "copy_bytes_per_s": copy_speed(batch),
        **sizes,
        **trained,
    }


def show(result: dict[str, Any], options: argparse.Namespace) -> None:
    print(
        f"crop {CROP}, {len(VIEWS)} views and target, batch {options.batch}, "
        f"{options.workers} workers of 1 thread, {os.cpu_count()} cores, "
        f"{options.scenes} scenes, medians of {options.passes} passes"
    )
    for name, cache in (("", "warm"), ("_cold", "cold")):
        usual, ours = (result[f"{way}{name}_samples_per_s"] for way in ("usual", "ours"))
        ratio, target = result[f"{cache}_ratio"], TARGETS[f"{cache}_ratio"]
        print(
            f"{cache}: PNG patches {usual:.1f}/s, store {ours:.1f}/s, "
            f"{ratio:.1f} times as fast (to reach: {target})"
        )
    print(f"pages left in the cache after dropping: {result['pages_left_after_drop']:.1%}")
    share = result["delivered_bytes_per_s"] / result["copy_bytes_per_s"]
    print(
        f"limit: {result['delivered_bytes_per_s'] / 1e9:.2f} GB/s of float32 delivered, "
        f"{share:.0%} of what one thread copies ({result['copy_bytes_per_s'] / 1e9:.1f} GB/s)"
    )
    print(
        f"training DMTNet-T at crop {options.train_crop}: {result['step_s']:.2f} s a step, "
        f"{result['waiting_share']:.3%} of it waiting (at most {TARGETS['waiting_share']:.0%})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scenes", type=int, default=16, help="of 28 patches each")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="least length of a warm pass")
    parser.add_argument("--train-crop", type=int, default=128)
    parser.add_argument("--steps", type=int, default=6, help="training steps to time")
    parser.add_argument("--folder", type=Path, help="where the data go for the time of the run")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        result = measure(Path(folder), options)
    if options.json:
        print(json.dumps({"options": vars(options) | {"folder": None}, **result}))
    else:
        show(result, options)


if __name__ == "__main__":
    main()
