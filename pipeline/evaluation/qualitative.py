"""What a method makes of the scenes of Figures 4 and 5: images, boxes, error maps, features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.data.bit_depth import to_uint8, unit_range
from pipeline.data.manifest import ManifestRow
from pipeline.errors import RecordError
from pipeline.evaluation.chosen_scenes import ChosenScene
from pipeline.evaluation.inference import Scene, ground_truth, predict_scene
from pipeline.evaluation.loading import Prepared
from pipeline.evaluation.metrics import psnr
from pipeline.evaluation.scale_features import scale_features
from pipeline.evaluation.selection_weights import selection_weights
from pipeline.qualitative_files import (
    WEIGHT_COLUMNS,
    QualitativeMethod,
    QualitativeScene,
    Selection,
)

_IMAGE, _MAP = 840, 420
"""Longest sides, in pixels, of images and of error maps and features; larger ones are reduced."""

# In dB: what another machine or number of threads may round differently.
_ROUNDING = 0.01

Image = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """What one method makes of one scene; fields as in `QualitativeScene`."""

    method: QualitativeMethod
    image: NDArray[np.uint8]
    error: NDArray[np.float16]
    yellow: NDArray[np.uint8]
    blue: NDArray[np.uint8]


def view(ready: Prepared, one: ChosenScene, known: float) -> View:
    """Let a method deblur a scene again.

    Args:
        ready: the method.
        one: the scene.
        known: PSNR (dB) in its result.

    Raises:
        RecordError: the PSNR is another one now.
        DataError, NoMemory: as for `predict_scene`.
    """
    run = ready.loaded.run
    target = ground_truth(one.images, ready.protocol.ground_truth_bits)
    prediction = predict_scene(ready, one.row, one.images)
    again = psnr.score(prediction, target)
    if not abs(again - known) <= _ROUNDING:
        raise RecordError(
            f"{run.method.name} on {one.name}: its result says {known:.4f} dB, its network now "
            f"makes {again:.4f} dB: other weights, images or code; evaluate again"
        )
    boxes = [
        (_box(prediction, corner, one.side), _box(target, corner, one.side))
        for corner in (one.yellow, one.blue)
    ]
    method = QualitativeMethod(
        method=run.method.name,
        row=run.method.entry.row,
        label=ready.loaded.label,
        repetition=run.repetition,
        psnr=known,
        yellow_psnr=psnr.score(*boxes[0]),
        blue_psnr=psnr.score(*boxes[1]),
    )
    return View(
        method,
        to_uint8(_reduced(prediction, _IMAGE)),
        _reduced(np.abs(prediction - target).mean(axis=2), _MAP).astype(np.float16),
        to_uint8(boxes[0][0]),
        to_uint8(boxes[1][0]),
    )


def qualitative_scene(one: ChosenScene, views: Sequence[View]) -> QualitativeScene:
    """A scene with the views of all methods, and the ground truth after them."""
    target = ground_truth(one.images)
    truth = to_uint8(_reduced(target, _IMAGE))
    boxes = [to_uint8(_box(target, corner, one.side)) for corner in (one.yellow, one.blue)]
    return QualitativeScene(
        scene=one.name,
        category=one.row.category,
        why=one.why,
        height=one.row.height,
        width=one.row.width,
        side=one.side,
        yellow_top=one.yellow[0],
        yellow_left=one.yellow[1],
        blue_top=one.blue[0],
        blue_left=one.blue[1],
        methods=tuple(view.method for view in views),
        images=np.stack([*(view.image for view in views), truth]),
        errors=np.stack([view.error for view in views]),
        yellow=np.stack([*(view.yellow for view in views), boxes[0]]),
        blue=np.stack([*(view.blue for view in views), boxes[1]]),
    )


def selection_of(
    ready: Prepared, one: ChosenScene, read: Callable[[ManifestRow], Scene]
) -> Selection:
    """Features of a network on one scene, and its selection weights on all.

    Args:
        ready: a network for which `selects` is true.
        one: the scene.
        read: reads one scene.

    Raises:
        DataError, NoMemory: as for `selection_weights`.
    """
    run = ready.loaded.run
    weights = [asdict(found) for found in selection_weights(ready, read=read)]
    features = scale_features(ready, one.row, one.images)
    return Selection(
        method=run.method.name,
        row=run.method.entry.row,
        label=ready.loaded.label,
        repetition=run.repetition,
        scene=one.name,
        weights=pd.DataFrame(weights, columns=[*WEIGHT_COLUMNS]),
        image=to_uint8(_reduced(unit_range(one.images["combined"], np.float64), _IMAGE)),
        features=tuple(_reduced_maps(maps) for maps in features),
    )


def _box(image: Image, corner: tuple[int, int], side: int) -> Image:
    top, left = corner
    return image[top : top + side, left : left + side]


def _reduced_maps(maps: NDArray[np.float32]) -> NDArray[np.float16]:
    return np.stack([_reduced(one.astype(np.float64), _MAP) for one in maps]).astype(np.float16)


def _reduced(image: Image, longest: int) -> Image:
    """An image or a map whose longer side has at most `longest` pixels, by means over areas."""
    height, width = image.shape[:2]
    factor = longest / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float64)
