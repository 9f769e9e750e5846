"""The page as a whole: one file, escaped, the same each time, with links that lead somewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from support.html_parsing import Parsed
from support.pages import HOSTILE, demo_results, page_inputs, write_curves

from pipeline.chain.copies import UP, content_of_copy
from pipeline.html_report.contents import SECTIONS
from pipeline.html_report.page import page

ADDRESS = "https://arxiv.org/abs/2209.06040"


@pytest.fixture
def html(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    inputs = page_inputs()
    write_curves(inputs, tmp_path)
    monkeypatch.chdir(tmp_path)
    return page(inputs)


def test_it_has_every_section_and_each_id_once(html: str) -> None:
    parsed = Parsed(html)
    ids = parsed.all("id")
    assert len(ids) == len(set(ids))
    assert {section.id for section in SECTIONS} <= set(ids)
    targets = {link[1:] for link in parsed.all("href") if link.startswith("#")}
    assert targets <= set(ids)
    assert any(target.startswith("records-dmtnet-b") for target in targets)


def test_names_are_never_markup(html: str) -> None:
    parsed = Parsed(html)
    assert "alert" not in " ".join(
        f"{name} {value}" for tag, own in parsed.tags for name, value in own.items() if tag == "b"
    )
    assert not [tag for tag, own in parsed.tags if any(name.startswith("on") for name in own)]
    assert "<script>alert" not in html
    assert "{{ 7 * 7 }}" in parsed.text
    assert HOSTILE in parsed.text
    data = json.loads(next(text for text in parsed.scripts if text.startswith("{")))
    assert HOSTILE in data["values"]


def test_nothing_is_loaded_and_only_own_scripts_may_run(html: str) -> None:
    parsed = Parsed(html)
    assert parsed.all("src") == []
    assert [link for link in parsed.all("href") if ":" in link] == ["data:,", ADDRESS]
    (policy,) = (value for value in parsed.all("content") if value.startswith("default-src 'none'"))
    own = [text for text in parsed.scripts if not text.startswith("{")]
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in own}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes
    assert not re.search(r"url\(|@import|https?://(?!arxiv\.org|www\.w3\.org)", html)


def test_same_inputs_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert page(page_inputs()) == page(page_inputs(list(reversed(demo_results()))[::-1]))


def test_the_copy_links_from_one_folder_higher(tmp_path: Path, html: str) -> None:
    (tmp_path / "index.html").write_text(html)
    copy = Parsed(content_of_copy(tmp_path / "index.html").decode())
    own = Parsed(html)
    links = [link for link in own.all("href") if link.startswith(UP)]
    assert f"{UP}results/synthetic/input-seed0/record.json" in links
    moved = [link for link in copy.all("href") if link.startswith("../")]
    assert moved == [link.removeprefix("../") for link in links]
    # Only links have changed: not what a name says.
    assert copy.text == own.text
    assert copy.scripts == own.scripts


def test_an_experiment_without_results_has_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parsed = Parsed(page(page_inputs([], runs=[], sizes=[])))
    for sentence in (
        "Nothing has been evaluated yet.",
        "Nothing was trained by gradient descent",
        "Fewer than two rows were scored",
        "This experiment has no `study` block.",
    ):
        assert sentence in parsed.text
