"""What the experiment took: time and memory, from the records of trainings and evaluations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from pipeline.html_report.cells import Cell, Head, Table, number_cell, text_cell, without_empty
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.html_report.numbers import count, duration
from pipeline.html_report.section import Missing
from pipeline.records import Provenance, RunRecord

_GPU_MEMORY, _NO_GPU = "gpu_peak_memory_mb", "none"
_HEADS = (
    Head("Row", number=False, wide=True),
    Head("Seeds"),
    Head("Training, each"),
    Head("Training, all"),
    Head("Crops seen"),
    Head("Evaluation, all"),
    Head("Peak memory (MiB)"),
    Head("Peak GPU memory (MiB)"),
    Head("Device", number=False),
)


def compute(inputs: PageInputs) -> Markup | Missing:
    """One line for each row, and the sums."""
    if not inputs.scored:
        return Missing("Nothing has been evaluated yet.")
    heads, rows = without_empty(
        _HEADS, [_row(inputs, row, folders) for row, folders in inputs.rows.items()]
    )
    trained = [record.provenance for record in inputs.runs.values()]
    scored = [record.provenance for record in inputs.results]
    return render(
        "compute.html",
        table=Table("compute-rows", "Time and memory", heads, rows),
        training=duration(math.fsum(one.wall_s for one in trained)),
        trainings=len(trained),
        evaluation=duration(math.fsum(one.wall_s for one in scored)),
        evaluations=len(scored),
        memory=count(max(one.peak_memory_mb for one in [*trained, *scored])),
    )


def _row(inputs: PageInputs, row: str, folders: Sequence[Path]) -> list[Cell]:
    records = [inputs.scored[folder].record for folder in folders]
    names = {folder.name for folder in folders}
    runs = [run for folder, run in inputs.runs.items() if folder.name in names]
    made = [one for name, one in inputs.made if name in names]
    times = [run.provenance.wall_s for run in runs]
    scoring = math.fsum(record.provenance.wall_s for record in records)
    link = inputs.record_link(row)
    return [
        text_cell(row, link=link),
        number_cell(str(len(records)), float(len(records))),
        _time(math.fsum(times) / len(times) if times else None),
        _time(math.fsum(times) if times else None),
        _crops(runs),
        _time(scoring),
        _most([one.peak_memory_mb for one in made]),
        _most([float(one.hardware.get(_GPU_MEMORY, "nan")) for one in made]),
        text_cell(", ".join(sorted({_device(one) for one in made}))),
    ]


def _time(seconds: float | None) -> Cell:
    return number_cell("–" if seconds is None else duration(seconds), seconds)


def _crops(runs: Sequence[RunRecord]) -> Cell:
    most = max((run.samples for run in runs), default=0)
    return number_cell(count(most) if most else "–", float(most) if most else None)


def _most(values: Sequence[float]) -> Cell:
    known = [value for value in values if not math.isnan(value)]
    return number_cell(count(max(known)) if known else "–", max(known, default=None))


def _device(made: Provenance) -> str:
    gpu = made.hardware.get("gpu", _NO_GPU)
    return "CPU" if gpu == _NO_GPU else gpu
