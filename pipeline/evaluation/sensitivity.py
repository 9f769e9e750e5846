"""How far other ways of scoring would move the scores of one trained network.

Researchers score at 8 bits, at half size, with another SSIM, and compare the numbers. Each way
here changes one thing of the protocol; nothing is trained again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from pipeline.data.bit_depth import to_uint8, unit_range
from pipeline.data.manifest import ManifestRow
from pipeline.errors import DataError
from pipeline.evaluation.inference import Scene, ground_truth, predict_scene
from pipeline.evaluation.loading import Prepared
from pipeline.evaluation.metrics import Metric
from pipeline.evaluation.protocol import DEFAULT_OVERLAP, SMALLEST_TILE, Tiling
from pipeline.evaluation.scores import ImageScores, aggregate
from pipeline.evaluation.suspects import AnyImage, sees_both_sides, views_exchanged
from pipeline.progress_bars import watched
from pipeline.records import MAIN_GROUP, SensitivityRow

Image = NDArray[np.float64]
Pair = tuple[Image, Image]
"""Prediction and ground truth."""

PROTOCOL = "protocol"
"""Name of the way that changes nothing."""

TILE = 512
"""Side of the tiles in pixels; halved until it is smaller than the images."""

_SHARE_OF_OVERLAP = TILE // DEFAULT_OVERLAP
# Of Rec. 601, as in most implementations of a gray SSIM.
_GRAY = np.array([0.299, 0.587, 0.114])


class Scored:
    """One scene; each prediction is made when a way first needs it.

    Args:
        ready: the method and the protocol of its result.
        row: the scene.
        scene: its images.
    """

    def __init__(self, ready: Prepared, row: ManifestRow, scene: Scene) -> None:
        self.ready, self.row, self.scene = ready, row, scene

    @cached_property
    def target(self) -> Image:
        """Ground truth at the depth of the protocol."""
        return ground_truth(self.scene, self.ready.protocol.ground_truth_bits)

    @cached_property
    def unclamped(self) -> Image:
        """The prediction as the network returns it."""
        return predict_scene(self.ready, self.row, self.scene, clamp=False)

    @cached_property
    def prediction(self) -> Image:
        """The prediction by the protocol."""
        return np.clip(self.unclamped, 0.0, 1.0)

    @cached_property
    def prediction_of_8_bits(self) -> Image:
        """The prediction from views of 8 bits."""
        protocol = self.ready.protocol.model_copy(update={"input_bits": 8})
        return predict_scene(replace(self.ready, protocol=protocol), self.row, self.scene)

    @cached_property
    def target_of_8_bits(self) -> Image:
        """The high byte of the ground truth."""
        return ground_truth(self.scene, 8)


@dataclass(frozen=True)
class Way:
    """A way of scoring.

    `meaning`: in words. `pair`: what is compared. `scores`: replace the metrics of these names.
    `obstacle`: why it cannot be done for a method and its scenes; empty if it can.
    """

    meaning: str
    pair: Callable[[Scored], Pair]
    scores: Mapping[str, Callable[[Image, Image], float]] = field(default_factory=dict)
    obstacle: Callable[[Prepared], str] = lambda ready: ""


def sensitivity(
    ready: Prepared,
    *,
    read: Callable[[ManifestRow], Scene],
    metrics: Mapping[str, Metric],
) -> tuple[tuple[SensitivityRow, ...], dict[str, str]]:
    """Score the main group of the test scenes in every way of `WAYS`.

    Args:
        ready: the method; each way changes one thing of its protocol.
        read: reads one scene, e.g. `partial(read_scene, root)`; each is read once.
        metrics: those to compute; PSNR, SSIM and MAE have a meaning in every way.

    Returns:
        One row for each way, the protocol first, and the reasons why others were left out.

    Raises:
        DataError: there are no scenes with ground truth, one cannot be read, or a prediction is not
            finite.
    """
    rows = [row for row in ready.rows if row.group == MAIN_GROUP and row.target]
    if not rows:
        raise DataError("no scenes to score; the manifest has no test scenes with ground truth")
    left_out = {name: reason for name, way in WAYS.items() if (reason := way.obstacle(ready))}
    tables: dict[str, list[ImageScores]] = {name: [] for name in WAYS if name not in left_out}
    title = f"{ready.loaded.run.method.name}, {len(tables)} ways"
    for row in watched(rows, len(rows), title, sys.stderr.isatty()):
        scored = Scored(ready, row, read(row))
        for name, table in tables.items():
            values = _values(WAYS[name], scored, metrics)
            table.append(ImageScores(row.source, row.group, row.category, values))
    return _compared(tables), left_out


def _values(way: Way, scored: Scored, metrics: Mapping[str, Metric]) -> dict[str, float | None]:
    prediction, target = way.pair(scored)
    plain = {name: metric.score for name, metric in metrics.items() if name not in way.scores}
    found = {name: score(prediction, target) for name, score in plain.items()}
    other = {name: score for name, score in way.scores.items() if name in metrics}
    found |= {name: score(prediction, target) for name, score in other.items()}
    return {name: found[name] for name in metrics}


def _compared(tables: Mapping[str, list[ImageScores]]) -> tuple[SensitivityRow, ...]:
    found = {name: aggregate(table)[0] for name, table in tables.items()}
    plain, rows = found[PROTOCOL], []
    for name, scores in found.items():
        moved = {
            category: {
                metric: None if value is None or before is None else value - before
                for (metric, value), before in zip(
                    means.mean.items(), plain[category].mean.values(), strict=True
                )
            }
            for category, means in scores.items()
        }
        rows.append(
            SensitivityRow(name=name, meaning=WAYS[name].meaning, scores=scores, moved=moved)
        )
    return tuple(rows)


def tiles_for(ready: Prepared) -> Tiling | None:
    """Tiles that cut every scene: of `TILE` pixels or less; `None` if the images are too small."""
    longest = min(max(row.height, row.width) for row in ready.rows)
    size = TILE
    while size >= longest:
        size //= 2
    return Tiling(size, size // _SHARE_OF_OVERLAP) if size >= SMALLEST_TILE else None


def _tiled(scored: Scored) -> Pair:
    ready = replace(scored.ready, tiling=tiles_for(scored.ready))
    return predict_scene(ready, scored.row, scored.scene), scored.target


def _exchanged(scored: Scored) -> Pair:
    return predict_scene(scored.ready, scored.row, views_exchanged(scored.scene)), scored.target


def _halved_before(scored: Scored) -> Pair:
    scene = {view: _halved(image) for view, image in scored.scene.items()}
    small = Scored(scored.ready, scored.row, scene)
    return small.prediction, small.target


def _saved(scored: Scored) -> Pair:
    return unit_range(to_uint8(scored.prediction), np.float64), scored.target_of_8_bits


def _halved(image: AnyImage) -> AnyImage:
    size = (image.shape[1] // 2, image.shape[0] // 2)
    return cast(AnyImage, cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _gaussian_ssim(prediction: Image, target: Image) -> float:
    value = structural_similarity(  # type: ignore[no-untyped-call]
        target,
        prediction,
        data_range=1.0,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(value)


def _gray_ssim(prediction: Image, target: Image) -> float:
    value = structural_similarity(  # type: ignore[no-untyped-call]
        target @ _GRAY, prediction @ _GRAY, data_range=1.0, win_size=7
    )
    return float(value)


def _plain(scored: Scored) -> Pair:
    return scored.prediction, scored.target


WAYS: Mapping[str, Way] = {
    PROTOCOL: Way("as the protocol says", _plain),
    "8-bit input": Way(
        "views cut to 8 bits, ground truth as before",
        lambda scored: (scored.prediction_of_8_bits, scored.target),
    ),
    "8-bit ground truth": Way(
        "ground truth cut to 8 bits, views as before",
        lambda scored: (scored.prediction, scored.target_of_8_bits),
    ),
    "8-bit input and ground truth": Way(
        "views and ground truth cut to 8 bits, as dpdd-8",
        lambda scored: (scored.prediction_of_8_bits, scored.target_of_8_bits),
    ),
    "scored at 8 bit": Way("prediction rounded and ground truth cut to 8 bits", _saved),
    "unclamped": Way(
        "prediction as the network returns it", lambda scored: (scored.unclamped, scored.target)
    ),
    "Gaussian SSIM": Way(
        "SSIM with a Gaussian window: 11 x 11, sigma 1.5", _plain, {"ssim": _gaussian_ssim}
    ),
    "gray SSIM": Way("SSIM of the luma (Rec. 601)", _plain, {"ssim": _gray_ssim}),
    "half-size images": Way("all images halved before the network", _halved_before),
    "half-size scores": Way(
        "prediction and ground truth halved before they are compared",
        lambda scored: (_halved(scored.prediction), _halved(scored.target)),
    ),
    "tiled": Way(
        "images cut into tiles with an overlap of an eighth: 512 pixels, or less if images are "
        "smaller",
        _tiled,
        obstacle=lambda ready: "" if tiles_for(ready) else "the images are too small for tiles",
    ),
    "exchanged views": Way(
        "left and right view exchanged",
        _exchanged,
        obstacle=lambda ready: (
            "" if sees_both_sides(ready) else "the method does not look at both views"
        ),
    ),
}
"""Every way of scoring, by name; each changes one thing."""
