"""Pairs of a study, their statistics, and the one rule of its verdicts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.played_canon import claims, papers
from support.studies import BLOCK, made_up_scores, whole_study, write_study_config

from pipeline.config.experiment import Experiment
from pipeline.errors import ConfigError, RecordError
from pipeline.study.collecting import methods_of_study
from pipeline.study.comparing import COLUMNS, compared, differences_frame
from pipeline.study.pairs import StudyClaim, StudyPair, claim_of, claims_of_study, pairs_of_study
from pipeline.study.verdicts import Difference, claim_frame, pair_verdict

FIVE = np.array([0.30, 0.42, 0.36, 0.25, 0.47])
ZERO = np.zeros(5)
PAIR = StudyPair("one", "other", "Which?", ("C06",), 0.77)


def outcome(pairs: list[StudyPair], scores: pd.DataFrame) -> pd.DataFrame:
    return compared(pairs, differences_frame(pairs, scores), 0.1)


def rows(folder: Path, **changes: Any) -> tuple[list[StudyClaim], list[StudyPair]]:
    experiment = write_study_config(folder / "x.yaml", study={**BLOCK, **changes})
    found = claims_of_study(experiment, claims(), papers())
    return found, pairs_of_study(experiment, found)


# Pairs --------------------------------------------------------------------------------------------


def test_the_studys_pairs_are_those_of_the_paper_and_its_readers(tmp_path: Path) -> None:
    experiment = whole_study(tmp_path)
    found = claims_of_study(experiment, claims(), papers())
    pairs = {(pair.one, pair.other): pair for pair in pairs_of_study(experiment, found)}
    series = [f"dmtnet-{size}" for size in "tsblh"]
    for less, more in pairwise(series):
        assert "C10" in pairs[more, less].claims
    assert pairs["dmtnet-s", "dmtnet-t"].claims == ("C06", "C10")
    assert pairs["dmtnet-b", "dmtnet-b-no-transformer"].claims == ("C08",)
    assert pairs["dmtnet-b", "dmtnet-b-fixed"].claims == ("C09",)
    assert pairs["dmtnet-t", "dpdnet"].claims == ("C11",)
    assert pairs["dmtnet-b", "dmtnet-b-fixed"].published == pytest.approx(0.16)
    assert pairs["dmtnet-t", "dpdnet"].published == pytest.approx(25.50 - 25.13)
    # Every ablation is in some pair, and no pair is there twice.
    assert {*experiment.ablations, "dmtnet-b-exchanged"} < {n for pair in pairs for n in pair}
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    assert [one.claim.id for one in found if one.untested] == ["C07"]


def test_a_claim_about_a_method_that_is_not_run_has_no_pairs(tmp_path: Path) -> None:
    found, pairs = rows(tmp_path, claims=["C08", "C10"], comparisons=[])
    assert [one.untested for one in found] == [
        "not run: row 1 of Table 2",
        "not run: row DMTNet-H of Table 1, row DMTNet-L of Table 1",
    ]
    # The ablation is still compared with its base.
    (pair,) = pairs
    assert (pair.one, pair.other, pair.published) == ("dmtnet-b-fixed", "dmtnet-b", None)
    assert pair.question == "DMTNet-B without adaptive selection against DMTNet-B"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"claims": ["C99"]}, "study: names the claim C99, which claims.csv lacks; remove it"),
        ({"claims": ["C17"]}, "C17 compares no rows in combined PSNR; remove it"),
        ({"claims": ["C01"]}, "C01 compares no rows in combined PSNR; remove it"),
    ],
)
def test_claims_that_no_pair_decides_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        rows(tmp_path, **changes)


# Statistics ---------------------------------------------------------------------------------------


def test_differences_are_paired_by_seed_and_scene() -> None:
    # Seeds that move both methods alike leave the difference as it is.
    common = np.array([-5.0, 3.0, 0.0, 1.0, 8.0])
    scores = made_up_scores({"one": (common + FIVE).tolist(), "other": common.tolist()}, spread=2.0)
    shuffled = scores.sample(frac=1, random_state=2)
    (row,) = outcome([PAIR], shuffled).to_dict("records")
    assert (row["seeds"], row["scenes"]) == (5, 6)
    assert row["difference"] == pytest.approx(FIVE.mean())
    expected = stats.ttest_1samp(FIVE, 0)
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert row["p"] == row["p_holm"] == pytest.approx(expected.pvalue)
    assert row["spread"] == pytest.approx(FIVE.std(ddof=1))
    assert row["effect_size"] == pytest.approx(FIVE.mean() / FIVE.std(ddof=1))
    # Scenes that differ widen the shared interval; nested, they average out over the seeds.
    assert row["boot_low"] < row["nested_low"] < row["difference"]
    assert row["difference"] < row["nested_high"] < row["boot_high"]
    assert (row["published"], row["seeds_needed"]) == (0.77, 3)
    assert row["verdict"] == "same direction"


def test_holm_is_over_all_pairs_and_questions_have_no_expected_sign() -> None:
    steps = {"one": FIVE, "other": ZERO, "noisy": np.array([0.5, -0.6, 0.1, 0.3, -0.2])}
    scores = made_up_scores({name: step.tolist() for name, step in steps.items()})
    question = replace(PAIR, claims=(), published=None)
    pairs = [replace(PAIR, one="other", other="one"), question, replace(question, other="noisy")]
    found = outcome(pairs, scores)
    assert tuple(found.columns) == COLUMNS
    assert found["p_holm"][0] == pytest.approx(3 * found["p"][0])
    assert (found["p_holm"] >= found["p"]).all()
    assert list(found["verdict"]) == ["opposite direction", "higher", "undecided"]
    assert found["seeds_needed"].isna().tolist() == [False, True, True]
    assert found["claim"].tolist() == ["C06", "", ""]


def test_only_two_one_sided_tests_show_that_there_is_no_difference() -> None:
    tight, wide = np.array([0.01, -0.01, 0.0, 0.005, 0.0]), np.array([0.4, -0.4, 0.1, -0.1, 0.0])
    for steps, verdict in ((tight, "no difference larger than 0.1 dB"), (wide, "undecided")):
        scores = made_up_scores({"one": steps.tolist(), "other": ZERO.tolist()})
        (row,) = outcome([PAIR], scores).to_dict("records")
        assert row["verdict"] == verdict
        assert (row["equivalence_p_holm"] < 0.05) == (steps is tight)


def test_a_control_pairs_with_every_seed() -> None:
    scores = made_up_scores({"one": FIVE.tolist(), "control": [0.1]})
    pair = StudyPair("one", "control", "Which?")
    (row,) = outcome([pair], scores).to_dict("records")
    assert row["difference"] == pytest.approx(FIVE.mean() - 0.1)
    (other,) = outcome([StudyPair("control", "one", "?")], scores).to_dict("records")
    assert other["difference"] == pytest.approx(-row["difference"])
    assert (row["verdict"], other["verdict"]) == ("higher", "lower")


def test_seeds_and_scenes_must_agree() -> None:
    scores = made_up_scores({"one": FIVE.tolist(), "other": ZERO.tolist()})
    few = scores[scores["repetition"] < 2]
    with pytest.raises(RecordError, match="have 2 of 3 seeds in common"):
        outcome([PAIR], few)
    lost = scores.drop(index=scores.index[3])
    with pytest.raises(RecordError, match="scored on different images"):
        outcome([PAIR], lost)


# Verdicts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("difference", "p", "equivalence_p", "published", "verdict"),
    [
        (0.3, 0.04, 1.0, 0.77, "same direction"),
        (-0.3, 0.04, 1.0, -0.1, "same direction"),
        (-0.3, 0.04, 1.0, 0.77, "opposite direction"),
        (0.3, 0.06, 1.0, 0.77, "undecided"),
        (0.3, 0.05, 1.0, 0.77, "undecided"),
        (0.02, 0.06, 0.04, 0.77, "no difference larger than 0.1 dB"),
        # A difference that is certain has a direction, however small it is.
        (0.02, 0.04, 0.04, 0.77, "same direction"),
        (0.3, 0.04, 1.0, None, "higher"),
        (-0.3, 0.04, 1.0, 0.0, "lower"),
    ],
)
def test_the_rule(
    difference: float, p: float, equivalence_p: float, published: float | None, verdict: str
) -> None:
    assert pair_verdict(Difference(difference, p, equivalence_p, 0.1), published) == verdict


def verdicts_of(
    experiment: Experiment, found: list[StudyClaim], by_pair: dict[tuple[str, str], str]
) -> pd.DataFrame:
    pairs = pd.DataFrame(
        [[*pair, verdict] for pair, verdict in by_pair.items()], columns=["one", "other", "verdict"]
    )
    described = [claim_of("C17", claims())]
    rows = {name: experiment.entry(name).row for name in methods_of_study(experiment)}
    return claim_frame(found, pairs, rows, described).set_index("claim")


@pytest.mark.parametrize(
    ("steps", "verdict", "reason"),
    [
        (("same direction",) * 4, "holds at this scale", ""),
        (
            ("same direction", "undecided", "same direction", "same direction"),
            "undecided",
            "DMTNet-B over DMTNet-S: undecided",
        ),
        (
            ("same direction", "undecided", "same direction", "opposite direction"),
            "fails at DMTNet-H over DMTNet-L",
            "DMTNet-B over DMTNet-S: undecided",
        ),
        (
            ("same direction", "no difference larger than 0.1 dB", "same direction", "undecided"),
            "undecided",
            "no difference larger than 0.1 dB",
        ),
    ],
)
def test_an_order_holds_if_every_step_does(
    tmp_path: Path, steps: tuple[str, ...], verdict: str, reason: str
) -> None:
    experiment = whole_study(tmp_path)
    found = claims_of_study(experiment, claims(), papers())
    series = [f"dmtnet-{size}" for size in "tsblh"]
    by_pair = dict(zip(zip(series[1:], series, strict=False), steps, strict=True))
    others = {
        ("dmtnet-b", "dmtnet-b-no-transformer"): "opposite direction",
        ("dmtnet-b", "dmtnet-b-fixed"): "undecided",
        ("dmtnet-t", "dpdnet"): "same direction",
    }
    frame = verdicts_of(experiment, found, {**by_pair, **others})
    assert frame["verdict"]["C10"] == verdict
    assert reason in frame["reason"]["C10"]
    assert frame["verdict"]["C06"] == steps[0]
    assert frame["verdict"]["C07"] == "not tested"
    assert "MRNet was never published" in frame["reason"]["C07"]
    assert frame["verdict"]["C08"] == "opposite direction"
    assert frame["verdict"]["C11"] == "same direction"
    assert frame["verdict"]["C17"] == "described below"
    assert not frame["verdict"].str.contains("reproduced").any()


def test_what_is_not_run_is_not_judged(tmp_path: Path) -> None:
    found, _ = rows(tmp_path, claims=["C08"])
    frame = verdicts_of(whole_study(tmp_path), found, {})
    assert (frame["verdict"]["C08"], frame["reason"]["C08"]) == (
        "not run",
        "not run: row 1 of Table 2",
    )
