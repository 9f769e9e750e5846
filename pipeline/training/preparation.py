"""What a training starts with: a fresh network, how it takes its steps, and its batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pipeline.compute.distributed import ALONE, World
from pipeline.config.recipe import Recipe
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.windows import Window
from pipeline.data.store.reader import PixelStore
from pipeline.planning.memory import TrainingMemory
from pipeline.run import Run
from pipeline.training.loss import check_terms
from pipeline.training.train_step import TrainStep


@dataclass(frozen=True)
class TrainingData:
    """The data of a training, opened and checked.

    `companion`: store of the companion set, for a method that is trained on it too.
    """

    store: PixelStore
    windows: list[Window]
    companion: PixelStore | None = None


def prepare_training(
    run: Run,
    *,
    recipe: Recipe,
    data: TrainingData,
    device: torch.device,
    processes: World = ALONE,
) -> tuple[TrainStep, CropLoader]:
    """The network, freshly initialized, and this process's part of the batches.

    To be called after `prepare_device(run.compute, run.init_seed)`.

    Raises:
        ConfigError: an unknown loss term, or arguments that the method refuses.
        DataError: a crop does not fit, or the companion set is missing.
    """
    method, compute = run.method, run.compute
    check_terms(recipe, method.training_terms)
    network = method.build(**run.kwargs, **recipe.kwargs)
    loader = CropLoader(
        data.store,
        data.windows,
        views=method.views,
        recipe=recipe,
        compute=compute,
        seed=run.seed("data"),
        input_bits=method.input_bits,
        companion=data.companion,
        world=processes,
    )
    memory = TrainingMemory(method, {**run.kwargs, **recipe.kwargs}, recipe, compute)
    return TrainStep(network, recipe, compute, device, processes, memory), loader
