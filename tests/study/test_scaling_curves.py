"""Fits of PSNR over compute: forms, intervals over seeds, the chosen form, the paper's compute."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.paths import CONFIG, REPOSITORY

from pipeline.config.experiment import load_experiment
from pipeline.errors import DataError
from pipeline.statistics.bootstrap import over_seeds_and_images
from pipeline.study.forms import Curve, Name, fit
from pipeline.study.paper import paper_compute, training_compute
from pipeline.study.scaling import COLUMNS, SETTLED, Scaling, curve_of, scaling
from pipeline.study.scaling_text import scaling_lines
from pipeline.study.seeds import fit_seeds

COUNTED = REPOSITORY / "reports" / "counted" / "complexity.csv"
COMPUTE = np.geomspace(1e10, 64e10, 9)
SERIES = {"dmtnet-t": 1e6, "dmtnet-s": 4e6, "dmtnet-b": 8e6, "dmtnet-l": 12e6}
POINTS = 9


def line(compute: Any, slope: float = 0.3) -> Any:
    return 24 + slope * np.log2(np.asarray(compute) / 1e10)


def saturated(compute: Any) -> Any:
    return 27 - 3 * (np.asarray(compute) / 1e10) ** -0.5


def study(
    psnr: Any = line, *, seeds: int = 3, noise: float = 0.02, scenes: int = 6
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Curves, networks and scores whose PSNR follows a function of compute."""
    chance = np.random.default_rng(5)
    networks = [[name, f"DMTNet-{name[-1].upper()}", 1000, f, 9000] for name, f in SERIES.items()]
    networks.append(["dpdnet", "DPDNet", 1000, 5e6, 9000])
    curves, scores = [], []
    for name, row, _, flops, samples in networks:
        for seed in range(seeds):
            for epoch in range(1, POINTS + 1):
                seen = samples * epoch // POINTS
                value = float(psnr(3 * flops * seen)) + noise * chance.standard_normal()
                curves.append([name, seed, epoch, seen, value])
            for scene in range(scenes):
                value = float(line(flops, 0.5)) + scene + noise * chance.standard_normal()
                scores.append([name, row, seed, f"s{scene}", "indoor", value, 0.8, 0.05])
    return (
        pd.DataFrame(curves, columns=["method", "repetition", "epoch", "samples", "val_psnr"]),
        pd.DataFrame(networks, columns=["method", "row", "params", "flops", "samples"]),
        pd.DataFrame(
            scores,
            columns=["method", "row", "repetition", "scene", "category", "psnr", "ssim", "mae"],
        ),
    )


def found(*tables: pd.DataFrame, **paper: float) -> Scaling:
    curves, networks, scores = tables
    return scaling(curves, networks, scores, paper)


def fits_of(result: Scaling, name: str, method: str = "") -> pd.DataFrame:
    fits = result.fits
    return fits[(fits["fit"] == name) & (fits["method"] == method)].set_index("form")


# Forms --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "psnr"), [("line", line), ("saturating", saturated), ("saturating", line)]
)
def test_a_fit_recovers_what_made_the_points(form: Name, psnr: Any) -> None:
    curve = fit(form, COMPUTE, psnr(COMPUTE))
    assert curve is not None
    assert curve.at(COMPUTE) == pytest.approx(psnr(COMPUTE), abs=2e-3)
    assert curve.level == pytest.approx(float(psnr(COMPUTE[-1])), abs=2e-3)
    ahead = float(psnr(COMPUTE[-1] * 1.001) - psnr(COMPUTE[-1])) / math.log2(1.001)
    assert curve.slope == pytest.approx(ahead, rel=0.02)


def test_only_a_saturating_curve_has_a_limit() -> None:
    curve, straight = (
        fit("saturating", COMPUTE, saturated(COMPUTE)),
        fit("line", COMPUTE, line(COMPUTE)),
    )
    assert curve is not None
    assert straight is not None
    assert curve.limit == pytest.approx(27, abs=0.01)
    assert curve.rate == pytest.approx(0.5, abs=0.01)
    assert straight.limit == math.inf
    assert Curve("line", 1.0, 20.0, -0.1).limit == -math.inf


def test_a_fit_needs_a_point_more_than_parameters() -> None:
    assert fit("line", COMPUTE[:2], COMPUTE[:2]) is None
    assert fit("saturating", COMPUTE[:3], COMPUTE[:3]) is None
    # Points at the same compute are one.
    assert fit("line", COMPUTE[[0, 0, 1]], np.ones(3)) is None


# Seeds --------------------------------------------------------------------------------------------


