"""What a training takes: samples, steps, operations and memory of the network it trains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.config.experiment import Experiment
from pipeline.config.recipe import Batches, Recipe
from pipeline.data.sampling.steps import TrainingLength
from pipeline.errors import RecordError
from pipeline.evaluation.complexity import complexity_key
from pipeline.evaluation.flops_fvcore import flops_fvcore
from pipeline.methods import Method, get_method
from pipeline.planning.memory import META, TrainingMemory, part_count
from pipeline.planning.passes import FORWARD_AND_BACKWARD
from pipeline.records import ComplexityRecord, read_record

FLOPS_PER_MAC = 2

_COUNTED_SIDE = 64


@dataclass(frozen=True)
class BatchCost:
    """Training on one kind of batches: those of a phase, or the companion's.

    `crop`: side in pixels. `frames`: of a clip. `crops`: of a batch that one GPU takes; each frame
    is one. `per_pass`: so many of them go through the network at once. `samples`: crops in the
    whole training, over all GPUs. `macs_per_sample`: multiply-accumulates of one forward pass,
    fvcore's count. `memory_bytes`: weights, gradients, the optimizer's moments, and the tensors of
    a pass at its peak. `least_bytes`: the same with one crop (or clip) at a time.
    """

    crop: int
    frames: int
    crops: int
    per_pass: int
    samples: int
    macs_per_sample: int
    memory_bytes: int
    least_bytes: int


@dataclass(frozen=True)
class TrainingCost:
    """One training run.

    `batches`: each kind of them, phases in their order. `samples` and `steps`: of all.
    `gpu_hours`: at the assumed speed. `weight_bytes`: of the file of weights.
    """

    run: str
    row: str
    batches: tuple[BatchCost, ...]
    samples: int
    steps: int
    weight_bytes: int
    gpu_hours: float

    @property
    def largest(self) -> BatchCost:
        """The batches that take most memory."""
        return max(self.batches, key=lambda cost: cost.memory_bytes)

    @property
    def memory_bytes(self) -> int:
        """Memory of one GPU, on the largest batches."""
        return self.largest.memory_bytes

    @property
    def crop(self) -> int:
        """Side in pixels of the crops that take most memory."""
        return self.largest.crop

    @property
    def macs_per_sample(self) -> int:
        """Multiply-accumulates of a forward pass of one such crop."""
        return self.largest.macs_per_sample


def training_cost(
    experiment: Experiment, name: str, run: str, windows: int, complexity: Path, flops: float
) -> TrainingCost | None:
    """Cost of training method `name`; `None` if it is not trained by gradients.

    Args:
        experiment: the experiment.
        name: method or ablation.
        run: name of the run.
        windows: training windows.
        complexity: folder of complexity records; one that is up to date saves counting.
        flops: floating-point operations per second during training.
    """
    recipe = experiment.recipe_of(name)
    if recipe is None:
        return None
    method = get_method(name, experiment)
    memory = training_memory(experiment, name, recipe)
    network = method.build(**experiment.trained_kwargs(name))
    length = TrainingLength(recipe, windows)
    kinds = length.samples_by_kind()
    # Counted once, for the largest crop; operations grow with the area.
    largest = max(crop_side(experiment, kind) for kind, _ in kinds)
    macs = macs_of(experiment, method, network, largest, complexity)
    per_pixel = _share_of_own_terms(memory) * macs / largest**2
    batches = tuple(
        _batch_cost(experiment, memory, kind, samples=samples, macs_per_pixel=per_pixel)
        for kind, samples in kinds
    )
    passes = FORWARD_AND_BACKWARD + experiment.compute.activation_checkpointing
    work = sum(passes * FLOPS_PER_MAC * cost.macs_per_sample * cost.samples for cost in batches)
    return TrainingCost(
        run=run,
        row=method.entry.row,
        batches=batches,
        samples=length.samples,
        steps=length.steps,
        weight_bytes=4 * sum(parameter.numel() for parameter in network.parameters()),
        gpu_hours=work / flops / 3600,
    )


def training_memory(experiment: Experiment, name: str, recipe: Recipe) -> TrainingMemory:
    """The accounting of memory for training method `name` by `recipe`."""
    kwargs = {**experiment.trained_kwargs(name), **recipe.kwargs}
    return TrainingMemory(get_method(name, experiment), kwargs, recipe, experiment.compute)


def crop_side(experiment: Experiment, kind: Batches) -> int:
    """Side of the crops of these batches, in pixels; windows smaller than the crop stay whole."""
    if kind.crop is None or kind.crops_from == "windows":
        return min(kind.crop or experiment.patches.size, experiment.patches.size)
    return kind.crop


def _batch_cost(
    experiment: Experiment,
    memory: TrainingMemory,
    kind: Batches,
    *,
    samples: int,
    macs_per_pixel: float,
) -> BatchCost:
    compute = experiment.compute
    side = crop_side(experiment, kind)
    clips = -(-kind.batch_size // compute.gpus_per_run)
    limit = compute.max_crops_per_pass
    most = limit if isinstance(limit, int) else None
    parts = part_count(clips, kind.frames, memory.recipe.accumulate, most)
    per_pass = -(-clips // parts)
    one_pass = memory.one_pass(side, kind.frames, per_pass)
    return BatchCost(
        crop=side,
        frames=kind.frames,
        crops=clips * kind.frames,
        per_pass=per_pass * kind.frames,
        samples=samples,
        macs_per_sample=round(macs_per_pixel * side**2),
        memory_bytes=memory.state + one_pass.of(per_pass),
        least_bytes=memory.state + one_pass.of(1),
    )


def _share_of_own_terms(memory: TrainingMemory) -> float:
    """Operations of a forward pass in training, over those of the prediction alone."""
    if not set(memory.recipe.losses) & set(memory.method.training_terms):
        return 1.0
    recipe = memory.recipe.model_copy(update={"losses": {"mse": 1.0}})
    plain = TrainingMemory(memory.method, memory.kwargs, recipe, memory.compute)
    counts = []
    for subject in (memory, plain):
        with FlopCounterMode(display=False) as counter:
            subject.loss(subject.on_meta, _COUNTED_SIDE, 1, 1, META)
        counts.append(counter.get_total_flops())
    return counts[0] / counts[1]


def macs_of(
    experiment: Experiment, method: Method, network: nn.Module, crop: int, complexity: Path
) -> int:
    """Multiply-accumulates of one crop: the count at another size times the ratio of the areas.

    An up-to-date record of the same network gives the count at full size; without one, it is
    counted once at a small size. The two differ by less than a percent, because of windows that do
    not fit an image and of work done once per image.
    """
    record = _record(experiment, method, complexity)
    if record is not None:
        height, width = record.size
        return round(record.flops_fvcore * crop * crop / (height * width))
    side = min(_COUNTED_SIDE, crop)
    small = flops_fvcore(network, 3 * len(method.views), side, side, fit=False).total
    return round(small * crop * crop / (side * side))


def _record(experiment: Experiment, method: Method, folder: Path) -> ComplexityRecord | None:
    if experiment.trained_kwargs(method.name) != method.entry.kwargs:
        return None
    try:
        record = read_record(folder / f"{method.name}.json", ComplexityRecord)
    except RecordError:
        return None
    known = complexity_key(method, experiment.complexity_size)
    return record if record.key == known else None
