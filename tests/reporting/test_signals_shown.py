"""Signals of modules as text, CSV, JSON and plot."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import cv2
import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.reporting.signals import signals_json, signals_text, write_signals_csv
from pipeline.reporting.signals_plot import check_plot, group_names, plot_signals
from pipeline.training.module_signals import ModuleSignals, Signals


def module(name: str, step: int = 0, **changes: Any) -> ModuleSignals:
    fields: dict[str, Any] = {
        "kind": "Conv2d",
        "leaf": True,
        "mixes": True,
        "input_sd": 0.5,
        "output_sd": 0.25,
        "output_mean": -0.125,
        "gradient_norm": 1.5e-3,
        "weight_norm": 2.0,
        "update_ratio": None if step == 0 else 1e-3 * step,
        "channels": None,
        "dead": None,
    }
    return ModuleSignals(step=step, module=name, **{**fields, **changes})


def made(*modules: ModuleSignals) -> Signals:
    return Signals("a-method, repetition 0", "2 crops of 64 x 64 pixels", [*modules])


SIGNALS = made(
    *(
        one
        for step in (0, 5)
        for one in (
            module("(network)", step, kind="Network", leaf=False, mixes=False),
            module("body.0.first", step, channels=16, dead=3),
            module("body.0.norm", step, kind="Norm", mixes=False, input_sd=0.0),
            module("body.1.last", step, output_sd=None, gradient_norm=0.0),
            module("head", step),
        )
    )
)


def test_a_table_for_each_step() -> None:
    lines = [*signals_text(SIGNALS, 4)]
    assert lines[0] == "a-method, repetition 0; 2 crops of 64 x 64 pixels"
    assert [line for line in lines if line.startswith("after")] == [
        "after 0 steps:",
        "after 5 steps:",
    ]
    assert lines[2].split() == (
        ["module", "kind", "output", "sd", "/", "input", "gradient", "weights", "update", "dead"]
    )
    first = next(line for line in lines if line.startswith("body.0.first"))
    assert first.split()[2:] == ["0.2500", "0.500", "1.50e-03", "2.000", "–", "3", "of", "16"]
    assert lines[-1].split() == [
        "head",
        "Conv2d",
        "0.2500",
        "0.500",
        "1.50e-03",
        "2.000",
        "5.0e-03",
        "–",
    ]


def test_columns_are_aligned() -> None:
    lines = [*signals_text(SIGNALS, 4)][2:8]
    at = lines[0].index("output sd") + len("output sd")
    assert {line[at] for line in lines} == {" "}
    assert all(line[at - 1] != " " for line in lines)
    assert {
        line.index(kind) for line, kind in zip(lines[1:], ("Network", "Conv2d"), strict=False)
    } == {lines[0].index("kind")}


@pytest.mark.parametrize(("depth", "shown"), [(1, 2), (2, 2), (3, 5)])
def test_deep_names_are_counted(depth: int, shown: int) -> None:
    lines = [*signals_text(SIGNALS, depth)]
    hidden = [line for line in lines if "not shown" in line]
    assert len(lines) == 1 + 2 * (2 + shown) + len(hidden)
    assert bool(hidden) == (shown < 5)
    assert all(line.startswith(f"{5 - shown} modules") for line in hidden)


def test_json_has_no_numbers_that_json_lacks() -> None:
    odd = module("a", output_sd=math.inf, output_mean=math.nan)
    (line,) = signals_json(made(odd))

    def refuse(name: str) -> float:
        raise AssertionError(name)

    found = json.loads(line, parse_constant=refuse)
    assert (found["output_sd"], found["output_mean"], found["ratio"]) == (None, None, None)
    assert (found["module"], found["step"], found["leaf"]) == ("a", 0, True)


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "new" / "signals.csv"
    write_signals_csv(SIGNALS, path)
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [*csv.DictReader(stream)]
    assert [(row["step"], row["module"]) for row in rows] == [
        (str(one.step), one.module) for one in SIGNALS.modules
    ]
    assert (rows[1]["ratio"], rows[1]["dead"], rows[1]["update_ratio"]) == ("0.5", "3.0", "")
    assert (rows[2]["ratio"], rows[3]["output_sd"]) == ("", "")


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_the_same_signals_give_the_same_plot(tmp_path: Path, ending: str) -> None:
    paths = [tmp_path / f"{name}{ending}" for name in "ab"]
    for path in paths:
        plot_signals(SIGNALS, path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    plot_signals(made(module("a"), module("b")), paths[1])
    assert paths[1].read_bytes() != first
    assert [*tmp_path.glob(".tmp-*")] == []


def test_a_plot_is_an_image(tmp_path: Path) -> None:
    plot_signals(SIGNALS, tmp_path / "a.png")
    with_updates = cv2.imread(str(tmp_path / "a.png"))
    plot_signals(made(*SIGNALS.modules[:5]), tmp_path / "b.png")
    without = cv2.imread(str(tmp_path / "b.png"))
    assert with_updates is not None
    assert without is not None
    # A panel fewer.
    assert without.shape[0] < with_updates.shape[0]
    assert without.shape[1] == with_updates.shape[1]


def test_nothing_to_draw(tmp_path: Path) -> None:
    plot_signals(made(module("a", mixes=False)), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0


def test_where_a_plot_goes(tmp_path: Path) -> None:
    check_plot(None)
    check_plot(tmp_path / "new" / "a.svg")
    with pytest.raises(ConfigError, match=r"a\.jpg: a plot ends in \.png, \.svg, \.pdf"):
        check_plot(tmp_path / "a.jpg")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        check_plot(tmp_path / "file" / "a.svg")


def test_groups() -> None:
    names = [f"stage.{stage}.block.{block}.conv" for stage in range(3) for block in range(4)]
    assert group_names([*names, "head"], most=2) == ["stage"] * 12 + ["head"]
    by_stage = [".".join(name.split(".")[:2]) for name in names]
    assert group_names([*names, "head"], most=4) == [*by_stage, "head"]
    assert len(set(group_names([*names, "head"], most=7))) == 7
