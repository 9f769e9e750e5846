"""The part of a page about quality and compute, in Markdown, made of `scaling.csv`."""

from __future__ import annotations

import pandas as pd

from pipeline.planning.passes import FORWARD_AND_BACKWARD
from pipeline.reporting.escapes import escape_markdown
from pipeline.reporting.render import markdown_table
from pipeline.reporting.style import SERIES
from pipeline.study.forms import Curve
from pipeline.study.scaling import HELD_OUT, SETTLED, curve_of

AGREE = 0.1
"""Curves that differ by less, in dB, agree."""

MOST = 100
"""PSNR in dB that counts as perfect: a limit above is none."""

_STEPS = 320
"""Eighths of doublings over which curves are compared: as far as the paper and beyond."""

_WORDS = {
    "frontier": "best network at each compute",
    "ends": "ends of the trainings",
    "test": "test images; forward pass of a crop",
}
_HEADINGS = (
    "PSNR of",
    "Compute",
    "Points",
    "Curve",
    "dB per doubling",
    "t-interval",
    "Bootstrap",
    "Limit (dB)",
    "Held out: miss (dB)",
)


def scaling_lines(fits: pd.DataFrame, networks: pd.DataFrame) -> list[str]:
    """Tables and paragraphs on the fits and how far they may be trusted, without a heading.

    Args:
        fits: `scaling.csv`.
        networks: `networks.csv`.
    """
    chosen = fits[fits["chosen"].isin([True])]
    if chosen.empty:
        return ["Too few networks of the series, or too few validations, for any fit."]
    seeds = int(chosen["seeds"].max())
    cells = [_cells(row) for _, row in chosen.iterrows()]
    numeric = [False, False, True, False, *[True] * 5]
    return [
        f"Compute is counted in multiply-accumulates: for a training, {FORWARD_AND_BACKWARD} × "
        "those of the forward pass of one crop × crops seen. "
        f"{FORWARD_AND_BACKWARD}, because the backward pass costs two more: one for gradients of "
        "the layers' inputs, one for those of their weights. Validations and the optimizer are not "
        f"counted. The first {SETTLED:.0%} of each training are left out: a network that has just "
        "begun to learn says little about compute. This share was chosen after a look at the first "
        "curves, not before.",
        "",
        *markdown_table(_HEADINGS, cells, numeric),
        "",
        "Every curve was fitted as a line over doublings of compute (the squared error is a power "
        "law) and as a saturating power law (what is missing to a limit is one). The table has the "
        "one that missed less when it was fitted without the points of most compute, one of "
        f"{HELD_OUT}; the miss is that RMS error. dB per doubling is the slope at the upper end. "
        f"Intervals are 95 %, over {seeds} {'seed' if seeds == 1 else 'seeds'}: by Student's t "
        "from one line per seed, and by resampling seeds, which is too narrow with so few; for "
        "test images, by resampling seeds and images.",
        "",
        *_test(chosen),
        "",
        "How far this may be trusted:",
        "",
        *_trust(fits, chosen, networks),
    ]


def _cells(row: pd.Series) -> list[str]:
    curve = curve_of(row)
    return [
        escape_markdown(row["row"] if row["fit"] == "training" else _WORDS[row["fit"]]),
        f"{row['low']:.1e} to {row['high']:.1e}",
        f"{row['points']:.0f}",
        row["form"],
        f"{row['slope']:+.3f}",
        _interval(row["slope_low"], row["slope_high"]),
        _interval(row["boot_low"], row["boot_high"]),
        _limit(curve, row["limit_low"], row["limit_high"]),
        "–" if pd.isna(row["miss"]) else f"{row['miss']:.2f}",
    ]


def _limit(curve: Curve, low: float, high: float) -> str:
    if curve.form == "line":
        return "–"
    if curve.limit > MOST:
        return "none"
    interval = "" if pd.isna(low) else f" ({low:.1f} to {f'{high:.1f}' if high < MOST else 'none'})"
    return f"{curve.limit:.1f}{interval}"


def _interval(low: float, high: float) -> str:
    return "–" if pd.isna(low) else f"{low:+.3f} to {high:+.3f}"


