"""Figure 4: what methods make of chosen scenes, with boxes enlarged and error maps."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.experiment import Experiment
from pipeline.qualitative_files import QualitativeMethod, QualitativeScene
from pipeline.reporting.headings import Metrics
from pipeline.reporting.style import BLUE, FONT, MAP, figure_style, save_figure

YELLOW = "#f0c000"
"""Of the first box; the paper's second one is blue."""

TRUTH = "Ground truth"
NO_SCENES = "No method of this experiment has been evaluated yet, so that there is nothing to show."
BOX_RULE = (
    "Boxes, unless stated: yellow where the squared error of the input is largest, "
    "blue where it is largest among all places that do not overlap it. Bold: the largest PSNR."
)

_CELL, _GAP, _OVERVIEW = 1.2, 0.07, 2.7
"""Inches: side of a box, space beside it, and width of the whole image at the left."""

_NAME, _TEXT, _HEADING, _MARGIN = 0.42, 0.17, 0.2, 0.12
"""Inches: height of a name, of a line of text, of a scene's heading, and space around all."""

_COLUMNS = 9
_NAME_WIDTH, _NAME_LINES = 18, 3
_QUANTILE = 0.995
_STEP = 0.05


def draw_figure4(
    scenes: Sequence[QualitativeScene], stem: Path, experiment: Experiment, metrics: Metrics
) -> list[Path]:
    """Draw a block for each scene to `stem.png`, `.svg`, `.pdf`; returns the paths.

    At the left the input with its boxes; then, for each method, both boxes and the map of absolute
    errors, with PSNR below each. The same files give the same bytes.

    Args:
        scenes: what `read_figure4` returned.
        stem: of the files.
        experiment: its name, and that of its data set, are shown.
        metrics: declarations; the unit of PSNR is shown.

    Raises:
        DataError: the folder is read-only or full.
    """
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, max((len(scene.methods) + 1 for scene in scenes), default=5))
    width = 2 * _MARGIN + _OVERVIEW + columns * (_CELL + _GAP)
    top, bottom = 0.45, 0.35
    height = top + bottom + (sum(_height(scene) for scene in scenes) or 0.5)
    unit = metrics["psnr"].declaration.unit if "psnr" in metrics else ""
    with figure_style():
        figure = Figure(figsize=(width, height))
        page = _Page(figure, unit, error_range(scenes))
        page.text(_MARGIN, 0.2, figure4_title(scenes, experiment), weight="bold", fontsize=10)
        place = top
        for scene in scenes:
            page.scene(scene, place)
            place += _height(scene)
        page.text(_MARGIN, height - 0.15, BOX_RULE if scenes else "")
        if not scenes:
            page.text(_MARGIN, top + 0.2, NO_SCENES)
        return save_figure(figure, stem)


def figure4_title(scenes: Sequence[QualitativeScene], experiment: Experiment) -> str:
    """What the figure shows, with the labels of its results."""
    labels = sorted({method.label for scene in scenes for method in scene.methods})
    made = f"{', '.join(labels).capitalize()}, data set" if labels else "Data set"
    words = ", first seed of each method" if scenes else ""
    return f"{made} “{experiment.dataset.name}”{words} (experiment {experiment.name})"


def error_range(scenes: Sequence[QualitativeScene]) -> float:
    """Where the color scale of all error maps ends: a round number that few errors exceed."""
    if not scenes:
        return _STEP
    values = np.concatenate([scene.errors.astype(np.float64).ravel() for scene in scenes])
    return float(_STEP * max(1, math.ceil(round(float(np.quantile(values, _QUANTILE)) / _STEP, 6))))


def best_of(methods: Sequence[QualitativeMethod], name: str) -> float:
    """The largest PSNR of a column, e.g. `yellow_psnr`."""
    return max(getattr(method, name) for method in methods)


