"""Mistakes that are known from practice, each with what a network would give without it.

Views exchanged, red and blue exchanged, values from 0 to 255 instead of 0 to 1, displaced ground
truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from skimage.registration import phase_cross_correlation
from torch import Tensor, nn

from pipeline.data.manifest import ManifestRow
from pipeline.errors import DataError
from pipeline.evaluation.inference import Scene, ground_truth, predict_scene
from pipeline.evaluation.loading import Prepared
from pipeline.weights.trust import GIVEN, OFFICIAL

Image = NDArray[np.float64]
Pair = tuple[Image, Image]
"""Prediction and ground truth, in [0, 1]."""

AnyImage = TypeVar("AnyImage", NDArray[np.uint16], NDArray[np.float64])

EXCHANGED = ("left", "right")
_EIGHT_BIT_PEAK = 255
# The published targets lie within 4 pixels of their sources.
_TOLERATED_SHIFT = 4
_LARGEST_SHARE = 0.25


@dataclass(frozen=True)
class Suspect:
    """A mistake.

    `change`, `verdict`, `remedy`: parts of the message. `corrected`: prediction and ground truth
    without the mistake; `None` where a method or scene cannot have it.
    """

    change: str
    verdict: str
    remedy: str
    corrected: Callable[[Prepared, ManifestRow, Scene], Pair | None]


def views_exchanged(scene: Scene) -> Scene:
    """The scene with its left and right view exchanged."""
    left, right = EXCHANGED
    return {**scene, left: scene[right], right: scene[left]}


def sees_both_sides(ready: Prepared) -> bool:
    """Whether the method looks at the left and the right view."""
    return {*EXCHANGED} <= {*ready.protocol.views}


def colors_reversed(image: AnyImage) -> AnyImage:
    """The image `[H, W, 3]` with red and blue exchanged."""
    return image[..., ::-1]


class _EightBitRange(nn.Module):
    """A network that takes and returns values from 0 to 255."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, **position: tuple[int, int]) -> Tensor:
        output: Tensor = self.network(x * _EIGHT_BIT_PEAK, **position)
        return output / _EIGHT_BIT_PEAK


def _with_views_exchanged(ready: Prepared, row: ManifestRow, scene: Scene) -> Pair | None:
    if not sees_both_sides(ready):
        return None
    return _scored(ready, row, scene, views_exchanged(scene))


def _in_bgr(ready: Prepared, row: ManifestRow, scene: Scene) -> Pair | None:
    other = {view: colors_reversed(image) for view, image in scene.items()}
    prediction, target = _scored(ready, row, scene, other)
    return colors_reversed(prediction), target


def _bgr_output(ready: Prepared, row: ManifestRow, scene: Scene) -> Pair | None:
    prediction, target = _scored(ready, row, scene, scene)
    return colors_reversed(prediction), target


def _eight_bit_range(ready: Prepared, row: ManifestRow, scene: Scene) -> Pair | None:
    if ready.loaded.label not in (OFFICIAL, GIVEN):
        # Trained here, on values from 0 to 1. Such values can hide other faults, such as a bias.
        return None
    network = _EightBitRange(ready.loaded.network)
    other = replace(ready, loaded=replace(ready.loaded, network=network))
    try:
        return _scored(other, row, scene, scene)
    except DataError:
        # Values that large may overflow in a network that does not expect them.
        return None


def _truth_displaced(ready: Prepared, row: ManifestRow, scene: Scene) -> Pair | None:
    prediction, target = _scored(ready, row, scene, scene)
    shift, _, _ = phase_cross_correlation(  # type: ignore[no-untyped-call]
        target.mean(-1), prediction.mean(-1)
    )
    down, right = (int(length) for length in shift)
    farthest = max(abs(down), abs(right))
    if not _TOLERATED_SHIFT < farthest <= _LARGEST_SHARE * min(target.shape[:2]):
        return None
    return _overlap(prediction, -down, -right), _overlap(target, down, right)


def _overlap(image: Image, down: int, right: int) -> Image:
    """The part of an image that stays, if as many rows and columns are cut from its start."""
    height, width = image.shape[:2]
    rows = slice(max(down, 0), height + min(down, 0))
    return image[rows, max(right, 0) : width + min(right, 0)]


def _scored(ready: Prepared, row: ManifestRow, scene: Scene, shown: Scene) -> Pair:
    truth = ground_truth(scene, ready.protocol.ground_truth_bits)
    return predict_scene(ready, row, shown), truth


SUSPECTS = (
    Suspect(
        "left and right exchanged",
        "the views are exchanged",
        "check VIEWS in the method's module, and file_left and file_right in the manifest",
        _with_views_exchanged,
    ),
    Suspect(
        "red and blue exchanged in input and output",
        "the images, or those it was trained on, are in BGR order",
        "store them as RGB, or reverse the channels in load_official of the method's module",
        _in_bgr,
    ),
    Suspect(
        "red and blue exchanged in its output",
        "its output is in BGR order",
        "reverse the channels in the method's module",
        _bgr_output,
    ),
    Suspect(
        "values from 0 to 255",
        "it was trained on 8-bit values that were not divided by 255",
        "scale input and output in the method's module",
        _eight_bit_range,
    ),
    Suspect(
        "the ground truth moved to its place",
        "the ground truth is displaced",
        "build the manifest again from the original images",
        _truth_displaced,
    ),
)
