"""Training curves: validation PSNR and training loss by epoch."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from markupsafe import Markup

from pipeline.artifacts import CURVE
from pipeline.html_report.chart import Chart, Mark, Series
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.html_report.numbers import fixed
from pipeline.html_report.section import Missing

_MOST_POINTS, _SHOWN, _COLORS = 60, 6, 8

Curve = dict[int, float]
"""Values by epoch."""


def curves(inputs: PageInputs) -> Markup | Missing:
    """Two charts; a line for every row, thin ones for its seeds."""
    by_row: dict[str, list[Path]] = {}
    for folder, record in inputs.runs.items():
        if (folder / CURVE).exists() and record.samples:
            by_row.setdefault(record.row, []).append(folder)
    found = {
        column: {
            row: [_read(folder / CURVE, column) for folder in folders]
            for row, folders in by_row.items()
        }
        for column in ("psnr", "loss")
    }
    if not any(curve for rows in found.values() for all_ in rows.values() for curve in all_):
        return Missing("Nothing was trained by gradient descent in this experiment.")
    charts = [
        _chart(found["psnr"], "psnr", "Validation PSNR", "Validation PSNR (dB) ↑", "dB"),
        _chart(found["loss"], "loss", "Training loss", "log₁₀ of the training loss ↓", ""),
    ]
    files = {
        f"{inputs.runs[folder].row}, seed {inputs.runs[folder].repetition}": inputs.link(
            folder / CURVE
        )
        for folders in by_row.values()
        for folder in folders
    }
    return render("curves.html", charts=charts, files=files)


def _read(path: Path, column: str) -> Curve:
    """One column of a curve; the loss as its logarithm, epochs without a value left out."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    found = {int(row["epoch"]): float(row[column]) for row in rows if row[column]}
    if column == "loss":
        found = {epoch: math.log10(value) for epoch, value in found.items() if value > 0}
    return {epoch: value for epoch, value in found.items() if math.isfinite(value)}


def _chart(rows: Mapping[str, list[Curve]], key: str, title: str, label: str, unit: str) -> Chart:
    series = []
    for number, (row, found) in enumerate(rows.items()):
        marks = list(_means(row, found, key, unit))
        if marks:
            series.append(
                Series(
                    row,
                    marks,
                    color=number % _COLORS + 1,
                    joined=True,
                    dashed=number >= _COLORS,
                    thin=[list(_thinned(curve).items()) for curve in found if len(found) > 1],
                    shown=number < _SHOWN,
                    labeled=False,
                )
            )
    return Chart(f"curve-{key}", title, "Epoch", label, series, from_zero=False)


def _means(row: str, found: list[Curve], key: str, unit: str) -> Iterator[Mark]:
    """Means over the seeds at epochs that all of them have."""
    common = set.intersection(*(set(curve) for curve in found))
    for epoch in _thinned(dict.fromkeys(sorted(common), 0.0)):
        values = [curve[epoch] for curve in found]
        mean = math.fsum(values) / len(values)
        seeds = f", mean of {len(values)} seeds" if len(values) > 1 else ""
        shown = f"{fixed(mean)} {unit}" if key == "psnr" else f"loss {10**mean:.4g}"
        yield Mark(epoch, mean, row, f"{row}, epoch {epoch}: {shown}{seeds}")


def _thinned(curve: Curve) -> Curve:
    """At most so many points as can be told apart; the last one stays."""
    step = math.ceil(len(curve) / _MOST_POINTS) or 1
    epochs = sorted(curve)
    kept = {*epochs[::step], *epochs[-1:]}
    return {epoch: curve[epoch] for epoch in epochs if epoch in kept}
