"""The documentation in a real browser: alone, on a phone, in the dark, and its search."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import barriers, opened_at
from support.site import SETTINGS, build, served

pytest.importorskip("mkdocs")
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    target = tmp_path_factory.mktemp("site")
    built = build(SETTINGS, target)
    assert built.returncode == 0, built.stdout + built.stderr
    with served(target) as found:
        yield found


@pytest.mark.parametrize("page", ["index", "architecture", "tutorial", "api/dmtnet", "records"])
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_load_alone_and_fit(chromium: Any, address: str, page: str, width: int) -> None:
    with opened_at(chromium, f"{address}{page}.html", width) as found:
        found.page.wait_for_load_state("networkidle")
        assert found.complaints == []
        assert all(request.startswith(address) for request in found.requests)
        assert found.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_search_finds_a_page(chromium: Any, address: str) -> None:
    with opened_at(chromium, f"{address}index.html") as found:
        found.page.locator("[data-md-component=search-query]").fill("architecture")
        found.page.locator(".md-search-result__link").first.wait_for()
        links = found.page.locator(".md-search-result__link").all()
        assert any("architecture.html" in link.get_attribute("href") for link in links)


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_image_follows_the_colors(
    chromium: Any, address: str, scheme: str, dark: bool, tmp_path: Path
) -> None:
    from PIL import Image

    page = f"{address}architecture.html"
    with opened_at(chromium, page, color_scheme=scheme) as found:
        image = found.page.locator("article img")
        image.screenshot(path=tmp_path / "image.png")
    corner = Image.open(tmp_path / "image.png").convert("L").getpixel((300, 8))
    assert (corner < 128) is dark


@pytest.mark.parametrize("page", ["index", "commands", "api/dmtnet"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium: Any, address: str, page: str, scheme: str) -> None:
    with opened_at(chromium, f"{address}{page}.html", color_scheme=scheme) as found:
        found.page.wait_for_load_state("networkidle")
        assert barriers(found.page) == set()
