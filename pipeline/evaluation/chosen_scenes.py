"""The scenes of Figures 4 and 5 with their boxes: by rules, or as the experiment file says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.config.qualitative import Qualitative, RequestedScene
from pipeline.data.bit_depth import unit_range
from pipeline.data.manifest import ManifestRow
from pipeline.errors import ConfigError
from pipeline.evaluation.boxes import Corner, box_side, choose_boxes
from pipeline.evaluation.inference import Scene, ground_truth
from pipeline.evaluation.scene_choice import Choice, choose_scenes
from pipeline.records import MAIN_GROUP


@dataclass(frozen=True)
class ChosenScene:
    """A scene before any method has seen it: `why` it was chosen, `side` and corners of its boxes.

    `images`: uint16 arrays `[H, W, 3]`, RGB, by view.
    """

    row: ManifestRow
    images: Scene
    why: str
    side: int
    yellow: Corner
    blue: Corner

    @property
    def name(self) -> str:
        """As in `per_image.csv`."""
        return Path(self.row.source).stem


def chosen_scenes(
    asked: Qualitative,
    scores: Mapping[str, Mapping[str, float]],
    rows: Sequence[ManifestRow],
    *,
    read: Callable[[ManifestRow], Scene],
    blurred: str,
) -> list[ChosenScene]:
    """Choose scenes and boxes, from scores and inputs alone.

    Args:
        asked: what the experiment file says.
        scores: PSNR (dB) of each method by scene.
        rows: of the manifest.
        read: reads one scene.
        blurred: name of the input among the methods.

    Raises:
        ConfigError: the experiment file names a scene without scores, or a box outside an image.
        DataError: a scene cannot be read.
    """
    others = {name: values for name, values in scores.items() if name != blurred}
    choices = choose_scenes(others, scores.get(blurred))
    if asked.scenes and scores:
        choices = [Choice(one.scene, "named in the experiment file") for one in asked.scenes]
    by_rule = {choice.scene: RequestedScene(scene=choice.scene) for choice in choices}
    said = by_rule | {one.scene: one for one in asked.scenes}
    known = {
        Path(row.source).stem: row
        for row in rows
        if row.split == "test" and row.group == MAIN_GROUP
    }
    found = []
    for choice in choices:
        name = choice.scene
        if name not in known or any(name not in values for values in scores.values()):
            raise ConfigError(
                f"qualitative: scenes: no result has a scene {name!r}; per_image.csv beside a "
                "result lists its scenes"
            )
        row, images = known[name], read(known[name])
        side = box_side(row.height, row.width, asked.crop)
        target = ground_truth(images)
        corners = (said[name].yellow, said[name].blue)
        boxes = choose_boxes(unit_range(images["combined"], np.float64), target, side, *corners)
        why = choice.why if corners == (None, None) else f"{choice.why}, as are boxes"
        found.append(ChosenScene(row, images, why, side, *boxes))
    return found
