"""Training crops per second from the pixel store, compared with decoding pre-cut patches.

    python -m benchmarks.crop_loader --scenes 16 --workers 2

Both loaders yield the same crops (256 pixels; left, right and target as float32 in [0, 1]) through
a `DataLoader` with the same number of workers. The usual loader decodes three pre-cut 512-pixel
16-bit PNG patches with OpenCV and cuts out the crop. Passes alternate; each is one or more whole
epochs with workers already running. A cold pass is one epoch after all pages of the files were
dropped from the page cache, which `mincore` confirms; a cache of a virtual machine's host cannot be
dropped. The last figure is the share of DMTNet-T's training time spent waiting for batches.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
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
from benchmarks.crop_settings import PATCHES, PREFETCH, VIEWS, compute, recipe
from benchmarks.images import write_patches, write_store
from benchmarks.waiting import waiting_share
from pipeline.data.sampling.loader import Batch, CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PIXELS, PixelStore

CROP = 256
TARGETS = {"warm_ratio": 20, "cold_ratio": 3, "waiting_share": 0.02}


class DecodedPatches(Dataset[tuple[Tensor, Tensor]]):
    """The usual data set: one PNG file per patch and view."""

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


def usual_loader(folder: Path, patches: int, workers: int, batch: int) -> DataLoader[Any]:
    return DataLoader(
        DecodedPatches(folder, patches),
        batch_size=batch,
        shuffle=True,
        num_workers=workers,
        prefetch_factor=PREFETCH if workers else None,
        persistent_workers=workers > 0,
        worker_init_fn=single_thread,
    )


def store_loader(
    folder: Path, workers: int, batch: int, passes: int, *, compared: bool = False
) -> CropLoader:
    """`compared`: the scenes are compared with their checksums now, not at their first read."""
    store = PixelStore(folder)
    if compared:
        store.verify()
    loader = CropLoader(
        store,
        index_windows(store, PATCHES),
        views=VIEWS,
        recipe=recipe(batch, CROP, passes),
        compute=compute(workers),
        seed=0,
    )
    # An epoch that starts after its last batch: only starts the workers.
    assert not list(loader.epoch(1, start=len(store.scenes) * 28 * passes // batch + 1))
    return loader


def crops(batch: Any) -> int:
    return len(batch.target if isinstance(batch, Batch) else batch[1])


def rate(epochs: Iterator[Any], seconds: float) -> float:
    """Samples per second over whole epochs that take at least `seconds` together."""
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


def compare_speed(store: PixelStore) -> float:
    """Bytes per second of the comparison of every scene with its checksum, pixels in memory."""
    started = time.perf_counter()
    store.verify()
    return (store.folder / PIXELS).stat().st_size / (time.perf_counter() - started)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    workers, batch, passes = options.workers, options.batch, options.passes
    store = write_store(folder / "store", options.scenes)
    windows = index_windows(store, PATCHES)
    files = write_patches(folder / "patches", store, windows, (*VIEWS, "target"), 2)
    sizes = {"patches_bytes": sum(path.stat().st_size for path in files)}
    del store
    os.sync()
    usual = usual_loader(folder / "patches", len(windows), workers, batch)
    pixels = [folder / "store" / PIXELS]
    pass_rates: dict[str, list[float]] = {
        name: [] for name in ("usual", "ours", "usual_cold", "ours_cold")
    }
    share_left = 0.0
    for number in range(passes):
        share_left = max(share_left, drop(files), drop(pixels))
        pass_rates["usual_cold"].append(rate(iter([usual]), 0))
        loader = store_loader(folder / "store", workers, batch, 1)
        pass_rates["ours_cold"].append(rate(iter([loader.epoch(number + 1)]), 0))
        del loader
    loader = store_loader(folder / "store", workers, batch, 8, compared=True)
    for _ in range(passes):
        pass_rates["usual"].append(rate(repeat(usual), options.seconds))
        pass_rates["ours"].append(rate(map(loader.epoch, range(1, 10**6)), options.seconds))
    del loader, usual
    rates = {name: median(values) for name, values in pass_rates.items()}
    delivered = rates["ours"] * 9 * CROP * CROP * 4
    waiting = waiting_share(
        PixelStore(folder / "store"), workers, options.train_crop, options.steps
    )
    return {
        **{f"{name}_samples_per_s": value for name, value in rates.items()},
        "passes": pass_rates,
        "warm_ratio": rates["ours"] / rates["usual"],
        "cold_ratio": rates["ours_cold"] / rates["usual_cold"],
        "pages_left_after_drop": share_left,
        "delivered_bytes_per_s": delivered,
        "copy_bytes_per_s": copy_speed(batch),
        "compare_bytes_per_s": compare_speed(PixelStore(folder / "store")),
        **sizes,
        **waiting,
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
            f"{ratio:.1f} times as fast (target: {target})"
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
    parser.add_argument("--scenes", type=int, default=16, help="scenes of 28 patches each")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="minimum length of a warm pass")
    parser.add_argument("--train-crop", type=int, default=128)
    parser.add_argument("--steps", type=int, default=6, help="training steps to time")
    parser.add_argument("--folder", type=Path, help="folder for temporary data")
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
