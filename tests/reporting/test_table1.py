from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.factories import complexity, control, protocol, result
from support.paths import PUBLISHED

from pipeline.errors import RecordError
from pipeline.records import CATEGORIES
from pipeline.reporting.published import PAPER_METRICS, read_published_table1
from pipeline.reporting.table1 import build_table1

DETAILS = ("sd", "ci_lo", "ci_hi", "published", "diff", "verdict")


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    return read_published_table1(PUBLISHED / "table1.csv")


def _row(frame: pd.DataFrame, method: str) -> pd.Series:
    rows = frame[frame["method"] == method]
    assert len(rows) == 1
    return rows.iloc[0]


def test_columns_exactly(published: pd.DataFrame) -> None:
    frame = build_table1([result(extra={"niqe": 3.0})], [], published)
    leading = ["method", "kind", "label", "dataset", "protocol", "n_seeds"]
    own = [f"{category}_{metric}" for category in CATEGORIES for metric in PAPER_METRICS]
    expected = [*leading, *own]
    for category in CATEGORIES:
        for metric in (*PAPER_METRICS, "lpips", "niqe"):
            name = f"{category}_{metric}"
            expected += [] if name in own else [name]
            expected += [f"{name}_{detail}" for detail in DETAILS]
    expected += ["trained_params", "params", "params_published_m"]
    expected += ["flops_paper_g", "flops_fvcore_g", "flops_published_g"]
    expected += ["experiment", "standing"]
    assert list(frame.columns) == expected


def test_rows_in_order(published: pd.DataFrame) -> None:
    results = [
        result("newcomer", "Newcomer"),
        control("left", "Left view", 18.0),
        control("input", "Blurred", 18.5),
        control("mean", "Mean", 18.6),
        result(),
    ]
    frame = build_table1(results, [], published)
    paper = list(published["method"])
    assert list(frame["method"]) == [*paper, "Blurred", "Left view", "Mean", "Newcomer"]
    assert _row(frame, "Newcomer")["label"] == "demo"
    assert list(frame["kind"][: len(paper)]) == list(published["kind"])


def test_rows_without_records_are_as_published(published: pd.DataFrame) -> None:
    frame = build_table1([], [], published)
    assert len(frame) == len(published)
    assert set(frame["label"]) == {"published"}
    assert set(frame["protocol"]) == {"as published"}
    assert frame["n_seeds"].isna().all()
    assert frame["trained_params"].isna().all()
    for column in (f"{c}_{m}" for c in CATEGORIES for m in PAPER_METRICS):
        assert list(frame[column]) == list(published[column])
        assert list(frame[f"{column}_published"]) == list(published[column])
        assert set(frame[f"{column}_verdict"]) == {"not run"}
        assert frame[f"{column}_diff"].isna().all()
    assert set(frame["combined_lpips_verdict"]) == {""}


@pytest.mark.parametrize("name", ["dpdd-8", "dpdd-16-tiled-512-64"])
def test_other_protocols_are_not_comparable(published: pd.DataFrame, name: str) -> None:
    other = result(dataset="canon", label="reproduced", scoring=protocol(name))
    row = _row(build_table1([other], [], published), "DMTNet-B")
    assert row["protocol"] == name
    assert row["combined_psnr_verdict"] == "not comparable"
    assert np.isnan(row["combined_psnr_diff"])


def test_other_data_sets_are_not_comparable(published: pd.DataFrame) -> None:
    frame = build_table1([result(extra={"lpips": 0.2}), control("input", "B", 9.0)], [], published)
    row = _row(frame, "DMTNet-B")
    assert row["combined_psnr"] == 20.0
    assert row["indoor_psnr"] == 21.0
    assert row["combined_psnr_verdict"] == "not comparable"
    assert pd.isna(row["combined_psnr_diff"])
    expected = published.set_index("method").loc["DMTNet-B", "combined_psnr"]
    assert row["combined_psnr_published"] == expected
    assert row["combined_lpips"] == 0.2
    assert row["combined_lpips_verdict"] == ""
    assert _row(frame, "B")["combined_psnr_verdict"] == ""


def test_differences_on_canon(published: pd.DataFrame) -> None:
    record = result(dataset="canon", label="reproduced", psnr=26.0)
    row = _row(build_table1([record], [], published), "DMTNet-B")
    target = published.set_index("method").loc["DMTNet-B", "combined_psnr"]
    assert row["combined_psnr_diff"] == pytest.approx(26.0 - target)
    assert row["combined_psnr_verdict"] == "inconclusive"


def test_spread_over_seeds(published: pd.DataFrame) -> None:
    values = [20.0, 20.5, 21.5]
    records = [result(psnr=value, repetition=i) for i, value in enumerate(values)]
    row = _row(build_table1(records, [], published), "DMTNet-B")
    summary = stats.describe(values)
    low, high = stats.t.interval(0.95, 2, summary.mean, stats.sem(values))
    assert row["n_seeds"] == 3
    assert row["combined_psnr"] == pytest.approx(summary.mean)
    assert row["combined_psnr_sd"] == pytest.approx(summary.variance**0.5)
    assert row["combined_psnr_ci_lo"] == pytest.approx(low)
    assert row["combined_psnr_ci_hi"] == pytest.approx(high)
    alone = _row(build_table1(records[:1], [], published), "DMTNet-B")
    assert alone["n_seeds"] == 1
    assert pd.isna(alone["combined_psnr_sd"])
    assert pd.isna(alone["combined_psnr_ci_lo"])


