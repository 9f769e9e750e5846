"""Learning rates of a training: pure functions of the step's index.

A resumed run needs no further state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.config.recipe import Cosine
from pipeline.data.sampling.steps import TrainingLength


@dataclass(frozen=True)
class TrainingSchedule(TrainingLength):
    """Length of a training in crops and optimizer steps, and its learning rates."""

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
