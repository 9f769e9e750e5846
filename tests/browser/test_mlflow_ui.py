"""The addresses that `dmtbench ui` prints, opened in a real browser on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.factories import result, run
from support.tracking_lab import filled

from pipeline.tracking.pages import Page, pages_of
from pipeline.tracking.server import choose_port, serving

PATIENCE_MS = 60_000
PSNR = 23.4567
"""Of DMTNet-B, in dB; no other method has it."""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Page]]:
    """The printed addresses by their titles, while the server runs."""
    folder = tmp_path_factory.mktemp("mlflow")
    lab = filled(folder, "mine")
    lab.add_run(run(repetition=1, dataset="mine"))
    lab.add_result(result(repetition=1, dataset="mine", psnr=PSNR))
    # It overtakes: more runs than the first ten, which MLflow shows by itself.
    for number in range(12):
        lab.add_result(result(f"other-{number}", f"Other {number}", 24.0 + number, dataset="mine"))
    lab.ingest()
    with serving(lab.uri, choose_port(None)) as (address, _):
        yield {page.title: page for page in pages_of(address)}


@pytest.fixture(scope="module")
def window(chromium: Any, pages: dict[str, Page]) -> Iterator[Any]:
    """A window of a desktop."""
    made = chromium.new_page(viewport={"width": 1900, "height": 1000})
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


def opened(window: Any, page: Page) -> Any:
    # A page of MLflow that is open already would only change its address.
    window.goto("about:blank")
    window.goto(page.address)
    return window


def test_the_runs_come_first_with_their_psnr(window: Any, pages: dict[str, Page]) -> None:
    shown = opened(window, pages["Runs, best first"])
    shown.get_by_text("dmtnet-b-seed1", exact=True).first.wait_for()
    shown.get_by_text(str(PSNR)).first.wait_for()
    shown.get_by_text("Experiment mine").first.wait_for()
    assert shown.get_by_text("16 matching runs").count() == 1
    assert "overview" not in shown.url
    columns = shown.evaluate(
        "() => [...document.querySelectorAll('.ag-header-cell')]"
        ".map(cell => [cell.getBoundingClientRect().x, cell.getAttribute('col-id')])"
    )
    metrics = [name for _, name in sorted(columns) if name.startswith("metrics.")]
    assert metrics[:2] == ["metrics.`test/combined_psnr`", "metrics.`test/combined_ssim`"]


def test_sections_of_charts_begin_with_the_test(window: Any, pages: dict[str, Page]) -> None:
    shown = opened(window, pages["Charts in groups"])
    shown.get_by_text("test/combined_psnr").first.wait_for()
    shown.wait_for_function(
        r"() => /test\s*\(\d+\)[^]*val\s*\(\d+\)[^]*train\s*\(\d+\)[^]*cost\s*\(\d+\)/"
        ".test(document.body.textContent)"
    )


def test_parallel_coordinates_are_drawn(window: Any, pages: dict[str, Page]) -> None:
    (title,) = (title for title in pages if "parallel" in title)
    shown = opened(window, pages[title])
    for axis in ("method", "cost/trained_params", "test/combined_psnr"):
        shown.locator(".parcoords, svg", has_text=axis).first.wait_for()
    lines = shown.locator("canvas").first
    lines.wait_for()
    assert lines.bounding_box()["width"] > 500
