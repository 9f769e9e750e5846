"""Quality against compute, for DMTNet-T to H: fits with their uncertainty, and what they miss.

Three views. `training`: validation PSNR along each network's training. `frontier`: the best that
any network reaches with at most so much compute, and `ends`: the networks at the end of their
trainings. `test`: test PSNR against the cost of a forward pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.reporting.style import SERIES
from pipeline.statistics.bootstrap import over_seeds_and_images
from pipeline.study.forms import PARAMETERS, Curve, Floats, Name, fit
from pipeline.study.paper import training_compute
from pipeline.study.seeds import SeedFits, fit_seeds

SETTLED = 0.4
"""Validations before this share of a training are left out: a network that has just begun to learn
says little about compute, and its PSNR is so low that it would govern every fit."""

HELD_OUT = 3
"""The points with most compute, one of so many, are held out to choose the form of a curve."""

COLUMNS = (
    *("fit", "method", "row", "form", "chosen", "seeds", "points", "low", "high"),
    *("level", "slope", "slope_low", "slope_high", "boot_low", "boot_high", "rate"),
    *("limit_low", "limit_high", "miss", "beyond"),
)
"""Of `scaling.csv`. `low`, `high`: range of compute in multiply-accumulates, of the training or,
for `test`, of a forward pass. `level`, `slope`, `rate`: see `Curve`, with `high` as the reference;
`slope_*`: of a line, t-interval over seeds; `boot_*`: over resampled seeds, for `test` and images.
`limit_*`: of a saturating curve, over resampled seeds. `miss`: RMS error in dB on the points that
were held out, `beyond` the largest of the others by so many times. `paper`: compute of the paper's
own training in `high`."""

View = Literal["training", "frontier", "ends", "test"]
_GRID = 64


@dataclass(frozen=True)
class Subject:
    """Points of one fit, in the order of compute.

    `compute`: `[points]`. `psnr`: `[seeds, points]` in dB. `method`, `row`: empty for a fit over
    several networks.
    """

    view: View
    compute: Floats
    psnr: Floats
    method: str = ""
    row: str = ""


@dataclass(frozen=True)
class Scaling:
    """Fits, and what plots of them show.

    `fits`: see `COLUMNS`. `bands`: `view,method,compute,psnr,low,high`, the chosen curves over
    their range. `points`: `method,row,compute,psnr,low,high`, mean, least and largest of the seeds
    at each validation. `tests`: the same of the test scenes, against a forward pass.
    """

    fits: pd.DataFrame
    bands: pd.DataFrame
    points: pd.DataFrame
    tests: pd.DataFrame


def scaling(
    curves: pd.DataFrame,
    networks: pd.DataFrame,
    scores: pd.DataFrame,
    paper: Mapping[str, float] | None = None,
) -> Scaling:
    """Fit PSNR against compute for the rows of `SERIES`.

    Args:
        curves: `method,repetition,epoch,samples,val_psnr`.
        networks: `method,row,num_dmssrm,params,flops,samples`.
        scores: `method,row,repetition,scene,psnr` and more.
        paper: multiply-accumulates of the paper's trainings by row.
    """
    series = networks[networks["row"].map(lambda row: bool(SERIES.fullmatch(row)))]
    series = series.sort_values("flops", kind="stable").set_index("method")
    points = _validations(curves, series)
    fits: list[dict[str, object]] = []
    bands: list[pd.DataFrame] = []
    for subject in _subjects(points, series):
        both = {form: fit_seeds(form, subject.compute, subject.psnr) for form in PARAMETERS}
        chosen = _chosen(subject, both)
        fits += [
            _row(subject, found, chosen=form == chosen) for form, found in both.items() if found
        ]
        best = both[chosen] if chosen else None
        if best is not None:
            bands.append(_band(subject, best))
    tests = _tests(scores, series)
    fits += _of_tests(tests, bands)
    for row, compute in (paper or {}).items():
        if SERIES.fullmatch(row):
            fits.append({"fit": "paper", "row": row, "high": compute})
    shown = ["view", "method", "compute", "psnr", "low", "high"]
    table = pd.DataFrame(fits, columns=[*COLUMNS])
    return Scaling(
        table.astype({"seeds": "Int64", "points": "Int64"}),
        pd.concat(bands, ignore_index=True) if bands else pd.DataFrame(columns=shown),
        _summary(points, "compute"),
        _summary(
            tests.groupby(["method", "row", "flops", "repetition"], sort=False, as_index=False)[
                "psnr"
            ].mean(),
            "flops",
        ),
    )


def _validations(curves: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """`method,row,repetition,compute,psnr` after the beginning, of seeds that all networks have."""
    own = curves[curves["method"].isin(series.index)].copy()
    whole = own.groupby("method")["samples"].transform("max")
    own = own[own["samples"] >= SETTLED * whole]
    own["row"] = own["method"].map(series["row"])
    flops = own["method"].map(series["flops"]).astype(float)
    own["compute"] = training_compute(1.0, flops * own["samples"])
    own = own.rename(columns={"val_psnr": "psnr"})
    seeds = own.groupby("repetition")["method"].nunique()
    own = own[own["repetition"].isin(seeds.index[seeds == own["method"].nunique()])]
    return own[["method", "row", "repetition", "compute", "psnr"]]


def _subjects(points: pd.DataFrame, series: pd.DataFrame) -> Iterator[Subject]:
    table = points.pivot_table(
        index="repetition", columns=["compute", "method"], values="psnr"
    ).sort_index(axis=1)
    # A seed without one of the validations would shift the mean of some points only.
    table = table.dropna(axis="index")
    if table.empty:
        return
    methods = table.columns.get_level_values("method")
    compute = table.columns.get_level_values("compute").to_numpy(dtype=np.float64)
    values = table.to_numpy(dtype=np.float64)
    means = values.mean(axis=0)
    for method, row in series["row"].items():
        own = methods == method
        if own.any():
            yield Subject("training", compute[own], values[:, own], str(method), row)
    before = np.concatenate([[-np.inf], np.maximum.accumulate(means)[:-1]])
    best = means > before
    yield Subject("frontier", compute[best], values[:, best])
    last = ~methods[::-1].duplicated()[::-1]
    yield Subject("ends", compute[last], values[:, last])


def _chosen(subject: Subject, found: Mapping[Name, SeedFits | None]) -> Name | None:
    """The form that misses the held-out points least; the line if none can be held out."""
    known = [form for form, fits in found.items() if fits is not None]
    missed = {form: _miss(form, subject) for form in known}
    ranked = sorted((miss, form) for form, miss in missed.items() if miss is not None)
    return ranked[0][1] if ranked else next(iter(known), None)


def _miss(form: Name, subject: Subject) -> float | None:
    kept = _kept(subject)
    means = subject.psnr.mean(axis=0)
    curve = fit(form, subject.compute[:kept], means[:kept])
    if curve is None:
        return None
    errors = curve.at(subject.compute[kept:]) - means[kept:]
    return float(np.sqrt(np.mean(errors**2)))


def _kept(subject: Subject) -> int:
    """Number of points that are not held out."""
    return len(subject.compute) - max(1, len(subject.compute) // HELD_OUT)


def _row(subject: Subject, found: SeedFits, *, chosen: bool) -> dict[str, object]:
    curve, compute, kept = found.curve, subject.compute, _kept(subject)
    slope_low, slope_high = found.slope_t()
    boot_low, boot_high = found.slope_bootstrap()
    limit_low, limit_high = found.limit_bootstrap()
    return {
        "fit": subject.view,
        "method": subject.method,
        "row": subject.row,
        "form": curve.form,
        "chosen": chosen,
        "seeds": len(subject.psnr),
        "points": len(compute),
        "low": compute[0],
        "high": compute[-1],
        "level": curve.level,
        "slope": curve.slope,
        "slope_low": slope_low,
        "slope_high": slope_high,
        "boot_low": boot_low,
        "boot_high": boot_high,
        "rate": curve.rate,
        "limit_low": limit_low,
        "limit_high": limit_high,
        "miss": _miss(curve.form, subject),
        "beyond": compute[-1] / compute[kept - 1],
    }


def _band(subject: Subject, found: SeedFits) -> pd.DataFrame:
    grid = np.geomspace(subject.compute[0], subject.compute[-1], _GRID)
    low, high = found.band(grid)
    heights = {"compute": grid, "psnr": found.curve.at(grid), "low": low, "high": high}
    return pd.DataFrame({"view": subject.view, "method": subject.method, **heights})


def _tests(scores: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """`method,row,repetition,scene,psnr,flops`, in the order of the series."""
    own = scores[scores["method"].isin(series.index)].copy()
    own["flops"] = own["method"].map(series["flops"]).astype(float)
    own = own.sort_values(["flops", "repetition"], kind="stable")
    return own[["method", "row", "repetition", "scene", "psnr", "flops"]]


def _of_tests(tests: pd.DataFrame, bands: list[pd.DataFrame]) -> list[dict[str, object]]:
    """The line through mean test PSNR over doublings of a forward pass; adds its band."""
    table = tests.pivot_table(index=["repetition", "scene"], columns="flops", values="psnr")
    table = table.dropna(axis="index")
    flops = table.columns.to_numpy(dtype=np.float64)
    seeds = table.groupby(level="repetition").mean().to_numpy(dtype=np.float64)
    found = fit_seeds("line", flops, seeds) if len(seeds) else None
    if found is None:
        return []
    subject = Subject("test", flops, seeds)
    bands.append(_band(subject, found))
    row = _row(subject, found, chosen=True) | {"miss": None, "beyond": None}
    # The slope of a line is a weighted sum, so that it may be taken image by image.
    slopes = pd.Series([_slope(flops, one) for one in table.to_numpy()], index=table.index)
    images = slopes.unstack("scene").dropna(axis="columns").to_numpy(dtype=np.float64)
    if min(images.shape) > 1:
        row["boot_low"], row["boot_high"] = over_seeds_and_images(images)
    return [row]


def _slope(compute: Floats, psnr: Floats) -> float:
    curve = fit("line", compute, psnr)
    assert curve is not None
    return curve.slope


def _summary(points: pd.DataFrame, column: str) -> pd.DataFrame:
    """Mean, least and largest of the seeds at each amount of compute."""
    groups = points.groupby(["method", "row", column], sort=False)["psnr"]
    found = groups.agg(psnr="mean", low="min", high="max").reset_index()
    return found.rename(columns={column: "compute"})


def curve_of(row: pd.Series) -> Curve:
    """The curve in a row of `scaling.csv`."""
    return Curve(row["form"], row["high"], row["level"], row["slope"], row["rate"])
