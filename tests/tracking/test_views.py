"""What MLflow's pages are told to show, and the description of an experiment."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.tracking.note import note
from pipeline.tracking.views import View, kind_and_name, page_of, views


def run(repetition: int = 0, **metrics: float) -> Any:
    names = {name.replace("__", "/"): value for name, value in metrics.items()}
    return SimpleNamespace(
        data=SimpleNamespace(metrics=names, tags={"dmtbench.repetition": str(repetition)})
    )


def state(view: View) -> dict[str, Any]:
    packed = view.state.removeprefix("deflate;")
    return dict(json.loads(zlib.decompress(base64.b64decode(packed))))


RUN = {
    "cost__trained_params": 5.0,
    "own__thing": 1.0,
    "test__combined_ssim": 0.5,
    "test__combined_psnr": 20.0,
    "train__loss": 0.1,
}


def test_the_main_metric_is_the_first_column_and_the_order_of_rows() -> None:
    table, *_ = views("demo", [run(**RUN)])
    shown = state(table)
    assert shown["selectedColumns"][:2] == [
        "metrics.`test/combined_psnr`",
        "metrics.`test/combined_ssim`",
    ]
    assert shown["columnOrder"] == shown["selectedColumns"]
    assert "metrics.`test/combined_lpips`" not in shown["selectedColumns"]
    assert (shown["orderByKey"], shown["orderByAsc"]) == ("metrics.`test/combined_psnr`", False)
    assert shown["searchFilter"] == "tags.`dmtbench.experiment` = 'demo'"
    assert shown["runsHiddenMode"] == "SHOW_ALL"


def test_sections_stand_in_a_useful_order_not_in_that_of_the_alphabet() -> None:
    _, charts, _ = views("demo", [run(**RUN)])
    shown = state(charts)
    assert [one["name"] for one in shown["compareRunSections"]] == [
        *("test", "val", "train", "fit", "cost", "own")
    ]
    assert [one["metricKey"] for one in shown["compareRunCharts"]] == [
        *("test/combined_psnr", "test/combined_ssim")
    ]
    assert shown["isAccordionReordered"]


def test_repetitions_are_averaged_in_charts_only() -> None:
    once, twice = views("demo", [run(**RUN)]), views("demo", [run(**RUN), run(1, **RUN)])
    assert ["groupBy" in state(view) for view in once] == [False, False, False]
    assert ["groupBy" in state(view) for view in twice] == [False, True, False]


def test_parallel_coordinates_are_ready() -> None:
    *_, parallel = views("demo", [run(**RUN)])
    chart, *_ = state(parallel)["compareRunCharts"]
    assert chart["type"] == "PARALLEL"
    assert chart["selectedParams"] == ["method"]
    assert chart["selectedMetrics"] == ["cost/trained_params", "test/combined_psnr"]
    assert state(parallel)["compareRunSections"][0]["uuid"] == chart["metricSectionId"]


def test_a_view_of_many_metrics_fits_into_a_tag() -> None:
    many = {f"test__group{number}_psnr": 20.0 for number in range(500)}
    for view in views("demo", [run(**RUN, **many)]):
        assert len(view.state) < 20_000


@pytest.mark.parametrize("name", ["demo", "my-set.2", "runs-charts"])
def test_a_view_is_found_by_its_tag(name: str) -> None:
    for view in views(name, []):
        assert kind_and_name(view.tag) == (view.kind, name)
        assert f"viewStateShareKey={view.key}" in page_of("7", view.key)
    assert kind_and_name("mlflow.sharedViewState.somebody") is None
    assert kind_and_name("mlflow.sharedViewState.dmtbench-other-demo") is None


def test_the_description_has_the_table_and_the_links(tmp_path: Path) -> None:
    table = tmp_path / "table1.md"
    table.write_text("| method | PSNR |\n|---|---|\n| DMTNet-B | 20.00 |\n", encoding="utf-8")
    made = views("demo", [run(**RUN)])
    text = note("demo", "1", made, table)
    assert "| DMTNet-B | 20.00 |" in text
    assert all(page_of("1", view.key) in text for view in made)
    table.write_text("x" * 30_000, encoding="utf-8")
    text = note("demo", "1", made, table)
    assert len(text) < 20_000
    assert "`tables/table1.md` of the run demo" in text
