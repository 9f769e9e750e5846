"""Values of the right type that make no sense: refused when the file is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.paths import TINY

from pipeline.config.experiment import load_experiment
from pipeline.errors import ConfigError

HUGE = 10**18
WRONG: dict[str, list[Any]] = {
    "repetitions": [0, HUGE],
    "sample_images": [-1, HUGE],
    "complexity_size": [[0, 0], [-1, 100], [HUGE, HUGE], [100]],
    "dataset/size": [[0, 0], [8, 64], [HUGE, 64], [64, 64, 3]],
    "dataset/coc_far": [[14.0, 10.0], [-1.0, 1.0], [0.0, 1e300]],
    "dataset/focus": [[0.0, 1.0], [2.5, 1.5]],
    "dataset/train/leaves": [-1, HUGE],
    "patches/size": [0, HUGE],
    "qualitative": [
        {"crop": 0},
        {"crop": HUGE},
        {"scenes": [{"scene": "../a"}]},
        {"scenes": [{"scene": "a", "yellow": [-1, 0]}]},
        {"scenes": [{"scene": "a"}, {"scene": "a"}]},
        {"scenes": [{"scene": f"s{n}"} for n in range(9)]},
        {"network": "nobody"},
        # A method that is not run.
        {"network": "restormer"},
    ],
    "compute/torch_threads": [0, HUGE],
    "compute/loader_workers": [-1, HUGE],
    "compute/save_every_s": [-1.0],
    "compute/gpus_per_run": [0, HUGE],
    "recipes/dmtnet/epochs": [0, HUGE],
    "recipes/dmtnet/batch_size": [0, HUGE],
    "recipes/dmtnet/crop": [0, HUGE],
    "recipes/dmtnet/learning_rate": [0.0, -1.0, 1e300],
    "recipes/dmtnet/betas": [[1.0, 0.9], [-0.1, 0.9], [0.9, 1e300]],
    "recipes/dmtnet/losses": [{"charbonnier": -1.0}, {"charbonnier": 1e300}],
    "recipes/dmtnet/noise": [{"probability": 0.5, "sigma": [0.2, 0.1]}],
    "recipes/dmtnet/downscale": [{"probability": 0.5, "scale": [0.0, 1.0]}],
    "recipes/dmtnet/schedule": [
        {"kind": "multistep", "milestones": [3, 2], "factor": 0.5},
        {"kind": "multistep", "milestones": [-1], "factor": 0.5},
    ],
}


@pytest.mark.parametrize(
    ("place", "value"), [(place, value) for place, values in WRONG.items() for value in values]
)
def test_values_beyond_any_use(tmp_path: Path, place: str, value: Any) -> None:
    data = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    *parents, last = place.split("/")
    block = data
    for parent in parents:
        block = block[parent]
    block[last] = value
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_experiment(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert last in str(caught.value)


@pytest.mark.parametrize("value", [{"only": [["a"]]}, {"not_run": 5}, {"not_run": [[1]]}])
@pytest.mark.parametrize("more", [{}, {"methods": {"m": {"module": [1]}}}, {"recipes": 3}])
def test_blocks_of_wrong_types_next_to_a_selection(
    tmp_path: Path, value: dict[str, Any], more: dict[str, Any]
) -> None:
    data = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**data, "only": ["dmtnet-t"], **value, **more}))
    with pytest.raises(ConfigError):
        load_experiment(path)