def _lines(scene: QualitativeScene) -> int:
    return -(-(len(scene.methods) + 1) // _COLUMNS)


def _tall(scene: QualitativeScene) -> float:
    return (_OVERVIEW - _GAP) * scene.height / scene.width


def _map_height(scene: QualitativeScene) -> float:
    return _CELL * scene.height / scene.width


def _line_height(scene: QualitativeScene) -> float:
    return _NAME + 2 * (_CELL + _TEXT) + _map_height(scene) + _TEXT + _GAP


def _height(scene: QualitativeScene) -> float:
    overviews = _NAME + 2 * (_TEXT + _tall(scene)) + _GAP
    return _HEADING + max(overviews, _lines(scene) * _line_height(scene)) + _MARGIN


class _Page:
    """A figure on which things are placed in inches from the top left."""

    def __init__(self, figure: Any, unit: str, errors: float) -> None:
        self.figure, self.unit, self.errors = figure, unit, errors
        self.width, self.height = figure.get_size_inches()

    def text(self, left: float, middle: float, text: str, **style: Any) -> None:
        """Write a line, or several, around a height."""
        style = {"fontsize": FONT, "va": "center", **style}
        self.figure.text(left / self.width, 1 - middle / self.height, text, **style)

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        """Axes without ticks and grid."""
        place = (left, self.height - top - height, width, height)
        sides = (self.width, self.height, self.width, self.height)
        found = self.figure.add_axes([one / side for one, side in zip(place, sides, strict=True)])
        found.set(xticks=[], yticks=[])
        found.grid(visible=False)
        return found

    def image(
        self, place: tuple[float, float, float, float], image: NDArray[Any], **style: Any
    ) -> Any:
        """Show an image, without smoothing; `color` is that of its frame."""
        axes, color = self.axes(*place), style.pop("color", "0.6")
        shown = image if image.dtype == np.uint8 else image.astype(np.float32)
        drawn = axes.imshow(shown, interpolation="nearest", aspect="auto", **style)
        for spine in axes.spines.values():
            spine.set(visible=True, color=color, linewidth=0.6 if color == "0.6" else 2.0)
        return drawn

    def scene(self, scene: QualitativeScene, top: float) -> None:
        """Draw all of a scene."""
        about = ", ".join(part for part in (scene.scene, scene.category) if part)
        heading = f"{about}: {scene.why}; {scene.height} × {scene.width} pixels, boxes {scene.side}"
        self.text(_MARGIN, top + 0.1, heading, fontsize=FONT + 1)
        top += _HEADING
        place = top + _NAME
        for name, image in ((scene.methods[0].row, 0), (TRUTH, -1)):
            self.text(_MARGIN, place - 0.1, name)
            self.image((_MARGIN, place, _OVERVIEW - _GAP, _tall(scene)), scene.images[image])
            self._boxes(scene)
            place += _tall(scene) + _TEXT + _GAP
        for number in range(len(scene.methods) + 1):
            line, column = divmod(number, _COLUMNS)
            left = _MARGIN + _OVERVIEW + _GAP + column * (_CELL + _GAP)
            self._column(scene, number, left, top + line * _line_height(scene))

    def _boxes(self, scene: QualitativeScene) -> None:
        from matplotlib.patches import Rectangle

        axes, reduced = self.figure.axes[-1], scene.images.shape[2] / scene.width
        corners = ((scene.yellow_left, scene.yellow_top), (scene.blue_left, scene.blue_top))
        for (left, up), color in zip(corners, (YELLOW, BLUE), strict=True):
            corner, side = (left * reduced - 0.5, up * reduced - 0.5), scene.side * reduced
            for line, edge in ((3.0, "white"), (1.8, color)):
                axes.add_patch(
                    Rectangle(corner, side, side, fill=False, edgecolor=edge, linewidth=line)
                )

    def _column(self, scene: QualitativeScene, number: int, left: float, top: float) -> None:
        """One method, or the ground truth: name, yellow box, blue box, error map."""
        method = scene.methods[number] if number < len(scene.methods) else None
        name = _wrapped(method.row if method else TRUTH)
        self.text(left, top + _NAME - 0.03, name, va="bottom", fontsize=FONT - 1)
        top += _NAME
        boxes = ((scene.yellow, YELLOW, "yellow_psnr"), (scene.blue, BLUE, "blue_psnr"))
        for images, color, column in boxes:
            self.image((left, top, _CELL, _CELL), images[number], color=color)
            if method is not None:
                self._score(scene, method, column, (left, top + _CELL))
            top += _CELL + _TEXT
        if method is None:
            self._bar(left, top)
            return
        place = (left, top, _CELL, _map_height(scene))
        self.image(place, scene.errors[number], cmap=MAP, vmin=0, vmax=self.errors)
        self._score(scene, method, "psnr", (left, top + _map_height(scene)), "image ")

    def _score(
        self,
        scene: QualitativeScene,
        method: QualitativeMethod,
        column: str,
        place: tuple[float, float],
        words: str = "",
    ) -> None:
        value = getattr(method, column)
        weight = "bold" if value == best_of(scene.methods, column) else "normal"
        text = f"{words}{value:.2f} {self.unit}".rstrip()
        center = place[0] + _CELL / 2
        self.text(center, place[1] + 0.1, text, ha="center", weight=weight, fontsize=FONT - 0.5)

    def _bar(self, left: float, top: float) -> None:
        """The color scale of the error maps, in the place of the map of the ground truth."""
        axes = self.axes(left, top + 0.02, _CELL, 0.14)
        axes.imshow(
            np.linspace(0, 1, 256)[None], cmap=MAP, aspect="auto", extent=(0, self.errors, 0, 1)
        )
        axes.set_xticks([0, self.errors], ["0", f"≥ {self.errors:g}"], fontsize=FONT - 1)
        axes.tick_params(length=2, pad=1)
        for label, side in zip(axes.get_xticklabels(), ("left", "right"), strict=True):
            label.set_ha(side)
        words = "mean absolute error\nof R, G, B; white is 1"
        self.text(left, top + 0.48, words, fontsize=FONT - 1)


def _wrapped(name: str) -> str:
    return "\n".join(
        textwrap.wrap(name, _NAME_WIDTH, max_lines=_NAME_LINES, placeholder="…") or [name]
    )
