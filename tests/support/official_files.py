"""Files of weights as authors publish them, with random numbers: names, shapes, places and formats.

Nobody trained them, so results have the label `given weights`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from baselines import kpac
from pipeline.weights.requested import official_files
from support.golden_weights import Floats, by_fan_in, official_state
from support.weight_files import as_objects

MADE = ("ifan", "kpac", "restormer")
EMA = "params_ema"


def _kpac_rule(key: str, numbers: Floats) -> Floats:
    if numbers.ndim != 4:
        return 0.1 * numbers
    return numbers / np.sqrt(np.prod(numbers.shape[:3]))


def write_official_files(project: Path, methods: tuple[str, ...] = MADE) -> None:
    """Write files of these methods where `dmtbench weights fetch` puts them, below a project."""
    for method in methods:
        path = project / official_files(method)[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        state = official_state(method, _kpac_rule if method == "kpac" else by_fan_in)
        if method == "kpac":
            arrays = [state[name] for name in kpac.official_names(3).values()]
            np.savez(path, params=as_objects(list(arrays)))
            continue
        tensors = {name: torch.from_numpy(value) for name, value in state.items()}
        if method == "restormer":
            half = {name: value / 2 for name, value in tensors.items()}
            torch.save({"params": half, EMA: tensors}, path)
        else:
            torch.save(tensors, path)
