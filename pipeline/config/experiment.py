"""Typed experiment configuration; the only reader of YAML.

An experiment is one file (`config/demo.yaml`, `config/canon.yaml`) over two that all share: the
method list (`config/methods.yaml`) and the recipes (`config/recipes.yaml`). Unknown keys, wrong
types and unknown methods are errors.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from pipeline.config.blocks import (
    Budget,
    Canon,
    Clips,
    Compute,
    Folder,
    Listed,
    Patches,
    Synthetic,
)
from pipeline.config.methods import (
    NOT_TRAINED,
    MethodList,
)
from pipeline.config.recipe import Recipe
from pipeline.config.yaml_files import merged, read_with_bases, read_yaml
from pipeline.errors import ConfigError

_CONFIG = Path(__file__).resolve().parents[2] / "config"
METHODS_FILE, RECIPES_FILE = _CONFIG / "methods.yaml", _CONFIG / "recipes.yaml"


class Experiment(MethodList):
    """One complete experiment.

    `seed`: the main seed, `repetitions`: how many seeds each trained method gets.
    `trained_size`: constructor arguments, by module, that make the trained nets narrower than the
    paper's. `budgets`: methods that train for longer or shorter than their recipe says.
    `methods`, `ablations`, `metrics`: added to (or replacing) those of the method list.
    `only`: the methods and ablations that take part, all of them when absent. `not_run`: methods
    whose rows stay the published ones.
    `companion`: the second training set of the recipes that ask for one.
    `recipes`: those of the recipe list, single values replaced by the experiment's own.
    `complexity_size`: height and width at which FLOPs are counted.
    `sample_images`: how many test images each evaluation keeps.
    """

    seed: int = Field(ge=0)
    repetitions: int = Field(ge=1)
    only: Listed[tuple[str, ...]] | None = None
    not_run: Listed[tuple[str, ...]] = ()
    dataset: Annotated[Synthetic | Canon | Folder, Field(discriminator="kind")]
    companion: Annotated[Clips | Folder, Field(discriminator="kind")] | None = None
    patches: Patches
    protocol: Literal["dpdd-16", "dpdd-8"]
    recipes: dict[str, Recipe]
    trained_size: dict[str, dict[str, Any]]
    budgets: dict[str, Budget] = Field(default_factory=dict)
    compute: Compute
    complexity_size: Listed[tuple[int, int]]
    sample_images: int = Field(ge=0)

    @model_validator(mode="after")
    def _names_exist(self) -> Experiment:
        for name, ablation in self.ablations.items():
            if ablation.base not in self.methods:
                raise ValueError(f"ablation {name!r} is based on unknown method {ablation.base!r}")
        for name in self.only or ():
            if name not in {*self.methods, *self.ablations}:
                raise ValueError(f"only names unknown method {name!r}")
        for name in self.not_run:
            if name not in self.methods:
                raise ValueError(f"not_run names unknown method {name!r}")
        known = {*self.recipes, *NOT_TRAINED}
        for name, method in self.methods.items():
            if method.recipe not in known:
                raise ValueError(f"method {name!r} uses unknown recipe {method.recipe!r}")
        for name in self.methods_run():
            if self.companion is None and self.needs_companion(name):
                raise ValueError(f"method {name!r} is trained on a companion set; add `companion:`")
        modules = {method.module for method in self.methods.values()}
        for name in self.budgets:
            if name not in {*self.methods, *self.ablations}:
                raise ValueError(f"budgets names unknown method {name!r}")
        for module in self.trained_size:
            if module not in modules:
                raise ValueError(f"trained_size names {module!r}, the module of no method")
        return self

    @model_validator(mode="after")
    def _sets_have_folders_of_their_own(self) -> Experiment:
        if self.companion is not None and self.companion.name == self.dataset.name:
            raise ValueError(
                f"companion: name: {self.companion.name!r} is the data set's; change one"
            )
        return self

    def methods_run(self) -> list[str]:
        """Methods that the workflow runs: all but `not_run` and those of published weights."""
        return [
            name
            for name, method in self.methods.items()
            if name not in self.not_run and method.recipe != "official"
        ]

    def table2_rows(self) -> dict[int, str]:
        """Rows of the paper's Table 2: its method numbers and our names for them."""
        names = [*self.methods, *self.ablations]
        rows = {self.entry(name).table2: name for name in names}
        return {number: rows[number] for number in sorted(n for n in rows if n is not None)}

    def further_ablations(self) -> list[str]:
        """Ablations that the paper does not have."""
        return [name for name, ablation in self.ablations.items() if ablation.table2 is None]

    def recipe_of(self, name: str) -> Recipe | None:
        """The training recipe of method `name`; `None` if it is not trained by gradients."""
        recipe = self.entry(name).recipe
        if recipe in NOT_TRAINED:
            return None
        budget = self.budgets.get(name, Budget())
        fields = ("epochs", "passes_per_epoch", "steps_per_epoch")
        length = {field: getattr(budget, field) for field in fields}
        given = {field: value for field, value in length.items() if value is not None}
        return self.recipes[recipe].model_copy(update=given)

    def training_gpus(self, name: str) -> int:
        """GPUs that training method `name` takes, on a machine that has some."""
        return self.compute.gpus_per_run if self.recipe_of(name) else 1

    def needs_companion(self, name: str) -> bool:
        """Whether method `name` is trained on the companion set too."""
        recipe = self.recipe_of(name)
        return recipe is not None and recipe.companion is not None

    def trained_kwargs(self, name: str) -> dict[str, Any]:
        """Constructor arguments of the net that this experiment trains for method `name`."""
        entry = self.entry(name)
        # What an ablation is about wins over the width of the nets.
        own = self.ablations[name].kwargs if name in self.ablations else {}
        return {**entry.kwargs, **self.trained_size.get(entry.module, {}), **own}

    def digest(self, *parts: str) -> str:
        """SHA-256 over the named top-level blocks (all of them when none is named)."""
        data = self.model_dump(mode="json")
        return digest_of({part: data[part] for part in parts} if parts else data)


