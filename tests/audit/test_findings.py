"""What the audit finds in the paper by itself. No number here is one that the audit reads."""

from __future__ import annotations

import pytest
from support.paths import COUNTED, PUBLISHED

from pipeline.audit.checking import Line, audit
from pipeline.audit.evaluate import evaluate_claim
from pipeline.audit.intervals import ClaimError
from pipeline.audit.near import near_explanations
from pipeline.audit.printed import read_table1
from pipeline.audit.tables import TABLE1, Tables

LINES = {line.claim.id: line for line in audit(PUBLISHED, COUNTED)}


def cases(line: Line, verdict: str) -> dict[str, str]:
    return {case.name: case.arithmetic for case in line.cases if case.verdict == verdict}


def test_every_claim_that_is_not_manual_is_decided() -> None:
    undecided = {name for name, line in LINES.items() if line.verdict == "not decidable"}
    assert undecided == {name for name, line in LINES.items() if line.claim.kind == "manual"}
    assert all(LINES[name].claim.reason for name in undecided)


def test_verdicts() -> None:
    found = {
        verdict: {
            name for name, line in LINES.items() if line.verdict == verdict and name[0] == "C"
        }
        for verdict in ("fails", "within rounding", "not decidable")
    }
    assert found["fails"] == {
        *("C04", "C14", "C15", "C19", "C24", "C28", "C31", "C32", "C34", "C35", "C36", "C37"),
        *("C42", "C44"),
    }
    assert found["within rounding"] == {
        *("C01", "C02", "C03", "C05", "C06", "C07", "C08", "C09", "C23", "C27", "C29"),
    }
    assert found["not decidable"] == {"C17", "C38", "C39", "C40", "C41"}


def test_uformer_b_does_not_follow_from_its_parts() -> None:
    line = LINES["C15"]
    assert len(line.cases) == 48
    assert len(cases(line, "within rounding")) == 46
    found = cases(line, "fails")
    assert list(found) == ["Uformer-B psnr", "Uformer-B ssim"]
    assert "= 25.5975 in [25.5925, 25.6025); must round to 25.65" in found["Uformer-B psnr"]
    assert "in [0.7918, 0.7928); must round to 0.795" in found["Uformer-B ssim"]


def test_a_percentage_belongs_to_another_row() -> None:
    line = LINES["C04"]
    assert line.computed == pytest.approx(5.9597, abs=1e-4)
    assert (line.printed, line.near) == (6.4, ("6.43 with DPDNet+ for RDPD+",))


def test_the_near_explanation_is_calculated() -> None:
    tables = Tables({TABLE1: read_table1(PUBLISHED / "table1.csv")})
    expression = "t1[IFAN,combined_psnr]-t1[KPAC,combined_psnr]"
    value = 25.99 - 24.85
    assert near_explanations(expression, tables, f"{value:.2f}") == []
    # 26.66 - 24.85 with Restormer, 28.66 - ... with other columns: each by its own arithmetic.
    assert near_explanations(expression, tables, "1.81") == ["1.81 with Restormer for IFAN"]
    assert near_explanations(expression, tables, "1.30") == [
        "1.3 with indoor_psnr for combined_psnr"
    ]
    assert near_explanations(expression, tables, "99.9") == []


def test_the_best_result_for_all_metrics() -> None:
    line = LINES["C14"]
    assert [len(cases(line, word)) for word in ("fails", "within rounding", "holds")] == [2, 4, 3]
    assert cases(line, "fails") == dict.fromkeys(("indoor_psnr", "indoor_ssim"), "{MRNet}")
    assert all("MRNet?" in tie for tie in cases(line, "within rounding").values())
    assert set(cases(line, "holds").values()) == {"{DMTNet-H}"}


def test_h_against_mrnet_column_by_column() -> None:
    line = LINES["C24"]
    assert cases(line, "fails") == {
        "indoor_psnr": "29.50 >= 29.53",
        "indoor_ssim": "0.895 >= 0.896",
    }
    assert len(cases(line, "within rounding")) == 4


def test_figure_1_is_false_at_restormer_s_size() -> None:
    assert list(cases(LINES["C19"], "fails")) == ["Restormer"]
    assert "DMTNet-B 26.63 >= 26.66" in LINES["C19"].arithmetic
    assert LINES["C18"].verdict == "holds"


def test_equations_8_and_9() -> None:
    assert LINES["C16"].verdict == "holds"
    assert LINES["C25"].computed == pytest.approx(4 / 3, abs=0.005)
    assert LINES["C42"].computed is False
    assert "= 1.0095; must equal 1" in LINES["C44"].arithmetic


def test_sizes_that_are_not_those_of_the_networks() -> None:
    sizes = {name: LINES[name].computed for name in ("C34", "C35", "C36", "C37")}
    assert sizes == {
        "C34": pytest.approx(10.48, abs=0.005),
        "C35": pytest.approx(741.48, abs=0.005),
        "C36": pytest.approx(2.06, abs=0.005),
        "C37": pytest.approx(238.01, abs=0.005),
    }
    assert {"IFAN", "KPAC", "DMENet"} <= set(cases(LINES["C31"], "fails"))
    assert {f"DMTNet-{size}" for size in "TSBLH"} <= set(cases(LINES["C32"], "holds"))


def test_claims_about_mrnet_cannot_be_decided_here() -> None:
    about = [line.claim for line in LINES.values() if "MRNet" in line.claim.expression]
    costs = [claim for claim in about if claim.kind != "manual" and "flops_g" in claim.expression]
    assert [claim.decidable_by for claim in costs] == ["nothing"]


def test_values_from_elsewhere() -> None:
    kpac = next(line for line in LINES.values() if line.claim.statement.startswith("KPAC, dual"))
    assert kpac.verdict == "fails"
    assert "combined_psnr 25.82 against 24.85, +0.97" in kpac.arithmetic
    copied = [line for name, line in LINES.items() if name[0] == "L" and line.verdict == "holds"]
    assert [line.arithmetic for line in copied] == ["9 of 9 equal"] * 2


def test_verdicts_follow_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    # With other digits, the same claims get other verdicts: nothing is typed.
    table = read_table1(PUBLISHED / "table1.csv")
    cells = {row: dict(values) for row, values in table.rows.items()}
    cells["Uformer-B"]["combined_psnr"] = cells["Uformer-B"]["outdoor_psnr"]
    cells["DMTNet-H"]["indoor_psnr"] = cells["JNB"]["indoor_psnr"]
    changed = Tables({TABLE1: type(table)(cells, table.own)})
    for claim, expected in (("C13", "holds"), ("C14", "fails"), ("C15", "fails")):
        one = LINES[claim].claim
        assert evaluate_claim(one.expression, changed, one.published).verdict == expected
    with pytest.raises(ClaimError):
        evaluate_claim(LINES["C16"].claim.expression, changed)
