"""What readers see: digits, alignment, groups of columns, and lines of text, cell by cell."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from support.factories import complexity, control, result
from support.paths import PUBLISHED

from pipeline.config.experiment import load_methods
from pipeline.methods import Method, get_method
from pipeline.reporting.columns import readable_columns
from pipeline.reporting.complexity import Comparison, comparison_text, heading
from pipeline.reporting.headings import shown_metrics
from pipeline.reporting.latex import latex
from pipeline.reporting.methods import method_text
from pipeline.reporting.notes import notes
from pipeline.reporting.published import read_published_table1
from pipeline.reporting.render import markdown
from pipeline.reporting.table1 import build_table1

METRICS = shown_metrics(load_methods().metrics)
SIZES = {"params": 2_345_678, "flops_paper": 4_567_890_000.0, "flops_fvcore": 3_456_780_000}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    results = [result(psnr=20.126), control("input", "Input (no deblurring)", 18.0)]
    published = read_published_table1(PUBLISHED / "table1.csv")
    return build_table1(results, [complexity(**SIZES)], published)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def lines_of(frame: pd.DataFrame) -> list[str]:
    return [line for line in markdown(frame, METRICS).splitlines() if line.startswith("|")]


def test_digits_and_units_of_a_row(frame: pd.DataFrame) -> None:
    (line,) = (line for line in lines_of(frame) if "| DMTNet-B " in line)
    # Indoor, outdoor, combined; parameters and FLOPs: ours, published; the two rules.
    assert cells(line)[-14:] == [
        *("21.13", "0.528", "0.047", "19.13", "0.478", "0.052", "20.13", "0.503", "0.050"),
        *("2.35", "24.46", "4.57", "3.46", "1294.41"),
    ]
    (line,) = (line for line in lines_of(frame) if "| Input" in line)
    assert cells(line)[-5:] == ["–"] * 5


def test_lines_are_equally_long_and_numbers_stand_on_the_right(frame: pd.DataFrame) -> None:
    lines = lines_of(frame)
    second = next(i for i, line in enumerate(lines[1:], 1) if line.startswith("| Method "))
    assert len(lines) == 2 * 2 + len(frame)
    for block in (lines[:second], lines[second:]):
        assert len({len(line) for line in block}) == 1
        # Without those that hold an escaped bar.
        columns = list(zip(*(line.strip("|").split("|") for line in block), strict=True))
        for head, rule, *texts in columns:
            numeric = rule.rstrip().endswith(":")
            assert numeric == all(re.fullmatch(r"[\d.]+|–", text.strip()) for text in texts), head
            assert all(text[-2 if numeric else 1] != " " for text in (head, *texts)), head


def test_groups_of_columns_in_latex(frame: pd.DataFrame) -> None:
    columns = readable_columns(frame, METRICS)
    text = latex(frame, METRICS)
    kinds = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)
    assert kinds is not None
    assert kinds[1] == "".join("l" if column.digits is None else "r" for column in columns)
    heads, rules, names = text.split("\\toprule\n")[1].splitlines()[:3]
    place, spans = 1, {}
    for head in heads.removesuffix(r" \\").split(" & "):
        found = re.fullmatch(r"\\multicolumn\{(\d+)\}\{c\}\{(.*)\}", head)
        width = int(found[1]) if found else 1
        if found:
            spans[found[2]] = (place, place + width - 1)
        place += width
    assert place == len(columns) + 1
    assert spans == {
        "Indoor": (3, 5),
        "Outdoor": (6, 8),
        "Combined": (9, 11),
        "Params (M)": (12, 13),
        "FLOPs (G)": (14, 16),
    }
    assert rules == " ".join(f"\\cmidrule(lr){{{a}-{b}}}" for a, b in spans.values())
    assert names.count(" & ") == len(columns) - 1
    for line in text.split("\\midrule\n")[1].split("\\bottomrule")[0].splitlines():
        assert line.count(" & ") == len(columns) - 1


@pytest.mark.parametrize("name", ["rdpd-plus", "mrnet", "ebdb", "ifan", "dmenet", "input"])
def test_everything_that_a_method_declares(name: str) -> None:
    method = get_method(name)
    declared = method.declaration
    text = method_text(method)
    lines = text.splitlines()
    assert lines[0] == f"{name}: {method.entry.row}"
    assert max(map(len, lines)) <= 100
    joined = re.sub(r"\n {8,12}(?=\S)", " ", text)
    facts: dict[str, Any] = {
        "recipe": method.entry.recipe or "nothing to train",
        "views": ", ".join(declared.views),
        "input": f"{declared.input_bits} bits",
        "citation": declared.citation,
        "license": declared.licence,
        "official weights": "can be loaded" if declared.load_official else "none",
        "surrogate": declared.surrogate,
        "as published": declared.as_published,
        "output in [0, 1]": declared.bounded,
        "own loss terms": ", ".join(declared.training_terms) or None,
        **{f"no gradient for {key}": why for key, why in declared.untrained.items()},
    }
    for title, value in facts.items():
        if value is None:
            assert f"    {title}: " not in text
        else:
            assert f"    {title}: {value}" in joined
    for known, title in ((True, "    known:"), (False, "    reconstruction:")):
        choices = [choice for choice in declared.choices if choice.known is known]
        assert (title in lines) == bool(choices)
        for choice in choices:
            assert f"{choice.what}: {choice.chosen}" in joined


def test_long_words_are_not_broken() -> None:
    word = "a-very-long-" + 12 * "compound-" + "word"

    class Wordy(Method):
        @property
        def declaration(self) -> Any:  # type: ignore[override]
            return replace(real, citation=f"{40 * 'text '}{word} end")

    method = get_method("input")
    real = method.declaration
    assert word in method_text(Wordy("input", method.entry))


def test_lines_of_a_comparison() -> None:
    record = complexity(size=(1120, 1680), **SIZES)
    reasons: Any = {"params": "wider layers", "flops": 30 * "because "}
    one = Comparison("DMTNet-B", "official", record, {"params": 2.0, "flops": 4.57}, reasons)
    first, second = comparison_text(one).splitlines()
    assert first.split() == [
        *("DMTNet-B", "official", "2.35", "2.00", "+0.35"),
        *("4.57", "3.46", "4.57", "equal"),
    ]
    assert second == " " * 11 + "params: wider layers"
    other = Comparison("DMTNet-B", "official", record, {"flops": 4.0}, reasons)
    first, *wrapped = comparison_text(other).splitlines()
    assert first.split()[2:] == ["2.35", "–", "4.57", "3.46", "4.00", "+0.57"]
    assert " ".join(line.strip() for line in wrapped) == f"FLOPs: {30 * 'because '}".strip()
    assert max(map(len, wrapped)) <= 100
    # Numbers stand below the ends of their headings.
    assert len(comparison_text(one).splitlines()[0]) <= len(heading())
    by_fvcore = Comparison("X", "x", record, {"flops": 3.46}, {})
    assert comparison_text(by_fvcore).endswith("equal by fvcore")
    absent = Comparison("JNB", "", None, {}, {"params": "no network"})
    assert comparison_text(absent).splitlines()[1].strip() == "params: no network"


def test_lpips_is_missing_only_where_nobody_has_it() -> None:
    published = read_published_table1(PUBLISHED / "table1.csv")
    says = "LPIPS: not computed"
    without, first, second = (
        build_table1(results, [], published)
        for results in (
            [result()],
            [result(extra={"lpips": 0.2})],
            [result(), result("mine", "Mine", extra={"lpips": 0.2})],
        )
    )
    assert any(line.startswith(says) for line in notes(without))
    for frame in (first, second):
        assert not any(line.startswith(says) for line in notes(frame))
