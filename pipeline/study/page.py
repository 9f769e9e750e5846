"""The page of a study, in Markdown, made of nothing but the tables and the record beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from pipeline.reporting.escapes import escape_markdown
from pipeline.statistics.power import LEVEL, POWER
from pipeline.study.folder import STUDY, StudyFolder
from pipeline.study.limits import limits
from pipeline.study.methods_table import means_over_seeds, methods_table, table

PLOTS = {
    "forest": "Differences with their intervals over seeds",
    "learning_curves": "Validation PSNR over the trainings, with bands over seeds",
    "selection_weights": "Selection weights over test scenes and seeds",
    "scaling": "PSNR against compute",
}
"""Plots of a study, with their text for those who cannot see them."""
_NOT_READ = "–"
_HOUR = 3600
_MACHINE = ("cpu", "cores", "memory_mb", "gpu")


@dataclass(frozen=True)
class Parts:
    """Sections that other modules write, as lines of Markdown without a heading."""

    selection: Sequence[str]
    scaling: Sequence[str]


def page(study: StudyFolder, parts: Parts, *, images: str = "") -> str:
    """The whole page.

    Args:
        study: what it shows.
        parts: sections that other modules write.
        images: path of the folder of the plots as seen from the page, with a slash at its end;
            empty for the same folder.
    """
    sections = [
        _head(study),
        ["## What was run", "", *methods_table(study), "", *_methods_notes(study)],
        ["## Claims of the paper at this scale", "", *_claims(study)],
        ["## Differences", "", *_plot("forest", images), *_differences(study)],
        ["## Seeds that it takes", "", *_power(study)],
        ["## Learning curves", "", *_plot("learning_curves", images), *_convergence(study)],
        ["## Selection weights", "", *_plot("selection_weights", images), *parts.selection],
        ["## Scaling on paper", "", *_plot("scaling", images), *parts.scaling],
        ["## What it does not show", "", *(f"- {escape_markdown(one)}" for one in limits(study))],
        ["## Where it comes from", "", *_origin(study)],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _head(study: StudyFolder) -> list[str]:
    record, pairs = study.record, study.pairs
    scenes = study.scores["scene"].nunique()
    seeds = study.scores["repetition"].nunique()
    return [
        f"# Study: {escape_markdown(record.experiment)}",
        "",
        f"{len(record.methods)} methods, {seeds} seeds, {scenes} test scenes, {len(pairs)} pairs. "
        "No number here reproduces one of the paper, and no verdict says so: data, widths and "
        "training lengths are others. [What it does not show](#what-it-does-not-show) is part of "
        "the result. The page is generated from the tables beside its plots.",
    ]


def _methods_notes(study: StudyFolder) -> list[str]:
    return [
        "Means over the test scenes; ± is the standard deviation over seeds. MACs: "
        "multiply-accumulates of one forward pass of a training crop.",
        *_floor(study),
    ]


def _floor(study: StudyFolder) -> Iterator[str]:
    """Which trained networks do worse than no network at all."""
    means = means_over_seeds(study.scores, "psnr")
    for name, method in study.record.methods.items():
        if method.own_kwargs.get("control") == "input" and name in means:
            below = [
                study.rows[one]
                for one in study.networks["method"]
                if one in means and means[one].mean < means[name].mean
            ]
            listed = escape_markdown(", ".join(below) or "none")
            yield f"Trained networks that are worse than the blurred input: {listed}."


def _plot(name: str, images: str) -> list[str]:
    return [f"![{PLOTS[name]}]({images}{name}.png)", ""]


def _claims(study: StudyFolder) -> list[str]:
    rows = []
    for claim in study.claims.to_dict("records"):
        own = study.pairs[[claim["claim"] in ids.split() for ids in study.pairs["claim"]]]
        several = len(own) > 1
        ours = "; ".join(
            f"{_names(row, study) + ' ' if several else ''}{_difference(row)}"
            for _, row in own.iterrows()
        )
        rows.append([*(claim[part] for part in ("claim", "statement", "published")), ours])
        rows[-1] += [claim["verdict"], claim["reason"]]
    headings = ["Claim", "Statement", "Published", "Ours (dB), 95 % over seeds", "Verdict", "Why"]
    margin = study.record.study["margin"]
    return [
        *table(headings, rows, texts=len(headings)),
        "",
        "`same direction`, `opposite direction`: the difference has the sign that it has in the "
        f"paper's tables, or the other one, at p < {LEVEL:g} after Holm's correction over all "
        f"{len(study.pairs)} pairs. `no difference larger than {margin:g} dB`: two one-sided tests "
        "show that, at the same level and with the same correction. `undecided`: neither is shown, "
        "which is no evidence that there is no difference. A claim about an order holds if each "
        "of its steps has its direction, and fails at a step that has the opposite one.",
    ]


def _names(row: pd.Series, study: StudyFolder) -> str:
    return f"{study.rows[row['one']]} – {study.rows[row['other']]}"


def _difference(row: pd.Series) -> str:
    return f"{row['difference']:+.3f} ({_interval(row['low'], row['high'])})"


def _interval(low: float, high: float) -> str:
    return f"{low:+.3f} to {high:+.3f}"


def _differences(study: StudyFolder) -> list[str]:
    rows = [
        [
            _names(row, study),
            f"{row['claim']}: {row['question']}" if row["claim"] else row["question"],
            f"{row['difference']:+.3f}",
            _interval(row["low"], row["high"]),
            f"{row['p_holm']:.2g}",
            _interval(row["boot_low"], row["boot_high"]),
            _interval(row["nested_low"], row["nested_high"]),
            _NOT_READ if pd.isna(row["effect_size"]) else f"{row['effect_size']:+.2f}",
            row["verdict"],
        ]
        for _, row in study.pairs.iterrows()
    ]
    headings = [
        *("Pair", "Question", "Difference (dB)", "95 %, seeds", "p, Holm"),
        *("95 %, seeds and scenes", "95 %, nested", "Effect size", "Verdict"),
    ]
    return [
        *table(headings, rows, texts=2),
        "",
        "First method minus second, in PSNR, paired by scene and seed. Verdicts follow from the "
        "t-test over seeds, whose interval is in the fourth column: what other trainings would "
        "give on these scenes. The fifth interval resamples seeds and scenes, the same scenes for "
        "all seeds (Owen 2007): what other scenes of the same kind would add. With so few seeds, "
        "such percentile intervals come out too narrow. `nested` resamples scenes within each "
        "seed, as if every seed had scenes of its own. They all have the same ones, so that "
        "their differences count too little in this interval; it is not read. Effect size: "
        "Cohen's d, the mean over the standard deviation, over seeds.",
    ]


def _power(study: StudyFolder) -> list[str]:
    margin = study.record.study["margin"]
    rows = [
        [
            _names(row, study),
            row["claim"],
            f"{row['spread']:.3f}",
            _NOT_READ if pd.isna(row["published"]) else f"{row['published']:+.2f}",
            _NOT_READ if pd.isna(row["published"]) else _seeds(row["seeds_needed"]),
            _seeds(row["seeds_for_margin"]),
        ]
        for _, row in study.pairs.iterrows()
    ]
    headings = [
        *("Pair", "Claims", "Spread over seeds (dB)", "Paper's difference (dB)"),
        *("Seeds for it", f"Seeds for {margin:g} dB"),
    ]
    return [
        *table(headings, rows, texts=2),
        "",
        f"Seeds with which a two-sided paired t-test at {LEVEL:.0%}, without correction for the "
        f"number of pairs, finds such a difference with {POWER:.0%} power, at the spread of the "
        "paired difference that was measured here. A spread from so few seeds is itself known "
        "only roughly, and networks of the paper's size may have another.",
    ]


def _seeds(count: object) -> str:
    return "more than a million" if pd.isna(count) else str(count)


def _convergence(study: StudyFolder) -> list[str]:
    names = study.rows
    rises = last_rises(study.curves)
    if rises.empty:
        return ["No training was validated twice."]
    low, high = rises.idxmin(), rises.idxmax()
    return [
        "From the last but one validation to the last, validation PSNR moved by "
        f"{rises.min():+.3f} dB ({escape_markdown(names[low])}) to {rises.max():+.3f} dB "
        f"({escape_markdown(names[high])}), means over seeds. Learning rates end low, so that a "
        "small move there does not mean that a longer training would gain little."
    ]


def last_rises(curves: pd.DataFrame) -> pd.Series:
    """By how many dB validation PSNR moved at the end of the trainings, by method.

    Args:
        curves: as `pipeline.study.collecting.curves_frame` returns them.

    Returns:
        Last validation minus the last but one, mean over seeds; only methods with both.
    """
    ordered = curves.sort_values("samples", kind="stable")
    moved = ordered.groupby(["method", "repetition"], sort=False)["val_psnr"].diff()
    last = moved.groupby([ordered["method"], ordered["repetition"]], sort=False).last().dropna()
    return last.groupby(level="method", sort=False).mean()


def _origin(study: StudyFolder) -> Iterator[str]:
    record = study.record
    first, last = (datetime.fromisoformat(one).strftime("%Y-%m-%d") for one in record.created)
    when = f"on {first}" if first == last else f"from {first} to {last}"
    machine = "; ".join(
        f"{name.replace('_', ' ')}: {' or '.join(record.hardware[name])}"
        for name in _MACHINE
        if name in record.hardware
    )
    packages = ", ".join(
        f"{name} {' and '.join(versions)}" for name, versions in record.packages.items()
    )
    lines = [
        f"{len(record.runs)} trainings and {len(record.results)} evaluations, made {when}.",
        f"Hours: {record.training_s / _HOUR:.2f} of training and {record.evaluation_s / _HOUR:.2f} "
        "of evaluation, summed over jobs, of which several may run at a time. A training that was "
        "interrupted counts from where it resumed.",
        f"Machine: {machine}.",
        f"Packages: {packages}.",
        f"Code: {'; '.join(record.commits)}.",
        f"Labels of the results: {', '.join(record.labels)}.",
        f"{STUDY} has the whole configuration and the checksums of manifest, records and tables.",
    ]
    return (f"- {escape_markdown(line)}" for line in lines)
