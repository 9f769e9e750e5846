"""An experiment of which one method is trained on a companion set too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from support.fixture_types import Tiny

CLIPS: dict[str, Any] = {
    "kind": "clips",
    "name": "tiny-clips",
    "size": [64, 64],
    "clips": 2,
    "frames": 2,
    "coc_far": [10.0, 14.0],
    "focus": [1.5, 2.5],
    "distortion": False,
}
NEEDY, OTHERS = "dmtnet-t", ("dmtnet-b", "unsharp", "input")


def write_experiment(path: Path, tiny: Tiny, companion: dict[str, Any], **changes: Any) -> Path:
    """`tiny` with this companion set, which `NEEDY` is trained on; `changes` of top-level keys."""
    data = yaml.safe_load(tiny.config.read_text())
    recipe = tiny.experiment.recipes["dmtnet"].model_dump(mode="json")
    both = {**recipe, "companion": {"batch_size": 1, "crop": 32, "crops_from": "images"}}
    method = {"module": "dmtnet", "row": "DMTNet-T", "recipe": "both", "kwargs": {"variant": "t"}}
    data["recipes"]["both"] = both
    data |= {"companion": companion, "methods": {NEEDY: method}, **changes}
    path.write_text(yaml.safe_dump(data))
    return path
