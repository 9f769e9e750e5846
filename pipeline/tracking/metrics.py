"""Names of metrics in MLflow, in groups: its pages make a section of each `group/`."""

from __future__ import annotations

import csv
from pathlib import Path

from pipeline.errors import RecordError
from pipeline.records import ResultRecord, RunRecord

GROUPS = ("test", "val", "train", "fit", "cost")
"""In the order in which people look at them; MLflow sorts by name where no view says otherwise."""

MAIN = "test/combined_psnr"
PARAMS = "cost/trained_params"

_CURVES = {"psnr": "val/psnr"}


def final_metrics(run: RunRecord | None, result: ResultRecord | None) -> dict[str, float]:
    """Final numbers of a method: scores, the weights that were kept, what a fit found, and cost.

    Scores are in the units of their metrics (PSNR in dB), `cost/*wall_s` in seconds,
    `cost/peak_memory_mb` in MiB. `cost/wall_s` is the training's, or the evaluation's if nothing
    was trained.

    Example:
        >>> final_metrics(None, None)
        {}
    """
    found: dict[str, float | None] = {}
    if result is not None:
        for group, scores in {**result.scores, **result.groups}.items():
            found |= {f"test/{group}_{name}": value for name, value in scores.mean.items()}
    if run is not None:
        found |= {"val/best_psnr": run.val_psnr, "val/best_epoch": run.epoch}
        found |= {f"fit/{name}": value for name, value in run.learned.items()}
        found["cost/samples_seen"] = run.samples
        if result is not None:
            found["cost/evaluation_wall_s"] = result.provenance.wall_s
    record = run or result
    if record is not None:
        found[PARAMS] = record.trained_params
        found["cost/wall_s"] = record.provenance.wall_s
        found["cost/peak_memory_mb"] = record.provenance.peak_memory_mb
    return {name: float(value) for name, value in found.items() if value is not None}


def curve_points(curve: Path | None) -> list[tuple[str, float, int]]:
    """Name, value and epoch of every point of the training curves; empty cells are skipped.

    Raises:
        RecordError: `curve.csv` is malformed.
    """
    if curve is None:
        return []
    try:
        with curve.open(newline="", encoding="utf-8") as stream:
            return [
                (_CURVES.get(name, f"train/{name}"), float(text), int(row["epoch"]))
                for row in csv.DictReader(stream)
                for name, text in row.items()
                if name != "epoch" and text
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RecordError(
            f"{curve}: not a training curve ({error}); train this run again"
        ) from error