def digest_of(data: Any) -> str:
    """SHA-256, in hexadecimal, of JSON-like data in a canonical spelling."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _explain(path: Path, error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    what = "unknown key, remove it" if first["type"] == "extra_forbidden" else first["msg"]
    return ConfigError(f"{path}: {where}: {what}")


def load_methods(path: Path = METHODS_FILE) -> MethodList:
    """Read a method list.

    Raises:
        ConfigError: the file is missing, malformed or has an unknown key.
    """
    try:
        return MethodList.model_validate(read_yaml(path))
    except ValidationError as error:
        raise _explain(path, error) from error


def load_experiment(path: Path) -> Experiment:
    """Read an experiment and merge it over the method list and the recipes.

    A file with the key `extends` holds what differs from another one, named from its own folder.

    Raises:
        ConfigError: the file is missing, malformed, has an unknown key, a value of a wrong type
            or names a method or recipe that does not exist.

    Example:
        >>> demo = load_experiment(Path("config/demo.yaml"))
        >>> demo.dataset.name, demo.recipe_of("dmtnet-b").optimizer
        ('synthetic', 'adam')
    """
    data = read_with_bases(path)
    shared = load_methods().model_dump()
    for block in ("methods", "ablations", "metrics"):
        own = data.get(block, {})
        if isinstance(own, dict):
            data[block] = {**shared[block], **own}
    _select(data)
    own = data.get("recipes", {})
    data["recipes"] = merged(read_yaml(RECIPES_FILE), own) if isinstance(own, dict) else own
    try:
        return Experiment.model_validate(data)
    except ValidationError as error:
        raise _explain(path, error) from error


def _select(data: dict[str, Any]) -> None:
    """Leave out all that is not under `only`, and what is said about it elsewhere."""
    only, methods, ablations = (data.get(key) for key in ("only", "methods", "ablations"))
    if not (isinstance(only, list) and isinstance(methods, dict) and isinstance(ablations, dict)):
        return
    kept = {name: entry for name, entry in methods.items() if name in only}
    modules, used = (
        {entry.get("module") for entry in entries.values() if isinstance(entry, dict)}
        for entries in (methods, kept)
    )
    left_out = {*methods, *ablations} - {*only} | (modules - used)
    data["methods"] = kept
    data["not_run"] = [name for name in data.get("not_run", ()) if name in only]
    for block in ("ablations", "budgets", "trained_size"):
        entries = data.get(block, {})
        if isinstance(entries, dict):
            data[block] = {key: entries[key] for key in entries if key not in left_out}
