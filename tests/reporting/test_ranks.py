"""Bold and underlined scores: the best and the second, only among comparable rows."""

from __future__ import annotations

import re

import pandas as pd
from support.factories import result, scores
from support.paths import PUBLISHED

from pipeline.config.experiment import load_methods
from pipeline.records import ResultRecord
from pipeline.reporting.blocks import blocks
from pipeline.reporting.columns import readable_columns
from pipeline.reporting.groups import build_groups
from pipeline.reporting.headings import shown_metrics
from pipeline.reporting.latex import latex
from pipeline.reporting.published import read_published_table1
from pipeline.reporting.ranks import Rank, Ranks, ranks
from pipeline.reporting.table1 import build_table1

METRICS = shown_metrics(load_methods().metrics)
PAPER = read_published_table1(PUBLISHED / "table1.csv")


def table1(*results: ResultRecord) -> pd.DataFrame:
    return build_table1(list(results), [], PAPER)


def ranked(frame: pd.DataFrame) -> Ranks:
    """The marks of the first block."""
    block = blocks(frame)[0]
    beyond = frame.drop(block.frame.index)
    return ranks(block, beyond, readable_columns(frame, METRICS), METRICS)


def marked(frame: pd.DataFrame, column: str) -> dict[str, Rank]:
    found = ranked(frame)
    return {
        str(frame.loc[index, "method"]): rank
        for (index, source), rank in found.items()
        if source == column
    }


def psnr(**values: float) -> dict[str, Rank]:
    frame = table1(*(result(name, name, value) for name, value in values.items()))
    return marked(frame, "combined_psnr")


def test_the_paper_marks_the_same() -> None:
    frame = table1()
    assert marked(frame, "combined_psnr") == {"DMTNet-H": Rank.BEST, "MRNet": Rank.SECOND}
    # Equal digits share a place; a small error is a good one.
    assert marked(frame, "indoor_mae") == {
        "MRNet": Rank.BEST,
        "DMTNet-H": Rank.BEST,
        **dict.fromkeys(("Restormer", "DMTNet-B", "DMTNet-L"), Rank.SECOND),
    }


def test_the_printed_digits_decide() -> None:
    assert psnr(a=20.001, b=19.999, c=19.0, d=18.0) == {
        "a": Rank.BEST,
        "b": Rank.BEST,
        "c": Rank.SECOND,
    }


def test_the_last_is_never_marked() -> None:
    assert psnr(a=20.0) == {}
    assert psnr(a=20.0, b=20.0) == {}
    assert psnr(a=20.0, b=19.0) == {"a": Rank.BEST}


def test_sizes_and_texts_have_no_marks() -> None:
    frame = table1(result(psnr=20.0), result("b", "b", 19.0))
    assert {source for _, source in ranked(frame)} == {
        f"{category}_{metric}"
        for category in ("indoor", "outdoor", "combined")
        for metric in ("psnr", "ssim", "mae")
    }


def test_groups_are_ranked_apart() -> None:
    def record(name: str, near: float, far: float) -> ResultRecord:
        return result(name, name, groups={"near": scores(near), "far": scores(far)})

    frame = build_groups([record("a", 20.0, 30.0), record("b", 21.0, 29.0)])
    found = ranked(frame)
    rows = {
        (frame.loc[index, "method"], frame.loc[index, "group"])
        for (index, source), rank in found.items()
        if source == "psnr" and rank is Rank.BEST
    }
    assert rows == {("a", "far"), ("b", "near")}


def test_blocks_have_marks_of_their_own() -> None:
    own, paper = latex(
        table1(result(psnr=21.0), result("b", "b", 20.0), result("c", "c", 19.0)), METRICS
    ).split("Published numbers on Canon DP")
    for text, best, second in ((own, "21.00", "20.00"), (paper, "26.91", "26.85")):
        body = [line for line in text.splitlines() if line.count(" & ") == 12]
        combined = [re.split(r" & |\\\\", line)[8] for line in body]
        assert f"\\textbf{{{best}}}" in combined
        assert f"\\underline{{{second}}}" in combined
        assert sum("\\textbf" in cell for cell in combined) == 1


def test_a_published_number_is_the_best_only_among_all_of_them() -> None:
    # DMTNet-H, the paper's best, was run here, so it stands in the other block.
    _, paper = latex(table1(result("dmtnet-h", "DMTNet-H", 20.0)), METRICS).split(
        "Published numbers on Canon DP"
    )
    assert "\\underline{26.85}" in paper
    assert "\\textbf{26.85}" not in paper
    assert "among all rows of the paper" in paper


def test_every_label_with_a_note_has_a_footnote() -> None:
    text = latex(table1(result("mrnet", "MRNet", label="surrogate", dataset="canon")), METRICS)
    assert "& surrogate\\textsuperscript{b} &" in text
    assert "& published\\textsuperscript{a} &" in text
    assert "\\textsuperscript{b}Rows labeled surrogate were made" in text
    # A reproduced row on Canon needs no explanation.
    plain = latex(table1(result(label="reproduced", dataset="canon")), METRICS)
    assert "& reproduced &" in plain
