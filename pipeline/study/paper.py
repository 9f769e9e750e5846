"""Compute of the paper's own trainings, from its configuration and the counts of its networks."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.config.experiment import Experiment
from pipeline.data.sampling.steps import TrainingLength
from pipeline.errors import DataError
from pipeline.planning.images import canon_images
from pipeline.planning.passes import FORWARD_AND_BACKWARD

_REMEDY = "make it again with `dmtbench complexity --all --csv FILE`"


def training_compute(flops: float, samples: float) -> float:
    """Multiply-accumulates of a training.

    Three passes for each crop: the forward pass; backward, the gradients of the layers' inputs and
    those of the weights, each as expensive. The optimizer and validations are not counted.

    Args:
        flops: multiply-accumulates of the forward pass of one crop.
        samples: crops seen.
    """
    return FORWARD_AND_BACKWARD * flops * samples


def paper_compute(canon: Experiment, counted: Path) -> dict[str, float]:
    """Multiply-accumulates of the trainings of a full-size experiment, by row.

    Operations of a crop are those of the whole image times the ratio of the areas, which is off by
    less than a percent.

    Args:
        canon: the paper's experiment on Canon's images, whole windows as crops.
        counted: the counts of all networks, `reports/counted/complexity.csv`.

    Returns:
        An entry for each row that is trained by gradients and counted.

    Raises:
        DataError: the counts cannot be read.
    """
    try:
        sizes = pd.read_csv(counted, index_col="network")[["height", "width", "flops_fvcore"]]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{counted}: cannot be read ({error}); {_REMEDY}") from error
    windows, side = canon_images().windows(canon.patches), canon.patches.size
    found: dict[str, float] = {}
    for name in canon.methods:
        recipe, row = canon.recipe_of(name), canon.entry(name).row
        if recipe is None or recipe.crop is not None or row not in sizes.index:
            continue
        size = sizes.loc[row]
        crop = float(size["flops_fvcore"]) * side**2 / float(size["height"] * size["width"])
        found[row] = training_compute(crop, TrainingLength(recipe, windows).samples)
    return found