def test_a_metric_missing_for_one_seed_has_no_mean(published: pd.DataFrame) -> None:
    records = [result(extra={"lpips": 0.1}), result(extra={"lpips": None}, repetition=1)]
    row = _row(build_table1(records, [], published), "DMTNet-B")
    assert pd.isna(row["combined_lpips"])


def test_sizes_are_ours_next_to_published(published: pd.DataFrame) -> None:
    record = complexity()
    frame = build_table1([result()], [record, complexity("dmtnet-t", "DMTNet-T")], published)
    paper = published.set_index("method")
    for name in ("DMTNet-B", "DMTNet-T"):
        row = _row(frame, name)
        assert row["params"] == record.params
        assert row["flops_paper_g"] == record.flops_paper / 1e9
        assert row["flops_fvcore_g"] == record.flops_fvcore / 1e9
        assert row["params_published_m"] == paper.loc[name, "params_m"]
        assert row["flops_published_g"] == paper.loc[name, "flops_g"]
    assert _row(frame, "DMTNet-B")["trained_params"] == result().trained_params
    assert pd.isna(_row(frame, "MRNet")["params"])


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (result(repetition=1, label="reproduced"), "label"),
        (result(repetition=1, dataset="canon"), "dataset"),
        (result(repetition=1, scoring=protocol("dpdd-8")), "protocol"),
        (result(repetition=1, scoring=protocol(clamp=False)), "protocol"),
        (result(repetition=1, scoring=protocol("dpdd-16-tiled-512-64")), "protocol"),
        (result(repetition=1, trained_params=1), "trained_params"),
        (result("other", repetition=1), "method"),
        (result(), "same repetition"),
    ],
)
def test_mixed_rows_are_refused(published: pd.DataFrame, other: object, field: str) -> None:
    with pytest.raises(RecordError, match=field) as raised:
        build_table1([result(), other], [], published)  # type: ignore[list-item]
    assert "DMTNet-B" in str(raised.value)


@pytest.mark.parametrize("dataset", ["synthetic", "canon"])
def test_a_surrogate_stands_in_a_row_of_its_own(published: pd.DataFrame, dataset: str) -> None:
    made = result("mrnet", "MRNet", dataset=dataset, label="surrogate")
    size = complexity("mrnet", "MRNet", surrogate=True)
    paper = published.set_index("method").loc["MRNet"]
    for results in ([], [result(), made]):
        frame = build_table1(results, [size], published)
        assert list(frame["method"][:16]) == list(published["method"])
        row = _row(frame, "MRNet")
        assert row["label"] == "published"
        assert row["combined_psnr"] == row["combined_psnr_published"] == paper["combined_psnr"]
        assert row["combined_psnr_verdict"] == "not run"
        assert pd.isna(row["params"])
        assert row["params_published_m"] == paper["params_m"]
    own = _row(frame, "MRNet (surrogate)")
    assert list(frame["method"])[-1] == "MRNet (surrogate)"
    assert own["label"] == "surrogate"
    assert own["combined_psnr"] == 20.0
    assert own["params"] == size.params
    # The paper's numbers are those of another network.
    for cell in ("combined_psnr_published", "combined_psnr_diff", "params_published_m"):
        assert pd.isna(own[cell])
    assert own["combined_psnr_verdict"] == ""


@pytest.mark.parametrize("dataset", ["synthetic", "canon"])
def test_given_weights_fill_no_row_of_the_paper(published: pd.DataFrame, dataset: str) -> None:
    given = result("dpdnet", "DPDNet", 48.5, dataset=dataset, label="given weights")
    size = complexity("dpdnet", "DPDNet")
    frame = build_table1([given], [size], published)
    assert list(frame["method"][:16]) == list(published["method"])
    row = _row(frame, "DPDNet")
    assert row["label"] == "published"
    assert row["combined_psnr"] == row["combined_psnr_published"]
    own = _row(frame, "DPDNet (given weights)")
    assert (own["label"], own["combined_psnr"]) == ("given weights", 48.5)
    # The file fits the full model, whose cost is known.
    assert own["params"] == row["params"] == size.params
    for cell in ("combined_psnr_published", "combined_psnr_diff", "params_published_m"):
        assert pd.isna(own[cell])
    assert own["combined_psnr_verdict"] == ""
    # The authors' weights stand beside it.
    official = result("dpdnet", "DPDNet", 25.0, dataset=dataset, label="official weights")
    both = build_table1([given, official], [size], published)
    assert _row(both, "DPDNet")["combined_psnr"] == 25.0
    assert _row(both, "DPDNet (given weights)")["combined_psnr"] == 48.5


def test_contradicting_sizes_are_refused(published: pd.DataFrame) -> None:
    with pytest.raises(RecordError, match="complexity"):
        build_table1([], [complexity(), complexity(params=1)], published)
