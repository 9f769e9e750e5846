from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from support.factories import complexity, control, result, scores
from support.paths import PUBLISHED

from pipeline.config.experiment import load_methods
from pipeline.config.methods import MetricEntry
from pipeline.errors import DataError
from pipeline.reporting.escapes import escape_latex
from pipeline.reporting.groups import build_groups
from pipeline.reporting.headings import shown_metrics
from pipeline.reporting.published import read_published_table1, read_published_table2
from pipeline.reporting.render import write_metrics
from pipeline.reporting.render import write_table as write_table_of
from pipeline.reporting.table1 import build_table1
from pipeline.reporting.table2 import build_table2
from pipeline.reporting.tables import read_table

METRICS = shown_metrics(load_methods().metrics)


def write_table(frame: pd.DataFrame, stem: Path) -> list[Path]:
    return write_table_of(frame, stem, METRICS)


@pytest.fixture(scope="module")
def table1() -> pd.DataFrame:
    results = [
        *(result(psnr=20 + i / 3, repetition=i) for i in range(3)),
        control("input", "Input | 100 % & more_", 18.123456789012345),
    ]
    return build_table1(results, [complexity()], read_published_table1(PUBLISHED / "table1.csv"))


@pytest.fixture(scope="module")
def table2() -> pd.DataFrame:
    results = [result(psnr=20.0 + i, repetition=i) for i in range(3)]
    published = read_published_table2(PUBLISHED / "table2.csv")
    return build_table2(results, [complexity()], published, {3: "dmtnet-b"})


def test_csv_reads_back_equal(tmp_path: Path, table1: pd.DataFrame, table2: pd.DataFrame) -> None:
    groups = build_groups([result(groups={"stereo": scores(22.0)})])
    for name, frame in {"table1": table1, "table2": table2, "groups": groups}.items():
        written = write_table(frame, tmp_path / name)
        assert [path.name for path in written] == [f"{name}.{end}" for end in ("csv", "md", "tex")]
        pd.testing.assert_frame_equal(read_table(written[0]), frame, check_exact=True)


def test_same_table_same_bytes(tmp_path: Path, table1: pd.DataFrame) -> None:
    once = [path.read_bytes() for path in write_table(table1, tmp_path / "a")]
    assert once == [path.read_bytes() for path in write_table(table1, tmp_path / "b")]


def test_markdown_is_readable(tmp_path: Path, table1: pd.DataFrame) -> None:
    text = write_table(table1, tmp_path / "table1")[1].read_text(encoding="utf-8")
    lines = text.splitlines()
    table = [line for line in lines if line.startswith("|")]
    # Rows run here, then published ones: each block has its own two lines of headings.
    assert len(table) == len(table1) + 2 * 2
    second = next(i for i, line in enumerate(table[1:], 1) if line.startswith("| Method "))
    for block in (table[:second], table[second:]):
        assert len({len(line) for line in block}) == 1
    assert table[0].split("|")[1].strip() == "Method"
    ours = next(line for line in table if "DMTNet-B " in line)
    cells = [cell.strip() for cell in ours.strip("|").split("|")]
    assert cells[:3] == ["DMTNet-B", "demo", "21.33"]
    assert len(cells) == 16
    first = table1.iloc[0]
    (line,) = (line for line in table if line.startswith(f"| {first['method']} "))
    assert f"| {first['combined_psnr']:.2f} |" in " ".join(line.split())
    assert f"{first['combined_ssim']:.3f}" in line
    assert r"Input \| 100 % \& more\_" in text
    note = next(line for line in lines if "labeled demo" in line)
    assert "narrow networks" in note
    assert "synthetic" in note
    assert "not comparable" in note


def test_scores_have_units_and_directions(
    tmp_path: Path, table1: pd.DataFrame, table2: pd.DataFrame
) -> None:
    groups = build_groups([result(groups={"stereo": scores(22.0)})])
    for frame, headings in (
        (table1, ["Indoor PSNR (dB) ↑", "Combined SSIM ↑", "Outdoor MAE ↓"]),
        (table2, ["Combined PSNR (dB) ↑", "Combined PSNR published (dB) ↑", "Combined SSIM ↑"]),
        (groups, ["PSNR (dB) ↑", "SSIM ↑", "MAE ↓"]),
    ):
        _, md, tex = write_table(frame, tmp_path / "table")
        lines = md.read_text(encoding="utf-8").splitlines()
        head = next(line for line in lines if line.startswith("|"))
        found = [cell.strip() for cell in head.split("|")]
        assert set(headings) <= set(found)
        head = tex.read_text(encoding="utf-8").split(r"\midrule")[0]
        assert r"& PSNR (dB) $\uparrow$ &" in head
        assert r"SSIM $\uparrow$ &" in head
        assert (r"MAE $\downarrow$" in head) == (frame is not table2)


