"""Small outputs of every package with a `RESULTS_VERSION`, and the file that keeps them.

`PYTHONPATH=tests python -m support.results` renews that file. It refuses if the outputs of a
package have moved and its version has not.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.config.blocks import Patches, Synthetic
from pipeline.config.experiment import load_experiment
from pipeline.data.manifest import ManifestRow, write_manifest
from pipeline.data.png import write_png16
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.patch_index import read_patch_index, write_patch_index
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.build import build_store
from pipeline.data.store.reader import PIXELS, STORED_VIEWS, PixelStore
from pipeline.data.synthetic.dataset import synthesize
from pipeline.evaluation.inference import predict
from pipeline.evaluation.metrics import load_metrics, score_image
from pipeline.evaluation.protocol import Tiling
from pipeline.files import sha256_of
from pipeline.results_versions import results_versions
from pipeline.training.loop import train
from pipeline.training.train_step import TrainStep
from support.miniatures import VIEWS, Watcher, compute, narrow, random_scene, recipe, write_store
from support.paths import GOLDENS, TINY

FILE = GOLDENS / "results.json"
CPU = torch.device("cpu")

# What other CPUs may round differently: sums of float32 products, and of float64 ones.
FLOAT32, FLOAT64 = 2e-5, 1e-9

Outputs = dict[str, Any]
"""By name: a digest where a result is exact, else numbers."""

_ALTERED = {
    "crops_from": "images",
    "noise": {"probability": 1.0, "sigma": [0.01, 0.07]},
    "grayscale": 0.5,
    "downscale": {"probability": 1.0, "scale": [0.7, 0.9]},
}


def digest(*arrays: NDArray[Any]) -> str:
    """Beginning of the SHA-256 of the bytes of `arrays`."""
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()[:16]


def outputs(package: str) -> Outputs:
    """What a package makes of fixed inputs, on one CPU thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _MAKERS[package](Path(folder))
    finally:
        torch.set_num_threads(threads)


def _synthetic(folder: Path) -> Outputs:
    spec = load_experiment(TINY).dataset
    assert isinstance(spec, Synthetic)
    synthesize(spec, 1, folder / "raw", 1, False)
    paths = sorted((folder / "raw").rglob("*.png"))
    images = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float64) for path in paths]
    return {
        "files": [str(path.relative_to(folder)) for path in paths],
        "means": [float(image.mean()) for image in images],
        "deviations": [float(image.std()) for image in images],
    }


def _store(folder: Path) -> Outputs:
    rows = [
        _written(folder, number, split, size)
        for number, (split, size) in enumerate(
            [("train", (70, 130)), ("val", (64, 65)), ("test", (9, 9))]
        )
    ]
    write_manifest(folder / "manifest.csv", rows)
    build_store(folder, folder / "manifest.csv", folder / "store")
    store = PixelStore(folder / "store")
    read = [store.read(0)[view] for view in STORED_VIEWS]
    return {"bytes": sha256_of(folder / "store" / PIXELS)[:16], "read": digest(*read)}


def _written(folder: Path, number: int, split: Any, size: tuple[int, int]) -> ManifestRow:
    """A scene of random pixels as four files, and its row of the manifest."""
    cells: dict[str, str] = {}
    for view, pixels in zip(STORED_VIEWS, random_scene(*size, seed=number), strict=True):
        name = f"{number}_{view}.png"
        write_png16(folder / name, pixels)
        cells |= {f"file_{view}": name, f"sha256_{view}": sha256_of(folder / name)}
    return ManifestRow(
        split=split,
        group="main",
        category="",
        source=f"s{number}.png",
        target=f"t{number}.png",
        width=size[1],
        height=size[0],
        bit_depth=16,
        **cells,
    )


def _sampling(folder: Path) -> Outputs:
    store = write_store(
        folder / "store", [("train", random_scene(96, 120, seed)) for seed in (1, 2)]
    )
    patches = Patches(size=48, overlap=0.6, discard=0.3)
    write_patch_index(store, patches, folder / "patches.csv")
    kept = read_patch_index(folder / "patches.csv", store, patches)
    found: Outputs = {"kept": [list(window) for window in kept]}
    kinds: dict[str, dict[str, Any]] = {
        "windows": {"flip_swaps_views": True},
        "turned": {"transpose": True, "crop": 24},
        "altered": {**_ALTERED, "crop": 24},
    }
    for name, changes in kinds.items():
        loader = CropLoader(
            store,
            index_windows(store, patches),
            views=VIEWS,
            recipe=recipe(batch_size=3, **changes),
            compute=compute(),
            seed=5,
        )
        batches = [batch for epoch in (1, 2) for batch in loader.epoch(epoch)]
        found[f"{name} places"] = digest(*(batch.origin.numpy() for batch in batches))
        if name == "altered":
            # Noise, gray and area means are float32: other CPUs may round single values otherwise.
            found[name] = [float(batch.x.double().mean()) for batch in batches]
        else:
            found[name] = digest(*(array.numpy() for b in batches for array in (b.x, b.target)))
    return found


