"""The share of each tile in each pixel: tiles that return their position show it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.evaluation.protocol import Tiling
from pipeline.evaluation.tiling import tiled


def shares(length: int, tiling: Tiling, axis: int) -> tuple[list[int], Tensor]:
    """Offsets of the tiles along an axis, and for each the share `[length]` in every pixel."""
    shape = [1, 3, tiling.size, tiling.size]
    shape[2 + axis] = length
    offsets: list[int] = []
    found = []

    def starts(x: Tensor, *, origin: tuple[int, int], full_size: tuple[int, int]) -> Tensor:
        assert full_size == tuple(shape[2:])
        offsets.append(origin[axis])
        return x

    tiled(starts, torch.rand(shape), tiling)
    for offset in offsets:

        def one(x: Tensor, *, origin: tuple[int, int], chosen: int = offset, **_: Any) -> Tensor:
            return torch.full_like(x, float(origin[axis] == chosen))

        plane = tiled(one, torch.rand(shape), tiling)[0, 0]
        found.append(plane[0] if axis else plane[:, 0])
    return offsets, torch.stack(found)


@pytest.mark.parametrize("axis", [0, 1])
def test_shares_by_hand(axis: int) -> None:
    # Two pixels of eight are dropped on each side, and four lie on the ramp.
    offsets, found = shares(24, Tiling(16, 8), axis)
    assert offsets == [0, 8]
    ramp = [0.125, 0.375, 0.625, 0.875]
    assert found[1].tolist() == [0.0] * 10 + ramp + [1.0] * 10
    assert found[0].tolist() == [1.0] * 10 + ramp[::-1] + [0.0] * 10


@pytest.mark.parametrize(("size", "overlap", "length"), [(16, 8, 28), (16, 4, 37), (20, 10, 33)])
def test_a_last_tile_that_moves_back(size: int, overlap: int, length: int) -> None:
    """Weights of each tile rise to 1 and fall from it; shares are their parts of the sum."""
    offsets, found = shares(length, Tiling(size, overlap), 1)
    last = length - size
    assert offsets == [*range(0, last, size - overlap), last]
    assert any(b - a < size - overlap for a, b in itertools.pairwise(offsets))
    margin = overlap // 4
    place = torch.arange(length) + 0.5
    weights = []
    for offset in offsets:
        inside = (place > offset) & (place < offset + size)
        rise = (place - offset - margin) / (overlap - 2 * margin)
        fall = (offset + size - place - margin) / (overlap - 2 * margin)
        weight = inside.double()
        if offset > 0:
            weight = weight * rise.clamp(0, 1)
        if offset < last:
            weight = weight * fall.clamp(0, 1)
        weights.append(weight)
    stacked = torch.stack(weights)
    torch.testing.assert_close(found.double(), stacked / stacked.sum(0), atol=1e-6, rtol=0)


def test_without_overlap_every_pixel_is_of_one_tile() -> None:
    offsets, found = shares(32, Tiling(16, 0), 0)
    assert offsets == [0, 16]
    assert found.tolist() == [[1.0] * 16 + [0.0] * 16, [0.0] * 16 + [1.0] * 16]
