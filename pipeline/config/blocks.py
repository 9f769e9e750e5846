"""Blocks of an experiment file: data sets, patches, budgets, compute."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

Item = TypeVar("Item")


def _not_canon(name: str) -> str:
    """Results on other images must not pass for those on the official set."""
    if name == "canon":
        raise ValueError("'canon' is the name of the official set; choose another one")
    return name


SetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$"), AfterValidator(_not_canon)]


Reason = Annotated[str, Field(min_length=1, max_length=300)]
"""Why something is as it is, for readers of reports."""

# YAML has no tuples: lists are accepted for them although the models are strict.
Listed = Annotated[Item, Field(strict=False)]
NotRun = Annotated[
    Annotated[Listed[tuple[str, ...]], Tag("list")] | Annotated[dict[str, Reason], Tag("reasons")],
    Discriminator(lambda value: "reasons" if isinstance(value, dict) else "list"),
]
"""Methods that are left out: a list, or the reason for each."""


class Strict(BaseModel):
    """A configuration block: unknown keys are errors, values are frozen, numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _ascending(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError("the first number must not be larger than the second")
    return limits


# Far beyond any use: they keep out slips such as a zero too many, and numbers that overflow.
Count = Annotated[int, Field(ge=1, le=10**9)]
Few = Annotated[int, Field(ge=1, le=4096)]
"""Number of seeds, processes, threads or crops in a batch."""
Side = Annotated[int, Field(ge=16, le=2**16)]
"""Height or width of an image or a crop, in pixels."""
Size = Listed[tuple[Side, Side]]
Radii = Annotated[
    Listed[tuple[Annotated[float, Field(ge=0, le=1000)], Annotated[float, Field(ge=0, le=1000)]]],
    AfterValidator(_ascending),
]
Distances = Annotated[
    Listed[tuple[Annotated[float, Field(gt=0, le=1e6)], Annotated[float, Field(gt=0, le=1e6)]]],
    AfterValidator(_ascending),
]
Fractions = Annotated[
    Listed[tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]]],
    AfterValidator(_ascending),
]


class SplitScenes(Strict):
    """The scenes of one split of the synthetic set.

    `leaves`: number of dead-leaves scenes. `photographs`: names of images bundled with
    scikit-image, one scene each. `stereo`: whether the bundled stereo pair with its measured
    disparity is added, as a separate group.
    """

    leaves: int = Field(ge=0, le=10**6)
    photographs: Listed[tuple[str, ...]] = ()
    stereo: bool = False


class Synthetic(Strict):
    """The synthetic dual-pixel camera (RDPD's image formation) and its scenes.

    `size`: height and width of a scene in pixels. `coc_far`: range of the far-field circle of
    confusion radius in pixels. `focus`: range of the focus distance in meters.
    `distortion`: whether radial lens distortion is applied.
    """

    kind: Literal["synthetic"]
    name: SetName
    size: Size
    coc_far: Radii
    focus: Distances
    distortion: bool
    train: SplitScenes
    val: SplitScenes
    test: SplitScenes


class Clips(Strict):
    """Clips of the synthetic camera: the second training set of DPDNet+ and RDPD+.

    `clips`: number of clips, of `frames` consecutive images each. The rest is as in `Synthetic`.
    """

    kind: Literal["clips"]
    name: SetName
    size: Size
    clips: int = Field(ge=1, le=10**6)
    frames: Few
    coc_far: Radii
    focus: Distances
    distortion: bool


class Canon(Strict):
    """The official Canon dual-pixel set (DPDD), from any mirror; `root`: the unpacked folder."""

    kind: Literal["canon"]
    name: Literal["canon"]
    root: str = Field(min_length=1)


class Folder(Strict):
    """Any other set of images in a known layout, with labels in its own `scenes.csv`.

    Its results have the label `demo` and are never compared with published ones.
    """

    kind: Literal["folder"]
    name: SetName
    root: str = Field(min_length=1)


class Patches(Strict):
    """Sliding window over the training images: `size` in pixels, `overlap` as a fraction (4.1).

    `discard`: fraction of each image's windows that the sharpness filter leaves out; 0 for none.
    """

    size: Side
    overlap: float = Field(ge=0, lt=1)
    discard: float = Field(ge=0, lt=1)


class Budget(Strict):
    """Replaces the length of one method's recipe; the rest of the recipe stays."""

    epochs: Count | None = None
    passes_per_epoch: Count | None = None
    steps_per_epoch: Count | None = None


class Compute(Strict):
    """How the machine is used; nothing here is a property of a method.

    `torch_threads`: threads of torch in one process; `auto`: those that the workflow gives the job,
    a GPU's share of the machine's cores, or else all cores. `loader_workers`: processes that read
    crops. `prefetch`: batches that each of them reads ahead. `save_every_s`: seconds between two
    states of a training. `gpus_per_run`: GPUs that share every batch of one training, one process
    each; without a GPU, and for methods fitted in closed form, there is one process. `precision`:
    of autocast; weights are always float32. `tf32`: whether factors of float32 products may be
    rounded to TF32 on CUDA. `channels_last`: memory layout. `compile`: use `torch.compile`.
    `activation_checkpointing`: less memory, a second forward pass. `max_crops_per_pass`: crops that
    go through the network at once in training; larger batches are divided. `auto`: as many as fit
    in the GPU's free memory; `null`, and `auto` on a CPU: any number. `deterministic`: the same
    result in every run on the same machine. `strict`: whether rerun keys also hold the switches
    that change a result by rounding only. docs/training.md gives the cost of each switch.
    """

    device: Literal["auto", "cpu", "cuda"]
    torch_threads: Few | Literal["auto"]
    loader_workers: int = Field(ge=0, le=4096)
    prefetch: Few
    save_every_s: float = Field(default=300.0, ge=0)
    gpus_per_run: Few = 1
    precision: Literal["float32", "bfloat16", "float16"]
    tf32: bool = False
    channels_last: bool
    compile: bool = False
    activation_checkpointing: bool = False
    max_crops_per_pass: Literal["auto"] | Few | None = "auto"
    deterministic: bool = True
    strict: bool = False

    def key(self) -> dict[str, Any]:
        """The part that belongs in rerun keys, as JSON-like data.

        These switches change a result beyond rounding; with `strict`, also those that change
        rounding only. Records hold the whole block.
        """
        if self.strict:
            return self.model_dump(mode="json", exclude=_NO_EFFECT)
        return self.model_dump(mode="json", include=_BEYOND_ROUNDING)


_NO_EFFECT = {"loader_workers", "prefetch", "save_every_s"}
_BEYOND_ROUNDING = {"precision", "tf32"}
