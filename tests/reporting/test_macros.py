"""Numbers as LaTeX commands: names, texts, where they come from, and what has none."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factories import complexity, control, result, scores
from support.paths import PUBLISHED

from pipeline.errors import ConfigError
from pipeline.records import ResultRecord
from pipeline.reporting.groups import build_groups
from pipeline.reporting.macro_names import macro_name
from pipeline.reporting.macros import ValueTable, values_tex
from pipeline.reporting.published import read_published_table1, read_published_table2
from pipeline.reporting.table1 import build_table1
from pipeline.reporting.table2 import build_table2

PAPER = read_published_table1(PUBLISHED / "table1.csv")
LINE = re.compile(r"\\newcommand\{\\([a-zA-Z]+)\}\{(.*)\}% (.*)")


def frame_of(*results: ResultRecord) -> pd.DataFrame:
    return build_table1(list(results), [complexity()], PAPER, experiment="demo")


def macros(*shown: ValueTable, **records: list[str]) -> dict[str, tuple[str, str]]:
    """Text and source of every command, by name."""
    text = values_tex(shown, str.lower, records)
    lines = [line for line in text.splitlines() if line and not line.startswith("%")]
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {match[1]: (match[2], match[3]) for match in found if match}


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (("DMTNet-B", "Combined", "PSNR"), "dMTNetBCombinedPSNR"),
        (("dmtnet-b-no-transformer",), "dmtnetBNoTransformer"),
        (("dpdnet+",), "dpdnetPlus"),
        (("10 nets",), "oneZeroNets"),
        (("",), ""),
        (("Äpfel & \\input{x}",), "apfelInputX"),
        # U+6A21 and U+7CCA.
        (("模糊",), "uSixATwoOneUSevenCCA"),
    ],
)
def test_names(texts: tuple[str, ...], name: str) -> None:
    assert macro_name(*texts) == name


@given(st.lists(st.text(max_size=8), max_size=4))
def test_a_name_has_letters_only(texts: list[str]) -> None:
    assert re.fullmatch("[a-zA-Z]*", macro_name(*texts))


def test_numbers_are_printed_as_in_the_table() -> None:
    table = frame_of(*(result("dmtnet-b", "DMTNet-B", 20.126 + i, repetition=i) for i in range(3)))
    found = macros(ValueTable("table1", table))
    assert found["dmtnetBCombinedPSNR"] == ("21.13", "table1 DMTNet-B combined_psnr")
    assert found["dmtnetBIndoorSSIM"][0] == "0.553"
    assert found["dmtnetBCombinedPSNRSD"][0] == "1.00"
    assert found["dmtnetBCombinedPSNRPublished"][0] == "26.63"
    assert found["dmtnetBSeeds"][0] == "3"
    assert found["dmtnetBLabel"][0] == "demo"
    assert found["dmtnetBParams"][0] == "2.00"
    assert found["dmtnetBTrainedParams"][0] == "123456"
    # Nothing to compare with, nothing computed.
    assert not {"dmtnetBCombinedPSNRDifference", "dmtnetBCombinedLPIPS"} & set(found)


def test_every_number_of_the_table_has_a_command() -> None:
    table = frame_of(result(extra={"lpips": 0.25, "ms_ssim": 0.5}, dataset="canon"))
    sources = {
        tuple(source.split()[-2:]) for _, source in macros(ValueTable("table1", table)).values()
    }
    numbers = [name for name in table if pd.api.types.is_numeric_dtype(table[name])]
    row = table.set_index("method").loc["DMTNet-B"]
    wanted = {("DMTNet-B", name) for name in numbers if pd.notna(row[name])}
    assert len(wanted) > 30
    assert wanted <= sources


def test_what_was_not_run_has_published_numbers_only() -> None:
    found = macros(ValueTable("table1", frame_of()))
    own = {name: text for name, text in found.items() if name.startswith("ebdb")}
    assert own["ebdbCombinedPSNRPublished"][0] == "23.45"
    assert own["ebdbLabel"][0] == "published"
    assert {name for name in own if not name.endswith("Published")} == {"ebdbLabel"}


def test_a_difference_keeps_its_sign() -> None:
    record = result(psnr=26.0, dataset="canon", label="reproduced")
    text, _ = macros(ValueTable("table1", frame_of(record)))["dmtnetBCombinedPSNRDifference"]
    assert text == "\\ensuremath{-}0.63"


def test_records_stand_above_their_numbers() -> None:
    table = frame_of(result(), control("input", "Input", 18.0))
    text = values_tex([ValueTable("table1", table)], str, {"Input": ["results/a/record.json"]})
    assert "% Input: demo; data set synthetic by dpdd-16; results/a/record.json\n" in text
    assert "% EBDB: published\n" in text
    assert text.startswith("% Experiment: demo\n")


def test_ablation_and_groups_have_names_of_their_own() -> None:
    groups = {"stereo": scores(22.0), "50 %": scores(21.0)}
    records = [result(groups=groups)]
    published = read_published_table2(PUBLISHED / "table2.csv")
    found = macros(
        ValueTable("table1", frame_of(*records)),
        ValueTable("table2", build_table2(records, [], published, {3: "b"}), "ablation", "row"),
        ValueTable("groups", build_groups(records)),
    )
    assert found["ablationMethodOneCombinedPSNRPublished"][0] == "26.42"
    assert found["dmtnetBGroupStereoPSNR"] == ("22.00", "groups DMTNet-B stereo psnr")
    assert found["dmtnetBGroupFiveZeroImages"] == ("4", "groups DMTNet-B '50 %' n_images")


def test_two_numbers_with_one_name_are_refused() -> None:
    table = frame_of(result("a", "net-1"), result("b", "net one"))
    with pytest.raises(ConfigError, match=r"^\\netOneLabel: .*net-1.*net one.*; rename") as error:
        macros(ValueTable("table1", table))
    assert str(error.value).isprintable()


def test_a_stale_label_says_so() -> None:
    table = build_table1([result()], [], PAPER, stale=["dmtnet-b"])
    assert macros(ValueTable("table1", table))["dmtnetBLabel"][0] == "demo (stale)"


@pytest.mark.parametrize("row", ["\\input{/etc/hosts}", "a % b", "a_b^c", "{x", "\\end{x}"])
def test_a_name_can_neither_run_nor_end_anything(row: str) -> None:
    table = frame_of(result("mine", row))
    text = values_tex([ValueTable("table1", table)], str, {row: [f"results/{row}\n\\bad"]})
    for line in text.splitlines():
        assert line.startswith("%") or not line or LINE.fullmatch(line)
        code = line.split("%")[0] if not line.startswith("%") else ""
        assert "input{" not in code
        assert "bad" not in code
