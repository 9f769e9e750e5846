"""Mistakes that make every score wrong: found on the first test scenes, and named.

`check_scenes` compares the ground truth with the blurred input. `FloorCheck` compares a network
with the blurred input: if it is worse, it is tried with views exchanged, red and blue exchanged
and the like. Only a mistake that explains the result ends an evaluation; a network that is
merely bad is scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from pipeline.data.bit_depth import PEAK, at_depth, unit_range
from pipeline.data.inspection.registration import Gray, misplaced, register, shrink
from pipeline.data.manifest import ManifestRow
from pipeline.errors import ControlError, DataError
from pipeline.evaluation.controls import scored_first
from pipeline.evaluation.inference import Scene, ground_truth
from pipeline.evaluation.loading import Prepared
from pipeline.evaluation.metrics.psnr import score as psnr
from pipeline.evaluation.suspects import SUSPECTS, Suspect
from pipeline.records import Floor

CHECKED = 4
"""Number of test scenes that are looked at."""

Read = Callable[[ManifestRow], Scene]

# Cosine between the differences of red and blue in a blurred image and in its sharp one: at least
# 0.7 on photographs and dead leaves, and the negative of that if one of them is in BGR order.
_OPPOSITE = -0.5
# The blurred image correlates with its own ground truth, by at least 0.55, better than with that of
# other scenes, by at most 0.50 (pipeline/data/inspection/registration.py).
_OTHER_SCENE, _OTHER_SCENE_MORE = 0.5, 0.2
# Standard deviation of gray levels, and mean difference of red and blue, both in [0, 1]: below it
# an image is too flat or too gray to be judged.
_FLAT = 0.002
# PSNR in dB by which a mistake, once corrected, must lift a network above the blurred input, and
# above what it has now.
_ABOVE_INPUT, _BETTER = 0.2, 0.5
_PIXELS = slice(None, None, 4)


@dataclass(frozen=True)
class _Facts:
    """What is kept of a scene: small gray images, and how well their colors agree (-1 to 1).

    `colors` is `None` if one of the two is gray.
    """

    row: ManifestRow
    views: Gray
    target: Gray
    colors: float | None


def check_scenes(ready: Prepared, *, read: Read) -> None:
    """Compare ground truth and combined view of the first test scenes: same colors, same scene?

    Args:
        ready: the scenes; those without ground truth are passed over.
        read: reads one scene, e.g. `partial(read_scene, root)`.

    Raises:
        DataError: red and blue are exchanged in one of the two, or the ground truth is displaced
            or shows another scene.
    """
    facts = [_facts(row, read(row)) for row in scored_first(ready)[:CHECKED]]
    _check_colors(facts)
    for one, other in permutations(facts, 2):
        if one.views.shape == other.target.shape and _fits_better(one, other):
            raise DataError(
                f"{one.row.target}: is not the ground truth of {one.row.source}, which "
                f"{other.row.target} fits better; build the manifest again"
            )
    for one in facts:
        shape = (one.row.height, one.row.width)
        alignment = register(one.views, one.target, shape)
        if alignment is not None and (problem := misplaced("target", alignment)):
            raise DataError(f"{one.row.target}: {problem}; build the manifest again")


def _facts(row: ManifestRow, scene: Scene) -> _Facts:
    views, target = scene["combined"], scene["target"]
    return _Facts(row, shrink(views), shrink(target), _color_agreement(views, target))


def _color_agreement(views: NDArray[np.uint16], target: NDArray[np.uint16]) -> float | None:
    """Cosine between the differences of red and blue in two images; `None` if one is gray."""
    pixels = (image[_PIXELS, _PIXELS] / PEAK for image in (views, target))
    one, other = (image[..., 0] - image[..., 2] for image in pixels)
    if min(np.abs(one).mean(), np.abs(other).mean()) < _FLAT:
        return None
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def _check_colors(facts: Sequence[_Facts]) -> None:
    found = [one for one in facts if one.colors is not None]
    if found and max(one.colors or 0.0 for one in found) <= _OPPOSITE:
        raise DataError(
            f"{', '.join(one.row.source for one in found)}: where the blurred image is red, the "
            "ground truth is blue: one of them is in BGR order; store both as RGB and build the "
            "manifest again"
        )


def _fits_better(one: _Facts, other: _Facts) -> bool:
    """Whether another scene's ground truth fits clearly better; flat images fit nothing."""
    if min(image.std() for image in (one.views, one.target, other.target)) < _FLAT:
        return False
    own, foreign = (
        float(np.corrcoef(one.views.ravel(), target.ravel())[0, 1])
        for target in (one.target, other.target)
    )
    return foreign >= max(_OTHER_SCENE, own + _OTHER_SCENE_MORE)


