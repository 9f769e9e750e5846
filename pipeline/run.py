"""One run: a method of an experiment at one repetition, and what follows from the three."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.code_hash import PYTHON
from pipeline.config.blocks import Compute
from pipeline.config.experiment import Experiment
from pipeline.config.recipe import Recipe
from pipeline.methods import Method, get_method
from pipeline.records import Label
from pipeline.results_versions import MAKERS_OF_WEIGHTS, results_versions
from pipeline.seeds import derive_seed


@dataclass(frozen=True)
class Run:
    """A method of an experiment at one repetition, looked up once at the start of a command.

    `repetition`: index of the repetition, from 0; each has its own seeds.
    """

    experiment: Experiment
    method: Method
    repetition: int = 0

    @classmethod
    def of(cls, experiment: Experiment, name: str, repetition: int = 0) -> Run:
        """The run of the method or ablation called `name`.

        Raises:
            ConfigError: the method does not exist.
        """
        return cls(experiment, get_method(name, experiment), repetition)

    @cached_property
    def kwargs(self) -> dict[str, Any]:
        """Constructor arguments of the network that this experiment trains."""
        return self.experiment.trained_kwargs(self.method.name)

    @cached_property
    def recipe(self) -> Recipe | None:
        """The training recipe; `None` if the method is not trained by gradients."""
        return self.experiment.recipe_of(self.method.name)

    @property
    def compute(self) -> Compute:
        """How the machine is used; methods without a network use the CPU only."""
        return self.experiment.compute_of(self.method.entry)

    @property
    def gpus(self) -> int:
        """Number of GPUs for running the method, on a machine with GPUs."""
        return int(self.compute.device != "cpu")

    @property
    def needs_companion(self) -> bool:
        """Whether the method is also trained on the companion set."""
        return self.recipe is not None and self.recipe.companion is not None

    @property
    def label(self) -> Label:
        """The label of this run's results; it follows from the method and the kind of data set.

        `reproduced` needs a pinned manifest; training and evaluation accept no other one.
        """
        if self.method.surrogate is not None:
            return "surrogate"
        dataset = self.experiment.dataset
        pinned = self.experiment.pins.has_manifest(dataset.name)
        examined = dataset.kind == "canon" and pinned
        return "reproduced" if examined else "demo"

    def seed(self, purpose: str) -> int:
        """The seed for one purpose, such as `evaluate`, at this repetition."""
        return derive_seed(self.experiment.seed, purpose, self.repetition)

    @property
    def init_seed(self) -> int:
        """The seed of the network's initial weights, and of random draws in its training."""
        return self.seed(self._init)

    @property
    def training_seeds(self) -> dict[str, int]:
        """The seeds of a training, by purpose: order of the data, initial weights."""
        return {purpose: self.seed(purpose) for purpose in ("data", self._init)}

    @property
    def _init(self) -> str:
        return f"init/{self.method.name}"

    def fingerprint(self, *, data: str, windows: str, companion: str | None) -> dict[str, Any]:
        """Everything that the result of a training depends on beyond rounding, as JSON-like data.

        Args:
            data: SHA-256 of the pixel store.
            windows: SHA-256 of the patch index.
            companion: SHA-256 of the companion set's pixel store, if there is one.
        """
        experiment = self.experiment
        return {
            "method": self.method.name,
            "arguments": self.kwargs,
            "recipe": self.recipe and self.recipe.key(strict=experiment.compute.strict),
            "compute": experiment.compute.key(),
            "patches": experiment.patches.model_dump(mode="json"),
            "seeds": self.training_seeds,
            "code": self.method.code_hash(),
            "python": PYTHON,
            "results_versions": results_versions(*MAKERS_OF_WEIGHTS),
            "data": data,
            "windows": windows,
            "companion": companion,
        }


@dataclass(frozen=True)
class WeightsOrigin:
    """Where a network's weights come from: a run, a file, or neither for a method without training.

        `run_folder`: made by `dmtbench train`. `official`: file with the names and shapes of the
    authors' network; whether it is theirs is another question (`pipeline.weights.trust`). `key`:
    where that file keeps the weights, if it holds several state dicts.
    """

    run_folder: Path | None = None
    official: Path | None = None
    key: str | None = None
