"""Deblurring one image of any size, whole or in seamless tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.compute.device import autocast, memory_format
from pipeline.compute.enough_memory import enough_memory
from pipeline.errors import DataError
from pipeline.evaluation.global_selection import selecting_modules, whole_image_averages
from pipeline.evaluation.inference import model_input
from pipeline.evaluation.loading import LoadedMethod
from pipeline.evaluation.scale_shares import ScaleShares
from pipeline.evaluation.seamless import Blended, SeamlessTiling, Tile, blend, tiles

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ImageRunner:
    """A method on a device, for images by their views (uint16 `[H, W, 3]`, RGB)."""

    loaded: LoadedMethod
    device: torch.device

    def deblur(
        self,
        views: Mapping[str, NDArray[np.uint16]],
        tiling: SeamlessTiling | None,
        *,
        progress: Progress | None = None,
        shares: ScaleShares | None = None,
    ) -> Blended:
        """Deblur one image.

        Args:
            views: those that the method wants, of one size.
            tiling: tiles to cut the image into; `None` keeps it whole.
            progress: called with the steps done and their number; for tiles, one step is a tile.
            shares: takes down what the scales contribute, for networks with DMSSRM.

        Raises:
            DataError: the prediction is not finite.
            NoMemory: the image, or a tile, is too large for the device.
            ValueError: the image is too small for the network, or it returned another shape.
        """
        return _Pass(self, views, tiling, progress).run(shares)


class _Pass:
    def __init__(
        self,
        runner: ImageRunner,
        views: Mapping[str, NDArray[np.uint16]],
        tiling: SeamlessTiling | None,
        progress: Progress | None,
    ) -> None:
        self.method, self.compute = runner.loaded.run.method, runner.loaded.run.compute
        self.device, self.views, self.tiling = runner.device, views, tiling
        self.layout = memory_format(self.compute)
        network: Any = runner.loaded.network
        self.network = network.to(device=self.device, memory_format=self.layout).eval()
        first = next(iter(views.values()))
        self.size: tuple[int, int] = first.shape[0], first.shape[1]
        self.tiles = tiles(*self.size, tiling)
        self.progress, self.done = progress, 0

    def run(self, shares: ScaleShares | None) -> Blended:
        height, width = self.size
        tiled = self.tiling is not None
        remedy = "take a smaller --tile" if tiled else "cut it into tiles: --tile 512"
        averages: Any = nullcontext()
        if tiled:
            averages = whole_image_averages(
                self.network, self.tiles, self._visit, full_size=self.size
            )
        watching: Any = nullcontext([])
        if shares is not None:
            watching = shares.watching(self.network, self.size)
        with (
            enough_memory(f"deblurring an image of {height} x {width} pixels", remedy),
            torch.inference_mode(),
            autocast(self.compute, self.device),
            averages,
            watching as place,
        ):
            return blend(self._parts(place), height, width, self.tiling)

    def _parts(self, place: list[Tile]) -> Iterator[tuple[Tile, NDArray[np.float32]]]:
        for tile in self.tiles:
            place.append(tile)
            output = self._forward(tile)[0].movedim(0, -1).float().cpu().numpy()
            bad = int(np.count_nonzero(~np.isfinite(output)))
            if bad:
                raise DataError(
                    f"{bad} of {output.size} predicted values are not finite; "
                    "the weights have diverged: train again, with a lower learning rate"
                )
            yield tile, output
            self._step()

    def _visit(self, tile: Tile) -> None:
        try:
            self._forward(tile)
        finally:
            self._step()

    def _step(self) -> None:
        self.done += 1
        if self.progress is not None and self.tiling is not None:
            passes = 1 + len(selecting_modules(self.network))
            self.progress(self.done, passes * len(self.tiles))

    def _forward(self, tile: Tile) -> Tensor:
        part = {view: pixels[tile.window] for view, pixels in self.views.items()}
        x = model_input(part, self.method.views, self.method.input_bits)
        position: dict[str, tuple[int, int]] = {}
        if self.tiling is not None:
            position = {"origin": tile.origin, "full_size": self.size}
        x = x.to(self.device).contiguous(memory_format=self.layout)
        output: Tensor = self.network(x, **position)
        expected = (1, 3, *x.shape[-2:])
        if tuple(output.shape) != expected:
            raise ValueError(f"the network returned {tuple(output.shape)}, expected {expected}")
        return output
