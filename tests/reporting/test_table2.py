from __future__ import annotations

import pandas as pd
import pytest
from support.factories import complexity, result, scores
from support.paths import PUBLISHED

from pipeline.errors import RecordError
from pipeline.records import Label
from pipeline.reporting.groups import build_groups
from pipeline.reporting.published import read_published_table2
from pipeline.reporting.table2 import build_table2

ROWS = {1: "no-transformer", 3: "dmtnet-b"}


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    return read_published_table2(PUBLISHED / "table2.csv")


def test_results_come_to_their_rows(published: pd.DataFrame) -> None:
    results = [
        result(dataset="canon", label="reproduced", psnr=26.0),
        result(dataset="canon", label="reproduced", psnr=27.0, repetition=1),
        result("stranger", "Stranger"),
    ]
    frame = build_table2(results, [complexity()], published, ROWS)
    assert list(frame["method"]) == ["1", "2", "3"]
    assert list(frame["label"]) == ["published", "published", "reproduced"]
    assert list(frame["row"]) == ["no-transformer", "", "DMTNet-B"]
    ours = frame.iloc[2]
    assert ours["n_seeds"] == 2
    assert ours["combined_psnr"] == 26.5
    assert ours["combined_psnr_sd"] == pytest.approx(0.5**0.5)
    assert ours["combined_psnr_diff"] == pytest.approx(26.5 - published["psnr"].iloc[2])
    assert ours["combined_psnr_verdict"] == "inconclusive"
    assert ours["params"] == complexity().params


def test_rows_not_run_stay_as_published(published: pd.DataFrame) -> None:
    frame = build_table2([], [complexity("no-transformer", "Bare")], published, ROWS)
    assert list(frame["combined_psnr"]) == list(published["psnr"])
    assert list(frame["combined_ssim"]) == list(published["ssim"])
    assert set(frame["combined_psnr_verdict"]) == {"not run"}
    assert frame["row"].iloc[0] == "Bare"
    assert frame["params"].notna().tolist() == [True, False, False]


@pytest.mark.parametrize("label", ["given weights", "surrogate"])
def test_stand_ins_fill_no_row_of_the_paper(published: pd.DataFrame, label: Label) -> None:
    results = [
        result(dataset="canon", label=label, psnr=48.5),
        result(dataset="canon", label="reproduced"),
        result("stranger", "Stranger", label=label),
    ]
    for made, expected in ((results, "reproduced"), (results[:1], "published")):
        frame = build_table2(made, [complexity()], published, ROWS)
        assert frame["label"].iloc[2] == expected
        assert list(frame["row"])[3:] == [f"DMTNet-B ({label})"]
        assert frame["combined_psnr"].iloc[3] == 48.5
        assert frame["combined_psnr_verdict"].iloc[3] == ""
        assert frame["params"].iloc[3] == complexity().params


def test_demo_is_not_comparable(published: pd.DataFrame) -> None:
    row = build_table2([result()], [], published, ROWS).iloc[2]
    assert row["combined_ssim_verdict"] == "not comparable"
    assert pd.isna(row["combined_ssim_diff"])


def test_unknown_number_is_refused(published: pd.DataFrame) -> None:
    with pytest.raises(RecordError, match="table2: 9"):
        build_table2([], [], published, {9: "dmtnet-b"})


def test_groups_are_apart() -> None:
    groups = {"stereo": scores(22.0, n=1, lpips=None), "photographs": scores(24.0, n=2)}
    frame = build_groups([result(groups=groups), result("plain", "Plain")])
    assert list(frame["group"]) == ["photographs", "stereo"]
    assert list(frame["n_images"]) == [2, 1]
    assert list(frame["psnr"]) == [24.0, 22.0]
    assert frame["lpips"].isna().all()
    assert not [column for column in frame if "published" in column or "verdict" in column]


def test_groups_of_different_size_are_refused() -> None:
    records = [
        result(groups={"stereo": scores(22.0, n=1)}),
        result(groups={"stereo": scores(22.0, n=2)}, repetition=1),
    ]
    with pytest.raises(RecordError, match="stereo"):
        build_groups(records)


def test_further_ablations_follow_the_papers_rows(published: pd.DataFrame) -> None:
    frame = build_table2(
        [result(), result("mine", "Mine", psnr=25.0)], [], published, ROWS, ["mine", "not-run"]
    )
    assert list(frame["row"]) == ["no-transformer", "", "DMTNet-B", "Mine"]
    last = frame.iloc[3]
    assert last["combined_psnr"] == 25.0
    assert pd.isna(last["combined_psnr_published"])
    assert last["method"] == ""
