"""What the optimizer steps of an epoch are made of: pure functions of the recipe."""

from __future__ import annotations

from pipeline.config.recipe import Batches, Phase, Recipe


def steps_per_epoch(recipe: Recipe, windows: int) -> int:
    """Optimizer steps of an epoch over a number of training windows, companion's included."""
    if recipe.passes_per_epoch is None:
        assert recipe.steps_per_epoch is not None
        return recipe.steps_per_epoch
    steps = -(-windows * recipe.passes_per_epoch // recipe.batch_size)
    return steps * (2 if recipe.companion else 1)


def batches_of(recipe: Recipe, epoch: int, step: int) -> Batches:
    """What the batches of a step are made of.

    Args:
        recipe: the training recipe.
        epoch: from 1.
        step: within its epoch, from 0; with a companion, every second one is the companion's.
    """
    if recipe.companion is not None and step % 2:
        return recipe.companion
    return in_phase(recipe, epoch)


def in_phase(recipe: Recipe, epoch: int) -> Batches:
    """What the main batches of an epoch, from 1, are made of: `phases` replace batch size and crop.

    The crop of a phase is drawn inside the recipe's.
    """
    last = 0
    for phase in recipe.phases:
        last += phase.epochs
        if epoch <= last:
            return _with_phase(recipe, phase)
    return recipe


def main_kinds(recipe: Recipe) -> list[Batches]:
    """Every kind of main batches that a training meets."""
    return [_with_phase(recipe, phase) for phase in recipe.phases] or [recipe]


def _with_phase(recipe: Recipe, phase: Phase) -> Batches:
    return recipe.model_copy(update={"batch_size": phase.batch_size, "crop": phase.crop})
