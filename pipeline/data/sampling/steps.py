"""How many steps and crops a training has, and what each step is made of: functions of the recipe.

They depend on the step's index only, so a resumed run needs no further state.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from pipeline.config.recipe import Batches, Phase, Recipe


@dataclass(frozen=True)
class TrainingLength:
    """Length of a training in crops and optimizer steps.

    `windows`: how many training windows there are.
    """

    recipe: Recipe
    windows: int

    @cached_property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of an epoch."""
        return steps_per_epoch(self.recipe, self.windows)

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

    def samples_by_kind(self) -> list[tuple[Batches, int]]:
        """Crops seen in the whole training, by what the batches are made of.

        Main batches in the order of their phases, then the companion's; kinds that are never met
        are left out.
        """
        recipe = self.recipe
        seen, others = Counter[int](), 0
        for epoch in range(1, self.epochs + 1):
            steps = min(self.steps_per_epoch, self.steps - (epoch - 1) * self.steps_per_epoch)
            main, companions = self._seen_by_kind(epoch, steps)
            seen[phase_of(recipe, epoch)] += main
            others += companions
        kinds = [*(_with_phase(recipe, phase) for phase in recipe.phases), recipe]
        found = [(kind, seen[place]) for place, kind in enumerate(kinds)]
        if recipe.companion is not None:
            found.append((recipe.companion, others))
        return [(kind, crops) for kind, crops in found if crops]

    def _seen(self, epoch: int, steps: int) -> int:
        """Crops of the first `steps` steps of an epoch."""
        return sum(self._seen_by_kind(epoch, steps))

    def _seen_by_kind(self, epoch: int, steps: int) -> tuple[int, int]:
        """Crops of the first `steps` steps of an epoch: main ones, and the companion's."""
        recipe = self.recipe
        companion = recipe.companion
        others = steps // 2 if companion else 0
        main = (steps - others) * in_phase(recipe, epoch).batch_size
        if recipe.passes_per_epoch is not None:
            main = min(main, self.windows * recipe.passes_per_epoch)
        return main, others * companion.batch_size * companion.frames if companion else 0


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
    place = phase_of(recipe, epoch)
    return recipe if place == len(recipe.phases) else _with_phase(recipe, recipe.phases[place])


def phase_of(recipe: Recipe, epoch: int) -> int:
    """Index of the phase of an epoch, from 1; the number of phases, if none has it."""
    last = 0
    for place, phase in enumerate(recipe.phases):
        last += phase.epochs
        if epoch <= last:
            return place
    return len(recipe.phases)


def main_kinds(recipe: Recipe) -> list[Batches]:
    """Every kind of main batches that a training meets."""
    return [_with_phase(recipe, phase) for phase in recipe.phases] or [recipe]


def _with_phase(recipe: Recipe, phase: Phase) -> Batches:
    return recipe.model_copy(update={"batch_size": phase.batch_size, "crop": phase.crop})
