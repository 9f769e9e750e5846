"""The whole documentation, built as `make docs` builds it."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from support.paths import DOCS
from support.site import SETTINGS, build

pytest.importorskip("mkdocs")

LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?([^\"'\s>]+)")
LINKED = re.compile(r"<link\b[^>]*\bhref=[\"']?([^\"'\s>]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    built = build(SETTINGS, target)
    assert built.returncode == 0, built.stdout + built.stderr
    # MkDocs only mentions links to pages that it leaves out.
    assert "excluded" not in built.stdout + built.stderr
    return target


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_every_page_of_the_folder_is_there(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        built = text(site / page.relative_to(DOCS).with_suffix(".html"))
        title = text(page).splitlines()[0].removeprefix("# ")
        assert html.escape(title, quote=False) in built, page
    assert not (site / "site").exists()


def test_nothing_comes_from_another_place(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        content = text(page)
        for address in LOADED.findall(content) + LINKED.findall(content):
            assert not re.match(r"(\w+:)?//", address), (page, address)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(\w+:)?//", text(sheet)), sheet


def test_the_interface_shows_docstrings_and_their_examples(site: Path) -> None:
    api = {page.stem: text(page) for page in (site / "api").glob("*.html")}
    assert 'id="dmtnet.network.DMTNet"' in api["dmtnet"]
    assert 'id="pipeline.methods.get_method"' in api["methods"]
    assert 'href="../source/dmtnet/network.py.html"' in api["dmtnet"]
    for name, content in api.items():
        # A quotation would be an example that was not recognized.
        assert "<blockquote>" not in content, name
    assert 'class="gp">&gt;&gt;&gt; ' in api["statistics"]


def test_the_image_of_the_flow_is_text(site: Path) -> None:
    assert "<text" in text(site / "images" / "architecture.svg")
