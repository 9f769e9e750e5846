"""Typed experiment configuration; the only reader of YAML.

An experiment is one file (`config/demo.yaml`, `config/canon.yaml`) merged over two shared ones, the
method list (`config/methods.yaml`) and the recipes (`config/recipes.yaml`). Unknown keys, wrong
types and unknown methods are errors.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from pipeline.config.blocks import (
    Budget,
    Canon,
    Clips,
    Compute,
    Few,
    Folder,
    Listed,
    NotRun,
    Patches,
    Size,
    Synthetic,
)
from pipeline.config.given_weights import Weights
from pipeline.config.methods import NOT_TRAINED, MethodEntry, MethodList
from pipeline.config.names import check_names
from pipeline.config.qualitative import Qualitative
from pipeline.config.recipe import UNITS, Recipe
from pipeline.config.recipe_bases import with_bases
from pipeline.config.rows import check_rows
from pipeline.config.selection import select
from pipeline.config.study import Study
from pipeline.config.yaml_files import merge_layers, merged, read_layers, read_yaml
from pipeline.data.canon import CANON_SIZE
from pipeline.errors import ConfigError, first_problem
from pipeline.pins import Pins, pins_file, read_pins
from pipeline.shipped import SHIPPED

_CONFIG = SHIPPED / "config"
_RESERVED = {"published": "the paper's numbers", "counted": "the counts of all networks"}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")
METHODS_FILE, RECIPES_FILE = _CONFIG / "methods.yaml", _CONFIG / "recipes.yaml"
DEMO_FILE, CANON_FILE = _CONFIG / "demo.yaml", _CONFIG / "canon.yaml"


class Experiment(MethodList):
    """One complete experiment.

    `name`: of the experiment, and of its folder of reports; by default, that of its file. `seed`:
    main seed. `repetitions`: number of seeds for each trained method. `trained_size`:
    constructor arguments, by module, that make the trained networks narrower than published.
    `budgets`: training lengths that replace those of the recipes, by method. `methods`,
    `ablations`, `metrics`: added to those of the method list, or replacing them. `only`: the
    methods and ablations that take part; default: all. `not_run`: methods with only published
    results, as a list or with the reason for each. `first`: trained and scored before all others;
    no part of dumps and digests, because the order changes no result. `weights`: methods and
    ablations that are scored with given weights instead of being trained; `not_run` takes
    precedence. `companion`: second training set, for the recipes that need one. `recipes`: the
    shared recipes, with single values replaced. `complexity_size`: height and width at which FLOPs
    are counted; reconstruction: the size of Canon's images, which reproduces the paper's FLOPs.
    `sample_images`: number of test images that each evaluation saves. `pins`: what the pins file
    beside the experiment file holds; no part of dumps and digests either. `study`: what is tested
    over seeds, and `qualitative`: what Figures 4 and 5 show; no part of them either, because they
    change no result.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    seed: int = Field(ge=0)
    repetitions: Few
    only: Listed[tuple[str, ...]] | None = None
    not_run: NotRun = ()
    first: str | None = Field(default=None, exclude=True)
    weights: dict[str, Weights] = Field(default_factory=dict)
    dataset: Annotated[Synthetic | Canon | Folder, Field(discriminator="kind")]
    companion: Annotated[Clips | Folder, Field(discriminator="kind")] | None = None
    patches: Patches
    protocol: Literal["dpdd-16", "dpdd-8"]
    recipes: dict[str, Recipe]
    trained_size: dict[str, dict[str, Any]]
    budgets: dict[str, Budget] = Field(default_factory=dict)
    compute: Compute
    complexity_size: Size = CANON_SIZE
    sample_images: int = Field(ge=0, le=10**6)
    study: Study | None = Field(default=None, exclude=True)
    qualitative: Qualitative = Field(default_factory=Qualitative, exclude=True)
    pins: Pins = Field(default_factory=Pins, exclude=True)

    @field_validator("name")
    @classmethod
    def _not_published(cls, name: str) -> str:
        if name in _RESERVED:
            raise ValueError(f"{name!r} is the folder of {_RESERVED[name]}; choose another one")
        return name

    @model_validator(mode="after")
    def _names_exist(self) -> Experiment:
        check_names(self)
        return self

    @model_validator(mode="after")
    def _sets_have_separate_folders(self) -> Experiment:
        if self.companion is not None and self.companion.name == self.dataset.name:
            raise ValueError(
                f"companion: name: {self.companion.name!r} is also the data set's name; change one"
            )
        return self

    def methods_run(self) -> list[str]:
        """Methods that the workflow runs: all but `not_run` and those that lack their weights."""
        return [
            name
            for name, method in self.methods.items()
            if name not in self.not_run and (method.recipe != "official" or name in self.weights)
        ]

    def reasons(self) -> dict[str, str]:
        """Why methods are not run, by row, where `not_run` says it."""
        stated = self.not_run if isinstance(self.not_run, dict) else {}
        return {self.methods[name].row: why for name, why in stated.items()}

    def runs(self, name: str) -> bool:
        """Whether the workflow evaluates this method or ablation."""
        return name in self.ablations or name in self.methods_run()

    def runs_of(self, names: Iterable[str]) -> list[tuple[str, int]]:
        """Each of these methods that is run without given weights, with each of its repetitions.

        Repetitions count from 0. A method has several only if it depends on a seed.
        """
        return [
            (name, repetition)
            for name in names
            if self.runs(name) and name not in self.weights
            for repetition in range(self.repetitions if self.recipe_of(name) else 1)
        ]

    def given_of(self, names: Iterable[str]) -> list[str]:
        """Those of these methods that are scored with given weights."""
        return [name for name in names if self.runs(name) and name in self.weights]

    @property
    def trains(self) -> bool:
        """Whether anything is trained or fitted; otherwise the test images are enough."""
        methods = [name for name, _ in self.runs_of([*self.methods, *self.ablations])]
        return any(self.entry(name).recipe is not None for name in methods)

    def sets(self) -> dict[str, Synthetic | Canon | Folder | Clips]:
        """Blocks of the sets in use, by name: `dataset`, and `companion` if one is trained on."""
        sets: dict[str, Synthetic | Canon | Folder | Clips] = {"dataset": self.dataset}
        methods = [name for name, _ in self.runs_of([*self.methods, *self.ablations])]
        if self.companion is not None and any(map(self.needs_companion, methods)):
            sets["companion"] = self.companion
        return sets

    def table2_rows(self) -> dict[int, str]:
        """Rows of the paper's Table 2: our method name by the number of the row."""
        names = [*self.methods, *self.ablations]
        rows = {self.entry(name).table2: name for name in names}
        return {number: rows[number] for number in sorted(n for n in rows if n is not None)}

    def further_ablations(self) -> list[str]:
        """Ablations that are not in the paper."""
        return [name for name, ablation in self.ablations.items() if ablation.table2 is None]

    def recipe_of(self, name: str) -> Recipe | None:
        """The training recipe of method `name`; `None` if it is not trained by gradient descent."""
        recipe = self.entry(name).recipe
        if recipe in NOT_TRAINED:
            return None
        full, budget = self.recipes[recipe], self.budgets.get(name)
        if budget is None:
            return full
        length = {field: getattr(budget, field) for field in ("epochs", *UNITS)}
        given = {field: value for field, value in length.items() if value is not None}
        # Passes and steps are two ways to state one length.
        unset = dict.fromkeys(UNITS, None) if given.keys() & UNITS else {}
        return Recipe.model_validate({**full.model_dump(), **unset, **given})

    def compute_of(self, entry: MethodEntry) -> Compute:
        """How a method uses the machine: without a network, only the CPU."""
        if entry.has_network:
            return self.compute
        return self.compute.model_copy(update={"device": "cpu"})

    def gpus(self, name: str) -> int:
        """Number of GPUs for running method `name`, on a machine with GPUs."""
        return int(self.compute_of(self.entry(name)).device != "cpu")

    def training_gpus(self, name: str) -> int:
        """Number of GPUs for training method `name`, on a machine with GPUs."""
        return self.gpus(name) * (self.compute.gpus_per_run if self.recipe_of(name) else 1)

    def needs_companion(self, name: str) -> bool:
        """Whether method `name` is also trained on the companion set."""
        recipe = self.recipe_of(name)
        return recipe is not None and recipe.companion is not None

    def trained_kwargs(self, name: str) -> dict[str, Any]:
        """Constructor arguments of the network that this experiment trains for method `name`."""
        entry = self.entry(name)
        # An ablation's own arguments take precedence over the width of the networks.
        own = self.ablations[name].kwargs if name in self.ablations else {}
        return {**entry.kwargs, **self.trained_size.get(entry.module, {}), **own}

    def digest(self, *parts: str) -> str:
        """SHA-256 over the named top-level blocks, or over all blocks if none is named."""
        data = self.model_dump(mode="json")
        return digest_of({part: data[part] for part in parts} if parts else data)


