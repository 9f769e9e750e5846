"""Memory that deblurring an image takes, predicted before it starts, and tiles that fit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import torch
from rich.filesize import decimal

from pipeline.compute.device import autocast, memory_format
from pipeline.compute.enough_memory import enough_memory
from pipeline.errors import NoMemory
from pipeline.evaluation.large_images import ImageRunner
from pipeline.evaluation.seamless import ALIGNMENT, DEFAULT_OVERLAP, SeamlessTiling
from pipeline.planning.job_needs import NETWORK_PER_PIXEL
from pipeline.planning.live_bytes import LiveBytes

USABLE = 0.8
"""Share of the free memory that is used without `--max-memory`."""
LARGEST_TILE = 2048
_PROBES = (ALIGNMENT, 2 * ALIGNMENT)
_RESULT = 12
"""Bytes per pixel of the result: three floats."""
_WRITING = 36
"""Bytes per pixel while it is written: rounded, reordered and encoded."""
_CONVERTING = 56
"""Bytes per computed pixel while views become a tensor, and a tensor a part of the result."""
_WORKSPACE = 1.25
"""Memory inside operations and lost between blocks, measured: docs/deblur.md."""
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class PlannedImage:
    """How an image is deblurred: its tiles, and the predicted bytes at the peak.

    On a GPU, the bytes are those of its memory; otherwise those of the whole process.
    """

    tiling: SeamlessTiling | None
    bytes: int


@dataclass(frozen=True)
class ImageMemory:
    """The memory of a method on its device.

    Args:
        runner: the method.
        cap: bytes that may be taken; `None`: a share of what is free now.
        whole_only: per pixel, bytes of a method that deblurs whole images only, outside of its
            network's tensors; `None` for a network that can take tiles.
    """

    runner: ImageRunner
    cap: int | None = None
    whole_only: int | None = None

    @property
    def on_gpu(self) -> bool:
        """Whether the memory is that of a GPU."""
        return self.runner.device.type == "cuda"

    def plan(self, height: int, width: int, tiling: SeamlessTiling | None = None) -> PlannedImage:
        """The image whole, if it fits, otherwise in the largest tiles that fit.

        Args:
            height, width: of the image, whose views have been read.
            tiling: tiles that were asked for; they are taken if they fit.

        Raises:
            NoMemory: nothing fits; the message has the prediction for the least.
        """
        cap = self.cap if self.cap is not None else round(USABLE * self._free()) + self._taken()
        if tiling is None and height * width <= _PROBES[-1] ** 2:
            # To measure the network would take longer than the image.
            bound = self._bound(height * width)
            if bound <= cap:
                return PlannedImage(None, bound)
        candidates: list[SeamlessTiling | None] = [tiling]
        if tiling is None and self.whole_only is None:
            candidates += _smaller_tilings(max(height, width))
        least = 0
        for candidate in candidates:
            least = self.predict(height, width, candidate)
            if least <= cap:
                return PlannedImage(candidate, least)
        raise NoMemory(
            f"an image of {height} x {width} pixels needs {decimal(least)} of memory"
            f"{' on the GPU' if self.on_gpu else ''}"
            f"{self._least(candidates[-1])}, and {decimal(cap)} are allowed; "
            "raise --max-memory or reduce the image"
        )

    def predict(self, height: int, width: int, tiling: SeamlessTiling | None) -> int:
        """Bytes at the peak."""
        pixels = height * width
        side = max(height, width) if tiling is None else tiling.size
        computed = min(height, side) * min(width, side)
        network = self._fixed + round((_WORKSPACE * self._per_pixel + _CONVERTING) * computed)
        if self.on_gpu:
            return self._taken() + network
        return self._taken() + _RESULT * pixels + max(network, _WRITING * pixels)

    def _bound(self, pixels: int) -> int:
        """Bytes of a small image that no method here exceeds."""
        most = max(NETWORK_PER_PIXEL, self.whole_only or 0)
        return self._taken() + self._weights + (_RESULT + _WRITING + most) * pixels

    def _least(self, tiling: SeamlessTiling | None) -> str:
        if tiling is not None:
            return f" even in tiles of {tiling.size}"
        return ", because this method deblurs whole images only" if self.whole_only else ""

    def _taken(self) -> int:
        if self.on_gpu:
            return torch.cuda.memory_allocated(self.runner.device)
        return int(psutil.Process().memory_info().rss)

    def _free(self) -> int:
        if self.on_gpu:
            return int(torch.cuda.mem_get_info(self.runner.device)[0])
        return free_memory()

    @property
    def _per_pixel(self) -> float:
        return self._line[1]

    @property
    def _fixed(self) -> int:
        return max(0, round(self._line[0]))

    @property
    def _weights(self) -> int:
        return sum(value.nbytes for value in self.runner.loaded.network.parameters())

    @cached_property
    def _line(self) -> tuple[float, float]:
        """Bytes of the network's tensors: a constant, and bytes per pixel."""
        if self.whole_only is not None:
            return 0.0, float(self.whole_only)
        peaks = [self._probe(side) for side in _PROBES]
        areas = [side * side for side in _PROBES]
        slope = (peaks[1] - peaks[0]) / (areas[1] - areas[0])
        # Some operations keep a copy of their weights in another order.
        return peaks[0] - slope * areas[0] + self._weights, slope

    def _probe(self, side: int) -> int:
        """Peak of the tensors while the network computes a small image."""
        loaded, device = self.runner.loaded, self.runner.device
        compute = loaded.run.compute
        layout = memory_format(compute)
        network: Any = loaded.network
        network = network.to(device=device, memory_format=layout).eval()
        channels = 3 * len(loaded.run.method.views)
        with (
            enough_memory(f"measuring the network on {side} x {side} pixels", "end other programs"),
            torch.inference_mode(),
            autocast(compute, device),
        ):
            x = torch.full((1, channels, side, side), 0.5, device=device)
            x = x.contiguous(memory_format=layout)
            if self.on_gpu:
                torch.cuda.reset_peak_memory_stats(device)
                before = torch.cuda.memory_allocated(device)
                network(x)
                return torch.cuda.max_memory_allocated(device) - before + x.nbytes
            with LiveBytes([*network.parameters(), *network.buffers()]) as live:
                network(x)
            return live.peak + 2 * x.nbytes


def free_memory() -> int:
    """Bytes of main memory that this process may still take: of the machine, or of its cgroup."""
    free = int(psutil.virtual_memory().available)
    try:
        most = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        now = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return free
    return max(0, min(free, most - now))


def _smaller_tilings(side: int) -> list[SeamlessTiling]:
    largest = min(LARGEST_TILE, side // ALIGNMENT * ALIGNMENT)
    sizes = range(largest, DEFAULT_OVERLAP, -ALIGNMENT)
    return [SeamlessTiling(size) for size in sizes]
