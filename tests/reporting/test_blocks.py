"""Rows that were run on another data set never share a column with published ones."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from support.factories import control, protocol, result
from support.paths import PUBLISHED

from pipeline.config.experiment import load_methods
from pipeline.records import ResultRecord
from pipeline.reporting.blocks import blocks, in_blocks
from pipeline.reporting.headings import shown_metrics
from pipeline.reporting.latex import latex
from pipeline.reporting.published import read_published_table1, read_published_table2
from pipeline.reporting.render import markdown
from pipeline.reporting.table1 import build_table1
from pipeline.reporting.table2 import build_table2

METRICS = shown_metrics(load_methods().metrics)
PAPER = read_published_table1(PUBLISHED / "table1.csv")
DEMO = [result(psnr=21.12), control("input", "Input", 20.0)]


def table1(*results: ResultRecord) -> pd.DataFrame:
    return build_table1(list(results), [], PAPER)


def test_a_demo_has_two_blocks_and_every_row_in_one_of_them() -> None:
    frame = table1(*DEMO)
    own, paper = blocks(frame)
    assert list(own.frame["method"]) == ["DMTNet-B", "Input"]
    assert set(own.frame["label"]) == {"demo"}
    assert set(paper.frame["label"]) == {"published"}
    assert (own.paper, paper.paper) == (False, True)
    assert len(own.frame) + len(paper.frame) == len(frame)
    assert "data set synthetic by dpdd-16, not comparable" in own.title
    assert "none of these rows was run here" in paper.title


def test_rows_on_canon_stay_with_the_published_ones() -> None:
    (block,) = blocks(table1(result(dataset="canon", label="reproduced")))
    assert (block.title, block.paper) == ("", True)
    assert blocks(table1())[0].title == ""


def test_another_protocol_has_a_block_of_its_own() -> None:
    same = result(dataset="canon", label="reproduced")
    other = result("mine", "Mine", dataset="canon", label="demo", scoring=protocol("dpdd-8"))
    own, paper = blocks(table1(same, other))
    assert list(own.frame["method"]) == ["Mine"]
    assert "DMTNet-B" in set(paper.frame["method"])
    assert paper.title == "Canon DP: published numbers, and rows that were run here"


def test_the_csv_has_one_block_after_the_other() -> None:
    frame = in_blocks(table1(*DEMO))
    labels = list(frame["label"])
    assert labels == ["demo"] * 2 + ["published"] * (len(frame) - 2)
    pd.testing.assert_frame_equal(
        frame.sort_values("method", ignore_index=True),
        table1(*DEMO).sort_values("method", ignore_index=True),
        check_exact=True,
    )


def test_table2_has_them_too() -> None:
    published = read_published_table2(PUBLISHED / "table2.csv")
    frame = build_table2([result()], [], published, {3: "dmtnet-b"})
    assert list(in_blocks(frame)["method"]) == ["3", "1", "2"]


@pytest.mark.parametrize(("show", "mark"), [(markdown, "| Method "), (latex, r"\midrule")])
def test_readers_see_two_tables(show, mark: str) -> None:  # type: ignore[no-untyped-def]
    text = show(table1(*DEMO), METRICS)
    assert text.count(mark) == 2
    first, second = text.split("Published numbers on Canon DP")
    assert "21.12" in first
    assert "EBDB" not in first
    assert "EBDB" in second
    assert "21.12" not in second


def test_the_stage_writes_them(project: Path) -> None:
    text = Path("reports/small/table1.md").read_text()
    first, second = text.split("Published numbers on Canon DP")
    assert "DMTNet-T" in first
    assert "DMTNet-T" not in second
    labels = list(pd.read_csv("reports/small/table1.csv")["label"])
    assert labels == sorted(labels)
