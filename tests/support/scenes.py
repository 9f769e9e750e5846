"""Scenes with a known disparity, a network that needs it, and both ready to be evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.config.experiment import load_experiment
from pipeline.data.bit_depth import to_uint16
from pipeline.data.manifest import ManifestRow
from pipeline.evaluation.loading import LoadedMethod, Prepared
from pipeline.evaluation.protocol import protocol_for
from pipeline.run import Run
from support.miniatures import compute
from support.paths import TINY

Scene = dict[str, NDArray[np.uint16]]
SIZE = (72, 96)
HALF_DISPARITY = 3
"""Pixels by which the left view is displaced to the right, and the right view to the left."""


def sharp_image(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.float64]:
    """Colored blobs and fine grain, mostly red: `[H, W, 3]` in [0, 1]."""
    generator = np.random.default_rng(seed)
    coarse = cv2.resize(generator.random((size[0] // 8, size[1] // 8, 3)), size[::-1])
    fine = cv2.GaussianBlur(generator.random((*size, 3)) - 0.5, (0, 0), 1.0)
    return np.clip((0.6 * coarse + 0.8 * fine + 0.1) * [1.0, 0.7, 0.4], 0, 1)


def scene(seed: int, size: tuple[int, int] = SIZE) -> Scene:
    """Views displaced to both sides of a sharp target; the combined view is their mean, blurred."""
    target = sharp_image(seed, size)
    left, right = (np.roll(target, side * HALF_DISPARITY, axis=1) for side in (1, -1))
    images = {"combined": (left + right) / 2, "left": left, "right": right, "target": target}
    return {view: to_uint16(image) for view, image in images.items()}


def row(number: int, size: tuple[int, int] = SIZE, **changes: Any) -> ManifestRow:
    """The row of scene `number` in a manifest."""
    views = ("combined", "left", "right", "target")
    cells: dict[str, Any] = {f"sha256_{view}": "0" * 64 for view in views}
    cells |= {f"file_{view}": f"{view}/s{number}.png" for view in views}
    cells |= {"source": f"s{number}.png", "target": f"t{number}.png", "bit_depth": 16}
    cells |= {"split": "test", "group": "main", "category": ("indoor", "outdoor")[number % 2]}
    return ManifestRow(**{**cells, "height": size[0], "width": size[1], **changes})


def reader(
    change: Callable[[Scene], Mapping[str, Any]] = dict, size: tuple[int, int] = SIZE
) -> Callable[[ManifestRow], Scene]:
    """Reads scene `number` of its row, with a planted fault."""
    return lambda item: dict(change(scene(int(item.source[1:-4]), size)))


class Aligned(nn.Module):
    """Moves both views to their place and averages them: sharp if left is left.

    `gain`, `offset`: applied to the result.
    """

    def __init__(self, gain: float = 1.0, offset: float = 0.0) -> None:
        super().__init__()
        self.gain, self.offset = gain, offset

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        left, right = x.chunk(2, dim=1)
        sides = (left.roll(-HALF_DISPARITY, -1), right.roll(HALF_DISPARITY, -1))
        return (sides[0] + sides[1]) / 2 * self.gain + self.offset


def prepared(network: nn.Module, scenes: int = 5, **changes: Any) -> Prepared:
    """A network as a trained one of method `dmtnet-t`, which sees the left view first here."""
    experiment = load_experiment(TINY).model_copy(update={"compute": compute()})
    run = Run.of(experiment, "dmtnet-t")
    protocol = protocol_for(experiment, run.method)
    fields: dict[str, Any] = {
        "loaded": LoadedMethod(run, network, {}, "demo", Path("weights.safetensors")),
        "protocol": protocol.model_copy(update={"views": ("left", "right")}),
        "tiling": None,
        "device": torch.device("cpu"),
        "rows": [row(number) for number in range(scenes)],
    }
    return Prepared(**{**fields, **changes})
