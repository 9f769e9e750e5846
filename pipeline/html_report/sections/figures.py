"""Figures 4 and 5 on the page: images to look at closely, and what selection weights do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from pipeline.chain.copies import UP
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.html_report.section import Missing
from pipeline.html_report.web_images import heat, photo
from pipeline.qualitative_files import (
    FIGURE4,
    FIGURE5,
    QualitativeMethod,
    QualitativeScene,
    Selection,
    read_figure4,
    read_figure5,
)
from pipeline.reporting.figure4 import BOX_RULE, NO_SCENES, TRUTH, best_of, error_range
from pipeline.reporting.figure5 import NO_SELECTION, alphas, shown_alpha

_MAKE = "`dmtbench qualitative` and `dmtbench figures` make them"
_NOTHING = 1e-3
"""A weight below this is almost nothing, as in studies."""


@dataclass(frozen=True)
class Shot:
    """One method on one scene, or the ground truth without scores; images are data addresses."""

    name: str
    full: str
    yellow: str
    blue: str
    error: str = ""
    scores: QualitativeMethod | None = None


@dataclass(frozen=True)
class Box:
    """A box in an image, in percent of its sides."""

    color: str
    left: float
    top: float
    width: float
    height: float


def qualitative(inputs: PageInputs) -> Markup | Missing:
    """Figure 4: boxes and error maps of every method, and a slider between two images."""
    if not _exist(inputs, FIGURE4):
        return Missing(f"There are no images of Figure 4; {_MAKE}.")
    scenes = read_figure4(inputs.places.reports)
    if not scenes:
        return Missing(NO_SCENES)
    top = error_range(scenes)
    unit = inputs.metrics["psnr"].declaration.unit if "psnr" in inputs.metrics else ""
    return render(
        "figures.html",
        scenes=[(scene, shots(scene, top), _boxes(scene), _first_pair(scene)) for scene in scenes],
        best=best_of,
        bar=heat(np.linspace(0, 1, 256)[None].repeat(8, axis=0), 0, 1),
        top=f"{top:g}",
        unit=unit,
        rule=BOX_RULE,
        files=_files(inputs, FIGURE4),
    )


def features(inputs: PageInputs) -> Markup | Missing:
    """Figure 5: features of each scale with their weights, and the weights on all test images."""
    if not _exist(inputs, FIGURE5):
        return Missing(f"There are no images of Figure 5; {_MAKE}.")
    found = read_figure5(inputs.places.reports)
    if found is None:
        return Missing(NO_SELECTION)
    modules = []
    for number, maps in enumerate(found.features, 1):
        weights = alphas(found, number)
        ranges = [np.quantile(one.astype(np.float64), [0.01, 0.99]) for one in maps]
        panels = [
            {
                "scale": scale,
                "image": heat(one, *limits),
                "alpha": shown_alpha(weights.loc[found.scene, scale]),
                "range": f"{limits[0]:.2g} to {limits[1]:.2g}",
            }
            for scale, (one, limits) in enumerate(zip(maps, ranges, strict=True), 1)
        ]
        modules.append((number, panels, _strip(weights, found.scene), _summary(weights)))
    return render(
        "features.html",
        found=found,
        images=found.weights["scene"].nunique(),
        input=photo(found.image),
        modules=modules,
        claim=claim_17(found),
        files=_files(inputs, FIGURE5),
    )


def shots(scene: QualitativeScene, top: float) -> list[Shot]:
    """All methods on a scene, and the ground truth; `top` is where error maps end."""
    named = [*((method.row, method) for method in scene.methods), (TRUTH, None)]
    return [
        Shot(
            name,
            photo(scene.images[number]),
            photo(scene.yellow[number]),
            photo(scene.blue[number]),
            "" if scores is None else heat(scene.errors[number], 0, top),
            scores,
        )
        for number, (name, scores) in enumerate(named)
    ]


def claim_17(found: Selection) -> str:
    """What this network says about the claim that one scale of the first DMSSRM gets nothing."""
    weights = alphas(found, 1)
    last = int(weights.columns[-1])
    least = float((weights.idxmin(axis="columns") == last).mean())
    nothing = float((weights[last] < _NOTHING).mean())
    return (
        f"In the first DMSSRM of this network, scale {last} has the smallest weight on {least:.0%} "
        f"of {len(weights)} test images, and almost none (below {_NOTHING:g}) on {nothing:.0%}; "
        f"its median is {shown_alpha(float(weights[last].median()))}."
    )


def _exist(inputs: PageInputs, name: str) -> bool:
    return all((inputs.places.reports / f"{name}.{end}").exists() for end in ("csv", "npz"))


def _files(inputs: PageInputs, name: str) -> dict[str, str]:
    """Links to the figure and to its numbers, as far as they exist."""
    paths = [inputs.places.reports / f"{name}.{end}" for end in ("pdf", "png", "csv")]
    # By way of the project's folder, so that links of the page's copy in reports/ hold too.
    return {path.name: f"{UP}{path.as_posix()}" for path in paths if path.exists()}


def _boxes(scene: QualitativeScene) -> list[Box]:
    corners = (
        ("yellow", scene.yellow_left, scene.yellow_top),
        ("blue", scene.blue_left, scene.blue_top),
    )
    return [
        Box(
            color,
            round(100 * left / scene.width, 3),
            round(100 * top / scene.height, 3),
            round(100 * scene.side / scene.width, 3),
            round(100 * scene.side / scene.height, 3),
        )
        for color, left, top in corners
    ]


def _first_pair(scene: QualitativeScene) -> tuple[int, int]:
    """What the slider shows at first: the first image, and the best of the others."""
    others = range(1, len(scene.methods))
    best = max(others, key=lambda number: scene.methods[number].psnr, default=len(scene.methods))
    return 0, best


def _strip(weights: pd.DataFrame, scene: str) -> dict[str, object]:
    """Places of the marks of a distribution, in a box of 100 by 100, with ticks."""
    high = float(weights.to_numpy().max())
    top = next(limit for limit in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if limit >= high or limit == 1.0)
    count, scales = len(weights), len(weights.columns)
    columns = []
    for number, scale in enumerate(weights.columns):
        middle = 100 * (number + 0.5) / scales
        steps = np.linspace(-10, 10, count) if count > 1 else np.zeros(1)
        places = [
            (round(middle + step, 2), round(100 - 100 * alpha / top, 2), name == scene)
            for step, (name, alpha) in zip(steps, weights[scale].items(), strict=True)
        ]
        median = round(100 - 100 * float(weights[scale].median()) / top, 2)
        columns.append(
            {"scale": scale, "middle": round(middle, 2), "marks": places, "median": median}
        )
    ticks = [(round(100 - 25 * n, 2), f"{top * n / 4:g}") for n in range(5)]
    return {"columns": columns, "ticks": ticks}


def _summary(weights: pd.DataFrame) -> list[tuple[int, str, str, str]]:
    """Scale, median, 5 to 95 %, and on how many images it is the smallest."""
    least = weights.idxmin(axis="columns")
    return [
        (
            int(scale),
            shown_alpha(float(values.median())),
            f"{shown_alpha(float(values.quantile(0.05)))} to "
            f"{shown_alpha(float(values.quantile(0.95)))}",
            f"{float((least == scale).mean()):.0%}",
        )
        for scale, values in weights.items()
    ]
