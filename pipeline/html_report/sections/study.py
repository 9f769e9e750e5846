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
from pipeline.study.verdicts import DESCRIBED

_PAIRS = (
    Head("Pair", number=False, wide=True),
    Head("Question", number=False, wide=True),
    Head("Difference (dB)"),
    Head("95 % over seeds"),
    Head("95 % over seeds and scenes", shown=False),
    Head("Published (dB)"),
    Head("Verdict", number=False),
    Head("p, by Holm", shown=False),
    Head("Effect", shown=False),
    Head("Seeds", shown=False),
)
_CLAIMS = (
    Head("Claim", number=False, compact=True),
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
        claims=Table("study-claims", "Claims at this scale", _CLAIMS, _claims(found), tools=False),
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
                text_cell(" minus ".join(_row(found, str(pair[key])) for key in ("one", "other"))),
                text_cell(" ".join(filter(None, (str(pair["claim"]), str(pair["question"]))))),
                _signed(pair["difference"]),
                number_cell(interval(low, high, sign=True), low),
                number_cell(interval(*nested, sign=True), nested[0]),
                _signed(pair["published"]),
                verdict_cell(str(pair["verdict"])),
                _small(pair["p_holm"]),
                _signed(pair["effect_size"]),
                number_cell(f"{pair['seeds']:.0f}", float(pair["seeds"])),
            ]
        )
    return rows


def _row(found: StudyFolder, method: str) -> str:
    return found.rows.get(method, method)


def _claims(found: StudyFolder) -> list[list[Cell]]:
    return [
        [
            text_cell(str(claim["claim"])),
            text_cell(str(claim["statement"])),
            text_cell(str(claim["published"])),
            verdict_cell(_verdict(str(claim["verdict"]))),
            text_cell(str(claim["reason"])),
        ]
        for _, claim in found.claims.iterrows()
    ]


def _verdict(verdict: str) -> str:
    """What the study's own page describes below, it describes there."""
    return "described on the study’s page" if verdict == DESCRIBED else verdict


def _signed(value: object) -> Cell:
    number = math.nan if pd.isna(value) else float(str(value))
    return number_cell(fixed(number, sign=True), number)


def _small(value: object) -> Cell:
    number = math.nan if pd.isna(value) else float(str(value))
    return number_cell("–" if math.isnan(number) else f"{number:.2g}", number)
