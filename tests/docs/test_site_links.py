"""Links of the repository on the site, on small repositories, and the order of the real pages."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.paths import DOCS, REPOSITORY
from support.site import SETTINGS, build, small_repository

pytest.importorskip("mkdocs")


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SETTINGS.parent)


def page(target: Path, name: str) -> str:
    """A built page without its navigation."""
    text = (target / name).read_text(encoding="utf-8")
    return text[text.index("<article") : text.index("</article>")]


def test_links_lead_to_the_same_files(tmp_path: Path) -> None:
    inside = "[a](../config/demo.yaml), [b](../pipeline/audit), [c](schemas), [d](../README.md#at)"
    inside += ", [e](site/mkdocs.yml)"
    pages = {
        "README.md": "# Title\n\n## At\n\n[e](docs/one.md)\n",
        "docs/one.md": f"# One\n\n{inside}\n\n`[x](../nowhere.md)`\n",
        "docs/schemas/S.schema.json": "{}",
    }
    built = build(small_repository(tmp_path, pages), tmp_path / "site")
    assert built.returncode == 0, built.stdout + built.stderr
    one = page(tmp_path / "site", "one.html")
    for link in (
        "source/config/demo.yaml.html",
        "source/pipeline/audit/index.html",
        "schemas/index.html",
        "source/docs/site/mkdocs.yml.html",
        "index.html#at",
    ):
        assert f'href="{link}"' in one
    assert "[x](../nowhere.md)" in one
    assert 'href="one.html"' in page(tmp_path / "site", "index.html")
    assert 'href="S.schema.json"' in page(tmp_path / "site", "schemas/index.html")
    listing = page(tmp_path / "site", "source/pipeline/audit/index.html")
    assert 'href="checking.py.html"' in listing
    assert "__pycache__" not in listing
    shown = page(tmp_path / "site", "source/config/demo.yaml.html")
    assert "The demo: the paper" in shown


@pytest.mark.parametrize(
    ("link", "named"),
    [
        ("../config/nothing.yaml", "source/config/nothing.yaml.md"),
        ("nothing.md", "nothing.md"),
        ("one.md#nothing", "one.md#nothing"),
        ("../../elsewhere.md", "../../elsewhere.md"),
    ],
)
def test_a_broken_link_stops_the_build(tmp_path: Path, link: str, named: str) -> None:
    settings = small_repository(tmp_path, {"docs/one.md": f"# One\n\n[a]({link})\n"})
    built = build(settings, tmp_path / "site")
    assert built.returncode != 0
    assert named in built.stderr + built.stdout


def leaves(nav: Any) -> Iterator[str]:
    """Pages of a navigation."""
    if isinstance(nav, str):
        yield nav
    else:
        for item in nav.values() if isinstance(nav, dict) else nav:
            yield from leaves(item)


def test_every_page_is_in_the_navigation_once(hooks: None) -> None:
    links = importlib.import_module("repository_links")
    interface = importlib.import_module("api_pages").pages()
    nav = sorted(leaves(yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))["nav"]))
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert nav == sorted({*written, *links.PAGES.values(), *interface, "schemas/index.md"})


def test_modules_of_the_interface_exist(hooks: None) -> None:
    for shown in importlib.import_module("api_pages").API.values():
        for module in shown.modules:
            path = REPOSITORY / module.replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").is_file(), module


@pytest.mark.parametrize("module", ["repository_links", "docstring_examples"])
def test_examples_of_the_hooks(hooks: None, module: str) -> None:
    doctest = importlib.import_module("doctest")
    done = doctest.testmod(importlib.import_module(module))
    assert (done.failed, done.attempted > 0) == (0, True)


def test_every_schema_is_listed(hooks: None) -> None:
    pages = importlib.import_module("source_pages").pages_of({"docs/schemas"})
    names = [path.name for path in (DOCS / "schemas").iterdir()]
    assert names
    assert all(f"]({name})" in pages["schemas/index.md"] for name in names)
