"""Length of a training, its steps and learning rates: pure functions of the step's index.

A resumed run needs no further state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.config.recipe import Batches, Cosine, Recipe
from pipeline.data.sampling.steps import batches_of, in_phase, steps_per_epoch


@dataclass(frozen=True)
class Plan:
    """Length of a training in crops and optimizer steps, and its learning rates.

    `steps_per_epoch`: optimizer steps of an epoch. `windows`: training windows.
    """

    recipe: Recipe
    windows: int
    steps_per_epoch: int

    @classmethod
    def of(cls, recipe: Recipe, windows: int) -> Plan:
        """The plan of `recipe` over a number of windows."""
        return cls(recipe, windows, steps_per_epoch(recipe, windows))

    @property
    def steps(self) -> int:
        """Optimizer steps that are taken."""
        whole = self.recipe.epochs * self.steps_per_epoch
        return min(whole, self.recipe.max_steps or whole)

    @property
    def epochs(self) -> int:
        """Epochs that are begun."""
        return -(-self.steps // self.steps_per_epoch)

    @property
    def samples(self) -> int:
        """Crops seen in the whole training."""
        return self.samples_at(self.steps)

    def batches(self, step: int) -> Batches:
        """What the batches of the step with this index, from 0, are made of."""
        epoch, number = divmod(step, self.steps_per_epoch)
        return batches_of(self.recipe, epoch + 1, number)

    def samples_at(self, step: int) -> int:
        """Crops seen after `step` optimizer steps; each frame of a clip is one."""
        epochs, rest = divmod(step, self.steps_per_epoch)
        seen = sum(self._seen(epoch, self.steps_per_epoch) for epoch in range(1, epochs + 1))
        return seen + (self._seen(epochs + 1, rest) if rest else 0)

    def crops_of(self, step: int) -> int:
        """Crops of the step with this index, from 0, over all processes."""
        epoch, number = divmod(step, self.steps_per_epoch)
        return self._seen(epoch + 1, number + 1) - self._seen(epoch + 1, number)

    def _seen(self, epoch: int, steps: int) -> int:
        """Crops of the first `steps` steps of an epoch."""
        recipe = self.recipe
        companion = recipe.companion
        others = steps // 2 if companion else 0
        main = (steps - others) * in_phase(recipe, epoch).batch_size
        if recipe.passes_per_epoch is not None:
            main = min(main, self.windows * recipe.passes_per_epoch)
        if companion is None:
            return main
        return main + others * companion.batch_size * companion.frames

    def learning_rate(self, step: int) -> float:
        """Learning rate of the step with this index, from 0."""
        schedule, per_epoch = self.recipe.schedule, self.steps_per_epoch
        if isinstance(schedule, Cosine):
            return cosine(
                step,
                self.recipe.epochs * per_epoch,
                schedule.warmup_epochs * per_epoch,
                self.recipe.learning_rate,
                schedule.final_learning_rate,
                constant=schedule.constant_epochs * per_epoch,
            )
        milestones = [epoch * per_epoch for epoch in schedule.milestones]
        return multistep(step, milestones, schedule.factor, self.recipe.learning_rate)


def cosine(
    step: int, steps: int, warmup: int, peak: float, final: float, *, constant: int = 0
) -> float:
    """Linear warm-up, `peak` for a while, then one cosine to `final` (paper 4.2: no restarts).

    Args:
        step: index of the coming optimizer step, from 0.
        steps: optimizer steps in all.
        warmup: how many of them warm up; 0 starts at `peak`.
        peak, final: learning rates.
        constant: how many steps stay at `peak` after the warm-up.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    begin = warmup + constant
    progress = max(0.0, (step - begin) / max(1, steps - begin))
    return final + 0.5 * (peak - final) * (1 + math.cos(math.pi * min(1.0, progress)))


def multistep(step: int, milestones: Sequence[int], factor: float, peak: float) -> float:
    """`peak`, multiplied by `factor` from each of the steps in `milestones` on.

    Args:
        step: index of the coming optimizer step, from 0.
        milestones: step indices.
        factor: of the decay.
        peak: first learning rate.
    """
    return peak * factor ** sum(step >= milestone for milestone in milestones)
