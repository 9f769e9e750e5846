"""The page of a check: everything that was measured, and what was not."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.gpu_check.page import SECTIONS, page
from pipeline.gpu_check.parts import PARTS
from pipeline.gpu_check.rows import Parts, Report

CELL = {
    "method": "dmtnet-b",
    "task": "training",
    "precision": "float32",
    "channels_last": True,
    "compiled": False,
    "size": [1, 6, 512, 512],
}
ROWS: dict[str, list[dict[str, Any]]] = {
    "rates": [
        {
            "kind": "convolution",
            "precision": "float32",
            "layout": "channels_last",
            "flop_per_s": 5e13,
        },
        {"kind": "matrix product", "precision": "float32", "layout": "", "flop_per_s": 1e14},
    ],
    "attention": [
        {"method": "dmtnet-b", "task": "training", "precision": "bfloat16", "backend": "fused"}
        | {"kernels": ["efficient_attention"]}
    ],
    "determinism": [
        {"method": "ifan", "same": False, "same_off": False, "on_s": 0.3, "off_s": 0.2}
        | {"warned": ["grid_sampler_2d_backward_cuda"]},
        {"method": "restormer"},
    ],
    "feed": [
        {"method": "dmtnet-t", "precision": "bfloat16", "batch": 8, "crop": 512, "workers": 8}
        | {"step_s": 0.1, "waiting_share": 0.25, "conversion_s": 0.005, "transfer_s": 0.002}
        | {"batch_bytes": 50_000_000}
    ],
    "tests": [{"passed": 11, "failed": 1, "skipped": 2, "failing": ["test_x"], "reasons": ["two"]}],
    "kill": [{"signals": 3, "identical": True, "summary": "3 signals: byte-identical"}],
    "processes": [
        {"method": "dmtnet-t", "backend": "nccl", "batch": 2, "crop": 512}
        | {"one_s": 0.2, "two_s": 0.125, "difference": 3e-7}
    ],
    "speed": [
        {**CELL, "seconds": 0.1, "first_s": 2.0, "passes": 5, "flop": 10**12}
        | {"allocated_bytes": 4 * 10**9, "reserved_bytes": 5 * 10**9, "planned_bytes": 3 * 10**9},
        {**CELL, "method": "dmtnet-h", "problem": "out of memory", "planned_bytes": 34 * 10**9},
    ],
}


def report(kind: str = "cuda", **results: dict[str, Any]) -> Report:
    machine = {"kind": kind, "name": "Test GPU 9000", "memory_bytes": 80 * 10**9, "gpus": 2}
    return Report.model_validate(
        {
            "machine": machine
            | {"capability": "9.0", "versions": {"torch": "2.14.1", "CUDA": "13.0"}},
            "command": "dmtbench gpu-check",
            "created": "2026-11-29T12:00:00+00:00",
            "git_commit": "c64ab36ede26",
            "git_dirty": False,
            "budget_s": 600.0,
            "seconds": 590.0,
            "parts": results,
        }
    )


def result(name: str, **changes: Any) -> dict[str, Any]:
    rows = [{"name": f"{name} {number}"} | row for number, row in enumerate(ROWS[name])]
    return {"outcome": "done", "seconds": 12.0, "rows": rows} | changes


def cells(text: str, start: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {start} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_part_has_a_section_and_a_place_in_the_report() -> None:
    assert [*SECTIONS] == [*PARTS]
    assert {*Parts.model_fields} == {*PARTS}


def test_a_full_page() -> None:
    full = report(**{name: result(name) for name in PARTS})
    text = page(full)
    assert text.startswith("# GPU check: Test GPU 9000\n")
    assert "CPU: proves the script" not in text
    for needed in (
        "2026-11-29",
        "c64ab36ede26",
        "`dmtbench gpu-check`",
        "| CUDA | 13.0 |",
        "80.0 GB",
    ):
        assert needed in text
    for part in PARTS.values():
        assert f"\n## {part.title}\n" in text
    # 1e12 operations in 0.1 s are 10 TFLOP/s: 20 % of the convolution, 10 % of the product.
    assert cells(text, "dmtnet-b | training | 6 × 512 × 512")[3:] == [
        *("float32", "yes", "no", "100", "2.00", "10", "20 %", "10 %", "4.00", "5.00", "3.00")
    ]
    assert cells(text, "dmtnet-h")[6:] == ["out of memory", *6 * ["–"], "34.00"]
    assert cells(text, "ifan")[1:] == [
        "no",
        "no",
        "grid_sampler_2d_backward_cuda",
        "300",
        "200",
        "1.50",
    ]
    assert cells(text, "restormer")[1:] == ["out of memory", *5 * ["–"]]
    # 5 ms of 100 are 5 %; 50 MB in 2 ms are 25 GB/s.
    assert cells(text, "dmtnet-t | bfloat16")[3:] == ["8", "100", "25 %", "5", "5 %", "2", "25.0"]
    assert cells(text, "dmtnet-t | nccl")[3:] == ["5.00", "8.00", "1.60", "3.0e-07"]
    assert "11 passed, 1 failed, 2 skipped" in text
    assert "- failed: `test_x`" in text
    assert "3 signals: byte-identical" in text
    assert page(Report.model_validate_json(full.model_dump_json())) == text


def test_what_was_cut_by_the_time_is_named() -> None:
    planned = ["speed 0", "speed 1", "a cell", "another cell"]
    cut = result("speed", outcome="out of time", reason="its time was 9 s", planned=planned)
    text = page(report(speed=cut))
    assert "Not measured (out of time): a cell; another cell." in text
    # Without rates there are no shares.
    assert cells(text, "dmtnet-b")[9:11] == ["–", "–"]


def test_outcomes_and_reasons() -> None:
    text = page(
        report(
            kill={"outcome": "skipped", "reason": "no checkout"},
            tests={"outcome": "failed", "reason": "a | b", "seconds": 3.4},
        )
    )
    assert cells(text, "Kill drill")[1:] == ["skipped", "0", "no checkout"]
    assert "| Tests marked gpu | failed | 3 | a \\| b |" in text
    assert cells(text, "Feed")[1:] == ["not asked for", "", ""]
    assert "\n## Kill drill" not in text


def test_a_page_of_a_cpu_says_so() -> None:
    assert "\n**CPU: proves the script, says nothing about a GPU.**\n" in page(report("cpu"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_numbers(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        report(rates=result("rates", rows=[{"name": "a", **ROWS["rates"][0], "flop_per_s": value}]))
