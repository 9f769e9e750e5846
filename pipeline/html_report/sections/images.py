"""Image by image: the difference of two rows on every test scene, chosen by the reader."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.config.methods import CONTROL
from pipeline.html_report.cells import Cell, Head, Table, number_cell, text_cell
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.html_report.numbers import fixed
from pipeline.html_report.section import Missing
from pipeline.records import MAIN_GROUP
from pipeline.verify.own import Scored

_METRIC, _EXTREMES = "psnr", 5


@dataclass(frozen=True)
class Scenes:
    """PSNR in dB by row and scene, means over seeds; only rows that were scored on all scenes."""

    names: Sequence[str]
    categories: Sequence[str]
    values: Mapping[str, Sequence[float]]


def images(inputs: PageInputs) -> Markup | Missing:
    """Two rows to choose, the differences of their PSNR, worst and best scenes, and all scores."""
    scenes = _scenes(inputs)
    if len(scenes.values) < 2:
        return Missing("Fewer than two rows were scored on the same test scenes.")
    one, other = _first_pair(inputs, scenes)
    return render(
        "images.html",
        rows=list(scenes.values),
        one=one,
        other=other,
        scenes=len(scenes.names),
        extremes=_extremes(scenes, one, other),
        all=_all(scenes),
        data={
            "scenes": list(scenes.names),
            "categories": list(scenes.categories),
            # As in per_image.csv, to a ten-thousandth of a dB.
            "values": {row: [round(v, 4) for v in own] for row, own in scenes.values.items()},
            "intervals": _intervals(inputs),
            "extremes": _EXTREMES,
        },
    )


def _scenes(inputs: PageInputs) -> Scenes:
    found: dict[str, dict[str, float]] = {}
    categories: dict[str, str] = {}
    for row, folders in inputs.rows.items():
        repetitions = [inputs.scored[folder] for folder in folders]
        categories |= {
            image.scene: image.category
            for image in repetitions[0].images
            if image.group == MAIN_GROUP
        }
        found[row] = _means(repetitions)
    names = list(categories)
    complete = {row: own for row, own in found.items() if set(own) == set(names)}
    return Scenes(
        names,
        [categories[name] for name in names],
        {row: [own[name] for name in names] for row, own in complete.items()},
    )


def _means(repetitions: Sequence[Scored]) -> dict[str, float]:
    """Means over seeds by scene, of scenes that every seed was scored on."""
    by_seed = [
        {
            image.scene: value
            for image in one.images
            if image.group == MAIN_GROUP and (value := image.values.get(_METRIC)) is not None
        }
        for one in repetitions
    ]
    common = [name for name in by_seed[0] if all(name in own for own in by_seed)]
    return {name: math.fsum(own[name] for own in by_seed) / len(by_seed) for name in common}


def _first_pair(inputs: PageInputs, scenes: Scenes) -> tuple[str, str]:
    """The row with the best mean, and the blurred input or else the next best."""
    means = {row: math.fsum(own) / len(own) for row, own in scenes.values.items()}
    ordered = sorted(means, key=lambda row: -means[row])
    kinds = {record.row: record for record in inputs.results}
    learned = [row for row in ordered if row not in kinds or kinds[row].method_kind != CONTROL]
    one = (learned or ordered)[0]
    blurred = [row for row in ordered if row in kinds and kinds[row].method == "input"]
    return one, next(row for row in [*blurred, *ordered] if row != one)


def _extremes(scenes: Scenes, one: str, other: str) -> list[Table]:
    """The scenes on which the first row gains least and most over the second."""
    pairs = zip(scenes.values[one], scenes.values[other], strict=True)
    gains = [a - b for a, b in pairs]
    order = sorted(range(len(gains)), key=lambda n: (gains[n], scenes.names[n]))
    heads = (
        Head("Scene", number=False, compact=True),
        Head("Kind", number=False),
        Head("First"),
        Head("Second"),
        Head("Difference"),
    )

    def rows(chosen: Sequence[int]) -> list[list[Cell]]:
        return [
            [
                text_cell(scenes.names[n]),
                text_cell(scenes.categories[n]),
                number_cell(fixed(scenes.values[one][n]), scenes.values[one][n]),
                number_cell(fixed(scenes.values[other][n]), scenes.values[other][n]),
                number_cell(fixed(gains[n], sign=True), gains[n]),
            ]
            for n in chosen
        ]

    return [
        Table("worst", "Worst scenes (PSNR in dB)", heads, rows(order[:_EXTREMES]), tools=False),
        Table(
            "best", "Best scenes (PSNR in dB)", heads, rows(order[::-1][:_EXTREMES]), tools=False
        ),
    ]


def _all(scenes: Scenes) -> Table:
    heads = [
        Head("Scene", number=False, compact=True),
        Head("Kind", number=False),
        *map(Head, scenes.values),
    ]
    rows = [
        [
            text_cell(name),
            text_cell(scenes.categories[n]),
            *(number_cell(fixed(own[n]), own[n]) for own in scenes.values.values()),
        ]
        for n, name in enumerate(scenes.names)
    ]
    return Table("scenes", "PSNR of every test scene (dB)", heads, rows)


def _intervals(inputs: PageInputs) -> list[list[object]]:
    """Intervals of the paper's pairs over images, as `dmtbench verify` computes them."""
    frame = inputs.comparisons
    chosen = frame[(frame["column"] == f"combined_{_METRIC}")]
    table2 = {
        str(number): inputs.experiment.entry(method).row
        for number, method in inputs.experiment.table2_rows().items()
    }
    return [
        [
            *(
                table2.get(row[key], row[key]) if row["table"] == "t2" else row[key]
                for key in ("one", "other")
            ),
            float(row["image_lo"]),
            float(row["image_hi"]),
        ]
        for _, row in chosen.iterrows()
    ]
