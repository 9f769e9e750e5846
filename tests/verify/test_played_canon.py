"""Verdicts on results that play the Canon set and whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from support import played_canon
from support.paths import PUBLISHED
from support.played_canon import a_claim, all_answers, claims, own, papers, play

from pipeline.errors import DataError
from pipeline.reporting.table1 import build_table1
from pipeline.reporting.table2 import build_table2
from pipeline.verdicts import VERDICTS
from pipeline.verify.evidence import printed_tables
from pipeline.verify.frames import COMPARISON_COLUMNS, comparison_frame, json_lines, verdict_frame
from pipeline.verify.page import page
from pipeline.verify.pairs import pairs_of
from pipeline.verify.verification import Verification, verify


@pytest.fixture(scope="module")
def found() -> Verification:
    return verify(own(all_answers()), papers(), claims(), experiment="played")


def of_cell(found: Verification, row: str, column: str, table: str = "t1") -> str:
    places = {(c.table, c.row, c.column.name): c.judgement.verdict for c in found.cells}
    return places[table, row, column]


def of_claim(found: Verification, name: str) -> str:
    return {one.claim.id: one.judgement.verdict for one in found.claims}[name]


@pytest.mark.parametrize("column", ["combined_psnr", "indoor_ssim", "outdoor_mae"])
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("DMTNet-B", "reproduced"),
        ("DPDNet", "reproduced"),
        ("DMTNet-T", "differs (better)"),
        ("DMTNet-S", "differs (worse)"),
        ("EBDB", "differs (worse)"),
        ("DMTNet-L", "inconclusive"),
        ("RDPD+", "inconclusive"),
        ("DMTNet-H", "not run"),
    ],
)
def test_cells(found: Verification, row: str, column: str, expected: str) -> None:
    assert of_cell(found, row, column) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("C08", "reproduced"),
        ("C09", "reproduced"),
        ("C11", "reproduced"),
        ("C06", "differs (worse)"),
        ("C02", "inconclusive"),
        ("C07", "not run"),
        ("C10", "not run"),
        # Sizes, printed digits, and what no record decides.
        ("C01", "not run"),
        ("C15", "not run"),
        ("C17", "not run"),
    ],
)
def test_claims(found: Verification, name: str, expected: str) -> None:
    assert of_claim(found, name) == expected


def test_every_verdict_of_comparable_results_occurs(found: Verification) -> None:
    counts = found.counts()
    assert all(counts[verdict][0] for verdict in VERDICTS if verdict != "not comparable")
    assert found.is_worse
    good = verify(own(play("dmtnet-b", "DMTNet-B", [-0.1, 0, 0.1])), papers(), claims())
    assert not good.is_worse


def test_tables_have_the_same_verdicts(found: Verification) -> None:
    records = [one.record for one in all_answers()]
    paper = papers()
    table1 = build_table1(records, [], paper["t1"]).set_index("method")
    table2 = build_table2(records, [], paper["t2"], played_canon.TABLE2_ROWS).set_index("method")
    for cell in found.cells:
        table = table1 if cell.table == "t1" else table2
        assert table.loc[cell.row, f"{cell.column.name}_verdict"] == cell.judgement.verdict
        if cell.difference is not None:
            assert table.loc[cell.row, f"{cell.column.name}_diff"] == cell.difference


def test_an_order_that_is_true_of_means_needs_certain_means() -> None:
    rows = {"t": "T", "s": "S", "b": "B", "l": "L", "h": "H"}

    def series(scatter: float) -> Verification:
        steps = [-scatter, 0.0, scatter]
        scored = [one for v, n in rows.items() for one in play(f"dmtnet-{v}", f"DMTNet-{n}", steps)]
        return verify(own(scored), papers(), claims())

    assert of_claim(series(0.1), "C10") == "reproduced"
    assert of_claim(series(30.0), "C10") == "inconclusive"


def test_an_order_that_is_false() -> None:
    steps = {"t": [0.0] * 3, "s": [-99.0] * 3, "b": [0.0] * 3, "l": [0.0] * 3, "h": [0.0] * 3}
    scored = [
        one
        for v, found in steps.items()
        for one in play(f"dmtnet-{v}", f"DMTNet-{v.upper()}", found)
    ]
    assert of_claim(verify(own(scored), papers(), claims()), "C10") == "differs (worse)"


@pytest.mark.parametrize(("dataset", "scoring"), [("synthetic", "dpdd-16"), ("canon", "dpdd-8")])
def test_nothing_else_is_comparable(dataset: str, scoring: str) -> None:
    scored = [
        one
        for method, row in (("dmtnet-s", "DMTNet-S"), ("dmtnet-t", "DMTNet-T"))
        for one in play(method, row, [0, 1, 2], dataset=dataset, scoring=scoring)
    ]
    other = verify(own(scored), papers(), claims())
    verdicts = {cell.judgement.verdict for cell in other.cells if cell.n_seeds}
    assert verdicts == {"not comparable"}
    assert of_claim(other, "C06") == "not comparable"
    # The two are still compared with each other.
    (comparison,) = [one for one in other.comparisons if "C06" in one.claims]
    assert comparison.seeds == 3
    assert not other.agreements


def test_a_surrogate_stands_for_no_row_of_the_paper() -> None:
    scored = play("mrnet", "MRNet", [0, 0, 0], label="surrogate")
    found = verify(own(scored), papers(), claims())
    assert of_cell(found, "MRNet", "combined_psnr") == "not run"


def test_comparisons_are_paired_by_image_and_seed(found: Verification) -> None:
    frame = comparison_frame(found).set_index(["one", "other", "column"])
    row = frame.loc[("DMTNet-L", "DMTNet-B", "combined_psnr")]
    ours = own(all_answers())
    column = next(cell.column for cell in found.cells if cell.column.name == "combined_psnr")
    scores = [ours.images("t1", name, column) for name in ("DMTNet-L", "DMTNet-B")]
    differences = np.array(
        [[scores[0][r][s] - scores[1][r][s] for s in sorted(scores[0][r])] for r in range(3)]
    )
    assert differences.shape == (3, row["images"])
    assert row["difference"] == pytest.approx(differences.mean())
    per_seed = differences.mean(axis=1)
    low, high = stats.t.interval(0.95, 2, per_seed.mean(), stats.sem(per_seed))
    assert (row["seed_lo"], row["seed_hi"]) == pytest.approx((low, high))
    assert row["p_images"] == pytest.approx(stats.wilcoxon(differences.mean(axis=0)).pvalue)
    assert row["p_seeds"] == pytest.approx(stats.ttest_1samp(per_seed, 0).pvalue)
    assert row["image_lo"] < row["difference"] < row["image_hi"]
    paper = papers()["t1"].set_index("method")["combined_psnr"]
    assert row["published"] == paper["DMTNet-L"] - paper["DMTNet-B"]


def test_the_family_is_corrected(found: Verification) -> None:
    frame = comparison_frame(found)
    assert (frame["p_images_holm"] >= frame["p_images"]).all()
    smallest = frame["p_images"].idxmin()
    expected = min(1.0, frame["p_images"][smallest] * len(frame))
    assert frame["p_images_holm"][smallest] == pytest.approx(expected)


def test_a_training_without_repetitions_has_no_borrowed_seeds(found: Verification) -> None:
    by_row = {(one.pair.one, one.pair.other): one for one in found.comparisons}
    assert by_row["DMTNet-B", "RDPD+"].seeds == 1
    assert by_row["DMTNet-B", "RDPD+"].seed_interval is None
    # Official weights depend on no seed, and pair with every repetition.
    assert by_row["DMTNet-T", "DPDNet"].seeds == 3


def test_ranks_and_order(found: Verification) -> None:
    cells = {c.row: c for c in found.cells if (c.table, c.column.name) == ("t1", "combined_psnr")}
    assert cells["DMTNet-T"].published_rank == 4
    assert cells["DMTNet-H"].rank is None
    rows = [cell for cell in cells.values() if cell.rank is not None]
    column = next(cell.column for cell in rows)
    count, agreement = found.agreements["t1", column]
    assert count == len(rows) == 7
    expected = stats.kendalltau([c.ours.mean for c in rows], [c.published for c in rows])
    assert agreement.tau == pytest.approx(expected.statistic)


def test_power_of_the_two_small_differences(found: Verification) -> None:
    power = {one.claim: one for one in found.power}
    listed = {claim.id: claim for claim in claims()}
    for name in ("C08", "C09"):
        assert power[name].difference == float(listed[name].published)
        assert power[name].spread is not None
        assert "seeds, at the spread of" in power[name].text
    # Its rows were not run: only what a spread would mean is known.
    assert power["C07"].spread is None
    assert "unknown; 5 at" in power["C07"].text


def test_pages_and_files(found: Verification) -> None:
    text = page(found)
    for heading in ("Table 1", "Table 2", "Claims", "Pairs", "Order", "Seeds"):
        assert f"## {heading}" in text
    frame = verdict_frame(found)
    assert len(frame) == len(found.cells) + len(found.claims)
    assert list(comparison_frame(found).columns) == list(COMPARISON_COLUMNS)
    lines = [json.loads(line) for line in json_lines(found).splitlines()]
    kinds = {line["kind"] for line in lines}
    assert kinds == {"cell", "claim", "comparison", "order", "power"}


def test_pairs_that_claims_name() -> None:
    printed = printed_tables(papers())

    def named(expression: str) -> set[tuple[str, str]]:
        return {(pair.one, pair.other) for pair in pairs_of(expression, printed)}

    assert named("increasing(combined_psnr, A, B, C)") == {("B", "A"), ("C", "B")}
    assert named("t2[3,psnr]-t2[1,psnr]") == {("3", "1")}
    assert named("100*(t1[A,indoor_psnr]/t1[B,indoor_psnr]-1)") == {("A", "B")}
    assert named("t1[A,params_m]/t1[B,params_m]") == set()
    best = named("best(combined_psnr)=DMTNet-H")
    assert len(best) == len(papers()["t1"]) - 1
    assert {one for one, _ in best} == {"DMTNet-H"}
    every = pairs_of("for each quality column c: as_good(c, A, B)", printed)
    assert len(every) == 9
    assert named("for each other row m: as_good(combined_psnr, A, m)") == set()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("t1[Nobody,combined_psnr]-1", "Nobody"),
        ("t1[DMTNet-B,combined_pnsr]-1", "combined_pnsr"),
        ("t1[DMTNet-B,combined_psnr]/0", "division by zero"),
    ],
)
def test_a_claim_that_cannot_be_evaluated(expression: str, expected: str) -> None:
    claim = a_claim("value", expression, "1")
    with pytest.raises(DataError, match=expected) as raised:
        verify(own(all_answers()), papers(), [claim])
    assert "C99" in str(raised.value)


@pytest.mark.parametrize(
    "expression",
    [
        "counted[DMTNet-B,params_m]",
        "let n = counted[DMTNet-B,tokens]: n > 1",
        "lit[IFAN at 16 bit,combined_psnr]",
        "t1[DMTNet-B,params_m] > 1",
        "t1[DMTNet-B,combined_psnr] = t1[DMTNet-T,combined_psnr]",
        "equal_steps(combined_psnr, DMTNet-T, DMTNet-S, DMTNet-B)",
    ],
)
def test_what_arithmetic_or_counting_decides_is_left_to_the_audit(expression: str) -> None:
    claim = a_claim("holds", expression, "true")
    (one,) = verify(own(all_answers()), papers(), [claim]).claims
    assert one.judgement.verdict == "not run"
    assert "dmtbench audit decides it" in one.judgement.reason


def test_a_published_table_with_a_missing_cell(tmp_path: Path) -> None:
    from pipeline.reporting.published import read_published_table1

    path = tmp_path / "table1.csv"
    path.write_text((PUBLISHED / "table1.csv").read_text().replace(",26.63,", ",,", 1))
    with pytest.raises(DataError, match="combined_psnr of method 'DMTNet-B'"):
        read_published_table1(path)
