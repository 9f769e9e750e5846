"""Blocks of an experiment file: training recipes."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.config.blocks import Count, Few, Fractions, Listed, Side, Strict

Rate = Annotated[float, Field(gt=0, le=100)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Scale = Annotated[float, Field(gt=0, le=1)]


class Cosine(Strict):
    """Linear warmup, a constant phase, then one cosine to `final_learning_rate`.

    `warmup_epochs` and `constant_epochs` are part of the recipe's epochs; the cosine takes the
    remaining ones.
    """

    kind: Literal["cosine"]
    final_learning_rate: float = Field(ge=0, le=100)
    warmup_epochs: int = Field(default=0, ge=0)
    constant_epochs: int = Field(default=0, ge=0)


class Multistep(Strict):
    """The learning rate is multiplied by `factor` at the end of each epoch in `milestones`."""

    kind: Literal["multistep"]
    milestones: Listed[tuple[Count, ...]]
    factor: float = Field(gt=0, le=1)

    @field_validator("milestones")
    @classmethod
    def _ascend(cls, milestones: tuple[int, ...]) -> tuple[int, ...]:
        if any(later <= earlier for earlier, later in pairwise(milestones)):
            raise ValueError("milestones must ascend")
        return milestones


class Phase(Strict):
    """A phase of progressive learning: `epochs` with crops of side `crop` and `batch_size`.

    All crops of a batch lie at the same random position within the recipe's `crop` (Restormer).
    """

    epochs: Count
    crop: Side
    batch_size: Few


class Noise(Strict):
    """Gaussian noise, the same on all views; `sigma`: range of its standard deviation, 0 to 1."""

    probability: float = Field(ge=0, le=1)
    sigma: Fractions


class Downscale(Strict):
    """Views and target are downscaled by a factor within `scale` (area averaging)."""

    probability: float = Field(ge=0, le=1)
    scale: Listed[tuple[Scale, Scale]]


class Batches(Strict):
    """Composition of a batch.

    `batch_size`: number of crops, or of clips if there are `frames`. `crop`: their side in pixels
    (`null`: the whole window). `crops_from`: `windows` of the patch index, in which crops are
    drawn, or whole `images`. `one_image`: all crops of a batch come from one image. `spare_crops`:
    number of additional crops, of which the least sharp are discarded (RDPD). `frames`:
    consecutive images of a clip, cropped alike and processed as a sequence.
    """

    batch_size: Few
    crop: Side | None
    crops_from: Literal["windows", "images"] = "windows"
    one_image: bool = False
    spare_crops: int = Field(default=0, ge=0, le=4096)
    frames: Few = 1

    @model_validator(mode="after")
    def _images_need_a_crop(self) -> Batches:
        if self.crops_from == "images" and self.crop is None:
            raise ValueError("crops_from: images needs a crop")
        beyond_windows = self.frames > 1 or self.one_image or self.spare_crops
        if beyond_windows and self.crops_from == "windows":
            raise ValueError("frames, one_image and spare_crops need crops_from: images")
        return self


UNITS = ("passes_per_epoch", "steps_per_epoch")
"""The two ways to state the length of an epoch; a recipe has one of them."""


class Recipe(Batches):
    """One training recipe; docs/deviations.md explains what its publication leaves open.

    Length: `epochs` of `passes_per_epoch` passes over all windows, or of `steps_per_epoch`
    optimizer steps. `phases` replace crop and batch size, each for its number of epochs. With a
    `companion`, every second step uses a batch of the companion set. `accumulate`: number of parts
    in which a batch passes through the network, so that it fits in memory; the updates stay the
    same. `losses`: weight of each term, which is one of `pipeline.training.loss.LOSSES` or of the
    method's own `TRAINING_TERMS`. `weight_decay`: an L2 term for `adam`, otherwise decoupled.
    `ema`: decay per step of a moving average of the weights, which is then validated and saved
    instead; `null`: none. `kwargs`: constructor arguments of parts that only training needs.
    `transpose`: with both flips, all eight flips and quarter turns. `grayscale`: probability.
    `validations`: number of evenly spaced validations. `max_steps`: stop after this number of
    optimizer steps, for trials; they are the first ones of the full training, and the last one is
    followed by a validation.
    """

    epochs: Count
    passes_per_epoch: Count | None = None
    steps_per_epoch: Count | None = None
    accumulate: Few = 1
    phases: Listed[tuple[Phase, ...]] = ()
    companion: Batches | None = None
    losses: dict[str, Weight] = Field(min_length=1)
    charbonnier_eps: float = Field(default=1e-3, gt=0, le=1)
    optimizer: Literal["adam", "adamw", "radam"]
    betas: Listed[tuple[Beta, Beta]]
    eps: float = Field(default=1e-8, gt=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0, le=100)
    max_grad_norm: float | None = Field(default=None, gt=0)
    ema: float | None = Field(default=None, gt=0, lt=1)
    learning_rate: Rate
    schedule: Annotated[Cosine | Multistep, Field(discriminator="kind")]
    flip_horizontal: bool = False
    flip_vertical: bool = False
    transpose: bool = False
    flip_swaps_views: bool = False
    noise: Noise | None = None
    grayscale: float = Field(default=0.0, ge=0, le=1)
    downscale: Downscale | None = None
    kwargs: dict[str, Any] = Field(default_factory=dict)
    validations: Count
    max_steps: Count | None = None

    def key(self, *, strict: bool) -> dict[str, Any]:
        """The part that belongs in rerun keys, as JSON-like data.

        Args:
            strict: whether to include `accumulate`, which changes a result by rounding only.
        """
        return self.model_dump(mode="json", exclude=set() if strict else {"accumulate"})

    @model_validator(mode="after")
    def _is_coherent(self) -> Recipe:
        if (self.passes_per_epoch is None) == (self.steps_per_epoch is None):
            raise ValueError("set either passes_per_epoch or steps_per_epoch")
        if self.frames > 1:
            raise ValueError("frames are for the companion's batches only")
        if self.companion is not None and self.companion.crops_from == "windows":
            raise ValueError("a companion set has no windows: set its crops_from: images")
        if not self.phases:
            return self
        if self.steps_per_epoch is None or self.crop is None:
            raise ValueError("phases need steps_per_epoch and a crop")
        if self.downscale is not None:
            raise ValueError("phases and downscale do not go together")
        if sum(phase.epochs for phase in self.phases) != self.epochs:
            raise ValueError("the epochs of the phases do not add up to `epochs`")
        if any(phase.crop > self.crop for phase in self.phases):
            raise ValueError("a phase's crop is larger than the recipe's")
        return self

    @model_validator(mode="after")
    def _schedule_fits(self) -> Recipe:
        if isinstance(self.schedule, Cosine):
            before = self.schedule.warmup_epochs + self.schedule.constant_epochs
            if before > self.epochs:
                raise ValueError(
                    f"warmup_epochs and constant_epochs are {before} epochs, the training only "
                    f"{self.epochs}"
                )
        return self
