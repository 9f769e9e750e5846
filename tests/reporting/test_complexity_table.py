"""Counted against published sizes: every difference has a reason, and no reason is stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from support.factories import complexity
from support.paths import CONFIG, PUBLISHED
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.config.experiment import load_experiment
from pipeline.data.canon import CANON_SIZE
from pipeline.errors import DataError
from pipeline.evaluation.flops_hooks import flops_paper
from pipeline.methods import Method
from pipeline.records import ComplexityRecord
from pipeline.reporting.complexity import (
    EQUAL,
    EQUAL_FVCORE,
    NO_NETWORK,
    UNKNOWN,
    Comparison,
    comparison_json,
    comparison_text,
    heading,
    published_numbers,
)
from pipeline.reporting.published import read_complexity_notes, read_published_table1
from pipeline.stages import complexity as stage
from pipeline.stages.complexity import compare_with_table1

REASONS = {"params": "wider layers", "flops": "another size"}


def counted(params: float, paper: float, fvcore: float = 1.0, **changes: Any) -> ComplexityRecord:
    counts = {"params": round(params * 1e6), "flops_paper": paper * 1e9}
    return complexity(**counts, flops_fvcore=round(fvcore * 1e9), **changes)


def compared(record: ComplexityRecord | None, **published: float) -> Comparison:
    numbers: Any = published or {"params": 34.52, "flops": 1883.74}
    return Comparison("DPDNet", "as configured", record, numbers, REASONS)  # type: ignore[arg-type]


def verdicts(one: Comparison) -> tuple[str, str]:
    return one.verdict("params"), one.verdict("flops")


def test_printed_digits_are_equal_whatever_lies_behind_them() -> None:
    one = compared(counted(34.516751, 1883.7361))
    assert verdicts(one) == (EQUAL, EQUAL)
    assert (one.reason("params"), one.reason("flops")) == ("", "")


def test_a_difference_is_ours_minus_published_and_has_a_reason() -> None:
    one = compared(counted(31.035151, 1890.0))
    assert verdicts(one) == ("-3.48", "+6.26")
    assert (one.reason("params"), one.reason("flops")) == tuple(REASONS.values())
    lines = comparison_text(one).splitlines()
    assert lines[0].split() == [
        *("DPDNet", "as", "configured", "31.04", "34.52", "-3.48"),
        *("1890.00", "1.00", "1883.74", "+6.26"),
    ]
    assert [line.strip() for line in lines[1:]] == ["params: wider layers", "FLOPs: another size"]
    assert len(lines[0]) == len(heading())


def test_flops_may_be_met_by_the_other_counter() -> None:
    one = compared(counted(34.52, 1500.0, 1883.738))
    assert verdicts(one) == (EQUAL, EQUAL_FVCORE)
    assert one.reason("flops") == ""


def test_a_difference_that_nobody_explained_is_said() -> None:
    one = Comparison("X", "as configured", counted(1.0, 1.0), {"params": 2.0, "flops": 1.0})
    assert one.reason("params") == UNKNOWN
    assert one.reason("flops") == ""
    assert "complexity_notes.csv" in " ".join(comparison_text(one).split())


def test_flops_at_another_size_are_not_compared() -> None:
    one = compared(counted(34.516751, 1.0, size=(64, 64)))
    assert verdicts(one) == (EQUAL, "")
    assert one.reason("flops") == ""


def test_a_method_that_is_not_here_keeps_its_published_numbers() -> None:
    one = Comparison("EBDB", NO_NETWORK, None, published_numbers(float("nan"), 12.5), REASONS)
    assert verdicts(one) == ("", "")
    assert comparison_text(one).splitlines()[0].split() == [
        *("EBDB", *NO_NETWORK.split(), "–", "–", "–", "–", "12.50")
    ]
    data = json.loads(comparison_json(one))
    assert data["published"] == {"params_m": None, "flops_g": 12.5}
    assert data["params"] is data["method"] is None


def test_json_holds_the_exact_counts() -> None:
    data = json.loads(comparison_json(compared(counted(31.035151, 1890.0))))
    assert (data["params"], data["flops_paper"], data["method"]) == (
        31_035_151,
        1.89e12,
        "dmtnet-b",
    )
    assert data["verdict"] == {"params": "-3.48", "flops": "+6.26"}
    assert data["reason"] == REASONS


def test_notes_are_about_the_rows_of_table_1() -> None:
    table = read_published_table1(PUBLISHED / "table1.csv")
    notes = read_complexity_notes(PUBLISHED / "complexity_notes.csv")
    assert list(notes["method"]) == list(table["method"])


@pytest.mark.parametrize("content", ["", "method,why\nA,b\n", "method,variant,params,flops\n"])
def test_damaged_notes_are_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "complexity_notes.csv"
    path.write_text(content)
    with pytest.raises(DataError, match="complexity_notes"):
        read_complexity_notes(path)


_COUNTED: dict[str, ComplexityRecord] = {}


def count_outline(method: Method, size: tuple[int, int], _: Path | None) -> ComplexityRecord:
    """Parameters and the paper's rule only, which need no computation."""
    key = f"{method} {size}"
    if key not in _COUNTED:
        with torch.random.fork_rng(devices=[]):
            network = method.build_counted().to("meta")
        _COUNTED[key] = complexity(
            method.name,
            method.entry.row,
            size=size,
            params=sum(parameter.numel() for parameter in network.parameters()),
            flops_paper=flops_paper(network, 3 * len(method.views), *size),
            flops_fvcore=0,
        )
    return _COUNTED[key]