def _test(chosen: pd.DataFrame) -> list[str]:
    found = chosen[chosen["fit"] == "test"]
    if found.empty:
        return ["Test PSNR has no slope: it takes three networks of the series."]
    row = found.iloc[0]
    if pd.isna(row["slope_low"]):
        return [f"A forward pass twice as expensive goes with {row['slope']:+.3f} dB on the test."]
    low, high = row["slope_low"], row["slope_high"]
    known = "rises" if low > 0 else "falls" if high < 0 else "neither rises nor falls for certain"
    return [
        f"From DMTNet-T to H, a forward pass twice as expensive goes with "
        f"{row['slope']:+.3f} dB on the test images ({_interval(low, high)}): test PSNR {known}."
    ]


def _trust(fits: pd.DataFrame, chosen: pd.DataFrame, networks: pd.DataFrame) -> list[str]:
    curves = chosen[chosen["fit"] != "test"]
    lines = [_covered(fits, curves)] if not curves.empty else []
    missed = curves.dropna(subset="miss")
    if not missed.empty:
        worst = missed.loc[missed["miss"].idxmax()]
        lines.append(
            f"The held-out points lie up to {missed['beyond'].max():.1f} times beyond the others. "
            f"The curves missed them by {missed['miss'].median():.2f} dB (median) and up to "
            f"{worst['miss']:.2f} dB; nothing here has tested them farther."
        )
    lines += _apart(fits)
    lines.append(
        "Points of one training are not trainings of their own: the learning rate is still high "
        "at the earlier ones, so that a training made to end there would likely have done better. "
        "A slope along a training mixes compute with the fall of the learning rate; only the ends "
        "of the trainings are free of that."
    )
    lines.append(
        "Along the series, only the number of DMSSRM grows, and T has another head. The paper's "
        "networks are wider, its crops larger and its data others: no curve here says what these "
        "do."
    )
    return [f"- {line}" for line in [*lines, *_unequal(networks)]]


def _covered(fits: pd.DataFrame, curves: pd.DataFrame) -> str:
    low, high = curves["low"].min(), curves["high"].max()
    text = (
        f"The fitted points cover {low:.1e} to {high:.1e} multiply-accumulates, a factor of "
        f"{high / low:,.0f}."
    )
    paper = fits[fits["fit"] == "paper"].set_index("row")["high"]
    own = curves[curves["fit"] == "training"].set_index("row")["high"]
    both = paper.index.intersection(own.index)
    if both.empty:
        return text
    factors = [f"{row} {paper[row] / own[row]:.1e}" for row in both]
    return (
        f"{text} The paper's trainings take {paper[both].min():.1e} to {paper[both].max():.1e}, "
        f"this many times as much: {', '.join(factors)}. No PSNR is predicted that far."
    )


def _apart(fits: pd.DataFrame) -> list[str]:
    """How far both forms of the frontier agree, and how far apart they are at the paper's."""
    both = fits[fits["fit"] == "frontier"]
    if len(both) < 2:
        return []
    line, other = (curve_of(row) for _, row in both.iterrows())
    text = f"Line and saturating curve through the best networks {_agree(line, other)}"
    paper = fits[fits["fit"] == "paper"]["high"]
    if paper.empty:
        return [f"{text}."]
    apart = abs(float(line.at(paper.max()) - other.at(paper.max())))
    return [f"{text}; at the paper's largest training they are {apart:.1f} dB apart."]


def _agree(one: Curve, other: Curve) -> str:
    """In words, up to what compute two curves agree."""
    for step in range(_STEPS):
        factor = 2 ** (step / 8)
        apart = abs(float(one.at(one.reference * factor) - other.at(one.reference * factor)))
        if apart >= AGREE:
            if step == 0:
                return f"are {apart:.1f} dB apart at the largest compute already"
            return f"agree within {AGREE:g} dB up to {factor:.1f} times the largest compute"
    return f"agree within {AGREE:g} dB everywhere"


def _unequal(networks: pd.DataFrame) -> list[str]:
    series = networks[networks["row"].map(lambda row: bool(SERIES.fullmatch(row)))]
    if series["samples"].nunique() < 2:
        return []
    seen = ", ".join(f"{row} {samples:,}" for row, samples in series[["row", "samples"]].values)
    return [f"The trainings are not equally long; crops seen: {seen}."]