def _training(folder: Path) -> Outputs:
    scenes = [(split, random_scene(48, 64, n)) for n, split in enumerate(("train", "val"))]
    store = write_store(folder / "store", scenes)
    patches = Patches(size=32, overlap=0.5, discard=0)
    watcher = Watcher()
    how = recipe(batch_size=2, accumulate=1, max_grad_norm=1.0, ema=0.5, weight_decay=0.01)
    train_step = TrainStep(narrow(), how, compute(), CPU)
    loader = CropLoader(
        store,
        index_windows(store, patches),
        views=VIEWS,
        recipe=how,
        compute=train_step.compute,
        seed=7,
    )
    trained = train(train_step, store=store, loader=loader, observer=watcher)
    weights = torch.cat([value.flatten().double() for value in trained.state.values()])
    return {
        "losses": [step.loss for step in watcher.steps],
        "learning rates": [point.learning_rate for point in trained.curve],
        "validations": [point.psnr for point in trained.curve if point.psnr is not None],
        "epoch": [trained.epoch],
        "weights": [float(weights.abs().sum()), float(weights.square().sum())],
    }


def _evaluation(folder: Path) -> Outputs:
    del folder
    generator = np.random.default_rng(3)
    target = generator.random((40, 56, 3))
    prediction = np.clip(target + 0.1 * generator.standard_normal(target.shape), 0, 1)
    metrics = load_metrics(load_experiment(TINY).metrics)
    # Its backbone is not on every machine.
    del metrics["lpips"]
    found: Outputs = {
        name: [score] for name, score in score_image(metrics, prediction, target).items()
    }
    scene = dict(zip(STORED_VIEWS, random_scene(40, 56, seed=4), strict=True))
    for name, tiling in (("whole", None), ("tiled", Tiling(24, 8))):
        for bits in (16, 8):
            image = predict(
                narrow(),
                scene,
                views=VIEWS,
                input_bits=bits,
                compute=compute(),
                device=CPU,
                tiling=tiling,
            )
            found[f"{name} {bits}"] = [float(image.mean()), float(image.std())]
    return found


_MAKERS = {
    "pipeline.data.synthetic": _synthetic,
    "pipeline.data.store": _store,
    "pipeline.data.sampling": _sampling,
    "pipeline.training": _training,
    "pipeline.evaluation": _evaluation,
}
PACKAGES = tuple(_MAKERS)

_EXACT_FLOATS = {"psnr", "ssim", "mae", "learning rates"}


def moved(known: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Names of the outputs that differ beyond what another CPU may round differently."""
    return sorted(
        name
        for name in {*known, *found}
        if name not in known or name not in found or not _same(name, known[name], found[name])
    )


def _same(name: str, known: Any, found: Any) -> bool:
    numbers = isinstance(known, list) and all(isinstance(value, float) for value in known)
    if not numbers or not isinstance(found, list):
        return bool(known == found)
    return bool(found == pytest.approx(known, rel=FLOAT64 if name in _EXACT_FLOATS else FLOAT32))


def stored() -> dict[str, Any]:
    """Version and outputs of each package, as the file keeps them."""
    return dict(json.loads(FILE.read_text(encoding="utf-8"))) if FILE.exists() else {}


def main() -> int:
    """Renew the file; exit status 1 if a version must be raised first."""
    known, renewed = stored(), {}
    for package, version in results_versions().items():
        found = outputs(package)
        before = known.get(package)
        if before and before["version"] == version:
            names = moved(before["outputs"], found)
            if names:
                print(f"{package}: {', '.join(names)}: raise its RESULTS_VERSION first")
                return 1
            # Not renewed by what another CPU rounds differently.
            found = before["outputs"]
        renewed[package] = {"version": version, "outputs": found}
    FILE.write_text(json.dumps(renewed, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