def test_unit_and_direction_are_those_that_the_metric_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table1: pd.DataFrame
) -> None:
    (tmp_path / "blur_metric.py").write_text(
        "UNIT = 'px'\nHIGHER_IS_BETTER = False\ndef score(prediction, target):\n    return 1.0\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    other = shown_metrics({"psnr": MetricEntry(module="blur_metric")})
    text = write_table_of(table1, tmp_path / "t", other)[1].read_text(encoding="utf-8")
    assert "| Indoor PSNR (px) ↓ | Indoor SSIM |" in text


def test_missing_lpips_is_said(tmp_path: Path, table1: pd.DataFrame) -> None:
    said = "LPIPS: not computed"
    assert said in write_table(table1, tmp_path / "without")[1].read_text(encoding="utf-8")
    scored = table1.assign(combined_lpips=0.2)
    assert said not in write_table(scored, tmp_path / "with")[1].read_text(encoding="utf-8")


def test_latex_is_booktabs(tmp_path: Path, table1: pd.DataFrame) -> None:
    text = write_table(table1, tmp_path / "table1")[2].read_text(encoding="utf-8")
    for command in (r"\toprule", r"\midrule", r"\bottomrule", r"\multicolumn{3}{c}{Indoor}"):
        assert command in text
    bodies = [part.split(r"\bottomrule")[0].strip() for part in text.split(r"\midrule")[1:]]
    assert len(bodies) == 2
    body = "\n".join(bodies)
    rows = body.strip().splitlines()
    assert len(rows) == len(table1)
    # Nothing was counted for published rows, so three columns of theirs are empty.
    separators = [
        {row.replace(r"\&", "").count("&") for row in part.splitlines()} for part in bodies
    ]
    assert separators == [{15}, {12}]
    assert r"Input \textbar{} 100 \% \& more\_ & demo\textsuperscript{a} & 19.12" in body
    assert "narrow networks" in text.split(r"\end{tabular}")[2]


def test_latex_escapes_every_command_character() -> None:
    escaped = escape_latex("\\ & % $ # _ { } ~ ^")
    assert escaped == (
        r"\textbackslash{} \& \% \$ \# \_ \{ \} \textasciitilde{} \textasciicircum{}"
    )


def test_spread_is_next_to_the_mean(tmp_path: Path, table2: pd.DataFrame) -> None:
    _, md, tex = write_table(table2, tmp_path / "table2")
    assert "21.00 ± 1.00" in md.read_text(encoding="utf-8")
    assert r"21.00 $\pm$ 1.00" in tex.read_text(encoding="utf-8")


def test_no_note_about_demo_without_one(tmp_path: Path) -> None:
    published = read_published_table1(PUBLISHED / "table1.csv")
    record = result(dataset="canon", label="reproduced")
    _, md, _ = write_table(build_table1([record], [], published), tmp_path / "t")
    assert "not comparable" not in md.read_text(encoding="utf-8")


def test_a_surrogate_is_said_to_be_one(tmp_path: Path, table1: pd.DataFrame) -> None:
    said = "they are not results of those methods"
    published = read_published_table1(PUBLISHED / "table1.csv")
    record = result("mrnet", "MRNet", dataset="canon", label="surrogate")
    for text in write_table(build_table1([record], [], published), tmp_path / "with")[1:]:
        assert said in text.read_text(encoding="utf-8")
    assert said not in write_table(table1, tmp_path / "without")[1].read_text(encoding="utf-8")


def test_given_weights_are_said_to_be_such(tmp_path: Path, table1: pd.DataFrame) -> None:
    said = "nobody has confirmed to be the authors' weights"
    published = read_published_table1(PUBLISHED / "table1.csv")
    record = result("dpdnet", "DPDNet", dataset="canon", label="given weights")
    for text in write_table(build_table1([record], [], published), tmp_path / "with")[1:]:
        assert said in text.read_text(encoding="utf-8")
    assert said not in write_table(table1, tmp_path / "without")[1].read_text(encoding="utf-8")


def test_metrics_hold_what_was_run(tmp_path: Path, table1: pd.DataFrame) -> None:
    write_metrics(table1, tmp_path / "metrics.json")
    (metrics,) = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8")).values()
    assert list(metrics) == ["DMTNet-B", "Input | 100 % & more_"]
    ours = table1.set_index("method").loc["DMTNet-B"]
    names = ("combined_psnr", "combined_ssim", "combined_mae")
    assert metrics["DMTNet-B"] == {name: ours[name] for name in names}


def test_a_table_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("method,combined_psnr\na,high\n", encoding="utf-8")
    for name in ("t.csv", "gone.csv"):
        with pytest.raises(DataError, match=name):
            read_table(tmp_path / name)
