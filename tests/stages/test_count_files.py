"""The counts that the repository keeps are what the code counts."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from support.factories import complexity
from support.paths import CONFIG, COUNTED, PUBLISHED
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.config.experiment import load_experiment
from pipeline.data.canon import CANON_SIZE
from pipeline.evaluation.flops_hooks import flops_paper
from pipeline.evaluation.window_attention import count_window_attention
from pipeline.methods import get_method
from pipeline.reporting.complexity import Comparison
from pipeline.stages.complexity import compare_with_table1
from pipeline.stages.counts import write_counts

ATTENTION = ("attention_macs", "tokens", "padded_tokens", "channels", "window")


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["network"]: row for row in csv.DictReader(stream)}


@pytest.mark.parametrize(
    ("name", "row"),
    [("dmtnet-t", "DMTNet-T"), ("dmtnet-s", "DMTNet-S"), ("ifan", "IFAN"), ("kpac", "KPAC")],
)
def test_kept_counts_are_current(name: str, row: str) -> None:
    # Everything but fvcore's count, which needs minutes: see the slow test.
    method = get_method(name)
    with torch.random.fork_rng(devices=[]):
        network = method.build_counted().to("meta")
    kept, channels = rows_of(COUNTED)[row], 3 * len(method.views)
    assert int(kept["params"]) == sum(parameter.numel() for parameter in network.parameters())
    assert int(kept["flops_paper"]) == flops_paper(network, channels, *CANON_SIZE)
    count = count_window_attention(network, channels, *CANON_SIZE)
    found = None if count is None else [str(value) for value in vars(count).values()]
    assert [kept[column] for column in ATTENTION] == (found or [""] * 5)


@pytest.mark.slow
def test_all_kept_counts_are_current(tmp_path: Path) -> None:
    experiment = load_experiment(CONFIG / "demo.yaml")
    made = compare_with_table1(experiment, CANON_SIZE, tmp_path, PUBLISHED)
    write_counts(experiment, made, tmp_path / "complexity.csv")
    assert (tmp_path / "complexity.csv").read_text() == COUNTED.read_text()


def test_variants_and_surrogates_have_names_of_their_own(tmp_path: Path) -> None:
    experiment = load_experiment(CONFIG / "demo.yaml")
    records = [
        ("as configured", complexity("dmtnet-t", "DMTNet-T", size=(64, 64))),
        ("variant table1", complexity("dpdnet-table1", "DPDNet")),
        ("surrogate", complexity("mrnet", "MRNet")),
        ("no network", None),
    ]
    made = [Comparison("DMTNet-T", network, record, {}) for network, record in records]
    write_counts(experiment, made, tmp_path / "complexity.csv")
    found = rows_of(tmp_path / "complexity.csv")
    assert list(found) == ["DMTNet-T", "DMTNet-T:table1", "DMTNet-T:surrogate"]
    assert found["DMTNet-T"]["tokens"] == "256"
    assert found["DMTNet-T:surrogate"]["tokens"] == ""


@pytest.mark.parametrize("arguments", [["dmtnet-t"], ["--all", "--size", "64", "64"]])
def test_csv_needs_all_networks_at_the_paper_s_size(arguments: list[str], tmp_path: Path) -> None:
    path = tmp_path / "complexity.csv"
    done = CliRunner().invoke(app, ["complexity", *arguments, "--csv", str(path)])
    assert "--csv needs --all" in str(done.exception)
    assert not path.exists()
