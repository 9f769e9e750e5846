"""`dmtbench html`: files, links that lead somewhere, its place in the chain."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from support.fixture_types import Run
from support.projects import CONFIG, edit_record, edit_text

from pipeline.chain.experiment import Chain
from pipeline.config.experiment import load_experiment
from pipeline.stages.html import make_html

pytestmark = pytest.mark.usefixtures("project")
PAGE, COPY = Path("reports/small/index.html"), Path("reports/index.html")


def links(path: Path) -> list[str]:
    found = re.findall(r'href="([^"#]+)"', path.read_text(encoding="utf-8"))
    return [link for link in found if ":" not in link]


def test_it_writes_the_page_and_its_copy(run: Run) -> None:
    before = [path.read_bytes() for path in (PAGE, COPY)]
    done = run("html", "--config", CONFIG)
    assert (done.code, done.out) == (0, [str(PAGE), str(COPY)])
    assert [path.read_bytes() for path in (PAGE, COPY)] == before
    text = PAGE.read_text(encoding="utf-8")
    for row in ("DMTNet-T", "Input (no deblurring)", "EBDB"):
        assert row in text
    assert len(text) < 5e6


@pytest.mark.parametrize("path", [PAGE, COPY])
def test_every_link_leads_to_a_file(path: Path) -> None:
    found = links(path)
    assert len(found) > 20
    assert [link for link in found if not (path.parent / link).exists()] == []


def test_it_belongs_to_the_chain() -> None:
    experiment = load_experiment(CONFIG)
    assert Chain(experiment).standing("html").state == "fresh"
    COPY.write_text("another")
    assert Chain(experiment).standing("html").state == "foreign"
    edit_text(PAGE, "<h1>", "<h1>New ")
    assert Chain(experiment).standing("html").state == "broken"
    assert "html" in Chain(experiment).to_make(["reports/index.html"])


def test_another_curve_makes_it_foreign() -> None:
    curve = Path("runs/tiny/dmtnet-t-seed0/curve.csv")
    curve.write_text(curve.read_text() + "\n")
    assert Chain(load_experiment(CONFIG)).standing("html").state == "foreign"


def test_what_may_not_be_shown_is_refused(run: Run) -> None:
    edit_record(Path("results/tiny/input-seed0/record.json"), provenance__configuration_key="0")
    done = run("html", "--config", CONFIG)
    assert done.code == 1
    assert len(done.err) == 1
    assert "record.json" in done.err[0]


def test_a_table_that_is_missing_is_named(run: Run) -> None:
    Path("reports/small/verdicts.csv").unlink()
    done = run("html", "--config", CONFIG)
    assert (done.code, len(done.err)) == (1, 1)
    assert "reports/small/verdicts.csv" in done.err[0]


def test_stale_results_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.keys.PYTHON", "0.0")
    make_html(load_experiment(CONFIG), CONFIG)
    assert "Made by other code than that of today" in PAGE.read_text(encoding="utf-8")
    assert "pipeline.html_report.page" in sys.modules
