"""Inputs of the page from hand-made records: a demo, and results on the Canon set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.config.experiment import DEMO_FILE, Experiment, load_experiment
from pipeline.evaluation.scores import ImageScores
from pipeline.html_report.inputs import PageInputs
from pipeline.places import Places
from pipeline.records import ComplexityRecord, ResultRecord, RunRecord
from pipeline.reporting.blocks import in_blocks
from pipeline.reporting.headings import shown_metrics
from pipeline.reporting.published import read_published_table1, read_published_table2
from pipeline.reporting.table1 import build_table1
from pipeline.reporting.table2 import build_table2
from pipeline.verify.frames import COMPARISON_COLUMNS, VERDICT_COLUMNS
from pipeline.verify.own import Scored
from support.factories import complexity, control, result, run
from support.paths import PUBLISHED

SCENES = ("1P0A0001", "1P0A0002", "1P0A0003", "1P0A0004")
PAPER = read_published_table1(PUBLISHED / "table1.csv")
CLAIM = {"kind": "claim", "id": "C06", "statement": "the first DMSSRM adds 0.77 dB"}
HOSTILE = "\"><script>alert('1')</script><b onclick=x>{{ 7 * 7 }}</b> ../../"
"""A row that would run, close an attribute, or be taken for a link, wherever it is not escaped."""


def demo_results() -> list[ResultRecord]:
    """Two networks over three seeds, the blurred input, and a row with a hostile name."""
    networks = [("dmtnet-s", "DMTNet-S", 20.5), ("dmtnet-b", "DMTNet-B", 21.0)]
    seeds = [
        result(method, row, psnr + seed / 10, repetition=seed)
        for method, row, psnr in networks
        for seed in range(3)
    ]
    hostile = result("hostile", HOSTILE, 19.0, command=f"dmtbench evaluate {HOSTILE}")
    return [*seeds, control("input", "Input (no deblurring)", 20.0), hostile]


def canon_results() -> list[ResultRecord]:
    """Two networks as in the paper."""
    return [
        result(method, row, psnr, dataset="canon", label="reproduced")
        for method, row, psnr in (("dmtnet-s", "DMTNet-S", 26.3), ("dmtnet-b", "DMTNet-B", 26.6))
    ]


def scored(record: ResultRecord) -> Scored:
    """A record with scores of four scenes around its mean."""
    mean = record.scores["combined"].mean["psnr"] or 0.0
    images = [
        ImageScores(scene, "main", ("indoor", "outdoor")[n % 2], {"psnr": mean + n - 1.5})
        for n, scene in enumerate(SCENES)
    ]
    return Scored(record, tuple(images))


def page_inputs(
    results: Sequence[ResultRecord] | None = None,
    *,
    runs: Sequence[RunRecord] | None = None,
    sizes: Sequence[ComplexityRecord] = (complexity(),),
    experiment: Experiment | None = None,
    **changes: Any,
) -> PageInputs:
    """What the page of these results shows; a demo by default. Its files need not exist."""
    made = demo_results() if results is None else list(results)
    asked = experiment or experiment_of(made)
    places = Places.of(asked)
    table2 = read_published_table2(PUBLISHED / "table2.csv")
    own = [record for record in made if record.method != "hostile"]
    trained = [run(repetition=seed) for seed in range(3)] if runs is None else runs
    fields: dict[str, Any] = {
        "experiment": asked,
        "config": "config/demo.yaml",
        "table1": in_blocks(build_table1(made, list(sizes), PAPER, experiment=asked.name)),
        "table2": in_blocks(
            build_table2(own, list(sizes), table2, {3: "dmtnet-b"}, experiment=asked.name)
        ),
        "verdicts": _frame(VERDICT_COLUMNS, {**CLAIM, "verdict": "not comparable"}),
        "comparisons": _frame(COMPARISON_COLUMNS),
        "scored": {places.result(one.method, one.repetition): scored(one) for one in made},
        "runs": {places.run(one.method, one.repetition): one for one in trained},
        "sizes": {size.method: size for size in sizes},
        "metrics": shown_metrics(asked.metrics),
        "paper_rows": tuple(PAPER["method"]),
    }
    return PageInputs(**{**fields, **changes})


def experiment_of(results: Sequence[ResultRecord]) -> Experiment:
    """The demo, with every method of the results."""
    demo = load_experiment(DEMO_FILE)
    entries = {
        one.method: demo.methods["input"].model_copy(update={"row": one.row})
        for one in results
        if one.method not in demo.methods
    }
    return demo.model_copy(update={"methods": {**demo.methods, **entries}})


def _frame(columns: Sequence[str], *rows: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(columns), dtype=object).fillna("")


def write_curves(inputs: PageInputs, folder: Path) -> None:
    """Write a curve of three epochs for every run, below `folder`."""
    for place in inputs.runs:
        path = folder / place / "curve.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{n},{n * 10},0.001,{0.3 / n},{18 + n / 2}" for n in (1, 2, 3)]
        path.write_text("\n".join(["epoch,samples,learning_rate,loss,psnr", *lines]) + "\n")