def test_the_interval_of_a_lines_slope_is_that_of_the_seeds_slopes() -> None:
    psnr = np.stack([line(COMPUTE, slope) for slope in (0.2, 0.3, 0.5)])
    fits = fit_seeds("line", COMPUTE, psnr)
    assert fits is not None
    slopes = [stats.linregress(np.log2(COMPUTE), seed).slope for seed in psnr]
    expected = stats.t.interval(0.95, 2, np.mean(slopes), stats.sem(slopes))
    assert fits.slope_t() == pytest.approx(expected)
    assert fits.curve.slope == pytest.approx(1 / 3)
    low, high = fits.slope_bootstrap()
    # Resampling three seeds reaches from all of the least to all of the largest.
    assert (low, high) == (pytest.approx(0.2), pytest.approx(0.5))


def test_equal_seeds_have_no_width() -> None:
    fits = fit_seeds("saturating", COMPUTE, np.stack([saturated(COMPUTE)] * 3))
    assert fits is not None
    low, high = fits.band(COMPUTE)
    assert low == pytest.approx(high)
    assert low == pytest.approx(saturated(COMPUTE), abs=2e-3)
    assert fits.slope_t() == pytest.approx((math.nan, math.nan), nan_ok=True)


def test_one_seed_has_no_interval() -> None:
    fits = fit_seeds("line", COMPUTE, line(COMPUTE)[None])
    assert fits is not None
    assert all(map(math.isnan, [*fits.slope_t(), *fits.slope_bootstrap()]))


# The whole ----------------------------------------------------------------------------------------


def test_compute_is_three_forward_passes_per_crop() -> None:
    assert training_compute(5e6, 100) == 3 * 5e6 * 100
    own = fits_of(found(*study()), "training", "dmtnet-s")
    assert list(own["high"]) == [3 * 4e6 * 9000] * 2
    # The first of nine validations after the beginning.
    assert list(own["low"]) == [3 * 4e6 * 4000] * 2


@pytest.mark.parametrize(("psnr", "form"), [(line, "line"), (saturated, "saturating")])
def test_the_form_that_misses_less_ahead_is_chosen(psnr: Any, form: str) -> None:
    result = found(*study(psnr, noise=1e-6))
    fits = fits_of(result, "frontier")
    (chosen,) = fits[fits["chosen"].astype(bool)].index
    assert chosen == form
    other = fits["miss"].drop(form).iloc[0]
    assert fits["miss"][form] < 0.01
    assert fits["miss"][form] <= other
    assert {*result.bands["view"]} == {"training", "frontier", "ends", "test"}


def test_the_miss_is_that_on_points_which_were_held_out() -> None:
    curves, networks, scores = study(saturated, noise=0.0)
    own = fits_of(found(curves, networks, scores), "training", "dmtnet-b")
    seen = 9000 * np.arange(4, POINTS + 1) // POINTS
    compute, values = 3 * 8e6 * seen, saturated(3 * 8e6 * seen)
    first = stats.linregress(np.log2(compute[:4]), values[:4])
    errors = first.intercept + first.slope * np.log2(compute[4:]) - values[4:]
    assert own["miss"]["line"] == pytest.approx(math.sqrt(np.mean(errors**2)))
    assert own["beyond"]["line"] == pytest.approx(9 / 7)


def test_the_frontier_leaves_out_what_less_compute_has_reached() -> None:
    curves, networks, scores = study(noise=0.0)
    # A network that learns nothing is on no frontier.
    curves.loc[curves["method"] == "dmtnet-l", "val_psnr"] = 10.0
    fits = fits_of(found(curves, networks, scores), "frontier")
    assert fits["high"]["line"] == 3 * 8e6 * 9000
    assert fits["slope"]["line"] == pytest.approx(0.3)


def test_the_beginning_of_a_training_is_left_out() -> None:
    curves, networks, scores = study()
    before = found(curves, networks, scores).fits
    curves.loc[curves["samples"] < SETTLED * 9000, "val_psnr"] = 5.0
    pd.testing.assert_frame_equal(found(curves, networks, scores).fits, before)
    curves.loc[curves["samples"] == 4000, "val_psnr"] = 5.0
    assert not found(curves, networks, scores).fits["slope"].equals(before["slope"])


def test_a_limit_has_its_interval_and_a_line_has_none() -> None:
    tables = study(saturated)
    result = found(*tables)
    fits = fits_of(result, "frontier")
    curve = curve_of(result.fits[(result.fits["fit"] == "frontier")].iloc[1])
    assert fits["limit_low"]["saturating"] < curve.limit < fits["limit_high"]["saturating"]
    assert math.isnan(fits["limit_low"]["line"])
    low = fits["limit_low"]["saturating"]
    assert f"{curve.limit:.1f} ({low:.1f} to " in "\n".join(scaling_lines(result.fits, tables[1]))


