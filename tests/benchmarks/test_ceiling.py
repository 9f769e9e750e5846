"""The ceiling of the two-stage methods, on two scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from support.fixture_types import Tiny
from support.paths import TINY

from benchmarks.ceiling import TrueMap, ceilings, scenes_of
from pipeline.config.experiment import METHODS_FILE, load_experiment
from pipeline.errors import ConfigError
from pipeline.stages.data import make_data

FEW = {"lam": [16.8], "map_scale": [1.0]}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment of three scenes, and its set beside it as the workflow makes it."""
    folder = tmp_path_factory.mktemp("ceiling")
    data = yaml.safe_load(TINY.read_text())
    data["dataset"] |= {"size": [112, 128]}
    listed = yaml.safe_load(METHODS_FILE.read_text())["methods"]
    data["methods"] = {
        name: listed[name] | {"row": f"Quick {name}", "kwargs": {"candidates": FEW}}
        for name in ("ebdb", "jnb")
    }
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(data))
    make_data(load_experiment(path), folder / "raw", folder / "manifest.csv", 1, progress=False)
    return path


def test_a_true_map_is_worth_more_than_an_estimated_one(small: Path) -> None:
    rows = {row.name: row for row in ceilings(load_experiment(small), small.parent)}
    psnr = {name: row.psnr for name, row in rows.items()}
    assert rows["true map, discs"].settings == {"lam": 16.8, "alpha": 1.5, "map_scale": 1.0}
    assert psnr["true map, Gaussians"] > max(psnr["EBDB's map"], psnr["JNB's map"], psnr["input"])
    assert psnr["true map, discs"] != psnr["true map, Gaussians"]
    assert not rows["input"].settings


def test_the_map_of_a_scene_is_its_own(small: Path) -> None:
    scenes = scenes_of(load_experiment(small), small.parent, "test")
    assert len(scenes) == 2
    method = TrueMap(scenes)
    for scene in scenes:
        image = np.rint(255 * scene.x[0].movedim(0, -1).double().numpy()) / 255
        np.testing.assert_array_equal(method.sigma_map(image), scene.sigma)
        assert scene.sigma.min() >= 0.545
    assert (scenes[0].sigma != scenes[1].sigma).any()


def test_the_maps_of_photographs_are_unknown(tiny: Tiny, tmp_path: Path) -> None:
    data = yaml.safe_load(tiny.config.read_text())
    data["dataset"] = {"kind": "folder", "name": "mine", "root": str(tiny.raw)}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match="its true maps are unknown"):
        scenes_of(load_experiment(path), tmp_path, "test")
