"""What a reader must know about a table: its experiment, stale rows, labels and data sets."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.reporting import tables

_STALE = (
    "Rows marked stale were made by other code than that of today, or lack a metric that can be "
    "computed now; `dmtbench status` says which."
)
_LABELS = {
    tables.PUBLISHED: "Rows labeled published were not run: their numbers are the paper's.",
    tables.SURROGATE: (
        "Rows labeled surrogate were made with networks that stand in for methods whose "
        "publications do not describe them fully: they are not results of those methods."
    ),
    tables.GIVEN: (
        "Rows labeled given weights were scored with files that nobody has confirmed to be the "
        "authors' weights: they are not results of those methods."
    ),
}


@dataclass(frozen=True)
class Note:
    """A sentence about a table; `label`: of the rows that it is about, empty for all."""

    text: str
    label: str = ""


def notes(frame: pd.DataFrame) -> list[str]:
    """What a reader must know about the labels and data sets in `frame`, one sentence each."""
    return [note.text for note in all_notes(frame)]


def all_notes(frame: pd.DataFrame) -> list[Note]:
    """The same with the labels that the sentences are about."""
    said = [Note(f"Experiment: {name}.") for name in experiments_of(frame)]
    if tables.STALE in set(frame.get("standing", ())):
        said.append(Note(_STALE))
    said += [Note(text, label) for label, text in _LABELS.items() if label in set(frame["label"])]
    pairs = frame[["label", "dataset"]].drop_duplicates().sort_values(["label", "dataset"])
    for label, dataset in pairs.itertuples(index=False):
        if label != "demo" and dataset == tables.CANON:
            continue
        models = "narrow networks or controls on " if label == "demo" else ""
        text = (
            f"Quality cells labeled {label} come from {models}data set {dataset} and are not "
            "comparable with the published ones, measured on Canon DP."
        )
        said.append(Note(text, label))
    run = frame[frame["label"] != tables.PUBLISHED]
    if "combined_lpips" in frame and run["combined_lpips"].isna().all():
        said.append(Note("LPIPS: not computed; the result records say why."))
    if "params" in frame:
        said.append(Note("Params and FLOPs are those of the full models, under every label."))
    return said


def experiments_of(frame: pd.DataFrame) -> list[str]:
    """Names of the experiments in a table: one, or none in a table made by hand."""
    return sorted({name for name in frame.get("experiment", ()) if name})


def marked(row: pd.Series) -> str:
    """The name of a row, with a mark if it is stale."""
    name = str(row["method"])
    return f"{name} ({tables.STALE})" if row.get("standing") == tables.STALE else name