@dataclass(frozen=True)
class _Compared:
    """PSNR in dB of prediction and blurred input on one scene."""

    row: ManifestRow
    prediction: float
    blurred: float


class FloorCheck:
    """Compares a network with the blurred input on the first `CHECKED` test scenes.

    Args:
        ready: the method; one without weights, such as a view, is not compared.
        read: reads one scene again, e.g. `partial(read_scene, root)`.
    """

    def __init__(self, ready: Prepared, *, read: Read) -> None:
        self.ready, self.read = ready, read
        rows = scored_first(ready)[:CHECKED] if ready.loaded.weights is not None else []
        self.awaited = {row.source for row in rows}
        self.compared: list[_Compared] = []

    def add(self, row: ManifestRow, scene: Scene, prediction: NDArray[np.float64]) -> None:
        """Take note of a scene; judge when the last of them is here, long before the set is done.

        Raises:
            ControlError: see `judge`.
        """
        if row.source not in self.awaited:
            return
        self.awaited.remove(row.source)
        protocol = self.ready.protocol
        blurred = unit_range(at_depth(scene["combined"], protocol.input_bits), np.float64)
        target = ground_truth(scene, protocol.ground_truth_bits)
        self.compared.append(_Compared(row, psnr(prediction, target), psnr(blurred, target)))
        if not self.awaited:
            self._explain()

    def judge(self) -> Floor | None:
        """What was compared; `None` for a method without weights."""
        if not self.compared:
            return None
        return Floor(
            scenes=len(self.compared),
            psnr=_mean([one.prediction for one in self.compared]),
            input_psnr=_mean([one.blurred for one in self.compared]),
        )

    def _explain(self) -> None:
        """Look for the mistake, if the network is below its input.

        Raises:
            ControlError: a mistake, corrected, brings the network above its input.
        """
        floor = self.judge()
        if floor is None or floor.psnr >= floor.input_psnr:
            return
        found = [(self._corrected(suspect), suspect) for suspect in SUSPECTS]
        # A displaced ground truth also fits better with views exchanged: the best explains it.
        corrected, suspect = max(found, key=lambda pair: pair[0])
        if corrected >= max(floor.input_psnr + _ABOVE_INPUT, floor.psnr + _BETTER):
            raise ControlError(
                f"{self.ready.loaded.run.method.entry.row} is "
                f"{floor.input_psnr - floor.psnr:.1f} dB below the blurred input on the first "
                f"{floor.scenes} test scenes ({floor.psnr:.2f} against {floor.input_psnr:.2f} "
                f"dB); with {suspect.change} it would have {corrected:.2f} dB: "
                f"{suspect.verdict}; {suspect.remedy}"
            )

    def _corrected(self, suspect: Suspect) -> float:
        """Mean PSNR with a mistake corrected; 0 dB unless that helps on every scene."""
        found = []
        for one in self.compared:
            pair = suspect.corrected(self.ready, one.row, self.read(one.row))
            found.append(math.nan if pair is None else psnr(*pair))
            # Written so that NaN ends it as well.
            if not found[-1] > one.prediction:
                return 0.0
        return _mean(found)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
