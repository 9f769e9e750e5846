"""The slider of the page's Figure 4 in a real browser: by mouse, by keyboard, on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import barriers, opened
from support.pages import page_inputs
from support.projects import working_in
from support.qualitative import qualitative_scene, selection

from pipeline.html_report.contents import SECTIONS
from pipeline.html_report.page import page
from pipeline.qualitative_files import write_figure4, write_figure5

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with Figures 4 and 5 alone."""
    folder, inputs = tmp_path_factory.mktemp("slider"), page_inputs()
    path = folder / inputs.places.reports / "index.html"
    path.parent.mkdir(parents=True)
    with working_in(folder):
        write_figure4(path.parent, [qualitative_scene(), qualitative_scene("other")])
        write_figure5(path.parent, selection())
        own = [one for one in SECTIONS if one.id.startswith("figure-")]
        path.write_text(page(inputs, own), encoding="utf-8")
    return path


@pytest.fixture
def shown(chromium: Any, file: Path) -> Iterator[Any]:
    """The page in a desktop window; nothing may go wrong in it."""
    with opened(chromium, file) as found:
        yield found.page
        assert found.complaints == []
        assert all(url.startswith(("file:", "data:")) for url in found.requests)


def divider(page: Any, number: int = 0) -> float:
    """Where the right image begins, as a share of the width."""
    compare = page.locator(".compare").nth(number)
    at: str = compare.evaluate("e => getComputedStyle(e).getPropertyValue('--at')")
    return float(at.strip().removesuffix("%")) / 100


def test_arrow_keys_move_the_divider(shown: Any) -> None:
    slider = shown.locator("[data-qualitative] input[type=range]").first
    slider.focus()
    for _ in range(5):
        shown.keyboard.press("ArrowRight")
    assert divider(shown) == pytest.approx(0.55)
    shown.keyboard.press("Home")
    assert divider(shown) == 0
    assert divider(shown, 1) == pytest.approx(0.5)
    assert slider.get_attribute("aria-valuetext").startswith("Input (no deblurring) 0 %, then ")


def test_dragging_moves_the_divider(shown: Any) -> None:
    compare = shown.locator(".compare").first
    compare.scroll_into_view_if_needed()
    box = compare.bounding_box()
    middle = box["y"] + box["height"] / 2
    shown.mouse.move(box["x"] + 0.5 * box["width"], middle)
    shown.mouse.down()
    shown.mouse.move(box["x"] + 0.25 * box["width"], middle)
    shown.mouse.up()
    assert divider(shown) == pytest.approx(0.25, abs=0.01)
    shown.mouse.move(box["x"] + 0.9 * box["width"], middle)
    assert divider(shown) == pytest.approx(0.25, abs=0.01)
    assert shown.locator("[data-qualitative] input[type=range]").first.input_value() == "25"


def test_any_two_images_are_compared(shown: Any) -> None:
    scene = shown.locator("[data-qualitative]").first
    after = scene.locator("[data-side=after]")
    after.select_option(label="Ground truth")
    whole = scene.locator("[data-full]").last.get_attribute("src")
    assert scene.locator(".compare .after").get_attribute("src") == whole
    text = scene.locator("input[type=range]").get_attribute("aria-valuetext")
    assert text.endswith("then Ground truth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits_a_phone(chromium: Any, file: Path, scheme: str) -> None:
    with opened(chromium, file, 390, 800, color_scheme=scheme) as found:
        assert found.page.evaluate("document.documentElement.scrollWidth") <= 390
        assert barriers(found.page) == set()


def test_without_scripts_all_images_are_there(chromium: Any, file: Path) -> None:
    with opened(chromium, file, java_script_enabled=False) as found:
        assert not found.page.locator(".slider").first.is_visible()
        assert found.page.locator(".shot").first.is_visible()
