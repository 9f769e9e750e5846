"""Listing stage: methods, data sets and runs of an experiment as rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.config.blocks import Canon, Clips, Folder, Synthetic
from pipeline.config.experiment import Experiment
from pipeline.data.manifest import read_manifest
from pipeline.finished_runs import FinishedRun, finished_runs
from pipeline.places import Places

METHOD_COLUMNS = ("method", "row", "kind", "recipe")
DATASET_COLUMNS = ("dataset", "kind", "part", "train", "val", "test", "width", "height", "bits")
RUN_COLUMNS = ("run", "method", "repetition", "label", "val_psnr", "epoch", "created", "state")

Row = dict[str, Any]


def method_rows(experiment: Experiment) -> list[Row]:
    """One row per method and ablation, in the order of the list; no network is loaded."""
    rows = []
    for name in [*experiment.methods, *experiment.ablations]:
        entry = experiment.entry(name)
        rows.append({
            "method": name,
            "row": entry.row,
            "kind": entry.kind,
            "recipe": entry.recipe,
            "module": entry.module,
            "ablation": name in experiment.ablations,
            "requested": experiment.runs(name),
        })  # fmt: skip
    return rows


def dataset_rows(experiment: Experiment) -> list[Row]:
    """The data set of an experiment and its companion; scenes by split if there is a manifest.

    Raises:
        DataError: a manifest is damaged.
    """
    parts = {"dataset": experiment.dataset, "companion": experiment.companion}
    return [_dataset_row(part, block) for part, block in parts.items() if block is not None]


def _dataset_row(part: str, block: Synthetic | Canon | Folder | Clips) -> Row:
    manifest = Places.manifest_of(block.name)
    row: Row = {
        "dataset": block.name,
        "part": part,
        "kind": block.kind,
        "images": Places.raw_of(block).as_posix(),
        "manifest": manifest.as_posix() if manifest.exists() else None,
    }
    if not manifest.exists():
        return row
    scenes = read_manifest(manifest)
    for split in ("train", "val", "test"):
        row[split] = sum(scene.split == split for scene in scenes)
    for column, field in (("width", "width"), ("height", "height"), ("bits", "bit_depth")):
        values = {getattr(scene, field) for scene in scenes}
        row[column] = values.pop() if len(values) == 1 else None
    return row


def run_rows(folder: Path, superseded: bool = False) -> list[Row]:
    """One row per finished training in a folder of runs.

    Args:
        folder: such as `runs/synthetic`.
        superseded: whether only those that were replaced are listed.

    Raises:
        RecordError: a record is damaged.
    """
    found = finished_runs(folder)
    return [run_row(run) for run in found if run.superseded or not superseded]


def run_row(run: FinishedRun) -> Row:
    """A finished training as a row; `state`: finished, superseded or waiting for its successor."""
    record = run.record
    state = "superseded" if run.superseded else "finished"
    return {
        "run": run.folder.as_posix(),
        "method": record.method,
        "repetition": record.repetition,
        "label": record.label,
        "val_psnr": record.val_psnr,
        "epoch": record.epoch,
        "created": record.provenance.created,
        "state": "waiting for its next training" if run.awaits_successor else state,
        "bytes": run.bytes,
        "params": record.trained_params,
    }