def test_a_seed_that_a_network_lacks_is_left_out() -> None:
    curves, networks, scores = study()
    curves = curves[(curves["method"] != "dmtnet-b") | (curves["repetition"] != 1)]
    fits = found(curves, networks, scores).fits
    assert {*fits[fits["fit"].isin(["training", "frontier", "ends"])]["seeds"]} == {2}


def test_the_slope_of_test_scores_is_over_seeds_and_images() -> None:
    curves, networks, scores = study(noise=0.2)
    (row,) = fits_of(found(curves, networks, scores), "test").itertuples()
    doublings = np.log2([*SERIES.values()])
    table = scores[scores["method"] != "dpdnet"].pivot_table(
        index=["repetition", "scene"], columns="method", values="psnr"
    )[[*SERIES]]
    slopes = np.array([stats.linregress(doublings, one).slope for one in table.to_numpy()])
    by_seed = slopes.reshape(3, 6)
    assert row.slope == pytest.approx(slopes.mean())
    expected = stats.t.interval(0.95, 2, slopes.mean(), stats.sem(by_seed.mean(axis=1)))
    assert (row.slope_low, row.slope_high) == pytest.approx(expected)
    assert (row.boot_low, row.boot_high) == pytest.approx(over_seeds_and_images(by_seed))


def test_other_methods_and_too_few_networks_make_no_fit() -> None:
    curves, networks, scores = study()
    few = found(curves, networks[networks["method"] == "dpdnet"], scores)
    assert few.fits.empty
    assert list(few.fits.columns) == [*COLUMNS]
    assert scaling_lines(few.fits, networks) == [
        "Too few networks of the series, or too few validations, for any fit."
    ]
    assert not {*found(curves, networks, scores).points["method"]} - {*SERIES}


# The paper and the page ---------------------------------------------------------------------------


def test_the_papers_compute_follows_from_its_configuration() -> None:
    canon = load_experiment(CONFIG / "canon.yaml")
    counted = pd.read_csv(COUNTED, index_col="network")
    compute = paper_compute(canon, COUNTED)
    # 350 images of 20 windows, 1000 times.
    crop = counted["flops_fvcore"]["DMTNet-B"] * 512**2 / (1120 * 1680)
    assert compute["DMTNet-B"] == pytest.approx(3 * crop * 350 * 20 * 1000)
    assert {f"DMTNet-{size}" for size in "TSBLH"} < {*compute}
    # IFAN is trained on other crops than whole windows.
    assert "IFAN" not in compute


def test_counts_that_cannot_be_read(tmp_path: Path) -> None:
    canon = load_experiment(CONFIG / "canon.yaml")
    for content in (None, "network,height\nDMTNet-B,1120\n"):
        if content is not None:
            (tmp_path / "counted.csv").write_text(content)
        with pytest.raises(DataError, match=r"counted.csv: cannot be read .*dmtbench complexity"):
            paper_compute(canon, tmp_path / "counted.csv")


def test_the_text_says_how_far_the_paper_is_away() -> None:
    tables = study()
    result = found(*tables, **{"DMTNet-S": 3 * 4e6 * 9000 * 1e4, "MRNet": 1.0})
    text = "\n".join(scaling_lines(result.fits, tables[1]))
    assert "this many times as much: DMTNet-S 1.0e+04." in text
    assert "MRNet" not in text
    assert "test PSNR rises" in text
    assert "crops seen:" not in text
    both = [curve_of(row) for _, row in result.fits[result.fits["fit"] == "frontier"].iterrows()]
    apart = abs(float(both[0].at(3 * 4e6 * 9000 * 1e4) - both[1].at(3 * 4e6 * 9000 * 1e4)))
    assert f"at the paper's largest training they are {apart:.1f} dB apart" in text


def test_the_text_is_the_same_from_the_file(tmp_path: Path) -> None:
    tables = study(saturated)
    fits = found(*tables, **{"DMTNet-S": 1e18}).fits
    fits.to_csv(tmp_path / "scaling.csv", index=False, lineterminator="\n")
    again = pd.read_csv(tmp_path / "scaling.csv")
    assert scaling_lines(again, tables[1]) == scaling_lines(fits, tables[1])


def test_trainings_of_unequal_length_are_named() -> None:
    curves, networks, scores = study()
    networks.loc[networks["method"] == "dmtnet-t", "samples"] = 12000
    text = "\n".join(scaling_lines(found(curves, networks, scores).fits, networks))
    assert "not equally long; crops seen: DMTNet-T 12,000, DMTNet-S 9,000" in text


def test_one_seed_has_a_page_too() -> None:
    tables = study(seeds=1)
    text = "\n".join(scaling_lines(found(*tables).fits, tables[1]))
    assert "over 1 seed:" in text
    assert "nan" not in text
