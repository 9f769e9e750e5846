"""Methods that fit themselves, without gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor

from pipeline.data.store.reader import PixelStore
from pipeline.errors import DataError
from pipeline.run import Run
from pipeline.training.loop import Trained, validate, whole_scene

Pair = tuple[Tensor, Tensor]


class Fitted(Protocol):
    """A network that fits itself in closed form, without gradients."""

    def fit(self, train: Iterable[Pair], val: Iterable[Pair]) -> dict[str, float]:
        """Fit on pairs of input `[1, 3 * views, H, W]` and target `[1, 3, H, W]`."""


@dataclass(frozen=True)
class ScenePairs:
    """Input and target of every scene of a split, read anew at each pass."""

    store: PixelStore
    split: str
    views: tuple[str, ...]

    def __iter__(self) -> Iterator[Pair]:
        """Pairs of input `[1, 3 * views, H, W]` and target `[1, 3, H, W]`, in [0, 1]."""
        for number in self.store.of_split(self.split):
            yield whole_scene(self.store, number, self.views)


def fit(run: Run, store: PixelStore, device: torch.device) -> Trained:
    """Fit a method without gradients, and score it on the validation split.

    Raises:
        DataError: the data set does not fit the method.
    """
    method = run.method
    network = method.build(**run.kwargs)
    train, val = (ScenePairs(store, split, method.views) for split in ("train", "val"))
    try:
        learned = cast(Fitted, network).fit(train, val)
    except ValueError as error:
        raise DataError(
            f"{method.name} cannot be fitted to this data set: {error}; "
            "or leave it out with `not_run:` in the experiment file"
        ) from error
    network.to(device)
    psnr = validate(
        network,
        store=store,
        views=method.views,
        input_bits=method.input_bits,
        compute=run.compute,
        device=device,
    )
    return Trained(network.state_dict(), epoch=0, psnr=psnr, curve=[], learned=learned)