@pytest.fixture(scope="module")
def outlines() -> list[Comparison]:
    experiment = load_experiment(CONFIG / "demo.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "count_complexity", count_outline)
        return list(compare_with_table1(experiment, CANON_SIZE, None, PUBLISHED))


def test_every_row_of_the_paper_is_there(outlines: list[Comparison]) -> None:
    paper = list(read_published_table1(PUBLISHED / "table1.csv")["method"])
    assert list(dict.fromkeys(one.method for one in outlines)) == paper
    assert {one.method for one in outlines if one.network == NO_NETWORK} == {"EBDB", "JNB"}
    networks = {one.method: one.network for one in outlines}
    assert networks["MRNet"] == "surrogate"
    assert networks["DMTNet-B"] == "as configured"


def test_every_difference_has_a_reason(outlines: list[Comparison]) -> None:
    for one in outlines:
        for quantity in ("params", "flops"):
            assert one.reason(quantity) != UNKNOWN, (one.method, one.network, quantity)  # type: ignore[arg-type]


def test_no_reason_explains_what_is_equal(outlines: list[Comparison]) -> None:
    for one in outlines:
        if one.network != NO_NETWORK and not one.network.startswith("variant"):
            for quantity in ("params", "flops"):
                equal = one.verdict(quantity) == EQUAL  # type: ignore[arg-type]
                assert not (equal and one.reasons[quantity]), one.method  # type: ignore[index]


def test_a_variant_meets_the_printed_parameters(outlines: list[Comparison]) -> None:
    for one in outlines:
        if one.network.startswith("variant"):
            assert one.verdict("params") == EQUAL, one.method


@pytest.mark.slow
def test_a_variant_meets_the_printed_flops() -> None:
    experiment = load_experiment(CONFIG / "demo.yaml")
    for one in compare_with_table1(experiment, CANON_SIZE, None, PUBLISHED):
        if one.network.startswith("variant"):
            assert one.verdict("flops") in (EQUAL, EQUAL_FVCORE), one.method


def test_methods_that_the_experiment_leaves_out_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "few.yaml"
    text = (CONFIG / "demo.yaml").read_text()
    path.write_text(f"{text}only: [dmtnet-b, input]\n")
    experiment = load_experiment(path)
    assert list(experiment.methods) == ["dmtnet-b", "input"]
    monkeypatch.setattr(stage, "count_complexity", count_outline)
    made = list(compare_with_table1(experiment, (64, 64), None, PUBLISHED))
    assert {"DMTNet-T", "MRNet"} <= {one.method for one in made if one.network != NO_NETWORK}


def test_a_variant_is_counted_beside_its_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "count_complexity", count_outline)
    for path in PUBLISHED.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    notes = pd.read_csv(tmp_path / "complexity_notes.csv", dtype=str).fillna("")
    notes.loc[notes["method"] == "DMTNet-B", "variant"] = "s"
    notes.to_csv(tmp_path / "complexity_notes.csv", index=False)
    experiment = load_experiment(CONFIG / "demo.yaml")
    made = list(compare_with_table1(experiment, CANON_SIZE, None, tmp_path))
    both = [one for one in made if one.method == "DMTNet-B"]
    assert [one.network for one in both] == ["as configured", "variant s"]
    assert [one.counted("params") for one in both] == [24.458353, 12.567256]
    assert [one.record.method for one in both if one.record] == ["dmtnet-b", "dmtnet-b-s"]


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, as_json: bool) -> None:
    monkeypatch.setattr(stage, "count_complexity", count_outline)
    options = ["--config", CONFIG / "demo.yaml", "--published", PUBLISHED]
    options += ["--cache", tmp_path, *(["--json"] if as_json else [])]
    done = CliRunner().invoke(app, ["complexity", "--all", *map(str, options)])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    if as_json:
        rows = [json.loads(line) for line in lines]
        assert {"EBDB", "MRNet", "DMTNet-H"} <= {row["row"] for row in rows}
    else:
        assert lines[0] == heading()
        last = lines[-1].split()
        assert (last[0], last[-1], last[-2]) == ("DMTNet-H", EQUAL, "2506.51")
