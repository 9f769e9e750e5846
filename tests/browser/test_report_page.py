"""The page in a real browser: it sorts, filters, draws, fits a phone, and is accessible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import barriers, opened
from support.pages import page_inputs, write_curves
from support.projects import working_in

from pipeline.html_report.page import page

pytestmark = pytest.mark.browser
WIDTHS = {"desktop": 1440, "phone": 390}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a demo with a hostile name, in the folder where it belongs."""
    folder = tmp_path_factory.mktemp("page")
    inputs = page_inputs()
    write_curves(inputs, folder)
    path = folder / "reports" / "demo" / "index.html"
    path.parent.mkdir(parents=True)
    with working_in(folder):
        path.write_text(page(inputs), encoding="utf-8")
    return path


@pytest.fixture
def shown(chromium: Any, file: Path) -> Iterator[Any]:
    """The page in a desktop window; nothing may go wrong in it."""
    with opened(chromium, file) as found:
        yield found.page
        assert found.complaints == []


def rows(page: Any, table: str) -> list[str]:
    """First cells of the rows that can be seen."""
    texts: list[str] = page.locator(f"#{table} tbody tr:visible th").all_inner_texts()
    return texts


@pytest.mark.parametrize("size", WIDTHS)
def test_it_loads_alone_and_fits(chromium: Any, file: Path, size: str) -> None:
    with opened(chromium, file, WIDTHS[size], 800) as found:
        assert found.complaints == []
        assert found.requests == [file.resolve().as_uri()]
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert found.page.evaluate(wide) == 0
        assert "not comparable" in found.page.locator("header").inner_text().lower()


def test_columns_sort_both_ways_with_empty_cells_last(shown: Any) -> None:
    assert rows(shown, "table1-0")[0] == "DMTNet-S"
    heading = shown.locator("#table1-0 .heads th", has_text="95 % interval").first
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    up = rows(shown, "table1-0")
    assert up[:2] == ["DMTNet-S", "DMTNet-B"]
    heading.get_by_role("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert rows(shown, "table1-0")[:2] == ["DMTNet-B", "DMTNet-S"]
    assert rows(shown, "table1-0")[2:] == up[2:]
    said = shown.locator("#table-1 [data-said]").first
    assert "descending" in said.inner_text()


def test_rows_can_be_filtered(shown: Any) -> None:
    everything = rows(shown, "table1-1")
    search = shown.locator("#table-1 input[type=search]").nth(1)
    search.fill("dmtnet")
    assert rows(shown, "table1-1") == [name for name in everything if "DMTNet" in name]
    assert f"of {len(everything)} rows" in shown.locator("#table-1 [data-said]").nth(1).inner_text()
    search.fill("")
    assert rows(shown, "table1-1") == everything


def test_columns_can_be_hidden_and_shown(shown: Any) -> None:
    heads = shown.locator("#table1-0 .heads th:visible")
    before = heads.count()
    assert shown.locator("#table1-0 .heads th").count() > before
    shown.locator("#table-1 .columns summary").first.click()
    box = shown.get_by_role("checkbox", name="Label").first
    box.uncheck()
    assert heads.count() == before - 1
    assert "Label" not in heads.all_inner_texts()
    # The line of groups is as wide as before.
    spans = "cells => cells.reduce((sum, cell) => sum + cell.colSpan, 0)"
    assert shown.locator("#table1-0 .groups > :visible").evaluate_all(spans) == before - 1
    box.check()
    assert heads.count() == before
    shown.keyboard.press("Escape")
    assert not shown.get_by_role("checkbox", name="Label").first.is_visible()


def test_a_mark_says_its_numbers_under_pointer_and_focus(shown: Any) -> None:
    chart = shown.locator("#psnr-params-0, #psnr-params-1").first
    tip = chart.locator(".tip")
    assert not tip.is_visible()
    chart.locator(".series .mark").first.hover()
    assert "DMTNet-" in tip.inner_text()
    assert "dB" in tip.inner_text()
    shown.mouse.move(0, 0)
    assert not tip.is_visible()
    first = chart.locator(".mark[tabindex='0']")
    assert first.count() == 1
    first.focus()
    says = tip.inner_text()
    shown.keyboard.press("ArrowRight")
    assert tip.is_visible()
    assert tip.inner_text() != says
    shown.keyboard.press("Escape")
    assert not tip.is_visible()


def test_series_can_be_switched_off(shown: Any) -> None:
    chart = shown.locator("#psnr-params")
    button = chart.get_by_role("button", name="DMTNet, published")
    marks = chart.locator(".series .mark:visible")
    before = marks.count()
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert marks.count() == before - 5
    button.click()
    assert marks.count() == before


def test_two_rows_are_compared_scene_by_scene(shown: Any) -> None:
    shown.get_by_label("First").select_option("DMTNet-B")
    shown.get_by_label("minus second").select_option("DMTNet-S")
    says = shown.locator("#pair-says").inner_text()
    assert says.startswith("DMTNet-B minus DMTNet-S: mean +0.50 dB")
    assert "better on 4 of 4 scenes" in says
    assert shown.locator("#pair-chart .bar").count() == 4
    assert shown.locator("#worst tbody tr").first.inner_text().endswith("+0.50")
    shown.get_by_label("First").select_option("DMTNet-S")
    shown.get_by_label("minus second").select_option("DMTNet-B")
    assert "mean −0.50 dB" in shown.locator("#pair-says").inner_text()


def test_links_lead_to_the_records_on_the_page(shown: Any) -> None:
    shown.locator("#table1-0 a", has_text="21.10").first.click()
    assert shown.url.endswith("#records-dmtnet-b-seed0")
    assert shown.locator("#records-dmtnet-b-seed0").is_visible()


def test_without_scripts_there_are_plain_tables(chromium: Any, file: Path) -> None:
    with opened(chromium, file, java_script_enabled=False) as found:
        page = found.page
        assert "Combined" in page.locator("#table1-0").inner_text()
        # Nothing is hidden that only a script could show, and no tool is there that needs one.
        heads = page.locator("#table1-0 .heads th")
        assert heads.count() == page.locator("#table1-0 .heads th:visible").count()
        assert page.locator(".tools:visible, form:visible").count() == 0
        assert page.locator("#psnr-params svg .mark:visible").count() > 5
        assert page.locator("#curve-psnr .series:visible").count() > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS)
def test_axe_finds_nothing_serious(chromium: Any, file: Path, scheme: str, size: str) -> None:
    with opened(chromium, file, WIDTHS[size], color_scheme=scheme, bypass_csp=True) as found:
        for details in found.page.locator("main details").all():
            details.evaluate("one => one.open = true")
        assert barriers(found.page) == set()


def test_printing_shows_tables_without_tools(chromium: Any, file: Path) -> None:
    with opened(chromium, file) as found:
        found.page.emulate_media(media="print")
        assert found.page.locator(".tools:visible, nav:visible, .legend:visible").count() == 0
        assert found.page.locator("#claims").is_visible()
