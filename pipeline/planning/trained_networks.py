"""The networks that an experiment has trained: their size, their cost and how much they saw."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from pipeline.evaluation.flops_fvcore import SMALL_SIZES, flops_fvcore
from pipeline.evaluation.selection_weights import number_of_dmssrm
from pipeline.planning.costs import crop_side
from pipeline.records import RunRecord
from pipeline.run import Run


@dataclass(frozen=True)
class TrainedNetwork:
    """One method's trained network, the same in all repetitions.

    `num_dmssrm`: DMSSRM of a DMTNet; `None` for others. `params`: of the network. `flops`:
    multiply-accumulates (fvcore) of the forward pass of one crop, at the recipe's size. `samples`:
    crops seen in the whole training.
    """

    method: str
    row: str
    num_dmssrm: int | None
    params: int
    flops: int
    samples: int


def trained_network(run: Run, record: RunRecord) -> TrainedNetwork:
    """Count the network of one run.

    With phases of several crops, `flops` are those of the largest one.

    Args:
        run: a method that is trained by gradients.
        record: of its training.

    Raises:
        ConfigError: the network cannot be built, or its `cost_basis` is wrong.
        ValueError: the method is not trained by gradients.
    """
    if run.recipe is None:
        raise ValueError(f"method {run.method.name!r} is not trained by gradients")
    side = crop_side(run.experiment, run.recipe)
    network: nn.Module = run.method.build(**run.kwargs)
    # Several small sizes take longer than one of theirs.
    large = side > max(max(size) for size in SMALL_SIZES)
    counted = flops_fvcore(network, 3 * len(run.method.views), side, side, fit=large)
    return TrainedNetwork(
        method=run.method.name,
        row=run.method.entry.row,
        num_dmssrm=number_of_dmssrm(network),
        params=record.trained_params,
        flops=counted.total,
        samples=record.samples,
    )
