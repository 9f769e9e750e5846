"""PSNR over parameters and over FLOPs, in the manner of the paper's Figure 1."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
from markupsafe import Markup

from pipeline.config.methods import CONTROL
from pipeline.html_report.chart import Chart, Level, Mark, Series
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.html_report.numbers import fixed
from pipeline.reporting import tables
from pipeline.reporting.blocks import blocks
from pipeline.reporting.headings import score_heading
from pipeline.reporting.style import SERIES

_PSNR = "combined_psnr"
_NETWORKS = "networks.csv"


def tradeoff(inputs: PageInputs) -> Markup:
    """Two charts of the published numbers, and two for each other data set that was run."""
    charts: list[Chart] = []
    label = f"Combined {score_heading('psnr', inputs.metrics)}"
    flops = _trained_flops(inputs)
    missing = []
    for number, block in enumerate(sorted(blocks(inputs.table1), key=lambda one: not one.paper)):
        if block.paper:
            charts += _paper_charts(inputs.table1, block.frame, label)
            continue
        charts += _own_charts(number, block.frame, label, flops)
        if not flops:
            missing.append(str(block.frame.iloc[0]["dataset"]))
    return render("tradeoff.html", charts=charts, missing=missing)


def _paper_charts(table: pd.DataFrame, block: pd.DataFrame, label: str) -> list[Chart]:
    run = block[(block["label"] != tables.PUBLISHED) & block["n_seeds"].notna()]
    ours = {"params": run["params"].astype(float) / 1e6, "flops": run["flops_paper_g"]}
    return [
        Chart(
            f"psnr-{key}",
            f"{title}: Canon DP, as published",
            f"{title} of the full network ({unit})",
            label,
            [
                *_series(table, table[column], f"{_PSNR}_published", unit, ", published"),
                *_series(run, ours[key], _PSNR, unit, ", run here", hollow=True),
            ],
        )
        for key, title, unit, column in (
            ("params", "Parameters", "M", "params_published_m"),
            ("flops", "FLOPs", "G", "flops_published_g"),
        )
    ]


def _own_charts(
    number: int, block: pd.DataFrame, label: str, flops: dict[str, float]
) -> Iterator[Chart]:
    """Charts of rows that may be compared with each other only, at the sizes that were trained."""
    learned = block[(block["trained_params"] > 0) & (block["kind"] != CONTROL)]
    levels = [
        Level(float(row[_PSNR]), str(row["method"]), _says(row, _PSNR, ""))
        for _, row in block.drop(learned.index).iterrows()
        if pd.notna(row[_PSNR])
    ]
    where = f"data set {block.iloc[0]['dataset']}, not comparable"
    sizes = [("params", "Parameters", "M", learned["trained_params"].astype(float) / 1e6)]
    if flops:
        known = pd.Series([flops.get(name, float("nan")) for name in learned["method"]])
        sizes.append(("flops", "FLOPs", "G", known.set_axis(learned.index) / 1e9))
    for key, title, unit, values in sizes:
        series = list(_series(learned, values, _PSNR, unit, ""))
        if series:
            yield Chart(
                f"psnr-{key}-{number}",
                f"{title}: {where}",
                f"{title} of the trained network ({unit})",
                label,
                series,
                levels,
            )


def _series(
    rows: pd.DataFrame,
    sizes: pd.Series,
    column: str,
    unit: str,
    what: str,
    *,
    hollow: bool = False,
) -> Iterator[Series]:
    """The DMTNet series, joined by a line, and all other rows."""
    marks: dict[bool, list[Mark]] = {True: [], False: []}
    for (_, row), size in zip(rows.iterrows(), sizes, strict=True):
        if pd.notna(size) and pd.notna(row[column]):
            name = str(row["method"])
            text = f"{_says(row, column, what)}; {fixed(float(size))} {unit}"
            mark = Mark(float(size), float(row[column]), name, text)
            marks[bool(SERIES.fullmatch(name))].append(mark)
    for own, color, name in ((True, 1, "DMTNet"), (False, 2, "other rows")):
        if marks[own]:
            ordered = sorted(marks[own], key=lambda mark: mark.x)
            yield Series(f"{name}{what}", ordered, color + 2 * hollow, joined=own, hollow=hollow)


def _says(row: pd.Series, column: str, what: str) -> str:
    spread = float(row[f"{_PSNR}_sd"]) if column == _PSNR else math.nan
    error = "" if math.isnan(spread) else f" ± {fixed(spread)}"
    return f"{row['method']}{what}: {fixed(float(row[column]))}{error} dB"


def _trained_flops(inputs: PageInputs) -> dict[str, float]:
    """FLOPs of trained networks by row; only a study counts them."""
    path = inputs.places.reports / _NETWORKS
    if inputs.experiment.study is None or not path.exists():
        return {}
    frame = pd.read_csv(path)
    return dict(zip(frame["row"].astype(str), frame["flops"].astype(float), strict=True))
