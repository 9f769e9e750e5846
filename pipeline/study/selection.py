"""What selection weights say about claim C17: does one scale get nothing, and on every image?"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pipeline.reporting.escapes import escape_markdown
from pipeline.reporting.render import markdown_table

NOTHING = 1e-3
"""A weight below this is almost nothing; all weights of a DMSSRM sum to 1."""

LOW, HIGH = 0.05, 0.95
"""Quantiles between which nine of ten weights lie."""

_PLACE = ["method", "dmssrm"]
_HEADINGS = (
    "Network",
    "Scale",
    "Weight, median (5–95 %)",
    "Smallest on",
    f"Below {NOTHING:g} on",
    "SD over images",
    "SD over seeds",
)


def summarize(weights: pd.DataFrame) -> pd.DataFrame:
    """Distribution of each scale's weight over test images and seeds.

    Args:
        weights: `method,repetition,scene,category,dmssrm,scale,alpha`.

    Returns:
        A row for each method, DMSSRM and scale, in the order of `weights`. `n`: images times seeds.
        `median`, `low`, `high`: with 5 and 95 % quantiles. `least`: share on which this scale has
        the smallest weight of its DMSSRM. `nothing`: share below `NOTHING`. `over_images`: standard
        deviation within a seed (root mean square over seeds), and `over_seeds`: of the seeds'
        means (ddof 1); NaN with a single one.
    """
    image = [*_PLACE, "repetition", "scene"]
    own = weights.assign(
        least=weights["alpha"] == weights.groupby(image)["alpha"].transform("min"),
        nothing=weights["alpha"] < NOTHING,
    )
    scale = [*_PLACE, "scale"]
    groups = own.groupby(scale, sort=False)
    found = groups.agg(
        n=("alpha", "size"),
        median=("alpha", "median"),
        low=("alpha", lambda values: values.quantile(LOW)),
        high=("alpha", lambda values: values.quantile(HIGH)),
        least=("least", "mean"),
        nothing=("nothing", "mean"),
    )
    seeds = own.groupby([*scale, "repetition"], sort=False)["alpha"]
    found["over_images"] = seeds.var().groupby(level=scale).mean() ** 0.5
    found["over_seeds"] = seeds.mean().groupby(level=scale).std()
    return found.reset_index()


def starved(weights: pd.DataFrame, dmssrm: int = 1) -> pd.Series:
    """Share of images and seeds on which some scale of a DMSSRM gets almost nothing, by method.

    Args:
        weights: as for `summarize`.
        dmssrm: number of the module; the claim is about the first.
    """
    own = weights[weights["dmssrm"] == dmssrm]
    least = own.groupby(["method", "repetition", "scene"], sort=False)["alpha"].min()
    return (least < NOTHING).groupby(level="method", sort=False).mean()


def selection_lines(weights: pd.DataFrame, rows: Mapping[str, str], statement: str) -> list[str]:
    """The part of a page about selection weights, in Markdown, without a heading.

    Args:
        weights: as for `summarize`.
        rows: labels of the methods.
        statement: what the paper claims.
    """
    if weights.empty:
        return ["No network that was trained here weights its scales adaptively."]
    seeds, scenes = weights["repetition"].nunique(), weights["scene"].nunique()
    lines = [
        f"The paper's statement: {escape_markdown(statement)}. The paper prints one image of one "
        f"training. Here the weights of {scenes} test images and {seeds} "
        f"{'seed' if seeds == 1 else 'seeds'} are counted; below {NOTHING:g} is almost nothing.",
        "",
    ]
    lines += _answers(weights, rows)
    summary = summarize(weights)
    first = summary[summary["dmssrm"] == 1]
    if first["over_seeds"].notna().any() and first["over_images"].notna().any():
        lines += ["", _dynamic(first)]
    cells = [_cells(row, rows) for _, row in first.iterrows()]
    numeric = [False, *[True] * (len(_HEADINGS) - 1)]
    lines += ["", *markdown_table(_HEADINGS, cells, numeric), ""]
    lines.append(
        "The table is about the first DMSSRM, as the claim is; the figure has all. Scale 1 is the "
        "finest. The weights of a DMSSRM sum to 1. SD over images: how much a "
        "weight changes from image to image within one network, which is what makes a selection "
        "dynamic; SD over seeds: how much its mean changes from one training to the next."
    )
    return lines


def _answers(weights: pd.DataFrame, rows: Mapping[str, str]) -> list[str]:
    """For each network, whether a scale of the first DMSSRM gets nothing, and which."""
    shares, summary = starved(weights), summarize(weights)
    lines = []
    for method, share in shares.items():
        first = summary[(summary["method"] == method) & (summary["dmssrm"] == 1)]
        least = first.loc[first["least"].idxmax()]
        own = weights[(weights["method"] == method) & (weights["dmssrm"] == 1)]
        means = own.pivot_table(index="repetition", columns="scale", values="alpha")
        agree = int((means.idxmin(axis="columns") == least["scale"]).sum())
        lines.append(
            f"- {escape_markdown(rows.get(str(method), str(method)))}: in the first DMSSRM some "
            f"scale gets almost nothing on {share:.0%} of {least['n']} images × seeds. The "
            f"smallest weight is most often that of scale {least['scale']}: on "
            f"{least['least']:.0%}, and by its mean in {agree} of {len(means)} "
            f"{'seed' if len(means) == 1 else 'seeds'}."
        )
    return lines


def _dynamic(first: pd.DataFrame) -> str:
    """How much the weights of the first DMSSRM change from image to image, and between seeds."""
    parts = []
    for column, words in (("over_images", "image to image"), ("over_seeds", "seed to seed")):
        values = first[column].dropna()
        parts.append(
            f"{_spread(values.min())} to {_spread(values.max())} (SD, median "
            f"{_spread(values.median())}) from {words}"
        )
    return f"Weights in the first DMSSRM change by {parts[0]}, and by {parts[1]}."


def _cells(row: pd.Series, rows: Mapping[str, str]) -> list[str]:
    return [
        escape_markdown(rows.get(row["method"], row["method"])),
        str(row["scale"]),
        f"{_alpha(row['median'])} ({_alpha(row['low'])}–{_alpha(row['high'])})",
        f"{row['least']:.0%}",
        f"{row['nothing']:.0%}",
        _spread(row["over_images"]),
        _spread(row["over_seeds"]),
    ]


def _alpha(value: float) -> str:
    return f"{value:.3f}" if value >= NOTHING else f"{value:.1e}"


def _spread(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.4f}"
