"""Every report of a project whose names and texts try to be markup, commands and addresses."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.fixture_types import Run
from support.html_parsing import Parsed
from support.projects import CONFIG, METHODS, evaluate, report, write_config

from pipeline.run import Run as PlannedRun
from pipeline.run import WeightsOrigin

HTML = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"
LATEX = "\\input{/etc/hostname} \\write18{touch x1} #1 \\end{tabular}"
SHELL = "'; touch x2; $(touch x3) `touch x4`"
MARKDOWN = "[a](javascript:alert(1)) ![b](http://example.invalid/c.png) | x"
TEMPLATE = "{{ 7 * 7 }} {% raw %} {method} %s"
pytestmark = pytest.mark.slow

ROW = f"=1+1 {HTML} {MARKDOWN}"
MODULE = f"""
from baselines.controls import INPUT_BITS, VIEWS, build
CITATION = {f"A. {HTML} {LATEX} and B., {SHELL}, {TEMPLATE}, 2020"!r}
LICENCE = {f"{HTML} {LATEX} {SHELL} {TEMPLATE}"!r}
"""


@pytest.fixture
def hostile(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project with one more method, of a stranger; all reports are made."""
    (project / "stranger.py").write_text(MODULE)
    monkeypatch.syspath_prepend(project)
    method = {"module": "stranger", "row": ROW, "kind": "control", "kwargs": {"control": "mean"}}
    latex = {"module": "stranger", "row": LATEX, "kind": "control", "kwargs": {"control": "left"}}
    experiment = write_config(
        only=[*METHODS, "stranger", "stranger-too"],
        methods={"stranger": method, "stranger-too": latex},
    )
    for name in ("stranger", "stranger-too"):
        evaluate(PlannedRun.of(experiment, name), WeightsOrigin(None))
    report(experiment)
    return project


def test_names_are_text_in_every_report(hostile: Path, run: Run) -> None:
    folder = hostile / "reports" / "small"
    kinds = {path.suffix for path in folder.iterdir()}
    assert kinds >= {".html", ".svg", ".md", ".tex", ".bib", ".csv", ".png", ".pdf"}

    page = Parsed((folder / "index.html").read_text(encoding="utf-8"))
    assert ROW in page.text
    assert not [own for _, own in page.tags if any(name.startswith("on") for name in own)]
    assert not [text for text in page.scripts if "alert(1)</script" in text]
    assert not [link for link in page.all("href") if link.startswith(("javascript:", "http:"))]
    assert not [source for source in page.all("src") if not source.startswith("data:")]

    for path in folder.glob("*.svg"):
        elements = [*ElementTree.parse(path).iter()]
        tags = {element.tag.rpartition("}")[2] for element in elements}
        assert tags.isdisjoint({"script", "a", "foreignObject"}), path
        links = [
            value
            for element in elements
            for name, value in element.attrib.items()
            if name.endswith("href")
        ]
        assert all(link.startswith(("#", "data:image/png;")) for link in links), path

    for path in folder.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?<!\\)<(script|img)", text), path
        assert not re.search(r"(?<!\\)\]\(javascript", text), path

    for path in (*folder.glob("*.tex"), *folder.glob("*.bib")):
        # Comments may say anything in their line.
        text = re.sub(r"(?<!\\)%.*", "", path.read_text(encoding="utf-8"))
        assert not re.search(r"\\(input|write18)\b", text), path

    for arguments in (["methods", "--long"], ["cite", "stranger-seed0"], ["status"], ["plan"]):
        done = run(*arguments, "--config", CONFIG)
        assert done.out
        assert done.err == []
        assert not any("\x1b" in line for line in done.out)
    assert list(hostile.rglob("x[1234]")) == []
