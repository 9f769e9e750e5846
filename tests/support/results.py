"""Golden results of the harness: small outputs of every package that makes numbers.

After a change of results that is meant: raise the package's `RESULTS_VERSION` and renew the file,
from the repository's root:

    PYTHONPATH=.:tests python -m support.results
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.config.blocks import Patches
from pipeline.config.methods import MetricEntry
from pipeline.config.recipe import Noise
from pipeline.data.manifest import build_manifest, write_manifest
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.build import build_store
from pipeline.data.store.reader import PixelStore
from pipeline.data.synthetic.dual_pixel import BOKEHS, render
from pipeline.evaluation.inference import ground_truth, predict
from pipeline.evaluation.metrics import load_metrics, score_image
from pipeline.evaluation.protocol import Tiling
from pipeline.results_versions import results_versions
from pipeline.training.loop import train
from pipeline.training.train_step import TrainStep
from support.image_sets import write_set
from support.miniatures import Watcher, compute, random_scene, recipe, write_store
from support.paths import GOLDENS

FILE = GOLDENS / "results.json"
CPU = torch.device("cpu")
VIEWS = ("right", "left")
Result = str | list[float]
"""A digest of integers, which must be equal; or floats, which other CPUs round differently."""


class Net(nn.Module):
    """One convolution with weights that depend on no library's generator."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(6, 3, 3, padding=1)
        values = np.random.default_rng(5).normal(0, 0.1, self.layer.weight.shape)
        with torch.no_grad():
            self.layer.weight.copy_(torch.from_numpy(values))
            self.layer.bias.fill_(0.1)  # type: ignore[union-attr]

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        out: Tensor = self.layer(x)
        return out


def synthetic(_: Path) -> Result:
    sharp = np.random.default_rng(1).uniform(0, 1, (24, 24, 3))
    radius = np.linspace(-6, 6, 24 * 24).reshape(24, 24)
    views = render(sharp, radius, BOKEHS[0])
    return [float(value) for view in views for value in (view.mean(), view.std())]


def store(folder: Path) -> Result:
    root = write_set(folder / "raw", size=(70, 90))
    write_manifest(folder / "manifest.csv", build_manifest(root))
    build_store(root, folder / "manifest.csv", folder / "store")
    return hashlib.sha256((folder / "store" / "pixels.u16").read_bytes()).hexdigest()


def _loader(folder: Path, **changes: Any) -> CropLoader:
    splits = ("train", "train", "val")
    scenes = [(split, random_scene(32, 48, seed)) for seed, split in enumerate(splits)]
    pixels = write_store(folder / "store", scenes)
    changes = {"crop": 16, **changes}
    return CropLoader(
        pixels,
        index_windows(pixels, Patches(size=24, overlap=0.5, discard=0)),
        views=VIEWS,
        recipe=recipe(**changes),
        compute=compute(),
        seed=7,
    )


def sampling(folder: Path) -> Result:
    digest = hashlib.sha256()
    noise = Noise(probability=0.5, sigma=(0.01, 0.05))
    changed: tuple[dict[str, Any], ...] = ({"crop": 16, "transpose": True}, {"noise": noise})
    for number, changes in enumerate(changed):
        loader = _loader(folder / str(number), batch_size=5, **changes)
        for batch in loader.epoch(1):
            digest.update(np.rint(batch.x.numpy() * 65535).astype("<u2").tobytes())
            digest.update(batch.origin.numpy().astype("<i8").tobytes())
    return digest.hexdigest()


def training(folder: Path) -> Result:
    changes = {"batch_size": 4, "max_grad_norm": 0.5, "weight_decay": 0.01, "ema": 0.5}
    loader = _loader(folder, **changes)
    step = TrainStep(Net(), recipe(**changes), compute(), CPU)
    watcher = Watcher()
    trained = train(step, store=PixelStore(folder / "store"), loader=loader, observer=watcher)
    curve = [value for point in trained.curve for value in (point.loss, point.learning_rate)]
    return [*curve, trained.psnr, float(trained.state["layer.weight"].double().abs().sum())]


def evaluation(_: Path) -> Result:
    combined, left, right, target = random_scene(40, 56, seed=3)
    scene = {"combined": combined, "left": left, "right": right, "target": target}
    names = ("psnr", "ssim", "mae")
    metrics = load_metrics(
        {name: MetricEntry(module=f"pipeline.evaluation.metrics.{name}") for name in names}
    )
    found: list[float] = []
    for bits, tiling in ((16, None), (8, None), (16, Tiling(32, 16))):
        image = predict(
            Net(), scene, views=VIEWS, input_bits=bits, compute=compute(), device=CPU, tiling=tiling
        )
        scores = score_image(metrics, image, ground_truth(scene, bits))
        found += [value for value in scores.values() if value is not None]
    return found


MAKERS: dict[str, Callable[[Path], Result]] = {
    "pipeline.data.synthetic": synthetic,
    "pipeline.data.store": store,
    "pipeline.data.sampling": sampling,
    "pipeline.training": training,
    "pipeline.evaluation": evaluation,
}


def main() -> None:
    """Renew the golden results."""
    golden = {}
    for package, make in MAKERS.items():
        with tempfile.TemporaryDirectory() as folder:
            (version,) = results_versions(package).values()
            golden[package] = {"version": version, "result": make(Path(folder))}
    FILE.write_text(json.dumps(golden, indent=2) + "\n")


if __name__ == "__main__":
    main()
