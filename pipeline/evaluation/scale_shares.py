"""Where an image is made of which scale: the contributions that selection weights leave (Eq. 14).

A selection weight is one number per image. What it does is seen in the terms of the sum, whose
shares differ from place to place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.evaluation.global_selection import own_part
from pipeline.evaluation.seamless import Tile

_LINE = 4
_WHITE = 255


@dataclass
class ScaleShares:
    """Weights and shares of every DMSSRM of a network on one image.

    `alphas`: the selection weights, by DMSSRM and scale. `maps`: for the same, float32 arrays
    `[h, w]` of the share of each scale in the sum, 0 to 1: its mean absolute value over the
    channels, by that of all scales; one value per cell of the feature map (4 pixels).
    """

    alphas: list[list[float]] = field(default_factory=list)
    maps: list[list[NDArray[np.float32]]] = field(default_factory=list)

    @contextmanager
    def watching(self, network: nn.Module, full_size: tuple[int, int]) -> Iterator[list[Tile]]:
        """Meanwhile, record what the network computes.

        Args:
            network: has DMSSRM.
            full_size: height and width of the image in pixels.

        Yields:
            List whose last element must be the tile that is computed.
        """
        place: list[Tile] = []
        modules: Any = network.dmssrms
        handles = [
            module.register_forward_hook(self._hook(index, place, full_size))
            for index, module in enumerate(modules)
        ]
        try:
            yield place
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, index: int, place: list[Tile], full_size: tuple[int, int]) -> Any:
        def record(_: nn.Module, __: Any, output: tuple[Tensor, Tensor, list[Tensor]]) -> None:
            weights, features = output[1:]
            shares = _shares(weights, features)
            self._keep(index, weights[0].tolist(), shares, place[-1], full_size)

        return record

    def _keep(
        self,
        index: int,
        alphas: list[float],
        shares: NDArray[np.float32],
        tile: Tile,
        full_size: tuple[int, int],
    ) -> None:
        stride = round((tile.rows.stop - tile.rows.start) / shares.shape[1])
        if len(self.maps) == index:
            shape = tuple(-(-side // stride) for side in full_size)
            self.maps.append([np.zeros(shape, np.float32) for _ in alphas])
            self.alphas.append(alphas)
        own = shares[(slice(None), *own_part(tile, shares.shape[1:], full_size))]
        top, left = tile.rows.own_start // stride, tile.columns.own_start // stride
        for target, part in zip(self.maps[index], own, strict=True):
            window = target[top : top + part.shape[0], left : left + part.shape[1]]
            window[...] = part[: window.shape[0], : window.shape[1]]

    def strip(self) -> NDArray[np.uint8]:
        """All maps in one gray image: a row per DMSSRM, a column per scale, the finest first.

        White is a share of 1, black of 0; white lines of four pixels lie between the maps.
        """
        rows = []
        for maps in self.maps:
            panels = [np.rint(255 * panel).astype(np.uint8) for panel in maps]
            line = np.full((panels[0].shape[0], _LINE), _WHITE, np.uint8)
            rows.append(np.concatenate([part for one in panels for part in (one, line)][:-1], 1))
        line = np.full((_LINE, rows[0].shape[1]), _WHITE, np.uint8)
        return np.concatenate([part for one in rows for part in (one, line)][:-1], 0)


def _shares(weights: Tensor, features: list[Tensor]) -> NDArray[np.float32]:
    sizes = [
        (weight * feature[0]).abs().mean(0, dtype=feature.dtype).float().cpu().numpy()
        for weight, feature in zip(weights[0], features, strict=True)
    ]
    stacked = np.stack(sizes)
    total = stacked.sum(0)
    return np.divide(stacked, total, out=np.zeros_like(stacked), where=total > 0)
