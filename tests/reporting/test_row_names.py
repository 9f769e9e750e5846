"""Names that a user gives to rows: shown as they are in plots, tables and MLflow, or refused."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from pydantic import ValidationError
from support.factories import control, result
from support.latex import compiled, needs_latex
from support.paths import PUBLISHED, TINY

from pipeline.config.experiment import load_experiment, load_methods
from pipeline.config.methods import MethodEntry
from pipeline.errors import ConfigError
from pipeline.reporting import plots
from pipeline.reporting.escapes import escape_latex
from pipeline.reporting.headings import shown_metrics
from pipeline.reporting.plots import psnr_vs_params
from pipeline.reporting.published import read_published_table1
from pipeline.reporting.render import markdown, write_table
from pipeline.reporting.table1 import build_table1
from pipeline.reporting.tables import read_table

METRICS = shown_metrics(load_methods().metrics)
NAMES = [
    "costs $5",
    "$x$ and $\\frac{$",
    "$\\undefined$",
    "a_b^c_{d",
    "50 % # & ~ {net}",
    "back\\slash \\\\ \\n",
    "<b>bold</b> <script>",
    "a | b || c",
    "[1] first",
    "*starred* _and_ `code`",
    '"quoted", with; commas',
    "NA",
    "1e5",
    "=1+1",
    "שלום עולם",
    "模糊 🙂",
    "long " * 39 + "name",
]
REFUSED = ["", " ", " a", "a ", "a\nb", "a\tb", "a\rb", "\x00", "\x1b[31m", "\x7f", "\u0085"]
REFUSED += ["\u2028", "\u202eevil", "\u2066x", "x" * 201]


def table(names: list[str]) -> pd.DataFrame:
    results = [result(f"m{i}", name, 20.0 + i / 10) for i, name in enumerate(names)]
    results += [control("c", f"Control: {names[0]}", 19.0)]
    return build_table1(results, [], read_published_table1(PUBLISHED / "table1.csv"))


def test_plots_show_names_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: set[str] = set()
    save = plots.save_figure

    def noted(figure: Figure, stem: Path) -> list[Path]:
        texts.update(text.get_text() for axes in figure.axes for text in axes.texts)
        assert not any(text.get_parse_math() for axes in figure.axes for text in axes.texts)
        return save(figure, stem)

    monkeypatch.setattr(plots, "save_figure", noted)
    with warnings.catch_warnings():
        # The font lacks some of the characters.
        warnings.simplefilter("ignore")
        paths = psnr_vs_params(table(NAMES), tmp_path / "plot", METRICS)
    assert [path.exists() for path in paths] == [True] * 3
    shown = {name if len(name) <= 48 else f"{name[:47]}…" for name in NAMES}
    assert shown <= texts


def test_csv_keeps_names(tmp_path: Path) -> None:
    frame = table(NAMES)
    write_table(frame, tmp_path / "table1", METRICS)
    pd.testing.assert_frame_equal(read_table(tmp_path / "table1.csv"), frame)


def cells(line: str) -> list[str]:
    """Cells of a line of a Markdown table, as a reader sees them."""
    return [re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", part).strip() for part in _split(line)[1:-1]]


def _split(line: str) -> list[str]:
    parts, escaped = [""], False
    for char in line:
        if char == "|" and not escaped:
            parts.append("")
        else:
            parts[-1] += char
        escaped = char == "\\" and not escaped
    return parts


def test_markdown_keeps_names() -> None:
    lines = markdown(table(NAMES), METRICS).splitlines()
    columns = len(cells(next(line for line in lines if line.startswith("| "))))
    found = [cells(line) for line in lines if line.startswith("| ")]
    assert {len(row) for row in found} == {columns}
    assert set(NAMES) <= {row[0] for row in found}
    # What would be markup is escaped.
    assert not re.search(r"(?<!\\)[<*_`\[]", "\n".join(lines[2:]))


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=30))
def test_latex_has_no_commands_from_names(name: str) -> None:
    escaped = escape_latex(name)
    commands = re.sub(
        r"\\(?:[&%$#_{}]|text[a-z]+\{\}|)|\$\\(?:pm|uparrow|downarrow)\$", "", escaped
    )
    assert not set(commands) & set('&%$#_~^\\<>|"`')
    # A line of a table may begin with it.
    assert not escaped.startswith(("*", "["))


@needs_latex
def test_latex_sets_every_name(tmp_path: Path) -> None:
    names = [name for name in NAMES if name.isascii()]
    write_table(table(names), tmp_path / "table1", METRICS)
    compiled(tmp_path, "\\input{table1}", "booktabs", "graphicx")


@pytest.mark.parametrize("row", NAMES)
def test_names_that_can_be_shown(row: str) -> None:
    assert MethodEntry(module="m", row=row).row == row


REASONS = r"mine\.yaml: (ablations\.mine\.row: |.*control characters)"


@pytest.mark.parametrize("row", REFUSED)
def test_names_that_cannot_be_shown(tmp_path: Path, row: str) -> None:
    with pytest.raises(ValidationError):
        MethodEntry(module="m", row=row)
    data = yaml.safe_load(TINY.read_text())
    data["ablations"] = {"mine": {"base": "dmtnet-b", "row": row}}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match=REASONS) as error:
        load_experiment(path)
    assert str(error.value).isprintable()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20))
def test_every_name_is_refused_or_shown_in_one_line(row: str) -> None:
    try:
        MethodEntry(module="m", row=row)
    except ValidationError:
        return
    assert len(row.splitlines()) == 1
    row.encode()