def digest_of(data: Any) -> str:
    """SHA-256, in hexadecimal, of JSON-serializable data in canonical form.

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def load_methods(path: Path = METHODS_FILE) -> MethodList:
    """Read a method list.

    Raises:
        ConfigError: the file is missing, malformed or has an unknown key.
    """
    try:
        return MethodList.model_validate(read_yaml(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_problem(error)}") from error


def load_experiment(path: Path) -> Experiment:
    """Read an experiment and merge it over the method list and the recipes.

    A file with the key `extends` holds only the differences from another file, whose path is
    relative to its own folder. `pins` come from the file beside it (see `pipeline.pins`).

    Raises:
        ConfigError: the file is missing, malformed, has an unknown key, a value of a wrong type
            or names a method or recipe that does not exist; the pins file is malformed.

    >>> experiment = load_experiment(_CONFIG / "demo.yaml")
    >>> experiment.dataset.name, experiment.recipe_of("dmtnet-b").optimizer
    ('synthetic', 'adam')
    """
    layers = read_layers(path)
    # A name is not inherited: reports of two experiments must not share a folder.
    name = layers[path].get("name", _name_of(path))
    data = {**merge_layers(layers.values()), "name": name}
    if "pins" in data:
        raise ConfigError(f"{path}: pins: unknown key, remove it; {pins_file(path)} holds them")
    listed = load_methods()
    shared = listed.model_dump()
    for block in ("methods", "ablations", "metrics"):
        own = data.get(block, {})
        if isinstance(own, dict):
            data[block] = {**shared[block], **own}
    select(data)
    own = data.get("recipes", {})
    data["recipes"] = merged(read_yaml(RECIPES_FILE), own) if isinstance(own, dict) else own
    data["pins"] = read_pins(pins_file(path))
    try:
        if isinstance(data["recipes"], dict):
            data["recipes"] = with_bases(data["recipes"])
        experiment = Experiment.model_validate(data)
        check_rows(experiment, listed)
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_problem(error)}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    return experiment


def _name_of(path: Path) -> str:
    return _NOT_IN_NAMES.sub("-", path.stem).lstrip("-._") or "experiment"
