"""Typed experiment configuration; the only reader of YAML.

An experiment is one file (`config/demo.yaml`, `config/canon.yaml`) plus the method list that it
includes (`config/methods.yaml`). Unknown keys, wrong types and unknown methods are errors.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import ConfigError

METHODS_FILE = Path(__file__).resolve().parents[1] / "config" / "methods.yaml"


Item = TypeVar("Item")
# YAML has lists only: tuples are accepted from them although the models are strict.
Listed = Annotated[Item, Field(strict=False)]


class Strict(BaseModel):
    """A configuration block: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SplitScenes(Strict):
    """What one split of the synthetic set is made of.

    `leaves`: number of dead-leaves scenes. `photographs`: names of pictures bundled with
    scikit-image, one scene each. `stereo`: whether the bundled stereo pair with its measured
    disparity is added as a group of its own.
    """

    leaves: int = Field(ge=0)
    photographs: Listed[tuple[str, ...]] = ()
    stereo: bool = False


class Synthetic(Strict):
    """The synthetic dual-pixel camera (RDPD's image formation) and its scenes.

    `size`: height and width of a scene in pixels. `coc_far`: range of the far-field circle of
    confusion radius in pixels. `focus`: range of the focus distance in metres.
    `distortion`: whether radial lens distortion is applied.
    """

    kind: Literal["synthetic"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    size: Listed[tuple[int, int]]
    coc_far: Listed[tuple[float, float]]
    focus: Listed[tuple[float, float]]
    distortion: bool
    train: SplitScenes
    val: SplitScenes
    test: SplitScenes


class Canon(Strict):
    """The Canon dual-pixel set (DPDD); `root` is the unpacked folder with `train_c` … `test_r`."""

    kind: Literal["canon"]
    name: Literal["canon"]
    root: str


class Patches(Strict):
    """Sliding window over the training images: `size` in pixels, `overlap` as a fraction (4.1)."""

    size: int = Field(ge=16)
    overlap: float = Field(ge=0, lt=1)


class Recipe(Strict):
    """One training recipe (paper 4.2; sheet section 5 for what the paper leaves open).

    `epochs`: of `passes_per_epoch` passes over all windows each.
    `crop`: side of the sub-crop drawn inside a window (`null`: the whole window).
    `learning_rate` falls along one cosine to `final_learning_rate` after `warmup_epochs` linear
    ones. `validations`: how many times, evenly spread, the validation set is scored.
    """

    epochs: int = Field(ge=1)
    passes_per_epoch: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    accumulate: int = Field(ge=1)
    crop: int | None = Field(ge=16)
    loss: Literal["charbonnier"]
    charbonnier_eps: float = Field(gt=0)
    learning_rate: float = Field(gt=0)
    final_learning_rate: float = Field(ge=0)
    warmup_epochs: int = Field(ge=0)
    betas: Listed[tuple[float, float]]
    flip_horizontal: bool
    flip_vertical: bool
    flip_swaps_views: bool
    validations: int = Field(ge=1)


class Compute(Strict):
    """How the machine is used; none of it is a property of a method.

    `torch_threads` belongs here, not to the scheduler: results depend on it.
    """

    device: Literal["auto", "cpu", "cuda"]
    torch_threads: int = Field(ge=1)
    loader_workers: int = Field(ge=0)
    precision: Literal["float32", "bfloat16"]
    channels_last: bool


class MethodEntry(Strict):
    """A method: importable `module`, its constructor arguments, its row label and its recipe.

    `recipe`: name of a training recipe, `fit` (closed-form fit by the method itself) or `null`
    (nothing to learn). `kind` as in the paper's table, or `control`; `table2`: its row in Table 2.
    """

    module: str
    row: str
    kind: str = "end-to-end"
    recipe: str | None = None
    table2: int | None = None
    kwargs: dict[str, Any] = Field(default_factory=dict)


class AblationEntry(Strict):
    """A variant of `base` with other constructor arguments; `table2` is its row in Table 2."""

    base: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    row: str
    table2: int | None = None


class MetricEntry(Strict):
    """A metric: an importable `module` with `score(prediction, target)`."""

    module: str


class MethodList(Strict):
    """`config/methods.yaml`: what can be run and how it is scored, shared by every experiment."""

    methods: dict[str, MethodEntry] = Field(default_factory=dict)
    ablations: dict[str, AblationEntry] = Field(default_factory=dict)
    metrics: dict[str, MetricEntry] = Field(default_factory=dict)

    def entry(self, name: str) -> MethodEntry:
        """The method or ablation called `name`, ablations merged into their base.

        Raises:
            ConfigError: there is no such method.
        """
        if name in self.methods:
            return self.methods[name]
        if name in self.ablations:
            ablation = self.ablations[name]
            base = self.methods[ablation.base]
            kwargs = {**base.kwargs, **ablation.kwargs}
            return base.model_copy(
                update={"kwargs": kwargs, "row": ablation.row, "table2": ablation.table2}
            )
        raise unknown_method(name, [*self.methods, *self.ablations])


class Experiment(MethodList):
    """One complete experiment.

    `seed`: the main seed, `repetitions`: how many seeds each trained method gets.
    `trained_size`: constructor arguments, by module, that make the trained nets narrower than the
    paper's. `methods`, `ablations`, `metrics`: added to (or replacing) those of the method list.
    `complexity_size`: height and width at which FLOPs are counted.
    `sample_images`: how many test pictures each evaluation keeps.
    """

    seed: int = Field(ge=0)
    repetitions: int = Field(ge=1)
    dataset: Annotated[Synthetic | Canon, Field(discriminator="kind")]
    patches: Patches
    protocol: Literal["dpdd-16"]
    recipes: dict[str, Recipe]
    trained_size: dict[str, dict[str, Any]]
    compute: Compute
    complexity_size: Listed[tuple[int, int]]
    sample_images: int = Field(ge=0)

    @model_validator(mode="after")
    def _names_exist(self) -> Experiment:
        for name, ablation in self.ablations.items():
            if ablation.base not in self.methods:
                raise ValueError(f"ablation {name!r} is based on unknown method {ablation.base!r}")
        known = {*self.recipes, "fit", None}
        for name, method in self.methods.items():
            if method.recipe not in known:
                raise ValueError(f"method {name!r} uses unknown recipe {method.recipe!r}")
        modules = {method.module for method in self.methods.values()}
        for module in self.trained_size:
            if module not in modules:
                raise ValueError(f"trained_size names {module!r}, the module of no method")
        return self

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
        return None if recipe in (None, "fit") else self.recipes[recipe]

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


def unknown_method(name: str, known: list[str]) -> ConfigError:
    """The error for a method name that nothing defines."""
    return ConfigError(f"unknown method {name!r}; known: {', '.join(sorted(known))}")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: not valid YAML ({reason}); mend the syntax") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must hold a mapping; see config/demo.yaml for an example")
    return data


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
        return MethodList.model_validate(_read_yaml(path))
    except ValidationError as error:
        raise _explain(path, error) from error


def load_experiment(path: Path) -> Experiment:
    """Read an experiment and merge the method list into it.

    Raises:
        ConfigError: the file is missing, malformed, has an unknown key, a value of a wrong type
            or names a method or recipe that does not exist.
    """
    data = _read_yaml(path)
    shared = load_methods().model_dump()
    for block in ("methods", "ablations", "metrics"):
        own = data.get(block, {})
        if isinstance(own, dict):
            data[block] = {**shared[block], **own}
    try:
        return Experiment.model_validate(data)
    except ValidationError as error:
        raise _explain(path, error) from error
