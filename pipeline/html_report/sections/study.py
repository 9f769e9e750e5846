"""The study over seeds, where the experiment has one."""

from __future__ import annotations

import math

import pandas as pd
from markupsafe import Markup

from pipeline.errors import RecordError
from pipeline.html_report.cells import Cell, Head, Table, number_cell, text_cell
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.html_report.numbers import duration, fixed, interval
from pipeline.html_report.section import Missing
from pipeline.html_report.verdict_cells import verdict_cell
from pipeline.study.folder import PAIRS_FILE, STUDY, StudyFolder, read_study

_PAIRS = (
    Head("Question", number=False, wide=True),
    Head("First", number=False),
    Head("Second", number=False),
    Head("Difference (dB)"),
    Head("95 %, seeds"),
    Head("95 %, seeds and scenes", shown=False),
    Head("Published (dB)"),
    Head("p, by Holm"),
    Head("Effect", shown=False),
    Head("Seeds"),
    Head("Verdict at this scale", number=False),
)
_CLAIMS = (
    Head("Claim", number=False),
    Head("Statement", number=False, wide=True),
    Head("Published", number=False),
    Head("Verdict at this scale", number=False),
    Head("Why", number=False, wide=True),
)


def study(inputs: PageInputs) -> Markup | Missing:
    """Pairs and claims of the study, from its record; its own page has the rest."""
    folder = inputs.places.reports
    if inputs.experiment.study is None:
        return Missing("This experiment has no `study` block.")
    try:
        found = read_study(folder)
    except RecordError as error:
        return Missing(f"The study has not been made, or cannot be read: {error}.")
    record = found.record
    return render(
        "study.html",
        pairs=Table("study-pairs", "Differences over seeds", _PAIRS, _pairs(found)),
        claims=Table("study-claims", "Claims at this scale", _CLAIMS, _claims(found)),
        margin=record.study.get("margin"),
        training=duration(record.training_s),
        runs=len(record.runs),
        record=inputs.link(folder / STUDY),
        table=inputs.link(folder / PAIRS_FILE),
        page=inputs.link(folder / "ablation.md"),
    )


def _pairs(found: StudyFolder) -> list[list[Cell]]:
    rows = []
    for _, pair in found.pairs.iterrows():
        low, high = float(pair["low"]), float(pair["high"])
        nested = float(pair["boot_low"]), float(pair["boot_high"])
        rows.append(
            [
                text_cell(" ".join(filter(None, (str(pair["claim"]), str(pair["question"]))))),
                text_cell(found.rows.get(pair["one"], str(pair["one"]))),
                text_cell(found.rows.get(pair["other"], str(pair["other"]))),
                _signed(pair["difference"]),
                number_cell(interval(low, high, sign=True), low),
                number_cell(interval(*nested, sign=True), nested[0]),
                _signed(pair["published"]),
                _small(pair["p_holm"]),
                _signed(pair["effect_size"]),
                number_cell(f"{pair['seeds']:.0f}", float(pair["seeds"])),
                verdict_cell(str(pair["verdict"])),
            ]
        )
    return rows


def _claims(found: StudyFolder) -> list[list[Cell]]:
    return [
        [
            text_cell(str(claim["claim"])),
            text_cell(str(claim["statement"])),
            text_cell(str(claim["published"])),
            verdict_cell(str(claim["verdict"])),
            text_cell(str(claim["reason"])),
        ]
        for _, claim in found.claims.iterrows()
    ]


def _signed(value: object) -> Cell:
    number = math.nan if pd.isna(value) else float(str(value))
    return number_cell(fixed(number, sign=True), number)


def _small(value: object) -> Cell:
    number = math.nan if pd.isna(value) else float(str(value))
    return number_cell("–" if math.isnan(number) else f"{number:.2g}", number)
