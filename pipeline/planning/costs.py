"""What a training takes: samples, steps, operations and memory of the network it trains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from pipeline.compute.activation_checkpointing import checkpoint_activations
from pipeline.compute.device import autocast
from pipeline.config.blocks import Compute
from pipeline.config.experiment import Experiment
from pipeline.data.sampling.steps import TrainingLength
from pipeline.errors import RecordError
from pipeline.evaluation.complexity import complexity_key
from pipeline.evaluation.flops_fvcore import flops_fvcore
from pipeline.methods import Method, get_method
from pipeline.records import ComplexityRecord, read_record

FORWARD_AND_BACKWARD = 3
"""Forward passes that a training step costs: one, one for gradients of inputs, one of weights."""

FLOPS_PER_MAC = 2

STATE_BYTES = 16
"""Bytes per parameter: float32 weight, gradient and Adam's two moments."""

# With one window autograd saves views, with several it saves copies: count sizes with several.
_SIDES = (64, 96)
_COUNTED_SIDE = 64


@dataclass(frozen=True)
class TrainingCost:
    """One training run.

    `samples`: crops of `crop` pixels squared, `steps` of the optimizer. `macs_per_sample`:
    multiply-accumulates of one forward pass, fvcore's count. `memory_bytes`: tensors of a batch
    saved for the backward pass, plus weights, gradients and Adam's moments; temporary memory of
    single operations is extra. `gpu_hours`: at the assumed speed.
    """

    run: str
    row: str
    crop: int
    samples: int
    steps: int
    macs_per_sample: int
    memory_bytes: int
    weight_bytes: int
    gpu_hours: float


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
    network = method.build(**experiment.trained_kwargs(name))
    crop = min(recipe.crop or experiment.patches.size, experiment.patches.size)
    length = TrainingLength(recipe, windows)
    macs = macs_of(experiment, method, network, crop, complexity)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    if experiment.compute.activation_checkpointing:
        checkpoint_activations(network)
    kept = saved_bytes(network, 3 * len(method.views), crop, experiment.compute)
    work = FORWARD_AND_BACKWARD * FLOPS_PER_MAC * macs * length.samples
    return TrainingCost(
        run=run,
        row=method.entry.row,
        crop=crop,
        samples=length.samples,
        steps=length.steps,
        macs_per_sample=macs,
        memory_bytes=kept * -(-recipe.batch_size // recipe.accumulate) + STATE_BYTES * parameters,
        weight_bytes=4 * parameters,
        gpu_hours=work / flops / 3600,
    )


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


def saved_bytes(network: nn.Module, in_channels: int, crop: int, compute: Compute) -> int:
    """Bytes saved for the backward pass of one square crop, without the weights.

    The network runs at two small sizes; what autograd saves grows linearly with the area.

    Args:
        network: with real weights, not on the meta device.
        in_channels: number of channels of its input.
        crop: side in pixels.
        compute: gives the precision.
    """
    small, large = (_kept(network, in_channels, side, compute) for side in _SIDES)
    areas = [side * side for side in _SIDES]
    per_pixel = (large - small) / (areas[1] - areas[0])
    return round(small + per_pixel * (crop * crop - areas[0]))


def _kept(network: nn.Module, in_channels: int, side: int, compute: Compute) -> int:
    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        # Several operations may save one tensor, or views of it.
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    cpu = torch.device("cpu")
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        # The result keeps the graph and every storage alive until all are counted.
        with autocast(compute, cpu):
            result = network.train()(torch.rand(1, in_channels, side, side))
        total = sum(storage.nbytes() for storage in kept.values())
        del result
    return total
