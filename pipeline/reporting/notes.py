"""What a reader must know about a table: its experiment, stale rows, labels and data sets."""

from __future__ import annotations

import pandas as pd

from pipeline.reporting import tables


def notes(frame: pd.DataFrame) -> list[str]:
    """What a reader must know about the labels and data sets in `frame`, one sentence each."""
    sentences = [f"Experiment: {name}." for name in experiments_of(frame)]
    if tables.STALE in set(frame.get("standing", ())):
        sentences.append(
            "Rows marked stale were made by other code than that of today, or lack a metric that "
            "can be computed now; `dmtbench status` says which."
        )
    if tables.PUBLISHED in set(frame["label"]):
        sentences.append("Rows labeled published were not run: their numbers are the paper's.")
    if tables.SURROGATE in set(frame["label"]):
        sentences.append(
            "Rows labeled surrogate were made with networks that stand in for methods whose "
            "publications do not describe them fully: they are not results of those methods."
        )
    if tables.GIVEN in set(frame["label"]):
        sentences.append(
            "Rows labeled given weights were scored with files that nobody has confirmed to be the "
            "authors' weights: they are not results of those methods."
        )
    pairs = frame[["label", "dataset"]].drop_duplicates().sort_values(["label", "dataset"])
    for label, dataset in pairs.itertuples(index=False):
        if label != "demo" and dataset == tables.CANON:
            continue
        models = "narrow networks or controls on " if label == "demo" else ""
        sentences.append(
            f"Quality cells labeled {label} come from {models}data set {dataset} and are not "
            "comparable with the published ones, measured on Canon DP."
        )
    run = frame[frame["label"] != tables.PUBLISHED]
    if "combined_lpips" in frame and run["combined_lpips"].isna().all():
        sentences.append("LPIPS: not computed; the result records say why.")
    if "params" in frame:
        sentences.append("Params and FLOPs are those of the full models, under every label.")
    return sentences


def experiments_of(frame: pd.DataFrame) -> list[str]:
    """Names of the experiments in a table: one, or none in a table made by hand."""
    return sorted({name for name in frame.get("experiment", ()) if name})


def marked(row: pd.Series) -> str:
    """The name of a row, with a mark if it is stale."""
    name = str(row["method"])
    return f"{name} ({tables.STALE})" if row.get("standing") == tables.STALE else name
