"""From a cell back to its origin, each link checked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.fixture_types import Run
from support.projects import CONFIG, edit_text

from pipeline.config.experiment import load_experiment
from pipeline.stages.track import track_records

pytestmark = pytest.mark.usefixtures("project")

CELL = ("why", "table1", "DMTNet-T", "combined_psnr", "--config", CONFIG)
SCORES = Path("results/tiny/dmtnet-t-seed0/per_image.csv")


def links(lines: list[str]) -> dict[str, str]:
    """State of each link, by name."""
    found = [line.strip() for line in lines if line.strip().startswith("[")]
    return {line.split("] ")[1].split(":")[0]: line[1 : line.index("]")] for line in found}


def test_the_whole_chain(run: Run) -> None:
    done = run(*CELL)
    assert done.code == 0, done
    chain = ("table1", "record", "scores", "weights", "data")
    assert links(done.out) == dict.fromkeys(chain, "fresh")
    text = "\n".join(done.out)
    record = json.loads(SCORES.with_name("record.json").read_text())["provenance"]
    for part in ("config_hash", "configuration_key"):
        assert record[part][:12] in text
    for part in ("command", "git_commit", "manifest_sha256", "weights_sha256", "created"):
        assert record[part] in text
    assert record["hardware"]["cpu"] in text
    assert run(*CELL[:2], "dmtnet-t", *CELL[3:]).out == done.out


def test_the_value_is_that_of_the_table(run: Run) -> None:
    found = json.loads(run(*CELL, "--json").out[0])
    record = json.loads(SCORES.with_name("record.json").read_text())
    assert float(found["value"]) == record["scores"]["combined"]["mean"]["psnr"]
    assert (found["label"], found["holds"]) == ("demo", True)
    assert found["origins"][0]["folder"] == "dmtnet-t-seed0"


def test_a_broken_link_is_named(run: Run) -> None:
    edit_text(SCORES, "0.", "1.")
    done = run(*CELL)
    assert done.code == 1
    states = links(done.out)
    assert states["record"] == states["scores"] == "broken"
    assert states["data"] == "fresh"
    shutil.rmtree("runs/tiny/dmtnet-t-seed0")
    assert links(run(*CELL).out)["weights"] == "missing"


def test_published_numbers_name_their_source(run: Run) -> None:
    done = run("why", "table1", "Restormer", "combined_psnr", "--config", CONFIG)
    assert done.code == 0
    assert done.out[0] == "table1, Restormer, combined_psnr: 26.66 (published)"
    assert "arXiv 2209.06040, Table 1; reference [" in done.out[2]
    assert "reports/published/table1.csv" in done.out[2]
    own = run("why", "table1", "DMTNet-T", "combined_psnr_published", "--config", CONFIG)
    assert links(own.out) == {"table1": "fresh", "published": "published"}
    second = run("why", "table2", "3", "combined_psnr", "--config", CONFIG)
    assert "Table 2" in second.out[-1]


def test_sizes_lead_to_the_count(run: Run) -> None:
    done = run("why", "table1", "DMTNet-T", "params", "--config", CONFIG)
    assert links(done.out) == {"table1": "fresh", "size": "fresh"}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("table3", "DMTNet-T", "combined_psnr"), "did you mean 'table"),
        (("table1", "DMTNet-TT", "combined_psnr"), "did you mean 'DMTNet-T'?"),
        (("table1", "restormr", "combined_psnr"), "did you mean 'Restormer'?"),
        (("table1", "DMTNet-T", "combined_pnsr"), "did you mean 'combined_psnr'?"),
        (("table1", "DMTNet-T", "zzz"), "known: kind, label"),
    ],
)
def test_unknown_names_are_one_line(run: Run, words: tuple[str, ...], meant: str) -> None:
    done = run("why", *words, "--config", CONFIG)
    assert (done.code, done.out, len(done.err)) == (1, [], 1)
    assert meant in done.err[0]


def test_a_table_that_was_not_made(run: Run) -> None:
    Path("reports/small/table1.csv").unlink()
    done = run(*CELL)
    assert (done.code, len(done.err)) == (1, 1)
    assert "make the table" in done.err[0]


def test_the_page_in_mlflow(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert "import the results with `dmtbench track`" in run(*CELL, "--open").err[0]
    # MLflow keeps stores open by address, so other tests in this process must have another one.
    store = ("--open", "--uri", "sqlite:///why.db")
    track_records(load_experiment(CONFIG), store[-1], Path("mlartifacts"))
    page = run(*CELL, *store, "--port", 5001).out[-1]
    assert page.startswith("http://127.0.0.1:5001/#/experiments/1/runs/")
    edit_text(Path("results/tiny/dmtnet-t-seed0/per_image.csv"), "0.", "1.")
    assert "does not have dmtnet-t-seed0 as it is" in run(*CELL, *store).err[0]
    words = ("why", "table1", "Restormer", "combined_psnr", "--config", CONFIG, "--open")
    assert "comes from no run; leave out --open" in run(*words).err[0]
