"""Upper bound of the two-stage methods on the synthetic set: deconvolution with the true map.

    python -m benchmarks.ceiling --config config/demo.yaml

Runs the deconvolution of EBDB and JNB with the maps from which the scenes were rendered, as
Gaussians and as discs, and compares it with the methods' own maps and the blurred image. Each row
selects its settings on the validation split, by the rule and from the candidates of
`config/methods.yaml`. PSNR in dB, mean over the test scenes of the main group. Create the set first
with `make table1` or `dmtbench data`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, from_numpy

from baselines._deconvolution.psf import SIGMA_PER_RADIUS
from baselines._shared.fitting import clamped_psnr
from baselines._shared.two_stage import Floats, TwoStage
from pipeline.config.blocks import Synthetic
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.data.manifest import ManifestRow, read_manifest, read_scene
from pipeline.data.synthetic.dataset import true_defocus
from pipeline.errors import ConfigError, UserError
from pipeline.evaluation.inference import ground_truth, model_input
from pipeline.methods import get_method
from pipeline.records import MAIN_GROUP


class Row(NamedTuple):
    """PSNR in dB of one kind of map, and the settings selected on the validation split."""

    name: str
    psnr: float
    settings: dict[str, float]


class Scene(NamedTuple):
    """Input `[1, 3, H, W]`, target, and the true map `[H, W]`.

    `sigma`: standard deviation in px of the Gaussian that stands for each pixel's disc.
    """

    x: Tensor
    target: Tensor
    sigma: Floats


class TrueMap(TwoStage):
    """Deconvolves with the map from which a scene was rendered."""

    def __init__(self, scenes: list[Scene], **second_stage: Any) -> None:
        super().__init__(**second_stage)
        self._known = {self._image(scene.x[0]).tobytes(): scene.sigma for scene in scenes}

    def sigma_map(self, image: Floats) -> Floats:
        """See `TwoStage`; only for images of the scenes."""
        return self._known[image.tobytes()]


def scenes_of(experiment: Experiment, folder: Path, split: str) -> list[Scene]:
    """Scenes of a split in the main group.

    Raises:
        ConfigError: the set is not generated, or its lens distorts.
        DataError: the set is missing or damaged.
    """
    if not isinstance(experiment.dataset, Synthetic):
        raise ConfigError(
            f"{experiment.dataset.name}: its true maps are unknown; use config/demo.yaml"
        )
    radii = true_defocus(experiment.dataset, experiment.seed, split)
    rows = read_manifest(folder / "manifest.csv")
    chosen = [row for row in rows if row.split == split and row.group == MAIN_GROUP]
    return [_scene(folder / "raw", row, radii[row.source]) for row in chosen]


def _scene(root: Path, row: ManifestRow, radii: Any) -> Scene:
    images = read_scene(root, row)
    target = from_numpy(ground_truth(images)).movedim(-1, 0)[None]
    # The camera renders its focal plane with the kernel of radius 1.
    sigma = SIGMA_PER_RADIUS * np.maximum(np.abs(radii), 1).astype(np.float64)
    return Scene(model_input(images, ("combined",), 16), target, sigma)


def ceilings(experiment: Experiment, folder: Path) -> Iterator[Row]:
    """Rows of the blurred image, EBDB, JNB and the true maps.

    Arguments and errors as in `scenes_of`.
    """
    val, test = (scenes_of(experiment, folder, split) for split in ("val", "test"))
    yield Row("input", mean(clamped_psnr(scene.x, scene.target) for scene in test), {})
    candidates = get_method("ebdb", experiment).entry.kwargs["candidates"]
    build: dict[str, Callable[[], Any]] = {
        "EBDB's map": get_method("ebdb", experiment).build,
        "JNB's map": get_method("jnb", experiment).build,
        "true map, Gaussians": lambda: TrueMap([*val, *test], candidates=candidates),
        "true map, discs": lambda: TrueMap([*val, *test], candidates=candidates, psf="disc"),
    }
    for name, make in build.items():
        method: TwoStage = make()
        settings = method.fit([], [(scene.x, scene.target) for scene in val])
        scores = [clamped_psnr(method(scene.x), scene.target) for scene in test]
        yield Row(name, mean(scores), settings)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ceiling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, default=Path("config/demo.yaml"))
    parser.add_argument("--data", type=Path, help="folder of the set, as created by the workflow")
    options = parser.parse_args()
    try:
        experiment = load_experiment(options.config)
        folder = options.data or Path("data") / experiment.dataset.name
        for row in ceilings(experiment, folder):
            settings = ", ".join(f"{name} {value:g}" for name, value in row.settings.items())
            print(f"{row.name:20s} {row.psnr:7.3f} dB   {settings}", flush=True)
    except UserError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
