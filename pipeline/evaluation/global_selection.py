"""Selection weights of a tiled image: averages over the whole image, measured tile by tile.

A DMSSRM weights its scales by an average over the whole image (Eq. 15), so that tiles by
themselves would have other weights. The average of each is therefore measured over all tiles
first, one DMSSRM after the other, since each depends on the weights of those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.evaluation.seamless import Tile

Visit = Callable[[Tile], object]
"""Runs the network on one tile."""


class _Measured(Exception):
    """The rest of the network is not needed."""


def selecting_modules(network: nn.Module) -> list[Any]:
    """The DMSSRM of a network that weight their scales by averages over the image, in order."""
    modules: Any = getattr(network, "dmssrms", ())
    return [module for module in modules if getattr(module, "selection", None) is not None]


@contextmanager
def whole_image_averages(
    network: nn.Module, tiles: Iterable[Tile], visit: Visit, *, full_size: tuple[int, int]
) -> Iterator[None]:
    """Measure the averages over an image; meanwhile, every tile is weighted by them.

    Args:
        network: in evaluation mode; only modules named by `selecting_modules` are affected.
        tiles: of the image.
        visit: runs the network on one tile; called once per tile and selecting module.
        full_size: height and width of the image in pixels.
    """
    handles = []
    tiles = list(tiles)
    try:
        for module in selecting_modules(network):
            average = _average(module, tiles, visit, full_size)
            handles.append(module.selection.pool.register_forward_hook(_instead(average)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _average(module: Any, tiles: list[Tile], visit: Visit, full_size: tuple[int, int]) -> Tensor:
    """Mean of a module's input over the image and its padding: float64 `[1, C, 1, 1]`."""
    sums: list[Tensor] = []
    counts: list[int] = []
    place: list[Tile] = []

    def measure(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        own = inputs[0][(..., *own_part(place[-1], inputs[0].shape[-2:], full_size))]
        sums.append(own.double().sum((2, 3), keepdim=True))
        counts.append(own.shape[2] * own.shape[3])
        raise _Measured

    handle = module.register_forward_pre_hook(measure)
    try:
        for tile in tiles:
            place.append(tile)
            try:
                visit(tile)
            except _Measured:
                continue
    finally:
        handle.remove()
    return torch.stack(sums).sum(0) / sum(counts)


def _instead(average: Tensor) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    return lambda _, __, output: average.to(output).expand_as(output)


def own_part(tile: Tile, size: tuple[int, ...], full_size: tuple[int, int]) -> tuple[slice, slice]:
    """The part of a tile's feature map that no other tile has; with the image's padding.

    Args:
        tile: the tile.
        size: rows and columns of its feature map.
        full_size: height and width of the image in pixels.
    """
    parts = []
    for span, cells, side in zip((tile.rows, tile.columns), size, full_size, strict=True):
        stride = round((span.stop - span.start) / cells)
        stop = None if span.own_stop == side else (span.own_stop - span.start) // stride
        parts.append(slice((span.own_start - span.start) // stride, stop))
    return parts[0], parts[1]
